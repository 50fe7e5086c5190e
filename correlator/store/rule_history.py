"""What the active rule set was, when and why it changed; and asking the processes that run to read the rules again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from correlator.store import postgres
from correlator.store.database import reading, transaction
from correlator.store.journal import note
from correlator.store.schema import rule_set
from correlator.store.schema_rules import rule_reload, rule_set_change
from correlator.store.upsert import insert

_CHANGES_KEPT, _SETS_KEPT, _ASKED_KEPT = 500, 20, 100
Rules = Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Cause:
    """Why the rules were read again: ``word`` (start, files, signal, asked), who asked, which part of Tocsin did it."""

    word: str
    person: str = ""
    process: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the active rule set. ``added``, ``removed``, ``changed``: id → title."""

    id: int
    at: datetime
    rule_set: str
    previous: str
    cause: Cause
    rules: int
    added: Mapping[str, str] = field(default_factory=dict)
    removed: Mapping[str, str] = field(default_factory=dict)
    changed: Mapping[str, str] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    sets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody asked for the rules to be read again; ``answer``: what came of it, "" while nobody did."""

    id: int
    at: datetime
    person: str
    answered: datetime | None
    answer: str


def record(
    engine: sa.Engine, active: str, rules: Rules, cause: Cause, now: datetime, detail: Mapping[str, Any] | None = None
) -> Change | None:
    """Write that the set ``active`` runs, with ``rules`` (id → its hash and title); None when that stands there already.

    Several processes of an install load the same rules: the first one writes. ``detail``: ``kept`` and ``sets``.
    """
    with transaction(engine) as connection:
        postgres.lock(connection, postgres.RULES)
        last = connection.execute(sa.select(rule_set_change).order_by(rule_set_change.c.id.desc()).limit(1)).mappings().first()
        previous = last["rule_set"] if last else ""
        kept = list((detail or {}).get("kept", ()))
        if last and previous == active and list(last["detail"].get("kept", ())) == kept:
            return None
        told = {**_difference(_rules_of(connection, previous), rules), **(detail or {})}
        report = {"rules": {rule: list(says) for rule, says in rules.items()}}
        put = insert(rule_set).values(id=active, activated=now, report=report)
        connection.execute(put.on_conflict_do_update(index_elements=["id"], set_={"activated": now, "report": report}))
        row = {
            "at": now, "rule_set": active, "previous": previous, "cause": cause.word, "person": cause.person,
            "process": cause.process, "rules": len(rules), "detail": told,
        }  # fmt: skip
        connection.execute(sa.insert(rule_set_change), row)
        _forget(connection)
        return next(iter(_changes(connection, 1)))


def history(engine: sa.Engine, most: int = 20) -> list[Change]:
    """Return the last changes, newest first."""
    with reading(engine) as connection:
        return _changes(connection, most)


def ask_reload(engine: sa.Engine, person: str, now: datetime) -> int:
    """Ask every process of the install to read the rules again; return the number of the request. The journal has a line."""
    with transaction(engine) as connection:
        made = connection.execute(sa.insert(rule_reload).values(at=now, person=person)).inserted_primary_key
        number = int(made[0]) if made else 0
        note(connection, person, "rules reload asked", str(number), {}, now)
        connection.execute(sa.delete(rule_reload).where(rule_reload.c.id <= number - _ASKED_KEPT))
        return number


def last_request(engine: sa.Engine) -> Request | None:
    """Return the newest request; None when nobody ever asked."""
    columns = (rule_reload.c.id, rule_reload.c.at, rule_reload.c.person, rule_reload.c.answered, rule_reload.c.answer)
    with reading(engine) as connection:
        row = connection.execute(sa.select(*columns).order_by(rule_reload.c.id.desc()).limit(1)).first()
    return Request(*row) if row else None


def answer(engine: sa.Engine, number: int, text: str, now: datetime) -> None:
    """Say what came of a request; the first answer stays."""
    is_open = (rule_reload.c.id == number) & rule_reload.c.answered.is_(None)
    with transaction(engine) as connection:
        connection.execute(sa.update(rule_reload).where(is_open).values(answered=now, answer=text))


def _rules_of(connection: sa.Connection, wanted: str) -> Rules:
    report = connection.execute(sa.select(rule_set.c.report).where(rule_set.c.id == wanted)).scalar()
    return {rule: tuple(says) for rule, says in (report or {}).get("rules", {}).items()}


def _difference(before: Rules, now: Rules) -> dict[str, dict[str, str]]:
    return {
        "added": {rule: now[rule][1] for rule in now if rule not in before},
        "removed": {rule: before[rule][1] for rule in before if rule not in now},
        "changed": {rule: now[rule][1] for rule in now if rule in before and tuple(now[rule]) != tuple(before[rule])},
    }


def _changes(connection: sa.Connection, most: int) -> list[Change]:
    query = sa.select(rule_set_change).order_by(rule_set_change.c.id.desc()).limit(most)
    return [_change(row) for row in connection.execute(query).mappings()]


def _change(row: sa.RowMapping) -> Change:
    detail, cause = row["detail"], Cause(row["cause"], row["person"], row["process"])
    return Change(
        row["id"], row["at"], row["rule_set"], row["previous"], cause, row["rules"],
        detail.get("added", {}), detail.get("removed", {}), detail.get("changed", {}), tuple(detail.get("kept", ())),
        detail.get("sets", {}),
    )  # fmt: skip


def _forget(connection: sa.Connection) -> None:
    """Take away what is older than what is kept: each line of the history can name thousands of rules."""
    for table, column, most in (
        (rule_set_change, rule_set_change.c.id, _CHANGES_KEPT),
        (rule_set, rule_set.c.activated, _SETS_KEPT),
    ):
        oldest = connection.execute(sa.select(column).order_by(column.desc()).offset(most - 1).limit(1)).scalar()
        if oldest is not None:
            connection.execute(sa.delete(table).where(column < oldest))
