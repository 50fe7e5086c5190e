"""``tocsin indicators``: what the lists of indicators hold, and whether a value is on one."""

from pathlib import Path
from typing import Any

import click

from correlator.cli.install import config_option
from correlator.cli.output import Exit, format_option, no_level_option, print_rows
from correlator.telemetry.terminal import plain


@click.group()
def indicators() -> None:
    """Show the lists of indicators of compromise ([[enrich.indicators]]); look values up."""


@indicators.command("list")
@config_option
@format_option
@no_level_option
def list_(config: Path | None, form: str) -> None:
    """Show each list: values by kind, how many have ended, how many lines were not understood.

    Exit 1 when a file of [enrich] cannot be read. Example: tocsin indicators list --format json
    """
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.enriching import counted, open_context  # noqa: PLC0415

    opened = open_context(load_settings(config).enrich)
    refused = {name: (read.refused, read.examples) for name, read in opened.lists.items()}
    rows: list[dict[str, Any]] = [
        {"list": row["name"], "kind": row["kind"], "values": row["values"], "ended": row["ended"]}
        for row in counted(opened.lists).iter_rows(named=True)
    ]
    for name, (count, examples) in refused.items():
        if count:
            click.echo(plain(f"{name}: {count:,} lines are no indicator, such as {', '.join(map(repr, examples))}"), err=True)
    for problem in opened.problems:
        click.echo(plain(str(problem)), err=True)
    print_rows(rows, form, ("list", "kind", "values", "ended"), title="Indicators of compromise")
    raise SystemExit(Exit.FINDINGS if opened.problems else Exit.DONE)


@indicators.command()
@click.argument("values", nargs=-1, required=True)
@config_option
@format_option
@no_level_option
def look(values: tuple[str, ...], config: Path | None, form: str) -> None:
    """Say which of VALUES (addresses, names, URLs, hashes, mail addresses) are on a list that is not ended.

    Exit 1 when one is. Example: tocsin indicators look 203.0.113.9 evil.example
    """
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.enriching import looked_up, open_context  # noqa: PLC0415

    opened = open_context(load_settings(config).enrich)
    rows = looked_up(opened.context, values)
    print_rows(rows, form, ("asked", "list", "kind", "value", "confidence", "label"), title="On lists")
    raise SystemExit(Exit.FINDINGS if rows else Exit.DONE)
