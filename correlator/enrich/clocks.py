"""Local time and opening hours: every commune's week as one row of minutes, its holidays as one set of days."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from correlator.model.estate import Hours

_DAY = 24 * 60
_WEEK = 7 * _DAY
_EPOCH = date(1970, 1, 1)
#: Calendars are told apart in one set of day numbers by this stride; days since 1970 stay far below it.
_STRIDE = 1_000_000


@dataclass(frozen=True, slots=True)
class Clock:
    """How one owner (a commune, or what is shared) counts time."""

    time_zone: str
    hours: Hours
    holidays: frozenset[date]


@dataclass(frozen=True, slots=True)
class Clocks:
    """The clocks of all owners, laid out for lookup by number.

    ``numbers``: commune → clock number; number 0 stands for everybody else. ``open_minutes``: one flag per minute of the
    week and clock. ``holidays``: day numbers, shifted per clock.
    """

    zones: tuple[str, ...]
    numbers: Mapping[str, int]
    open_minutes: pl.Series
    holidays: pl.Series

    @classmethod
    def of(cls, default: Clock, clocks: Mapping[str, Clock]) -> "Clocks":
        """Return the lookup for ``clocks`` by commune; ``default`` holds where there is none."""
        ordered = (default, *clocks.values())
        return cls(
            zones=tuple(clock.time_zone for clock in ordered),
            numbers={commune: number for number, commune in enumerate(clocks, start=1)},
            open_minutes=pl.Series([flag for clock in ordered for flag in _week(clock.hours)], dtype=pl.Boolean),
            holidays=pl.Series(list(_holiday_numbers(ordered)), dtype=pl.Int64),
        )

    def read(self, times: pl.Series, communes: pl.Series) -> pl.DataFrame:
        """Return ``event.local_hour``, ``event.local_weekday`` and ``event.opening`` for UTC ``times`` in ``communes``."""
        number = communes.replace_strict(list(self.numbers), list(self.numbers.values()), default=0, return_dtype=pl.Int64)
        clocked = pl.DataFrame({"time": times, "clock": number}).with_columns(local=self._local())
        local, clock = pl.col("local"), pl.col("clock")
        weekday, minute = local.dt.weekday().cast(pl.Int64), local.dt.hour().cast(pl.Int64) * 60 + local.dt.minute()
        at = clock * _WEEK + (weekday - 1) * _DAY + minute
        day = clock * _STRIDE + local.dt.date().to_physical().cast(pl.Int64)
        placed = clocked.with_columns(at=at, day=day)
        is_open = self.open_minutes.gather(placed.get_column("at").fill_null(0))
        is_holiday = placed.get_column("day").is_in(self.holidays.implode())
        return placed.with_columns(is_open=is_open, is_holiday=is_holiday).select(
            local.dt.hour().cast(pl.Int8).alias("event.local_hour"),
            local.dt.weekday().cast(pl.Int8).alias("event.local_weekday"),
            _opening().alias("event.opening"),
        )

    def _local(self) -> pl.Expr:
        """Return local wall time: one conversion per zone, not per clock."""
        local = pl.lit(None, pl.Datetime("us"))
        for zone in sorted(set(self.zones)):
            here = [number for number, its_zone in enumerate(self.zones) if its_zone == zone]
            wall = pl.col("time").dt.convert_time_zone(zone).dt.replace_time_zone(None)
            local = pl.when(pl.col("clock").is_in(here)).then(wall).otherwise(local)
        return local


def _opening() -> pl.Expr:
    return (
        pl.when(pl.col("local").is_null())
        .then(None)
        .when(pl.col("is_holiday"))
        .then(pl.lit("holiday"))
        .when(pl.col("is_open"))
        .then(pl.lit("open"))
        .otherwise(pl.lit("closed"))
    )


def _week(hours: Hours) -> list[bool]:
    minutes = [False] * _WEEK
    for weekday, ranges in hours.items():
        for first, last in ranges:
            start = (weekday - 1) * _DAY
            minutes[start + first : start + last] = [True] * (last - first)
    return minutes


def _holiday_numbers(clocks: Iterable[Clock]) -> Iterable[int]:
    for number, clock in enumerate(clocks):
        yield from (number * _STRIDE + (day - _EPOCH).days for day in sorted(clock.holidays))
