"""What the commands of ``tocsin incidents`` share: reading an install, one act of a person, numbers nobody gave."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from correlator.cli.install import open_install, person
from correlator.cli.output import print_rows
from correlator.errors import InputError, Problem
from correlator.telemetry.terminal import plain

if TYPE_CHECKING:
    import sqlalchemy as sa

    from correlator.config.settings import Settings
    from correlator.model.incident import Incident
    from correlator.store.people import Act

T = TypeVar("T")
VERDICTS = ("true-positive", "benign-positive", "false-positive", "undetermined")
Function = TypeVar("Function", bound=Callable[..., object])


def version_option(function: Function) -> Function:
    """Add ``--if-version N``, given to the command as ``version``: what `incidents show --format json` said."""
    told = "Refuse when the incident has changed since it had this version."
    return click.option("--if-version", "version", type=int, help=told)(function)


@contextmanager
def reading_install(config: Path | None) -> "Iterator[tuple[Settings, sa.Engine, sa.Connection]]":
    """Open the install of ``config`` to read: its settings, its database, one consistent view of it."""
    from correlator.store.database import reading  # noqa: PLC0415 - `--help` must not load it

    settings, engine = open_install(config)
    try:
        with reading(engine) as connection:
            yield settings, engine, connection
    finally:
        engine.dispose()


def acting(config: Path | None, version: int | None, what: "Callable[[sa.Engine, Act], T]") -> T:
    """Do ``what`` to an incident in the name of who types; what it refuses becomes wrong input."""
    from correlator.errors import Retry  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.people import Act, IllegalTransition, Stale, Unjudged, UnknownIncident  # noqa: PLC0415

    settings, engine = open_install(config)
    try:
        return what(engine, Act(person(), datetime.now(UTC), settings.install, tuple(settings.sinks), version))
    except (UnknownIncident, IllegalTransition, Stale, Unjudged, Retry) as error:
        where, _, right = str(error).partition("; ")
        raise InputError([Problem("tocsin", 0, where, right)]) from None
    finally:
        engine.dispose()


def act(config: Path | None, form: str, what: "Callable[[sa.Engine, Act], Incident]", version: int | None = None) -> None:
    """Do ``what`` to an incident, and say how it stands then."""
    after = acting(config, version, what)
    verdict = f" ({after.verdict})" if after.verdict else ""
    row = {"number": after.number, "status": str(after.status), "verdict": after.verdict and str(after.verdict)}
    if form == "json":
        print_rows([row], form, ())
    else:
        click.echo(plain(f"{after.number} is {after.status}{verdict}: {after.title}"))


def required(text: str, option: str, expected: str) -> str:
    """Return ``text`` without the blanks around it; raises InputError when nothing is left."""
    if not text.strip():
        raise InputError([Problem(option, 0, "empty", expected)])
    return text.strip()


def unknown(number: str, nearest: Sequence[str]) -> InputError:
    """Return the error about a number nobody gave, with the nearest ones."""
    right = f"did you mean {' or '.join(nearest)}?" if nearest else "there is no incident yet"
    return InputError([Problem("tocsin", 0, f"no incident {number}", right)])


def commune_names(settings: "Settings") -> Mapping[str, str]:
    """Return commune id → name, as far as the estate can be read: a broken estate file must not hide incidents."""
    from correlator.config.estate import load_estate  # noqa: PLC0415 - `--help` must not load it

    if settings.estate is None:
        return {}
    try:
        return {commune.id: commune.name for commune in load_estate(settings.estate).communes}
    except InputError:
        return {}
