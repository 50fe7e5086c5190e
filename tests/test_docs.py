"""The documentation says what is true: pages made from code are current, links lead somewhere, commands and options exist."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from correlator.cli.main import COMMANDS, command
from correlator.deliver.registry import find_sinks
from correlator.harness.reference import PAGES
from correlator.parse.registry import find_parsers

ROOT = Path(__file__).parent.parent
PAGES_OF_TEXT = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#]+)(#[^)]*)?\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^\s*(?:\$ |    )?\./tocsin ((?:[^\n]|\\\n)*)$", re.MULTILINE)


def _relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("name", PAGES)
def test_reference_pages_are_current(name: str) -> None:
    """A changed setting, metric or parser shows in docs/reference; `python -m correlator.harness.reference` writes it."""
    page = ROOT / "docs" / "reference" / name

    assert page.read_text(encoding="utf-8") == PAGES[name]()


@pytest.mark.parametrize("page", PAGES_OF_TEXT, ids=_relative)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page names a file that exists."""
    targets = [match[1] for match in _LINK.finditer(_FENCE.sub("", page.read_text(encoding="utf-8")))]

    assert [target for target in targets if not (page.parent / target).exists()] == []


def _commands_in(page: Path) -> Iterator[str]:
    for match in _COMMAND.finditer(page.read_text(encoding="utf-8")):
        yield match[1].replace("\\\n", " ")


@pytest.mark.parametrize("page", PAGES_OF_TEXT, ids=_relative)
def test_commands_in_the_documentation_exist(page: Path) -> None:
    """Every `./tocsin …` of a page names a command, and options that it has."""
    problems = [problem for line in _commands_in(page) for problem in _faults(line)]

    assert problems == []


def _faults(line: str) -> Iterator[str]:
    """Yield what is wrong with one command line, up to the first pipe or redirection."""
    words = list(_words(line))
    known: click.Command | None = command
    context = click.Context(command)
    while words and isinstance(known, click.Group) and not words[0].startswith("-"):
        known = known.get_command(context, words.pop(0))
    if known is None:
        yield f"no such command: tocsin {line}"
        return
    options = {name for parameter in known.params for name in (*parameter.opts, *parameter.secondary_opts)} | {
        "--help",
        "-h",
        "--version",
    }
    yield from (
        f"tocsin {line}: no option {word}" for word in words if word.startswith("--") and word.split("=")[0] not in options
    )


def _words(line: str) -> Iterator[str]:
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        words = line.split()
    for word in words:
        if word in {"|", ">", ">>", "2>", "&&", ";", "…"}:
            return
        yield word


def test_everything_is_documented() -> None:
    """Each command, parser and sink is named somewhere in the documentation."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES_OF_TEXT)
    named = [*(f"tocsin {name}" for name in COMMANDS), *(f"`{name}`" for name in (*find_parsers(), *find_sinks()))]

    assert [name for name in named if name not in text] == []


def test_every_command_explains_itself() -> None:
    """Each command has help that begins with a sentence."""
    context = click.Context(command)
    helps = {name: (command.get_command(context, name) or command).help or "" for name in COMMANDS}

    assert [name for name, text in helps.items() if not re.match(r"[A-Z].*\.", text.strip().splitlines()[0])] == []


def test_changelog_fragments_are_what_towncrier_takes() -> None:
    """changelog.d/<issue>.<kind>[.<number>].md: anything but a number there makes towncrier see one fragment twice."""
    name = re.compile(r"\d+\.(breaking|feature|enhancement|fix|security)(\.\d+)?\.md")

    assert [path.name for path in (ROOT / "changelog.d").glob("*.md") if not name.fullmatch(path.name)] == []
