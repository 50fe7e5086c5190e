"""JSON text as columns: nothing is rounded, reordered or guessed; a bad record costs itself."""

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.parse.formats.json import MAX_DEPTH, MAX_NAMES, Shape, dumps, flatten, loads, read


def _flat(text: str, **options: Any) -> dict[str, Any]:
    flat = flatten(pl.Series([text]), **options)
    assert flat.reasons.to_list() == [None]
    return {name: value for name, value in flat.columns.row(0, named=True).items() if value is not None}


def _reason(text: str) -> str | None:
    return flatten(pl.Series([text])).reasons.to_list()[0]


def test_objects_give_dotted_names_and_their_text() -> None:
    """Rules test members as well as the whole object."""
    assert _flat('{"a": {"b": "x", "c": {"d": true}}}') == {
        "a": '{"b":"x","c":{"d":true}}',
        "a.b": "x",
        "a.c": '{"d":true}',
        "a.c.d": "true",
    }


@pytest.mark.parametrize("number", ["1.50", "12345678901234567890123", "1e400", "-0", "0.1e-7", "1732270000.123456"])
def test_numbers_are_text_as_written(number: str) -> None:
    """Neither digits nor trailing zeros are lost, at the top and below."""
    assert _flat(f'{{"a": {number}, "b": {{"c": {number}}}, "d": [{number}]}}') == {
        "a": number,
        "b": f'{{"c":{number}}}',
        "b.c": number,
        "d": [number],
    }


def test_arrays_of_scalars_are_lists() -> None:
    """Nulls inside are no values; an empty array is none either."""
    assert _flat('{"a": ["x", 1, null, false], "b": []}') == {"a": ["x", "1", "false"]}


def test_arrays_of_objects_give_text_and_lists_of_members() -> None:
    """Each name below lists what all members say."""
    assert _flat('{"a": [{"b": 1, "c": [2, 3]}, {"b": "x"}, 4]}') == {
        "a": '[{"b":1,"c":[2,3]},{"b":"x"},4]',
        "a.b": ["1", "x"],
        "a.c": ["2", "3"],
    }


def test_lists_of_pairs_are_fields() -> None:
    """``[{Name, Value}]`` becomes one field per name; what is no pair is left in the text."""
    shape = Shape(pairs={"p": ("Name", "New", "Old")})
    text = '{"p": [{"Name": "To", "New": "x", "Old": ""}, {"Name": "Name", "New": {"k": 1}}, {"New": "y"}, 3]}'
    found = _flat(text, shape=shape)
    assert {name: value for name, value in found.items() if name != "p"} == {"p.To": "x", "p.To.Old": "", "p.Name": '{"k":1}'}


def test_whole_arrays_stay_text() -> None:
    """A rule that tests ``'[]'`` needs the text of an empty array."""
    assert _flat('{"a": [], "b": ["x"]}', shape=Shape(whole=frozenset({"a", "b"}))) == {"a": "[]", "b": '["x"]'}


def test_the_last_of_two_equal_keys_wins() -> None:
    """As most readers do; hiding a value behind a duplicate does not depend on the batch."""
    assert _flat('{"a": 1, "a": 2}') == {"a": "2"}


def test_wanted_names_only() -> None:
    """Projection keeps exact names and changes no value."""
    assert _flat('{"a": 1, "b": {"c": 2}}', want=frozenset({"b.c", "z"})) == {"b.c": "2"}


def test_a_name_that_is_a_list_somewhere_is_a_list_everywhere() -> None:
    """One column has one dtype."""
    columns = flatten(pl.Series(['{"a": "x"}', '{"a": ["y", "z"]}', "{}"])).columns
    assert columns.get_column("a").to_list() == [["x"], ["y", "z"], None]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "malformed"),
        ("{", "malformed"),
        ('{"a": NaN}', "malformed"),
        ('{"a": Infinity}', "malformed"),
        ('{"a":1} x', "malformed"),
        ("[1]", "malformed"),
        ("null", "malformed"),
        ('"text"', "malformed"),
        ("{'a': 1}", "malformed"),
        ('{"a":' * MAX_DEPTH + "{}" + "}" * MAX_DEPTH, "too_deep"),
        ("[" * 100_000, "too_deep"),
        ('{"a":' * 100_000, "too_deep"),
        (json.dumps({str(key): 1 for key in range(MAX_NAMES + 1)}), "too_deep"),
        (json.dumps({"a": [{str(key): 1} for key in range(MAX_NAMES + 1)]}), None),
    ],
    ids=lambda value: str(value)[:12],
)
def test_what_cannot_be_read_has_a_reason(text: str, reason: str | None) -> None:
    """Syntax, or limits; never an exception, whatever the nesting."""
    assert _reason(text) == reason


