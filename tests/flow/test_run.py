"""``run``: nothing lost, nothing twice, across restarts, rotation, open records, broken rules and full disks."""

import gzip
import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from correlator.config.settings import load_settings
from correlator.correlate.state import micros
from correlator.errors import Fatal
from correlator.runtime import fresh as fresh_module
from correlator.runtime.checkpoint import Checkpoint
from correlator.runtime.content import load_content
from correlator.runtime.pipeline import process
from correlator.runtime.run import Loop
from correlator.store.database import held, open_database
from correlator.store.rule_history import history
from correlator.telemetry.metrics import Metrics
from tests.flow.install import FAILED, RULES, failed, kept, live, rows, tocsin, write_install

AUDIT = (
    'type=SYSCALL msg=audit(1795338930.123:{n}): arch=c000003e syscall=59 success=yes exit=0 pid=1 comm="tar" exe="/bin/tar"\n'
)
AUDIT_REST = 'type=CWD msg=audit(1795338930.123:{n}): cwd="/"\ntype=PROCTITLE msg=audit(1795338930.123:{n}): proctitle="tar"\n'
CSV_HEADER = "time;id;app;commune;user;action;object_type;object_id;result;ip;message\n"
CSV_ROW = "22/11/2026 10:15:{n:02};ec-{n};etat-civil;00105;jdupont;export;acte_naissance;;success;192.0.2.58;x\n"


def test_append_rotate_compress(tmp_path: Path) -> None:
    """A log that grows, is renamed, packed and begun again gives each line once; the attack stays one incident."""
    config = write_install(tmp_path, {"auth": "auth.log*"})
    log = tmp_path / "auth.log"
    log.write_text("".join(failed(n) for n in range(4)))
    live(config)
    assert (len(kept(config).lake), kept(config).incidents) == (4, [("high", 4)])

    with log.open("a") as file:
        file.write("".join(failed(n) for n in range(4, 6)))
    log.rename(tmp_path / "auth.log.1")
    log.write_text("".join(failed(n) for n in range(6, 9)))
    live(config)
    assert (len(kept(config).lake), kept(config).incidents) == (9, [("high", 9)])

    rotated = tmp_path / "auth.log.1"
    (tmp_path / "auth.log.2.gz").write_bytes(gzip.compress(rotated.read_bytes()))
    rotated.unlink()
    live(config)
    state = kept(config)
    assert len(state.lake) == len(set(state.lake)) == 9
    assert state.incidents == [("high", 9)]
    assert state.ledger["auth"]["received"] == 9


def test_batches_and_restarts_change_nothing(tmp_path: Path) -> None:
    """The same lines in one batch, or three at a time with a restart after each part: the same events and incidents."""
    lines = [failed(n, address=f"192.0.2.{n % 3 + 1}", host=f"aul-web{n % 3}") for n in range(30)]
    whole = write_install(tmp_path / "whole", {"auth": "auth.log"})
    (tmp_path / "whole" / "auth.log").write_text("".join(lines))
    live(whole)
    cut = write_install(tmp_path / "cut", {"auth": "auth.log"})
    for start, end in pairwise((0, 7, 8, 19, 30)):
        with (tmp_path / "cut" / "auth.log").open("a") as file:
            file.writelines(lines[start:end])
        live(cut, max_rows=3)

    assert kept(cut).incidents == kept(whole).incidents == [("high", 10)] * 3
    assert len(kept(cut).lake) == len(kept(whole).lake) == 30


def test_an_unfinished_line_waits_for_its_end(tmp_path: Path) -> None:
    """Half a line at the end of the file is no record yet."""
    config = write_install(tmp_path, {"auth": "auth.log"})
    log = tmp_path / "auth.log"
    log.write_text(failed(1) + failed(2)[:40])
    live(config)
    assert len(kept(config).lake) == 1
    with log.open("a") as file:
        file.write(failed(2)[40:])
    live(config)
    assert (len(kept(config).lake), kept(config).dead) == (2, {})


