"""What commands that work on an install share: its settings, its database, its times."""

import getpass
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

import click

from correlator.errors import InputError, Problem

if TYPE_CHECKING:
    import sqlalchemy as sa

    from correlator.config.settings import Settings
    from correlator.parse.contract import Parser

Function = TypeVar("Function", bound=Callable[..., Any])

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def config_option(function: Function) -> Function:
    """Add ``--config FILE``, given to the command as ``config`` (None: tocsin.toml here, then /etc/tocsin/tocsin.toml)."""
    option = click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="The settings, tocsin.toml.")
    return option(function)


def parser_option(function: Function) -> Function:
    """Add ``--parser NAME``, given to the command as ``parser`` (auto: as each file says)."""
    told = "The only parser that may read the files."
    return click.option("--parser", default="auto", show_default=True, help=told)(function)


def installed_parsers(config: Path | None) -> "dict[str, Parser]":
    """Return every parser by name: those that ship, and those of the folder that the settings name."""
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it
    from correlator.parse.registry import find_parsers  # noqa: PLC0415

    return find_parsers(site_dir=load_settings(config).parsers_dir)


def open_install(config: Path | None) -> "tuple[Settings, sa.Engine]":
    """Return the settings of ``config`` and its database, which is closed when the command ends.

    Raises InputError when there is no database yet: a command that only reads must not make an empty one.
    """
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.database import open_database  # noqa: PLC0415

    settings = load_settings(config)
    if not settings.database_url and not settings.database.exists():
        expected = "start `tocsin run`, or name the settings with --config"
        raise InputError([Problem(str(settings.database), 0, "no database yet", expected)])
    engine = open_database(settings.database, url=settings.database_url)
    click.get_current_context().call_on_close(engine.dispose)
    return settings, engine


def open_install_to_write(config: Path | None) -> "tuple[Settings, sa.Engine]":
    """Return the settings of ``config`` and its database, made when there is none yet: accounts come before events."""
    from correlator.config.settings import load_settings  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.database import open_database  # noqa: PLC0415

    settings = load_settings(config)
    engine = open_database(settings.database, url=settings.database_url)
    click.get_current_context().call_on_close(engine.dispose)
    return settings, engine


def since_time(text: str, now: datetime | None = None) -> datetime:
    """Return the UTC time that ``text`` means: ``30d``, ``12h``, ``45m``, ``2w``, or an ISO date or time (UTC unless said)."""
    moment = now or datetime.now(UTC)
    amount, unit = text[:-1], text[-1:]
    if amount.isdigit() and unit in _UNITS:
        return moment - timedelta(**{_UNITS[unit]: int(amount)})
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise InputError([Problem("--since", 0, f"not a time: {text!r}", "write 30d, 12h, 45m or 2026-11-17")]) from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def until_time(text: str, now: datetime | None = None) -> datetime:
    """Return the UTC time that ``text`` means, counted from now on: ``7d``, ``12h``, ``2w``, or an ISO date or time."""
    moment = now or datetime.now(UTC)
    amount, unit = text[:-1], text[-1:]
    if amount.isdigit() and unit in _UNITS:
        return moment + timedelta(**{_UNITS[unit]: int(amount)})
    return since_time(text, moment)


def person() -> str:
    """Return who types: the name in the audit; behind sudo, the person and not root."""
    return os.environ.get("SUDO_USER") or getpass.getuser()


def local_time(moment: datetime, zone: str) -> str:
    """Return ``moment`` as people of ``zone`` write it, to the second."""
    return moment.astimezone(ZoneInfo(zone)).strftime("%d/%m/%Y %H:%M:%S")
