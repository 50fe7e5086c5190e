"""Daemons that write sentences to syslog: which program says what, and what the words it names mean.

A parser of such a daemon is a table: programs, their sentences (``phrases``), what each line of theirs is. A line that no
sentence fits is an event all the same, its message can be searched; its tag ``phrase_unknown`` says that nobody read it.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import polars as pl

from correlator.model.event import ECS
from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Parsed, Reason, rejects_of
from correlator.parse.formats.phrases import Phrase, columns_of, read_phrases
from correlator.parse.formats.syslog import ENVELOPE, envelope
from correlator.parse.formats.values import (
    account,
    account_domain,
    address,
    by_dataset,
    by_distinct,
    integer,
    label_of,
    mac,
    members,
    own,
    severity_of,
    words,
)

__all__ = ["UNKNOWN", "Program", "declared", "program_events", "read_programs"]

#: Tag of a line whose sentence nobody knows.
UNKNOWN = "phrase_unknown"

_SENDER = ("source", "destination", "client", "server")  # their .address gives .ip, or .domain where it is a name
_LINE = ("raw_row", "text", "moment")
_COUNT = "repeated"  # how often syslogd says that the line was
_HEADER = ("syslog.host", "syslog.app", "syslog.pid", "syslog.priority")
_NUMBERS = r"^[0-9.]+$|:[0-9A-Fa-f.]*:"  # an address, or what should have been one
_PROGRAM = r"^(?:.*/)?\(?([^()/]+)"
_BARE = r"(?s)^\s*(?P<app>[A-Za-z_][A-Za-z0-9_./@-]{0,63})(?:\[(?P<pid>[0-9]{1,10})\])?: (?P<body>.*)$"  # no header at all
_REPEATED = r"(?s)^message repeated (?P<count>[0-9]+) times: \[ ?(?P<text>.*?)\]?$"


@dataclass(frozen=True, slots=True)
class Program:
    """Programs that write the same sentences.

    ``names``: syslog's app names, lower case, of the program without its path (none: whatever no other program claims).
    ``says``: columns that each of its lines means, under what its phrases say. ``again``: own names, as text, that repeat a
    column (``{"src_ip": "source.ip"}``). ``keeps``: columns of the lines (see ``changed``) that are the event's too. ``makes``:
    columns that are worked out of those found, which count as null where no line says them; a found column whose name begins
    with ``_`` is for them alone.
    """

    dataset: str
    log_sources: tuple[LogSource, ...]
    names: tuple[str, ...] = ()
    phrases: tuple[Phrase, ...] = ()
    says: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    again: Mapping[str, str] = field(default_factory=dict)
    keeps: tuple[str, ...] = ()
    makes: Mapping[str, pl.Expr] = field(default_factory=dict)


def declared(programs: Sequence[Program], *more: str) -> dict[str, pl.DataType]:
    """Return ``Parser.fields`` of a parser of these programs, and ``more``."""
    said = {
        name
        for program in programs
        for name in (*columns_of(program.phrases), *program.says, *program.again, *program.keeps, *program.makes)
        if not name.startswith("_")
    }
    follow = {f"{side}.{kind}" for side in _SENDER if f"{side}.address" in said for kind in ("ip", "domain")}
    follow |= {"user.domain"} if "user.name" in said else set()
    names = {*said, *follow, *_header(frozenset(_HEADER)), "event.count", "tags", *more} - {
        "event.dataset",
        "logsource",
        "@timestamp",
    }
    return {name: ECS.get(name, pl.String()) for name in sorted(names)}


def read_programs(
    raw: pl.DataFrame,
    want: frozenset[str] | None,
    programs: Sequence[Program],
    *,
    file: str = "",
    changed: Callable[[pl.DataFrame], pl.DataFrame] | None = None,
) -> Parsed:
    """Return one event per line of the ``programs``; a line without a header, or of another program, is malformed.

    ``file``: regex of the lines of the log file that the first program writes itself, without a syslog header.
    ``changed`` gets the lines (``program``, ``text``, ``moment`` and the columns of ``syslog.ENVELOPE``) before phrases read
    them: for daemons that put a time or a process of their own before the sentence.
    """
    opened = _with_bare(_opened(raw, file))
    time = pl.coalesce("syslog.timestamp", pl.when(pl.col("syslog.stamp").is_null()).then("received"))
    named = by_distinct(pl.col("syslog.app"), lambda app: app.str.extract(_PROGRAM).str.to_lowercase(), pl.String())
    program = pl.when("_is_file").then(pl.lit(programs[0].names[0])).otherwise(named) if file else named
    lines = opened.with_columns(program.alias("program"), time.alias("moment"), text="syslog.body")
    lines = _once(_relayed(lines, [name for program in programs for name in program.names]))
    lines = changed(lines) if changed else lines
    numbered = lines.with_columns(_number(programs).alias("_program"))
    frames: list[pl.DataFrame] = []
    for (number,), group in numbered.group_by("_program", maintain_order=True):
        if isinstance(number, int):
            frames.extend(by_dataset(program_events(group, programs[number], want)))
    others = numbered.filter(pl.col("_program").is_null())
    return Parsed(tuple(frames), rejects_of(others, Reason.MALFORMED), raw.clear().get_column("raw_row"))


def _opened(raw: pl.DataFrame, file: str) -> pl.DataFrame:
    """Return what ``envelope`` does, and ``_is_file`` where ``file`` is given: its lines have no envelope to look for."""
    if not file:
        return envelope(raw)
    is_file = raw.get_column("text").str.contains(file).alias("_is_file")
    if not is_file.any():
        return envelope(raw).hstack([is_file])
    nothing = [pl.lit(None, dtype).alias(name) for name, dtype in ENVELOPE.items()]
    bare = raw.filter(is_file).with_columns(nothing).with_columns(pl.col("text").alias("syslog.body"))
    whole = bare if is_file.all() else pl.concat([bare, envelope(raw.filter(~is_file))]).sort("raw_row")
    return whole.hstack([is_file])


def _relayed(lines: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return the lines with the tag found where two hosts stand before it: a relay wrote its own name too."""
    if not names or not lines.get_column("program").null_count():
        return lines
    pattern = rf"^[^\s:]+ (?P<app>{'|'.join(map(re.escape, names))})(?:\[(?P<pid>[^\]\s]+)\])?: (?P<body>(?s:.*))$"
    parts = pl.col("text").str.extract_groups(pattern).struct
    is_found = pl.col("program").is_null() & parts.field("body").is_not_null()
    places = {"program": "app", "syslog.app": "app", "syslog.pid": "pid", "text": "body"}
    return lines.with_columns(
        pl.when(is_found).then(parts.field(part)).otherwise(name).alias(name) for name, part in places.items()
    )


