"""What arrived, read back from the lake: counts, communes, fields."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from correlator.config.settings import Settings, load_settings
from correlator.detect.coverage import Status
from correlator.runtime.content import load_content
from correlator.runtime.coverage import cover
from correlator.runtime.sampling import frames_of, streams_in_lake
from correlator.store.database import open_database, transaction
from correlator.store.lake import publish, write_segment

RULE = "title: {0}\nlogsource: {{product: linux, service: sshd}}\ndetection: {{sel: {{{0}: x}}, condition: sel}}\n"
NOW = datetime(2026, 11, 18, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return settings over two rules: one asks for a field that is there, one for a field that is not."""
    monkeypatch.setenv("TOCSIN_DATA_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    for name in ("sshd.method", "sshd.fingerprint"):
        (tmp_path / f"{name}.yml").write_text(RULE.format(name))
    return load_settings(None)


@pytest.mark.parametrize(("events", "status"), [(60, Status.FIELD_MISSING), (3, Status.UNTESTED)])
def test_fields_that_never_came(settings: Settings, tmp_path: Path, events: int, status: Status) -> None:
    """After sixty events without the field the rule cannot fire; three events prove nothing."""
    line = "2026-11-17T22:10:00+01:00 BRP-WEB01 sshd[1]: Accepted password for jdupont from 10.11.40.21 port 4242 ssh2\n"
    (tmp_path / "auth.log").write_text(line * events)
    content = load_content(settings, (tmp_path,))
    engine = open_database(settings.database)
    file = write_segment(engine, [frame for frames in frames_of(["auth.log"], content, content.want) for frame in frames])
    with transaction(engine) as connection:
        publish(connection, [file], NOW)

    streams = streams_in_lake(engine, content, timedelta(days=30), NOW)
    answers = {one.rule.title: one.status for one in cover(content, streams).rules}

    assert answers == {"sshd.method": Status.UNTESTED, "sshd.fingerprint": status}
    assert [sum(stream.communes.values()) for stream in streams] == [events]
    assert streams_in_lake(engine, content, timedelta(hours=1), NOW) == ()
    engine.dispose()
