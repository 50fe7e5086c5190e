"""One process of Tocsin on a corpus: writes its events for the peers, its verdicts, or prints what it cost as one JSON object.

    python -m benchmarks.peers.ours events CORPUS RULES OUT       OUT.jsonl, OUT.sources, OUT.ids: one line an event
    python -m benchmarks.peers.ours verdicts CORPUS RULES OUT     rule id, tab, event id
    python -m benchmarks.peers.ours measure CORPUS RULES SHARE N  what parse and detect cost; the first SHARE is not counted

Records are parsed and matched in batches of N lines (10,000, as ``tocsin replay`` cuts them), by the functions the flow runs.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import orjson
import polars as pl

from benchmarks.frames import BATCH, raw_rows
from correlator.config.settings import Settings
from correlator.detect.engine import detect
from correlator.model.event import ECS, RESERVED
from correlator.parse.engine import Carried, read
from correlator.runtime.content import Content, load_content

WORK = Path(__file__).resolve().parents[1] / ".work"
#: Own columns that are not the source's: the peers get what the source wrote, and the spellings that rules use.
_DECODED = "winlog.decoded."
Figures = dict[str, Any]


def load(rules: Path) -> Content:
    """Return parsers and rules; plans come from the cache of an earlier process."""
    return load_content(Settings(data_dir=WORK / "tocsin"), [rules])


def batches(
    content: Content, rows: pl.DataFrame, want: frozenset[str] | None, size: int = BATCH
) -> Iterator[tuple[pl.DataFrame, ...]]:
    """Yield the event frames of each batch of ``size`` lines."""
    carried = Carried()
    for start in range(0, rows.height, size):
        final = start + size >= rows.height
        parsed = read(rows.slice(start, size), content.parsers, carried, want=want, final=final)
        carried = parsed.carried
        yield parsed.events


def write_events(content: Content, rows: pl.DataFrame, out: Path) -> None:
    """Write ``out``.jsonl, ``out``.sources and ``out``.ids, one line an event, in the order of the input."""
    asked = content.ruleset.fields
    ids: dict[str, str] = {}
    with Path(f"{out}.jsonl").open("wb") as events, Path(f"{out}.sources").open("w", encoding="utf-8") as sources:
        for frames in batches(content, rows, None):
            found = [row for frame in frames for row in _flat(frame, asked)]
            for _, identity, source, event in sorted(found, key=lambda row: row[0]):
                ids[identity] = source
                events.write(orjson.dumps(event) + b"\n")
                sources.write(f"{source}\n")
    Path(f"{out}.ids").write_text("".join(f"{identity}\n" for identity in ids), encoding="utf-8")


def _flat(frame: pl.DataFrame, asked: frozenset[str]) -> Iterator[tuple[tuple[int, int], str, str, Figures]]:
    """Yield place, id, log sources and flat event, without ECS names where the source has its own: rules ask for those."""
    shown = [name for name in frame.columns if name not in RESERVED | {"event.null_fields"}]
    own = [name for name in shown if name not in ECS and not name.startswith(_DECODED)] or shown
    twice = frozenset(name.replace(" ", mark) for name in own if " " in name for mark in "_ ") - asked
    names = [name for name in own if name not in twice]
    for row in frame.iter_rows(named=True):
        event = {name: row[name] for name in names if row[name] is not None}
        yield (row["log.line"], row["n"]), row["event.id"], row["logsource"], event


def write_verdicts(content: Content, rows: pl.DataFrame, out: Path) -> None:
    """Write which rule matched which event."""
    with out.open("w", encoding="utf-8") as file:
        for frames in batches(content, rows, content.want):
            found = detect(content.ruleset, frames)
            ids = [frame.get_column("event.id") for frame in frames]
            file.writelines(f"{content.ruleset.rules[rule].id}\t{ids[frame][row]}\n" for rule, frame, row in found.iter_rows())


def measure(content: Content, rows: pl.DataFrame, share: float, size: int) -> Figures:
    """Return CPU seconds of parse and of detect; the first ``share`` of the rows is worked on before, uncounted."""
    first = int(rows.height * share)
    for frames in batches(content, rows.head(first), content.want, size):
        detect(content.ruleset, frames)
    parsing = detecting = 0.0
    events = matches = 0
    wall, clock = perf_counter(), process_time()
    for frames in batches(content, rows.slice(first), content.want, size):
        framed = process_time()
        matches += detect(content.ruleset, frames).height
        done = process_time()
        events += sum(frame.height for frame in frames)
        parsing, detecting, clock = parsing + framed - clock, detecting + done - framed, process_time()
    timed = {"cpu": parsing + detecting, "parse_cpu": parsing, "detect_cpu": detecting, "wall": perf_counter() - wall}
    return {"lines": rows.height - first, "events": events, "timed": {**timed, "matches": matches}}


def peak_mib() -> float:
    """Return the most memory this process has had resident so far, MiB (Linux)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024


def main() -> None:
    """Do what the first argument says."""
    began = perf_counter()
    what, corpus, rules, target, *size = sys.argv[1:]
    content = load(Path(rules))
    start = {"cpu": process_time(), "wall": perf_counter() - began, "mib": peak_mib()}
    rows = raw_rows(Path(corpus))
    if what == "events":
        write_events(content, rows, Path(target))
    elif what == "verdicts":
        write_verdicts(content, rows, Path(target))
    else:
        figures = measure(content, rows, float(target), int(size[0]))
        refused = [str(problem) for problem in content.loaded.problems]
        figures |= {"rules": len(content.ruleset.rules), "refused": refused, "start": start, "peak_mib": peak_mib()}
        sys.stdout.buffer.write(orjson.dumps({**figures, "threads": pl.thread_pool_size()}))


if __name__ == "__main__":
    main()
