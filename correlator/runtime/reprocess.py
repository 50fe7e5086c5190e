"""Dead letters through the flow again: records refused once are read as if they came now, under the identity they always had.

Each is a stream of its own, so none becomes the continuation of another. Positions do not move, and neither does event time:
what is before it is late for windows (counted), never for detections. What is read leaves the dead letter in the transaction
that makes its events visible; the rest stays, with its newest reason.

The ledger counts a record once. In the hour it was refused it moves from ``rejected`` to its new fate; ``received`` stays, and
``events`` grows by what it gave.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import polars as pl
import sqlalchemy as sa

from correlator.errors import Problem
from correlator.model.raw import RAW, RawBatch
from correlator.model.reject import Reason
from correlator.parse.contract import Header
from correlator.parse.engine import Carried, read
from correlator.parse.registry import pick
from correlator.runtime.checkpoint import Checkpoint
from correlator.runtime.content import Content
from correlator.runtime.pipeline import Flow, Outcome, process
from correlator.runtime.watermark import EVERYBODY
from correlator.store import records
from correlator.store.database import reading
from correlator.store.records import DeadLetter

_ROWS = 5_000
#: Of these the dead letter holds the beginning, or what a reader said: not the record.
NOT_WHOLE = frozenset({Reason.TOO_LONG, Reason.DAMAGED, Reason.NOT_TEXT})
_HEADER = "~header"
_MOST_PROBLEMS = 20  # of a batch


@dataclass(slots=True)
class Reprocessed:
    """What became of the dead letters that were asked for."""

    tried: int = 0
    left: int = 0  # the dead letter: read, or now known to hold nothing
    events: int = 0
    detections: int = 0
    late: int = 0
    not_whole: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # again, by newest reason
    detected: Counter[str] = field(default_factory=Counter)  # detections by level
    problems: set[Problem] = field(default_factory=set)  # faults of parsers


def reprocess(checkpoint: Checkpoint, content: Content, *, reason: str | None = None, parser: str | None = None) -> Reprocessed:
    """Read dead records again (those refused for ``reason``; with ``parser`` alone) and say what became of them.

    The caller holds the data folder (``store.database.held``). Raises InputError for an unknown parser.
    """
    if parser is not None:
        pick(content.parsers, parser)
    done, after = Reprocessed(), 0
    flow = checkpoint.restore(())
    while letters := _next(checkpoint.engine, reason, after):
        after = letters[-1].id
        whole = [letter for letter in letters if letter.reason not in NOT_WHOLE and letter.body]
        done.not_whole += len(letters) - len(whole)
        if whole:
            flow = _again(whole, flow, _forced(content, whole, parser), checkpoint, done)
    return done


def readers_of(letter: DeadLetter, content: Content) -> str:
    """Return who would read a dead record now, and what would come of it, in words."""
    if letter.reason in NOT_WHOLE or not letter.body:
        return "it was not kept whole and cannot be read again"
    made = read(as_rows([letter], content), content.parsers, forced=content.forced, zones=content.zones, final=True)
    datasets = [str(dataset) for frame in made.events for dataset in frame.get_column("event.dataset").unique().sort()]
    if datasets:
        return f"it would be read: {', '.join(datasets)}. Run tocsin dead-letter reprocess"
    refused = made.rejects.select("parser", "reason").rows()
    said = (f"{parser} would refuse it: {reason}" if parser else "nobody would read it" for parser, reason in refused)
    return "; ".join(said) or "it would be skipped"


def _next(engine: sa.Engine, reason: str | None, after: int) -> list[DeadLetter]:
    with reading(engine) as connection:
        return records.list_dead(connection, kind="record", reason=reason, after=after, limit=_ROWS)


def _forced(content: Content, letters: Sequence[DeadLetter], parser: str | None) -> Content:
    if parser is None:
        return content
    return replace(content, forced={**content.forced, **{letter.origin: parser for letter in letters}})


def _again(letters: Sequence[DeadLetter], flow: Flow, content: Content, checkpoint: Checkpoint, done: Reprocessed) -> Flow:
    rows = as_rows(letters, content)
    now = datetime.now(UTC)
    alone = Flow(Carried(), flow.lanes, flow.watermark)
    made = process(RawBatch(rows, {}), alone, content, wall=now, final=True, live=True, behind={EVERYBODY})
    mine = made.rejects.filter(~pl.col("id").str.ends_with(_HEADER))
    outcome = replace(made, rejects=mine, flow=Flow(flow.carried, made.flow.lanes, flow.watermark))
    reasons = dict(mine.select("id", "reason").unique("id", keep="last").iter_rows())
    checkpoint.commit(outcome, flow, now, lambda connection, kept, _: _record(connection, letters, reasons, kept))
    done.tried += len(letters)
    done.left += len(letters) - len(reasons)
    done.refused.update(reasons.values())
    done.events += sum(frame.height for frame in outcome.events)
    done.detections += outcome.detections.height
    done.detected.update(outcome.detections.get_column("rule.level").fill_null("medium"))
    done.late += sum(outcome.late.values())
    done.problems.update(outcome.problems[:_MOST_PROBLEMS])
    return outcome.flow


def as_rows(letters: Sequence[DeadLetter], content: Content) -> pl.DataFrame:
    """Return dead records as RAW rows, each in a stream of its own.

    The text of a record of a format with header lines begins with its header: the two become two rows again.
    """
    headed = _headed([letter.body for letter in letters], content)
    rows = []
    for letter, has_header in zip(letters, headed, strict=True):
        path, _, line = letter.place.rpartition(":")
        number = int(line) if line.isdigit() else None
        place = {"id": letter.key, "source": letter.origin, "stream": letter.key, "path": path or None, "line": number}
        row = {**place, "offset": 1, "received": letter.at, "text": letter.body, "flags": 0}
        if has_header:
            header, _, text = letter.body.partition("\n")
            rows.append({**row, "id": letter.key + _HEADER, "offset": 0, "text": header})
            row = {**row, "text": text}
        rows.append(row)
    return pl.DataFrame(rows, schema=RAW)


def _headed(bodies: Sequence[str], content: Content) -> pl.Series:
    """Say which texts are a header line and a record."""
    assemblies = [parser.assembly for parser in content.parsers.values()]
    patterns = [assembly.pattern for assembly in assemblies if isinstance(assembly, Header)]
    texts = pl.DataFrame({"text": pl.Series(bodies, dtype=pl.String)})
    first = pl.col("text").str.split("\n").list.first()
    is_header = pl.any_horizontal(pl.lit(value=False), *(first.str.contains(pattern) for pattern in patterns))
    return texts.select(pl.col("text").str.contains("\n", literal=True) & is_header).to_series()


def _record(connection: sa.Connection, letters: Sequence[DeadLetter], reasons: Mapping[str, str], outcome: Outcome) -> None:
    """Move the fates of the records that were read, and take them out of the dead letter."""
    gone = [letter for letter in letters if letter.key not in reasons]
    records.settle_dead(
        connection,
        [letter.id for letter in gone],
        {letter.id: reasons[letter.key] for letter in letters if reasons.get(letter.key, letter.reason) != letter.reason},
    )
    made = _events_of(outcome)
    moved: defaultdict[tuple[str, datetime], Counter[str]] = defaultdict(Counter)
    for letter in gone:
        events = made.get(letter.key, 0)
        hour = letter.at.replace(minute=0, second=0, microsecond=0)
        moved[letter.origin, hour].update({"rejected": -1, "read" if events else "skipped": 1, "events": events})
    for (source, hour), counts in moved.items():
        records.add_to_ledger(connection, source, hour, counts)


def _events_of(outcome: Outcome) -> dict[str, int]:
    """Return raw id → how many events the record made."""
    raw = pl.when(pl.col("n") > 0).then(pl.col("event.id").str.replace(r"\.\d+$", "")).otherwise("event.id").alias("id")
    ids = [frame.select(raw) for frame in outcome.events]
    return dict(pl.concat(ids).get_column("id").value_counts().iter_rows()) if ids else {}
