"""How many connections a listener holds, in all and per peer; the one too many is refused, counted and told once a minute."""

from collections import Counter
from time import monotonic

import structlog

from correlator.config.sections.listeners import ListenerSettings
from correlator.telemetry.metrics import Metrics

_TELL_EVERY_S = 60.0
log = structlog.get_logger()


class Telling:
    """Says a thing at most once a minute, with how often it happened since."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._told: dict[str, float] = {}

    def tell(self, text: str, count: int = 1, **fields: str) -> None:
        """Count ``text``, and log it unless it was logged within the last minute."""
        self._counts[text] += count
        now = monotonic()
        if now - self._told.get(text, -_TELL_EVERY_S) >= _TELL_EVERY_S:
            self._told[text] = now
            log.warning(text, count=self._counts.pop(text), **fields)


class Connections:
    """Counts the connections of one listener."""

    def __init__(self, settings: ListenerSettings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._open: Counter[str] = Counter()
        self._telling = Telling()

    def enter(self, peer: str, *, allowed: bool) -> bool:
        """Take one more connection, or refuse it: the sender is not allowed, or there are too many."""
        why = "" if allowed else "not allowed"
        if self._open.total() >= self._settings.max_connections:
            why = "too many"
        elif self._open[peer] >= self._settings.max_connections_per_peer:
            why = "too many of one peer"
        if why:
            self._metrics.add("tocsin_ingest_connections_refused", listener=self._settings.name, why=why)
            self._telling.tell("A listener refused a connection.", listener=self._settings.name, peer=peer, why=why)
            return False
        self._open[peer] += 1
        self._count()
        return True

    def leave(self, peer: str) -> None:
        """Forget a connection that was entered."""
        self._open[peer] -= 1
        if not self._open[peer]:
            del self._open[peer]
        self._count()

    def _count(self) -> None:
        self._metrics.set("tocsin_ingest_connections", self._open.total(), listener=self._settings.name)
