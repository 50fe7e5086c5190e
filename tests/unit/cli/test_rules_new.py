"""``tocsin rules new``: what it writes loads, is clean, and its test runs; nothing is ever overwritten."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from correlator.cli import command


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_DATA_DIR", str(tmp_path_factory.getbasetemp() / "plans"))  # compiled once for all tests
    monkeypatch.chdir(tmp_path)


def rules(*arguments: str, text: str | None = None) -> Result:
    """Return the result of ``tocsin rules …``."""
    return CliRunner().invoke(command, ["rules", *arguments], input=text)


SSHD = ("new", "--product", "linux", "--service", "sshd", "--title", "L’agent « Key »: Accepted, 100%")
PROCESS = ("new", "--product", "windows", "--category", "process_creation", "--title", "Domain Trusts Listed")


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (SSHD, "linux/sshd/lnx_sshd_l_agent_key_accepted_100"),
        (PROCESS, "windows/process_creation/proc_creation_win_domain_trusts_listed"),
        ((*PROCESS, "--field", r"Image|endswith=\nltest.exe", "--field", "CommandLine|contains=/domain_trusts"),
         "windows/process_creation/proc_creation_win_domain_trusts_listed"),
        (("new", "--category", "webserver", "--title", "Page Asked For"), "webserver/web_page_asked_for"),
    ],
)  # fmt: skip
def test_what_is_written_is_clean_and_proved(arguments: tuple[str, ...], path: str) -> None:
    """The check has nothing to say, both cases hold, and one fails when the selection is changed."""
    made = rules(*arguments)
    rule = Path("my-rules", f"{path}.yml")

    assert made.stdout.splitlines()[:2] == [str(rule), str(rule.with_suffix(".test"))]
    assert rules("check", "my-rules", "--fail-on", "low").stdout == "1 rules and 0 correlations loaded, 0 rejected, 0 inert\n"
    assert rules("test", "my-rules").stdout == "1 scripts, 2 cases, 0 failed, 0 untested\n"
    content = yaml.safe_load(rule.read_text())
    name = next(iter(content["detection"]["selection"]))
    content["detection"]["selection"][name] = "never"
    rule.write_text(yaml.safe_dump(content | {"date": str(content["date"])}))
    assert "fired 0 times, expected 1" in rules("test", "my-rules").stderr


def test_without_a_sample_the_lines_are_left_to_write() -> None:
    """The rule is clean; its test fails and says what is missing."""
    assert rules("new", "--product", "windows", "--service", "bitlocker", "--title", "Volume Unlocked").exit_code == 0
    result = rules("test", "my-rules")

    assert result.exit_code == 1
    assert "refuses line 1" in result.stderr
    assert "paste here a raw line" in Path("my-rules/windows/bitlocker/win_bitlocker_volume_unlocked.test").read_text()


def test_what_is_there_stays() -> None:
    """A second run says what is there, with title and id, and changes nothing; nor does it when only the test is there."""
    rules(*SSHD)
    (rule,) = Path("my-rules").rglob("*.yml")
    before = rule.read_text()
    again = rules(*SSHD)

    assert (again.exit_code, rule.read_text() == before) == (2, True)
    assert f"is there already: 'L’agent « Key »: Accepted, 100%', id {yaml.safe_load(before)['id']}" in again.stderr
    rule.unlink()
    assert (rules(*SSHD).exit_code, rule.exists()) == (2, False)


def test_wrong_input_is_told() -> None:
    """No log source, one that nothing gives, a title of two lines, a field without a value."""
    assert "no log source" in rules("new", "--title", "x").stderr
    assert (
        "no parser gives windows//securty"
        in rules("new", "--title", "x", "--product", "windows", "--service", "securty").stderr
    )
    assert "not one line of text" in rules(*SSHD[:-1], "a\nlevel: critical").stderr
    assert "is no test" in rules(*SSHD, "--field", "message").stderr
    assert rules("new", "--product", "../../etc", "--title", "x").exit_code == 2
    assert not Path("my-rules").exists()


def test_what_is_not_given_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal: product, category, service and title, each with what there is."""
    monkeypatch.setattr("correlator.cli.rules_new._is_asked", lambda: True)
    result = rules("new", text="linux\n\nsshd\nKey Accepted\n")

    assert "product (" in result.stdout
    assert "windows" in result.stdout
    assert "sshd, sudo" in result.stdout
    assert Path("my-rules/linux/sshd/lnx_sshd_key_accepted.yml").is_file()


def test_as_json() -> None:
    """Scripts get the paths, the id and the fields of the log source, the source's own first."""
    row = json.loads(rules(*SSHD, "--format", "json").stdout)

    assert Path(row["rule"]).is_file()
    assert row["fields"].index("sshd.method") < row["fields"].index("user.name")
    assert len(row["id"]) == 36
