"""``tocsin parse``: raw records in, events out as NDJSON, so that anybody can see what a parser understood."""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from correlator.cli.install import config_option, installed_parsers
from correlator.cli.output import format_option, no_level_option

if TYPE_CHECKING:
    import polars as pl

    from correlator.errors import Problem
    from correlator.parse.contract import Parser
    from correlator.parse.engine import Fates, Read

_SOURCE = "parse"
_REJECT_KEYS = {
    "id": "event.id",
    "path": "log.file.path",
    "line": "log.line",
    "parser": "parser",
    "reason": "reason",
    "text": "text",
}


@click.command()
@click.option(
    "--parser", default="auto", show_default=True, help="The parser that must read everything; `parsers list` names them."
)
@click.option("--zone", help="Time zone of stamps that say none, such as Europe/Paris.")
@click.option("--rejects", type=click.Path(path_type=Path, dir_okay=False), help="Write refused records there, with reasons.")
@config_option
@format_option
@no_level_option
@click.argument("files", nargs=-1, metavar="[FILE|-]...")
def parse(parser: str, zone: str | None, rejects: Path | None, config: Path | None, files: tuple[str, ...], form: str) -> None:
    """Read raw records from FILE (or standard input) and write events as NDJSON; a summary goes to standard error."""
    parsers = installed_parsers(config)
    with ExitStack() as opened:
        refused = opened.enter_context(rejects.open("w", encoding="utf-8")) if rejects else None
        summary = _Summary()
        for result in _results(files or ("-",), parsers, parser, zone, summary):
            sys.stdout.writelines(f"{line}\n" for line in event_lines(result))
            if refused:
                _write_rejects(result.rejects, refused)
    summary.show(form)


class _Summary:
    """Fates of everything read, refusals by reason, faults of parsers."""

    def __init__(self) -> None:
        from correlator.parse.engine import Fates  # noqa: PLC0415 - `--help` loads no polars

        self.fates: Fates = Fates()
        self.reasons: Counter[str] = Counter()
        self.datasets: Counter[str] = Counter()
        self.problems: list[Problem] = []

    def add(self, result: "Read") -> None:
        """Add a batch; what waits is received again with the next one and is not counted yet."""
        self.problems.extend(result.problems)
        self.add_rejects(result.rejects)
        for fates in result.counts.values():
            self.fates += _decided(fates)
        for events in result.events:
            self.datasets.update(dict(events.get_column("event.dataset").value_counts().iter_rows()))

    def add_rejects(self, rejects: "pl.DataFrame") -> None:
        """Count refusals by reason."""
        self.reasons.update(dict(rejects.get_column("reason").value_counts().iter_rows()))

    def show(self, form: str) -> None:
        """Write the summary on standard error."""
        from correlator.parse.document import to_line  # noqa: PLC0415

        fates = {name: count for name, count in asdict(self.fates).items() if name != "held"}
        if form == "json":
            click.echo(to_line(fates | {"reasons": dict(self.reasons), "datasets": dict(self.datasets)}), err=True)
        else:
            click.echo(" · ".join(f"{name} {count}" for name, count in fates.items()), err=True)
            for title, counts in (("", self.datasets), ("rejected: ", self.reasons)):
                for name, count in counts.most_common():
                    click.echo(f"  {title}{name} {count}", err=True)
        for problem in self.problems:
            click.echo(str(problem), err=True)


def _decided(fates: "Fates") -> "Fates":
    from dataclasses import replace  # noqa: PLC0415

    return replace(fates, received=fates.received - fates.held, held=0)


def _results(
    files: tuple[str, ...], parsers: "Mapping[str, Parser]", parser: str, zone: str | None, summary: _Summary
) -> Iterator["Read"]:
    """Yield what each batch of the files became, rows refused before they were text included."""
    import polars as pl  # noqa: PLC0415

    from correlator.ingest.files import read_paths  # noqa: PLC0415
    from correlator.model.raw import RAW  # noqa: PLC0415
    from correlator.parse.engine import Carried, Fates, Read, read  # noqa: PLC0415
    from correlator.parse.registry import pick  # noqa: PLC0415

    forced = {} if parser == "auto" else {_SOURCE: pick(parsers, parser).name}
    zones = {_SOURCE: _checked_zone(zone)} if zone else {}
    carried = Carried()
    for batch in read_paths(files, source=_SOURCE):
        result = read(batch.rows, parsers, carried, forced=forced, zones=zones)
        carried = result.carried
        summary.add(result)
        yield result
        if batch.rejects is not None and batch.rejects.height:
            summary.fates += Fates(received=batch.rejects.height, rejected=batch.rejects.height)
            summary.add_rejects(batch.rejects)
            yield Read((), batch.rejects, {}, carried)
    last = read(pl.DataFrame(schema=RAW), parsers, carried, forced=forced, zones=zones, final=True)
    summary.add(last)
    yield last


def _checked_zone(zone: str) -> str:
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    from correlator.errors import InputError, Problem  # noqa: PLC0415

    try:
        return ZoneInfo(zone).key
    except (KeyError, ValueError, OSError):
        raise InputError(
            [Problem("--zone", 0, f"unknown time zone {zone!r}", "write an IANA name such as Europe/Paris")]
        ) from None


def event_lines(result: "Read") -> Iterator[str]:
    """Yield the events of a batch as JSON lines, in the order of their records."""
    from correlator.parse.document import documents, to_line  # noqa: PLC0415

    lines = [
        (document.pop("raw_row"), document.pop("n"), to_line(document))
        for events in result.events
        for document in documents(events, drop=())
    ]
    yield from (line for *_, line in sorted(lines))


def _write_rejects(rejects: "pl.DataFrame", file: TextIO) -> None:
    from correlator.parse.document import to_line  # noqa: PLC0415

    rows = rejects.select(_REJECT_KEYS.keys()).rename(_REJECT_KEYS).iter_rows(named=True)
    file.writelines(f"{to_line(row)}\n" for row in rows)
