"""Can this rule fire here? Per rule: whether what it needs arrives, and if not, what is missing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from correlator.detect.lints.reach import Feed, feeds_for
from correlator.detect.needs import Ways, fields_needed, is_satisfied
from correlator.detect.plan import Rule
from correlator.model.event import RESERVED
from correlator.model.logsource import LogSource


class Status(StrEnum):
    """What became of the question; the first two can fire."""

    COVERED = "covered"
    UNTESTED = "untested"
    FIELD_MISSING = "field missing"
    NO_SOURCE = "no source"


@dataclass(frozen=True, slots=True)
class Stream:
    """Events of one kind that arrive here: what they feed, the fields seen in so many of them, how many there are per commune.

    ``looked_for``: the fields that would have been seen if they were there; None: all. Of the others the parsers are asked.
    """

    log_sources: tuple[LogSource, ...]
    seen: frozenset[str] = RESERVED
    looked_for: frozenset[str] | None = frozenset()
    events: int = 0
    communes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reached:
    """The answer for one rule: ``why`` says what is missing, ``communes`` where it can fire."""

    rule: Rule
    status: Status
    why: str = ""
    communes: tuple[str, ...] = ()

    @property
    def able(self) -> bool:
        """Whether the rule can fire here."""
        return self.status in {Status.COVERED, Status.UNTESTED}


def streams_of(feeds: Sequence[Feed]) -> tuple[Stream, ...]:
    """Return what could arrive where nothing did yet: everything that parsers give."""
    return tuple(Stream(feed.log_sources) for feed in feeds)


def coverage(
    rules: Iterable[Rule], streams: Sequence[Stream], feeds: Sequence[Feed], tested: frozenset[str]
) -> Iterator[Reached]:
    """Yield the answer for each rule where ``streams`` arrive, read by ``feeds``; ``tested``: paths of rules with a test."""
    for rule in rules:
        yield _judge(rule, streams, feeds, tested=rule.path in tested)


def _judge(rule: Rule, streams: Sequence[Stream], feeds: Sequence[Feed], *, tested: bool) -> Reached:
    readers = feeds_for(rule.logsource, feeds)
    fitting = [stream for stream in streams if any(source.feeds(rule.logsource) for source in stream.log_sources)]
    if not fitting:
        why = f"{rule.logsource} has not arrived" if readers else f"no parser gives {rule.logsource}"
        return Reached(rule, Status.NO_SOURCE, why)
    ways = fields_needed(rule.condition)
    able = [stream for stream in fitting if is_satisfied(ways, _available(rule, stream, readers))]
    if not able:
        return Reached(rule, Status.FIELD_MISSING, _missing(rule, ways, fitting, readers))
    communes = sorted({commune for stream in able for commune in stream.communes})
    return Reached(rule, Status.COVERED if tested else Status.UNTESTED, "" if tested else "no .test beside it", tuple(communes))


def _available(rule: Rule, stream: Stream, readers: Sequence[Feed]) -> frozenset[str]:
    """Return the fields of ``rule`` that events of ``stream`` have, or may have as far as anybody knows."""
    return frozenset(name for name in rule.fields if name in stream.seen or _may_come(name, stream, readers))


def _may_come(name: str, stream: Stream, readers: Sequence[Feed]) -> bool:
    if stream.looked_for is None or name in stream.looked_for:
        return False
    return any(feed.is_open or feed.names(name) for feed in readers)


def _missing(rule: Rule, ways: Ways, fitting: Sequence[Stream], readers: Sequence[Feed]) -> str:
    there = frozenset().union(*(_available(rule, stream, readers) for stream in fitting))
    missing = min((way - there or way for way in ways), key=lambda way: (len(way), sorted(way)), default=frozenset())
    names, events = ", ".join(sorted(missing)), sum(stream.events for stream in fitting)
    if not missing:
        return "its condition can never be true"
    return f"{names} in none of {events:,} events looked at" if events else f"no parser of {rule.logsource} gives {names}"
