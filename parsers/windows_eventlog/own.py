"""Own fields that are derived: other spellings Sigma rules use, 4688 as process creation, hashes, antivirus, words of codes.

A derived field never replaces one that the record has, with one exception: the process ids of 4688 (see ``_process_creation``).
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache

from .channels import ANTIVIRUS_IDS, CLASSIC, DEFENDER, SECURITY, SYSMON
from .codes import MESSAGES, decoded_words
from .flat import Flat, Values
from .values import BLANKS, Known, integer

__all__ = ["DECODED_LISTS", "DECODED_WORDS", "derive", "made_of", "telling"]

#: Fields whose text is a list of ids or words: decoded as a list.
DECODED_LISTS = (
    "AccessList", "AccessReason", "AuditPolicyChanges", "DisabledPrivilegeList", "EnabledPrivilegeList", "GroupMembership",
    "PrivilegeList", "Properties", "UserAccountControl",
)  # fmt: skip
#: Fields whose text is one message id: decoded as text.
DECODED_WORDS = (
    "AccountExpires", "Direction", "ElevatedToken", "FailureReason", "ImpersonationLevel", "LayerName", "LogonHours",
    "NewValueType", "OldValueType", "OperationType", "PasswordLastSet", "TokenElevationType", "VirtualAccount",
)  # fmt: skip

_HASHES = {"md5": "MD5", "sha1": "SHA1", "sha256": "SHA256", "imphash": "IMPHASH"}
_HASH_TEXTS = {name: re.compile(rf"(?i)\b{label}=([0-9a-f]+)") for name, label in _HASHES.items()}
_INTEGRITY = {
    "S-1-16-0": "Untrusted",
    "S-1-16-4096": "Low",
    "S-1-16-8192": "Medium",
    "S-1-16-8448": "MediumPlus",
    "S-1-16-12288": "High",
    "S-1-16-16384": "System",
}
_ENGINE = ("HostApplication", "HostName", "HostVersion", "EngineVersion", "UserId", "CommandLine", "ScriptName")
_ENGINE_TEXTS = {name: re.compile(rf"(?m)^[{BLANKS}]*{name}=([^\r\n]+)") for name in _ENGINE}
_LIST_CHANNELS = frozenset({CLASSIC, "application", "msexchange management"})

# Derived field → what it is made of: an own field wanted by name makes its sources wanted.
_MADE_OF: Mapping[str, tuple[str, ...]] = {
    **{f"winlog.decoded.{name}": (name,) for name in (*DECODED_LISTS, *DECODED_WORDS)},
    **dict.fromkeys(_HASHES, ("Hashes", "Hash")),
    **dict.fromkeys(_ENGINE, ("Data",)),
    "Image": ("NewProcessName",),
    "ParentImage": ("ParentProcessName",),
    "User": ("SubjectDomainName", "SubjectUserName", "TargetDomainName", "TargetUserName"),
    "LogonId": ("SubjectLogonId",),
    "ParentProcessId": ("ProcessId",),
    "ProcessId": ("NewProcessId",),
    "EventData_ProcessId": ("ProcessId",),
    "IntegrityLevel": ("MandatoryLabel",),
    "Signature": ("Threat Name",),
    "Filename": ("Path",),
    "CallerComputerName": ("TargetDomainName",),
    "Data": (*(f"param{number}" for number in range(1, 33)), "StringInserts"),
}
#: Names with blanks that known providers write; their spellings without are made of them.
_SPACED = (
    "Threat Name", "Threat ID", "Severity ID", "Severity Name", "Category ID", "Category Name", "Process Name",
    "Detection User", "Detection ID", "Detection Time", "Action ID", "Action Name", "Origin ID", "Origin Name", "Source ID",
    "Source Name", "Execution ID", "Execution Name", "Type ID", "Type Name", "Status Code", "Status Description", "State",
    "Error Code", "Error Description", "Old Value", "New Value", "Feature Name", "Feature ID", "Product Name",
    "Product Version", "Signature Version", "Engine Version", "FWLink", "Remediation User", "Additional Actions ID",
    "Additional Actions String", "Post Clean Status", "Pre Execution Status", "Reason", "Default SD String:",
    "Security intelligence Version", "Involved File", "Target Commandline", "Parent Commandline", "Inhertiance Flags",
    "Changed Type", "Value", "Fidelity Value", "Fidelity Label", "Image File Hash", "Target File Name",
)  # fmt: skip


@lru_cache(maxsize=4096)
def spellings(name: str) -> tuple[str, ...]:
    """Return the other spellings of a name with blanks: without blanks and colons, and with underscores."""
    plain = name.replace(":", "").strip()
    others = (plain.replace(" ", ""), plain.replace(" ", "_")) if " " in name or ":" in name else ()
    return tuple(dict.fromkeys(filter(None, others)))


_SPELT = {spelling: name for name in _SPACED for spelling in spellings(name)}


_TEXT_SOURCES = frozenset(source for sources in _MADE_OF.values() for source in sources) - {"Data"}


def _sources(name: str) -> Iterator[str]:
    yield name
    for source in _MADE_OF.get(name, ()):
        yield from _sources(source)
    if name in _SPELT:
        yield _SPELT[name]


@lru_cache(maxsize=16)
def made_of(want: frozenset[str]) -> frozenset[str]:
    """Return the fields of a record that the own fields ``want`` are made of, themselves included."""
    return frozenset(source for name in want for source in _sources(name))


_DERIVED = frozenset({*_MADE_OF, *_TEXT_SOURCES, "Data"})
_REWRITTEN = frozenset({"@severity", "@Keywords", "@Level", "Keywords", "Level", "EventType"})


@lru_cache(maxsize=4096)
def telling(names: frozenset[str]) -> frozenset[str]:
    """Return those of the ``names`` that decide by being there: what others are rewritten by, or derived unless it is there.

    Events are only put together where these are the same, or a neighbour would decide.
    """
    return frozenset(name for name in names if name in _DERIVED or name in _REWRITTEN or name in _SPELT or spellings(name))


def derive(
    flat: Flat, channel: str, event_id: str, rewritten: Mapping[str, Values], want: Collection[str] | None = None
) -> Flat:
    """Return ``flat``, the events of one ``channel`` (lower case) and ``event_id``, with the derived fields it allows.

    ``rewritten`` columns replace those of ``flat`` on the way. Words of codes are decoded where ``want`` names them (None:
    all).
    """
    listed = _data_list(_single(flat), channel)
    added = {**_spelt(listed), **_made(listed, channel, event_id), **_decoded(listed, want)}
    new = {name: values for name, values in added.items() if name not in listed.columns}
    lists = {name for name in new if name.removeprefix("winlog.decoded.") in DECODED_LISTS and name.startswith("winlog.")}
    lists |= {spelling for name in listed.lists for spelling in spellings(name) if spelling in new}
    whole = Flat(listed.rows, listed.numbers, {**listed.columns, **rewritten, **new}, (listed.lists | lists) - rewritten.keys())
    return _process_creation(whole) if (channel, event_id) == (SECURITY, "4688") else whole


def _single(flat: Flat) -> Flat:
    """Return ``flat`` with the fields that others are made of as text: a hostile record may hold a list there."""
    lists = flat.lists & _TEXT_SOURCES
    if not lists:
        return flat
    texts = {name: [_lines(value) for value in flat.columns[name]] for name in lists}
    return Flat(flat.rows, flat.numbers, {**flat.columns, **texts}, flat.lists - lists)


def _lines(members: list[str | None] | None) -> str | None:
    return None if members is None else "\n".join(member for member in members if member is not None)


def _data_list(flat: Flat, channel: str) -> Flat:
    """Return ``flat`` with winlogbeat's param1, param2 … as the list ``Data`` again, where data has no names."""
    if "Data" in flat.columns or channel not in _LIST_CHANNELS or "param1" not in flat.columns:
        return flat
    parameters = [name for name in flat.columns if name.startswith("param") and name[5:].isdecimal()]
    ordered = sorted(parameters, key=lambda name: int(name[5:]))
    rows = zip(*(flat.columns[name] for name in ordered), strict=True)
    data = [[text for text in row if isinstance(text, str)] for row in rows]
    return Flat(flat.rows, flat.numbers, {**flat.columns, "Data": data}, {*flat.lists, "Data"})


