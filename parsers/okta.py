"""Okta System Log: sign-ins, factors, policies, applications, administrators, tokens.

Product: Okta Workforce Identity, System Log API v1 (``LogEvent`` version 0), in every wrapping: API array, one event per line,
event hooks (``{"data": {"events": […]}}``), EventBridge log streaming (``detail``), and lower case names of data lakes.

How to send it here: Reports > Log Streaming > Add Log Stream > AWS EventBridge or Splunk Cloud; or Security > API > Tokens, and
the collector asks ``GET /api/v1/logs?since=…`` every minute. Reference: "System Log API", Okta Developer documentation.

``outcome.result`` SUCCESS and ALLOW are a success, FAILURE and DENY a failure; CHALLENGE and SKIPPED neither. ``target`` is an
array: each name below it lists the values of all targets, and Sigma matches any of them.

Speed: ``target`` makes it a nested-array format (30,000 records per CPU-second and more).
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats import json
from correlator.parse.formats.fields import user_columns
from correlator.parse.formats.making import Making
from correlator.parse.formats.records import START, TAGS, Product, Reading, Rewrite, first_of, level, moment, respelt, unfolded
from correlator.parse.formats.values import address, words

__all__ = ["PARSER"]

_OKTA = LogSource("okta", "", "okta")
_OUTCOMES = {"SUCCESS": "success", "ALLOW": "success", "FAILURE": "failure", "DENY": "failure"}
_NAMES = (
    "eventType legacyEventType displayMessage authenticationContext securityContext debugContext debugData alternateId "
    "displayName detailEntry ipAddress userAgent rawUserAgent geographicalContext postalCode isProxy asNumber asOrg "
    "externalSessionId authenticationProvider credentialProvider credentialType authenticationStep requestUri requestId "
    "logOnlySecurityData threatSuspected ipChain uuid"
)


def _hook(record: dict[str, object]) -> list[object]:
    """Return the events of an event hook's request."""
    data = record.get("data")
    events = data.get("events") if isinstance(data, dict) else None
    return events if isinstance(events, list) else [record]


_type = pl.col("eventType")
_is_sign_in = _type.str.contains(r"^(?:user\.session|user\.authentication|user\.mfa\.(?:challenge|attempt)|policy\.evaluate)")
_result = pl.col("outcome.result")
_MAKING = Making(
    dataset="okta.system",
    log_sources=(_OKTA,),
    words=("eventType", "outcome.result", "severity", "displayMessage"),
    ecs={
        "tags": TAGS,
        "event.kind": pl.when(_type.str.starts_with("security.threat")).then(pl.lit("alert")).otherwise(pl.lit("event")),
        "event.action": first_of("eventType", "legacyEventType"),
        "event.category": pl.when(_is_sign_in).then(pl.lit(["authentication"])).otherwise(pl.lit(["iam"])),
        "event.outcome": pl.when(_result.is_not_null()).then(
            _result.str.to_uppercase().replace_strict(_OUTCOMES, default="unknown", return_dtype=pl.String)
        ),
        "event.reason": pl.col("outcome.reason"),
        "event.severity": level("severity"),
        "log.level": pl.col("severity").str.to_lowercase(),
        "message": pl.col("displayMessage"),
        "user.id": pl.col("actor.id"),
        **user_columns(words(pl.col("actor.alternateId"))),
        "user.full_name": pl.col("actor.displayName"),
        "user.target.id": pl.col("target.id"),
        "user.target.name": first_of("target.alternateId", "target.displayName"),
        "source.ip": address(pl.col("client.ipAddress")),
        "source.as.organization.name": pl.col("securityContext.asOrg"),
        "user_agent.original": pl.col("client.userAgent.rawUserAgent"),
        "session.id": pl.col("authenticationContext.externalSessionId"),
        "transaction.id": pl.col("transaction.id"),
        "url.path": pl.col("debugContext.debugData.requestUri"),
    },
)
_PRODUCT = Product(
    _MAKING,
    time=moment("published"),
    known=("eventType", "legacyEventType", "displayMessage"),
    reading=Reading(
        rewrites=(
            Rewrite(('"detail-type"',), unfolded("detail"), opens=True),
            Rewrite(('"eventTypeVersion"',), _hook),
            Rewrite(('"eventtype"', '"debugcontext"', '"displaymessage"'), respelt(*_NAMES.split())),
        ),
        shape=json.Shape(max_depth=12),
    ),
)

# What Sigma's rules read of a record as it came.
_READ_BY_RULES = (
    "eventType legacyEventType displayMessage actor.alternateId outcome.result outcome.reason target.displayName "
    "securityContext.isProxy debugContext.debugData.requestUri debugContext.debugData.behaviors "
    "debugContext.debugData.logOnlySecurityData"
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per event."""
    return _PRODUCT.parse(raw, want)


PARSER = Parser(
    name="okta",
    log_sources=(_OKTA,),
    signature=Signature(
        pattern=START + r'"(?:legacyEventType|legacyeventtype|debugContext|debugcontext|alternateId|displayMessage)"\s*:'
        r"|" + START + r'"(?:eventType|eventtype)"\s*:\s*"(?:user|policy|application|group|zone|security|device|iam|core)'
        r"\.[a-z_]+\.",
        rank=10,
        any_text=(
            '"legacyEventType"', '"legacyeventtype"', '"debugContext"', '"debugcontext"', '"alternateId"', '"displayMessage"',
            '"eventType"', '"eventtype"',
        ),
    ),
    maturity=Maturity.PROVED,
    fields=_PRODUCT.declared(*_READ_BY_RULES.split()),
    parse=_parse,
    required=("event.action",),
)  # fmt: skip