def test_a_bad_record_costs_itself() -> None:
    """Rows keep their places around it."""
    flat = flatten(pl.Series(['{"a":1}', "{bad", '{"a":3}']))
    assert flat.columns.get_column("a").to_list() == ["1", None, "3"]
    assert flat.reasons.to_list() == [None, "malformed", None]


def test_half_a_surrogate_pair_is_replaced() -> None:
    """No text column can hold it; the rest of the value is kept."""
    assert _flat(r'{"a": "x\ud800y", "b": "\ud83d\ude00"}') == {"a": "x�y", "b": "😀"}


def test_random_names_cannot_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the cells a frame may have, records that bring new names are refused; the others are read."""
    monkeypatch.setattr("correlator.parse.formats.json.MAX_CELLS", 1)
    records = [json.dumps({f"{row}-{key}": 1 for key in range(300)}) for row in range(3)]
    flat = flatten(pl.Series([*records, records[0]]))
    assert flat.reasons.to_list() == [None, "too_deep", "too_deep", None]


def _raw(*texts: str) -> pl.DataFrame:
    return pl.DataFrame({"text": texts}, schema={"text": pl.String}).with_row_index("raw_row").with_columns(received=pl.lit(0))


def test_members_of_arrays_and_envelopes_are_numbered_records() -> None:
    """Each member is a record; an object without envelope is its own only one; an empty array is skipped."""
    records = read(_raw('[{"a":1},{"a":2}]', '{"value":[{"a":3}]}', '{"value":4}', "[]"), None, envelopes=["value"])
    assert records.keys.select("raw_row", "n").rows() == [(0, 0), (0, 1), (1, 0), (2, 0)]
    assert records.fields.get_column("a").to_list() == ["1", "2", "3", None]
    assert records.skipped.to_list() == [3]
    assert records.rejects.height == 0


def test_an_array_with_a_bad_member_is_refused_whole() -> None:
    """One record, one fate: the dead letter keeps all of it."""
    records = read(_raw('[{"a":1},2]', "[{", '{"a":5}'), None)
    assert sorted(records.rejects.rows()) == [(0, "malformed"), (1, "malformed")]
    assert records.fields.get_column("a").to_list() == ["5"]


def test_no_records_at_all() -> None:
    """An empty frame is read."""
    assert read(_raw(), None).keys.height == 0


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(VALUES)
def test_text_written_again_means_the_same(value: object) -> None:
    """``dumps`` after ``loads`` is the same JSON value."""
    assert json.loads(dumps(loads(json.dumps(value)))) == value


@settings(deadline=None)
@given(st.text(max_size=30) | st.builds(lambda text, cut: text[:cut], VALUES.map(json.dumps), st.integers(0, 40)))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text raises."""
    assert _reason(text) in (None, "malformed", "too_deep")


_NAMES = st.sampled_from(["a", "b", "c", "a.b", "b.c", "x", "é"])
_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(1 << 70), 1 << 70), st.floats(allow_nan=False), st.text(max_size=4), st.just("-0")
)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_NAMES, inner, max_size=3)), max_leaves=12
)
_WANTED = st.frozensets(st.lists(st.sampled_from(["a", "b", "c", "x", "é"]), min_size=1, max_size=4).map(".".join), max_size=5)


@settings(max_examples=300, deadline=None)
@given(records=st.lists(st.dictionaries(_NAMES, _VALUES, max_size=4), max_size=3), want=_WANTED, depth=st.integers(1, 5))
def test_wanted_names_are_those_of_the_whole(records: list[dict[str, Any]], want: frozenset[str], depth: int) -> None:
    """What is read of a record, and whether it is refused, does not depend on what else somebody wants of it."""
    shape = Shape(pairs={"c": ("a", "b")}, whole=frozenset({"x"}), max_depth=depth)
    texts = pl.Series([json.dumps(record, ensure_ascii=False) for record in records], dtype=pl.String)
    whole, some = flatten(texts, None, shape=shape), flatten(texts, want, shape=shape)
    named = [name for name in whole.columns.columns if name in want]
    assert some.reasons.to_list() == whole.reasons.to_list()
    assert set(some.columns.columns) == set(named)
    for name in named:
        assert _lists(some.columns.get_column(name)) == _lists(whole.columns.get_column(name))


def _lists(column: pl.Series) -> list[Any]:
    return [[value] if isinstance(value, str) else value for value in column.to_list()]
