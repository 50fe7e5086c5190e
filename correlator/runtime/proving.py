"""The daily proof that Tocsin is awake: written into the front door for each commune, followed to its ticket; failure is told.

One process does it (the one that has the duties); what it began stands in the database, so another goes on where it stopped. A
day is the local one: a proof that was due while Tocsin was down is made at its start, and a clock that goes back repeats none.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import structlog

from correlator.config.estate import load_estate
from correlator.config.settings import Settings
from correlator.deliver.outbox import DEAD, SENT, SKIPPED
from correlator.enrich.tables import build_tables
from correlator.errors import Retry
from correlator.model.estate import UNATTRIBUTED, Commune, Estate
from correlator.model.incident import Incident, Status, number_of, rfc3339
from correlator.model.proof import Run, State
from correlator.model.severity import Severity
from correlator.runtime.health import end_health, raise_health
from correlator.runtime.proof_door import host_of, lines_of, write
from correlator.runtime.proof_health import FLOOR, failed
from correlator.runtime.proof_triage import hash_of, sinks_of
from correlator.store import outbox, proofs, schema
from correlator.store.database import reading, transaction
from correlator.store.outcomes import put_incidents
from correlator.store.views import incident_of
from correlator.telemetry.metrics import Metrics

#: The proofs of a day are spread over so many minutes: nine at once would measure each other.
_SPREAD = 30
#: A failed one may still arrive so long: then it was slow, and the alarm ends.
_LATE = timedelta(days=2)
_ALL = "preuve"
log = structlog.get_logger()


@dataclass(slots=True)
class Prover:
    """What makes the proofs; ``turn`` every few seconds, in one thread."""

    settings: Settings
    engine: sa.Engine
    metrics: Metrics
    _said: set[str] = field(default_factory=set)

    def turn(self, now: datetime) -> None:
        """Begin what is due, follow what was begun, say how it stands."""
        communes = communes_of(self.settings)
        for place, commune in enumerate(communes):
            due = due_at(self.settings, place, len(communes), now)
            if due is not None and due <= now:
                begin(self.settings, self.engine, commune, _day(now, self.settings), now)
        follow(self.settings, self.engine, now)
        self._alarm(communes, now)
        self._show(now)

    def _alarm(self, communes: Sequence[str], now: datetime) -> None:
        """Keep an incident open for each commune whose last proof failed; a graver one while none came through."""
        lost = {one.commune: one for one in failed(self.engine, now) if one.commune in communes}
        every = len(lost) == len(communes) > 0
        for commune in communes:
            key = f"{_ALL}:{commune}"
            if commune in lost and not every:
                raise_health(self.engine, self.settings, key, _sentence(lost[commune], self.settings), Severity.HIGH, now)
            elif commune not in lost:
                end_health(self.engine, self.settings, key, now, "La preuve de veille est de nouveau arrivée jusqu’au ticket.")
        if every:
            first = next(iter(lost.values()))
            text = f"Aucune preuve de veille n’est arrivée : Tocsin ne voit ou ne dit plus rien. {_why(first, self.settings)}"
            raise_health(self.engine, self.settings, _ALL, text, Severity.CRITICAL, now)
        else:
            end_health(self.engine, self.settings, _ALL, now, "Des preuves de veille arrivent de nouveau.")

    def _show(self, now: datetime) -> None:
        with reading(self.engine) as connection:
            found = proofs.runs(connection, now - FLOOR)
        newest = {one.commune: one for one in reversed(found) if one.state is State.DELIVERED}
        delays: dict[tuple[str, ...], float] = {
            (one.commune, stage): took.total_seconds() for one in newest.values() for stage, took in one.stages.items()
        }
        self.metrics.show("tocsin_proof_delay_seconds", delays)
        ages = {one.commune: (now - one.written).total_seconds() for one in newest.values()}
        self.metrics.show("tocsin_proof_age_seconds", {(commune,): age for commune, age in ages.items()})
        failing = {one.commune for one in failed(self.engine, now)}
        for commune in sorted(failing - self._said):
            log.error("The daily proof did not arrive.", commune=commune)
        self._said = failing


def communes_of(settings: Settings) -> list[str]:
    """Return the communes that are proved, in a fixed order; without an estate the one place everything is in."""
    estate = load_estate(settings.estate) if settings.estate else Estate()
    return [commune.id for commune in estate.communes] or [UNATTRIBUTED]


def due_at(settings: Settings, place: int, of: int, now: datetime) -> datetime | None:
    """Return when today's proof of the ``place``-th of ``of`` communes is due; None when there are none."""
    at = settings.proof.time
    if at is None:
        return None
    zone = ZoneInfo(settings.time_zone)
    today = datetime.combine(now.astimezone(zone).date(), at, zone)
    return (today + timedelta(minutes=place * _SPREAD // max(1, of))).astimezone(now.tzinfo)


def begin(settings: Settings, engine: sa.Engine, commune: str, slot: str, now: datetime) -> int | None:
    """Write a proof and return its id; None when this commune has one for ``slot`` already. A closed door is a failed proof."""
    token = secrets.token_hex(16)
    with transaction(engine) as connection:
        run_id = proofs.begin(connection, commune, slot, hash_of(token), now)
    if run_id is None:
        return None
    estate = load_estate(settings.estate) if settings.estate else Estate()
    host = host_of(estate.commune(commune), build_tables(estate), now) or f"tocsin-{now:%y%m}-{commune}"
    try:
        write(settings, lines_of(commune, host, token, now, settings.time_zone), now)
    except Retry as error:
        with transaction(engine) as connection:
            proofs.update(connection, run_id, state=str(State.FAILED), problem=str(error)[:500])
    return run_id


def follow(settings: Settings, engine: sa.Engine, now: datetime) -> None:
    """Look after every proof that is waited for: its tickets, its end, its failure."""
    with reading(engine) as connection:
        waited = proofs.waiting(connection, now - _LATE)
    for one in waited:
        after = _followed(settings, engine, one, now)
        if after != one:
            changed = {name: getattr(after, name) for name in ("delivered", "tickets", "problem")}
            with transaction(engine) as connection:
                proofs.update(connection, one.id, state=str(after.state), **changed)
        if after.state is State.DELIVERED:
            _close(settings, engine, after, now)


def _followed(settings: Settings, engine: sa.Engine, one: Run, now: datetime) -> Run:
    late = now - one.written >= timedelta(minutes=settings.proof.late_minutes)
    if one.incident is None or one.opened is None:
        if not late or one.state is State.FAILED:
            return one
        return replace(one, state=State.FAILED, problem="written, never seen: reading, rules or correlation stand still")
    with reading(engine) as connection:
        found = proofs.tickets(connection, one, settings.install, number_of(one.incident))
    wanted = [sink for sink in sinks_of(settings) if sink in found]
    arrived = {sink: _arrived(found[sink], one.opened) for sink in wanted}
    times = {sink: rfc3339(at) for sink, at in arrived.items() if at is not None}
    missing = [sink for sink in wanted if arrived[sink] is None]
    if not missing:
        last = max((at for at in arrived.values() if at is not None), default=one.opened)
        return replace(one, state=State.DELIVERED, delivered=last, tickets=times, problem="")
    dead = [sink for sink in missing if found[sink][0] == DEAD]
    if not (late or dead):
        return one
    why = "; ".join(f"{sink}: {found[sink][2] or 'not delivered'}" for sink in missing)
    return replace(one, state=State.FAILED, tickets=times, problem=f"no ticket: {why}"[:500])


def _arrived(told: tuple[str, datetime | None, str], opened: datetime) -> datetime | None:
    """Return when the ticket was there; what a sink has nothing to say about arrived at once."""
    state, at, _ = told
    if state == SKIPPED:
        return opened
    return max(at, opened) if state == SENT and at is not None else None


def _close(settings: Settings, engine: sa.Engine, run: Run, now: datetime) -> None:
    """Resolve the proof's incident, and its tickets with it; tomorrow's proof opens it again."""
    with transaction(engine) as connection:
        query = sa.select(schema.incident).where(schema.incident.c.id == run.incident).with_for_update()
        row = connection.execute(query).mappings().first()
        before: Incident | None = None if row is None else incident_of(row)
        if before is None or not before.is_open:
            return
        took = round((run.delivered - run.written).total_seconds()) if run.delivered else 0
        text = f"Preuve faite : du journal au ticket en {took} s. Ce ticket se ferme tout seul, rien n’est à faire."
        after = replace(
            before, status=Status.RESOLVED, updated=now, told=now,
            sequence=before.sequence + 1, version=before.version + 1,
        )  # fmt: skip
        put_incidents(connection, [after])
        outbox.note(connection, after.id, "resolved", text, now=now)
        outbox.tell(connection, after, "resolved", sinks=sinks_of(settings), install=settings.install, now=now)


def _day(now: datetime, settings: Settings) -> str:
    return f"{now.astimezone(ZoneInfo(settings.time_zone)):%Y-%m-%d}"


def _sentence(run: Run, settings: Settings) -> str:
    estate = load_estate(settings.estate) if settings.estate else Estate()
    known: Commune | None = estate.commune(run.commune)
    place = known.name if known else run.commune
    return f"La preuve de veille de {place} n’est pas arrivée jusqu’au ticket. {_why(run, settings)}"


def _why(run: Run, settings: Settings) -> str:
    at = run.written.astimezone(ZoneInfo(settings.time_zone))
    where = "jamais vue par l’analyse" if run.opened is None else "vue, mais sans ticket"
    return f"Écrite le {at:%d/%m à %H:%M}, {where} ({run.problem[:120]}). Voir `tocsin proof` et `tocsin doctor`."
