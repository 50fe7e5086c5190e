"""The continuity board as one value: services × communes, deadlines, contacts, open incidents. For screens, files, figures."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from correlator.config.catalogue import load_catalogue
from correlator.config.estate import load_estate
from correlator.config.public_holidays import public_holidays
from correlator.config.settings import Settings
from correlator.continuity.calendar import Calendar
from correlator.continuity.clocks import Deadline, deadline_of
from correlator.continuity.deadlines import PEAK, Calendars, Due, Origin, Outage, deadlines
from correlator.continuity.domains import DOMAINS, OTHER, domain_of
from correlator.continuity.place import Place, places
from correlator.continuity.state import WEIGHT, Confidence, Facts, OpenIncident, Standing, is_silent, standing_of, worst
from correlator.model.estate import SHARED, Commune, Contact, Estate
from correlator.model.incident import Incident
from correlator.model.service import Catalogue, CatalogueService, ClockKind, ServiceState
from correlator.model.viewer import OWNER, Role, Viewer
from correlator.store import continuity, perimeter
from correlator.store.database import reading

_CLOSED_KEPT = timedelta(days=40)  # a monthly date that was done is known as done until the next one
_REDACTED = "Incident commun à plusieurs communes : le détail est réservé à la DSI."


@dataclass(frozen=True, slots=True)
class Ground:
    """What the board stands on: who the communes are, what they render. Read once, replaced when a file changes."""

    estate: Estate
    catalogue: Catalogue


@dataclass(frozen=True, slots=True)
class Cell:
    """One service in one commune. ``standing`` None: not declared there. ``peak``: the same outage is worse now."""

    place: Place
    standing: Standing | None
    peak: bool = False

    @property
    def weight(self) -> int:
        """Return how heavy it weighs: its state, one step more at a peak; nothing when not declared or not known at all."""
        if self.standing is None or is_untold(self.standing):
            return 0
        heavy = WEIGHT[self.standing.state]
        return heavy + self.peak if heavy else 0


@dataclass(frozen=True, slots=True)
class Row:
    """One service in every commune of the board, in the order of the columns."""

    service: CatalogueService
    domain: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """One commune: the worst state of its declared services, None when there is none; how many of each state."""

    commune: Commune
    state: ServiceState | None
    counts: Mapping[ServiceState, int]


@dataclass(frozen=True, slots=True)
class ShownIncident:
    """An open incident as the viewer may see it; ``communes`` are those in the viewer's perimeter."""

    number: str
    severity: str
    title: str
    communes: tuple[str, ...]
    status: str
    since: datetime
    owner: str


@dataclass(frozen=True, slots=True)
class BoardModel:
    """Everything a reader of the board may see, sorted: services by domain, deadlines nearest first, incidents gravest first.

    ``first``: what has to be looked at first (vital services, then the heaviest states); ``silent``: sources that services
    name and nobody heard lately. ``generated_at`` UTC; ``time_zone`` of the reader's page.
    """

    generated_at: datetime
    time_zone: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    first: tuple[Cell, ...]
    deadlines: tuple[Due, ...]
    contacts: tuple[Contact, ...]
    incidents: tuple[ShownIncident, ...]
    incidents_open: int
    silent: tuple[str, ...]

    def name(self, commune: str) -> str:
        """Return the name of a commune on this board."""
        return next((column.commune.name for column in self.columns if column.commune.id == commune), commune)


def ground_of(settings: Settings) -> Ground:
    """Return estate and catalogue as the settings name them. Raises InputError when a file is wrong."""
    return Ground(load_estate(settings.estate) if settings.estate else Estate(), load_catalogue())


def deadline_in(ground: Ground, kind: ClockKind, commune: str, start: datetime, now: datetime) -> Deadline:
    """Return the deadline of a clock that somebody opens at ``now`` in a commune of the ground."""
    found = [one for one in places(ground.estate, ground.catalogue, public_holidays) if one.commune.id == commune]
    return deadline_of(kind, start, _calendars(found, ground)(kind, commune), earliest=min(start, now))


