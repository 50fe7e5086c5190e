"""``tocsin lake``: SQL over every event ever read, and putting small files together."""

from datetime import UTC, datetime
from pathlib import Path

import click

from correlator.cli.install import config_option, open_install
from correlator.cli.output import format_option, no_level_option, print_rows
from correlator.errors import InputError, Problem


@click.group()
def lake() -> None:
    """Query the lake with SQL, put its small files together."""


@lake.command()
@click.argument("sql")
@config_option
@format_option
@no_level_option
def query(sql: str, config: Path | None, form: str) -> None:
    """Run SQL over the table `events`; quote column names with dots: SELECT "user.name", count(*) FROM events GROUP BY 1."""
    import duckdb  # noqa: PLC0415 - `--help` must not load it

    from correlator.store.lake import events  # noqa: PLC0415

    _, engine = open_install(config)
    connection = duckdb.connect(":memory:", config={"enable_external_access": "false", "lock_configuration": "true"})
    connection.register("events", events(engine).collect().to_arrow())
    try:
        found = connection.sql(sql)
        table = found.to_arrow_table() if found else None  # Arrow: DuckDB's own rows need pytz for times
        columns = table.column_names if table is not None else []
        rows = table.to_pylist() if table is not None else []
    except duckdb.Error as error:
        raise InputError(
            [Problem("SQL", 0, str(error).splitlines()[0], 'the table is events; "column.names" in double quotes')]
        ) from None
    print_rows(rows, form, columns)


@lake.command()
@config_option
@format_option
@no_level_option
def compact(config: Path | None, form: str) -> None:
    """Turn the segments of the batches into sorted Parquet; remove the files that were replaced over an hour ago."""
    from correlator.runtime.tidy import READERS_DONE  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.compaction import compact as put_together  # noqa: PLC0415
    from correlator.store.lake import remove_retired  # noqa: PLC0415

    _, engine = open_install(config)
    removed = remove_retired(engine, datetime.now(UTC) - READERS_DONE)
    rounds = []
    while (done := put_together(engine, datetime.now(UTC))).replaced:
        rounds.append(done)
    engine.dispose()
    replaced, written = sum(one.replaced for one in rounds), sum(one.written for one in rounds)
    if form == "json":
        print_rows([{"rounds": len(rounds), "replaced": replaced, "written": written, "removed": removed}], form, ())
    else:
        click.echo(f"{replaced:,} files became {written:,} in {len(rounds)} round(s)." if rounds else "Nothing to compact.")
        if removed:
            click.echo(f"{removed:,} files replaced earlier were removed.")
