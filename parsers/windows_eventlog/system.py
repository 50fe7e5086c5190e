"""System fields: carriers write keywords, levels and ids in ways of their own; here they become what the evtx reader writes."""

from .channels import SECURITY
from .codes import KEYWORD_TEXTS
from .flat import Flat, Values
from .values import Known

__all__ = ["uniform"]

# NXLog's numbers and winlogbeat's words of the severity → Windows' Level.
_LEVELS = {
    "1": "5", "2": "4", "3": "3", "4": "2", "5": "1",
    "debug": "5", "info": "4", "information": "4", "warning": "3", "error": "2", "critical": "1", "verbose": "5",
}  # fmt: skip
_LONGEST_NUMBER = 64  # digits; Python refuses to read thousands
_AUDIT_EVENT_TYPES = frozenset({"INFO", "WARNING", "ERROR", "VERBOSE", "AUDIT_SUCCESS", "AUDIT_FAILURE"})  # NXLog's own


def uniform(flat: Flat, channel: str) -> dict[str, Values]:
    """Return the system columns of ``flat``, events of one ``channel`` (lower case), that must be rewritten."""
    has = flat.columns
    severities = has.get("@severity")  # NXLog and winlogbeat; the others already write what the evtx reader writes
    columns = {"EventID": has["@EventID"]} if "EventID" in flat.lists else {}
    if "Provider_Guid" in has and "Provider_Guid" not in flat.lists:  # a hostile record may hold a list there: kept as it is
        columns["Provider_Guid"] = [None if text is None else _GUIDS[text] for text in has["Provider_Guid"]]
    if "@Keywords" in has and (severities is not None or "@Keywords" in flat.lists):
        keywords = _keywords(has["@Keywords"])
        columns |= {name: keywords for name in ("@Keywords", "Keywords") if name in has}
    if severities is None:
        return columns
    level = _level(flat, channel, severities)
    columns |= {"Level": level, "@Level": level}
    if "EventType" in has and "EventType" not in flat.lists:
        kinds = zip(has["EventType"], severities, strict=True)
        columns["EventType"] = [
            None if kind in _AUDIT_EVENT_TYPES and severity is not None else kind for kind, severity in kinds
        ]
    return columns


def _level(flat: Flat, channel: str, severities: Values) -> Values:
    """Return the level where the carrier says a severity instead; audits have level 0."""
    known = [name for name in ("Level", "@Level") if name in flat.columns and name not in flat.lists]
    said: Values = [None if text is None else "0" if channel == SECURITY else _SEVERITIES[text] for text in severities]
    if not known:
        return said
    return [level if level is not None else other for level, other in zip(flat.columns[known[-1]], said, strict=True)]


def _keywords(values: Values) -> Values:
    """Return keywords as ``0x…`` text: from hex, from NXLog's signed number, or from winlogbeat's list of words."""
    return [None if value is None else _KEYWORDS[value if isinstance(value, str) else _lines(value)] for value in values]


def _lines(words: list[str | None]) -> str:
    return "\n".join(word for word in words if word is not None)


def _hex(text: str) -> str:
    if text.removeprefix("-").isdecimal() and len(text) <= _LONGEST_NUMBER:
        return f"0x{int(text) % 2**64:x}"
    if text.lower().startswith("0x"):
        return text
    words = [word.strip().casefold().replace("’", "'") for word in text.splitlines()]
    bits = 0
    for word in words:
        bits |= KEYWORD_TEXTS.get(word, 0)
    return f"0x{bits:x}" if bits else ", ".join(text.splitlines())


_KEYWORDS = Known(_hex)
_GUIDS = Known(lambda text: text.strip("{}").lower())
_SEVERITIES = Known(lambda text: _LEVELS.get(text.lower()))
