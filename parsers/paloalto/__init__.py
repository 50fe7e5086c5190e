r"""Palo Alto Networks PAN-OS 8 to 11 and Panorama: TRAFFIC, THREAT, SYSTEM, CONFIG, GLOBALPROTECT, USERID and the others.

How to send it here: Device > Server Profiles > Syslog (this host, TCP or TLS, format IETF or BSD, **no** custom log format);
Objects > Log Forwarding (traffic, threat, URL, WildFire, decryption, authentication), used by every security rule ("Log at
Session End"); Device > Log Settings for System, Configuration, User-ID, HIP match and GlobalProtect. Strata Logging Service
in its default order is read too.

A line is CSV by position (``layouts.py``): the type is the fourth column; what a newer version appends is not read, a short
line is. The time is the high-resolution one, with its offset, where the version has it, else the generated one in the
source's zone. A custom format moves the columns: such lines do not look like a log of PAN-OS, and are nobody's.

A URL log has no scheme: ``https`` where the port is 443 or the application ``ssl``, else ``http``. Names of countries are
not codes, and become no column. Lines with quotes are taken apart in a second way, at about a third of the speed.

Slower than CSV is asked to be: some sixty columns of a line become events' columns, and a batch is taken apart by type.

Reference: Palo Alto Networks "Syslog Field Descriptions", PAN-OS 9.1 to 11.
"""

import polars as pl

from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats.phrases import read_phrases
from correlator.parse.formats.syslog import envelope, moments
from correlator.parse.formats.unwrap import OPENING
from correlator.parse.formats.urls import opened
from correlator.parse.times import to_utc, zone_of
from parsers.paloalto.columns import LOG_SOURCES, MAKING
from parsers.paloalto.layouts import LAYOUTS
from parsers.paloalto.system import PHRASES

__all__ = ["PARSER"]

_COMMA = "\x1f"  # stands for a comma inside quotes
_FIRST = {"received_at": 1, "serial": 2, "subtype": 4, "generated": 6}
_READ = "received_at generated high_res misc dport app subtype opaque public_ip public_ipv6 private_ip private_ipv6"
_READ_HERE = frozenset(_READ.split())
_LOCAL = ("%Y/%m/%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f")
_TYPES = "|".join(LAYOUTS)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line; a line without a type that is known is malformed."""
    values = _values(raw.get_column("text").str.strip_chars_end("\r\n\0 "))
    lines = raw.select("raw_row", "received").hstack([values.alias("values")])
    lines = lines.with_columns(_at(3).alias("type"), _at(0).alias("head"))
    is_line = pl.col("type").is_in(list(LAYOUTS)).fill_null(value=False)
    bad = rejects_of(lines.filter(~is_line), Reason.MALFORMED)
    good = lines.filter(is_line)
    read = MAKING.reads(want) | _READ_HERE
    named = [_named(group, str(kind), read) for (kind,), group in good.group_by("type", maintain_order=True)]
    fields = pl.concat([good.drop("values").clear(), *named], how="diagonal").sort("raw_row")
    told = _spoken(fields.hstack(_sender(fields, zone_of(raw))))
    return MAKING.parsed(told.with_columns(**_made(told)).pipe(_with_url), _time(told, zone_of(raw)), want, bad=bad)


def _at(place: int) -> pl.Expr:
    return pl.col("values").list.get(place, null_on_oob=True)


def _values(text: pl.Series) -> pl.Series:
    """Return the columns of each line; commas between quotes part nothing."""
    has_quotes = text.str.contains('"', literal=True)
    if not has_quotes.any():
        return text.str.split(",")
    piece, place = pl.element(), pl.int_range(pl.len())
    quoted = piece.str.replace_all(",", _COMMA, literal=True)
    # Every second piece stood between quotes; nothing between two of those is a quote that was doubled.
    doubled = pl.when((piece == "") & (place > 0) & (place < pl.len() - 1)).then(pl.lit('"')).otherwise(piece)
    plain = pl.when(place % 2 == 1).then(quoted).otherwise(doubled)
    clean = text.str.replace_all(_COMMA, " ", literal=True).set(~has_quotes, None)
    parted = clean.str.split('"').list.eval(plain).list.join("").str.split(",")
    whole = parted.list.eval(pl.element().str.replace_all(_COMMA, ",", literal=True))
    return whole.zip_with(has_quotes.fill_null(value=False), text.str.split(","))


def _named(lines: pl.DataFrame, kind: str, read: frozenset[str]) -> pl.DataFrame:
    """Return the columns of lines of one type, those that somebody reads."""
    places = {name: place for name, place in {**_FIRST, **LAYOUTS[kind]}.items() if name in read}
    return lines.with_columns(_at(place).alias(name) for name, place in places.items()).drop("values")


def _sender(fields: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Return who sent each line, and when, by its header."""
    distinct = fields.select("head", "received").unique("head")
    opened_heads = envelope(distinct.with_columns(text="head"))
    told = opened_heads.select("head", sender_host="syslog.host", stamp="syslog.stamp")
    each = fields.select("head").join(told, on="head", how="left", nulls_equal=True, maintain_order="left")
    moment = moments(each.get_column("stamp"), fields.get_column("received"), zone)
    return each.select("sender_host").with_columns(moment.alias("sent"))


