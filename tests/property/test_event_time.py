"""Event time through the runtime: within lateness, order, cuts, readers and restarts leave no trace in the hits."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from correlator.config.settings import Settings
from correlator.runtime.checkpoint import STEPS, Checkpoint
from correlator.runtime.content import Content
from correlator.runtime.pipeline import Flow, Outcome
from correlator.runtime.timing import Timing
from correlator.runtime.watermark import Watermark
from correlator.store import schema
from correlator.store.database import open_database, reading
from tests.property import waters
from tests.property.waters import Record
from tests.unit.runtime import times


class World:
    """The rules and sources of this proof; nothing that a failed example would print."""

    def __init__(self, folder: Path) -> None:
        self.content = waters.content(folder)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return the rules and sources of this proof."""
    return World(tmp_path_factory.mktemp("waters"))


def played(stream: Sequence[Record], cuts: Sequence[int], known: Content) -> list[Outcome]:
    """Return what the stream gave in batches, and its end."""
    flow, outcomes = Flow(), []
    for batch in waters.batches(stream, cuts):
        outcomes.append(waters.took(batch, flow, known))
        flow = outcomes[-1].flow
    return [*outcomes, waters.ended(flow, known)]


CUTS = st.lists(st.integers(0, 14), max_size=6)


def few(examples: int) -> settings:
    """Return how often to try: each example goes through the whole flow."""
    return settings(max_examples=examples, suppress_health_check=[HealthCheck.too_slow], deadline=None)


@few(7)
@given(stream=waters.records(), cuts=CUTS)
def test_order_and_cuts_leave_no_trace(world: World, stream: list[Record], cuts: list[int]) -> None:
    """However records arrive within the lateness of their source, and wherever batches end; nothing is late."""
    outcomes = played(stream, cuts, world.content)
    assert [one.late for one in outcomes] == [{}] * len(outcomes)
    assert waters.hits_of(outcomes) == waters.expected(stream, world.content)


@few(7)
@given(stream=waters.records(late=4), cuts=CUTS)
def test_late_ones_are_counted_exactly(world: World, stream: list[Record], cuts: list[int]) -> None:
    """Per source, whoever comes before the event time of a rule it feeds; those of muted rules are handed to triage, once."""
    outcomes = played(stream, cuts, world.content)
    counted = sum((Counter(one.late) for one in outcomes), Counter[str]())
    assert counted == waters.late(list(waters.batches(stream, cuts)))
    handed = [name for one in outcomes for name in one.late_findings.get_column("finding.id")]
    assert len(handed) == len(set(handed)) == counted.total()


@few(4)
@given(stream=waters.records(), cuts=st.lists(st.integers(0, 400), max_size=8), chance=st.randoms(use_true_random=False))
def test_who_reads_what_leaves_no_trace(world: World, stream: list[Record], cuts: list[int], chance: Random) -> None:
    """Records of a source spread over partitions, readers that overtake each other, restarts of who puts it together."""
    parts: list[list[Record]] = [[], [], []]
    for one in stream:
        parts[chance.randrange(3)].append(one)
    readers = [waters.Reader(str(number), part) for number, part in enumerate(parts)]
    hits, late = waters.correlated(waters.log_of(readers, chance, world.content), cuts, world.content)
    assert late == 0
    assert hits == waters.expected(stream, world.content)


@few(4)
@given(stream=waters.records(), cuts=CUTS, ahead=st.lists(st.integers(1, 60), min_size=1, max_size=4))
def test_a_clock_in_the_future_closes_no_window(world: World, stream: list[Record], cuts: list[int], ahead: list[int]) -> None:
    """Hours ahead, believed or not: what the others mean together stays what it is."""
    wrong = [
        Record(one.arrival, one.arrival + 3600 * hours, 100 + number, one.source, one.kind, "ahead")
        for number, hours in enumerate(ahead)
        for one in (stream[number % len(stream)],)
    ]
    outcomes = played(sorted([*stream, *wrong]), cuts, world.content)
    assert [one.late for one in outcomes] == [{}] * len(outcomes)
    hits = {one for one in waters.hits_of(outcomes) if "ahead" not in one[2]}
    assert hits == waters.expected(stream, world.content)


@given(
    lateness=st.integers(0, 120), idle=st.integers(1, 60), spoke=st.lists(st.booleans(), min_size=90, max_size=90),
    behind=st.integers(0, 300),
)  # fmt: skip
@settings(max_examples=30, deadline=None)
def test_a_quiet_source_delays_nobody_for_longer(lateness: int, idle: int, spoke: list[bool], behind: int) -> None:
    """At every moment event time is where the busy source is, less its lateness, once the other was silent for so long."""
    declared = {"busy": timedelta(minutes=lateness), "quiet": timedelta(minutes=lateness)}
    timing = Timing(times.ONE.needs, declared, {"quiet": timedelta(minutes=idle)})
    mark, silent = Watermark(), timedelta(days=1)
    for step, speaks in enumerate(spoke):
        now = times.at(step / 3)
        came = [times.events("busy", step / 3), *([times.events("quiet", step / 3 - behind)] if speaks else [])]
        mark, silent = mark.advance(came, now, timing), timedelta() if speaks else silent + timedelta(seconds=20)
        if silent > timedelta(minutes=idle):
            assert mark.value == now - timedelta(minutes=lateness)


class _Killed(Exception):
    """The process is gone."""


def lived(folder: Path, stream: Sequence[Sequence[Record]], known: Content, kills: Sequence[str]) -> waters.Hits:
    """Return the hits that a database holds after batches went through lives that end at these steps, and a last one."""
    config = Settings(data_dir=folder)
    engine = open_database(config.database)
    for fatal in [*kills, ""]:

        def reached(step: str, fatal: str = fatal) -> None:
            if step == fatal:
                raise _Killed

        keeper = Checkpoint(engine, config, reached=reached)
        flow = keeper.restore(("all",))
        with suppress(_Killed):
            for at in range(keeper.positions("all").get("all", 0), len(stream)):
                outcome = waters.took(stream[at], flow, known)
                keeper.hear("all", {"all": at + 1})
                keeper.commit(outcome, flow, waters.START)
                flow = outcome.flow
            keeper.commit(waters.ended(flow, known), flow, waters.START)
    with reading(engine) as connection:
        members: dict[str, list[str]] = {}
        for hit, event in connection.execute(sa.select(schema.hit_event.c.hit, schema.hit_event.c.event_id)):
            members.setdefault(hit, []).append(event)
        columns = (schema.hit.c.id, schema.hit.c.rule_id, schema.hit.c.lane, schema.hit.c.group)
        found = {
            (rule, lane, group, tuple(sorted(members[one])))
            for one, rule, lane, group in connection.execute(sa.select(*columns))
        }
    engine.dispose()
    return found


@pytest.mark.parametrize("seed", range(2))
def test_any_kill_leaves_no_trace(world: World, tmp_path: Path, seed: int) -> None:
    """Killed at any step of any commit and begun again from what the database kept: the same hits, the same ones too late."""
    chance = Random(seed)  # noqa: S311 - a seed must give the same kills again
    stream = list(waters.batches(waters.some_records(chance, 40, late=3), [chance.randrange(41) for _ in range(7)]))
    kills = [chance.choice(STEPS) for _ in range(3)]
    whole = lived(tmp_path / "whole", stream, world.content, [])
    assert len(whole) > 3
    assert lived(tmp_path / "killed", stream, world.content, kills) == whole
