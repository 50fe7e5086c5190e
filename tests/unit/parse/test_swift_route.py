"""A small batch goes to the same parsers as a large one, whatever its lines hold."""

from dataclasses import replace
from pathlib import Path
from random import Random

import polars as pl
import pytest

from correlator.parse import route as routing
from correlator.parse.contract import Signature
from correlator.parse.registry import find_parsers
from correlator.parse.swift_route import claimed_swiftly, is_portable, plain_text

_SAMPLES = Path(__file__).parents[3] / "parsers" / "samples"
_HOSTILE = (
    *('"', "\\", "\t", "\u00a0", "\x1c", "=", " ", "é", "\ufeff", "\n", "[", "]", "{", "|", "<13>", "٣", "CEF:0|", "audit("),
    *(
        "id=firewall ",
        "logid=",
        '"Channel": "',
        '"EventID": 1',
        "] ",
        ' "object_type"',
        "commune;",
        ";",
        "TCP/",
        "type=",
        "x" * 300,
    ),
)


def sample_lines() -> list[str]:
    """Return the lines of all samples."""
    return [
        line[:4000]
        for file in sorted(_SAMPLES.rglob("*.log"))
        for line in file.read_bytes().decode("utf-8", "replace").splitlines()
    ]


def spoiled(line: str, random: Random) -> str:
    """Return a line with some of it replaced by what signatures look for."""
    for _ in range(random.choice((1, 2, 3))):
        place = random.choice((0, random.randrange(len(line) + 1), random.randrange(min(len(line), 60) + 1)))
        cut = random.choice((0, 0, 1, 5, 30))
        line = line[:place] + random.choice(("", *_HOSTILE)) + line[place + cut :]
    return line


def test_small_batches_are_routed_like_large_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples of every parser, whole and spoiled: what is told swiftly is what the patterns say."""
    parsers, random = find_parsers(), Random(3)  # noqa: S311 - the same lines each time
    lines = sample_lines()
    every = pl.Series([*lines, *(spoiled(line, random) for line in lines for _ in range(3))], dtype=pl.String)
    wanted = pl.Series([True]).new_from_index(0, every.len())
    ranked = list(parsers.values())
    plain = [replace(parser, signature=_plain(parser.signature)) for parser in ranked]
    swift = pl.concat(
        [
            routing.claims(part, wanted[: part.len()], ranked)
            for part in (every[at : at + 200] for at in range(0, every.len(), 200))
        ]
    )
    monkeypatch.setattr(routing, "FEW", -1)
    expected = routing.claims(every, wanted, plain).to_list()
    assert swift.to_list() == expected
    assert routing.claims(every, wanted, ranked).to_list() == expected


def _plain(signature: Signature) -> Signature:
    """Return the signature without what is for speed, but for its marks: those of Windows find a little more."""
    return Signature(signature.pattern, signature.rank, signature.literals, marks=signature.marks, tags=signature.tags)


def test_ordinary_lines_need_no_pattern() -> None:
    """Most lines of the samples are told in Python: what is left to the patterns is the exception."""
    ranked = sorted(find_parsers().values(), key=lambda parser: (parser.signature.rank, parser.name))
    lines = [line for name in ("fortigate", "stormshield_sns", "squid", "linux_auditd") for line in _ordinary(name)]
    told = claimed_swiftly(lines, ranked)
    assert sum(number is not None for number in told) > len(lines) * 0.6


def _ordinary(name: str) -> list[str]:
    return [
        line for file in sorted((_SAMPLES / name).glob("*.log")) for line in file.read_text("utf-8", "replace").splitlines()
    ]


@pytest.mark.parametrize("regex", [r"\w", r"\s", r"(?i:a)", "a$", "[[:alpha:]]", "a++", r"\x{feff}", r"\bx"])
def test_what_python_reads_otherwise_is_not_portable(regex: str) -> None:
    """Classes, flags and ends of text differ between Rust and Python."""
    assert not is_portable(regex)
    assert plain_text(regex) is None


def test_plain_texts() -> None:
    """An escaped text is looked for as it is."""
    assert (plain_text(r'\] "'), plain_text("a.b"), plain_text('"x"')) == ('] "', None, '"x"')
    assert is_portable(r"(?:TCP|UDP)[A-Z_]*[/:]")
