"""Which rules see which events, over frames as parsers give them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from correlator.detect import engine
from correlator.detect.describe import describe
from correlator.detect.engine import detect
from correlator.detect.plan import RuleSet
from correlator.detect.reference import reference
from correlator.detect.report import Loaded
from correlator.model.detection import MATCH

Load = Callable[..., Loaded]
Make = Callable[..., dict[str, Any]]


@pytest.fixture
def load_ruleset(load_document: Load) -> Callable[..., RuleSet]:
    """Return a function that loads documents that must all be good."""

    def load(*documents: dict[str, Any]) -> RuleSet:
        loaded = load_document(*documents)
        assert loaded.problems == ()
        return loaded.ruleset

    return load


LoadSet = Callable[..., RuleSet]


def test_rule_sees_the_events_of_its_log_source(load_ruleset: LoadSet, document: Make) -> None:
    """A rule says as much of the log source as it likes; an event may feed several; case does not matter."""
    sources = [{"product": "windows"}, {"category": "process_creation"}, {"product": "windows", "service": "security"}]
    ruleset = load_ruleset(*(document({"sel": {"f": 1}}, id=f"r{n}", logsource=source) for n, source in enumerate(sources)))
    texts = ["windows//sysmon", "Windows/process_creation/ windows//Security", "linux/process_creation/", "", None]
    events = pl.DataFrame({"logsource": texts, "f": ["1"] * 5})

    assert detect(ruleset, [events]).rows() == [(0, 0, 0), (0, 0, 1), (1, 0, 1), (2, 0, 1), (1, 0, 2)]
    assert detect(ruleset, [events], any_logsource=True).height == 15


def test_columns_of_every_dtype(load_ruleset: LoadSet, document: Make) -> None:
    """Integers compare as decimal text, times as RFC 3339 in UTC, lists member by member."""
    selection = {"i": 7, "s": 7, "l": "b", "@timestamp|hour": 22, "b": True, "x|gt": 1}
    ruleset = load_ruleset(document({"sel": selection}))
    events = pl.DataFrame(
        {
            "logsource": ["p//"],
            "i": pl.Series([7], dtype=pl.Int8),
            "s": pl.Series([7], dtype=pl.Int64),
            "l": [["a", "b"]],
            "@timestamp": pl.Series([datetime(2026, 3, 6, 22, 10, tzinfo=UTC)], dtype=pl.Datetime("us", "UTC")),
            "b": [True],
            "x": [1.5],
        }
    )

    assert detect(ruleset, [events]).height == 1


def test_text_of_a_field_may_be_a_list_elsewhere(load_ruleset: LoadSet, document: Make) -> None:
    """Frames of one log source that disagree on list or text are evaluated together all the same."""
    ruleset = load_ruleset(document({"sel": {"f": "x"}, "no": {"g|contains": "y"}, "condition": "sel and not no"}))
    frames = [
        pl.DataFrame({"logsource": ["p//"], "f": ["x"], "g": ["n"]}),
        pl.DataFrame({"logsource": ["p//"], "f": [["a", "x"]]}),
        pl.DataFrame({"logsource": ["p//", "p//"], "f": ["x", None], "g": [["yy"], None]}),
        pl.DataFrame({"logsource": ["p//"], "h": ["x"]}),
    ]

    assert detect(ruleset, frames).select("frame", "row").rows() == [(0, 0), (1, 0)]


def test_null_and_exists(load_ruleset: LoadSet, document: Make) -> None:
    """A column of nulls is no value; ``event.null_fields`` tells JSON null from absence."""
    ruleset = load_ruleset(
        document({"sel": {"f": None}}, id="null"),
        document({"sel": {"f|exists": True}}, id="there"),
        document({"sel": {"f|exists": False}}, id="absent"),
    )
    events = pl.DataFrame({"logsource": ["p//"] * 3, "f": [None, None, ""], "event.null_fields": [["f"], None, None]})
    bare = pl.DataFrame({"logsource": ["p//"], "g": ["1"]})

    assert detect(ruleset, [events, bare]).rows() == [
        (0, 0, 0),
        (1, 0, 0),
        (0, 0, 1),
        (2, 0, 1),
        (1, 0, 2),
        (0, 1, 0),
        (2, 1, 0),
    ]


def test_keywords_search_what_the_event_says(load_ruleset: LoadSet, document: Make) -> None:
    """Own and ECS columns are searched, lists and numbers too; reserved columns are not."""
    ruleset = load_ruleset(document({"sel": ["needle", 4242]}))
    columns: dict[str, list[Any]] = {
        "message": ["a Needle", None, None, None],
        "l": [None, ["x", "needles"], None, None],
        "source.port": [None, None, 4242, None],
        "event.original": [None, None, None, "needle"],
    }
    events = pl.DataFrame({"logsource": ["p//"] * 4, **columns}, schema_overrides={"l": pl.List(pl.String)})

    assert detect(ruleset, [events]).get_column("row").to_list() == [0, 1, 2]


def test_the_same_rules_in_another_order(load_ruleset: LoadSet, document: Make) -> None:
    """A set whose files were renamed numbers the same rules otherwise: what was made for one is not taken for the other."""
    documents = [document({"sel": {"f": value}}, id=value, title=f"Title {value}") for value in ("a", "b")]
    events = pl.DataFrame({"logsource": ["p//"], "f": ["b"]})

    for order in (documents, documents[::-1]):
        ruleset = load_ruleset(*order)
        matches = detect(ruleset, [events])
        assert [ruleset.rules[rule].id for rule in matches.get_column("rule")] == ["b"]
        assert describe(ruleset, [events], matches).get_column("rule.title").to_list() == ["Title b"]


def test_chunks_bound_memory_and_change_nothing(load_ruleset: LoadSet, document: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any chunk size finds the same rows."""
    ruleset = load_ruleset(document({"sel": {"f|endswith": "7"}}), document({"sel": ["13"]}, id="k"))
    frames = [
        pl.DataFrame({"logsource": ["p//"] * 50, "f": [str(n) for n in range(start, start + 50)]}) for start in (0, 50, 100)
    ]
    whole = detect(ruleset, frames)
    monkeypatch.setattr(engine, "CHUNK_ROWS", 7)

    assert detect(ruleset, frames).equals(whole)
    assert whole.height == 15 + 12


