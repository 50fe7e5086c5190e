"""French public holidays, by calendar: ``FR``, or ``FR-57`` and the like where a department has its own days."""

from collections.abc import Iterable
from datetime import date
from functools import cache
from typing import Final

from holidays import country_holidays

#: The number of a department or territory → how the library calls it; Alsace became one body in 2021.
_NUMBERS: Final = {"67": "6AE", "68": "6AE", "975": "PM", "977": "BL", "978": "MF", "986": "WF", "987": "PF", "988": "NC"}
_PARTS: Final = (*(part for part in country_holidays("FR").subdivisions if not part.startswith("Zone")), *_NUMBERS)

#: Calendars an estate may name: France, and each part of it that has days of its own.
CALENDARS: Final = ("FR", *(f"FR-{part}" for part in sorted(_PARTS)))

#: Years that are known unless others are asked for: any log that can still be replayed, any that will be written.
YEARS: Final = range(2000, 2051)


@cache
def _days(calendar: str, years: tuple[int, ...]) -> frozenset[date]:
    _, _, part = calendar.partition("-")
    return frozenset(country_holidays("FR", subdiv=_NUMBERS.get(part, part) or None, years=years))


def public_holidays(calendar: str, years: Iterable[int] = YEARS) -> frozenset[date]:
    """Return the public holidays of ``calendar`` in ``years``; KeyError when there is no such calendar."""
    if calendar not in CALENDARS:
        raise KeyError(calendar)
    return _days(calendar, tuple(years))
