"""Whose one thing is, by the estate alone: a host by its name, an address by its network, a user by suffix, unit or account."""

from collections.abc import Callable
from typing import Final

from correlator.enrich.tables import Tables
from correlator.model.estate import INTERNET
from correlator.model.observable import OUTSIDE


def owner_of(tables: Tables, kind: str, value: str) -> str | None:
    """Return the commune (or ``shared``) of the observable ``value`` of ``kind``.

    ``outside``: no commune can own it. None: the estate does not say.
    """
    answer = _ANSWERS.get(kind)
    return answer(tables, value) if answer else None


def _address(tables: Tables, value: str) -> str | None:
    return tables.owners.find(value) or (OUTSIDE if tables.zone(value) == INTERNET else None)


def _host(tables: Tables, value: str) -> str | None:
    return tables.hosts.owner(value)


def _user(tables: Tables, value: str) -> str | None:
    return tables.users.owner(value)


def _domain(tables: Tables, value: str) -> str | None:
    return tables.hosts.owner(value) or OUTSIDE


def _nameless(_tables: Tables, _value: str) -> str:
    return OUTSIDE


_ANSWERS: Final[dict[str, Callable[[Tables, str], str | None]]] = {
    "ip": _address,
    "host": _host,
    "user": _user,
    "email": _user,
    "domain": _domain,
    "hash": _nameless,
}
