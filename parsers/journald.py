r"""The systemd journal as JSON: what programs said goes to the parser of the program, the rest is read here.

How to send it here: ``journalctl -o json --follow`` into a file that is collected, or piped to the collector; rsyslog's
``imjournal`` with a JSON template, Vector's ``journald`` source and Fluent Bit's ``systemd`` input write the same names. Hosts
that run rsyslog had better forward syslog itself. Versions: systemd 219 to 258. Reference: systemd.journal-fields(7),
journalctl(1), "Journal JSON Format".

An entry with a program and a message stands for the syslog line the program would have written: an sshd entry is read by
``linux_syslog``, one of Postfix by ``postfix``, and feeds the same rules. What no such parser claims (a service's standard
output, systemd's structured entries) is dataset ``journald.entry``: ``MESSAGE`` is the message, all fields keep their names.

``MESSAGE`` as an array of byte values (not UTF-8) is decoded, an array of texts gives its last, null is no message. Time is
``_SOURCE_REALTIME_TIMESTAMP``, else ``__REALTIME_TIMESTAMP``. Not read: the export format (``journalctl -o export``).

Speed: about 60,000 entries per CPU-second for those that another parser reads: they are claimed twice and opened twice.
"""

import json as plain_json
from functools import cache

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats import json
from correlator.parse.formats.making import Making
from correlator.parse.formats.unwrap import OPENING
from correlator.parse.formats.values import integer, label_of, severity_of, words
from correlator.parse.times import epoch

__all__ = ["PARSER"]

_SOURCES = (LogSource("journald", "", "entry"), LogSource("linux", "", "syslog"))
_PLAIN = (
    *("SYSLOG_IDENTIFIER", "_COMM", "_PID", "SYSLOG_PID", "PRIORITY", "SYSLOG_FACILITY", "_HOSTNAME", "_TRANSPORT"),
    *("__REALTIME_TIMESTAMP", "_SOURCE_REALTIME_TIMESTAMP"),
)
_TEXT = r'"((?:[^"\\]|\\.)*)"'
_STAMPED = ("_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP")
_PROGRAM, _HOST = r"^[A-Za-z0-9_./()@+-]{1,64}$", r"^[A-Za-z0-9_.:%/@-]{1,255}$"
_LAST_FACILITY, _LAST_SEVERITY = 23, 7
_DAEMON, _NOTICE, _KERNEL = 3, 6, "kernel"
_BYTE = 256


def _carried(raw: pl.DataFrame) -> pl.Series:
    """Return the syslog line each entry stands for: priority, time in UTC, host, program, process, message."""
    text = raw.get_column("text")
    told = raw.select(
        "received",
        *(_field(name).alias(name) for name in _PLAIN),
        _message(text).alias("message"),
    )
    program = (
        pl.when(pl.col("_TRANSPORT") == _KERNEL)
        .then(pl.lit(_KERNEL))
        .otherwise(pl.coalesce("SYSLOG_IDENTIFIER", "_COMM").str.replace_all(" ", "_"))
    )
    severity = _code("PRIORITY", _LAST_SEVERITY, _NOTICE)
    facility = pl.when(pl.col("_TRANSPORT") == _KERNEL).then(0).otherwise(_code("SYSLOG_FACILITY", _LAST_FACILITY, _DAEMON))
    parts = told.select(
        (facility * 8 + severity).cast(pl.String).alias("priority"),
        pl.coalesce(_time(), "received").dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ").alias("stamp"),
        pl.when(pl.col("_HOSTNAME").str.contains(_HOST)).then("_HOSTNAME").otherwise(pl.lit("localhost")).alias("host"),
        pl.when(program.str.contains(_PROGRAM)).then(program).alias("program"),
        pl.concat_str(pl.lit("["), pl.coalesce("SYSLOG_PID", "_PID").str.extract("^([0-9]{1,10})$"), pl.lit("]"))
        .fill_null("")
        .alias("pid"),
        "message",
    )
    return parts.select(
        pl.format("<{}>{} {} {}{}: {}", "priority", "stamp", "host", "program", "pid", "message").alias("line")
    ).to_series()


def _field(name: str) -> pl.Expr:
    """Return the text of a name of the entry: a quote inside a value stands behind a backslash, so none can pass for a name."""
    return pl.col("text").str.extract(rf'"{name}"\s*:\s*"([^"\\]*)"')


def _code(name: str, last: int, default: int) -> pl.Expr:
    number = pl.col(name).cast(pl.Int64, strict=False)
    return pl.when(number.is_between(0, last)).then(number).otherwise(default)


def _time() -> pl.Expr:
    return pl.coalesce(*(epoch(pl.col(name)) for name in _STAMPED))


