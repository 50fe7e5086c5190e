"""A proof that does not arrive: the ladder at night, quiet hours, the dead-man's switch; and the proof through a listener."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from correlator.config.settings import Settings, load_settings
from correlator.config.watch import Watch, WatchSettings
from correlator.deliver.calling import turn
from correlator.deliver.oncall import Plan
from correlator.model.proof import State
from correlator.runtime.proving import Prover, begin
from correlator.runtime.pulse import health_answer
from correlator.runtime.watch import Watcher, probe
from correlator.store import proofs
from correlator.store.database import open_database, reading, transaction
from correlator.store.heartbeat import beat
from correlator.telemetry.exporter import serve_metrics
from correlator.telemetry.metrics import Metrics
from tests.flow.install import live, write_install
from tests.flow.listening import eventually, free_port, running
from tests.unit.deliver.night import LEA, PAUL, PLAN, Telephone

A, B = "00105", "00101"
TWO = f"""version = 1
[[commune]]
id = "{A}"
code = "AUL"
name = "Les Aulnées"
hosts = ["aul-*"]
[[commune]]
id = "{B}"
code = "BRP"
name = "Brévanne"
hosts = ["BRP-?-*"]
"""
DAY = datetime(2026, 11, 23, tzinfo=UTC)  # a Monday
DUE = DAY.replace(hour=5, minute=30)  # 06:30 in Paris


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the settings of an install with proofs at half past six and no ticket sink."""
    return load_settings(write_install(tmp_path, {"auth": "auth.log*"}, '[proof]\nat = "06:30"\n'), {})


@pytest.fixture
def engine(settings: Settings) -> Iterator[sa.Engine]:
    """Return its database."""
    engine = open_database(settings.database)
    yield engine
    engine.dispose()


def night(engine: sa.Engine, plan: Plan, sms: Telephone, start: datetime, minutes: int, duty: Prover) -> None:
    """Let the duty and the calls take their turns each minute."""
    for minute in range(minutes):
        at = start + timedelta(minutes=minute)
        duty.turn(at)
        turn(engine, plan, {"sms": sms, "mail": Telephone("mail", "mail")}, at)


def test_when_nothing_comes_through_the_ladder_is_called(settings: Settings, engine: sa.Engine, tmp_path: Path) -> None:
    """Before working hours: the first is called after a quarter of an hour, then again, then the next; proved, it ends."""
    duty, sms = Prover(settings, engine, Metrics()), Telephone()
    night(engine, PLAN, sms, DUE, 15, duty)
    assert sms.got == []
    night(engine, PLAN, sms, DUE + timedelta(minutes=15), 60, duty)
    called = [to for to, _ in sms.got]
    assert called[:4] == [PAUL.phone] * 3 + [LEA.phone]
    assert sms.got[0][1].short.startswith("TOCSIN CRITIQUE")
    live(tmp_path / "tocsin.toml")
    night(engine, PLAN, sms, DUE + timedelta(minutes=75), 1, duty)
    before = len(sms.got)
    night(engine, PLAN, sms, DUE + timedelta(minutes=76), 60, duty)
    assert len(sms.got) == before


def test_one_commune_of_two_wakes_nobody_and_waits_in_the_queue(tmp_path: Path, settings: Settings, engine: sa.Engine) -> None:
    """Of level high: the criteria for the night are kept; both of them: critical."""
    (tmp_path / "estate.toml").write_text(TWO)
    duty, sms = Prover(settings, engine, Metrics()), Telephone()
    duty.turn(DUE)
    live(tmp_path / "tocsin.toml")  # the first arrives
    night(engine, PLAN, sms, DUE + timedelta(minutes=1), 60, duty)
    with reading(engine) as connection:
        states = {one.commune: one.state for one in proofs.runs(connection, DAY)}
    assert states == {A: State.DELIVERED, B: State.FAILED}
    assert sms.got == []
    duty.turn(DUE + timedelta(days=1))  # the next day nothing arrives at all
    night(engine, PLAN, sms, DUE + timedelta(days=1, minutes=10), 40, duty)
    assert sms.got


def test_quiet_hours_are_those_of_the_plan(settings: Settings, engine: sa.Engine) -> None:
    """At work, the channel of the day is asked, not the one of the night."""
    hours = dict.fromkeys(range(1, 8), ((360, 1200),))
    plan, duty = replace(PLAN, hours=hours, daytime=("mail",)), Prover(settings, engine, Metrics())
    sms, mail = Telephone(), Telephone("mail", "mail")
    for minute in range(40):
        at = DUE + timedelta(minutes=minute)
        duty.turn(at)
        turn(engine, plan, {"sms": sms, "mail": mail}, at)
    assert (len(sms.got), len(mail.got) > 0) == (0, True)


def test_the_dead_man_s_switch_calls_by_its_own_means(settings: Settings, engine: sa.Engine, tmp_path: Path) -> None:
    """All parts live, yet no proof arrived: /health is 503 with the reason; the watcher calls, and tells when it is over."""
    start = datetime.now(UTC)
    port = free_port()
    with serve_metrics(Metrics(), port, health=lambda: health_answer(engine, settings)):
        url = f"http://127.0.0.1:{port}/health"
        beat(engine, "pipeline", start)
        assert probe(url, 5) == ""
        run_id = begin(settings, engine, A, "today", start)
        assert run_id is not None
        with transaction(engine) as connection:
            proofs.update(connection, run_id, state=str(State.FAILED), problem="no ticket: tickets: 503")
        assert probe(url, 5).startswith("se dit en panne : preuve de veille")
        watch = WatchSettings(install="sim9", state=tmp_path / "state.json", ladder=("paul",), sinks=("sms",))
        sms = Telephone()
        watcher = Watcher(url, Watch(settings=watch, people=(PAUL,), sinks={}), {"sms": sms})
        for minute in (0, 1, 2, 3):
            watcher.turn(start + timedelta(minutes=minute))
        assert [to for to, _ in sms.got] == [PAUL.phone]
        live(tmp_path / "tocsin.toml")
        Prover(settings, engine, Metrics()).turn(start + timedelta(minutes=4))
        beat(engine, "pipeline", datetime.now(UTC))
        watcher.turn(start + timedelta(minutes=5))
        assert "RÉTABLI" in sms.got[-1][1].short


@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_the_door_may_be_a_listener(tmp_path: Path, kind: str) -> None:
    """The record takes the road of every device that sends syslog: socket, journal, parser."""
    port = free_port()
    extra = f"""
[proof]
at = "06:30"
door = "{kind}://127.0.0.1:{port}"
[[listener]]
name = "collecte"
kind = "syslog-{kind}"
port = {port}
"""
    config = write_install(tmp_path, {"auth": "auth.log*"}, extra)
    settings = load_settings(config, {})
    engine = open_database(settings.database)

    def seen() -> bool:
        with reading(engine) as connection:
            (one,) = proofs.runs(connection, datetime.now(UTC) - timedelta(hours=1))
        return one.state is State.SEEN and one.attributed is True and one.received is not None

    with running(config):
        assert begin(settings, engine, A, "today", datetime.now(UTC)) is not None
        eventually(seen, 20)
    engine.dispose()
