"""Reading correlation rules: what loads, what is refused and why."""

from collections.abc import Sequence
from typing import Any

import pytest
import yaml

from correlator.correlate.load import load_correlations, wanted_fields
from correlator.correlate.rule import Condition, CorrelationRule, Kind
from correlator.errors import Problem

RULES = {"r1": "id-1", "id-1": "id-1", "r2": "id-2", "id-2": "id-2"}


def load(text: str) -> tuple[Sequence[CorrelationRule], Sequence[Problem]]:
    """Load the documents of a YAML text."""
    return load_correlations([("rules.yml", document) for document in yaml.safe_load_all(text)], RULES)


def load_one(section: str, more: str = "") -> CorrelationRule:
    """Load one correlation given its section in flow style."""
    loaded, problems = load(f"title: c\nid: c\n{more}\ncorrelation: {section}")
    assert problems == ()
    return loaded[0]


def test_references_resolve_by_name_and_by_id() -> None:
    """Rules are named either way; what comes out are ids, in rule order."""
    rule = load_one("{type: temporal_ordered, rules: [r2, id-1], group-by: u, timespan: 90m}")

    assert rule.rules == ("id-2", "id-1")
    assert (rule.kind, rule.group_by, rule.timespan) == (Kind.TEMPORAL_ORDERED, ("u",), 5_400_000_000)
    assert rule.condition == Condition((("gte", 2),))
    assert (rule.level, rule.generate, rule.cross) == ("medium", False, False)


def test_a_range_and_decimals_are_read_as_written() -> None:
    """Two bounds hold together, and thresholds keep their decimals."""
    rule = load_one("{type: event_count, rules: r1, group-by: [u], timespan: 1h, condition: {gt: 1.5, lte: 4}}")

    assert [count for count in range(7) if rule.condition.holds(count)] == [2, 3, 4]
    assert not rule.monotone


@pytest.mark.parametrize(
    ("bounds", "least"), [((("gte", 3),), 3), ((("gt", 3),), 4), ((("gt", 1.5),), 2), ((("gte", 1.5),), 2), ((("gte", 0),), 1)]
)
def test_least_count_of_a_monotone_condition(bounds: tuple[tuple[str, float], ...], least: int) -> None:
    """The smallest count that satisfies it, at least the one event that is there."""
    assert Condition(bounds).least == least


def test_attributes_for_triage_and_lanes() -> None:
    """Level, tags, generate in either place, and our mark for the lane over all communes."""
    more = "name: spray\nlevel: high\ntags: [attack.t1110.003]\ngenerate: true\ntocsin: {communes: cross}"
    rule = load_one("{type: temporal, rules: [r1, r2], group-by: [u], timespan: 1h}", more)

    assert (rule.name, rule.level, rule.tags, rule.generate, rule.cross) == ("spray", "high", ("attack.t1110.003",), True, True)


def test_a_chain_is_given_inner_ones_first() -> None:
    """Whatever the order of the documents; names of correlations resolve like names of rules."""
    loaded, problems = load(
        """
title: outer
id: o
correlation: {type: temporal_ordered, rules: [many, r2], group-by: [u], timespan: 1h}
---
title: inner
id: i
name: many
correlation: {type: event_count, rules: [r1], group-by: [u, h], timespan: 10m, condition: {gte: 3}}
"""
    )

    assert problems == ()
    assert [rule.id for rule in loaded] == ["i", "o"]
    assert [member.correlation for member in loaded[1].members] == [True, False]


def test_a_cycle_is_refused_with_its_path() -> None:
    """And what refers to a correlation on the cycle is refused too, for its own reason."""
    loaded, problems = load(
        """
title: a
id: a
correlation: {type: temporal, rules: [b, r1], group-by: [u], timespan: 1h}
---
title: b
id: b
correlation: {type: temporal, rules: [r2, a], group-by: [u], timespan: 1h}
---
title: over
id: over
correlation: {type: temporal, rules: [a, r1], group-by: [u], timespan: 1h}
---
title: fine
id: fine
correlation: {type: temporal, rules: [r1, r2], group-by: [u], timespan: 1h}
"""
    )

    assert [rule.id for rule in loaded] == ["fine"]
    assert [problem.what for problem in problems] == [
        "correlation 'a': refers to itself: a → b → a",
        "correlation 'b': refers to itself: b → a → b",
        "correlation 'over': refers to the correlation 'a', which was refused",
    ]


