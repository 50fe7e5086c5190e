"""Alerts, incidents and rows of advanced hunting as events."""

import polars as pl

from correlator.parse.contract import Parsed
from correlator.parse.formats import json
from correlator.parse.formats.fields import user_columns
from correlator.parse.formats.making import Making
from correlator.parse.formats.records import TAGS, Product, Reading, first_of, level, moment
from correlator.parse.formats.values import address, integer

from .machine import ACTION, EVIDENCE_PATH, FULL_PATH, IS_ALERT, IS_INBOUND, IS_INCIDENT, OWN, SOURCES, TABLE, TITLE

__all__ = ["PRODUCT", "parse"]

_CATEGORIES = {
    "ProcessCreated": ["process"], "ImageLoaded": ["library"], "DriverLoad": ["driver"], "LogonSuccess": ["authentication"],
    "LogonFailed": ["authentication"], "LogonAttempted": ["authentication"], "FileCreated": ["file"], "FileModified": ["file"],
    "FileRenamed": ["file"], "FileDeleted": ["file"], "RegistryValueSet": ["registry"], "RegistryKeyCreated": ["registry"],
    "RegistryKeyDeleted": ["registry"], "RegistryValueDeleted": ["registry"], "ConnectionSuccess": ["network"],
    "ConnectionFailed": ["network"], "ConnectionAttempt": ["network"], "InboundConnectionAccepted": ["network"],
    "AntivirusDetection": ["malware"], "UserAccountCreated": ["iam"], "UserAccountAddedToLocalGroup": ["iam"],
}  # fmt: skip
_is_mail = TABLE.str.contains("^Email|^Url|^MessageEvents")
_is_new = ACTION == "ProcessCreated"
_account = first_of(
    "AccountUpn", "AccountName", "RecipientEmailAddress", "evidence.userAccount.userPrincipalName",
    "evidence.userAccount.accountName", "evidence.userPrincipalName", "relatedUser.userName",
    "InitiatingProcessAccountName", "evidence.accountName",
)  # fmt: skip
_domain = first_of("AccountDomain", "evidence.userAccount.domainName", "relatedUser.domainName")
_recipient = first_of("RecipientEmailAddress", "evidence.recipientEmailAddress")


def _own(name: str) -> pl.Expr:
    """Return what is said of the initiating process's account, where no other account is named."""
    return pl.when(first_of("AccountUpn", "AccountName", "RecipientEmailAddress").is_null()).then(pl.col(name))


_entity, _is_person = pl.col("CompromisedEntity"), pl.col("CompromisedEntity").str.contains("@", literal=True)
_named = user_columns(pl.coalesce(_account, pl.when(_is_person).then(_entity)))
_device = pl.coalesce(
    first_of("DeviceName", "computerDnsName", "evidence.deviceDnsName", "evidence.hostName", "AlertDeviceName"),
    pl.when(~_is_person).then(_entity),
)
_is_logon = ACTION.str.starts_with("Logon")
_failed = ACTION.str.contains("Failed|Blocked").fill_null(value=False)
_remote, _local = pl.col("RemoteIP"), pl.col("LocalIP")
_techniques = pl.coalesce(
    "mitreTechniques[]",
    first_of("AttackTechniques", "Techniques").str.extract_all(r"T[0-9]{4}(?:\.[0-9]{3})?"),
)

