"""Which delays run now: those somebody opened, those of the calendar, and the worst that an outage may hide."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby

from correlator.continuity.calendar import Calendar
from correlator.continuity.clocks import Deadline, acts_of, comes_round, deadline_of, worst_case
from correlator.model.estate import Commune
from correlator.model.said import Clock
from correlator.model.service import Catalogue, ClockKind, Counting, Shape

#: How far ahead a date of the calendar is told.
HORIZON = timedelta(days=14)
#: A service is at a peak when one of its dates is so near.
PEAK = timedelta(days=3)

#: (kind, commune) → the days and hours of the counter where such an act is done there.
Calendars = Callable[[ClockKind, str], Calendar]


class Origin(StrEnum):
    """Where a deadline comes from."""

    OPENED = "opened"  # by a person
    CALENDAR = "calendar"
    WORST = "worst"  # assumed: acts are unknown because of an outage


@dataclass(frozen=True, slots=True)
class Due:
    """One line of the deadlines: one clock, or all open acts of one kind, in one commune.

    ``count`` acts, the ``oldest`` fact among them; ``person`` signed the start; ``ids`` are the clocks in the store.
    ``open_left``: how much of the time left the counter is open.
    """

    kind: ClockKind
    commune: str
    deadline: Deadline
    origin: Origin
    subject: str = ""
    count: int = 1
    oldest: datetime | None = None
    person: str = ""
    ids: tuple[int, ...] = ()
    incident: int | None = None
    open_left: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Outage:
    """A service that nobody can vouch for in a commune since ``since``, and the clocks its acts run on."""

    service: str
    commune: Commune
    since: datetime
    clocks: tuple[str, ...]


def deadlines(
    catalogue: Catalogue,
    communes: Sequence[Commune],
    clocks: Iterable[Clock],
    outages: Iterable[Outage],
    calendars: Calendars,
    now: datetime,
) -> list[Due]:
    """Return what falls due, nearest first; what has no figure is due at once and stands before everything."""
    known = list(clocks)
    lines = [
        *_opened(catalogue, known, calendars),
        *_by_calendar(catalogue, communes, known, calendars, now),
        *_assumed(catalogue, outages, known, calendars),
    ]
    told = (_with_time_left(line, calendars, now) for line in lines)
    return sorted(told, key=lambda line: (_moment(line), line.kind.id, line.commune))


def _with_time_left(line: Due, calendars: Calendars, now: datetime) -> Due:
    end = line.deadline.act_by
    left = calendars(line.kind, line.commune).open_between(now, end) if end and end > now else timedelta()
    return replace(line, open_left=left)


def _moment(line: Due) -> float:
    return line.deadline.act_by.timestamp() if line.deadline.act_by else float("-inf")


def _opened(catalogue: Catalogue, clocks: list[Clock], calendars: Calendars) -> Iterator[Due]:
    """Yield one line per incident or calendar clock, one per kind and commune for acts; unknown kinds stay visible."""
    running = sorted((one for one in clocks if one.closed is None), key=lambda one: (one.kind, one.commune, one.id))
    for (kind_id, commune), group in groupby(running, key=lambda one: (one.kind, one.commune)):
        kind, members = catalogue.clocks.get(kind_id), list(group)
        if kind is None:
            yield from (_unknown(one) for one in members)
        elif kind.shape is Shape.ACT:
            yield _acts(kind, commune, members, calendars)
        else:
            yield from (_single(kind, one, calendars) for one in members)


def _acts(kind: ClockKind, commune: str, members: list[Clock], calendars: Calendars) -> Due:
    acts = acts_of(kind, members, calendars(kind, commune))
    ids = tuple(one.id for one in members)
    oldest = min(members, key=lambda one: one.started)
    deadline = acts.deadline if acts else Deadline()
    return Due(kind, commune, deadline, Origin.OPENED, oldest.subject, len(members), oldest.started, oldest.person, ids)


def _single(kind: ClockKind, one: Clock, calendars: Calendars) -> Due:
    deadline = deadline_of(kind, one.started, calendars(kind, one.commune), earliest=one.at)
    return Due(kind, one.commune, deadline, Origin.OPENED, one.subject, 1, one.started, one.person, (one.id,), one.incident)


def _unknown(one: Clock) -> Due:
    """Return the line of a clock whose kind the catalogue no longer has: with what was stored when it was opened."""
    today = one.at.date()
    kind = ClockKind(one.kind, one.kind, Shape.INCIDENT, Counting.NO_FIGURE, None, "", "", "", today)
    return Due(kind, one.commune, Deadline(None, one.due), Origin.OPENED, one.subject, 1, one.started, one.person, (one.id,))


def _by_calendar(
    catalogue: Catalogue, communes: Sequence[Commune], clocks: list[Clock], calendars: Calendars, now: datetime
) -> Iterator[Due]:
    """Yield the dates that come round by themselves and are near; one that somebody opened or closed speaks for itself."""
    handled = {(one.kind, one.commune, one.due) for one in clocks}
    for kind in catalogue.clocks.values():
        if kind.shape is not Shape.CALENDAR or not comes_round(kind):
            continue
        for commune in communes:
            deadline = deadline_of(kind, now, calendars(kind, commune.id), earliest=now)
            near = deadline.due is not None and deadline.due - now <= HORIZON
            if near and (kind.id, commune.id, deadline.due) not in handled:
                yield Due(kind, commune.id, deadline, Origin.CALENDAR)


def _assumed(catalogue: Catalogue, outages: Iterable[Outage], clocks: list[Clock], calendars: Calendars) -> Iterator[Due]:
    """Yield the worst deadline of each act that an outage may hide, where nobody said which acts there are."""
    told = {(one.kind, one.commune) for one in clocks if one.closed is None}
    for outage in outages:
        for kind in (catalogue.clocks[one] for one in outage.clocks if one in catalogue.clocks):
            if kind.shape is not Shape.ACT or (kind.id, outage.commune.id) in told:
                continue
            if kind.needs_maternity and not outage.commune.maternite:
                continue
            if found := worst_case(kind, outage.since, calendars(kind, outage.commune.id)):
                told.add((kind.id, outage.commune.id))
                fact = calendars(kind, outage.commune.id).at(found[0])
                yield Due(kind, outage.commune.id, found[1], Origin.WORST, outage.service, 0, fact)