def test_a_correlation_that_refers_to_itself() -> None:
    """The shortest cycle."""
    _, problems = load("title: a\nid: a\ncorrelation: {type: temporal, rules: [a, r1], group-by: [u], timespan: 1h}")

    assert [problem.what for problem in problems] == ["correlation 'a': refers to itself: a → a"]


@pytest.mark.parametrize(
    ("section", "what"),
    [
        ("{type: value_sum, rules: [r1], timespan: 1h, condition: {field: v, gt: 1}}", "type value_sum is not supported yet"),
        ("{type: near, rules: [r1], timespan: 1h}", "unknown type 'near'"),
        (
            "{type: temporal, rules: [r1, r2], timespan: 1h, condition: r1 and not r2}",
            "a condition in words is not supported yet",
        ),
        ("{type: event_count, rules: [r1], timespan: 1h}", "condition is None"),
        ("{type: event_count, rules: [r1], timespan: 1h, condition: {gte: x}}", "gte is 'x'"),
        ("{type: event_count, rules: [r1], timespan: 1h, condition: {gte: .inf}}", "gte is inf"),
        ("{type: event_count, rules: [r1], timespan: 1h, condition: {above: 3}}", "unknown 'above' in condition"),
        ("{type: event_count, rules: [r1], timespan: 1h, condition: {gte: 20000}}", "condition {'gte': 20000} can never hold"),
        ("{type: event_count, rules: [r1], timespan: 1h, condition: {field: v, gte: 2}}", "field belongs to value_count"),
        ("{type: value_count, rules: [r1], timespan: 1h, condition: {gte: 2}}", "field belongs to value_count"),
        ("{type: temporal, rules: [r1, r2], timespan: 1h, condition: {gte: 3}}", "condition {'gte': 3} can never hold"),
        ("{type: temporal, rules: [r1, r1], timespan: 1h}", "rules is empty or names a rule twice"),
        ("{type: temporal, rules: [r1, id-1], timespan: 1h}", "rules names one rule twice"),
        ("{type: temporal, rules: [], timespan: 1h}", "rules is empty or names a rule twice"),
        ("{type: temporal, rules: [r1, unheard], timespan: 1h}", "refers to 'unheard', which is not known"),
        ("{type: temporal, rules: [r1, r2], timespan: 1 hour}", "timespan '1 hour'"),
        ("{type: temporal, rules: [r1, r2], timespan: 0s}", "timespan '0s'"),
        ("{type: temporal, rules: [r1, r2], timespan: 1h, aliases: [u]}", "aliases is not a map of maps"),
        ("{type: temporal, rules: [r1, r2], timespan: 1h, aliases: {u: {r3: f}}}", "aliases speak of r3"),
        ("{type: temporal, rules: [r1, r2], timespan: 1h, group-by: {u: 1}}", "group-by is not a list of names"),
        ("{type: temporal, rules: [r1, r2], timespan: 1h, generate: maybe}", "generate is 'maybe'"),
        ("nothing", "correlation is not a map"),
    ],
)
def test_refused(section: str, what: str) -> None:
    """Each fault is told with the file, the title and what would be right."""
    loaded, problems = load(f"title: c\nid: c\ncorrelation: {section}")

    assert loaded == ()
    assert [(problem.path, problem.what.startswith(f"correlation 'c': {what}")) for problem in problems] == [
        ("rules.yml", True)
    ]
    assert problems[0].expected


