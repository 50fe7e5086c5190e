r"""MySQL 5.6 to 9 and MariaDB 5.5 to 12: error log, general log, slow log, audit plugins.

How to send it here: error log to syslog (``log_error_services = 'log_filter_internal; log_sink_syseventlog'``; MariaDB under
systemd writes to the journal) or its file; MariaDB audit: ``INSTALL SONAME 'server_audit'``, ``server_audit_logging = ON``,
``server_audit_events = 'CONNECT,QUERY_DDL,QUERY_DCL'``, ``server_audit_output_type = file`` or ``syslog``; MySQL Enterprise and
Percona: ``audit_log_format = JSON``. Reference: MariaDB Knowledge Base "Audit Plugin Log Format"; MySQL manual "The Error Log",
"The General Query Log", "Audit Log File Formats"; Percona "Audit Log Plugin".

Read: the error log with and without codes, text and JSON, in English and French; the general log (statements of several lines;
records without a time of their own are dated by reception and tagged ``time_of_reception``); blocks of the slow log, dated by
their ``SET timestamp``; ``server_audit`` in files and syslog; audit JSON of both makers. Statements are ``db.statement`` and
feed rules of ``category: database``. Not read: the audit log's XML forms, heading lines of files (skipped).

Speed: records of several lines, so they wait for the next line.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Continuation, Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats import json
from correlator.parse.formats.objects import flat
from correlator.parse.formats.programs import Program, declared, program_events
from correlator.parse.formats.tagged import tagged
from correlator.parse.formats.unwrap import unwrap
from correlator.parse.formats.values import address, by_dataset, integer, words
from correlator.parse.times import epoch, to_utc, zone_of
from parsers.mysql.sentences import SENTENCES

__all__ = ["PARSER"]

_LOG, _STATEMENTS = LogSource("mysql", "", "log"), LogSource("mysql", "database", "log")
_ISO = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})"
_LOCAL = r"[0-9]{4}-[0-9]{2}-[0-9]{2} {1,2}[0-9]{1,2}:[0-9]{2}:[0-9]{2}|[0-9]{6} {1,2}[0-9]{1,2}:[0-9]{2}:[0-9]{2}"
_STAMP = rf"(?:{_ISO}|{_LOCAL})"
_LEVEL = r"\[(?:Note|Warning|ERROR|System|Error|NOTE|WARNING|Server|MY-[0-9]{6})\]"
_COMMAND = (
    r"(?:Connect|Init DB|Query|Quit|Prepare|Execute|Close stmt|Reset stmt|Change user|Field List|Statistics|Ping"
    r"|Refresh|Shutdown"
    r"|Kill|Processlist|Create DB|Drop DB|Debug|Binlog Dump(?: GTID)?|Register Slave|Register Replica|Set option|Fetch"
    r"|Long Data|Delayed insert|Daemon|Error|Reset Connection|Sleep|Time|Table Dump|Connect Out)"
)
_AUDITED = (
    r"(?:CONNECT|DISCONNECT|FAILED_CONNECT|QUERY|READ|WRITE|CREATE|ALTER|RENAME|DROP|CHANGEUSER|PROXY_CONNECT|CONFIG"
    r"|INTERCEPTED_CONNECT)"
)
_ERROR_LINE = (
    rf"(?s)^(?P<stamp>{_STAMP})(?: +(?P<connection>[0-9]+))? \[(?P<level>Note|Warning|ERROR|System|Error|NOTE|WARNING)\] "
    r"(?:\[(?P<code>MY-[0-9]{6})\] )?(?:\[(?P<subsystem>[A-Za-z]+)\] )?(?P<said>.*)$"
)
_GENERAL_LINE = rf"(?s)^(?P<stamp>{_STAMP})?[\t ]*?(?P<connection>[0-9]+) (?P<operation>{_COMMAND})(?:\t(?P<argument>.*))?$"
_AUDIT_LINE = (
    r"(?s)^(?:(?P<stamp>[0-9]{8} [0-9]{2}:[0-9]{2}:[0-9]{2}),|\s*)(?P<server>[^,\s]*)[, ](?P<user>[^,]*|.*?),(?P<host>[^,]*),"
    rf"(?P<connection>[0-9]+),(?P<query_id>[0-9]+),(?P<operation>{_AUDITED}),(?P<db>[^,]*),(?P<argument>.*?),"
    rf"(?P<status>-?[0-9]+)"
    r"(?:,[^,']*){0,3}\s*$"
)
_CONNECTED = r"^(?P<user>[^@']*)@(?P<host>\S*) (?:(?:as \S+ )?on ?(?P<db>\S*))?"
_SLOW_USER = r"# User@Host: (?P<user>[^\[\s]*)\[[^\]]*\] @ *(?P<name>[^\[\s]*) *\[(?P<address>[^\]]*)\]"
_SLOW_BODY = r"(?s)SET timestamp=[0-9.]+;\n(.*)$"
_OBJECT = r'"(?:connection_data|general_data|table_access_data|audit_record|err_symbol|err_code|startup_data|shutdown_data)"'
_OBJECT_START = rf"^\s*\[?\s*\{{[\s\S]*?{_OBJECT}\s*:"
_HEADING = r"^(?:[^\t]*, Version: .*|Tcp port: .*|Time +Id Command +Argument.*|# Time: [^\n]*|\[|\],?)\s*$"
_ACTIONS = {
    **dict.fromkeys(
        ("connect", "failed_connect", "connect out", "proxy_connect", "changeuser", "change user"), "database_login"
    ),
    **dict.fromkeys(("disconnect", "quit"), "disconnection"),
    **dict.fromkeys(("query", "execute", "prepare", "status", "slow", "create db", "drop db"), "statement"),
    **dict.fromkeys(("read", "write"), "table_access"),
    **dict.fromkeys(("create", "alter", "rename", "drop"), "definition_changed"),
}
_LEVELS = {"note": ("information", 10), "system": ("information", 10), "warning": ("warning", 50), "error": ("error", 75)}
_KEPT = {
    "_user": "user", "_host": "host", "_db": "db", "_operation": "operation", "_status": "status", "_level": "level",
    "_statement": "statement", "_code": "code", "mysql.connection_id": "connection", "mysql.query_id": "query_id",
    "mysql.subsystem": "subsystem", "_server": "server", "_undated": "undated",
}  # fmt: skip
_WORD = pl.col("_operation").str.to_lowercase()
_DONE = _WORD.replace_strict(_ACTIONS, default=None, return_dtype=pl.String)
_CATEGORIES = {
    "database_login": ["authentication", "database"], "disconnection": ["session"], "statement": ["database"],
    "table_access": ["database"], "definition_changed": ["database", "configuration"],
}  # fmt: skip
_TYPES = {
    "database_login": ["start"], "disconnection": ["end"], "statement": ["access"], "table_access": ["access"],
    "definition_changed": ["change"],
}  # fmt: skip
_LEVEL_WORD = pl.col("_level").str.to_lowercase()
_LISTS = pl.List(pl.String())

_PROGRAM = Program(
    "mysql.log",
    (_LOG,),
    phrases=SENTENCES,
    says={"observer.product": "MySQL"},
    keeps=tuple(_KEPT),
    makes={
        "event.action": pl.coalesce("event.action", _DONE, _WORD),
        "event.category": pl.coalesce("event.category", _DONE.replace_strict(_CATEGORIES, default=None, return_dtype=_LISTS)),
        "event.type": pl.coalesce("event.type", _DONE.replace_strict(_TYPES, default=None, return_dtype=_LISTS)),
        "event.outcome": pl.coalesce(
            "event.outcome",
            pl.when(pl.col("_status") == "0")
            .then(pl.lit("success"))
            .when(pl.col("_status").is_not_null())
            .then(pl.lit("failure")),
            pl.when(_LEVEL_WORD == "error").then(pl.lit("failure")),
        ),
        "error.code": pl.coalesce("_code", pl.when(pl.col("_status") != "0").then("_status")),
        "tags": pl.when(pl.col("_undated").is_not_null())
        .then(pl.lit(["time_of_reception"]))
        .when(_WORD.is_null())
        .then("tags"),
        "logsource": pl.when(pl.col("_statement").is_not_null()).then(pl.lit(str(_STATEMENTS))).otherwise("logsource"),
        "user.name": pl.coalesce("user.name", words(pl.col("_user").str.replace(r"\[.*$", ""))),
        "db.name": pl.coalesce("db.name", words(pl.col("_db"))),
        "db.statement": pl.col("_statement"),
        "mysql.operation": pl.col("_operation"),
        "host.name": words(pl.col("_server")),
        "log.level": _LEVEL_WORD.replace_strict({name: word for name, (word, _) in _LEVELS.items()}, default=None),
        "event.severity": _LEVEL_WORD.replace_strict({name: code for name, (_, code) in _LEVELS.items()}, default=None),
        "source.ip": pl.coalesce("source.ip", address(pl.col("_host").str.replace(r"^([0-9.]+):[0-9]+$", "${1}"))),
        "source.port": integer(pl.col("_host").str.extract(r"^[0-9.]+:([0-9]+)$"), above=0),
        "source.domain": pl.coalesce(
            "source.domain",
            pl.when(address(pl.col("_host").str.replace(r":[0-9]+$", "")).is_null()).then(words(pl.col("_host"))),
        ),
    },
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per record; heading lines are skipped."""
    text = raw.get_column("text")
    is_heading, is_object = text.str.contains(_HEADING), text.str.contains(_OBJECT_START)
    objects, lines = raw.filter(is_object & ~is_heading), raw.filter(~is_object & ~is_heading)
    fields = pl.concat([_of_lines(lines), *([_of_objects(objects)] if objects.height else [])], how="diagonal")
    absent = [pl.lit(None, pl.String).alias(name) for name in _KEPT.values() if name not in fields.columns]
    dated = fields.with_columns(absent).with_columns(_moment(zone_of(raw)).alias("moment"))
    undated = pl.when(pl.col("stamp").is_null() & pl.col("sent").is_null()).then(pl.lit("undated")).alias("undated")
    read = dated.with_columns(undated).filter(pl.col("said").is_not_null())
    told = read.select(
        "raw_row", "moment", pl.col("said").alias("text"), *(pl.col(old).alias(new) for new, old in _KEPT.items())
    )
    known = pl.concat([told.get_column("raw_row"), raw.filter(is_heading).get_column("raw_row")])
    bad = raw.filter(~pl.col("raw_row").is_in(known.implode()))
    events = by_dataset(program_events(told, _PROGRAM, want)) if told.height else ()
    return Parsed(events, rejects_of(bad, Reason.MALFORMED), raw.filter(is_heading).get_column("raw_row"))


