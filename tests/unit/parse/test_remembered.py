"""Columns made once per combination of words are the columns that the expressions make line by line."""

from itertools import product

import polars as pl

from correlator.parse.formats import remembered
from correlator.parse.formats.remembered import Columns

_WORDS = ("kind", "act")
_STEPS = ({"verdict": pl.col("act").str.to_lowercase()}, {"told": pl.concat_str("kind", "verdict", ignore_nulls=True)})
_EXPRESSIONS = {
    "fixed": pl.lit("vendor"),
    "listed": pl.when(pl.col("kind") == "t").then(pl.lit(["a", "b"])),
    "said": pl.col("told"),
    "mixed": pl.coalesce(pl.when(pl.col("verdict") == "drop").then("address"), pl.col("kind")),
    "number": pl.col("port").cast(pl.Int64, strict=False),
    "never": pl.when(pl.col("act") == "no such").then(pl.lit("x")),
}
_SAID = (None, "", "t", "T", "\x1e", "\x1f", "t\x1f", "Drop", "drop", "x" * 600)


def _fields(rows: list[tuple[str | None, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict.fromkeys(("kind", "act", "address", "port"), pl.String), orient="row")


def _line_by_line(fields: pl.DataFrame) -> dict[str, list[object]]:
    for step in _STEPS:
        fields = fields.with_columns(**step)
    made = fields.with_columns(**_EXPRESSIONS).select(*_EXPRESSIONS)
    return {column.name: column.to_list() for column in made if column.null_count() < made.height}


def test_remembered_is_line_by_line() -> None:
    """Whatever words come, in whatever batches, with or without the other fields: also words that hold the separator."""
    columns = Columns(_EXPRESSIONS, _WORDS, _STEPS)
    plain = [said for said in _SAID if said is None or not {"\x1f", "x"} & set(said)]
    for said in (plain, _SAID, plain[:3], plain):
        for address, port in product((None, "192.0.2.1"), (None, "80")):
            fields = _fields([(kind, act, address, port) for kind, act in product(said, said)])
            for batch in (fields, fields[:1], fields[5:9]):
                made = columns.made(batch)
                assert {name: column.to_list() for name, column in made.items()} == _line_by_line(batch)


def test_repeated_column() -> None:
    """A name that repeats another is there when that is."""
    columns = Columns(_EXPRESSIONS, _WORDS, _STEPS, again={"twice": "number"})
    assert "twice" not in columns.made(_fields([("t", "a", None, None)]))
    assert columns.made(_fields([("t", "a", None, "7")]))["twice"].to_list() == [7]


def test_memory_is_bounded() -> None:
    """A sender that invents words fills nothing: too many at once are not kept, too many in all begin anew."""
    columns = Columns(_EXPRESSIONS, _WORDS, _STEPS)
    columns.made(_fields([(str(number), "a", None, None) for number in range(1000)]))
    assert columns._memory is None
    kept = Columns(_EXPRESSIONS, _WORDS, _STEPS)
    for batch in range(100):
        fields = _fields([(f"{batch}-{number}", "a", None, None) for number in range(50)])
        assert kept.made(fields)["said"].to_list() == [f"{batch}-{number}a" for number in range(50)]
        assert kept._memory is not None
        assert len(kept._memory.numbers) <= remembered._MOST
