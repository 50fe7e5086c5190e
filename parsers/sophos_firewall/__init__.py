r"""Sophos Firewall (SFOS 17 to 21, XG and XGS): every log type, Device Standard Format and Central Reporting Format.

How to send it here: Configure > System services > Log settings > Add (this host, port, facility DAEMON, severity
Information, format "Device standard format" or "Central reporting format", secure log transmission for TLS), then tick the
log types in the table below it; firewall rules log only with "Log firewall traffic".

A line is key=value right after the priority; ``log_type`` and ``log_component`` say what it is. Spellings of both formats
and of several versions are read (``src_trans_ip`` and ``tran_src_ip``). The time is ``timestamp`` with its offset, or date
and time with the zone's abbreviation where that has one meaning in Europe (``CET``, ``CEST``, ``UTC``), else in the
source's zone. Own names are the firewall's, besides those of Sigma's ``category: firewall``, ``proxy`` and ``antivirus``.
The end of a flow and interim logs are events too: ``con_event`` tells them from its start.

Slower than asked: a line has forty names, each of which is looked for under the spellings of both formats.

Reference: Sophos "Syslog log file guide" (17.5 to 21.5). The spelling of some keys in the Central Reporting Format is not
documented for every version.
"""

import polars as pl

from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats import keyvalue
from correlator.parse.formats.syslog import ZONES
from correlator.parse.formats.unwrap import OPENING, bodies
from correlator.parse.formats.urls import opened
from correlator.parse.times import epoch, to_utc, zone_of
from parsers.sophos_firewall.columns import LOG_SOURCES, MADE, MAKING, NEEDED, gathered_fields

__all__ = ["PARSER"]

_EPOCH = pl.when(pl.col("date").is_null()).then("timestamp")
_STAMPS = ("%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f %z", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f")


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line; a line without ``log_type`` or ``log_id`` is malformed."""
    text = raw.get_column("text").str.strip_chars_end("\r\n\0 ")
    given = keyvalue.pairs(bodies(text, r"\bdevice(?:_name)?="), need=NEEDED, want=want)
    fields = pl.DataFrame([raw.get_column("raw_row"), raw.get_column("received"), text.alias("text"), *given])
    is_line = ((pl.col("device") == "SFW") | (pl.col("device_name") == "SFW")).fill_null(value=False)
    is_read = fields.select(is_line & pl.any_horizontal(pl.col("log_type", "log_id").is_not_null())).to_series()
    good, bad = fields.filter(is_read), fields.filter(~is_read)
    made = gathered_fields(good).with_columns(opened(pl.col("whole url")).alias("url parts"))
    rest = good.select(name for name in given.columns if name not in MADE)
    return MAKING.parsed(made, _time(zone_of(raw)), want, bad=rejects_of(bad, Reason.MALFORMED), rest=rest)


def _time(zone: str) -> pl.Expr:
    """Return when it was written; a line of neither form gives none."""
    stamp = pl.concat_str("date", "time", separator=" ")
    offset = pl.col("timezone").replace_strict(ZONES, default=None, return_dtype=pl.String)
    whole = pl.concat_str(stamp, offset, separator=" ")
    whole_stamp = pl.when(pl.col("timestamp").str.contains("-", literal=True)).then("timestamp")
    return pl.coalesce(to_utc(pl.coalesce(whole_stamp, whole, stamp), _STAMPS, zone=zone), epoch(_EPOCH))


PARSER = Parser(
    name="sophos_firewall",
    log_sources=LOG_SOURCES,
    signature=Signature(
        pattern=OPENING + r'device(?:_name)?="SFW" ',
        rank=10,
        any_text=('device="SFW"', 'device_name="SFW"'),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=MAKING.declared("*"),
    parse=_parse,
    required=("event.action",),
)
