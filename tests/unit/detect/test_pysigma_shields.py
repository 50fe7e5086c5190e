"""Where pySigma 1.5 or 2.x departs from the specification, one fault a test: whichever line is installed, we do not.

The same file runs under both lines (`.ci/pysigma2`).
"""

from base64 import b64encode
from typing import Any

import pytest

from correlator.correlate.load import load_correlations
from correlator.correlate.rule import CorrelationRule
from correlator.detect.engine import detect
from correlator.detect.flatten import flatten, frame_of
from correlator.detect.load import load_rules
from correlator.detect.plan import Leaf, Node, RuleSet
from correlator.model.rule import RuleText

RULE = "title: t\nlogsource: {{product: any}}\ndetection:\n  {name}:\n    {item}\n  condition: {condition}\n"


def ruleset(item: str, *, name: str = "sel", condition: str = "sel") -> RuleSet:
    """Return the rule set of one rule with one item."""
    loaded = load_rules([RuleText("x.yml", RULE.format(item=item, name=name, condition=condition))])
    assert loaded.problems == ()
    return loaded.ruleset


def meaning(item: str) -> Node:
    """Return what one item means."""
    return ruleset(item).rules[0].condition


def refusal(item: str, condition: str = "sel") -> str:
    """Return why a rule with one item is refused."""
    (problem,) = load_rules([RuleText("x.yml", RULE.format(item=item, name="sel", condition=condition))]).problems
    return str(problem)


def rows_found(rules: RuleSet, *values: object) -> list[int]:
    """Return the rows in which field ``f`` holds what the rule looks for."""
    events = frame_of([flatten({"f": value}) for value in values], [""] * len(values), rules.fields, keywords=rules.keywords)
    return sorted(detect(rules, [events], any_logsource=True, reserved=frozenset())["row"])


def correlation(body: dict[str, Any], **head: object) -> CorrelationRule:
    """Return a correlation of two rules."""
    document = {"title": "c", "correlation": {"type": "event_count", "rules": ["a"], "timespan": "5m", **body}, **head}
    (found,), problems = load_correlations([("c.yml", document)], {"a": "a"})
    assert problems == ()
    return found


def test_decimals_of_a_bound_are_kept() -> None:
    """1.5.1 cuts 1.5 to 1."""
    assert meaning("f|gt: 1.5") == Leaf("f", "gt", (1.5,))
    assert rows_found(ruleset("f|gt: 1.5"), "1.4", "1.6", 1.5, 2) == [1, 3]


def test_decimals_of_a_correlations_bound_are_kept() -> None:
    """1.5.1 cuts them there as well: 2.5 would fire at the second event."""
    condition = correlation({"condition": {"gte": 2.5}}).condition

    assert condition.bounds == (("gte", 2.5),)
    assert [count for count in (1, 2, 3) if condition.holds(count)] == [3]
    assert condition.least == 3


def test_a_correlation_may_have_two_bounds() -> None:
    """Both lines refuse ``gt: 100, lte: 200``."""
    condition = correlation({"condition": {"gt": 1, "lte": 3}}).condition

    assert [count for count in range(6) if condition.holds(count)] == [2, 3]


@pytest.mark.parametrize("inside", [True, False])
def test_generate_is_read_inside_and_outside(inside: bool) -> None:  # noqa: FBT001 - both places
    """The specification shows it inside ``correlation``, the schema outside; pySigma reads one of them."""
    if inside:
        assert correlation({"condition": {"gte": 2}, "generate": True}).generate is True
    else:
        assert correlation({"condition": {"gte": 2}}, generate=True).generate is True
    assert correlation({"condition": {"gte": 2}}).generate is False


def test_utf16_writes_its_own_mark() -> None:
    """1.5.1 writes the byte order mark of UTF-8."""
    encoded = b64encode(b"\xff\xfe" + "cmd".encode("utf-16-le")).decode()

    assert encoded == "//5jAG0AZAA="
    assert meaning("f|utf16|base64|cased: cmd") == Leaf("f", "equals", (encoded,), cased=True)


def test_utf16le_is_wide() -> None:
    """Both lines say "Unknown modifier"."""
    assert meaning("f|utf16le|base64: cmd") == meaning("f|wide|base64: cmd") == Leaf("f", "equals", ("ywbtagqa",))


