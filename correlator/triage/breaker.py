"""The noisy-rule breaker: which findings of a rule that says too much go into its digest, instead of opening incidents.

What is counted is *different things* per hour of event time: what a finding shares no strong observable with. A finding about
something the rule was already let speak of that day passes, so that an incident that is open goes on growing, and an attack
whose findings hang together is never cut. Once over the budget, an hour in which few new things came ends it.

Findings are taken in the order of what happened: cut into batches anywhere, a stream gives the same. Within one that arrives
out of order the counts are the same; which of its findings came first may differ.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from zoneinfo import ZoneInfo

import polars as pl

from correlator.model.finding import severity_column
from correlator.model.noise import Budget, Heard, Hour, Said, Voice
from correlator.model.severity import Severity

HOUR = timedelta(hours=1)
#: Marks kept per hour: of what was shown, and of what was gathered. Beyond, known things may count again as new ones.
_SHOWN, _OTHERS = 2_000, 200
_NOBODY = "-"


@dataclass(frozen=True, slots=True)
class Diverted:
    """``passing``: findings for triage; ``gathered``: those for digests, with local ``day``; ``said``: hours that changed."""

    passing: pl.DataFrame
    gathered: pl.DataFrame
    said: Said


def divert(
    findings: pl.DataFrame, said: Said, budgets: Callable[[str], Budget], minimum: Severity, zone: str = "Europe/Paris"
) -> Diverted:
    """Return which of ``findings`` (frame FINDING) pass; those below ``minimum`` open nothing and are not counted.

    ``said``: what is known of the hours of ``asked``.
    """
    cases = _cases(findings, minimum)
    changed: dict[Voice, dict[datetime, Hour]] = {}
    rows: list[int] = []
    for voice, hour, part in _by_hour(cases):
        known = {**said.get(voice, {}), **changed.get(voice, {})}
        after, over = _judged(known, hour, part, budgets(voice[0]), zone)
        changed.setdefault(voice, {})[hour] = after
        rows += over
    is_over = pl.int_range(findings.height, eager=True).is_in(rows)
    day = pl.col("first").dt.convert_time_zone(zone).dt.strftime("%Y-%m-%d").alias("day")
    return Diverted(findings.filter(~is_over), findings.filter(is_over).with_columns(day), changed)


def asked(findings: pl.DataFrame, minimum: Severity) -> tuple[frozenset[Voice], datetime, datetime] | None:
    """Return what must be known of earlier batches: rules with their lanes, and from which hour to which; None: nothing."""
    told = findings.filter(severity_column() >= int(minimum), pl.col("first").is_not_null())
    if told.is_empty():
        return None
    first, last = told.select(pl.col("first").dt.truncate("1h").min().alias("a"), pl.col("first").max().alias("b")).row(0)
    voices = told.select("rule.id", "lane").unique().rows()
    return frozenset((str(rule), str(lane)) for rule, lane in voices), first - 25 * HOUR, last


def _cases(findings: pl.DataFrame, minimum: Severity) -> pl.DataFrame:
    """Return (rule, lane, hour, things) with their ``rows``, in the order of what happened; repetitions are one case."""
    element = pl.element().struct
    named = pl.concat_str(element["kind"], pl.lit("="), element["value"].str.to_lowercase())
    strong = pl.element().filter(element["strong"].fill_null(value=False))
    things = pl.col("observables").list.eval(strong).list.eval(named).list.unique().list.sort().list.join("\0")
    told = findings.with_row_index("row").filter(severity_column() >= int(minimum), pl.col("first").is_not_null())
    marked = told.select(
        "row", "rule.id", "lane", "first", "finding.id", pl.col("first").dt.truncate("1h").alias("hour"),
        things.fill_null("").alias("things"),
    )  # fmt: skip
    keys = ["rule.id", "lane", "hour"]
    ordered = marked.sort(*keys, "first", "finding.id")
    run = pl.struct(*keys, "things").rle_id().alias("run")
    return ordered.group_by(run, *keys, "things", maintain_order=True).agg("row")


def _by_hour(cases: pl.DataFrame) -> Iterator[tuple[Voice, datetime, list[tuple[str, list[int]]]]]:
    """Yield the hours of each rule and lane, the oldest first."""
    parts = cases.partition_by("rule.id", "lane", "hour", as_dict=True, maintain_order=True)
    for rule, lane, hour in sorted(parts, key=lambda key: (key[2], key[0], key[1])):
        part = parts[rule, lane, hour]
        yield (rule, lane), hour, [(things, rows) for things, rows in part.select("things", "row").iter_rows()]


def _judged(
    known: Mapping[datetime, Hour], hour: datetime, part: list[tuple[str, list[int]]], budget: Budget, zone: str
) -> tuple[Hour, list[int]]:
    """Return the hour as it is with ``part`` added, and the rows of what is beyond the budget."""
    before, carried = _before(known, hour, budget, zone)
    now = known.get(hour) or Hour(shown=Heard(0, before), tripped=carried)
    left = _left(known, hour, now, budget, zone, carried=carried)
    shown, others, new = set(now.shown.marks), set(now.others.marks), [0, 0]
    over: list[int] = []
    for things, rows in part:
        marks = _marks(things)
        if shown.isdisjoint(marks):
            is_over = new[0] >= left
            if not is_over or others.isdisjoint(marks):
                new[is_over] += 1
            over += rows if is_over else []
            _add(others if is_over else shown, marks, _OTHERS if is_over else _SHOWN)
        else:
            _add(shown, marks, _SHOWN)
    after = Hour(
        findings=now.findings + sum(len(rows) for _, rows in part),
        gathered=now.gathered + len(over),
        shown=Heard(now.shown.things + new[0], frozenset(shown)),
        others=Heard(now.others.things + new[1], frozenset(others)),
        tripped=now.tripped or bool(over),
    )
    return after, over


def _add(marks: set[str], new: frozenset[str], most: int) -> None:
    if len(marks) < most:
        marks |= new


def _before(known: Mapping[datetime, Hour], hour: datetime, budget: Budget, zone: str) -> tuple[frozenset[str], bool]:
    """Return the marks of what was shown earlier that day, and whether the hour before was too loud to trust this one."""
    previous = known.get(hour - HOUR)
    carried = previous is not None and previous.is_loud(budget)
    today = [one for one in known if one < hour and _day(one, zone) == _day(hour, zone)]
    latest = max(today, default=hour - HOUR if carried else None)
    return (known[latest].shown.marks if latest is not None else frozenset()), carried


def _left(known: Mapping[datetime, Hour], hour: datetime, now: Hour, budget: Budget, zone: str, *, carried: bool) -> float:
    """Return how many new things the rule may still speak of in the hour."""
    if not budget.hour and not budget.day:
        return float("inf")
    if carried:
        return 0
    today = sum(one.shown.things for at, one in known.items() if at != hour and _day(at, zone) == _day(hour, zone))
    hourly = budget.hour - now.shown.things if budget.hour else float("inf")
    daily = budget.day - today - now.shown.things if budget.day else float("inf")
    return max(0, min(hourly, daily))


def _day(moment: datetime, zone: str) -> object:
    return moment.astimezone(ZoneInfo(zone)).date()


@lru_cache(maxsize=4_096)
def _marks(things: str) -> frozenset[str]:
    """Return short marks of what a finding is about; nothing strong is one thing, too."""
    names = things.split("\0") if things else [_NOBODY]
    return frozenset(blake2b(name.encode(), digest_size=6).hexdigest() for name in names)
