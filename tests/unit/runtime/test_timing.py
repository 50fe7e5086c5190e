"""What a correlation waits for: from its base rules, and from what is declared."""

from datetime import timedelta

from correlator.model.logsource import LogSource
from correlator.runtime.timing import ANYTHING, MOST_KINDS, Given, Timing, usual_lateness
from tests.unit.runtime.times import CLOUD, LINUX, WINDOWS, correlation

RULES = {"r": LogSource.parse(LINUX), "s": LogSource.parse(WINDOWS)}


def test_a_chain_needs_all_that_is_below_it() -> None:
    """Log sources of detection rules, through every level; the correlations it names itself; its own word on lateness."""
    rules = [correlation("a", "r", lateness=60_000_000), correlation("b", "s", inner=("a",))]
    needs = Timing.of(RULES, rules, {}, {}).needs
    assert needs["a"].wanted == {LogSource.parse(LINUX)}
    assert needs["b"].wanted == {LogSource.parse(LINUX), LogSource.parse(WINDOWS)}
    assert (needs["a"].lateness, needs["b"].members) == (timedelta(minutes=1), ("a",))


def test_who_builds_on_what_is_not_there_may_be_fed_by_anybody() -> None:
    """Rather than by nobody."""
    needs = Timing.of(RULES, [correlation("a", "gone"), correlation("b", "r", inner=("a",))], {}, {}).needs
    assert (needs["a"].wanted, needs["b"].wanted) == (None, None)
    assert Given(frozenset({LINUX})).feeds(None)


def test_what_a_source_gave_says_whom_it_feeds() -> None:
    """As rules see events: what a rule leaves open matches anything."""
    given = Given(frozenset({LINUX}))
    assert given.feeds(frozenset({LogSource("linux")}))
    assert given.feeds(frozenset({LogSource("windows"), LogSource(service="sshd")}))
    assert not given.feeds(frozenset({LogSource("windows")}))
    assert not Given().feeds(frozenset({LogSource("windows")}))
    assert ANYTHING.feeds(frozenset({LogSource("windows")}))


def test_too_many_kinds_are_anything() -> None:
    """What is kept of a source stays small whatever it sends."""
    many = Given(frozenset(f"p{number}//" for number in range(MOST_KINDS))) | Given(frozenset({LINUX}))
    assert many.anything
    assert not many.log_sources


def test_how_late_what_usually_comes() -> None:
    """By dataset or parser; a source that mixes is as late as the latest of it."""
    minutes = [usual_lateness(names).total_seconds() / 60 for names in (["linux.sshd"], ["linux.sshd", "windows.system"], [])]
    assert minutes == [5, 15, 5]
    for name in ("m365.audit", "azure.signinlogs", "entra_signin", "m365_audit", CLOUD.partition("/")[0]):
        assert usual_lateness([name]) == timedelta(hours=6)
