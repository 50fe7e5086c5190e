"""Event time: per rule the slowest source that can feed it and is not idle; never backwards, still while sources catch up."""

from datetime import timedelta

import orjson
import pytest

from correlator.errors import Fatal
from correlator.runtime.timing import Timing
from correlator.runtime.watermark import EVERYBODY, TOLERANCE, Watermark
from tests.unit.runtime.times import CLOUD, LINUX, NOON, ONE, TIMING, WINDOWS, at, events, need

LATE, WINDOWS_LATE, CLOUD_LATE = timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=6)
SECOND = timedelta(seconds=1)


def listened(before: Watermark, minutes: float, timing: Timing = ONE) -> Watermark:
    """Return the watermark after so many minutes in which nothing came, told every ten seconds as the loop does."""
    start = before.wall or NOON
    for step in range(1, round(minutes * 6) + 1):
        before = before.advance((), start + 10 * step * SECOND, timing)
    return before


def test_the_slowest_source_decides() -> None:
    """Five minutes behind the newest event of the source that is furthest back."""
    came = (events("a", -30, -10), events("b", -20))
    assert Watermark().advance(came, NOON, ONE).values == {"l": at(-20) - LATE}


def test_a_rule_waits_for_those_who_can_feed_it_alone() -> None:
    """Each has the lateness of what feeds it; a rule over both waits for the slower one; one nobody feeds is not judged."""
    linux = Watermark().advance((events("a", -1),), NOON, TIMING)
    assert linux.values == {"l": at(-6), "both": at(-6)}
    both = linux.advance((events("dc", -2, kind=WINDOWS), events("a", 0)), NOON, TIMING)
    assert both.values == {"l": at(-5), "w": at(-17), "both": at(-6)}  # never back
    later = both.advance((events("dc", 15, kind=WINDOWS), events("a", 15)), at(15), TIMING)
    assert later.values == {"l": at(10), "w": at(0), "both": at(0)}


def test_it_never_goes_back() -> None:
    """An old event of a source nobody had heard of moves nothing."""
    before = Watermark().advance((events("a", 0),), NOON, ONE)
    assert before.advance((events("b", -60),), NOON, ONE).values == before.values


def test_idle_sources_hold_nobody_back() -> None:
    """A source silent for more than two minutes is left out; when all are, time goes on with the wall clock."""
    both = Watermark().advance((events("a", -60), events("b", -1)), NOON, ONE)
    assert listened(both, 2).value == at(-60) - LATE
    assert listened(both, 2).advance((events("b", 2),), at(2.2), ONE).value == at(2) - LATE
    assert listened(both, 30).value == at(30) - LATE


def test_when_all_are_idle_the_latest_of_them_may_still_come() -> None:
    """The wall clock less the greatest lateness of those that feed the rule, of no others."""
    both = Watermark().advance((events("dc", 0, kind=WINDOWS), events("a", 0)), NOON, TIMING)
    assert listened(both, 60, TIMING).values == {"l": at(55), "w": at(45), "both": at(45)}


def test_how_long_a_source_may_be_silent_is_its_own() -> None:
    """``idle`` of the settings: one that is fetched every quarter of an hour is waited for."""
    slow = Timing(ONE.needs, idle={"a": timedelta(minutes=20)})
    both = Watermark().advance((events("a", -60), events("b", -1)), NOON, slow)
    assert listened(both, 19, slow).value == at(-65)
    assert listened(both, 21, slow).value == at(21) - LATE


def test_lateness_is_the_rules_then_the_declared_one_then_the_usual_one() -> None:
    """In this order."""
    came = (events("m", -1, kind=CLOUD),)
    assert Watermark().advance(came, NOON, Timing({"c": need(CLOUD)})).value == at(-1) - CLOUD_LATE
    declared = {"m": timedelta(hours=1)}
    assert Watermark().advance(came, NOON, Timing({"c": need(CLOUD)}, declared)).value == at(-61)
    own = Timing({"c": need(CLOUD, lateness=timedelta(0))}, declared)
    assert Watermark().advance(came, NOON, own).value == at(-1)


