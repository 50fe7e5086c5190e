"""``tocsin rules disable | enable | activity | cost``: rules that rest for a time; what each rule did, and costs."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from correlator.cli.install import config_option, local_time, open_install, person, since_time, until_time
from correlator.cli.output import format_option, no_level_option, print_rows, say
from correlator.errors import InputError, Problem

if TYPE_CHECKING:
    from correlator.correlate.rule import CorrelationRule
    from correlator.detect.plan import Rule


@click.command()
@click.argument("rule_id", metavar="ID")
@click.option("--for", "until", required=True, help="How long: 7d, 12h, or a date.")
@click.option("--because", required=True, help="Why; shown wherever the rule is.")
@config_option
@format_option
@no_level_option
def disable(rule_id: str, until: str, because: str, config: Path | None, form: str) -> None:
    """Keep the rule ID from running for a time; it comes back by itself. Takes effect within a minute, without a restart."""
    from correlator.runtime.content import load_content  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.exceptions import pause_rule  # noqa: PLC0415

    settings, engine = open_install(config)
    content, now = load_content(settings), datetime.now(UTC)
    known = {rule.id for rule in content.ruleset.rules} | {rule.id for rule in content.correlations}
    ends = until_time(until, now)
    problems = [] if rule_id in known else [Problem("rules", 0, f"no rule {rule_id}", "an id of 'tocsin rules list'")]
    if ends <= now:
        problems.append(Problem("--for", 0, f"{until} is not in the future", "7d, 12h, or a date"))
    if not because.strip():
        problems.append(Problem("--because", 0, "empty", "one sentence: what is wrong with it, who mends it"))
    if problems:
        raise InputError(problems)
    pause_rule(engine, rule_id, reason=because.strip(), person=person(), now=now, ends=ends)
    told = f"{rule_id} rests until {local_time(ends, settings.time_zone)}; 'tocsin rules enable {rule_id}' ends that."
    say({"id": rule_id, "rests": True, "until": ends, "reason": because.strip()}, told, form)


@click.command()
@click.argument("rule_id", metavar="ID")
@config_option
@format_option
@no_level_option
def enable(rule_id: str, config: Path | None, form: str) -> None:
    """End the rest of the rule ID now."""
    from correlator.store.exceptions import UnknownMute, resume_rule  # noqa: PLC0415 - `--help` must not load it

    _, engine = open_install(config)
    try:
        resume_rule(engine, rule_id, person(), datetime.now(UTC))
    except UnknownMute as error:
        raise InputError([Problem("rules", 0, str(error), "'tocsin rules activity' shows those that are")]) from None
    say({"id": rule_id, "rests": False}, f"{rule_id} runs again.", form)


@click.command()
@click.option("--since", default="30d", show_default=True, help="Count from then on: 30d, 12h, or a date.")
@config_option
@format_option
@no_level_option
def activity(since: str, config: Path | None, form: str) -> None:
    """Show what each rule did: detections or hits, when it last fired, whether it rests; those that never fired, last."""
    from correlator.runtime.content import load_content  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.activity import activity as read  # noqa: PLC0415
    from correlator.store.database import reading  # noqa: PLC0415
    from correlator.store.exceptions import paused_rules  # noqa: PLC0415

    settings, engine = open_install(config)
    content, now = load_content(settings), datetime.now(UTC)
    with reading(engine) as connection:
        did = read(connection, since_time(since, now))
    paused = paused_rules(engine, now)
    rows = []
    rules: list[Rule | CorrelationRule] = [*content.ruleset.rules, *content.correlations]
    for rule in rules:
        known, rest = did.get(rule.id, {"count": 0, "last": None}), paused.get(rule.id)
        last = local_time(known["last"], settings.time_zone) if known["last"] else ""
        until = f"until {local_time(rest[0], settings.time_zone)}: {rest[1]} ({rest[2]})" if rest else ""
        rows.append(
            {"level": rule.level, "title": rule.title, "count": known["count"], "last": last, "rests": until, "id": rule.id}
        )
    rows.sort(key=lambda row: (-int(row["count"]), str(row["title"])))
    print_rows(rows, form, ("level", "title", "count", "last", "rests", "id"), title=f"{len(rows)} rules since {since}")


@click.command()
@click.option("--sample", default=20_000, show_default=True, help="Measure on this many events, the newest of the lake.")
@config_option
@format_option
@no_level_option
def cost(sample: int, config: Path | None, form: str) -> None:
    """Measure what each rule costs on this install's own events: CPU milliseconds for 10,000 events, the dearest first."""
    from correlator.runtime import costs  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.content import load_content  # noqa: PLC0415

    settings, engine = open_install(config)
    content, frames = load_content(settings), costs.sample(engine, sample)
    events = sum(frame.height for frame in frames)
    if not events:
        raise InputError([Problem("rules cost", 0, "the lake is empty", "let 'tocsin run' read something first")])
    found = list(costs.measure(content.ruleset, frames))
    costs.write_costs(settings.cache, costs.Costs(datetime.now(UTC), events, {rule.id: took for rule, took in found}))
    rows = [
        {"level": rule.level, "title": rule.title, "ms": round(took, 2), "id": rule.id}
        for rule, took in sorted(found, key=lambda pair: -pair[1])
    ]
    print_rows(rows, form, ("level", "title", "ms", "id"), title=f"CPU ms for 10,000 events, measured on {events:,}")
