"""What a match becomes: the detection people and later stages see."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from correlator.detect.describe import describe, project
from correlator.detect.engine import detect
from correlator.detect.load import load_rules
from correlator.detect.plan import RuleSet
from correlator.detect.report import Loaded
from correlator.model.detection import DETECTION, DOCUMENT_LIMIT
from correlator.model.raw import UTC_TIME
from correlator.model.rule import RuleText

WHEN = datetime(2026, 3, 6, 22, 10, 0, 5, tzinfo=UTC)


@pytest.fixture
def ruleset(load_document: Callable[..., Loaded], document: Callable[..., dict[str, Any]]) -> RuleSet:
    """Return two rules: all logons, and logons of bob."""
    return load_document(
        document({"sel": {"f": "logon"}}, id="all", level="high", tags=["attack.t1078"], name="logons"),
        document({"sel": {"f": "logon", "user.name": "bob"}}, id="bob"),
    ).ruleset


def events(**columns: list[Any]) -> pl.DataFrame:
    """Return events that the rules look at, with ``columns``."""
    height = len(next(iter(columns.values())))
    frame = pl.DataFrame({"logsource": ["p//"] * height, "f": ["logon"] * height, **columns})
    return frame.with_columns(pl.lit(WHEN).cast(UTC_TIME).alias("@timestamp"))


def test_detection_says_which_rule_and_which_event(ruleset: RuleSet) -> None:
    """One row per match, in the order of matches, with rule and event."""
    frames = [events(**{"event.id": ["a", "b"], "user.name": ["eve", "bob"], "commune": ["01", "02"], "log.line": [1, 2]})]
    matches = detect(ruleset, frames)
    detections = describe(ruleset, frames, matches)

    assert detections.schema == DETECTION
    assert detections.select("rule.id", "event.id", "commune", "log.line").rows() == [
        ("all", "a", "01", 1),
        ("all", "b", "02", 2),
        ("bob", "b", "02", 2),
    ]
    first = detections.row(0, named=True)
    assert (first["rule.level"], first["rule.tags"], first["rule.name"]) == ("high", ["attack.t1078"], "logons")
    assert (first["@timestamp"], first["rule.hash"]) == (WHEN, ruleset.rules[0].hash)


def test_observables_know_what_must_not_group(ruleset: RuleSet) -> None:
    """Machine and well-known accounts and addresses of no machine are weak; empty ones are none at all."""
    frame = events(
        **{
            "user.name": ["alice", "SYSTEM", "PC-01$", ""],
            "source.ip": ["198.51.100.7", "127.0.0.1", "-", None],
            "destination.ip": ["10.0.0.1", None, None, None],
        }
    )
    detections = describe(ruleset, [frame], detect(ruleset, [frame]))
    shown = [
        [(one["kind"], one["value"], one["strong"]) for one in observables]
        for observables in detections["observables"].to_list()
    ]

    assert shown == [
        [("ip", "198.51.100.7", True), ("user", "alice", True), ("ip", "10.0.0.1", False)],
        [("ip", "127.0.0.1", False), ("user", "SYSTEM", False)],
        [("ip", "-", False), ("user", "PC-01$", False)],
        [],
    ]


def test_document_is_the_event_without_nulls(ruleset: RuleSet) -> None:
    """The document is compact JSON: text, numbers and lists as they are, times in RFC 3339."""
    frame = events(q=['a "quoted" \\ é\n'], n2=[4], l=[["x", "y"]], gone=[None], raw_row=[1])
    document = describe(ruleset, [frame], detect(ruleset, [frame]))["document"][0]

    assert json.loads(document) == {
        "f": "logon",
        "q": 'a "quoted" \\ é\n',
        "n2": 4,
        "l": ["x", "y"],
        "@timestamp": "2026-03-06T22:10:00.000005Z",
    }
    assert ": " not in document


def test_a_document_begins_with_what_its_rule_asks_to_be_shown() -> None:
    """``fields`` of the rule in its order, those the event has; the same event found by another rule is as it was."""
    body = "logsource: {product: any}\ndetection: {s: {q|contains: x}, condition: s}\n"
    texts = [RuleText("a.yml", f"title: a\nfields: [z, gone, q]\n{body}"), RuleText("b.yml", f"title: b\n{body}")]
    rules = load_rules(texts).ruleset
    frame = events(a=["1"], q=["x"], z=["3"]).with_columns(logsource=pl.lit("any//"))
    found = describe(rules, [frame], detect(rules, [frame]))
    orders = [[name for name in json.loads(document) if name in "aqz"] for document in found["document"]]

    assert dict(zip(found["rule.title"], orders, strict=True)) == {"a": ["z", "q", "a"], "b": ["a", "q", "z"]}


@pytest.mark.parametrize("columns", [{"big": ["é" * DOCUMENT_LIMIT]}, {f"c{n}": ["x" * 400] for n in range(400)}])
def test_document_is_cut_to_its_limit(ruleset: RuleSet, columns: dict[str, list[str]]) -> None:
    """A document over 64 KiB loses the largest values first, and names them."""
    frame = events(small=["kept"], **columns)
    document = describe(ruleset, [frame], detect(ruleset, [frame]))["document"][0]
    content = json.loads(document)

    assert len(document.encode()) <= DOCUMENT_LIMIT
    assert set(content["cut"]) <= set(columns)
    assert content["cut"]
    assert content["small"] == "kept"


def test_project_gives_the_fields_of_correlations(ruleset: RuleSet) -> None:
    """Each asked field is text, null where the event has none."""
    frames = [
        events(**{"event.id": ["a"], "port": [22], "l": [["x", "y"]]}),
        events(**{"event.id": ["b"], "user.name": ["bob"]}),
    ]
    facts = project(ruleset, frames, detect(ruleset, frames), ["port", "l", "user.name", "commune"])

    assert facts.columns == ["rule.id", "event.id", "@timestamp", "commune", "source", "port", "l", "user.name"]
    assert facts.select("rule.id", "event.id", "port", "l", "user.name").rows() == [
        ("all", "a", "22", "x,y", None),
        ("all", "b", None, None, "bob"),
        ("bob", "b", None, None, "bob"),
    ]


def test_no_match_gives_empty_frames(ruleset: RuleSet) -> None:
    """Nothing found: right columns, no rows."""
    frame = events(**{"event.id": ["a"]})
    none = detect(ruleset, [frame]).clear()

    assert describe(ruleset, [frame], none).schema == DETECTION
    assert project(ruleset, [frame], none, ["x"]).columns[-1] == "x"
    assert describe(ruleset, [frame], none).height == project(ruleset, [frame], none, ["x"]).height == 0
