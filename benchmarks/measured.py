"""One measured process of the engine's benchmarks: one measure, one corpus, one rule set; JSON on standard output.

``engine.py`` starts it: polars reads POLARS_MAX_THREADS when it is imported, so threads belong to the process, and memory is
measured from a fresh start. Processor time, not the clock: the clock is told beside it.
"""

import hashlib
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import orjson
import polars as pl

from benchmarks import bounds
from benchmarks.corpora import read_manifest
from benchmarks.frames import batches, load_frames, raw_batches, raw_rows
from benchmarks.rulesets import load_rules, rule_paths
from benchmarks.stages import STAGES
from benchmarks.stopwatch import Stopwatch
from benchmarks.variants import Detect, variant
from correlator.config.estate import load_estate
from correlator.config.settings import Settings
from correlator.detect.plan import RuleSet
from correlator.harness.demo.generator import ESTATE
from correlator.model.raw import RAW, RawBatch
from correlator.parse.engine import Carried, read
from correlator.parse.registry import find_parsers
from correlator.runtime.content import Content, load_content
from correlator.runtime.pipeline import look
from correlator.runtime.ruleset import load_cached

Figures = dict[str, Any]


def peak_mib() -> float:
    """Return the most memory this process has had resident so far, MiB (Linux)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return round(next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024)


def frames(asked: Figures) -> Figures:
    """Measure detection alone, from normalised frames in memory, at each batch size; 0 means all lines at once."""
    folder, ruleset = Path(asked["corpus"]), _ruleset(asked)
    lines = min(asked["lines"] or sys.maxsize, read_manifest(folder)["lines"])
    whole = [frame.filter(pl.col("raw_row") < lines) for frame in load_frames(folder)]
    found: Figures = {"lines": lines, "events": sum(frame.height for frame in whole), "rules": len(ruleset.rules)}
    cuts = [batches(whole, lines, size or lines) for size in asked["batches"]]
    for size, cut in zip(asked["batches"], cuts, strict=True):
        found[str(size or "whole")] = _repeated(asked, ruleset, cut, found["events"])
    peak = peak_mib()
    return {**found, "stages": _stages(asked, ruleset, cuts[0]), "bounds": bounds.of_frames(whole), "peak_mib": peak}


def _stages(asked: Figures, ruleset: RuleSet, batched: Sequence[Sequence[pl.DataFrame]]) -> Figures:
    """Return CPU seconds of each step of the engine, in one watched run at the first batch size."""
    if variant(asked["variant"]) is None:
        return {}
    watch = Stopwatch()
    with watch.watching(STAGES, strict=False):
        _run(asked["variant"], ruleset, [[frame.drop("raw_row") for frame in batch] for batch in batched])
    return {name: round(spent.cpu, 3) for name, spent in watch.spent.items()}


def _repeated(asked: Figures, ruleset: RuleSet, batched: Sequence[Sequence[pl.DataFrame]], events: int) -> Figures:
    """Return medians over the runs; an engine that remembers begins each with nothing."""
    if variant(asked["variant"]) is None:
        return {}
    cut = [[frame.drop("raw_row") for frame in batch] for batch in batched]
    _run(asked["variant"], ruleset, cut if asked["warm"] else cut[:1])
    runs = list[Figures]()
    matches = list[pl.DataFrame]()
    for _ in range(asked["runs"]):
        spent, matches = _run(asked["variant"], ruleset, cut)
        runs.append(spent)
    return {**_middle(runs, events), **_verdicts(matches, batched), "hit_rate": runs[-1]["hit_rate"]}


def _run(name: str, ruleset: RuleSet, cut: Sequence[Sequence[pl.DataFrame]]) -> tuple[Figures, list[pl.DataFrame]]:
    detect = _engine(name)
    cpu, wall = process_time(), perf_counter()
    matches = [detect(ruleset, batch) for batch in cut]
    spent = {"cpu": process_time() - cpu, "wall": perf_counter() - wall}
    return {**spent, "hit_rate": getattr(detect, "hit_rate", None)}, matches


def _engine(name: str) -> Detect:
    detect = variant(name)
    if detect is None:
        raise LookupError(f"this checkout has no engine {name}")
    return detect


def _verdicts(matches: Sequence[pl.DataFrame], batched: Sequence[Sequence[pl.DataFrame]]) -> Figures:
    """Return how much was found, and a hash of (rule, line) pairs: equal wherever the same was found, however it was cut."""
    placed = []
    for found, batch in zip(matches, batched, strict=True):
        rows = [
            frame.select("raw_row").with_row_index("row").with_columns(pl.lit(number, dtype=pl.UInt32).alias("frame"))
            for number, frame in enumerate(batch)
        ]
        placed += [found.join(pl.concat(rows), on=["frame", "row"]).select("rule", "raw_row")] if rows else []
    pairs = pl.concat(placed).sort("rule", "raw_row")
    digest = hashlib.sha256(pairs.write_csv().encode()).hexdigest()[:16]
    return {"matches": pairs.height, "fired": pairs.get_column("rule").n_unique(), "verdicts": digest}


def _middle(runs: Sequence[Figures], events: int) -> Figures:
    cpu, wall = median(run["cpu"] for run in runs), min(run["wall"] for run in runs)
    return {
        "cpu": round(cpu, 3),
        "cpu_of_each_run": [round(run["cpu"], 3) for run in runs],
        "wall_best": round(wall, 3),
        "events_per_cpu_second": round(events / cpu),
        "events_per_second": round(events / wall),
    }


def text(asked: Figures) -> Figures:
    """Measure raw text → matches through the parse engine and detect, split by stage, beside the bounds of the same lines."""
    ruleset, rows = _ruleset(asked), _rows(asked)
    parsers, want = find_parsers(), None if ruleset.keywords else ruleset.fields
    detect = _engine(asked["variant"])

    def run(batches_at_most: int = sys.maxsize) -> Figures:
        carried, matches, events = Carried(), 0, 0
        for start in range(0, rows.height, asked["batch"])[:batches_at_most]:
            done = read(
                rows.slice(start, asked["batch"]), parsers, carried, want=want, final=start + asked["batch"] >= rows.height
            )
            carried = done.carried
            matches += detect(ruleset, done.events).height
            events += sum(frame.height for frame in done.events)
        return {"matches": matches, "events": events}

    return _staged(asked, rows, run)


def whole_look(asked: Figures) -> Figures:
    """Measure raw text → described detections through the flow's stateless half, split by stage."""
    content, rows = _content(asked), _rows(asked)

    def run(batches_at_most: int = sys.maxsize) -> Figures:
        carried, matches, events = Carried(), 0, 0
        for start in range(0, rows.height, asked["batch"])[:batches_at_most]:
            batch = RawBatch(rows.slice(start, asked["batch"]), {})
            seen = look(batch, carried, content, final=start + asked["batch"] >= rows.height)
            carried = seen.carried
            matches += seen.detections.height
            events += sum(frame.height for frame in seen.events)
        return {"matches": matches, "events": events}

    return _staged(asked, rows, run)


