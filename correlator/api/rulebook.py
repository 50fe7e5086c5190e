"""The rules as the console shows them: loaded once, again when a file changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from time import monotonic

from correlator.config.settings import Settings
from correlator.correlate.rule import CorrelationRule
from correlator.detect.plan import Rule
from correlator.detect.wording import describe_condition
from correlator.errors import InputError, Problem
from correlator.model.severity import Severity
from correlator.runtime.content import Content, load_content
from correlator.runtime.sets import Stamp, rules_stamp

#: Changed files are looked for at most so often: a folder with all of SigmaHQ is thousands of files.
_LOOK_S = 10.0


@dataclass(slots=True)
class Rulebook:
    """What runs, and what was refused. ``trouble`` is why the newest files are not shown, when they do not load."""

    settings: Settings
    trouble: tuple[Problem, ...] = ()
    _content: Content | None = None
    _stamp: Stamp = ()
    _looked: float = -_LOOK_S
    _lock: Lock = field(default_factory=Lock)

    def content(self) -> Content | None:
        """Return the rules; None when they never loaded."""
        with self._lock:
            if monotonic() - self._looked >= _LOOK_S:
                self._looked = monotonic()
                self._load()
            return self._content

    def _load(self) -> None:
        stamp = rules_stamp(self.settings)
        if stamp == self._stamp and self._content is not None:
            return
        try:
            self._content, self._stamp, self.trouble = load_content(self.settings, before=self._content), stamp, ()
        except InputError as error:
            self.trouble = tuple(error.problems)


def entries(content: Content) -> list["Entry"]:
    """Return every rule and correlation, by level and title."""
    paths = {document.get("id"): path for path, document in content.ruleset.correlations}
    inert = {one.rule.id: one.reason for one in content.inert}
    found = [_of_rule(rule, inert.get(rule.id, "")) for rule in content.ruleset.rules]
    titles = {rule.id: rule.title for rule in content.ruleset.rules} | {rule.id: rule.title for rule in content.correlations}
    found += [_of_correlation(rule, paths.get(rule.id, ""), titles) for rule in content.correlations]
    return sorted(found, key=lambda one: (-Severity.of(one.level), one.title.lower(), one.id))


@dataclass(frozen=True, slots=True)
class Entry:
    """One rule as the author's pages show it; ``inert`` says why it cannot fire here, "" when it can."""

    id: str
    title: str
    level: str
    kind: str  # detection, correlation
    about: str  # log source, or the kind of correlation
    tags: tuple[str, ...]
    description: str
    meaning: tuple[str, ...]
    path: str
    inert: str
    filters: tuple[str, ...] = ()

    @property
    def script(self) -> Path | None:
        """Return the test script beside the rule's file, when there is one."""
        script = Path(self.path).with_suffix(".test")
        return script if self.path and script.exists() else None


def _of_rule(rule: Rule, inert: str) -> Entry:
    return Entry(
        rule.id, rule.title, rule.level, "detection", str(rule.logsource), rule.tags, rule.description.strip(),
        tuple(describe_condition(rule.condition)), rule.path, inert, rule.filters,
    )  # fmt: skip


def _of_correlation(rule: CorrelationRule, path: str, titles: Mapping[str, str]) -> Entry:
    minutes = rule.timespan // 60_000_000
    meaning = (
        f"{rule.kind} within {minutes} min",
        f"by {', '.join(rule.group_by) or 'nothing'}",
        "of",
        *(f"  {titles.get(member, member)}" for member in rule.rules),
    )
    return Entry(rule.id, rule.title, rule.level, "correlation", str(rule.kind), rule.tags, "", meaning, path, "")
