"""``tocsin rules new``: a rule and its test to start from."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from correlator.cli.install import config_option, installed_parsers, person
from correlator.cli.output import format_option, no_level_option, say
from correlator.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from correlator.model.logsource import LogSource
    from correlator.parse.contract import Parser

_RULE_LEVELS = click.Choice(["informational", "low", "medium", "high", "critical"])
_EPILOG = """\b
Examples:
  ./tocsin rules new
  ./tocsin rules new --product linux --service sshd --title "Key Accepted From Supplier"
  ./tocsin rules new --product windows --category process_creation --title "Domain Trusts Listed" \\
    --field "CommandLine|contains=/domain_trusts"
"""
_MOST = 40  # fields shown


@click.command(epilog=_EPILOG)
@click.option("--title", help="What it finds, in a few words.")
@click.option("--product", default="", help="Of the log source: windows, linux, fortigate …")
@click.option("--category", default="", help="Of the log source: process_creation, webserver …")
@click.option("--service", default="", help="Of the log source: security, sshd …")
@click.option("--level", type=_RULE_LEVELS, default="medium", show_default=True)
@click.option("--description", default="", help="What it finds and why that matters.")
@click.option("--author", default="", help="Whose rule it is (default: you).")
@click.option(
    "--field", "fields", multiple=True, metavar="NAME=VALUE", help="A test of the selection; NAME may have modifiers."
)
@click.option("--in", "folder", type=click.Path(path_type=Path, file_okay=False), default=Path("my-rules"), show_default=True,
              help="The folder of your rules.")  # fmt: skip
@config_option
@format_option
@no_level_option
def new(
    title: str | None, product: str, category: str, service: str, level: str, description: str, author: str,
    fields: tuple[str, ...], folder: Path, config: Path | None, form: str,
) -> None:  # fmt: skip
    """Write a rule and its .test to start from; on a terminal, what is not given is asked for.

    The selection and the lines of the test come from a sample that ships with the parser of the log source, so the rule loads
    and its test runs at once. What is there is never overwritten.
    """
    from datetime import UTC, datetime  # noqa: PLC0415 - `--help` must not load it
    from uuid import uuid4  # noqa: PLC0415

    from correlator.detect.scaffold import Head  # noqa: PLC0415
    from correlator.harness.new_rule import draft, write  # noqa: PLC0415

    parsers = installed_parsers(config)
    source = _source(product, category, service, parsers)
    told = {"level": level, "author": author or person(), "date": datetime.now(UTC).date().isoformat()}
    told |= {"description": description} if description else {}
    head = Head(title=_title(title), id=str(uuid4()), logsource=source, **told)
    made = draft(head, _selection(fields), parsers, folder)
    write(made)
    row = {"rule": str(made.path), "test": str(made.test_path), "id": head.id, "fields": list(made.fields)}
    more = ", …" if len(made.fields) > _MOST else ""
    lines = (
        str(made.path), str(made.test_path), f"fields of {source}: {', '.join(made.fields[:_MOST])}{more}",
        f"next: ./tocsin rules test {made.path.parent}, ./tocsin rules check {made.path}",
    )  # fmt: skip
    say(row, "\n".join(lines), form)


def _is_asked() -> bool:
    return sys.stdin.isatty()


def _title(given: str | None) -> str:
    title = given if given is not None or not _is_asked() else click.prompt("title, what it finds in a few words")
    if not title or not title.strip() or not title.isprintable():
        raise InputError(
            [Problem("--title", 0, "no title" if not title else "not one line of text", "what the rule finds, in a few words")]
        )
    return title.strip()


def _source(product: str, category: str, service: str, parsers: "Mapping[str, Parser]") -> "LogSource":
    from correlator.model.logsource import LogSource  # noqa: PLC0415 - `--help` must not load it

    if not (product or category or service) and _is_asked():
        products = sorted({source.product for parser in parsers.values() for source in parser.log_sources if source.product})
        product = click.prompt(f"product ({', '.join(products)}; empty: any)", default="", show_default=False)
        fitting = [one for parser in parsers.values() for one in parser.log_sources if one.product == product]
        offered = sorted({word for one in fitting for word in (one.category,) if word})
        category = (
            click.prompt(f"category ({', '.join(offered)}; empty: any)", default="", show_default=False) if offered else ""
        )
        services = sorted({one.service for one in fitting if one.service and one.category == category})
        service = (
            click.prompt(f"service ({', '.join(services)}; empty: any)", default="", show_default=False) if services else ""
        )
    if not (product or category or service):
        expected = "--product, --category or --service; `tocsin parsers list` shows what comes in"
        raise InputError([Problem("rules new", 0, "no log source", expected)])
    return LogSource(product, category, service)


def _selection(fields: tuple[str, ...]) -> dict[str, str]:
    wrong = [one for one in fields if not one.partition("=")[0].strip() or "=" not in one]
    if wrong:
        raise InputError(Problem("--field", 0, f"{one!r} is no test", "NAME=VALUE, NAME|contains=VALUE") for one in wrong)
    return {name.strip(): value for name, _, value in (one.partition("=") for one in fields)}
