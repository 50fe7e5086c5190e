"""What triage is given and what it gives back; the store loads the one and saves the other, the runtime stands between."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import polars as pl

from correlator.model.incident import Incident
from correlator.model.policy import Policies, RiskSettings, Window
from correlator.model.raw import UTC_TIME
from correlator.model.severity import Severity
from correlator.model.weak import WEAK

_LANE_KIND_VALUE = {"lane": pl.String(), "kind": pl.String(), "value": pl.String()}

#: When a strong observable was seen in an incident: findings closer than the gap make one span.
SPAN = pl.Schema({"id": pl.Int64(), **_LANE_KIND_VALUE, "first": UTC_TIME, "last": UTC_TIME, "incident": pl.Int64()})
#: Which incident a finding, or an event, belongs to.
MEMBER = pl.Schema({"lane": pl.String(), "member": pl.String(), "incident": pl.Int64()})
#: Where people said that what bears an observable belongs.
PIN = pl.Schema({**_LANE_KIND_VALUE, "incident": pl.Int64()})
#: How often an observable was found on a UTC day (days since 1970), per rule.
DAY = pl.Schema({**_LANE_KIND_VALUE, "day": pl.Int32(), "rule.id": pl.String(), "count": pl.Int64()})
#: Which accounts were found with a machine or an address of the house on a UTC day: where many meet, it is by chance.
COMPANION = pl.Schema({**_LANE_KIND_VALUE, "day": pl.Int32(), "companion": pl.String()})
#: Rules that fired, as additions: ``count`` new findings; ``first`` and ``last`` widen what is there.
RULE = pl.Schema(
    {
        "incident": pl.Int64(),
        "rule.id": pl.String(),
        "kind": pl.String(),
        "title": pl.String(),
        "level": pl.String(),
        "tags": pl.List(pl.String()),
        "count": pl.Int64(),
        "first": UTC_TIME,
        "last": UTC_TIME,
    }
)
#: Observables to show, as additions: ``count`` new findings that bear it.
ENTITY = pl.Schema(
    {
        "incident": pl.Int64(),
        "kind": pl.String(),
        "value": pl.String(),
        "role": pl.String(),
        "shown": pl.String(),
        "strong": pl.Boolean(),
        "commune": pl.String(),
        "count": pl.Int64(),
    }
)
EVIDENCE = pl.Schema(
    {"incident": pl.Int64(), "event.id": pl.String(), "at": UTC_TIME, "rule.id": pl.String(), "document": pl.String()}
)


#: New findings that joined without news, and why: suppressed, explained, maintenance, late.
QUIET = pl.Schema({"incident": pl.Int64(), "rule.id": pl.String(), "why": pl.String(), "count": pl.Int64(), "last": UTC_TIME})


@dataclass(frozen=True, slots=True)
class TriageSettings:
    """How findings become incidents.

    ``gap``: how far apart findings that share a strong observable may be, ``host_gap``: findings that share a machine only, on
    which much happens that has nothing to do with each other. ``minimum``: findings below open and join nothing.
    An observable found more than ``common_count`` times by more than ``common_rules`` rules in the ``common_days`` before is
    too common to group; one found with ``crowd_people`` accounts or more by ``crowd_rules`` rules or more in those days groups
    only what has nothing else to be grouped by. ``settle`` is how late findings may still come, so that arrival order does not
    decide that. ``retell``: how often a growing incident is told to sinks when nothing else about it changes. ``communes``:
    id → name.
    ``policies``: suppression and inhibition. ``windows``: planned work. ``remember``: how long what was resolved as benign or
    false does not come back for the same. ``evidence``: how many of the oldest and of the newest documents an incident keeps.
    ``time_zone``: whose new year starts the numbers again.
    """

    gap: timedelta = timedelta(hours=4)
    host_gap: timedelta = timedelta(minutes=30)
    minimum: Severity = Severity.MEDIUM
    common_count: int = 50
    common_rules: int = 10
    common_days: int = 30
    crowd_people: int = 8
    crowd_rules: int = 5
    settle: timedelta = timedelta(hours=6)
    evidence: int = 100
    time_zone: str = "Europe/Paris"
    retell: timedelta = timedelta(minutes=15)
    communes: Mapping[str, str] = field(default_factory=dict)
    policies: Policies = field(default_factory=Policies)
    risk: RiskSettings = field(default_factory=RiskSettings)
    windows: tuple[Window, ...] = ()
    remember: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows that the findings of a batch could touch.

    ``spans``: of their strong observables, near in time. ``findings``, ``events``: where those of the batch already are.
    ``rules``: rules (member) that fired in ``incidents``. ``days``: how common their observables were, ``companions``: with
    whom. ``pins``: what people split off. ``apart``: events that count in an incident and join nothing. ``weak``: weak signals
    about their entities. ``levels``: rule → severity, by incident. ``judged``: fingerprint → resolved incident that was benign
    or false, of late. ``next_id``: of the next incident to open.
    """

    next_id: int
    incidents: Mapping[int, Incident] = field(default_factory=dict)
    spans: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SPAN))
    findings: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=MEMBER))
    events: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=MEMBER))
    days: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=DAY))
    companions: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=COMPANION))
    pins: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=PIN))
    apart: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=MEMBER))
    weak: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=WEAK))
    rules: frozenset[tuple[int, str]] = frozenset()
    levels: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    judged: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """Something worth telling about an incident: a ``Change`` word of the sink contract, and a sentence for its history."""

    incident: int
    change: str  # opened, updated, reopened, merged
    text: str
    silent: bool = False  # for the history only: sinks do not hear of planned work


@dataclass(frozen=True, slots=True)
class Pieces:
    """What incidents are made of, as additions; ``spans_gone`` are ids of spans that the new ones swallow."""

    findings: pl.DataFrame  # MEMBER and rule.id, first, last, observables
    events: pl.DataFrame  # MEMBER
    spans: pl.DataFrame  # SPAN without id
    spans_gone: tuple[int, ...]
    rules: pl.DataFrame
    entities: pl.DataFrame
    evidence: pl.DataFrame
    quiet: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=QUIET))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What triage decided. ``incidents`` is every incident that is new or changed, as it is afterwards."""

    incidents: tuple[Incident, ...]
    told: tuple[Told, ...]
    merged: Mapping[int, int]  # incident → the older one that takes all it has
    links: tuple[tuple[int, int, str], ...]
    pieces: Pieces
    days: pl.DataFrame
    ignored: int  # findings below the minimum, and repetitions of known ones
    weak: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=WEAK))
    companions: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=COMPANION))
    late: int = 0  # late findings that no open incident takes
