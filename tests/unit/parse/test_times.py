"""Times: layouts, zones, the two nights of the year that are not 24 hours long, missing years, epochs, odd clocks."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.parse.times import DEFAULT_ZONE, epoch, odd_clock, to_utc, zone_of

ISO = ("%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f")
BSD = ("%b %e %H:%M:%S%.f",)
PARIS = ZoneInfo("Europe/Paris")


def utc(*parts: int) -> datetime:
    """Return a UTC moment."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def read(*texts: str | None, layouts: tuple[str, ...] = ISO, zone: str = DEFAULT_ZONE) -> list[datetime | None]:
    """Return what ``to_utc`` makes of ``texts``."""
    return pl.select(to_utc(pl.lit(pl.Series(texts, dtype=pl.String)), layouts, zone=zone)).to_series().to_list()


def read_received(text: str, received: datetime, layouts: tuple[str, ...] = BSD) -> datetime | None:
    """Return what ``to_utc`` makes of a stamp without year."""
    rows = pl.DataFrame(
        {"text": [text], "received": [received]}, schema={"text": pl.String, "received": pl.Datetime("us", "UTC")}
    )
    moment: datetime | None = rows.select(to_utc(pl.col("text"), layouts, received=pl.col("received"))).item()
    return moment


def test_the_column_is_utc_microseconds() -> None:
    """One dtype whatever the layout."""
    column = pl.select(to_utc(pl.lit("2026-11-22T10:00:00"), ISO)).to_series()
    assert column.dtype == pl.Datetime("us", "UTC")


@pytest.mark.parametrize("offset", ["+01:00", "+0100", "+01"])
def test_offset_forms(offset: str) -> None:
    """An offset in the stamp is believed, in each of its spellings."""
    assert read(f"2026-11-22T10:15:30{offset}", zone="Asia/Tokyo") == [utc(2026, 11, 22, 9, 15, 30)]


def test_z_is_utc() -> None:
    """A final Z is UTC."""
    assert read("2026-11-22T10:15:30Z") == [utc(2026, 11, 22, 10, 15, 30)]


def test_fraction_is_cut_to_microseconds() -> None:
    """One to nine digits; what is below a microsecond is cut, not rounded."""
    texts = ("2026-11-22T10:15:30.1Z", "2026-11-22T10:15:30.123Z", "2026-11-22T10:15:30.123456999Z")
    assert [moment.microsecond for moment in read(*texts) if moment] == [100_000, 123_000, 123_456]


def test_first_layout_that_reads_wins() -> None:
    """Day-first before month-first when they are asked in that order."""
    assert read("02/11/2026 08:00:00", layouts=("%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S")) == [utc(2026, 11, 2, 7)]


def test_local_time_takes_the_zone_of_the_source() -> None:
    """Paris in winter is one hour ahead; another zone gives another moment."""
    assert read("2026-11-22T10:00:00") == [utc(2026, 11, 22, 9)]
    assert read("2026-11-22T10:00:00", zone="Indian/Reunion") == [utc(2026, 11, 22, 6)]


def test_autumn_fold_is_the_first_pass() -> None:
    """On 2026-10-25 Paris has two 02:30: the summer one is taken."""
    assert read("2026-10-25T01:59:59", "2026-10-25T02:30:00", "2026-10-25T03:00:00") == [
        utc(2026, 10, 24, 23, 59, 59),
        utc(2026, 10, 25, 0, 30),
        utc(2026, 10, 25, 2),
    ]


def test_spring_gap_is_shifted_forward() -> None:
    """On 2027-03-28 Paris has no 02:30: it is read as 03:30 summer time."""
    assert read("2027-03-28T01:59:59", "2027-03-28T02:30:00", "2027-03-28T03:30:00") == [
        utc(2027, 3, 28, 0, 59, 59),
        utc(2027, 3, 28, 1, 30),
        utc(2027, 3, 28, 1, 30),
    ]


