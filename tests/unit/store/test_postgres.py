"""What is PostgreSQL's own: its migrations, its locks, its errors, its text."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier, Thread

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from correlator.errors import Fatal, InputError, Retry
from correlator.store import checkpoints, lake, schema, schema_cases, schema_people, schema_rules
from correlator.store.database import Unanswered, alongside, database_name, held, open_database, reading, transaction
from tests.servers.postgres import Postgres

pytestmark = pytest.mark.server
NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
STREAM = {"source": "ad", "stream": "one", "next_offset": 5, "updated": NOW}


@pytest.fixture
def url(postgres: Postgres) -> str:
    """Return the URL of an empty database."""
    return postgres.new_database()


@pytest.fixture
def engine(tmp_path: Path, url: str) -> Iterator[sa.Engine]:
    """Return an engine on a new database."""
    engine = open_database(tmp_path / "data" / "tocsin.db", url=url)
    yield engine
    engine.dispose()


def insert_and_break(engine: sa.Engine, postgres: Postgres, then: Callable[[sa.Connection], object]) -> None:
    """Write, lose the connection, do ``then``, commit."""
    with transaction(engine) as connection:
        connection.execute(sa.insert(schema.position).values(STREAM))
        mine = connection.execute(sa.select(sa.func.pg_backend_pid())).scalar_one()
        postgres.execute(f"SELECT pg_terminate_backend({mine}, 5000)")
        then(connection)


def test_migrations_make_the_tables_of_the_schema(engine: sa.Engine) -> None:
    """What the migrations build on PostgreSQL is what the code believes in."""
    with engine.connect() as connection:
        assert schema_people.person.metadata is schema_rules.rule_reload.metadata is schema.metadata
        assert schema_cases.incident_task.metadata is schema.metadata
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []


def test_several_processes_may_open_a_new_database_at_once(tmp_path: Path, url: str) -> None:
    """One migrates, the others wait; all have the schema then."""
    gate, failures = Barrier(4), []

    def open_it() -> None:
        gate.wait()
        try:
            open_database(tmp_path / "tocsin.db", url=url).dispose()
        except Exception as error:  # noqa: BLE001 - told to the test by the list
            failures.append(error)

    threads = [Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_reader_sees_one_state(engine: sa.Engine) -> None:
    """What others commit meanwhile is not seen."""
    with reading(engine) as connection:
        assert connection.execute(sa.select(schema.position)).all() == []
        with transaction(engine) as writer:
            writer.execute(sa.insert(schema.position).values(STREAM))
        assert connection.execute(sa.select(schema.position)).all() == []


def test_a_text_with_nul_is_kept_visibly(engine: sa.Engine) -> None:
    """PostgreSQL refuses NUL in text; one binary record must not stop the flow for ever."""
    with transaction(engine) as connection:
        checkpoints.advance(connection, "a\0d", {}, {"one": 1}, NOW)
    with reading(engine) as connection:
        assert connection.execute(sa.select(schema.position.c.source)).scalar_one() == "a␀d"


def test_a_connection_that_breaks_is_a_matter_of_trying_again(engine: sa.Engine, postgres: Postgres) -> None:
    """Before the commit: Retry, nothing kept; the next transaction has a new connection."""
    with pytest.raises(Retry, match="no connection") as raised:
        insert_and_break(engine, postgres, then=lambda connection: connection.execute(sa.select(1)))
    assert not isinstance(raised.value, Unanswered)
    with transaction(engine) as connection:
        assert connection.execute(sa.select(schema.position)).all() == []


def test_a_commit_without_answer_says_so(engine: sa.Engine, postgres: Postgres) -> None:
    """Broken in the commit itself: the caller must look."""
    with pytest.raises(Unanswered, match="may have been kept"):
        insert_and_break(engine, postgres, then=lambda _connection: None)


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Retry with the address; never a password."""
    url = "postgresql+psycopg://ana@127.0.0.1:1/tocsin?connect_timeout=2"
    with pytest.raises(Retry, match=r"postgresql\+psycopg://ana@127\.0\.0\.1:1/tocsin.*: no connection"):
        open_database(tmp_path / "tocsin.db", url=url)


def test_a_database_that_was_never_made_is_fatal(tmp_path: Path, postgres: Postgres) -> None:
    """With what to do."""
    with pytest.raises(Fatal, match=r"does not exist.*createdb"):
        open_database(tmp_path / "tocsin.db", url=postgres.url("nobody_made_it"))


def test_another_database_is_refused(tmp_path: Path) -> None:
    """Only what the tests run on."""
    with pytest.raises(InputError, match="is not the URL of a PostgreSQL database; write postgresql"):
        open_database(tmp_path / "tocsin.db", url="mysql://ana@host/tocsin")


def test_one_flow_per_database(tmp_path: Path, engine: sa.Engine, url: str) -> None:
    """Another machine has another data folder, but the same database."""
    elsewhere = open_database(tmp_path / "other" / "tocsin.db", url=url)
    with held(engine), pytest.raises(InputError, match="another `tocsin run`, or `tocsin worker`, works"), held(elsewhere):
        pass
    with alongside(engine), alongside(elsewhere), pytest.raises(InputError, match="never mix"), held(elsewhere):
        pass
    with held(elsewhere):
        assert "postgres@" in database_name(elsewhere)
    elsewhere.dispose()


def test_workers_segments_are_nobodys_orphans(engine: sa.Engine) -> None:
    """A segment that waits in Kafka for its row looks like what a crash left; only one machine alone may remove it."""
    segment = lake.lake_folder(engine) / "segments" / "x.arrow"
    segment.parent.mkdir(parents=True)
    segment.touch()
    with transaction(engine) as connection:
        connection.execute(sa.insert(schema.position).values({**STREAM, "epoch": 1}))
    assert lake.remove_orphans(engine) == 0
    assert segment.exists()
    with transaction(engine) as connection:
        connection.execute(sa.delete(schema.position))
    assert lake.remove_orphans(engine) == 1
