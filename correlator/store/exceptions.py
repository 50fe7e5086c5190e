"""Mutes and pauses of rules as rows: who made them, until when, what they hid."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from correlator.errors import TocsinError
from correlator.model.mute import Mute, Scope, parse_weekly
from correlator.store.database import reading, transaction
from correlator.store.schema import audit
from correlator.store.schema_people import exception, rule_pause

#: A mute is asked about what happened before its end for so long after it: late events must not open what it covered.
LATEST = timedelta(days=1)


class UnknownMute(TocsinError):
    """There is no mute or pause of this name that still holds."""


def add_mute(engine: sa.Engine, mute: Mute) -> None:
    """Keep a new mute, with a line in the audit."""
    scope = mute.scope
    row = {
        "id": mute.id, "rule_id": scope.rule_id, "commune": scope.commune, "field": scope.kind, "value": scope.value,
        "filter": mute.filter, "reason": mute.reason, "person": mute.person, "incident": mute.incident,
        "created": mute.created, "ends": mute.ends, "starts": mute.starts, "narrow": _narrow(scope),
    }  # fmt: skip
    with transaction(engine) as connection:
        connection.execute(sa.insert(exception), row)
        detail = {"reason": mute.reason, "ends": mute.ends.isoformat(), "rule": scope.rule_id, "commune": scope.commune}
        told = {**detail, scope.kind or "value": scope.value, **(_narrow(scope) or {})}
        _record(connection, mute.created, mute.person, "muted", mute.id, told)


def withdraw_mute(engine: sa.Engine, mute_id: str, person: str, now: datetime) -> None:
    """End a mute before its time. Raises UnknownMute when it does not hold any more, or never did."""
    holds = (exception.c.id == mute_id) & exception.c.withdrawn.is_(None) & (exception.c.ends > now)
    with transaction(engine) as connection:
        done = connection.execute(sa.update(exception).where(holds).values(withdrawn=now, withdrawn_by=person))
        if not done.rowcount:
            raise UnknownMute(f"no mute {mute_id} that still holds; 'tocsin mute list' shows those that do")
        _record(connection, now, person, "unmuted", mute_id, {})


def mutes(connection: sa.Connection, now: datetime | None = None) -> list[Mute]:
    """Return every mute, newest first; with ``now``, those that hold then."""
    query = sa.select(exception).order_by(exception.c.created.desc(), exception.c.id)
    if now is not None:
        query = query.where(exception.c.withdrawn.is_(None) & (exception.c.ends > now))
    return [_mute(row) for row in connection.execute(query).mappings()]


def active_scopes(connection: sa.Connection, now: datetime) -> dict[str, Scope]:
    """Return id → what each mute hides at ``now``, bounded by its own times: of what happens, not of when it is read."""
    query = sa.select(exception).where(exception.c.withdrawn.is_(None) & (exception.c.ends > now - LATEST))
    found = (_mute(row) for row in connection.execute(query.order_by(exception.c.id)).mappings())
    return {one.id: replace(one.scope, since=one.starts, until=one.ends) for one in found}


def ended_between(connection: sa.Connection, since: datetime, until: datetime) -> list[Mute]:
    """Return the mutes that ran out in that time by themselves, the first to end first."""
    over = exception.c.withdrawn.is_(None) & (exception.c.ends > since) & (exception.c.ends <= until)
    query = sa.select(exception).where(over).order_by(exception.c.ends, exception.c.id)
    return [_mute(row) for row in connection.execute(query).mappings()]


def count_hidden(connection: sa.Connection, hidden: Mapping[str, int], now: datetime) -> None:
    """Add to what each mute hid, in the caller's transaction."""
    for mute_id, count in sorted(hidden.items()):
        grown = {"hidden": exception.c.hidden + count, "hidden_last": now}
        connection.execute(sa.update(exception).where(exception.c.id == mute_id).values(grown))


def pause_rule(engine: sa.Engine, rule_id: str, *, reason: str, person: str, now: datetime, ends: datetime) -> None:
    """Keep a rule from running until ``ends``."""
    row = {"rule_id": rule_id, "reason": reason, "person": person, "created": now, "ends": ends}
    with transaction(engine) as connection:
        connection.execute(sa.insert(rule_pause), row)
        _record(connection, now, person, "rule paused", rule_id, {"reason": reason, "ends": ends.isoformat()})


def resume_rule(engine: sa.Engine, rule_id: str, person: str, now: datetime) -> None:
    """End all pauses of a rule. Raises UnknownMute when it is not paused."""
    holds = (rule_pause.c.rule_id == rule_id) & rule_pause.c.withdrawn.is_(None) & (rule_pause.c.ends > now)
    with transaction(engine) as connection:
        if not connection.execute(sa.update(rule_pause).where(holds).values(withdrawn=now)).rowcount:
            raise UnknownMute(f"rule {rule_id} is not disabled")
        _record(connection, now, person, "rule resumed", rule_id, {})


def paused_rules(engine: sa.Engine, now: datetime) -> dict[str, tuple[datetime, str, str]]:
    """Return rule id → (until, reason, who) of the rules that do not run at ``now``."""
    holds = rule_pause.c.withdrawn.is_(None) & (rule_pause.c.ends > now)
    columns = (rule_pause.c.rule_id, rule_pause.c.ends, rule_pause.c.reason, rule_pause.c.person)
    with reading(engine) as connection:
        rows = connection.execute(sa.select(*columns).where(holds).order_by(rule_pause.c.ends)).all()
    return {rule_id: (ends, reason, person) for rule_id, ends, reason, person in rows}


def _mute(row: sa.RowMapping) -> Mute:
    told: Mapping[str, Any] = row["narrow"] or {}
    scope = Scope(
        rule_id=row["rule_id"],
        commune=row["commune"],
        kind=row["field"],
        value=row["value"],
        any_of=tuple(told.get("any_of", ())),
        fields=tuple((name, value) for name, value in told.get("fields", ())),
        weekly=parse_weekly(told["weekly"], told["zone"]) if told.get("weekly") else None,
    )
    own = {name: row[name] for name in Mute.__dataclass_fields__ if name != "scope"}
    return Mute(scope=scope, **own)


def _narrow(scope: Scope) -> dict[str, Any] | None:
    """Return what has no column of its own."""
    weekly = {"weekly": str(scope.weekly), "zone": scope.weekly.zone} if scope.weekly else {}
    lists = {"fields": [list(pair) for pair in scope.fields], "any_of": list(scope.any_of)}
    return {name: value for name, value in {**lists, **weekly}.items() if value} or None


def _record(connection: sa.Connection, now: datetime, person: str, act: str, what: str, detail: Mapping[str, Any]) -> None:
    connection.execute(sa.insert(audit), {"at": now, "person": person, "act": act, "object": what, "detail": dict(detail)})
