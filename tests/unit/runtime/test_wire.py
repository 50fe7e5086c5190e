"""What travels between the two halves comes out as it went in, and goes where its lane is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from correlator.config.settings import load_settings
from correlator.correlate.state import LaneStates
from correlator.errors import Fatal
from correlator.model.raw import RAW, RawBatch
from correlator.parse.engine import Carried
from correlator.runtime import wire
from correlator.runtime.content import Content, load_content
from correlator.runtime.pipeline import NOTHING_JUDGED, Seen, judge, look
from correlator.runtime.streams import stream_messages
from correlator.runtime.tide import End
from correlator.runtime.timing import Given
from correlator.store.lake import LakeFile
from tests.exactly_once import scene

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LANES = {"cross": 0, "unattributed": 1, **{f"0000{n}": n + 2 for n in range(scene.COMMUNES)}}


@pytest.fixture
def content(tmp_path: Path) -> Content:
    """Return the rules and communes of the proof."""
    return load_content(load_settings(scene.write_install(tmp_path, ""), {}))


def seen(content: Content, events: int = 200) -> Seen:
    """Return what the stateless half makes of the first events of the proof."""
    return look(RawBatch(scene.raw_rows(events), {}), Carried(), content)


def test_detections_come_out_as_they_went_in(content: Content) -> None:
    """Every column, and every fact that correlations ask for."""
    made = seen(content)
    lines = [value for _, value in wire.routed(made, content, dict.fromkeys(LANES, 0), 1)]
    detections, facts = wire.detections_of(lines, content.correlated_fields)
    assert_frame_equal(detections, made.detections)
    assert_frame_equal(facts, made.facts.select(facts.columns))


def test_two_halves_apart_find_what_one_process_finds(content: Content) -> None:
    """Each partition works on its own lanes only; together they find the same hits, in communes and over all of them."""
    made = seen(content, 3_000)
    whole = judge(made.detections, made.facts, LaneStates(), content, NOTHING_JUDGED)
    routed, found = wire.routed(made, content, LANES, 12), []
    for partition in range(12):
        mine = frozenset(name for name, number in LANES.items() if number % 12 == partition)
        lines = [value for to, value in routed if to == partition]
        detections, facts = wire.detections_of(lines, content.correlated_fields)
        found.append(judge(detections, facts, LaneStates(), content, NOTHING_JUDGED, mine))
    apart = pl.concat(one.hits for one in found)
    key = ["lane", "rule.id", "group"]
    assert_frame_equal(apart.sort(key).select(*key, "event.ids"), whole.hits.sort(key).select(*key, "event.ids"))
    assert sum(one.findings.height for one in found) == whole.findings.height
    assert {"cross", "00000"} <= set(apart["lane"])


def test_the_end_of_a_batch_comes_out_as_it_went_in() -> None:
    """At home whole; elsewhere without what must be written once."""
    file = LakeFile("segments/x.arrow", "segment", 3, 100, NOON, NOON + timedelta(seconds=1))
    gave = {"linux": Given(frozenset({"linux//sshd"}), frozenset({"linux.sshd"}))}
    ends = {"3": End(NOON, behind=True, offset=7)}
    end = wire.BatchEnd(NOON, 12, ends, {("3", "linux"): NOON}, gave, {"linux": {"read": 3}}, (file,))
    assert wire.BatchEnd.from_line(end.to_line(home=True)) == end
    assert wire.BatchEnd.from_line(end.to_line(home=False)) == replace(end, ledger={}, lake=())


def test_a_newer_message_stops_an_older_worker() -> None:
    """Rather than be read wrong."""
    line = wire.BatchEnd(NOON, 12).to_line(home=False).replace(b'"v":2', b'"v":3')
    with pytest.raises(Fatal, match="version 3 came; this Tocsin reads up to 2: update"):
        wire.BatchEnd.from_line(line)


def test_an_older_message_is_read() -> None:
    """Workers are updated one after the other: the version before said less."""
    line = b'{"v":1,"wall":"2026-11-22T12:00:00Z","of":12,"ends":{"3":["2026-11-22T12:00:00Z",true]},"newest":[]}'
    assert wire.BatchEnd.from_line(line) == wire.BatchEnd(NOON, 12, {"3": End(NOON, behind=True)})


def test_refused_records_come_out_as_they_went_in(content: Content) -> None:
    """Text with line ends and quotes included."""
    row = {**scene.raw_rows(1).row(0, named=True), "text": 'no "log"\nat all\x01'}
    made = look(RawBatch(pl.DataFrame([row], schema=RAW), {}), Carried(), content)
    assert made.rejects.height == 1
    assert_frame_equal(wire.rejects_of(wire.reject_lines(made.rejects)), made.rejects)


def test_only_streams_that_changed_are_told() -> None:
    """And what is forgotten is told as nothing."""
    before = Carried(headers={"csv": {"a~0/h": "x,y"}}, sticky={"b~0/h": "java"})
    after = Carried(headers={"csv": {"a~0/h": "x,z", "c~0/h": "u"}}, sticky={})
    told = dict(stream_messages(before, after))
    assert set(told) == {"a~0/h", "b~0/h", "c~0/h"}
    assert told["b~0/h"] is None