def _spelt(flat: Flat) -> dict[str, Values]:
    odd = [name for name in flat.columns if " " in name or ":" in name]
    return {spelling: flat.columns[name] for name in odd for spelling in spellings(name)}


def _decoded(flat: Flat, want: Collection[str] | None) -> dict[str, Values]:
    found: dict[str, Values] = {}
    for name in flat.columns.keys() & _DECODED.keys() - flat.lists:
        if want is None or f"winlog.decoded.{name}" in want:
            words = _DECODED[name]
            found[f"winlog.decoded.{name}"] = [None if text is None else words[text] for text in flat.columns[name]]
    return found


def _word(text: str) -> str | None:
    return MESSAGES.get(text[2:]) if text.startswith("%%") else None


_WORDS = Known(_word)
_LISTS = Known(lambda text: decoded_words(text) or None)
_DECODED: Mapping[str, "Known[str | None] | Known[list[str] | None]"] = {
    **dict.fromkeys(DECODED_WORDS, _WORDS),
    **dict.fromkeys(DECODED_LISTS, _LISTS),
}


def _made(flat: Flat, channel: str, event_id: str) -> dict[str, Values]:
    if channel == SYSMON:
        return _hashes(flat)
    if channel == CLASSIC and "Data" in flat.lists:
        return _engine(flat)
    if channel == DEFENDER and event_id in ANTIVIRUS_IDS:
        return _renamed(flat, {"Signature": "Threat Name", "Filename": "Path"})
    if (channel, event_id) == (SECURITY, "4740"):
        return _renamed(flat, {"CallerComputerName": "TargetDomainName"})
    return {}


