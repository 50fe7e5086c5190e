"""``tocsin estate import``: what exports of other tools add to an estate file."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from correlator.cli.output import Exit, format_option, no_level_option, print_rows
from correlator.telemetry.terminal import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from correlator.config.estate_import import Imported

_CSV = click.Path(path_type=Path)


@click.command(name="import")
@click.option("--communes", type=_CSV, metavar="CSV", help="INSEE code, code, name, inhabitants, host names, mail domain.")
@click.option("--networks", type=_CSV, metavar="CSV", help="Network (and mask), commune, zone or VLAN.")
@click.option("--contacts", type=_CSV, metavar="CSV", help="Name, function, telephone, mail, commune.")
@click.option("--services", type=_CSV, metavar="CSV", help="Service of the catalogue, commune, contact, delays, paper.")
@click.option("--into", type=_CSV, metavar="TOML", help="Estate file to add to; without it the text goes to stdout.")
@click.option("--keep-going", is_flag=True, help="Write the good rows although others were refused; exit 1 then.")
@format_option
@no_level_option
def import_(
    communes: Path | None,
    networks: Path | None,
    contacts: Path | None,
    services: Path | None,
    into: Path | None,
    form: str,
    *,
    keep_going: bool,
) -> None:
    """Read CSV exports (GLPI, IPAM, telephone list) and write what the estate does not have yet.

    Semicolons or commas, UTF-8 or Windows-1252, titles in French or English. A second run adds nothing. Every row that
    cannot be used is told with its line and why; nothing is written then, unless --keep-going is given.
    """
    from correlator.config.catalogue import load_catalogue  # noqa: PLC0415 - `--help` must not load it
    from correlator.config.estate import load_estate  # noqa: PLC0415
    from correlator.config.estate_import import import_tables  # noqa: PLC0415
    from correlator.config.estate_text import with_entries  # noqa: PLC0415
    from correlator.config.toml_reader import read_text  # noqa: PLC0415
    from correlator.config.toml_write import replace_text  # noqa: PLC0415
    from correlator.errors import InputError  # noqa: PLC0415

    given = {"commune": communes, "network": networks, "contact": contacts, "service": services}
    chosen = {section: path for section, path in given.items() if path is not None}
    if not chosen:
        raise click.UsageError("give at least one of --communes, --networks, --contacts, --services")
    catalogue = load_catalogue()
    before = read_text(into, "an estate file") if into and into.exists() else "version = 1\n"
    found = import_tables(chosen, before, load_estate(into if into and into.exists() else before, catalogue), catalogue)
    if found.refused and not keep_going:
        raise InputError(found.refused)
    added, after = with_entries(before, found.entries, str(into or "estate.toml"), catalogue, checked=into is not None)
    if into is not None and added:
        replace_text(into, after)
    if form == "json":
        print_rows(_rows(found, into, added), form, ())
    elif into is None:
        click.echo(added.lstrip("\n"), nl=False)
    _tell(found, into)
    raise SystemExit(Exit.FINDINGS if found.refused else Exit.DONE)


def _rows(found: "Imported", into: Path | None, added: str) -> "Iterator[dict[str, object]]":
    """Yield a row per section; without a file to add to, the text to put into one."""
    for section, entries in found.entries.items():
        if entries or found.present[section]:
            yield {"section": section, "added": len(entries), "present": found.present[section]}
    for problem in found.refused:
        yield {"refused": str(problem)}
    if into is None:
        yield {"toml": added.lstrip("\n")}


def _tell(found: "Imported", into: Path | None) -> None:
    for path, titles in found.ignored.items():
        if titles:
            click.echo(plain(f"{path}: columns nobody reads: {', '.join(titles)}"), err=True)
    for problem in found.refused:
        click.echo(plain(str(problem)), err=True)
    for section, entries in found.entries.items():
        if entries or found.present[section]:
            where = f" to {into}" if into else ""
            told = f"{section}: {len(entries)} added{where}, {found.present[section]} already there"
            click.echo(plain(told), err=True)
    if found.refused:
        click.echo(f"{len(found.refused)} faults: those rows were left out", err=True)
