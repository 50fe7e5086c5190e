"""The wall clock without its jumps."""

from datetime import timedelta

from correlator.runtime.steady import Steady
from tests.unit.runtime.times import at

HOUR = timedelta(hours=1)


def test_it_follows_a_clock_that_is_kept_right() -> None:
    """Small steps are believed at once."""
    steady = Steady()
    for step in range(100):
        wall = at(step / 6) + timedelta(seconds=step)
        assert steady.read(wall, step * 10.0) == wall


def test_a_jump_for_a_moment_changes_nothing() -> None:
    """An hour back or ahead, and right again after ten minutes: time went on as seconds passed."""
    for jump in (-HOUR, HOUR):
        steady = Steady()
        said = [steady.read(at(step / 6) + (jump if 6 < step < 66 else 0 * HOUR), step * 10.0) for step in range(100)]
        assert said == [at(step / 6) for step in range(100)]


def test_a_jump_that_lasts_is_the_truth() -> None:
    """After a quarter of an hour."""
    steady = Steady()
    steady.read(at(0), 0.0)
    assert steady.read(at(61), 60.0) == at(1)
    assert steady.read(at(74), 840.0) == at(14)
    assert steady.read(at(76), 960.0) == at(76)


def test_a_clock_that_jumps_about_is_not_believed() -> None:
    """Each new place begins its own quarter of an hour."""
    steady = Steady()
    for step in range(200):
        assert steady.read(at(step) + HOUR * (step % 7), step * 60.0) == at(step)


def test_it_reads_the_machines_own_ticks() -> None:
    """Without being told any."""
    assert Steady().read(at(0)) == at(0)
