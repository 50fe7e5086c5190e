"""The catalogue of public services and clocks: national knowledge, the same for every commune. Data lives in TOML files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from correlator.model.estate import Hours


def delay_text(delay: timedelta) -> str:
    """Return ``delay`` in its largest whole unit, as estate files write it: ``30min``, ``4h``, ``1j``."""
    seconds = int(delay.total_seconds())
    for unit, name in ((86_400, "j"), (3_600, "h")):
        if seconds and seconds % unit == 0:
            return f"{seconds // unit}{name}"
    return f"{seconds // 60}min" if seconds else "0h"


class ServiceState(StrEnum):
    """How a service of a commune stands, best first but for ``unknown``."""

    RUNNING = "running"
    DEGRADED = "degraded"
    PAPER = "paper"  # rendered by its paper procedure
    DOWN = "down"
    UNKNOWN = "unknown"


class Shape(StrEnum):
    """What a clock runs from: a signed awareness, the fact of one act, or a date of the calendar."""

    INCIDENT = "incident"
    ACT = "act"
    CALENDAR = "calendar"


class Counting(StrEnum):
    """How a delay is counted."""

    RUNNING_HOURS = "running_hours"
    CIVIL_DAYS = "civil_days"  # weekends included, no slide
    CIVIL_DAYS_SLIDE = "civil_days_slide"  # a last day on Saturday, Sunday or holiday slides to the next working day
    WORKING_DAYS = "working_days"
    WORKING_HOURS = "working_hours"  # running hours that stand still on weekends and holidays
    CLEAR_DAYS = "clear_days"  # jours francs: neither the first day nor the last counts
    MONTHS = "months"  # same day of a later month, no slide
    BEFORE_EVENT = "before_event"
    FIXED_DATE = "fixed_date"
    NO_FIGURE = "no_figure"  # without delay, immediately
    INDICATIVE = "indicative"


@dataclass(frozen=True, slots=True)
class ClockKind:
    """One legal or service delay, as data: ``value`` in the unit of ``counting``; never legal advice.

    Units: hours for running, working and indicative ones; days; months; days before the event, where ``earliest`` opens a
    window that ``value`` closes. A fixed date is a ``day_of_month`` of each month, one of ``dates`` of each year ("MM-DD"), or
    given when the clock is opened. ``note`` says which reading was kept where two differ.
    """

    id: str
    name: str  # French
    shape: Shape
    counting: Counting
    value: int | None
    start: str  # French: what starts it
    effect: str  # French: what missing it costs
    source: str  # where the rule was read
    checked: date
    article: str = ""  # the text of law
    note: str = ""
    to_confirm: bool = True
    earliest: int | None = None
    day_of_month: tuple[int, ...] = ()
    dates: tuple[str, ...] = ()
    needs_maternity: bool = False


@dataclass(frozen=True, slots=True)
class Asset:
    """What services stand on: ``ad``, ``virt`` … or a national platform (``external``)."""

    id: str
    label: str
    external: bool = False
    to_confirm: bool = False


@dataclass(frozen=True, slots=True)
class ServiceHours:
    """A word of opening hours (``guichet``, ``h24``): its French label, and the hours used where the estate says nothing.

    ``of_commune``: a commune's own hours come before ``open``.
    """

    id: str
    label: str
    open: Hours
    of_commune: bool = False


@dataclass(frozen=True, slots=True)
class CatalogueService:
    """One public service: French label, who owns it, what it needs, how long it may be away, how it works on paper.

    ``dmia`` (by any means, paper included), ``reprise`` (its software) and ``pdma`` (its data) are examples until a commune
    says otherwise; counted in opening hours, whole days as opening days, unless ``hours`` is ``h24``. ``hours`` is a word of
    the catalogue. ``needs`` are asset ids, first to hurt first; ``platforms`` are external assets.
    """

    id: str
    label: str
    owner: str
    hours: str
    dmia: timedelta
    reprise: timedelta
    pdma: timedelta
    apps: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    peaks: tuple[str, ...] = ()
    clocks: tuple[str, ...] = ()
    paper: tuple[str, ...] = ()
    kit: tuple[str, ...] = ()
    vital: bool = False
    source: str = ""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything above, by id."""

    services: Mapping[str, CatalogueService] = field(default_factory=dict)
    clocks: Mapping[str, ClockKind] = field(default_factory=dict)
    assets: Mapping[str, Asset] = field(default_factory=dict)  # platforms too: external
    hours: Mapping[str, ServiceHours] = field(default_factory=dict)
