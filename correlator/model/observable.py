"""Observables: the things an incident is about, read from ECS columns by one table.

A *strong* observable groups findings into incidents; a *weak* one (shared assets, SYSTEM, machine and well-known accounts)
is shown, never groups. Each bears its own commune: a host of one commune may be seen in an event of another.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import polars as pl


@dataclass(frozen=True, slots=True)
class ObservableColumn:
    """How one ECS column becomes an observable."""

    column: str
    kind: str  # ip, user, host, domain, hash, file, email, session, equipment
    role: str  # source, target, actor, host …: how the thing took part
    strong: bool


COLUMNS: tuple[ObservableColumn, ...] = (
    ObservableColumn("source.ip", "ip", "source", strong=True),
    ObservableColumn("user.name", "user", "actor", strong=True),
    ObservableColumn("source.user.name", "user", "actor", strong=True),
    ObservableColumn("user.target.name", "user", "target", strong=True),
    ObservableColumn("host.name", "host", "host", strong=True),
    ObservableColumn("device.id", "equipment", "target", strong=True),
    ObservableColumn("destination.ip", "ip", "target", strong=False),
    ObservableColumn("url.domain", "domain", "target", strong=False),
    ObservableColumn("destination.domain", "domain", "target", strong=False),
    ObservableColumn("email.from.address", "email", "source", strong=False),
    ObservableColumn("process.hash.sha256", "hash", "target", strong=False),
    ObservableColumn("file.path", "file", "target", strong=False),
    ObservableColumn("observer.name", "host", "observer", strong=False),
)

#: dtype of one observable inside a frame.
OBSERVABLE = pl.Struct({"kind": pl.String, "role": pl.String, "value": pl.String, "strong": pl.Boolean, "commune": pl.String})

#: What an ``Owner`` answers for what no commune can own: an address of the Internet, a hash.
OUTSIDE: Final = "outside"
#: (kind, value) → commune id, ``shared``, ``outside``, or None when the estate does not say.
Owner = Callable[[str, str], str | None]
#: Commune of an account or machine that events gave to two communes: it stays hidden from both.
CLAIMED: Final = "cross"
#: Kinds that name nobody: seen by several communes they are ``shared``.
NAMELESS: Final = ("ip", "domain", "hash")

#: The longest value of an observable, characters: databases index it, and PostgreSQL takes 2,700 bytes.
OBSERVABLE_LIMIT = 500

#: Accounts that stand for "the machine" or "anybody": never a reason to group. Lower case, English and French Windows.
WELL_KNOWN_USERS = frozenset(
    {
        "", "-", "system", "système", "local service", "service local", "network service", "service réseau",
        "anonymous logon", "anonymous", "guest", "invité", "root", "nobody", "www-data", "daemon",
        "dwm-1", "dwm-2", "umfd-0", "umfd-1",
    }
)  # fmt: skip
