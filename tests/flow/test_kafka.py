"""The roles on a real broker and database, as people start them, with rsyslog or our own ports in front."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from correlator.config.settings import load_settings
from correlator.errors import Fatal
from correlator.runtime import topics
from correlator.runtime.content import load_content
from correlator.runtime.correlating import Correlating
from correlator.store.database import open_database
from correlator.telemetry.metrics import Metrics
from tests.exactly_once.scene import TOPIC, fresh_topics
from tests.flow.install import Kept, failed, kept, rows, tocsin, write_install
from tests.servers.postgres import Postgres, free_port

pytestmark = pytest.mark.server
ROOT = Path(__file__).parents[2]
EXTRA = """\
[kafka]
bootstrap = "{bootstrap}"
transaction_timeout_s = 10
[[sink]]
name = "journal"
kind = "file"
path = "incidents.ndjson"
[[listener]]
name = "network"
kind = "syslog-tcp"
port = {port}
"""
AUDIT = (
    'type=SYSCALL msg=audit(1763353980.{n:03d}:{n}): arch=c000003e syscall=59 success=yes exit=0 comm="id" exe="/usr/bin/id"'
)
CSV_HEADER = "time;id;app;commune;user;action;object_type;object_id;result;ip;message\n"
CSV_ROW = "22/11/2026 10:15:{n:02};ec-{n};etat-civil;00105;jdupont;export;acte_naissance;;success;192.0.2.58;x\n"
AUDIT_REST = ('type=CWD msg=audit(1763353980.{n:03d}:{n}): cwd="/root"', "type=EOE msg=audit(1763353980.{n:03d}:{n}): ")


@pytest.fixture
def config(tmp_path: Path, kafka: str, postgres: Postgres) -> Path:
    """Return the settings of an install on empty topics and an empty database."""
    path = write_install(tmp_path, {"linux": "linux.log"}, EXTRA.format(bootstrap=kafka, port=free_port()))
    path.write_text(f'database_url = "{postgres.new_database()}"\n{path.read_text()}')
    fresh_topics(path, kafka)
    return path


@contextmanager
def working(config: Path, *commands: str) -> Iterator[None]:
    """Run commands as people start them while the block runs; each must end well when told."""
    with ExitStack() as stack:
        for command in commands:
            stack.enter_context(_running(config, command))
        yield


@contextmanager
def _running(config: Path, command: str) -> Iterator[None]:
    words = [sys.executable, "-m", "correlator", *command.split(), "--config", str(config)]
    log = config.parent / f"{'-'.join(command.split()[:2])}.out"
    with log.open("ab") as out:
        process = subprocess.Popen(words, stdout=out, stderr=out, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(30)
    assert code == 0, log.read_text()[-2_000:]


def until(config: Path, is_there: Callable[[Kept], bool], within_s: float = 60) -> Kept:
    """Return what the install keeps, once it is there."""
    end = time.monotonic() + within_s
    while (state := _settled(config)) is None or not is_there(state):
        assert time.monotonic() < end, (state, [path.read_text()[-1_500:] for path in config.parent.glob("*.out")])
        time.sleep(0.2)
    return state


def _settled(config: Path) -> Kept | None:
    """Return what the install keeps; None when a batch was committed while we looked, and the sums do not add up."""
    try:
        return kept(config)
    except AssertionError:
        return None


def put(bootstrap: str, *values: object, key: str = "linux/h") -> None:
    """Put records into the raw topic, all into one partition."""
    producer = Producer({"bootstrap.servers": bootstrap})
    for value in values:
        producer.produce(TOPIC, value if isinstance(value, bytes) else orjson.dumps(value), key)
    assert producer.flush(20) == 0


def record(message: str, **more: Any) -> dict[str, Any]:
    """Return a raw record of the source ``linux``."""
    return {"source": "linux", "host": "aul-web1", "message": message, **more}


def test_topics_are_made_once_and_differences_are_told(config: Path, kafka: str) -> None:
    """A second apply changes nothing; what can be mended is, what cannot is said."""
    again = tocsin("topics", "apply", "--config", config)
    assert (again.exit_code, again.stdout) == (0, "The topics are what they should be.\n")
    shorter = config.read_text().replace("transaction_timeout_s = 10", "retention_days = 1\npartitions = 6")
    config.write_text(shorter)
    dry = tocsin("topics", "apply", "--dry-run", "--format", "json", "--config", config)
    assert dry.exit_code == 1
    assert {(row["topic"], row["what"]) for row in rows(dry.stdout)} == {
        (name, what) for name in (TOPIC, topics.DETECTIONS) for what in ("partitions", "retention.ms")
    } | {(topics.DEAD_LETTER, "retention.ms")}
    done = tocsin("topics", "apply", "--format", "json", "--config", config)
    assert done.exit_code == 1
    assert {row["done"] for row in rows(done.stdout) if row["what"] == "partitions"} == {"never: by hand"}
    left = tocsin("topics", "apply", "--dry-run", "--format", "json", "--config", config)
    assert {row["what"] for row in rows(left.stdout)} == {"partitions"}
    del kafka


def test_from_a_port_to_a_ticket(config: Path) -> None:
    """Listen → Kafka → detect → Kafka → correlate → PostgreSQL → deliver: one incident, told once."""
    port = load_settings(config, {}).listener[0].port
    with working(config, "listen", "worker detect --name one", "worker correlate", "worker deliver", "worker duties"):
        text = "".join(f"<38>{failed(n)}" for n in range(8))
        _send(port, text.encode())
        state = until(config, lambda state: bool(state.incidents) and state.incidents[0][1] == 8)
        told = config.parent / "incidents.ndjson"
        until(config, lambda _: told.exists() and '"change":"opened"' in told.read_text())
    assert (len(state.lake), state.ledger["network"]["read"]) == (8, 8)
    assert told.read_text().count('"change":"opened"') == 1


def _send(port: int, text: bytes) -> None:
    import socket  # noqa: PLC0415 - only here

    end = time.monotonic() + 30
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as one:
                one.sendall(text)
        except OSError:
            assert time.monotonic() < end, "nobody listens"
            time.sleep(0.2)
        else:
            return


def test_rsyslog_writes_what_is_read(config: Path, kafka: str) -> None:
    """Debian's rsyslog with omkafka and the shipped configuration → broker → incident of the right commune."""
    if shutil.which("rsyslogd") is None or not list(Path("/usr/lib").glob("*/rsyslog/omkafka.so")):
        pytest.skip("rsyslog with omkafka is not installed: apt-get install rsyslog rsyslog-kafka")
    folder, port = config.parent, free_port()
    shipped = (ROOT / "deploy/rsyslog/40-tocsin-kafka.conf").read_text()
    shipped = shipped.replace("127.0.0.1:9092", kafka).replace("/var/spool/rsyslog", str(folder))
    head = f'global(workDirectory="{folder}")\nmodule(load="imtcp")\ninput(type="imtcp" port="{port}" address="127.0.0.1")\n'
    (folder / "rsyslog.conf").write_text(head + shipped)
    command = ["rsyslogd", "-n", "-f", str(folder / "rsyslog.conf"), "-i", str(folder / "rsyslog.pid")]
    with (folder / "rsyslog.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        with working(config, "worker detect --name one", "worker correlate"):
            _send(port, "".join(f"<38>{failed(n)}" for n in range(8)).encode())
            state = until(config, lambda state: bool(state.incidents) and state.incidents[0][1] == 8)
    finally:
        process.terminate()
        process.wait(20)
    assert state.ledger["linux"]["read"] == 8
    found = rows(tocsin("incidents", "--format", "json", "--config", config).stdout)
    assert [one["lane"] for one in found] == ["00105"]


def test_poison_headers_and_records_of_several_lines(config: Path, kafka: str) -> None:
    """What is no record lies in the dead letter; a header line holds across a restart; three lines are one record."""
    civil = {"source": "civil", "host": "etat-civil"}
    put(kafka, record(failed(1)), b"{not json", {**civil, "message": CSV_HEADER}, record("good \x00\x01\x02\x03\x04 bytes"))
    put(kafka, {**civil, "message": CSV_ROW.format(n=1)})
    with working(config, "worker detect --name one", "worker correlate"):
        until(config, lambda state: len(state.lake) == 2 and len(state.dead) == 2)
    put(kafka, {**civil, "message": CSV_ROW.format(n=2)}, record(failed(2)))
    put(kafka, *(record(line.format(n=1)) for line in (AUDIT, *AUDIT_REST)))
    with working(config, "worker detect --name two", "worker correlate"):
        state = until(config, lambda state: len(state.lake) == 5)
    assert state.dead == {"malformed": 1, "not_text": 1}
    assert (state.ledger["linux"]["received"], state.ledger["linux"]["assembled"]) == (6, 2)
    assert (state.ledger["civil"]["read"], state.ledger["civil"]["assembled"]) == (2, 1)
    assert "malformed" in tocsin("dead-letter", "list", "--config", config).output
    reader = Consumer({"bootstrap.servers": kafka, "group.id": "test", "auto.offset.reset": "earliest"})
    reader.subscribe([topics.DEAD_LETTER])
    refused = [message.value() or b"" for _ in range(2) if (message := reader.poll(20)) is not None]
    reader.close()
    assert sum(b"{not json" in value for value in refused) == 1


def test_an_offset_older_than_the_log_is_an_outage(config: Path, kafka: str) -> None:
    """The worker stops and says so; it never goes on from somewhere else."""
    settings = load_settings(config, {})
    engine = open_database(settings.database, url=settings.database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO position (source, stream, next_offset, epoch, updated) "
            "SELECT 'tocsin.detections', number::text, 500, 1, now() FROM generate_series(0, 11) AS number"
        )
    worker = Correlating(settings, load_content(settings), engine, Metrics())
    with pytest.raises(Fatal, match=r"the log no longer holds what was not read yet.*Nothing was skipped"):
        worker.run()
    engine.dispose()
    del kafka


def test_a_topic_of_another_shape_is_told(config: Path, kafka: str) -> None:
    """Somebody made the topic by hand: its policy is mended."""
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.delete_topics([topics.STREAMS])[topics.STREAMS].result(20)
    end = time.monotonic() + 20
    while topics.STREAMS in admin.list_topics(timeout=10).topics and time.monotonic() < end:
        time.sleep(0.1)
    admin.create_topics([NewTopic(topics.STREAMS, 1, 1, config={"cleanup.policy": "delete"})])[topics.STREAMS].result(20)
    while topics.STREAMS not in admin.list_topics(timeout=10).topics and time.monotonic() < end:
        time.sleep(0.1)
    found = topics.apply(load_settings(config, {}).kafka)
    assert ("cleanup.policy", "delete", "compact") in {(one.what, one.found, one.wanted) for one in found}
    assert topics.compare(load_settings(config, {}).kafka) == []