def _with_bare(opened: pl.DataFrame) -> pl.DataFrame:
    """Return the lines with the tag of those that have no header before it."""
    is_bare = opened.get_column("syslog.app").is_null() & opened.get_column("syslog.stamp").is_null()
    if "_is_file" in opened.columns:
        is_bare &= ~opened.get_column("_is_file")
    if not is_bare.any():
        return opened
    parts = opened.get_column("syslog.body").set(~is_bare, None).str.extract_groups(_BARE).struct.unnest()
    found = {f"syslog.{name}": parts.get_column(name) for name in ("app", "pid", "body")}
    return opened.with_columns(pl.coalesce(pl.lit(column), name).alias(name) for name, column in found.items())


def _once(lines: pl.DataFrame) -> pl.DataFrame:
    """Return the lines with what syslogd says was repeated as the text, and how often as ``event.count``."""
    is_repeated = lines.get_column("text").str.starts_with("message repeated ").fill_null(value=False)
    if not is_repeated.any():
        return lines
    parts = lines.get_column("text").set(~is_repeated, None).str.extract_groups(_REPEATED).struct.unnest()
    text = pl.coalesce(pl.lit(parts.get_column("text")), "text")
    return lines.with_columns(text.alias("text"), parts.get_column("count").alias(_COUNT))


def _number(programs: Sequence[Program]) -> pl.Expr:
    """Return the number of the program of each line; null where it is nobody's."""
    numbers = {name: number for number, program in enumerate(programs) for name in program.names}
    others = next((number for number, program in enumerate(programs) if not program.names), None)
    known = (
        pl.col("program").replace_strict(numbers, default=None, return_dtype=pl.Int64) if numbers else pl.lit(None, pl.Int64)
    )
    return pl.coalesce(known, pl.when(pl.col("program").is_not_null()).then(pl.lit(others, pl.Int64)))


def program_events(lines: pl.DataFrame, program: Program, want: frozenset[str] | None) -> pl.DataFrame:
    """Return the events of lines of one program: what its phrases say, over what it always says, over the header.

    ``lines``: ``raw_row``, ``text`` (the sentence), ``moment`` (UTC), and those of ``syslog.ENVELOPE`` that there are.
    """
    found = read_phrases(lines, program.phrases) if program.phrases else lines.select("raw_row")
    said = {name: _typed(name, dtype) for name, dtype in found.schema.items() if name != "raw_row"}
    header = [name for name in _HEADER if name in lines.columns]
    counts = {"event.count": pl.col(_COUNT)} if _COUNT in lines.columns else {}
    kept = {name: f"_kept {name}" for name in program.keeps}  # a phrase may say the same column, and is believed first
    lines = lines.rename(kept)
    whole = lines.select(*_LINE, *header, *counts.values(), *kept.values()).join(
        found, on="raw_row", how="left", maintain_order="left"
    )
    is_unknown = pl.all_horizontal(pl.col(name).is_null() for name in said) if said else pl.lit(value=True)
    tags = pl.when(is_unknown).then(pl.lit([UNKNOWN])) if program.phrases else pl.lit(None, pl.List(pl.String()))
    constants = {name: _constant(value) for name, value in program.says.items()}
    base = {**_header(frozenset(header)), **counts, "tags": tags, **_fixed(program), **constants}
    base |= {name: pl.coalesce(place, base[name]) if name in base else pl.col(place) for name, place in kept.items()}
    columns = {**base, **{name: pl.coalesce(made, base[name]) if name in base else made for name, made in said.items()}}
    columns |= dict(_following(set(said)))
    events = whole.select("raw_row", pl.col("moment").alias("@timestamp"), *(e.alias(name) for name, e in columns.items()))
    full = _made(program, events, want)
    return _chosen(full.with_columns(_repeated(program, full, want)), want)


