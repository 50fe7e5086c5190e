"""Any JSON object per line (or an array of them): the fallback for sources that have no parser of their own.

Every field is kept, flattened under its own name. Common spellings (case, ``_``, ``-`` and ``.`` do not matter) also give the
ECS columns: time, severity, host, user, addresses and ports, action, result, message. A field that bears an ECS name gives
that column too.

A record without a time that can be believed (missing, unreadable, a Unix time before 2000 or more than a day ahead) is dated
by its reception and tagged ``time_of_reception`` in ``tags``.

What a log agent wraps around a line of a file (Docker's json-file driver, Beats, Fluent Bit, Vector) is opened: the parser
that knows the line reads it; a line that none knows stays a record of the agent's.

Sigma: ``product: json``; the field names are the source's. A source that matters deserves a parser of its own.

Speed: about 60,000 records per CPU-second, not 150,000: which spelling a record uses is not known before, so every field is
read.
"""

import polars as pl

from correlator.model.event import ECS
from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats import json
from correlator.parse.formats.fields import at_address, columns, kept, outcome, user_columns
from correlator.parse.formats.values import by_dataset, integer
from correlator.parse.times import epoch, to_utc, zone_of

__all__ = ["PARSER"]

_JSON = LogSource("json")
_UNDATED = "time_of_reception"

# ECS column → spellings of it, most telling first; compared without case, "_", "-" and ".".
_SPELLINGS = {
    "@timestamp": "@timestamp timestamp eventtime event_time occurred time datetime ts created published asctime rt date",
    "log.level": "log.level severity level levelname loglevel sev pri priority",
    "host.name": "host.name hostname host computer dvchost device_name agent.hostname",
    "user.name": "user.name username user_name user userid login account suser usr actor principal",
    "source.ip": "source.ip src_ip srcip client_ip clientip remote_addr remoteaddr c-ip request_ip ipaddress src ip",
    "destination.ip": "destination.ip dst_ip dest_ip target_ip server_ip dst",
    "source.port": "source.port src_port spt sport",
    "destination.port": "destination.port dst_port dport dpt",
    "event.action": "event.action action eventname event_type operation activity act event type",
    "event.outcome": "event.outcome outcome result status success",
    "message": "message msg text description detail",
}
_LAYOUTS = (
    "%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f %z",
    "%Y-%m-%d %H:%M:%S%.f", "%Y/%m/%d %H:%M:%S%.f", "%d/%m/%Y %H:%M:%S%.f", "%d/%b/%Y:%H:%M:%S %z", "%a, %d %b %Y %H:%M:%S %z",
)  # fmt: skip
_FIRST_BELIEVED = 946_684_800  # 2000-01-01, Unix time
_ADDRESSES = ("source.ip", "destination.ip")


#: An agent's record: the name that holds the line, and names of which one at least stands beside it.
_WRAPS = (("log", ("stream", "date", "container_id", "filePath")), ("message", ("agent", "input", "source_type", "stream")))
_READ = frozenset(name for line, beside in _WRAPS for name in (line, *beside))


def _carried(raw: pl.DataFrame) -> pl.Series:
    """Return the line that an agent's record carries, null where it is no agent's."""
    found = json.flatten(raw.get_column("text"), _READ).columns
    lines = [
        pl.when(pl.any_horizontal(pl.col(name).is_not_null() for name in there)).then(_sole(found, line))
        for line, beside in _WRAPS
        if line in found.columns and (there := [name for name in beside if name in found.columns])
    ]
    text = pl.coalesce(lines) if lines else pl.lit(None, pl.String)
    return columns(found, [text.str.strip_chars_end("\r\n").alias("line")]).to_series()


