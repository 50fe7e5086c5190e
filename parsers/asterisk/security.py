"""Asterisk's security events: ``SecurityEvent="InvalidPassword",EventTV="…",…``."""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.formats.keyvalue import pairs
from correlator.parse.formats.making import Making
from correlator.parse.formats.values import address, integer, words
from correlator.parse.times import to_utc

__all__ = ["SECURITY", "as_security"]

_NEED = "SecurityEvent EventTV Severity Service AccountID SessionID LocalAddress RemoteAddress ACLName"
_OUTCOMES = {"SuccessfulAuth": "success", "ChallengeSent": "unknown"}
_SEVERITIES = {"error": 50, "warning": 50, "notice": 25, "informational": 10, "info": 10, "debug": 10}
_LAYOUTS = ("%Y-%m-%dT%H:%M:%S%.f%z",)


def as_security(lines: pl.DataFrame) -> pl.DataFrame:
    """Return ``lines`` (``raw_row``, ``text`` …) with a column per field of the event, and its ``moment``."""
    said = lines.get_column("text").str.extract(r'(?s)(SecurityEvent=".*)$')
    # With blanks between them one event's names are where the last one's were, and pairs are cut instead of searched.
    fields = pairs(said.str.replace_all(r'",([A-Z][A-Za-z]*=")', '" ${1}'), need=_NEED.split())
    whole = lines.drop(name for name in fields.columns if name in lines.columns).hstack(fields)
    unix = pl.col("EventTV").str.extract_groups(r"^([0-9]{10})-([0-9]{1,6})$").struct
    micros = unix.field("1").cast(pl.Int64, strict=False) * 1_000_000 + unix.field("2").cast(pl.Int64, strict=False)
    moment = pl.coalesce(to_utc(pl.col("EventTV"), _LAYOUTS), micros.cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))
    return whole.with_columns(moment.alias("moment"))


def _part(name: str, place: int) -> pl.Expr:
    """Return a part of ``IPV4/UDP/192.0.2.77/5060``."""
    parts = pl.col(name).str.extract_groups(r"^(IP[A-Za-z0-9]+)/([A-Za-z]+)/(.*)/([0-9]+)$").struct
    return parts.field(str(place))


def _ecs() -> dict[str, pl.Expr]:
    """Return the ECS columns of a security event."""
    outcome = pl.col("SecurityEvent").replace_strict(_OUTCOMES, default="failure", return_dtype=pl.String)
    service = pl.col("Service").str.to_lowercase()
    return {
        "host.name": pl.col("sender"),
        "event.kind": pl.lit("event"),
        "event.category": pl.lit(["authentication", "network"]),
        "event.type": pl.when(outcome == "failure").then(pl.lit(["start", "denied"])).otherwise(pl.lit(["start"])),
        "event.action": pl.col("SecurityEvent"),
        "event.outcome": outcome,
        "event.severity": pl.col("Severity")
        .str.to_lowercase()
        .replace_strict(_SEVERITIES, default=None, return_dtype=pl.Int64),
        "log.level": pl.col("Severity").str.to_lowercase(),
        "observer.vendor": pl.lit("Sangoma"),
        "observer.product": pl.lit("Asterisk"),
        "observer.type": pl.lit("telephony"),
        "process.pid": integer(pl.col("pid")),
        "rule.name": words(pl.col("ACLName")),
        "session.id": words(pl.col("SessionID")),
        "user.name": words(pl.col("AccountID")),
        "source.address": _part("RemoteAddress", 3),
        "source.ip": address(_part("RemoteAddress", 3)),
        "source.port": integer(_part("RemoteAddress", 4), above=0),
        "destination.ip": address(_part("LocalAddress", 3)),
        "destination.port": integer(_part("LocalAddress", 4), above=0),
        "network.transport": _part("RemoteAddress", 2).str.to_lowercase(),
        "network.protocol": pl.when(service.is_in(["pjsip", "sip"])).then(pl.lit("sip")).otherwise(service),
        "service.name": pl.col("Service"),
    }


SECURITY = Making(
    dataset="asterisk.security",
    log_sources=(LogSource("asterisk", "", "security"),),
    ecs=_ecs(),
    words=("SecurityEvent", "Severity", "Service"),
)
