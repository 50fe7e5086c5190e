"""The form of a mute: what was typed or linked to, what can be chosen, and the draft that comes of it."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from correlator.model.event import RESERVED
from correlator.model.mute import Scope, Weekly
from correlator.store.casefile import Casefile

#: Days a mute may last, as the form offers them.
DAYS = (1, 7, 30, 90)
LONGEST = 1_000  # characters of what is typed
_FIELDS, _VALUE, _PIECES = 20, 300, 50
#: What differs in every event, or says nothing that a scope does not say better.
_NOT_OFFERED = RESERVED | {"message", "event.original", "cut", "winlog.record_id", "EventRecordID", "process.pid", "ProcessId"}
_MIDNIGHT = 24


@dataclass(frozen=True, slots=True)
class Typed:
    """The form as it was filled; ``about`` is kind=value, ``fields`` are name=value, ``day`` ISO weekdays of the hours."""

    rule: str = ""
    commune: str = ""
    about: str = ""
    days: int = 30
    reason: str = ""
    fields: tuple[str, ...] = ()
    day: tuple[int, ...] = ()
    start: int = 20
    end: int = 6
    since: str = ""

    def scope(self, zone: str) -> Scope:
        """Return what it would hide; hours are those of ``zone``."""
        kind, _, value = self.about.partition("=")
        pairs = (one.partition("=") for one in self.fields)
        tests = tuple((name, text) for name, _, text in pairs)
        weekly = Weekly(tuple(sorted(set(self.day))), self.start, self.end, zone) if self.day else None
        return Scope(self.rule, self.commune, kind, value, fields=tests, weekly=weekly)

    def starts(self, zone: str) -> datetime | None:
        """Return when it begins to hold, None: at once; ValueError when that is no time."""
        if not self.since:
            return None
        return datetime.fromisoformat(self.since).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)

    def ends(self, now: datetime, zone: str) -> datetime:
        """Return when it ends: its days, from its beginning on."""
        return max(now, self.starts(zone) or now) + timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class Choices:
    """What the form offers of an incident: rules, kind=value of what it is about, name=value of the rule's events."""

    rules: frozenset[str] = frozenset()
    abouts: tuple[str, ...] = ()
    fields: tuple[str, ...] = field(default=())

    def allows(self, typed: Typed) -> bool:
        """Say whether everything typed was offered: nobody mutes by a form what the incident does not show."""
        chosen = typed.rule in self.rules | {""} and typed.about in {"", *self.abouts}
        hours = set(typed.day) <= set(range(1, 8)) and 0 <= typed.start < _MIDNIGHT and 0 < typed.end <= _MIDNIGHT
        return chosen and hours and typed.start != typed.end and set(typed.fields) <= set(self.fields)


def choices_of(found: Casefile, rule_id: str) -> Choices:
    """Return what can be chosen; fields are those of the events of the rule, what most of them share first."""
    abouts = tuple(dict.fromkeys(f"{one.kind}={one.value}" for one in found.entities))[:200]
    kinds = {one.id: one.kind for one in found.rules}
    fields = _fields(found, rule_id) if kinds.get(rule_id) == "detection" else ()
    return Choices(frozenset(kinds), abouts, fields)


def _fields(found: Casefile, rule_id: str) -> tuple[str, ...]:
    counted: Counter[str] = Counter()
    for piece in [one for one in found.pieces if rule_id in one.rules][-_PIECES:]:
        texts = ((name, value) for name, value in piece.event.items() if isinstance(value, str))
        counted.update(f"{name}={value}" for name, value in texts if _is_offered(name, value, piece.event.get("cut", ())))
    return tuple(pair for pair, _ in counted.most_common(_FIELDS))


def _is_offered(name: str, value: str, cut: object) -> bool:
    whole = not (isinstance(cut, list) and name in cut)
    return name not in _NOT_OFFERED and 0 < len(value) <= _VALUE and "=" not in name and "*" not in value and whole
