"""A corpus as the parsers make it, kept as Arrow files: what is left to do is detection alone.

Parsed once, through the parse engine of the flow, in batches of 10,000 lines. Each file holds the events of one log source
value and one set of columns: ``logsource``, the text columns that a rule of the set which sees this log source reads (all own
and ECS columns where such a rule searches whole events), and ``raw_row``, the number of the line in raw.log.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path

import polars as pl

from benchmarks.corpora import read_manifest, write_manifest
from benchmarks.rulesets import load_rules, widest
from correlator.detect.plan import RuleSet, leaves
from correlator.model.event import RESERVED
from correlator.model.logsource import LogSource
from correlator.model.raw import RAW
from correlator.parse.engine import Carried, read
from correlator.parse.registry import find_parsers

BATCH = 10_000
RECEIVED = datetime(2026, 11, 22, 20, tzinfo=UTC)
ROW = "raw_row"


def raw_rows(folder: Path, lines: int | None = None) -> pl.DataFrame:
    """Return the first ``lines`` of the corpus (None: all) as RAW rows; ``offset`` is the number of the line, from 0."""
    return pl.concat(raw_batches(folder, 100_000, lines))


def raw_batches(folder: Path, size: int, lines: int | None = None) -> Iterator[pl.DataFrame]:
    """Yield the first ``lines`` of the corpus (None: all) as RAW rows, ``size`` at a time, read when they are asked for."""
    streams = dict(enumerate(read_manifest(folder)["streams"]))
    spoken = pl.read_ipc(folder / "streams.arrow", n_rows=lines).get_column("stream").cast(pl.UInt32)
    with (folder / "raw.log").open(encoding="utf-8", newline="\n") as file:
        for start in range(0, spoken.len(), size):
            names = spoken.slice(start, size).replace_strict(streams, return_dtype=pl.String)
            texts = pl.Series([line[:-1] for line in islice(file, names.len())], dtype=pl.String)
            yield _raw(pl.DataFrame({"stream": names, "text": texts}).with_row_index("offset", start))


def _raw(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        pl.format("bench~{}~{}", "stream", "offset").alias("id"),
        pl.lit("bench").alias("source"),
        "stream",
        pl.col("offset").cast(pl.Int64),
        pl.lit(RECEIVED).cast(RAW["received"]).alias("received"),
        pl.lit(None, dtype=pl.String).alias("peer"),
        pl.col("stream").alias("path"),
        (pl.col("offset") + 1).cast(pl.Int64).alias("line"),
        "text",
        pl.lit(0, dtype=pl.UInt16).alias("flags"),
    )


def normalise(folder: Path, rules: RuleSet | None = None) -> None:
    """Write ``folder``/frames for ``rules`` (None: the widest set), and what became of the lines into the manifest, once."""
    manifest = read_manifest(folder)
    if "parsed" in manifest:
        return
    ruleset = rules or load_rules(widest(), folder.parent).ruleset
    kept: dict[tuple[object, ...], list[pl.DataFrame]] = defaultdict(list)
    fates: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for events, rejects, counted in _parsed(folder, ruleset):
        for frame in events:
            for piece in _pieces(frame, ruleset):
                kept[tuple(piece.schema.items()), piece.item(0, "logsource")].append(piece)
        reasons.update(rejects)
        fates.update(counted)
    target = folder / "frames"
    target.mkdir(exist_ok=True)
    for number, frames in enumerate(kept.values()):
        pl.concat(frames).sort(ROW, maintain_order=True).write_ipc(target / f"{number:04d}.arrow", compression="uncompressed")
    manifest["parsed"] = {**fates, "reasons": dict(reasons), "frames": len(kept), "rules": ruleset.id}
    write_manifest(folder, manifest)


def _parsed(folder: Path, ruleset: RuleSet) -> Iterator[tuple[Sequence[pl.DataFrame], Counter[str], Counter[str]]]:
    """Yield the events of each batch, why records were refused, and the fates."""
    parsers, carried = find_parsers(), Carried()
    want = None if ruleset.keywords else ruleset.fields
    for rows in chain(raw_batches(folder, BATCH), [pl.DataFrame(schema=RAW)]):
        done = read(rows, parsers, carried, want=want, final=rows.is_empty())
        carried = done.carried
        counted: Counter[str] = Counter()
        for one in done.counts.values():
            counted.update({"read": one.read, "events": one.events, "rejected": one.rejected, "assembled": one.assembled})
        yield done.events, Counter(done.rejects.get_column("reason").to_list()), counted


def _pieces(frame: pl.DataFrame, ruleset: RuleSet) -> Iterator[pl.DataFrame]:
    """Yield the events of a frame by log source, with the columns its rules read; those nobody sees are left with none."""
    row = pl.col("event.id").str.extract(r"~(\d+)(?:\.\d+)?$").cast(pl.UInt32).alias(ROW)
    for (source,), events in frame.partition_by("logsource", as_dict=True, maintain_order=True).items():
        names = _read_by(ruleset, str(source), events.columns)
        yield events.select(row, "logsource", *(pl.col(name) for name in names))


_fields: dict[tuple[str, str], frozenset[str] | None] = {}


def _read_by(ruleset: RuleSet, source: str, columns: Sequence[str]) -> list[str]:
    key = (ruleset.id, source)
    if key not in _fields:
        _fields[key] = _fields_of(ruleset, source)
    asked = _fields[key]
    return [name for name in columns if name not in RESERVED and name != ROW and (asked is None or name in asked)]


def _fields_of(ruleset: RuleSet, source: str) -> frozenset[str] | None:
    """Return the fields that rules which see ``source`` read; None: a keyword among them searches every column."""
    given = [LogSource.parse(triple) for triple in source.split()]
    seeing = [rule for rule in ruleset.rules if any(one.feeds(rule.logsource) for one in given)]
    if any(leaf.field is None for rule in seeing for leaf in leaves(rule.condition)):
        return None
    return frozenset().union(*(rule.fields for rule in seeing))


def load_frames(folder: Path) -> list[pl.DataFrame]:
    """Return the normalised events in memory, whole, ``raw_row`` included."""
    return [pl.read_ipc(file) for file in sorted((folder / "frames").glob("*.arrow"))]


def batches(frames: Sequence[pl.DataFrame], lines: int, size: int) -> list[list[pl.DataFrame]]:
    """Return ``frames`` cut as batches of ``size`` lines are; a batch has one frame per file that has events in it."""
    edges = pl.Series([*range(0, lines, size), lines], dtype=pl.UInt32)
    cuts = [frame.get_column(ROW).search_sorted(edges).to_list() for frame in frames]
    return [
        [frame.slice(cut[n], cut[n + 1] - cut[n]) for frame, cut in zip(frames, cuts, strict=True) if cut[n] < cut[n + 1]]
        for n in range(edges.len() - 1)
    ]
