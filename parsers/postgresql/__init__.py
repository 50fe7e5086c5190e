r"""PostgreSQL 9.6 to 18: connections, log-ins refused, statements, errors; as stderr text, CSV or JSON, pgAudit inside.

How to send it here: in ``postgresql.conf``: ``log_connections = on``, ``log_disconnections = on``, ``log_statement = 'ddl'``
and either ``log_destination = 'jsonlog'`` (15 and later) or ``'csvlog'`` with ``logging_collector = on`` (a file to
collect), or ``'syslog'`` (program ``postgres``). For text the best is ``log_line_prefix = '%m [%p] %q%u@%d %h '``. pgAudit:
``shared_preload_libraries = 'pgaudit'``, ``pgaudit.log = 'ddl, role, write'``. Reference: manual, "Error Reporting and
Logging".

Read: any prefix that names a time; in it, in any order, process, ``user@database`` or ``user=…,db=…``, host, application.
DETAIL, HINT, STATEMENT and lines that begin with a blank belong to the record before (the server writes them in one piece).
English and French severities. A statement is ``db.statement`` and feeds rules of ``category: database``; SQLSTATE is
``error.code`` (CSV and JSON only). Zone words that name one offset are used (UTC, CET, CEST…), others
count as the source's.

Speed: records of several lines, so they wait for the next line; about 110,000 records per CPU-second (any prefix is read).
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Continuation, Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats import csv, json
from correlator.parse.formats.programs import Program, declared, program_events
from correlator.parse.formats.tagged import HEAD, tagged
from correlator.parse.formats.unwrap import unwrap
from correlator.parse.formats.values import address, by_dataset, integer, words
from correlator.parse.times import epoch, to_utc, zone_of
from parsers.postgresql.sentences import SENTENCES, STATEMENTS

__all__ = ["PARSER"]

_SOURCES = (LogSource("postgresql", "", "log"),)
_LEVELS = {
    **dict.fromkeys(("DEBUG1", "DEBUG2", "DEBUG3", "DEBUG4", "DEBUG5", "DEBUG"), ("debug", 10)),
    **dict.fromkeys(("LOG", "INFO"), ("information", 10)),
    "NOTICE": ("notice", 25),
    **dict.fromkeys(("WARNING", "ATTENTION", "AVERTISSEMENT"), ("warning", 50)),
    **dict.fromkeys(("ERROR", "ERREUR"), ("error", 75)),
    **dict.fromkeys(("FATAL", "PANIC", "PANIQUE"), ("critical", 95)),
}
_FAILURES = ["ERROR", "ERREUR", "FATAL", "PANIC", "PANIQUE"]
_LEVEL = r"(?:DEBUG[1-5]?|LOG|INFO|NOTICE|WARNING|ATTENTION|AVERTISSEMENT|ERROR|ERREUR|FATAL|PANIC|PANIQUE)"
_MORE = r"(?:DETAIL|DÉTAIL|HINT|ASTUCE|CONTEXT|CONTEXTE|QUERY|REQUÊTE|STATEMENT|INSTRUCTION|LOCATION|EMPLACEMENT)"
_STAMP = r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?"
_ZONE = r"(?: ?(?:[A-Z]{2,5}|[+-][0-9]{2}(?::?[0-9]{2})?))"
#: A prefix without quotes and without a severity of its own, a severity, a colon and two blanks.
_LINE = rf"(?s)^\s*(?:\[[0-9]+-1\] )?(?P<prefix>[^\"\n]{{0,300}}?)\b(?P<level>{_LEVEL}) ?:  (?P<said>.*)$"
_CELL = r"(?:\"(?:[^\"]|\"\")*\"|[^,\"]*),"
_CSV = rf"^{_STAMP}{_ZONE}?,{_CELL}{_CELL}[0-9]+,{_CELL}[0-9a-f]{{6,8}}\.[0-9a-f]+,[0-9]+,"
_JSON = r'^\s*\{"timestamp":"[0-9 :.-]+[A-Z+0-9 -]*".*"(?:error_severity|session_start|backend_type)":'
_DATED = rf"(?:{_STAMP}{_ZONE}?|[0-9]{{10}}\.[0-9]{{3}})"
_ADDRESS = r"(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:]*:[0-9A-Fa-f.]*)"
_TEXT = rf"^(?:{_ADDRESS}[ :])?\s?{_DATED}(?:[^\"'\n:]|:[^ \n]|\]: ){{0,300}}?:?\b{_LEVEL} ?:  "
_NAMES = ("postgres", "postgresql", "postmaster")
_TAG = rf"(?:{'|'.join(_NAMES)})(?:\[[0-9]+\]: |\s+[0-9-]+\s+\S+\s+- )"
_CONTINUED = rf"\n{HEAD[1:]}{_TAG}(?:\[[0-9]+-[0-9]+\] )?(?:#011)?"  # a line of a record that syslog took apart
_COLUMN_NAMES = (
    "log_time user_name database_name process_id connection_from session_id session_line_num command_tag session_start_time "
    "virtual_transaction_id transaction_id error_severity sql_state_code message detail hint internal_query internal_query_pos "
    "context query query_pos location application_name backend_type leader_pid query_id"
)
_JSON_NAMES = {
    "timestamp": "log_time", "user": "user_name", "dbname": "database_name", "pid": "process_id", "session_id": "session_id",
    "ps": "command_tag", "state_code": "sql_state_code", "statement": "query", "error_severity": "error_severity",
    "message": "message", "detail": "detail", "hint": "hint", "context": "context", "application_name": "application_name",
    "backend_type": "backend_type", "remote_host": "host", "remote_port": "port", "func_name": "location",
}  # fmt: skip
_OFFSETS = {"UTC": "+0000", "GMT": "+0000", "WET": "+0000", "CET": "+0100", "WEST": "+0100", "CEST": "+0200", "EET": "+0200"}
_KEPT = {
    "_user": "user_name", "_db": "database_name", "_application": "application_name", "session.id": "session_id",
    "error.code": "sql_state_code", "_statement": "query", "db.detail": "detail", "db.hint": "hint", "db.context": "context",
    "db.command": "command_tag", "db.backend": "backend_type", "_host": "host", "_port": "port", "_pid": "process_id",
    "_level": "error_severity", "_sender": "sender",
}  # fmt: skip
_LEVEL_OF = pl.col("_level").str.to_uppercase()
_IS_FAILURE = _LEVEL_OF.is_in(_FAILURES)
_UNREAD = pl.col("event.action").is_null()


def _if_unread(value: str) -> pl.Expr:
    return pl.when(_UNREAD & _IS_FAILURE).then(pl.lit(value))


_PROGRAM = Program(
    "postgresql.log",
    _SOURCES,
    phrases=SENTENCES,
    says={"observer.product": "PostgreSQL"},
    keeps=tuple(_KEPT),
    makes={
        "event.action": pl.coalesce("event.action", _if_unread("statement_failed")),
        "event.category": pl.coalesce("event.category", pl.when(_UNREAD & _IS_FAILURE).then(pl.lit(["database"]))),
        "event.type": pl.coalesce("event.type", pl.when(_UNREAD & _IS_FAILURE).then(pl.lit(["error"]))),
        "event.outcome": pl.when(_IS_FAILURE).then(pl.lit("failure")).otherwise("event.outcome"),
        "event.reason": pl.coalesce("event.reason", pl.when(_IS_FAILURE).then("message")),
        "tags": pl.when(~(_UNREAD & _IS_FAILURE)).then("tags"),
        "logsource": pl.when(pl.coalesce("db.statement", "_statement").is_not_null())
        .then(pl.lit(str(STATEMENTS)))
        .otherwise("logsource"),
        "db.name": pl.coalesce("db.name", "_db"),
        "db.application": pl.coalesce("db.application", "_application"),
        "db.statement": pl.coalesce(
            pl.when(pl.col("pgaudit.kind").is_not_null()).then(pl.col("db.statement").str.replace_all('""', '"', literal=True)),
            "db.statement",
            "_statement",
        ),
        "user.name": pl.coalesce(
            "user.name", "_user", pl.when(pl.col("event.action") == "database_login").then("user.target.name")
        ),
        "user.target.name": pl.lit(None, pl.String),
        "process.pid": integer(pl.col("_pid")),
        "host.name": pl.col("_sender"),
        "log.level": _LEVEL_OF.replace_strict({name: word for name, (word, _) in _LEVELS.items()}, default=None),
        "event.severity": _LEVEL_OF.replace_strict({name: code for name, (_, code) in _LEVELS.items()}, default=None),
        "source.ip": pl.coalesce("source.ip", address(pl.col("_host"))),
        "source.port": pl.coalesce("source.port", integer(pl.col("_port"), above=0)),
    },
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per record."""
    text = raw.get_column("text")
    is_json, is_csv = text.str.contains(_JSON), text.str.contains(_CSV)
    zone = zone_of(raw)
    kinds = ((is_json, _of_json), (is_csv & ~is_json, _of_csv), (~is_csv & ~is_json, _of_text))
    fields = pl.concat([read(raw.filter(mask)) for mask, read in kinds if mask.any()], how="diagonal")
    absent = [pl.lit(None, pl.String).alias(name) for name in (*_KEPT.values(), "log_time") if name not in fields.columns]
    moments = fields.with_columns(absent).with_columns(_moment(zone).alias("moment"))
    is_read = moments.get_column("error_severity").is_not_null() & moments.get_column("message").is_not_null()
    lines = moments.filter(is_read).select(
        "raw_row", "moment", pl.col("message").alias("text"), *(pl.col(old).alias(new) for new, old in _KEPT.items())
    )
    told = lines.with_columns(words(pl.col("_user")), words(pl.col("_db")), _statement())
    bad = raw.filter(~pl.col("raw_row").is_in(told.get_column("raw_row").implode()))
    events = by_dataset(program_events(told, _PROGRAM, want)) if told.height else ()
    return Parsed(events, rejects_of(bad, Reason.MALFORMED), raw.clear().get_column("raw_row"))


