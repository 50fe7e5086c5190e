"""The proof a mute needs before it is saved: what it would have hidden in the last thirty days, and whether that was an attack.

Detections come from the rules run again over the lake, the newest events first and as many as can be looked at while somebody
waits; hits from what was kept. True positives are judged by what was kept with them, however old they are.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import sqlalchemy as sa

from correlator.detect.describe import describe
from correlator.detect.engine import detect
from correlator.detect.plan import RuleSet
from correlator.model.hit import HIT
from correlator.model.incident import number_of
from correlator.model.logsource import LogSource
from correlator.model.mute import Scope
from correlator.model.observable import COLUMNS
from correlator.runtime.content import Content
from correlator.runtime.findings import findings
from correlator.runtime.mute_attacks import attacks_hidden, hidden_hits
from correlator.runtime.mute_fields import fits
from correlator.store import lake
from correlator.store.database import reading
from correlator.store.lake_chunks import chunks
from correlator.store.schema import incident, incident_finding
from correlator.triage.mute import hidden_rows, is_about

LOOK_BACK = timedelta(days=30)
_EXAMPLES = 5
#: What is looked at while somebody waits: rows of the lake read, findings made; more is said to be a lower bound.
MOST_ROWS, MOST_FINDINGS = 2_000_000, 100_000
_START = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a draft would have hidden in the last thirty days.

    ``findings`` detections and hits; ``incidents`` that would not be there, ``thinner`` that would have less in them;
    ``true_positives`` that would not be there or be told as less grave: such a mute is refused. ``cut``: there was more than
    was looked at, which began at ``since``.
    """

    findings: int
    incidents: tuple[str, ...]
    thinner: tuple[str, ...]
    true_positives: tuple[str, ...]
    examples: tuple[str, ...]
    cut: bool = False
    since: datetime | None = None


@dataclass(slots=True)
class _Replayed:
    """What the lake gave: ids of hidden detections, and the newest of them as (time, title)."""

    since: datetime
    ids: list[str] = field(default_factory=list)
    newest: list[tuple[datetime, str]] = field(default_factory=list)
    cut: bool = False


def preview(engine: sa.Engine, content: Content, scope: Scope, now: datetime) -> Preview:
    """Return what ``scope`` would have hidden: the rules run again over the lake, and the hits kept."""
    replayed = _replay(engine, content, scope, now - LOOK_BACK, now)
    with reading(engine) as connection:
        ids = [*replayed.ids, *hidden_hits(connection, scope, now - LOOK_BACK)]
        whole, thinner = _incidents(connection, ids)
        attacks = attacks_hidden(connection, scope, whole)
    lines = sorted(replayed.newest, reverse=True)[:_EXAMPLES]
    zone = ZoneInfo(content.estate.time_zone)
    examples = tuple(f"{at.astimezone(zone):%d/%m/%Y %H:%M:%S}  {title}" for at, title in lines)
    told = [tuple(map(number_of, one)) for one in (whole, thinner, attacks)]
    return Preview(len(ids), told[0], told[1], told[2], examples, cut=replayed.cut, since=replayed.since)


def _replay(engine: sa.Engine, content: Content, scope: Scope, since: datetime, now: datetime) -> _Replayed:
    rules = _asked(content.ruleset, scope.rule_id)
    done, read, reached = _Replayed(since), 0, now
    if not rules.rules:
        return done
    for file in _newest_first(engine, scope, since, now):
        if read >= MOST_ROWS or len(done.ids) >= MOST_FINDINGS:
            return replace(done, cut=True, since=min(now, reached))
        for rows in _rows_of(engine, file):
            read += rows.height
            inside = rows.filter(pl.col("@timestamp").is_between(since, now))
            _take(done, hidden_detections(content, rules, scope, inside))
        reached = max(since, min(reached, file.first or reached))
    return done


def _asked(rules: RuleSet, rule_id: str) -> RuleSet:
    return RuleSet(tuple(rule for rule in rules.rules if rule.id == rule_id)) if rule_id else rules


