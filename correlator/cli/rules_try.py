"""``tocsin rules try``: what rules find in files, and where they find nothing, what came nearest and why it failed."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from correlator.cli.install import config_option, parser_option
from correlator.cli.output import exit_code, fail_on_option, format_option, print_rows
from correlator.cli.rules import folders_option
from correlator.cli.rules_explain import place_of
from correlator.errors import InputError, Problem
from correlator.telemetry.terminal import plain

if TYPE_CHECKING:
    from correlator.runtime.trying import Trial, Verdict

#: Rules that are taken apart to say why not; of a larger set only what matched is told.
EXPLAINED_RULES = 20
_TOLD = 5
_COLUMNS = ("log.file.path", "log.line", "rule.title", "commune", "@timestamp")


@click.command(name="try")
@click.argument("rule")
@click.argument("paths", nargs=-1, required=True)
@folders_option
@parser_option
@config_option
@format_option
@fail_on_option
def try_rule(
    rule: str,
    paths: tuple[str, ...],
    folders: tuple[Path, ...],
    parser: str,
    config: Path | None,
    form: str,
    fail_on: str | None,
) -> None:
    """Show what RULE (file, folder, id, name) finds in PATHS, line by line; where nothing, the nearest event and why not.

    PATHS are EVTX files, raw logs, JSON, archives, folders or - for standard input. Filters that apply to the rule do.
    """
    from correlator.runtime.explaining import read_events  # noqa: PLC0415 - `--help` must not load it

    trial = made_trial(rule, folders, parser, config)
    for looked in read_events(paths, trial.content):
        trial.take(looked)
    verdicts = list(trial.verdicts())
    if form == "json":
        print_rows(map(as_row, verdicts), form, ())
    else:
        _show(trial, verdicts)
    refused = f", {trial.refused:,} record(s) not understood" if trial.refused else ""
    click.echo(f"{trial.detections:,} detection(s) in {trial.events:,} event(s){refused}.", err=True)
    raise SystemExit(exit_code(fail_on, trial.levels()))


def made_trial(rule: str, folders: Sequence[Path], parser: str, config: Path | None) -> "Trial":
    """Return the rules called ``rule`` with the filters and mappings that apply, ready to be tried. Raises InputError."""
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.content import load_content  # noqa: PLC0415
    from correlator.runtime.explaining import chosen_texts, find_rules, read_by, rule_sources, with_rules  # noqa: PLC0415
    from correlator.runtime.sets import rule_folders  # noqa: PLC0415
    from correlator.runtime.trying import Trial  # noqa: PLC0415

    settings = load_settings(config)
    sources = rule_sources(folders or rule_folders(settings))
    texts = chosen_texts(rule, sources)
    named = next((name for _, name in texts if name), "")
    chosen = [Path(rule)] if Path(rule).exists() else [Path(text.path) for text, _ in texts]
    content = load_content(settings, [*chosen, *(Path(text.path) for text in sources.filters)])
    if named:
        content = content.without({one.id for one in content.ruleset.rules} - {named, _id_of(named, content.ruleset.rules)})
    problems = [one for one in content.refused if one.path in {text.path for text, _ in texts}]
    if problems or not content.ruleset.rules:
        raise InputError(problems or [Problem(rule, 0, "holds no rule", "a Sigma rule")])
    few = len(content.ruleset.rules) <= EXPLAINED_RULES
    dissected = find_rules(rule, sources, content.estate.all_placeholders) if few else ()
    return Trial(read_by(with_rules(content, dissected) if dissected else content, parser), dissected)


def _id_of(name: str, rules: Sequence[Any]) -> str:
    return next((one.id for one in rules if one.name == name), name)


def as_row(verdict: "Verdict") -> dict[str, Any]:
    """Return what a rule did in a file as one object."""
    from correlator.detect.told import as_object  # noqa: PLC0415 - `--help` must not load it

    row: dict[str, Any] = {
        "rule.id": verdict.rule.id, "rule.title": verdict.rule.title, "rule.level": verdict.rule.level, "path": verdict.path,
        "events": verdict.events, "of_its_log_source": verdict.fitting, "matches": verdict.matches,
        "first": [{name: found[name] for name in ("log.line", "commune", "@timestamp")} for found in verdict.first],
    }  # fmt: skip
    if verdict.nearest and verdict.why:
        row["nearest"] = {"event": place_of(verdict.nearest.event), **as_object(verdict.why)}
    return row


def _show(trial: "Trial", verdicts: Sequence["Verdict"]) -> None:
    found = [row for verdict in verdicts for row in verdict.first]
    if found:
        print_rows(found, "text", _COLUMNS)
    more = sum(verdict.matches - len(verdict.first) for verdict in verdicts)
    if more:
        click.echo(f"… and {more:,} more")
    for title, count in trial.hits().items():
        click.echo(plain(f"{count} hit(s) of the correlation {title}"))
    click.echo(plain("\n".join(_why_not(trial, verdicts))), nl=any(True for _ in _why_not(trial, verdicts)))


def _why_not(trial: "Trial", verdicts: Sequence["Verdict"]) -> Iterator[str]:
    """Yield why rules found nothing in files: those that found nothing anywhere first, the nearest event first."""
    fired = {verdict.rule.id for verdict in verdicts if verdict.matches}
    silent = [verdict for verdict in verdicts if not verdict.matches and verdict.nearest]
    silent.sort(key=lambda one: (one.rule.id in fired, -(one.nearest.score if one.nearest else 0.0)))
    for verdict in silent[:_TOLD]:
        yield from _silence(trial, verdict)
    rest = len(silent) - _TOLD
    if rest > 0:
        yield f"… nor in {rest:,} more; `tocsin rules explain RULE FILE` says why"
    if len(trial.content.ruleset.rules) > EXPLAINED_RULES and not fired:
        yield f"Why not is told of at most {EXPLAINED_RULES} rules: name one of them."


def _silence(trial: "Trial", verdict: "Verdict") -> Iterator[str]:
    from correlator.runtime.trying import mismatch_of  # noqa: PLC0415 - `--help` must not load it

    yield f"no match of {verdict.rule.title!r} in {verdict.path} ({verdict.events:,} events)"
    other = mismatch_of(verdict, trial.files[verdict.path])
    if other:
        yield f"  {other}"
    elif verdict.nearest and verdict.why:
        yield f"  the nearest of {verdict.fitting:,} of its log source: {place_of(verdict.nearest.event)}"
        yield from (f"    {reason}" for reason in verdict.why.reasons)
