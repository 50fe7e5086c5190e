"""Suricata (4 to 8): EVE JSON, every event type: alerts, flows, drops, anomalies, files and the protocols it reads.

How to send it here: in ``suricata.yaml``, ``outputs: - eve-log: enabled: yes``, either ``filetype: regular`` with a ``file``
source on ``/var/log/suricata/eve.json``, or ``filetype: syslog`` (``identity: suricata``) and rsyslog's forwarding; a prefix
``@cee:`` is understood. Stormshield, pfSense and OPNsense send the same JSON by syslog. Reference: Suricata documentation,
"EVE JSON Format". A record that is an array of events (pretty-printed or not) gives all of them; a pretty-printed file must be
sent as one record, or line by line through ``jq -c '.[]'``.

The addresses of an alert are those of its packet, which may be the answer: ``source`` is who opened the flow (``flow.src_ip``,
else what ``direction`` says, else the packet's); ``src_ip`` and ``dest_ip`` stay as they were written. Severity 1 is the
highest. Statistics (``event_type: stats``) are skipped: they are measures of the sensor, hundreds of names each.

Sigma: ``product: suricata``, ``service: <event type>`` with EVE's names (``alert.signature``); dns feeds ``category: dns``,
flow, netflow and drop ``firewall``, http ``proxy`` and ``webserver``.

Speed: less than 150,000 records per CPU-second: the objects of each record are taken apart one by one.
"""

import polars as pl

from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats.objects import flat, own_fields, read_objects
from correlator.parse.formats.unwrap import JSON
from correlator.parse.times import to_utc, zone_of
from parsers.suricata.columns import LISTS, MAKING, READ, SHAPE, SOURCES

__all__ = ["PARSER"]

_LAYOUTS = ("%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f")
_STATS = r'^[^"]{0,512}\{\s*"timestamp":\s*"[^"]*",\s*"event_type":\s*"stats"'


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per EVE record; JSON that is none of Suricata's is malformed."""
    is_stats = raw.get_column("text").str.contains(_STATS)
    records = raw.filter(~is_stats) if is_stats.any() else raw
    read = read_objects(records, None if want is None else want | READ, shape=SHAPE)
    skipped = pl.concat([read.skipped, raw.get_column("raw_row").filter(is_stats)])
    known = flat(read.fields, LISTS)
    kind = known.select(pl.coalesce(pl.col("^event_type$"), pl.lit(None, pl.String)).alias("kind")).get_column("kind")
    is_eve = kind.str.contains("^[a-z][a-z0-9_]{0,31}$").fill_null(value=False)
    refused = pl.concat([read.rejects, rejects_of(read.fields.filter(~is_eve), Reason.MALFORMED)])
    bad = refused.unique("raw_row", keep="first", maintain_order=True)
    good = ~read.fields.get_column("raw_row").is_in(bad.get_column("raw_row").implode())
    fields, told = (read.fields.filter(good), known.filter(good)) if bad.height else (read.fields, known)
    if fields.is_empty():
        return Parsed((), bad, skipped)
    when = to_utc(pl.col("timestamp"), _LAYOUTS, zone=zone_of(raw))
    return MAKING.parsed(told, when, want, bad=bad, skipped=skipped, rest=own_fields(fields))


# Shippers that sort keys: quotes inside a value are escaped, so nobody can write these two into one.
_TYPE, _FLOW = r'"event_type": *"[a-z0-9_]+"', r'"flow_id": *[0-9]+'

PARSER = Parser(
    name="suricata",
    log_sources=SOURCES,
    signature=Signature(
        pattern=rf'(?:{JSON}|^\s*\[\s*\{{\s*)"timestamp":\s*"[0-9]{{4}}-[^"]{{10,40}}",\s*(?s:.{{0,512}}?)'
        r'"event_type":\s*"[a-z0-9_]+"'
        rf'|{JSON}(?:"[a-z_]+":(?s:.*))?(?:{_TYPE}(?s:.*){_FLOW}|{_FLOW}(?s:.*){_TYPE})',
        rank=10,
        literals=('"event_type":', '"timestamp":'),
    ),
    maturity=Maturity.PROVED,
    fields=MAKING.declared("event_type", "*"),
    parse=_parse,
    required=("event_type",),
)
