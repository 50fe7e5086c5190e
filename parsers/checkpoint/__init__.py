r"""Check Point R77 to R82: every blade, as Log Exporter or LEA write it.

How to send it here: on the management or log server, ``cp_log_export add name tocsin target-server 192.0.2.9 target-port
6514 protocol tcp format syslog read-mode semi-unified``, then ``cp_log_export restart name tocsin`` (the formats ``splunk``
and ``generic`` are read too; ``cef`` and ``leef`` by the parsers of those, ``json`` by the one of JSON).

Read: ``CheckPoint <pid> - [key:"value"; …]``, the same as structured data (``key="value"``), and the splunk and generic
formats and LEA's log grabber, ``time=…|hostname=…|key=value|``. A value of the latter may hold a pipe; of a key that is said
twice there the first one counts where a verdict or an address is at stake. Check Point repeats a log as it grows, with the
same ``loguid``: each is an event. Own names are Check Point's, besides those of Sigma's ``category: firewall``, ``proxy`` and
``antivirus``.

Slower than asked: lines are rewritten as pairs in quotes before they are read, and one with escapes in it is read in full.

Reference: Check Point "Logging and Monitoring Administration Guide" (Log Exporter), sk122323, sk144192 (fields).
"""

import polars as pl

from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats import keyvalue
from correlator.parse.formats.syslog import envelope, moments
from correlator.parse.formats.unwrap import OPENING
from correlator.parse.formats.urls import opened
from correlator.parse.times import epoch, to_utc, zone_of
from parsers.checkpoint.columns import LOG_SOURCES, MAKING, NEEDED, gathered_fields

__all__ = ["PARSER"]

