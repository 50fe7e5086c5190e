"""How every source does: silent where it should speak, refused or understood less than it was; each is an incident of its own.

The silence of a source is as telling as its lines: a firewall that no longer logs, an agent that somebody stopped. What is
usual is learnt (``model.rhythm``, ``model.drift``) or declared (``silent_after``). Where most sources fall silent at once the
fault is nearer than they are, so that is one incident.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from correlator.config.public_holidays import public_holidays
from correlator.config.settings import Settings
from correlator.model.drift import Drift, refused_more, understood_less
from correlator.model.fill import Hours
from correlator.model.proof import SOURCE as PROOFS
from correlator.model.rhythm import Rhythm, learnt
from correlator.model.severity import Severity
from correlator.runtime.health import end_health, raise_health
from correlator.store import collected, source_figures
from correlator.store.continuity import last_heard
from correlator.store.database import reading

_HOUR = timedelta(hours=1)
_LEARNT = timedelta(weeks=8)
_RECENT = timedelta(days=8)
_DAY = timedelta(days=1)
_TOGETHER = 5  # so many silent sources, if they are most, are one fault
_TELLING = 3  # with fewer sources nobody can tell Tocsin's own silence from theirs
_ENOUGH = 20  # records that say whether a source is read at all
_EVERY = "sources"
_FRENCH = {
    "action": "l’action", "outcome": "le résultat", "source_ip": "l’adresse source", "user_name": "l’utilisateur",
    "destination_ip": "l’adresse de destination", "destination_port": "le port de destination", "host_name": "la machine",
    "observer_name": "l’équipement", "process_name": "le programme", "file_path": "le fichier", "url_original": "l’URL",
    "dns_question": "le nom demandé",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SourceState:
    """How one source does: when it was heard, what it gave in 24 hours, whether it is silent or understood less.

    ``due``: records that were expected at least since it was heard; ``drifts``: (dataset, drift), the dataset "" for refusals.
    """

    name: str
    heard: datetime | None
    received: int
    rejected: int
    events: int
    unknown: int
    due: float
    rhythm: str  # declared, learnt, learning
    silent: bool
    drifts: tuple[tuple[str, Drift], ...] = ()
    problem: str = ""  # of its collector

    @property
    def state(self) -> str:
        """Return ``failing`` (its collector gets nothing), ``silent``, ``unread`` (most is refused), ``drift`` or ``ok``."""
        if self.problem or self.silent:
            return "failing" if self.problem else "silent"
        is_unread = self.received >= _ENOUGH and self.rejected * 2 > self.received
        return "unread" if is_unread else "drift" if self.drifts else "ok"


@dataclass(slots=True)
class SourceWatch:
    """Looks at the sources of an install; ``turn`` is the turn of a duty."""

    settings: Settings
    engine: sa.Engine
    since: datetime
    _wrong: set[str] = field(default_factory=set)

    def turn(self, now: datetime) -> None:
        """Open an incident for each source that is silent or understood less, resolve what is over."""
        states = look(self.engine, self.settings, now, since=self.since)
        told = dict(_told(states, self.engine, self.settings, now))
        for key, (sentence, severity) in told.items():
            raise_health(self.engine, self.settings, key, sentence, severity, now)
        for key in _keys(states) - told.keys():
            end_health(self.engine, self.settings, key, now, "La source parle et se lit de nouveau comme avant.")


def look(engine: sa.Engine, settings: Settings, now: datetime, *, since: datetime | None = None) -> list[SourceState]:
    """Return how each source does, by name. ``since``: silence before this moment is Tocsin's own (it was not running)."""
    with reading(engine) as connection:
        fates = source_figures.fates_by_hour(connection, now - _LEARNT)
        fills = source_figures.fills_by_hour(connection, now - _RECENT)
        heard = _heard(connection, now)
        asked = {one.name: one.problem for one in collected.standings(connection)}
    declared = {one.name: one.silent_after for one in settings.inputs}
    names = declared.keys() | fates.keys() | heard.keys()
    awake, zone = _awake(fates, now), ZoneInfo(settings.time_zone)
    states = (
        _state(name, declared.get(name), zone, fates.get(name, {}), _of(name, fills), heard.get(name), awake, since, now)
        for name in sorted(names - {PROOFS})
    )
    return [replace(one, problem=asked.get(one.name, "")) for one in states]


def _heard(connection: sa.Connection, now: datetime) -> dict[str, datetime]:
    known, exact = last_heard(connection, now), source_figures.last_events(connection)
    return {name: exact.get(name, moment) for name, moment in known.items()}


def _of(name: str, fills: Mapping[tuple[str, str], Hours]) -> dict[str, Hours]:
    return {dataset: hours for (source, dataset), hours in fills.items() if source == name}


def _awake(fates: Mapping[str, Hours], now: datetime) -> frozenset[datetime]:
    """Return the hours in which Tocsin ran: those in which some source spoke, or all where too few sources could tell."""
    spoken = {hour for hours in fates.values() for hour, counts in hours.items() if counts["received"]}
    if len(fates) >= _TELLING or not spoken:
        return frozenset(spoken)
    first, count = min(spoken), int((now - min(spoken)) / _HOUR)
    return frozenset(first + back * _HOUR for back in range(count))


