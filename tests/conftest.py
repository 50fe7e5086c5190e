"""Servers that tests share: started by the first test that asks, stopped at the end. Both databases under one name."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.servers.kafka import missing, running_kafka
from tests.servers.postgres import Postgres, binaries, running_postgres

# A busy machine is no fault of the code. CI asks the same of everybody (TOCSIN_SAME=1), else each run draws anew.
settings.register_profile(
    "tocsin",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("TOCSIN_SAME")),
)
settings.load_profile("tocsin")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Return a private PostgreSQL server."""
    if binaries() is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def database_url(request: pytest.FixtureRequest) -> str:
    """Return the ``url`` of ``open_database``: once SQLite, once a new PostgreSQL database."""
    if request.param == "sqlite":
        return ""
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """Return the address of a private Kafka broker."""
    if why := missing():
        pytest.skip(why)
    with running_kafka() as bootstrap:
        yield bootstrap
