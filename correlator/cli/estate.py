"""``tocsin estate``: is the estate file right, and what does it say."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from correlator.cli.output import Exit, format_option, no_level_option, print_rows

if TYPE_CHECKING:
    from correlator.model.estate import Commune, Estate


@click.group()
def estate() -> None:
    """Check the estate file."""


@estate.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
@format_option
@no_level_option
@click.pass_context
def check(ctx: click.Context, path: Path | None, form: str) -> None:
    """Read the estate file at PATH (default: the configured one) and show what it says, or all its faults."""
    from correlator.config.estate import load_estate  # noqa: PLC0415 - `--help` must not load it
    from correlator.errors import InputError  # noqa: PLC0415

    chosen = path or _configured()
    try:
        known = load_estate(chosen)
    except InputError as error:
        if form != "json":
            raise
        faults = (
            {"path": fault.path, "line": fault.line, "what": fault.what, "expected": fault.expected} for fault in error.problems
        )
        print_rows(faults, form, ())
        ctx.exit(Exit.WRONG_INPUT)
    print_rows(_rows(known), form, ("commune", "name", "networks", "sources", "hosts", "to do"), f"{chosen}: no fault")


def _configured() -> Path:
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it

    return load_settings().estate or Path("estate.toml")


def _rows(known: "Estate") -> Iterator[dict[str, object]]:
    for commune in known.communes:
        networks = sum(network.commune == commune.id for network in known.networks)
        sources = sum(source.commune == commune.id for source in known.sources)
        yield {
            "commune": commune.id,
            "name": commune.name,
            "networks": networks,
            "sources": sources,
            "hosts": ", ".join(commune.hosts),
            "to do": _to_do(commune, networks),
        }


def _to_do(commune: "Commune", networks: int) -> str:
    """Return what is not wrong but will leave events unattributed or without opening hours."""
    missing = {"networks": networks, "hosts": commune.hosts, "upn_suffixes": commune.upn_suffixes, "hours": commune.hours}
    absent = [name for name, given in missing.items() if not given]
    return f"no {', '.join(absent)}" if absent else ""