def _staged(asked: Figures, rows: pl.DataFrame, run: Callable[..., Figures]) -> Figures:
    """Return medians of the whole without a watch on it, then the stages of one more run that is watched.

    One batch goes before: what is made at first use belongs to ``start``.
    """
    found: Figures = {}
    run(1)
    timed = []
    for _ in range(asked["runs"]):
        cpu, wall = process_time(), perf_counter()
        found = run()
        timed.append({"cpu": process_time() - cpu, "wall": perf_counter() - wall})
    watch = Stopwatch()
    with watch.watching(STAGES, strict=False), watch.stage("around the stages"):
        run()
    peak = peak_mib()
    lines = [line.encode() for line in rows.get_column("text")]
    return {
        "lines": rows.height,
        **found,
        **_middle(timed, found["events"]),
        "lines_per_cpu_second": round(rows.height / median(run["cpu"] for run in timed)),
        "bytes": sum(map(len, lines)),
        "stages": {name: round(spent.cpu, 3) for name, spent in watch.spent.items()},
        "not_watched": watch.missing,
        "bounds": bounds.of_lines(lines),
        "peak_mib": peak,
    }


def first(asked: Figures) -> Figures:
    """Load the rule set from the plan cache and judge one line; the parent times the process."""
    ruleset, rows = _ruleset(asked), _rows({**asked, "lines": 1})
    done = read(rows, find_parsers(), want=None if ruleset.keywords else ruleset.fields, final=True)
    return {"rules": len(ruleset.rules), "matches": _engine("engine")(ruleset, done.events).height}


