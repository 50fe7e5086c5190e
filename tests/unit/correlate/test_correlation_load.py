"""Reading correlation rules: what loads, what is refused and why."""

from collections.abc import Sequence
from typing import Any

import pytest
import yaml

from correlator.correlate.load import load_correlations, wanted_fields
from correlator.correlate.rule import Baseline, Condition, CorrelationRule, Judging, Kind
from correlator.errors import Problem

DAY = 86_400_000_000
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
        ("{type: near, rules: [r1], timespan: 1h}", "unknown type 'near'"),
        ("{type: event_count, rules: [r1], timespan: 1h}", "condition is None"),
        ("{type: value_avg, rules: [r1], timespan: 1h}", "condition is None"),
        ("{type: event_count, rules: [r1], timespan: 1h, condition: {gte: x}}", "gte is 'x'"),
        ("{type: event_count, rules: [r1], timespan: 1h, condition: {gte: .inf}}", "gte is inf"),
        ("{type: event_count, rules: [r1], timespan: 1h, condition: {above: 3}}", "unknown 'above' in condition"),
        ("{type: event_count, rules: [r1], timespan: 1h, condition: {gte: 20000}}", "condition {'gte': 20000} can never hold"),
        ("{type: event_count, rules: [r1], timespan: 1h, condition: {field: v, gte: 2}}", "field belongs to value_count"),
        ("{type: value_count, rules: [r1], timespan: 1h, condition: {gte: 2}}", "field belongs to value_count"),
        ("{type: value_sum, rules: [r1], timespan: 1h, condition: {gte: 2}}", "field belongs to value_count"),
        ("{type: value_sum, rules: [r1], timespan: 1h, condition: {field: [v, w], gte: 2}}", "field names 2 fields"),
        ("{type: value_sum, rules: [r1], timespan: 1h, condition: {field: v, gt: 2, lt: 2}}", "condition {'field': 'v', 'gt'"),
        ("{type: value_sum, rules: [r1], timespan: 1h, condition: {field: v, gt: 2, percentile: 9}}", "percentile belongs to"),
        ("{type: value_percentile, rules: [r1], timespan: 1h, condition: {field: v, gt: 2, percentile: 101}}", "percentile is"),
        ("{type: event_count, rules: [r1], timespan: 1h, condition: {gt: 3, lt: 4}}", "condition {'gt': 3, 'lt': 4} can never"),
        ("{type: event_count, rules: [r1], timespan: 1h, condition: {eq: 1.5}}", "condition {'eq': 1.5} can never hold"),
        (
            "{type: event_count, rules: [r1], timespan: 1h, condition: {lt: 1}}",
            "condition {'lt': 1} can never hold: a window is",
        ),
        ("{type: event_count, rules: [r1], timespan: 1h, condition: r1}", "a condition in words belongs to temporal"),
        ("{type: temporal, rules: [r1, r2], timespan: 1h, condition: r1 and r3}", "the condition speaks of r3"),
        ("{type: temporal, rules: [r1, r2], timespan: 1h, condition: not r1}", "rules names a rule that the condition"),
        ("{type: temporal, rules: [r1], timespan: 1h, condition: not r1}", "the condition holds where nothing happened"),
        ("{type: temporal, rules: [r1, r2], timespan: 1h, condition: not r1 or r2}", "the condition holds where nothing"),
        ("{type: temporal, rules: [r1, r2], timespan: 1h, condition: r1 and not (r1 or r2)}", "the condition can never hold"),
        (
            "{type: temporal, rules: [r1, r2], timespan: 1h, condition: r1 and}",
            "the condition 'r1 and' has no rule where it ends",
        ),
        (
            "{type: temporal, rules: [r1, r2], timespan: 1h, condition: (r1 and r2}",
            "the condition '(r1 and r2' has a parenthesis",
        ),
        ("{type: temporal, rules: [r1, r2], timespan: 1h, condition: r1 r2}", "the condition 'r1 r2' has 'r2' after its end"),
        ("{type: temporal, rules: [r1, r2], timespan: 1h, condition: r1 AND r2}", "the condition 'r1 AND r2' has 'AND'"),
        (
            "{type: temporal, rules: [r1, r2], timespan: 1h, condition: r1 and NOT r2}",
            "the condition 'r1 and NOT r2' has 'NOT'",
        ),
        (
            "{type: temporal, rules: [r1, r2], timespan: 1h, condition: 1 of r*}",
            "the condition '1 of r*' has a choice by pattern",
        ),
        ("{type: temporal_ordered, rules: [r1, r2], timespan: 1h, condition: r1 or r2}", "an order needs rules that all must"),
        ("{type: temporal, rules: [r1, r2], timespan: 1h, group_by: [u]}", "correlation has group_by"),
        ("{type: temporal, rules: [r1, r2], timespan: 1h, group-by: [u, u]}", "group-by has u twice"),
        ("{type: temporal, rules: [r1, r2], timespan: 1h, aliases: {u: {r1: f}}}", "nothing uses the alias u"),
        ("{type: temporal, rules: [r1, r2], timespan: 1h, condition: {gte: 3}}", "condition {'gte': 3} can never hold"),
        ("{type: temporal, rules: [r1, r1], timespan: 1h}", "rules is empty or names a rule twice"),
        ("{type: temporal, rules: [r1, id-1], timespan: 1h}", "rules names one rule twice"),
        ("{type: temporal, rules: [], timespan: 1h}", "rules is empty or names a rule twice"),
        ("{type: temporal, rules: [r1, unheard], timespan: 1h}", "refers to 'unheard', which is not known"),
        ("{type: temporal, rules: [r1, r2], timespan: 1 hour}", "timespan '1 hour'"),
        ("{type: temporal, rules: [r1, r2], timespan: 0s}", "timespan '0s'"),
        ("{type: temporal, rules: [r1, r2], timespan: 1h, aliases: [u]}", "aliases is not a map of maps"),
        ("{type: temporal, rules: [r1, r2], timespan: 1h, group-by: [u], aliases: {u: {r3: f}}}", "aliases speak of r3"),
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
    [
        ("level: urgent", "unknown level 'urgent'"),
        ("status: brand new", "unknown status 'brand new'"),
        ("tocsin: cross", "tocsin is 'cross'"),
        ("tocsin: {communes: all}", "tocsin has communes: 'all'"),
        ("tocsin: {absense: true}", "tocsin has absense"),
        ("tocsin: {absence: true, first_seen: true}", "tocsin has absence and first_seen"),
        ("tocsin: {absence: true}", "absence does not go with temporal"),
        ("tocsin: {absence: {learn: 2d}}", "absence is {'learn': '2d'}"),
        ("tocsin: {first_seen: true}", "first_seen needs every event"),
        ("tocsin: {ratio: true}", "ratio needs every event"),
        ("tocsin: {rare: true}", "rare needs an upper bound on a count of values"),
        ("tocsin: {lateness: soon}", "lateness 'soon'"),
        ("tocsin: {lateness: 90d}", "lateness '90d'"),
    ],
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