_BEFORE = r"^$|CheckPoint(?: [0-9-]+| -)? -? ?$"
_PIPED = r"(?s)^(?P<head>[^|]*?)(?P<fields>(?:loc|time)=[^|]*\|.*)$"
_NAME = r"\|([A-Za-z_][A-Za-z0-9_./-]{0,63})="
# What nobody may say again further on in a line whose values are not quoted.
_FIRST = ("action", "src", "dst", "s_port", "service", "product", "user", "administrator", "operation", "rule_name")


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line; a line of neither form, or that names no product and no action, is malformed."""
    text = raw.get_column("text").str.strip_chars_end("\r\n\0 ")
    halves = text.str.splitn("[", 2).struct.rename_fields(["head", "fields"]).struct.unnest()
    head = halves.get_column("head")
    is_bracketed = (halves.get_column("fields").is_not_null() & head.str.contains(_BEFORE)).fill_null(value=False)
    quoted = _equated(halves.get_column("fields").set(~is_bracketed, None))
    if not is_bracketed.all():
        piped = text.set(is_bracketed, None).str.extract_groups(_PIPED).struct.unnest()
        quoted = quoted.zip_with(is_bracketed, _quoted(piped.get_column("fields")))
        head = head.zip_with(is_bracketed, piped.get_column("head"))
    given = keyvalue.pairs(quoted, need=NEEDED, want=want)
    if not is_bracketed.all():
        given = _with_first(given, quoted, ~is_bracketed)
    lines = raw.select("raw_row", "received").hstack([head.alias("head"), text.alias("text")])
    is_line = _is_line(quoted, given)
    fields, good = given.filter(is_line), lines.filter(is_line)
    made = gathered_fields(fields).hstack(good.drop("received")).hstack(_sender(good, fields, zone_of(raw)))
    made = made.with_columns(opened(pl.col("_url")).alias("url parts"))
    return MAKING.parsed(
        made, pl.col("moment"), want, bad=rejects_of(lines.filter(~is_line), Reason.MALFORMED), rest=fields.drop("time")
    )


def _equated(fields: pl.Series) -> pl.Series:
    """Return ``key:"value"; key:"value"; ]`` as ``key="value" key="value"``; a value may end with a colon."""
    bare = fields.str.strip_chars_end(" ];").str.replace(r"^[A-Za-z0-9_.-]+@[0-9]+ ", "")
    colons = bare.str.replace_all("\\]", "]", literal=True).str.replace_all('"; ', '" ', literal=True)
    is_odd = colons.str.contains(':" ', literal=True).fill_null(value=False) | colons.str.ends_with(':"').fill_null(value=False)
    plain = colons.str.replace_all(':"', '="', literal=True)
    return (
        plain.zip_with(~is_odd, colons.str.replace_all(r'(^|" )([A-Za-z0-9_./-]+):"', '${1}${2}="')) if is_odd.any() else plain
    )


def _is_line(quoted: pl.Series, given: pl.DataFrame) -> pl.Series:
    said = pl.any_horizontal(pl.col("product", "action", "operation").is_not_null())
    return given.select(said).to_series() & quoted.is_not_null()


def _quoted(piped: pl.Series) -> pl.Series:
    """Return ``key=value|key=value`` as ``key="value" key="value"``."""
    safe = piped.str.strip_chars_end("|").str.replace_all("\\=", "=", literal=True)
    safe = safe.str.replace_all("\\", "\\\\", literal=True).str.replace_all('"', '\\"', literal=True)
    return ("|" + safe).str.replace_all(_NAME, '" ${1}="').str.strip_prefix('" ') + '"'


def _with_first(given: pl.DataFrame, quoted: pl.Series, rows: pl.Series) -> pl.DataFrame:
    """Return ``given`` with the first value of a key that a line says twice."""
    again = []
    for name in _FIRST:
        is_twice = rows & (quoted.str.count_matches(f'" {name}="', literal=True) > 1).fill_null(value=False)
        if is_twice.any():
            first = quoted.set(~is_twice, None).str.extract(rf'(?s)(?:^|" ){name}="((?:[^"\\]|\\.)*)"')
            again.append(given.get_column(name).zip_with(~is_twice, first).alias(name))
    return given.with_columns(again)


def _sender(lines: pl.DataFrame, fields: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Return who sent each line, and when it happened: by its own time, else its header's."""
    distinct = lines.select("head", "received").unique("head")
    opened_heads = envelope(distinct.with_columns(text=pl.col("head").str.replace(r"(?s)CheckPoint.*$", "CheckPoint: .")))
    told = opened_heads.select("head", sender_host="syslog.host", stamp="syslog.stamp")
    each = lines.select("head").join(told, on="head", how="left", nulls_equal=True, maintain_order="left")
    sent = moments(each.get_column("stamp"), lines.get_column("received"), zone)
    own = fields.get_column("time")
    written = to_utc(pl.lit(own), ("%d%b%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S%.f%z"), zone=zone)
    untold = pl.when(pl.lit(own).is_null() & pl.col("stamp").is_null()).then(pl.lit(lines.get_column("received")))
    moment = pl.coalesce(epoch(pl.lit(own)), written, pl.lit(sent), untold)
    return each.select("sender_host", moment.alias("moment"))


# Some releases write a time with a blank in it behind the version of syslog.
_START = rf"(?:{OPENING}|^<[0-9]{{1,3}}>1 [0-9A-Za-z:. -]{{4,40}} )"

PARSER = Parser(
    name="checkpoint",
    log_sources=LOG_SOURCES,
    signature=Signature(
        pattern=_START + r"(?:CheckPoint(?: [0-9-]+| -)? -? ?\[(?:[A-Za-z0-9_.-]+@[0-9]+ )?[A-Za-z_]+(?::|=)\""
        r"|(?:loc=[0-9]+\|(?:[a-z]+=[^|]*\|){0,3})?time=[0-9A-Za-z :-]{8,25}\|(?:[^|]*\|)"
        r"{0,8}?(?:product|orig|origin|loguid|i/f_dir)=)"
        r'|^\[?(?:[A-Za-z_]+:"[^"]*"; ?){1,12}loguid:"\{0x',
        rank=10,
        any_text=("CheckPoint", "|product=", "|orig=", "|origin=", "|loguid=", "|i/f_dir=", 'loguid:"'),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=MAKING.declared("*"),
    parse=_parse,
    required=("event.action",),
)