def test_files_of_a_backlog_go_back_in_time(tmp_path: Path) -> None:
    """Sources that are read one after the other at the first start: the later one's events are not late for windows."""
    config = write_install(tmp_path, {"new": "new.log", "old": "old.log"})
    (tmp_path / "new.log").write_text("".join(failed(n, address="192.0.2.9", at="2026-11-17T15:00:00") for n in range(3)))
    (tmp_path / "old.log").write_text("".join(failed(n, at="2026-11-17T03:00:00", host="aul-web2") for n in range(3)))
    live(config, max_rows=2)

    assert kept(config).incidents == [("high", 3), ("high", 3)]


def test_events_of_earlier_batches_are_evidence_too(tmp_path: Path) -> None:
    """A batch keeps the documents of its own detections; those before the hit come from the lake, on the chain."""
    config = write_install(tmp_path, {"auth": "auth.log"})
    (tmp_path / "rules.yml").write_text(RULES.replace("    generate: true\n", ""))
    (tmp_path / "auth.log").write_text("".join(failed(n, at=f"2026-11-17T03:00:0{n}") for n in range(3)))
    live(config, max_rows=1)

    with closing(sqlite3.connect(load_settings(config, {}).database)) as database:
        evidence = database.execute("SELECT event_id, document FROM incident_evidence ORDER BY at").fetchall()
        chain = database.execute("SELECT event_id FROM evidence_chain WHERE act = 'kept'").fetchall()

    assert [json.loads(document)["event.id"] for _, document in evidence] == [event for event, _ in evidence]
    assert len(evidence) == 3
    assert sorted(chain) == sorted((event,) for event, _ in evidence)


def test_an_open_record_is_read_again(tmp_path: Path) -> None:
    """An audit record whose end has not come waits: the position stays before it, a restart reads it whole, once."""
    config = write_install(tmp_path, {"audit": "audit.log"})
    log = tmp_path / "audit.log"
    log.write_text(AUDIT.format(n=1) + AUDIT_REST.format(n=1) + AUDIT.format(n=2))
    live(config)
    first = kept(config)
    assert (len(first.lake), first.ledger["audit"]["received"]) == (1, 3)
    engine = open_database(load_settings(config, {}).database)
    checkpoint = Checkpoint(engine, load_settings(config, {}))
    checkpoint.restore(("audit",))
    engine.dispose()
    assert list(checkpoint.positions("audit").values()) == [len(AUDIT.format(n=1) + AUDIT_REST.format(n=1))]

    with log.open("a") as file:
        file.write(AUDIT_REST.format(n=2))
    live(config)
    state = kept(config)
    assert len(state.lake) == 2
    assert {fate: state.ledger["audit"][fate] for fate in ("received", "read", "assembled", "rejected")} == {
        "received": 6, "read": 2, "assembled": 4, "rejected": 0,
    }  # fmt: skip


def test_a_header_line_is_remembered_across_a_restart(tmp_path: Path) -> None:
    """Rows appended after a restart are read with the header that stood in the part before."""
    config = write_install(tmp_path, {"civil": "civil.csv"})
    log = tmp_path / "civil.csv"
    log.write_text(CSV_HEADER + CSV_ROW.format(n=1))
    live(config)
    with log.open("a") as file:
        file.write(CSV_ROW.format(n=2))
    live(config)
    state = kept(config)

    assert (len(state.lake), state.dead) == (2, {})
    found = rows(tocsin("search", "jdupont", "--since", "2020-01-01", "--config", config, "--format", "json").stdout)
    assert [row["user.name"] for row in found] == ["jdupont", "jdupont"]


def test_event_time_survives_a_restart(tmp_path: Path) -> None:
    """The watermark is five minutes behind the newest event, and the next life begins with it."""
    config = write_install(tmp_path, {"auth": "auth.log"})
    (tmp_path / "auth.log").write_text("".join(failed(n) for n in range(2)))
    live(config)
    settings = load_settings(config, {})
    engine = open_database(settings.database)
    flow = Checkpoint(engine, settings).restore(("auth",))
    engine.dispose()

    assert flow.watermark.value == datetime(2026, 11, 17, 1, 55, 10, tzinfo=UTC)
    assert set(flow.lanes.passed.values()) == {micros(flow.watermark.value)}