def _newest_first(engine: sa.Engine, scope: Scope, since: datetime, now: datetime) -> list[lake.LakeFile]:
    there = [
        file
        for file in lake.files(engine)
        if (file.first is None or file.first <= now)
        and (file.last is None or file.last >= since)
        and (not scope.commune or file.commune in {None, scope.commune})
    ]
    return sorted(there, key=lambda file: file.last or _START, reverse=True)


def _rows_of(engine: sa.Engine, file: lake.LakeFile) -> Iterator[pl.DataFrame]:
    try:
        yield from chunks(engine, file)
    except FileNotFoundError:  # compacted while others were read: its rows are in a newer file
        return


def _take(done: _Replayed, found: pl.DataFrame) -> None:
    done.ids += found.get_column("finding.id").to_list()
    newest = found.sort("first", descending=True).head(_EXAMPLES).select("first", "rule.title").iter_rows()
    done.newest = sorted([*done.newest, *newest], reverse=True)[:_EXAMPLES]


def hidden_detections(content: Content, rules: RuleSet, scope: Scope, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the findings (frame FINDING) that ``rules`` make of ``rows`` of the lake, those that ``scope`` hides."""
    frames = unfold(_near(rows, rules, scope))
    detections = describe(rules, frames, detect(rules, frames))
    made = findings(detections, pl.DataFrame(schema=HIT), content.muted)
    return hidden_rows(made, [scope], fits)


def _near(rows: pl.DataFrame, rules: RuleSet, scope: Scope) -> pl.DataFrame:
    """Return the rows that can matter: of the commune, of a log source that is asked, about what the scope is about."""
    if scope.commune:
        rows = rows.filter(pl.col("commune") == scope.commune)
    wanted = {rule.logsource for rule in rules.rules}
    said = {text: _feeds(text, wanted) for text in rows.get_column("logsource").fill_null("").unique()}
    fed = [text for text, feeds in said.items() if feeds]
    rows = rows.filter(pl.col("logsource").fill_null("").is_in(fed))
    if not scope.abouts:
        return rows
    near = [_bearing(rows.get_column(one.column), one.kind, scope) for one in COLUMNS if one.kind in dict(scope.abouts)]
    return rows.filter(pl.any_horizontal(pl.lit(value=False), *near))


def _feeds(text: str, wanted: set[LogSource]) -> bool:
    given = [LogSource.parse(triple) for triple in text.split()]
    return any(one.feeds(source) for one in given for source in wanted)


def _bearing(column: pl.Series, kind: str, scope: Scope) -> pl.Series:
    lower = column.str.to_lowercase()
    named = [value for value in lower.unique().drop_nulls() if is_about(kind, value, scope)]
    return lower.is_in(named).fill_null(value=False)


def unfold(events: pl.DataFrame) -> tuple[pl.DataFrame, ...]:
    """Return rows of the lake as event frames again: one per data set, the source's own fields as columns."""
    return tuple(_unfolded(part) for part in events.partition_by("event.dataset", maintain_order=True))


def _unfolded(part: pl.DataFrame) -> pl.DataFrame:
    own = part.get_column("own").fill_null("{}")
    lines = "\n".join(own).encode()
    if not part.height or lines.count(b"{}") == part.height:
        return part.drop("own")
    return pl.concat([part.drop("own"), pl.read_ndjson(io.BytesIO(lines), infer_schema_length=None)], how="horizontal")


def _incidents(connection: sa.Connection, finding_ids: Sequence[str]) -> tuple[list[int], list[int]]:
    """Return the incidents that hold nothing else, and those that hold more."""
    table = incident_finding
    counts: dict[int, int] = {}
    for start in range(0, len(finding_ids), 500):
        part = finding_ids[start : start + 500]
        query = sa.select(table.c.incident, sa.func.count()).where(table.c.finding_id.in_(part)).group_by(table.c.incident)
        for one, count in connection.execute(query):
            counts[one] = counts.get(one, 0) + count
    known = sa.select(incident.c.id, incident.c.findings).where(incident.c.id.in_(list(counts)))
    rows = connection.execute(known.order_by(incident.c.id)).all()
    return [one for one, total in rows if counts[one] >= total], [one for one, total in rows if counts[one] < total]
