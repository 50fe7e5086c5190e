"""Mutated and outsized records: nothing beside them is shifted, columns keep their types, and all stays bounded."""

import json
import random
import re
from fnmatch import fnmatchcase

import polars as pl
import pytest

from correlator.harness import golden
from correlator.model.event import ECS, RESERVED
from correlator.parse.contract import Header, Parser
from correlator.parse.engine import Read, read
from correlator.parse.formats.keyvalue import MAX_KEYS
from correlator.parse.swift_route import is_portable
from tests.contract.sample_records import PARSERS, Record, changed, ordinary, records, told
from tests.contract.test_parsers_fuzz import MUTATIONS

HUGE = 1 << 20
OWN_TYPES = (pl.String(), pl.List(pl.String()))
#: Own columns of one record, at most: what a parser declares, and as many as key=value makes.
MOST_COLUMNS = MAX_KEYS + 400


def _mutant(record: Record, chance: random.Random) -> Record:
    line = record.lines[0].encode(errors="replace")
    for _ in range(2):
        line = chance.choice(MUTATIONS)(line, chance)
    lines = line.decode(errors="replace").replace("\n", " ") or "x"
    return Record((lines,), record.before)


@pytest.mark.parametrize("name", PARSERS)
def test_mutants_shift_no_other_record(name: str) -> None:
    """Every untouched record among mutants gives what it gives alone, whatever stands before and behind it."""
    chance = random.Random(5)  # noqa: S311 - repeatable, not unpredictable
    whole = list(records(name))
    alone, _ = told(name, whole)
    mixed = [one for record in whole for one in (_mutant(record, chance), record, _mutant(record, chance))]
    beside, result = told(name, mixed)
    shifted = [
        (record.text[:300], changed(before, after))
        for record, some, now in zip(whole, alone, beside[1::3], strict=True)
        for before, after in zip(some, now, strict=False)
        if len(some) != len(now) or changed(before, after)
    ]
    assert result.problems == ()
    assert shifted == []
    assert [len(some) for some in alone] == [len(some) for some in beside[1::3]]
    _check_columns(PARSERS[name], result)


def _check_columns(parser: Parser, result: Read) -> None:
    for events in result.events:
        given = {column: dtype for column, dtype in events.schema.items() if column not in RESERVED}
        assert [name for name, dtype in given.items() if name in ECS and dtype != ECS[name]] == []
        assert [name for name, dtype in given.items() if name not in ECS and dtype not in OWN_TYPES] == []
        assert [name for name in given if not any(fnmatchcase(name, declared) for declared in parser.fields)] == []
        assert len(given) <= MOST_COLUMNS


def _outsized(line: str) -> list[str]:
    middle = len(line) // 2
    keys = " ".join(f"k{number}=v" for number in range(10_000))
    members = json.dumps({f"k{number}": "v" for number in range(10_000)})
    deep = '{"a":' * 100 + "1" + "}" * 100
    many = [sign * 100_000 for sign in ",;\t|"]
    return [
        line + " " + keys,
        line[:-1] + "," + members[1:] if line.endswith("}") else members,
        line.replace(":", ":" + deep + ",", 1),
        deep,
        *(line[:middle] + signs + line[middle:] for signs in many),
        line[:middle] + "A" * HUGE + line[middle:],
    ]


@pytest.mark.parametrize("name", PARSERS)
def test_outsized_records_are_contained(name: str) -> None:
    """10,000 keys, 100 levels, 100,000 separators, a mebibyte: one record each, the next unharmed, columns bounded."""
    first = next(iter(ordinary(name)), Record(("x",)))
    batch = [one for text in _outsized(first.lines[0]) for one in (Record((text,), first.before), first)]
    events, result = told(name, batch)
    (alone,), _ = told(name, [first])
    assert result.problems == ()
    assert [[changed(*pair) for pair in zip(alone, some, strict=True)] for some in events[1::2]] == [
        [[] for _ in alone] for _ in events[1::2]
    ]
    most = max(64, 2 * len(alone)) if not isinstance(PARSERS[name].assembly, Header) else 64
    assert max(len(some) for some in events) <= most
    assert sum(fates.received for fates in result.counts.values()) == sum(len(one.lines) + len(one.before) for one in batch)
    _check_columns(PARSERS[name], result)


def test_no_python_regex_of_a_signature_repeats_what_repeats() -> None:
    """`(a+)+` takes for ever where Python searches it; Rust's search does not go back."""
    nested = re.compile(r"\((?:\?:)?[^()|]*[+*]\)[+*](?!\+)")
    portable = [
        (parser.name, regex)
        for parser in PARSERS.values()
        for regex in (
            *parser.signature.any_of,
            *(one for mark in parser.signature.marks for one in mark),
            parser.signature.sure,
        )
        if is_portable(regex) and re.search(r"\((?:\?:)?(?:\[[^\]]*\]|\\?.)[+*]\)[+*]", regex) and nested.search(regex)
    ]
    assert portable == []


@pytest.mark.parametrize("size", [4096, HUGE])
def test_pathological_records_are_routed(size: int) -> None:
    """Runs of what signatures begin with, in small batches (Python's search) and large ones (Rust's)."""
    texts = [
        (piece * size)[:size]
        for piece in (
            "a",
            " ",
            "a=b ",
            '"',
            "<13>",
            "1:",
            "Nov 22 09:05:01 ",
            "a: ",
            "{",
            '{"a":',
            "[a] ",
            ".",
            "=",
            ",",
            'k="v" ',
        )
    ]
    raw = golden.raw_lines([text.encode() for text in texts], "long")
    result = read(raw, PARSERS, final=True)
    assert result.problems == ()
    assert sum(fates.received for fates in result.counts.values()) == len(texts)
