"""Why a rule matches an event, or not: what the author reads."""

from typing import Any

import pytest
import yaml

from correlator.detect.dissect import Dissected, dissect
from correlator.detect.explain import Explained, explain
from correlator.detect.nearness import Nearest
from correlator.detect.shape import holds, shape_of
from correlator.detect.told import as_object, tell
from correlator.errors import InputError
from correlator.model.rule import RuleText
from correlator.runtime.explaining import event_frame

WINDOWS = "windows/process_creation/"
HEAD = {"title": "t", "id": "r", "logsource": {"product": "windows", "category": "process_creation"}}


def _rule(detection: dict[str, Any], **options: Any) -> Dissected:
    text = RuleText("r.yml", yaml.safe_dump({**HEAD, "detection": {"condition": "sel", **detection}}))
    (one,) = dissect(text, **options)
    return one


def _explain(detection: dict[str, Any], event: dict[str, Any], **options: Any) -> Explained:
    return explain(_rule(detection, **options), event_frame([{"logsource": WINDOWS, **event}]))


CASES = [
    ({"Image|endswith": "\\cmd.exe"}, {"Image": "C:\\A\\CMD.exe.bak"}, "'\\cmd.exe' is in it, but not at its end"),
    ({"TargetUserName": "x"}, {"SubjectUserName": "x"}, "TargetUserName is missing; the event has SubjectUserName"),
    ({"CommandLine": "x"}, {"Commandline": "x"}, "the event has Commandline (names of fields are told apart by case)"),
    ({"CommandLine|contains": "x"}, {"process.command_line": "x"}, "the event has process.command_line"),
    ({"A|contains": [f"word{number}" for number in range(12)]}, {"A": "x"}, "none of the 12 values is in it"),
    ({"A": "administrator "}, {"A": "Administrator"}, "differs only in blanks around it"),
    ({"A|cased": "Admin"}, {"A": "admin"}, "'Admin' differs only in case"),
    ({"A": 16}, {"A": "0x10"}, "'16' is the same number, written otherwise"),
    ({"A|contains": "c:\\\\temp"}, {"A": "C:/temp"}, "differs only in its slashes or backslashes"),
    ({"A|cidr": "10.1.0.0/16"}, {"A": "10.2.0.1"}, "it is not in 10.1.0.0/16"),
    ({"A|cidr": "10.1.0.0/16"}, {"A": "web1"}, "'web1' is no address"),
    ({"A|gt": 5}, {"A": "many"}, "wanted above 5, and this is no number"),
    ({"A|re": "^b"}, {"A": "abc"}, "A is 'abc'; wanted: matches '^b'"),
    ({"A": None}, {"A": ""}, "wanted: no value (an empty text is a value)"),
    ({"A|exists": True}, {"B": "x"}, "A has no value, wanted: any"),
    ({"A|fieldref": "B"}, {"A": "x", "B": "y"}, "wanted the same as B ('y')"),
    ({"A|neq": "x"}, {"A": "x"}, "A is 'x', which must not be"),
    ({"A|contains": "Invoke-Mimikatz"}, {"A": "invoke-mimi"}, "of which 'Invoke-Mimi' is there"),
    (["whoami"], {"A": "x"}, "no value of the event contains 'whoami'"),
    ([{"A": "x", "B": "y"}, {"C": "z"}], {"A": "x", "B": "n"}, "none of 2 alternatives, the nearest: B is 'n'; wanted: is 'y'"),
]


@pytest.mark.parametrize(("selection", "event", "said"), CASES)
def test_it_says_what_is_there_what_was_asked_and_what_comes_near(selection: Any, event: dict[str, Any], said: str) -> None:
    """A selection that fails is told with the event's value and the nearest miss, in the author's own spelling."""
    found = _explain({"sel": selection}, event)

    assert not found.matches
    assert len(found.reasons) == 1
    assert said in found.reasons[0]


def test_the_log_source_comes_first() -> None:
    """A rule that never looks at such events says so before anything else."""
    found = _explain({"sel": {"A": "x"}}, {"A": "y", "logsource": "linux//sshd linux//auth"})

    assert not found.fits
    assert found.reasons[0] == (
        "this event feeds linux, service sshd and linux, service auth; the rule wants windows/process_creation, "
        "so it never looks at it"
    )
    assert found.reasons[1].startswith("sel: A is 'y'")


def test_a_match_says_which_value() -> None:
    """Of many values, the one that is there is named, as the author spelt it."""
    found = _explain({"sel": {"A|contains": ["Alpha", "BETA", "gamma"]}}, {"A": "the beta version"})

    assert found.matches
    assert found.reasons == ()
    assert found.sections[0].selections["sel"].parts[0].said == ("A is 'the beta version': contains 'BETA'",)


def test_a_match_says_which_of_thousands_of_values() -> None:
    """A list of hashes: the one that is there."""
    hashes = [f"{number:032x}" for number in range(3_000)]
    found = _explain({"sel": {"Hashes|contains": hashes}}, {"Hashes": f"MD5={2_718:032x}"})

    assert found.sections[0].selections["sel"].parts[0].said == (f"Hashes is 'MD5={2_718:032x}': contains '{2_718:032x}'",)


