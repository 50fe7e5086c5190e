"""Key=value text becomes columns, and a hostile value never becomes a column."""

import polars as pl
import pytest

from correlator.parse.formats import keyvalue


def _one(text: str, **options: object) -> dict[str, str]:
    """Return the pairs of one record that are not null."""
    row = keyvalue.pairs(pl.Series([text]), **options).to_dicts()[0]  # type: ignore[arg-type]
    return {key: value for key, value in row.items() if value is not None}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=1 b=two", {"a": "1", "b": "two"}),
        ('a="x y" b=2', {"a": "x y", "b": "2"}),
        (r'a="say \"hi\"" b=2', {"a": 'say "hi"', "b": "2"}),
        (r'a="D\user" b="C:\\dir"', {"a": r"D\user", "b": r"C:\dir"}),
        ('a= b="" c=3', {"a": "", "b": "", "c": "3"}),
        ("a=1 a=2", {"a": "2"}),
        ("net.if_name=x SCTP(i/o)=9/8 ruleN:M=1", {"net.if_name": "x", "SCTP(i/o)": "9/8", "ruleN:M": "1"}),
        ("a=b=c d=http://h/?q=1", {"a": "b=c", "d": "http://h/?q=1"}),
        ('<134>a=1 msg="cut in the mid', {"a": "1", "msg": "cut in the mid"}),
        ("187 <134>\ufeffa=1\tb=2", {"a": "1", "b": "2"}),
        ('a=x"y b=2', {"a": 'x"y', "b": "2"}),
    ],
)
def test_reads_pairs(text: str, expected: dict[str, str]) -> None:
    """Quotes, escapes, empty values, repeated keys and punctuated names are read as the senders mean them."""
    assert expected == _one(text)


@pytest.mark.parametrize(
    "text",
    ['msg="x user=evil y" a=1', r'msg="x\" user=\"evil" a=1', "url=/p?user=evil a=1", "a=1 /p?user=evil"],
)
def test_value_makes_no_key(text: str) -> None:
    """A name inside a value, quoted or not, is part of that value."""
    assert "user" not in _one(text)


def test_rows_stay_apart() -> None:
    """One row per record in the same order; an unreadable or null record is all nulls."""
    rows = keyvalue.pairs(pl.Series(["a=1", None, "noise", "b=2"])).to_dicts()
    assert rows == [{"a": "1", "b": None}, {"a": None, "b": None}, {"a": None, "b": None}, {"a": None, "b": "2"}]


def test_need_and_want() -> None:
    """Needed columns always exist and come first; wanted ones appear when met; the rest is left out."""
    found = keyvalue.pairs(pl.Series(["a=1 b=2 c=3"]), need=("z", "c"), want={"a", "y"})
    assert found.to_dicts() == [{"z": None, "c": "3", "a": "1"}]
    for lines in ([], ["noise"], ["noise", "more noise"]):
        assert keyvalue.pairs(pl.Series(lines, dtype=pl.String), need=("z",)).to_dicts() == [{"z": None}] * len(lines)


def test_commas() -> None:
    """With ``comma``, blanks belong to bare values and commas inside quotes to theirs."""
    assert _one('a=x y,b="p,q", c=3', comma=True) == {"a": "x y", "b": "p,q", "c": "3"}


def test_escapes_are_the_sources_own() -> None:
    """A source that escapes quotes only keeps its double backslashes."""
    assert _one(r'a="\\srv\share \"x\""', escapes='"') == {"a": '\\\\srv\\share "x"'}


def test_bounded() -> None:
    """Thousands of invented names neither widen the frame without limit nor push a needed column out."""
    records = pl.Series([" ".join(f"k{row}_{n}=1" for n in range(100)) + " keep=1" for row in range(50)])
    found = keyvalue.pairs(records, need=("keep",))
    assert found.width <= keyvalue.MAX_KEYS + 1
    assert found.get_column("keep").null_count() == 0
    assert keyvalue.pairs(pl.Series([" ".join(f"k{n}=1" for n in range(5000))])).width == keyvalue.MAX_PAIRS


def test_cut_records_are_known() -> None:
    """A record that ends inside a quoted value was cut by its sender."""
    records = pl.DataFrame({"text": ['a="1" b="cut', 'a="1" b="2"', "a=1"]})
    assert records.select(keyvalue.is_cut(pl.col("text"))).to_series().to_list() == [True, False, False]
