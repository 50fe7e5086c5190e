"""Times: every way a log writes a moment, as one column of UTC microseconds.

What is decided here, once for all parsers:

- A stamp without offset is local to the zone of its source (default Europe/Paris).
- Spring: 02:30 of a night that has no 02:30 is shifted forward by the gap (03:30 summer time).
- Autumn: 02:30 of a night that has two is the first one (summer time).
- A stamp without year is the latest such moment that is at most 24 hours after reception.
- Second 60 is the first moment of the minute after it.
- Seconds may have up to nine decimals, behind a point or a comma; what is below a microsecond is cut.
- A year of two digits is 1969 to 2068.
- The day of the week before a date is not looked at.
- Garbage is null, never an error.
"""

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from correlator.model.raw import UTC_TIME
from correlator.parse.contract import TIME_ZONE

__all__ = ["DEFAULT_ZONE", "epoch", "odd_clock", "to_utc", "zone_of"]

DEFAULT_ZONE = "Europe/Paris"

_NAIVE = pl.Datetime("us")
_DAY = pl.duration(days=1)
_YEARS = ("%Y", "%y", "%F", "%D", "%c", "%+")  # what gives a layout a year
_LEAP = 2000  # a stamp without year is read in a leap year first, so that 29 February is a date
_LEAP_DAY = 60  # 29 February, counted from 1 January
_SECONDS, _MILLIS, _MICROS, _NANOS = 11, 14, 17, 19  # most digits of a Unix time in each unit
_FACTORS = {10: 1_000_000, 13: 1000, 16: 1, 19: -1000}  # of that many digits: microseconds, or how many make one
_WEEKDAY = r"^[A-Za-z]{2,9}\.?,? +"
_FIRST_YEAR, _LAST_YEAR = 1601, 9998  # FILETIME's zero, and what Python's datetime can show in any zone

# Only what is not already its English short name; `leftmost` makes the longest listed first win.
_FRENCH_AND_FULL_MONTHS = {
    "january": "jan", "february": "feb", "march": "mar", "april": "apr", "june": "jun", "july": "jul",
    "august": "aug", "september": "sep", "october": "oct", "november": "nov", "december": "dec",
    "janvier": "jan", "janv.": "jan", "janv": "jan",
    "février": "feb", "fevrier": "feb", "févr.": "feb", "fevr.": "feb", "févr": "feb", "fevr": "feb",
    "mars": "mar",
    "avril": "apr", "avr.": "apr", "avr": "apr",
    "mai": "may",
    "juin": "jun",
    "juillet": "jul", "juil.": "jul", "juil": "jul",
    "août": "aug", "aout": "aug",
    "septembre": "sep", "sept.": "sep", "sept": "sep",
    "octobre": "oct", "oct.": "oct",
    "novembre": "nov", "nov.": "nov",
    "décembre": "dec", "decembre": "dec", "déc.": "dec", "déc": "dec", "dec.": "dec",
}  # fmt: skip
# No letters but those of one short English month: nothing to replace.
_NO_LETTER = r"[^A-Za-z\x{80}-\x{10ffff}]*"
_ENGLISH = rf"^{_NO_LETTER}(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)(?:[^A-Za-z.\x{{80}}-\x{{10ffff}}]{_NO_LETTER})?$"


def zone_of(raw: pl.DataFrame) -> str:
    """Return the zone of the source of ``raw``: its ``time_zone`` column (one value per call), else Europe/Paris."""
    if TIME_ZONE not in raw.columns or raw.is_empty():
        return DEFAULT_ZONE
    return str(raw.get_column(TIME_ZONE)[0] or DEFAULT_ZONE)


