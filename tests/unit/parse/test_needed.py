"""Needed texts: what a regex cannot match without, and nothing that it can."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.parse.formats.needed import held_texts, needed_text
from correlator.parse.formats.phrases import Phrase, read_phrases


@pytest.mark.parametrize(
    ("pattern", "needed"),
    [
        (r"^Failed (?P<x>\w+) for (?P<user.name>.*) from (?P<ip>\S+) port [0-9]+$", "Failed "),
        (r"^(?:in|out)bound connections? to", "bound connection"),
        (r"a|bcdef", ""),
        (r"(?i)failed", ""),
        (r"colou?r xyz*", "colo"),
        (r"ab{2}cdefg", "cdefg"),
        (r"abc+def", "abc"),
        (r"\(CMD\) \x{feff}x[]a]yz", "(CMD) "),
        (r"[a|b]cdef(g|h)", "cdef"),
        (r"^\s*$", ""),
    ],
)
def test_needed_text(pattern: str, needed: str) -> None:
    """The longest run of plain signs outside of groups; none under an alternative or where case does not count."""
    assert needed_text(pattern) == needed


_PIECES = st.sampled_from(
    [
        "abc",
        "def",
        "x?",
        "y*",
        "z+",
        "(?:abc|ef)",
        "(gh)?",
        "[a-f]",
        r"\d",
        r"\.",
        ".",
        "q{2}",
        "r{0,1}",
        "|",
        "^",
        "$",
        " ",
        "(?:a(?:b)c)+",
    ]
)


@settings(max_examples=300, deadline=None)
@given(pieces=st.lists(_PIECES, min_size=1, max_size=6), texts=st.lists(st.text("abcdefghxyzqr. 1", max_size=14), max_size=8))
def test_whatever_matches_holds_it(pieces: list[str], texts: list[str]) -> None:
    """A text that the regex finds itself in holds what the regex is said to need."""
    pattern, column = "".join(pieces), pl.Series(texts, dtype=pl.String)
    try:
        matched = column.filter(column.str.contains(pattern))
    except pl.exceptions.ComputeError:
        return
    needed = needed_text(pattern)
    assert [text for text in matched if needed not in text] == []


def test_tables_of_phrases_read_as_one_by_one() -> None:
    """Sorting out first changes nothing: the first phrase that matches speaks, null stays null."""
    phrases = [Phrase(rf"^{word} (?P<x>\w+)$", {"y": word}) for word in ("one", "two", "three", "four", "five", "o.e")]
    texts = ["one a", "two b", "five c", "oxe d", None, "six e", "three", ""]
    rows = pl.DataFrame({"raw_row": range(8), "text": texts}, schema={"raw_row": pl.UInt32, "text": pl.String})
    table = read_phrases(rows, phrases).sort("raw_row").select("x", "y").rows()
    alone = [_alone(row, phrases) for row in rows.iter_slices(1)]
    assert table == alone == [("a", "one"), ("b", "two"), ("c", "five"), ("d", "o.e"), *[(None, None)] * 4]


def _alone(row: pl.DataFrame, phrases: list[Phrase]) -> tuple[str | None, ...]:
    for phrase in phrases:
        found = read_phrases(row, [phrase])
        if "y" in found.columns:
            return found.select("x", "y").row(0)
    return (None, None)


def test_places_are_found_in_one_search() -> None:
    """Overlapping texts, several in one line, none."""
    found = held_texts(pl.Series(["abcd", None, "bcd", "x"]), ["abc", "bcd"])
    assert {text: places.to_list() for text, places in found.items()} == {"abc": [0], "bcd": [0, 2]}
