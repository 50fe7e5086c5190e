"""Collectors: everything once, late and repeated things too; who is busy is left alone, who refuses is told of."""

import asyncio
import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from correlator.config.sections.collectors import CloudTrailSettings, EntraSettings, Office365Settings
from correlator.config.settings import Settings, load_settings
from correlator.errors import InputError, Retry
from correlator.ingest.collect.pull import Collector, Puller
from correlator.ingest.envelope import Envelope
from correlator.runtime.collecting import puller_of, watch_collectors
from correlator.store import collected, views
from correlator.store.database import open_database, reading, transaction
from tests.doubles import microsoft, s3

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ENVIRON = {"SECRET": microsoft.SECRET, "KEY": "AK", "S3SECRET": "sk"}


@dataclass
class Memory:
    """A journal in memory; ``full`` refuses so many appends."""

    envelopes: list[Envelope] = field(default_factory=list)
    full: int = 0

    async def append(self, envelopes: Sequence[Envelope]) -> None:
        """Take, or say that there is no room."""
        if self.full:
            self.full -= 1
            raise Retry("the journal is full", 0.1)
        self.envelopes.extend(envelopes)

    async def room(self) -> None:
        """There is room."""

    @property
    def texts(self) -> list[str]:
        """Return what was taken."""
        return [text for one in self.envelopes if not one.reason for text in one.texts]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    """Return a new database."""
    made = open_database(tmp_path / "tocsin.db")
    yield made
    made.dispose()


def collector(puller: Puller, engine: sa.Engine, memory: Memory, now: Callable[[], datetime] = lambda: NOW) -> Collector:
    """Return a collector that writes to memory."""
    return Collector("nuage", puller, memory, engine, 300.0, now)


def turn(one: Collector) -> float:
    """Let it ask once; return how long it waits."""
    return asyncio.run(one.turn(asyncio.Event()))


def office(url: str, **more: Any) -> Office365Settings:
    """Return the settings of a tenant at the double."""
    said = {"name": "nuage", "kind": "office365", "tenant": microsoft.TENANT, "client": "c", "secret_env": "SECRET"}
    return Office365Settings.model_validate(
        {**said, "login": url, "api": url, "content": ("Audit.Exchange", "Audit.General"), **more}
    )


def ids(memory: Memory, name: str = "Id") -> list[str]:
    """Return the ids of the records that were taken."""
    return [json.loads(text)[name] for text in memory.texts]


def test_audit_records_are_taken_once(engine: sa.Engine) -> None:
    """All pages of all content; nothing again at the next turn; what turned up six hours late is found."""
    blobs = {f"Audit.Exchange-{n}": ("2026-11-22T08:00:00", [{"Id": f"e{n}", "Operation": "x"}]) for n in range(5)}
    blobs["Audit.General-1"] = ("2026-11-22T09:00:00", [{"Id": "g1"}, {"Id": "e1"}])
    with microsoft.serving(microsoft.FakeMicrosoft(blobs)) as fake:
        memory = Memory()
        one = collector(puller_of(office(fake.url), ENVIRON), engine, memory)
        assert turn(one) == 300.0
        assert sorted(ids(memory)) == ["e0", "e1", "e2", "e3", "e4", "g1"]
        fake.blobs["Audit.General-2"] = ("2026-11-22T06:30:00", [{"Id": "late"}])
        again = collector(puller_of(office(fake.url), ENVIRON), engine, memory, lambda: NOW + timedelta(minutes=5))
        turn(again)
        assert sorted(ids(memory)) == ["e0", "e1", "e2", "e3", "e4", "g1", "late"]
    with reading(engine) as connection:
        (standing,) = collected.standings(connection)
    assert (standing.problem, standing.repeated) == ("", 1)