def _statement() -> pl.Expr:
    return pl.when(pl.col("_statement") != "").then("_statement")


def _moment(zone: str) -> pl.Expr:
    """Return when it happened: what the record says, else its header, else its reception."""
    stamp = (
        pl.col("log_time")
        .str.replace(",", ".", literal=True)
        .str.extract_groups(rf"^({_STAMP})(?: ?([A-Z]{{2,5}}|[+-][0-9:]+))?$")
    )
    word = stamp.struct.field("2")
    offset = (
        pl.when(word.str.contains(r"^[+-]"))
        .then(word)
        .otherwise(word.replace_strict(_OFFSETS, default=None, return_dtype=pl.String))
    )
    absolute = to_utc(pl.concat_str(stamp.struct.field("1"), offset, separator=" "), ("%Y-%m-%d %H:%M:%S%.f %z",))
    local = to_utc(stamp.struct.field("1"), ("%Y-%m-%d %H:%M:%S%.f",), zone=zone)
    undated = pl.when(pl.col("log_time").is_null()).then(pl.coalesce("sent", "received"))
    return pl.coalesce(absolute, local, epoch(pl.col("log_time")), undated)


def _of_json(raw: pl.DataFrame) -> pl.DataFrame:
    """Return the fields of jsonlog records."""
    flat = json.flatten(raw.get_column("text"), frozenset(_JSON_NAMES)).columns
    texts = [pl.col(name).list.last() if isinstance(kind, pl.List) else pl.col(name) for name, kind in flat.schema.items()]
    named = flat.select(texts).rename({name: new for name, new in _JSON_NAMES.items() if name in flat.columns})
    return raw.select("raw_row", "received", pl.lit(None, raw.schema["received"]).alias("sent")).hstack(named)


