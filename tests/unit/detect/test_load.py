"""Reading rules: what is refused, with its place; filters, mappings, correlations, and texts made to hurt."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
import yaml

from correlator.detect.engine import detect
from correlator.detect.load import load_rules
from correlator.detect.plan import RuleSet
from correlator.detect.report import Loaded
from correlator.model.rule import RuleText

Load = Callable[..., Loaded]
Make = Callable[..., dict[str, Any]]

RULE = """title: t
id: one
logsource:
  product: windows
detection:
  selection:
    Image|endswith: \\cmd.exe
  condition: selection
"""


def problems_of(text: str) -> list[str]:
    """Return the problems of one rule file as text."""
    return [str(problem) for problem in load_rules([RuleText("x.yml", text)]).problems]


def test_rule_carries_what_it_says() -> None:
    """The head of a rule is kept; a rule without level is medium."""
    text = RULE + "level: High\ntags: [attack.t1059]\nfalsepositives: [admins]\nname: n\nauthor: a\ngenerate: false\n"
    rule = load_rules([RuleText("x.yml", text), RuleText("y.yml", RULE.replace("one", "two"))]).ruleset.rules

    assert (rule[0].level, rule[0].tags, rule[0].falsepositives) == ("high", ("attack.t1059",), ("admins",))
    assert (rule[0].name, rule[0].author, rule[0].generate) == ("n", "a", False)
    assert (rule[1].level, rule[1].generate, rule[1].path, rule[1].line) == ("medium", None, "y.yml", 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (RULE.replace("endswith", "endwith"), "x.yml:7: unknown modifier 'endwith'; did you mean 'endswith'?"),
        (RULE.replace("condition: selection", "condition: selecton"), "x.yml:8: the condition names 'selecton'"),
        (RULE.replace("condition: selection", "condition: selection AND selection"), "'and' in lower case"),
        (RULE.replace("condition: selection", "condition: selection and not 1 of filter*"), "no detection fits 'filter*'"),
        (RULE.replace("condition: selection", "condition: 2 of them"), "'2 of' in the condition"),
        (RULE.replace("condition: selection", "condition: selection | count() > 5"), "a Sigma correlation rule"),
        (RULE.replace("condition: selection", "condition: (selection"), "x.yml:8: the condition cannot be read"),
        (RULE.replace("condition: selection", "timeframe: 5m"), "the condition is None"),
        (RULE.replace("\\cmd.exe", "[]"), "x.yml:7: the list of values is empty"),
        (RULE.replace("\\cmd.exe", "[a, null]"), "x.yml:7: null stands in a list of values"),
        (RULE.replace("\\cmd.exe", "{a: b}"), "x.yml:7: the value {'a': 'b'} is a dict"),
        (RULE.replace("|endswith: \\cmd.exe", "|gt: text"), "x.yml:7: 'Image|gt' does not fit its value 'text'"),
        (RULE.replace("|endswith: \\cmd.exe", "|re: '(?=x)'"), "the regular expression '(?=x)' of Image cannot be used"),
        (RULE.replace("|endswith: \\cmd.exe", "|cidr: 10.0.0.0/99"), "x.yml:7: 'Image|cidr' does not fit"),
        (RULE.replace("|endswith: \\cmd.exe", "|expand: '%who%'"), "x.yml:7: the placeholder %who% has no values here"),
        (RULE.replace("|endswith: \\cmd.exe", "|base64: 'a*'"), "an encoded value cannot hold wildcards"),
        (RULE.replace("title: t\n", ""), "x.yml:1: the rule has no title"),
        (RULE.replace("title: t", "title: [t]"), "x.yml:1: title is ['t']; text of 1 to 256 characters"),
        (RULE + "level: hihg\n", "x.yml:9: level is 'hihg'; one of informational"),
        (RULE + "taxonomy: mine\n", "x.yml:9: nothing here translates the taxonomy mine; sigma, ecs, or a pipeline"),
        (RULE + "tags: attack\n", "x.yml:9: tags is 'attack'; a list of texts"),
        (RULE.replace("product: windows", "product: 3"), "the log source holds something that is not a word"),
        (RULE.replace("product: windows", "definition: x"), "x.yml:3: the log source says nothing"),
        (RULE + "title: again\n", "x.yml:9: not readable as YAML: the key 'title' stands twice"),
        (RULE + "  bad: [\n", "not readable as YAML"),
        ("- a\n- b\n", "x.yml:1: the document is not a mapping"),
        ("title: t\n", "x.yml:1: neither a rule, a filter nor a correlation"),
        ("action: global\ntitle: t\n", "'action: global' is no longer Sigma"),
        (RULE.replace("    Image|endswith: \\cmd.exe", "    {}"), "the detection is empty"),
    ],
)  # fmt: skip
def test_fault_is_reported_with_its_place(text: str, expected: str) -> None:
    """A bad rule is refused with where, what, and what would be right."""
    problems = problems_of(text)

    assert len(problems) == 1
    assert expected in problems[0]


def test_all_faults_of_a_rule_are_reported_at_once() -> None:
    """The author mends a file in one go."""
    text = RULE.replace("    Image|endswith: \\cmd.exe", "    A|endwith: x\n    B|contians: y\n    C: []")

    assert [problem.split(": ")[0] for problem in problems_of(text)] == ["x.yml:7", "x.yml:8", "x.yml:9"]


def test_bad_rule_stops_no_other(load_document: Load, document: Make) -> None:
    """One refused document leaves the others running."""
    loaded = load_document(document({"sel": {"f|x": 1}}), document({"sel": {"f": 1}}, id="good"))

    assert ([rule.id for rule in loaded.ruleset.rules], loaded.rejected) == (["good"], 1)


def test_duplicate_id_is_refused_and_names_the_first(load_document: Load, document: Make) -> None:
    """The second rule with an id is refused."""
    loaded = load_document(document({"sel": {"f": 1}}), document({"sel": {"f": 2}}))

    assert len(loaded.ruleset.rules) == 1
    assert str(loaded.problems[0]).startswith("rule1.yml:")
    assert "the first is at rule0.yml:" in str(loaded.problems[0])


def test_names_that_look_like_operators_are_names(load_document: Load, document: Make) -> None:
    """``notsel`` and ``order-1`` are selections; ``1 of them`` passes over hidden ones."""
    detection = {"notsel": {"f": 1}, "order-1": {"f": 2}, "_hidden": {"f": 3}, "condition": "notsel or order-1"}
    spelled = load_document(document(detection)).ruleset
    selected = load_document(document({**detection, "condition": "1 of them"})).ruleset

    assert spelled.rules[0].condition == selected.rules[0].condition


def fires_on(ruleset: RuleSet, event: dict[str, str]) -> bool:
    """Say whether some rule matches ``event`` of log source windows."""
    return (
        detect(ruleset, [pl.DataFrame({"logsource": ["windows/x/"], **{key: [value] for key, value in event.items()}})]).height
        > 0
    )


FILTER = """title: f
id: filter-1
logsource:
  product: windows
