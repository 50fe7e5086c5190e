r"""CSV records are read one by one under their own header."""

import polars as pl
import pytest

from correlator.parse.formats import csv


def _one(text: str, **options: object) -> dict[str, object]:
    """Return the columns of one record."""
    return csv.read(pl.Series([text]), **options).to_dicts()[0]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,2", {"a": "1", "b": "2", "csv.field_count": 2}),
        ('a;b\n"x;y";"say ""hi"""', {"a": "x;y", "b": 'say "hi"', "csv.field_count": 2}),
        ("a\tb\n1\t2\r", {"a": "1", "b": "2", "csv.field_count": 2}),
        ("a;b;c\n;;", {"a": "", "b": "", "c": "", "csv.field_count": 3}),
        ("a;b;c\n1", {"a": "1", "b": None, "c": None, "csv.field_count": 1}),
        ("a;b\n1;2;3", {"a": "1", "b": "2", "csv.field_count": 3}),
        ("\ufeffdate;date;\n1;2;3", {"date": "1", "date_2": "2", "column_3": "3", "csv.field_count": 3}),
        ('a;b\n"open;2', {"a": "open;2", "b": None, "csv.field_count": 1}),
        ('a,b\nline,"two\nlines"', {"a": "line", "b": "two\nlines", "csv.field_count": 2}),
    ],
)
def test_reads_under_header(text: str, expected: dict[str, object]) -> None:
    """Separator, quotes, empty, missing and surplus fields come out as the sender wrote them."""
    assert expected == _one(text)


def test_given_columns() -> None:
    """Without header line the caller names the columns."""
    assert _one("1,2", columns=["x", "y"]) == {"x": "1", "y": "2", "csv.field_count": 2}


def test_headers_do_not_mix() -> None:
    """Records of several headers come back in their order, each with its own columns; no header is no field."""
    rows = csv.read(pl.Series(["a,b\n1,2", "c;d\n3;4", "lonely", "a,b\n5,6"]))
    assert rows.get_column("a").to_list() == ["1", None, None, "5"]
    assert rows.get_column("d").to_list() == [None, "4", None, None]
    assert rows.get_column("csv.field_count").to_list() == [2, 2, 0, 2]
    assert csv.read(pl.Series(["lonely"])).columns == [csv.FIELD_COUNT]
