"""The daily proof: from the front door to the ticket and closed again; what fails is told; what imitates it is not believed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from correlator.config.settings import Settings, load_settings
from correlator.deliver.dispatch import deliver_once
from correlator.deliver.registry import find_sinks, make_sinks
from correlator.model.incident import Incident
from correlator.model.proof import Run, State
from correlator.model.viewer import OWNER
from correlator.runtime import proving
from correlator.runtime.brief import brief_of
from correlator.runtime.brief_text import brief_text
from correlator.runtime.deliveries import house
from correlator.runtime.proof_door import folder_of, lines_of
from correlator.runtime.proving import Prover, begin, follow
from correlator.runtime.pulse import health_of
from correlator.store import figures, proofs, schema, views
from correlator.store.database import open_database, reading
from correlator.telemetry.metrics import Metrics
from tests.flow.install import live, rows, tocsin, write_install

A = "00105"
SINK = """
[proof]
at = "06:30"
[[sink]]
name = "tickets"
kind = "file"
path = "tickets.ndjson"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the settings of an install with rules of its own, one commune, one ticket sink, and proofs."""
    return write_install(tmp_path, {"auth": "auth.log*"}, SINK)


@pytest.fixture
def settings(config: Path) -> Settings:
    """Return them."""
    return load_settings(config, {})


@pytest.fixture
def engine(settings: Settings) -> Iterator[sa.Engine]:
    """Return its database."""
    engine = open_database(settings.database)
    yield engine
    engine.dispose()


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def deliver(settings: Settings, engine: sa.Engine) -> None:
    """Tell the sinks what waits."""
    deliver_once(engine, make_sinks(find_sinks(), settings.sinks, house(settings)), now() + timedelta(seconds=1))


def newest(engine: sa.Engine) -> Run:
    """Return the newest proof."""
    with reading(engine) as connection:
        return proofs.runs(connection, now() - timedelta(days=60))[0]


def every(engine: sa.Engine) -> list[Incident]:
    """Return all incidents, proofs too."""
    with reading(engine) as connection:
        return [views.incident_of(row) for row in connection.execute(sa.select(schema.incident)).mappings()]


def test_a_proof_goes_from_the_door_to_the_ticket_and_closes_itself(
    config: Path, settings: Settings, engine: sa.Engine
) -> None:
    """Attributed to its commune, measured at each stage; its ticket says what it is; the next day's is the same ticket."""
    for day in ("one", "two"):
        assert begin(settings, engine, A, day, now()) is not None
        live(config)
        seen = newest(engine)
        assert (seen.state, seen.attributed) == (State.SEEN, True)
        deliver(settings, engine)
        follow(settings, engine, now())
        done = newest(engine)
        assert done.state is State.DELIVERED
        assert list(done.stages) == ["received", "incident", "ticket"]
        assert (
            timedelta(0) <= done.stages["received"] <= done.stages["incident"] <= done.stages["ticket"] < timedelta(minutes=1)
        )
        (one,) = every(engine)
        assert (one.status, one.verdict, one.severity.level, one.lane) == ("resolved", None, "informational", A)
        assert "rien n’est à faire" in one.title
    with reading(engine) as connection:
        told = list(connection.execute(sa.select(schema.outbox.c.change).order_by(schema.outbox.c.id)).scalars())
    assert told == ["opened", "resolved", "reopened", "resolved"]


def test_a_proof_is_in_no_figure_and_no_queue(config: Path, settings: Settings, engine: sa.Engine) -> None:
    """Neither while it is open nor after; it is found by its number."""
    begin(settings, engine, A, "one", now())
    live(config)
    (one,) = every(engine)
    with reading(engine) as connection:
        assert views.list_incidents(connection) == []
        assert figures.month(connection, OWNER, now() - timedelta(days=1), now() + timedelta(days=1)).incidents == 0
        assert views.find_incident(connection, one.number) is not None
    brief = brief_of(engine, settings, now() - timedelta(hours=1), now())
    assert brief.incidents == ()
    assert all(source.name != "tocsin-proof" for source in brief.sources)


