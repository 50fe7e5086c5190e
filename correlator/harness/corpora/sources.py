"""The corpora whose question is who reads what: sc4s, panther, and the folders of files."""

from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import orjson

from correlator.harness.corpora.judge import Judged
from correlator.harness.corpora.records import read_file, read_lines
from correlator.parse.contract import Parser

__all__ = ["CORPORA", "Judges"]

Table = Mapping[str, list[str]]
Judges = Callable[[Path, Table, Mapping[str, Parser]], Iterator[Judged]]

_NOTHING: frozenset[str] = frozenset()  # own fields: only those that parsers require
_LEFT_OUT = ("-",)
#: What Zeek's test tool wrote above its baselines: no log's line.
_NO_LOG = "### BTest baseline data"


def sc4s(data: Path, table: Table, parsers: Mapping[str, Parser]) -> Iterator[Judged]:
    """Yield the messages of splunk-connect-for-syslog's tests; a table's key is their sourcetype, or ``file:NAME``."""
    messages = _documents(data / "sc4s" / "messages.jsonl")
    records = read_lines([(f"m{n}", one["rendered"]) for n, one in enumerate(messages)], parsers, _NOTHING)
    for one, record in zip(messages, records, strict=True):
        source = one["sourcetype"] or f"file:{one['file']}"
        by_file = table.get(f"file:{one['file']}")
        yield Judged(source, tuple(by_file if by_file is not None else table.get(source, ())), record)


def panther(data: Path, table: Table, parsers: Mapping[str, Parser]) -> Iterator[Judged]:
    """Yield the events of panther's rule tests; a table's key is their log type, where they name one and no more."""
    events = _documents(data / "panther" / "tests.jsonl")
    records = read_lines([(f"e{n}", orjson.dumps(one["log"]).decode()) for n, one in enumerate(events)], parsers, _NOTHING)
    for one, record in zip(events, records, strict=True):
        said = one["log"].get("p_log_type")  # where a rule is for many kinds, the event may say its own
        rule_of = one.get("log_types") or []
        kinds = [said] if said in table or said in rule_of else rule_of
        expected = {name: None for kind in kinds for name in table.get(kind, ())}
        yield Judged(kinds[0] if len(kinds) == 1 else "several log types", tuple(expected), record)


def _files(folder: str) -> Judges:
    """Return the judge of a folder of files; a table's key is a pattern of the path below it, the first that fits counts."""

    def judged(data: Path, table: Table, parsers: Mapping[str, Parser]) -> Iterator[Judged]:
        root = data / folder
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            name = path.relative_to(root).as_posix()
            pattern = next((pattern for pattern in table if fnmatchcase(name, pattern)), "")
            expected = tuple(table.get(pattern, _LEFT_OUT))
            for record in read_file(path, parsers, _NOTHING) if expected != _LEFT_OUT else []:
                if not record.text.startswith(_NO_LOG):
                    yield Judged(pattern if "*" in pattern else name, expected, record)

    return judged


def _documents(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


CORPORA: dict[str, Judges] = {
    "sc4s": sc4s,
    "panther": panther,
    **{
        folder: _files(folder)
        for folder in (
            "elastic-examples",
            "lnav",
            "otrf",
            "plaso",
            "smart-data-models",
            "suricata-frank",
            "zeek-btest",
            "zeek-ot",
        )
    },
}
