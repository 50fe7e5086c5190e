"""``tocsin demo``: a seeded day of nine communes, four attacks in it, and what Tocsin makes of it."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from correlator.cli.output import exit_code, fail_on_option, format_option, print_rows
from correlator.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from correlator.harness.demo.score import Score
    from correlator.harness.demo.truth import EventKey
    from correlator.runtime.pipeline import Outcome
    from correlator.runtime.replay import Replay, Summary

    Clock = Callable[[], datetime]

_KEPT = """\
# The day of `tocsin demo --keep`, for any other command.
data_dir = "store"
estate = "estate.toml"
"""
_COLUMNS = ("number", "severity", "events", "when", "commune", "incident")


@click.command()
@click.option("--seed", default=9, show_default=True, help="Another seed is another day.")
@click.option("--scale", default=1.0, show_default=True, help="How much ordinary traffic: 1 is about 25,000 events.")
@click.option(
    "--keep", type=click.Path(path_type=Path, file_okay=False), help="Keep the log files, the truth and the store here."
)
@click.option("--serve", is_flag=True, help="Then show it in the console, on 127.0.0.1 only, with invented accounts.")
@click.option("--port", type=click.IntRange(1, 65535), default=8443, show_default=True, help="Port of the console.")
@fail_on_option
@format_option
def demo(seed: int, scale: float, keep: Path | None, fail_on: str | None, form: str, *, serve: bool, port: int) -> None:
    """Play a day of the nine fictional communes through the whole flow; the truth is never shown to the engine."""
    with tempfile.TemporaryDirectory(prefix="tocsin-demo-") as scratch:
        folder = keep or Path(scratch)
        if (folder / "store").exists():
            raise InputError([Problem(str(folder / "store"), 0, "holds a demonstration already", "name another folder")])
        folder.mkdir(parents=True, exist_ok=True)
        from correlator.harness.demo.stage import morning_clock  # noqa: PLC0415 - `--help` must not load it

        clock = morning_clock()
        levels = play(folder, seed=seed, scale=scale, form=form, clock=clock)
        if keep:
            _write_settings(keep)
        if serve:
            _show(folder, port, clock)
    raise SystemExit(exit_code(fail_on, levels))


def _write_settings(folder: Path) -> None:
    """Write a tocsin.toml with which every other command looks at the kept day."""
    from correlator.harness.demo.generator import ESTATE  # noqa: PLC0415 - `--help` must not load it

    (folder / "estate.toml").write_bytes(ESTATE.read_bytes())
    settings = folder / "tocsin.toml"
    settings.write_text(_KEPT, encoding="utf-8")
    click.echo(f"Kept. For other commands: --config {settings}", err=True)


def _show(folder: Path, port: int, clock: "Clock") -> None:
    """Serve the console on the store below ``folder`` until told to stop."""
    from correlator.api.demonstration import demonstration  # noqa: PLC0415 - `--help` must not load it
    from correlator.cli.serve import serve_until_told  # noqa: PLC0415
    from correlator.harness.demo.generator import ESTATE  # noqa: PLC0415
    from correlator.telemetry.logs import set_up_logs  # noqa: PLC0415

    set_up_logs("warning")
    install = demonstration(folder / "store", ESTATE, port, clock)
    try:
        serve_until_told(install)
    finally:
        install.engine.dispose()


def play(folder: Path, *, seed: int, scale: float, form: str, clock: "Clock") -> list[str]:
    """Generate the day below ``folder``, replay it, print incidents and the score; return the levels of the incidents."""
    from correlator.config.estate import load_estate  # noqa: PLC0415 - `--help` must not load it
    from correlator.config.settings import load_settings  # noqa: PLC0415
    from correlator.harness.demo.generator import ESTATE, generate  # noqa: PLC0415
    from correlator.harness.demo.score import score  # noqa: PLC0415
    from correlator.runtime.content import load_content  # noqa: PLC0415
    from correlator.runtime.replay import Replay, incident_documents, scratch_settings  # noqa: PLC0415

    logs, truth = folder / "logs", folder / "truth" / "truth.ndjson"
    truth.parent.mkdir(exist_ok=True)
    click.echo("Writing a day of nine communes ...", err=True)
    generate(logs, truth, seed, scale)
    estate = load_estate(ESTATE)
    settings = scratch_settings(load_settings(None), folder / "store")
    replay = Replay([str(logs)], load_content(load_settings(None), estate=estate), settings, clock=clock)
    places: dict[str, EventKey] = {}
    summary, engine = _with_progress(replay, lambda outcome: places.update(_places(logs, outcome)))
    incidents = incident_documents(engine)
    engine.dispose()
    names = {commune.id: commune.name for commune in estate.communes}
    _tell(summary, [_row(incident, names, settings.time_zone) for incident in incidents], form)
    keys = [(one["number"], {places[event] for event in one["event.ids"]}) for one in incidents]
    judged = score(truth, keys)
    if form == "json":
        print_rows([{"planted": judged.planted, "found": judged.found, "others": judged.others}], form, ())
    else:
        click.echo(score_line(judged))
    return [str(incident["severity"]) for incident in incidents]


def _with_progress(replay: "Replay", each: "Callable[[Outcome], None]") -> Any:  # noqa: ANN401 - (Summary, Engine), not loaded for `--help`
    from rich.console import Console  # noqa: PLC0415 - `--help` must not load it
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("Reading the logs", total=None)
        return replay.run(each=each, progress=lambda done, total: bar.update(task, completed=done, total=total))


def _row(incident: dict[str, Any], names: dict[str, str], zone: str) -> dict[str, Any]:
    return {
        "number": incident["number"],
        "severity": incident["severity"],
        "events": incident["count"],
        "when": _when(incident["first"], incident["last"], zone),
        "commune": ", ".join(names.get(commune, commune) for commune in incident["communes"]),
        "incident": incident["title"],
    }


def _when(first: str, last: str, zone: str) -> str:
    """Return ``18/11 09:40–10:54``: the day once when both ends lie in it."""
    from datetime import datetime  # noqa: PLC0415
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    start, end = (datetime.fromisoformat(moment).astimezone(ZoneInfo(zone)) for moment in (first, last))
    return f"{start:%d/%m %H:%M}–{end:%H:%M}" if start.date() == end.date() else f"{start:%d/%m %H:%M}–{end:%d/%m %H:%M}"


def _tell(summary: "Summary", rows: list[dict[str, Any]], form: str) -> None:
    print_rows(rows, form, _COLUMNS, title="Incidents")
    files, read = len(summary.datasets), summary.fates.events
    rate = read / summary.seconds if summary.seconds else 0
    click.echo(
        f"{read:,} events of {files} kinds in {summary.seconds:.1f} s ({rate:,.0f} a second), {summary.rejected:,} refused, "
        f"{sum(summary.detections.values()):,} detections, {len(summary.hits):,} correlation hits, {len(rows):,} incidents",
        err=form == "json",
    )


def _places(logs: Path, outcome: "Outcome") -> "Iterator[tuple[str, EventKey]]":
    """Yield (event id, where it stands) of every event that some rule found: the truth speaks of files and lines."""
    from correlator.harness.demo.score import event_key  # noqa: PLC0415 - `--help` must not load it

    for event, path, line in outcome.detections.select("event.id", "log.file.path", "log.line").iter_rows():
        yield event, event_key(logs, path, line)


def score_line(score: "Score") -> str:
    """Return the last line of the demonstration."""
    return f"planted {score.planted}, found {score.found}, others {score.others}"
