"""French public holidays, by calendar: ``FR``, or ``FR-57`` and the like where a department has its own days."""

from collections.abc import Iterable
from datetime import date
from functools import cache
from typing import Final

from holidays import country_holidays

#: Calendars an estate may name.
CALENDARS: Final = ("FR", *(f"FR-{part}" for part in country_holidays("FR").subdivisions))

#: Years that are known unless others are asked for: any log that can still be replayed, any that will be written.
YEARS: Final = range(2000, 2051)


@cache
def _days(calendar: str, years: tuple[int, ...]) -> frozenset[date]:
    _, _, part = calendar.partition("-")
    return frozenset(country_holidays("FR", subdiv=part or None, years=years))


def public_holidays(calendar: str, years: Iterable[int] = YEARS) -> frozenset[date]:
    """Return the public holidays of ``calendar`` in ``years``; KeyError when there is no such calendar."""
    if calendar not in CALENDARS:
        raise KeyError(calendar)
    return _days(calendar, tuple(years))
