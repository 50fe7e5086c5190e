"""Rules and estate of a worker: looked at again every minute, swapped between two batches, without the rules people paused."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
import structlog

from correlator.config.settings import Settings
from correlator.errors import InputError, Retry
from correlator.runtime.content import Content, load_content
from correlator.runtime.run import content_stamp
from correlator.store.exceptions import paused_rules

_LOOK_EVERY = timedelta(minutes=1)
_NEVER = datetime.min.replace(tzinfo=UTC)
log = structlog.get_logger()


@dataclass(slots=True)
class Fresh:
    """What a worker runs with; ``take`` returns it. Content that does not load keeps the old one running and says why."""

    settings: Settings
    engine: sa.Engine
    whole: Content
    looked: datetime = _NEVER
    stamp: tuple[tuple[str, float], ...] = ()
    paused: frozenset[str] = frozenset()
    _now: Content | None = field(default=None)

    def __post_init__(self) -> None:
        self.stamp = content_stamp(self.settings)

    def take(self, now: datetime) -> Content:
        """Return the content of the next batch."""
        if self._now is None or not timedelta() <= now - self.looked < _LOOK_EVERY:
            self.looked = now
            self._reload()
            self._pause(now)
            self._now = self.whole.without(self.paused) if self.paused else self.whole
        return self._now

    def _reload(self) -> None:
        stamp = content_stamp(self.settings)
        if stamp == self.stamp:
            return
        self.stamp = stamp
        try:
            content = load_content(self.settings)
        except InputError as error:
            log.error("New rules or estate refused; the old ones stay.", problems=sorted(map(str, error.problems)))  # noqa: TRY400 - its problems say it all
            return
        new = set(content.refused) - set(self.whole.refused)
        if new:
            log.error("New rules or estate refused; the old ones stay.", problems=sorted(map(str, new)))
            return
        self.whole = content
        log.info("Rules loaded.", rules=len(content.ruleset.rules), rule_set=content.ruleset.id)

    def _pause(self, now: datetime) -> None:
        try:
            self.paused = frozenset(paused_rules(self.engine, now))
        except Retry as error:
            log.warning("The database does not answer; paused rules stay as they were.", reason=str(error))
