"""What a new version would change in an install, and going back to the one before with the data kept."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from correlator import __version__
from correlator.config.settings import Settings
from correlator.correlate.log import VERSION, from_log
from correlator.errors import InputError, Problem, TocsinError
from correlator.parse.registry import find_parsers
from correlator.runtime import checkpoint
from correlator.runtime.checkup import Finding, Verdict
from correlator.runtime.content import load_content
from correlator.store.database import SCHEMA, held, open_database, transaction
from correlator.store.heartbeat import beat
from correlator.store.safety import copy_database

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import Script


def check_upgrade(settings: Settings) -> Iterator[Finding]:
    """Yield what this version would change in the install or not take; changes nothing, opens the database read-only."""
    checks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (_schema, _state, _parsers, _rules)
    for check in checks:
        try:
            yield from check(settings)
        except (TocsinError, sqlite3.DatabaseError) as error:
            yield Finding(check.__name__.strip("_"), Verdict.FAILED, str(error), "mend it, or stay on the version before")


def step_back(settings: Settings, target: str, now: datetime) -> Path | None:
    """Turn the database into that of schema ``target``, without windows that are still open; return the safety copy.

    Incidents, history, ledger, positions and events stay; tables that schema does not know are removed, with what people wrote
    there: the copy has it. Raises InputError when Tocsin runs on the folder, or for a schema there is no way back to.
    """
    if settings.database_url:
        what = "on PostgreSQL, restore the pg_dump made before the upgrade"
        raise InputError([Problem("database_url", 0, "going back is for the embedded database", what)])
    known = [script.revision for script in _scripts()]
    if target not in known or target == SCHEMA:
        older = ", ".join(revision for revision in known if revision != SCHEMA)
        raise InputError([Problem("--back-to", 0, f"no way back to schema {target!r} from {SCHEMA}", f"one of {older}")])
    from alembic import command  # noqa: PLC0415 - rarely needed

    engine = open_database(settings.database)
    try:
        with held(engine):
            beat(engine, "upgrade", now, {"back_to": target, "version": __version__})
            config = _config()
            with transaction(engine) as connection:
                copy = copy_database(settings.database, f"before-back-to-{target}")
                checkpoint.rewrite_clocks(connection)
                config.attributes["connection"] = connection
                command.downgrade(config, target)
    finally:
        engine.dispose()
    return copy


def _schema(settings: Settings) -> Iterator[Finding]:
    if settings.database_url or not settings.database.exists():
        yield Finding("schema", Verdict.OK, "no embedded database yet; it is made with schema " + SCHEMA)
        return
    found = _ask(settings.database, "SELECT version_num FROM alembic_version")[0][0]
    if found > SCHEMA:
        advice = "this version is older than the install: go forward, or see `tocsin upgrade --back-to` of the newer one"
        yield Finding("schema", Verdict.FAILED, f"{found}, newer than {SCHEMA}, the newest this version knows", advice)
        return
    pending = [script for script in _scripts() if script.revision > found]
    if not pending:
        yield Finding("schema", Verdict.OK, f"{found}, as this version wants it")
        return
    told = "; ".join(f"{script.revision} {(script.doc or '').splitlines()[0]}" for script in pending)
    yield Finding("schema", Verdict.WARNING, f"{found} becomes {SCHEMA} at the next start: {told}", "`tocsin backup` first")
    size, free = settings.database.stat().st_size, shutil.disk_usage(settings.data_dir).free
    seen = f"{size / 1e6:,.1f} MB for the safety copy tocsin.db.before-{SCHEMA}, {free / 1e6:,.0f} MB free"
    enough = free > 2 * size
    yield Finding("disk", Verdict.OK if enough else Verdict.FAILED, seen, "" if enough else "free space before you start it")


def _state(settings: Settings) -> Iterator[Finding]:
    if settings.database_url or not settings.database.exists():
        return
    if not _ask(settings.database, "SELECT 1 FROM sqlite_master WHERE name = 'state_snapshot'"):
        seen = "begin empty: what correlations had collected in the version before has another form"
        yield Finding("windows", Verdict.OK, seen)
        return
    whole = _ask(settings.database, "SELECT lane, blob FROM state_snapshot")
    changes = _ask(settings.database, "SELECT lane, blob FROM state_delta ORDER BY lane, sequence")
    blobs: dict[str, list[bytes]] = {}
    for lane, blob in (*whole, *changes):
        blobs.setdefault(lane, []).append(blob)
    try:
        state = from_log(blobs)
    except (TocsinError, pl.exceptions.PolarsError) as error:
        yield Finding("windows", Verdict.FAILED, str(error), "what correlations had collected would be lost: do not start it")
        return
    yield Finding("windows", Verdict.OK, f"{state.height:,} rows of {len(blobs)} lane(s) can be read; written as {VERSION}")


def _parsers(settings: Settings) -> Iterator[Finding]:
    parsers = find_parsers(site_dir=settings.parsers_dir)
    asked = {source.name: source.parser for source in settings.source}
    asked |= {one.name: str(getattr(one, "parser", "auto")) for one in settings.listener}
    gone = {name: parser for name, parser in asked.items() if parser not in {"auto", *parsers}}
    for name, parser in gone.items():
        yield Finding(f"source {name}", Verdict.FAILED, f"parser {parser!r} is no longer there", f"one of {', '.join(parsers)}")
    if not gone:
        yield Finding("parsers", Verdict.OK, f"{len(parsers)}; every one that a source names is there")


def _rules(settings: Settings) -> Iterator[Finding]:
    content = load_content(settings)
    for problem in content.refused:
        yield Finding("rules", Verdict.FAILED, str(problem), "mend the rule, or it will not run")
    if not content.refused:
        loaded = f"{len(content.ruleset.rules)} rules and {len(content.correlations)} correlations load"
        yield Finding("rules", Verdict.OK, f"{loaded}; {len(content.inert)} cannot fire with these parsers")


def _ask(database: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30.0)) as connection:
        return connection.execute(sql).fetchall()


def _config() -> "Config":
    from alembic.config import Config  # noqa: PLC0415 - rarely needed

    config = Config()
    config.set_main_option("script_location", "correlator.store:migrations")
    return config


def _scripts() -> "list[Script]":
    """Return the migrations, oldest first."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - rarely needed

    return list(reversed(list(ScriptDirectory.from_config(_config()).walk_revisions())))
