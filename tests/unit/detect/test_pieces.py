"""Rare pieces of keywords: whatever holds a keyword once it is lower-cased holds a piece as it is written."""

import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.detect.pieces import pieces_of
from correlator.detect.screen import merged, passes, rows_with

MIMIKATZ = frozenset({"sekurlsa::", "kerberos::ptt", "gentilkiwi.com", r"\mimilib.dll", "mimidrv.sys", "lsadump::"})
WORDS = frozenset({"sekurlsa::", "kiwi.", "x admins", "drv.sys"})


def test_pieces_are_few_and_stand_in_every_keyword() -> None:
    """A search for more than some sixty spellings would be slow, and a keyword without a piece would be missed."""
    pieces = pieces_of(MIMIKATZ)
    assert pieces is not None
    assert len(pieces) <= 60
    assert all(any(piece in text for piece in pieces) for text in MIMIKATZ)


def test_common_words_have_no_rare_piece() -> None:
    """Looking for pieces that stand in every event would be work for nothing."""
    assert pieces_of({"sekurlsa::", "ser"}) is None
    assert pieces_of({"é"}) is None


def test_only_two_signs_outside_ascii_become_ascii_letters() -> None:
    """The spellings of a letter are its two cases and these two; another Unicode may bring more."""
    signs = map(chr, (number for number in range(0x80, 0x110000) if not 0xD800 <= number < 0xE000))
    assert {sign for sign in signs if any(letter.isascii() for letter in sign.lower())} == {"\u0130", "\u212a"}


@pytest.mark.parametrize("text", sorted(WORDS))
@settings(deadline=None)
@given(before=st.text("abi\u0130k\u212a: .", max_size=3), after=st.text("abi\u0130k\u212a: .", max_size=3), data=st.data())
def test_every_spelling_of_a_keyword_passes(text: str, before: str, after: str, data: st.DataObject) -> None:
    """Upper case, lower case, the Kelvin sign for a k: what polars lower-cases to the keyword is looked at."""
    spelled = "".join(
        data.draw(st.sampled_from(sorted({sign, sign.upper(), *("\u212a" if sign == "k" else "")}))) for sign in text
    )
    column = pl.Series([before + spelled + after, "nothing", None])
    assert passes([(7, column)], WORDS).to_list() == [7]


@given(st.lists(st.text("seKuRlLSa:kKiwi. x\u0130\u212aADMInsdrv", max_size=12) | st.none(), min_size=1))
def test_what_passes_is_what_holds_a_keyword(values: list[str | None]) -> None:
    """The first look leaves nothing out and lets nothing else through."""
    pattern = "|".join(map(re.escape, WORDS))
    column = pl.Series(values, dtype=pl.String)
    holding = column.str.to_lowercase().str.contains(pattern).fill_null(value=False).arg_true()
    assert passes([(0, column)], WORDS).to_list() == holding.to_list()


def test_rows_are_told_across_columns_and_lists() -> None:
    """Columns of several parts are searched as one; each hit is told by its own row."""
    columns = [
        (0, pl.Series(["-", "a sekurlsa::logonpasswords"])),
        (0, pl.Series([["x"], ["y", None]])),
        (2, pl.Series([["MimiDRV.sys", "z"], None], dtype=pl.List(pl.String))),
        (4, pl.Series([None, "Esx Admins"])),
    ]
    assert passes(columns, WORDS | {"mimidrv.sys"}).to_list() == [1, 2, 5]


def test_sets_of_keywords_are_put_together_only_while_that_is_cheap() -> None:
    """A set with rare pieces never joins one that must be lower-cased first."""
    dear = frozenset({"a", "é"}) | MIMIKATZ
    found = merged({MIMIKATZ, WORDS, dear})
    assert found[MIMIKATZ] == found[WORDS] == MIMIKATZ | WORDS
    assert found[dear] == dear


def test_a_sigma_that_ends_a_word_is_found_among_distinct_values() -> None:
    """Lower-casing writes the last Σ of a word as ς; keywords say σ for both."""
    folded = pl.Series(["x::οδός", "x::οδ", "none"])
    rows = pl.Series([[1, 4], [2], [3]], dtype=pl.List(pl.UInt32))
    assert rows_with(folded, rows, frozenset({"x::οδόσ"})).to_list() == [1, 4]