def _made(program: Program, events: pl.DataFrame, want: frozenset[str] | None) -> pl.DataFrame:
    """Return the events with what is worked out of what was found."""
    asked = None if want is None else {*want, *program.again.values()}
    makes = {name: made for name, made in program.makes.items() if asked is None or name in ECS or name in asked}
    read = {name for made in makes.values() for name in made.meta.root_names()}
    absent = [pl.lit(None, ECS.get(name, pl.String())).alias(name) for name in sorted(read) if name not in events.columns]
    return events.with_columns(absent).with_columns(**makes).drop(pl.selectors.starts_with("_"))


def _chosen(events: pl.DataFrame, want: frozenset[str] | None) -> pl.DataFrame:
    first = ("raw_row", "@timestamp", "event.dataset", "logsource")
    ours = events.select(name for name in events.columns if name not in ECS and name not in first)
    return events.select(*first, *(name for name in events.columns if name in ECS), *own(ours, want))


def _repeated(program: Program, events: pl.DataFrame, want: frozenset[str] | None) -> Iterator[pl.Expr]:
    there = {name: other for name, other in program.again.items() if other in events.columns}
    asked = ((name, other) for name, other in there.items() if want is None or name in want)
    return (pl.col(other).cast(pl.String).alias(name) for name, other in asked)


@cache
def _header(there: frozenset[str]) -> dict[str, pl.Expr]:
    """Return the columns of a line's header, those of ``there``."""
    severity = pl.col("syslog.priority") % 8
    named = {
        "syslog.host": {"host.name": pl.col("syslog.host")},
        "syslog.app": {
            "process.name": pl.col("syslog.app").str.extract(_PROGRAM),
            "log.syslog.appname": pl.col("syslog.app"),
        },
        "syslog.pid": {"process.pid": integer(pl.col("syslog.pid"))},
        "syslog.priority": {
            "event.severity": severity_of(severity),
            "log.level": label_of(severity),
            "syslog.priority": pl.col("syslog.priority"),
            "syslog.facility.code": pl.col("syslog.priority") // 8,
            "syslog.severity.code": severity,
        },
    }
    given = {name: made for column in _HEADER if column in there for name, made in named[column].items()}
    return {"event.kind": pl.lit("event"), **given, "message": pl.col("text")}


def _fixed(program: Program) -> dict[str, pl.Expr]:
    return {"event.dataset": pl.lit(program.dataset), "logsource": pl.lit(logsource_column(*program.log_sources))}


def _constant(value: str | tuple[str, ...]) -> pl.Expr:
    return pl.lit(value) if isinstance(value, str) else pl.lit(list(value), dtype=pl.List(pl.String()))


def _typed(name: str, given: pl.DataType) -> pl.Expr:
    """Return the column a phrase found, as what its name says it is."""
    column, dtype = pl.col(name), ECS.get(name)
    if isinstance(dtype, pl.List):
        return column if isinstance(given, pl.List) else members(column)
    if dtype == pl.Int64():
        return integer(column, above=0 if name.endswith(".port") else -1)
    if name.endswith((".ip", ".mac")) and dtype == pl.String():
        return address(column) if name.endswith(".ip") else mac(column)
    if name == "user.name":
        return account(column)
    if name in {"network.transport", "network.protocol"}:
        return words(column).str.to_lowercase()
    return words(column) if dtype == pl.String() and name.startswith(("user.", "host.", "source.", "destination.")) else column


def _following(said: set[str]) -> Iterator[tuple[str, pl.Expr]]:
    """Yield the columns that follow from others: addresses that may be names, the domain before an account."""
    for side in _SENDER:
        told = pl.col(f"{side}.address")
        if f"{side}.address" in said:
            given_ip = pl.col(f"{side}.ip") if f"{side}.ip" in said else pl.lit(None, pl.String)
            given_name = pl.col(f"{side}.domain") if f"{side}.domain" in said else pl.lit(None, pl.String)
            ip = pl.coalesce(address(given_ip), address(told))
            yield f"{side}.ip", ip
            yield f"{side}.domain", pl.coalesce(words(given_name), pl.when(~told.str.contains(_NUMBERS)).then(words(told)))
    if "user.name" in said:
        given = pl.col("user.domain") if "user.domain" in said else pl.lit(None, pl.String)
        yield "user.domain", pl.coalesce(words(given), account_domain(pl.col("user.name")))