def test_a_correlation_cannot_look_out_of_its_commune_through_another_one() -> None:
    """One that stays inside a commune may not rest on one across communes."""
    inner = "title: i\nid: i\ntocsin: {communes: cross}\ncorrelation: {type: temporal, rules: [r1, r2], timespan: 1h}"
    loaded, problems = load(f"{inner}\n---\ntitle: o\nid: o\ncorrelation: {{type: temporal, rules: [i, r1], timespan: 1h}}")

    assert [rule.id for rule in loaded] == ["i"]
    assert [problem.what for problem in problems] == [
        "correlation 'o': stays inside a commune but refers to a correlation across communes"
    ]


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


@pytest.mark.parametrize(
    ("section", "judging"),
    [
        ("{type: event_count, rules: [r1], timespan: 1h, condition: {gte: 2}}", Judging.ARRIVAL),
        ("{type: event_count, rules: [r1], timespan: 1h, condition: {gte: 2, lt: 9}}", Judging.CLOSED),
        ("{type: event_count, rules: [many, r2], timespan: 1h, condition: {gte: 2}}", Judging.PASSED),
        ("{type: event_count, rules: [many], timespan: 1h, condition: {neq: 2}}", Judging.CLOSED),
        ("{type: value_count, rules: [many], timespan: 1h, condition: {field: v, gt: 2}}", Judging.ARRIVAL),
        ("{type: value_sum, rules: [r1], timespan: 1h, condition: {field: v, gt: 2}}", Judging.PASSED),
        ("{type: value_median, rules: [r1], timespan: 1h, condition: {field: v, lte: 2.5}}", Judging.CLOSED),
        ("{type: temporal, rules: [r1, r2], timespan: 1h, condition: r1 or r2}", Judging.ARRIVAL),
        ("{type: temporal, rules: [r1, r2], timespan: 1h, condition: r1 and not r2}", Judging.CLOSED),
        ("{type: temporal_ordered, rules: [many, r2], timespan: 1h}", Judging.ARRIVAL),
    ],
)
def test_when_it_is_judged(section: str, judging: Judging) -> None:
    """At arrival where no later event can change it, once passed where a number can, at the end of a window otherwise."""
    many = "title: m\nid: m\nname: many\ncorrelation: {type: event_count, rules: [r1], timespan: 1h, condition: {gte: 3}}"
    loaded, problems = load(f"{many}\n---\ntitle: c\nid: c\ncorrelation: {section}")

    assert problems == ()
    assert loaded[-1].judging is judging


