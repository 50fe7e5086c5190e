r"""Zeek (5 to 8, and Bro's TSV): every log it writes, as TSV or JSON, with the industrial logs of ICSNPP.

How to send it here: Zeek writes into ``/opt/zeek/logs/current``. Either a ``file`` source on ``/opt/zeek/logs/current/*.log``
(TSV as it is: the header is kept per file), or JSON (``@load policy/tuning/json-logs.zeek`` in ``local.zeek``) through a file,
syslog, or Kafka; over syslog and Kafka also load the package ``json-streaming-logs``, which adds ``_path``. Industrial
protocols: ``zkg install icsnpp-modbus`` (``-bacnet``, ``-s7comm``, ``-dnp3``, ``-opcua-binary``). Reference: Zeek
documentation, "Log Formats" and "Script Reference".

Which log: ``#path``, ``_path``, the name of the file (``conn.log``, ``http.2026-11-22-10-00-00.log``), else what only that
log has. TSV and JSON of a record give the same event: ``T`` and ``F`` are ``true`` and ``false``, sets are lists, seconds have
six decimals at most, ``\x09`` is a tab; unset and empty sets are no value. Names stay Zeek's (``id.orig_h``), of every log,
known or not; ``id_orig_h`` and the other three are read too. Names alone in a first line, as ``zeek-cut`` output is given
them, are a header; lines without any are read where their file says conn, dns or modbus and they have the columns of Zeek's
own scripts. ``source`` (of files, weird), ``n`` (of notice) and ``tags`` are names of the event itself: the first is in
``network.protocol``.

Sigma: ``product: zeek``, ``service: <log>``; conn feeds ``category: firewall`` (``action: accept`` where a connection came
about), dns ``dns``, mysql and postgresql ``database``, http ``proxy`` towards the Internet, ``webserver`` from it, both where
addresses do not tell. A record without a time, or with the masked one of Zeek's own tests, is of its reception and says so
(tag ``time_of_reception``). Not read: several TSV logs mixed
in one stream, as ``rsyslog``'s ``imfile`` sends them; send JSON.

Speed: TSV above 200,000 lines per CPU-second where one log fills a batch; JSON about 30,000 records, walked one by one in
Python.
"""

import polars as pl

from correlator.parse.contract import Header, Maturity, Parsed, Parser, Reason, Signature, empty_rejects, rejects_of
from correlator.parse.formats import json
from correlator.parse.formats.objects import flat
from correlator.parse.formats.unwrap import JSON, unwrap_json
from correlator.parse.times import epoch, to_utc
from parsers.zeek import tsv
from parsers.zeek.columns import LISTS, READ, SOURCES, TIMES, declared, making, with_url
from parsers.zeek.paths import GUESSED, path_column, path_of_file

__all__ = ["PARSER"]

