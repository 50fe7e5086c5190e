"""Taking findings out of an incident: what each of them is, and moving them with their events, evidence and counts."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import polars as pl
import sqlalchemy as sa

from correlator.model.observable import COLUMNS
from correlator.model.severity import Severity
from correlator.store import schema, schema_triage
from correlator.store.outcomes import put_entities, put_rules
from correlator.store.upsert import insert

Observable = Mapping[str, Any]
_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class Member:
    """One finding of an incident: when it was, what it bore (kind, role, value, strong, commune), its events, its rule."""

    id: str
    rule_id: str
    kind: str
    title: str
    level: str
    tags: tuple[str, ...]
    first: datetime
    last: datetime
    bore: tuple[Observable, ...]
    events: frozenset[str]

    @property
    def severity(self) -> Severity:
        """Return how grave it is."""
        return Severity.of(self.level)


def count_members(connection: sa.Connection, incident: int) -> tuple[int, int]:
    """Return how many events and how many findings an incident has now."""
    tables = (schema.incident_event, schema.incident_finding)
    queries = (sa.select(sa.func.count()).where(table.c.incident == incident) for table in tables)
    events, findings = (connection.execute(query).scalar_one() for query in queries)
    return events, findings


def members(connection: sa.Connection, incident: int) -> list[Member]:
    """Return the findings of an incident, oldest first.

    Those written before triage kept what findings bear are read from their documents, as far as those are kept.
    """
    table = schema.incident_finding
    rows = list(connection.execute(sa.select(table).where(table.c.incident == incident)).mappings())
    fired = schema.incident_rule
    rules = {row["rule_id"]: row for row in connection.execute(sa.select(fired).where(fired.c.incident == incident)).mappings()}
    hits = _hits(connection, incident)
    documents = _documents(connection, incident) if any(row["bore"] is None for row in rows) else {}
    found = [_member(row, rules[row["rule_id"]], hits, documents) for row in rows if row["rule_id"] in rules]
    return sorted(found, key=lambda one: (one.first, one.id))


def _member(
    row: sa.RowMapping,
    rule: sa.RowMapping,
    hits: Mapping[str, tuple[datetime, datetime, frozenset[str]]],
    documents: Mapping[str, tuple[datetime, tuple[Observable, ...]]],
) -> Member:
    event = row["finding_id"].removeprefix(f"{row['rule_id']}|")
    first, last, events = hits.get(row["finding_id"], (row["first"], row["last"], frozenset({event})))
    at, written = documents.get(event, (rule["first"], ()))
    bore = written if row["bore"] is None else tuple(row["bore"])
    return Member(
        id=row["finding_id"],
        rule_id=row["rule_id"],
        kind=rule["kind"],
        title=rule["title"],
        level=rule["level"],
        tags=tuple(rule["tags"]),
        first=first or at,
        last=last or first or at,
        bore=bore,
        events=events,
    )


def _hits(connection: sa.Connection, incident: int) -> dict[str, tuple[datetime, datetime, frozenset[str]]]:
    """Return hit id → first, last, events, of the hits of an incident."""
    finding, hit, member = schema.incident_finding, schema.hit, schema.hit_event
    mine = sa.select(finding.c.finding_id).where(finding.c.incident == incident)
    events: dict[str, set[str]] = {}
    for one, event in connection.execute(sa.select(member.c.hit, member.c.event_id).where(member.c.hit.in_(mine))):
        events.setdefault(one, set()).add(event)
    rows = connection.execute(sa.select(hit.c.id, hit.c.first, hit.c.last).where(hit.c.id.in_(mine)))
    return {one: (first, last, frozenset(events.get(one, ()))) for one, first, last in rows}


def _documents(connection: sa.Connection, incident: int) -> dict[str, tuple[datetime, tuple[Observable, ...]]]:
    table = schema.incident_evidence
    query = sa.select(table.c.event_id, table.c.at, table.c.document).where(table.c.incident == incident)
    return {event: (at, _borne(orjson.loads(document))) for event, at, document in connection.execute(query)}


def _borne(event: Mapping[str, Any]) -> tuple[Observable, ...]:
    """Return the observables of an event document."""
    pairs = ((column, event.get(column.column)) for column in COLUMNS)
    return tuple(
        {"kind": column.kind, "role": column.role, "value": str(value), "strong": column.strong, "commune": None}
        for column, written in pairs
        for value in (written if isinstance(written, list) else [written])
        if value
    )


def take_out(connection: sa.Connection, one: int, into: int, going: Collection[Member], staying: Collection[Member]) -> None:
    """Move the findings ``going`` of incident ``one`` with their events and evidence to ``into``; count both anew."""
    events = {event for member in going for event in member.events}
    _move(connection, schema.incident_finding, "finding_id", {member.id for member in going}, one, into)
    _move(connection, schema.incident_event, "event_id", events, one, into)
    _move(connection, schema.incident_evidence, "event_id", events, one, into)
    gone = {member.rule_id for member in going} - {member.rule_id for member in staying}
    _move(connection, schema_triage.incident_quiet, "rule_id", gone, one, into)
    communes = _communes(connection, one)
    for incident, members_ in ((one, staying), (into, going)):
        for table in (schema.incident_rule, schema.incident_entity):
            connection.execute(sa.delete(table).where(table.c.incident == incident))
        put_rules(connection, _rules(incident, members_))
        put_entities(connection, _entities(incident, members_, communes))


def _move(connection: sa.Connection, table: sa.Table, key: str, values: Collection[str], one: int, into: int) -> None:
    ordered = sorted(values)
    for start in range(0, len(ordered), _CHUNK):
        chosen = (table.c.incident == one) & table.c[key].in_(ordered[start : start + _CHUNK])
        others = [column for column in table.c if column.name != "incident"]
        rows = sa.select(sa.literal(into), *others).where(chosen)
        put = insert(table).from_select(["incident", *(column.name for column in others)], rows)
        connection.execute(put.on_conflict_do_nothing())
        connection.execute(sa.delete(table).where(chosen))


def _rules(incident: int, found: Iterable[Member]) -> list[dict[str, Any]]:
    rules: dict[str, dict[str, Any]] = {}
    for one in found:
        said = {"kind": one.kind, "title": one.title, "level": one.level, "tags": list(one.tags)}
        new = {"incident": incident, "rule_id": one.rule_id, **said, "count": 0, "first": one.first, "last": one.last}
        row = rules.setdefault(one.rule_id, new)
        row.update(count=row["count"] + 1, first=min(row["first"], one.first), last=max(row["last"], one.last))
    return list(rules.values())


def _communes(connection: sa.Connection, incident: int) -> dict[tuple[str, str, str], str]:
    """Return (kind, value, role) → whose it is, as triage worked it out over all findings."""
    table = schema.incident_entity
    columns = (table.c.kind, table.c.value, table.c.role, table.c.commune)
    rows = connection.execute(sa.select(*columns).where(table.c.incident == incident))
    return {(kind, value, role): commune for kind, value, role, commune in rows}


def _entities(incident: int, found: Iterable[Member], communes: Mapping[tuple[str, str, str], str]) -> list[dict[str, Any]]:
    entities: dict[tuple[str, str, str], dict[str, Any]] = {}
    for member in found:
        for key, seen in {(one["kind"], one["value"].lower(), one["role"]): one for one in member.bore}.items():
            kind, value, role = key
            named = {"incident": incident, "kind": kind, "value": value, "role": role}
            new = {**named, "shown": seen["value"], "strong": False, "commune": communes.get(key, ""), "count": 0}
            row = entities.setdefault(key, new)
            row.update(count=row["count"] + 1, strong=row["strong"] or bool(seen["strong"]))
            row.update(shown=min(row["shown"], seen["value"]))
    return list(entities.values())


def replace_spans(connection: sa.Connection, incident: int, spans: pl.DataFrame) -> None:
    """Give ``incident`` these spans (frame SPAN without id) instead of those it has."""
    table = schema.incident_span
    connection.execute(sa.delete(table).where(table.c.incident == incident))
    if spans.height:
        connection.execute(sa.insert(table), spans.with_columns(pl.lit(incident).alias("incident")).to_dicts())


def span_keys(connection: sa.Connection, incident: int) -> frozenset[tuple[str, str]]:
    """Return (kind, key) of what groups an incident."""
    table = schema.incident_span
    rows = connection.execute(sa.select(table.c.kind, table.c.value).where(table.c.incident == incident))
    return frozenset((kind, value) for kind, value in rows)


def pin(connection: sa.Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Remember what a person split off: lane, kind, value, incident, person, at; the last word counts."""
    put = insert(schema_triage.incident_pin)
    newest = {name: put.excluded[name] for name in ("incident", "person", "at")}
    every = list(rows)
    if every:
        connection.execute(put.on_conflict_do_update(index_elements=["value", "kind", "lane"], set_=newest), every)


def unpin(connection: sa.Connection, incident: int) -> None:
    """Forget what was pinned to ``incident``."""
    table = schema_triage.incident_pin
    connection.execute(sa.delete(table).where(table.c.incident == incident))
