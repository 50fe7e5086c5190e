"""The metric table keeps its naming rule, and logs keep secrets out."""

import re

from prometheus_client import generate_latest

from correlator.telemetry.logs import hide_secrets
from correlator.telemetry.metrics import TABLE, Metrics


def test_names_follow_the_rule() -> None:
    """Every metric is tocsin_<stage>_<noun>…; labels are few and closed."""
    assert [metric.name for metric in TABLE if not re.fullmatch(r"tocsin_[a-z]+(_[a-z]+)+", metric.name)] == []


def test_counters_are_exported_with_total() -> None:
    """A scrape shows what was counted."""
    metrics = Metrics()
    metrics.add("tocsin_parse_records", 3, source="auth", fate="read")

    assert b'tocsin_parse_records_total{fate="read",source="auth"} 3.0' in generate_latest(metrics.registry)


def test_secrets_are_cut_by_key() -> None:
    """A field whose name speaks of a secret never reaches the log."""
    entry = hide_secrets(None, "info", {"event": "Sent.", "webhook_secret": "s3cret", "sink": "a"})

    assert entry == {"event": "Sent.", "webhook_secret": "***", "sink": "a"}


def test_no_metric_stands_twice_in_the_table() -> None:
    """Two of one name would keep every Tocsin from starting."""
    names = [metric.name for metric in TABLE]

    assert sorted(names) == sorted(set(names))