def _of_csv(raw: pl.DataFrame) -> pl.DataFrame:
    """Return the fields of csvlog records; a port stands behind the host."""
    lines = csv.read(raw.get_column("text"), columns=_COLUMN_NAMES.split(), separator=",")
    peer = pl.col("connection_from").str.extract_groups(r"^(?P<host>.*?)(?::(?P<port>[0-9]+))?$").struct
    filled = lines.drop(csv.FIELD_COUNT).select(pl.when(pl.all() != "").then(pl.all()).name.keep())
    parts = filled.with_columns(peer.field("host").alias("host"), peer.field("port").alias("port"))
    return raw.select("raw_row", "received", pl.lit(None, raw.schema["received"]).alias("sent")).hstack(
        parts.drop("connection_from")
    )


def _of_text(raw: pl.DataFrame) -> pl.DataFrame:
    """Return the fields of stderr records, bare or in syslog: what the prefix names, the message and what follows it."""
    opened = unwrap(raw).join(raw.select("raw_row", "received"), on="raw_row", how="left", maintain_order="left")
    body = pl.col("body").str.replace_all(_CONTINUED, "\n\t")
    pid = raw.select("raw_row", pl.col("text").str.extract(rf"{HEAD}(?:{'|'.join(_NAMES)})\[([0-9]+)\]: ").alias("tag_pid"))
    parts = opened.with_columns(body.str.extract_groups(_LINE).struct.unnest()).join(pid, on="raw_row", maintain_order="left")
    prefix = pl.col("prefix")
    return parts.select(
        "raw_row", "received", "sent", "sender",
        prefix.str.extract(rf"({_DATED})").alias("log_time"),
        pl.col("level").alias("error_severity"),
        pl.coalesce(prefix.str.extract(_PID[0]), prefix.str.extract(_PID[1]), "tag_pid").alias("process_id"),
        pl.coalesce(prefix.str.extract(pattern) for pattern in _USER).alias("user_name"),
        pl.coalesce(prefix.str.extract(pattern) for pattern in _DATABASE).alias("database_name"),
        prefix.str.extract(r"\b(?:app|application)=([^,]+?)(?:,|\s*$)").alias("application_name"),
        prefix.str.replace(_DATED, " ").str.extract(rf"(?:^|[\s:=,@])({_ADDRESS})(?:[\s:(,]|$)").alias("host"),
        prefix.str.extract(rf"{_ADDRESS}\(([0-9]+)\)").alias("port"),
        _first_part().alias("message"),
        _following("(?:STATEMENT|INSTRUCTION)").alias("query"),
        _following("D[EÉ]TAIL").alias("detail"),
        _following("(?:HINT|ASTUCE)").alias("hint"),
        _following("CONTEXTE?").alias("context"),
    )  # fmt: skip


