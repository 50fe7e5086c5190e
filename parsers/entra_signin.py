"""Microsoft Entra ID: sign-ins, directory audit, identity protection, privileged identity management.

Three shapes: the envelope of Azure Monitor and Event Hubs (``{"records": […]}``, ``category``, ``properties``), Microsoft
Graph (``{"value": […]}``, the properties at top level), and Log Analytics (``SigninLogs``, ``AuditLogs``,
``AADUserRiskEvents``…: names with a capital, objects as JSON text), whose records are written anew in Python as Graph's, some
30,000 a second. Azure Monitor and Graph give the source's names as they came; all give the spellings that SigmaHQ's ``azure``
rules use (``ResultType``, ``Status``, ``DeviceDetail.trusttype``, ``properties.message`` …), whichever shape it was.
``ResultType`` is the error code as text: 0 is a success, 50126 a wrong password, 50053 a locked account.

The dataset says which log it is: ``azure.signinlogs``, ``azure.auditlogs``, ``azure.riskdetection``, ``azure.pim``.

How to send it here: Entra admin center > Monitoring & health > Diagnostic settings > SignInLogs, NonInteractiveUserSignInLogs,
AuditLogs, UserRiskEvents > Event Hub; or the collector asks Graph (``AuditLog.Read.All``). Intune's audit comes the same way.
References: "signIn resource type", "directoryAudit resource type" (Microsoft Graph), "Azure Monitor log reference".

A record without time is dated by its reception and tagged ``time_of_reception``. ``targetResources`` stays JSON text;
below it each name lists the values of all targets. An alert of privileged identity management says what it is in its type.

Speed: less than 150,000 records per CPU-second: the objects of each record are taken apart one by one.
"""

import polars as pl

from correlator.model.event import ECS
from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats import json
from correlator.parse.formats.fields import aliases, at_address, columns, first, kept, outcome, user_columns
from correlator.parse.formats.records import START, Rewrite, rewritten
from correlator.parse.formats.values import by_dataset
from correlator.parse.times import to_utc

__all__ = ["PARSER"]

_SERVICES = ("signinlogs", "auditlogs", "riskdetection", "pim")
_LOG_SOURCES = {service: LogSource("azure", "", service) for service in _SERVICES}

_SHAPE = json.Shape(
    pairs={"additionalDetails": ("key", "value"), "properties.additionalDetails": ("key", "value")},
    whole=frozenset({"networkLocationDetails", "properties.networkLocationDetails"}),
    max_depth=12,
)
_LAYOUTS = (
    "%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f",
    "%m/%d/%Y %I:%M:%S %p",
)  # fmt: skip
_ENVELOPES = ("records", "value")

# Log Analytics: names that do not follow from the others' by their first letter, and columns that hold JSON text.
_GRAPH = {"IPAddress": "ipAddress", "LocationDetails": "location", "AADTenantId": "tenantId", "TenantId": "workspaceId"}
_TEXTS = frozenset(
    {
        "Status",
        "DeviceDetail",
        "LocationDetails",
        "InitiatedBy",
        "TargetResources",
        "AdditionalDetails",
        "NetworkLocationDetails",
    }
)


def _as_graph(record: dict[str, object]) -> list[object]:
    """Return a row of Log Analytics as Microsoft Graph would say it."""
    if "TimeGenerated" not in record:
        return [record]
    return [{_GRAPH.get(name, name[:1].lower() + name[1:]): _opened(name, value) for name, value in record.items()}]


def _opened(name: str, value: object) -> object:
    if name not in _TEXTS or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


_LOG_ANALYTICS = Rewrite(('"TimeGenerated"',), _as_graph, opens=True)