@settings(deadline=None)
@given(
    night=st.sampled_from([utc(2026, 10, 24, 22), utc(2027, 3, 27, 22)]),
    after=st.timedeltas(min_value=timedelta(), max_value=timedelta(hours=7)),
)
def test_both_nights_round_trip(night: datetime, after: timedelta) -> None:
    """Any moment of both nights comes back; without its offset, one hour early in the second pass of the fold."""
    moment = night + after
    local = moment.astimezone(PARIS)
    with_offset, without = read(local.isoformat(), local.replace(tzinfo=None).isoformat())
    assert with_offset == moment
    assert without == moment - (timedelta(hours=1) if local.fold else timedelta())


def test_garbage_is_null() -> None:
    """Nothing that is not a moment raises."""
    garbage = (
        "",
        "x",
        "2026-02-30T10:00:00",
        "2026-11-22T25:00:00",
        "0000-01-01T00:00:00",
        "99999-01-01T00:00:00Z",
        "\x00",
        None,
    )
    assert read(*garbage) == [None] * len(garbage)


@settings(deadline=None)
@given(st.text())
def test_any_text_is_a_time_or_null(text: str) -> None:
    """No text makes a layout raise, with or without year."""
    received = utc(2026, 11, 22)
    assert isinstance(read(text, layouts=(*ISO, "%d/%b/%Y:%H:%M:%S %z"))[0], datetime | None)
    assert isinstance(read_received(text, received), datetime | None)


def test_missing_year_is_the_year_of_reception() -> None:
    """The ordinary case."""
    assert read_received("Nov 22 10:15:30", utc(2026, 11, 22, 9, 15, 31)) == utc(2026, 11, 22, 9, 15, 30)


def test_missing_year_of_an_old_line_is_the_year_before() -> None:
    """December seen in January was last year; up to a day ahead is a wrong clock, not last year."""
    assert read_received("Dec 31 23:59:59", utc(2027, 1, 1, 0, 5)) == utc(2026, 12, 31, 22, 59, 59)
    assert read_received("Nov 23 10:00:00", utc(2026, 11, 22, 9, 30)) == utc(2026, 11, 23, 9)
    assert read_received("Nov 23 11:00:00", utc(2026, 11, 22, 9, 30)) == utc(2025, 11, 23, 10)


def test_missing_year_follows_local_new_year() -> None:
    """Half past midnight in Paris on 1 January is still last year in UTC."""
    assert read_received("Jan  1 00:30:00", utc(2026, 12, 31, 23, 30)) == utc(2026, 12, 31, 23, 30)


def test_missing_year_on_the_leap_day() -> None:
    """29 February is a date when its year has one, and nothing when it has not."""
    assert read_received("Feb 29 12:00:00", utc(2028, 3, 1)) == utc(2028, 2, 29, 11)
    assert read_received("Feb 29 12:00:00", utc(2027, 3, 1)) is None


def test_missing_year_without_reception_column_is_a_mistake() -> None:
    """The one error: the caller forgot the column."""
    with pytest.raises(ValueError, match="no year"):
        to_utc(pl.col("text"), BSD)


@pytest.mark.parametrize(
    ("name", "month"),
    [
        *(("janv.", 1), ("février", 2), ("mars", 3), ("avr.", 4), ("mai", 5), ("Juin", 6)),
        *(("juil.", 7), ("août", 8), ("sept.", 9), ("October", 10), ("NOV", 11), ("déc.", 12)),
    ],
)
def test_month_names(name: str, month: int) -> None:
    """French and English, short and full, in any case."""
    moment = read(f"22 {name} 2026 10:00:00", layouts=("%d %b %Y %H:%M:%S",))[0]
    assert moment is not None
    assert moment.month == month


@pytest.mark.parametrize(
    "text",
    [
        "1795352701",
        "1795352701000",
        "1795352701000000",
        "1795352701000000000",
        "1795352701.000",
        "1795352701,0",
        " 1795352701 ",
    ],
)
def test_epoch_units(text: str) -> None:
    """The number of digits tells the unit."""
    assert pl.select(epoch(pl.lit(text))).item() == utc(2026, 11, 22, 13, 5, 1)


