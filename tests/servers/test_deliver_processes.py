"""Four `tocsin deliver` processes and one real Redmine: sixty incidents, a kill, a minute without a server; one ticket each."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from correlator.model.incident import Incident, Status, incident_id
from correlator.model.severity import Severity
from correlator.store import outbox, schema
from correlator.store.database import open_database, reading, transaction
from correlator.store.outcomes import put_incidents
from tests.servers.redmine import Redmine, missing, redmine

pytestmark = [pytest.mark.server, pytest.mark.skipif(bool(missing()), reason=missing())]

INCIDENTS, PROCESSES = 60, 4
LEASED_BY_THE_DEAD = 20  # what one process claims at once
ROOT = Path(__file__).parents[2]
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[Redmine]:
    """Return a running Redmine."""
    with redmine() as running:
        yield running


def install(folder: Path, server: Redmine) -> tuple[Path, sa.Engine]:
    """Write settings and a database in which every incident was opened, and every third closed."""
    config = folder / "tocsin.toml"
    config.write_text(f"""data_dir = "data"
install = "sim9"
[[sink]]
name = "redmine"
kind = "redmine"
url = "{server.url}"
key_env = "REDMINE_KEY"
project = "dsi"
projects = {{ "00105" = "aulnees", "00110" = "vernay" }}
field_id = 1
""")
    engine = open_database(folder / "data" / "tocsin.db")
    with transaction(engine) as connection:
        for number in range(1, INCIDENTS + 1):
            tell(connection, number, 1, "opened", Status.NEW)
            if number % 3 == 0:
                tell(connection, number, 2, "closed", Status.CLOSED)
    return config, engine


def tell(connection: sa.Connection, number: int, sequence: int, change: str, status: Status) -> None:
    """Put one change of one incident into the outbox, as a batch or a person does."""
    commune = ("00105", "00110", "shared")[number % 3]
    incident = Incident(
        id=incident_id(2026, number), lane=commune, status=status, verdict=None, severity=Severity.HIGH,
        title=f"198.51.100.{number} a sondé le réseau : « Essai {number} »", fingerprint=str(number), communes=(commune,),
        first=NOW, last=NOW, opened=NOW, updated=NOW, count=number, findings=1, opener=(0, ""), lead=(0, 0, 0, ""),
        sequence=sequence, told=NOW, told_count=1,
    )  # fmt: skip
    put_incidents(connection, [incident])
    outbox.tell(connection, incident, change, sinks=["redmine"], install="sim9", now=NOW)


@contextmanager
def delivering(config: Path, server: Redmine, processes: int = PROCESSES) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Run deliver processes; end those that still live."""
    command = [sys.executable, "-m", "correlator", "deliver", "--config", str(config), "--log-level", "error"]
    environment = {**os.environ, "REDMINE_KEY": server.key, "PYTHONPATH": str(ROOT)}
    with (config.parent / "log").open("ab") as log:
        started = [subprocess.Popen(command, env=environment, stderr=log, stdout=log) for _ in range(processes)]
    try:
        yield started
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            process.wait(60)


def states(engine: sa.Engine) -> dict[str, int]:
    """Return state → rows of the outbox; ``held``: pending ones that a process has leased."""
    table = schema.outbox.c
    with reading(engine) as connection:
        found = dict(connection.execute(sa.select(table.state, sa.func.count()).group_by(table.state)).all())
        held = sa.select(sa.func.count()).where(table.state == "pending", table.lease_until.is_not(None))
        return {**found, "held": connection.execute(held).scalar_one()}


def until(engine: sa.Engine, wanted: Callable[[dict[str, int]], bool], seconds: float = 600) -> None:
    """Wait for the outbox to be as wanted."""
    end = time.monotonic() + seconds
    while not wanted(states(engine)):
        assert time.monotonic() < end, states(engine)
        time.sleep(0.1)


def finished(engine: sa.Engine, seconds: float = 70) -> bool:
    """Wait until nothing waits, or for longer than a lease lasts; say whether nothing waits."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        now = states(engine)
        if not now.get("pending", 0):
            return True
        time.sleep(0.1)
    return False


def pass_a_minute(engine: sa.Engine) -> None:
    """Let the pauses after failed tries end; leases end by themselves: shortening those of the living would be no test."""
    table = schema.outbox
    with transaction(engine) as connection:
        waiting = (table.c.state == "pending") & table.c.lease_until.is_(None)
        connection.execute(sa.update(table).where(waiting).values(next_try=datetime.now(UTC) - timedelta(seconds=1)))


def tickets(server: Redmine) -> dict[str, list[tuple[str, str, str]]]:
    """Return external id → (subject, project, status) of every ticket that bears it."""
    rows = server.sql(
        "select v.value, i.subject, p.identifier, s.name from issues i join projects p on p.id = i.project_id"
        " join issue_statuses s on s.id = i.status_id"
        " join custom_values v on v.customized_id = i.id and v.customized_type = 'Issue'"
    )
    found: dict[str, list[tuple[str, str, str]]] = {}
    for external_id, subject, project, status in rows:
        found.setdefault(str(external_id), []).append((str(subject), str(project), str(status)))
    return found


def test_one_ticket_per_incident_whatever_dies(server: Redmine, tmp_path: Path) -> None:
    """A process is killed in the middle of its work, the server is away for a minute: each incident has its one ticket."""
    config, engine = install(tmp_path, server)
    with delivering(config, server) as processes:
        until(engine, lambda now: now.get("sent", 0) >= 8)
        processes[0].kill()
        until(engine, lambda now: now.get("sent", 0) >= 20)
        server.stop()
        until(engine, lambda now: now["held"] <= LEASED_BY_THE_DEAD)
        server.start()
        pass_a_minute(engine)
        while not finished(engine):
            pass_a_minute(engine)
    assert states(engine) == {"sent": INCIDENTS + INCIDENTS // 3, "held": 0}
    found = tickets(server)
    expected = {
        f"sim9:26-{number:04d}": [
            (
                f"[26-{number:04d}] 198.51.100.{number} a sondé le réseau : « Essai {number} »",
                ("aulnees", "vernay", "dsi")[number % 3],
                "Closed" if number % 3 == 0 else "New",
            )
        ]
        for number in range(1, INCIDENTS + 1)
    }
    assert found == expected
    written = server.sql("select journalized_id, count(*) from journals where notes <> '' group by journalized_id")
    assert sorted(count for _, count in written) == [1] * (INCIDENTS // 3)
    engine.dispose()
