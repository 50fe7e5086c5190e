"""Local accounts: who may sign in, what they do, which communes they may see. Passwords are kept as argon2id only."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from correlator.errors import InputError, Problem
from correlator.model.viewer import Role, Viewer
from correlator.store.database import transaction
from correlator.store.journal import note
from correlator.store.schema_people import person, session

#: Shortest password: length is what the CNIL asks of one that has nothing else to lean on.
SHORTEST = 14
_LONGEST = 200
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@-]{1,63}")
_FEW = 5  # different characters a password must have


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account. ``communes`` None: all. ``locked_until``: no sign-in before, after too many failures."""

    id: int
    login: str
    name: str
    role: Role
    communes: frozenset[str] | None
    shared: bool
    language: str
    created: datetime
    disabled: datetime | None
    failures: int
    locked_until: datetime | None

    @property
    def viewer(self) -> Viewer:
        """Return the role and perimeter their reads go through."""
        return Viewer(self.login, self.role, self.communes, self.shared)


@cache
def hasher() -> PasswordHasher:
    """Return the one way passwords are hashed (argon2id, the parameters of RFC 9106 for small servers)."""
    return PasswordHasher()


@cache
def nobodys_hash() -> str:
    """Return a hash no password fits: an unknown login must cost as much time as a known one."""
    return hasher().hash("nobody has this password")


def fits(stored: str, password: str) -> bool:
    """Say whether ``password`` is the one ``stored`` was made from."""
    try:
        return hasher().verify(stored, password)
    except (Argon2Error, InvalidHashError):
        return False


def add_person(
    engine: sa.Engine,
    login: str,
    password: str,
    *,
    role: Role,
    name: str = "",
    communes: Collection[str] | None = None,
    shared: bool = True,
    now: datetime,
    by: str,
) -> Person:
    """Make an account and return it. Raises InputError on a login that is taken or malformed, or a weak password."""
    chosen = canonical_login(login)
    check_password(chosen, password)
    row = {
        "login": chosen,
        "name": name.strip() or chosen,
        "role": str(role),
        "communes": None if communes is None else sorted(communes),
        "shared": shared,
        "password": hasher().hash(password),
        "created": now,
    }
    with transaction(engine) as connection:
        if find_person(connection, chosen) is not None:
            raise InputError([Problem("login", 0, f"{chosen} exists already", "choose another, or change its password")])
        connection.execute(sa.insert(person).values(row))
        told = {name: row[name] for name in ("role", "communes", "shared")}
        note(connection, by, "account added", chosen, told, now)
        return _known(connection, chosen)


def canonical_login(login: str) -> str:
    """Return ``login`` as it is stored: lower case. Raises InputError when it cannot be one."""
    chosen = login.strip().lower()
    if not _LOGIN.fullmatch(chosen):
        expected = "2 to 64 of a-z, 0-9, dot, dash, underscore, at; beginning with a letter or digit"
        raise InputError([Problem("login", 0, f"{login!r} cannot be one", expected)])
    return chosen


def check_password(login: str, password: str) -> None:
    """Return when ``password`` is good enough; raises InputError that says what would be."""
    problems = []
    if not SHORTEST <= len(password) <= _LONGEST:
        expected = f"{SHORTEST} to {_LONGEST}; four unrelated words are easy to keep"
        problems.append(Problem("password", 0, f"{len(password)} characters", expected))
    if login in password.lower():
        problems.append(Problem("password", 0, "contains the login", "something nobody can derive from it"))
    if len(set(password)) < _FEW:
        problems.append(Problem("password", 0, "hardly any different characters", f"at least {_FEW} different ones"))
    if problems:
        raise InputError(problems)


def find_person(connection: sa.Connection, login: str) -> Person | None:
    """Return the account with this login, disabled ones too, or None."""
    row = connection.execute(sa.select(person).where(person.c.login == login.strip().lower())).mappings().first()
    return None if row is None else person_of(row)


def list_people(connection: sa.Connection) -> list[Person]:
    """Return every account, by login."""
    rows = connection.execute(sa.select(person).order_by(person.c.login)).mappings()
    return [person_of(row) for row in rows]


def person_of(row: sa.RowMapping) -> Person:
    """Return the account a row of the table holds, without its password."""
    fields: dict[str, Any] = {name: row[name] for name in Person.__dataclass_fields__}
    communes = None if row["communes"] is None else frozenset(row["communes"])
    return Person(**{**fields, "role": Role(row["role"]), "communes": communes})


def set_password(engine: sa.Engine, login: str, password: str, *, now: datetime, by: str) -> None:
    """Give the account another password, end its lock and its sessions. Raises InputError."""
    check_password(canonical_login(login), password)
    values = {"password": hasher().hash(password), "failures": 0, "locked_until": None}
    _change(engine, login, values, act="password changed", now=now, by=by)


def disable_person(engine: sa.Engine, login: str, *, now: datetime, by: str) -> None:
    """Keep the account from signing in, and end its sessions at once. Raises InputError."""
    _change(engine, login, {"disabled": now}, act="account disabled", now=now, by=by)


def enable_person(engine: sa.Engine, login: str, *, now: datetime, by: str) -> None:
    """Let the account sign in again. Raises InputError."""
    values = {"disabled": None, "failures": 0, "locked_until": None}
    _change(engine, login, values, act="account enabled", now=now, by=by)


def set_language(engine: sa.Engine, login: str, language: str) -> None:
    """Remember in which language (``fr``, ``en``) the account reads."""
    with transaction(engine) as connection:
        connection.execute(sa.update(person).where(person.c.login == login).values(language=language))


def _change(engine: sa.Engine, login: str, values: dict[str, Any], *, act: str, now: datetime, by: str) -> None:
    with transaction(engine) as connection:
        one = _known(connection, login)
        connection.execute(sa.update(person).where(person.c.id == one.id).values(values))
        connection.execute(sa.delete(session).where(session.c.person == one.id))
        note(connection, by, act, one.login, {}, now)


def _known(connection: sa.Connection, login: str) -> Person:
    one = find_person(connection, login)
    if one is None:
        raise InputError([Problem("login", 0, f"no account {login!r}", "`tocsin users list` shows them")])
    return one
