"""`tocsin sources` and `tocsin dead-letter show` on an install that read a few files."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from correlator.cli.main import command

LOG = b"""\
<38>Nov 22 14:05:01 mx1 sshd[77]: Failed password for root from 192.0.2.7 port 5122 ssh2
<38>Nov 22 14:05:02 mx1 sshd[77]: something that sshd never says
no header, no product, nothing
"""


def tocsin(*words: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(command, list(words))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the settings of an install that has followed one file to its end."""
    (tmp_path / "auth.log").write_bytes(LOG)
    path = tmp_path / "tocsin.toml"
    path.write_text(f'data_dir = "data"\n[[source]]\nname = "mx1"\npaths = ["{tmp_path}/auth.log"]\nsilent_after = "2h"\n')
    assert tocsin("run", "--once", "--config", str(path)).exit_code == 0
    return path


def test_sources_tell_what_was_understood(config: Path) -> None:
    """Records, refused and the rhythm that was declared; nothing is wrong, so the exit code is 0."""
    done = tocsin("sources", "--config", str(config), "--format", "json")
    (row,) = map(json.loads, done.stdout.splitlines())
    assert (done.exit_code, row["source"], row["state"], row["received"], row["rhythm"]) == (0, "mx1", "ok", 3, "declared")
    assert row["refused"] == pytest.approx(1 / 3)
    assert "33.3%" in tocsin("sources", "--config", str(config)).stdout


def test_a_dead_letter_is_shown_whole(config: Path) -> None:
    """By its number, with what the reason means and what would become of it; the other spelling works too."""
    (letter,) = map(json.loads, tocsin("deadletter", "list", "--config", str(config), "--format", "json").stdout.splitlines())
    shown = tocsin("dead-letter", "show", str(letter["number"]), "--config", str(config))
    assert shown.exit_code == 0, shown.output
    assert "no_parser" in shown.stdout
    assert "nobody would read it" in shown.stdout
    assert shown.stdout.endswith("no header, no product, nothing\n")
    wrong = tocsin("dead-letter", "show", "999", "--config", str(config))
    assert (wrong.exit_code, "no dead letter 999" in wrong.output) == (2, True)