def _moment(zone: str) -> pl.Expr:
    """Return when it happened, in any of the forms; a record that says no time has its header's, or its reception's."""
    stamp = (
        pl.col("stamp").str.replace(r"^([0-9]{6,8}|[0-9-]{10}) +([0-9]):", "${1} 0${2}:").str.replace("  ", " ", literal=True)
    )
    layouts = ("%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f", "%Y%m%d %H:%M:%S", "%y%m%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S%.f")
    undated = pl.when(pl.col("stamp").is_null()).then(pl.coalesce("sent", "received"))
    return pl.coalesce(to_utc(stamp, layouts, zone=zone), epoch(pl.col("stamp")), undated)


def _of_lines(raw: pl.DataFrame) -> pl.DataFrame:
    """Return the fields of text records: error log, general log, slow log, audit plugin."""
    opened = unwrap(raw).join(raw.select("raw_row", "received"), on="raw_row", how="left", maintain_order="left")
    body = opened.get_column("body").str.strip_chars_end("\r\n ")
    error, audit = _groups(body, _ERROR_LINE), _groups(body, _AUDIT_LINE)
    general, slow = _groups(body, _GENERAL_LINE), _groups(body, rf"(?s)^{_SLOW_USER}")
    connected = _groups(general.get_column("argument").set(general.get_column("operation") != "Connect", None), _CONNECTED)
    is_slow = slow.get_column("user").is_not_null()
    statement = pl.select(
        pl.when(audit.get_column("operation") == "QUERY").then(audit.get_column("argument").str.strip_chars("'"))
        .when(general.get_column("operation").is_in(["Query", "Execute", "Prepare"])).then(general.get_column("argument"))
        .when(is_slow).then(body.str.extract(_SLOW_BODY)).alias("statement")
    ).to_series()  # fmt: skip
    denied = general.get_column("argument").str.starts_with("Access denied")
    is_said = error.get_column("said").is_not_null()
    said = pl.select(
        pl.when(is_said).then(error.get_column("said"))
        .when(denied).then(general.get_column("argument"))
        .when(audit.get_column("operation").is_not_null() | general.get_column("operation").is_not_null() | is_slow).then(body)
    ).to_series()  # fmt: skip
    first = {
        "stamp": (error, audit, general), "connection": (error, audit, general), "user": (audit, connected, slow),
        "db": (audit, connected), "operation": (audit, general), "host": (audit, connected),
    }  # fmt: skip
    columns = {name: pl.coalesce(*(frame.get_column(name) for frame in frames)) for name, frames in first.items()}
    columns["stamp"] = pl.coalesce(columns["stamp"], body.str.extract(r"SET timestamp=([0-9]{10})(?:\.[0-9]+)?;"))
    columns["host"] = pl.coalesce(columns["host"], _not_empty(slow.get_column("address")), slow.get_column("name"))
    columns["operation"] = pl.when(is_slow).then(pl.lit("slow")).otherwise(columns["operation"])
    server = pl.coalesce(audit.get_column("server"), opened.get_column("sender"))
    return opened.select("raw_row", "received", "sent").with_columns(
        statement, said.alias("said"), server.alias("server"), audit.get_column("status"), audit.get_column("query_id"),
        error.get_column("level"), error.get_column("code"), error.get_column("subsystem"), **columns,
    )  # fmt: skip


