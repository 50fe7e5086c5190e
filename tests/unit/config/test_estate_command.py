"""``tocsin estate check``: what a person sees, and what it exits with."""

import json
from pathlib import Path

from click.testing import CliRunner

from correlator.cli import command

GOOD = """\
version = 1
[[commune]]
id = "00101"
code = "BRP"
name = "Brévanne-le-Port"
hosts = ["BRP-*"]
[[network]]
cidr = "10.11.0.0/16"
commune = "00101"
zone = "users"
"""


def run(path: Path, text: str, *options: str) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of the check of ``text``."""
    path.write_text(text, "utf-8")
    result = CliRunner().invoke(command, ["estate", "check", str(path), *options])
    return result.exit_code, result.stdout, result.stderr


def test_a_good_file_is_shown_with_what_is_still_missing(tmp_path: Path) -> None:
    """Every commune is a row; what will leave events unattributed is named, and is no fault."""
    code, shown, _ = run(tmp_path / "estate.toml", GOOD, "--format", "json")
    row = {"commune": "00101", "code": "BRP", "name": "Brévanne-le-Port", "inhabitants": "", "networks": 1, "sources": 0}
    first, *rest = map(json.loads, shown.splitlines())
    more = {"services": 0, "contacts": 0, "hosts": "BRP-*", "to do": "no upn_suffixes, hours"}
    assert (code, first) == (0, {**row, **more})
    assert {"warning": "no service", "subject": "commune Brévanne-le-Port"}.items() <= rest[0].items()


def test_faults_go_to_stderr_with_their_place(tmp_path: Path) -> None:
    """A person reads path:line on stderr; the exit code says the input is wrong."""
    path = tmp_path / "estate.toml"
    code, shown, told = run(path, GOOD.replace("users", "usrs"))
    assert (code, shown) == (2, "")
    assert told.startswith(f"{path}:10: zone: unknown zone 'usrs'; did you mean 'users'?")


def test_faults_as_json_are_whole(tmp_path: Path) -> None:
    """A program reads each fault as one object."""
    path = tmp_path / "estate.toml"
    code, shown, _ = run(path, GOOD.replace("code", "cod"), "--format", "json")
    assert code == 2
    assert [(fault["line"], fault["what"]) for fault in map(json.loads, shown.splitlines())] == [
        (2, "'code' is missing"),
        (4, "unknown key 'cod'"),
    ]
