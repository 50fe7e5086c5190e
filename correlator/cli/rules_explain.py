"""``tocsin rules explain``: which selection of a rule an event satisfies, by which value, and why not."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from correlator.cli.install import config_option, open_install, parser_option
from correlator.cli.output import Exit, format_option, no_level_option, print_rows
from correlator.cli.rules import folders_option
from correlator.errors import InputError, Problem
from correlator.telemetry.terminal import plain

if TYPE_CHECKING:
    import polars as pl

    from correlator.detect.dissect import Dissected
    from correlator.runtime.content import Content


@click.command()
@click.argument("rule")
@click.argument("event")
@click.option("--line", "--record", "line", type=int, help="The line of the file, or the record of the EVTX log, from 1.")
@folders_option
@parser_option
@config_option
@format_option
@no_level_option
def explain(
    rule: str, event: str, line: int | None, folders: tuple[Path, ...], parser: str, config: Path | None, form: str
) -> None:
    """Say why RULE (file, id, name or end of a path) matches EVENT, or why not: each selection, each field, the nearest miss.

    EVENT is a JSON object, a file of logs or of parsed events, - for standard input, or the id of an event of the lake. Of a
    file with several events, --line or --record says which; without it, the event that comes nearest is explained.
    """
    from correlator.detect.explain import explain as look  # noqa: PLC0415 - `--help` must not load it
    from correlator.detect.told import as_object, tell  # noqa: PLC0415

    dissected, content = found_rules(rule, folders, parser, config)
    rows = []
    for number, one in enumerate(dissected):
        chosen, note = _chosen(event, line, one, content, config)
        explained = look(one, chosen)
        if form == "json":
            rows.append(as_object(explained) | {"event": place_of(chosen), "note": note})
        else:
            head = "\n" if number else ""
            click.echo(plain(head + "\n".join(tell(explained, f"{place_of(chosen)}{f' ({note})' if note else ''}"))))
    if form == "json":
        print_rows(rows, form, ())
    raise SystemExit(Exit.DONE)


def found_rules(
    rule: str, folders: Sequence[Path], parser: str, config: Path | None
) -> "tuple[tuple[Dissected, ...], Content]":
    """Return the rules called ``rule`` taken apart, and what events are read with. Raises InputError."""
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.content import load_content  # noqa: PLC0415
    from correlator.runtime.explaining import chosen_texts, find_rules, read_by, rule_sources  # noqa: PLC0415
    from correlator.runtime.sets import rule_folders  # noqa: PLC0415

    settings = load_settings(config)
    sources = rule_sources(folders or rule_folders(settings))
    paths = [Path(text.path) for text, _ in chosen_texts(rule, sources)]
    content = load_content(settings, paths)
    dissected = find_rules(rule, sources, content.estate.all_placeholders)
    if not dissected:
        raise InputError([Problem(rule, 0, "holds no detection rule", "a Sigma rule with a detection")])
    return dissected, read_by(content, parser)


def _chosen(
    event: str, line: int | None, dissected: "Dissected", content: "Content", config: Path | None
) -> "tuple[pl.DataFrame, str]":
    """Return the event that was asked for as a frame of one row, and how it was chosen where nobody said."""
    from correlator.runtime import explaining  # noqa: PLC0415 - `--help` must not load it

    if event.lstrip().startswith("{"):
        return _only(explaining.event_of_text(event, content), line, dissected, event)
    if event != "-" and not Path(event).exists() and explaining.EVENT_ID.fullmatch(event):
        from correlator.runtime.again import event_of_lake  # noqa: PLC0415 - loads the database

        _, engine = open_install(config)
        return _only(event_of_lake(engine, event, content), line, dissected, event)
    binary = sys.stdin.buffer if event == "-" else None
    batches = explaining.events_of([event], content, binary=binary)
    return _only((frame for frames in batches for frame in frames), line, dissected, event)


def _only(frames: "Iterable[pl.DataFrame]", line: int | None, dissected: "Dissected", event: str) -> "tuple[pl.DataFrame, str]":
    from correlator.detect.nearness import Nearest, at_line  # noqa: PLC0415 - `--help` must not load it

    nearest = Nearest(dissected, keep=1)
    for frame in frames:
        nearest.take([frame if line is None else at_line(frame, line)])
    if not nearest.found:
        where = f"no event at line or record {line}" if line is not None else "no event in it that a parser understands"
        raise InputError([Problem(event[:80], 0, where, "a record that `tocsin parse` reads")])
    count, best = nearest.looked_at, nearest.found[0]
    if count == 1 or line is not None:
        return best.event, ""
    return best.event, f"{'the first that matches' if best.matches else 'the nearest'} of {count:,} events; --line chooses"


def place_of(event: "pl.DataFrame") -> str:
    """Return where an event of one row comes from, in a few words."""
    row = event.row(0, named=True)
    place = ":".join(str(row[name]) for name in ("log.file.path", "log.line") if row.get(name) is not None)
    known = [str(row[name]) for name in ("event.dataset", "@timestamp", "commune") if row.get(name) is not None]
    return ", ".join(part for part in (place, *known) if part) or "as given"
