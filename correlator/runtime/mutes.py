"""Mutes from draft to filter: what one would hide, writing it, ending it.

A mute hides findings from triage (``triage.mute``), never events from correlations. It is written as a Sigma filter, so that
it can be read, moved into ``rules/filters`` when it is to stay, and run by any Sigma tool; a test holds the two equal.
"""

import io
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl
import sqlalchemy as sa
import yaml

from correlator.detect.describe import describe
from correlator.detect.engine import detect
from correlator.detect.plan import RuleSet
from correlator.errors import InputError, Problem
from correlator.model.hit import HIT
from correlator.model.incident import Verdict, number_of
from correlator.model.mute import LONGEST, Mute, Scope
from correlator.model.observable import COLUMNS
from correlator.model.viewer import Viewer
from correlator.runtime.content import Content
from correlator.runtime.findings import findings
from correlator.store import exceptions, lake
from correlator.store.database import reading
from correlator.store.schema import hit, incident, incident_entity, incident_finding
from correlator.triage.mute import hidden_rows

LOOK_BACK = timedelta(days=7)
_EXAMPLES = 5
_MOST_EVENTS = 200_000  # looked at for a preview; more is said to be a lower bound


@dataclass(frozen=True, slots=True)
class Draft:
    """A mute somebody thinks of."""

    scope: Scope
    reason: str
    ends: datetime
    incident: int | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a draft would have hidden in the last seven days.

    ``findings`` detections and hits; ``incidents`` that would not be there, ``thinner`` that would have less in them;
    ``true_positives`` among both: a reason to think again. ``cut``: there was more than was looked at.
    """

    findings: int
    incidents: tuple[str, ...]
    thinner: tuple[str, ...]
    true_positives: tuple[str, ...]
    examples: tuple[str, ...]
    cut: bool = False


def check(draft: Draft, viewer: Viewer, now: datetime) -> None:
    """Return when ``viewer`` may make this mute; raises InputError with every reason why not."""
    scope, where = draft.scope, "mute"
    problems = []
    if scope.is_open:
        problems.append(Problem(where, 0, "it would hide everything", "name a rule, a commune or an observable"))
    if bool(scope.kind) != bool(scope.value):
        problems.append(Problem(where, 0, "an observable needs its kind and its value", "host=SIM-SCAN01"))
    if scope.kind and scope.kind not in {column.kind for column in COLUMNS}:
        kinds = ", ".join(sorted({column.kind for column in COLUMNS}))
        problems.append(Problem(where, 0, f"unknown kind of observable {scope.kind!r}", kinds))
    if not draft.reason.strip():
        problems.append(Problem(where, 0, "no reason is given", "say why, for those who read it in three months"))
    if not now < draft.ends <= now + LONGEST:
        expected = f"a time in the future, at most {LONGEST.days} days from now"
        problems.append(Problem(where, 0, f"it would end on {draft.ends:%Y-%m-%d %H:%M}", expected))
    if viewer.communes is not None and not (scope.commune and viewer.sees(scope.commune)):
        problems.append(Problem(where, 0, "it reaches beyond your communes", "name one of your communes"))
    if problems:
        raise InputError(problems)


def create(engine: sa.Engine, content: Content, draft: Draft, viewer: Viewer, now: datetime) -> Mute:
    """Write the mute and return it; it holds from the next batch on. Raises InputError as ``check`` does."""
    check(draft, viewer, now)
    identity = str(uuid.uuid4())
    text = filter_text(identity, draft, _logsource(content, draft.scope.rule_id), viewer.login, now)
    mute = Mute(identity, draft.scope, text, draft.reason.strip(), viewer.login, now, draft.ends, draft.incident)
    exceptions.add_mute(engine, mute)
    return mute


def visible(mutes: Iterable[Mute], viewer: Viewer) -> list[Mute]:
    """Return those of ``mutes`` that ``viewer`` may know of; those without a commune concern everybody who sees all."""
    return [mute for mute in mutes if viewer.communes is None or (mute.scope.commune and viewer.sees(mute.scope.commune))]


def withdraw(engine: sa.Engine, mute_id: str, viewer: Viewer, now: datetime) -> None:
    """End a mute now. Raises UnknownMute when there is none, or none that ``viewer`` may know of."""
    with reading(engine) as connection:
        known = {mute.id for mute in visible(exceptions.mutes(connection, now), viewer)}
    exceptions.withdraw_mute(engine, mute_id if mute_id in known else "", viewer.login, now)


def _logsource(content: Content, rule_id: str) -> dict[str, str]:
    """Return the log source of the rule; Sigma has no word for any log source, nor for that of a correlation."""
    source = next((rule.logsource for rule in content.ruleset.rules if rule.id == rule_id), None)
    parts = {} if source is None else {"product": source.product, "category": source.category, "service": source.service}
    return {name: value for name, value in parts.items() if value} or {"category": "any"}


def filter_text(identity: str, draft: Draft, logsource: dict[str, str], person: str, now: datetime) -> str:
    """Return the draft as a Sigma filter, YAML."""
    scope = draft.scope
    body: dict[str, object] = {"rules": [scope.rule_id] if scope.rule_id else "any"}
    selections = []
    if scope.commune:
        body["commune"] = {"commune": scope.commune}
        selections.append("commune")
    if scope.value:
        body["observable"] = [{column.column: scope.value} for column in COLUMNS if column.kind == scope.kind]
        selections.append("observable")
    if not selections:  # the whole rule: its every event
        body["every_event"] = {"event.id|exists": True}
        selections.append("every_event")
    body["condition"] = f"not ({' and '.join(selections)})"
    document = {
        "title": f"Mute {identity[:8]}", "id": identity, "status": "experimental", "description": draft.reason.strip(),
        "author": person, "date": f"{now:%Y-%m-%d}", "logsource": logsource,
        "tocsin": {"ends": draft.ends.isoformat()}, "filter": body,
    }  # fmt: skip
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def preview(engine: sa.Engine, content: Content, scope: Scope, now: datetime) -> Preview:
    """Return what ``scope`` would have hidden in the last seven days: the rules run again over the lake, and the hits kept."""
    since = now - LOOK_BACK
    found, cut = _hidden_detections(engine, content, scope, since, now)
    ids = [*found.get_column("finding.id"), *_hidden_hits(engine, scope, since)]
    whole, thinner, true_ones = _incidents(engine, ids)
    lines = found.sort("first", descending=True).head(_EXAMPLES).select("first", "rule.title", "document").iter_rows()
    examples = tuple(f"{at:%Y-%m-%d %H:%M:%S} UTC  {title}" for at, title, _ in lines)
    return Preview(len(ids), whole, thinner, true_ones, examples, cut)


def _hidden_detections(
    engine: sa.Engine, content: Content, scope: Scope, since: datetime, now: datetime
) -> tuple[pl.DataFrame, bool]:
    rows = lake.events(engine, since, now)
    if scope.commune:
        rows = rows.filter(pl.col("commune") == scope.commune)
    if scope.value:
        named = [
            pl.col(column.column).str.to_lowercase() == scope.value.lower() for column in COLUMNS if column.kind == scope.kind
        ]
        rows = rows.filter(pl.any_horizontal(named))
    events = rows.tail(_MOST_EVENTS).collect()
    frames = unfold(events)
    rules = content.ruleset if not scope.rule_id else _only(content.ruleset, scope.rule_id)
    detections = describe(rules, frames, detect(rules, frames))
    made = findings(detections, pl.DataFrame(schema=HIT), content.muted)
    return hidden_rows(made, [scope]), events.height == _MOST_EVENTS


def unfold(events: pl.DataFrame) -> tuple[pl.DataFrame, ...]:
    """Return rows of the lake as event frames again: one per data set, the source's own fields as columns."""
    return tuple(_unfolded(part) for part in events.partition_by("event.dataset", maintain_order=True))


