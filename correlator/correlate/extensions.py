"""What the attribute ``tocsin`` of a correlation may say: everything here is ours, and the file stays plain Sigma."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from correlator.correlate.rule import WEEK, Baseline, Condition, Judging, Kind
from correlator.correlate.written import Fault, boolean, duration, number

_DAY = WEEK // 7
_LEARN = 14 * _DAY
_MOST_LATE = 31 * _DAY
_KEYS = ("communes", "lateness", "absence", "first_seen", "rare", "ratio", "lint", "suppress", "inhibits")
_JUDGED = {
    "absence": Judging.ABSENT, "first_seen": Judging.FIRST, "rare": Judging.RARE, "ratio": Judging.RATIO,
}  # fmt: skip
_RATIO = Baseline(learn=_LEARN, z=3.0, ratio=2.0, least=20)


@dataclass(frozen=True, slots=True)
class Extensions:
    """What a correlation asks beyond Sigma; ``judging`` None: as its type and condition say."""

    cross: bool = False
    lateness: int | None = None
    judging: Judging | None = None
    #: What stands at the key of ``judging``, to be read once the timespan is known.
    written: Any = None


def read_extensions(written: object) -> Extensions:
    """Return the attribute ``tocsin`` of a document. Raises Fault."""
    if written is None:
        return Extensions()
    if not isinstance(written, dict):
        raise Fault(f"tocsin is {written!r}", f"a map of {', '.join(_KEYS)}")
    strange = [str(key) for key in written if key not in _KEYS]
    if strange:
        raise Fault(f"tocsin has {', '.join(strange)}", f"only {', '.join(_KEYS)}")
    if written.get("communes", "cross") != "cross":
        raise Fault(f"tocsin has communes: {written['communes']!r}", "communes: cross, or nothing: each commune by itself")
    chosen = [key for key in _JUDGED if written.get(key) not in (None, False)]
    if len(chosen) > 1:
        raise Fault(f"tocsin has {' and '.join(chosen)}", "one of them; the other in a correlation of its own")
    if chosen == ["absence"]:
        boolean(written["absence"], "absence")
    late = written.get("lateness")
    return Extensions(
        cross="communes" in written,
        lateness=None if late is None else _lateness(late),
        judging=_JUDGED[chosen[0]] if chosen else None,
        written=written[chosen[0]] if chosen else None,
    )


def _lateness(written: object) -> int:
    late = duration(written, "lateness")
    if late > _MOST_LATE:
        raise Fault(f"lateness {written!r}", f"at most {_MOST_LATE // _DAY}d: so long every window waits")
    return late


def check_fits(extensions: Extensions, kind: Kind, condition: Condition) -> None:
    """Raise Fault where an extension does not go with the type and the condition."""
    match extensions.judging:
        case Judging.ABSENT if kind is not Kind.EVENT_COUNT:
            raise Fault(f"absence does not go with {kind}", "type: event_count, condition: {lt: 1}")
        case Judging.ABSENT if not condition.holds(0) or condition.holds(1):
            told = ", ".join(f"{operator} {bound:g}" for operator, bound in condition.bounds)
            raise Fault(f"absence is of every event, not of {told}", "condition: {lt: 1}")
        case Judging.FIRST | Judging.RATIO as judging if kind is not Kind.EVENT_COUNT or not _any_event(condition):
            raise Fault(f"{_name(judging)} needs every event", "type: event_count, condition: {gte: 1}")
        case Judging.RARE if kind is not Kind.VALUE_COUNT or all(one in ("gt", "gte", "neq") for one, _ in condition.bounds):
            raise Fault("rare needs an upper bound on a count of values", "type: value_count, condition: {field: …, lte: 2}")


def _any_event(condition: Condition) -> bool:
    return condition.monotone and condition.least == 1


def _name(judging: Judging) -> str:
    return next(key for key, its in _JUDGED.items() if its is judging)


def baseline_of(extensions: Extensions, timespan: int) -> Baseline | None:
    """Return what is learnt first; None where nothing is. Raises Fault."""
    match extensions.judging:
        case Judging.FIRST | Judging.RARE as judging:
            options = _options(extensions.written, _name(judging), ("learn",))
            return Baseline(learn=_learn(options, min(_LEARN, timespan)))
        case Judging.RATIO:
            if timespan < 2 * WEEK:
                raise Fault("the timespan of a ratio is less than two weeks", "how many weeks count, for example 8w")
            return _ratio(_options(extensions.written, "ratio", ("z", "times", "least", "learn")))
    return None


def _options(written: object, name: str, known: tuple[str, ...]) -> Mapping[str, Any]:
    if written is True:
        return {}
    if not isinstance(written, dict) or not written.keys() <= set(known):
        raise Fault(f"{name} is {written!r}", f"true, or a map of {', '.join(known)}")
    return written


def _learn(options: Mapping[str, Any], default: int) -> int:
    return duration(options["learn"], "learn", 0) if "learn" in options else default


def _ratio(options: Mapping[str, Any]) -> Baseline:
    least = number(options.get("least", _RATIO.least), "least", 1)
    if least != int(least):
        raise Fault(f"least is {least!r}", "a whole number of events")
    return Baseline(
        learn=_learn(options, _RATIO.learn),
        z=float(number(options.get("z", _RATIO.z), "z", 0)),
        ratio=float(number(options.get("times", _RATIO.ratio), "times", 0)),
        least=int(least),
    )
