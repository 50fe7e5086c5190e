"""Words and figures as people read them: translation, dates, the names of statuses, severities, roles."""

import gettext
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from correlator.model.incident import Status, Verdict
from correlator.model.severity import Severity
from correlator.model.viewer import Role

#: Languages people may choose; the first is everybody's until they choose.
LANGUAGES = ("fr", "en")
LOCALES = Path(__file__).parent / "locale"


def N_(text: str) -> str:  # noqa: N802 - the name every extractor of translations knows
    """Mark ``text`` for translation and return it as it is: it is translated where it is shown."""
    return text


STATUSES: Mapping[Status, str] = {
    Status.NEW: N_("New"),
    Status.ACKNOWLEDGED: N_("Acknowledged"),
    Status.IN_PROGRESS: N_("In progress"),
    Status.RESOLVED: N_("Resolved"),
    Status.CLOSED: N_("Closed"),
    Status.MERGED: N_("Merged"),
}
VERDICTS: Mapping[Verdict, str] = {
    Verdict.TRUE_POSITIVE: N_("True positive: it was an attack or a real breach of rules"),
    Verdict.BENIGN_POSITIVE: N_("Benign: it happened, and it was right (planned work)"),
    Verdict.FALSE_POSITIVE: N_("False positive: it did not happen, the rule is wrong"),
    Verdict.UNDETERMINED: N_("Undetermined: nobody can tell any more"),
}
#: Level → (word, symbol): colour alone never says anything.
SEVERITIES: Mapping[Severity, tuple[str, str]] = {
    Severity.CRITICAL: (N_("Critical"), "◆"),
    Severity.HIGH: (N_("High"), "▲"),
    Severity.MEDIUM: (N_("Medium"), "●"),
    Severity.LOW: (N_("Low"), "○"),
    Severity.INFORMATIONAL: (N_("Informational"), "·"),
}
ROLES: Mapping[Role, str] = {
    Role.ANALYST: N_("analyst"),
    Role.AUTHOR: N_("rule author"),
    Role.MANAGER: N_("manager"),
    Role.REFERENT: N_("commune’s own eye"),
    Role.ADMIN: N_("administrator"),
}
KINDS: Mapping[str, str] = {
    "ip": N_("address"),
    "user": N_("account"),
    "host": N_("machine"),
    "domain": N_("domain"),
    "hash": N_("file hash"),
    "file": N_("file"),
    "email": N_("mail address"),
    "asset": N_("asset"),
    "session": N_("session"),
    "equipment": N_("equipment"),
}
PARTS: Mapping[str, str] = {
    "source": N_("origin"),
    "target": N_("target"),
    "actor": N_("actor"),
    "host": N_("place"),
    "observer": N_("witness"),
}
LANES: Mapping[str, str] = {
    "shared": N_("Shared equipment"),
    "unattributed": N_("To be attributed"),
    "cross": N_("Several communes"),
}
_DAYS = {
    "fr": ("lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."),
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}
_MONTHS = {
    "fr": ("janv.", "févr.", "mars", "avril", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."),
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "June", "July", "Aug", "Sept", "Oct", "Nov", "Dec"),
}


_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_TIE = "\N{NO-BREAK SPACE}"


def tied(text: str) -> str:
    """Return a French text whose double signs stay with their word at the end of a line."""
    for sign in ("»", ":", ";", "?", "!"):
        text = text.replace(f" {sign}", f"{_TIE}{sign}")
    return text.replace("« ", f"«{_TIE}")


@cache
def translations(language: str) -> gettext.NullTranslations:
    """Return the catalogue of ``language``; English is what the code is written in."""
    return gettext.translation("tocsin", str(LOCALES), [language], fallback=language == "en")


def day_and_time(moment: datetime, zone: str, language: str) -> str:
    """Return ``mer. 18 nov. 2026, 9 h 40`` of the local day, or the English way."""
    local = moment.astimezone(ZoneInfo(zone))
    return f"{day(moment, zone, language)}, {clock(local, language)}"


def day(moment: datetime, zone: str, language: str) -> str:
    """Return ``mer. 18 nov. 2026``."""
    local = moment.astimezone(ZoneInfo(zone))
    number = "1er" if language == "fr" and local.day == 1 else str(local.day)
    return f"{_DAYS[language][local.weekday()]} {number} {_MONTHS[language][local.month - 1]} {local.year}"


def short(moment: datetime, zone: str, language: str) -> str:
    """Return the same without the year when it is this one."""
    now = datetime.now(ZoneInfo(zone))
    whole = day_and_time(moment, zone, language)
    return whole.replace(f" {now.year},", ",") if moment.astimezone(ZoneInfo(zone)).year == now.year else whole


def clock(local: datetime, language: str, *, with_seconds: bool = False) -> str:
    """Return ``9 h 40``, or ``9 h 40 min 05 s``, which no line break parts; in English ``09:40``, ``09:40:05``."""
    if language != "fr":
        return local.strftime("%H:%M:%S" if with_seconds else "%H:%M")
    seconds = f" min {local.second:02d} s" if with_seconds else ""
    return f"{local.hour} h {local.minute:02d}{seconds}".replace(" ", _TIE)


def span(first: datetime, last: datetime, zone: str, language: str) -> str:
    """Return ``mer. 18 nov. 2026, 9 h 40 – 10 h 54``: the day once when both ends lie in it."""
    start, end = first.astimezone(ZoneInfo(zone)), last.astimezone(ZoneInfo(zone))
    if (start.date(), start.hour, start.minute) == (end.date(), end.hour, end.minute):
        return day_and_time(first, zone, language)
    if start.date() == end.date():
        return f"{day_and_time(first, zone, language)} – {clock(end, language)}"
    return f"{day_and_time(first, zone, language)} – {day_and_time(last, zone, language)}"


def number(value: int, language: str) -> str:
    """Return ``12 345`` with the thin space of French, or ``12,345``."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}") if language == "fr" else f"{value:,}"


def month_name(moment: datetime, language: str) -> str:
    """Return ``nov. 2026`` or ``Nov 2026``."""
    return f"{_MONTHS[language][moment.month - 1]} {moment.year}"


def duration(seconds: float | None, language: str) -> str:
    """Return ``45 s``, ``12 min``, ``3 h 05`` or ``4 jours``; – when there is none."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < 2 * _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d}"
    return f"{whole // _DAY} {'jours' if language == 'fr' else 'days'}"
