"""Retention: what is over its time goes, kind by kind; what is under hold, still young or being read does not."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from correlator.cli import command
from correlator.config.settings import Settings
from correlator.model.event import ECS, PARSED, STAMPED
from correlator.model.incident import Verdict
from correlator.model.severity import Severity
from correlator.runtime.health import end_health, raise_health
from correlator.runtime.retention import APPLIED, PLANNED, apply, daily, plan
from correlator.runtime.tidy import READERS_DONE
from correlator.store import lake, people, schema, schema_people
from correlator.store.database import open_database, reading, transaction
from correlator.store.retention import put_on_hold, release
from correlator.telemetry.metrics import Metrics

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the settings of an install that applies retention."""
    (tmp_path / "tocsin.toml").write_text(f'data_dir = "{tmp_path}/data"\n')
    return Settings.model_validate({"data_dir": tmp_path / "data", "retention": {"apply": True}})


@pytest.fixture
def engine(settings: Settings) -> Iterator[sa.Engine]:
    """Return an engine on a new database."""
    engine = open_database(settings.database)
    yield engine
    engine.dispose()


def _put(engine: sa.Engine, *events: tuple[str, int, str], received: int | None = None) -> None:
    """Add events (id, age in days, dataset), each with text; received when they happened, or ``received`` days ago."""
    columns = {
        **PARSED,
        **STAMPED,
        "commune": pl.String(),
        **{name: ECS[name] for name in ("url.full", "url.domain", "user.name")},
    }
    rows = [
        {
            "event.id": name,
            "@timestamp": NOW - age * DAY,
            "received": NOW - (age if received is None else received) * DAY,
            "event.dataset": dataset,
            "commune": "00101",
            "event.original": f"line of {name}",
            "url.full": "https://example.org/secret",
            "url.domain": "example.org",
            "user.name": "marie",
        }
        for name, age, dataset in events
    ]
    added = NOW - min(age for _, age, _ in events) * DAY if received is None else NOW - received * DAY
    segment = lake.write_segment(engine, [pl.DataFrame(rows, schema=columns)])
    with transaction(engine) as connection:
        lake.publish(connection, [segment], added)


def _texts(engine: sa.Engine) -> dict[str, tuple[Any, ...]]:
    rows = lake.events(engine).select("event.id", "event.original", "url.full", "url.domain", "user.name").collect()
    return {row[0]: row[1:] for row in rows.iter_rows()}


WHOLE, BLANK = "https://example.org/secret", (None, None, "example.org", "marie")


def test_events_go_after_a_year_and_mail_and_web_lose_their_text_after_six_months(
    engine: sa.Engine, settings: Settings
) -> None:
    """Each dataset by its own time; who, when and where to stay; a second time there is nothing to do."""
    _put(engine, ("old", 400, "linux.sshd"), ("web-old", 400, "squid.access"), ("web", 200, "squid.access"))
    _put(
        engine,
        ("ssh", 200, "linux.sshd"),
        ("web-new", 20, "squid.access"),
        ("camera", 40, "vms.camera"),
        ("mail", 190, "m365.audit"),
    )
    found = {one.kind: one for one in plan(engine, settings, NOW)}
    assert (found["events"].rows, found["text of mail and web"].rows) == (3, 2)
    assert len(_texts(engine)) == 7

    done = {one.kind: one for one in apply(engine, settings, NOW)}
    assert (done["events"].rows, done["text of mail and web"].rows) == (3, 2)
    texts = _texts(engine)
    assert (texts["web"], texts["mail"]) == (BLANK, BLANK)
    assert (texts["ssh"][:2], texts["web-new"][1]) == (("line of ssh", WHOLE), WHOLE)
    assert sorted(texts) == ["mail", "ssh", "web", "web-new"]
    assert [one.rows for one in plan(engine, settings, NOW)][:2] == [0, 0]


