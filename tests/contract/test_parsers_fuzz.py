"""Bad input: whatever is done to a sample, no parser raises, and every record has one fate."""

import json
import os
import random
import re
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from correlator.harness import golden
from correlator.parse.engine import read
from correlator.parse.registry import find_parsers

PARSERS = find_parsers()
SAMPLES = {
    name: [line for case in golden.cases(name, golden.samples_folder()) for line in case.sample.read_bytes().split(b"\n")]
    for name in PARSERS
}
HUGE = 1 << 20
SOAK = os.environ.get("TOCSIN_FUZZ_EXAMPLES", "")
EXAMPLES = max(15, int(SOAK or 0) // 500)
TIMES = (
    b"9999-12-31T23:59:59Z",
    b"0000-00-00T00:00:00Z",
    b"1601-01-01T00:00:00Z",
    b"2026-02-30 25:61:61",
    b"99999999999999999999",
    b"-1",
)
STAMP = re.compile(
    rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"
    rb"|\d\d/\w{2,3}/\d{4}[: ]\d\d:\d\d(?::\d\d)?|\b\d{10,19}\b"
)
ODD = (
    b"\x00",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\xc3",
    b"\\u0000",
    b"\\ud800",
    b'"',
    b"'",
    b"{",
    b"]",
    b"|",
    b";",
    b"=",
    b"\t",
    b"\r",
    b"%",
    b"\\",
)

Mutation = Callable[[bytes, random.Random], bytes]


def _truncated(line: bytes, chance: random.Random) -> bytes:
    return line[: chance.randrange(len(line) + 1)]


def _odd_bytes(line: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(line) + 1)
    return line[:place] + chance.choice(ODD) * chance.choice([1, 2, 300]) + line[place:]


def _other_time(line: bytes, chance: random.Random) -> bytes:
    return STAMP.sub(lambda _: chance.choice(TIMES), line)


def _shuffled(line: bytes, chance: random.Random) -> bytes:
    parts = re.split(rb"([\s,;|=:&])", line)
    first, second = chance.randrange(len(parts)), chance.randrange(len(parts))
    parts[first], parts[second] = parts[second], parts[first]
    return b"".join(parts)


def _doubled(line: bytes, chance: random.Random) -> bytes:
    return line + chance.choice([b"", b" ", b"\t", b","]) + line


def _other_digits(line: bytes, chance: random.Random) -> bytes:
    return re.sub(rb"\d+", lambda found: chance.choice([found.group(), b"", b"0", b"-1", b"9" * 25, b"0x1f", b"1e999"]), line)


def _wrong_types(line: bytes, chance: random.Random) -> bytes:
    """Replace one value of a JSON record, somewhere inside, by one of another type; other lines are left as they are."""
    try:
        record = json.loads(line)
    except ValueError:
        return line
    at = record
    while isinstance(at, (dict, list)) and at:
        key = chance.choice(list(at) if isinstance(at, dict) else range(len(at)))
        below = at[key]
        if not isinstance(below, (dict, list)) or not below or chance.random() < 0.3:
            deep: object = 1
            for _ in range(60):
                deep = {"a": [deep]}
            at[key] = chance.choice([None, True, 1.5, 10**30, "", "x", [], {}, [[1], {"a": None}], deep, {"": {"": 0}}, [None]])
            break
        at = below
    return json.dumps(record).encode()


MUTATIONS: tuple[Mutation, ...] = (
    _truncated, _odd_bytes, _other_time, _shuffled, _doubled, _other_digits, _wrong_types,
)  # fmt: skip


def _mutants(name: str, seed: int, count: int) -> list[bytes]:
    """Return mutated sample lines of a parser, some of them mutated twice; a header line stays first."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, not unpredictable
    lines = [line for line in SAMPLES[name] if line] or [b"x"]
    mutants = [chance.choice(lines) for _ in range(count)]
    for _ in range(2):
        mutants = [chance.choice(MUTATIONS)(line, chance) if chance.random() < 0.7 else line for line in mutants]
    return [lines[0], *(line for mutant in mutants for line in mutant.split(b"\n"))]


def _check(name: str, lines: list[bytes]) -> None:
    """Read lines as the parser's own, and as anybody's: no problem, one fate each (the engine checks the sums)."""
    raw = golden.raw_lines(lines, "fuzz")
    for forced in ({golden.SOURCE: name}, {}):
        result = read(raw, PARSERS, forced=forced, zones={golden.SOURCE: golden.ZONE}, final=True)
        assert result.problems == ()
        assert sum(fates.received for fates in result.counts.values()) == len(lines)


@pytest.mark.parametrize("name", PARSERS)
def test_mutated_samples_raise_nothing(name: str) -> None:
    """A few hundred mutants of each parser, always the same ones."""
    _check(name, _mutants(name, seed=7, count=200))


@pytest.mark.fuzz
@pytest.mark.parametrize("name", PARSERS)
@settings(deadline=None, max_examples=EXAMPLES, derandomize=not SOAK, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 1 << 40))
def test_many_mutated_samples_raise_nothing(name: str, seed: int) -> None:
    """Fifteen hundred mutants of each parser, the same in every CI run; as many others in each soak, or more."""
    _check(name, _mutants(name, seed, count=100))


@pytest.mark.parametrize("name", PARSERS)
def test_a_mebibyte_of_anything_raises_nothing(name: str) -> None:
    """The longest record ingest lets through: noise, one value, one structure."""
    line = next((line for line in SAMPLES[name] if line), b"x")
    middle = len(line) // 2
    long = [b"x" * HUGE, b"[" * HUGE, b'{"a":' * (HUGE // 5), b"a=b " * (HUGE // 4), b'"' * HUGE, b"<a>" * (HUGE // 3)]
    _check(name, [*long, line[:middle] + b"A" * (HUGE - len(line)) + line[middle:]])
