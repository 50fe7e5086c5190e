"""The windows of one group of one correlation, over plain lists: the meaning of a correlation is on this page.

A group's rows are in time order. A row *marks* when it can satisfy the condition (a detection, or the end of a satisfied
window of a member correlation) and is *evidence* when it is an event of the hit. For a detection it is both.

Sliding windows end at each mark and reach back one timespan, both ends inclusive. Windows that are judged later start at the
group's first mark and hold one timespan; the next mark after that starts the next.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from correlator.correlate.rule import CorrelationRule, Kind


@dataclass(frozen=True, slots=True)
class Row:
    """One mark or piece of evidence; ``time`` in µs, ``slot`` the member's place in ``rules``."""

    time: int
    slot: int
    event: str  # event id; "" for a mark that is no event
    mark: bool
    evidence: bool
    value: str | None  # what value_count counts; null is not counted
    at: int  # row of the frame it came from


@dataclass(frozen=True, slots=True)
class Span:
    """Satisfied windows that overlap: their ends in time order (µs), and the rows of their events."""

    ends: tuple[int, ...]
    rows: tuple[Row, ...]


class _Distinct:
    """Counts distinct things in the window."""

    def __init__(self, rule: CorrelationRule) -> None:
        self.rule = rule
        self.entered: deque[Row] = deque()
        self.counter: Counter[str | int] = Counter()

    def enter(self, row: Row) -> None:
        """Take the next mark."""
        self.entered.append(row)
        if (thing := _thing(self.rule, row)) is not None:
            self.counter[thing] += 1

    def count(self, since: int) -> int:
        """Forget what is before ``since`` and return how many distinct things are left."""
        while self.entered and self.entered[0].time < since:
            thing = _thing(self.rule, self.entered.popleft())
            if thing is not None:
                self.counter[thing] -= 1
                if not self.counter[thing]:
                    del self.counter[thing]
        return len(self.counter)


class _Chains:
    """Knows, for chains of marks in rule order, the latest moment a chain of each length can have started."""

    def __init__(self) -> None:
        self.starts: dict[int, list[int]] = {}

    def enter(self, row: Row) -> None:
        """Take the next mark; marks of one time come in slot order, so they count as ordered."""
        mine = self.starts.setdefault(row.slot, [])
        _raise_to(mine, 0, row.time)
        for slot, starts in self.starts.items():
            if slot < row.slot:
                for length, start in enumerate(starts):
                    _raise_to(mine, length + 1, start)

    def count(self, since: int) -> int:
        """Return the length of the longest chain that started at ``since`` or later."""
        return max(
            (length + 1 for starts in self.starts.values() for length, start in enumerate(starts) if start >= since), default=0
        )


def _raise_to(starts: list[int], length: int, start: int) -> None:
    if length == len(starts):
        starts.append(start)
    else:
        starts[length] = max(starts[length], start)


def _thing(rule: CorrelationRule, row: Row) -> str | int | None:
    """Return what the correlation counts distinct ones of."""
    match rule.kind:
        case Kind.EVENT_COUNT:
            return row.event
        case Kind.VALUE_COUNT:
            return row.value
        case _:
            return row.slot


def _levels(rule: CorrelationRule, marks: Sequence[Row]) -> Iterator[tuple[int, int]]:
    """Yield (end, count) of the window that ends at each distinct time of ``marks``."""
    window = _Chains() if rule.kind is Kind.TEMPORAL_ORDERED else _Distinct(rule)
    for at, row in enumerate(marks):
        window.enter(row)
        if at + 1 == len(marks) or marks[at + 1].time != row.time:
            yield row.time, window.count(row.time - rule.timespan)


def sliding(rule: CorrelationRule, rows: Sequence[Row]) -> list[Span]:
    """Return the spans of satisfied sliding windows of one group; ``rows`` are sorted by time, then slot."""
    marks = [row for row in rows if row.mark]
    runs: list[list[int]] = []
    for end, count in _levels(rule, marks):
        if not rule.condition.holds(count):
            continue
        if runs and end - runs[-1][-1] <= rule.timespan:
            runs[-1].append(end)
        else:
            runs.append([end])
    return [Span(tuple(ends), _evidence(rule, rows, ends, rule.timespan)) for ends in runs]


def judged(rule: CorrelationRule, rows: Sequence[Row], before: int | None) -> tuple[list[Span], int | None]:
    """Return the satisfied windows that end before ``before`` (None: all), and where what is still open starts (µs).

    ``rows`` as for ``sliding``; a group without an open window gives None.
    """
    found: list[Span] = []
    marks = [row for row in rows if row.mark]
    times = [row.time for row in marks]
    at = 0
    while at < len(marks):
        start = times[at]
        if before is not None and start + rule.timespan >= before:
            return found, start
        after = bisect_right(times, start + rule.timespan)
        # one window, not sliding ones: its count is that of its last end
        *_, (end, count) = _levels(rule, marks[at:after])
        if rule.condition.holds(count):
            found.append(Span((end,), _evidence(rule, rows, [end], end - start)))
        at = after
    return found, None


def _evidence(rule: CorrelationRule, rows: Sequence[Row], ends: Sequence[int], length: int) -> tuple[Row, ...]:
    """Return the rows that are events of the windows of ``length`` with these ends, one per event."""
    used = [row for row in rows if row.mark and _covered(row.time, ends, length)]
    marks: dict[int, list[int]] = {}
    for row in used:
        marks.setdefault(row.slot, []).append(row.time)
    reach = [member.reach for member in rule.members]
    found: dict[str, Row] = {row.event: row for row in reversed(used) if row.evidence}
    for row in rows:
        if row.evidence and not row.mark and row.slot in marks and _covered(row.time, marks[row.slot], reach[row.slot]):
            found.setdefault(row.event, row)
    return tuple(sorted(found.values(), key=lambda row: (row.time, row.event)))


def _covered(time: int, ends: Sequence[int], reach: int) -> bool:
    """Say whether ``time`` lies in one of the windows that end at ``ends`` (sorted) and reach back ``reach``."""
    at = bisect_left(ends, time)
    return at < len(ends) and ends[at] - reach <= time