def test_the_duty_makes_one_a_day_and_says_when_it_fails(config: Path, settings: Settings, engine: sa.Engine) -> None:
    """Due at half past six, once; a quarter of an hour later nobody has seen it: critical; arrived late: over."""
    metrics = Metrics()
    day = datetime(2026, 11, 22, tzinfo=UTC)
    duty = Prover(settings, engine, metrics)
    duty.turn(day.replace(hour=5, minute=29))  # 06:29 in Paris
    with reading(engine) as connection:
        assert proofs.runs(connection, day) == []
    for minute in (30, 31, 44):
        duty.turn(day.replace(hour=5, minute=minute))
    assert newest(engine).state is State.WRITTEN
    duty.turn(day.replace(hour=5, minute=46))
    assert newest(engine).state is State.FAILED
    (alarm,) = every(engine)
    assert (alarm.severity.level, alarm.status) == ("critical", "new")
    assert "Aucune preuve de veille" in alarm.title
    ill = health_of(engine, settings, day.replace(hour=6))
    assert ill.parts["proof"] == f"no proof arrived from {A}"
    assert any("preuve de veille" in sentence for sentence in ill.sentences)
    assert "PREUVE MANQUÉE" in brief_text(brief_of(engine, settings, day, day.replace(hour=6)))
    live(config)
    deliver(settings, engine)
    duty.turn(day.replace(hour=7))
    assert newest(engine).state is State.DELIVERED
    assert {one.status for one in every(engine)} == {"resolved"}
    assert health_of(engine, settings, day.replace(hour=7)).parts["proof"] == ""
    assert metrics.registry.get_sample_value("tocsin_proof_delay_seconds", {"commune": A, "stage": "ticket"}) is not None


def test_days_are_local_and_none_is_made_twice(settings: Settings, engine: sa.Engine) -> None:
    """Missed while Tocsin was down: at its start. Both clock changes, and a clock that goes back: one each day."""
    duty = Prover(settings, engine, Metrics())
    told = ["2026-03-28T11:00", "2026-03-29T04:29", "2026-03-29T04:31", "2026-10-25T05:29", "2026-10-25T05:31",
            "2026-10-25T05:00", "2026-03-29T09:00"]  # fmt: skip
    for text in told:
        duty.turn(datetime.fromisoformat(text).replace(tzinfo=UTC))
    with reading(engine) as connection:
        slots = [one.slot for one in proofs.runs(connection, datetime(2026, 1, 1, tzinfo=UTC))]
    assert sorted(slots) == ["2026-03-28", "2026-03-29", "2026-10-25"]


def test_communes_are_spread() -> None:
    """Nine proofs at once would measure each other."""
    settings = Settings.model_validate({"proof": {"at": "06:30"}})
    day = datetime(2026, 11, 23, 12, tzinfo=UTC)
    minutes = [proving.due_at(settings, place, 9, day) for place in range(9)]
    assert len(set(minutes)) == 9
    assert max(one for one in minutes if one) - min(one for one in minutes if one) < timedelta(minutes=30)


def test_what_imitates_a_proof_is_not_believed(config: Path, settings: Settings, engine: sa.Engine) -> None:
    """A line with another token, or with one that was used, makes no incident, marks none, and proves nothing."""
    begin(settings, engine, A, "one", now())
    live(config)
    (log,) = folder_of(settings).glob("*.log")
    used = log.read_text()
    before = newest(engine)
    invented = "\n".join(lines_of(A, "aul-tocsin-2611", "0" * 32, now(), "Europe/Paris"))
    later = used.replace("tocsin-2", "tocsin-9")  # another machine, the same token
    (config.parent / "auth.log").write_text(f"{invented}\n{later}")
    live(config)
    assert newest(engine) == before
    assert len(every(engine)) == 1


def test_what_other_rules_see_in_such_a_line_opens_as_ever(config: Path, settings: Settings, engine: sa.Engine) -> None:
    """An attack cannot hide behind the words of a proof, not even with a good token."""
    begin(settings, engine, A, "one", now())
    (log,) = folder_of(settings).glob("*.log")
    log.write_text(log.read_text().replace("nothing happened", "Failed password for root"))
    rules = config.parent / "rules.yml"
    rules.write_text(rules.read_text().replace("service: sshd", "service: syslog"))
    live(config)
    with reading(engine) as connection:
        (real,) = views.list_incidents(connection)
    assert (real.severity.level, "SSH password refused" in real.title) == ("medium", True)
    assert newest(engine).state is State.SEEN


def test_a_closed_door_is_a_failed_proof(config: Path, engine: sa.Engine) -> None:
    """Said at once, with the door; no trace of the token anywhere."""
    config.write_text(config.read_text().replace('at = "06:30"', 'at = "06:30"\ndoor = "tcp://127.0.0.1:9"'))
    done = tocsin("proof", "run", "--commune", A, "--config", config)
    assert done.exit_code == 1
    assert "tcp://127.0.0.1:9" in done.output
    assert newest(engine).state is State.FAILED


def test_the_command_shows_the_month(config: Path, settings: Settings, engine: sa.Engine) -> None:
    """By hand and by the duty, with the seconds of each stage; a commune that is none is refused."""
    assert tocsin("proof", "run", "--commune", A, "--config", config).exit_code == 0
    live(config)
    deliver(settings, engine)
    follow(settings, engine, now())
    (told,) = rows(tocsin("proof", "--config", config, "--format", "json").stdout)
    assert (told["commune"], told["state"], told["attributed"]) == (A, "delivered", True)
    assert isinstance(told["ticket"], float)
    assert tocsin("proof", "run", "--commune", "nowhere", "--config", config).exit_code == 2
