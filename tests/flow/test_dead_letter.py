"""Dead letters are read again once a parser was mended: same identity, one fate, nothing twice."""

import shutil
from pathlib import Path

import pytest

from correlator.config.settings import load_settings
from correlator.store.database import held, open_database
from tests.flow.install import failed, kept, live, rows, tocsin, write_install

CSV_HEADER = "time;id;app;commune;user;action;object_type;object_id;result;ip;message\n"
PARSER = '''\
"""Lines of a product that only this site has: ``OWN <time> <message>``; those that say ``broken`` are refused."""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature


def _parse(raw, want):
    broken = pl.col("text").str.contains("broken")
    time = pl.lit("2026-11-17T03:00:00Z").str.to_datetime(time_unit="us", time_zone="UTC").alias("@timestamp")
    named = {"event.dataset": "site.own", "event.kind": "event", "logsource": "linux//sshd"}
    constants = (pl.lit(value).alias(name) for name, value in named.items())
    events = raw.filter(~broken).select("raw_row", time, pl.col("text").alias("message"), *constants)
    rejects = raw.filter(broken).select("raw_row", pl.lit("missing_field").alias("reason"))
    return Parsed((events,), rejects, raw.clear().get_column("raw_row"))


PARSER = Parser(
    name="site_own",
    log_sources=(LogSource("linux", None, "sshd"),),
    signature=Signature(pattern="^OWN "),
    maturity=Maturity.UNPROVED,
    fields={"message": pl.String()},
    parse=_parse,
)
'''


def site(folder: Path) -> Path:
    """Return an install whose site parser is not there yet, after a run that refused four records of six."""
    config = write_install(folder, {"own": "own.log"})
    (folder / "parsers").mkdir()
    config.write_text('parsers_dir = "parsers"\n' + config.read_text())
    lines = ["OWN one Failed password\n", "OWN broken\n", failed(1), "\x01\x02\x03\x04 binary\n", "OWN two\n", failed(2)]
    (folder / "own.log").write_text("".join(lines))
    live(config)
    return config


def test_what_a_new_parser_reads_leaves_the_dead_letter(tmp_path: Path) -> None:
    """Two of four are read: their ids are those of their lines, their fate moved; what one says is found."""
    config = site(tmp_path)
    before = kept(config)
    assert (before.dead, len(before.lake)) == ({"no_parser": 3, "not_text": 1}, 2)
    (tmp_path / "parsers" / "own.py").write_text(PARSER)
    done = tocsin("dead-letter", "reprocess", "--config", config, "--format", "json", "--fail-on", "medium")

    assert done.exit_code == 1, done.output
    counts = {"tried": 3, "left": 2, "events": 2, "late": 0, "not_whole": 1}
    assert rows(done.stdout) == [{**counts, "detections": {"medium": 1}, "refused": {"missing_field": 1}}]
    after = kept(config)
    assert after.dead == {"missing_field": 1, "not_text": 1}
    assert len(after.lake) == len(set(after.lake)) == 4
    assert {event.rpartition("~")[2] for event in set(after.lake) - set(before.lake)} == {"0", str(len(_until(tmp_path, 4)))}
    moved = {fate: after.ledger["own"][fate] - before.ledger["own"][fate] for fate in before.ledger["own"]}
    assert moved == {"received": 0, "read": 2, "assembled": 0, "skipped": 0, "rejected": -2, "repeated": 0, "events": 2}


def _until(folder: Path, lines: int) -> str:
    return "".join((folder / "own.log").read_text().splitlines(keepends=True)[:lines])


def test_again_changes_nothing(tmp_path: Path) -> None:
    """A second reprocess, and the next run, find nothing new; positions did not move."""
    config = site(tmp_path)
    (tmp_path / "parsers" / "own.py").write_text(PARSER)
    tocsin("dead-letter", "reprocess", "--config", config)
    once = kept(config)
    assert tocsin("dead-letter", "reprocess", "--config", config).exit_code == 0
    live(config)

    assert kept(config) == once


def test_by_reason_and_by_parser(tmp_path: Path) -> None:
    """Only records refused for the reason are tried; a forced parser alone reads them; an unknown one is wrong input."""
    config = site(tmp_path)
    (tmp_path / "parsers" / "own.py").write_text(PARSER)
    none = rows(tocsin("dead-letter", "reprocess", "--reason", "bad_time", "--config", config, "--format", "json").stdout)
    assert none[0]["tried"] == 0
    wrong = rows(tocsin("dead-letter", "reprocess", "--parser", "squid", "--config", config, "--format", "json").stdout)
    assert (wrong[0]["left"], wrong[0]["refused"]) == (0, {"malformed": 3})
    assert kept(config).dead == {"malformed": 3, "not_text": 1}
    unknown = tocsin("dead-letter", "reprocess", "--parser", "sqiud", "--config", config)
    assert (unknown.exit_code, "sqiud" in unknown.stderr) == (2, True)


def test_a_record_keeps_its_header(tmp_path: Path) -> None:
    """A refused row of a CSV file has its header line with it: read again it is the row, not a header."""
    config = write_install(tmp_path, {"civil": "civil.csv"})
    row = ";ec-1;etat-civil;00105;jdupont;export;acte;;success;192.0.2.58;x\n"
    (tmp_path / "civil.csv").write_text(f"{CSV_HEADER}22/11/2026 10:15:30{row}yesterday{row}")
    live(config)
    before = kept(config)
    assert (before.dead, len(before.lake)) == ({"bad_time": 1}, 1)
    done = rows(tocsin("dead-letter", "reprocess", "--config", config, "--format", "json").stdout)

    assert (done[0]["tried"], done[0]["left"], done[0]["refused"]) == (1, 0, {"bad_time": 1})
    assert kept(config) == before


def test_the_list_says_what_lies_there(tmp_path: Path) -> None:
    """Counts per reason, then the oldest: place, reason, text; doctor names the command."""
    config = site(tmp_path)
    listed = tocsin("dead-letter", "list", "--reason", "no_parser", "--limit", "2", "--config", config, "--format", "json")
    assert [(row["text"], row["place"]) for row in rows(listed.stdout)] == [
        ("OWN one Failed password", f"{tmp_path}/own.log:1"),
        ("OWN broken", f"{tmp_path}/own.log:2"),
    ]
    assert "3 record(s) of own: no_parser" in listed.stderr
    text = tocsin("dead-letter", "list", "--config", config).stdout
    assert "OWN two" in text
    doctor = rows(tocsin("doctor", "--config", config, "--format", "json").stdout)
    assert ["tocsin dead-letter list" in str(row["advice"]) for row in doctor if row["subject"] == "dead letter"] == [True]


def test_nobody_else_may_work_on_the_folder(tmp_path: Path) -> None:
    """While ``run`` is at work its windows are in its memory: reprocess waits until it is stopped."""
    config = site(tmp_path)
    engine = open_database(load_settings(config, {}).database)
    with held(engine):
        refused = tocsin("dead-letter", "reprocess", "--config", config)
    engine.dispose()
    assert (refused.exit_code, "another tocsin process" in refused.stderr) == (2, True)


@pytest.mark.parametrize("command", ["list", "reprocess"])
def test_without_a_database(tmp_path: Path, command: str) -> None:
    """Nothing was ever run: wrong input, and no empty database is made."""
    config = write_install(tmp_path, {"own": "own.log"})
    shutil.rmtree(tmp_path / "data", ignore_errors=True)
    result = tocsin("dead-letter", command, "--config", config)
    assert (result.exit_code, "no database yet" in result.stderr) == (2, True)
    assert not (tmp_path / "data").exists()
