"""Raw records as they stand in Kafka: what is read, what is refused, what identity they get."""

from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from correlator.config.sections.scale import KafkaSettings
from correlator.errors import InputError
from correlator.ingest.kafka import Taken, client, decoded, encoded, partition_of

MOMENT = 1_763_800_000_000
GOOD = {"source": "linux", "host": "aul-web1", "message": "Nov 22 18:00:00 aul-web1 sshd[1]: x\n"}


def taken(offset: int, value: object) -> Taken:
    """Return a message of partition 3."""
    return Taken(3, offset, MOMENT, value if isinstance(value, bytes) else orjson.dumps(value))


def test_a_record_is_a_row() -> None:
    """The line end of rsyslog goes; host and partition are its stream; the broker's time stands in for a missing one."""
    row = decoded("tocsin.raw.default", [taken(7, GOOD)]).rows.row(0, named=True)
    assert (row["id"], row["source"], row["stream"], row["offset"]) == ("linux~3~7", "linux", "3/aul-web1", 7)
    assert row["text"].endswith("sshd[1]: x")
    assert row["received"] == datetime.fromtimestamp(MOMENT / 1000, UTC)
    assert partition_of(row["stream"]) == 3


def test_an_identity_given_before_is_carried() -> None:
    """So does the time, from any zone."""
    record = {**GOOD, "v": 1, "id": "ad~segment~12", "received": "2026-11-22T18:00:00.5+01:00"}
    row = decoded("t", [taken(7, record)]).rows.row(0, named=True)
    assert (row["id"], row["received"]) == ("ad~segment~12", datetime(2026, 11, 22, 17, 0, 0, 500_000, UTC))


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[1]",
        b"null",
        b"7",
        {"source": "x"},
        {"message": "x"},
        {**GOOD, "v": 2},
        {**GOOD, "message": 7},
    ],
)
def test_what_is_no_record_is_refused_alone(value: object) -> None:
    """Poison between two good ones: two rows, one reject with its place and its text."""
    batch = decoded("tocsin.raw.default", [taken(1, GOOD), taken(2, value), taken(3, GOOD)])
    assert batch.rows["offset"].to_list() == [1, 3]
    assert batch.rejects is not None
    assert batch.rejects.select("id", "reason").row(0) == ("tocsin.raw.default~3~2", "malformed")


def test_what_a_listener_refused_goes_to_the_dead_letter() -> None:
    """It comes with its reason."""
    batch = decoded("t", [taken(1, {**GOOD, "reason": "too_long"})])
    assert batch.rows.is_empty()
    assert batch.rejects is not None
    assert batch.rejects.select("source", "reason").row(0) == ("linux", "too_long")


def test_what_is_written_is_read_again() -> None:
    """``encoded`` and ``decoded`` are each other's inverse, for what travels."""
    row = {
        "id": "a~b~1",
        "source": "a",
        "received": datetime(2026, 1, 1, tzinfo=UTC),
        "peer": "192.0.2.1",
        "text": "é",
        "flags": 1,
    }
    key, value = encoded(row, "h1")
    again = decoded("t", [Taken(0, 5, 0, value)]).rows.row(0, named=True)
    assert key == b"a/h1"
    assert {name: again[name] for name in row} == row


def test_the_client_knows_where_its_password_is(tmp_path: Path) -> None:
    """From a file or the environment; a missing one is said before anything is tried, and never shown."""
    (tmp_path / "password").write_text("s3cret\n")
    secret = KafkaSettings(bootstrap="k:1", user="tocsin", password_file=tmp_path / "password", ca=tmp_path / "ca.pem")
    assert client(secret)["sasl.password"] == "s3cret"
    assert client(secret)["security.protocol"] == "SASL_SSL"
    assert client(KafkaSettings(bootstrap="k:1", user="t", password_env="PW"), {"PW": "x"})["sasl.password"] == "x"  # noqa: S106
    with pytest.raises(InputError, match="user 't' and no password; set password_file"):
        client(KafkaSettings(bootstrap="k:1", user="t", password_env="PW"), {})  # noqa: S106 - the name of a variable
    with pytest.raises(InputError, match="no Kafka is configured"):
        client(KafkaSettings())
