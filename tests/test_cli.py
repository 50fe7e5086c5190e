"""Promises of every command: it is there, its help is fast and has what people need, options and exit codes are the same."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from correlator import __version__
from correlator.cli import command, main
from correlator.cli.main import COMMANDS
from correlator.errors import Fatal, InputError, Problem, Retry
from correlator.store.database import open_database

#: What makes a command slow to start; none of it may be loaded to say how a command is used.
HEAVY = ("polars", "sqlalchemy", "sigma", "pyarrow", "duckdb", "pydantic", "rich", "alembic", "httpx")
#: Commands whose --fail-on can change the exit code; the others take it and say that it changes nothing.
FINDERS = {
    "replay", "try", "detect", "correlate", "incidents show", "incident", "demo", "run", "rules try", "rules check",
    "rules backtest",
    "dead-letter reprocess",
    "doctor",
}  # fmt: skip


def _leaves(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        if isinstance(found, click.Group):
            yield from _leaves(found, (*path, name))
        else:
            yield " ".join((*path, name)), found


assert isinstance(command, click.Group)
LEAVES = dict(_leaves(command))


def run(*arguments: str) -> tuple[int, str, str]:
    """Return exit code, standard output, standard error."""
    result = CliRunner().invoke(command, arguments)
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_is_there(name: str) -> None:
    """Its help has a sentence that ends, and the table has a line for it."""
    code, out, _ = run(name, "--help")
    assert (code, out.startswith("Usage: ")) == (0, True)
    assert COMMANDS[name][1].endswith(".")


@pytest.mark.parametrize("name", LEAVES)
def test_every_option_is_explained(name: str) -> None:
    """Each command says what it does, has --format, and explains every option that its name and choices do not."""
    leaf = LEAVES[name]
    options = {option.name: option for option in leaf.params if isinstance(option, click.Option)}
    assert leaf.help
    assert "form" in options
    mute = [key for key, one in options.items() if not one.help and not isinstance(one.type, click.Choice)]
    assert mute == []


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_takes_fail_on(name: str) -> None:
    """--fail-on LEVEL with the five levels of Sigma (lints have severities besides); it says so where it changes nothing."""
    (option,) = (one for one in LEAVES[name].params if one.name == "fail_on")
    assert isinstance(option, click.Option)
    assert isinstance(option.type, click.Choice)
    more = ("never", "error", "warning", "note") if name == "rules check" else ()
    assert option.type.choices == (*more, "informational", "low", "medium", "high", "critical")
    assert ("changes nothing" in (option.help or "")) == (name not in FINDERS)


@pytest.mark.parametrize("name", LEAVES)
def test_an_unknown_option_is_wrong_input(name: str) -> None:
    """Exit code 2, and the option is named."""
    code, _, told = run(*name.split(), "--nonsense")
    assert (code, "--nonsense" in told) == (2, True)


def test_an_unknown_command_is_wrong_input() -> None:
    """Exit code 2, the command is named, and so is the one that was meant."""
    code, _, told = run("replya")
    assert (code, "'replya'" in told, "Did you mean 'replay'?" in told) == (2, True, True)
    assert "Did you mean" not in run("xyzzy")[2]


def test_help_loads_nothing_heavy() -> None:
    """Neither the main help nor that of any command, in one fresh process."""
    script = (
        "import sys\nfrom click.testing import CliRunner\nfrom correlator.cli import command\n"
        f"for words in {[['--help'], ['--version'], *([*name.split(), '--help'] for name in LEAVES)]!r}:\n"
        "    assert CliRunner().invoke(command, words).exit_code == 0, words\n"
        f"    loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "    assert not loaded, (words, loaded)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_version() -> None:
    """``tocsin --version``."""
    assert run("--version") == (0, f"tocsin, version {__version__}\n", "")


ERRORS = {
    "input": (InputError([Problem("a.toml", 3, "is wrong", "write it right")]), 2, "a.toml:3: is wrong; write it right"),
    "fatal": (Fatal("the disk is full"), 3, "tocsin: the disk is full"),
    "retry": (Retry("another process holds the database"), 3, "tocsin: another process holds the database"),
    "disk": (OSError(28, "No space left on device", "/x"), 3, "tocsin: [Errno 28] No space left on device: '/x': free space"),
    "fault": (KeyError("column"), 3, f"tocsin: fault of Tocsin {__version__}: KeyError at test_cli.py:"),
}


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> dict[str, Exception]:
    """Make ``tocsin doctor`` raise what is put under "error"."""
    raised: dict[str, Exception] = {}

    @click.command()
    def doctor() -> None:
        """Raise."""
        raise raised["error"]

    monkeypatch.setattr("correlator.cli.doctor.doctor", doctor)
    return raised


@pytest.mark.parametrize("kind", ERRORS)
def test_errors_are_one_line_and_an_exit_code(broken: dict[str, Exception], kind: str) -> None:
    """2 for what the person can mend, 3 for faults of ours; never a traceback."""
    error, code, message = ERRORS[kind]
    broken["error"] = error
    found, out, told = run("doctor")

    assert (found, out) == (code, "")
    assert told.startswith(message)
    assert told.count("\n") == 1


def test_the_traceback_is_there_for_who_asks(broken: dict[str, Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    """With TOCSIN_DEBUG=1 an unforeseen error is raised as it is; without, the line says how to get it."""
    broken["error"] = ValueError("two\nlines")
    told = run("doctor")[2]
    assert "two lines" in told
    assert f"{main.DEBUG}=1" in told
    monkeypatch.setenv(main.DEBUG, "1")
    with pytest.raises(ValueError, match="two"):
        CliRunner().invoke(command, ["doctor"], catch_exceptions=False)


def test_a_closed_pipe_is_no_fault() -> None:
    """``tocsin parsers list | head -0`` ends in silence."""
    script = f"{sys.executable} -m correlator parsers list --format json | head -c 0"
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_command_that_loads_duckdb_ends_in_silence(tmp_path: Path) -> None:
    """What keeps the collector of cycles away from rules does not make DuckDB tell of leaks."""
    config = tmp_path / "tocsin.toml"
    config.write_text('data_dir = "data"\n')
    (tmp_path / "data").mkdir()
    open_database(tmp_path / "data" / "tocsin.db").dispose()
    words = ["lake", "query", "SELECT 1 AS one", "--format", "json", "--config", str(config)]
    done = subprocess.run([sys.executable, "-m", "correlator", *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, '{"one":1}\n', "")


NDJSON = {
    "rules list": (), "rules check": (), "parsers list": (), "parsers show": ("linux_syslog",), "parsers test": ("squid",),
    "sinks list": (), "sinks check": (), "doctor": (), "init": ("new",),
}  # fmt: skip


@pytest.mark.parametrize("name", NDJSON)
def test_json_is_ndjson(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line of standard output is one JSON object (those that need an install: tests of the flow)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOCSIN_DATA_DIR", str(tmp_path / "data"))
    _, out, _ = run(*name.split(), *NDJSON[name], "--format", "json")
    assert all(isinstance(json.loads(line), dict) for line in out.splitlines())
    assert out or name in {"sinks check", "rules check"}  # those tell what is wrong, and nothing is