def test_a_busy_service_is_left_alone(engine: sa.Engine) -> None:
    """As long as it says; then everything is there."""
    with microsoft.serving(
        microsoft.FakeMicrosoft({"Audit.Exchange-1": ("2026-11-22T08:00:00", [{"Id": "a"}])}, busy=1)
    ) as fake:
        memory = Memory()
        one = collector(puller_of(office(fake.url), ENVIRON), engine, memory)
        assert turn(one) == 7.0
        assert memory.texts == []
        assert turn(one) == 300.0
        assert ids(memory) == ["a"]


def test_a_token_that_ends_is_renewed(engine: sa.Engine) -> None:
    """In the middle of a turn."""
    blobs = {f"Audit.Exchange-{n}": ("2026-11-22T08:00:00", [{"Id": f"e{n}"}]) for n in range(4)}
    with microsoft.serving(microsoft.FakeMicrosoft(blobs, token_lives=3)) as fake:
        memory = Memory()
        turn(collector(puller_of(office(fake.url), ENVIRON), engine, memory))
        assert sorted(ids(memory)) == ["e0", "e1", "e2", "e3"]
        assert fake.logins > 1


def test_a_refusal_is_told(engine: sa.Engine, tmp_path: Path) -> None:
    """A secret that ended: the reason is kept, waiting grows, after half an hour it is an incident; then it is over."""
    with microsoft.serving(microsoft.FakeMicrosoft()) as fake:
        settings = Settings(data_dir=tmp_path, collector=(office(fake.url),))
        bad = collector(puller_of(office(fake.url), {"SECRET": "old"}), engine, Memory())
        waits = [turn(bad) for _ in range(9)]
        assert waits == sorted(waits)
        assert waits[-1] == 900.0
        watch_collectors(engine, settings, NOW + timedelta(minutes=10))
        assert titles(engine) == []
        watch_collectors(engine, settings, NOW + timedelta(minutes=40))
        ((status, title),) = titles(engine)
        assert status == "new"
        assert "AADSTS7000222" in title
        assert "old" not in title
        turn(collector(puller_of(office(fake.url), ENVIRON), engine, Memory()))
        watch_collectors(engine, settings, NOW + timedelta(minutes=45))
        assert [status for status, _ in titles(engine)] == ["resolved"]


def titles(engine: sa.Engine) -> list[tuple[str, str]]:
    """Return status and title of every incident."""
    with reading(engine) as connection:
        return [(str(one.status), one.title) for one in views.list_incidents(connection)]


def test_a_secret_that_ends_soon_is_told(engine: sa.Engine, tmp_path: Path) -> None:
    """30 days before, graver in the last week, over when it was renewed."""
    said = {"2027-03-01": [], "2026-12-10": ["medium"], "2026-11-25": ["high"]}
    for ends, expected in (*said.items(), ("2027-03-01", ["high"])):
        one = office("https://x.example", secret_ends=date.fromisoformat(ends))
        settings = Settings(data_dir=tmp_path, collector=(one,))
        watch_collectors(engine, settings, NOW)
        with reading(engine) as connection:
            assert [one.severity.level for one in views.list_incidents(connection)] == expected
    assert [status for status, _ in titles(engine)] == ["resolved"]


def test_sign_ins_come_late_and_once(engine: sa.Engine) -> None:
    """Every page of both logs; a sign-in of six hours ago that arrives now; nothing twice."""
    sign_ins = [{"id": f"s{n}", "createdDateTime": f"2026-11-22T1{n}:00:00Z"} for n in range(2)]
    audits = [{"id": f"d{n}", "activityDateTime": "2026-11-22T09:00:00Z"} for n in range(5)]
    with microsoft.serving(microsoft.FakeMicrosoft(logs={"signIns": sign_ins, "directoryAudits": audits})) as fake:
        said = {"name": "nuage", "kind": "entra", "tenant": microsoft.TENANT, "client": "c", "secret_env": "SECRET"}
        settings = EntraSettings.model_validate({**said, "login": fake.url, "api": fake.url})
        memory = Memory()
        one = collector(puller_of(settings, ENVIRON), engine, memory)
        turn(one)
        assert sorted(ids(memory, "id")) == ["d0", "d1", "d2", "d3", "d4", "s0", "s1"]
        sign_ins.append({"id": "late", "createdDateTime": "2026-11-22T06:00:00Z"})
        turn(one)
        assert sorted(ids(memory, "id")) == ["d0", "d1", "d2", "d3", "d4", "late", "s0", "s1"]