def to_utc(text: pl.Expr, layouts: tuple[str, ...], *, zone: str = DEFAULT_ZONE, received: pl.Expr | None = None) -> pl.Expr:
    """Return the moment each text names, ``Datetime('us', 'UTC')``; null when no layout reads it.

    Args:
        text: stamps; blanks around them and the language (English, French) and length of month names do not matter.
        layouts: chrono layouts, the first that reads a text wins. ``%z`` takes ``+0100``, ``+01:00``, ``+01`` and ``Z``;
            ``%.f`` takes 0 to 9 digits and cuts to microseconds; no ``%Y`` or ``%y``: the year comes from ``received``.
        zone: IANA zone of stamps without offset.
        received: UTC column, needed by layouts without year.

    Raises:
        ValueError: a layout has no year and ``received`` is not given.
    """
    yearless = [layout for layout in layouts if not any(year in layout for year in _YEARS)]
    if yearless and received is None:
        raise ValueError(f"layout {yearless[0]!r} has no year: pass received, the column the year is taken from")
    columns = [text] if received is None else [text, received]
    return pl.map_batches(columns, lambda series: _moments(series, layouts, zone), return_dtype=UTC_TIME)


def epoch(text: pl.Expr) -> pl.Expr:
    """Return the moment of Unix times as text, ``Datetime('us', 'UTC')``; the unit follows from the number of digits.

    Up to 11 digits before the point: seconds; 12 to 14: milliseconds; 15 to 17: microseconds; 19: nanoseconds. Decimals
    are of that unit. 18 digits is a Windows FILETIME, not a Unix time: null, like everything that is not a number.
    """
    return text.map_batches(_unix_moments, return_dtype=UTC_TIME)


def odd_clock(time: pl.Expr, received: pl.Expr) -> pl.Expr:
    """Return true where ``time`` is more than a day ahead of, or 30 days behind ``received``; false where either is null."""
    return ((time > received + _DAY) | (time < received - pl.duration(days=30))).fill_null(value=False)


# Expressions used more than once are evaluated more than once, so the work is done on series, each step once.


def _moments(columns: Sequence[pl.Series], layouts: tuple[str, ...], zone: str) -> pl.Series:
    """Return the moments of ``columns[0]``; a later layout only reads what the ones before it left."""
    text = _plain_fractions(columns[0].str.strip_chars(), layouts)
    received = columns[-1] if columns[-1].len() == text.len() else columns[-1].new_from_index(0, text.len())
    moments = pl.Series(text.name, [None], dtype=UTC_TIME).new_from_index(0, text.len())
    for layout in layouts:
        unread, dated = _without_weekday(text.set(moments.is_not_null(), None), layout)
        if unread.null_count() == text.len():
            break
        moments = moments.zip_with(moments.is_not_null(), _in_range(_read(unread, dated, zone, received)))
    return moments


def _without_weekday(text: pl.Series, layout: str) -> tuple[pl.Series, str]:
    """Return stamps and layout without the day of the week before them: a date says it, and a wrong one says nothing."""
    named = next((name for name in ("%a, ", "%a ", "%A, ", "%A ") if layout.startswith(name)), "")
    return (text.str.replace(_WEEKDAY, ""), layout.removeprefix(named)) if named else (text, layout)


def _plain_fractions(text: pl.Series, layouts: tuple[str, ...]) -> pl.Series:
    """Return stamps whose seconds have their decimals behind a point, where a comma stood."""
    if not any("%.f" in layout for layout in layouts) or not text.str.contains(",", literal=True).any():
        return text
    return text.str.replace(r"(:[0-9]{2}),([0-9]{1,9})", "${1}.${2}")


def _in_range(moments: pl.Series) -> pl.Series:
    return moments.set(~moments.dt.year().is_between(_FIRST_YEAR, _LAST_YEAR), None)


def _read(text: pl.Series, layout: str, zone: str, received: pl.Series) -> pl.Series:
    absolute = "%z" in layout
    named = _english_months(text) if "%b" in layout or "%B" in layout else text
    chrono = layout.replace("%z", "%#z")  # the form that also takes Z and +01
    if any(year in layout for year in _YEARS):
        naive = _naive(named.str.to_datetime(chrono, time_unit="us", strict=False))
    else:
        stamp = _naive((f"{_LEAP} " + named).str.to_datetime("%Y " + chrono, time_unit="us", strict=False))
        naive = _give_year(stamp, received, "UTC" if absolute else zone)
    return naive.dt.replace_time_zone("UTC") if absolute else _localise(naive, zone)


