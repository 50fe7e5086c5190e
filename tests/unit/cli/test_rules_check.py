"""``tocsin rules check``: severities, exit codes, the forms of output, what must never happen."""

import json
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from correlator.cli import command

ODD = """title: Domain Administrators Listed, 100% of them
id: 7c0d9a52-3f0e-4b3b-9a1e-5d1b0c1f4e21
status: experimental
level: medium
logsource:
    product: windows
    category: process_creation
detection:
    selection:
        CommandLine|contains: 'Domain Admins'
    condition: selection
"""


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_DATA_DIR", str(tmp_path_factory.getbasetemp() / "plans"))  # compiled once for all tests
    monkeypatch.chdir(tmp_path)


def check(*arguments: str, **files: str) -> Result:
    """Return the result of the check over ``files`` (name → text)."""
    Path("my").mkdir(exist_ok=True)
    for name, text in files.items():
        Path("my", f"{name}.yml").write_text(text)
    return CliRunner().invoke(command, ["rules", "check", "my", *arguments], catch_exceptions=False)


NOTED = ODD.replace("'Domain Admins'", "ab")
NEVER_TRUE = ODD.replace("    condition: selection", "    condition: selection and not selection")


@pytest.mark.parametrize(
    ("fail_on", "note", "warning", "error"),
    [
        (None, 0, 0, 2),
        ("never", 0, 0, 0),
        ("error", 0, 0, 2),
        ("critical", 0, 0, 2),
        ("high", 0, 0, 2),
        ("warning", 0, 1, 2),
        ("medium", 0, 1, 2),
        ("note", 1, 1, 2),
        ("low", 1, 1, 2),
        ("informational", 1, 1, 2),
    ],
)
def test_what_fails(fail_on: str | None, note: int, warning: int, error: int) -> None:
    """--fail-on takes the words of the findings, and the levels of every command; an error is wrong input unless never."""
    asked = ["--fail-on", fail_on] if fail_on else []
    codes = [check("--skip", "sigma", *asked, rule=text).exit_code for text in (NOTED, ODD, NEVER_TRUE)]

    assert codes == [note, warning, error]


def test_a_severity_that_there_is_not() -> None:
    """The words that there are stand in the refusal."""
    result = check("--fail-on", "warnings", rule=ODD)

    assert (result.exit_code, "'warning'" in result.output) == (2, True)


def test_an_error_is_told() -> None:
    """A rule that can never be true is an error."""
    result = check(domain_admins=NEVER_TRUE)

    assert (result.exit_code, "error never-true" in result.stdout) == (2, True)


def test_a_file_that_is_no_yaml_is_told() -> None:
    """Half a file: its fault has a line, and the other files are checked all the same."""
    result = check(broken="title: a: b\n", empty="", domain_admins=ODD)

    assert (result.exit_code, "my/broken.yml:1: not readable as YAML" in result.stdout) == (2, True)
    assert "warning english-name" in result.stdout


def test_annotations_are_escaped() -> None:
    """A forge reads ``%``, line ends, ``:`` and ``,`` as its own: no rule may write a command of its own."""
    hostile = ODD.replace("'Domain Admins'", '"Domain Admins\\n::error::100%"')
    lines = check("--format", "github", "--skip", "sigma", domain_admins=hostile).stdout.splitlines()

    assert len(lines) == 1
    assert lines[0].startswith("::warning file=my/domain_admins.yml,line=10,title=english-name::")
    assert "%0A::error::100%25" in lines[0]


def test_paths_of_annotations_are_those_of_the_checkout(tmp_path: Path) -> None:
    """An absolute path below the working folder becomes a relative one."""
    check(domain_admins=ODD)
    result = CliRunner().invoke(command, ["rules", "check", str(tmp_path / "my"), "--format", "github"])

    assert result.stdout.startswith("::warning file=my/domain_admins.yml,")


def test_as_json() -> None:
    """One object per finding; the counts are not part of it."""
    result = check("--format", "json", domain_admins=ODD)
    (row,) = map(json.loads, result.stdout.splitlines())

    assert (row["lint"], row["severity"], row["line"]) == ("english-name", "warning", 10)
    assert "1 warning" in result.stderr


def test_many_findings_are_counted_and_all_lists_them() -> None:
    """Five of one kind: the first three and how to see the rest; --all has five lines."""
    files = {f"domain_admins_{number}": ODD.replace("4e21", f"4e2{number}") for number in range(5)}
    result = check("--skip", "duplicate-rule", "--skip", "duplicate-title", **files)

    assert "warning english-name: 5 × " in result.stdout
    assert "… and 2 more: --all" in result.stdout
    assert sum(line.startswith("warning english-name: my/") for line in check("--all").stdout.splitlines()) == 5


def test_skip_takes_names_of_lints_only() -> None:
    """A misspelt name is wrong input: it would leave nothing out, in silence."""
    result = check("--skip", "english-nam", domain_admins=ODD)

    assert (result.exit_code, "did you mean english-name?" in result.stderr) == (2, True)
    assert check("--skip", "english-name").stdout == "1 rules and 0 correlations loaded, 0 rejected, 0 inert\n"
    assert check("--skip", "sigma-number-as-string").exit_code == 0


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """The validators that download the tables of MITRE do not run, whatever tags a rule has."""

    def refuse(*_: object) -> None:
        raise AssertionError("somebody opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    result = check(domain_admins=ODD + "tags:\n    - attack.t1059\n    - d3fend.d3-ab\n    - attack.t9999\n")

    assert "warning attack-tag: 1 × " in result.stdout


def test_parsers_of_the_site_count() -> None:
    """A log source that only a parser of the site gives is known."""
    mine = ODD.replace("product: windows", "product: mine")
    assert "warning source-unknown" in check(domain_admins=mine).stdout
    Path("parsers-here").mkdir()
    Path("parsers-here/mine.py").write_text(
        "from correlator.parse.contract import *\nimport polars as pl\n"
        "PARSER = Parser(name='mine', log_sources=(LogSource('mine', 'process_creation', ''),), signature=Signature('^mine'),\n"
        "    maturity=Maturity.UNPROVED, fields={'CommandLine': pl.String()}, parse=lambda raw, want: None)\n"
    )
    Path("tocsin.toml").write_text('parsers_dir = "parsers-here"\n')

    assert check(domain_admins=mine).stdout.startswith("1 rules")


def test_the_shipped_rules_are_clean() -> None:
    """No error, no warning, no note; what is on purpose says so in the rule."""
    result = CliRunner().invoke(command, ["rules", "check", "--fail-on", "low"])

    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 1), result.stdout
