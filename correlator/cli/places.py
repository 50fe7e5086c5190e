"""What people name on the command line: services, communes, kinds of clocks, local times. Faults name the nearest."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from correlator.errors import InputError, Problem

if TYPE_CHECKING:
    from pathlib import Path

    from correlator.model.service import ClockKind
    from correlator.runtime.board import Ground

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def ground(config: "Path | None") -> "Ground":
    """Return estate and catalogue of the configured install."""
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.board import ground_of  # noqa: PLC0415

    return ground_of(load_settings(config))


def local_moment(option: str, text: str, zone: str, now: datetime, *, ahead: bool = False) -> datetime:
    """Return the UTC moment that ``text`` means: ``2026-11-20T23:40`` or ``2026-11-20`` on the clock of ``zone``.

    ``2h`` is two hours ago, or with ``ahead`` in two hours. An hour that the clock of autumn shows twice is its first one: a
    delay then ends earlier, never later.
    """
    amount, unit = text[:-1], text[-1:]
    if amount.isdigit() and unit in _UNITS:
        delay = timedelta(**{_UNITS[unit]: int(amount)})
        return now + delay if ahead else now - delay
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise InputError([Problem(option, 0, f"not a time: {text!r}", "write 2026-11-20T23:40, 2026-11-20 or 2h")]) from None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


def known_service(known: "Ground", service: str) -> str:
    """Return the French label of a service or asset. Raises InputError with the nearest id."""
    labels = {one.id: one.label for one in known.catalogue.assets.values()}
    labels |= {one.id: one.label for one in known.catalogue.services.values()}
    if service not in labels:
        raise InputError([Problem("SERVICE", 0, f"unknown service {service!r}", _nearest(service, labels))])
    return labels[service]


def known_commune(known: "Ground", commune: str, *, shared: bool = False) -> str:
    """Return the time zone of a commune. Raises InputError with the nearest id."""
    if shared and commune == "shared":
        return known.estate.time_zone
    found = known.estate.commune(commune)
    if found is None:
        ids = [one.id for one in known.estate.communes]
        raise InputError([Problem("--commune", 0, f"unknown commune {commune!r}", _nearest(commune, ids))])
    return found.time_zone


def known_kind(known: "Ground", kind: str) -> "ClockKind":
    """Return a kind of clock. Raises InputError with the nearest id."""
    found = known.catalogue.clocks.get(kind)
    if found is None:
        raise InputError([Problem("KIND", 0, f"unknown clock {kind!r}", _nearest(kind, known.catalogue.clocks))])
    return found


def refused(error: Exception) -> InputError:
    """Return a refusal of the store as wrong input: what, and what would be right."""
    what, _, right = str(error).partition("; ")
    return InputError([Problem("tocsin", 0, what, right)])


def said(option: str, text: str) -> str:
    """Return what somebody wrote, without blanks around it. Raises InputError when nothing is left."""
    if not text.strip():
        raise InputError([Problem(option, 0, "empty", "one sentence, for whoever reads it next year")])
    return text.strip()


def _nearest(word: str, known: Iterable[str]) -> str:
    names = list(known)
    close = get_close_matches(word, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names) or 'none yet, see the estate file'}"
