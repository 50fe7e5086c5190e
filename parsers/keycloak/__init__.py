r"""Keycloak 12 to 26 and Red Hat build of Keycloak: login events, admin events, the server's own log.

To send: Realm settings → Events → Event listeners: keep ``jboss-logging``; then start with ``--log=console,syslog
--log-syslog-endpoint=192.0.2.5:514`` (26 and later), or ``--log=file`` and an agent on ``data/log/keycloak.log``. Failures are
logged at WARN; for logins that succeed ``--spi-events-listener-jboss-logging-success-level=info``, and "Save admin events" or
``--log-level=org.keycloak.events:debug`` for administrators. ``--log-console-output=json`` is read too, and so are records of
the REST API ``GET /admin/realms/{realm}/events`` and ``…/admin-events``, alone or as an array.

Reference: Keycloak Server Administration Guide "Configuring auditing to track events", "Configuring logging".

``organization.id`` is the realm. Own fields are those of the event (``type``, ``clientId``, ``error``, ``auth_method`` …). What
somebody typed as a name stands behind the address and the error, and the first of two equal names counts. Text lines have no
zone: the source's zone counts. Lines of a stack trace belong to the record before. Slower than 200,000 lines per CPU-second:
forty names are looked for in each, so that the first of two counts.
"""

import polars as pl

from correlator.parse.contract import Continuation, Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats import json
from correlator.parse.formats.records import texts
from correlator.parse.formats.unwrap import header, unwrap, unwrap_json
from correlator.parse.times import epoch, to_utc, zone_of
from parsers.keycloak.events import DETAILS, MAKING, NAMES, SOURCES, with_pairs

__all__ = ["PARSER"]

_HEAD = (
    r"(?P<stamp>[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}[,.][0-9]{1,9}(?:Z|[+-][0-9]{2}:?[0-9]{2})?) "
    r"+(?P<level>[A-Z]+) +\[(?P<logger>[\w.$-]+)\] +\((?P<thread>[^\n]*?)\) "
)
_LINE = rf"(?s)^\s*(?:\S+ +\| +)?{_HEAD}(?P<text>.*)$"
_BARE = r"(?s)^\s*(?P<text>(?:type|operationType)=.*)$"
_LAYOUTS = ("%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f")
_OURS = r"\[(?:org\.keycloak|org\.key\.|o\.k\.)"
_STAMP = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}[,.][0-9]{1,9}\S*"
_TEXT = rf"(?:\S+ +\| +)?{_STAMP} +[A-Z]+ +{_OURS}"
_EVENT = r'(?:type|operationType)="?[A-Z_]+"?, realmId='
_CONSOLE = {"timestamp": "stamp", "level": "level", "loggerName": "logger", "threadName": "thread", "message": "text"}
_CONSOLE |= {"hostName": "host"}
_API = {f"authDetails.{name}": name for name in ("realmId", "clientId", "userId", "ipAddress")}
_API |= {f"details.{name}": name for name in DETAILS} | {"sessionId": "sessionId", "time": "stamp"}


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per event or message; a record of no layout of Keycloak's is malformed."""
    is_json = raw.get_column("text").str.contains(rf"{header()}[\[\s]*\{{")
    plain, bad = _text(raw.filter(~is_json))
    records, rejects, skipped = _json(raw.filter(is_json))
    fields = pl.concat([plain, records], how="diagonal")
    if fields.is_empty():
        return Parsed((), pl.concat([bad, rejects]), skipped)
    zone = zone_of(raw)
    stamp = pl.col("stamp").str.replace(",", ".", literal=True)
    moment = pl.coalesce(to_utc(stamp, _LAYOUTS, zone=zone), epoch(pl.col("stamp")))
    time = pl.when(pl.col("stamp").is_null()).then(pl.coalesce("sent", "received")).otherwise(moment)
    return MAKING.parsed(fields, time, want, bad=pl.concat([bad, rejects]), skipped=skipped)


def _text(raw: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the fields of text records, and what could not be read."""
    lines = unwrap(raw).join(raw.select("raw_row", "received"), on="raw_row", how="left", maintain_order="left")
    found = lines.get_column("body").str.extract_groups(_LINE).struct.unnest()
    bare = lines.get_column("body").str.extract(_BARE)
    whole = lines.select("raw_row", "sender", "sent", "received").hstack(found)
    said = whole.with_columns(pl.coalesce("text", pl.lit(bare)).alias("text"), n=pl.lit(0, pl.UInt16))
    is_read = said.get_column("text").is_not_null()
    return with_pairs(said.filter(is_read)), rejects_of(lines.filter(~is_read), Reason.MALFORMED)


def _json(raw: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.Series]:
    """Return the fields of JSON records: the console's, whose message is an event's text, and the REST API's."""
    bare = unwrap_json(raw)
    records = json.read(bare, None)
    named = texts(records.fields, frozenset({*_CONSOLE, *_API, *NAMES, "hostName"}))
    keys = records.keys.join(bare.select("raw_row", "sender", "sent"), on="raw_row", how="left", maintain_order="left")
    is_api = pl.col("type").is_not_null() | pl.col("operationType").is_not_null()
    console = {new: pl.when(~is_api).then(name) for name, new in _CONSOLE.items()}
    whole = keys.hstack(named.select(is_api.alias("is api"), *(made.alias(name) for name, made in console.items())))
    told = with_pairs(whole)
    of_api = {name: pl.col(name) for name in NAMES}
    of_api |= {new: pl.coalesce(new, name) if new in NAMES else pl.col(name) for name, new in _API.items()}
    api = named.select(made.alias(f"api {name}") for name, made in of_api.items())
    merged = (pl.when("is api").then(f"api {name}").otherwise(name).alias(name) for name in of_api if name in told.columns)
    sender = pl.coalesce("sender", "host").alias("sender")
    fields = told.hstack(api).with_columns(*merged, sender)
    is_known = fields.select(pl.any_horizontal(pl.col("text", "type", "operationType").is_not_null())).to_series()
    refused = rejects_of(fields.filter(~is_known).unique("raw_row"), Reason.MISSING_FIELD)
    is_whole = ~pl.col("raw_row").is_in(
        refused.get_column("raw_row").implode()
    )  # a page with a foreign member is refused whole
    return fields.filter(is_whole), pl.concat([records.rejects, refused]), records.skipped


PARSER = Parser(
    name="keycloak",
    log_sources=SOURCES,
    signature=Signature(
        pattern=rf'{header()}(?:{_TEXT}|{_EVENT})|{header()}[\[\s]*\{{[\s\S]*?(?:"loggerName"\s*:\s*"org\.keycloak'
        r'|"realmId"\s*:[\s\S]*?"(?:ipAddress|operationType|resourceType)"\s*:'
        r'|"(?:ipAddress|operationType|resourceType)"\s*:[\s\S]*?"realmId"\s*:)',
        rank=10,
        any_of=(r"org\.key", r"o\.k\.", "realmId"),
        any_text=("org.key", "o.k.", "realmId"),
    ),
    maturity=Maturity.PROVED,
    fields=MAKING.declared(),
    parse=_parse,
    required=("event.action",),
    assembly=Continuation(rf"{header()}(?:(?:\S+ +\| +)?{_STAMP} +[A-Z]+ +\[|{_EVENT}|[\[\s]*\{{)"),
)
