"""What a million indicators cost: memory, reading the list, and marking a batch beside parsing and attributing it.

    .venv/bin/python -m benchmarks.micro.indicators [--values 1000000] [--lines 20000]

The lines are the firewall's and the proxies' ordinary samples with other addresses each time; half of the values are hashes, a
quarter each names and addresses. CPU seconds of one thread, the median of three.
"""

import argparse
import os
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import process_time, sleep

os.environ.setdefault("POLARS_MAX_THREADS", "1")

from benchmarks.micro.parse import SEED, completed, wanted_fields
from correlator.config.indicator_lists import read_list
from correlator.enrich.attribute import enrich_batch
from correlator.enrich.context import Context, add_context
from correlator.enrich.indicators import Indicators
from correlator.enrich.tables import build_tables
from correlator.model.estate import Estate
from correlator.parse.engine import read
from correlator.parse.registry import find_parsers

_RETURNED_S = 15  # polars' allocator keeps what reading took for some seconds
PARSERS = ("stormshield_sns", "fortigate", "squid", "web_access")


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    reader = argparse.ArgumentParser(prog="benchmarks.micro.indicators", description=(__doc__ or "").splitlines()[0])
    reader.add_argument("--values", type=int, default=1_000_000, help="values of the list")
    reader.add_argument("--lines", type=int, default=20_000, help="lines of the batch")
    asked = reader.parse_args(arguments)
    before = _resident()
    known, seconds = _known(asked.values)
    sleep(_RETURNED_S)
    print(f"{known.height:,} indicators read in {seconds:.1f} CPU s, {_resident() - before:.0f} MiB more resident")
    parsers, tables = find_parsers(), build_tables(Estate())
    rows = [completed(parsers[name], parsers, asked.lines // len(PARSERS)) for name in PARSERS]
    want = wanted_fields()
    frames = [frame for batch in rows for frame in read(batch, parsers, want=want, final=True).events]
    parse = _spent(lambda: [read(batch, parsers, want=want, final=True) for batch in rows])
    owned = enrich_batch(frames, tables)
    attribute = _spent(lambda: enrich_batch(frames, tables))
    mark = _spent(lambda: add_context(owned, Context(indicators=known), tables.zone))
    without = _spent(lambda: add_context(owned, Context(), tables.zone))
    print(f"parse {parse * 1e3:.0f} ms, attribute {attribute * 1e3:.0f} ms, direction {without * 1e3:.0f} ms, ", end="")
    print(f"indicators {(mark - without) * 1e3:.0f} ms: {(mark - without) / parse:.1%} of parse")


def _known(count: int) -> tuple[Indicators, float]:
    chance = random.Random(SEED)
    makers: tuple[Callable[[], str], ...] = (
        lambda: f"{chance.getrandbits(256):064x}",
        lambda: f"{chance.getrandbits(128):032x}",
        lambda: f"h{chance.getrandbits(36):x}.example{chance.randrange(50)}.com",
        lambda: f"{chance.randrange(11, 200)}.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(256)}",
    )
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.writelines(f"{makers[number % len(makers)]()}\n" for number in range(count))
        file.flush()
        began = process_time()
        found = Indicators.of([("list", read_list(Path(file.name), 50, written=datetime.now(UTC)).frame)])
    return found, process_time() - began


def _spent(work: Callable[[], object]) -> float:
    times = []
    for _ in range(4):
        began = process_time()
        work()
        times.append(process_time() - began)
    return median(times[1:])


def _resident() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) / 1024


if __name__ == "__main__":
    main(sys.argv[1:])
