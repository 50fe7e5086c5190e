"""A regular expression without its dispensable end is found in the same values."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from correlator.detect.trimmed import trimmed

CASES = [
    (r"-k\s\w{1,64}(?:\s?(?:-p|-s))?", r"-k\s\w"),
    (r".{1000,}", r".{1000}"),
    (r"a+", "a"),
    (r"(?i)ab(c|d)*", "(?i)ab"),
    (r"a{2}{3}", r"a{2}{3}"),
    (r"a{2}*?", r"a{2}*?"),
    (r"ab?$", r"ab?$"),
    (r"[a\]b]+?", r"[a\]b]"),
    (r"a\+", r"a\+"),
    (r"a|b?", "a|"),
    (r"(?x) a b?", r"(?x) a b?"),
    (r"\p{L}?", r"\p{L}?"),
]

_ATOMS = st.sampled_from(["a", "b", "-", ".", r"\w", r"\s", "[ab]", "[^a]", "[]a]", r"\+", "^", "$"])
_OFTEN = st.sampled_from(["", "", "", "?", "*", "+", "{2}", "{1,3}", "{0,2}", "{2,}", "??", "+?"])


def _sequence(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(st.builds(str.__add__, parts, _OFTEN), max_size=4).map("".join)


def _group(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(st.sampled_from(["(", "(?:", "(?i:"]), inner, st.sampled_from(["", "|b"])).map(lambda s: "".join(s) + ")")


PATTERNS = st.recursive(_sequence(_ATOMS), lambda inner: _sequence(st.one_of(_ATOMS, _group(inner))), max_leaves=6)


@pytest.mark.parametrize(("pattern", "shorter"), CASES)
def test_what_may_be_absent_at_the_end_is_left_out(pattern: str, shorter: str) -> None:
    """A part that need not be there is no part of the search; where that is not plain, nothing changes."""
    assert trimmed(pattern) == shorter


@given(st.builds("{}|{}".format, PATTERNS, PATTERNS) | PATTERNS, st.lists(st.text("abA- +\n", max_size=6), min_size=1))
def test_the_same_values_are_found(pattern: str, values: list[str]) -> None:
    """Whatever is left out, polars finds the shorter pattern in the values in which it finds the whole one."""
    column = pl.Series(values, dtype=pl.String)
    try:
        found = column.str.contains(pattern).to_list()
    except pl.exceptions.ComputeError:
        return  # no pattern: the loader refuses it
    assert column.str.contains(trimmed(pattern)).to_list() == found