def _renamed(flat: Flat, names: Mapping[str, str]) -> dict[str, Values]:
    return {name: flat.columns[source] for name, source in names.items() if source in flat.columns}


def _hashes(flat: Flat) -> dict[str, Values]:
    column = next((name for name in ("Hashes", "Hash") if name in flat.columns), None)
    if column is None:
        return {}
    every = [(None,) * len(_HASHES) if text is None else _HASHED[text] for text in flat.columns[column]]
    return dict(zip(_HASHES, zip(*every, strict=True), strict=True))


def _said(text: str, patterns: Mapping[str, re.Pattern[str]]) -> tuple[str | None, ...]:
    """Return what each of the ``patterns`` finds first in ``text``."""
    found = (pattern.search(text) for pattern in patterns.values())
    return tuple(one[1] if one else None for one in found)


_HASHED = Known(lambda text: _said(text, _HASH_TEXTS))


def _engine(flat: Flat) -> dict[str, Values]:
    texts = [_lines(members) for members in flat.columns["Data"]]
    every = [(None,) * len(_ENGINE) if text is None else _said(text, _ENGINE_TEXTS) for text in texts]
    columns = zip(*every, strict=True)
    return {
        name: [None if text is None else text.strip(BLANKS) for text in column]
        for name, column in zip(_ENGINE, columns, strict=True)
    }


def _process_creation(flat: Flat) -> Flat:
    """Return 4688 with the names of process_creation.

    In 4688 ``ProcessId`` is the creator; for rules of process_creation it must be the new process, in decimal. So the creator
    becomes ``ParentProcessId`` and its text as found stays in ``EventData_ProcessId``.
    """
    has = flat.columns
    names = _renamed(flat, {"Image": "NewProcessName", "ParentImage": "ParentProcessName", "LogonId": "SubjectLogonId"})
    new = {name: values for name, values in names.items() if name not in has}
    if "MandatoryLabel" in has:
        new["IntegrityLevel"] = [_INTEGRITY.get(label) for label in has["MandatoryLabel"]]
    if "SubjectUserName" in has:
        new["User"] = _process_user(flat)
    if "ProcessId" in has:
        new |= {"EventData_ProcessId": has["ProcessId"], "ParentProcessId": decimal(has["ProcessId"])}
    if "NewProcessId" in has:
        new["ProcessId"] = decimal(has["NewProcessId"])
    return Flat(flat.rows, flat.numbers, {**has, **new}, flat.lists - new.keys())


def _process_user(flat: Flat) -> list[str | None]:
    nobody = [None] * flat.height
    targets = flat.columns.get("TargetUserName", nobody)
    accounts = zip(targets, _account(flat, "Target"), _account(flat, "Subject"), strict=True)
    return [subject if target in _NO_TARGET else account for target, account, subject in accounts]


_NO_TARGET = (None, "", "-")


def _account(flat: Flat, side: str) -> list[str | None]:
    nothing = [None] * flat.height
    domains = flat.columns.get(f"{side}DomainName", nothing)
    names = flat.columns.get(f"{side}UserName", nothing)
    prefix: Callable[[str | None], str] = lambda domain: "" if domain is None else f"{domain}\\"  # noqa: E731
    return [None if name is None else prefix(domain) + name for domain, name in zip(domains, names, strict=True)]


def decimal(texts: Values) -> list[str | None]:
    """Return number texts, decimal or ``0x…``, as decimal texts; None where they are neither."""
    numbers = (None if text is None else integer(text) for text in texts)
    return [None if number is None else str(number) for number in numbers]
