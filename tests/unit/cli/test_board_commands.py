"""``tocsin board`` and ``tocsin clocks``: what a manager and a registrar type, and what they are told when it is wrong."""

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from correlator.cli import command
from correlator.store.database import open_database

ESTATE = """
version = 1
[[commune]]
id = "00101"
code = "BRP"
name = "Brévanne-le-Port"
hours = { mon-fri = "08:30-12:00, 13:30-17:30" }
[[commune]]
id = "00103"
code = "COR"
name = "Corvigny-lès-Monts"
hours = { mon-fri = "08:30-12:00, 13:30-17:30" }
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the settings of an install with two communes and an empty database."""
    (tmp_path / "estate.toml").write_text(ESTATE)
    path = tmp_path / "tocsin.toml"
    path.write_text('data_dir = "data"\nestate = "estate.toml"\n')
    open_database(tmp_path / "data" / "tocsin.db").dispose()
    return path


def tocsin(config: Path, *arguments: str) -> Result:
    """Run a command on the install, on a wide terminal."""
    return CliRunner().invoke(command, [*arguments, "--config", str(config)], env={"COLUMNS": "220"})


def rows(result: Result) -> list[dict[str, object]]:
    """Return the NDJSON a command printed."""
    return [json.loads(line) for line in result.stdout.splitlines()]


SAY = ("board", "say", "ec-deces", "--commune", "00101", "--state")


def test_what_is_said_is_on_the_board_until_it_is_taken_back(config: Path) -> None:
    """Paper, since when, why and by whom; taken back, it is unknown again, not running."""
    said = tocsin(
        config, *SAY, "papier", "--because", "Serveur éteint.", "--waiting", "4", "--since", "2h", "--by", "Mme Durand"
    )
    assert (
        said.stdout
        == "✎ Procédure papier : État civil — décès et opérations funéraires (00101), dit par Mme Durand. Serveur éteint.\n"
    )
    found = {(row["service"], row["commune"]): row for row in rows(tocsin(config, "board", "--format", "json"))}
    row = found["ec-deces", "00101"]
    assert (row["state"], row["said_by"], row["waiting"], row["confidence"]) == ("paper", "Mme Durand", 4, "said")
    assert found["ec-deces", "00103"]["state"] == "unknown"
    text = tocsin(config, "board").stdout
    for word in (
        "1 commune en procédure papier",
        "À regarder d’abord",
        "✎ Procédure papier",
        "4 actes sur papier",
        "BRP",
        "COR",
    ):
        assert word in text
    assert "COR" not in tocsin(config, "board", "--commune", "00101").stdout
    assert "Retiré" in tocsin(config, "board", "unsay", "ec-deces", "--commune", "00101").stdout
    states = {row["state"] for row in rows(tocsin(config, "board", "--format", "json"))}
    assert states == {"unknown"}
    again = tocsin(config, "board", "unsay", "ec-deces", "--commune", "00101")
    assert (again.exit_code, again.stderr) == (2, "tocsin: nothing is said of ec-deces in 00101; see `tocsin board`\n")