def _groups(text: pl.Series, pattern: str) -> pl.DataFrame:
    return text.str.extract_groups(pattern).struct.unnest()


def _not_empty(column: pl.Series) -> pl.Series:
    return column.set(column == "", None)


_NAMES = {
    "stamp": ("audit_record.timestamp", "timestamp", "time"),
    "user": ("account.user", "audit_record.user", "audit_record.priv_user", "login.user"),
    "host": ("login.ip", "audit_record.ip", "account.host", "audit_record.host"),
    "db": ("connection_data.db", "table_access_data.db", "audit_record.db"),
    "operation": ("event", "audit_record.name"),
    "statement": ("general_data.query", "table_access_data.query", "audit_record.sqltext"),
    "status": ("connection_data.status", "general_data.status", "audit_record.status"),
    "connection": ("connection_id", "audit_record.connection_id", "thread"),
    "query_id": ("id", "audit_record.record"),
    "level": ("label",),
    "code": ("err_symbol", "err_code"),
    "subsystem": ("subsystem", "class"),
    "said": ("msg",),
}


def _of_objects(raw: pl.DataFrame) -> pl.DataFrame:
    """Return the fields of audit and error records that are JSON; a file of them is one array, with commas between."""
    bare = raw.get_column("text").str.strip_chars(" \t\r\n[],")
    said = flat(json.flatten(bare, frozenset(name for names in _NAMES.values() for name in names)).columns)
    there = {new: [name for name in names if name in said.columns] for new, names in _NAMES.items()}
    found = said.select(_first(names).alias(new) for new, names in there.items())
    whole = raw.select("raw_row", "received", pl.lit(None, raw.schema["received"]).alias("sent")).hstack(found)
    has_object = pl.coalesce("operation", "said").is_not_null()
    stamp = (
        pl.col("stamp")
        .str.replace(r"^([0-9-]{10}T[0-9:.]+) ?UTC$", "${1}Z")
        .str.replace(r"^([0-9-]{10}) ([0-9:.]{8,})$", "${1}T${2}Z")
    )
    return whole.with_columns(pl.coalesce("said", pl.when(has_object).then(bare)), stamp)


