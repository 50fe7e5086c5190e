"""``tocsin rules check``: what is wrong with rules, what is odd, and which cannot fire here."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import click

from correlator.cli.install import config_option, installed_parsers
from correlator.cli.output import LEVELS, Exit, print_rows
from correlator.cli.rules import estate_option
from correlator.cli.rules_chosen import choose
from correlator.cli.rules_findings import as_github, as_rows, counts, listed, summary

if TYPE_CHECKING:
    from correlator.runtime.linting import Checked

#: Severities of findings, the least first, and the levels that mean the same: --fail-on takes those on every command.
_SEVERITIES = {
    "note": ("informational", "low"),
    "warning": ("medium",),
    "error": ("high", "critical"),
}
_NEVER = "never"
_BARS = click.Choice([_NEVER, *reversed(_SEVERITIES), *LEVELS.choices])
_FAIL_ON = (
    "Exit 1 when something of this severity or above was found; informational and low mean note, medium warning, high and "
    "critical error. Errors are exit 2 whatever is said here, but for never: exit 0 whatever was found."
)


_EPILOG = """\b
Examples:
  ./tocsin rules check my-rules
  ./tocsin rules check sigma/rules --skip sigma --skip field-unlisted
  ./tocsin rules check my-rules --format github --fail-on warning
"""


@click.command(epilog=_EPILOG)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@estate_option
@config_option
@click.option("--skip", multiple=True, metavar="LINT", help="Leave this lint out; sigma: all validators of pySigma.")
@click.option("--all", "everything", is_flag=True, help="Each finding on a line of its own instead of counts and first places.")
@click.option("--format", "form", type=click.Choice(["text", "json", "github"]), default="text", show_default=True)
@click.option("--fail-on", type=_BARS, help=_FAIL_ON)
def check(
    paths: tuple[Path, ...], estate: Path | None, config: Path | None, skip: tuple[str, ...], form: str,
    fail_on: str | None, *, everything: bool,
) -> None:  # fmt: skip
    """Check the rules below PATHS (without: the configured ones): faults with their place, what is odd, what cannot fire here.

    A rule switches a lint off for itself, with the reason: `tocsin: {lint: {regex-slow: "one event a day"}}`.
    Exit code 2 when something was rejected or can never be true: an error.
    """
    checked = _checked(paths, estate, config, skip)
    if form == "json":
        print_rows(as_rows(checked.findings), form, ())
    elif form == "github":
        click.echo("\n".join(as_github(checked.findings)), nl=bool(checked.findings))
    else:
        for line in listed(checked.findings) if everything else summary(checked.findings):
            click.echo(line)
    click.echo(counts(checked), err=form != "text")
    raise SystemExit(_code(fail_on, {one.gravity.word for one in checked.findings}))


def _code(fail_on: str | None, found: Collection[str]) -> Exit:
    if fail_on == _NEVER:
        return Exit.DONE
    if "error" in found:
        return Exit.WRONG_INPUT
    order = list(_SEVERITIES)
    bar = next((order.index(word) for word, levels in _SEVERITIES.items() if fail_on in {word, *levels}), len(order))
    return Exit.FINDINGS if any(order.index(word) >= bar for word in found) else Exit.DONE


def _checked(paths: tuple[Path, ...], estate: Path | None, config: Path | None, skip: tuple[str, ...]) -> "Checked":
    from correlator.runtime.linting import check_rules, check_skip  # noqa: PLC0415 - `--help` must not load it

    check_skip(skip)
    chosen = choose(paths, estate, config)
    return check_rules(chosen.paths, chosen.loaded, installed_parsers(config), frozenset(skip))
