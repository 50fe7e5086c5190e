"""The evaluator: incidents against the truth. Pure: places of events in, figures out; knows neither engine nor generator.

An *instance* is something that really happened: a recorded capture, a played scenario. An incident **detects** it when all
hold: it holds a key event of the instance; an entity of the incident is one of the instance (if the instance names any); a
rule of the incident is one that the instance accepts (if it names any); their times meet; and it is at least medium. Each
incident is credited to one instance, the one it has most events of, and each instance takes one incident; what else touches an
instance is a *fragment*. An incident with events of two instances is a *contamination*. An incident of medium or above without
an event of any instance is *false*; the look-alikes it holds are named.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from correlator.model.severity import Severity

#: How far the time in a record may be from the time the truth tells: sources write a moment in more than one way.
TOLERANCE = timedelta(minutes=1)
#: Where an event stands: file below the folder that was read, line, 1-based.
Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Incident:
    """What is judged of an incident. ``entities`` and ``rules`` folded to lower case."""

    number: str
    severity: Severity
    events: frozenset[Place]
    first: datetime
    last: datetime
    entities: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()
    title: str = ""


@dataclass(frozen=True, slots=True)
class Instance:
    """Something that happened. ``key``: the events that must be found; empty ``entities``, ``rules``: any will do."""

    id: str
    events: frozenset[Place]
    key: frozenset[Place]
    first: datetime
    last: datetime
    minimum: Severity = Severity.MEDIUM
    entities: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Judgement:
    """How well the incidents tell the truth. ``full`` ⊆ ``found``: those graded as gravely as they are.

    ``touching``: instance → incidents that hold an event of it. ``foreign``: incident → its events of other instances than its
    own. ``false``: incident → look-alikes it holds events of, with how many.
    """

    instances: int
    incidents: int
    found: Mapping[str, str]
    full: frozenset[str]
    touching: Mapping[str, tuple[str, ...]]
    foreign: Mapping[str, int]
    evidence: int
    false: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def missed(self) -> tuple[str, ...]:
        """Return the instances that no incident detects."""
        return tuple(sorted(set(self.touching) - set(self.found)))

    @property
    def rate(self) -> float:
        """Return detected instances ÷ instances; 0 without any."""
        return len(self.found) / self.instances if self.instances else 0.0

    @property
    def fragments(self) -> float:
        """Return incidents per detected instance."""
        return sum(len(self.touching[one]) for one in self.found) / len(self.found) if self.found else 0.0

    @property
    def contaminated_incidents(self) -> float:
        """Return incidents with foreign evidence ÷ incidents that hold an event of an instance."""
        touching = {number for numbers in self.touching.values() for number in numbers}
        return sum(1 for count in self.foreign.values() if count) / len(touching) if touching else 0.0

    @property
    def contaminated_evidence(self) -> float:
        """Return foreign events ÷ events of instances in incidents."""
        return sum(self.foreign.values()) / self.evidence if self.evidence else 0.0


def judge(
    incidents: Iterable[Incident], instances: Sequence[Instance], benign: Mapping[str, frozenset[Place]] | None = None
) -> Judgement:
    """Return how well ``incidents`` tell ``instances``; ``benign``: events of each look-alike."""
    known = list(incidents)
    owner = {place: one.id for one in instances for place in one.events}
    shares = {one.number: Counter(owner[place] for place in one.events if place in owner) for one in known}
    found = _credited(known, instances, shares)
    own = {number: instance for instance, number in found.items()}
    foreign = {
        number: sum(held.values()) - held[own.get(number, held.most_common(1)[0][0])] for number, held in shares.items() if held
    }
    graded = {one.number: one.severity for one in known}
    return Judgement(
        instances=len(instances),
        incidents=len(known),
        found=found,
        full=frozenset(one.id for one in instances if one.id in found and graded[found[one.id]] >= one.minimum),
        touching={one.id: tuple(sorted(number for number, held in shares.items() if held[one.id])) for one in instances},
        foreign=foreign,
        evidence=sum(sum(held.values()) for held in shares.values()),
        false=_false(known, shares, benign or {}),
    )


def detects(incident: Incident, instance: Instance) -> bool:
    """Say whether ``incident`` is about ``instance``: evidence, entity, rule, time and gravity."""
    return (
        not incident.events.isdisjoint(instance.key)
        and (not instance.entities or not incident.entities.isdisjoint(instance.entities))
        and (not instance.rules or not incident.rules.isdisjoint(instance.rules))
        and incident.first <= instance.last + TOLERANCE
        and instance.first <= incident.last + TOLERANCE
        and incident.severity >= Severity.MEDIUM
    )


def _credited(
    incidents: Sequence[Incident], instances: Sequence[Instance], shares: Mapping[str, Counter[str]]
) -> dict[str, str]:
    """Return instance → incident, one to one, pairs with most evidence first."""
    pairs = [
        (-shares[incident.number][instance.id], instance.id, incident.number)
        for incident in incidents
        for instance in instances
        if detects(incident, instance)
    ]
    found: dict[str, str] = {}
    for _, instance_id, number in sorted(pairs):
        if instance_id not in found and number not in found.values():
            found[instance_id] = number
    return found


def _false(
    incidents: Iterable[Incident], shares: Mapping[str, Counter[str]], benign: Mapping[str, frozenset[Place]]
) -> dict[str, dict[str, int]]:
    lone = [one for one in incidents if not shares[one.number] and one.severity >= Severity.MEDIUM]
    return {
        one.number: {name: len(one.events & places) for name, places in benign.items() if not one.events.isdisjoint(places)}
        for one in lone
    }
