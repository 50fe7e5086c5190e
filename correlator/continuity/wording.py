"""Times as French people write them on a notice: « mer. 12 nov. 8 h 10 », « 31 h », « 3 jours »."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

_DAYS = ("lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim.")
_MONTHS = ("janv.", "févr.", "mars", "avril", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc.")
_HOUR, _MINUTE = 3600, 60
_ = "\N{NO-BREAK SPACE}"  # a number never leaves its unit at the end of a line
_HOURS_TOLD = 96  # beyond, days


def day_text(day: date) -> str:
    """Return ``mer. 12 nov.``; the year only when it is not told by the page: never here."""
    return f"{_DAYS[day.weekday()]}{_}{day.day}{_}{_MONTHS[day.month - 1]}"


def hour_text(moment: datetime, zone: str) -> str:
    """Return ``8 h 10`` of ``moment`` in ``zone``."""
    local = moment.astimezone(ZoneInfo(zone))
    return f"{local.hour}{_}h{_}{local.minute:02d}"


def moment_text(moment: datetime, zone: str) -> str:
    """Return ``mer. 12 nov. 8 h 10``."""
    return f"{local_day_text(moment, zone)} {hour_text(moment, zone)}"


def end_text(moment: datetime, zone: str) -> str:
    """Return when something ends: as ``moment_text``, but midnight as the end of the day before: ``mer. 12 nov. minuit``."""
    local = moment.astimezone(ZoneInfo(zone))
    if (local.hour, local.minute) == (0, 0):
        return f"{day_text(local.date() - timedelta(days=1))} minuit"
    return moment_text(moment, zone)


def local_day_text(moment: datetime, zone: str) -> str:
    """Return ``mer. 12 nov.``, the day that ``moment`` is in ``zone``."""
    return day_text(moment.astimezone(ZoneInfo(zone)).date())


def duration_text(delay: timedelta) -> str:
    """Return ``20 min``, ``31 h``, ``1 h 05`` or ``5 jours``; of a delay that has passed, its length."""
    seconds = int(abs(delay).total_seconds())
    if seconds < _MINUTE:
        return "moins d’une minute"
    hours, minutes = seconds // _HOUR, seconds % _HOUR // _MINUTE
    if hours == 0:
        return f"{minutes}{_}min"
    if hours >= _HOURS_TOLD:
        return f"{hours // 24}{_}jours"
    return f"{hours}{_}h{_}{minutes:02d}" if minutes and hours < 10 else f"{hours}{_}h"  # noqa: PLR2004 - minutes matter below ten hours


def left_text(moment: datetime, now: datetime) -> str:
    """Return ``reste 31 h`` or ``dépassée depuis 2 h``."""
    if moment <= now:
        return f"dépassée depuis {duration_text(now - moment)}"
    return f"reste {duration_text(moment - now)}"