def _first(names: list[str]) -> pl.Expr:
    return pl.coalesce(pl.when(pl.col(name) != "").then(pl.col(name)) for name in names) if names else pl.lit(None, pl.String)


_ERROR_START = rf"{_STAMP}(?: +[0-9]+)? {_LEVEL}"
_GENERAL_START = rf"(?:{_STAMP})?[\t ]*\t *[0-9]+ {_COMMAND}(?:\t|\s*$)"
_AUDIT_START = rf"[0-9]{{8}} [0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}},[^,\n]*,[^\n]{{0,2000}}?,[0-9]+,[0-9]+,{_AUDITED},"
_TAGS = tagged(
    "mysqld", "mariadbd", "mysql", "mysqld_safe", "mysql-server_auditing", "mariadb-server_auditing", "mysqld-auditor"
)
_START = rf"^(?:{_ERROR_START}|{_GENERAL_START}|{_AUDIT_START}|# User@Host: |# Time: )|{_OBJECT_START}|{_TAGS}|{_HEADING}"
PARSER = Parser(
    name="mysql",
    log_sources=(_LOG, _STATEMENTS),
    signature=Signature(
        pattern=rf"^(?:{_ERROR_START}|{_GENERAL_START}|{_AUDIT_START}|# User@Host: [^\[]*\[[^\]]*\] @|# Time: [0-9])|{_TAGS}"
        rf"|^\s*\[?\s*\{{ ?\"(?:timestamp|audit_record|log_type|prio)\"[\s\S]*?{_OBJECT}\s*:"
        r"|^\S*/(?:mysqld|mariadbd)(?:\.exe)?, Version: |^Time +Id Command +Argument",
        rank=20,
        any_text=(
            *(
                "mysql",
                "mariadb",
                "# User@Host: ",
                "# Time: ",
                "[Note]",
                "[Warning]",
                "[ERROR]",
                "[System]",
                "[Error]",
                "[NOTE]",
            ),
            *(
                "[WARNING]",
                "[MY-",
                "[Server]",
                "\t",
                ",CONNECT,",
                "CONNECT,",
                ",QUERY,",
                ",READ,",
                ",WRITE,",
                ",CREATE,",
                ",ALTER,",
            ),
            *(",RENAME,", ",DROP,", ",CHANGEUSER,", ",CONFIG,", '_data"', '"audit_record"', '"err_', "Id Command"),
        ),
    ),
    maturity=Maturity.PROVED,
    fields=declared((_PROGRAM,)),
    parse=_parse,
    required=("message",),
    assembly=Continuation(start=_START),
)
