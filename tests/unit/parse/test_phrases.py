"""Phrases: the first that matches speaks, its groups are columns, what is unknown stays null."""

import polars as pl

from correlator.parse.formats.phrases import Phrase, columns_of, read_phrases

PHRASES = (
    Phrase(r"^Failed for (?P<user.name>.*) from (?P<source.ip>\S+)$", {"event.outcome": "failure", "event.type": ("start",)}),
    Phrase(r"^Failed\b", {"event.outcome": "failure"}),
    Phrase(r"^Stopped(?: (?P<user.name>\w*))?$"),
)


def read(*texts: str | None) -> list[dict[str, object]]:
    """Return what the phrases find, in the order of ``texts``."""
    messages = pl.DataFrame({"raw_row": range(len(texts)), "text": texts}, schema={"raw_row": pl.UInt32, "text": pl.String})
    rows = read_phrases(messages, PHRASES).sort("raw_row").iter_rows(named=True)
    return [{name: value for name, value in row.items() if value is not None and name != "raw_row"} for row in rows]


def test_the_first_phrase_that_matches_speaks() -> None:
    """Groups and constants of one phrase only."""
    assert read("Failed for a from b from 192.0.2.1", "Failed again") == [
        {"user.name": "a from b", "source.ip": "192.0.2.1", "event.outcome": "failure", "event.type": ["start"]},
        {"event.outcome": "failure"},
    ]


def test_what_is_not_said_is_null() -> None:
    """Unknown sentences, nulls, groups that took no part and empty groups give nothing, and keep their row."""
    assert read("hello", None, "Stopped", "Stopped ") == [{}, {}, {}, {}]


def test_no_messages() -> None:
    """No row in, no row out."""
    assert read() == []


def test_columns_of_phrases() -> None:
    """Every column a table of phrases can give."""
    assert columns_of(PHRASES) == {"user.name", "source.ip", "event.outcome", "event.type"}