def test_base64offset_counts_bytes() -> None:
    """1.5.1 counts characters, and makes variants that match everything."""
    found = ruleset("f|base64offset|contains: été")
    (leaf,) = [found.rules[0].condition]
    assert isinstance(leaf, Leaf)
    hidden = [b64encode(b"x" * shift + "été".encode() + b"yz").decode() for shift in range(3)]

    assert leaf.operator == "contains"
    assert len(leaf.values) == 3
    assert min(len(str(value)) for value in leaf.values) >= 4
    assert rows_found(found, *hidden, b64encode(b"etc").decode()) == [0, 1, 2]


def test_base64offset_of_one_character_never_matches_everything() -> None:
    """Nothing of one byte is stable at two of the three positions; nothing is not a variant."""
    assert rows_found(ruleset("f|base64offset|contains: a"), "????", b64encode(b"a??").decode()) == [1]
    assert "nothing of it is left to look for" in refusal("f|base64offset|contains: ''")


def test_alternatives_of_a_regular_expression_stay_whole() -> None:
    """1.5.1 makes ``.*a|b.*`` of ``a|b``; tied to a start it would be ``^a|b``."""
    assert meaning("f|re|contains: 'a|b'") == Leaf("f", "regex", ("a|b",))
    assert rows_found(ruleset("f|re|startswith: 'a|b'"), "ax", "bx", "xb") == [0, 1]
    assert rows_found(ruleset("f|re|endswith: 'a|b'"), "xa", "xb", "bx") == [0, 1]


@pytest.mark.parametrize("name", ["notsel", "and_so", "orsel", "not_a", "allof", "of"])
def test_names_that_begin_like_operators(name: str) -> None:
    """1.5.1 reads ``notsel`` as ``not sel``."""
    assert rows_found(ruleset("f: x", name=name, condition=name), "x", "y") == [0]
    assert rows_found(ruleset("f: x", name=name, condition=f"not {name}"), "x", "y") == [1]


def test_a_selector_without_selection_is_told() -> None:
    """1.5.1 fails with AttributeError."""
    assert refusal("f: x", "sel and not 1 of filter*") == ("x.yml:6: no detection fits 'filter*' in the condition; one of sel")


def test_many_dashes_do_not_explode() -> None:
    """1.5.1 makes 5ⁿ texts of n dashes; 2.x refuses more than three."""
    found = ruleset("f|windash|contains: ' -a -b -c -d -e -f -g -h'")
    (leaf,) = [found.rules[0].condition]
    assert isinstance(leaf, Leaf)

    assert len(leaf.values) == 1
    assert rows_found(found, "x /a –b —c ―d -e /f -g -h", "x /a b —c ―d -e /f -g -h", "x -a-b -c -d -e -f -g -h") == [0]


def test_a_percent_sign_can_be_escaped() -> None:
    r"""2.0.1 leaves ``\%`` and takes the wrong text for the placeholder."""
    values = {"name": ("z",)}
    text = RULE.format(item=r"f|expand: '\%plain%name%'", name="sel", condition="sel")
    (rule,) = load_rules([RuleText("x.yml", text)], placeholders=values).ruleset.rules

    assert rule.condition == Leaf("f", "equals", ("%plainz",))


def test_parts_of_a_time_are_compared() -> None:
    """Both lines hide the part of the time inside the comparison's number."""
    assert meaning("f|hour|gte: 22") == Leaf("f", "gte", (22.0,), part="hour")
    assert rows_found(ruleset("f|hour|gte: 22"), "2026-11-22T21:59:00Z", "2026-11-22T22:00:00Z", "23") == [1]


def test_null_in_a_list_is_refused() -> None:
    """Both lines take it; the specification forbids it."""
    assert refusal("f: ['', null]") == "x.yml:5: null stands in a list of values; null alone, in a selection of its own"


def test_a_number_may_be_looked_for_inside_a_text() -> None:
    """``contains: 445`` is a type error in both lines."""
    assert meaning("f|contains: 445") == Leaf("f", "contains", ("445",))
    assert meaning("f|endswith: [1.5, ':8080']") == Leaf("f", "endswith", ("1.5", ":8080"))


@pytest.mark.parametrize(("written", "content"), [(r"a\*b", "a*b"), (r"a\?", "a?"), (r"C:\x\\*"[:-1], "C:\\x\\")])
def test_escaped_wildcards_are_encoded_as_themselves(written: str, content: str) -> None:
    r"""1.5.1 encodes the backslash of ``\*`` too."""
    assert meaning(f"f|base64|cased: '{written}'") == Leaf("f", "equals", (b64encode(content.encode()).decode(),), cased=True)


def test_wildcards_cannot_be_encoded() -> None:
    """A wildcard inside an encoded value is refused, not encoded as a star."""
    assert "an encoded value cannot hold wildcards" in refusal("f|base64: 'a*b'")
