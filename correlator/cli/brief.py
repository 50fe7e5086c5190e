"""``tocsin brief``: the morning brief, as text or by mail."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from correlator.cli.install import config_option, open_install, since_time
from correlator.cli.output import Exit, format_option, no_level_option, print_rows
from correlator.errors import InputError, Problem
from correlator.telemetry.terminal import plain

if TYPE_CHECKING:
    from correlator.config.settings import Settings
    from correlator.runtime.brief import Brief

_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


@click.command()
@config_option
@click.option("--since", default="18:00", show_default=True, help="18:00 (the last one, local), 12h, 30d, or 2026-11-20T18:00.")
@click.option("--mail", is_flag=True, help="Send it by mail instead of printing it.")
@click.option("--to", "people", multiple=True, help="Who gets the mail; left out: the people of the ladder.")
@format_option
@no_level_option
def brief(config: Path | None, since: str, people: Sequence[str], form: str, *, mail: bool) -> None:
    """Tell, in French, what happened since yesterday evening: incidents, calls, services, deadlines, sources, losses, disk.

    A quiet night is said with its proof. With --mail, exit 1 when it could not be sent. Example, in a crontab:
    30 7 * * * tocsin brief --since 18:00 --mail --to dsi@example.org
    """
    from correlator.runtime.brief import brief_of  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.brief_text import brief_text, headline  # noqa: PLC0415

    settings, engine = open_install(config)
    now = datetime.now(UTC)
    found = brief_of(engine, settings, local_since(since, settings.time_zone, now), now)
    text = brief_text(found)
    if mail:
        raise SystemExit(_send(settings, found, people, text, headline(found)))
    if form == "json":
        told = {"since": found.since, "now": now, "quiet": found.is_quiet, "headline": headline(found), "text": text}
        print_rows([{**told, "incidents": [one.number for one in found.incidents]}], form, ())
    else:
        click.echo("\n".join(plain(line) for line in text.splitlines()))


def local_since(text: str, zone: str, now: datetime) -> datetime:
    """Return the UTC time that ``text`` means: a clock time is the last one in ``zone``, ISO without offset is there."""
    here = ZoneInfo(zone)
    found = _CLOCK.fullmatch(text.strip())
    if found:
        today = now.astimezone(here).date()
        moments = [
            datetime(day.year, day.month, day.day, int(found[1]), int(found[2]), tzinfo=here)
            for day in (today, today - timedelta(days=1))
        ]
        return next(moment for moment in (one.astimezone(UTC) for one in moments) if moment <= now)
    moment = since_time(text, now)
    says_offset = re.search(r"(?:Z|[+-]\d\d:?\d\d)$", text) or not re.match(r"\d{4}-", text)
    moment = moment if says_offset else moment.replace(tzinfo=here).astimezone(UTC)
    if moment > now:
        raise InputError([Problem("--since", 0, f"{text!r} is in the future", "18:00, 12h or 2026-11-20T18:00")])
    return moment


def _send(settings: "Settings", found: "Brief", people: Sequence[str], text: str, first: str) -> int:
    from correlator.deliver.contract import Message, Messenger  # noqa: PLC0415 - `--help` must not load it
    from correlator.errors import TocsinError  # noqa: PLC0415
    from correlator.runtime.deliveries import configured_sinks  # noqa: PLC0415
    from correlator.runtime.oncall import estate_of, plan_of  # noqa: PLC0415

    sinks = [one for one in configured_sinks(settings).values() if isinstance(one, Messenger) and one.address == "mail"]
    ladder = plan_of(settings, estate_of(settings)).ladder if not people else ()
    chosen = people or [one.mail for one in ladder if one.mail and not one.elected]
    if not sinks or not chosen:
        what, right = (
            ("no sink of kind mail", "add one, docs/oncall.md") if not sinks else ("nobody to send it to", "--to ADDRESS")
        )
        raise InputError([Problem("--mail", 0, what, right)])
    key = f"{settings.install}:brief:{found.since:%Y%m%dT%H%M}:{found.now:%Y%m%dT%H%M}"
    message = Message(key, f"{settings.install}:brief", f"[Tocsin] Brief : {first}", first, text)
    failed = 0
    for person in chosen:
        try:
            sinks[0].send_message(person, message)
            click.echo(f"sent to {person}")
        except TocsinError as error:
            failed += 1
            click.echo(plain(f"not sent to {person}: {error}"), err=True)
    return Exit.FINDINGS if failed else Exit.DONE
