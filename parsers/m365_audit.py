"""Microsoft 365 unified audit log: who did what in Exchange, SharePoint, Teams, Entra ID and the compliance centre.

Read in every shape it is exported in: records of the Management Activity API (one per line, a JSON array, ``{"value": […]}``),
``Search-UnifiedAuditLog`` and portal exports (CSV or JSON whose ``AuditData`` holds the record), and Sentinel's
``OfficeActivity`` names. ``CreationTime`` is UTC without saying so. Records may come a day late, and twice: ``Id`` is unique.

Own fields are the record's, flattened. Lists of name and value become fields: ``Parameters.ForwardTo``,
``ExtendedProperties.RequestType``, ``ModifiedProperties.<name>`` (new value) and ``ModifiedProperties.<name>.OldValue``; the
list itself stays JSON text, as Sigma rules search it. ``eventSource``, ``eventName``, ``status`` and ``Payload`` are the names
that SigmaHQ's ``exchange`` and ``threat_management`` rules use.

A failed sign-in says ``ResultStatus: Success``; the outcome follows ``Operation`` and ``LogonError``.

Speed: less than 150,000 records per CPU-second: the objects of each record are taken apart one by one.
"""

import polars as pl

from correlator.model.event import ECS
from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Header, Maturity, Parsed, Parser, Signature
from correlator.parse.formats import csv, json
from correlator.parse.formats.fields import aliases, at_address, at_port, columns, first, kept, outcome, user_columns
from correlator.parse.formats.records import START
from correlator.parse.formats.values import by_dataset
from correlator.parse.times import to_utc

__all__ = ["PARSER"]

_AUDIT, _EXCHANGE = LogSource("m365", "", "audit"), LogSource("m365", "", "exchange")
_MANAGEMENT, _DETECTION = LogSource("m365", "", "threat_management"), LogSource("m365", "", "threat_detection")

_SHAPE = json.Shape(
    pairs={
        "Parameters": ("Name", "Value"),
        "ExtendedProperties": ("Name", "Value"),
        "DeviceProperties": ("Name", "Value"),
        "OperationProperties": ("Name", "Value"),
        "ModifiedProperties": ("Name", "NewValue", "OldValue"),
    },
    max_depth=12,
)
_LAYOUTS = ("%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f")

_ALIASES = {
    "RequestType": ("ExtendedProperties.RequestType",),
    "UserAgent": ("ExtendedProperties.UserAgent", "ActorInfoString", "ClientInfoString"),
    "Workload": ("OfficeWorkload",),
    "CreationTime": ("TimeGenerated",),
}
_READ = (
    "CreationTime TimeGenerated Operation Operations Workload OfficeWorkload RecordType ResultStatus LogonError UserId UserKey "
    "ClientIP ClientIPAddress ActorIpAddress OrganizationId OrganizationName ObjectId Name Parameters Data SessionId "
    "SourceFileName SourceFileExtension UserAgent ExtendedProperties.UserAgent ExtendedProperties.RequestType "
    "ActorInfoString ClientInfoString AppAccessContext.AADSessionId MailboxOwnerUPN TargetUserOrGroupName"
)
_ECS = (
    "event.action event.code event.kind event.outcome event.provider event.reason event.category user.id user.name "
    "user.domain user.email user.target.name source.ip source.port organization.id organization.name session.id "
    "user_agent.original file.name file.extension url.original resource.name rule.name cloud.service.name"
)
_OWN = (
    "* eventSource eventName status Payload Operation Workload RecordType ResultStatus CreationTime Id UserId UserKey "
    "UserType ClientIP "
    "ObjectId OrganizationId ApplicationId RequestType Parameters OperationProperties ExtendedProperties ModifiedProperties "
    "Directionality DeliveryAction LogonError UserAgent"
)

