"""``tocsin rules sets | update | rollback | reload | history``: which rules run, where they come from, what they became."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any

import click

from correlator.cli.install import config_option, local_time, open_install, person
from correlator.cli.output import Exit, format_option, no_level_option, print_rows, say
from correlator.errors import InputError, Problem, Retry

if TYPE_CHECKING:
    from correlator.config.sections.rules import RuleSetSettings
    from correlator.config.settings import Settings
    from correlator.runtime.content import Content
    from correlator.runtime.rule_updates import Update
    from correlator.runtime.sets import Part
    from correlator.store.rule_history import Change

_COLUMNS = ("set", "source", "version", "pin", "profile", "rules", "idle", "refused", "since")
_SHOWN = 12  # characters of a hash
_LISTED = 20
_ANSWER_S = 90.0


@click.command()
@click.option("--explain", metavar="RULE", help="Say whether the rule with this id runs, from which set, or why it does not.")
@config_option
@format_option
@no_level_option
def sets(explain: str | None, config: Path | None, form: str) -> None:
    """List the rule sets: where each comes from, its version and pin, its profile, how many of its rules run."""
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.content import load_content  # noqa: PLC0415

    settings = load_settings(config)
    content = load_content(settings)
    if explain:
        row = explained(content, explain)
        say(row, f"{explain}: {row['why']}", form)
        return
    parts = content.gathered.parts if content.gathered else ()
    rows = [_row(part, settings) for part in parts]
    print_rows(
        rows, form, ("set", "source", "version", "pin", "profile", "rules", "idle", "refused", "since"), title="Rule sets"
    )
    for part in parts:
        if part.problem and form != "json":
            click.echo(f"{part.problem}", err=True)


def _row(part: "Part", settings: "Settings") -> dict[str, Any]:
    wanted = next((one for one in settings.rule_set if one.name == part.name), None)
    pin = (wanted.sha256 or wanted.commit) if wanted else ""
    refused = sum(bool(entry.problems) for reading in part.readings for entry in reading.entries)
    return {
        "set": part.name,
        "source": part.where,
        "version": part.version or part.sha256[:_SHOWN],
        "sha256": part.sha256,
        "pin": _pin(pin, part),
        "profile": str(part.profile) if wanted else "",
        "rules": part.active,
        "idle": len(part.idle),
        "refused": refused + sum(reading.rejected for reading in part.readings),
        "since": local_time(part.since, settings.time_zone) if part.since else "",
        "problem": str(part.problem) if part.problem else "",
    }


def _pin(pin: str, part: "Part") -> str:
    if not pin:
        return ""
    there = part.sha256 or part.version
    fits = there == pin or (not part.sha256 and pin.startswith(there) and bool(there))
    return pin[:_SHOWN] if fits else f"{pin[:_SHOWN]} (another one runs)"


def explained(content: "Content", wanted: str) -> dict[str, Any]:
    """Return whether the rule with the id ``wanted`` runs, and why or why not."""
    parts = content.gathered.parts if content.gathered else ()
    running = {rule.id: (rule.title, rule.path) for rule in content.ruleset.rules}
    running |= {rule.id: (rule.title, "") for rule in content.correlations}
    for part in parts:
        for reading in part.readings:
            found = next((entry for entry in reading.entries if entry.rule.id == wanted), None)
            if found and found.problems and wanted not in running:
                return {"id": wanted, "runs": False, "set": part.name, "why": f"refused: {found.problems[0]}"}
            if found and wanted in running:
                return {"id": wanted, "runs": True, "set": part.name, "why": _why(part, content, wanted)}
    idle = next(((part, one) for part in parts for one in part.idle if one.id == wanted), None)
    if idle and wanted not in running:
        part, one = idle
        return {"id": wanted, "runs": False, "set": part.name, "why": f"does not run: {one.why} ({part.name}, {one.path})"}
    if wanted in running:
        return {"id": wanted, "runs": True, "set": "", "why": f"runs: {running[wanted][0]}"}
    raise InputError([Problem(wanted, 0, "no rule set has a rule of this id", "an id of `tocsin rules list`")])


def _why(part: "Part", content: "Content", wanted: str) -> str:
    inert = next((one.reason for one in content.inert if one.rule.id == wanted), "")
    by = f"set {part.name}" + (f", profile {part.profile}" if part.name != "own" else ": your own rules always run")
    kept = "; it runs as it was before its file broke" if wanted in content.kept else ""
    return f"runs ({by}){kept}" + (f"; but it cannot fire here: {inert}" if inert else "")


@click.command()
@click.argument("name", required=False)
@click.option("--pin", is_flag=True, help="Show what another archive than the pinned one would change.")
@click.option("--yes", is_flag=True, help="With --pin: take it, and write its pin into the settings.")
@config_option
@format_option
@no_level_option
@click.pass_context
def update(ctx: click.Context, name: str | None, config: Path | None, form: str, *, pin: bool, yes: bool) -> None:
    """Fetch the archive of the rule set NAME (without: of every set that has one) and let it run when it is the pinned one.

    What cannot be fetched or is not the pinned archive changes nothing. A running Tocsin takes the new rules within a minute.
    Example: tocsin rules update sigmahq --pin, then again with --yes.
    """
    from correlator.config.settings import load_settings, settings_file  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.rule_updates import update as run_update  # noqa: PLC0415

    settings = load_settings(config)
    target = settings_file(config) if pin and yes else None
    failed: list[str] = []
    refused: list[Problem] = []
    rows = []
    for one in _chosen(settings, name):
        try:
            rows.append(_told(run_update(settings, one, datetime.now(UTC), pin=pin, config=target), form))
        except Retry as error:
            failed.append(f"{one.name}: cannot be fetched; {_runs_on(settings, one)}: {error}")
        except InputError as error:  # the other sets are none of its business
            refused.extend(error.problems)
    if form == "json":
        print_rows(rows, form, ())
    _end(ctx, failed, refused)


def _end(ctx: click.Context, failed: Sequence[str], refused: Sequence[Problem]) -> None:
    for line in failed:
        click.echo(line, err=True)
    if refused:
        raise InputError(refused)
    if failed:
        ctx.exit(Exit.FAULT)


def _chosen(settings: "Settings", name: str | None) -> "Sequence[RuleSetSettings]":
    found = [one for one in settings.rule_set if (one.name == name if name else not (one.path and one.path.is_dir()))]
    if not found:
        known = ", ".join(one.name for one in settings.rule_set) or "none is declared"
        what = f"no rule set {name!r}" if name else "no rule set is taken from an archive"
        raise InputError([Problem("rule_set", 0, what, f"[[rule_set]] in the settings; known: {known}")])
    return found


def _runs_on(settings: "Settings", one: "RuleSetSettings") -> str:
    from correlator.store import rule_sets  # noqa: PLC0415 - `--help` must not load it

    there = rule_sets.active(settings.rule_sets_dir / one.name)
    if there is None:
        return "it has no version that runs"
    return f"{there.version or there.sha256[:_SHOWN]} of {local_time(there.taken, settings.time_zone)} runs on"


def _told(done: "Update", form: str) -> Mapping[str, Any]:
    """Tell people what an update changes; return it for machines."""
    row = {**asdict(done), "broken": [str(problem) for problem in done.broken]}
    if form == "json":
        return row
    version = f" ({done.version})" if done.version else ""
    if done.sha256 == done.before:
        click.echo(f"{done.name}: nothing new{version}; {done.rules} rules run")
    else:
        click.echo(f"{done.name}: {done.before[:_SHOWN] or 'nothing'} → {done.sha256[:_SHOWN]}{version}")
        click.echo(f"sha256: {done.sha256}")
    for mark, found in (("+", done.added), ("-", done.removed), ("~", done.changed)):
        for rule, title in list(found.items())[:_LISTED]:
            click.echo(f"  {mark} {title} ({rule})")
        if len(found) > _LISTED:
            click.echo(f"  {mark} … and {len(found) - _LISTED} more")
    click.echo(f"{len(done.added)} added, {len(done.removed)} removed, {len(done.changed)} changed, {len(done.broken)} refused")
    if not done.switched:
        click.echo("Nothing was changed. With --pin --yes it is taken.")
    return row


@click.command()
@click.argument("name")
@config_option
@format_option
@no_level_option
def rollback(name: str, config: Path | None, form: str) -> None:
    """Let the version of the rule set NAME that ran before run again. Its pin stays: the next update goes forward again."""
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.rule_updates import roll_back  # noqa: PLC0415

    settings = load_settings(config)
    rows = [_told(roll_back(settings, one, datetime.now(UTC)), form) for one in _chosen(settings, name)]
    if form == "json":
        print_rows(rows, form, ())


@click.command()
@click.option("--no-wait", is_flag=True, help="Do not wait for an answer.")
@config_option
@format_option
@no_level_option
@click.pass_context
def reload(ctx: click.Context, config: Path | None, form: str, *, no_wait: bool) -> None:
    """Let every running process read its rules again now, changed or not; say what came of it.

    Exit code 3 when none answered within 90 seconds: then none runs, or it is busy with a long batch.
    """
    from correlator.store.rule_history import ask_reload, last_request  # noqa: PLC0415 - `--help` must not load it

    _, engine = open_install(config)
    number = ask_reload(engine, person(), datetime.now(UTC))
    waited = 0.0
    while not no_wait and waited < _ANSWER_S:
        request = last_request(engine)
        if request and request.id >= number and request.answered:
            say({"request": number, "answer": request.answer}, request.answer, form)
            return
        sleep(0.5)
        waited += 0.5
    said = "asked" if no_wait else "nobody answered: is Tocsin running? The request stays for the one that starts"
    say({"request": number, "answer": ""}, said, form)
    if not no_wait:
        ctx.exit(Exit.FAULT)


@click.command()
@click.option("--most", default=20, show_default=True, type=click.IntRange(1, 500), help="Changes to show.")
@config_option
@format_option
@no_level_option
def history(most: int, config: Path | None, form: str) -> None:
    """List how the rules that run changed: when, why, and which were added, removed, changed, or stayed because they broke."""
    from correlator.store.rule_history import history as read  # noqa: PLC0415 - `--help` must not load it

    settings, engine = open_install(config)
    rows = [_change(one, settings.time_zone, whole=form == "json") for one in read(engine, most)]
    print_rows(rows, form, ("at", "cause", "rules", "added", "removed", "changed", "kept", "rule set"), title="Rule changes")


def _change(one: "Change", zone: str, *, whole: bool) -> dict[str, Any]:
    if whole:
        return asdict(one)
    return {
        "at": local_time(one.at, zone),
        "cause": " ".join(filter(None, (one.cause.word, one.cause.person))),
        "rules": one.rules,
        "added": len(one.added),
        "removed": len(one.removed),
        "changed": len(one.changed),
        "kept": len(one.kept),
        "rule set": one.rule_set[:_SHOWN],
    }
