"""What correlation remembers between batches, as frames of numbers.

State is a value: ``correlate`` takes one and returns the next. Lanes never share anything. What a batch changed in a lane can
be written as one Arrow blob, all of a lane as another, and put together again: see ``log``.

A *key* is one group of one correlation in one lane, by a 64-bit number made of the rule's hash, the lane and the folded group.
Rows hold such numbers and nothing long: what an event is called and what it shows stands once in ``details``, however many
rules look at it. Two things with the same number would need a chance of one in 10⁹ at 100,000 keys.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from correlator.correlate.rule import CorrelationRule, Judging
from correlator.model.observable import OBSERVABLE

#: One thing that happened in a group: see ``Judging`` for what becomes of it. ``time`` in µs UTC.
ROWS = pl.Schema(
    {
        "uid": pl.UInt64(),  # what the row is: the same again is the same row
        "key": pl.UInt64(),
        "rule": pl.UInt16(),  # place in ``LaneStates.rules``
        "time": pl.Int64(),
        "slot": pl.UInt16(),  # place of the member in the correlation's rules
        "mark": pl.Boolean(),  # it can satisfy a condition
        "evidence": pl.Boolean(),  # it is an event of a hit
        "event": pl.UInt64(),  # into DETAILS; of a mark that is no event, the key of the hit it stands for
        "value": pl.String(),  # what value_count counts, folded; null is not counted
        "number": pl.Float64(),  # what value_sum and its like reckon with
        "hit": pl.UInt64(),  # the hit it belongs to; null: none so far
    }
)
#: What the numbers of keys stand for; ``group`` a JSON object, as in HIT.
KEYS = pl.Schema({"key": pl.UInt64(), "rule": pl.UInt16(), "lane": pl.String(), "group": pl.String()})
#: Events, once each. ``fields``: a JSON object, what correlations above need of the event; null when there are none.
DETAILS = pl.Schema(
    {
        "event": pl.UInt64(),
        "event.id": pl.String(),
        "commune": pl.String(),
        "fields": pl.String(),
        "observables": pl.List(OBSERVABLE),
    }
)
#: Hits that may still grow. ``beyond``: events that the bound of a group pushed out, counted and gone.
OPEN = pl.Schema(
    {
        "hit": pl.UInt64(),
        "key": pl.UInt64(),
        "rule": pl.UInt16(),
        "hit.id": pl.String(),
        "first": pl.Int64(),
        "opened": pl.Int64(),  # end of the first satisfied window
        "closed": pl.Int64(),  # end of the last one so far
        "beyond": pl.Int64(),
    }
)
#: What baselines learned: of a group and clock hour (hours since 1970; RATIO) how many events there were.
HOURS = pl.Schema({"key": pl.UInt64(), "rule": pl.UInt16(), "hour": pl.Int64(), "count": pl.Int64()})
#: When a rule saw its first event in a lane: baselines learn from then on.
BORN = pl.Schema({"rule": pl.UInt16(), "lane": pl.String(), "first": pl.Int64()})

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEVER = -(2**62)
FOREVER = 2**62


@dataclass(frozen=True, slots=True)
class LaneStates:
    """State of all lanes of this process.

    ``rows`` are of rules judged at arrival, ``waiting`` of all others. ``rules``: (id, hash) that ``rule`` columns point into.
    ``passed``: rule id → the moment (µs) before which nothing more is expected, as of the last batch; ``newest``: the
    greatest time of a detection seen.
    """

    rules: tuple[tuple[str, str], ...] = ()
    keeps: tuple[int, ...] = ()  # per rule, how far behind ``passed`` a row that belongs to no hit is still wanted, µs
    rows: pl.DataFrame = field(default_factory=ROWS.to_frame)
    waiting: pl.DataFrame = field(default_factory=ROWS.to_frame)
    keys: pl.DataFrame = field(default_factory=KEYS.to_frame)
    details: pl.DataFrame = field(default_factory=DETAILS.to_frame)
    open: pl.DataFrame = field(default_factory=OPEN.to_frame)
    hours: pl.DataFrame = field(default_factory=HOURS.to_frame)
    born: pl.DataFrame = field(default_factory=BORN.to_frame)
    passed: Mapping[str, int] = field(default_factory=dict)
    newest: int = NEVER

    @property
    def lanes(self) -> tuple[str, ...]:
        """Return the lanes that hold anything, sorted."""
        used = pl.concat([frame.select("key") for frame in (self.rows, self.waiting, self.open, self.hours)])
        keys = self.keys.join(used, on="key", how="semi")
        return tuple(sorted({*keys.get_column("lane").unique(), *self.born.get_column("lane").unique()}))

    @property
    def height(self) -> int:
        """Return how many rows are held."""
        return self.rows.height + self.waiting.height


#: The frames of a state, by name.
FRAMES: Mapping[str, pl.Schema] = {
    "rows": ROWS, "waiting": ROWS, "keys": KEYS, "details": DETAILS, "open": OPEN, "hours": HOURS, "born": BORN,
}  # fmt: skip
_BY_RULE = ("rows", "waiting", "keys", "open", "hours", "born")


def for_rules(state: LaneStates, rules: Sequence[CorrelationRule]) -> LaneStates:
    """Return ``state`` as ``rules`` continue it: what belongs to a rule that is gone or means something else is left out."""
    wanted = tuple((rule.id, rule.hash) for rule in rules)
    keeps = tuple(_keeps(rule) for rule in rules)
    if state.rules == wanted:
        return state if state.keeps == keeps else replace(state, keeps=keeps)
    places = {one: place for place, one in enumerate(wanted)}
    moved = {old: places[one] for old, one in enumerate(state.rules) if one in places}
    frames: dict[str, Any] = {name: _renumbered(getattr(state, name), moved) for name in _BY_RULE}
    kept = {id_ for id_, _ in wanted if (id_, dict(state.rules).get(id_)) in places}
    passed = {id_: time for id_, time in state.passed.items() if id_ in kept}
    return replace(state, rules=wanted, keeps=keeps, passed=passed, **frames)


def _keeps(rule: CorrelationRule) -> int:
    return FOREVER if rule.judging is Judging.ABSENT else rule.delay + max(rule.span, rule.reach)


def _renumbered(frame: pl.DataFrame, moved: Mapping[int, int]) -> pl.DataFrame:
    place = pl.col("rule").replace_strict(dict(moved), default=None, return_dtype=pl.UInt16)
    return frame.with_columns(place.alias("rule")).filter(pl.col("rule").is_not_null())


def merged(states: Sequence[LaneStates], rules: tuple[tuple[str, str], ...]) -> LaneStates:
    """Return one state out of the states of different lanes, which number ``rules`` alike."""
    frames = {
        name: pl.concat([schema.to_frame(), *(getattr(state, name) for state in states)]) for name, schema in FRAMES.items()
    }
    frames["details"] = frames["details"].unique("event", keep="first", maintain_order=True)
    passed: dict[str, int] = {}
    for state in states:
        passed |= {id_: max(time, passed.get(id_, NEVER)) for id_, time in state.passed.items()}
    return LaneStates(rules=rules, passed=passed, newest=max((state.newest for state in states), default=NEVER), **frames)


def only(frame: pl.DataFrame, column: str, values: pl.Series) -> pl.DataFrame:
    """Return the rows whose ``column`` is among ``values``; half the cost of a join for plain numbers."""
    return frame.filter(pl.col(column).is_in(values.implode()))


def without(frame: pl.DataFrame, column: str, values: pl.Series) -> pl.DataFrame:
    """Return the rows whose ``column``, which has no nulls, is not among ``values``."""
    return frame.filter(~pl.col(column).is_in(values.implode()))


def micros(time: datetime) -> int:
    """Return a moment as µs since 1970."""
    return (time - _EPOCH) // timedelta(microseconds=1)
