"""``tocsin rules backtest``: what rules would have found in the lake, when and where, and how much work that would be."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from correlator.cli.install import config_option, open_install, since_time
from correlator.cli.output import exit_code, fail_on_option, format_option, print_rows
from correlator.cli.rules import folders_option
from correlator.cli.rules_try import EXPLAINED_RULES
from correlator.errors import InputError, Problem
from correlator.telemetry.terminal import plain

if TYPE_CHECKING:
    from correlator.config.settings import Settings
    from correlator.runtime.backtest import Backtest, Found, Noise
    from correlator.runtime.content import Content

_INTERRUPTED = 130  # what shells expect after Ctrl-C
_TOP, _DAYS, _BAR, _FIRST = 5, 31, 30, 2


@click.command()
@click.argument("rule")
@click.option("--since", default="30d", show_default=True, help="How far back: 30d, 12h, or a date.")
@click.option("--until", help="Up to when: a date, or 2d for two days ago (default: now).")
@click.option("--commune", default="", help="Only events of this commune, by its id.")
@folders_option
@config_option
@format_option
@fail_on_option
def backtest(
    rule: str,
    since: str,
    until: str | None,
    commune: str,
    folders: tuple[Path, ...],
    config: Path | None,
    form: str,
    fail_on: str | None,
) -> None:
    """Run RULE (file, folder, id, name; correlations too) over the lake: hits by day and commune, incidents a day to expect.

    Records are parsed again, so fields nobody wanted then are there. The command line knows no perimeter: it reads the
    events of every commune. Ctrl-C shows what was found so far (exit code 130). Nothing is written.
    """
    from correlator.runtime.backtest import Backtest, Span  # noqa: PLC0415 - `--help` must not load it

    settings, engine = open_install(config)
    now = datetime.now(UTC)
    span = Span(since_time(since, now), since_time(until, now) if until else now, commune)
    if span.since >= span.until:
        raise InputError([Problem("--since", 0, f"{since} is not before {until or 'now'}", "an earlier time")])
    run = Backtest(engine, chosen_content(rule, folders, settings), span, settings.time_zone)
    whole = _watched(run)
    found = [(one, run.noise(one)) for one in run.results()]
    if form == "json":
        print_rows([*(_as_row(one, noise, run) for one, noise in found), _looked(run, whole=whole)], form, ())
    else:
        for one, noise in found:
            click.echo(plain("\n".join(_told(one, noise, run))))
    click.echo(_summary(run, whole=whole), err=True)
    raise SystemExit(exit_code(fail_on, [one.level for one, _ in found if one.matches]) if whole else _INTERRUPTED)


def chosen_content(rule: str, folders: Sequence[Path], settings: "Settings") -> "Content":
    """Return the rules called ``rule`` with the filters and mappings that apply; a correlation brings what it builds on.

    Raises InputError when there is none, or one of them does not load.
    """
    from correlator.runtime.content import load_content  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.explaining import chosen_texts, find_rules, rule_sources, with_rules  # noqa: PLC0415
    from correlator.runtime.sets import rule_folders  # noqa: PLC0415

    where = tuple(folders) or rule_folders(settings)
    sources = rule_sources(where)
    texts = chosen_texts(rule, sources)
    files = [Path(text.path) for text, _ in texts]
    if any("\ncorrelation:" in text.text for text, _ in texts):
        outside = [file for file in files if not any(_is_below(file, folder) for folder in where)]
        return _with_members(load_content(settings, [*where, *outside]), files, {name for _, name in texts if name})
    chosen = [Path(rule)] if Path(rule).exists() else files
    content = load_content(settings, [*chosen, *(Path(text.path) for text in sources.filters)])
    if len(texts) <= EXPLAINED_RULES:
        content = with_rules(content, find_rules(rule, sources, content.estate.all_placeholders))
    return _checked(content, files, rule)


def _is_below(file: Path, folder: Path) -> bool:
    return file.resolve().is_relative_to(folder.resolve())


def _with_members(content: "Content", files: Sequence[Path], named: set[str]) -> "Content":
    """Return only what stands in ``files`` (that is called so, when names are given), and what its correlations build on."""
    from correlator.runtime.content import members  # noqa: PLC0415 - `--help` must not load it

    paths = {file.resolve() for file in files}
    rules = [(one.id, one.name) for one in content.ruleset.rules if Path(one.path).resolve() in paths]
    rules += [
        (str(document.get("id")), str(document.get("name")))
        for path, document in content.ruleset.correlations
        if Path(path).resolve() in paths
    ]
    wanted = {rule_id for rule_id, name in rules if not named or {rule_id, name} & named}
    for one in reversed(content.correlations):  # members come before who refers to them
        wanted |= members(one) if one.id in wanted else set()
    every = {one.id for one in content.ruleset.rules} | {one.id for one in content.correlations}
    return _checked(content.without(every - wanted), files, files[0].name)


def _checked(content: "Content", files: Sequence[Path], rule: str) -> "Content":
    paths = {str(file) for file in files}
    problems = [problem for problem in content.refused if problem.path in paths]
    if problems or not (content.ruleset.rules or content.correlations):
        raise InputError(problems or [Problem(rule, 0, "holds no rule", "a Sigma rule")])
    return content


def _watched(run: "Backtest") -> bool:
    """Run to the end, with a progress bar on a terminal; return False when the person stopped it."""
    with suppress(KeyboardInterrupt):
        if not sys.stderr.isatty():
            for _ in run.run():
                pass
            return True
        from rich.console import Console  # noqa: PLC0415 - `--help` must not load it
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415

        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("events", total=None)
            for done, total in run.run():
                bar.update(task, completed=done, total=total)
        return True
    return False


def _told(found: "Found", noise: "Noise", run: "Backtest") -> Iterator[str]:
    yield f"{found.title} ({found.level})"
    if not found.matches:
        yield "  found      nothing" + ("" if run.fitting else ": no event of the lake feeds its log source")
        return
    days, places = len(found.days), len(found.communes)
    yield f"  found      {found.matches:,}, on {days} day{'s' * (days > 1)}, in {places} commune{'s' * (places > 1)}"
    muted = "none: the base of a correlation, muted in triage; alone it would make " if found.id in run.content.muted else ""
    yield f"  noise      {muted}{noise_told(found.level, noise, run.span.days)}"
    most = max(found.days.values())
    for number, (day, count) in enumerate(sorted(found.days.items())[-_DAYS:]):
        bar = "█" * max(1, round(_BAR * count / most))
        yield f"  {'by day' if not number else '':<10} {day}  {count:>9,}  {bar}"
    for title, counter in (("by commune", found.communes), ("by host", found.hosts), ("by user", found.users)):
        if counter:
            yield f"  {title:<10} {_most(counter)}"
    yield f"  first      {', '.join(found.first[:_FIRST])}"


def _most(counter: Counter[str]) -> str:
    told = ", ".join(f"{name} {count:,}" for name, count in counter.most_common(_TOP))
    more = len(counter) - _TOP
    return f"{told} and {more:,} more" if more > 0 else told


def noise_told(level: str, noise: "Noise", days: float) -> str:
    """Return how many incidents a day to expect, against what the level of the rule bears."""
    least = "at least " if noise.least else ""
    rate = f"{noise.a_day:.1f}" if noise.a_day >= 0.1 else f"{noise.a_day:.2f}"  # noqa: PLR2004 - a digit more below a tenth
    told = f"{least}about {rate} incidents a day ({noise.incidents:,} in {days:,.1f} days)"
    if noise.borne is None:
        return f"none: level {level} opens no incident; one that does would make {told}"
    per = f"{noise.borne:g} a day" if noise.borne >= 1 else "1 a week"
    return f"{told}; level {level} bears {per}: {'fits' if noise.bearable else 'too many, narrow it or lower its level'}"


def _as_row(found: "Found", noise: "Noise", run: "Backtest") -> dict[str, Any]:
    return {
        "rule.id": found.id, "rule.title": found.title, "rule.level": found.level, "matches": found.matches,
        "by_day": dict(sorted(found.days.items())), "by_commune": dict(found.communes.most_common()),
        "by_host": dict(found.hosts.most_common(100)), "by_user": dict(found.users.most_common(100)), "first": found.first,
        "incidents": noise.incidents, "incidents_a_day": round(noise.a_day, 3), "at_least": noise.least,
        "bearable": noise.bearable, "days": round(run.span.days, 2),
    }  # fmt: skip


def _looked(run: "Backtest", *, whole: bool) -> dict[str, Any]:
    return {
        "kind": "summary", "since": run.span.since, "until": run.span.until, "events": run.events,
        "of_the_log_sources": run.fitting, "as_kept": run.as_kept, "gone": run.gone, "whole": whole,
    }  # fmt: skip


def _summary(run: "Backtest", *, whole: bool) -> str:
    told = f"{run.events:,} events looked at, {run.fitting:,} of the log sources asked for"
    if run.as_kept:
        told += f"; {run.as_kept:,} could not be parsed again alone and were taken as kept"
    if run.gone:
        told += f"; {run.gone:,} left the lake meanwhile, run it again"
    if not whole:
        told += f"; stopped{f' at {run.until:%Y-%m-%d %H:%M} UTC' if run.until else ''}: what is shown is a part"
    return f"{told}."
