"""The health of what listens: records lost at a UDP port, and a full journal, are incidents of Tocsin itself."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from correlator.config.settings import Settings
from correlator.model.severity import Severity
from correlator.runtime.health import end_health, raise_health
from correlator.telemetry.metrics import Metrics

JOURNAL_KEY = "journal"
#: So long after the last loss the incident is resolved.
_QUIET = timedelta(minutes=15)
_FULL = "Le journal de réception est plein : les émetteurs attendent, l’UDP est perdu. Vérifier la place sur le disque."


class Intake:
    """Watches the counters of the listeners; ``look`` is the turn of a duty."""

    def __init__(self, settings: Settings, engine: sa.Engine, metrics: Metrics) -> None:
        self._settings, self._engine, self._metrics = settings, engine, metrics
        self._lost: dict[str, float] = {}
        self._since: dict[str, datetime] = {}

    def look(self, now: datetime) -> None:
        """Open an incident where records were lost since the last look, or the journal is full; resolve what is over."""
        full = self._value("tocsin_ingest_journal_full") > 0
        self._judge(JOURNAL_KEY, _FULL, Severity.HIGH, now, is_wrong=full)
        for listener in self._settings.listener:
            lost = self._value("tocsin_ingest_listened_total", listener=listener.name, result="dropped")
            more = lost > self._lost.get(listener.name, 0.0)
            self._lost[listener.name] = lost
            sentence = f"L’écoute « {listener.name} » perd des messages UDP : passer l’émetteur en TCP ou TLS."
            self._judge(f"listener:{listener.name}", sentence, Severity.MEDIUM, now, is_wrong=more)

    def _judge(self, key: str, sentence: str, severity: Severity, now: datetime, *, is_wrong: bool) -> None:
        if is_wrong:
            self._since[key] = now
            raise_health(self._engine, self._settings, key, sentence, severity, now)
        elif now - self._since.get(key, datetime.min.replace(tzinfo=now.tzinfo)) >= _QUIET:
            end_health(self._engine, self._settings, key, now)

    def _value(self, name: str, **labels: str) -> float:
        return self._metrics.registry.get_sample_value(name, labels) or 0.0