OPEN = "clocks open cnil-72h --commune 00101"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("board say ec-dece --commune 00101 --state down --because x", "did you mean 'ec-deces'?"),
        ("board say ec-deces --commune 00102 --state down --because x", "unknown commune '00102'; did you mean"),
        ("board say ec-deces --commune 00101 --state down --because ' '", "--because: empty"),
        ("board say ec-deces --commune 00101 --state down --because x --since 2099-01-01", "--since: lies in the future"),
        ("board say ec-deces --commune 00101 --state down --because x --until 2020-01-01", "--until: lies in the past"),
        ("board say ec-deces --commune 00101 --state down --because x --since hier", "not a time: 'hier'"),
        ("board --commune 9", "unknown commune '9'"),
        ("clocks open cnil --commune 00101", "unknown clock 'cnil'; did you mean 'cnil-72h'?"),
        (f"{OPEN} --by x", "--aware: missing: cnil-72h starts with it"),
        (f"{OPEN} --aware 1h", "--by: missing"),
        (f"{OPEN} --aware 2099-01-01 --by x", "--aware: lies in the future"),
        (f"{OPEN} --fact 1h --by x", "--fact: does not start cnil-72h"),
        (f"{OPEN} --aware 1h --by x --incident 26-1", "no incident 26-1"),
        ("clocks open naissance-5j --commune 00101 --fact 2026-11-16", "--subject: missing"),
        ("clocks close 9 --proof x", "no clock 9; see `tocsin clocks list`"),
        ("clocks close 9 --proof ' '", "closed with a proof"),
    ],
)
def test_wrong_input_is_told(config: Path, line: str, told: str) -> None:
    """Exit code 2, nothing on stdout, what and what would be right on stderr; nothing is stored."""
    result = tocsin(config, *shlex.split(line))
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr
    origins = {row["origin"] for row in rows(tocsin(config, "clocks", "list", "--format", "json", "--all"))}
    assert origins <= {"calendar"}


def test_a_clock_from_awareness_to_proof(config: Path) -> None:
    """One commune's, signed; the second click refused; closed with its receipt, kept with it."""
    opening = ("clocks", "open", "cnil-72h", "--commune", "00103", "--aware", "2026-10-23T23:40", "--by", "Mme Roy, DPD")
    told = tocsin(config, *opening).stdout.replace("\N{NO-BREAK SPACE}", " ")
    assert "Horloge 1 ouverte : Notification de violation de données à la CNIL (00103), échéance lun. 26 oct. 22 h 40" in told
    assert "RGPD, art. 33" in told
    again = tocsin(config, *opening)
    assert (again.exit_code, "close it first" in again.stderr) == (2, True)
    opened = [row for row in rows(tocsin(config, "clocks", "list", "--format", "json")) if row["origin"] == "opened"]
    assert [(row["commune"], row["kind"], row["due"]) for row in opened] == [("00103", "cnil-72h", "2026-10-26T21:40:00+00:00")]
    text = tocsin(config, "clocks", "list").stdout
    assert "Connaissance signée par Mme Roy, DPD" in text
    assert "récépissé 77" in tocsin(config, "clocks", "close", "1", "--proof", "récépissé 77").stdout
    twice = tocsin(config, "clocks", "close", "1", "--proof", "autre")
    assert (twice.exit_code, "was closed by" in twice.stderr) == (2, True)
    kept = [row for row in rows(tocsin(config, "clocks", "list", "--all", "--format", "json")) if row["origin"] == "closed"]
    assert [(row["kind"], row["proof"]) for row in kept] == [("cnil-72h", "récépissé 77")]
    assert "récépissé 77" in tocsin(config, "clocks", "list", "--all").stdout


def test_a_birth_slides_to_monday(config: Path) -> None:
    """Born on Monday 16 November: Monday 23, 17:30 at the counter, midnight by law."""
    opening = ("clocks", "open", "naissance-5j", "--commune", "00101", "--fact", "2026-11-16", "--subject", "registre n° 12")
    assert tocsin(config, *opening).exit_code == 0
    (row,) = [row for row in rows(tocsin(config, "clocks", "list", "--format", "json")) if row["origin"] == "opened"]
    assert (row["day"], row["counter"], row["due"]) == ("2026-11-23", "2026-11-23T16:30:00+00:00", "2026-11-23T23:00:00+00:00")
    other = tocsin(config, "clocks", "list", "--commune", "00103", "--format", "json")
    assert [row for row in rows(other) if row["origin"] == "opened"] == []


def test_export_writes_the_pages(config: Path, tmp_path: Path) -> None:
    """Index, A4, one page per commune; a folder that is a file is told."""
    result = tocsin(config, "board", "--export", str(tmp_path / "share"))
    assert (result.exit_code, re.search(r"pages dans .*/share", result.stdout) is not None) == (0, True)
    names = {path.name for path in (tmp_path / "share").glob("*.html")}
    assert names == {"index.html", "a4.html", "commune-00101.html", "commune-00103.html"}