def _spoken(fields: pl.DataFrame) -> pl.DataFrame:
    """Return ``fields`` with what the sentences of SYSTEM logs name."""
    is_system = pl.col("type") == "SYSTEM"
    if "opaque" not in fields.columns or not fields.select(is_system.any()).item():
        return fields
    said = read_phrases(fields.filter(is_system).with_columns(text="opaque"), PHRASES)
    return fields.join(said, on="raw_row", how="left", maintain_order="left")


def _made(fields: pl.DataFrame) -> dict[str, pl.Expr]:
    """Return the addresses of GlobalProtect, of which one family is given, and the URL with a scheme."""
    made = {}
    for side in ("public", "private"):
        if f"{side}_ip" in fields.columns:
            made[side] = pl.coalesce(_given(f"{side}_ip"), _given(f"{side}_ipv6"))
    if "misc" in fields.columns:
        is_tls = (pl.col("dport") == "443") | (pl.col("app") == "ssl")
        scheme = pl.when(is_tls).then(pl.lit("https://")).otherwise(pl.lit("http://"))
        has_scheme = pl.col("misc").str.contains("^[a-z]+://")
        whole = pl.when(has_scheme).then("misc").otherwise(scheme + pl.col("misc"))
        made["url"] = pl.when((pl.col("subtype") == "url") & (pl.col("misc") != "")).then(whole)
    return made


def _given(name: str) -> pl.Expr:
    return pl.when(~pl.col(name).is_in(["", "0.0.0.0", "::"])).then(name)  # noqa: S104 - compared with, never bound


def _with_url(fields: pl.DataFrame) -> pl.DataFrame:
    if "url" in fields.columns:
        return fields.with_columns(opened(pl.col("url")).alias("url_parts"))
    parts = pl.Struct({str(number): pl.String() for number in range(1, 6)})
    return fields.with_columns(pl.lit(None, parts).alias("url_parts"))


def _time(fields: pl.DataFrame, zone: str) -> pl.Expr:
    """Return the high-resolution time, else when it was generated, received, sent."""
    stamps = [name for name in ("high_res", "generated", "received_at") if name in fields.columns]
    found = [to_utc(pl.col(name), _LOCAL[1:2] if name == "high_res" else _LOCAL, zone=zone) for name in stamps]
    return pl.coalesce(*found, "sent")


PARSER = Parser(
    name="paloalto",
    log_sources=LOG_SOURCES,
    signature=Signature(
        pattern=OPENING
        + r'(?:- +)?[0-9A-Za-z]{0,16},[^,"]{0,40},[0-9A-Za-z]{0,40},(?:'
        + _TYPES
        + r"),[^,]{0,40},[^,]{0,40},[^,]{0,40},",
        rank=10,
        any_text=tuple(f",{kind}," for kind in LAYOUTS),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=MAKING.declared(),
    parse=_parse,
    required=("event.action",),
)
