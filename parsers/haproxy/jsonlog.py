"""HAProxy's ``log-format`` as JSON: whose keys the administrator chose, among names that are usual."""

import polars as pl

from correlator.parse.formats import json
from correlator.parse.formats.fields import columns, first
from correlator.parse.times import epoch, to_utc
from parsers.haproxy.requests import with_request

__all__ = ["json_lines"]

_NAMES = {
    "client": "client_ip clientip client src_ip c-ip ci remote_addr source_ip",
    "port": "client_port clientport cp src_port",
    "stamp": "accept_date time timestamp date t datetime @timestamp request_date time_local time_iso8601 ts",
    "frontend_name": "frontend_name frontend fe ft frontend_name_transport",
    "backend_name": "backend_name backend be b",
    "server_name": "server_name server srv s",
    "status": "http_status_code status status_code st http_status response_code",
    "bytes": "bytes_read bytes bytes_uploaded_read B response_size bytes_out",
    "termination_state": "termination_state term_state ts tsc state",
    "method": "http_verb http_method method request_method HM",
    "target": "http_uri uri http_request_uri request_uri path HU HP url",
    "request": "http_request request r full_request",
    "version": "http_version version HV protocol",
    "captured host": "host http_host req_host hdr_host captured_host",
    "captured agent": "user_agent http_user_agent useragent ua agent captured_user_agent",
    "captured referrer": "referer referrer http_referer",
    "captured client": "x_forwarded_for xff",
    "duration": "time_duration Ta Tt total_time duration request_time",
}
_LAYOUTS = ("%d/%b/%Y:%H:%M:%S%.f %z", "%d/%b/%Y:%H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f")


def json_lines(lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Return (fields of requests with their ``moment``, lines that are no request, lines that are no JSON)."""
    flat = json.flatten(lines.get_column("body"))
    is_read, names = flat.reasons.is_null(), [name for spellings in _NAMES.values() for name in spellings.split()]
    there = lines.select(row="raw_row").hstack([c for c in flat.columns.get_columns() if c.name in names])
    texts = [first(there, *spellings.split()).alias(name) for name, spellings in _NAMES.items()]
    fields = lines.select("raw_row", "sender", "sent", "received").hstack(columns(there, texts)).filter(is_read)
    is_request = fields.select(pl.col("client").is_not_null() & pl.col("status").is_not_null()).to_series()
    known = fields.filter(is_request).with_columns(
        timers=pl.col("duration"),
        version=pl.col("version").str.strip_prefix("HTTP/"),
        moment=pl.coalesce(to_utc(pl.col("stamp"), _LAYOUTS), epoch(pl.col("stamp")), "sent", "received"),
    )
    asked = pl.concat_str(pl.col("method"), pl.col("target"), "HTTP/" + pl.col("version").fill_null("1.1"), separator=" ")
    whole = known.with_columns(request=pl.coalesce("request", asked).fill_null(""), version=None).drop("method", "target")
    return with_request(whole.drop("version")), lines.filter(is_read).filter(~is_request), lines.filter(~is_read)
