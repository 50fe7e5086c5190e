"""What the database knows about why an incident stands out: its hits, the incidents before it, how common its things are."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa

from correlator.model.incident import Incident, Status, number_of
from correlator.store import schema_triage
from correlator.store.schema import hit, incident, incident_finding, incident_rule, observable_day
from correlator.store.times import EPOCH

_HITS = 50


@dataclass(frozen=True, slots=True)
class HitSeen:
    """A correlation that was satisfied: for which group, from when to when, with how many events."""

    rule_id: str
    group: Mapping[str, str]
    first: datetime
    last: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Earlier:
    """Earlier incidents of the same lane in which a rule fired: how many, and the newest."""

    count: int
    number: str
    opened: datetime


@dataclass(frozen=True, slots=True)
class Days:
    """On how many days a thing was found in the time before an incident, and how often in all."""

    days: int
    findings: int


def hits_of(connection: sa.Connection, one: int) -> list[HitSeen]:
    """Return the hits of an incident, the largest first; fifty at most."""
    mine = sa.select(incident_finding.c.finding_id).where(incident_finding.c.incident == one)
    query = sa.select(hit).where(hit.c.id.in_(mine)).order_by(hit.c.count.desc(), hit.c.id).limit(_HITS)
    return [
        HitSeen(row["rule_id"], _group(row["group"]), row["first"], row["last"], row["count"])
        for row in connection.execute(query).mappings()
    ]


def _group(text: str) -> dict[str, str]:
    try:
        said: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return {str(name): str(value) for name, value in said.items()} if isinstance(said, dict) else {}


def earlier(connection: sa.Connection, one: Incident, rules: Collection[str]) -> dict[str, Earlier]:
    """Return rule id → the incidents of the same lane opened before ``one`` in which it fired."""
    table, fired = incident.c, incident_rule.c
    before = (table.lane == one.lane) & (table.id < one.id) & (table.status != Status.MERGED) & fired.rule_id.in_(rules)
    query = sa.select(fired.rule_id, sa.func.count(), sa.func.max(table.id), sa.func.max(table.opened))
    joined = query.join(incident, table.id == fired.incident).where(before).group_by(fired.rule_id)
    return {rule: Earlier(count, number_of(newest), opened) for rule, count, newest, opened in connection.execute(joined)}


@dataclass(frozen=True, slots=True)
class Weak:
    """A weak signal about a thing: a rule on one UTC day (days since 1970)."""

    title: str
    level: str
    tags: tuple[str, ...]
    day: int


def weak_signals(connection: sa.Connection, lane: str, kind: str, key: str, last: datetime, days: int) -> list[Weak]:
    """Return the weak signals about (kind, key) in the ``days`` up to ``last``, oldest first."""
    table, until = schema_triage.weak_signal.c, (last - EPOCH).days
    mine = (
        (table.lane == lane) & (table.kind == kind) & (table.value == key) & (table.day <= until) & (table.day > until - days)
    )
    query = sa.select(table.title, table.level, table.tags, table.day).where(mine).order_by(table.day, table.rule_id)
    return [Weak(row.title, row.level, tuple(row.tags), row.day) for row in connection.execute(query)]


def quiet(connection: sa.Connection, one: int) -> list[tuple[str, str, int]]:
    """Return (rule id, why, how many) of the findings that joined an incident without news."""
    table = schema_triage.incident_quiet.c
    query = sa.select(table.rule_id, table.why, table.count).where(table.incident == one).order_by(table.rule_id, table.why)
    return [(rule, why, count) for rule, why, count in connection.execute(query)]


def kept_since(connection: sa.Connection, lane: str) -> datetime | None:
    """Return when the oldest incident of ``lane`` that is still kept was opened: before that nothing is known."""
    query = sa.select(sa.func.min(incident.c.opened)).where(incident.c.lane == lane)
    return connection.execute(query).scalar()


def days_before(
    connection: sa.Connection, lane: str, keys: Collection[tuple[str, str]], first: datetime, span: timedelta
) -> dict[tuple[str, str], Days]:
    """Return (kind, key) → how often each thing was found in ``lane`` in the whole UTC days of ``span`` before ``first``."""
    table = observable_day.c
    today, back = (first - EPOCH).days, (first - span - EPOCH).days
    found: dict[tuple[str, str], Days] = {}
    for kind, value in keys:
        mine = (table.value == value) & (table.kind == kind) & (table.lane == lane)
        query = sa.select(sa.func.count(table.day.distinct()), sa.func.sum(table.count))
        days, findings = connection.execute(query.where(mine, table.day >= back, table.day < today)).one()
        found[kind, value] = Days(int(days or 0), int(findings or 0))
    return found


def days_known(connection: sa.Connection, lane: str, first: datetime, span: timedelta) -> int:
    """Return how many of the days before ``first`` lie after the first one on which anything was found in ``lane``."""
    table = observable_day.c
    oldest = connection.execute(sa.select(sa.func.min(table.day)).where(table.lane == lane)).scalar()
    today = (first - EPOCH).days
    return 0 if oldest is None else max(0, min(today - int(oldest), span.days))