def test_epoch_decimals() -> None:
    """Decimals of seconds and of milliseconds; below a microsecond is cut."""
    texts = pl.Series(["1795352701.1234567", "1795352701123.4567", "-1.5", "0"])
    assert pl.select(epoch(pl.lit(texts))).to_series().to_list() == [
        utc(2026, 11, 22, 13, 5, 1, 123_456),
        utc(2026, 11, 22, 13, 5, 1, 123_456),
        utc(1969, 12, 31, 23, 59, 58, 500_000),
        utc(1970, 1, 1),
    ]


def test_epoch_garbage_is_null() -> None:
    """A FILETIME, hex, words and nothing are not Unix times."""
    texts = pl.Series(["133449000000000000", "0x5f", "now", "", "99999999999999999999", "99999999999", None])
    read_back = pl.select(epoch(pl.lit(texts))).to_series().to_list()
    assert read_back == [None, None, None, None, None, utc(5138, 11, 16, 9, 46, 39), None]


def test_odd_clock() -> None:
    """A day ahead or thirty behind is the limit; an unknown time is not odd."""
    received = utc(2026, 11, 22)
    times = [
        received + timedelta(hours=24),
        received + timedelta(hours=25),
        received - timedelta(days=30),
        received - timedelta(days=31),
        None,
    ]
    rows = pl.DataFrame(
        {"time": times, "received": [received] * 5},
        schema_overrides={"time": pl.Datetime("us", "UTC"), "received": pl.Datetime("us", "UTC")},
    )
    assert rows.select(odd_clock(pl.col("time"), pl.col("received"))).to_series().to_list() == [False, True, False, True, False]


def test_zone_of_the_raw_frame() -> None:
    """The source's zone when it says one, else Paris."""
    assert zone_of(pl.DataFrame({"text": ["x"]})) == "Europe/Paris"
    assert zone_of(pl.DataFrame({"text": ["x"], "time_zone": ["Indian/Reunion"]})) == "Indian/Reunion"
    assert zone_of(pl.DataFrame({"text": ["x"], "time_zone": [None]})) == "Europe/Paris"


def test_a_leap_second_is_the_next_minute() -> None:
    """With and without year, also on New Year's Eve, when it is the next year."""
    assert read("2016-12-31T23:59:60Z", "2016-12-31T23:59:60.500Z") == [utc(2017, 1, 1), utc(2017, 1, 1, 0, 0, 0, 500_000)]
    assert read_received("Dec 31 23:59:60", utc(2027, 1, 1, 6)) == utc(2026, 12, 31, 23)
    assert read_received("Jun 30 23:59:60", utc(2026, 11, 22)) == utc(2026, 6, 30, 22)


def test_decimals_behind_a_comma() -> None:
    """As Java and French systems write them; a comma elsewhere stays."""
    assert read("2026-11-22T10:15:30,250Z") == [utc(2026, 11, 22, 10, 15, 30, 250_000)]
    assert read("22/11/2026, 10:15:30", layouts=("%d/%m/%Y, %H:%M:%S%.f",), zone="UTC") == [utc(2026, 11, 22, 10, 15, 30)]


def test_years_of_two_digits() -> None:
    """This century, but for the last years before 2000 that a log can hold."""
    layout = ("%d/%m/%y %H:%M:%S",)
    assert read("22/11/26 10:00:00", "31/12/99 23:59:59", layouts=layout, zone="UTC") == [
        utc(2026, 11, 22, 10),
        utc(1999, 12, 31, 23, 59, 59),
    ]


def test_the_day_of_the_week_says_nothing() -> None:
    """A wrong one, a French one, one with a point: the date counts."""
    layouts = ("%a %b %d %H:%M:%S%.f %Y", "%a, %d %b %Y %H:%M:%S %z")
    texts = ("Thu Jul 08 09:19:24.5 2023", "sam. Jul 08 09:19:24.5 2023", "Mon, 08 Jul 2023 09:19:24 +0200")
    assert read(*texts, layouts=layouts) == [
        utc(2023, 7, 8, 7, 19, 24, 500_000),
        utc(2023, 7, 8, 7, 19, 24, 500_000),
        utc(2023, 7, 8, 7, 19, 24),
    ]