def _english_months(text: pl.Series) -> pl.Series:
    """Return stamps in lower case with short English month names, the only ones chrono reads (case does not matter to it)."""
    if text.str.contains(_ENGLISH).all():
        return text
    return text.str.to_lowercase().str.replace_many(_FRENCH_AND_FULL_MONTHS, leftmost=True)


def _naive(moments: pl.Series) -> pl.Series:
    return moments.dt.replace_time_zone(None)


def _give_year(stamps: pl.Series, received: pl.Series, zone: str) -> pl.Series:
    """Return stamps of the leap year in the latest year that keeps them within a day after reception."""
    stamp, utc = pl.col("stamp"), pl.col("received").dt.replace_time_zone("UTC")
    limit = (utc + timedelta(days=1)).dt.convert_time_zone(zone).dt.replace_time_zone(None)
    limited = pl.select(stamps.alias("stamp"), received.alias("received")).with_columns(limit.alias("limit"))
    year = pl.col("limit").dt.year() - (stamp > pl.col("limit").dt.replace(year=_LEAP)).cast(pl.Int32)
    dated = limited.select("stamp", year.alias("year"))
    is_leap = (pl.col("year") % 4 == 0) & ((pl.col("year") % 100 != 0) | (pl.col("year") % 400 == 0))
    is_day = (stamp.dt.ordinal_day() != _LEAP_DAY) | is_leap
    possible = dated.with_columns(pl.when(is_day).then(stamp))
    rolled = stamp.dt.year() - _LEAP  # a leap second of New Year's Eve is the first moment of the year after
    given = pl.when(stamp.is_null()).then(_LEAP).otherwise(pl.col("year") + rolled)
    return possible.select(stamp.dt.replace(year=given)).to_series()


def _localise(naive: pl.Series, zone: str) -> pl.Series:
    """Return local times in UTC: the first pass of a fold; the offset of the day before inside a gap."""
    known = naive.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")
    if known.null_count() == naive.null_count():
        return known
    eve = (naive - timedelta(days=1)).dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return known.zip_with(known.is_not_null(), eve.dt.convert_time_zone("UTC") + timedelta(days=1))


def _unix_moments(text: pl.Series) -> pl.Series:
    longest = text.str.len_bytes().max()
    width = longest if isinstance(longest, int) else 0
    factor = _FACTORS.get(width)
    if factor and text.str.contains(f"^[0-9]{{{width:d}}}$").all():  # one source writes them all alike
        units = text.cast(pl.Int64, strict=False)
        micros = units * factor if factor > 0 else units // -factor
        return _in_range(micros.cast(_NAIVE).dt.replace_time_zone("UTC"))
    return _any_unix_moments(text)


def _any_unix_moments(text: pl.Series) -> pl.Series:
    parts = text.str.strip_chars().str.extract_groups(r"^(-?)([0-9]{1,19})(?:[.,]([0-9]*))?$").struct.unnest()
    digits = pl.col("2").str.len_chars()
    decimals = pl.when(digits <= _SECONDS).then(6).when(digits <= _MILLIS).then(3).otherwise(0)
    fraction = pl.col("3").fill_null("").str.pad_end(6, "0").str.slice(0, decimals)
    units = pl.concat_str("2", fraction).cast(pl.Int64, strict=False)
    micros = pl.when(digits <= _MICROS).then(units).when(digits == _NANOS).then(units // 1000)
    signed = parts.select(micros * pl.when(pl.col("1") == "-").then(-1).otherwise(1)).to_series()
    return _in_range(signed.cast(_NAIVE).dt.replace_time_zone("UTC")).alias(text.name)
