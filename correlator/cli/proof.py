"""``tocsin proof``: the daily proof that Tocsin is awake, from the front door to the ticket."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from correlator.cli.install import config_option, local_time, open_install, person
from correlator.cli.output import format_option, no_level_option, print_rows, say
from correlator.errors import InputError, Problem

if TYPE_CHECKING:
    import sqlalchemy as sa

    from correlator.config.settings import Settings
    from correlator.model.proof import Run

_COLUMNS = ("written", "commune", "state", "received", "incident", "ticket", "attributed", "number", "problem")
_LOOK_S = 1.0


@click.group(invoke_without_command=True)
@click.option("--days", type=click.IntRange(1, 400), default=30, show_default=True, help="How far back.")
@config_option
@format_option
@no_level_option
@click.pass_context
def proof(context: click.Context, days: int, config: Path | None, form: str) -> None:
    """Show the daily proofs: when each was written, and after how many seconds it was received, an incident, a ticket.

    A proof is a harmless record that Tocsin writes into its own front door for each commune, every day at [proof] at. Their
    median is the floor of the time to detect: nothing is told sooner. `tocsin proof run` makes one now.
    """
    if context.invoked_subcommand is not None:
        return
    from correlator.store import proofs  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.database import reading  # noqa: PLC0415

    settings, engine = open_install(config)
    with reading(engine) as connection:
        found = proofs.runs(connection, datetime.now(UTC) - timedelta(days=days))
    floor = proofs.floor(found)
    told = ", ".join(f"{stage} {delay.total_seconds():.1f} s" for stage, delay in floor.items()) or "none yet"
    arrived = sum(one.delivered is not None for one in found)
    title = f"{arrived} of {len(found)} proofs arrived; median: {told}"
    print_rows([_row(one, settings.time_zone) for one in found], form, _COLUMNS, title=title)


@proof.command()
@click.option("--commune", required=True, help="Id of the commune it is for.")
@click.option("--wait", type=click.IntRange(0, 3600), default=0, show_default=True, help="Seconds to wait for its ticket.")
@config_option
@format_option
@no_level_option
def run(commune: str, wait: int, config: Path | None, form: str) -> None:
    """Write a proof for one commune now; a running Tocsin does the rest.

    With --wait, ends with 1 when it did not arrive in time. Example: tocsin proof run --commune 00105 --wait 60
    """
    from correlator.model.proof import State  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime import proving  # noqa: PLC0415

    settings, engine = open_install(config)
    known = proving.communes_of(settings)
    if commune not in known:
        raise InputError([Problem("--commune", 0, f"no commune {commune!r}", ", ".join(known))])
    if not settings.proof.at:
        right = 'at = "06:30"; a running Tocsin then follows their file'
        raise InputError([Problem("[proof]", 0, "proofs are not set up", right)])
    now = datetime.now(UTC)
    run_id = proving.begin(settings, engine, commune, f"{now.isoformat(timespec='microseconds')} {person()}", now)
    if run_id is None:
        raise InputError([Problem("proof", 0, "one was made in this very moment", "try again")])
    done = _waited(settings, engine, run_id, wait)
    row = _row(done, settings.time_zone)
    say(row, f"{commune}: {row['state']}" + (f", {row['problem']}" if row["problem"] else ""), form)
    if done.state is State.FAILED or (wait and done.state is not State.DELIVERED):
        raise SystemExit(1)


def _waited(settings: "Settings", engine: "sa.Engine", run_id: int, wait: int) -> "Run":
    from correlator.runtime import proving  # noqa: PLC0415 - `--help` must not load it
    from correlator.store import proofs  # noqa: PLC0415
    from correlator.store.database import reading  # noqa: PLC0415

    until = time.monotonic() + wait
    while True:
        if wait:
            proving.follow(settings, engine, datetime.now(UTC))
        with reading(engine) as connection:
            found = proofs.find(connection, run_id)
        if found is None:
            raise InputError([Problem("proof", 0, "it is gone", "try again")])
        if not found.is_open or time.monotonic() >= until:
            return found
        time.sleep(_LOOK_S)


def _row(one: "Run", zone: str) -> dict[str, object]:
    from correlator.model.incident import number_of  # noqa: PLC0415 - `--help` must not load it

    stages = {name: round(delay.total_seconds(), 1) for name, delay in one.stages.items()}
    return {
        "written": local_time(one.written, zone),
        "commune": one.commune,
        "slot": one.slot,
        "state": str(one.state),
        **{name: stages.get(name) for name in ("received", "incident", "ticket")},
        "attributed": one.attributed,
        "number": number_of(one.incident) if one.incident else None,
        "tickets": one.tickets,
        "problem": one.problem,
    }