_ALERT_CENTRE = "SecurityComplianceCenter"
_ALERT_RECORD = "40"


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per audit record."""
    asked = None if want is None else want | frozenset(_READ.split())
    records = json.read(_audit_data(raw), asked, envelopes=("value", "records"), shape=_SHAPE)
    if records.fields.is_empty():
        return Parsed((), records.rejects, records.skipped)
    fields = records.fields.with_columns(aliases(records.fields, _ALIASES, asked))
    fields = fields.with_columns(_sigma(fields, want))
    events = records.keys.select("raw_row", "n").hstack(columns(fields, _common(fields) + kept(fields, want)))
    return Parsed(by_dataset(events), records.rejects, records.skipped)


def _audit_data(raw: pl.DataFrame) -> pl.DataFrame:
    """Return ``raw`` with the audit record as text where an export wraps it in a line of CSV or another JSON object."""
    text = pl.col("text")
    is_csv = raw.select(text.str.contains("\n", literal=True) & ~text.str.contains(r"^\s*[{\[]")).to_series()
    is_wrapped = raw.select(text.str.contains(r'^\s*\{.*"AuditData"\s*:')).to_series()
    if not (is_csv | is_wrapped).any():
        return raw
    lines = csv.read(raw.filter(is_csv).get_column("text"))
    objects = json.flatten(raw.filter(is_wrapped).get_column("text"), frozenset(["AuditData"]), shape=_SHAPE).columns
    exported = raw.filter(is_csv).with_columns(_record_of(lines))
    unwrapped = raw.filter(is_wrapped).with_columns(_record_of(objects))
    return pl.concat([raw.filter(~is_csv & ~is_wrapped), exported, unwrapped]).sort("raw_row")


def _record_of(wrappers: pl.DataFrame) -> pl.Series:
    record = first(wrappers, "AuditData").fill_null("").alias("text")
    return columns(wrappers, [record]).to_series()


def _common(fields: pl.DataFrame) -> list[pl.Expr]:
    """Return time, dataset, log sources and ECS columns."""
    workload, operation = first(fields, "Workload"), first(fields, "Operation", "Operations")
    account, client = first(fields, "UserId", "UserKey"), first(fields, "ClientIP", "ClientIPAddress", "ActorIpAddress")
    given = {
        "@timestamp": to_utc(first(fields, "CreationTime"), _LAYOUTS, zone="UTC"),
        "event.dataset": pl.lit("m365.audit"),
        "logsource": _log_sources(workload, first(fields, "RecordType")),
        "event.action": operation,
        "event.code": first(fields, "RecordType"),
        "event.kind": pl.when(_is_alert(fields)).then(pl.lit("alert")).otherwise(pl.lit("event")),
        "event.category": pl.when(operation.str.starts_with("UserLog"))
        .then(pl.lit(["authentication"]))
        .otherwise(pl.lit(["web"])),
        "event.outcome": _outcome(fields, operation),
        "event.provider": workload,
        "event.reason": first(fields, "LogonError"),
        "user.id": account,
        "user.target.name": user_columns(first(fields, "TargetUserOrGroupName", "MailboxOwnerUPN"))["user.name"],
        "source.ip": at_address(client),
        "source.port": at_port(client),
        "organization.id": first(fields, "OrganizationId"),
        "organization.name": first(fields, "OrganizationName"),
        "session.id": first(fields, "SessionId", "AppAccessContext.AADSessionId"),
        "user_agent.original": first(fields, "UserAgent"),
        "file.name": first(fields, "SourceFileName"),
        "file.extension": first(fields, "SourceFileExtension"),
        "url.original": pl.when(first(fields, "ObjectId").str.starts_with("https://")).then(first(fields, "ObjectId")),
        "resource.name": first(fields, "ObjectId"),
        "rule.name": pl.when(_is_alert(fields)).then(first(fields, "Name")),
        **user_columns(account),
    }
    return [expression.alias(name) for name, expression in given.items()]


def _category(operation: pl.Expr, workload: pl.Expr) -> pl.Expr:
    about = workload.replace_strict(
        {"Exchange": ["email"], "SharePoint": ["file"], "OneDrive": ["file"], "AzureActiveDirectory": ["iam"]},
        default=["web"],
        return_dtype=pl.List(pl.String),
    )
    return pl.when(operation.str.starts_with("UserLog")).then(pl.lit(["authentication"])).otherwise(about)


def _outcome(fields: pl.DataFrame, operation: pl.Expr) -> pl.Expr:
    """Return the outcome; a sign-in's follows what it says happened, not ``ResultStatus``."""
    failed = operation.str.contains(r"(?i)fail") | first(fields, "LogonError").is_not_null()
    return pl.when(failed).then(pl.lit("failure")).otherwise(outcome(first(fields, "ResultStatus")))


def _is_alert(fields: pl.DataFrame) -> pl.Expr:
    return ((first(fields, "RecordType") == _ALERT_RECORD) | (first(fields, "Workload") == _ALERT_CENTRE)).fill_null(
        value=False
    )


def _log_sources(workload: pl.Expr, record_type: pl.Expr) -> pl.Expr:
    alert = (record_type == _ALERT_RECORD) | (workload == _ALERT_CENTRE)
    return (
        pl.when(alert)
        .then(pl.lit(logsource_column(_AUDIT, _MANAGEMENT, _DETECTION)))
        .when(workload == "Exchange")
        .then(pl.lit(logsource_column(_AUDIT, _EXCHANGE)))
        .otherwise(pl.lit(logsource_column(_AUDIT)))
    )


def _sigma(fields: pl.DataFrame, want: frozenset[str] | None) -> list[pl.Expr]:
    """Return the names of SigmaHQ's exchange and alert rules, whose words are those of the alert centre."""
    alert = _is_alert(fields)
    given = {
        "eventSource": pl.when(alert).then(pl.lit(_ALERT_CENTRE)).otherwise(first(fields, "Workload")),
        "eventName": pl.when(alert).then(first(fields, "Name", "Operation")).otherwise(first(fields, "Operation")),
        "status": pl.when(alert).then(pl.lit("success")).otherwise(outcome(first(fields, "ResultStatus"))),
        "Payload": first(fields, "Payload", "Parameters", "Data"),
    }
    return [column.alias(name) for name, column in given.items() if want is None or name in want]


PARSER = Parser(
    name="m365_audit",
    log_sources=(_AUDIT, _EXCHANGE, _MANAGEMENT, _DETECTION),
    signature=Signature(
        pattern=START + r'(?:"CreationTime"\s*:[\s\S]*"Workload"\s*:|"Workload"\s*:[\s\S]*"CreationTime"\s*:'
        r'|"OrganizationId"\s*:[\s\S]*"RecordType"\s*:|"RecordType"\s*:[\s\S]*"OrganizationId"\s*:'
        r'|"OfficeWorkload"\s*:|"AuditData"\s*:)|^[^0-9A-Za-z_]*(?:[A-Za-z_]+"?,"?)*AuditData\b',
        rank=10,
        any_of=('"Workload"', '"RecordType"', '"OfficeWorkload"', "AuditData"),
    ),
    maturity=Maturity.DOCUMENTED,
    fields={name: ECS.get(name, pl.String()) for name in f"{_ECS} {_OWN} Parameters.*".split()},
    parse=_parse,
    required=("event.action",),
    assembly=Header(pattern=r"^\W*(?:\w+\"?,\"?)*AuditData\b"),
)
