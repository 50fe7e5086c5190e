"""``tocsin parsers new``: a parser from a file of raw lines."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from correlator.cli.install import config_option, installed_parsers
from correlator.cli.output import format_option, no_level_option, say
from correlator.errors import InputError, Problem

if TYPE_CHECKING:
    from correlator.harness.new_parser import Draft, Reached

_FORMS = click.Choice(["keyvalue", "json", "csv", "sentences", "columns", "regex"])
_SHOWN = 12  # fields named
_EPILOG = """\b
Examples:
  ./tocsin parsers new olfeo_proxy --sample /tmp/olfeo.log
  ./tocsin parsers new mairie_cartes --sample cartes.csv --site --category application
"""


@click.command(epilog=_EPILOG)
@click.argument("name")
@click.option("--sample", required=True, type=click.Path(path_type=Path, dir_okay=False, exists=True),
              help="A file of raw lines, as the product sends them; some twenty of each kind.")  # fmt: skip
@click.option("--site", is_flag=True, help="Write it into the folder `parsers_dir` of the settings, not among those that ship.")
@click.option("--form", "written", type=_FORMS, help="What the lines are written in, where the guess is wrong.")
@click.option("--product", default="", help="Of the Sigma log source it feeds (default: NAME).")
@click.option("--category", default="", help="Of the log source: firewall, proxy, webserver …")
@click.option("--service", default="", help="Of the log source (default without category: log).")
@config_option
@format_option
@no_level_option
def new(
    name: str, sample: Path, written: str | None, product: str, category: str, service: str, config: Path | None, form: str,
    *, site: bool,
) -> None:  # fmt: skip
    """Write the parser NAME from a sample: a module that reads it, three samples and what they give.

    The module is a beginning: it keeps every field under its own name, gives those whose name says what they are their ECS
    column too, and says where a person must go on. Addresses in the samples are replaced by documentation ones; names of people
    and hosts are not. What is there is never overwritten.
    """
    from correlator.harness.new_parser import draft, reached, record, remove, write  # noqa: PLC0415 - `--help` must not load it
    from correlator.harness.parser_pieces import Head  # noqa: PLC0415
    from correlator.harness.sample_shape import Form  # noqa: PLC0415
    from correlator.model.logsource import LogSource  # noqa: PLC0415

    told = sample.read_bytes()
    head = Head(name, LogSource(product or name, category, service or ("" if category else "log")))
    made = draft(head, told, _folder(config, site=site), installed_parsers(config), Form(written) if written else None)
    write(made)
    try:
        parsers = installed_parsers(config)
        record(made, parsers)
    except InputError:
        remove(made)
        raise
    result = reached(made, told, parsers)
    say(_row(made, result), _text(made, result), form)


def _folder(config: Path | None, *, site: bool) -> Path:
    """Return where modules of parsers lie: the bundled package, or the folder of the settings."""
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it
    from correlator.harness.golden import samples_folder  # noqa: PLC0415

    if not site:
        return samples_folder().parent
    folder = load_settings(config).parsers_dir
    if folder is None:
        expected = 'parsers_dir = "parsers" in tocsin.toml'
        raise InputError([Problem("--site", 0, "the settings name no folder of parsers", expected)])
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(0o755)  # its modules are code: they are not run where others may write
    return folder


def _row(made: "Draft", result: "Reached") -> dict[str, object]:
    return {
        "module": str(made.module), "samples": [str(path) for path in made.files if path != made.module],
        "form": str(made.shape.form), "fields": list(made.shape.fields), "lines": result.lines, "read": result.read,
        "routed": result.routed, "others": dict(result.others),
    }  # fmt: skip


def _text(made: "Draft", result: "Reached") -> str:
    others = ", ".join(f"{owner} {count}" for owner, count in result.others.items())
    elsewhere = f", the others go to {others}" if others else ""
    fields = f" ({', '.join(made.shape.fields[:_SHOWN])})" if made.shape.fields else ""
    lines = [
        *(str(path) for path in made.files),
        f"written in: {made.shape.form}{fields}",
        f"reads {result.read} of {result.lines} lines; {result.routed} find it by themselves{elsewhere}",
        f"next: read {made.samples / made.name}/*.events.ndjson as if a stranger had written them, complete {made.module},",
        f"      then ./tocsin parsers test {made.name} --update",
    ]
    if result.routed < result.lines:
        lines.append(f'      sharpen its signature, or declare the source: parser = "{made.name}"')
    return "\n".join(lines)