filter:
  rules: [one]
  selection:
    User: bob
  condition: not selection
"""


def test_filter_narrows_the_rules_it_names() -> None:
    """A filter is ANDed as written, to the rules it names and no other."""
    other = RULE.replace("id: one", "id: two").replace("cmd.exe", "other.exe")
    loaded = load_rules([RuleText("f.yml", FILTER), RuleText("x.yml", RULE), RuleText("y.yml", other)])

    assert loaded.problems == loaded.warnings == ()
    assert fires_on(loaded.ruleset, {"Image": r"c:\cmd.exe", "User": "alice"})
    assert not fires_on(loaded.ruleset, {"Image": r"c:\cmd.exe", "User": "bob"})
    assert fires_on(loaded.ruleset, {"Image": r"c:\other.exe", "User": "bob"})
    assert loaded.ruleset.rules[0].filters == ("filter-1",)


def test_odd_filters_are_warned_about() -> None:
    """A filter that is not a negation, or that narrows nothing, works but is said."""
    positive = FILTER.replace("not selection", "selection")
    elsewhere = FILTER.replace("[one]", "any").replace("windows", "linux").replace("filter-1", "filter-2")
    loaded = load_rules([RuleText("x.yml", RULE), RuleText("f.yml", positive), RuleText("g.yml", elsewhere)])

    assert [str(warning).split(";")[0] for warning in loaded.warnings] == [
        "f.yml:9: the filter's condition is not a negation: rules keep only what it matches",
        "g.yml:1: the filter narrows no rule that is loaded",
    ]


@pytest.mark.parametrize(
    ("old", "new"), [("rules: [one]", "rules: 3"), ("condition: not selection", "condition: not other"), ("User:", "User|x:")]
)
def test_bad_filter_is_refused(old: str, new: str) -> None:
    """A filter that cannot be read narrows nothing and is reported."""
    loaded = load_rules([RuleText("x.yml", RULE), RuleText("f.yml", FILTER.replace(old, new))])

    assert (loaded.rejected, loaded.problems[0].path, len(loaded.ruleset.rules)) == (1, "f.yml", 1)


def test_correlations_are_set_aside_untouched() -> None:
    """Documents of one file are sorted by what they are."""
    correlation = {"title": "c", "name": "c", "correlation": {"type": "event_count", "rules": ["one"], "timespan": "5m"}}
    loaded = load_rules([RuleText("x.yml", RULE + "---\n" + yaml.safe_dump(correlation))])

    assert loaded.ruleset.correlations == (("x.yml", correlation),)
    assert [rule.id for rule in loaded.ruleset.rules] == ["one"]


MAPPING = """
name: m
priority: 10
transformations:
  - id: names
    type: field_name_mapping
    mapping:
      Image: [process.executable, process.name]
    rule_conditions:
      - type: logsource
        product: windows
