"""The console on invented data: accounts whose password is written on the sign-in page, on 127.0.0.1 only."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from correlator.api.install import Install
from correlator.api.wording import N_
from correlator.config.estate import load_estate
from correlator.config.sections.console import ConsoleSettings
from correlator.config.settings import Settings
from correlator.model.estate import Estate
from correlator.model.viewer import Role
from correlator.store.accounts import add_person, find_person
from correlator.store.database import open_database, reading, transaction
from correlator.store.schema import position
from correlator.store.upsert import insert

#: Of every account of the demonstration; the page shows it.
PASSWORD = "sonnez-le-tocsin-9"  # noqa: S105 - a demonstration on 127.0.0.1 with invented data
#: Login → (name, role, index of their commune in the estate or None, what the sign-in page says).
PEOPLE: dict[str, tuple[str, Role, int | None, str]] = {
    "ana": ("Ana Lefort", Role.ANALYST, None, N_("analyst, all communes")),
    "remi": ("Rémi Carlier", Role.REFERENT, 0, N_("one commune’s own eye")),
    "maud": ("Maud Verdier", Role.MANAGER, None, N_("manager, all communes")),
    "ali": ("Ali Sauvage", Role.AUTHOR, None, N_("rule author, all communes")),
    "zoe": ("Zoé Marchal", Role.ADMIN, None, N_("administrator: accounts and the journal")),
}


def demonstration(store: Path, estate: Path, port: int, clock: Callable[[], datetime]) -> Install:
    """Return the console of the demonstration whose store lies in ``store``, with its invented accounts, at its own hour."""
    console = ConsoleSettings(host="127.0.0.1", port=port)
    settings = Settings(install="demo", data_dir=store, estate=estate, console=console)
    engine = open_database(settings.database)
    communes = sorted(commune.id for commune in load_estate(estate).communes)
    for login, (name, role, index, _) in PEOPLE.items():
        with reading(engine) as connection:
            known = find_person(connection, login)
        own = None if index is None else communes[index : index + 1]
        if known is None:
            add_person(engine, login, PASSWORD, role=role, name=name, communes=own, now=clock(), by="demo")
    _hear(engine, load_estate(estate), clock())
    return Install(settings, engine, is_demo=True, now=clock)


def _hear(engine: sa.Engine, estate: Estate, now: datetime) -> None:
    """Note that every source has just spoken: a replay reads them all under one name, and none of them was silent."""
    put = insert(position).on_conflict_do_nothing()
    rows = [{"source": one.name, "stream": "demo", "next_offset": 0, "updated": now} for one in estate.sources]
    if rows:
        with transaction(engine) as connection:
            connection.execute(put, rows)
