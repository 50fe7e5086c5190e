"""``tocsin try``: my files, no configuration: what was understood, what was not and why, what was found, what can fire."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from correlator.cli.install import parser_option
from correlator.cli.output import exit_code, fail_on_option, format_option, print_rows
from correlator.telemetry.terminal import plain

if TYPE_CHECKING:
    from correlator.runtime.content import Content
    from correlator.runtime.replay import Summary

_MOST_INCIDENTS, _MOST_KINDS, _MOST_FILES = 20, 6, 4


@click.command(name="try")
@click.argument("paths", nargs=-1, required=True)
@click.option("--rules", multiple=True, type=click.Path(path_type=Path), help="Rules to use instead of the shipped ones.")
@parser_option
@fail_on_option
@format_option
def try_(paths: tuple[str, ...], rules: tuple[Path, ...], parser: str, fail_on: str | None, form: str) -> None:
    """Say what Tocsin makes of PATHS (files, directories, archives, -): nothing is configured, nothing is kept."""
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.content import load_content  # noqa: PLC0415
    from correlator.runtime.replay import Replay, forced, incident_documents, scratch_settings  # noqa: PLC0415

    settings = load_settings(None)
    content = forced(load_content(settings, rules), parser)
    with tempfile.TemporaryDirectory(prefix="tocsin-try-") as folder:
        summary, engine = Replay(paths, content, scratch_settings(settings, Path(folder))).run()
        incidents = incident_documents(engine)
        engine.dispose()
    if form == "json":
        print_rows([as_json(summary, content, incidents)], form, ())
    else:
        click.echo(plain("\n".join(lines(summary, content, incidents))))
    raise SystemExit(exit_code(fail_on, [*summary.detections, *(str(one["severity"]) for one in incidents)]))


def lines(summary: "Summary", content: "Content", incidents: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the report: understood, not understood by reason, found (with the incidents), how many rules can fire."""
    kinds = ", ".join(f"{count:,} {name}" for name, count in summary.datasets.most_common(_MOST_KINDS))
    more = len(summary.datasets) - _MOST_KINDS
    read, blank = summary.fates.read + summary.fates.assembled, summary.fates.skipped
    records = summary.received - blank
    share = 100 * read / records if records else 0.0
    others = f" and {more} more kinds" if more > 0 else ""
    empty = f", {blank:,} blank lines and comments apart" if blank else ""
    yield f"understood      {read:,} of {records:,} records ({share:.1f} %{empty}){': ' if kinds else ''}{kinds}{others}"
    yield from _refused(summary)
    detections = sum(summary.detections.values())
    by = f"{_counted(detections, 'detection')} by {_counted(len(summary.rules), 'rule')}"
    yield f"found           {by}, {_counted(len(incidents), 'incident')}"
    for incident in sorted(incidents, key=lambda one: -int(one["count"]))[:_MOST_INCIDENTS]:
        yield f"                {incident['severity']:<8} {_counted(incident['count'], 'event'):>13}  {incident['title']}"
    able, rest = able_rules(summary, content)
    yield f"rules           {able:,} of {len(content.ruleset.rules):,} can fire on these logs{_why(rest)}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + "s" * (count != 1)


def _refused(summary: "Summary") -> Iterator[str]:
    """Yield what was not understood: per reason how many, where the first is, and which files hold most of them."""
    if not summary.rejected:
        yield "not understood  nothing"
    first = {reason: place for (_, reason), place in reversed(summary.places.items())}
    for number, (reason, count) in enumerate(summary.rejects.most_common()):
        yield f"{'not understood' if not number else '':<15} {count:,} {reason}, first at {first[reason]}"
        files = Counter({path: lines for (why, path), lines in summary.refused_files.items() if why == reason})
        if len(files) > 1:
            most = ", ".join(f"{path} {lines:,}" for path, lines in files.most_common(_MOST_FILES))
            yield f"{'':<15}   most in {most}"
    if summary.rejects["no_parser"]:
        yield f"{'':<15}   no parser knows these; docs/adding-a-parser.md says how to write one, --parser forces one"


def able_rules(summary: "Summary", content: "Content") -> tuple[int, dict[str, int]]:
    """Return how many rules could fire on what was read, and for the others how many per reason."""
    from correlator.detect.report import inert  # noqa: PLC0415 - `--help` must not load it
    from correlator.model.logsource import LogSource  # noqa: PLC0415

    seen = [LogSource.parse(text) for texts in summary.logsources for text in texts.split()]
    unable = inert(content.ruleset, seen, frozenset(summary.fields))
    kinds = Counter("no such log here" if "log source" in one.reason else "a field they need is absent" for one in unable)
    return len(content.ruleset.rules) - len(unable), dict(kinds)


def _why(rest: dict[str, int]) -> str:
    return f" ({'; '.join(f'{count:,}: {reason}' for reason, count in sorted(rest.items()))})" if rest else ""


def as_json(summary: "Summary", content: "Content", incidents: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the report as one object."""
    able, rest = able_rules(summary, content)
    return {
        "received": summary.received, "read": summary.fates.read, "assembled": summary.fates.assembled,
        "skipped": summary.fates.skipped, "rejected": dict(summary.rejects), "datasets": dict(summary.datasets),
        "detections": dict(summary.detections), "rules_fired": dict(summary.rules), "incidents": incidents,
        "rules_able": able, "rules_unable": rest,
    }  # fmt: skip
