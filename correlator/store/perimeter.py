"""What a viewer may see of incidents: the reads of console and API.

Whoever sees all communes, or looks at an incident of a lane of their own, gets it whole. Of a shared or cross incident with
other communes in it, a viewer gets a *member view*, which is built from what is theirs and nothing else: the event documents
attributed to their communes, the rules and observables found in those, their own words in the history, links they may follow.
What cannot be proved theirs is left out; only counts, times, severity and status of the whole are told.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from correlator.model.estate import SHARED, UNATTRIBUTED
from correlator.model.incident import Incident, Status, canonical_number
from correlator.model.severity import Severity
from correlator.model.viewer import Viewer
from correlator.store import views
from correlator.store.proofs import is_proof
from correlator.store.schema import incident, incident_entity

#: Lanes whose incidents may be of several communes at once.
COMMON_LANES = (SHARED, "cross")
OPEN = (Status.NEW, Status.ACKNOWLEDGED, Status.IN_PROGRESS)
ORDERS = ("severity", "newest")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which incidents to list: those that satisfy all that is given. ``text`` is a number, or stands in title or entities."""

    statuses: Collection[Status] = OPEN
    minimum: Severity = Severity.INFORMATIONAL
    commune: str = ""
    owner: str = ""
    text: str = ""
    order: str = "severity"


@dataclass(frozen=True, slots=True)
class Summary:
    """An incident in a list, as the viewer may see it.

    ``title`` is empty in a member view: say it from ``lane``, ``communes`` (the viewer's own) and ``others`` (how many more).
    ``owner`` is then empty too. ``merged_into`` is empty unless it may be seen. ``is_whole``: nothing was left out.
    """

    number: str
    lane: str
    status: Status
    severity: Severity
    verdict: str
    title: str
    communes: tuple[str, ...]
    others: int
    first: datetime
    last: datetime
    opened: datetime
    updated: datetime
    count: int
    findings: int
    owner: str
    version: int
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list, and how long the whole list is."""

    rows: tuple[Summary, ...]
    total: int


def list_incidents(connection: sa.Connection, viewer: Viewer, wanted: Wanted, *, size: int = 50, number: int = 1) -> Page:
    """Return the ``number``-th page (from 1) of ``size`` incidents the viewer may see."""
    chosen = sa.and_(may_see(viewer), ~is_proof(), *_conditions(viewer, wanted))
    total = connection.execute(sa.select(sa.func.count()).select_from(incident).where(chosen)).scalar_one()
    order = [incident.c.last.desc(), incident.c.id.desc()]
    order = order if wanted.order == "newest" else [incident.c.severity.desc(), *order]
    query = sa.select(incident).where(chosen).order_by(*order).limit(size).offset((number - 1) * size)
    found = [views.incident_of(row) for row in connection.execute(query).mappings()]
    return Page(tuple(summary_of(one, viewer) for one in found if is_visible(one, viewer)), total)


def find(connection: sa.Connection, viewer: Viewer, number: str) -> Incident | None:
    """Return the incident the viewer may see something of, or None: the same for one that is not theirs and one that is not."""
    wanted = canonical_number(number) or number
    row = connection.execute(sa.select(incident).where(incident.c.number == wanted, may_see(viewer))).mappings().first()
    found = None if row is None else views.incident_of(row)
    return found if found is not None and is_visible(found, viewer) else None


def visible_by_id(connection: sa.Connection, viewer: Viewer, ids: Collection[int]) -> dict[int, str]:
    """Return id → number of those incidents among ``ids`` that the viewer may see."""
    query = sa.select(incident).where(incident.c.id.in_(ids), may_see(viewer))
    found = (views.incident_of(row) for row in connection.execute(query).mappings())
    return {one.id: one.number for one in found if is_visible(one, viewer)}


def may_see(viewer: Viewer) -> sa.ColumnElement[bool]:
    """Return the condition, on the table ``incident``, of what the viewer may see something of."""
    if viewer.communes is None:
        return sa.true() if viewer.shared else incident.c.lane.not_in(COMMON_LANES)
    own = incident.c.lane.in_(sorted(viewer.communes))
    if not viewer.shared:
        return own
    members = [_names(commune) for commune in sorted(viewer.communes)]
    common = incident.c.lane.in_(COMMON_LANES) & sa.or_(*members, sa.false())
    everybodys = (incident.c.lane == SHARED) & (sa.cast(incident.c.communes, sa.Text).in_(('["shared"]', "[]")))
    return own | common | everybodys


def is_visible(one: Incident, viewer: Viewer) -> bool:
    """Say the same of an incident in hand: the second lock behind ``may_see``."""
    if one.lane not in COMMON_LANES:
        return viewer.sees(one.lane)
    if not viewer.shared:
        return False
    everybodys = one.lane == SHARED and set(one.communes) <= {SHARED}
    return viewer.communes is None or everybodys or not viewer.communes.isdisjoint(one.communes)


def is_whole(one: Incident, viewer: Viewer) -> bool:
    """Say whether the viewer sees all of it: everything, or an incident of a lane of their own."""
    return viewer.communes is None or (one.lane not in COMMON_LANES and viewer.sees(one.lane))


def summary_of(one: Incident, viewer: Viewer) -> Summary:
    """Return what a list shows of an incident the viewer may see."""
    whole = is_whole(one, viewer)
    mine = tuple(commune for commune in one.communes if whole or commune in (viewer.communes or ()))
    others = set(one.communes) - {*mine, SHARED, UNATTRIBUTED}
    return Summary(
        number=one.number,
        lane=one.lane,
        status=one.status,
        severity=one.severity,
        verdict=str(one.verdict or ""),
        title=one.title if whole else "",
        communes=mine,
        others=len(others),
        first=one.first,
        last=one.last,
        opened=one.opened,
        updated=one.updated,
        count=one.count,
        findings=one.findings,
        owner=one.owner if whole else "",
        version=one.version,
        is_whole=whole,
    )


def _conditions(viewer: Viewer, wanted: Wanted) -> Iterable[sa.ColumnElement[bool]]:
    if wanted.statuses:
        yield incident.c.status.in_([str(status) for status in wanted.statuses])
    if wanted.minimum > Severity.INFORMATIONAL:
        yield incident.c.severity >= int(wanted.minimum)
    if wanted.commune:
        yield (incident.c.lane == wanted.commune) | _names(wanted.commune) if viewer.sees(wanted.commune) else sa.false()
    if wanted.owner:
        yield sa.and_(incident.c.owner == wanted.owner, _is_whole(viewer))
    if wanted.text.strip():
        yield _holds(viewer, wanted.text.strip())


def _holds(viewer: Viewer, text: str) -> sa.ColumnElement[bool]:
    """Return the condition that ``text`` occurs; in member views only the number is asked: an answer would be a leak."""
    number = canonical_number(text)
    entity = incident_entity.c.value.contains(text.lower(), autoescape=True)
    within = incident.c.id.in_(sa.select(incident_entity.c.incident).where(entity))
    words = incident.c.title.icontains(text, autoescape=True) | within
    chosen = sa.and_(_is_whole(viewer), words)
    return chosen if number is None else chosen | (incident.c.number == number)


def _is_whole(viewer: Viewer) -> sa.ColumnElement[bool]:
    return sa.true() if viewer.communes is None else incident.c.lane.in_(sorted(viewer.communes))


def _names(commune: str) -> sa.ColumnElement[bool]:
    """Return the condition that ``commune`` is one of the incident's: the list is JSON text in every database."""
    return sa.cast(incident.c.communes, sa.Text).contains(f'"{commune}"', autoescape=True)