def test_a_keyword_that_ends_in_sigma_is_found_in_a_field_that_other_rules_search(
    load_ruleset: LoadSet, document: Make
) -> None:
    """Lower-casing writes the last Σ of a word as ς, in the values of that field too."""
    ruleset = load_ruleset(document({"sel": ["x::ΟΔΌΣ"]}, id="k"), document({"sel": {"f|contains": "other"}}, id="f"))
    events = pl.DataFrame({"logsource": ["p//"] * 3, "f": ["x::ΟΔΌΣ", "ax::οδόσ.", "x::οδ"]})

    assert detect(ruleset, [events]).get_column("row").to_list() == [0, 1]
    assert detect(ruleset, [events]).equals(reference(ruleset, [events]))


def test_nothing_gives_an_empty_frame(load_ruleset: LoadSet, document: Make) -> None:
    """No frames, empty frames, no rules, no log source: no match, right schema."""
    ruleset = load_ruleset(document({"sel": {"f": 1}}))
    empty = pl.DataFrame(schema={"logsource": pl.String, "f": pl.String})
    full = pl.DataFrame({"logsource": ["p//"], "f": ["1"]})

    found = [
        detect(ruleset, []),
        detect(ruleset, [empty]),
        detect(RuleSet(), [full]),
        detect(ruleset, [full.drop("logsource")]),
    ]
    assert [frame.schema for frame in found] == [MATCH] * 4
    assert [frame.height for frame in found] == [0] * 4


def test_witnesses_change_no_verdict(load_ruleset: LoadSet, document: Make) -> None:
    """With the search for witnesses, every kind of leaf finds what the reference finds without it."""
    selections: list[Any] = [
        {"f": ["abc", "zz"]}, {"f|contains": ["b", "q"]}, {"f|startswith": "A"}, {"f|endswith|cased": "C"}, {"f": "a*c"},
        {"f": "?bc"}, {"f": "???"}, {"f|re": "^A"}, {"f|windash": "-a -b -c"}, {"f|neq": "abc"}, {"g|contains": "x"}, {"f": ""},
        ["bc"], ["a*c"], {"l": ["q", "ΟΣ"]}, {"f|contains": "-"},
    ]  # fmt: skip
    ruleset = load_ruleset(*(document({"sel": selection}, id=f"r{n}") for n, selection in enumerate(selections)))
    events = pl.DataFrame(
        {
            "logsource": ["p//"] * 5,
            "f": ["abC", "ABC", "/a –b -c", "", None],
            "l": pl.Series([["x"], ["οσ"], [], None, ["ος", "y"]], dtype=pl.List(pl.String)),
        }
    )
    exact = reference(ruleset, [events])

    assert detect(ruleset, [events]).equals(exact)
    assert set(exact.get_column("rule")) == set(range(16)) - {10}


def test_thousands_of_values_are_planned_at_once(load_ruleset: LoadSet, document: Make) -> None:
    """A selection of thousands of values in every operator is one flat expression: nothing recurses over values."""
    values = [f"value-{number}" for number in range(3_000)]
    keys = ("f", "f|contains", "f|startswith", "f|endswith")
    selection = [{key: values} for key in keys] + [{"f": [f"{value}*x" for value in values]}]
    ruleset = load_ruleset(document({"sel": selection}))
    events = pl.DataFrame({"logsource": ["p//"] * 3, "f": ["value-2999", "value-12 x", "other"]})

    assert detect(ruleset, [events]).get_column("row").to_list() == [0, 1]


def test_what_is_left_to_ask_is_in_no_column(load_ruleset: LoadSet, document: Make) -> None:
    """A few candidates of a frame, and the exclusion names a field that the frame does not have."""
    body = {"sel": {"f": "needle"}, "out_1": {"g|contains": "x"}, "out_2": {"g": None}, "condition": "sel and not 1 of out_*"}
    ruleset = load_ruleset(document(body))
    events = pl.DataFrame({"logsource": ["p//"] * 3, "f": ["hay", "needle", "hay"]})

    assert detect(ruleset, [events]).rows() == reference(ruleset, [events]).rows() == []
