"""French public holidays, by calendar: ``FR``, or ``FR-57`` and the like where a department has its own days.

The days of ``YEARS`` stand in a table that ``harness.holidays`` makes of the library ``holidays``, and a test compares: loading
the library, which knows 250 countries, is a tenth of a second at every start. It is asked for other years only.
"""

from collections.abc import Iterable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final

import orjson

#: Years that are known unless others are asked for: any log that can still be replayed, any that will be written.
YEARS: Final = range(2000, 2051)
TABLE: Final = Path(__file__).parent / "data" / "holidays.json"
#: The calendar of all of France → its days; another one → the days it has beside them.
_DAYS: Final[dict[str, list[str]]] = orjson.loads(TABLE.read_bytes())
#: Calendars an estate may name: France, and each part of it that has days of its own.
CALENDARS: Final = tuple(_DAYS)

#: The number of a department or territory → how the library calls it; Alsace became one body in 2021.
_NUMBERS: Final = {"67": "6AE", "68": "6AE", "975": "PM", "977": "BL", "978": "MF", "986": "WF", "987": "PF", "988": "NC"}


@cache
def _days(calendar: str, years: tuple[int, ...]) -> frozenset[date]:
    if not set(years) <= set(YEARS):
        return days_of_library(calendar, years)
    every = (date.fromisoformat(day) for name in {"FR", calendar} for day in _DAYS[name])
    return frozenset(day for day in every if day.year in years)


def public_holidays(calendar: str, years: Iterable[int] = YEARS) -> frozenset[date]:
    """Return the public holidays of ``calendar`` in ``years``; KeyError when there is no such calendar."""
    if calendar not in CALENDARS:
        raise KeyError(calendar)
    return _days(calendar, tuple(years))


def calendars_of_library() -> tuple[str, ...]:
    """Return every calendar that the library knows, France first."""
    from holidays import country_holidays  # noqa: PLC0415 - loads 250 countries

    parts = (*(part for part in country_holidays("FR").subdivisions if not part.startswith("Zone")), *_NUMBERS)
    return ("FR", *(f"FR-{part}" for part in sorted(parts)))


def days_of_library(calendar: str, years: Iterable[int] = YEARS) -> frozenset[date]:
    """Return the public holidays of ``calendar`` as the library says them."""
    from holidays import country_holidays  # noqa: PLC0415 - loads 250 countries

    _, _, part = calendar.partition("-")
    return frozenset(country_holidays("FR", subdiv=_NUMBERS.get(part, part) or None, years=years))