_MAKING = Making(
    dataset=pl.when(IS_INCIDENT)
    .then(pl.lit("defender_xdr.incident"))
    .when(IS_ALERT)
    .then(pl.lit("defender_xdr.alert"))
    .otherwise(pl.lit("defender_xdr.") + TABLE.str.to_lowercase().str.head(48).fill_null("row")),
    log_sources=SOURCES,
    words=("category", "ActionType", "Type", "severity", "Severity", "status"),
    ecs={
        "tags": TAGS,
        "event.kind": pl.when(IS_ALERT | IS_INCIDENT | (ACTION == "AntivirusDetection"))
        .then(pl.lit("alert"))
        .otherwise(pl.lit("event")),
        "event.action": pl.coalesce(ACTION, TITLE, TABLE, pl.col("category")),
        "event.category": pl.when(IS_ALERT | IS_INCIDENT)
        .then(pl.lit(["intrusion_detection"]))
        .when(_is_mail)
        .then(pl.lit(["email"]))
        .otherwise(ACTION.replace_strict(_CATEGORIES, default=["host"], return_dtype=pl.List(pl.String))),
        "event.outcome": pl.when(_failed).then(pl.lit("failure")).when(ACTION.is_not_null()).then(pl.lit("success")),
        "event.provider": first_of("serviceSource", "ServiceSource", "detectionSource", "DetectionSource", "ProviderName"),
        "event.severity": level("severity", "Severity", "AlertSeverity"),
        "event.reason": first_of("FailureReason", "description"),
        "log.level": first_of("severity", "Severity", "AlertSeverity").str.to_lowercase(),
        "message": TITLE,
        "rule.name": TITLE,
        "rule.id": pl.when(IS_ALERT).then(first_of("detectorId", "AlertId", "AlertType", "id")),
        "rule.category": pl.when(IS_ALERT).then(first_of("Category", "category")),
        "event.url": first_of("alertWebUrl", "incidentWebUrl"),
        "threat.technique.id": _techniques,
        "threat.indicator.name": OWN["Signature"],
        "host.name": _device.str.to_lowercase().str.extract(r"^([^.]+)"),
        "host.hostname": _device,
        "device.id": first_of("DeviceId", "machineId", "evidence.mdeDeviceId"),
        "organization.id": first_of("tenantId", "TenantId"),
        "user.name": _named["user.name"],
        "user.domain": pl.coalesce(_domain, _named["user.domain"], _own("InitiatingProcessAccountDomain")),
        "user.email": _named["user.email"],
        "user.id": pl.coalesce(
            first_of("AccountSid", "AccountObjectId", "evidence.userAccount.userSid"), _own("InitiatingProcessAccountSid")
        ),
        "source.ip": address(
            pl.when(_is_logon | IS_INBOUND)
            .then(pl.coalesce(_remote, "IPAddress"))
            .otherwise(pl.coalesce(_local, first_of("IPAddress", "evidence.ipAddress", "SenderIPv4")))
        ),
        "source.port": integer(
            pl.when(_is_logon | IS_INBOUND).then(pl.col("RemotePort")).otherwise(pl.col("LocalPort")), above=0
        ),
        "destination.ip": address(pl.when(IS_INBOUND).then(_local).when(~_is_logon).then(_remote)),
        "destination.port": integer(
            pl.when(IS_INBOUND).then(pl.col("LocalPort")).when(~_is_logon).then(pl.col("RemotePort")), above=0
        ),
        "destination.domain": pl.when(~_is_logon).then(pl.col("RemoteUrl").str.extract(r"^(?:[a-z]+://)?([^/:]+)")),
        "network.transport": pl.col("Protocol").str.to_lowercase().str.extract(r"^(tcp|udp|icmp)"),
        "process.executable": pl.coalesce(OWN["Image"], pl.when(IS_ALERT).then(EVIDENCE_PATH)),
        "process.command_line": pl.coalesce(OWN["CommandLine"], "evidence.processCommandLine"),
        "process.pid": integer(OWN["ProcessId"]),
        "process.parent.executable": OWN["ParentImage"],
        "process.parent.command_line": OWN["ParentCommandLine"],
        "file.path": pl.when(~_is_new).then(FULL_PATH),
        "file.name": first_of("FileName", "evidence.imageFile.fileName", "evidence.fileDetails.fileName", "evidence.fileName"),
        "file.hash.sha256": first_of("SHA256", "evidence.fileDetails.sha256", "evidence.imageFile.sha256", "evidence.sha256"),
        "file.hash.sha1": first_of("SHA1", "evidence.fileDetails.sha1", "evidence.sha1"),
        "file.hash.md5": pl.col("MD5"),
        "registry.path": OWN["TargetObject"],
        "url.original": first_of("Url", "evidence.url"),
        "email.from.address": first_of("SenderFromAddress", "evidence.p1Sender.emailAddress"),
        "email.to.address": pl.when(_recipient.is_not_null()).then(pl.concat_list(_recipient)),
        "email.subject": first_of("Subject", "evidence.subject"),
    },
    own=OWN,
)
PRODUCT = Product(
    _MAKING,
    time=moment(
        "Timestamp", "StartTime", "firstActivityDateTime", "firstEventTime", "createdDateTime", "alertCreationTime",
        "createdTime", "TimeGenerated", "time",
    ),
    known=("ActionType", "title", "Title", "displayName", "AlertTitle", "AlertName", "DisplayName", "category", "Type"),
    reading=Reading(
        envelopes=("records", "value", "Results", "results", "alerts"),
        lifted=("properties.",),
        shape=json.Shape(max_depth=16),
    ),
)  # fmt: skip


def parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per alert, incident or row."""
    return PRODUCT.parse(raw, want)
