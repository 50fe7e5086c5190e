"""``tocsin rules coverage``: which rules can fire here, what the others miss, and the ATT&CK matrix of it."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from correlator.cli.install import config_option, since_time
from correlator.cli.output import format_option, no_level_option, print_rows
from correlator.errors import InputError, Problem
from correlator.telemetry.terminal import plain

if TYPE_CHECKING:
    import sqlalchemy as sa

    from correlator.config.settings import Settings
    from correlator.detect.coverage import Reached, Stream
    from correlator.runtime.content import Content
    from correlator.runtime.coverage import Covered

_FIRST = 10  # reasons told
_EPILOG = """\b
Examples:
  ./tocsin rules coverage
  ./tocsin rules coverage sigma/rules --on day/logs --navigator layer.json
"""


@click.command(epilog=_EPILOG)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--on", multiple=True, metavar="FILES", help="What arrives: these logs, instead of the lake of the install.")
@click.option("--parsers", "of_parsers", is_flag=True, help="Ask what the parsers can give, not what arrived.")
@click.option("--since", default="30d", show_default=True, help="Of the lake, what arrived since then: 30d, 12h, or a date.")
@click.option(
    "--navigator", type=click.Path(path_type=Path, dir_okay=False), help="Write a layer for the ATT&CK Navigator there."
)
@click.option("--all", "everything", is_flag=True, help="Each rule on a line of its own instead of counts by log source.")
@config_option
@format_option
@no_level_option
def coverage(
    paths: tuple[Path, ...], on: tuple[str, ...], since: str, navigator: Path | None, config: Path | None, form: str, *,
    of_parsers: bool, everything: bool,
) -> None:  # fmt: skip
    """Say for the rules of PATHS (without: the configured ones) whether they can fire here, and what the others miss.

    Here is what arrived: the events of FILES, else those of the lake; without a lake, what the parsers can give.
    A rule is covered, untested (it can fire, and has no .test beside it), or it misses a field or the source.
    """
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.content import load_content  # noqa: PLC0415
    from correlator.runtime.coverage import cover  # noqa: PLC0415

    settings = load_settings(config)
    content = load_content(settings, paths)
    if not content.ruleset.rules:
        raise InputError(content.refused or [Problem("rules", 0, "there is no rule", "PATHS with Sigma rules")])
    streams, here = (None, "what the parsers can give") if of_parsers else _arrived(settings, content, on, since)
    covered = cover(content, streams)
    if navigator:
        _write_layer(navigator, covered, here)
    if form == "json":
        print_rows(map(_row, covered.rules), form, ())
    elif everything:
        print_rows(map(_row, covered.rules), form, ("status", "title", "log source", "why", "path"))
    else:
        _print_summary(covered, here)


def _arrived(
    settings: "Settings", content: "Content", on: tuple[str, ...], since: str
) -> "tuple[Sequence[Stream] | None, str]":
    """Return what arrives, and where that is known from."""
    from correlator.runtime.sampling import streams_in, streams_in_lake  # noqa: PLC0415 - `--help` must not load it

    if on:
        return streams_in(on, content), f"the events of {', '.join(on)}"
    engine, now = _lake(settings), datetime.now(UTC)
    if engine is not None:
        streams = streams_in_lake(engine, content, now - since_time(since, now), now)
        engine.dispose()
        if streams:
            return streams, f"the {sum(sum(one.communes.values()) for one in streams):,} events of the lake since {since}"
    return None, "what the parsers can give: nothing has arrived yet"


def _lake(settings: "Settings") -> "sa.Engine | None":
    from correlator.store.database import open_database  # noqa: PLC0415 - `--help` must not load it

    if not settings.database_url and not settings.database.exists():
        return None
    return open_database(settings.database, url=settings.database_url)


def _row(one: "Reached") -> dict[str, Any]:
    from correlator.detect.navigator import techniques_of  # noqa: PLC0415 - `--help` must not load it

    rule = one.rule
    return {
        "rule.id": rule.id, "title": rule.title, "level": rule.level, "log source": str(rule.logsource),
        "path": f"{rule.path}:{rule.line}", "status": str(one.status), "why": one.why, "communes": list(one.communes),
        "techniques": list(techniques_of(rule.tags)),
    }  # fmt: skip


def _print_summary(covered: "Covered", here: str) -> None:
    by_source: dict[str, Counter[str]] = defaultdict(Counter)
    for one in covered.rules:
        by_source[str(one.rule.logsource)][str(one.status)] += 1
    statuses = ("covered", "untested", "field missing", "no source")
    rows: list[dict[str, Any]] = [
        {"log source": source} | {status: counts[status] or "" for status in statuses}
        for source, counts in sorted(by_source.items())
    ]
    print_rows(rows, "text", ("log source", *statuses), title=plain(f"{len(covered.rules):,} rules on {here}"))
    for line in _told(covered):
        click.echo(plain(line))


def _told(covered: "Covered") -> Iterator[str]:
    from correlator.detect.navigator import by_technique  # noqa: PLC0415 - `--help` must not load it

    able = [one for one in covered.rules if one.able]
    untested = sum(str(one.status) == "untested" for one in able)
    yield f"rules         {len(able):,} of {len(covered.rules):,} can fire here" + (
        f", {untested:,} of them untested" if untested else ""
    )
    if covered.correlations:
        firing = sum(fires for _, fires in covered.correlations)
        yield f"correlations  {firing:,} of {len(covered.correlations):,} can fire here"
    techniques = by_technique(covered.tagged())
    yield f"techniques    {sum(fires > 0 for fires, _ in techniques.values()):,} of {len(techniques):,} that the rules name"
    communes = Counter(commune for one in able for commune in one.communes)
    if communes:
        yield "communes      " + ", ".join(f"{commune} {count:,}" for commune, count in sorted(communes.items()))
    reasons = Counter(one.why for one in covered.rules if not one.able)
    for number, (why, count) in enumerate(reasons.most_common(_FIRST)):
        yield f"{'' if number else 'missing':<13} {count:,} × {why}"
    if len(reasons) > _FIRST:
        yield f"{'':<13} … {len(reasons) - _FIRST:,} more reasons: --all"


def _write_layer(path: Path, covered: "Covered", here: str) -> None:
    import orjson  # noqa: PLC0415 - `--help` must not load it

    from correlator.detect.navigator import layer  # noqa: PLC0415
    from correlator.runtime.coverage import attack_version  # noqa: PLC0415

    able = sum(one.able for one in covered.rules)
    description = f"{able} of {len(covered.rules)} rules can fire on {here}."
    made = layer("Tocsin", description, attack_version(), covered.tagged())
    try:
        path.write_bytes(orjson.dumps(made, option=orjson.OPT_INDENT_2) + b"\n")
    except OSError as error:
        raise InputError(
            [Problem(str(path), 0, f"cannot be written: {error.strerror}", "a file in a folder that is there")]
        ) from None
    click.echo(plain(f"{path}: {len(made['techniques'])} techniques; open it in the ATT&CK Navigator."), err=True)