def test_a_full_journal_is_waited_for(engine: sa.Engine) -> None:
    """Nothing is lost, and the cursor does not move before."""
    with microsoft.serving(microsoft.FakeMicrosoft({"Audit.Exchange-1": ("2026-11-22T08:00:00", [{"Id": "a"}])})) as fake:
        memory = Memory(full=1)
        turn(collector(puller_of(office(fake.url), ENVIRON), engine, memory))
        assert ids(memory) == ["a"]


def test_files_of_a_bucket_are_taken_once(engine: sa.Engine) -> None:
    """Of every account and region, of the days that may still get some; a broken file goes to the dead letter by its name."""
    root = "journaux/AWSLogs/111122223333/CloudTrail"
    record = [{"eventID": "a", "eventName": "ConsoleLogin"}, {"eventID": "b"}]
    objects = {
        f"{root}/eu-west-3/2026/11/22/1.json.gz": gzip.compress(json.dumps({"Records": record}).encode()),
        f"{root}/us-east-1/2026/11/22/2.json.gz": gzip.compress(json.dumps({"Records": [{"eventID": "c"}]}).encode()),
        f"{root}/eu-west-3/2026/11/22/3.json.gz": b"not gzip",
        f"{root}/eu-west-3/2026/10/01/4.json.gz": gzip.compress(b'{"Records": [{"eventID": "old"}]}'),
        f"{root}-Digest/eu-west-3/2026/11/22/5.json.gz": gzip.compress(b"{}"),
    }
    with s3.serving(s3.FakeS3("pistes", objects)) as fake:
        said = {"name": "nuage", "kind": "cloudtrail-s3", "bucket": "pistes", "prefix": "journaux", "key_env": "KEY"}
        settings = CloudTrailSettings.model_validate({**said, "secret_env": "S3SECRET", "endpoint": fake.url})
        memory = Memory()
        turn(collector(puller_of(settings, ENVIRON), engine, memory))
        assert sorted(ids(memory, "eventID")) == ["a", "b", "c"]
        assert [(one.reason, one.texts) for one in memory.envelopes if one.reason] == [
            ("damaged", (f"pistes/{root}/eu-west-3/2026/11/22/3.json.gz",))
        ]
        fake.got.clear()
        turn(collector(puller_of(settings, ENVIRON), engine, memory))
        assert (fake.got, len(memory.texts)) == ([], 3)
        fake.denied = True
        turn(collector(puller_of(settings, ENVIRON), engine, memory))
    with reading(engine) as connection:
        (standing,) = collected.standings(connection)
    assert standing.problem != ""


def test_ids_are_forgotten_in_time(engine: sa.Engine) -> None:
    """The memory of what was taken does not grow for ever."""
    with transaction(engine) as connection:
        collected.took(connection, "nuage", {}, ["a"], NOW)
        collected.took(connection, "nuage", {}, ["b"], NOW + timedelta(days=9))
        assert collected.known_ids(connection, "nuage", ["a", "b"]) == {"b"}


def test_settings_say_what_is_missing(tmp_path: Path) -> None:
    """A secret that is not in the environment, an address in the clear, a kind that does not exist."""
    with pytest.raises(InputError, match="SECRET"):
        puller_of(office("https://x.example"), {})
    for wrong in (
        'kind = "office366"',
        'kind = "mqtt"\nhost = "h"\ntopics = []',
        'kind = "entra"\ntenant = "t"\nclient = "c"\nsecret_env = "S"\napi = "http://x.example"',
    ):
        path = tmp_path / "tocsin.toml"
        path.write_text(f'[[collector]]\nname = "n"\n{wrong}\n')
        with pytest.raises(InputError):
            load_settings(path)
