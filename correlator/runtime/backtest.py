"""Rules over the lake: what they would have found, when and where, and how many incidents a day that would be.

The same stages as live: events are parsed again from their records (``again``) where a rule asks for a source's own fields,
then detect, correlate and triage as they are. Files are read one by one, the oldest first, a piece at a time; nothing is
written. No perimeter is applied here: whoever calls this may read the whole lake.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import polars as pl
import sqlalchemy as sa

from correlator.correlate.engine import correlate
from correlator.correlate.state import LaneStates
from correlator.detect.describe import describe, project
from correlator.detect.engine import detect
from correlator.model.detection import DETECTION
from correlator.model.event import ECS, RESERVED
from correlator.model.finding import FINDING
from correlator.model.hit import HIT
from correlator.model.logsource import LogSource
from correlator.model.outcome import Known, TriageSettings
from correlator.model.severity import Severity
from correlator.runtime.again import read_again
from correlator.runtime.content import Content
from correlator.runtime.findings import findings, without_shared
from correlator.store import lake
from correlator.store.lake_chunks import chunks
from correlator.triage.engine import triage

_HOST, _USER = "host.name", "user.name"
_FIRST_IDS = 5
#: Findings of one rule that triage sees; of more, incidents are told as "at least".
MOST_FINDINGS = 50_000
#: Incidents a day, over all communes together, that a rule of a level may open before nobody reads them any more.
BORNE = {"critical": 1 / 7, "high": 1.0, "medium": 5.0}
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Span:
    """What to look at: events from ``since`` to ``until``, both included, of one ``commune`` ("": all)."""

    since: datetime
    until: datetime
    commune: str = ""

    @property
    def days(self) -> float:
        """How many days it is, never none."""
        return max((self.until - self.since).total_seconds() / _DAY_S, 1 / 24)


@dataclass(slots=True)
class Found:
    """What one rule or correlation found. ``first``: ids of its first events, oldest file first; ``findings`` for triage."""

    id: str
    title: str
    level: str
    matches: int = 0
    days: Counter[str] = field(default_factory=Counter)
    communes: Counter[str] = field(default_factory=Counter)
    hosts: Counter[str] = field(default_factory=Counter)
    users: Counter[str] = field(default_factory=Counter)
    first: list[str] = field(default_factory=list)
    findings: list[pl.DataFrame] = field(default_factory=list)
    kept: int = 0


@dataclass(frozen=True, slots=True)
class Noise:
    """How much work a rule would make. ``incidents`` as triage makes them, ``a_day`` over the whole span.

    ``bearable``: at most as many as its level may open; None when its level opens none, then ``incidents`` is what it would
    open one level up. ``least``: there was more than was looked at.
    """

    incidents: int
    a_day: float
    borne: float | None
    bearable: bool | None
    least: bool


class Backtest:
    """A run over the lake: iterate over ``run``; at its end, or whenever it is cut short, ask for ``results``."""

    def __init__(self, engine: sa.Engine, content: Content, span: Span, time_zone: str = "Europe/Paris") -> None:
        self.engine, self.content, self.span = engine, content, span
        self.zone = ZoneInfo(time_zone)
        self.events = self.fitting = self.as_kept = self.gone = 0
        self.until: datetime | None = None  # how far it came
        self.correlated = bool(content.correlations)
        told = [(rule.id, rule.title, rule.level) for rule in content.ruleset.rules]
        told += [(rule.id, rule.title, rule.level) for rule in content.correlations]
        self.found = {rule_id: Found(rule_id, title, level) for rule_id, title, level in told}
        self._wanted = tuple({rule.logsource for rule in content.ruleset.rules})
        self._hits: dict[str, pl.DataFrame] = {}
        self._lanes = LaneStates()
        self._reads_own = self._needs_own()

    def run(self) -> Iterator[tuple[int, int]]:
        """Look at every file of the span; yield after each piece how many rows are done, of how many."""
        files = self._files()
        total, done = sum(file.rows for file in files), 0
        for file, after in pairwise([*files, None]):
            if file is None:
                return
            facts: list[pl.DataFrame] = []
            try:
                for rows in chunks(self.engine, file):
                    facts += self._look(rows)
                    done += rows.height
                    yield done, total
            except FileNotFoundError:  # compacted or past its retention while others were read
                self.gone += file.rows
            self._correlate(facts, after.first if after else None, last=after is None)
            self.until = file.last or self.until

    def _files(self) -> list[lake.LakeFile]:
        span = self.span
        there = [
            file
            for file in lake.files(self.engine)
            if (file.first is None or file.first <= span.until)
            and (file.last is None or file.last >= span.since)
            and (not span.commune or file.commune in {None, span.commune})
        ]
        return sorted(there, key=lambda file: (file.first or datetime.min.replace(tzinfo=UTC), file.path))

    def _needs_own(self) -> bool:
        rules = self.content.ruleset
        return rules.keywords or bool((rules.fields | set(self.content.correlated_fields)) - ECS.keys() - RESERVED)

    def _look(self, rows: pl.DataFrame) -> list[pl.DataFrame]:
        """Look at a piece of a file; return what correlations ask of its detections."""
        inside = rows.filter(pl.col("@timestamp").is_between(self.span.since, self.span.until))
        if self.span.commune:
            inside = inside.filter(pl.col("commune") == self.span.commune)
        self.events += inside.height
        wanted = inside.filter(self._fits(inside))
        self.fitting += wanted.height
        frames = self._frames(wanted)
        matches = detect(self.content.ruleset, frames) if frames else None
        return [] if matches is None or matches.is_empty() else [self._take(frames, matches)]

    def _fits(self, rows: pl.DataFrame) -> pl.Series:
        said = rows.get_column("logsource").fill_null("")
        known = {text: self._feeds(text) for text in said.unique()}
        return said.replace_strict(list(known), list(known.values()), return_dtype=pl.Boolean)

    def _feeds(self, text: str) -> bool:
        given = [LogSource.parse(triple) for triple in text.split()]
        return any(one.feeds(wanted) for one in given for wanted in self._wanted)

    def _frames(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, ...]:
        if rows.is_empty():
            return ()
        if not self._reads_own:
            return (rows.drop("own"),)
        content = self.content
        made = read_again(rows, content.parsers, want=content.want, forced=content.forced, zones=content.zones)
        self.as_kept += made.as_kept
        return made.frames

    def _take(self, frames: tuple[pl.DataFrame, ...], matches: pl.DataFrame) -> pl.DataFrame:
        rules = self.content.ruleset
        described = describe(rules, frames, matches, self.content.owner)
        facts = project(rules, frames, matches, [*self.content.correlated_fields, _HOST, _USER])
        facts = facts.with_columns(described.get_column("observables"))
        day = pl.col("@timestamp").dt.convert_time_zone(self.zone.key).dt.strftime("%Y-%m-%d").alias("day")
        for (rule_id,), part in facts.with_columns(day).partition_by("rule.id", as_dict=True, maintain_order=True).items():
            _count(self.found[str(rule_id)], part)
        made = findings(described, pl.DataFrame(schema=HIT), ()).with_columns(document=pl.lit(None, pl.String))
        for (rule_id,), part in made.partition_by("rule.id", as_dict=True).items():
            found = self.found[str(rule_id)]
            left = max(0, MOST_FINDINGS - found.kept)
            if left:
                found.findings.append(part.head(left))
            found.kept += part.height
        return facts

    def _correlate(self, facts: list[pl.DataFrame], until: datetime | None, *, last: bool) -> None:
        """Judge what can be judged: nothing older than ``until`` follows."""
        if not self.correlated or not (facts or last):
            return
        given = pl.concat(facts) if facts else _no_facts(self.content)
        judged = correlate(self.content.correlations, self._lanes, given, None if last else until)
        self._lanes = judged.state
        for gone in judged.merged:
            self._hits.pop(gone, None)
        self._hits |= {hit_id: judged.hits.slice(row, 1) for row, hit_id in enumerate(judged.hits.get_column("hit.id"))}

    def results(self) -> list[Found]:
        """Return what each rule and correlation found so far, in their order."""
        if not self._hits:
            return list(self.found.values())
        hits = pl.concat(list(self._hits.values()))
        made = findings(pl.DataFrame(schema=DETECTION), hits, ())
        day = pl.col("first").dt.convert_time_zone(self.zone.key).dt.strftime("%Y-%m-%d").alias("day")
        for (rule_id,), part in hits.with_columns(day).partition_by("rule.id", as_dict=True).items():
            found = self.found[str(rule_id)]
            self.found[str(rule_id)] = replace(
                found,
                matches=part.height,
                days=_counter(part.get_column("day")),
                communes=_counter(part.get_column("lane")),
                first=[event for ids in part.get_column("event.ids").head(_FIRST_IDS) for event in ids[:1]],
                findings=[made.filter(pl.col("rule.id") == rule_id)],
                kept=part.height,
            )
        return list(self.found.values())

    def noise(self, found: Found) -> Noise:
        """Return how many incidents the findings of one rule alone would be, as triage groups them."""
        borne = BORNE.get(found.level)
        shown = pl.concat(found.findings) if found.findings else pl.DataFrame(schema=FINDING)
        settings = TriageSettings(minimum=Severity.INFORMATIONAL, communes=self._names)
        outcome = triage(without_shared(shown, self.content.is_shared), Known(next_id=1), self.span.until, settings)
        count = len({one.id for one in outcome.incidents} - set(outcome.merged))
        a_day = count / self.span.days
        return Noise(count, a_day, borne, None if borne is None else a_day <= borne, found.kept > shown.height)

    @property
    def _names(self) -> dict[str, str]:
        return {commune.id: commune.name for commune in self.content.estate.communes}


def _count(found: Found, facts: pl.DataFrame) -> None:
    found.matches += facts.height
    for counter, column in ((found.days, "day"), (found.communes, "commune"), (found.hosts, _HOST), (found.users, _USER)):
        counter.update(_counter(facts.get_column(column)))
    found.first += facts.get_column("event.id").head(max(0, _FIRST_IDS - len(found.first))).to_list()


def _counter(values: pl.Series) -> Counter[str]:
    return Counter(dict(values.drop_nulls().value_counts().iter_rows()))


def _no_facts(content: Content) -> pl.DataFrame:
    return project(content.ruleset, (), detect(content.ruleset, ()), content.correlated_fields).with_columns(
        pl.lit(None, FINDING["observables"]).alias("observables")
    )
