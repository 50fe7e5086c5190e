"""The console on invented data: accounts whose password is written on the sign-in page, on 127.0.0.1 only."""

from datetime import UTC, datetime
from pathlib import Path

from correlator.api.install import Install
from correlator.api.wording import N_
from correlator.config.estate import load_estate
from correlator.config.sections.console import ConsoleSettings
from correlator.config.settings import Settings
from correlator.model.viewer import Role
from correlator.store.accounts import add_person, find_person
from correlator.store.database import open_database, reading

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


def demonstration(store: Path, estate: Path, port: int) -> Install:
    """Return the console of the demonstration whose store lies in ``store``, with its invented accounts."""
    console = ConsoleSettings(host="127.0.0.1", port=port)
    settings = Settings(install="demo", data_dir=store, estate=estate, console=console)
    engine = open_database(settings.database)
    communes = sorted(commune.id for commune in load_estate(estate).communes)
    for login, (name, role, index, _) in PEOPLE.items():
        with reading(engine) as connection:
            known = find_person(connection, login)
        own = None if index is None else communes[index : index + 1]
        if known is None:
            add_person(engine, login, PASSWORD, role=role, name=name, communes=own, now=datetime.now(UTC), by="demo")
    return Install(settings, engine, is_demo=True)
