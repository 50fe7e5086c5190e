"""JSON objects as flat events."""

from typing import Any

import polars as pl
import pytest

from correlator.detect.flatten import EVERYTHING, flatten, frame_of


@pytest.mark.parametrize(
    ("event", "fields", "nulls", "hidden"),
    [
        ({"a": {"b": 1}, "a.b": 2}, {"a": [], "a.b": "2"}, [], ["1"]),
        ({"a.b": {"c": 1}, "a": {"b": {"c": 2}}}, {"a": [], "a.b": [], "a.b.c": "1"}, [], ["2"]),
        ({"a": [{"b": "y"}, {"b": "x"}, "z", None]}, {"a.b": ["y", "x"], "a": ["z"]}, [], []),
        ({"a": [[1, 2], 3], "e": [], "o": {}}, {"a": ["1", "2", "3"], "e": [], "o": []}, [], []),
        ({"a": None, "b": {"c": None}}, {"b": []}, ["a", "b.c"], []),
        ({"a": {"b": 1}, "a.b": None}, {"a": []}, ["a.b"], ["1"]),
        ({"t": True, "n": 1.50, "i": -7}, {"t": "true", "n": "1.5", "i": "-7"}, [], []),
    ],
)
def test_flatten(event: dict[str, Any], fields: dict[str, Any], nulls: list[str], hidden: list[str]) -> None:
    """Flat names win over nested ones, arrays of objects become lists, null is told apart, no value is lost."""
    flat = flatten(event)

    assert (flat.fields, flat.nulls, flat.hidden) == (fields, nulls, hidden)


def test_deep_objects_stay_text() -> None:
    """Nesting beyond any real log ends as JSON text, without recursion."""
    event: dict[str, Any] = {}
    for _ in range(300):
        event = {"a": event}
    flat = flatten(event | {"x": 1})
    texts = [value for value in flat.fields.values() if value != []]

    assert len(texts) == 2
    assert all(isinstance(value, str) for value in texts)


def test_frame_holds_what_rules_read() -> None:
    """Only asked fields become columns, lists where some value is one; keywords get every value; own names never clash."""
    events = [flatten({"f": "x", "logsource": "q", "other": 1}), flatten({"f": ["y"], "g": None})]
    frame = frame_of(events, ["p//", ""], frozenset({"f", "g", "logsource"}), keywords=True)

    assert frame.get_column("f").to_list() == [["x"], ["y"]]
    assert frame.get_column("logsource").to_list() == ["p//", ""]
    assert frame.get_column("event.null_fields").to_list() == [[], ["g"]]
    assert frame.get_column(EVERYTHING).to_list() == [["x", "q", "1"], ["y"]]
    assert frame_of([], [], frozenset({"f"}), keywords=False).schema["logsource"] == pl.String
