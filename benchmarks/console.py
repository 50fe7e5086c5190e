"""What a page costs on the server with 10,000 incidents: medians per page, over the loop-back interface.

.venv/bin/python benchmarks/console.py [--incidents 10000] [--rounds 30]
"""

import argparse
import random
import re
import socket
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter

import httpx
import orjson
import sqlalchemy as sa

from correlator.api.install import Install
from correlator.api.server import console_service
from correlator.config.settings import Settings
from correlator.model.incident import Incident, Status, incident_id
from correlator.model.severity import Severity
from correlator.model.viewer import Role
from correlator.runtime.front import serving
from correlator.store import accounts, schema
from correlator.store.database import open_database, transaction
from correlator.store.outcomes import put_incidents

PASSWORD = "four-unrelated-words-9"  # noqa: S105 - of a scratch database
COMMUNES = [f"0010{number}" for number in range(1, 10)]
NOW = datetime.now(UTC).replace(microsecond=0)
PAGES = (
    "/incidents",
    "/incidents?scope=all",
    "/incidents?scope=all&page=150",
    "/incidents?scope=all&text=user42",
    "/incidents?scope=all&commune=00103",
    "/incidents/26-0001",
    "/api/v1/incidents?scope=all&size=500",
    "/masquages",
    "/recherche",
    "/consultations",
)
PEOPLE = {"manager, all communes": ("maud", Role.MANAGER, None), "référent of one": ("ref", Role.REFERENT, ["00103"])}


def seed(engine: sa.Engine, count: int) -> None:
    """Write ``count`` incidents of nine communes, a tenth of them shared or cross; the first one is as large as they get."""
    chance = random.Random(9)
    with transaction(engine) as connection:
        put_incidents(connection, [_incident(number, chance) for number in range(1, count + 1)])
        for start in range(1, count + 1, 500):
            _pieces(connection, range(start, min(start + 500, count + 1)), chance)
        _large(connection)


def _incident(number: int, chance: random.Random) -> Incident:
    lane = chance.choice([*COMMUNES, "shared"]) if number > 1 else "cross"
    communes = tuple(sorted(chance.sample(COMMUNES, 3))) if lane in {"shared", "cross"} else (lane,)
    last = NOW - timedelta(minutes=chance.randrange(60 * 24 * 300))
    status = chance.choice([Status.NEW, Status.ACKNOWLEDGED, *[Status.CLOSED] * 8]) if number > 1 else Status.NEW
    who = f"user{chance.randrange(500)} depuis 198.51.100.{chance.randrange(255)}"
    title = f"{who} a essayé de deviner des mots de passe sur host{number} : « Règle »"
    return Incident(
        id=incident_id(2026, number), lane=lane, status=status, verdict=None, severity=Severity(chance.randrange(5)),
        title=title, fingerprint=f"{number:020x}", communes=communes, first=last, last=last, opened=last, updated=last,
        count=10, findings=5, opener=(1, "a"), lead=(-3, 1, 1, "a"), sequence=1, told=last, told_count=10,
    )  # fmt: skip


def _pieces(connection: sa.Connection, numbers: range, chance: random.Random) -> None:
    entities = [
        {"incident": incident_id(2026, number), "kind": kind, "value": f"{kind}{chance.randrange(5000)}", "role": "actor",
         "shown": f"{kind}{number}", "strong": True, "count": 1}
        for number in numbers for kind in ("user", "host", "ip")
    ]  # fmt: skip
    connection.execute(sa.insert(schema.incident_entity), entities)
    lines = [
        {"incident": incident_id(2026, one), "at": NOW, "change": "opened", "text": "rule fired: Règle"} for one in numbers
    ]
    connection.execute(sa.insert(schema.incident_history), lines)


def _large(connection: sa.Connection) -> None:
    """Give the first incident 200 documents of 4 KiB, 30 rules, 500 entities, 200 lines of history."""
    one = incident_id(2026, 1)
    at = [NOW + timedelta(seconds=number) for number in range(500)]
    documents = [
        orjson.dumps({"commune": COMMUNES[number % 9], "host.name": f"h{number}", "event.original": "x" * 4_000}).decode()
        for number in range(200)
    ]
    pieces = [
        {
            "incident": one,
            "event_id": f"e{number}",
            "at": at[number],
            "rule_id": f"r{number % 30}",
            "document": text,
            "sha256": "0" * 64,
        }
        for number, text in enumerate(documents)
    ]
    connection.execute(sa.insert(schema.incident_evidence), pieces)
    rule = {"incident": one, "kind": "detection", "title": "Règle", "level": "high", "tags": ["attack.t1110"], "count": 7}
    rules = [{**rule, "rule_id": f"r{number}", "first": at[number], "last": at[number + 60]} for number in range(30)]
    connection.execute(sa.insert(schema.incident_rule), rules)
    entity = {"incident": one, "kind": "user", "role": "target", "strong": True, "count": 1}
    entities = [{**entity, "value": f"v{number}", "shown": f"V{number}"} for number in range(500)]
    connection.execute(sa.insert(schema.incident_entity), entities)
    lines = [
        {"incident": one, "at": at[number], "change": "commented", "person": "maud", "text": "mot"} for number in range(200)
    ]
    connection.execute(sa.insert(schema.incident_history), lines)


def medians(address: str, login: str, rounds: int) -> dict[str, tuple[int, float]]:
    """Return page → (status, median milliseconds) as ``login`` sees them."""
    with httpx.Client(base_url=address, trust_env=False) as client:
        found = re.search(r'name="csrf" value="([^"]+)"', client.get("/connexion").text)
        token = found[1] if found else ""
        client.post("/connexion", data={"login": login, "password": PASSWORD, "csrf": token})
        return {page: _median(client, page, rounds) for page in PAGES}


def _median(client: httpx.Client, page: str, rounds: int) -> tuple[int, float]:
    status, times = client.get(page).status_code, []
    for _ in range(rounds):
        started = perf_counter()
        client.get(page)
        times.append(perf_counter() - started)
    return status, median(times) * 1_000


def main() -> None:
    """Seed, serve, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--incidents", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=30)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        engine = open_database(settings.database)
        seed(engine, asked.incidents)
        for login, role, communes in PEOPLE.values():
            accounts.add_person(engine, login, PASSWORD, role=role, communes=communes, now=NOW, by="bench")
        listening = socket.create_server(("127.0.0.1", 0))
        with serving([console_service(Install(settings, engine), listening)]):
            for told, (login, _, _) in PEOPLE.items():
                print(f"\n{told}, {asked.incidents:,} incidents, median of {asked.rounds}")
                for page, (status, took) in medians(
                    f"http://127.0.0.1:{listening.getsockname()[1]}", login, asked.rounds
                ).items():
                    print(f"  {took:7.1f} ms  {status}  {page}")
        engine.dispose()


if __name__ == "__main__":
    main()
