"""``tocsin users``: who may sign in to the console."""

import getpass
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from correlator.cli.install import config_option, open_install, open_install_to_write, person
from correlator.cli.output import format_option, no_level_option, print_rows, say
from correlator.errors import InputError, Problem

_ROLES = ("analyst", "author", "manager", "referent", "admin")
_COLUMNS = ("login", "name", "role", "communes", "shared", "state")


@click.group()
def users() -> None:
    """Accounts of the console: add, list, disable, enable, passwd."""


@users.command()
@click.argument("login")
@click.option("--role", type=click.Choice(_ROLES), required=True, help="What the person does.")
@click.option("--name", default="", help="As people write it: “Anne Leroy”.")
@click.option(
    "--commune", "communes", multiple=True, help="Only this commune (its id); may be repeated. None: all; a referent needs one."
)
@click.option("--no-shared", is_flag=True, help="Not even the part of shared incidents that concerns them.")
@config_option
@format_option
@no_level_option
def add(
    login: str, role: str, name: str, communes: tuple[str, ...], config: Path | None, form: str, *, no_shared: bool
) -> None:
    """Make an account; the password is asked for, or read from standard input.

    Example: tocsin users add a.leroy --role referent --commune 00101 --name "Anne Leroy"
    """
    from correlator.model.viewer import Role  # noqa: PLC0415 - `--help` must not load it
    from correlator.store import accounts  # noqa: PLC0415

    if role == Role.REFERENT and not communes:
        expected = "--commune 00101: a référent is one commune's eye, and sees nothing of the others"
        raise InputError([Problem("--commune", 0, "missing", expected)])
    settings, engine = open_install_to_write(config)
    _check_communes(settings.estate, communes)
    made = accounts.add_person(
        engine,
        login,
        _password(accounts.canonical_login(login)),
        role=Role(role),
        name=name,
        communes=communes or None,
        shared=not no_shared,
        now=datetime.now(UTC),
        by=_me(),
    )
    where = "all" if made.communes is None else ", ".join(sorted(made.communes))
    row = {"login": made.login, "name": made.name, "role": str(made.role), "communes": where, "state": "active"}
    say(row, f"{made.login} may sign in as {made.role}, for {'all communes' if made.communes is None else where}", form)


@users.command("list")
@config_option
@format_option
@no_level_option
def list_(config: Path | None, form: str) -> None:
    """List the accounts."""
    from correlator.store.accounts import list_people  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.database import reading  # noqa: PLC0415

    _, engine = open_install(config)
    with reading(engine) as connection:
        known = list_people(connection)
    now = datetime.now(UTC)
    rows = [
        {
            "login": one.login,
            "name": one.name,
            "role": str(one.role),
            "communes": "all" if one.communes is None else ", ".join(sorted(one.communes)),
            "shared": "yes" if one.shared else "no",
            "state": "disabled" if one.disabled else "locked" if one.locked_until and one.locked_until > now else "active",
        }
        for one in known
    ]
    print_rows(rows, form, _COLUMNS, title=f"{len(rows)} account{'s' * (len(rows) != 1)}")


@users.command()
@click.argument("login")
@config_option
@format_option
@no_level_option
def disable(login: str, config: Path | None, form: str) -> None:
    """Keep an account from signing in, and end its sessions at once."""
    from correlator.store.accounts import disable_person  # noqa: PLC0415 - `--help` must not load it

    _, engine = open_install(config)
    disable_person(engine, login, now=datetime.now(UTC), by=_me())
    say({"login": login, "state": "disabled"}, f"{login} can no longer sign in", form)


@users.command()
@click.argument("login")
@config_option
@format_option
@no_level_option
def enable(login: str, config: Path | None, form: str) -> None:
    """Let a disabled or locked account sign in again."""
    from correlator.store.accounts import enable_person  # noqa: PLC0415 - `--help` must not load it

    _, engine = open_install(config)
    enable_person(engine, login, now=datetime.now(UTC), by=_me())
    say({"login": login, "state": "active"}, f"{login} may sign in again", form)


@users.command()
@click.argument("login")
@config_option
@format_option
@no_level_option
def passwd(login: str, config: Path | None, form: str) -> None:
    """Give an account another password (asked for, or from standard input); ends its lock and its sessions."""
    from correlator.store.accounts import canonical_login, set_password  # noqa: PLC0415 - `--help` must not load it

    _, engine = open_install(config)
    set_password(engine, login, _password(canonical_login(login)), now=datetime.now(UTC), by=_me())
    say({"login": login, "password": "changed"}, f"{login} has a new password", form)


def _me() -> str:
    return f"{person()} (local)"


def _password(login: str) -> str:
    """Return the password from the terminal (asked twice) or from the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass(f"Password of {login}: ")
    if getpass.getpass("Once more: ") != first:
        raise InputError([Problem("password", 0, "the two are different", "type the same one twice")])
    return first


def _check_communes(estate: Path | None, communes: tuple[str, ...]) -> None:
    """Refuse a commune that the estate does not know: a typing error would be an account that sees nothing."""
    from correlator.config.estate import load_estate  # noqa: PLC0415 - `--help` must not load it

    known = {commune.id for commune in load_estate(estate).communes} if estate else set()
    unknown = [one for one in communes if one not in known]
    if unknown:
        expected = f"one of: {', '.join(sorted(known))}" if known else "an estate file with communes in it"
        raise InputError([Problem("--commune", 0, f"no commune {', '.join(unknown)}", expected)])
