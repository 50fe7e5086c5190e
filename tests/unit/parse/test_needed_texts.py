"""Needed texts: read off a regex, of a signature or a sentence, and held by whatever the regex finds."""

from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.parse.formats.phrases import Phrase, read_phrases
from correlator.parse.needed_texts import held_texts, needed_texts
from correlator.parse.registry import find_parsers
from tests.unit.parse.test_swift_route import sample_lines, spoiled


@pytest.mark.parametrize(
    ("regex", "texts"),
    [
        (r"^(?:[Hh]ostd|vpxa(?:\[[0-9]+\])?): ", ("ostd", "vpxa")),
        (r"a long text (?:b|cc)|x(?P<user.name>.*)yz", ("a long text ", "yz")),
        (r"(?m)^(?:apache2?|httpd)(?-u:\b)", ("apache", "httpd")),
        (r"(?:one|two)?[a-z]three*", ("thre",)),
        (r"ab{2}c{0,3}d\x{feff}\t", ("ab",)),
        (r"\{\"type\"\s*:", ('{"type"',)),
        (r"(?i:folded)|plain", ()),
        (r"(?i)folded", ()),
        (r"one|[a-z]+", ()),
        (r"[[:alpha:]]xyz", ()),
        (r"\u00e9xyz", ()),
        (r"(?=xyz)", ()),
        (r"^Failed (?P<x>\w+) for (?P<user.name>.*) from (?P<ip>\S+) port [0-9]+$", ("Failed ",)),
        (r"^(?:in|out)bound connections? to", ("bound connection",)),
        (r"a|bcdef", ("a", "bcdef")),
        (r"colou?r xyz*", ("colo",)),
        (r"ab{2}cdefg", ("cdefg",)),
        (r"abc+def", ("abc",)),
        (r"\(CMD\) \x{feff}x[]a]yz", ("(CMD) ",)),
        (r"[a|b]cdef(g|h)", ("cdef",)),
        (r"^\s*$", ()),
    ],
)
def test_needed_texts(regex: str, texts: tuple[str, ...]) -> None:
    """The most telling texts of each alternative; none where one alternative needs none or is not understood."""
    assert needed_texts(regex) == texts


def test_what_signatures_say_for_speed_is_true() -> None:
    """Of samples, whole and spoiled: what a pattern finds holds its needed texts, one ``any_text`` and one ``any_of``."""
    random = Random(5)  # noqa: S311 - the same lines each time
    lines = sample_lines()
    every = pl.Series([*lines, *(spoiled(line, random) for line in lines)], dtype=pl.String).str.head(4096)
    for parser in find_parsers().values():
        signature = parser.signature
        found = every.filter(every.str.contains(signature.pattern))
        for literal in signature.literals:
            found = found.filter(found.str.contains(literal, literal=True))
        for texts in filter(None, (needed_texts(signature.pattern), signature.any_text)):
            assert found.filter(~found.str.contains_any(list(texts))).to_list() == [], (parser.name, texts)
        if signature.any_of:
            held = pl.DataFrame({"line": found}).select(
                pl.any_horizontal(pl.col("line").str.contains(regex) for regex in signature.any_of)
            )
            assert found.filter(~held.to_series()).to_list() == [], (parser.name, signature.any_of)


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
    needed = needed_texts(pattern)
    assert [text for text in matched if needed and not any(one in text for one in needed)] == []


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
