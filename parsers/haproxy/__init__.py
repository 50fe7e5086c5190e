r"""HAProxy 1.5 to 3.x: requests (``option httplog``, ``httpslog``), connections (``tcplog``), errors and service messages.

To send: ``log 192.0.2.5:514 format rfc3164 local0`` (or ``log /dev/log local0`` and the system's syslog) in ``global``, in
``defaults`` ``log global`` and ``option httplog``; for rules about hosts and browsers also ``http-request capture
req.hdr(Host) len 128`` and ``http-request capture req.hdr(User-Agent) len 256``. Bare lines of a file are read too. So is
``log-format`` as one JSON object whose keys are HAProxy's own names or the usual ones (``client_ip``, ``http_status_code``,
``http_request``, ``status``, ``method``, ``uri``, ``time``).

Reference: HAProxy "Configuration Manual", chapter 8 (Logging).

The times in brackets have no zone: the source's zone counts. What the braces capture has no names: a part that looks like a
host, a browser, an address or a URL is taken for Host, User-Agent, X-Forwarded-For or Referer; all stay in
``captured_request_headers``. Termination state ``PR`` is a request that a rule refused.

Not read: ``option httplog clf`` (those lines are web access lines), other texts of ``log-format``.

Speed: less than 200,000 lines per CPU-second: a syslog header is read first, then a line of twenty parts.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats.programs import Program, declared, program_events
from correlator.parse.formats.unwrap import header, unwrap
from correlator.parse.formats.values import by_dataset
from correlator.parse.times import to_utc, zone_of
from parsers.haproxy.jsonlog import json_lines
from parsers.haproxy.requests import HTTP, MAKING, STAMP, as_fields, usual_fields
from parsers.haproxy.sentences import PHRASES

__all__ = ["PARSER"]

_LAYOUTS = ("%d/%b/%Y:%H:%M:%S%.f",)
_SERVICE = LogSource("haproxy", "", "service")
_PROGRAM = Program(
    "haproxy.service",
    (_SERVICE,),
    phrases=PHRASES,
    says={"observer.vendor": "HAProxy", "observer.product": "HAProxy", "observer.type": "load balancer"},
    again={"c-ip": "source.ip"},
)
_BARE = rf"^\s*\S+:[0-9]+ \[{STAMP}\] \S+ \S+/\S+ -?[0-9]+(?:/-?[0-9]+)+/\+?-?[0-9]+ |^\s*\S+:[0-9]+ \[{STAMP}\] \S+/\S+: "


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per request, connection or message."""
    usual = usual_fields(raw)
    is_usual = usual.get_column("client").is_not_null()
    moment = to_utc(pl.col("stamp"), _LAYOUTS, zone=zone_of(raw))
    if is_usual.all():
        return MAKING.parsed(usual, moment, want)
    others = _others(raw.filter(~is_usual), want)
    found = MAKING.parsed(usual.filter(is_usual), moment, want).events if is_usual.any() else ()
    return Parsed((*found, *others.events), others.rejects, others.skipped)


def _others(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return the events of requests in another form, of connections and of messages."""
    lines = unwrap(raw).join(raw.select("raw_row", "received"), on="raw_row", how="left", maintain_order="left")
    is_json = lines.get_column("body").str.starts_with("{")
    zone = zone_of(raw)
    asked, told, bad = json_lines(lines.filter(is_json)) if is_json.any() else (None, None, None)
    requests, rest = as_fields(lines.filter(~is_json) if is_json.any() else lines)
    frames = [MAKING.parsed(requests, to_utc(pl.col("stamp"), _LAYOUTS, zone=zone), want).events] if requests.height else []
    if asked is not None and asked.height:
        frames.append(MAKING.parsed(asked, pl.col("moment"), want).events)
    messages = rest if told is None else pl.concat([rest, told.select(rest.columns)])
    if messages.height:
        frames.append(by_dataset(_messages(messages, zone, want)))
    rejects = rejects_of(raw.clear() if bad is None else bad, Reason.MALFORMED)
    return Parsed(tuple(frame for some in frames for frame in some), rejects, raw.clear().get_column("raw_row"))


def _messages(lines: pl.DataFrame, zone: str, want: frozenset[str] | None) -> pl.DataFrame:
    """Return the events of lines that are no request: connections, errors, what HAProxy says of itself."""
    stamp = pl.col("body").str.extract(rf"^\s*\S+ \[({STAMP})\] ")
    moment = pl.coalesce(to_utc(stamp, _LAYOUTS, zone=zone), "sent", "received")
    said = lines.select("raw_row", moment.alias("moment"), pl.col("sender").alias("syslog.host"), text="body")
    return program_events(said, _PROGRAM, want)


PARSER = Parser(
    name="haproxy",
    log_sources=(HTTP, LogSource("haproxy", "", "tcp"), _SERVICE),
    signature=Signature(
        pattern=rf"{header('haproxy')}(?:\{{|\S+ +[^\s-])|{_BARE}",
        rank=10,
        tags=("haproxy",),
        any_of=("haproxy", r"\.[0-9]{3}\] "),
        any_text=("haproxy", "] "),
    ),
    maturity=Maturity.PROVED,
    fields={**declared([_PROGRAM]), **MAKING.declared()},
    parse=_parse,
)
