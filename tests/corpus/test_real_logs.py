"""Real logs and the whole Sigma corpus: the engine's pairs (rule, event) are the oracle's; each rule finds its own attack."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
import yaml

from correlator.config.settings import Settings
from correlator.detect.describe import project
from correlator.detect.engine import detect
from correlator.ingest.files import read_paths
from correlator.model.event import RESERVED
from correlator.parse.engine import Carried, read
from correlator.runtime.content import Content, load_content
from tests.oracle.sigma import compile_rule, feeds

pytestmark = pytest.mark.corpus

SHARED = Path(__file__).parents[3] / "shared"
SIGMA = SHARED / "sigma" / "sigmahq"
CACHE = Path(__file__).parents[2] / ".tocsin"


@lru_cache(maxsize=1)
def _content() -> Content:
    if not SIGMA.is_dir():
        pytest.skip("../shared/sigma/sigmahq is absent")
    return load_content(Settings(data_dir=CACHE), [SIGMA])


def _frames(*paths: Path) -> Iterator[tuple[pl.DataFrame, ...]]:
    """Yield the event frames of each batch, all fields filled."""
    content, carried = _content(), Carried()
    for batch in read_paths([str(path) for path in paths]):
        parsed = read(batch.rows, content.parsers, carried, final=False)
        carried = parsed.carried
        yield parsed.events
    empty = pl.DataFrame(schema=carried.rows.schema)
    yield read(empty, content.parsers, carried, final=True).events


def _engine_pairs(frames: tuple[pl.DataFrame, ...]) -> set[tuple[str, str]]:
    ruleset = _content().ruleset
    return set(project(ruleset, frames, detect(ruleset, frames), ()).select("rule.id", "event.id").iter_rows())


def _oracle_pairs(frames: tuple[pl.DataFrame, ...], rules: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    compiled = [(rule["id"], rule["logsource"], compile_rule(rule)) for rule in rules]
    fed: dict[str, list[tuple[str, Any]]] = {}
    for frame in frames:
        searched = [name for name in frame.columns if name not in RESERVED and name != "event.null_fields"]
        for row in frame.iter_rows(named=True):
            sources = row["logsource"]
            if sources not in fed:
                triples = [tuple(one.split("/")) for one in sources.split()]
                fed[sources] = [(rule, test) for rule, wanted, test in compiled if feeds(wanted, triples)]  # type: ignore[arg-type]
            event = {name: row[name] for name in searched if row[name] is not None}
            for rule, test in fed[sources]:
                if test(event):
                    yield rule, row["event.id"]


def _active_rules() -> list[dict[str, Any]]:
    """Return every rule of the corpus that the engine loaded, as its YAML says it."""
    loaded = {rule.id for rule in _content().ruleset.rules}
    texts = (path.read_text(encoding="utf-8") for path in sorted(SIGMA.rglob("*.yml")))
    documents = (document for text in texts for document in yaml.load_all(text, Loader=yaml.CSafeLoader))
    return [document for document in documents if document.get("id") in loaded]


def test_every_pair_is_the_oracles() -> None:
    """5,858 events of real attacks through every active rule: no pair missing, none extra."""
    folder = SHARED / "data" / "evtx-to-mitre"
    files = sorted(folder.rglob("*.evtx"))
    if not files:
        pytest.skip("../shared/data/evtx-to-mitre is absent")
    rules = _active_rules()
    events, engine, oracle = 0, set(), set()
    for frames in _frames(*files):
        events += sum(frame.height for frame in frames)
        engine |= _engine_pairs(frames)
        oracle |= set(_oracle_pairs(frames, rules))

    assert events == 5858
    assert len(oracle) > 1000
    assert sorted(engine - oracle) == []
    assert sorted(oracle - engine) == []


def _regression() -> list[dict[str, Any]]:
    index = SHARED / "data" / "sigma-regression" / "INDEX.jsonl"
    return [orjson.loads(line) for line in index.read_bytes().splitlines()] if index.exists() else []


#: Files whose index says 1 while three of their events satisfy the rule as it is written; the oracle counts three as well.
MISCOUNTED = {"0b9ad457-2554-44c1-82c2-d56a99c42377": 3, "45e112d0-7759-4c2a-aa36-9f8fb79d3393": 3}


@pytest.mark.parametrize("entry", _regression(), ids=lambda entry: entry["rule_id"])
def test_regression(entry: dict[str, Any]) -> None:
    """A rule fires on its own file as often as its authors say, at least once where they say nothing."""
    identity = entry["rule_id"]
    path = SHARED / "data" / "sigma-regression" / f"{identity}.evtx"
    batches = list(_frames(path))
    fired = sum(rule == identity for frames in batches for rule, _ in _engine_pairs(frames))

    if identity in MISCOUNTED:
        rule = [document for document in _active_rules() if document["id"] == identity]
        assert fired == MISCOUNTED[identity] == sum(1 for frames in batches for _ in _oracle_pairs(frames, rule))
    elif entry["match_count"]:
        assert fired == entry["match_count"]
    else:
        assert fired >= 1


@pytest.mark.parametrize(
    ("folder", "pattern", "least"),
    [
        ("evtx-to-mitre", "*.evtx", 0.99),
        ("evtx-rs", "*.evtx", 0.99),
        ("sigma-regression", "*.evtx", 0.99),
        ("otrf", "atomic/windows/**/*.zip", 0.99),
        ("elastic-examples", "auth.log", 0.99),
        ("elastic-examples", "apache_logs*", 0.99),
    ],
)
def test_share_of_records_read(folder: str, pattern: str, least: float) -> None:
    """At least 99 % of the records of Windows, sshd and web logs are read."""
    files = sorted((SHARED / "data" / folder).glob(f"**/{pattern}"))
    if not files:
        pytest.skip(f"../shared/data/{folder} is absent")
    received = rejected = 0
    carried = Carried()
    for batch in read_paths([str(path) for path in files]):
        parsed = read(batch.rows, _content().parsers, carried)
        carried = parsed.carried
        received += batch.rows.height
        rejected += parsed.rejects.height

    assert received
    assert 1 - rejected / received >= least


def test_no_file_of_the_pack_breaks_the_flow() -> None:
    """Every file under ../shared/data is read or refused with a reason; nothing raises, every record has one fate."""
    if not (SHARED / "data").is_dir():
        pytest.skip("../shared/data is absent")
    received = fates = 0
    carried = Carried()
    for batch in read_paths([str(SHARED / "data")]):
        parsed = read(batch.rows, _content().parsers, carried)
        carried = parsed.carried
        for count in parsed.counts.values():
            received += count.received
            fates += count.read + count.assembled + count.skipped + count.rejected + count.held
        assert parsed.problems == ()

    assert received > 100_000
    assert fates == received