def test_an_exclusion_is_told_by_what_it_found() -> None:
    """`not 1 of filter_*`: the filter that is true, and why."""
    detection = {
        "sel": {"A": "x"},
        "filter_a": {"B": "1"},
        "filter_b": {"B": "2"},
        "condition": "sel and not 1 of filter_*",
    }
    found = _explain(detection, {"A": "x", "B": "2"})

    assert found.reasons == ("filter_b excludes it: B is '2'",)


def test_a_sigma_filter_is_a_section_of_its_own() -> None:
    """What a filter file excludes is told with its title; the rule's own selections stay true."""
    narrowing = {
        "title": "The scanner", "id": "f", "logsource": {"product": "windows"},
        "filter": {"rules": ["r"], "known": {"B": "scan"}, "condition": "not known"},
    }  # fmt: skip
    found = _explain({"sel": {"A": "x"}}, {"A": "x", "B": "scan"}, filters=[RuleText("f.yml", yaml.safe_dump(narrowing))])

    assert not found.matches
    assert [section.true for section in found.sections] == [True, False]
    assert found.reasons == ("filter 'The scanner': known excludes it: B is 'scan'",)


def test_mappings_and_placeholders_are_told() -> None:
    """A renamed field, a condition that a mapping adds, and what a placeholder stands for."""
    mapping = {
        "name": "m", "priority": 10,
        "transformations": [
            {"id": "f", "type": "field_name_mapping", "mapping": {"A": "renamed.a"}},
            {"id": "c", "type": "add_condition", "conditions": {"EventID": 1}},
        ],
    }  # fmt: skip
    found = _explain(
        {"sel": {"A|expand": "%admins%"}},
        {"renamed.a": "eve", "EventID": "4"},
        mappings=[RuleText("m.yml", yaml.safe_dump(mapping))],
        placeholders={"admins": ("ana", "bob")},
    )

    assert found.renamed == (("A", "renamed.a"),)
    assert found.placeholders == (("admins", ("ana", "bob")),)
    assert found.reasons == (
        "a mapping asks more: EventID is '4'; wanted: is '1'",
        "sel: renamed.a is 'eve'; wanted: is 'ana' or is 'bob'".replace("or is", "or"),
    )


def test_it_is_told_to_people_and_to_programs() -> None:
    """The text follows the condition as it is written; the object holds the same and is plain."""
    detection = {"a": {"A": "x"}, "b": {"B": "y"}, "condition": "a and (b or not a)"}
    found = _explain(detection, {"A": "x", "B": "n"})
    lines = list(tell(found, "here"))

    assert lines[:2] == ["does not match: t (medium)", "rule        r.yml:1"]
    tree = lines[lines.index("condition: a and (b or not a)") + 1 :]
    assert tree == [
        "  no  all of",
        "    yes a",
        "      yes A is 'x'",
        "    no  one of",
        "      no  b",
        "        no  B is 'n'; wanted: is 'y'",
        "      no  not",
        "        yes a (see above)",
    ]
    told = as_object(found)
    assert (told["matches"], told["tree"]["joint"], told["selections"]["b"]["true"]) == (False, "and", False)


def test_the_tree_means_what_the_condition_means() -> None:
    """Operators bind as Sigma says: not, and, or; selectors stand for the names that fit, hidden ones apart."""
    names = ["a", "b", "_c", "notable"]
    for condition, true in (
        ("a or b and notable", True),
        ("(a or b) and notable", False),
        ("not notable and a", True),
        ("1 of them", True),
        ("all of them", False),
        ("any of _*", False),
        ("not 1 of n*", True),
    ):
        truths = {"a": True, "b": False, "_c": False, "notable": False}
        assert holds(shape_of([condition], names), truths) is true, condition


def test_a_rule_that_does_not_load_says_why() -> None:
    """The loader's own words, with path and line."""
    with pytest.raises(InputError, match="unknown modifier 'contians'"):
        _rule({"sel": {"A|contians": "x"}})


def test_the_nearest_event_is_the_one_that_fails_least() -> None:
    """Among events of the right log source, the one with most items true; one of another source comes last."""
    rule = _rule({"sel": {"A": "1", "B": "2", "C": "3"}})
    nearest = Nearest(rule, keep=2)
    events = [{"A": "1"}, {"A": "1", "B": "2"}, {"B": "2"}]
    nearest.take([event_frame([{"logsource": WINDOWS, **event} for event in events])])
    nearest.take([event_frame([{"logsource": "linux//sshd", "A": "1", "B": "2", "C": "3"}])])

    assert (nearest.looked_at, nearest.fitting) == (4, 3)
    assert nearest.found[0].event.select("A", "B").row(0) == ("1", "2")
    assert [one.matches for one in nearest.found] == [False, False]
