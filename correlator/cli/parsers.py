"""``tocsin parsers``: what Tocsin can read, and whether it still reads it as recorded."""

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from correlator.cli.install import config_option, installed_parsers
from correlator.cli.output import Exit, format_option, no_level_option, print_rows

if TYPE_CHECKING:
    from correlator.parse.contract import Parser


#: Subcommands that live in modules of their own: name → (module, attribute).
_ELSEWHERE = {
    "try": ("correlator.cli.parsers_try", "try_parsers"),
    "new": ("correlator.cli.parsers_new", "new"),
    "compare": ("correlator.cli.parsers_compare", "compare"),
}


class ParsersGroup(click.Group):
    """The group of parser commands; those of other modules are imported when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands that are there."""
        return [*super().list_commands(ctx), *_ELSEWHERE]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, or None."""
        if cmd_name not in _ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        module, attribute = _ELSEWHERE[cmd_name]
        command: click.Command = getattr(import_module(module), attribute)
        return command


@click.group(cls=ParsersGroup)
def parsers() -> None:
    """List, show, test and try parsers: one per log source."""


@parsers.command("list")
@config_option
@format_option
@no_level_option
def list_(config: Path | None, form: str) -> None:
    """List the parsers: how far to trust them, which Sigma log sources they feed, how many fields they give."""
    rows = [_summary(parser) for parser in installed_parsers(config).values()]
    print_rows(rows, form, ("name", "maturity", "log sources", "fields"), title="Parsers")


@parsers.command()
@click.argument("name")
@config_option
@format_option
@no_level_option
def show(name: str, config: Path | None, form: str) -> None:
    """Show what the parser NAME reads, how it recognises it, and the fields it gives."""
    from correlator.parse.registry import manual_of, pick  # noqa: PLC0415 - `--help` loads no polars

    parser = pick(installed_parsers(config), name)
    details = _summary(parser) | {
        "manual": manual_of(parser),
        "signature": parser.signature.pattern,
        "literals": list(parser.signature.literals),
        "rank": parser.signature.rank,
        "assembly": str(parser.assembly) if parser.assembly else "one record per line",
        "required": list(parser.required),
        "fields": {field: str(dtype) for field, dtype in sorted(parser.fields.items())},
    }
    if form == "json":
        print_rows([details], form, ())
        return
    click.echo(details.pop("manual"))
    for key, value in details.items():
        click.echo(
            f"\n{key}: " + ("".join(f"\n  {k}: {v}" for k, v in value.items()) if isinstance(value, dict) else f"{value}")
        )


@parsers.command()
@click.argument("name")
@click.option("--update", "rewrite", is_flag=True, help="Write what comes out now as the new expectation.")
@click.option(
    "--samples", type=click.Path(path_type=Path, file_okay=False), help="Folder of samples, if not the one beside its module."
)
@config_option
@format_option
@no_level_option
def test(name: str, samples: Path | None, config: Path | None, form: str, *, rewrite: bool) -> None:
    """Compare each sample of the parser NAME (or `all`) with its recorded events."""
    from correlator.harness import golden  # noqa: PLC0415
    from correlator.parse.registry import pick  # noqa: PLC0415

    known = installed_parsers(config)
    names = list(known) if name == "all" else [pick(known, name).name]
    folders = {each: samples or golden.samples_of(known[each]) for each in names}
    rows = [row for each, folder in folders.items() for row in _results(each, folder, known, rewrite=rewrite)]
    print_rows(rows, form, ("parser", "case", "result"), title="Samples")
    failed = [row for row in rows if row["result"] in ("differs", "no sample")]
    for row in failed if form == "text" else []:
        click.echo(row.get("diff", ""), err=True)
    sys.exit(Exit.FINDINGS if failed else Exit.DONE)


def _results(name: str, folder: Path, known: Mapping[str, "Parser"], *, rewrite: bool) -> Iterator[dict[str, Any]]:
    from correlator.harness import golden  # noqa: PLC0415

    found = golden.cases(name, folder)
    if not found:
        yield {"parser": name, "case": "-", "result": "no sample", "diff": f"{folder / name}: no *.log; write three samples"}
    for case in found:
        if rewrite:
            yield {"parser": name, "case": case.name, "result": "written" if golden.update(case, known) else "same"}
            continue
        verdict = golden.check(case, known)
        yield {"parser": name, "case": case.name, "result": "same" if verdict.passed else "differs", "diff": verdict.diff}


def _summary(parser: "Parser") -> dict[str, Any]:
    sources = ", ".join(str(source) for source in parser.log_sources)
    return {"name": parser.name, "maturity": str(parser.maturity), "log sources": sources, "fields": len(parser.fields)}
