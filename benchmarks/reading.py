"""What it costs to read: raw text → normalised event frames, through the parse engine, parser by parser, before and after.

    .venv/bin/python -m benchmarks.reading [otrf attacks mix] [--lines 20000] [--against COMMIT]

Events per CPU-second of one thread, whole corpora and the lines of each parser alone. ``--against`` reads the same rows with
the code of another commit, unpacked beside this one, in turns with it: on a shared machine only such pairs can be compared.
"""

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from statistics import median
from time import process_time

import orjson
import polars as pl

HERE = Path(__file__).resolve().parent
NAMES = ("otrf", "attacks", "mix")
#: Lines that a parser alone must have in a corpus to be measured by itself.
FEWEST = 200


def prepare(folder: Path, names: Sequence[str], lines: int, *, small: bool) -> None:
    """Write the rows to read below ``folder``: one Arrow file per corpus, and per parser of the mix."""
    from benchmarks.corpora import corpus  # noqa: PLC0415 - the measured process needs the parse engine only
    from benchmarks.frames import raw_rows  # noqa: PLC0415

    for name in names:
        rows = raw_rows(corpus(name, small=small), lines)
        rows.write_ipc(folder / f"{name}.arrow")
        if name == "mix":
            for parser, group in _by_parser(rows):
                group.write_ipc(folder / f"mix, {parser}.arrow")


def _by_parser(rows: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    from correlator.parse.registry import find_parsers  # noqa: PLC0415
    from correlator.parse.route import route  # noqa: PLC0415

    owned = rows.with_columns(route(rows, find_parsers()).parsers.alias("parser")).drop_nulls("parser")
    for (parser,), group in owned.partition_by("parser", as_dict=True, include_key=False).items():
        if group.height >= FEWEST:
            yield str(parser), group


def child(folder: Path, batch: int) -> dict[str, tuple[int, float]]:
    """Return records and CPU seconds of each file in ``folder``, read once before it is measured."""
    from correlator.parse.engine import read  # noqa: PLC0415 - of the checkout that PYTHONPATH names
    from correlator.parse.registry import find_parsers  # noqa: PLC0415

    parsers, spent = find_parsers(), {}
    for file in sorted(folder.glob("*.arrow")):
        batches = [part.rechunk() for part in pl.read_ipc(file).iter_slices(batch)]
        for _ in range(2):
            start = process_time()
            for rows in batches:
                read(rows, parsers, final=True)
            took = process_time() - start
        spent[file.stem] = (sum(rows.height for rows in batches), took)
    return spent


def measured(checkouts: dict[str, Path], folder: Path, batch: int, runs: int) -> dict[str, dict[str, float]]:
    """Return events per CPU-second of each file by checkout: the median of ``runs`` processes, which take turns."""
    taken: dict[str, dict[str, list[float]]] = {}
    for _ in range(runs):
        for label, checkout in checkouts.items():
            for name, (records, seconds) in _spawned(checkout, folder, batch).items():
                taken.setdefault(name, {}).setdefault(label, []).append(records / seconds)
    return {name: {label: round(median(rates)) for label, rates in by.items()} for name, by in taken.items()}


def _spawned(checkout: Path, folder: Path, batch: int) -> dict[str, tuple[int, float]]:
    environment = {**os.environ, "PYTHONPATH": str(checkout), "POLARS_MAX_THREADS": "1"}
    command = [sys.executable, str(Path(__file__)), "--child", str(folder), "--batch", str(batch)]
    done = subprocess.run(command, cwd=checkout, env=environment, check=True, stdout=subprocess.PIPE)
    spent: dict[str, tuple[int, float]] = orjson.loads(done.stdout)
    return spent


def unpacked(commit: str, folder: Path) -> Path:
    """Return a folder with the files of ``commit``."""
    archive = subprocess.run(["git", "archive", commit], cwd=HERE.parent, check=True, stdout=subprocess.PIPE).stdout  # noqa: S607
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return folder


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=NAMES, help="which corpora")
    parser.add_argument("--lines", type=int, default=20_000, help="records of each corpus")
    parser.add_argument("--batch", type=int, default=10_000, help="records of a batch")
    parser.add_argument("--runs", type=int, default=3, help="processes per checkout")
    parser.add_argument("--small", action="store_true", help="the small corpora, which are built in seconds")
    parser.add_argument("--against", help="commit to compare with")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        sys.stdout.buffer.write(orjson.dumps(child(asked.child, asked.batch)))
        return
    with tempfile.TemporaryDirectory(prefix="tocsin-reading-") as scratch:
        rows, other = Path(scratch) / "rows", Path(scratch) / "other"
        rows.mkdir()
        prepare(rows, asked.names, asked.lines, small=asked.small)
        checkouts = {asked.against: unpacked(asked.against, other)} if asked.against else {}
        rates = measured({**checkouts, "now": HERE.parent}, rows, asked.batch, asked.runs)
    labels = [*checkouts, "now"]
    print(f"{'events per CPU-second':28}" + "".join(f"{label[:12]:>14}" for label in labels))
    for name, by in rates.items():
        print(f"{name:28}" + "".join(f"{by[label]:>14,}" for label in labels))


if __name__ == "__main__":
    main()
