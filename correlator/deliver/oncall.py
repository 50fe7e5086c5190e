"""Who is woken, by what, when: the policy, without a clock, a database or a telephone of its own.

A *criterion* says which incidents wake somebody. During the night (outside working hours, and on public holidays) the
night's channels are used, by day the daytime's; where there are none, a call waits for the evening. People are called in the
order of the ladder, each so many times; at its end the ladder begins again. Elected people are passed over unless the
criterion says otherwise.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from correlator.model.estate import Contact, Hours
from correlator.model.incident import Incident, Status
from correlator.model.severity import Severity

#: How soon a person who was just called may be called again about something new; a third call waits for ``repeat``.
GATHER = timedelta(seconds=60)
#: After this all channels of a person are tried again when none of them worked.
AGAIN = timedelta(seconds=60)
_CALLS = 2  # of one person within ``repeat``


@dataclass(frozen=True, slots=True)
class Criterion:
    """What wakes somebody; an empty set asks nothing."""

    name: str
    minimum: Severity = Severity.CRITICAL
    communes: frozenset[str] = frozenset()
    lanes: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    vital: bool = False
    wake_elected: bool = False


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule that fired in an incident: its level, its tags, the event time of its first finding."""

    level: Severity
    tags: tuple[str, ...]
    first: datetime


@dataclass(frozen=True, slots=True)
class Case:
    """An incident with what criteria ask about: rules, hosts, when a person last took it in hand (None: nobody did)."""

    incident: Incident
    rules: tuple[Fired, ...] = ()
    hosts: tuple[str, ...] = ()
    taken: datetime | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole arrangement. ``codes``: commune id → short code; ``vital``: globs of hosts that vital services stand on."""

    criteria: tuple[Criterion, ...]
    ladder: tuple[Contact, ...]
    channels: tuple[str, ...]
    daytime: tuple[str, ...] = ()
    hours: Hours = field(default_factory=dict)
    holidays: frozenset[date] = frozenset()
    zone: str = "Europe/Paris"
    repeat: timedelta = timedelta(minutes=10)
    tries: int = 3
    personal: bool = False
    install: str = "tocsin"
    told: tuple[str, ...] = ()  # sinks that hear of an acknowledgement
    codes: Mapping[str, str] = field(default_factory=dict)
    vital: tuple[str, ...] = ()

    def is_night(self, now: datetime) -> bool:
        """Say whether nobody is at work at ``now``."""
        local = now.astimezone(ZoneInfo(self.zone))
        minute = local.hour * 60 + local.minute
        at_work = any(first <= minute < last for first, last in self.hours.get(local.isoweekday(), ()))
        return local.date() in self.holidays or not at_work

    def channels_at(self, now: datetime) -> tuple[str, ...]:
        """Return the channels that may be used at ``now``, in their order."""
        return self.channels if self.is_night(now) else self.daytime

    def rungs(self, criterion: str) -> tuple[Contact, ...]:
        """Return whom this criterion may call, in order; one that is no longer configured wakes no elected person."""
        elected = any(one.name == criterion and one.wake_elected for one in self.criteria)
        return tuple(contact for contact in self.ladder if elected or not contact.elected)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the calls about one page are: rung counted on without end, calls made on it, when the next one is due."""

    step: int
    tries: int
    next_try: datetime


def misses(criterion: Criterion, case: Case, plan: Plan) -> list[str]:
    """Return why this incident does not wake anybody by this criterion; empty: it does."""
    incident, level = case.incident, _level(case)
    reasons = []
    if not incident.is_open:
        reasons.append(f"it is {incident.status}")
    if level < criterion.minimum:
        since = " since somebody took it in hand" if level < incident.severity else ""
        reasons.append(f"its level is {level.level}{since}, below {criterion.minimum.level}")
    if criterion.communes and criterion.communes.isdisjoint(incident.communes):
        reasons.append("it touches none of the communes")
    if criterion.lanes and incident.lane not in criterion.lanes:
        reasons.append(f"its lane is {incident.lane}")
    if criterion.tags and not _is_tagged(criterion.tags, case.rules):
        reasons.append("no rule with one of the tags fired")
    if criterion.vital and not is_vital(case, plan):
        reasons.append("no vital service stands on its machines")
    return reasons


def is_vital(case: Case, plan: Plan) -> bool:
    """Say whether a machine of the incident carries a vital service."""
    return any(fnmatchcase(host.casefold(), glob.casefold()) for host in case.hosts for glob in plan.vital)


def due_at(standing: Standing, now: datetime, plan: Plan) -> bool:
    """Say whether the next call is due.

    A next call further away than any pause we make means that the clock went back: it is due, or it would wait for hours.
    """
    return standing.next_try <= now or standing.next_try > now + max(plan.repeat, AGAIN) + GATHER


def advanced(standing: Standing, plan: Plan) -> Standing:
    """Return where the next call goes: up one rung when this one was called often enough."""
    if standing.tries < plan.tries:
        return standing
    return Standing(standing.step + 1, 0, standing.next_try)


def after_call(standing: Standing, now: datetime, plan: Plan, *, reached: bool) -> Standing:
    """Return the standing after a call at ``now``; when no channel worked the next one is due soon."""
    return Standing(standing.step, standing.tries + 1, now + (plan.repeat if reached else min(AGAIN, plan.repeat)))


def must_gather(calls: Iterable[datetime], now: datetime, plan: Plan) -> bool:
    """Say whether a person called at ``calls`` is left alone for now, so that what comes is told together.

    Calls ahead of ``now`` are from before the clock went back: they hold nobody up.
    """
    recent = [at for at in calls if now - plan.repeat < at <= now]
    return len(recent) >= _CALLS or (bool(recent) and now - max(recent) < min(GATHER, plan.repeat))


def _level(case: Case) -> Severity:
    """Return how grave the incident is; of one in somebody's hands, only what began after they took it."""
    if case.incident.status is Status.NEW or case.taken is None:
        return case.incident.severity
    return max((rule.level for rule in case.rules if rule.first > case.taken), default=Severity.INFORMATIONAL)


def _is_tagged(wanted: frozenset[str], rules: Iterable[Fired]) -> bool:
    tags = {tag.lower() for rule in rules for tag in rule.tags}
    return any(tag == one.lower() or tag.startswith(f"{one.lower()}.") for tag in tags for one in wanted)
