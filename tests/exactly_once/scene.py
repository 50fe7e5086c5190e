"""The events of the exactly-once proof: attacks on nine communes that interleave, so that windows are open at every moment."""

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient

from correlator.config.settings import load_settings
from correlator.errors import Fatal
from correlator.ingest.kafka import encoded
from correlator.model.raw import RAW
from correlator.runtime import topics

COMMUNES, AT_ONCE, EACH = 9, 120, 20
START = datetime(2026, 11, 17, 0, 0, 0)  # noqa: DTZ001 - what syslog writes has no zone
TOPIC = "tocsin.raw.default"

RULES = """\
title: SSH password refused
id: 6f1b1c54-52a0-4d0c-9a0f-6f3b50c7a001
name: once_failed
status: test
logsource: {product: linux, service: sshd}
detection:
    selection:
        message|contains: Failed password
    condition: selection
level: medium
---
title: Many SSH passwords refused
id: 6f1b1c54-52a0-4d0c-9a0f-6f3b50c7a002
name: once_burst
status: test
correlation:
    type: event_count
    rules: [once_failed]
    group-by: [source.ip]
    timespan: 60m
    condition: {gte: 12}
    generate: true
level: high
---
title: The same stranger at several communes
id: 6f1b1c54-52a0-4d0c-9a0f-6f3b50c7a003
name: once_campaign
status: test
tocsin: {communes: cross}
correlation:
    type: value_count
    rules: [once_failed]
    group-by: [user.name]
    timespan: 60m
    condition: {gte: 3, field: host.name}
    generate: true
level: high
"""

SETTINGS = """\
data_dir = "data"
rules = ["rules.yml"]
estate = "estate.toml"
{extra}
[triage]  # hundreds of incidents of one rule are meant here
budget_hour = 0
budget_day = 0
[[sink]]
name = "journal"
kind = "file"
path = "data/incidents.ndjson"
"""


def write_install(folder: Path, extra: str) -> Path:
    """Write settings, rules and estate into ``folder``; return the path of the settings."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rules.yml").write_text(RULES)
    named = '[[commune]]\nid = "0000{n}"\ncode = "C{n}"\nname = "Commune {n}"\nhosts = ["c{n}-*"]\n'
    communes = (named.format(n=n) for n in range(COMMUNES))
    (folder / "estate.toml").write_text("version = 1\n" + "\n".join(communes))
    config = folder / "tocsin.toml"
    config.write_text(SETTINGS.format(extra=extra))
    return config


def lines(events: int) -> Iterator[str]:
    """Yield the log: a hundred and twenty attacks at any time, each on its own host and user, one line a second.

    Every fortieth line is of a campaign: one user tried at all communes, with hours between one campaign and the next.
    """
    for number in range(events):
        at = START + timedelta(seconds=number)
        if number % 40 == 39:
            yield _line(
                at, f"c{number // 40 % COMMUNES}-web", f"intrus{number // 2_000}", f"203.0.113.{number // 2_000 % 250 + 1}"
            )
            continue
        wave, place = divmod(number, AT_ONCE * EACH)
        attack = wave * AT_ONCE + place % AT_ONCE
        address = f"198.{18 + attack // 62_500}.{attack // 250 % 250}.{attack % 250 + 1}"
        yield _line(at, f"c{attack % COMMUNES}-host{attack:05d}", f"user{attack:05d}", address)


def _line(at: datetime, host: str, user: str, address: str) -> str:
    return f"{at:%b %d %H:%M:%S} {host} sshd[{at.second + 100}]: Failed password for {user} from {address} port 22 ssh2"


def host_of(line: str) -> str:
    """Return the host a line names."""
    return line[16:].partition(" ")[0]


def fresh_topics(config: Path, bootstrap: str) -> None:
    """Remove what an earlier test left on the broker, and make the topics anew."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    old = [name for name in admin.list_topics(timeout=10).topics if name.startswith("tocsin.")]
    for done in admin.delete_topics(old).values() if old else ():
        done.result(20)
    groups = ["tocsin.detect", "tocsin.correlate"]
    for done in admin.delete_consumer_groups(groups).values():
        with suppress(KafkaException):
            done.result(20)
    kafka_settings = load_settings(config, {}).kafka
    until = time.monotonic() + 30
    while topics.compare(kafka_settings) and time.monotonic() < until:
        with suppress(Fatal):  # a topic on its way out is still there for a moment
            topics.apply(kafka_settings)
    assert topics.compare(kafka_settings) == []


def fill_topic(bootstrap: str, events: int) -> None:
    """Put the events into the raw topic, in order per host, with an identity each."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 20, "compression.type": "lz4"})
    received = datetime.fromisoformat("2026-11-18T00:00:00+00:00")
    for number, line in enumerate(lines(events)):
        row = {"id": f"auth~proof~{number}", "source": "auth", "received": received, "text": line}
        key, value = encoded(row, host_of(line))
        producer.produce(TOPIC, value, key)
        producer.poll(0)
    assert producer.flush(60) == 0


def raw_rows(events: int) -> pl.DataFrame:
    """Return the same events as RAW rows for the embedded run."""
    received = datetime.fromisoformat("2026-11-18T00:00:00+00:00")
    place = {"source": "auth", "stream": "proof", "received": received, "flags": 0}
    rows = [{**place, "id": f"auth~proof~{n}", "offset": n, "text": line} for n, line in enumerate(lines(events))]
    return pl.DataFrame(rows, schema=RAW)