def _message(text: pl.Series) -> pl.Series:
    """Return the messages; one with escapes, or that is no text, is decoded by itself."""
    found = text.str.extract(rf'"MESSAGE"\s*:\s*{_TEXT}')
    is_hard = (found.str.contains("\\", literal=True) | found.is_null()).fill_null(value=True)
    if not is_hard.any():
        return found
    return found.scatter(is_hard.arg_true(), [_decoded(one) for one in text.filter(is_hard).to_list()])


def _decoded(text: str) -> str | None:
    """Return the message of one entry; null where it has none or cannot be read."""
    try:
        entry = plain_json.loads(text[text.find("{") :])
        said = entry.get("MESSAGE") if isinstance(entry, dict) else None
        if isinstance(said, list) and said:
            said = bytes(said).decode("utf-8", "replace") if _is_bytes(said) else said[-1]
        return said.encode("utf-8", "replace").decode() if isinstance(said, str) else None
    except (ValueError, RecursionError):
        return None


def _is_bytes(values: list[object]) -> bool:
    return all(isinstance(value, int) and 0 <= value < _BYTE for value in values)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per entry."""
    inside = raw.with_columns(pl.col("text").str.replace(r"^[^{]{1,500}", ""))
    records = json.read(inside, None if want is None else want | _READ)
    single = [_last(name, dtype) for name, dtype in records.fields.schema.items() if name in _READ]
    messages = raw.select("raw_row", _message(raw.get_column("text")).alias("MESSAGE"))
    fields = records.keys.hstack(records.fields.select(single)).drop("MESSAGE", strict=False)
    whole = fields.join(messages, on="raw_row", how="left", maintain_order="left")
    absent = [pl.lit(None, pl.String).alias(name) for name in _STAMPED if name not in whole.columns]
    dated = whole.with_columns(absent)
    rest = records.fields.drop("MESSAGE", strict=False)
    return _making().parsed(
        dated.drop("received"),
        dated.select(pl.coalesce(_time(), "received")).to_series(),
        want,
        bad=records.rejects,
        skipped=records.skipped,
        rest=rest,
    )


def _last(name: str, dtype: pl.DataType) -> pl.Expr:
    """Return the text of a field; of one said several times the last."""
    return pl.col(name).list.last() if isinstance(dtype, pl.List) else pl.col(name)


@cache
def _making() -> Making:
    """Return what an entry means that no other parser reads."""
    severity = pl.col("PRIORITY").str.extract("^([0-7])$").cast(pl.Int64)
    return Making(
        "journald.entry",
        _SOURCES,
        {
            "event.kind": pl.lit("event"),
            "event.code": words(pl.col("MESSAGE_ID")),
            "event.severity": severity_of(severity),
            "event.provider": pl.col("_TRANSPORT"),
            "log.level": label_of(severity),
            "log.syslog.appname": pl.col("SYSLOG_IDENTIFIER"),
            "syslog.severity.code": severity,
            "syslog.facility.code": integer(pl.col("SYSLOG_FACILITY")),
            "message": pl.col("MESSAGE"),
            "host.name": words(pl.col("_HOSTNAME")),
            "host.id": words(pl.col("_MACHINE_ID")),
            "service.name": words(pl.coalesce("_SYSTEMD_UNIT", "UNIT")),
            "process.name": pl.coalesce("_COMM", "SYSLOG_IDENTIFIER"),
            "process.pid": integer(pl.coalesce("_PID", "SYSLOG_PID")),
            "process.executable": words(pl.col("_EXE")),
            "process.command_line": words(pl.col("_CMDLINE")),
            "user.id": words(pl.col("_UID")),
            "group.id": words(pl.col("_GID")),
            "container.id": words(pl.col("CONTAINER_ID_FULL")),
            "container.name": words(pl.col("CONTAINER_NAME")),
        },
        own={"MESSAGE": pl.col("MESSAGE")},
        words=("PRIORITY", "_TRANSPORT"),
    )


_READ = frozenset(name for made in _making().ecs.values() for name in made.meta.root_names()) | set(_STAMPED)
PARSER = Parser(
    name="journald",
    log_sources=_SOURCES,
    signature=Signature(
        pattern=OPENING + r'\{[\s\S]*?"(?:__REALTIME_TIMESTAMP|_SOURCE_REALTIME_TIMESTAMP|_TRANSPORT|__CURSOR'
        r'|_SYSTEMD_UNIT|SYSLOG_IDENTIFIER)"\s*:',
        rank=10,
        any_text=(
            '"__REALTIME_TIMESTAMP"', '"_SOURCE_REALTIME_TIMESTAMP"', '"_TRANSPORT"', '"__CURSOR"', '"_SYSTEMD_UNIT"',
            '"SYSLOG_IDENTIFIER"',
        ),
    ),
    maturity=Maturity.PROVED,
    fields=_making().declared("*"),
    parse=_parse,
    required=("event.kind",),
    carries=_carried,
)  # fmt: skip
