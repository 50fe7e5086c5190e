"""Mutes: what people decided not to be shown, with who, why and until when. Each is a Sigma filter, too."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

#: The longest a mute may hold: then somebody has to decide again.
LONGEST = timedelta(days=90)
#: Kind of a scope that names an asset of the estate: its machines and addresses stand in ``Scope.any_of``.
ASSET = "asset"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW = re.compile(r"(?P<days>[a-z,-]+) (?P<start>\d\d):00-(?P<end>\d\d):00")
_MIDNIGHT = 24


@dataclass(frozen=True, slots=True)
class Weekly:
    """Hours that come back each week: from hour ``start`` of each of ``days`` (ISO, 1 Monday) to hour ``end``, local time.

    An ``end`` at or before ``start`` lies on the next day: Wednesday 20 to 4 ends on Thursday. Hours are those of the clock on
    the wall in ``zone``: the night in which it is changed is an hour longer or shorter.
    """

    days: tuple[int, ...]
    start: int
    end: int
    zone: str = "Europe/Paris"

    @property
    def spans(self) -> tuple[tuple[int, int, int], ...]:
        """Return (ISO weekday, from hour, to hour), each within one day."""
        if self.start < self.end:
            return tuple((day, self.start, self.end) for day in self.days)
        evenings = [(day, self.start, _MIDNIGHT) for day in self.days]
        mornings = [(day % 7 + 1, 0, self.end) for day in self.days] if self.end else []
        return (*evenings, *mornings)

    def __str__(self) -> str:
        """Return what ``parse_weekly`` reads."""
        return f"{','.join(DAYS[day - 1] for day in self.days)} {self.start:02d}:00-{self.end:02d}:00"


def parse_weekly(text: str, zone: str = "Europe/Paris") -> Weekly:
    """Return the hours that ``text`` (``wed 20:00-04:00``, ``mon-fri 12:00-14:00``) names; ValueError says what is wrong."""
    found = _WINDOW.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(f"{text!r} is not days and whole hours")
    days = sorted({day for part in found["days"].split(",") for day in _days(part)})
    start, end = int(found["start"]), int(found["end"])
    if start >= _MIDNIGHT or end > _MIDNIGHT or start == end:
        raise ValueError(f"{text!r} has no such hours")
    return Weekly(tuple(days), start, end, zone)


def _days(part: str) -> range:
    first, _, last = part.partition("-")
    if first not in DAYS or (last and last not in DAYS):
        raise ValueError(f"{part!r} is not a day: {', '.join(DAYS)}")
    begin, end = DAYS.index(first) + 1, DAYS.index(last or first) + 1
    if end < begin:
        raise ValueError(f"{part!r} goes backwards: name the days apart")
    return range(begin, end + 1)


@dataclass(frozen=True, slots=True)
class Scope:
    r"""What a mute hides; "" leaves a part open, never all of them: see ``is_open``.

    Findings of one rule, of one commune, about one observable: ``kind`` and ``value`` (``host``, ``SIM-SCAN01``), compared
    without case, ``*`` standing for any text and an address for its network (``ip``, ``10.4.0.0/16``). For an asset of the
    estate (``kind`` asset) ``any_of`` says kind=value of all it is. ``fields``: tests of the event itself, Sigma's name with
    modifiers → value (``Image|endswith``, ``\backup.exe``); only detections have one event, so it takes a rule.
    ``weekly``: only in these hours. ``since`` and ``until``: only what happened then.

    A finding of several communes is hidden only by a scope that names no commune: one commune's mute never hides another's
    incident.
    """

    rule_id: str = ""
    commune: str = ""
    kind: str = ""
    value: str = ""
    any_of: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    weekly: Weekly | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Say whether it would hide everything, if only at some hours."""
        return not (self.rule_id or self.commune or self.value)

    @property
    def abouts(self) -> tuple[tuple[str, str], ...]:
        """Return (kind, value) of the observables it is about, one of which is enough; empty: whatever it is about."""
        if self.kind == ASSET:
            pairs = (one.partition("=") for one in self.any_of)
            return tuple((kind, value) for kind, _, value in pairs)
        return ((self.kind, self.value),) if self.value else ()


@dataclass(frozen=True, slots=True)
class Mute:
    """A mute that somebody made. ``filter`` is the Sigma filter, YAML; ``hidden`` counts the findings it kept back."""

    id: str
    scope: Scope
    filter: str
    reason: str
    person: str
    created: datetime
    ends: datetime
    incident: int | None = None
    withdrawn: datetime | None = None
    withdrawn_by: str | None = None
    hidden: int = 0
    hidden_last: datetime | None = None
    starts: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Say whether it hides anything at ``now``, or will."""
        return self.withdrawn is None and now < self.ends


def sigma_text(value: str) -> str:
    r"""Return ``value`` as Sigma writes it: ``*`` stays wild, everything else means itself."""
    return value.replace("\\", "\\\\").replace("?", "\\?")


def pattern_of(value: str) -> str:
    """Return the regular expression of ``value`` for lower-cased text: ``*`` stands for any text."""
    return f"(?s)^{'.*'.join(re.escape(part) for part in value.lower().split('*'))}$"