def _state(
    name: str,
    declared: timedelta | None,
    zone: ZoneInfo,
    fates: Hours,
    fills: Mapping[str, Hours],
    heard: datetime | None,
    awake: frozenset[datetime],
    since: datetime | None,
    now: datetime,
) -> SourceState:
    counts = {hour: count["received"] for hour, count in fates.items()}
    rhythm = learnt(counts, awake, zone, public_holidays("FR"), heard or now)
    reference = max([moment for moment in (heard, since) if moment], default=None)
    found = [("", one) for one in refused_more(fates, now)]
    found += [(dataset, one) for dataset, hours in fills.items() for one in understood_less(hours, now)]
    return SourceState(
        name=name,
        heard=heard,
        received=_sum([fates], "received", now),
        rejected=_sum([fates], "rejected", now),
        events=_sum(fills.values(), "events", now),
        unknown=_sum(fills.values(), "unknown", now),
        due=rhythm.expected(reference, now) if reference and reference < now else 0.0,
        rhythm="declared" if declared else "learnt" if rhythm.least else "learning",
        silent=_is_silent(declared, rhythm, reference, now),
        drifts=tuple(found),
    )


def _is_silent(declared: timedelta | None, rhythm: Rhythm, heard: datetime | None, now: datetime) -> bool:
    if heard is None or now <= heard:  # never heard is for `tocsin doctor`; a clock that went back says nothing
        return False
    return now - heard > declared if declared else rhythm.is_silent(heard, now)


def _sum(every: Iterable[Hours], name: str, now: datetime) -> int:
    return sum(counts.get(name, 0) for hours in every for hour, counts in hours.items() if hour > now - _DAY - _HOUR)


def _keys(states: Sequence[SourceState]) -> set[str]:
    return {_EVERY, *(f"source:{one.name}:{what}" for one in states for what in ("silent", "rejects", "fields"))}


def _told(
    states: Sequence[SourceState], engine: sa.Engine, settings: Settings, now: datetime
) -> Iterable[tuple[str, tuple[str, Severity]]]:
    """Yield (key, (sentence, severity)) of each incident there must be."""
    zone, silent = ZoneInfo(settings.time_zone), [one for one in states if one.silent]
    if len(silent) >= _TOGETHER and len(silent) * 2 > len(states):
        yield _EVERY, (_all_silent(silent, zone), Severity.HIGH)
        silent = []
    for one in silent:
        yield f"source:{one.name}:silent", (_silent(one, zone), Severity.HIGH)
    for one in states:
        refused = [drift for dataset, drift in one.drifts if not dataset]
        fields = [(dataset, drift) for dataset, drift in one.drifts if dataset]
        if refused:
            yield f"source:{one.name}:rejects", (_refused(one, refused[0], engine, now), Severity.MEDIUM)
        if fields:
            yield f"source:{one.name}:fields", (_fields(one, *fields[0], more=len(fields) - 1), Severity.MEDIUM)


def _clock(moment: datetime | None, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%d/%m %H h %M}" if moment else "toujours"


def _silent(one: SourceState, zone: ZoneInfo) -> str:
    return (
        f"La source « {one.name} » se tait depuis le {_clock(one.heard, zone)}. Vérifier l’équipement, son envoi de journaux "
        "et le réseau ; un silence peut aussi être voulu par un attaquant."
    )


def _all_silent(silent: Sequence[SourceState], zone: ZoneInfo) -> str:
    first = min(one.heard for one in silent if one.heard)
    names = ", ".join(one.name for one in silent[:3])
    return (
        f"La plupart des sources se taisent ({len(silent)}, dont {names}), la première depuis le {_clock(first, zone)}. "
        "Vérifier d’abord ce qu’elles ont en commun : réseau, relais syslog, pare-feu, écoute de Tocsin."
    )


def _refused(one: SourceState, drift: Drift, engine: sa.Engine, now: datetime) -> str:
    with reading(engine) as connection:
        reason = source_figures.usual_reason(connection, one.name, now - _DAY)
    because = f", surtout « {reason} »" if reason else ""
    return (
        f"La source « {one.name} » : {drift.now:.0%} des lignes sont refusées (au plus {drift.usual:.0%} les sept jours "
        f"d’avant){because}. Rien n’est perdu : voir tocsin dead-letter list, corriger l’analyseur, puis reprocess."
    )


def _fields(one: SourceState, dataset: str, drift: Drift, *, more: int) -> str:
    others = f" (et {more} autre{'s' * (more > 1)} écart{'s' * (more > 1)})" if more else ""
    if drift.what == "unknown":
        what = f"{drift.now:.0%} des phrases ne sont pas comprises (au plus {drift.usual:.0%} avant)"
    else:
        share = f"{drift.now:.0%} des évènements (au moins {drift.usual:.0%} avant)"
        what = f"{_FRENCH[drift.what]} n’est plus rempli que dans {share}"
    return (
        f"La source « {one.name} » ({dataset}) : {what}{others}. Une mise à jour du produit a sans doute changé le format : "
        "voir tocsin sources."
    )
