"""Every metric Tocsin exports, in one table: name, kind, help, labels. Labels take their values from closed sets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: ``name`` is ``tocsin_<stage>_<noun>_<unit>``, counters get ``_total`` from the client."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()


TABLE: tuple[Metric, ...] = (
    Metric("tocsin_ingest_records", "counter", "Raw records received.", ("source",)),
    Metric("tocsin_ingest_listened", "counter", "Records at listeners: received, refused, dropped.", ("listener", "result")),
    Metric("tocsin_ingest_connections", "gauge", "Open connections of a listener.", ("listener",)),
    Metric("tocsin_ingest_connections_refused", "counter", "Connections a listener refused.", ("listener", "why")),
    Metric("tocsin_ingest_journal_bytes", "gauge", "Size of the journal."),
    Metric("tocsin_ingest_journal_age_seconds", "gauge", "Age of the oldest record of the last batch read from the journal."),
    Metric("tocsin_ingest_journal_full", "gauge", "1 while the journal takes nothing: senders wait, UDP is dropped."),
    Metric("tocsin_ingest_journal_sync_seconds", "histogram", "Time to write and sync one group of records."),
    Metric("tocsin_parse_records", "counter", "Raw records by fate: read, assembled, skipped, rejected.", ("source", "fate")),
    Metric("tocsin_parse_rejects", "counter", "Raw records rejected, by reason.", ("source", "reason")),
    Metric("tocsin_parse_events", "counter", "Events made.", ("source",)),
    Metric("tocsin_detect_detections", "counter", "Detections, by level.", ("level",)),
    Metric("tocsin_correlate_hits", "counter", "Correlation hits opened or grown, by level.", ("level",)),
    Metric("tocsin_correlate_late_events", "counter", "Detections that came after their window was judged.", ("source",)),
    Metric("tocsin_correlate_source_lag_seconds", "gauge", "Wall clock less the newest event time of a source.", ("source",)),
    Metric("tocsin_correlate_watermark_lag_seconds", "gauge", "Wall clock less the event time of the rule furthest behind."),
    Metric("tocsin_correlate_left_out_events", "counter", "Detections without a field their correlation groups by."),
    Metric("tocsin_correlate_overflow_events", "counter", "Detections beyond what a group of a correlation may hold: dropped."),
    Metric("tocsin_triage_changes", "counter", "Changes of incidents: opened, updated, merged, reopened.", ("change",)),
    Metric(
        "tocsin_triage_quiet",
        "counter",
        "Findings that joined without news, by why: suppressed, late …",
        ("why",),
    ),
    Metric("tocsin_triage_weak_signals", "counter", "Weak signals: entity, rule and day, once a batch."),
    Metric("tocsin_triage_late_findings", "counter", "Late findings that no open incident took."),
    Metric("tocsin_triage_noisy_rules", "gauge", "Rules over their budget, gathered into a digest, by lane.", ("lane",)),
    Metric("tocsin_proof_delay_seconds", "gauge", "Delay of the last daily proof, by stage.", ("commune", "stage")),
    Metric("tocsin_proof_age_seconds", "gauge", "Time since the last daily proof that arrived was written.", ("commune",)),
    Metric("tocsin_deliver_requests", "counter", "Deliveries by result: sent, retried, dead, gone.", ("sink", "result")),
    Metric("tocsin_deliver_waiting", "gauge", "Changes that wait for a sink.", ("sink",)),
    Metric("tocsin_deliver_tickets", "counter", "Tickets compared: same, double, gone, closed.", ("sink", "found")),
    Metric("tocsin_oncall_calls", "counter", "Calls to people by result: sent, handed, failed.", ("channel", "result")),
    Metric("tocsin_oncall_pages", "gauge", "Calls that nobody has taken yet."),
    Metric(
        "tocsin_service_state", "gauge", "1 for the state a service is in, 0 for the others.", ("service", "commune", "state")
    ),
    Metric(
        "tocsin_clock_due_seconds", "gauge", "Time left of the next deadline of a kind; negative: over.", ("kind", "commune")
    ),
    Metric("tocsin_clock_open", "gauge", "Deadlines that run, by where they come from.", ("origin",)),
    Metric("tocsin_board_exported_timestamp_seconds", "gauge", "When the board's pages were last written."),
    Metric("tocsin_source_silent_seconds", "gauge", "Time since the last record of a source.", ("source",)),
    Metric("tocsin_incident_open", "gauge", "Incidents somebody still has to look at, by level.", ("level",)),
    Metric("tocsin_dead_letter_waiting", "gauge", "Records and deliveries in the dead letter.", ("kind",)),
    Metric("tocsin_deliver_failing", "gauge", "Those of them that failed three times or more.", ("sink",)),
    Metric("tocsin_heartbeat_age_seconds", "gauge", "Time since the last sign of life of a part.", ("part",)),
    Metric("tocsin_runtime_figures_timestamp_seconds", "gauge", "When the gauges read from the database were last set."),
    Metric("tocsin_runtime_batches", "counter", "Batches committed."),
    Metric("tocsin_runtime_batch_seconds", "histogram", "Time from poll to commit of a batch."),
    Metric("tocsin_runtime_rules_loaded", "gauge", "Detection rules that can fire."),
    Metric("tocsin_runtime_rules_refused", "gauge", "Rules refused or inert, by why.", ("why",)),
    Metric("tocsin_store_disk_free_bytes", "gauge", "Free space where the data directory lies."),
    Metric("tocsin_store_disk_used_ratio", "gauge", "Used share of that disk, from 0 to 1."),
    Metric("tocsin_store_retention_rows", "gauge", "Rows over their time that are still there, by kind of data.", ("kind",)),
    Metric("tocsin_store_disk_level", "gauge", "0: room; 1: tight, said in a health incident; 2: full, sources wait."),
)


class Metrics:
    """The live metrics of one process; ``registry`` is what an exporter serves."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._counters = {m.name: Counter(m.name, m.help, m.labels, registry=self.registry) for m in _of_kind("counter")}
        self._gauges = {m.name: Gauge(m.name, m.help, m.labels, registry=self.registry) for m in _of_kind("gauge")}
        self._histograms = {m.name: Histogram(m.name, m.help, m.labels, registry=self.registry) for m in _of_kind("histogram")}

    def add(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add ``amount`` to a counter of the table."""
        counter = self._counters[name]
        (counter.labels(**labels) if labels else counter).inc(amount)

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge of the table."""
        gauge = self._gauges[name]
        (gauge.labels(**labels) if labels else gauge).set(value)

    def show(self, name: str, values: Mapping[tuple[str, ...], float]) -> None:
        """Set a labelled gauge to exactly ``values`` (label values in the order of the table): what is gone is gone."""
        gauge = self._gauges[name]
        gauge.clear()
        for labels, value in values.items():
            gauge.labels(*labels).set(value)

    def observe(self, name: str, value: float) -> None:
        """Record one value of a histogram of the table."""
        self._histograms[name].observe(value)


def _of_kind(kind: str) -> list[Metric]:
    return [metric for metric in TABLE if metric.kind == kind]
