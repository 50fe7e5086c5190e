"""A small install with a console, and browsers without a browser: one per person, signed in."""

import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from sqlalchemy import event

from correlator.api.install import Install
from correlator.api.server import console_service
from correlator.config.settings import Settings
from correlator.model.viewer import Role
from correlator.runtime.front import serving
from correlator.store import accounts
from correlator.store.accounts import add_person
from correlator.store.database import open_database
from tests.api.visitors import PASSWORD, Browser, sign_in

ESTATE = """\
version = 1
[[commune]]
id = "00101"
code = "AUB"
name = "Saint-Aubrec"
[[commune]]
id = "00102"
code = "BRE"
name = "Brévanne-le-Port"
"""


@pytest.fixture(autouse=True)
def _cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash as always, only not as long: a hundred sign-ins must not take a minute."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    accounts.nobodys_hash.cache_clear()
    monkeypatch.setattr(accounts, "hasher", lambda: cheap)


@pytest.fixture(scope="session")
def _empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty database, migrated once for all tests."""
    path = tmp_path_factory.mktemp("empty") / "tocsin.db"
    open_database(path).dispose()
    return path


@pytest.fixture
def engine(tmp_path: Path, _empty: Path) -> Iterator[sa.Engine]:
    """Return an engine on an empty database, which need not survive a power cut."""
    shutil.copy(_empty, tmp_path / "tocsin.db")
    engine = open_database(tmp_path / "tocsin.db")
    event.listen(engine, "connect", lambda driver, _: driver.execute("PRAGMA synchronous = OFF"))
    engine.dispose()
    yield engine
    engine.dispose()


@pytest.fixture
def install(tmp_path: Path, engine: sa.Engine) -> Install:
    """Return an install with two communes and one person per role."""
    (tmp_path / "estate.toml").write_text(ESTATE)
    people = {"ana": (Role.ANALYST, None), "maud": (Role.MANAGER, None), "ali": (Role.AUTHOR, None), "zoe": (Role.ADMIN, None)}
    people |= {"ref.a": (Role.REFERENT, ["00101"]), "ref.b": (Role.REFERENT, ["00102"]), "ana.a": (Role.ANALYST, ["00101"])}
    for login, (role, communes) in people.items():
        now = datetime.now(UTC)
        add_person(engine, login, PASSWORD, role=role, communes=communes, now=now, by="test")
    return Install(Settings(data_dir=tmp_path, estate=tmp_path / "estate.toml"), engine)


@pytest.fixture
def address(install: Install) -> Iterator[str]:
    """Serve the console on a free port and return its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    with serving([console_service(install, listening)]):
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def anonymous(address: str) -> Iterator[httpx.Client]:
    """Return a browser that is not signed in; it does not follow redirects."""
    with httpx.Client(base_url=address, trust_env=False) as client:
        yield client


@pytest.fixture
def browser(address: str) -> Iterator[Browser]:
    """Return what signs a person in and gives their browser."""
    with ExitStack() as stack:

        def signed_in(login: str) -> httpx.Client:
            client = stack.enter_context(httpx.Client(base_url=address, trust_env=False))
            answer = sign_in(client, login, PASSWORD)
            assert answer.status_code == 303, answer.text
            return client

        yield signed_in