def _first_part() -> pl.Expr:
    """Return the message itself, before what explains it."""
    said = pl.col("said").str.replace(rf"(?s)\n[^\n]*?\b{_MORE} ?:  .*$", "")
    return said.str.replace_all(r"\n\t", "\n").str.strip_chars_end()


def _following(word: str) -> pl.Expr:
    """Return what a line of a kind says, to the end or to the next such line."""
    said = pl.col("said").str.extract(rf"(?s)\n[^\n]*?\b{word} ?:  (.*)$")
    return said.str.replace(rf"(?s)\n[^\n]*?\b{_MORE} ?:  .*$", "").str.replace_all(r"\n\t", "\n")


_PID = (r"\[([0-9]+)(?:-[0-9]+)?\]", r"\bpid=([0-9]+)")
_USER = (r"\buser=([^,\s]+)", r"([^\s@:\[\],=]+)@[^\s@:\[\],=]+")
_DATABASE = (r"\b(?:db|database)=([^,\s]+)", r"[^\s@:\[\],=]+@([^\s@:\[\],=]+)")
_START = rf"{_TEXT}|{_CSV}|{_JSON}|{HEAD}{_TAG}(?:\[[0-9]+-1\] |[^\[\t#])"
PARSER = Parser(
    name="postgresql",
    log_sources=(*_SOURCES, STATEMENTS),
    signature=Signature(
        pattern=rf"{_TEXT}|{tagged(*_NAMES)}|{_CSV}|{_JSON}",
        rank=20,
        any_of=(
            ':  |postgres|postmaster|"error_severity"|"backend_type"|"session_start"',
            "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}[^,]{0,20},",
        ),
    ),
    maturity=Maturity.PROVED,
    fields=declared((_PROGRAM,)),
    parse=_parse,
    required=("log.level",),
    assembly=Continuation(start=_START),
)
