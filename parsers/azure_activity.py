"""Azure activity log, and the resource logs of Azure Monitor: who changed what in a subscription.

Product: Azure Monitor. Shapes: diagnostic settings through Event Hub or storage (``{"records": […]}``), REST API
(``{"value": […]}``, ``operationName`` an object), the Python SDK (``operation_name``), Log Analytics (``AzureActivity``:
``OperationNameValue``, ``CategoryValue``).

How to send it here: Monitor > Activity log > Export Activity Logs > Add diagnostic setting > all categories > Event Hub; or the
collector asks ``Microsoft.Insights/eventtypes/management/values``. Reference: "Azure activity log event schema".

Claims are keys that hold dots: they stay JSON text, and the account is the claim that ends in ``/upn``, else ``/name``, else
``caller``. One operation says Start or Accept, then Success or Failure, under one ``correlationId``. Resource logs (storage,
key vaults, application gateways) are read with the same names and feed ``product: azure`` alone; access logs of
application gateways and front doors ``category: webserver`` too.

Sign-ins and the directory's audit are ``entra_signin``'s, AKS audit ``kubernetes_audit``'s.

Speed: less than 150,000 records per CPU-second: the objects of each record are taken apart one by one.
"""

import re

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats import json
from correlator.parse.formats.fields import at_address, at_port, user_columns
from correlator.parse.formats.making import Making
from correlator.parse.formats.records import START, TAGS, Product, Reading, Rewrite, first_of, level, moment, respelt
from correlator.parse.formats.values import integer

__all__ = ["PARSER"]

_ACTIVITY, _RESOURCE = LogSource("azure", "", "activitylogs"), LogSource("azure")
_WEB = LogSource("azure", "webserver")
_CATEGORIES = [
    "administrative",
    "security",
    "servicehealth",
    "alert",
    "autoscale",
    "policy",
    "recommendation",
    "resourcehealth",
]
_NAMES = (
    "operationName operationVersion resourceId resultType resultSignature resultDescription callerIpAddress correlationId "
    "tenantId durationMs statusCode statusText"
)
_HTTP = {
    "cs-method": "httpMethod",
    "cs-uri-stem": "requestUri",
    "cs-user-agent": "userAgent",
    "cs-host": "host",
    "c-ip": "clientIP",
    "sc-status": "httpStatus",
}


def _as_api(record: dict[str, object]) -> list[object]:
    """Return a record of the Python SDK with the names of the REST API."""
    return [_respelt(record)]


