"""``tocsin rules coverage``: the table, the layer, on logs and without any."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from correlator.cli import command

LINES = "\n".join(
    f"2026-11-17T22:10:{second:02}+01:00 BRP-WEB01 sshd[1]: Accepted password for jdupont from 10.11.40.21 port 4242 ssh2"
    for second in range(3)
)
RULE = """title: Password Over SSH
id: 5f1c9e0a-6b56-4d0e-9a53-0f6c1d2e7a11
tags: [attack.t1021.004]
logsource: {product: linux, service: sshd}
detection: {sel: {sshd.method: password}, condition: sel}
"""
OTHER = """title: Key Over SSH
id: 5f1c9e0a-6b56-4d0e-9a53-0f6c1d2e7a12
tags: [attack.t1021.005]
logsource: {product: linux, service: sshd}
detection: {sel: {sshd.fingerprint: x}, condition: sel}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_DATA_DIR", str(tmp_path_factory.getbasetemp() / "plans"))  # compiled once for all tests
    monkeypatch.chdir(tmp_path)
    Path("rules").mkdir()
    Path("rules/password.yml").write_text(RULE)
    Path("rules/key.yml").write_text(OTHER)
    Path("auth.log").write_text(LINES + "\n")


def coverage(*arguments: str) -> Result:
    """Return the result of the command over the two rules."""
    return CliRunner().invoke(command, ["rules", "coverage", "rules", *arguments], catch_exceptions=False)


def test_on_logs() -> None:
    """One rule can fire on them, the other misses a field that no event has."""
    out = coverage("--on", "auth.log").stdout

    assert "rules         1 of 2 can fire here, 1 of them untested" in out
    assert "missing       1 × sshd.fingerprint in none of 3 events looked at" in out


def test_without_logs_the_parsers_are_asked() -> None:
    """Nothing arrived yet: it says so, and both rules can fire."""
    result = coverage()

    assert "nothing has arrived yet" in result.stdout
    assert "rules         2 of 2 can fire here" in result.stdout


def test_a_rule_beside_its_test_is_covered() -> None:
    """One object per rule, with status, reason and techniques."""
    Path("rules/password.test").write_text("case a\n")
    rows = {row["title"]: row for row in map(json.loads, coverage("--on", "auth.log", "--format", "json").stdout.splitlines())}

    assert (rows["Password Over SSH"]["status"], rows["Key Over SSH"]["status"]) == ("covered", "field missing")
    assert rows["Password Over SSH"]["techniques"] == ["T1021.004"]


def test_the_layer_is_written() -> None:
    """A file for the Navigator; a folder that is not there is wrong input."""
    result = coverage("--on", "auth.log", "--navigator", "layer.json")
    layer = json.loads(Path("layer.json").read_text())

    assert {one["techniqueID"]: one["score"] for one in layer["techniques"]} == {"T1021.004": 1, "T1021.005": 0}
    assert "2 techniques" in result.stderr
    assert coverage("--navigator", "nowhere/layer.json").exit_code == 2


def test_wrong_paths_are_told() -> None:
    """Logs that are not there, rules that are none."""
    assert "no such file" in coverage("--on", "nothing.log").stderr
    Path("empty").mkdir()
    result = CliRunner().invoke(command, ["rules", "coverage", "empty"])
    assert (result.exit_code, "there is no rule" in result.stderr) == (2, True)