def test_a_chain_waits_as_long_as_what_it_is_made_of() -> None:
    """An inner rule that allows an hour holds the outer one too."""
    inner = need(LINUX, lateness=timedelta(hours=1))
    chained = Timing({"inner": inner, "outer": need(LINUX, members=("inner",))})
    assert Watermark().advance((events("a", 0),), NOON, chained).values == {"inner": at(-60), "outer": at(-60)}


def test_a_wrong_clock_moves_nothing() -> None:
    """Rows whose time is not believed are not looked at; one that is believed moves its source to the wall clock at most."""
    ahead = (events("a", 9999, flag="clock"), events("a", -10))
    assert Watermark().advance(ahead, NOON, ONE).value == at(-15)
    believed = Watermark().advance((events("a", 23 * 60),), NOON, ONE)
    assert believed.value == NOON + TOLERANCE - LATE
    assert believed.advance((events("a", 1),), at(1), ONE).value == at(1) + TOLERANCE - LATE - timedelta(minutes=1)


def test_a_wall_clock_set_back_stops_nobody() -> None:
    """Who falls silent then is idle as soon as ever, and event time goes on with the others."""
    both = Watermark().advance((events("a", 0), events("b", 0)), NOON, ONE)
    back = both.advance((events("a", -60),), at(-60), ONE)
    assert listened(back, 3).advance((events("b", 1),), at(-56), ONE).clocks["b"].newest == at(0)
    assert listened(back, 70).value == at(10) - LATE


def test_nobody_is_silent_while_nobody_listens() -> None:
    """After ten minutes in which the loop waited for something, a slow source is given its time again before it is left out."""
    both = Watermark().advance((events("a", -9), events("b", 0)), NOON, ONE)
    assert both.advance((events("b", 10),), at(10), ONE).value == at(-14)


def test_who_has_a_backlog_holds_what_it_feeds() -> None:
    """Its files go back in time: the rules it can feed stand still, others go on."""
    before = Watermark().advance((events("a", -5), events("dc", -20, kind=WINDOWS)), NOON, TIMING)
    after = before.advance((events("a", 1), events("dc", 0, kind=WINDOWS)), at(1), TIMING, behind={"dc"})
    assert (after.values["l"], after.values["w"], after.values["both"]) == (at(-4), at(-35), at(-35))


@pytest.mark.parametrize("behind", ["nobody-knows", "a", EVERYBODY])
def test_who_was_never_read_to_its_end_holds_everything(behind: str) -> None:
    """It may give anything; clocks are noted meanwhile."""
    held = Watermark().advance((events("a", 0),), NOON, ONE, behind={behind})
    assert held.values == {}
    assert held.advance((events("b", -10),), NOON, ONE).value == at(-10) - LATE


def test_it_is_kept_whole() -> None:
    """What is written is read again."""
    state = Watermark().advance((events("a", 1), events("b", 2, kind=WINDOWS)), NOON, TIMING)
    assert Watermark.from_bytes(state.to_bytes()) == state
    assert Watermark.from_bytes(Watermark().to_bytes()) == Watermark()


def test_an_older_form_is_read_and_a_newer_one_refused() -> None:
    """What was one time for all is the least for each."""
    old = {"v": 1, "value": at(-1), "clocks": {"a": [at(0), at(0)]}}
    read = Watermark.from_bytes(orjson.dumps(old))
    assert read.value == at(-1)
    assert read.advance((events("a", 0),), NOON, ONE).value == at(-1)
    assert orjson.loads(Watermark().advance((events("a", 0),), NOON, ONE).previous_form()) == orjson.loads(
        orjson.dumps({"v": 1, "value": at(-5), "clocks": {"a": [at(0), NOON]}})
    )
    with pytest.raises(Fatal, match="version 9; this Tocsin reads up to 2: update"):
        Watermark.from_bytes(orjson.dumps({**old, "v": 9}))


def test_rules_that_are_gone_leave_nothing() -> None:
    """And new ones begin with what their sources have reached."""
    before = Watermark().advance((events("a", 0),), NOON, ONE)
    assert before.advance((), at(0.1), Timing({"new": need(LINUX)})).values == {"new": at(-5)}