@pytest.mark.parametrize(
    ("words", "held"),
    [
        ("r1 and not r2", [1, 5]),
        ("r1 or r2 and third", [1, 3, 5, 6, 7]),
        ("(r1 or id-2) and third", [5, 6, 7]),
        ("not r1 and not (r2) and third", [4]),
        ("id-1 and not not r2 and third", [7]),
    ],
)
def test_words_bind_like_in_pysigma(words: str, held: list[int]) -> None:
    """Not before and before or; a rule by its name or its id, whichever stands under rules."""
    third = "title: t\nid: t\nname: third\ncorrelation: {type: temporal, rules: [r1, r2], timespan: 1m}"
    names = "[id-1, r2, third]" if "third" in words else "[r1, r2]"
    condition = f"{{type: temporal, rules: {names}, timespan: 1h, condition: {words}}}"
    loaded, problems = load(f"{third}\n---\ntitle: c\nid: c\ncorrelation: {condition}")

    assert problems == ()
    assert loaded[-1].words is not None
    assert [seen for seen in range(8 if "third" in words else 4) if loaded[-1].words.holds(seen)] == [
        seen for seen in held if "third" in words or seen < 4
    ]


def test_words_may_name_the_rules_themselves() -> None:
    """As pySigma allows: no rules, but a condition that names them, in its order."""
    rule = load_one("{type: temporal_ordered, timespan: 1h, condition: r2 and not r1}")

    assert rule.rules == ("id-2", "id-1")


