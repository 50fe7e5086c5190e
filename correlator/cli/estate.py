"""``tocsin estate``: is the estate file right, what does it say, what stands on what, and what others' exports add to it."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from correlator.cli.estate_graph import graph
from correlator.cli.estate_import import import_
from correlator.cli.output import Exit, format_option, no_level_option, print_rows

if TYPE_CHECKING:
    from collections.abc import Collection

    from correlator.config.estate_hints import Hint
    from correlator.model.estate import Commune, Estate
    from correlator.model.service import CatalogueService

_COMMUNES = ("commune", "code", "name", "inhabitants", "networks", "sources", "services", "contacts", "hosts", "to do")
_CONTACTS = ("contact", "name", "function", "commune", "phone", "mail", "elected")


@click.group()
def estate() -> None:
    """Check the estate, fill it from exports, see what stands on what."""


estate.add_command(graph)
estate.add_command(import_)


@estate.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
@format_option
@no_level_option
@click.pass_context
def check(ctx: click.Context, path: Path | None, form: str) -> None:
    """Read the estate file at PATH (default: the configured one) and show what it says and what it lacks, or all its faults."""
    from correlator.config.catalogue import load_catalogue  # noqa: PLC0415 - `--help` must not load it
    from correlator.config.estate import load_estate  # noqa: PLC0415
    from correlator.config.estate_hints import hints  # noqa: PLC0415
    from correlator.errors import InputError  # noqa: PLC0415

    configured, sources = _configured(path)
    chosen = path or configured
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
    found = hints(known, load_catalogue(), sources)
    print_rows(_rows(known), form, _COMMUNES, f"{chosen}: no fault")
    if known.contacts:
        print_rows(_contacts(known), form, _CONTACTS, "Who can be called")
    _print_hints(found, form)


def _configured(path: Path | None) -> "tuple[Path, Collection[str] | None]":
    """Return the configured estate file, and the sources of ``tocsin.toml``: None when another file was asked for."""
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it

    if path is not None:
        return path, None
    settings = load_settings()
    return settings.estate or Path("estate.toml"), {source.name for source in settings.source} or None


def _print_hints(found: "list[Hint]", form: str) -> None:
    if form == "json":
        print_rows(({"warning": one.what, "subject": one.subject, "advice": one.advice} for one in found), form, ())
        return
    for one in found:
        click.echo(f"warning: {one.subject}: {one.what}; {one.advice}")


def _rows(known: "Estate") -> Iterator[dict[str, object]]:
    networks = Counter(network.commune for network in known.networks)
    sources = Counter(source.commune for source in known.sources)
    services = Counter(service.commune for service in known.services)
    contacts = Counter(contact.commune for contact in known.contacts)
    for commune in known.communes:
        yield {
            "commune": commune.id,
            "code": commune.code,
            "name": commune.name,
            "inhabitants": commune.inhabitants or "",
            "networks": networks[commune.id],
            "sources": sources[commune.id],
            "services": services[commune.id],
            "contacts": contacts[commune.id],
            "hosts": ", ".join(commune.hosts),
            "to do": _to_do(commune, networks[commune.id]),
        }


def _contacts(known: "Estate") -> Iterator[dict[str, object]]:
    names = {commune.id: commune.name for commune in known.communes}
    for one in known.contacts:
        yield {
            "contact": one.id,
            "name": one.name,
            "function": one.function,
            "commune": names.get(one.commune or "", ""),
            "phone": one.phone,
            "mail": one.mail,
            "elected": "yes" if one.elected else "",
        }


def _to_do(commune: "Commune", networks: int) -> str:
    """Return what is not wrong but will leave events unattributed or without opening hours."""
    missing = {"networks": networks, "hosts": commune.hosts, "upn_suffixes": commune.upn_suffixes, "hours": commune.hours}
    absent = [name for name, given in missing.items() if not given]
    return f"no {', '.join(absent)}" if absent else ""


@estate.command()
@format_option
@no_level_option
def services(form: str) -> None:
    """List the services of the catalogue: what each needs, how long it may be away, which deadlines hang on it."""
    from correlator.config.catalogue import load_catalogue  # noqa: PLC0415 - `--help` must not load it

    columns = ("service", "label", "vital", "hours", "dmia", "reprise", "needs", "platforms", "clocks")
    print_rows(map(_service, load_catalogue().services.values()), form, columns)


def _service(one: "CatalogueService") -> dict[str, object]:
    from correlator.model.service import delay_text  # noqa: PLC0415 - only when something is printed

    return {
        "service": one.id,
        "label": one.label,
        "vital": "yes" if one.vital else "",
        "hours": one.hours,
        "dmia": delay_text(one.dmia),
        "reprise": delay_text(one.reprise),
        "needs": ", ".join(one.needs),
        "platforms": ", ".join(one.platforms),
        "clocks": ", ".join(one.clocks),
    }


@estate.command()
@format_option
@no_level_option
def assets(form: str) -> None:
    """List what services may need: assets that an estate describes, and national platforms."""
    from correlator.config.catalogue import load_catalogue  # noqa: PLC0415 - `--help` must not load it

    found = (
        {"asset": one.id, "label": one.label, "outside": "yes" if one.external else ""}
        for one in load_catalogue().assets.values()
    )
    print_rows(found, form, ("asset", "label", "outside"))
