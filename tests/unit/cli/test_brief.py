"""The morning brief: since when, what it says of a quiet night and of a bad one, and that it comes by mail."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from correlator.cli import command
from correlator.cli.brief import local_since
from correlator.config.settings import load_settings
from correlator.errors import InputError, Retry
from correlator.model.incident import Status
from correlator.runtime.brief import brief_of
from correlator.runtime.brief_text import brief_text
from correlator.store import records, schema
from correlator.store.database import transaction
from correlator.store.heartbeat import beat
from tests.unit.deliver.night import Night, night
from tests.unit.sinks.test_mail_sink import relay


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "now", "since"),
    [
        ("18:00", "2026-11-21T06:30", "2026-11-20T17:00"),
        ("18:00", "2026-11-21T17:30", "2026-11-21T17:00"),
        ("18:00", "2026-10-25T06:30", "2026-10-24T16:00"),  # the clocks go back that night
        ("18:00", "2027-03-28T05:30", "2027-03-27T17:00"),  # and forward that one
        ("02:30", "2027-03-28T06:00", "2027-03-28T01:30"),  # a time that does not exist that day
        ("2026-11-20T18:00", "2026-11-21T06:30", "2026-11-20T17:00"),
        ("2026-11-20T18:00:00Z", "2026-11-21T06:30", "2026-11-20T18:00"),
        ("2026-11-20", "2026-11-21T06:30", "2026-11-19T23:00"),
        ("12h", "2026-11-21T06:30", "2026-11-20T18:30"),
    ],
)
def test_since(text: str, now: str, since: str) -> None:
    """A clock time is the last one there, whatever the clocks did that night."""
    assert local_since(text, "Europe/Paris", _utc(now)) == _utc(since)


def test_the_future_is_refused() -> None:
    """A brief of tomorrow is a typing error."""
    with pytest.raises(InputError):
        local_since("2030-01-01", "Europe/Paris", _utc("2026-11-21T06:30"))


def _install(folder: Path, extra: str = "") -> Path:
    config = folder / "tocsin.toml"
    config.write_text(f'data_dir = "."\ninstall = "sim9"\n[[source]]\nname = "windows"\npaths = ["x"]\n{extra}')
    return config


def _awake(one: Night, received: int = 1200) -> None:
    beat(one.engine, "pipeline", one.now)
    beat(one.engine, "deliver", one.now)
    with transaction(one.engine) as connection:
        counts = {"received": received, "read": received, "events": received}
        records.add_to_ledger(connection, "windows", one.now, counts)


def _brief(one: Night, config: Path) -> str:
    settings = load_settings(config, {})
    return brief_text(brief_of(one.engine, settings, one.now - timedelta(hours=13), one.now)).replace("\xa0", " ")


def test_a_quiet_night_is_said_with_its_proof(tmp_path: Path) -> None:
    """Nothing happened, and Tocsin was awake: records per source, signs of life, no loss."""
    with night(tmp_path) as one:
        _awake(one)
        text = _brief(one, _install(tmp_path))

    assert "Rien à signaler. Nuit calme, vérifiée : 1 source sur 1 a parlé." in text
    assert "windows : 1 200 reçus" in text
    assert "analyse : signe de vie à 23 h 10" in text
    assert "Aucune perte" in text


@pytest.mark.parametrize("what", ["asleep", "silent", "loss", "dead"])
def test_a_night_is_not_quiet_when_nobody_could_see(tmp_path: Path, what: str) -> None:
    """No sign of life, a silent source, a record without fate, a refused record: each is said, never « rien à signaler »."""
    told = {
        "asleep": "ATTENTION",
        "silent": "SILENCIEUSE",
        "loss": "3 enregistrements sans sort",
        "dead": "1 × enregistrement refusé",
    }
    with night(tmp_path) as one:
        if what != "asleep":
            _awake(one, received=0 if what == "silent" else 5)
        with transaction(one.engine) as connection:
            if what == "loss":
                records.add_to_ledger(connection, "windows", one.now, {"received": 3})
            if what == "dead":
                row = {"kind": "record", "origin": "windows", "key": "k", "reason": "no_time", "at": one.now, "body": ""}
                connection.execute(sa.insert(schema.dead_letter), row)
        text = _brief(one, _install(tmp_path))

    assert told[what] in text
    assert "Rien à signaler" not in text


def test_a_bad_night_is_told_gravest_first(tmp_path: Path) -> None:
    """Incidents by gravity, who was called and when, who took it."""
    with night(tmp_path) as one:
        _awake(one)
        number = one.incident()
        one.sms.broken = Retry("modem absent")
        one.turn()
        one.now += timedelta(minutes=4)
        one.move(number, Status.ACKNOWLEDGED, "Paul Martin")
        one.turn()
        _awake(one)
        text = _brief(one, _install(tmp_path))

    assert "À voir : 1 incident." in text
    assert "NOUVEAU 26-0001" in text
    assert "26-0001 : pris en charge par Paul Martin" in text
    assert "23 h 10  paul, sms : échec (modem absent)" in text
    assert "23 h 10  paul, mail : envoyé" in text


def test_by_mail(tmp_path: Path) -> None:
    """One mail with the headline as its subject; a relay that is down is said by the exit code."""
    with night(tmp_path) as one, relay() as post:
        _awake(one)
        sink = f'[[sink]]\nname = "m"\nkind = "mail"\nrelays = ["127.0.0.1:{post.port}"]\nfrom = "t@sim9.example.org"\n'
        sink += 'security = "none"\n'
        config = _install(tmp_path, sink)
        arguments = ["brief", "--since", "12h", "--mail", "--to", "dsi@sim9.example.org", "--config", str(config)]
        sent = CliRunner().invoke(command, arguments)
        config.write_text(config.read_text().replace(str(post.port), "1"))
        failed = CliRunner().invoke(command, arguments)

    assert (sent.exit_code, failed.exit_code) == (0, 1)
    assert b"Subject: [Tocsin] Brief" in post.got[0]
