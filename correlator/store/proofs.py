"""Proofs that Tocsin is awake, as rows: once per commune and day, whoever asks; found again by the token of their record."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import sqlalchemy as sa

from correlator.model.proof import Run, State
from correlator.store.schema import external_ref, incident, outbox
from correlator.store.schema_proof import proof_incident, proof_run
from correlator.store.upsert import insert

_COLUMNS = [proof_run.c[name] for name in Run.__dataclass_fields__]


def begin(connection: sa.Connection, commune: str, slot: str, token_hash: str, now: datetime) -> int | None:
    """Note a proof that is about to be written and return its id; None when there is one for this commune and slot."""
    row = {
        "commune": commune,
        "slot": slot,
        "token_hash": token_hash,
        "state": str(State.WRITTEN),
        "written": now,
        "tickets": {},
    }
    put = insert(proof_run).values(row).on_conflict_do_nothing().returning(proof_run.c.id)
    return connection.execute(put).scalar()


def update(connection: sa.Connection, run_id: int, **values: Any) -> None:  # noqa: ANN401 - columns of the table
    """Change a proof."""
    connection.execute(sa.update(proof_run).where(proof_run.c.id == run_id).values(values))


def by_token(connection: sa.Connection, hashes: Iterable[str]) -> dict[str, Run]:
    """Return token hash → proof of those that no record has answered yet: a token is good once."""
    wanted = proof_run.c.token_hash.in_(sorted(set(hashes))) & proof_run.c.opened.is_(None)
    rows = connection.execute(sa.select(proof_run.c.token_hash, *_COLUMNS).where(wanted).with_for_update())
    return {row["token_hash"]: _run(row) for row in rows.mappings()}


def waiting(connection: sa.Connection, since: datetime) -> list[Run]:
    """Return the proofs that are waited for, and the failed ones since ``since`` that may still arrive."""
    failed = (proof_run.c.state == str(State.FAILED)) & (proof_run.c.written >= since)
    still = proof_run.c.state.in_([str(State.WRITTEN), str(State.SEEN)])
    query = sa.select(*_COLUMNS).where(still | failed).order_by(proof_run.c.id)
    return [_run(row) for row in connection.execute(query).mappings()]


def runs(connection: sa.Connection, since: datetime, until: datetime | None = None) -> list[Run]:
    """Return the proofs written since ``since`` and before ``until``, the newest first."""
    inside = proof_run.c.written >= since if until is None else (proof_run.c.written >= since) & (proof_run.c.written < until)
    query = sa.select(*_COLUMNS).where(inside).order_by(proof_run.c.written.desc(), proof_run.c.id.desc())
    return [_run(row) for row in connection.execute(query).mappings()]


def find(connection: sa.Connection, run_id: int) -> Run | None:
    """Return one proof."""
    row = connection.execute(sa.select(*_COLUMNS).where(proof_run.c.id == run_id)).mappings().first()
    return None if row is None else _run(row)


def latest(connection: sa.Connection, since: datetime) -> dict[str, Run]:
    """Return commune → its newest proof that is not waited for any more, or failed."""
    found: dict[str, Run] = {}
    for one in reversed(runs(connection, since)):
        if not one.is_open:
            found[one.commune] = one
    return found


def mark(connection: sa.Connection, incidents: Iterable[int], commune: str) -> None:
    """Mark incidents as proofs."""
    rows = [{"incident": one, "commune": commune} for one in incidents]
    if rows:
        connection.execute(insert(proof_incident).on_conflict_do_nothing(), rows)


def is_proof(column: sa.ColumnElement[int] = incident.c.id) -> sa.ColumnElement[bool]:
    """Return the condition that an incident is a proof: what counts, lists or calls asks for the contrary."""
    return column.in_(sa.select(proof_incident.c.incident))


def tickets(connection: sa.Connection, run: Run, install: str, number: str) -> dict[str, tuple[str, datetime | None, str]]:
    """Return sink → (state of the delivery, when the ticket was there, problem) of what sinks were told of a proof."""
    query = sa.select(outbox.c.sink, outbox.c.state, outbox.c.problem, external_ref.c.updated)
    same = (external_ref.c.sink == outbox.c.sink) & (external_ref.c.external_id == f"{install}:{number}")
    mine = (outbox.c.incident == run.incident) & (outbox.c.sequence == run.sequence)
    rows = connection.execute(query.join(external_ref, same, isouter=True).where(mine)).all()
    return {row.sink: (row.state, row.updated, row.problem) for row in rows}


def floor(found: Iterable[Run]) -> Mapping[str, timedelta]:
    """Return stage → the median delay over ``found``: no attack is told sooner than that."""
    delays: dict[str, list[float]] = {}
    for one in found:
        for stage, delay in one.stages.items():
            delays.setdefault(stage, []).append(delay.total_seconds())
    return {stage: timedelta(seconds=median(values)) for stage, values in delays.items()}


def _run(row: sa.RowMapping) -> Run:
    own = {name: row[name] for name in Run.__dataclass_fields__}
    return Run(**{**own, "state": State(row["state"])})