_MASKED = "XXXXXXXXXX.XXXXXX"
_NO_TIME = r"^-$|^[0-9]*X{10}\.X{6}$"
_UNDATED = "time_of_reception"
_ISO = ("%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d-%H-%M-%S")
_MICROS = r"^[0-9]{10}\.[0-9]{6}$"
_LARGEST = 1e12
_SECONDS = r"^-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$"
_JOINED = ("msg_types", "actions", "topics", "sources")
_DOTTED = {f"id_{side}_{kind}": f"id.{side}_{kind}" for side in ("orig", "resp") for kind in "hp"}
_TIME = ("ts", "_write_ts")
_OURS = ("raw_row", "n", "sender", "\nreceived", "\nundated")


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per record, whichever of the formats it is in."""
    asked = None if want is None else want | READ | GUESSED | {*_TIME, *_DOTTED, "source"}
    text = raw.get_column("text")
    is_headed = text.str.starts_with("#") | text.str.contains(r"^(?:ts\t)?uid\t")
    is_bare = ~is_headed & text.str.contains(tsv.BARE)
    bare = raw.filter(is_bare)
    lines = pl.concat([raw.filter(is_headed), tsv.headed(bare, path_of_file(bare.get_column("path")))])
    parts, left = _tsv(lines, asked, want) if lines.height else ([], lines.select("raw_row", "text"))
    objects = raw.filter(~is_headed & ~is_bare)
    # A JSON record in a stream that spoke TSV before came under its header.
    is_object = left.get_column("text").str.contains(JSON)
    others = raw.join(left.filter(is_object), on="raw_row", how="inner", suffix="_line", maintain_order="left")
    objects = pl.concat([objects, others.with_columns(text="text_line").select(raw.columns)])
    if objects.height:
        parts = [*parts, _json(objects, asked, want)]
    return Parsed(
        tuple(frame for part in parts for frame in part.events),
        pl.concat([rejects_of(left.filter(~is_object), Reason.MALFORMED), *(part.rejects for part in parts)]),
        pl.concat([raw.get_column("raw_row").clear(), *(part.skipped for part in parts)]),
    )


def _tsv(raw: pl.DataFrame, asked: frozenset[str] | None, want: frozenset[str] | None) -> tuple[list[Parsed], pl.DataFrame]:
    """Return what was read, by header, and the lines (``raw_row``, ``text``) that do not fit theirs."""
    parts, bad = [], []
    for table in tsv.tables(raw, asked):
        bad.append(table.bad)
        rows = raw if table.fields.height == raw.height else raw.filter(_among(raw, table.fields))
        events = _events(table.fields.drop("n", strict=False), rows, table.path, want)
        parts.append(Parsed(tuple(events), empty_rejects(), raw.get_column("raw_row").clear()))
    return parts, pl.concat(bad)


def _json(raw: pl.DataFrame, asked: frozenset[str] | None, want: frozenset[str] | None) -> Parsed:
    opened = unwrap_json(raw)
    if opened.get_column("text").str.contains(_MASKED, literal=True).any():
        opened = opened.with_columns(pl.col("text").str.replace_all(rf":\s*{_MASKED}", ':"-"'))
    records = json.read(opened, asked)
    theirs = records.fields.drop("n", "raw_row", strict=False)
    said = theirs.select(name for name in (*_TIME, "_path") if name in theirs.columns)
    fields = records.keys.select("raw_row", "n").hstack(_rounded(theirs.with_columns(flat(said))))
    rows = fields.select("raw_row").join(opened, on="raw_row", how="left", maintain_order="left")
    return Parsed(tuple(_events(fields, rows, None, want)), records.rejects, records.skipped)


def _among(raw: pl.DataFrame, fields: pl.DataFrame) -> pl.Series:
    return raw.get_column("raw_row").is_in(fields.get_column("raw_row").implode())


def _rounded(fields: pl.DataFrame) -> pl.DataFrame:
    """Return seconds with six decimals at most, as TSV writes them."""
    long = [name for name in TIMES if name in fields.columns and _is_long(fields.get_column(name))]
    return fields.with_columns(_to_micros(name, fields.schema[name]) for name in long) if long else fields


def _is_long(column: pl.Series) -> bool:
    texts = column.explode() if column.dtype != pl.String else column
    return bool(texts.str.contains(r"\.[0-9]{7}|[0-9][eE]").any())


def _to_micros(name: str, dtype: pl.DataType) -> pl.Expr:
    text = pl.col(name) if dtype == pl.String else pl.element()
    number = pl.when(text.str.contains(_SECONDS)).then(text).cast(pl.Float64, strict=False)
    micros = pl.coalesce(
        number.cast(pl.Decimal(38, 6), strict=False).cast(pl.String).str.replace(r"(\.[0-9]+?)0+$", "$1"), text
    )
    return micros.alias(name) if dtype == pl.String else pl.col(name).list.eval(micros)


def _events(fields: pl.DataFrame, rows: pl.DataFrame, said: str | None, want: frozenset[str] | None) -> list[pl.DataFrame]:
    """Return the events of ``fields`` (``raw_row``, maybe ``n``, then Zeek's names), which came from ``rows``, by log."""
    if fields.is_empty():
        return []
    names = {old: new for old, new in _DOTTED.items() if old in fields.columns and new not in fields.columns}
    known = fields.rename(names)
    sender = (
        rows.get_column("sender")
        if "sender" in rows.columns
        else pl.Series([None], dtype=pl.String).new_from_index(0, rows.height)
    )
    whole = known.with_columns(
        path_column(known, said, rows.get_column("path")),
        rows.get_column("received").alias("\nreceived"),
        sender.alias("sender"),
    )
    groups = whole.partition_by("_path", maintain_order=True) if whole.get_column("_path").n_unique() > 1 else [whole]
    return [frame for group in groups for frame in _of_log(group, want)]


def _of_log(group: pl.DataFrame, want: frozenset[str] | None) -> tuple[pl.DataFrame, ...]:
    """Return the events of one log."""
    path = group.get_column("_path")[0] or ""
    fields = group.select(column for column in group if column.null_count() < group.height)
    when, is_undated = _times(fields)
    if is_undated.any():
        fields = fields.with_columns(_tag(is_undated))
    flat = _flat(fields)
    rest = fields.select(name for name in fields.columns if name not in _OURS)
    return making(path).parsed(with_url(flat) if path == "http" else flat, when, want, rest=rest).events


def _tag(is_undated: pl.Series) -> pl.Series:
    return pl.DataFrame({"is": is_undated}).select(pl.when("is").then(pl.lit(_UNDATED)).alias("\nundated")).to_series()


def _times(fields: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """Return when each record was, and where that is only its reception, because it does not say."""
    said = [name for name in _TIME if name in fields.columns and fields.schema[name] == pl.String]
    stamp = pl.coalesce(*said, pl.lit(None, pl.String)).alias("\nstamp")
    stamps = fields.with_columns(stamp).get_column("\nstamp")
    if stamps.str.contains(_MICROS).all() and not stamps.null_count():
        micros = stamps.str.replace(".", "", literal=True).cast(pl.Int64)
        return micros.cast(pl.Datetime("us")).dt.replace_time_zone("UTC"), pl.Series([False]).new_from_index(0, fields.height)
    is_undated = stamps.is_null() | stamps.str.contains(_NO_TIME).fill_null(value=False)
    frame = fields.select("\nreceived", stamp=stamps, undated=is_undated)
    unix = epoch(pl.col("stamp"))
    told = pl.coalesce(unix, to_utc(pl.col("stamp"), _ISO, zone="UTC"))
    return frame.select(pl.when("undated").then("\nreceived").otherwise(told).alias("@timestamp")).to_series(), is_undated


def _flat(fields: pl.DataFrame) -> pl.DataFrame:
    """Return ``fields`` with lists as text, their first member or all of them, but for those that ECS takes as lists."""
    texts = [
        _text_of(name)
        for name, dtype in fields.schema.items()
        if dtype != pl.String and isinstance(dtype, pl.List) and name not in LISTS
    ]
    lists = [pl.lit(None, pl.List(pl.String)).alias(name) for name in LISTS if name not in fields.columns]
    lists += [pl.concat_list(name).alias(name) for name in LISTS if fields.schema.get(name) == pl.String]
    told = fields.with_columns(*texts, *lists)
    return told.with_columns(pl.col("source").alias("\nsource")) if "source" in told.columns else told


def _text_of(name: str) -> pl.Expr:
    members = pl.col(name)
    return (members.list.join(", ") if name in _JOINED else members.list.first()).alias(name)


_SIGNATURE = (
    r"^#(?:separator |set_separator[^A-Za-z ]|empty_field[^A-Za-z ]|unset_field[^A-Za-z ]|path[^A-Za-z ]|fields[^A-Za-z ]|"
    r"types[^A-Za-z ]|open[^A-Za-z]|close[^A-Za-z])"
    r"|^(?:ts\t)?uid(?:\t[A-Za-z0-9_.]+)+\s*$"
    rf"|{tsv.BARE}"
    rf"|{JSON}"
    r'(?:"_path":\s*"[a-z][a-z0-9_]*",.*?"(?:ts|_write_ts)":'
    r'|"ts":\s*(?:[0-9]{9,10}(?:\.[0-9]+)?|"[0-9]{4}-[0-9]{2}-[0-9]{2}T[^"]+"|XXXXXXXXXX\.XXXXXX),\s*'
    r'(?:"(?:uid|uids|fuid|fingerprint|id\.orig_h|id_orig_h|cause|ts_delta|note)":'
    r'|"id":"F[0-9A-Za-z]{6,20}"|"level":"Reporter::|"peer":"[^"]*","mem":|"id":\{"orig_h":'
    r'|"host":"[^"]*",\s*"(?:host_p|software_type|port_num|port_proto|name|mac|subject)":|"host":"[^"]*"\}|.*"_path":))'
)

PARSER = Parser(
    name="zeek",
    log_sources=SOURCES,
    signature=Signature(
        pattern=_SIGNATURE,
        rank=10,
        any_text=(
            "#separator ",
            "#set_separator",
            "#empty_field",
            "#unset_field",
            "#path",
            "#fields",
            "#types",
            "#open",
            "#close",
            "uid\t",
            "\tC",
            '"ts":',
            '"_path":',
        ),
        any_of=(r"^(?:#|(?:ts\t)?uid\t|[0-9X]{10}\.[0-9X]{6}\tC)", '"(?:_path|ts)":'),
    ),
    maturity=Maturity.PROVED,
    fields=declared(),
    parse=_parse,
    assembly=Header(pattern=tsv.HEADER, opens=tsv.OPENS),
)