def test_no_two_flows_on_one_folder(tmp_path: Path) -> None:
    """The second ``run`` ends with exit code 2 and says which folder is taken; even without that lock nothing counts twice."""
    config = write_install(tmp_path, {"auth": "auth.log"})
    (tmp_path / "auth.log").write_text(failed(1))
    settings = load_settings(config, {})
    engine = open_database(settings.database)
    with held(engine):
        second = tocsin("run", "--once", "--config", config)
    assert second.exit_code == 2
    assert "another tocsin process works on this data folder; stop it first" in second.stderr

    content = load_content(settings)
    loops = [Loop(settings, content, Checkpoint(engine, settings), Metrics()) for _ in range(2)]
    for loop in loops:
        loop.start()
    loops[0].run(once=True)
    with pytest.raises(Fatal, match=r"position of auth/.*another process reads this source"):
        loops[1].run(once=True)
    engine.dispose()
    assert len(kept(config).lake) == 1


def test_new_rules_are_taken_between_two_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that changed works from the next batch on; one that broke runs on as it was, and the log says why."""
    monkeypatch.setattr(fresh_module, "LOOK_EVERY", fresh_module.timedelta(0))
    config = write_install(tmp_path, {"auth": "auth.log"})
    settings = load_settings(config, {})
    engine = open_database(settings.database)
    loop = Loop(settings, load_content(settings), Checkpoint(engine, settings), Metrics())
    loop.start()
    log = tmp_path / "auth.log"
    log.write_text(failed(1))
    loop.run(once=True)
    before = loop.content.ruleset.id

    _rewrite(tmp_path / "rules.yml", RULES.replace("|contains:", "|containz:"), 1)
    with capture_logs() as told:
        loop.run(once=True)
    assert loop.content.ruleset.id == before
    refusal = next(line for line in told if line["log_level"] == "error")
    assert refusal["event"] == "Rule refused; its previous version runs on."
    assert "rules.yml" in refusal["problem"]
    assert "containz" in refusal["problem"]

    _rewrite(tmp_path / "rules.yml", RULES.replace("Failed password", "Accepted"), 2)
    loop.run(once=True)
    assert loop.content.ruleset.id != before
    last, broken, first = history(engine)
    assert (broken.rule_set, broken.kept) == (before, (FAILED,))
    assert (first.cause.word, first.rule_set, last.cause.word, last.rule_set) == (
        "start",
        before,
        "files",
        loop.content.ruleset.id,
    )
    assert set(last.changed) == {FAILED}
    assert not last.kept
    engine.dispose()


def _rewrite(path: Path, text: str, age: int) -> None:
    path.write_text(text)
    os.utime(path, (1_900_000_000 + age, 1_900_000_000 + age))


def test_a_source_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At start the log says which source is silent and what to do; ``doctor`` says the same and ends with 1."""
    config = write_install(tmp_path, {"auth": "auth.log", "none": "nothing.log"})
    (tmp_path / "auth.log").write_text(failed(1))
    readable = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: not str(path).endswith("auth.log") and readable(path, mode))
    with capture_logs() as told:
        live(config)
    silent = {line["source"]: line["advice"] for line in told if line["event"] == "Source gives nothing yet."}
    assert silent["source auth"] == "give this user the group that may read logs (adm)"
    assert "product logging" in silent["source none"]

    doctor = tocsin("doctor", "--config", config, "--format", "json")
    verdicts = {row["subject"]: row["verdict"] for row in rows(doctor.stdout)}
    assert (verdicts["source auth"], verdicts["source none"], doctor.exit_code) == ("failed", "warning", 1)


LIMITED = """
import resource
from correlator.__main__ import main
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
main()
"""


