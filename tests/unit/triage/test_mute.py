"""What a mute hides of findings: hours over both clock changes, names with stars, networks, times that bound it."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from correlator.model.finding import FINDING
from correlator.model.mute import Scope, Weekly, parse_weekly
from correlator.triage.mute import hidden_by, hide

NIGHT = parse_weekly("sat 22:00-04:00")


def finding(first: str, last: str = "", *, kind: str = "host", value: str = "QUE-WEB01", rule: str = "r") -> pl.DataFrame:
    """Return one finding of commune 00105, times UTC."""
    row = {
        **dict.fromkeys(FINDING),
        "finding.id": f"{rule}|{first}",
        "rule.id": rule,
        "communes": ["00105"],
        "first": datetime.fromisoformat(first).replace(tzinfo=UTC),
        "last": datetime.fromisoformat(last or first).replace(tzinfo=UTC),
        "observables": [{"kind": kind, "role": "host", "value": value, "strong": True, "commune": None}],
    }
    return pl.DataFrame([row], schema=FINDING)


@pytest.mark.parametrize(
    ("at", "hidden"),
    [
        ("2026-11-21T20:59:59", False),  # 21:59:59 in Paris
        ("2026-11-21T21:00:00", True),  # Saturday 22:00
        ("2026-11-22T02:59:59", True),  # Sunday 03:59:59
        ("2026-11-22T03:00:00", False),
        ("2026-10-25T01:30:00", True),  # the clock goes back: 02:30 for the second time
        ("2026-10-25T02:59:59", True),  # 03:59:59, winter time
        ("2026-10-25T03:00:00", False),
        ("2026-03-29T01:00:00", True),  # the clock goes forward: 03:00
        ("2026-03-29T02:00:00", False),  # 04:00, summer time
        ("2026-11-22T22:00:00", False),  # Sunday evening
    ],
)
def test_hours_are_those_on_the_wall(at: str, hidden: bool) -> None:  # noqa: FBT001 - pytest
    """Saturday 22:00 to 04:00 ends on Sunday, in both nights in which the clock is changed."""
    assert hidden_by(finding(at), Scope("r", weekly=NIGHT)).to_list() == [hidden]


def test_a_hit_is_hidden_when_all_of_it_lies_in_the_hours() -> None:
    """One that began before, or lasted a week, is shown."""
    scope = Scope("r", weekly=NIGHT)
    inside = finding("2026-11-21T22:00:00", "2026-11-22T01:00:00")
    early = finding("2026-11-21T20:00:00", "2026-11-22T01:00:00")
    long = finding("2026-11-21T22:00:00", "2026-11-28T22:00:00")
    assert hidden_by(pl.concat([inside, early, long]), scope).to_list() == [True, False, False]


def test_a_mute_is_bounded_by_what_happens_not_by_when_it_is_read() -> None:
    """Its first moment counts, its last one does not."""
    start = datetime(2026, 11, 21, 22, tzinfo=UTC)
    scope = Scope("r", since=start, until=start + timedelta(hours=2))
    told = [finding(at) for at in ("2026-11-21T21:59:59", "2026-11-21T22:00:00", "2026-11-22T00:00:00")]
    kept, counts = hide(pl.concat(told), {"m": scope})
    assert counts == {"m": 1}
    assert kept.get_column("first").to_list() == [datetime(2026, 11, 21, 21, 59, 59, tzinfo=UTC), start + timedelta(hours=2)]


@pytest.mark.parametrize(
    ("kind", "value", "named", "hidden"),
    [
        ("host", "que-*", "QUE-WEB01", True),
        ("host", "que-*", "AQUE-WEB01", False),
        ("host", "*web0?", "QUE-WEB01", False),
        ("file", "C:\\Temp\\*.exe", "c:\\temp\\A.EXE", True),
        ("file", "C:\\Temp\\a.exe", "C:\\Temp\\aXexe", False),
        ("ip", "10.4.0.0/16", "10.4.9.9", True),
        ("ip", "10.4.0.0/16", "10.40.9.9", False),
        ("ip", "2001:db8::/32", "2001:db8::1", True),
        ("ip", "10.4.0.0/16", "not an address", False),
    ],
)
def test_names_take_stars_and_addresses_their_network(kind: str, value: str, named: str, hidden: bool) -> None:  # noqa: FBT001 - pytest
    """A star is any text; everything else means itself, whatever a regular expression would make of it."""
    one = finding("2026-11-21T22:00:00", kind=kind, value=named)
    assert hidden_by(one, Scope(kind=kind, value=value)).to_list() == [hidden]


def test_findings_without_observables_are_not_about_anything() -> None:
    """One beside them that is does not hide them."""
    bare = finding("2026-11-21T22:00:00").with_columns(pl.lit([], dtype=FINDING["observables"]).alias("observables"))
    none = finding("2026-11-21T22:00:00").with_columns(pl.lit(None, dtype=FINDING["observables"]).alias("observables"))
    every = pl.concat([bare, none, finding("2026-11-21T23:00:00")])
    assert hidden_by(every, Scope(kind="host", value="que-web01")).to_list() == [False, False, True]


@pytest.mark.parametrize(
    ("text", "days", "start", "end"),
    [("mon-fri 12:00-14:00", (1, 2, 3, 4, 5), 12, 14), ("sun,wed 20:00-24:00", (3, 7), 20, 24)],
)
def test_hours_are_read_and_written(text: str, days: tuple[int, ...], start: int, end: int) -> None:
    """What is written is read again as the same."""
    read = parse_weekly(text)
    assert read == Weekly(days, start, end) == parse_weekly(str(read))


@pytest.mark.parametrize("text", ["", "wed", "wed 20:30-04:00", "wed 25:00-26:00", "wed 08:00-08:00", "fri-mon 08:00-10:00"])
def test_hours_that_mean_nothing_are_refused(text: str) -> None:
    """A typing error must not mute the wrong night."""
    with pytest.raises(ValueError, match=r"\w"):
        parse_weekly(text)
