"""``tocsin replay``: the whole flow over files into a scratch store, NDJSON out, a summary on stderr."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from correlator.cli.install import config_option, parser_option
from correlator.cli.output import exit_code, fail_on_option, format_option
from correlator.telemetry.terminal import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from correlator.errors import Problem
    from correlator.runtime.replay import Summary

_OUTPUT = click.Path(path_type=Path, dir_okay=False, allow_dash=True)


@click.command()
@click.argument("paths", nargs=-1, required=True)
@config_option
@click.option(
    "--rules", multiple=True, type=click.Path(path_type=Path), help="Rules instead of the configured ones; repeatable."
)
@parser_option
@click.option("--events", type=_OUTPUT, help="Write events there.")
@click.option("--detections", type=_OUTPUT, help="Write detections there.")
@click.option("--incidents", type=_OUTPUT, help="Write incidents there.")
@click.option("--rejects", type=_OUTPUT, help="Write refused records there, with reasons.")
@fail_on_option
@format_option
def replay(
    paths: tuple[str, ...],
    config: Path | None,
    rules: tuple[Path, ...],
    parser: str,
    fail_on: str | None,
    form: str,
    **outputs: Path | None,
) -> None:
    """Run the whole flow over PATHS (files, directories, archives, - for standard input) into a scratch store."""
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.content import load_content  # noqa: PLC0415
    from correlator.runtime.outputs import Outputs  # noqa: PLC0415
    from correlator.runtime.replay import Replay, forced, incident_documents, scratch_settings  # noqa: PLC0415

    settings = load_settings(config)
    content = forced(load_content(settings, rules), parser)
    with tempfile.TemporaryDirectory(prefix="tocsin-replay-") as folder, Outputs(outputs) as files:
        summary, engine = Replay(paths, content, scratch_settings(settings, Path(folder))).run(each=files.write)
        incidents = incident_documents(engine)
        files.write_incidents(incidents)
        engine.dispose()
    levels = [str(incident["severity"]) for incident in incidents]
    tell_problems([*content.refused, *sorted(summary.problems, key=str)])
    click.echo(plain("\n".join(summary_lines(summary, levels, form))), err=True)
    raise SystemExit(exit_code(fail_on, [*summary.detections, *levels]))


def tell_problems(problems: "Sequence[Problem]", most: int = 20) -> None:
    """Print refused rules and faults of parsers on stderr, at most ``most`` of them, and how many there are."""
    for problem in problems[:most]:
        click.echo(plain(str(problem)), err=True)
    if len(problems) > most:
        click.echo(f"… and {len(problems) - most} more; `tocsin rules check` shows those of rules.", err=True)


def summary_lines(summary: "Summary", incident_levels: list[str], form: str) -> list[str]:
    """Return the summary as readable lines, or as one JSON line."""
    from collections import Counter  # noqa: PLC0415

    import orjson  # noqa: PLC0415 - `--help` must not load it

    fates = summary.fates
    counts = {
        "received": summary.received, "read": fates.read, "assembled": fates.assembled, "skipped": fates.skipped,
        "rejected": summary.rejected, "events": fates.events,
    }  # fmt: skip
    rate = round(fates.events / summary.seconds) if summary.seconds else 0
    levels = Counter(incident_levels)
    if form == "json":
        found = {"detections": dict(summary.detections), "hits": len(summary.hits), "incidents": dict(levels)}
        speed = {"seconds": round(summary.seconds, 3), "events_per_second": rate, "rejects": dict(summary.rejects)}
        return [orjson.dumps({**counts, **speed, **found}).decode()]
    return [
        "records     " + ", ".join(f"{name} {count:,}" for name, count in counts.items() if name != "events"),
        *(
            f"rejected    {count:,} {reason}, first at {_place(summary, reason)}"
            for reason, count in summary.rejects.most_common()
        ),
        f"events      {fates.events:,} in {summary.seconds:.1f} s, {rate:,} a second",
        f"detections  {sum(summary.detections.values()):,}{_by_level(summary.detections)}",
        f"hits        {len(summary.hits):,}",
        f"incidents   {len(incident_levels):,}{_by_level(levels)}",
    ]


def _place(summary: "Summary", reason: str) -> str:
    return next(place for (_, known), place in summary.places.items() if known == reason)


def _by_level(levels: "dict[str, int]") -> str:
    order = ("critical", "high", "medium", "low", "informational")
    parts = [f"{level} {levels[level]:,}" for level in order if levels.get(level)]
    return f" ({', '.join(parts)})" if parts else ""
