"""One process of pysigma-backend-sqlite, used as Zircolite uses it; prints what it cost as one JSON object.

All events go into one table in memory, all columns text without case, an index on channel and event id; each rule is one
query. Run by the interpreter of its own environment (``requirements.txt``), which knows nothing of Tocsin.
"""

import argparse
import json
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import orjson
from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection
from sigma.exceptions import SigmaError

#: Values are bound in groups, so that one statement serves all events.
CHUNK = 5_000


def convert(folder: Path) -> dict[str, Any]:
    """Return the query of each rule below ``folder`` by rule id, and what the backend refuses."""
    queries, refused = {}, []
    for path in sorted(folder.rglob("*.yml")):
        try:
            collection = SigmaCollection.from_yaml(path.read_text(encoding="utf-8"))
            made = sqliteBackend().convert(collection)
        except (SigmaError, NotImplementedError) as error:
            refused.append({"file": path.name, "why": str(error).splitlines()[0]})
            continue
        queries[str(collection.rules[0].id)] = made
    return {"queries": queries, "refused": refused}


def quoted(name: str) -> str:
    """Return a column name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def columns_of(lines: list[bytes], queries: dict[str, list[str]]) -> list[str]:
    """Return every field of the events, and those that only rules name: a query about a missing column would be lost."""
    names: dict[str, str] = {}
    for line in lines:
        for name in orjson.loads(line):
            names.setdefault(name.casefold(), name)
    table = sqlite3.connect(":memory:")
    _create(table, list(names.values()))
    for statements in queries.values():
        for statement in statements:
            _add_missing(table, statement, names)
    return list(names.values())


def _add_missing(table: sqlite3.Connection, statement: str, names: dict[str, str]) -> None:
    while True:
        try:
            table.execute(f"EXPLAIN {statement}")
        except sqlite3.OperationalError as error:
            missing = re.fullmatch(r"no such column: (.+)", str(error))
            if missing is None:
                return
            name = missing[1].strip('"')
            names[name.casefold()] = name
            table.execute(f"ALTER TABLE logs ADD COLUMN {quoted(name)} TEXT COLLATE NOCASE")
        else:
            return


def _create(table: sqlite3.Connection, columns: list[str]) -> None:
    table.create_function("regexp", 2, _regexp, deterministic=True)
    named = ", ".join(f"{quoted(name)} TEXT COLLATE NOCASE" for name in columns)
    table.execute(f"CREATE TABLE logs (row_id INTEGER PRIMARY KEY, {named})")


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


def _regexp(pattern: str, value: str | None) -> int:
    return int(value is not None and _pattern(pattern).search(str(value)) is not None)


def _text(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return orjson.dumps(value).decode() if isinstance(value, (list, dict)) else value


def filled(lines: list[bytes], columns: list[str]) -> sqlite3.Connection:
    """Return the table of all events; ``row_id`` is the line."""
    table = sqlite3.connect(":memory:")
    table.execute("PRAGMA journal_mode = OFF")
    table.execute("PRAGMA synchronous = OFF")
    table.execute("PRAGMA temp_store = MEMORY")
    _create(table, columns)
    place = {name.casefold(): number for number, name in enumerate(columns, 1)}
    statement = f"INSERT INTO logs VALUES ({', '.join('?' * (len(columns) + 1))})"  # noqa: S608 - question marks only
    for start in range(0, len(lines), CHUNK):
        table.executemany(statement, _rows(lines[start : start + CHUNK], start, place))
    table.execute("CREATE INDEX source ON logs (Channel, EventID)")
    return table


def _rows(lines: list[bytes], start: int, place: dict[str, int]) -> Iterator[list[Any]]:
    width = len(place) + 1
    for number, line in enumerate(lines, start + 1):
        row: list[Any] = [None] * width
        row[0] = number
        for name, value in orjson.loads(line).items():
            row[place[name.casefold()]] = _text(value)
        yield row


def ask(table: sqlite3.Connection, queries: dict[str, list[str]], take: Callable[[str, int], None]) -> dict[str, str]:
    """Hand each rule and each line it matches to ``take``; return why which rules could not be asked."""
    failed = {}
    for rule, statements in queries.items():
        try:
            for statement in statements:
                for row in table.execute(statement):
                    take(rule, row[0])
        except sqlite3.Error as error:
            failed[rule] = str(error)
    return failed


def peak_mib() -> float:
    """Return the most memory this process has had resident so far, MiB (Linux)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024


def main() -> None:
    """Convert rules (``--convert FILE``), or evaluate events with rules converted before (``--queries FILE``)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", type=Path)
    parser.add_argument("--convert", type=Path, help="write the queries here, and end")
    parser.add_argument("--queries", type=Path)
    parser.add_argument("--events", type=Path)
    parser.add_argument("--skip", type=int, default=0, help="lines left out in front")
    parser.add_argument("--take", type=int, help="so many lines only")
    parser.add_argument("--verdicts", type=Path, help="write verdicts here")
    asked = parser.parse_args()
    if asked.convert:
        made = convert(asked.rules)
        asked.convert.write_text(json.dumps({**made, "cpu": process_time()}), encoding="utf-8")
        return
    prepared = json.loads(asked.queries.read_text(encoding="utf-8"))
    lines = asked.events.read_bytes().split(b"\n")[:-1][asked.skip :][: asked.take]
    columns = columns_of(lines, prepared["queries"])  # not counted: Zircolite keeps them in a configuration
    start = {"cpu": process_time(), "mib": peak_mib()}
    cpu, wall = process_time(), perf_counter()
    table = filled(lines, columns)
    loaded = process_time()
    found: list[tuple[str, int]] = []
    failed = ask(table, prepared["queries"], lambda rule, line: found.append((rule, line)))
    timed = {"cpu": process_time() - cpu, "loading_cpu": loaded - cpu, "wall": perf_counter() - wall, "matches": len(found)}
    if asked.verdicts:
        asked.verdicts.write_text("".join(f"{rule}\t{line}\n" for rule, line in found), encoding="utf-8")
    figures = {"rules": len(prepared["queries"]), "refused": prepared["refused"], "failed": failed, "events": len(lines)}
    figures |= {
        "start": start,
        "columns": len(columns),
        "timed": timed,
        "peak_mib": peak_mib(),
        "sqlite": sqlite3.sqlite_version,
    }
    json.dump(figures, sys.stdout)


if __name__ == "__main__":
    main()
