"""``tocsin parsers compare``: the parsers against real logs of others, whose readers are known."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from correlator.cli.output import Exit, format_option, no_level_option, print_rows

if TYPE_CHECKING:
    from correlator.harness.corpora.compare import Comparison

_COLUMNS = ("corpus", "source", "parsers", "records", "parsed", "generic", "rejected", "wrong", "unknown")


@click.command()
@click.option("--corpus", "names", multiple=True, help="Only this corpus (repeatable); without, all of them.")
@click.option(
    "--shared",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("../shared"),
    show_default=True,
    help="The folder whose `data` holds the corpora.",
)
@click.option("--record", "write", is_flag=True, help="Write the table that the reference page shows (all corpora only).")
@click.option("--examples", is_flag=True, help="Show lines that are wrong, refused or not understood, and fields that differ.")
@format_option
@no_level_option
def compare(names: tuple[str, ...], shared: Path, form: str, *, write: bool, examples: bool) -> None:
    """Compare the shipped parsers with real logs below ../shared: parsed, generic, rejected, wrong per source.

    A command of a source checkout: the corpora are not part of Tocsin. Exit code 1: a record was claimed by another product's
    parser.
    """
    from correlator.errors import InputError, Problem  # noqa: PLC0415 - `--help` must not load it
    from correlator.harness.corpora.compare import NAMES, compare_all, record_of, record_text  # noqa: PLC0415
    from correlator.harness.corpora.page import RECORDED  # noqa: PLC0415
    from correlator.parse.registry import find_parsers  # noqa: PLC0415

    unknown = [
        Problem("--corpus", 0, f"no such corpus {name!r}", f"one of {', '.join(NAMES)}") for name in set(names) - {*NAMES}
    ]
    if unknown or (write and names):
        raise InputError(unknown or [Problem("--record", 0, "needs every corpus", "leave --corpus out")])
    comparison = compare_all(shared, find_parsers(), names or NAMES)
    if write:
        RECORDED.write_text(record_text(comparison), encoding="utf-8")
    rows: list[dict[str, Any]] = record_of(comparison)["sources"]
    print_rows(rows, form, _COLUMNS, title="Parsers against real logs")
    if form == "text":
        _show_fields(comparison, examples=examples)
    if examples:
        _show_examples(comparison, form)
    sys.exit(Exit.FINDINGS if any(row["wrong"] for row in rows) else Exit.DONE)


def _show_fields(comparison: "Comparison", *, examples: bool) -> None:
    fields = comparison.fields
    if fields is None:
        return
    equal, compared, total = fields.equal.total(), fields.compared, fields.total
    click.echo(
        f"crowdsec-hub fields: {total:,}; compared {compared:,} ({100 * compared / total:.1f} %), of these equal {equal:,} "
        f"({100 * equal / compared if compared else 0:.1f} %); unnamed {fields.unnamed.total():,}"
    )
    for reason, count in fields.denied.most_common() if examples else []:
        click.echo(f"  not compared, {count:,}: {reason}")


def _show_examples(comparison: "Comparison", form: str) -> None:
    rows = [
        {"corpus": tally.corpus, "source": tally.source, "outcome": outcome, "got": got, "line": line}
        for tally in comparison.tallies
        for outcome, kept in tally.examples.items()
        for line, got in kept
    ]
    print_rows(rows, form, ("corpus", "source", "outcome", "got", "line"), title="Not parsed")
    fields = comparison.fields.examples if comparison.fields else []
    print_rows(fields, form, ("source", "parser", "field", "expected", "got", "line"), title="Fields that differ")
