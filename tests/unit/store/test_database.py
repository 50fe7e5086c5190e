"""Opening, migrating and writing the database; what is said when that cannot be done."""

import sqlite3
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from correlator.errors import Fatal, InputError, Retry
from correlator.store import schema, schema_cases, schema_people, schema_proof, schema_quiet, schema_rules, schema_state
from correlator.store.database import SCHEMA, held, open_database, reading, transaction

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
LANE = {"name": "saint-aubin", "number": 0}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    """Return an engine on a new database."""
    engine = open_database(tmp_path / "data" / "tocsin.db")
    yield engine
    engine.dispose()


def lanes(engine: sa.Engine) -> list[str]:
    """Return the names in the table of lanes."""
    with reading(engine) as connection:
        return list(connection.execute(sa.select(schema.lane.c.name)).scalars())


def insert_both(engine: sa.Engine, state: dict[str, object]) -> None:
    """Insert a lane, then ``state``, in one transaction."""
    with transaction(engine) as connection:
        connection.execute(sa.insert(schema.lane).values(LANE))
        connection.execute(sa.insert(schema_state.state_snapshot).values(state))


def test_migrations_make_the_tables_of_the_schema(engine: sa.Engine) -> None:
    """What the migrations build is what the code believes in."""
    with engine.connect() as connection:
        tables = (
            schema_people.person,
            schema_rules.rule_reload,
            schema_state.state_delta,
            schema_quiet.rule_noise,
            schema_cases.incident_task,
            schema_proof.proof_run,
        )
        assert {table.metadata for table in tables} == {schema.metadata}
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []


def test_a_scratch_database_has_the_same_tables(tmp_path: Path) -> None:
    """Made in one step, it is what the migrations make: column by column, and opened as such."""
    shapes = []
    for name in ("scratch", "grown"):
        opened = open_database(tmp_path / f"{name}.db", scratch=name == "scratch")
        with opened.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
            tables = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").scalars()
            shapes.append({table: _columns(connection, table) for table in tables})
            assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == SCHEMA
        opened.dispose()
    assert shapes[0] == shapes[1]


def _columns(connection: sa.Connection, table: str) -> list[tuple[object, ...]]:
    """Return name, type, whether null, default, place in the key; and whether rows have ids of their own."""
    columns = connection.exec_driver_sql(f"PRAGMA table_xinfo({table})").all()
    rowid = connection.exec_driver_sql(f"SELECT wr FROM pragma_table_list WHERE name = '{table}'").scalar()  # noqa: S608 - a test's own names
    return [*sorted(tuple(column[1:6]) for column in columns), (rowid,)]


def test_the_newest_migration_is_the_version_the_code_names() -> None:
    """A new migration without a new ``SCHEMA`` would never run."""
    config = Config()
    config.set_main_option("script_location", "correlator.store:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == SCHEMA


def test_data_is_for_its_owner_only(engine: sa.Engine) -> None:
    """Logs of a town hall are nobody else's to read on the server."""
    path = Path(str(engine.url.database))
    assert [stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)] == [0o600, 0o700]


def test_durability_is_set_on_every_connection(engine: sa.Engine) -> None:
    """A power cut after a commit loses nothing: WAL with synchronous FULL (2), and foreign keys hold."""
    with engine.connect() as one, engine.connect() as other:
        for connection in (one, other):
            read = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
            assert [*read, connection.exec_driver_sql("PRAGMA foreign_keys").scalar()] == ["wal", 2, 1]


def test_a_transaction_is_all_or_nothing(engine: sa.Engine) -> None:
    """An error inside undoes what was written; a clean end keeps it."""
    good = {"lane": "saint-aubin", "sequence": 1, "blob": b"x", "at": NOW}
    with pytest.raises(sa.exc.StatementError):
        insert_both(engine, {**good, "at": "yesterday"})
    assert lanes(engine) == []
    with transaction(engine) as connection:
        connection.execute(sa.insert(schema.lane).values(LANE))
    assert lanes(engine) == ["saint-aubin"]


def test_readers_go_on_while_a_writer_holds_the_lock(engine: sa.Engine) -> None:
    """A reader sees the state before the write, without waiting."""
    with transaction(engine) as connection:
        connection.execute(sa.insert(schema.lane).values(LANE))
        assert lanes(engine) == []


def test_a_locked_database_is_a_matter_of_trying_again(tmp_path: Path) -> None:
    """A second writer hears Retry after the busy timeout, at the start of its transaction."""
    path = tmp_path / "tocsin.db"
    one, other = open_database(path), open_database(path, busy_timeout_s=0.01)
    with transaction(one), pytest.raises(Retry, match="another process holds"), transaction(other):
        pass
    one.dispose()
    other.dispose()


def test_a_full_disk_is_named_and_nothing_is_half_written(engine: sa.Engine) -> None:
    """Disk full: Fatal, and the transaction is gone as a whole."""
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    engine.dispose()
    sa.event.listen(engine, "connect", lambda driver, _: driver.execute(f"PRAGMA max_page_count = {pages}"))
    blob = {"lane": "saint-aubin", "sequence": 1, "blob": b"x" * 100_000, "at": NOW}
    with pytest.raises(Fatal, match=r"disk is full.*free space"):
        insert_both(engine, blob)
    assert lanes(engine) == []


def test_a_newer_schema_is_refused(engine: sa.Engine) -> None:
    """An older Tocsin must not write into what it does not know."""
    with transaction(engine) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(InputError, match=r"schema 9999 is newer than .*; run the Tocsin version"):
        open_database(Path(str(engine.url.database)))


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """A file that is no database is said to be damaged, with what to do."""
    path = tmp_path / "tocsin.db"
    path.write_bytes(b"not a database, but long enough to be taken for one" * 100)
    with pytest.raises(Fatal, match=r"tocsin\.db: file is not a database; .*restore it"):
        open_database(path)


def test_a_place_that_cannot_be_written_is_an_input_error(tmp_path: Path) -> None:
    """A folder in the file's place: where, what, what would be right."""
    (tmp_path / "tocsin.db").mkdir()
    with pytest.raises(InputError, match=r"cannot be opened for writing.*give a data folder"):
        open_database(tmp_path / "tocsin.db")


def test_times_are_integer_microseconds_utc(engine: sa.Engine) -> None:
    """On disk integers, in Python aware UTC times; a time without zone is refused."""
    row = {"id": 1, "at": NOW.replace(microsecond=7), "person": "p", "act": "a", "object": "o", "detail": {}}
    with transaction(engine) as connection:
        connection.execute(sa.insert(schema.audit).values(row))
    with sqlite3.connect(str(engine.url.database)) as raw:
        assert raw.execute("SELECT at FROM audit").fetchone() == (1_772_352_000_000_007,)
    raw.close()
    with reading(engine) as connection:
        assert connection.execute(sa.select(schema.audit.c.at)).scalar_one() == NOW.replace(microsecond=7)
    with pytest.raises(sa.exc.StatementError, match="has no zone"), transaction(engine) as connection:
        connection.execute(sa.insert(schema.audit).values({**row, "id": 2, "at": NOW.replace(tzinfo=None)}))


def test_one_flow_per_data_folder(engine: sa.Engine) -> None:
    """A second flow is refused while the first one runs, and welcome after; readers never notice."""
    with held(engine):
        with pytest.raises(InputError, match="another tocsin process works on this data folder; stop it first"), held(engine):
            pass
        assert lanes(engine) == []
    with held(engine):
        assert lanes(engine) == []
