r"""Nextcloud 18 to 32: ``nextcloud.log`` and the audit of the app "Auditing / Logging" (``audit.log``), JSON per line.

To send: ``occ app:enable admin_audit``; ``occ config:system:set loglevel --value=1 --type=integer``; then an agent that follows
``data/nextcloud.log`` and ``data/audit.log``, or ``occ log:manage --backend=syslog`` with ``logfile_audit`` left to syslog
(``'log_type_audit' => 'syslog'``). Refused logins stand at level 2 in ``nextcloud.log``; behind a proxy set
``trusted_proxies``, else every address is the proxy's.

Reference: Nextcloud Administration Manual "Logging", "Audit log".

A login writes an attempt and its result with the same ``reqId``: the attempt has the outcome ``unknown``. The name that
somebody tried is the user of a refused login; of what administrators do to others it is ``user.target.name``. Infected files of
``files_antivirus`` feed ``category: antivirus``.

Slower than 150,000 lines per CPU-second: its message is a sentence, searched for forty phrases.

Not read: texts of apps that are not in the list of sentences (the event keeps its message), server messages of MariaDB, PHP.
"""

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats import json
from correlator.parse.formats.making import Making
from correlator.parse.formats.phrases import columns_of, said_in
from correlator.parse.formats.records import texts
from correlator.parse.formats.unwrap import header, unwrap_json
from correlator.parse.formats.urls import opened, parts_of
from correlator.parse.formats.values import address, words
from correlator.parse.times import to_utc, zone_of
from parsers.nextcloud.sentences import PHRASES

__all__ = ["PARSER"]

_SERVER, _AUDIT = LogSource("nextcloud", "", "nextcloud"), LogSource("nextcloud", "", "audit")
_ANTIVIRUS = LogSource("", "antivirus", "")
_LEVELS = {"0": "debug", "1": "info", "2": "warning", "3": "error", "4": "fatal"}
_SEVERITIES = {"0": 10, "1": 10, "2": 50, "3": 75, "4": 95}
_LAYOUTS = (
    "%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f",
    "%B %d, %Y %H:%M:%S", "%a, %d %b %Y %H:%M:%S %z",
)  # fmt: skip
_READ = (
    "reqId level time remoteAddr user app method url message userAgent version exception.Exception exception.Message "
    "exception.File"
)
_SAID = sorted(columns_of(PHRASES))


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per record."""
    bare = unwrap_json(raw)
    inner = pl.col("text").str.replace(r"^\s*\{[\w.-]{1,64}\} (\{)", "${1}")
    asked = None if want is None else want | {*_READ.split()}
    records = json.read(bare.with_columns(inner), asked)
    names = frozenset(_READ.split())
    keys = records.keys.join(bare.select("raw_row", "sender", "sent"), on="raw_row", how="left", maintain_order="left")
    fields = keys.hstack(texts(records.fields, names))
    said = said_in(fields.get_column("message"), PHRASES).select(pl.all().name.prefix("said "))
    whole = fields.hstack(said).with_columns(opened(words(pl.col("url"))).alias("url parts"))
    moment = pl.coalesce(to_utc(pl.col("time"), _LAYOUTS, zone=zone_of(raw)), "sent")
    return _MAKING.parsed(whole, moment, want, bad=records.rejects, skipped=records.skipped, rest=records.fields)


def _ecs() -> dict[str, pl.Expr]:
    """Return the ECS columns of a record's fields."""
    url = parts_of(pl.col("url parts"))
    said = {name: pl.col(f"said {name}") for name in _SAID}
    unknown = pl.col("said event.action").is_null() & (pl.col("app") == "admin_audit")
    doer = words(pl.when(pl.col("user") != "--").then("user"))
    plain = {name: said[name] for name in _SAID if name not in {"user.name", "source.ip"}}
    return {
        **plain,
        "host.name": pl.col("sender"),
        "event.kind": pl.when(said["event.action"] == "malware_found").then(pl.lit("alert")).otherwise(pl.lit("event")),
        "event.category": pl.coalesce(said["event.category"], pl.lit(["web"])),
        "event.type": pl.coalesce(said["event.type"], pl.lit(["info"])),
        "event.severity": pl.col("level").replace_strict(_SEVERITIES, default=None, return_dtype=pl.Int64),
        "log.level": pl.col("level").replace_strict(_LEVELS, default=None, return_dtype=pl.String),
        "log.logger": pl.col("app"),
        "message": pl.col("message"),
        "tags": pl.when(unknown).then(pl.lit(["phrase_unknown"])),
        "transaction.id": pl.col("reqId"),
        "service.name": pl.lit("nextcloud"),
        "service.version": words(pl.col("version")),
        "user.name": pl.coalesce(said["user.name"], doer),
        "source.ip": pl.coalesce(address(pl.col("remoteAddr")), address(said["source.ip"])),
        "source.address": words(pl.col("remoteAddr")),
        "http.request.method": words(pl.col("method")),
        "url.original": words(pl.when(pl.col("url") != "--").then("url")),
        "url.path": url["path"],
        "url.query": url["query"],
        "user_agent.original": words(pl.when(pl.col("userAgent") != "--").then("userAgent")),
        "error.type": pl.col("exception.Exception"),
        "error.message": pl.col("exception.Message"),
    }


def _is_malware() -> pl.Expr:
    return (pl.col("said event.action") == "malware_found").fill_null(value=False)


def _log_sources() -> pl.Expr:
    is_audit = (pl.col("app") == "admin_audit").fill_null(value=False)
    source = pl.when(is_audit).then(pl.lit(logsource_column(_AUDIT))).otherwise(pl.lit(logsource_column(_SERVER)))
    return pl.when(_is_malware()).then(source + " " + logsource_column(_ANTIVIRUS)).otherwise(source)


_MAKING = Making(
    dataset=pl.when(pl.col("app") == "admin_audit").then(pl.lit("nextcloud.audit")).otherwise(pl.lit("nextcloud.server")),
    log_sources=_log_sources(),
    ecs=_ecs(),
    own={"Signature": pl.col("said threat.indicator.name"), "Filename": pl.when(_is_malware()).then("said file.path")},
    words=("level", "app", "said event.action", "said event.outcome", "method"),
)

_KEYS = r'"(?:user|level|time|remoteAddr|app|method|url|message|version|userAgent|data)"\s*:'
# Loggers of Node.js write a reqId too, but no remoteAddr.
_OTHER_ORDER = r'(?:[\s\S]*"reqId"\s*:[\s\S]*"remoteAddr"\s*:|[\s\S]*"remoteAddr"\s*:[\s\S]*"reqId"\s*:)'

PARSER = Parser(
    name="nextcloud",
    log_sources=(_SERVER, _AUDIT, _ANTIVIRUS),
    signature=Signature(
        pattern=rf'{header()}(?:\{{[A-Za-z0-9_.-]+\}} )?\{{\s*(?:"reqId"\s*:|{_KEYS}{_OTHER_ORDER})',
        rank=10,
        literals=('"reqId"',),
        any_text=('"reqId"',),
    ),
    maturity=Maturity.PROVED,
    fields=_MAKING.declared("*"),
    parse=_parse,
    required=("message",),
)
