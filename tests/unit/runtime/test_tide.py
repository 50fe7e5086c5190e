"""Event time over partitions that several processes read apart."""

from datetime import timedelta

import orjson

from correlator.runtime.tide import End, Tide
from correlator.runtime.timing import Given
from tests.unit.runtime.times import LINUX, ONE, TIMING, WINDOWS, at

LATENESS = timedelta(minutes=5)
GIVEN = {"s": Given(frozenset({LINUX}), frozenset({"linux.sshd"}))}


def heard(tide: Tide, partition: str, minutes: float, *, wall: float = 0, behind: bool = False, of: int = 2) -> Tide:
    """Return the tide after a batch of a partition with an event of source ``s``."""
    return tide.advance({partition: End(at(wall), behind)}, {(partition, "s"): at(minutes)}, GIVEN, ONE, of=of)


def quiet(tide: Tide, *walls: float) -> Tide:
    """Return the tide after ends of both partitions without events, at these minutes."""
    for wall in walls:
        tide = tide.advance({one: End(at(wall), behind=False) for one in ("0", "1")}, {}, {}, ONE, of=2)
    return tide


def test_nothing_is_judged_before_every_partition_was_heard() -> None:
    """The partition that is read first must not make the others late."""
    one = heard(Tide(), "0", 0)
    assert one.value is None
    assert heard(one, "1", -60).value == at(-60) - LATENESS


def test_a_backlog_holds_everybody_and_a_dead_reader_does_too() -> None:
    """Its last word was that it had more; an hour later the others go on without it."""
    both = heard(heard(Tide(), "0", 0), "1", -60, behind=True)
    assert both.value is None
    assert heard(both, "0", 30, wall=30).value is None
    assert heard(both, "0", 61, wall=61).value == at(61) - LATENESS


def test_a_backlog_that_does_not_end_holds_for_an_hour() -> None:
    """Or the windows of everybody would fill the memory."""
    tide = heard(Tide(), "0", 0)
    for wall in range(0, 70, 10):
        tide = heard(heard(tide, "1", wall - 60, wall=wall, behind=True), "0", wall, wall=wall)
        assert (tide.value is not None) == (wall > 60)


def test_a_silent_source_is_idle_by_its_readers_clock_only() -> None:
    """Two minutes of reading without an event: idle. On a partition that nobody reads it may have more."""
    both = heard(heard(Tide(), "0", 0), "1", -30)
    assert heard(both, "0", 10, wall=10).value == at(-30) - LATENESS
    for wall in range(5, 40, 5):  # of ten minutes that nobody read, only what was read counts
        both = heard(both, "0", wall / 10, wall=wall / 10)
        both = both.advance({"1": End(at(wall / 10), behind=False)}, {}, {}, ONE, of=2)
    assert both.value == at(3.5) - LATENESS


def test_when_all_are_idle_the_wall_counts_and_nothing_goes_back() -> None:
    """The slowest reader's wall; an older event later moves nothing."""
    idle = quiet(heard(heard(Tide(), "0", 0), "1", 0), *(step / 4 for step in range(1, 80)))
    assert idle.value == at(19.75) - LATENESS
    assert heard(idle, "0", -60, wall=20).value == idle.value


def test_rules_wait_for_what_feeds_them_in_any_partition() -> None:
    """What a source gave anywhere is known everywhere; what it gave in an older message is not, and may be anything."""
    gave = {**GIVEN, "dc": Given(frozenset({WINDOWS}), frozenset({"windows.security"}))}
    ends = {"0": End(at(0), behind=False, offset=7)}
    tide = Tide().advance(ends, {("0", "s"): at(0), ("0", "dc"): at(-1)}, gave, TIMING, of=1)
    assert tide.values == {"l": at(-5), "w": at(-16), "both": at(-16)}
    old = Tide().advance(ends, {("0", "s"): at(0), ("0", "x"): at(-30)}, GIVEN, TIMING, of=1)
    assert old.values == {"l": at(-35), "w": at(-35), "both": at(-35)}


def test_a_clock_in_the_future_moves_its_source_to_the_wall_at_most() -> None:
    """A minute past the clock of who reads it."""
    assert heard(Tide(), "0", 600, of=1).value == at(1) - LATENESS


def test_it_survives_a_restart_and_an_upgrade() -> None:
    """Bytes and back; from the version before, the time it had come to."""
    tide = heard(Tide(), "0", 0, of=1, behind=True)
    assert Tide.from_bytes(tide.to_bytes()) == tide
    old = {"v": 1, "value": at(-1), "clocks": {"0/s": [at(0), at(0)]}, "ends": {"0": [at(0), False]}}
    read = Tide.from_bytes(orjson.dumps(old))
    assert (read.value, dict(read.ends)) == (at(-1), {"0": End(at(0), behind=False)})
    assert heard(read, "0", 0, of=1).value == at(-1)