@pytest.mark.parametrize(
    ("more", "what"),
    [("level: urgent", "unknown level 'urgent'"), ("tocsin: {communes: all}", "tocsin is {'communes': 'all'}")],
)
def test_refused_attributes(more: str, what: str) -> None:
    """Attributes beside the section are checked as well."""
    _, problems = load(f"title: c\nid: c\n{more}\ncorrelation: {{type: temporal, rules: [r1, r2], timespan: 1h}}")

    assert [problem.what for problem in problems] == [f"correlation 'c': {what}"]


def test_an_id_stands_once() -> None:
    """Among correlations, and between them and detection rules."""
    section = "correlation: {type: temporal, rules: [r1, r2], timespan: 1h}"
    loaded, problems = load(f"title: a\nid: a\n{section}\n---\ntitle: b\nid: a\n{section}\n---\ntitle: d\nid: id-1\n{section}")

    assert [rule.title for rule in loaded] == ["a"]
    assert [problem.what for problem in problems] == [
        "correlation 'b': the id a is used twice",
        "correlation 'd': the id id-1 is used twice",
    ]


@pytest.mark.parametrize(
    ("outer", "what"),
    [
        ("{type: event_count, rules: [i], timespan: 1h, condition: {gte: 2}}", "counting the hits of another correlation"),
        (
            "{type: temporal, rules: [i, r1], timespan: 1h}",
            "stays inside a commune but refers to a correlation across communes",
        ),
    ],
)
def test_chains_that_make_no_sense(outer: str, what: str) -> None:
    """Counting hits is not there yet, and a correlation cannot look out of its commune through another one."""
    inner = "title: i\nid: i\ntocsin: {communes: cross}\ncorrelation: {type: temporal, rules: [r1, r2], timespan: 1h}"
    loaded, problems = load(f"{inner}\n---\ntitle: o\nid: o\ncorrelation: {outer}")

    assert [rule.id for rule in loaded] == ["i"]
    assert [problem.what.startswith(f"correlation 'o': {what}") for problem in problems] == [True]


def test_a_very_long_chain_loads() -> None:
    """Depth is no recursion."""
    section: dict[str, Any] = {"type": "temporal", "timespan": "1h", "group-by": ["u"]}
    documents = [
        ("rules.yml", {"title": f"c{at}", "id": f"c{at}", "correlation": {**section, "rules": [f"c{at + 1}", "r1"]}})
        for at in range(1_500)
    ]
    end = ("rules.yml", {"title": "end", "id": "c1500", "correlation": {**section, "rules": ["r1", "r2"]}})

    loaded, problems = load_correlations([*documents, end], RULES)

    assert (len(loaded), problems) == (1_501, ())


def test_wanted_fields_follow_aliases_and_counts() -> None:
    """What every detection has is not asked for again."""
    _, problems = loaded = load(
        """
title: a
id: a
correlation: {type: temporal, rules: [r1, r2], group-by: [who, host], timespan: 1h, aliases: {who: {r1: src, r2: dst}}}
---
title: v
id: v
correlation: {type: value_count, rules: [r1], group-by: [commune], timespan: 1h, condition: {field: [user, rule.id], gte: 2}}
"""
    )

    assert problems == ()
    assert wanted_fields(loaded[0]) == {"src", "dst", "host", "user"}


def test_hash_is_the_meaning() -> None:
    """A new title keeps the state, a new bound or a changed inner correlation does not."""
    section = "{type: event_count, rules: [r1], group-by: [u], timespan: 1h, condition: {gte: %s}}"
    first, titled, changed = (load_one(section % bound, more) for bound, more in ((3, ""), (3, "level: high"), (4, "")))
    outer = "title: o\nid: o\ncorrelation: {type: temporal, rules: [c, r2], group-by: [u], timespan: 1h}"
    over = [load(f"title: c\nid: c\ncorrelation: {section % bound}\n---\n{outer}")[0][1] for bound in (3, 4)]

    assert first.hash == titled.hash
    assert first.hash != changed.hash
    assert over[0].hash != over[1].hash
