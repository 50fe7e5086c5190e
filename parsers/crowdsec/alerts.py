"""Alerts of the Local API: one event each, with its decisions."""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.formats import json
from correlator.parse.formats.making import Making
from correlator.parse.formats.records import SENDER, TAGS, Product, Reading, first_of, moment
from correlator.parse.formats.values import address, texts

__all__ = ["PRODUCT", "SOURCES"]

SOURCES = (LogSource("crowdsec", "", "alert"),)

_kind = first_of("decisions.type")
_is_simulated = first_of("simulated", "decisions.simulated") == "true"
_origin = first_of("decisions.origin")
_is_listed = _origin.str.contains(r"^(?i:capi|lists)").fill_null(value=False)
_is_ban = (_kind == "ban") & ~_is_simulated.fill_null(value=False)
_scope = first_of("source.scope", "decisions.scope").str.to_lowercase()
_value = first_of("source.ip", "source.value", "decisions.value")

PRODUCT = Product(
    Making(
        dataset="crowdsec.alert",
        log_sources=SOURCES,
        words=("scenario", "decisions.type", "decisions.origin", "simulated", "decisions.simulated"),
        ecs={
            "tags": TAGS,
            "event.kind": pl.when(_is_listed).then(pl.lit("enrichment")).otherwise(pl.lit("alert")),
            "event.category": pl.lit(["intrusion_detection"]),
            "event.type": texts("info", pl.when(_is_ban).then(pl.lit("denied"))),
            "event.action": _kind,
            "event.severity": pl.when(~_is_listed).then(pl.lit(50, pl.Int64)),
            "event.reason": first_of("decisions.duration"),
            "event.reference": first_of("uuid", "id"),
            "message": first_of("message", "scenario", "decisions.scenario"),
            "rule.name": first_of("scenario", "decisions.scenario"),
            "rule.id": first_of("scenario", "decisions.scenario"),
            "rule.version": first_of("scenario_version"),
            "observer.name": first_of("machine_id", SENDER),
            "observer.vendor": pl.lit("CrowdSec"),
            "observer.product": pl.lit("CrowdSec"),
            "observer.type": pl.lit("ids"),
            "source.ip": address(_value),
            "source.address": _value,
            "source.as.number": first_of("source.as_number"),
            "source.as.organization.name": first_of("source.as_name"),
            "source.geo.country_iso_code": first_of("source.cn"),
            "resource.type": _scope,
        },
        own={
            "src_ip": address(_value),
            "action": pl.when(_is_ban).then(pl.lit("denied")),
            "blocked": pl.when(_is_ban).then(pl.lit("true")),
        },
    ),
    time=moment("stop_at", "start_at", "created_at", "crowdsec_alert.stop_at"),
    known=("scenario", "decisions.scenario", "message"),
    reading=Reading(envelopes=("alerts",), shape=json.Shape(pairs={"meta": ("key", "value")}, max_depth=12)),
)
