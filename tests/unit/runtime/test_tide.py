"""Event time over partitions that several processes read apart."""

from datetime import UTC, datetime, timedelta

from correlator.runtime.watermark import End, Tide

WALL = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATENESS = timedelta(minutes=5)


def at(minutes: float) -> datetime:
    """Return a moment so many minutes after noon."""
    return WALL + timedelta(minutes=minutes)


def heard(
    partition: str, minutes: float, *, wall: float = 0, behind: bool = False
) -> tuple[dict[str, End], dict[tuple[str, str], datetime]]:
    """Return what one batch says: a partition with an event of source ``s``."""
    return {partition: End(at(wall), behind)}, {(partition, "s"): at(minutes)}


def test_nothing_is_judged_before_every_partition_was_heard() -> None:
    """The partition that is read first must not make the others late."""
    one = Tide().advance(*heard("0", 0), of=2)
    assert one.value is None
    assert one.advance(*heard("1", -60), of=2).value == at(-60) - LATENESS


def test_a_backlog_holds_everybody_and_a_dead_reader_does_too() -> None:
    """Its last word was that it had more; an hour later the others go on without it."""
    both = Tide().advance(*heard("0", 0), of=2).advance(*heard("1", -60, behind=True), of=2)
    assert both.value is None
    assert both.advance(*heard("0", 30, wall=30), of=2).value is None
    assert both.advance(*heard("0", 61, wall=61), of=2).value == at(61) - LATENESS


def test_a_silent_source_is_idle_by_its_readers_clock_only() -> None:
    """Two minutes without an event on a partition that is read: idle. On one that nobody reads: it may have more."""
    both = Tide().advance(*heard("0", 0), of=2).advance(*heard("1", -30), of=2)
    assert both.advance(*heard("0", 10, wall=10), of=2).value == at(-30) - LATENESS
    told = both.advance(*heard("0", 10, wall=10), of=2).advance({"1": End(at(10), behind=False)}, {}, of=2)
    assert told.value == at(10) - LATENESS


def test_when_all_are_idle_the_wall_counts_and_nothing_goes_back() -> None:
    """The slowest reader's wall; an older event later moves nothing."""
    ends = {"0": End(at(20), behind=False), "1": End(at(21), behind=False)}
    idle = Tide().advance(*heard("0", 0), of=2).advance(ends, {}, of=2)
    assert idle.value == at(20) - LATENESS
    assert idle.advance(*heard("0", -60, wall=21), of=2).value == idle.value


def test_it_survives_a_restart() -> None:
    """Bytes and back."""
    tide = Tide().advance(*heard("0", 0), of=1)
    assert Tide.from_bytes(tide.to_bytes()) == tide
