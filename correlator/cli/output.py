"""What all commands share: exit codes, the ``--format`` option, rows as a table or as NDJSON."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Any, TypeVar

import click

from correlator.telemetry.terminal import plain

_FILE_WIDTH = 160
Function = TypeVar("Function", bound=Callable[..., Any])
LEVELS = click.Choice(["informational", "low", "medium", "high", "critical"])


class Exit(IntEnum):
    """Exit codes of every command."""

    DONE = 0
    FINDINGS = 1  # only when --fail-on asks for it, or a check found something
    WRONG_INPUT = 2  # where, what, what would be right: on stderr
    FAULT = 3  # ours


def format_option(function: Function) -> Function:
    """Add ``--format text|json``, given to the command as ``form``."""
    option = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
    return option(function)


def fail_on_option(function: Function) -> Function:
    """Add ``--fail-on LEVEL``, given to the command as ``fail_on`` (None: never)."""
    return click.option("--fail-on", type=LEVELS, help="Exit 1 when something of this level or above was found.")(function)


def no_level_option(function: Function) -> Function:
    """Add ``--fail-on LEVEL`` to a command that shows nothing with a level: scripts give it to every command alike."""
    told = "As for every command; nothing found here has a level, so it changes nothing."
    return click.option("--fail-on", type=LEVELS, expose_value=False, help=told)(function)


def exit_code(fail_on: str | None, levels: Iterable[str]) -> Exit:
    """Return FINDINGS when one of ``levels`` is ``fail_on`` or above, else DONE."""
    from correlator.model.severity import Severity  # noqa: PLC0415 - `--help` must not load it

    bar = Severity.of(fail_on) if fail_on else None
    return Exit.FINDINGS if bar is not None and any(Severity.of(level) >= bar for level in levels) else Exit.DONE


def say(row: Mapping[str, Any], told: str, form: str) -> None:
    """Print what was done: as the sentence ``told``, or as the object ``row``."""
    if form == "json":
        _print_ndjson([row])
    else:
        click.echo(plain(told))


def announce(row: Mapping[str, Any], told: str, form: str) -> None:
    """Say that a command which runs until it is told to end is at work: ``told`` on stderr, or ``row`` for scripts."""
    if form == "json":
        _print_ndjson([row])
    else:
        click.echo(plain(told), err=True)


def print_rows(rows: Iterable[Mapping[str, Any]], form: str, columns: Sequence[str], title: str = "") -> None:
    """Print ``rows`` as NDJSON (whole) or as a table of ``columns``."""
    if form == "json":
        _print_ndjson(rows)
    else:
        _print_table(rows, columns, title)


def _print_ndjson(rows: Iterable[Mapping[str, Any]]) -> None:
    import orjson  # noqa: PLC0415 - `--help` must not load it

    for row in rows:
        click.echo(orjson.dumps(row, default=str).decode())


def _print_table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], title: str) -> None:
    from rich.console import Console  # noqa: PLC0415 - `--help` must not load it
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(title=title or None, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(escape(plain(str(row.get(column, "")))) for column in columns))
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, _FILE_WIDTH)  # eighty columns would cut every cell of a file or a pipe
    console.print(table)