"""


def test_mapping_renames_fields_by_log_source() -> None:
    """A pySigma pipeline is applied to the rules of its log source, filters of these rules too."""
    elsewhere = RULE.replace("id: one", "id: two").replace("windows", "linux")
    by_filter = FILTER.replace("User: bob", "Image|contains: temp")
    texts = [RuleText("x.yml", RULE), RuleText("y.yml", elsewhere), RuleText("f.yml", by_filter)]
    ruleset = load_rules(texts, [RuleText("m.yml", MAPPING)]).ruleset

    assert ruleset.rules[0].fields == {"process.executable", "process.name"}
    assert ruleset.rules[1].fields == {"Image"}
    assert fires_on(ruleset, {"process.name": r"c:\cmd.exe"})
    assert not fires_on(ruleset, {"process.name": r"c:\temp\cmd.exe"})


def test_mappings_apply_by_priority() -> None:
    """The lowest priority goes first, whatever the order of files."""
    second = MAPPING.replace("priority: 10", "priority: 20").replace("Image: [process.executable, process.name]", "a: b")
    first = MAPPING.replace("[process.executable, process.name]", "a")
    ruleset = load_rules([RuleText("x.yml", RULE)], [RuleText("2.yml", second), RuleText("1.yml", first)]).ruleset

    assert ruleset.fields == {"b"}


@pytest.mark.parametrize(
    "text",
    [
        MAPPING + "postprocessing: []\n",
        MAPPING.replace("field_name_mapping", "unknown"),
        "- a\n",
        "a: &a [*a, *a]\n",
        MAPPING.replace("type: logsource", "type: 3"),
        "transformations:\n  - type: command_placeholders\n    command: ls\n",
    ],
)
def test_bad_mapping_is_reported(text: str) -> None:
    """A mapping that cannot be used, or would run something, is reported; rules still load."""
    loaded = load_rules([RuleText("x.yml", RULE)], [RuleText("m.yml", text)])

    assert [problem.path for problem in loaded.problems] == ["m.yml"]
    assert len(loaded.ruleset.rules) == 1


def bomb() -> str:
    """Return a text whose aliases stand for ten thousand million values."""
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{level}: &a{level} [{','.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 10)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        bomb(),
        "a: &a [*a]\n",
        "[" * 100_000,
        "{a: " * 50_000,
        "- " * 50_000 + "a",
        "? " * 50_000 + "a",
        "".join(" " * depth + "a:\n" for depth in range(2_000)),
        "a: " + "x" * 5_000_000,
        "\0\1\2MZ",
        "a: \udcff",
        'a: "\\ud800"',
        "a: !!python/object/apply:os.system [ls]",
        "a: !!binary aGVsbG8=",
        "a: !!int x",
        f"a: {10**400}",
        "\x07",
        "%YAML 9.9\n---\na: b",
        "a: b: c",
    ],
    ids=range(18),
)
def test_hostile_text_is_refused(text: str) -> None:
    """Bombs, deep nesting, binary, giants: one problem, no crash, no memory."""
    loaded = load_rules([RuleText("x.yml", text), RuleText("y.yml", RULE)])

    assert [problem.path for problem in loaded.problems] == ["x.yml"]
    assert len(loaded.ruleset.rules) == 1


@pytest.mark.parametrize("condition", ["(" * 5_000 + "sel" + ")" * 5_000, "not " * 2_000 + "sel", "sel or " * 5_000 + "sel"])
def test_endless_condition_is_refused(load_document: Load, document: Make, condition: str) -> None:
    """A condition that would exhaust a recursive parser is refused before."""
    loaded = load_document(document({"sel": {"f": 1}, "condition": condition}))

    assert "too long or nested too deep" in str(loaded.problems[0])


def test_empty_documents_are_nothing() -> None:
    """A trailing separator or an empty file is no fault."""
    loaded = load_rules([RuleText("x.yml", RULE + "---\n"), RuleText("y.yml", ""), RuleText("z.yml", "# nothing\n")])

    assert (loaded.problems, len(loaded.ruleset.rules)) == ((), 1)