def _unfolded(part: pl.DataFrame) -> pl.DataFrame:
    own = part.get_column("own").fill_null("{}")
    lines = "\n".join(own).encode()
    if not part.height or lines.count(b"{}") == part.height:
        return part.drop("own")
    return pl.concat([part.drop("own"), pl.read_ndjson(io.BytesIO(lines), infer_schema_length=None)], how="horizontal")


def _only(rules: RuleSet, rule_id: str) -> RuleSet:
    return RuleSet(tuple(rule for rule in rules.rules if rule.id == rule_id))


def _hidden_hits(engine: sa.Engine, scope: Scope, since: datetime) -> list[str]:
    """Return the ids of hits in incidents of the scope: an upper bound where the observable is not in every hit."""
    query = sa.select(hit.c.id).distinct().where(hit.c.last >= since)
    query = query.join(incident_finding, incident_finding.c.finding_id == hit.c.id)
    if scope.rule_id:
        query = query.where(hit.c.rule_id == scope.rule_id)
    if scope.commune:
        query = query.where(hit.c.lane == scope.commune)
    if scope.value:
        entity = incident_entity
        query = query.join(entity, entity.c.incident == incident_finding.c.incident)
        query = query.where((entity.c.kind == scope.kind) & (entity.c.value == scope.value.lower()))
    with reading(engine) as connection:
        return list(connection.execute(query).scalars())


def _incidents(engine: sa.Engine, finding_ids: list[str]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return the incidents that hold nothing else, those that hold more, and the true positives among them."""
    table = incident_finding
    hit_counts: dict[int, int] = {}
    with reading(engine) as connection:
        for start in range(0, len(finding_ids), 500):
            part = finding_ids[start : start + 500]
            query = sa.select(table.c.incident, sa.func.count()).where(table.c.finding_id.in_(part)).group_by(table.c.incident)
            for one, count in connection.execute(query):
                hit_counts[one] = hit_counts.get(one, 0) + count
        known = sa.select(incident.c.id, incident.c.findings, incident.c.verdict).where(incident.c.id.in_(list(hit_counts)))
        rows = connection.execute(known.order_by(incident.c.id)).all()
    whole = tuple(number_of(one) for one, total, _ in rows if hit_counts[one] >= total)
    thinner = tuple(number_of(one) for one, total, _ in rows if hit_counts[one] < total)
    return whole, thinner, tuple(number_of(one) for one, _, verdict in rows if verdict == Verdict.TRUE_POSITIVE)