def test_a_reader_in_the_middle_reads_on(engine: sa.Engine, settings: Settings) -> None:
    """What a reader took before stays readable for an hour; then the files are gone from the disk."""
    _put(engine, ("old", 400, "linux.sshd"), ("new", 1, "linux.sshd"))
    before = lake.events(engine)
    apply(engine, settings, NOW)
    assert (before.collect().height, lake.lake_rows(engine)) == (2, 1)
    apply(engine, settings, NOW + READERS_DONE + timedelta(minutes=1))
    assert len([path for path in lake.lake_folder(engine).rglob("*") if path.is_file()]) == 1


def test_a_wrong_clock_makes_nothing_disappear(engine: sa.Engine, settings: Settings) -> None:
    """An event of a machine whose clock is two years behind is as old as its reception."""
    _put(engine, ("behind", 800, "linux.sshd"), received=3)
    assert apply(engine, settings, NOW)[0].rows == 0
    assert apply(engine, settings, NOW + 363 * DAY)[0].rows == 1


def _incident(engine: sa.Engine, settings: Settings, event: str, at: datetime) -> int:
    incident = raise_health(engine, settings, event, "Un essai.", Severity.HIGH, at)
    with transaction(engine) as connection:
        row = {"event_id": event, "lane": incident.lane, "incident": incident.id}
        connection.execute(sa.insert(schema.incident_event), row)
    return incident.id


def _count(engine: sa.Engine, table: sa.Table) -> int:
    with reading(engine) as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def test_open_and_held_incidents_keep_everything(engine: sa.Engine, settings: Settings) -> None:
    """Their events stay, with their text; evidence of a closed one goes after its time; released, all of it goes."""
    old = NOW - 2_500 * DAY
    _put(engine, ("open", 2_500, "squid.access"), ("held", 2_500, "squid.access"), ("closed", 2_500, "squid.access"))
    _incident(engine, settings, "open", old)
    held, closed = _incident(engine, settings, "held", old), _incident(engine, settings, "closed", old)
    for identity in (held, closed):
        number = f"{identity // 1_000_000 % 100}-{identity % 1_000_000:04d}"
        people.close(engine, number, Verdict.TRUE_POSITIVE, "x", people.Act("marie", old + DAY, "tocsin"))
    with transaction(engine) as connection:
        put_on_hold(connection, held, "plainte 2026/114", "dpo", old)
    assert {one.kind: one.held for one in plan(engine, settings, NOW)}["events"] == 2

    apply(engine, settings, NOW)
    assert sorted(_texts(engine)) == ["held", "open"]
    assert _texts(engine)["held"][0] == "line of held"
    assert (_count(engine, schema.incident), _count(engine, schema.incident_evidence)) == (2, 2)
    with transaction(engine) as connection:
        assert release(connection, held, "dpo", NOW) == 1
    apply(engine, settings, NOW)
    assert (sorted(_texts(engine)), _count(engine, schema.incident)) == (["open"], 1)


def test_merged_incidents_calls_and_deadlines_do_not_keep_an_incident_from_going(engine: sa.Engine, settings: Settings) -> None:
    """What refers to a removed incident goes with it, or forgets it: foreign keys hold."""
    old = NOW - 2_500 * DAY
    one, other = _incident(engine, settings, "a", old), _incident(engine, settings, "b", old)
    with transaction(engine) as connection:
        incident = schema.incident
        connection.execute(sa.update(incident).where(incident.c.id == one).values(status="merged", merged_into=other))
        connection.execute(sa.update(incident).where(incident.c.id == other).values(status="closed"))
        connection.execute(sa.insert(schema.incident_link), {"incident": one, "other": other, "why": "merged"})
        page = {"id": 1, "incident": other, "subject": "x", "criterion": "critical", "opened": old, "next_try": old}
        connection.execute(sa.insert(schema_people.page), page)
        tries = {"page": 1, "at": old, "contact": "marie", "channel": "sms", "result": "sent"}
        connection.execute(sa.insert(schema_people.page_try), tries)
        numbers = [*connection.execute(sa.select(incident.c.number)).scalars(), "26-9999"]
        refs = [{"sink": "redmine", "external_id": f"t:{number}", "remote_id": "7", "updated": old} for number in numbers]
        connection.execute(sa.insert(schema.external_ref), refs)
        clock = {"kind": "cnil", "commune": "00101", "incident": other, "started": old, "person": "dpo", "at": old}
        connection.execute(sa.insert(schema_people.clock), clock)
    apply(engine, settings, NOW)

    tables = (schema.incident, schema.incident_link, schema_people.page, schema_people.page_try, schema_people.clock)
    assert [_count(engine, table) for table in tables] == [0, 0, 0, 0, 1]
    with reading(engine) as connection:
        assert list(connection.execute(sa.select(schema.external_ref.c.external_id)).scalars()) == ["t:26-9999"]