def reload(asked: Figures) -> Figures:
    """Measure from one changed rule file to the first verdict of the new rule set, in a process that runs the old one."""
    rules, cache = Path(asked["scratch"]) / "rules", Path(asked["scratch"]) / "plans"
    for path in rule_paths(asked["rules"]):
        shutil.copytree(path, rules / path.name, dirs_exist_ok=True)
    events = read(_rows({**asked, "lines": 1_000}), find_parsers(), final=True).events
    _judged(rules, cache, events)
    runs = []
    for number in range(asked["runs"]):
        file = _change(rules, number)
        runs.append({**_judged(rules, cache, events), "file": file})
    parts = {part: round(median(run[part] for run in runs), 3) for part in ("load", "first verdict")}
    return {**_middle(runs, 1_000), "parts_cpu": parts, "files": [run["file"] for run in runs], "peak_mib": peak_mib()}


def _judged(rules: Path, cache: Path, events: Sequence[pl.DataFrame]) -> Figures:
    detect = _engine("engine")
    cpu, wall = process_time(), perf_counter()
    loaded = load_cached([rules], cache_dir=cache)
    then = process_time()
    matches = detect(loaded.ruleset, events).height
    now = process_time()
    return {
        "cpu": now - cpu,
        "wall": perf_counter() - wall,
        "load": then - cpu,
        "first verdict": now - then,
        "matches": matches,
    }


_PROGRAM = re.compile(r"endswith: '(\\\w+)\.exe'")


def _change(rules: Path, number: int) -> str:
    """Make the ``number``-th rule that names one program name another; return its file."""
    named = (file for file in sorted(rules.rglob("proc_creation_win_*.yml")) if _PROGRAM.search(file.read_text("utf-8")))
    file = next(islice(named, 100 * number, None))
    file.write_text(_PROGRAM.sub(rf"endswith: '\g<1>{number}.exe'", file.read_text("utf-8"), count=1), "utf-8")
    return file.name


def peak(asked: Figures) -> Figures:
    """Measure memory: the corpus from its file, batch by batch, through the flow's stateless half, as a replay does."""
    content, carried, events, detections = _content(asked), Carried(), 0, 0
    loaded = peak_mib()
    for rows in chain(raw_batches(Path(asked["corpus"]), asked["batch"], asked["lines"] or None), [pl.DataFrame(schema=RAW)]):
        seen = look(RawBatch(rows, {}), carried, content, final=rows.is_empty())
        carried = seen.carried
        events += sum(frame.height for frame in seen.events)
        detections += seen.detections.height
    return {"events": events, "matches": detections, "after_loading_mib": loaded, "peak_mib": peak_mib()}


def _ruleset(asked: Figures) -> RuleSet:
    return load_rules(asked["rules"], Path(asked["work"])).ruleset


def _rows(asked: Figures) -> pl.DataFrame:
    return raw_rows(Path(asked["corpus"]), asked["lines"] or None)


def _content(asked: Figures) -> Content:
    work = Path(asked["work"])
    content = load_content(Settings(data_dir=work), rule_paths(asked["rules"]), estate=load_estate(ESTATE))
    return replace(content, loaded=load_rules(asked["rules"], work))


MEASURES = {"frames": frames, "text": text, "look": whole_look, "first": first, "peak": peak, "reload": reload}


def main() -> None:
    """Measure what the one argument (JSON) asks for, and print the figures."""
    asked: Figures = orjson.loads(sys.argv[1])
    sys.stdout.buffer.write(orjson.dumps({"threads": pl.thread_pool_size(), **MEASURES[asked["measure"]](asked)}))
