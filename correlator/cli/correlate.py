"""``tocsin correlate``: Sigma correlations over events that are already normalised; a stable interface for other tools."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from correlator.cli.detect import Event, EventReader
from correlator.cli.output import Exit, fail_on_option, format_option
from correlator.cli.rules_chosen import choose
from correlator.errors import InputError, Problem

if TYPE_CHECKING:
    import polars as pl

    from correlator.correlate.rule import CorrelationRule
    from correlator.detect.plan import RuleSet

_CHUNK_EVENTS = 5_000
_TIME = "@timestamp"
_BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)  # windows wait for the end of the file: its lines may be in any order


@click.command()
@click.option("--rules", "paths", multiple=True, required=True, type=click.Path(path_type=Path), help="Rule file or folder.")
@click.option("--any-logsource", is_flag=True, help="Every rule looks at every event, whatever its log source.")
@click.argument("file", type=click.File("rb"))
@format_option
@fail_on_option
@click.pass_context
def correlate(
    ctx: click.Context, paths: tuple[Path, ...], file: IO[bytes], form: str, fail_on: str | None, *, any_logsource: bool
) -> None:
    """Find what the correlations in the rules find in the events of FILE (NDJSON, - for standard input).

    Events need an ISO 8601 @timestamp and may come in any order; commune is optional. Output is NDJSON whatever --format
    says, one line per satisfied correlation: rule.id, rule.name, lane, group, first, last, count, log.lines. Wrong lines and
    refused rules are told on standard error, the rest goes on; wrong lines end with exit code 2.
    """
    from correlator.model.severity import Severity  # noqa: PLC0415 - `--help` loads nothing

    del form
    ruleset, correlations = _load(paths)
    reader = EventReader(getattr(file, "name", "-"))
    hits = _hits(ruleset, correlations, reader, file, any_logsource=any_logsource)
    _print(hits)
    _tell(reader.problems)
    if reader.without_source and not any_logsource:
        click.echo(
            f"{reader.without_source} events have no logsource: no rule looked at them; --any-logsource asks all", err=True
        )
    if reader.problems:
        ctx.exit(Exit.WRONG_INPUT)
    if fail_on and any(Severity.of(level) >= Severity.of(fail_on) for level in hits["rule.level"]):
        ctx.exit(Exit.FINDINGS)


def _load(paths: tuple[Path, ...]) -> tuple["RuleSet", tuple["CorrelationRule", ...]]:
    """Return the rules and correlations of ``paths``; InputError when no correlation can run."""
    from correlator.correlate.load import load_correlations  # noqa: PLC0415 - `--help` loads nothing

    loaded = choose(paths).loaded
    names = {rule.name: rule.id for rule in loaded.ruleset.rules if rule.name}
    known = {**names, **{rule.id: rule.id for rule in loaded.ruleset.rules}}
    correlations, refused = load_correlations(loaded.ruleset.correlations, known)
    problems = [*loaded.problems, *refused]
    if not correlations:
        raise InputError(problems or [Problem(str(paths[0]), 0, "no correlation rule", "a document with the key correlation")])
    _tell(problems)
    return loaded.ruleset, correlations


def _hits(
    ruleset: "RuleSet",
    correlations: Sequence["CorrelationRule"],
    reader: EventReader,
    lines: Iterable[bytes],
    *,
    any_logsource: bool,
) -> "pl.DataFrame":
    """Return the hits over all events (HIT), the last form of each, in the order of their first event."""
    import polars as pl  # noqa: PLC0415 - `--help` loads nothing

    from correlator.correlate.engine import correlate as advance  # noqa: PLC0415
    from correlator.correlate.state import LaneStates, micros  # noqa: PLC0415

    state = LaneStates()
    hits: list[pl.DataFrame] = []
    events = _timed(reader.read(lines), reader)
    while True:
        chunk = list(islice(events, _CHUNK_EVENTS))
        facts = _facts(ruleset, correlations, chunk, any_logsource=any_logsource)
        newest = max([state.newest, *(micros(time) for time, _ in chunk)])  # events that no rule matches move time on too
        state = replace(state, newest=newest)
        done = advance(correlations, state, facts, _BEFORE_ALL if chunk else None)
        hits = [found.filter(~pl.col("hit.id").is_in(list(done.merged))) for found in (*hits, done.hits)]
        state = done.state
        if not chunk:
            return pl.concat(hits).unique("hit.id", keep="last").sort("first", "rule.id", "lane", "group")


def _timed(events: Iterable[Event], reader: EventReader) -> Iterator[tuple[datetime, Event]]:
    """Yield events with their time; one without is refused."""
    for event in events:
        number, _, content = event
        time = _time_of(content.get(_TIME))
        if time is None:
            reader.problems.append(
                Problem(reader.path, number, f"the {_TIME} {content.get(_TIME)!r}", "a date such as 2026-03-06T22:10:00Z")
            )
        else:
            yield time, event


def _time_of(written: object) -> datetime | None:
    try:
        time = datetime.fromisoformat(written) if isinstance(written, str) else None
    except ValueError:
        return None
    return time if time is None or time.tzinfo else time.replace(tzinfo=UTC)


def _facts(
    ruleset: "RuleSet",
    correlations: Sequence["CorrelationRule"],
    chunk: Sequence[tuple[datetime, Event]],
    *,
    any_logsource: bool,
) -> "pl.DataFrame":
    """Return the detections of a chunk with the fields that correlations need; event.id is the line."""
    import polars as pl  # noqa: PLC0415 - `--help` loads nothing

    from correlator.correlate.load import wanted_fields  # noqa: PLC0415
    from correlator.detect.describe import project  # noqa: PLC0415
    from correlator.detect.engine import detect as match  # noqa: PLC0415
    from correlator.detect.flatten import flatten, frame_of  # noqa: PLC0415

    wanted = sorted(wanted_fields(correlations))
    flattened = [flatten(content) for _, (_, _, content) in chunk]
    sources = [source for _, (_, source, _) in chunk]
    events = frame_of(flattened, sources, ruleset.fields | frozenset(wanted), keywords=ruleset.keywords)
    matches = match(ruleset, [events], any_logsource=any_logsource, reserved=frozenset())
    times = pl.Series([time for time, _ in chunk], dtype=pl.Datetime("us", "UTC"))
    communes = [_text(content.get("commune")) for _, (_, _, content) in chunk]
    placed = events.with_columns(
        pl.Series("event.id", [str(number) for _, (number, _, _) in chunk], dtype=pl.String),
        times.alias(_TIME),
        pl.Series("commune", communes, dtype=pl.String),
    )
    facts: pl.DataFrame = project(ruleset, [placed], matches, wanted)
    return facts


def _text(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    return None if value is None else str(value)


def _print(hits: "pl.DataFrame") -> None:
    import orjson  # noqa: PLC0415 - `--help` loads nothing

    for hit in hits.iter_rows(named=True):
        shown = {name: hit[name] for name in ("rule.id", "rule.name", "lane")}
        shown |= {"group": orjson.Fragment(hit["group"]), "first": hit["first"], "last": hit["last"], "count": hit["count"]}
        lines = sorted(int(line) for line in hit["event.ids"])
        click.echo(orjson.dumps({**shown, "log.lines": lines}, option=orjson.OPT_UTC_Z))


def _tell(problems: Iterable[Problem]) -> None:
    for problem in problems:
        click.echo(str(problem), err=True)
