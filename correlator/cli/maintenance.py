"""``tocsin maintenance``: announce work, so that what it sets off is one low digest instead of a morning of incidents."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from correlator.cli.install import config_option, local_time, open_install, open_install_to_write, person
from correlator.cli.output import format_option, no_level_option, print_rows
from correlator.errors import InputError, Problem

if TYPE_CHECKING:
    from correlator.model.policy import Window

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_LONGEST = timedelta(days=31)
_COLUMNS = ("id", "commune", "about", "from", "to", "weekly", "reason", "owner", "state", "folded")


@click.group()
def maintenance() -> None:
    """Announce work: what is found in it opens nothing above low, unless it is critical."""


@maintenance.command("add")
@config_option
@click.option("--from", "starts", help="When it begins, local time: 2026-12-01T22:00 (default: now).")
@click.option("--to", "ends", help="When it ends, local time.")
@click.option("--for", "lasts", help="Instead of --to, how long: 2h, 90m, 1d.")
@click.option("--commune", default="", help="Only findings of this commune (its id).")
@click.option("--about", default="", help="Only findings about this: host=SAU-FS01, user=adm.x, ip=192.0.2.7.")
@click.option("--rule", "rule_id", default="", help="Only findings of this rule (its id).")
@click.option("--weekly", is_flag=True, help="The same hours every week.")
@click.option("--until", help="Last day of a weekly one, local time.")
@click.option("--because", "reason", required=True, help="What is done; stands in the title of the digest.")
@format_option
@no_level_option
def add(
    config: Path | None, starts: str | None, ends: str | None, lasts: str | None, commune: str, about: str, rule_id: str,
    until: str | None, reason: str, form: str, *, weekly: bool,
) -> None:  # fmt: skip
    """Announce work."""
    from correlator.model.policy import Window  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.maintenance import add_window  # noqa: PLC0415

    settings, engine = open_install_to_write(config)
    now, zone = datetime.now(UTC), settings.time_zone
    first = _moment(starts, zone, "--from") or now
    last = _moment(ends, zone, "--to") or (first + _length(lasts) if lasts else None)
    kind, equals, value = about.partition("=")
    _check(
        first, last, commune=commune, about=(kind, equals, value), rule=rule_id, reason=reason, known=_communes(settings.estate)
    )
    window = Window(
        str(uuid.uuid4())[:8], commune, kind, value, rule_id, first, last or first, weekly, _moment(until, zone, "--until"),
        reason.strip(), person(), now,
    )  # fmt: skip
    add_window(engine, window)
    _show([window], form, zone, {})


@maintenance.command("list")
@config_option
@format_option
@no_level_option
def list_(config: Path | None, form: str) -> None:
    """List announced work, newest first, with what it folded."""
    from correlator.store.database import reading  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.maintenance import folded, windows  # noqa: PLC0415

    settings, engine = open_install(config)
    with reading(engine) as connection:
        found, counts = windows(connection), folded(connection)
    _show(found, form, settings.time_zone, counts)


@maintenance.command("end")
@click.argument("identity", metavar="ID")
@config_option
@format_option
@no_level_option
def end(identity: str, config: Path | None, form: str) -> None:
    """End announced work now; what came in it stays folded."""
    from correlator.model.viewer import OWNER  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.maintenance import UnknownWindow, end_window  # noqa: PLC0415

    _, engine = open_install(config)
    try:
        ended = end_window(engine, identity, OWNER, datetime.now(UTC))
    except UnknownWindow as error:
        where, _, right = str(error).partition("; ")
        raise InputError([Problem("tocsin", 0, where, right)]) from None
    if form == "json":
        print_rows([{"id": ended.id, "state": "ended"}], form, ())
    else:
        click.echo(f"{ended.id} has ended: {ended.reason}")


def _moment(written: str | None, zone: str, option: str) -> datetime | None:
    if not written:
        return None
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        raise InputError([Problem(option, 0, f"{written!r} is no time", "2026-12-01T22:00")]) from None
    return (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


def _length(written: str) -> timedelta:
    amount, unit = written[:-1], written[-1:]
    if not amount.isdigit() or unit not in _UNITS:
        raise InputError([Problem("--for", 0, f"{written!r} is no length", "2h, 90m or 1d")])
    return timedelta(**{_UNITS[unit]: int(amount)})


def _communes(estate: Path | None) -> frozenset[str]:
    from correlator.config.estate import load_estate  # noqa: PLC0415 - `--help` must not load it

    return frozenset(one.id for one in load_estate(estate).communes) if estate else frozenset()


def _check(
    first: datetime,
    last: datetime | None,
    *,
    commune: str,
    about: tuple[str, str, str],
    rule: str,
    reason: str,
    known: frozenset[str],
) -> None:
    """Raise InputError with all that is wrong: a window that holds too much hides an attack."""
    problems = []
    if last is None or not first < last <= first + _LONGEST:
        problems.append(Problem("--to", 0, "it has no end, or not within 31 days", "--for 2h, or --to 2026-12-01T23:00"))
    if commune and known and commune not in known:
        problems.append(Problem("--commune", 0, f"no commune {commune}", ", ".join(sorted(known))))
    if any(about) and not all(about):
        problems.append(Problem("--about", 0, f"{''.join(about)!r} is no entity", "kind=value, like host=SAU-FS01"))
    if not (commune or about[2] or rule):
        problems.append(Problem("maintenance", 0, "it would hold everything", "name a commune, a machine or a rule"))
    if not reason.strip():
        problems.append(Problem("--because", 0, "empty", "what is done, for those who read it in the morning"))
    if problems:
        raise InputError(problems)


def _show(found: "Sequence[Window]", form: str, zone: str, counts: dict[str, int]) -> None:
    now = datetime.now(UTC)
    rows = [
        {
            "id": one.id,
            "commune": one.commune,
            "about": f"{one.kind}={one.value}".strip("=") or one.rule_id,
            "from": local_time(one.starts, zone),
            "to": local_time(one.ends, zone),
            "weekly": "yes" if one.weekly else "",
            "reason": one.reason,
            "owner": one.owner,
            "state": _state(one, now),
            "folded": counts.get(one.id, 0),
        }
        for one in found
    ]
    print_rows(rows, form, _COLUMNS, title=f"{len(rows)} maintenance window{'s' * (len(rows) != 1)}")


def _state(one: "Window", now: datetime) -> str:
    if one.withdrawn is not None:
        return "ended"
    if one.occurrences(now, now):
        return "running"
    over = one.until is not None and one.until < now if one.weekly else one.ends < now
    return "over" if over else "planned"
