"""What each file of rules holds, read on its own, and how files become one set. Pure, without pySigma.

A file is read alone, so that a reading can be kept and used again while its text stays the same; what depends on other files
(an id that stands twice, filters) is settled by ``join``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import orjson

from correlator.detect.plan import And, Node, Rule, RuleSet, condition_hash
from correlator.detect.report import Loaded
from correlator.errors import Problem
from correlator.model.logsource import LogSource


@dataclass(frozen=True, slots=True)
class Entry:
    """One detection rule of a file, without filters; with ``problems`` it is refused and its condition means nothing."""

    rule: Rule
    source: LogSource  # as written; that of the rule is as mappings made it
    id_line: int = 0  # 0: it has no id of its own
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """A Sigma filter that reads well: applies to ``rules`` (None: any) of its log source."""

    path: str
    line: int
    id: str
    title: str
    source: LogSource
    rules: tuple[str, ...] | None
    content: dict[str, Any] = field(hash=False)

    def applies_to(self, entry: Entry) -> bool:
        """Say whether the filter narrows the rule of ``entry``."""
        if not entry.source.feeds(self.source):
            return False
        return self.rules is None or bool({entry.rule.id, entry.rule.name} & set(self.rules) - {""})


@dataclass(frozen=True, slots=True)
class FileReading:
    """What one file holds. ``problems`` are those of documents that are no entry; ``rejected`` counts these documents."""

    path: str
    entries: tuple[Entry, ...] = ()
    filters: tuple[Filter, ...] = ()
    correlations: tuple[tuple[str, dict[str, Any]], ...] = ()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    rejected: int = 0

    @property
    def is_broken(self) -> bool:
        """Whether something of the file is refused."""
        return bool(self.problems) or any(entry.problems for entry in self.entries)

    def to_plain(self) -> dict[str, Any]:
        """Return the reading as what orjson can write, without the path."""
        rules = RuleSet(tuple(entry.rule for entry in self.entries), self.correlations)
        return {
            "plan": orjson.Fragment(rules.to_json()),
            "entries": [(str(one.source), one.id_line, _plain(one.problems)) for one in self.entries],
            "filters": [{**asdict(one), "path": "", "source": str(one.source)} for one in self.filters],
            "problems": _plain(self.problems),
            "warnings": _plain(self.warnings),
            "rejected": self.rejected,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], path: str) -> "FileReading":
        """Return what ``to_plain`` wrote, as of the file at ``path``; ValueError, KeyError or TypeError when it is not that."""
        written = plain["plan"]
        for rule in written["rules"]:
            rule["path"] = path
        plan = RuleSet.from_plain(written)
        entries = zip(plan.rules, plain["entries"], strict=True)
        return cls(
            path,
            tuple(
                Entry(rule, LogSource.parse(source), line, _problems(found, path)) for rule, (source, line, found) in entries
            ),
            tuple(_filter(one, path) for one in plain["filters"]),
            tuple((path, document) for _, document in plan.correlations),
            _problems(plain["problems"], path),
            _problems(plain["warnings"], path),
            plain["rejected"],
        )


def _plain(problems: Sequence[Problem]) -> list[tuple[int, str, str]]:
    return [(one.line, one.what, one.expected) for one in problems]


def _problems(plain: Sequence[Sequence[Any]], path: str) -> tuple[Problem, ...]:
    return tuple(Problem(path, *one) for one in plain)


def _filter(plain: Mapping[str, Any], path: str) -> Filter:
    rules = None if plain["rules"] is None else tuple(plain["rules"])
    return Filter(**{**plain, "path": path, "source": LogSource.parse(plain["source"]), "rules": rules})


def keep(before: FileReading, now: FileReading) -> tuple[FileReading, tuple[str, ...]]:
    """Return ``now`` with what is broken in it as it was ``before``, and the ids of the rules that stay in their old version.

    What is wrong is told all the same. Where nothing says which document a fault belongs to, every rule, filter and correlation
    of the file that is no longer found stays.
    """
    broken = [entry for entry in now.entries if entry.problems]
    if not broken and not now.problems:
        return now, ()
    good = tuple(entry for entry in now.entries if not entry.problems)
    there = {entry.rule.id for entry in good}
    lost = {entry.rule.id for entry in broken}
    old = [one for one in before.entries if not one.problems and one.rule.id not in there]
    kept = tuple(one for one in old if now.problems or one.rule.id in lost)
    saved = {one.rule.id for one in kept}
    told = tuple(problem for entry in broken if entry.rule.id in saved for problem in entry.problems)
    result = replace(
        now,
        entries=(*good, *kept, *(one for one in broken if one.rule.id not in saved)),
        problems=(*now.problems, *told),
        rejected=now.rejected + sum(one.rule.id in saved for one in broken),
    )
    return (_with_old_documents(before, result) if now.problems else result), tuple(one.rule.id for one in kept)


def _with_old_documents(before: FileReading, now: FileReading) -> FileReading:
    filters = {(one.id, one.title) for one in now.filters}
    correlations = {(one.get("id"), one.get("title")) for _, one in now.correlations}
    return replace(
        now,
        filters=(*now.filters, *(one for one in before.filters if (one.id, one.title) not in filters)),
        correlations=(
            *now.correlations,
            *(one for one in before.correlations if (one[1].get("id"), one[1].get("title")) not in correlations),
        ),
    )


#: What a filter means for rules of a log source, or why it cannot be applied to them.
Narrowing = Callable[[Filter, LogSource], Node | tuple[Problem, ...]]


def join(
    readings: Sequence[FileReading],
    narrowing: Narrowing,
    problems: Sequence[Problem] = (),
    before: Mapping[str, str] | None = None,
) -> Loaded:
    """Return the rules of all ``readings`` with their filters, in the order they stand; ``problems`` come first in the report.

    Of two rules with one id the first runs, unless ``before`` (id → path) names the file of the one that ran before.
    """
    joining = _Joining(narrowing, [*problems, *(problem for one in readings for problem in one.problems)])
    filters = [one for reading in readings for one in reading.filters]
    entries = [entry for reading in readings for entry in reading.entries]
    owners = _owners(entries, before or {})
    rules = [rule for rule in (joining.rule(entry, owners, filters) for entry in entries) if rule]
    idle = [one for one in filters if one not in joining.used]
    warnings = [warning for reading in readings for warning in reading.warnings]
    warnings += [
        Problem(one.path, one.line, "the filter narrows no rule that is loaded", "ids of loaded rules") for one in idle
    ]
    correlations = tuple(one for reading in readings for one in reading.correlations)
    rejected = joining.rejected + sum(reading.rejected for reading in readings)
    return Loaded(RuleSet(tuple(rules), correlations), tuple(joining.problems), tuple(warnings), rejected)


def _owners(entries: Sequence[Entry], before: Mapping[str, str]) -> dict[str, Entry]:
    """Return id → the entry that has it."""
    owners: dict[str, Entry] = {}
    for entry in entries:
        if entry.id_line:
            owner = owners.setdefault(entry.rule.id, entry)
            ran = before.get(entry.rule.id)
            if ran == entry.rule.path != owner.rule.path:
                owners[entry.rule.id] = entry
    return owners


@dataclass(slots=True)
class _Joining:
    narrowing: Narrowing
    problems: list[Problem]
    used: list[Filter] = field(default_factory=list)
    rejected: int = 0

    def rule(self, entry: Entry, owners: Mapping[str, Entry], filters: Sequence[Filter]) -> Rule | None:
        """Return the rule of ``entry`` with its filters; None when it is refused, which is written down."""
        twin = owners.get(entry.rule.id, entry) if entry.id_line else entry
        if twin is not entry:
            expected = f"another id; the first is at {twin.rule.path}:{twin.id_line}"
            self._refuse(Problem(entry.rule.path, entry.id_line, f"the id {entry.rule.id} stands twice", expected))
            return None
        if entry.problems:
            self._refuse(*entry.problems)
            return None
        found = [one for one in filters if one.applies_to(entry)]
        return self._narrowed(entry, found) if found else entry.rule

    def _narrowed(self, entry: Entry, filters: Sequence[Filter]) -> Rule | None:
        parts: list[Node] = [entry.rule.condition]
        for one in filters:
            part = self.narrowing(one, entry.source)
            if isinstance(part, tuple):
                self._refuse(*part)
                return None
            parts.append(part)
        self.used.extend(one for one in filters if one not in self.used)
        whole = And(tuple(parts))
        digest = condition_hash(entry.rule.logsource, whole)
        names = tuple(one.id or one.title for one in filters)
        return replace(entry.rule, condition=whole, hash=digest, filters=names)

    def _refuse(self, *problems: Problem) -> None:
        self.problems.extend(problems)
        self.rejected += 1
