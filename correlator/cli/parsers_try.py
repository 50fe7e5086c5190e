"""``tocsin parsers try``: my files through the parsers: which took which lines, what is understood, how the rest looks."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from correlator.cli.install import config_option, installed_parsers
from correlator.cli.output import format_option, no_level_option, print_rows
from correlator.telemetry.terminal import plain

if TYPE_CHECKING:
    from correlator.harness.understanding import Understood
    from correlator.parse.contract import Parser

_LINE_CHARS = 220


@click.command(name="try")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--parser", help="The parser that must read everything; `parsers list` names them.")
@click.option("--examples", default=3, show_default=True, help="How many lines to show of what a parser did not understand.")
@config_option
@format_option
@no_level_option
def try_parsers(files: tuple[str, ...], parser: str | None, examples: int, config: Path | None, form: str) -> None:
    """Show what the parsers make of FILE (files, folders, archives, `-`): nothing is written, nothing is kept.

    *Understood*: read by a parser of the product, with its required fields, and no sentence unknown to it. What only a
    generic parser reads (`syslog`, `json`) is kept and can be searched, and is not understood. Lines that nobody understood are
    shown by shape, the most frequent first.
    """
    from correlator.harness.understanding import as_row, understand  # noqa: PLC0415 - `--help` loads no polars
    from correlator.parse.registry import pick  # noqa: PLC0415

    known = installed_parsers(config)
    found, refused = understand(files, known, pick(known, parser).name if parser else None)
    if form == "json":
        print_rows([as_row(one, known.get(one.parser), examples) for one in found], form, ())
        return
    print_rows(map(_shown, found), form, ("parser", "records", "parsed", "refused", "understood"), title="Who read what")
    click.echo(plain("\n".join(_details(found, refused, known, examples))))


def _shown(one: "Understood") -> dict[str, str]:
    shares = {"parsed": one.parsed, "refused": one.rejected.total(), "understood": one.understood}
    return {"parser": one.parser, "records": f"{one.records:,}", **{name: _share(n, one.records) for name, n in shares.items()}}


def _share(part: int, whole: int) -> str:
    """Return a share as per cent; what is not all is never shown as all."""
    tenths = 1000 * part // whole if whole else 0
    return f"{tenths / 10:.1f} %"


def _details(
    found: "list[Understood]", refused: Mapping[str, int], known: "Mapping[str, Parser]", examples: int
) -> Iterator[str]:
    records = sum(one.records for one in found)
    yield f"understood: {_share(sum(one.understood for one in found), records)} of {records:,} records"
    for reason, count in refused.items():
        yield f"before they were text: {count:,} {reason}"
    for one in found:
        yield from _of_parser(one, known.get(one.parser), examples)


def _of_parser(one: "Understood", parser: "Parser | None", examples: int) -> Iterator[str]:
    yield f"\n{one.parser}"
    fill = one.fill(parser)
    if fill:
        yield "  fields: " + ", ".join(f"{name} {100 * share:.0f} %" for name, share in fill.items())
    for reason, count in one.rejected.most_common():
        yield f"  refused: {count:,} {reason}"
    if one.unknown:
        yield f"  sentences it does not know: {one.unknown:,}"
    for count, line in one.examples(examples):
        yield f"  not understood, {count:,} like this: {line[:_LINE_CHARS]}{'…' if len(line) > _LINE_CHARS else ''}"
