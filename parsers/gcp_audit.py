"""Google Cloud audit logs (Cloud Logging), and Google Workspace's when they are shared with Google Cloud.

Product: ``LogEntry`` with ``protoPayload`` of type ``google.cloud.audit.AuditLog``: admin activity, data access, system event,
policy denied; of any service, GKE's API server (``k8s.io``) among them. Wrappings: one entry per line, Pub/Sub push
(``message.data`` already decoded), ``{"data": {…}}``, lower case names of data lakes.

How to send it here: Logging > Log Router > Create sink > Pub/Sub topic, filter ``logName:"cloudaudit.googleapis.com"``; the
collector reads the subscription. Workspace: Admin console > Account settings > Legal and compliance > Sharing options.
Reference: "AuditLog" of the Cloud Logging API.

``status.code`` 0 or absent is a success. ``callerIp`` may be ``private`` or ``gce-internal-ip``: then there is no address.
Sigma's names (``gcp.audit.method_name``, ``data.protoPayload.…``) repeat the record's.

Entries of the services ``login.googleapis.com`` and ``admin.googleapis.com`` feed Sigma's Workspace log sources.

Speed: less than 150,000 records per CPU-second: the objects of each record are taken apart one by one.
"""

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats import json
from correlator.parse.formats.fields import user_columns
from correlator.parse.formats.making import Making
from correlator.parse.formats.records import START, TAGS, Product, Reading, Rewrite, first_of, level, moment, respelt, unfolded
from correlator.parse.formats.values import address, integer

__all__ = ["PARSER"]

_AUDIT = LogSource("gcp", "", "gcp.audit")
_LOGIN, _ADMIN = LogSource("gcp", "", "google_workspace.login"), LogSource("gcp", "", "google_workspace.admin")
_PROTO = "protoPayload."
_NAMES = (
    "insertId logName protoPayload receiveTimestamp serviceName methodName resourceName authenticationInfo principalEmail "
    "principalSubject authorizationInfo requestMetadata callerIp callerSuppliedUserAgent serviceData resourceAttributes "
    "requestAttributes destinationAttributes eventName"
)
_SHOWN = [
    "serviceName",
    "methodName",
    "resourceName",
    "authorizationInfo.permission",
    "authorizationInfo.granted",
    "authorizationInfo",
    "authenticationInfo.principalEmail",
    "requestMetadata.callerIp",
    "status.code",
    "status.message",
    "request",
    "response",
    "metadata",
]

_service, _method = pl.col("protoPayload.serviceName"), first_of("protoPayload.methodName", "methodName")
_refused = integer(pl.col("protoPayload.status.code")) > 0
_event = pl.col("protoPayload.metadata.event.eventName")
_failed = _refused.fill_null(value=False) | _event.str.contains("(?i)fail").fill_null(value=False)
_MAKING = Making(
    dataset=pl.when(_service.is_in(["login.googleapis.com", "admin.googleapis.com"]))
    .then(pl.lit("google_workspace.") + _service.str.extract(r"^(\w+)"))
    .otherwise(pl.lit("gcp.audit")),
    log_sources=_service.replace_strict(
        {"login.googleapis.com": logsource_column(_AUDIT, _LOGIN), "admin.googleapis.com": logsource_column(_AUDIT, _ADMIN)},
        default=str(_AUDIT),
        return_dtype=pl.String,
    ),
    words=("protoPayload.serviceName", "protoPayload.methodName", "methodName", "severity", "resource.type", "logName"),
    ecs={
        "tags": TAGS,
        "event.kind": pl.lit("event"),
        "event.action": pl.coalesce(_method, _event, "protoPayload.authorizationInfo.permission"),
        "event.provider": _service,
        "event.category": pl.when(_service == "login.googleapis.com")
        .then(pl.lit(["authentication"]))
        .when(_service.is_in(["iam.googleapis.com", "admin.googleapis.com"]))
        .then(pl.lit(["iam"]))
        .otherwise(pl.lit(["configuration"])),
        "event.outcome": pl.when(_failed).then(pl.lit("failure")).otherwise(pl.lit("success")),
        "event.reason": pl.col("protoPayload.status.message"),
        "error.code": pl.when(_refused).then(pl.col("protoPayload.status.code")),
        "event.severity": level("severity"),
        "log.level": pl.col("severity").str.to_lowercase(),
        "cloud.provider": pl.lit("gcp"),
        "cloud.project.id": pl.coalesce(
            pl.col("resource.labels.project_id"), pl.col("logName").str.extract(r"^projects/([^/]+)/")
        ),
        **user_columns(
            first_of(
                "protoPayload.authenticationInfo.principalEmail",
                "protoPayload.authenticationInfo.principalSubject",
                "protoPayload.authenticationInfo.authoritySelector",
            ).str.replace(r"^[A-Za-z]+:", "")
        ),
        "source.ip": address(first_of("protoPayload.requestMetadata.callerIp", "protoPayload.requestMetadata.callerIP")),
        "user_agent.original": pl.col("protoPayload.requestMetadata.callerSuppliedUserAgent"),
        "resource.name": pl.col("protoPayload.resourceName"),
        "resource.type": pl.col("resource.type"),
    },
    own={
        "gcp.audit.method_name": _method,
        "eventService": _service,
        "eventName": pl.coalesce(_event, _method),
        "protoPayload.Servicename": _service,
        "data.protoPayload.resource.type": pl.col("resource.type"),
        "data.protoPayload.logName": pl.col("logName"),
        **{f"data.{_PROTO}{name}": pl.col(f"{_PROTO}{name}") for name in _SHOWN},
    },
)
_PRODUCT = Product(
    _MAKING,
    time=moment("timestamp", "receiveTimestamp", "receivetimestamp"),
    known=("protoPayload.methodName", "methodName", "protoPayload.authorizationInfo.permission"),
    reading=Reading(
        envelopes=("entries",),
        rewrites=(
            Rewrite(('"data":{"insertId"', '"data":{"protoPayload"', '"data": {'), unfolded("data"), opens=True),
            Rewrite(('"protopayload"', '"insertid"'), respelt(*_NAMES.split())),
        ),
        shape=json.Shape(max_depth=24),
    ),
)

# What Sigma's rules read of a record as it came.
_READ_BY_RULES = "protoPayload.serviceName protoPayload.methodName protoPayload.metadata.event.eventName"


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per log entry."""
    return _PRODUCT.parse(raw, want)


PARSER = Parser(
    name="gcp_audit",
    log_sources=(_AUDIT, _LOGIN, _ADMIN),
    signature=Signature(
        pattern=START + r'(?:"(?:protoPayload|protopayload)"\s*:\s*\{|"log[Nn]ame"\s*:\s*"[^"]*cloudaudit\.googleapis\.com)',
        rank=10,
        any_text=('"protoPayload"', '"protopayload"', "cloudaudit.googleapis.com"),
    ),
    maturity=Maturity.PROVED,
    fields=_PRODUCT.declared(*_READ_BY_RULES.split()),
    parse=_parse,
    required=("event.action",),
)