def test_a_full_disk(tmp_path: Path) -> None:
    """No room for the transaction: one clear line, exit code 3, nothing kept by half; the next run goes on."""
    config = write_install(tmp_path, {"auth": "auth.log"})
    log = tmp_path / "auth.log"
    log.write_text("")
    live(config)
    log.write_text("".join(failed(n) for n in range(3)))
    before = kept(config)
    command = [sys.executable, "-c", LIMITED.format(limit=12_288), "run", "--once", "--log-level", "error"]
    run = subprocess.run([*command, "--config", str(config)], capture_output=True, text=True, check=False)

    assert run.returncode == 3, run.stderr
    assert "tocsin.db: disk I/O error; nothing of this transaction was kept: free space" in run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert kept(config) == before
    live(config)
    assert (len(kept(config).lake), kept(config).incidents) == (3, [("high", 3)])


def test_a_disk_that_fills_under_a_running_tocsin(tmp_path: Path) -> None:
    """A real full file system in the middle of a commit: nothing by half; it goes on by itself once there is space."""
    alone = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespace of its own: unshare is not allowed here")
    driver = Path(__file__).with_name("full_disk.py")
    environment = {**os.environ, "PYTHONPATH": str(driver.parents[2])}
    command = [*alone, sys.executable, str(driver), str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    assert run.returncode == 0, run.stderr
    (seen,) = rows(run.stdout)
    assert (seen["waited"], seen["came"], seen["half_written"]) == (True, True, [])
    assert seen["events"] == seen["distinct"] == 1_000
    assert seen["segments"] == seen["listed"]


def test_sources_wait_while_the_disk_is_full(tmp_path: Path) -> None:
    """Above the bound nothing is read and the run from a timer says so with code 3; below it, nothing is missing."""
    config = write_install(tmp_path, {"auth": "auth.log"}, "[disk]\nwarn_percent = 0.001\nstop_percent = 0.002\n")
    (tmp_path / "auth.log").write_text("".join(failed(n) for n in range(3)))
    run = tocsin("run", "--once", "--log-level", "error", "--config", config)

    assert (run.exit_code, kept(config).lake) == (3, [])
    assert "sources wait, nothing is lost: free space" in run.stderr
    config.write_text(config.read_text().partition("[disk]")[0])
    live(config)
    assert (len(kept(config).lake), kept(config).incidents) == (3, [("critical", 1), ("high", 3)])  # the disk's own first


def test_a_lake_that_cannot_be_written(tmp_path: Path) -> None:
    """A file where the lake's folder should be: exit code 3, where and why; once it is gone nothing is missing."""
    config = write_install(tmp_path, {"auth": "auth.log"})
    (tmp_path / "auth.log").write_text("".join(failed(n) for n in range(3)))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "lake").write_text("in the way")
    run = tocsin("run", "--once", "--log-level", "error", "--config", config)

    assert run.exit_code == 3
    assert f"{tmp_path}/data/lake" in run.stderr
    assert "nothing of this batch was kept" in run.stderr
    (tmp_path / "data" / "lake").unlink()
    live(config)
    assert (len(kept(config).lake), kept(config).incidents) == (3, [("high", 3)])


