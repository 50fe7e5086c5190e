"""JSON values of another type than the product writes (a list, an object, a number): read or refused, never a fault."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.contract.sample_records import PARSERS, Record, changed, records, told

#: What a product may come to write in the place of a value, or a bug of it.
KINDS: dict[str, Callable[[object], object]] = {
    "list": lambda value: [value],
    "lists": lambda value: [value, "b"],
    "list of null": lambda _: [None],
    "empty list": lambda _: [],
    "list of objects": lambda value: [{"a": value}],
    "list of lists": lambda value: [[value], []],
    "object": lambda value: {"a": value},
    "empty object": lambda _: {},
    "null": lambda _: None,
    "decimal": lambda _: 1.5,
    "great number": lambda _: 10**30,
    "boolean": lambda _: True,
    "empty": lambda _: "",
}


def _objects(name: str) -> Iterator[tuple[Record, str, Any]]:
    """Yield (record, what stands before its JSON, the JSON read) of each sample record that ends with an object or array."""
    for record in records(name):
        for sign in "{[":
            before, found, after = record.text.partition(sign)
            try:
                said = json.loads(found + after)
            except ValueError:
                continue
            if said:
                yield record, before, said
                break


def _spoiled(said: Any, kind: str) -> Iterator[Any]:
    """Yield copies of an object or array, in each another value, or a whole part, of that kind."""
    for key in said if isinstance(said, dict) else range(len(said)):
        value = said[key]
        below = _spoiled(value, kind) if isinstance(value, (dict, list)) else ()
        for other in (KINDS[kind](value), *below):
            copy = dict(said) if isinstance(said, dict) else list(said)
            copy[key] = other
            yield copy


def _batch(name: str, kind: str) -> list[Record]:
    """Return every object of the samples with every value of it spoiled in one way, one after the other."""
    texts = {
        before + json.dumps(other): record.before for record, before, said in _objects(name) for other in _spoiled(said, kind)
    }
    return [Record((text,), head) for text, head in texts.items()]


@pytest.mark.fuzz
@pytest.mark.parametrize("name", [name for name in PARSERS if next(_objects(name), None)])
def test_values_of_other_types_are_no_fault(name: str) -> None:
    """One value at a time: the parser raises nothing, and the whole records in the batch stay what they are."""
    whole = list(dict.fromkeys(record for record, _, _ in _objects(name)))
    alone, _ = told(name, whole)
    for kind in KINDS:
        spoiled = _batch(name, kind)
        _, among_themselves = told(name, spoiled)
        beside, result = told(name, [*whole, *spoiled])
        assert (kind, among_themselves.problems, result.problems) == (kind, (), ())
        assert (kind, list(map(len, beside[: len(whole)]))) == (kind, list(map(len, alone)))
        pairs = [pair for some, now in zip(alone, beside, strict=False) for pair in zip(some, now, strict=True)]
        assert (kind, [changed(*pair) for pair in pairs]) == (kind, [[]] * len(pairs))
