"""A rule that says too much: one digest a day, counted, told, ended; the rest of the flow as if it were not."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from correlator.config.settings import load_settings
from correlator.model.incident import Incident
from correlator.runtime import breaker
from correlator.runtime.brief import brief_of
from correlator.runtime.brief_text import brief_text
from correlator.store import noise, schema, views
from correlator.store.database import open_database, reading
from correlator.telemetry.metrics import Metrics
from tests.flow.install import FAILED, failed, live, rows, tocsin, write_install

NOW = datetime.now(UTC)
#: As the log says it, on the wall in Paris: the whole hour before the one before.
THEN = (NOW - timedelta(hours=1)).replace(minute=1, second=0).strftime("%Y-%m-%dT%H:%M:%S")
SINK = """
[[sink]]
name = "tickets"
kind = "file"
path = "tickets.ndjson"
[triage]
budget_hour = 10
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the settings of an install with a budget of ten things an hour."""
    return write_install(tmp_path, {"auth": "auth.log*"}, SINK)


def scatter(config: Path, start: int, end: int) -> None:
    """Let so many machines each refuse a password from an address of its own."""
    with (config.parent / "auth.log").open("a") as log:
        log.writelines(failed(n, address=f"198.51.100.{n}", host=f"aul-pc{n}", at=THEN) for n in range(start, end))


def incidents(config: Path) -> list[Incident]:
    """Return all incidents, oldest first."""
    engine = open_database(load_settings(config, {}).database)
    with reading(engine) as connection:
        return sorted(views.list_incidents(connection), key=lambda one: one.id)


@pytest.mark.parametrize("max_rows", [10_000, 7])
def test_what_is_too_much_is_one_digest(config: Path, max_rows: int) -> None:
    """Ten incidents of their own and one digest of thirty, whatever the batches; a restart goes on counting."""
    scatter(config, 0, 40)
    live(config, max_rows=max_rows)
    found = incidents(config)
    assert [one.findings for one in found if "bruyante" not in one.title] == [1] * 10
    (digest,) = [one for one in found if "bruyante" in one.title]
    assert (digest.findings, digest.severity.level, digest.lane) == (30, "medium", "00105")
    assert "SSH password refused" in digest.title
    scatter(config, 40, 45)
    scatter(config, 3, 4)  # known since the first ten: its incident grows
    live(config)
    found = incidents(config)
    assert len(found) == 11
    assert next(one for one in found if "bruyante" in one.title).findings == 35
    assert sorted(one.findings for one in found if "bruyante" not in one.title) == [1] * 9 + [2]


def test_a_digest_is_seen_everywhere(config: Path) -> None:
    """In the list of rules that say too much, the brief, the outbox, the incident itself: rule, count, examples."""
    scatter(config, 0, 40)
    live(config)
    (told,) = rows(tocsin("rules", "noisy", "--config", config, "--format", "json").stdout)
    assert (told["rule"], told["commune"], told["counted"], told["ended"]) == (FAILED, "00105", 30, None)
    settings = load_settings(config, {})
    engine = open_database(settings.database)
    text = brief_text(brief_of(engine, settings, NOW - timedelta(days=1), NOW))
    assert "RÈGLES BRUYANTES" in text
    assert "30 constats regroupés" in text
    shown = rows(tocsin("incident", str(told["incident"]), "--config", config, "--format", "json").stdout)[0]
    assert shown["rules"][0]["count"] == 30  # type: ignore[index] # plain JSON
    assert shown["evidence"]
    assert shown["entities"]
    with reading(engine) as connection:
        changes = connection.execute(sa.select(schema.outbox.c.change).where(schema.outbox.c.document.is_not(None)))
        assert list(changes.scalars()).count("opened") == 11
    doctor = tocsin("doctor", "--config", config)
    assert "1 rule(s) over their budget" in " ".join(doctor.stdout.split())


def test_it_ends_by_itself_when_the_rule_is_quiet(config: Path) -> None:
    """Two hours of nothing more: resolved, with the count; the gauge falls; nothing of it is asked twice."""
    scatter(config, 0, 40)
    live(config)
    settings, metrics = load_settings(config, {}), Metrics()
    engine = open_database(settings.database)
    with reading(engine) as connection:
        last = noise.digests(connection)[0].last
    breaker.rest(engine, settings, metrics, last + timedelta(minutes=30))
    assert metrics.registry.get_sample_value("tocsin_triage_noisy_rules", {"lane": "00105"}) == 1
    breaker.rest(engine, settings, metrics, last + timedelta(hours=3))
    breaker.rest(engine, settings, metrics, last + timedelta(hours=4))
    assert metrics.registry.get_sample_value("tocsin_triage_noisy_rules", {"lane": "00105"}) is None
    (digest,) = [one for one in incidents(config) if "bruyante" in one.title]
    assert digest.status == "resolved"
    with reading(engine) as connection:
        said = [line["text"] for line in views.history(connection, digest.id)]
    assert said[-1] == "La règle est redevenue calme : 30 constats en tout."
    assert len(said) == 2
    scatter(config, 40, 45)  # the same day: it speaks again
    live(config)
    (again,) = [one for one in incidents(config) if "bruyante" in one.title]
    assert (again.status, again.findings) == ("new", 35)


def test_a_rule_says_its_own_budget(config: Path) -> None:
    """In its file, as a custom attribute; the settings hold for the others."""
    rules = config.parent / "rules.yml"
    rules.write_text(rules.read_text().replace("level: medium\n", "level: medium\ntocsin: {budget: {hour: 3, day: 3}}\n", 1))
    scatter(config, 0, 12)
    live(config)
    (digest,) = [one for one in incidents(config) if "bruyante" in one.title]
    assert digest.findings == 9


def test_correlations_see_what_is_gathered(config: Path) -> None:
    """Three passwords of one address make a hit, though the detections of it are in the digest."""
    scatter(config, 0, 20)
    with (config.parent / "auth.log").open("a") as log:
        log.writelines(failed(n, address="192.0.2.200", host="aul-last", at=THEN) for n in range(30, 34))
    live(config)
    assert [(one.severity.level, one.count) for one in incidents(config) if one.severity.level == "high"] == [("high", 4)]
