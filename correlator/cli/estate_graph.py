"""``tocsin estate graph``: what stands on what, and what stops when something does."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from correlator.cli.output import no_level_option, print_rows

if TYPE_CHECKING:
    from correlator.continuity.impact import Stopped
    from correlator.model.estate import Estate
    from correlator.model.service import Catalogue

_ASSETS = ("asset", "name", "communes", "stands on", "carries", "services")
_STOPPED = ("service", "label", "vital", "communes", "by way of", "in part", "dmia", "clocks")
_FORMS = click.Choice(["text", "json", "dot", "mermaid"])


@click.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--if", "down", multiple=True, metavar="NAME", help="An asset, a platform or a machine that is down; repeatable.")
@click.option("--format", "form", type=_FORMS, default="text", show_default=True)
@no_level_option
def graph(path: Path | None, down: tuple[str, ...], form: str) -> None:
    """Show what services and assets of the estate at PATH (default: the configured one) stand on.

    With --if NAME: what stops then, in which commune, by which way, how long it may, and which deadlines hang on it.
    """
    from correlator.cli.estate_drawing import drawing  # noqa: PLC0415 - `--help` must not load it
    from correlator.config.catalogue import load_catalogue  # noqa: PLC0415
    from correlator.config.estate import load_estate  # noqa: PLC0415
    from correlator.config.settings import load_settings  # noqa: PLC0415
    from correlator.continuity.impact import impact  # noqa: PLC0415

    chosen = path or load_settings().estate or Path("estate.toml")
    catalogue = load_catalogue()
    estate = load_estate(chosen, catalogue)
    _refuse_unknown(estate, catalogue, down, chosen)
    stopped = impact(estate, catalogue, down)
    if form in {"dot", "mermaid"}:
        click.echo(drawing(estate, catalogue, stopped if down else None, form), nl=False)
    elif down:
        rows = _one_by_one(stopped) if form == "json" else _together(stopped, estate)
        print_rows(rows, form, _STOPPED, _title(stopped, down))
    else:
        print_rows(_assets(estate, catalogue), form, _ASSETS)


def _refuse_unknown(estate: "Estate", catalogue: "Catalogue", down: tuple[str, ...], path: Path) -> None:
    from correlator.config.toml_reader import suggest  # noqa: PLC0415 - `--help` must not load it
    from correlator.continuity.impact import is_machine, known_words  # noqa: PLC0415
    from correlator.errors import InputError, Problem  # noqa: PLC0415

    words = {word.casefold(): word for word in known_words(estate, catalogue)}
    unknown = [name for name in down if name.casefold() not in words and not is_machine(estate, name)]
    advice = "an asset (`tocsin estate assets`) or a machine of a [[shared]] or [[service]]"
    faults = [Problem(str(path), 0, f"nothing here is called {name!r}", suggest(name, words) or advice) for name in unknown]
    if faults:
        raise InputError(faults)


def _title(stopped: "list[Stopped]", down: tuple[str, ...]) -> str:
    communes = len({one.commune for one in stopped})
    services = len({one.service.id for one in stopped})
    vital = len({one.service.id for one in stopped if one.service.vital})
    return f"Without {', '.join(down)}: {services} services in {communes} communes, {vital} of them vital"


def _one_by_one(stopped: "list[Stopped]") -> Iterator[dict[str, object]]:
    from correlator.model.service import delay_text  # noqa: PLC0415 - only when something is printed

    for one in stopped:
        yield {
            "service": one.service.id,
            "label": one.service.label,
            "commune": one.commune,
            "vital": one.service.vital,
            "path": list(one.path),
            "in_part": one.in_part,
            "dmia": delay_text(one.dmia),
            "clocks": list(one.clocks),
        }


def _together(stopped: "list[Stopped]", estate: "Estate") -> Iterator[dict[str, object]]:
    """Yield one row for all communes where the same service stops by the same way."""
    from correlator.model.service import delay_text  # noqa: PLC0415 - only when something is printed

    codes = {commune.id: commune.code for commune in estate.communes}
    groups: dict[tuple[object, ...], list[Stopped]] = {}
    for one in stopped:
        groups.setdefault((one.service.id, one.path, one.in_part, one.dmia, one.clocks), []).append(one)
    for found in groups.values():
        one, communes = found[0], [codes[each.commune] for each in found]
        yield {
            "service": one.service.id,
            "label": one.service.label,
            "vital": "yes" if one.service.vital else "",
            "communes": "all" if len(communes) == len(codes) else ", ".join(communes),
            "by way of": " → ".join(one.path),
            "in part": "yes" if one.in_part else "",
            "dmia": delay_text(one.dmia),
            "clocks": ", ".join(one.clocks),
        }


def _assets(estate: "Estate", catalogue: "Catalogue") -> Iterator[dict[str, object]]:
    from correlator.cli.estate_drawing import carried, users  # noqa: PLC0415 - `--help` must not load it

    codes = {commune.id: commune.code for commune in estate.communes}
    carries, services = carried(estate), users(estate, catalogue)
    for asset in estate.shared:
        if asset.id:
            yield {
                "asset": asset.id,
                "name": asset.name,
                "communes": ", ".join(codes[one] for one in asset.communes) or "all",
                "stands on": ", ".join(asset.needs),
                "carries": ", ".join(carries.get(asset.id, ())),
                "services": ", ".join(services.get(asset.id, ())),
            }