# Spelling of SigmaHQ's rules → the properties it means, in either shape; the first one present gives the value.
_AS_SENT = ("Status", "ActivityDetails", "properties.authenticationProtocol")
_SPELLINGS = {
    "ResultType": "status.errorCode resultType",
    "resultType": "status.errorCode",
    "ResultDescription": "status.failureReason resultDescription resultReason",
    "Resultdescription": "status.failureReason resultDescription resultReason",
    "resultDescription": "status.failureReason resultReason",
    "AuthenticationRequirement": "authenticationRequirement",
    "properties.authenticationRequirement": "authenticationRequirement",
    "conditionalAccessStatus": "conditionalAccessStatus",
    "DeviceDetail.trusttype": "deviceDetail.trustType",
    "DeviceDetail.isCompliant": "deviceDetail.isCompliant",
    "DeviceDetail.deviceId": "deviceDetail.deviceId",
    "properties.deviceDetail.deviceId": "deviceDetail.deviceId",
    "RiskState": "riskState",
    "ResourceDisplayName": "resourceDisplayName",
    "NetworkLocationDetails": "networkLocationDetails",
    "ClientApp": "clientAppUsed",
    "Username": "userPrincipalName",
    "userAgent": "userAgent",
    "properties.appId": "appId",
    "callerIpAddress": "ipAddress initiatedBy.user.ipAddress",
    "homeTenantId": "homeTenantId",
    "resourceTenantId": "resourceTenantId",
    "OperationName": "operationName activityDisplayName",
    "operationName": "activityDisplayName",
    "properties.message": "activityDisplayName operationName",
    "ActivityDisplayName": "activityDisplayName",
    "ActivityType": "activityDisplayName operationName",
    "activityType": "activityDisplayName operationName",
    "Category": "category",
    "LoggedByService": "loggedByService",
    "properties.result": "result",
    "failure_status_reason": "resultReason status.failureReason",
    "category": "category",
    "TargetResources": "targetResources",
    "properties.targetResources": "targetResources",
    "targetResources.type": "targetResources.type",
    "TargetResources.modifiedProperties": "targetResources.modifiedProperties",
    "TargetResources.modifiedProperties.newValue": "targetResources.modifiedProperties.newValue",
    "TargetResources.ModifiedProperties.DisplayName": "targetResources.modifiedProperties.displayName",
    "TargetResources.ModifiedProperties.NewValue": "targetResources.modifiedProperties.newValue",
    "Target": "targetResources.userPrincipalName targetResources.displayName",
    "Initiatedby": "initiatedBy.user.userPrincipalName initiatedBy.app.displayName",
    "properties.initiatedBy": "initiatedBy",
    "additionalDetails.additionalInfo": "additionalDetails.additionalInfo",
    "riskEventType": "riskEventType riskType incidentType alertDefinitionId",
}
_ECS_READ = (
    "createdDateTime activityDateTime detectedDateTime lastUpdatedDateTime riskLastUpdatedDateTime timeGenerated ActivityDate "
    "time id @odata.type category tenantId correlationId userId "
    "userDisplayName appDisplayName location.countryOrRegion deviceDetail.displayName initiatedBy.user.id riskLevel "
    "riskLevelDuringSignIn location.city identity targetResources.id resultSignature"
)
_ECS = (
    "event.action event.category event.code event.kind event.outcome event.provider event.reason event.severity user.id "
    "user.name user.domain user.email user.full_name user.target.name source.ip source.geo.country_iso_code organization.id "
    "device.id device.name user_agent.original resource.name resource.id cloud.service.name session.id rule.name"
)
_RISK_SEVERITY = {"none": 1, "low": 3, "medium": 6, "high": 8}


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per record of the tenant's logs."""
    asked = None if want is None else want | _names_read()
    records = json.read(rewritten(raw, _LOG_ANALYTICS, _ENVELOPES), asked, envelopes=_ENVELOPES, shape=_SHAPE)
    fields = records.fields.with_columns(aliases(records.fields, _table(), asked))
    fields = fields.with_columns(*_alert_type(fields))
    fields = fields.with_columns(_service(fields).alias("entra.log"))
    fields = fields.with_columns(_status(fields, want))
    own = [column for column in kept(fields, want) if column.meta.output_name() != "entra.log"]
    events = records.keys.select("raw_row", "n").hstack(_dated(columns(fields, _common(fields) + own), records.keys))
    return Parsed(by_dataset(events), records.rejects, records.skipped)