def test_every_table_that_refers_to_incidents_is_thought_of() -> None:
    """A new one would keep old incidents from being removed: name it in ``store/retention.py``, then here."""
    tables = schema.metadata.tables.values()
    refer = {
        table.name
        for table in tables
        for column in table.c
        for key in column.foreign_keys
        if key.column.table.name == "incident"
    }
    parts = {"rule", "finding", "event", "span", "entity", "evidence", "history", "link", "pin", "quiet", "task"}

    assert refer == {
        "incident",
        "outbox",
        "clock",
        "exception",
        "page",
        "hold",
        "evidence_chain",
        "rule_digest",
        "proof_run",
        "proof_incident",
        *(f"incident_{part}" for part in parts),
    }


def test_the_first_day_is_a_dry_run_and_every_run_leaves_a_line(engine: sa.Engine, settings: Settings) -> None:
    """Planned on the first day, applied on the next, once a day however often the duty comes round."""
    _put(engine, ("old", 400, "linux.sshd"))
    for hours in (0, 1, 5, 23, 24, 30):
        daily(engine, settings, Metrics(), NOW + timedelta(hours=hours))
    with reading(engine) as connection:
        acts = list(connection.execute(sa.select(schema.audit.c.act).order_by(schema.audit.c.id)).scalars())
    assert (acts, lake.lake_rows(engine)) == ([PLANNED, APPLIED], 0)


def test_without_leave_nothing_is_removed(engine: sa.Engine, settings: Settings) -> None:
    """``apply = false``: said every day, never done."""
    only_said = settings.model_copy(update={"retention": settings.retention.model_copy(update={"apply": False})})
    _put(engine, ("old", 400, "linux.sshd"))
    metrics = Metrics()
    for day in range(3):
        daily(engine, only_said, metrics, NOW + day * DAY)
    assert lake.lake_rows(engine) == 1
    assert metrics.registry.get_sample_value("tocsin_store_retention_rows", {"kind": "events"}) == 1


def test_the_command_asks_before_it_removes(engine: sa.Engine, settings: Settings, tmp_path: Path) -> None:
    """A dry run by default; --apply asks; holds are acts with a reason."""
    _put(engine, ("old", 4_000, "linux.sshd"))
    config = ["--config", str(tmp_path / "tocsin.toml")]
    run = lambda *words, answer="": CliRunner().invoke(command, ["retention", *words, *config], input=answer)  # noqa: E731 - one place
    assert "nothing was removed" in run().stdout
    assert run("--apply", answer="n\n").exit_code == 1
    assert lake.lake_rows(engine) == 1
    assert run("--apply", "--yes").exit_code == 0
    assert lake.lake_rows(engine) == 0
    assert run("hold", "26-0412", "--because", "plainte").exit_code == 2
    number = raise_health(engine, settings, "disk", "Un essai.", Severity.HIGH, NOW).number
    end_health(engine, settings, "disk", NOW)
    assert run("hold", number, "--because", "plainte").exit_code == 0
    assert f"{number} is no longer under hold" in run("release", number, "--because", "fin").stdout