def test_sigterm_ends_after_the_batch(tmp_path: Path) -> None:
    """A running Tocsin that is told to stop commits, ends with 0, and the next life goes on where it stood."""
    config = write_install(tmp_path, {"auth": "auth.log"})
    log = tmp_path / "auth.log"
    log.write_text("".join(failed(n) for n in range(5)))
    command = [sys.executable, "-m", "correlator", "run", "--config", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any("Incident changed." in line for line in process.stderr)
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()
    assert (process.returncode, "Traceback" in rest) == (0, False)
    with log.open("a") as file:
        file.write("".join(failed(n) for n in range(5, 8)))
    live(config)

    state = kept(config)
    assert (len(state.lake), state.incidents) == (8, [("high", 8)])


def test_sighup_takes_new_rules_without_a_restart(tmp_path: Path) -> None:
    """The process goes on, with the rules of now, and `rules history` says why; `rules reload` asks it for the same."""
    config = write_install(tmp_path, {"auth": "auth.log"})
    (tmp_path / "auth.log").write_text(failed(1))
    command = [sys.executable, "-m", "correlator", "run", "--config", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        told = iter(process.stderr)
        assert any("Rules loaded." in line for line in told)
        process.send_signal(signal.SIGSTOP)  # else its own look at the files may come before the signal
        (tmp_path / "rules.yml").write_text(RULES.replace("Failed password", "Accepted"))
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGCONT)
        assert any("Rules loaded." in line and '"changed": 1' in line for line in told)
        asked = tocsin("rules", "reload", "--config", config)
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
    assert (process.returncode, asked.exit_code, asked.stdout.strip()) == (0, 0, "nothing changed: 1 rules")
    changes = rows(tocsin("rules", "history", "--format", "json", "--config", config).stdout)
    assert [list(one["changed"]) for one in changes] == [[FAILED], []]
    # stopped between two looks, it hears of the signal first; in the middle of a look it may see the files first
    assert [one["cause"]["word"] for one in changes] in (["signal", "start"], ["files", "start"])


def test_metrics_agree_with_the_ledger(tmp_path: Path) -> None:
    """Counters say what the ledger says, records that no parser claims included."""
    config = write_install(tmp_path, {"auth": "auth.log"})
    (tmp_path / "auth.log").write_text(failed(1) + "\x01\x02 nobody knows\n" + "\n" + "x" * (1 << 21) + "\n" + failed(2))
    metrics = Metrics()
    live(config, metrics=metrics)
    fates = kept(config).ledger["auth"]

    value = metrics.registry.get_sample_value
    assert value("tocsin_ingest_records_total", {"source": "auth"}) == fates["received"] == 5
    told = {
        fate: value("tocsin_parse_records_total", {"source": "auth", "fate": fate}) for fate in ("read", "skipped", "rejected")
    }
    assert told == {fate: fates[fate] for fate in told} == {"read": 2, "skipped": 1, "rejected": 2}
    assert value("tocsin_parse_events_total", {"source": "auth"}) == fates["events"] == 2
    assert sum(kept(config).dead.values()) == 2


def test_a_failed_commit_is_nothing_at_all(tmp_path: Path) -> None:
    """A batch interrupted before its transaction ends leaves no event, no incident, no position."""
    config = write_install(tmp_path, {"auth": "auth.log"})
    (tmp_path / "auth.log").write_text("".join(failed(n) for n in range(4)))
    settings = load_settings(config, {})
    content, engine = load_content(settings), open_database(settings.database)

    def stop(step: str) -> None:
        if step == "published":
            raise Fatal("stopped")

    loop = Loop(settings, content, Checkpoint(engine, settings, reached=stop), Metrics())
    loop.start()
    with pytest.raises(Fatal, match="stopped"):
        loop.run(once=True)
    engine.dispose()
    state = kept(config)
    assert (state.lake, state.incidents, state.ledger) == ([], [], {})
    live(config)
    assert kept(config).incidents == [("high", 4)]


def test_process_is_pure(tmp_path: Path) -> None:
    """The same batch after the same flow gives the same outcome: nothing is remembered on the side."""
    config = write_install(tmp_path, {"auth": "auth.log"})
    (tmp_path / "auth.log").write_text("".join(failed(n) for n in range(4)))
    settings = load_settings(config, {})
    content, engine = load_content(settings), open_database(settings.database)
    loop = Loop(settings, content, Checkpoint(engine, settings), Metrics())
    loop.start()
    batch = loop._sources[0].poll(10, 0.0)
    wall = datetime(2026, 11, 18, tzinfo=UTC)
    one, two = (process(batch, loop._flow, content, wall=wall, live=True) for _ in range(2))
    engine.dispose()

    assert one.hits.height == 1
    assert one.hits.equals(two.hits)
    assert one.findings.equals(two.findings)
    assert loop._flow.lanes.height == 0
