"""The dashboard and the alerts name only metrics and labels that Tocsin has: a renamed metric must not go dark."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from correlator.telemetry.metrics import TABLE

DEPLOY = Path(__file__).parents[3] / "deploy"
_SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
KNOWN = {f"{metric.name}{suffix}": {*metric.labels, "le"} for metric in TABLE for suffix in _SUFFIXES[metric.kind]}
_USED = re.compile(r"(tocsin_\w+)(?:\{([^}]*)\})?")


def dashboard() -> Iterator[str]:
    """Yield every expression of the dashboard."""
    for panel in json.loads((DEPLOY / "grafana" / "tocsin.json").read_text())["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


def alerts() -> Iterator[str]:
    """Yield every expression of the alert rules."""
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


@pytest.mark.parametrize("expression", [*dashboard(), *alerts()])
def test_metrics_and_labels_exist(expression: str) -> None:
    """Name with the suffix of its kind, labels of its table row."""
    for name, selector in _USED.findall(expression):
        assert name in KNOWN
        assert set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector)) <= KNOWN[name]


def test_the_four_parts_of_the_dashboard_are_there() -> None:
    """Continuity, ingest, incidents, deliveries; panels have titles and do not overlap."""
    panels = json.loads((DEPLOY / "grafana" / "tocsin.json").read_text())["panels"]
    assert [panel["title"] for panel in panels if panel["type"] == "row"] == [
        "Continuité",
        "Collecte",
        "Incidents",
        "Livraisons",
    ]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert panel["title"]
        assert taken.isdisjoint(cells)
        taken |= cells


def test_every_alert_is_tested_and_says_what_to_do() -> None:
    """Each alert fires in a test of alerts.test.yml, has a severity, a sentence and an action."""
    rules = [
        rule
        for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
        for rule in group["rules"]
    ]
    tests = yaml.safe_load((DEPLOY / "prometheus" / "alerts.test.yml").read_text())["tests"]
    fired = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case.get("exp_alerts")}
    assert {rule["alert"] for rule in rules} == fired
    assert all(rule["labels"]["severity"] and rule["annotations"].keys() == {"summary", "action"} for rule in rules)
