"""Lints and coverage over the whole of SigmaHQ: every finding has its place, the known traps are found, nothing is fetched."""

import json
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from correlator.cli import command

pytestmark = pytest.mark.corpus

SIGMAHQ = Path(__file__).parents[3] / "shared" / "sigma" / "sigmahq"
#: Active rules of the tree; those that cannot load have placeholders that no estate fills.
FILES = 3_780


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Return every finding over the whole tree, made with no network at hand."""
    if not SIGMAHQ.is_dir():
        pytest.skip("needs ../shared/sigma/sigmahq")

    def refuse(*_: object) -> None:
        raise AssertionError("somebody opened a connection")

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOCSIN_DATA_DIR", str(tmp_path_factory.mktemp("plans")))
        patch.chdir(tmp_path_factory.mktemp("here"))
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket, "getaddrinfo", refuse)
        result = CliRunner().invoke(command, ["rules", "check", str(SIGMAHQ), "--format", "json"])
    assert result.exit_code == 2, result.output  # some placeholders stay empty
    return [json.loads(line) for line in result.stdout.splitlines()]


def _files(found: list[dict[str, Any]], lint: str) -> set[str]:
    return {Path(row["path"]).stem for row in found if row["lint"] == lint}


def test_what_does_not_load_has_a_placeholder(found: list[dict[str, Any]]) -> None:
    """Nothing else in the tree is refused, and no condition in it contradicts itself."""
    errors = [row for row in found if row["severity"] == "error"]

    assert errors
    assert [row for row in errors if row["lint"] != "load" or "placeholder" not in row["what"]] == []


def test_every_finding_has_its_place(found: list[dict[str, Any]]) -> None:
    """A file that is there and a line that it has."""
    lengths = {path: len(Path(path).read_text().splitlines()) for path in {row["path"] for row in found}}

    assert [row for row in found if not 1 <= row["line"] <= lengths[row["path"]]] == []


def test_lines_are_those_of_the_text_found(found: list[dict[str, Any]]) -> None:
    """The line of a finding about a field names the field, or a value below it."""
    rows = [row for row in found if row["lint"] in {"field-unlisted", "field-misspelt"}]
    named = [row["what"].rpartition(" field ")[2] for row in rows]
    lines = [Path(row["path"]).read_text().splitlines()[row["line"] - 1] for row in rows]

    assert len(rows) > 20
    assert [pair for pair in zip(named, lines, strict=True) if pair[0] not in pair[1]] == []


def test_known_traps_are_found(found: list[dict[str, Any]]) -> None:
    """Rules that work on an English Windows only; sources that nobody sends; a list of rules is never empty by accident."""
    assert "proc_creation_win_net_groups_and_accounts_recon" in _files(found, "english-name")
    assert "bitbucket_audit_full_data_export_triggered" in _files(found, "source-unknown")
    assert "proc_creation_win_susp_image_missing" in _files(found, "literal-short")
    assert Counter(row["lint"] for row in found)["sigma-escaped-wildcard"] > 40


def test_what_is_said_stays_readable(found: list[dict[str, Any]]) -> None:
    """Our own lints say something about few rules: noise would hide what matters. Log sources apart."""
    ours = Counter(row["lint"] for row in found if not row["lint"].startswith("sigma-"))

    assert ours.pop("source-unknown") < 0.15 * FILES
    assert sum(ours.values()) < 0.10 * FILES


def test_names_that_both_languages_share_are_no_finding(found: list[dict[str, Any]]) -> None:
    """Rules that were written for every language of Windows (AUTHORI and AUTORI, Administr) are left alone."""
    careful = {"win_security_user_added_to_local_administrators", "proc_creation_win_susp_system_user_anomaly"}

    assert careful & _files(found, "english-name") == set()
