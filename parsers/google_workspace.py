"""Google Workspace activity: sign-ins, administration, Drive, tokens, groups, mail, devices, rules.

Product: Admin SDK Reports API v1, ``activities.list`` of every application. Wrappings: the API's list (``items``), one activity
per line, and exports that already hold one event each (``name``, ``type`` and ``parameters`` at top level).

How to send it here: Google Cloud project > enable "Admin SDK API" > service account with domain-wide delegation of
``admin.reports.audit.readonly``; the collector asks each application every few minutes. Reference: "Reports API: activities".
With audit logs shared with Google Cloud see ``gcp_audit`` as well.

An activity holds several ``events``: each gives an event of ours. Parameters become ``parameters.<NAME>``, whatever kind of
value they have, and ``setting_name`` and its like, Sigma's lower case spelling. ``eventService`` is
``<application>.googleapis.com``.

Speed: activities are taken apart in Python, about 20,000 to 40,000 a second (a nested-array format); events that come already
apart are plain JSON.
"""

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats import json
from correlator.parse.formats.fields import user_columns
from correlator.parse.formats.making import Making
from correlator.parse.formats.records import START, TAGS, Product, Reading, Rewrite, first_of, level, moment
from correlator.parse.formats.values import address

__all__ = ["PARSER"]

_SERVICES = (
    "admin",
    "login",
    "drive",
    "token",
    "groups",
    "groups_enterprise",
    "mobile",
    "gmail",
    "rules",
    "saml",
    "user_accounts",
)
_LOG_SOURCES = {service: LogSource("gcp", "", f"google_workspace.{service}") for service in _SERVICES}
_ANY = LogSource("gcp", "", "google_workspace")
_VALUES = (
    "value",
    "intValue",
    "boolValue",
    "multiValue",
    "multiIntValue",
    "multiBoolValue",
    "messageValue",
    "multiMessageValue",
)
_LOWER = ("SETTING_NAME", "NEW_VALUE", "OLD_VALUE", "APPLICATION_NAME", "USER_EMAIL", "ROLE_NAME", "DOMAIN_NAME", "GROUP_EMAIL")


def _apart(activity: dict[str, object]) -> list[object]:
    """Return one record per event of an activity, its parameters by name."""
    events = activity.get("events")
    if not isinstance(events, list):
        return [activity]
    common = {name: value for name, value in activity.items() if name != "events"}
    return [{**common, **event, "parameters": _named(event.get("parameters"))} for event in events if isinstance(event, dict)]


def _named(parameters: object) -> object:
    if not isinstance(parameters, list):
        return parameters
    named = [one for one in parameters if isinstance(one, dict) and isinstance(one.get("name"), str)]
    return {one["name"]: next((one[kind] for kind in _VALUES if kind in one), None) for one in named}


_application, _name = pl.col("id.applicationName"), first_of("name", "type", "id.applicationName")
_failed = _name.str.contains(r"(?i)fail|denied|blocked|suspicious|^2sv_disable$").fill_null(value=False)
_actor = first_of("actor.email", "actor.applicationInfo.applicationName", "actor.key")
_target = first_of(
    "parameters.USER_EMAIL", "parameters.target_user", "parameters.affected_email_address", "parameters.GROUP_EMAIL"
)
_alert = (_application == "rules") | _name.str.contains(
    r"^(?:suspicious|gov_attack|account_disabled_|DEVICE_COMPROMISED|SUSPICIOUS)"
)
_MAKING = Making(
    dataset=pl.lit("google_workspace.") + _application.str.extract(r"^([a-z_]{1,32})$").fill_null("activity"),
    log_sources=_application.replace_strict(
        {service: logsource_column(source) for service, source in _LOG_SOURCES.items()},
        default=logsource_column(_ANY),
        return_dtype=pl.String,
    ),
    words=("id.applicationName", "name", "type"),
    ecs={
        "tags": TAGS,
        "event.kind": pl.when(_alert.fill_null(value=False)).then(pl.lit("alert")).otherwise(pl.lit("event")),
        "event.action": _name,
        "event.provider": _application,
        "event.category": _application.replace_strict(
            {"login": ["authentication"], "saml": ["authentication"], "drive": ["file"], "gmail": ["email"]},
            default=["iam"],
            return_dtype=pl.List(pl.String),
        ),
        "event.outcome": pl.when(_failed).then(pl.lit("failure")).otherwise(pl.lit("success")),
        "event.reason": first_of("parameters.login_failure_type", "parameters.affected_email_address"),
        "event.severity": level("parameters.severity"),
        "rule.name": pl.col("parameters.rule_name"),
        "user.id": pl.col("actor.profileId"),
        **user_columns(_actor),
        "user.target.name": _target.str.extract(r"^([^@]+)"),
        "user.target.email": _target.str.extract(r"^([^@\s]+@[^@\s]+)$"),
        "source.ip": address(pl.col("ipAddress")),
        "organization.id": pl.col("id.customerId"),
        "organization.name": pl.col("ownerDomain"),
        "file.name": pl.col("parameters.doc_title"),
        "resource.id": pl.col("parameters.doc_id"),
        "resource.name": first_of("parameters.SETTING_NAME", "parameters.doc_title", "parameters.app_name"),
    },
    own={
        "eventService": _application + ".googleapis.com",
        "eventName": _name,
        **{name.lower(): pl.coalesce(name.lower(), f"parameters.{name}") for name in _LOWER},
    },
)
_PRODUCT = Product(
    _MAKING,
    time=moment("id.time"),
    known=("name", "type", "id.applicationName"),
    reading=Reading(envelopes=("items",), rewrites=(Rewrite(('"events"',), _apart),), shape=json.Shape(max_depth=12)),
)

# What Sigma's rules read of a record as it came.
_READ_BY_RULES = "name type parameters.*"


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per event of each activity."""
    return _PRODUCT.parse(raw, want)


PARSER = Parser(
    name="google_workspace",
    log_sources=(*_LOG_SOURCES.values(), _ANY),
    signature=Signature(
        pattern=START + r'(?:"(?:admin|reports)#(?:reports#)?activit(?:y|ies)"|"id"\s*:\s*\{[^{}]*"applicationName"\s*:)',
        rank=10,
        any_text=("#reports#activit", '"applicationName"'),
    ),
    maturity=Maturity.PROVED,
    fields=_PRODUCT.declared(*_READ_BY_RULES.split()),
    parse=_parse,
    required=("event.action",),
)
