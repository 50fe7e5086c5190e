"""``tocsin oncall``: the calls to on-call people."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from correlator.cli.install import config_option, local_time, open_install, person
from correlator.cli.output import Exit, format_option, no_level_option, print_rows
from correlator.errors import InputError, Problem

if TYPE_CHECKING:
    from correlator.config.settings import Settings
    from correlator.deliver.oncall import Plan
    from correlator.deliver.pages import Page

_PAGES = ("page", "incident", "severity", "criterion", "opened", "state", "calls", "last call", "next call", "taken by")


@click.group()
def oncall() -> None:
    """Calls to on-call people: list, take, test, and who would be called now."""


@oncall.command("list")
@config_option
@click.option("--all", "everything", is_flag=True, help="Those that ended too: the last 100.")
@format_option
@no_level_option
def list_(config: Path | None, form: str, *, everything: bool) -> None:
    """List the calls nobody has taken yet: about which incident, how often whom, when the next one is due."""
    from correlator.store.calls import list_calls  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.database import reading  # noqa: PLC0415

    settings, engine = open_install(config)
    try:
        with reading(engine) as connection:
            calls = list_calls(connection, everything=everything)
    finally:
        engine.dispose()
    print_rows([_row(one, settings.time_zone, form) for one in calls], form, _PAGES, title=f"{len(calls)} call(s)")


@oncall.command()
@click.argument("identity", metavar="ID")
@config_option
@format_option
@no_level_option
def ack(identity: str, config: Path | None, form: str) -> None:
    """Take a call: its page number (12) or its incident (26-0412). The incident is acknowledged, nobody else is called."""
    from correlator.deliver.answering import take  # noqa: PLC0415 - `--help` must not load it
    from correlator.deliver.pages import open_now  # noqa: PLC0415

    settings, engine = open_install(config)
    try:
        standing = open_now(engine)
        chosen = _chosen(standing, identity)
        taker = person()
        numbers = take(engine, _plan(settings), chosen, taker, datetime.now(UTC))
    finally:
        engine.dispose()
    rows = [{"incident": number, "taken by": taker} for number in numbers]
    print_rows(rows, form, ("incident", "taken by"), title="Taken")


@oncall.command()
@config_option
@click.option("--contact", "contact_id", help="Id of somebody on the ladder; the first one if left out.")
@format_option
@no_level_option
def test(config: Path | None, contact_id: str | None, form: str) -> None:
    """Send a message clearly marked ESSAI through every channel, and say which ones took it. Exit 1 when one did not.

    A modem only takes the message over: `tocsin oncall list --all` says later whether it was sent.
    """
    from correlator.deliver.pages import HANDED, SENT  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.oncall import messengers_of, run_test  # noqa: PLC0415

    settings, engine = open_install(config)
    try:
        plan = _plan(settings)
        if not plan.ladder:
            raise InputError([Problem("[oncall] ladder", 0, "nobody is on it", "see docs/oncall.md")])
        chosen = next((one for one in plan.ladder if contact_id in {None, one.id}), None)
        if chosen is None:
            known = ", ".join(one.id for one in plan.ladder)
            raise InputError([Problem("--contact", 0, f"{contact_id!r} is not on the ladder", f"one of: {known}")])
        results = run_test(engine, plan, messengers_of(settings), chosen, datetime.now(UTC))
    finally:
        engine.dispose()
    rows = [{"contact": chosen.id, "channel": channel, "result": result} for channel, result in results.items()]
    print_rows(rows, form, ("contact", "channel", "result"), title="ESSAI")
    raise SystemExit(Exit.DONE if set(results.values()) <= {SENT, HANDED} else Exit.FINDINGS)


@oncall.command()
@click.argument("number", required=False)
@config_option
@format_option
@no_level_option
def who(number: str | None, config: Path | None, form: str) -> None:
    """Say who would be called now, through what, and why; with an incident's number, by which criteria. Calls nobody."""
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it

    settings = load_settings(config)
    plan = _plan(settings)
    rows = _criteria(config, plan, number) if number else []
    if number:
        print_rows(rows, form, ("criterion", "wakes", "because"), title=f"Criteria for {number}")
    now = datetime.now(UTC)
    when = "night" if plan.is_night(now) else "working hours"
    channels = ", ".join(plan.channels_at(now)) or "none: calls wait for the evening"
    ladder = [
        {"rung": rung, "contact": one.id, "name": one.name, "phone": one.phone, "mail": one.mail, "elected": one.elected}
        for rung, one in enumerate(plan.ladder, start=1)
    ]
    print_rows(
        ladder, form, ("rung", "contact", "name", "phone", "mail", "elected"), title=f"Now: {when}. Channels: {channels}"
    )
    if form == "text":
        elected = [one.name for one in plan.criteria if one.wake_elected]
        click.echo(f"Elected people are called for: {', '.join(elected) or 'nothing'}.")
        click.echo(f"Each is called {plan.tries} times, every {plan.repeat / timedelta(minutes=1):g} minutes.")


def _criteria(config: Path | None, plan: "Plan", number: str) -> list[dict[str, Any]]:
    from correlator.deliver.oncall import misses  # noqa: PLC0415 - `--help` must not load it
    from correlator.deliver.pages import case_of  # noqa: PLC0415
    from correlator.store import views  # noqa: PLC0415
    from correlator.store.database import reading  # noqa: PLC0415

    _, engine = open_install(config)
    try:
        with reading(engine) as connection:
            incident = views.find_incident(connection, number)
            if incident is None:
                near = " or ".join(views.nearest_numbers(connection, number))
                raise InputError([Problem("tocsin", 0, f"no incident {number}", f"did you mean {near}?" if near else "")])
            case = case_of(connection, incident)
    finally:
        engine.dispose()
    found = {criterion: misses(criterion, case, plan) for criterion in plan.criteria}
    return [
        {"criterion": one.name, "wakes": "no" if why else "yes", "because": "; ".join(why) or "everything it asks is true"}
        for one, why in found.items()
    ]


def _plan(settings: "Settings") -> "Plan":
    from correlator.runtime.oncall import estate_of, plan_of  # noqa: PLC0415 - `--help` must not load it

    return plan_of(settings, estate_of(settings))


def _chosen(standing: "Sequence[Page]", identity: str) -> "list[Page]":
    """Return the open pages that ``identity`` means."""
    from correlator.model.incident import canonical_number  # noqa: PLC0415 - `--help` must not load it

    number = canonical_number(identity)
    chosen = [one for one in standing if str(one.id) == identity or one.incident.number == number]
    if not chosen:
        known = ", ".join(f"{one.id} ({one.incident.number})" for one in standing[:5]) or "none"
        raise InputError([Problem("tocsin", 0, f"no open call {identity}", f"open calls: {known}")])
    return chosen


def _row(one: dict[str, Any], zone: str, form: str) -> dict[str, Any]:
    if form == "json":
        return one

    def local(moment: "datetime | None") -> str:
        return local_time(moment, zone) if moment else ""

    last = one["tries"][-1] if one["tries"] else None
    return {
        **one,
        "opened": local(one["opened"]),
        "calls": len({tried["at"] for tried in one["tries"]}),
        "last call": f"{local(last['at'])} {last['contact']} {last['channel']}: {last['result']}" if last else "",
        "next call": local(one["next"]) if one["state"] == "open" else "",
    }