@pytest.mark.parametrize(
    ("section", "extension", "judging", "baseline"),
    [
        ("event_count, timespan: 25h, condition: {lt: 1}", "absence: true", Judging.ABSENT, None),
        ("event_count, timespan: 25h, condition: {lte: 0}", "absence: true", Judging.ABSENT, None),
        ("event_count, timespan: 30d, condition: {gte: 1}", "first_seen: true", Judging.FIRST, Baseline(14 * DAY)),
        ("event_count, timespan: 3d, condition: {gt: 0}", "first_seen: true", Judging.FIRST, Baseline(3 * DAY)),
        ("event_count, timespan: 30d, condition: {gte: 1}", "first_seen: {learn: 21d}", Judging.FIRST, Baseline(21 * DAY)),
        ("value_count, timespan: 30d, condition: {field: v, lte: 2}", "rare: {learn: 0d}", Judging.RARE, Baseline(0)),
        ("event_count, timespan: 8w, condition: {gte: 1}", "ratio: true", Judging.RATIO, Baseline(14 * DAY, 3.0, 2.0, 20)),
        (
            "event_count, timespan: 4w, condition: {gte: 1}",
            "ratio: {z: 2.5, times: 3, least: 5, learn: 21d}",
            Judging.RATIO,
            Baseline(21 * DAY, 2.5, 3.0, 5),
        ),
    ],
)
def test_extensions(section: str, extension: str, judging: Judging, baseline: Baseline | None) -> None:
    """What is beyond Sigma stands in one attribute of ours."""
    rule = load_one(f"{{rules: [r1], group-by: [u], type: {section}}}", f"tocsin: {{{extension}, lateness: 6h}}")

    assert (rule.judging, rule.baseline, rule.lateness) == (judging, baseline, DAY // 4)


@pytest.mark.parametrize(
    ("section", "extension", "what"),
    [
        ("event_count, timespan: 1h, condition: {lt: 2}", "absence: true", "absence is of every event, not of lt 2"),
        ("event_count, timespan: 1h, condition: {gte: 2}", "first_seen: true", "first_seen needs every event"),
        ("event_count, timespan: 1h, condition: {gte: 1}", "first_seen: {days: 3}", "first_seen is {'days': 3}"),
        ("value_count, timespan: 1h, condition: {field: v, neq: 1}", "rare: true", "rare needs an upper bound"),
        ("event_count, timespan: 1w, condition: {gte: 1}", "ratio: true", "the timespan of a ratio is less than two weeks"),
        ("event_count, timespan: 4w, condition: {gte: 1}", "ratio: {z: -1}", "z is -1"),
        ("event_count, timespan: 4w, condition: {gte: 1}", "ratio: {least: 1.5}", "least is 1.5"),
        ("event_count, timespan: 4w, condition: {gte: 1}", "ratio: {learn: 2 weeks}", "learn '2 weeks'"),
    ],
)
def test_extensions_that_do_not_fit(section: str, extension: str, what: str) -> None:
    """Each says which type and condition it goes with."""
    _, problems = load(f"title: c\nid: c\ntocsin: {{{extension}}}\ncorrelation: {{rules: [r1], type: {section}}}")

    assert [problem.what.startswith(f"correlation 'c': {what}") for problem in problems] == [True]
    assert problems[0].expected


def test_a_name_of_two_correlations_is_no_reference() -> None:
    """An id is."""
    section = "correlation: {type: temporal, rules: [r1, r2], timespan: 1h}"
    twins = f"title: a\nid: a\nname: twin\n{section}\n---\ntitle: b\nid: b\nname: twin\n{section}"
    outer = "title: o\nid: o\ncorrelation: {type: temporal, rules: [%s, r1], timespan: 1h}"
    _, problems = load(f"{twins}\n---\n{outer % 'twin'}")
    loaded, fine = load(f"{twins}\n---\n{outer % 'a'}")

    assert [problem.what for problem in problems] == ["correlation 'o': refers to 'twin', which is the name of 2 rules"]
    assert ([rule.id for rule in loaded], fine) == (["a", "b", "o"], ())


def test_hash_of_what_is_new() -> None:
    """Words, percentiles and baselines are meaning; how late events may come is not."""
    asked = "{type: value_percentile, rules: [r1], timespan: 1h, condition: {field: v, gt: 2, percentile: %s}}"
    spoken = "{type: temporal, rules: [r1, r2], timespan: 1h, condition: r1 %s r2}"
    learnt = "{type: event_count, rules: [r1], timespan: 30d, condition: {gte: 1}}"
    rules = [load_one(asked % rank) for rank in (50, 95)]
    rules += [load_one(spoken % word) for word in ("and", "or")]
    rules += [load_one(learnt, more) for more in ("", "tocsin: {first_seen: true}", "tocsin: {first_seen: {learn: 1d}}")]
    late = load_one(learnt, "tocsin: {lateness: 6h}")

    assert len({rule.hash for rule in rules}) == len(rules)
    assert late.hash == rules[4].hash


@pytest.mark.parametrize(
    ("inner", "outer", "delay"),
    [
        ("event_count, condition: {gte: 2}", "event_count, condition: {gte: 2}", 0),
        ("event_count, condition: {eq: 2}", "event_count, condition: {gte: 2}", 600),
        ("event_count, condition: {gte: 2}", "value_count, condition: {field: v, gte: 2}", 600),
        ("event_count, condition: {eq: 2}", "value_sum, condition: {field: v, gte: 2}", 1_200),
    ],
)
def test_a_chain_waits_for_its_members(inner: str, outer: str, delay: int) -> None:
    """For windows that are judged at their end, and for the oldest event of a hit where events count, seconds."""
    member = f"title: m\nid: m\ncorrelation: {{rules: [r1], timespan: 10m, type: {inner}}}"
    loaded, problems = load(f"{member}\n---\ntitle: c\nid: c\ncorrelation: {{rules: [m], timespan: 1h, type: {outer}}}")

    assert problems == ()
    assert loaded[-1].delay == delay * 1_000_000
