"""Signing in and staying signed in: sessions by the hash of their token, and a lock that grows but always ends."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import BoundedSemaphore

import sqlalchemy as sa

from correlator.store import accounts
from correlator.store.accounts import Person, find_person, person_of
from correlator.store.database import reading, transaction
from correlator.store.journal import note
from correlator.store.schema import audit
from correlator.store.schema_people import person, session

_FREE_FAILURES = 5  # before the lock begins
_LONGEST_LOCK = timedelta(minutes=15)
_KNOWN_FOR = timedelta(days=30)
_TOUCH = timedelta(minutes=5)  # how exact "idle" is: a click must not be a write
_HASHING = BoundedSemaphore(2)  # 64 MiB each: a flood of sign-ins must not take the server's memory


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a session lives without a click, and in any case."""

    idle: timedelta = timedelta(hours=8)
    whole: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody signed in. ``token`` is known at sign-in only (then empty); ``csrf`` must come back with every form."""

    person: Person
    csrf: str
    expires: datetime
    token: str = ""


def sign_in(
    engine: sa.Engine, login: str, password: str, address: str, *, now: datetime, life: Lifetime, old_token: str = ""
) -> Session | None:
    """Return a new session, or None; the time it takes does not say whether the login exists.

    After five failures in a row the account waits 1, 2, 4 … at most 15 minutes; tries while it waits do not lengthen it. An
    address from which the account signed in during the last 30 days does not wait: nobody can keep its owner out for ever.
    """
    with reading(engine) as connection:
        one = find_person(connection, login)
        stored = _password(connection, one) if one else ""
        waits = one is not None and _is_waiting(connection, one, address, now)
    is_usable = bool(one and stored and not one.disabled and not waits)
    with _HASHING:
        is_right = accounts.fits(stored if is_usable else accounts.nobodys_hash(), password)
    if one is None or not (is_usable and is_right):
        _refuse(engine, one, address, now, counts=is_usable)
        return None
    return _open(engine, one, address, now, life, old_token)


def find_session(engine: sa.Engine, token: str, *, now: datetime, life: Lifetime) -> Session | None:
    """Return the live session of ``token``, or None; notes that it is in use, at most every five minutes."""
    query = sa.select(session, person.c.id.label("person_id")).join(person).where(session.c.token_hash == _hash(token))
    with reading(engine) as connection:
        row = connection.execute(query).mappings().first()
        if row is None or now >= row["expires"] or now - row["seen"] >= life.idle:
            return None
        owner = connection.execute(sa.select(person).where(person.c.id == row["person_id"])).mappings().one()
    if owner["disabled"] is not None:
        return None
    if now - row["seen"] >= _TOUCH:
        with transaction(engine) as connection:
            connection.execute(sa.update(session).where(session.c.token_hash == row["token_hash"]).values(seen=now))
    return Session(person_of(owner), row["csrf"], row["expires"])


def sign_out(engine: sa.Engine, token: str, login: str, now: datetime) -> None:
    """End the session of ``token``."""
    with transaction(engine) as connection:
        connection.execute(sa.delete(session).where(session.c.token_hash == _hash(token)))
        note(connection, login, "sign-out", login, {}, now)


def _password(connection: sa.Connection, one: Person) -> str:
    return str(connection.execute(sa.select(person.c.password).where(person.c.id == one.id)).scalar_one())


def _is_waiting(connection: sa.Connection, one: Person, address: str, now: datetime) -> bool:
    if one.locked_until is None or now >= one.locked_until:
        return False
    known = sa.select(audit.c.detail).where(
        audit.c.person == one.login, audit.c.act == "sign-in", audit.c.at >= now - _KNOWN_FOR
    )
    return not any(detail.get("address") == address for detail in connection.execute(known).scalars())


def _refuse(engine: sa.Engine, one: Person | None, address: str, now: datetime, *, counts: bool) -> None:
    """Note the failure. A login nobody has is not written down: people type passwords into that field."""
    with transaction(engine) as connection:
        who = one.login if one else "?"
        note(connection, who, "sign-in refused", who, {"address": address, "counted": counts}, now)
        if one is None or not counts:
            return
        mine = person.c.id == one.id
        connection.execute(sa.update(person).where(mine).values(failures=person.c.failures + 1))
        failures = connection.execute(sa.select(person.c.failures).where(mine)).scalar_one()
        if failures >= _FREE_FAILURES:
            wait = min(_LONGEST_LOCK, timedelta(minutes=2 ** min(failures - _FREE_FAILURES, 10)))
            connection.execute(sa.update(person).where(mine).values(locked_until=now + wait))


def _open(engine: sa.Engine, one: Person, address: str, now: datetime, life: Lifetime, old_token: str) -> Session:
    made = Session(one, secrets.token_urlsafe(32), now + life.whole, secrets.token_urlsafe(32))
    row = {
        "token_hash": _hash(made.token),
        "person": one.id,
        "csrf": made.csrf,
        "created": now,
        "seen": now,
        "expires": made.expires,
        "address": address,
    }
    with transaction(engine) as connection:
        gone = (session.c.token_hash == _hash(old_token)) | (session.c.expires < now)
        connection.execute(sa.delete(session).where(gone))
        connection.execute(sa.insert(session).values(row))
        connection.execute(sa.update(person).where(person.c.id == one.id).values(failures=0, locked_until=None))
        note(connection, one.login, "sign-in", one.login, {"address": address}, now)
    return made


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
