r"""W3C extended logs: IIS 6 to 10 (sites, FTP, SMTP, HTTP.sys errors), the Windows firewall's file, proxies, CloudFront.

To send: IIS Manager → Logging → Format W3C, "Select Fields…" with Host, Cookie-free, ``sc-bytes``, ``cs-bytes`` and, behind a
proxy, the custom field X-Forwarded-For; the folder ``%SystemDrive%\inetpub\logs\LogFiles`` by an agent that follows files
(NXLog ``im_file``, Filebeat, Wazuh) and keeps the lines that begin with ``#``. Windows firewall: ``netsh advfirewall set
allprofiles logging droppedconnections enable`` and the folder ``%SystemRoot%\System32\LogFiles\Firewall``.

Reference: Microsoft Learn "W3C Logging", "HTTP.sys error logging", "Windows Firewall log"; W3C WD-logfile.

The last ``#Fields:`` line of a file names the columns. A line that comes before any is read when it has the columns IIS writes
by default (14, 15 or 17). Times are UTC, as IIS writes them, but the firewall's and ``time-local``, which are the source's. A
file that only gives a time of day (``#Fields: time …``) is dated by its reception.

Blanks inside values come as ``+``: ``cs-user-agent`` and the columns of ECS have blanks again. ``cs-uri-query`` carries path
and query, as Sigma's rules expect; the other fields keep their names, ``cs(X)`` as ``cs-x``.

Speed: some 180,000 lines per CPU-second, not 300,000: fifteen values a line, and most columns are put together from two.

Not read: lines under a ``#Fields:`` line with fewer names than they have values (a header that is not theirs) are malformed;
Exchange's logs, which are CSV, are another parser's.
"""

import polars as pl

from correlator.parse.contract import Header, Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats import w3c
from correlator.parse.formats.unwrap import header, unwrap
from correlator.parse.formats.values import address, by_distinct
from correlator.parse.times import to_utc, zone_of
from parsers.iis_w3c.kinds import MAKING, SOURCES, with_kind

__all__ = ["PARSER"]

_DIRECTIVES = "Version|Software|Date|Start-Date|End-Date|Remark|GMT-Offset|Time Format|Fields"
_SIX = "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs-user-agent"
_DEFAULTS = tuple(
    f"{_SIX} {more}".split()
    for more in (
        "cs-referer sc-status sc-substatus sc-win32-status time-taken",
        "sc-status sc-substatus sc-win32-status time-taken",
        "cs-referer sc-status sc-substatus sc-win32-status sc-bytes cs-bytes time-taken",
    )
)
_LAYOUTS = ("%Y-%m-%d %H:%M:%S%.f", "%d/%b/%Y %H:%M:%S%.f", "%m/%d/%Y %H:%M:%S%.f")
_LINE = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)? (?:[0-9.]{7,15}|[0-9A-Fa-f:.%]*:[0-9A-Fa-f:.%]+) "
    r"[A-Z]{3,16} /\S* \S+ +[0-9]{1,5} +\S+ +(?:[0-9.]{7,15}|[0-9A-Fa-f:.%]*:[0-9A-Fa-f:.%]+) \S+ (?:\S+ "
    r")?[0-9]{3} [0-9]+ [0-9]+ "
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line; directives are skipped."""
    records = _halves(raw)
    line = pl.col("line")
    is_idle = records.select(line.str.starts_with("#") | line.str.contains(r"^[\s\x00]*$")).to_series()
    lines = records.filter(~is_idle)
    is_known = pl.col("header").is_not_null() | pl.col("line").str.contains(f"^{_LINE}")
    values = w3c.read(lines.get_column("header"), lines.select(pl.when(is_known).then("line")).to_series(), otherwise=_DEFAULTS)
    is_read = values.select(_is_read(values)).to_series()
    read = lines.select("raw_row", "sender", "received").hstack(values).filter(is_read)
    fields = with_kind(read)
    rest = fields.select(name for name in values.columns if name != w3c.COUNT)
    rejects = rejects_of(lines.filter(~is_read), Reason.MALFORMED)
    idle = records.get_column("raw_row").filter(is_idle)
    return MAKING.parsed(fields, _times(fields, zone_of(raw)), want, bad=rejects, skipped=idle, rest=rest)


def _is_read(values: pl.DataFrame) -> pl.Expr:
    """Say which lines have as many values as names, or fewer because they were cut: then a client is still an address."""
    surplus, client = pl.col(w3c.COUNT), _first(values, "c-ip", "src-ip")
    is_cut = (surplus < 0) & (client.is_null() | (client == "-") | address(client).is_not_null())
    return ((surplus == 0) | is_cut).fill_null(value=False)


def _halves(raw: pl.DataFrame) -> pl.DataFrame:
    """Return each record's line and the names that its header says, both without a syslog header."""
    parts = raw.get_column("text").str.splitn("\n", 2).struct.unnest()
    head, line = pl.lit(parts.get_column("field_0")), pl.lit(parts.get_column("field_1"))
    has_head = line.is_not_null() & head.str.contains("#Fields:", literal=True)
    said = by_distinct(pl.when(has_head).then(head), lambda text: text.str.extract(r"#Fields:\s*(.*?)\s*$"), pl.String())
    bodies = unwrap(raw.with_columns(pl.when(has_head).then(line).otherwise("text").alias("text")))
    heads = raw.select("raw_row", "received", said.alias("header"))
    return bodies.join(heads, on="raw_row", how="left", maintain_order="left").rename({"body": "line"})


def _times(fields: pl.DataFrame, zone: str) -> pl.Series:
    """Return when it happened; a time of day alone is the last one before reception."""
    date, time = (_first(fields, name, f"{name}-local") for name in ("date", "time"))
    in_zone = _first(fields, "date").is_null() & date.is_not_null()
    stamp = pl.concat_str(date, time, separator=" ")
    is_local = (pl.col("kind") == "firewall") | in_zone
    moment = pl.when(is_local).then(to_utc(stamp, _LAYOUTS, zone=zone)).otherwise(to_utc(stamp, _LAYOUTS, zone="UTC"))
    today = to_utc(pl.concat_str(pl.col("received").dt.strftime("%Y-%m-%d"), time, separator=" "), _LAYOUTS, zone="UTC")
    last = pl.when(today > pl.col("received") + pl.duration(minutes=5)).then(today - pl.duration(days=1)).otherwise(today)
    whole = pl.when(date.is_null()).then(last).otherwise(moment)
    return fields.select(whole.alias("@timestamp")).to_series()


def _first(fields: pl.DataFrame, *names: str) -> pl.Expr:
    there = [name for name in names if name in fields.columns]
    return pl.coalesce(there) if there else pl.lit(None, pl.String)


PARSER = Parser(
    name="iis_w3c",
    log_sources=SOURCES,
    signature=Signature(
        pattern=rf"{header()}(?:#(?:Version|Software|Date|Start-Date|End-Date|Remark|GMT-Offset|Time Format): ?[^\n]*$"
        rf"|#Fields:[ \t]+[A-Za-z][\w()-]*(?:[ \t]+[\w()-]+)+\s*$|{_LINE})",
        rank=30,
        any_of=("#(?:Fields|Version|Software|Date|Start-Date|End-Date|Remark|GMT-Offset|Time Format):", r" [A-Z]{3,16} /"),
        any_text=(":",),
    ),
    maturity=Maturity.PROVED,
    fields=MAKING.declared("*"),
    parse=_parse,
    required=("event.action",),
    assembly=Header(rf"{header()}#Fields:[ \t]+[A-Za-z][\w()-]*(?:[ \t]+[\w()-]+)+\s*$"),
)
