"""The morning brief: what happened since yesterday evening, who was called, what is wrong, and what nobody could see.

Gathered from the database as one value, then told as French text. A quiet night is said with its proof: how many records each
source gave, and when Tocsin last gave a sign of life.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from correlator.config.settings import Settings
from correlator.errors import TocsinError
from correlator.model.incident import Incident, Status
from correlator.model.mute import Mute, Weekly
from correlator.model.noise import Digest
from correlator.model.proof import SOURCE as PROOFS
from correlator.model.proof import Run
from correlator.runtime.board import board_of, ground_of
from correlator.runtime.board_lines import DueLine, due_lines
from correlator.runtime.board_pages import Cause, causes
from correlator.runtime.disk import Level, disk_state
from correlator.runtime.pulse import health_of
from correlator.store import proofs, schema, views
from correlator.store.calls import list_calls
from correlator.store.continuity import last_heard
from correlator.store.database import reading
from correlator.store.exceptions import ended_between, mutes, paused_rules
from correlator.store.noise import digests
from correlator.store.records import FATES

_WEEKDAYS = ("lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim.")


@dataclass(frozen=True, slots=True)
class SourceNight:
    """What one source gave since then: records by fate, when the last one came (None: never), whether it is silent."""

    name: str
    fates: Mapping[str, int]
    last: datetime | None
    silent: bool

    @property
    def lost(self) -> int:
        """Return how many records have no fate: 0 when the ledger is right."""
        return self.fates["received"] - sum(self.fates[fate] for fate in FATES if fate not in {"received", "events"})


@dataclass(frozen=True, slots=True)
class Brief:
    """Everything the brief tells, sorted: the gravest first. ``missing``: part → why it could not be read."""

    install: str
    zone: str
    since: datetime
    now: datetime
    incidents: tuple[Incident, ...]
    calls: tuple[Mapping[str, Any], ...]
    names: Mapping[str, str]  # communes and contacts by id
    services: tuple[Cause, ...]  # those that share a cause are one line
    deadlines: tuple[DueLine, ...]  # of acts and incidents that somebody told
    assumed: tuple[DueLine, ...]  # of acts that an outage may hide, at worst
    sources: tuple[SourceNight, ...]
    dead: Mapping[tuple[str, str, str], int]  # new since then: (kind, origin, reason)
    muted: tuple[tuple[str, str, datetime, int], ...]  # what, why, until, findings hidden so far
    unmuted: tuple[tuple[str, str, datetime, int], ...]  # the same of those that ran out since then
    noisy: tuple[Digest, ...]  # rules over their budget since then
    proofs: tuple[Run, ...]  # made since then
    signs: Mapping[str, datetime]
    problems: tuple[str, ...]
    disk_used: float
    disk_level: Level
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def opened(self) -> tuple[Incident, ...]:
        """Return the incidents that began since then."""
        return tuple(one for one in self.incidents if one.opened >= self.since)

    @property
    def silent(self) -> tuple[SourceNight, ...]:
        """Return the sources that gave nothing since then."""
        return tuple(one for one in self.sources if one.silent)

    @property
    def is_quiet(self) -> bool:
        """Say whether the night was quiet, and Tocsin awake to say so."""
        wrong = (self.problems, self.silent, self.services, self.deadlines, self.dead, self.missing)
        calls = [one for one in self.calls if one["incident"]]
        return not (self.incidents or calls or any(wrong) or self.lost or self.disk_level) and bool(self.sources)

    @property
    def lost(self) -> int:
        """Return the records without a fate, over all sources."""
        return sum(abs(one.lost) for one in self.sources)


def brief_of(engine: sa.Engine, settings: Settings, since: datetime, now: datetime) -> Brief:
    """Return what happened from ``since`` to ``now``. What cannot be read is named, and keeps nothing else from being told."""
    missing: dict[str, str] = {}
    services, deadlines, names = _board(engine, settings, now, missing)
    health, disk = health_of(engine, settings, now), disk_state(settings)
    with reading(engine) as connection:
        return Brief(
            install=settings.install,
            zone=settings.time_zone,
            since=since,
            now=now,
            incidents=tuple(_changed(connection, since)),
            calls=tuple(list_calls(connection, since=since)),
            names=names,
            services=services,
            deadlines=tuple(one for one in deadlines if not one.assumed),
            assumed=tuple(one for one in deadlines if one.assumed),
            sources=tuple(_sources(connection, settings, since)),
            dead=_dead(connection, since),
            muted=tuple(_muted(connection, engine, now)),
            unmuted=tuple(_mute_line(one) for one in ended_between(connection, since, now)),
            noisy=tuple(digests(connection, since)),
            proofs=tuple(proofs.runs(connection, since)),
            signs=health.last,
            problems=health.sentences,
            disk_used=disk.used_percent,
            disk_level=disk.level,
            missing=missing,
        )


def _board(
    engine: sa.Engine, settings: Settings, now: datetime, missing: dict[str, str]
) -> tuple[tuple[Cause, ...], tuple[DueLine, ...], dict[str, str]]:
    """Return services that are not as they should be, deadlines of the next 24 hours, names by id."""
    try:
        ground = ground_of(settings)
        model = board_of(engine, ground, now, time_zone=settings.time_zone)
    except TocsinError as error:
        missing["services et échéances"] = str(error)
        return (), (), {}
    due = [line for line in due_lines(model) if line.soon or line.late]
    names = {commune.id: commune.name for commune in ground.estate.communes}
    return tuple(causes(model)), tuple(due), names | {contact.id: contact.name for contact in ground.estate.contacts}


def _changed(connection: sa.Connection, since: datetime) -> Iterable[Incident]:
    table = schema.incident
    query = sa.select(table).where((table.c.updated >= since) & (table.c.status != str(Status.MERGED)), ~proofs.is_proof())
    query = query.order_by(table.c.severity.desc(), table.c.lane, table.c.id)
    return [views.incident_of(row) for row in connection.execute(query).mappings()]


def _sources(connection: sa.Connection, settings: Settings, since: datetime) -> Iterable[SourceNight]:
    table = schema.ledger
    sums = [sa.func.sum(table.c[fate]).label(fate) for fate in FATES]
    hour = since.replace(minute=0, second=0, microsecond=0)
    query = sa.select(table.c.source, *sums).where(table.c.hour >= hour).group_by(table.c.source)
    counted = {row.source: {fate: int(getattr(row, fate)) for fate in FATES} for row in connection.execute(query)}
    heard = last_heard(connection)
    configured = [source.name for source in settings.source]
    for name in dict.fromkeys([*configured, *sorted({*counted, *heard})]):
        if name == PROOFS:
            continue  # they are told by themselves
        fates = counted.get(name, dict.fromkeys(FATES, 0))
        yield SourceNight(name, fates, heard.get(name), silent=not fates["received"])


def _dead(connection: sa.Connection, since: datetime) -> dict[tuple[str, str, str], int]:
    table = schema.dead_letter
    names = (table.c.kind, table.c.origin, table.c.reason)
    query = sa.select(*names, sa.func.count()).where(table.c.at >= since).group_by(*names).order_by(*names)
    return {(kind, origin, reason): count for kind, origin, reason, count in connection.execute(query)}


def _muted(connection: sa.Connection, engine: sa.Engine, now: datetime) -> Iterable[tuple[str, str, datetime, int]]:
    yield from (_mute_line(one) for one in mutes(connection, now))
    for rule, (ends, reason, _) in paused_rules(engine, now).items():
        yield f"règle {rule} à l’arrêt", reason, ends, 0


def _mute_line(one: Mute) -> tuple[str, str, datetime, int]:
    scope = one.scope
    parts = [scope.rule_id and f"règle {scope.rule_id}", scope.commune and f"commune {scope.commune}", scope.value]
    parts += [f"{name}={value}" for name, value in scope.fields]
    parts += [french_hours(scope.weekly)] if scope.weekly else []
    return " · ".join(part for part in parts if part), one.reason, one.ends, one.hidden


def french_hours(weekly: Weekly) -> str:
    """Return hours that come back each week as people say them: ``mer. 20 h – 4 h``."""
    return f"{', '.join(_WEEKDAYS[day - 1] for day in weekly.days)} {weekly.start} h – {weekly.end} h"


def communes_of(incident: Incident, names: Mapping[str, str]) -> str:
    """Return the communes of an incident by name."""
    known: Sequence[str] = [names.get(one, one) for one in incident.communes]
    special = {"shared": "moyens partagés", "unattributed": "à rattacher"}
    return ", ".join(special.get(one, one) for one in known) or special.get(incident.lane, incident.lane)
