"""``tocsin rules backtest``: the lake asked again, with the same engine, by day and commune, and what it would cost people."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from correlator.config.settings import load_settings
from correlator.runtime import backtest as module
from correlator.runtime.backtest import Backtest, Span
from correlator.runtime.content import load_content
from correlator.store import compaction, lake
from correlator.store.database import open_database
from tests.flow.install import BURST, FAILED, failed, live, tocsin, write_install

#: Asks for fields that no rule of the install wants: the lake does not keep them.
OWN = """\
title: Password of somebody
id: 6f1b1c54-52a0-4d0c-9a0f-6f3b50c7b009
logsource: {product: linux, service: sshd}
detection:
    selection: {sshd.method: password, event.outcome: failure}
    condition: selection
level: high
"""
WIDE = ("--since", "2026-11-01", "--until", "2026-11-30", "--format", "json")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the settings of an install whose lake holds two nights: 6 refusals in a commune, 4 elsewhere, a cron line."""
    path = write_install(tmp_path, {"auth": "auth.log*"})
    (tmp_path / "auth.log").write_text(
        "".join(failed(n, at="2026-11-17T03:00:00") for n in range(6))
        + "".join(failed(n, host="other", address="192.0.2.8", at="2026-11-18T03:00:00") for n in range(4))
        + "Nov 18 03:30:00 other CRON[4]: (root) CMD (true)\n"
    )
    live(path)
    (tmp_path / "own.yml").write_text(OWN)
    return path


def run(config: Path, *arguments: object) -> list[dict[str, Any]]:
    """Return what the command says, as objects."""
    done = tocsin("rules", "backtest", *arguments, "--config", config, *WIDE)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def compacted(config: Path) -> None:
    """Turn the segments of the lake into Parquet."""
    engine = open_database(load_settings(config, {}).database)
    assert compaction.compact(engine, datetime.now(UTC)).written > 1
    engine.dispose()


@pytest.mark.parametrize("parquet", [False, True])
def test_a_new_rule_finds_what_was_there_before_it(config: Path, parquet: bool) -> None:  # noqa: FBT001 - a parameter
    """Fields that nobody wanted then are read from the records; segments and Parquet give the same."""
    if parquet:
        compacted(config)
    found, summary = run(config, config.parent / "own.yml")

    assert found["matches"] == 10
    assert found["by_day"] == {"2026-11-17": 6, "2026-11-18": 4}
    assert found["by_commune"] == {"00105": 6, "unattributed": 4}
    assert found["by_host"] == {"aul-web1": 6, "other": 4}
    assert (found["incidents"], found["bearable"]) == (2, True)
    assert (summary["events"], summary["of_the_log_sources"], summary["as_kept"], summary["whole"]) == (11, 10, 0, True)


def test_a_commune_and_a_span(config: Path) -> None:
    """Only what lies inside is looked at."""
    compacted(config)
    found, summary = run(config, config.parent / "own.yml", "--commune", "00105")
    assert (found["matches"], summary["events"]) == (6, 6)
    done = tocsin(
        "rules", "backtest", config.parent / "own.yml", "--config", config, "--since", "2026-11-18", "--until", "2026-11-19"
    )
    assert "found      4, on 1 day, in 1 commune" in done.stdout
    assert "5 events looked at, 4 of the log sources asked for" in done.stderr


def test_correlations_bring_their_base_rules_and_agree_with_live(config: Path) -> None:
    """By its id, the burst finds the same two hits as the running install did."""
    rows = {row.get("rule.id"): row for row in run(config, BURST)}

    assert rows[FAILED]["matches"] == 10
    assert rows[BURST]["matches"] == 2
    assert rows[BURST]["by_commune"] == {"00105": 1, "unattributed": 1}
    engine = open_database(load_settings(config, {}).database)
    with engine.connect() as connection:
        assert connection.exec_driver_sql(f"select count(distinct id) from hit where rule_id = '{BURST}'").scalar() == 2  # noqa: S608
    engine.dispose()


def test_noise_is_told_against_the_level(config: Path) -> None:
    """Two incidents in two days are too many for critical; low opens none."""
    span = ("--since", "2026-11-17", "--until", "2026-11-19", "--config", config)
    for level, said in (("critical", "too many, narrow it or lower its level"), ("low", "none: level low opens no incident")):
        (config.parent / "own.yml").write_text(OWN.replace("level: high", f"level: {level}"))
        assert said in tocsin("rules", "backtest", config.parent / "own.yml", *span).stdout
    assert tocsin("rules", "backtest", config.parent / "own.yml", *span, "--fail-on", "low").exit_code == 1


def test_ctrl_c_shows_what_was_found(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first file was read, then somebody lost patience."""
    compacted(config)
    real = module.chunks
    read: list[str] = []

    def impatient(engine: Any, file: lake.LakeFile) -> Any:
        read.append(file.path)
        if len(read) > 1:
            raise KeyboardInterrupt
        return real(engine, file)

    monkeypatch.setattr(module, "chunks", impatient)
    done = tocsin("rules", "backtest", config.parent / "own.yml", "--config", config, "--since", "2026-11-01")
    assert done.exit_code == 130
    assert "found      6" in done.stdout
    assert "stopped at 2026-11-17 02:00 UTC: what is shown is a part" in done.stderr


def test_a_file_that_leaves_meanwhile_is_counted(config: Path) -> None:
    """Retention took it between the listing and the reading: said, not hidden."""
    compacted(config)
    settings = load_settings(config, {})
    engine = open_database(settings.database)
    content = load_content(settings, [config.parent / "own.yml"])
    span = Span(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC))
    test = Backtest(engine, content, span)
    lake.scan(engine)[0].unlink()

    *_, (done, total) = test.run()
    assert (total - done, test.gone) == (test.gone, total - done)
    assert test.gone > 0
    engine.dispose()


def test_what_cannot_be_parsed_alone_is_taken_as_kept(config: Path) -> None:
    """A record whose meaning stood in another line keeps what the lake has of it."""
    settings = load_settings(config, {})
    engine = open_database(settings.database)
    rows = lake.events(engine).collect().with_columns(pl.lit("\x01").alias("event.original"))
    made = module.read_again(rows, load_content(settings).parsers)
    assert (made.as_kept, sum(frame.height for frame in made.frames)) == (11, 11)
    engine.dispose()


def test_what_is_asked_must_make_sense(config: Path) -> None:
    """A span that ends before it begins, a rule that is none."""
    for arguments in (("own.yml", "--since", "2026-11-20", "--until", "2026-11-19"), ("gone.yml",)):
        rule, *rest = arguments
        done = tocsin("rules", "backtest", config.parent / rule, *rest, "--config", config)
        assert done.exit_code == 2, done.output