def _sole(fields: pl.DataFrame, name: str) -> pl.Expr:
    """Return a column as text, null where it lists several: another record of the batch may have made it one of lists."""
    column = pl.col(name)
    return column if fields.schema[name] == pl.String else pl.when(column.list.len() == 1).then(column.list.first())


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per object. All fields are read, since which spelling a record uses is not known before."""
    records = json.read(raw, None)
    fields = records.fields
    common = columns(fields.hstack(_reception(records.keys)), _common(fields, zone_of(raw)))
    events = records.keys.select("raw_row", "n").hstack(common).hstack(columns(fields, kept(fields, want)))
    return Parsed(by_dataset(events), records.rejects, records.skipped)


def _reception(keys: pl.DataFrame) -> pl.DataFrame:
    return keys.select(pl.col("received").alias("\nreceived"))


def _common(fields: pl.DataFrame, zone: str) -> list[pl.Expr]:
    """Return time, dataset, log source and the ECS columns of known spellings; then fields that bear an ECS name."""
    said = {column: _spoken(fields, spellings) for column, spellings in _SPELLINGS.items()}
    time, received = _time(said["@timestamp"], zone), pl.col("\nreceived")
    given = {
        "@timestamp": pl.coalesce(time, received),
        "event.dataset": pl.lit("json.record"),
        "logsource": pl.lit(logsource_column(_JSON)),
        "tags": _tags(fields, time.is_null()),
        "log.level": said["log.level"].str.to_lowercase(),
        "host.name": said["host.name"].str.to_lowercase(),
        **user_columns(said["user.name"]),
        **{column: at_address(said[column]) for column in _ADDRESSES},
        "source.port": integer(said["source.port"], above=0),
        "destination.port": integer(said["destination.port"], above=0),
        "event.action": said["event.action"],
        "event.outcome": outcome(said["event.outcome"]).replace("unknown", None),
        "message": said["message"],
    }
    given |= {name: _as_ecs(fields, name) for name in fields.columns if name in ECS and name not in given}
    return [expression.alias(name) for name, expression in given.items()]


def _spoken(fields: pl.DataFrame, spellings: str) -> pl.Expr:
    """Return the first spelling with a scalar value, row by row: an object's JSON text names nobody and says nothing."""
    by_plain: dict[str, list[str]] = {}
    for name in fields.columns:
        by_plain.setdefault(_plain(name), []).append(name)
    names = [name for spelling in spellings.split() for name in by_plain.get(_plain(spelling), [])]
    texts = [pl.col(name).list.first() if isinstance(fields.schema[name], pl.List) else pl.col(name) for name in names]
    scalars = [pl.when(~text.str.contains(r"^[{\[]") & (text != "")).then(text) for text in texts]
    return pl.coalesce(scalars) if scalars else pl.lit(None, dtype=pl.String)


def _plain(name: str) -> str:
    return name.lower().translate(str.maketrans("", "", "_-."))


def _time(text: pl.Expr, zone: str) -> pl.Expr:
    """Return the time a text tells, null where there is none to believe."""
    stamp = to_utc(text.str.replace(r"(\d),(\d{1,9})", "${1}.${2}"), _LAYOUTS, zone=zone)
    unix = epoch(text)
    seconds, received = unix.dt.epoch("s"), pl.col("\nreceived")
    return pl.coalesce(stamp, pl.when((seconds >= _FIRST_BELIEVED) & (unix <= received + pl.duration(days=1))).then(unix))


def _tags(fields: pl.DataFrame, is_undated: pl.Expr) -> pl.Expr:
    theirs = _as_ecs(fields, "tags") if "tags" in fields.columns else pl.lit(None, dtype=pl.List(pl.String))
    ours = pl.when(is_undated).then(pl.lit([_UNDATED]))
    return pl.coalesce(pl.concat_list(theirs, ours), ours, theirs)


def _as_ecs(fields: pl.DataFrame, name: str) -> pl.Expr:
    column, is_list = pl.col(name), isinstance(fields.schema[name], pl.List)
    if isinstance(ECS[name], pl.List):
        return column if is_list else pl.when(column.is_not_null()).then(pl.concat_list(column))
    text = column.list.first() if is_list else column
    return integer(text) if ECS[name] == pl.Int64 else text


PARSER = Parser(
    name="json",
    log_sources=(_JSON,),
    signature=Signature(
        pattern=r"^\x{feff}?\s*(?:\{\s*(?:\"|\}|$)|\[\s*(?:\{|\]|$))", rank=90, sure=r'[ \t\r\n]*\{[ \t\r\n]*"'
    ),
    maturity=Maturity.DOCUMENTED,
    fields={**ECS, "*": pl.String()},
    parse=_parse,
    carries=_carried,
)
