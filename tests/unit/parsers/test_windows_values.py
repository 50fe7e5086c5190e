"""What is worked out of single texts is what polars, which the other parsers use, makes of them."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.parse.columns import list_column, text_column
from parsers.windows_eventlog.values import Known, integer, unsigned

UNHURRIED = settings(deadline=None, max_examples=200)  # the machine is shared
DIGITS = st.text("0123456789abcdefxX+- \u00a0\x1c_", max_size=20)


@UNHURRIED
@given(DIGITS)
def test_numbers_are_those_that_polars_reads(text: str) -> None:
    """Signs, blanks, hexadecimal, too many digits: the same number, or none."""
    bare = pl.lit(text).str.strip_chars()
    from_hex = bare.str.strip_prefix("0x").str.to_integer(base=16, strict=False, dtype=pl.Int64)
    read = pl.when(bare.str.starts_with("0x")).then(from_hex).otherwise(bare.cast(pl.Int64, strict=False))
    assert integer(text) == pl.select(read).item()
    bits = pl.lit(text).str.strip_prefix("0x").str.to_integer(base=16, strict=False, dtype=pl.UInt64)
    assert unsigned(text) == pl.select(bits).item()


def test_a_text_column_is_the_one_of_polars() -> None:
    """However the column is made, it is the column that polars makes."""
    texts = ["", "é", None, "a" * 40, "\U0001f600"]
    assert text_column("name", texts).equals(pl.Series("name", texts, dtype=pl.String), check_names=True, check_dtypes=True)


def test_a_column_of_lists_is_the_one_of_polars() -> None:
    """Empty lists, nulls in them and nulls instead of them too."""
    lists = [["a", None], [], None, ['"é\\n', "\U0001f600"]]
    made = list_column("name", lists)
    assert made.equals(pl.Series("name", lists, dtype=pl.List(pl.String)), check_names=True, check_dtypes=True)
    assert list_column("name", [None]).to_list() == [None]


def test_what_is_remembered_of_texts_is_bounded() -> None:
    """Texts that never come again, and long ones, fill no memory."""
    known = Known(str.lower)
    assert [known[f"A{number}"] for number in range(20_000)][-1] == "a19999"
    assert len(known) <= 8192
    assert known["A" * 5000] == "a" * 5000
    assert "A" * 5000 not in known