def _respelt(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return {re.sub(r"_([a-z])", lambda found: found[1].upper(), name): _respelt(one) for name, one in value.items()}


_SIGN = {
    "success": "success", "succeeded": "success", "active": "success", "resolved": "success",
    "failure": "failure", "failed": "failure", "error": "failure",
}  # fmt: skip

_category = first_of("category.value", "category", "CategoryValue", "Category").str.to_lowercase()
_is_activity = _category.is_in(_CATEGORIES) | pl.col("OperationNameValue").is_not_null()
_operation = first_of("operationName.value", "operationName", "OperationNameValue", "OperationName")
_status = first_of(
    "resultType", "status.value", "ActivityStatusValue", "ActivityStatus", "properties.metricResponseType", "status"
)
_resource = first_of("resourceId", "ResourceId", "_ResourceId")
_claims = first_of("identity.claims", "claims", "Claims")
_who = pl.coalesce(
    _claims.str.extract(r'/upn\\?":\s*\\?"([^"\\]+)'),
    _claims.str.extract(r'/name\\?":\s*\\?"([^"\\]+)'),
    first_of("caller", "Caller", "identity.authorization.evidence.principalId"),
    _claims.str.extract(r'"appid\\?":\s*\\?"([^"\\]+)'),
)
_ip = first_of("callerIpAddress", "httpRequest.clientIpAddress", "CallerIpAddress", "properties.clientIP")
_provider = _operation.str.extract(r"^([^/]+)/")
_is_access = _category.str.ends_with("accesslog").fill_null(value=False)
_asked = pl.coalesce(
    pl.col("properties.originalRequestUriWithArgs"),
    pl.concat_str("properties.requestUri", pl.lit("?"), "properties.requestQuery"),
    pl.col("properties.requestUri"),
)
_MAKING = Making(
    dataset=pl.when(_is_activity.fill_null(value=False)).then(pl.lit("azure.activitylogs")).otherwise(pl.lit("azure.resource")),
    log_sources=pl.when(_is_activity.fill_null(value=False))
    .then(pl.lit(str(_ACTIVITY)))
    .when(_is_access)
    .then(pl.lit(str(_WEB)))
    .otherwise(pl.lit(str(_RESOURCE))),
    words=("operationName", "category", "resultType", "level", "Level", "OperationNameValue", "CategoryValue"),
    ecs={
        "tags": TAGS,
        "event.kind": pl.when(_category == "alert").then(pl.lit("alert")).otherwise(pl.lit("event")),
        "event.action": _operation,
        "event.category": pl.when(_operation.str.contains(r"(?i)^microsoft\.authorization/"))
        .then(pl.lit(["iam"]))
        .otherwise(pl.lit(["configuration"])),
        "event.outcome": pl.when(_status.is_not_null()).then(
            _status.str.to_lowercase().replace_strict(_SIGN, default="unknown", return_dtype=pl.String)
        ),
        "event.reason": first_of(
            "resultDescription", "resultSignature", "subStatus.value", "ActivitySubstatusValue", "statusText"
        ),
        "event.provider": first_of("resourceProviderName.value", "ResourceProviderValue", "ResourceProvider"),
        "event.severity": level("level", "Level"),
        "log.level": first_of("level", "Level").str.to_lowercase(),
        "cloud.provider": pl.lit("azure"),
        "cloud.account.id": pl.coalesce(
            pl.col("subscriptionId"), pl.col("SubscriptionId"), _resource.str.extract(r"(?i)^/subscriptions/([^/]+)")
        ),
        "cloud.region": first_of("location", "Location"),
        **user_columns(_who),
        "source.ip": at_address(_ip),
        "source.port": at_port(_ip),
        "organization.id": first_of("tenantId", "TenantId"),
        "session.id": first_of("correlationId", "CorrelationId"),
        "resource.id": _resource,
        "resource.name": _resource.str.extract(r"/([^/]+)$"),
        "message": first_of("properties.message", "properties.statusMessage", "description"),
        "user_agent.original": first_of("properties.userAgentHeader", "properties.userAgent", "userAgent"),
        "http.request.method": pl.when(_is_access).then(pl.col("properties.httpMethod")),
        "http.response.status_code": pl.when(_is_access).then(integer(pl.col("properties.httpStatus"))),
        "url.original": pl.when(_is_access).then(_asked),
    },
    own={
        "operationName": _operation,
        "OperationNameValue": _operation,
        "CategoryValue": first_of("CategoryValue", "category.value", "category", "Category"),
        "ResourceProviderValue": pl.coalesce(first_of("ResourceProviderValue", "resourceProviderName.value"), _provider),
        "ResourceId": _resource,
        **{name: pl.when(_is_access).then(pl.col(f"properties.{said}")) for name, said in _HTTP.items()},
        "cs-uri-query": pl.when(_is_access).then(_asked),
    },
)
_PRODUCT = Product(
    _MAKING,
    time=moment("time", "eventTimestamp", "timeStamp", "EventSubmissionTimestamp", "TimeGenerated"),
    known=("operationName", "operationName.value", "OperationNameValue", "OperationName"),
    reading=Reading(
        envelopes=("records", "value"),
        rewrites=(
            Rewrite(('"operationname"', '"resourceid"'), respelt(*_NAMES.split())),
            Rewrite(('"operation_name"',), _as_api),
        ),
        shape=json.Shape(max_depth=16),
    ),
)

# What Sigma's rules read of a record as it came.
_READ_BY_RULES = "category properties.message resourceId resultType"


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per record."""
    return _PRODUCT.parse(raw, want)


_OPERATION = r'"(?:operation[Nn]ame|operation_name|OperationName(?:Value)?)"\s*:'
_RESOURCE_ID = r'"(?:(?:resource[Ii]d|resource_id|_?ResourceId)"\s*:\s*"/(?i:subscriptions)/|ResourceProviderValue"\s*:)'

PARSER = Parser(
    name="azure_activity",
    log_sources=(_ACTIVITY, _RESOURCE, _WEB),
    signature=Signature(
        pattern=START + rf"(?:{_RESOURCE_ID}[\s\S]*{_OPERATION}|{_OPERATION}[\s\S]*{_RESOURCE_ID})",
        rank=30,
        any_text=('"resourceId"', '"resourceid"', '"resource_id"', '"ResourceId"', '"_ResourceId"', '"ResourceProviderValue"'),
    ),
    maturity=Maturity.PROVED,
    fields=_PRODUCT.declared(*_READ_BY_RULES.split()),
    parse=_parse,
    required=("event.action",),
)