def _dated(events: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """Return ``events``, those without a time dated by their reception and tagged."""
    undated = pl.col("@timestamp").is_null()
    if not events.select(undated.any()).item():
        return events
    tagged = events.with_columns(pl.when(undated).then(pl.lit(["time_of_reception"])).alias("tags"))
    return tagged.with_columns(pl.col("@timestamp").fill_null(keys.get_column("received")))


def _alert_type(fields: pl.DataFrame) -> list[pl.Expr]:
    """Return ``riskEventType`` where a record says in its type which alert of privileged identity management it is."""
    if "@odata.type" not in fields.columns:
        return []
    told = first(fields, "@odata.type").str.extract(r"^#microsoft\.graph\.([A-Za-z]+AlertIncident)$")
    return [pl.coalesce(first(fields, "riskEventType"), told).alias("riskEventType")]


def _either(name: str) -> tuple[str, str]:
    """Return where a property lies: below ``properties`` (Azure Monitor), or at top level (Graph)."""
    return f"properties.{name}", name


def _table() -> dict[str, list[str]]:
    return {alias: [place for name in names.split() for place in _either(name)] for alias, names in _SPELLINGS.items()}


def _names_read() -> frozenset[str]:
    spelled = {place for places in _table().values() for place in places}
    return frozenset(spelled | _SPELLINGS.keys() | {place for name in _ECS_READ.split() for place in _either(name)})


def _service(fields: pl.DataFrame) -> pl.Expr:
    """Return which of the tenant's logs a record is of."""
    category = first(fields, "category").str.to_lowercase()
    is_risk = first(fields, "riskEventType").is_not_null() | category.str.contains("risk")
    is_pim = first(fields, "riskEventType").str.contains(r"Alert(?:Incident|Configuration)$")
    told = first(fields, *_either("status.errorCode"), *_either("clientAppUsed"))
    is_sign_in = category.str.contains("signinlogs") | told.is_not_null()
    return (
        pl.when(is_pim.fill_null(value=False))
        .then(pl.lit("pim"))
        .when(is_risk.fill_null(value=False))
        .then(pl.lit("riskdetection"))
        .when(is_sign_in.fill_null(value=False))
        .then(pl.lit("signinlogs"))
        .otherwise(pl.lit("auditlogs"))
    )


def _status(fields: pl.DataFrame, want: frozenset[str] | None) -> list[pl.Expr]:
    """Return what no single property says: ``Status`` and ``ActivityDetails``."""
    sign_in = pl.col("entra.log") == "signinlogs"
    result = first(fields, "ResultType")
    told = first(fields, *_either("status.additionalDetails"), *_either("status.failureReason"))
    given = {
        "Status": pl.when(~sign_in)
        .then(pl.coalesce(first(fields, "properties.result", "result"), result))
        .when(result == "0")
        .then(pl.lit("Success"))
        .otherwise(pl.coalesce(told, pl.lit("Failure"))),
        "ActivityDetails": pl.when(sign_in).then(pl.lit("Sign-ins")),
    }
    return [column.alias(name) for name, column in given.items() if want is None or name in want]


def _common(fields: pl.DataFrame) -> list[pl.Expr]:
    """Return time, dataset, log sources and ECS columns."""
    log = pl.col("entra.log")
    account = first(fields, "Username", "Initiatedby", *_either("initiatedBy.app.displayName"), "identity")
    target, operation = first(fields, "Target"), first(fields, "OperationName", "riskEventType")
    risk = first(fields, *_either("riskLevel"), *_either("riskLevelDuringSignIn")).str.to_lowercase()
    given = {
        "@timestamp": to_utc(_time(fields), _LAYOUTS, zone="UTC"),
        "event.dataset": pl.lit("azure.") + log,
        "logsource": log.replace_strict({service: logsource_column(source) for service, source in _LOG_SOURCES.items()}),
        "event.action": pl.when(log == "signinlogs").then(pl.lit("Sign-in activity")).otherwise(operation),
        "event.category": pl.when(log == "signinlogs").then(pl.lit(["authentication"])).otherwise(pl.lit(["iam"])),
        "event.code": pl.when(log == "signinlogs").then(first(fields, "ResultType")),
        "event.kind": pl.when(log.is_in(["riskdetection", "pim"])).then(pl.lit("alert")).otherwise(pl.lit("event")),
        "event.outcome": _outcome(fields),
        "event.provider": first(fields, "LoggedByService"),
        "event.reason": first(fields, "ResultDescription"),
        "event.severity": risk.replace_strict(_RISK_SEVERITY, default=None, return_dtype=pl.Int64),
        "user.id": first(fields, *_either("userId"), *_either("initiatedBy.user.id")),
        "user.full_name": first(fields, *_either("userDisplayName")),
        "user.target.name": user_columns(target)["user.name"],
        "source.ip": at_address(first(fields, *_either("ipAddress"), "callerIpAddress")),
        "source.geo.country_iso_code": first(fields, *_either("location.countryOrRegion")),
        "organization.id": first(fields, "tenantId"),
        "device.id": first(fields, "DeviceDetail.deviceId"),
        "device.name": first(fields, *_either("deviceDetail.displayName")),
        "user_agent.original": first(fields, "userAgent", "properties.userAgent"),
        "resource.name": pl.coalesce(first(fields, "ResourceDisplayName"), target),
        "resource.id": first(fields, *_either("targetResources.id")),
        "cloud.service.name": first(fields, *_either("appDisplayName")),
        "session.id": first(fields, "correlationId", "properties.correlationId"),
        "rule.name": first(fields, "riskEventType"),
        **user_columns(account),
    }
    return [expression.alias(name) for name, expression in given.items()]


def _time(fields: pl.DataFrame) -> pl.Expr:
    """Return when it happened, else when the tenant logged it."""
    names = ("createdDateTime", "activityDateTime", "detectedDateTime", "lastUpdatedDateTime", "riskLastUpdatedDateTime")
    return first(
        fields, *(place for name in names for place in _either(name)), "time", "timeGenerated", "properties.ActivityDate"
    )


def _outcome(fields: pl.DataFrame) -> pl.Expr:
    """Return the outcome: a sign-in's follows its error code, the others' their result."""
    code = first(fields, "ResultType")
    by_code = pl.when(code == "0").then(pl.lit("success")).when(code.is_not_null()).then(pl.lit("failure"))
    by_word = outcome(first(fields, *_either("result"), "ResultType"))
    return pl.when(pl.col("entra.log") == "signinlogs").then(by_code).otherwise(by_word)


_SAID = (
    'SignInLogs"', 'AuditLogs"', 'RiskEvents"', '"RiskyUsers"', '"RiskyServicePrincipals"', "AlertIncident",
    '"createdDateTime"', '"activityDisplayName"', '"riskEventType"', '"loggedByService"', '"SigninLogs"', '"LoggedByService"',
    '"ConditionalAccessStatus"', '"RiskEventType"',
)  # fmt: skip
PARSER = Parser(
    name="entra_signin",
    log_sources=tuple(_LOG_SOURCES.values()),
    signature=Signature(
        pattern=START
        + r'(?:"[Cc]ategory"\s*:\s*"(?:[A-Za-z]*SignInLogs|AuditLogs|[A-Za-z]*RiskEvents|RiskyUsers|RiskyServicePrincipals)"'
        r'|"createdDateTime"\s*:[\s\S]*"(?:clientAppUsed|conditionalAccessStatus)"\s*:'
        r'|"(?:clientAppUsed|conditionalAccessStatus)"\s*:[\s\S]*"createdDateTime"\s*:'
        r'|"activityDisplayName"\s*:|"[Rr]iskEventType"\s*:|"[Ll]oggedByService"\s*:|"ConditionalAccessStatus"\s*:'
        r'|"#microsoft\.graph\.[A-Za-z]{1,64}AlertIncident"|"Type"\s*:\s*"(?:SigninLogs|AuditLogs|AAD[A-Za-z]{1,64})")',
        rank=10,
        any_text=_SAID,
    ),
    maturity=Maturity.DOCUMENTED,
    fields={name: ECS.get(name, pl.String()) for name in (*_ECS.split(), "*", *_AS_SENT, *_SPELLINGS)},
    parse=_parse,
    required=("event.action",),
)
