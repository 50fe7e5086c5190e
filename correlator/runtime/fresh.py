"""Rules and estate of a process that runs: read again when files change or somebody asks, swapped whole between two batches.

Files are looked at every minute, requests (console, `tocsin rules reload`) every five seconds, a SIGHUP at the next batch. A
rule that breaks runs on as it was; content that does not load at all keeps the old one running. Both are said in the log,
and every change of what runs is recorded in the database.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog

from correlator.config.settings import Settings
from correlator.errors import DiskFull, InputError, Problem, Retry
from correlator.runtime.content import Content, load_content
from correlator.runtime.sets import Stamp, rules_stamp
from correlator.store.exceptions import paused_rules
from correlator.store.rule_history import Cause, Change, answer, last_request, record

LOOK_EVERY, ASKED_EVERY = timedelta(minutes=1), timedelta(seconds=5)
_NEVER = datetime.min.replace(tzinfo=UTC)
log = structlog.get_logger()


def _untold(content: Content) -> None:
    del content


@dataclass(slots=True)
class Fresh:
    """What a process runs with; ``take`` returns it. ``process`` names the part of Tocsin, ``told`` hears of new content."""

    settings: Settings
    engine: sa.Engine
    whole: Content
    process: str = "pipeline"
    told: Callable[[Content], None] = _untold
    paused: frozenset[str] = frozenset()
    stamp: Stamp = ()
    _looked: datetime = _NEVER
    _asked_at: datetime = _NEVER
    _request: int = 0  # the last one that was answered
    _signalled: bool = False
    _now: Content | None = field(default=None)

    def __post_init__(self) -> None:
        self.stamp = self.whole.gathered.stamp if self.whole.gathered else rules_stamp(self.settings)

    def ask(self) -> None:
        """Let the next ``take`` read the rules again; safe in a signal handler."""
        self._signalled = True

    def take(self, now: datetime) -> Content:
        """Return the content of the next batch."""
        cause, number = self._cause(now)
        due = self._now is None or not timedelta() <= now - self._looked < LOOK_EVERY
        if self._now is None:
            self._tell(self._record(Cause("start", process=self.process), now))
        if due or cause:
            self._looked = now
            came = self.reload(now, cause or Cause("files", process=self.process), forced=cause is not None)
            self._pause(now)
            self._now = self.whole.without(self.paused) if self.paused else self.whole
            self._answer(number, came, now)
        return self._now or self.whole

    def reload(self, now: datetime, cause: Cause, *, forced: bool = False) -> str:
        """Read rules and estate again when they changed, or when ``forced``; return what came of it, in one line."""
        stamp = rules_stamp(self.settings)
        if stamp == self.stamp and not forced:
            return "nothing changed"
        self.stamp = stamp
        try:
            content = load_content(self.settings, before=self.whole)
        except InputError as error:
            log.error("New rules or estate refused; the old ones stay.", problems=sorted(map(str, error.problems)))  # noqa: TRY400 - its problems say it all
            return f"refused, the old ones stay: {error.problems[0]}"
        tell_refused(content, self.whole.refused)
        changed = content.ruleset.id != self.whole.ruleset.id
        self.whole, self.stamp = content, content.gathered.stamp if content.gathered else stamp
        self.told(content)
        change = self._record(cause, now)
        self._tell(change)
        refused = f", {len(content.refused)} problems" if content.refused else ""
        kept = f", {len(content.kept)} kept as they were" if content.kept else ""
        return f"{'loaded' if changed else 'nothing changed'}: {len(content.ruleset.rules)} rules{refused}{kept}"

    def _tell(self, change: Change | None) -> None:
        rules = self.whole.ruleset
        told = {"added": len(change.added), "removed": len(change.removed), "changed": len(change.changed)} if change else {}
        log.info("Rules loaded.", rules=len(rules.rules), rule_set=rules.id, **told)

    def _record(self, cause: Cause, now: datetime) -> Change | None:
        """Write the change into the history; without the database it is written at the next one."""
        detail: dict[str, Any] = {"kept": sorted(self.whole.kept), "sets": _sets(self.whole)}
        try:
            return record(self.engine, self.whole.ruleset.id, self.whole.digests, cause, now, detail)
        except (Retry, DiskFull) as error:
            log.warning("The change of rules is not recorded.", reason=str(error))
            return None

    def _cause(self, now: datetime) -> tuple[Cause | None, int]:
        """Return who asked for the rules to be read again, None when nobody did, and the number of the request."""
        if self._signalled:
            self._signalled = False
            return Cause("signal", process=self.process), 0
        if timedelta() <= now - self._asked_at < ASKED_EVERY:
            return None, 0
        first, self._asked_at = self._asked_at == _NEVER, now
        try:
            request = last_request(self.engine)
        except Retry:
            return None, 0
        if request is None or request.id <= self._request:
            return None, 0
        self._request = request.id
        if first and request.answered is not None:
            return None, 0  # before this process began
        return Cause("asked", request.person, self.process), request.id

    def _answer(self, number: int, text: str, now: datetime) -> None:
        if number:
            try:
                answer(self.engine, number, text, now)
            except (Retry, DiskFull) as error:
                log.warning("The request to read the rules again is not answered.", reason=str(error))

    def _pause(self, now: datetime) -> None:
        try:
            paused = frozenset(paused_rules(self.engine, now))
        except Retry as error:
            log.warning("The database does not answer; paused rules stay as they were.", reason=str(error))
            return
        if paused != self.paused:
            log.info("Rules paused.", rules=sorted(paused))
        self.paused = paused


def tell_refused(content: Content, told: Collection[Problem] = ()) -> None:
    """Log each rule of ``content`` that is refused and was not ``told`` before, and whether it runs on as it was."""
    for problem in content.refused:
        if problem not in told:
            event = "Rule refused; its previous version runs on." if runs_on(problem, content) else "Rule refused."
            log.error(event, problem=str(problem))


def runs_on(problem: Problem, content: Content) -> bool:
    """Say whether what ``problem`` is about runs as it was before."""
    paths = {rule.path for rule in content.ruleset.rules if rule.id in content.kept}
    paths |= {path for path, document in content.ruleset.correlations if document.get("id") in content.kept}
    return problem.path in paths


def _sets(content: Content) -> dict[str, dict[str, Any]]:
    parts = content.gathered.parts if content.gathered else ()
    return {part.name: {"version": part.version, "sha256": part.sha256, "rules": part.active} for part in parts}
