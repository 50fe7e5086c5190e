"""The noisy-rule breaker: what passes, what is gathered, when it ends; however the stream is cut."""

from datetime import UTC, datetime, timedelta
from random import Random

import polars as pl
import pytest

from correlator.model.finding import FINDING
from correlator.model.noise import Budget, Hour, Voice, budget_of
from correlator.model.severity import Severity
from correlator.triage.breaker import divert

START = datetime(2026, 11, 23, 8, tzinfo=UTC)
Kept = dict[Voice, dict[datetime, Hour]]


def finding(minute: float, *things: str, rule: str = "r", lane: str = "00105", level: str = "medium") -> dict[str, object]:
    """Return a finding about ``things`` (hosts), so many minutes after the start."""
    at = START + timedelta(minutes=minute)
    seen = [{"kind": "host", "role": "host", "value": one, "strong": True, "commune": None} for one in things]
    name = f"{rule}|{lane}|{minute:09.3f}|{'+'.join(things)}"
    told = {"finding.id": name, "kind": "detection", "rule.id": rule, "rule.level": level, "lane": lane, "communes": [lane]}
    return {**dict.fromkeys(FINDING), **told, "first": at, "last": at, "observables": seen}


def run(findings: list[dict[str, object]], budget: Budget, cuts: tuple[int, ...] = ()) -> tuple[list[str], list[str], Kept]:
    """Return what passed, what was gathered and what is known of the hours, after the batches between ``cuts``."""
    passed: list[str] = []
    gathered: list[str] = []
    kept: Kept = {}
    for start, end in zip((0, *cuts), (*cuts, len(findings)), strict=True):
        frame = pl.DataFrame(findings[start:end], schema=FINDING)
        done = divert(frame, kept, lambda _: budget, Severity.MEDIUM)
        for voice, hours in done.said.items():
            kept.setdefault(voice, {}).update(hours)
        passed += done.passing["finding.id"].to_list()
        gathered += done.gathered["finding.id"].to_list()
    return sorted(passed), sorted(gathered), kept


def test_a_flood_about_one_machine_is_one_thing() -> None:
    """An attack on one machine is not noise, however much is said of it."""
    flood = [finding(n / 40, "web1") for n in range(2_000)]
    passed, gathered, _ = run(flood, Budget(1, 1))
    assert (len(passed), len(gathered)) == (2_000, 0)


def test_what_is_beyond_the_budget_is_gathered_and_counted() -> None:
    """Of forty machines the first twenty open; the others are gathered, and go on to be."""
    told = [finding(n, f"pc{n}") for n in range(40)] + [finding(50, "pc3"), finding(51, "pc39")]
    passed, gathered, kept = run(told, Budget())
    assert len(passed) == 21
    assert len(gathered) == 21
    (hour,) = kept["r", "00105"].values()
    assert (hour.findings, hour.gathered, hour.shown.things, hour.others.things, hour.tripped) == (42, 21, 20, 20, True)


def test_findings_that_hang_together_pass() -> None:
    """One account walks over sixty machines: that is one thing, an attack perhaps, and nothing of it is gathered."""
    walk = [finding(n / 2, f"pc{n}", "svc-admin") for n in range(60)]
    assert run(walk, Budget(5, 10))[1] == []


def test_a_loud_hour_is_followed_by_a_gathered_one_and_a_quiet_one_ends_it() -> None:
    """Hysteresis: over the budget at eight, gathered at nine though it would fit, trusted again at eleven."""
    loud = [finding(n, f"a{n}") for n in range(30)]
    nine = [finding(60 + n, f"b{n}") for n in range(15)]  # more than half of the budget: not quiet
    ten = [finding(120 + n, f"c{n}") for n in range(3)]
    eleven = [finding(180 + n, f"d{n}") for n in range(5)]
    _, gathered, _ = run([*loud, *nine, *ten, *eleven], Budget(20, 0))
    assert [name.rsplit("|", 1)[1][0] for name in gathered].count("a") == 10
    assert sum("|b" in name for name in gathered) == 15
    assert sum("|c" in name for name in gathered) == 3
    assert sum("|d" in name for name in gathered) == 0


def test_a_day_has_a_budget_too_and_ends_at_local_midnight() -> None:
    """Slow noise adds up; the next day, in Paris, starts anew."""
    slow = [finding(60 * n, f"pc{n}") for n in range(20)]  # from 09:00 to 04:00 in Paris
    _, gathered, _ = run(slow, Budget(20, 10))
    assert [int(name.rsplit("pc", 1)[1]) for name in gathered] == [10, 11, 12, 13, 14]


def test_lanes_and_rules_have_budgets_of_their_own() -> None:
    """The noise of one commune gathers nothing of another, nor of another rule."""
    told = [finding(n, f"pc{n}", lane=lane) for n in range(5) for lane in ("00105", "00101")]
    told += [finding(n, f"pc{n}", rule="other") for n in range(5)]
    passed, gathered, _ = run(told, Budget(5, 5))
    assert (len(passed), gathered) == (15, [])


def test_what_opens_nothing_is_not_counted() -> None:
    """Low findings cannot trip a rule; a budget of nothing bounds nothing."""
    low = [finding(n, f"pc{n}", level="low") for n in range(50)]
    assert run(low, Budget(5, 5))[1:] == ([], {})
    assert run([finding(n, f"pc{n}") for n in range(50)], Budget(0, 0))[1] == []


@pytest.mark.parametrize("seed", range(6))
def test_any_cut_gives_the_same(seed: int) -> None:
    """A stream in the order of what happened, cut anywhere: the same passes, the same is gathered, the same is known."""
    chance = Random(seed)  # noqa: S311 - a seed must give the same findings again
    told = [
        finding(
            minute, *(f"h{chance.randrange(40)}" for _ in range(chance.choice([0, 1, 1, 2]))),
            rule=chance.choice("rs"), lane=chance.choice(["00101", "00105"]),
        )
        for minute in sorted(chance.uniform(0, 600) for _ in range(300))
    ]  # fmt: skip
    budget = Budget(chance.randrange(1, 6), chance.randrange(4, 30))
    whole = run(told, budget)
    for _ in range(3):
        cuts = tuple(sorted(chance.sample(range(1, 300), chance.randrange(1, 40))))
        assert run(told, budget, cuts) == whole
    assert whole[1]


@pytest.mark.parametrize(
    ("said", "budget"),
    [(None, Budget(20, 100)), (5, Budget(5, 100)), (300, Budget(300, 300)), (0, Budget(0, 0)), ({"day": 7}, Budget(20, 7))],
)
def test_a_rule_may_say_its_own_budget(said: object, budget: Budget) -> None:
    """A number per hour, or both; what it does not say is as the settings say."""
    assert budget_of(said, Budget()) == budget


@pytest.mark.parametrize("said", ["ten", -1, {"week": 3}, {}, True, {"hour": "5"}, [5]])
def test_a_budget_that_is_none_is_refused(said: object) -> None:
    """It must not be taken for no bound at all."""
    with pytest.raises(ValueError, match="budget is"):
        budget_of(said, Budget())
