"""Lines per CPU-second of each parser alone: text to event columns, with the fields that active rules want.

    .venv/bin/python -m benchmarks.micro.parse [NAMES…] [--lines 20000] [--all-fields] [--route]

The lines are the parser's own ordinary samples again and again, with other addresses, ports and numbers each time, so that
nothing is answered from memory that a day's log would not repeat. One thread; the median of three passes after one that is
not counted. Routing and stamping are not in it (``benchmarks/reading.py`` measures the whole way); ``--route`` prints what
routing and parsing a mixed stream of all formats costs.
"""

import argparse
import os
import random
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from time import process_time

os.environ.setdefault("POLARS_MAX_THREADS", "1")

import polars as pl

from correlator.config.settings import Settings
from correlator.harness import golden
from correlator.model.raw import RAW
from correlator.parse.complete import complete
from correlator.parse.contract import TIME_ZONE, Parser
from correlator.parse.registry import find_parsers, pick
from correlator.parse.route import route
from correlator.runtime.content import load_content

ROOT = Path(__file__).resolve().parents[2]
SEED, PASSES = 7, 3
_ADDRESS = re.compile(r"\b((?:192\.0\.2|198\.51\.100|203\.0\.113)\.)\d{1,3}\b")
_NUMBER = re.compile(r"(?<![\d.:/-])(\d{3,8}?)(\d\d)(?![\d.:/-])")


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    asked = _arguments(arguments)
    parsers = find_parsers()
    want = None if asked.all_fields else wanted_fields()
    if asked.route:
        _print_route(parsers, asked.lines, want)
        return
    names = asked.names or list(parsers)
    print(f"{'parser':20}{'lines/CPU-s':>12}{'µs/line':>10}{'MB/s':>8}{'bytes/line':>12}")
    for name in names:
        rows = completed(pick(parsers, name), parsers, asked.lines)
        spent = measure(pick(parsers, name), rows, want)
        size = int(rows.get_column("text").str.len_bytes().sum())
        rate = rows.height / spent
        print(f"{name:20}{rate:12,.0f}{1e6 / rate:10.1f}{size / spent / 1e6:8.0f}{size / rows.height:12.0f}", flush=True)


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    reader = argparse.ArgumentParser(prog="benchmarks.micro.parse", description=(__doc__ or "").splitlines()[0])
    reader.add_argument("names", nargs="*", help="parsers (default: all)")
    reader.add_argument("--lines", type=int, default=20_000, help="lines of each parser")
    reader.add_argument("--all-fields", action="store_true", help="every own field, as when a rule searches whole events")
    reader.add_argument("--route", action="store_true", help="what routing a mixed stream costs beside parsing it")
    return reader.parse_args(arguments)


def wanted_fields() -> frozenset[str] | None:
    """Return the own fields that the bundled rules and correlations want."""
    return load_content(Settings(data_dir=ROOT / "benchmarks"), [ROOT / "rules"]).want


def lines_of(name: str, count: int) -> list[str]:
    """Return ``count`` lines like the ordinary samples of a parser, header lines once."""
    chance = random.Random(SEED)
    cases = golden.cases(name, golden.samples_folder())
    chosen = [case for case in cases if case.name.startswith("ordinary")] or [
        case for case in cases if "broken" not in case.name
    ]
    texts = [case.sample.read_text(encoding="utf-8", errors="replace") for case in chosen]
    samples = [line for text in texts for line in text.splitlines() if line.strip()]
    return [_varied(samples[number % len(samples)], chance) for number in range(max(count, len(samples)))]


def _varied(line: str, chance: random.Random) -> str:
    other = _ADDRESS.sub(lambda found: f"{found[1]}{chance.randrange(1, 255)}", line)
    return _NUMBER.sub(lambda found: f"{found[1]}{chance.randrange(10, 99)}", other)


def raw_of(lines: Sequence[str], name: str) -> pl.DataFrame:
    """Return lines as RAW rows of one stream, numbered."""
    rows = golden.raw_lines([line.encode() for line in lines], name)
    return rows.select(RAW.names()).with_row_index("raw_row").with_columns(original="text")


def completed(parser: Parser, parsers: dict[str, Parser], count: int) -> pl.DataFrame:
    """Return ``count`` lines of a parser, joined to records where it has records of several lines."""
    rows = raw_of(lines_of(parser.name, count), parser.name).with_columns(parser=pl.lit(parser.name))
    done = complete(rows, parsers, {}, final=True, now=None).records[parser.name]
    return done.select("raw_row", *RAW.names(), pl.lit(None, pl.String).alias(TIME_ZONE)).rechunk()


def measure(parser: Parser, rows: pl.DataFrame, want: frozenset[str] | None) -> float:
    """Return the CPU seconds of one pass over ``rows`` in batches of 10,000."""
    batches = list(rows.iter_slices(10_000))
    return median(_pass(parser, batches, want) for _ in range(PASSES + 1))


def _pass(parser: Parser, batches: Sequence[pl.DataFrame], want: frozenset[str] | None) -> float:
    asked = None if want is None else want | frozenset(parser.required)
    began = process_time()
    for batch in batches:
        parser.parse(batch, asked)
    return process_time() - began


def _print_route(parsers: dict[str, Parser], count: int, want: frozenset[str] | None) -> None:
    """Print the CPU time of routing a stream in which all formats are mixed, and of parsing the same lines."""
    share = max(count // len(parsers), 1)
    mixed = [(name, line) for name in parsers for line in lines_of(name, share)[:share]]
    random.Random(SEED).shuffle(mixed)
    rows = raw_of([line for _, line in mixed], "mixed")
    began = process_time()
    for _ in range(PASSES):
        route(rows, parsers)
    routed = (process_time() - began) / PASSES
    parsed = sum(_parse_seconds(parsers, share, want))
    print(f"{rows.height:,} lines of {len(parsers)} formats: route {routed * 1e6 / rows.height:.1f} µs a line, ", end="")
    print(f"parse {parsed * 1e6 / rows.height:.1f} µs a line")


def _parse_seconds(parsers: dict[str, Parser], share: int, want: frozenset[str] | None) -> Iterator[float]:
    for parser in parsers.values():
        yield measure(parser, completed(parser, parsers, share), want)


if __name__ == "__main__":
    main(sys.argv[1:])