def is_untold(standing: Standing) -> bool:
    """Say whether nobody and nothing ever told anything of it: shown as unknown, but no news."""
    return standing.confidence is Confidence.NONE


def board_of(
    engine: sa.Engine, ground: Ground, now: datetime, viewer: Viewer = OWNER, time_zone: str = "Europe/Paris"
) -> BoardModel:
    """Return the board at ``now`` for ``viewer``; what lies outside the perimeter is left out or told without detail."""
    seen = tuple(commune for commune in ground.estate.communes if viewer.sees(commune.id))
    found = [one for one in places(ground.estate, ground.catalogue, public_holidays) if one.commune in seen]
    with reading(engine) as connection:
        facts = Facts(
            now,
            tuple(_telling(_as_facts(continuity.grave_incidents(connection), viewer), found)),
            continuity.last_heard(connection, now),
            tuple(continuity.statements(connection)),
        )
        clocks = [one for one in continuity.clocks(connection, closed_since=now - _CLOSED_KEPT) if viewer.sees(one.commune)]
        incidents, total = continuity.open_incidents(connection)
    standings = [(one, standing_of(one, facts) if _is_shown(one, facts) else None) for one in found]
    due = deadlines(ground.catalogue, seen, clocks, _outages(standings), _calendars(found, ground), now)
    cells = [Cell(place, standing, _at_peak(place, ground.catalogue, due, now)) for place, standing in standings]
    shown = tuple(_shown(incidents, viewer))
    return BoardModel(
        generated_at=now,
        time_zone=time_zone,
        columns=tuple(_column(commune, cells) for commune in seen),
        rows=tuple(_rows(ground.catalogue, cells)),
        first=tuple(sorted((cell for cell in cells if cell.weight), key=_urgency)),
        deadlines=tuple(due),
        contacts=tuple(one for one in ground.estate.contacts if one.commune is None or viewer.sees(one.commune)),
        incidents=shown,
        incidents_open=total if viewer.communes is None else len(shown),
        silent=tuple(sorted(_silent(found, facts))),
    )


def own_boards(engine: sa.Engine, ground: Ground, now: datetime, time_zone: str = "Europe/Paris") -> dict[str, BoardModel]:
    """Return commune id → the board at ``now`` as somebody of that commune may see it."""
    eyes = {one.id: Viewer("board", Role.REFERENT, frozenset({one.id})) for one in ground.estate.communes}
    return {commune: board_of(engine, ground, now, eye, time_zone) for commune, eye in eyes.items()}


def _as_facts(incidents: Iterable[tuple[Incident, frozenset[str]]], viewer: Viewer) -> Iterator[OpenIncident]:
    """Yield what the board knows of incidents; the number of one the viewer may not see is left out."""
    for one, hosts in incidents:
        number = one.number if perimeter.is_visible(one, viewer) else ""
        shared = SHARED in one.communes or one.lane in {SHARED, "cross"}
        yield OpenIncident(number, one.severity, one.communes, shared, one.first, hosts)


def _telling(incidents: Iterable[OpenIncident], found: Iterable[Place]) -> Iterator[OpenIncident]:
    """Yield the incidents that touch something services stand on: a thousand others need no look from each service."""
    known = list(found)
    assets = {asset.id: asset for place in known for asset in place.assets}.values()
    machines = [place for place in known if place.hosts]
    for one in incidents:
        if any(place.carried_by(one.hosts) for place in machines) or any(asset.has(one.hosts) for asset in assets):
            yield one


def _is_shown(place: Place, facts: Facts) -> bool:
    """Say whether a service belongs on the board here: the estate declares it, or somebody spoke of it."""
    here = (place.service.id, place.commune.id)
    return place.declared or any((said.service, said.commune) == here for said in facts.statements)


def _outages(standings: Iterable[tuple[Place, Standing | None]]) -> Iterator[Outage]:
    """Yield the services that may hide acts: interrupted, or unknown since some moment. Paper counts as rendered."""
    for place, standing in standings:
        hiding = standing is not None and standing.state in {ServiceState.DOWN, ServiceState.UNKNOWN}
        if hiding and standing and standing.since:
            yield Outage(place.service.id, place.commune, standing.since, place.service.clocks)


def _calendars(found: Sequence[Place], ground: Ground) -> Calendars:
    """Return the lookup of counters: that of the service whose clock it is, else the town hall's."""
    counters = {(clock, place.commune.id): place.calendar for place in reversed(found) for clock in place.service.clocks}
    halls = {one.id: Calendar(one.time_zone, public_holidays(one.calendar), one.hours) for one in ground.estate.communes}
    ours = Calendar(ground.estate.time_zone, public_holidays(ground.estate.calendar), ground.estate.hours)
    return lambda kind, commune: counters.get((kind.id, commune)) or halls.get(commune, ours)


def _at_peak(place: Place, catalogue: Catalogue, due: Iterable[Due], now: datetime) -> bool:
    """Say whether the same outage is worse now: a maternity's births, or a date of this service within three days."""
    kinds = [catalogue.clocks[clock] for clock in place.service.clocks if clock in catalogue.clocks]
    if place.commune.maternite and any(kind.needs_maternity for kind in kinds):
        return True
    mine = (line for line in due if line.commune == place.commune.id and line.kind in kinds)
    told = (line.deadline.act_by for line in mine if line.origin is not Origin.WORST)
    return any(moment is not None and moment - now <= PEAK for moment in told)


def _column(commune: Commune, cells: Iterable[Cell]) -> Column:
    """Return the heaviest state, never an average. Services nobody ever spoke of make a quiet commune unknown, not worse."""
    standings = [cell.standing for cell in cells if cell.place.commune.id == commune.id and cell.standing]
    states = [standing.state for standing in standings]
    heaviest = worst(tuple(one.state for one in standings if not is_untold(one)))
    quiet = heaviest in {None, ServiceState.RUNNING} and any(is_untold(one) for one in standings)
    counts = {state: states.count(state) for state in ServiceState}
    return Column(commune, ServiceState.UNKNOWN if quiet else heaviest, counts)


def _rows(catalogue: Catalogue, cells: Sequence[Cell]) -> Iterator[Row]:
    by_service: dict[str, list[Cell]] = {}
    for cell in cells:
        by_service.setdefault(cell.place.service.id, []).append(cell)
    order = {domain: number for number, domain in enumerate((*DOMAINS, OTHER))}
    ranked = sorted(by_service, key=lambda service: order[domain_of(service)])
    yield from (Row(catalogue.services[one], domain_of(one), tuple(by_service[one])) for one in ranked)


def _urgency(cell: Cell) -> tuple[bool, int, float]:
    """Order vital services first, then the heaviest, then the nearest limit."""
    standing = cell.standing
    limit = standing and (standing.start_paper or standing.recover)
    return not cell.place.service.vital, -cell.weight, limit.timestamp() if limit else float("inf")


def _silent(found: Iterable[Place], facts: Facts) -> set[str]:
    """Return the sources that services name and that have been silent for two open hours somewhere."""
    return {source for place in found for source in place.sources if is_silent(place, source, facts)}


def _shown(incidents: Iterable[Incident], viewer: Viewer) -> Iterator[ShownIncident]:
    for one in incidents:
        if not perimeter.is_visible(one, viewer):
            continue
        whole = perimeter.is_whole(one, viewer)
        mine = tuple(commune for commune in one.communes if viewer.sees(commune))
        title, owner = (one.title, one.owner) if whole else (_REDACTED, "")
        yield ShownIncident(one.number, one.severity.level, title, mine, str(one.status), one.first, owner)
