"""Events of machines: which Sigma category each action of an advanced hunting row feeds, and Sysmon's names for its columns."""

from collections.abc import Sequence
from functools import lru_cache

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.formats.records import first_of

__all__ = [
    "ACTION",
    "EVIDENCE_PATH",
    "FULL_PATH",
    "IS_ALERT",
    "IS_INBOUND",
    "IS_INCIDENT",
    "LOG_SOURCES",
    "OWN",
    "SOURCES",
    "TABLE",
    "THREAT",
    "TITLE",
]

ALERT = (LogSource("defender_xdr", "", "alert"), LogSource("", "antivirus", ""))
INCIDENT = LogSource("defender_xdr", "", "incident")

# Sigma category: actions of advanced hunting rows
_CATEGORIES = """
process_creation: ProcessCreated
network_connection: ConnectionSuccess ConnectionAttempt ConnectionFailed ConnectionRequest ConnectionFound
network_connection: InboundConnectionAccepted InboundInternetScanInspected
file_event: FileCreated FileModified
file_rename: FileRenamed
file_delete: FileDeleted
registry_set: RegistryValueSet
registry_add: RegistryKeyCreated
registry_delete: RegistryKeyDeleted RegistryValueDeleted
registry_rename: RegistryKeyRenamed
image_load: ImageLoaded
driver_load: DriverLoad
create_remote_thread: CreateRemoteThreadApiCall
process_access: OpenProcessApiCall
pipe_created: NamedPipeEvent
dns_query: DnsQueryResponse DnsQueryRequest
antivirus: AntivirusDetection AntivirusDetectionActionType AntivirusMalwareBlocked AntivirusMalwareActionFailed
"""
_BY_ACTION = {
    action: category
    for line in _CATEGORIES.strip().splitlines()
    for category, actions in [line.split(": ")]
    for action in actions.split()
}

_DIGITS = 20  # of the greatest number of 64 bits

TABLE = pl.coalesce(pl.col("category").str.extract(r"^AdvancedHunting-(\w+)$"), first_of("Type", "$table"))
ACTION = pl.col("ActionType")
_path, _file = pl.col("FolderPath"), pl.col("FileName")


def _joined(folder: pl.Expr, name: pl.Expr) -> pl.Expr:
    """Return the path of a file; the folder of a row mostly holds the file's name already."""
    between = pl.when(folder.str.contains("/", literal=True)).then(pl.lit("/")).otherwise(pl.lit("\\"))
    is_whole = name.is_null() | folder.str.to_lowercase().str.ends_with(name.str.to_lowercase())
    return pl.when(is_whole).then(folder).otherwise(pl.concat_str(folder.str.strip_chars_end("\\/"), between, name))


FULL_PATH = _joined(_path, _file)
EVIDENCE_PATH = pl.coalesce(
    _joined(pl.col("evidence.imageFile.filePath"), pl.col("evidence.imageFile.fileName")),
    _joined(pl.col("evidence.fileDetails.filePath"), pl.col("evidence.fileDetails.fileName")),
    _joined(pl.col("evidence.filePath"), pl.col("evidence.fileName")),
)
IS_INBOUND = ACTION.is_in(["InboundConnectionAccepted", "InboundInternetScanInspected"])
_is_linux = first_of("InitiatingProcessFolderPath", "FolderPath").str.starts_with("/")
_category = ACTION.replace_strict(_BY_ACTION, default=None, return_dtype=pl.String)
_product = pl.when(_is_linux.fill_null(value=False)).then(pl.lit("linux")).otherwise(pl.lit("windows"))
#: What an alert or an incident is called, whichever table it comes from.
TITLE = first_of("title", "Title", "displayName", "AlertTitle", "AlertName", "DisplayName")
IS_INCIDENT = (pl.col("incidentWebUrl").is_not_null() | pl.col("redirectIncidentId").is_not_null()).fill_null(value=False)
#: A finding of the product, not an event of a machine.
IS_ALERT = ACTION.is_null() & TITLE.is_not_null() & ~IS_INCIDENT

#: The log sources of a record.
SOURCES = (
    pl.when(_category == "antivirus")
    .then(pl.lit(logsource_column(LogSource("windows", "antivirus", ""), *ALERT)))
    .when(_category.str.starts_with("registry"))
    .then(pl.concat_str(_product, pl.lit("/"), _category, pl.lit("/ windows/registry_event/")))
    .when(_category.is_not_null())
    .then(pl.concat_str(_product, pl.lit("/"), _category, pl.lit("/")))
    .when(IS_ALERT)
    .then(pl.lit(logsource_column(*ALERT)))
    .when(IS_INCIDENT)
    .then(pl.lit(str(INCIDENT)))
    .when(pl.col("DeviceName").is_not_null() & ACTION.is_not_null())
    .then(pl.concat_str(_product, pl.lit("//")))
    .otherwise(pl.lit(str(LogSource("m365"))))
)
LOG_SOURCES = (
    *ALERT,
    INCIDENT,
    LogSource("m365"),
    *(LogSource(product) for product in ("windows", "linux")),
    *(LogSource(product, category) for product in ("windows", "linux") for category in sorted({*_BY_ACTION.values()})),
    LogSource("windows", "registry_event"),
)


def _more(name: str) -> pl.Expr:
    """Return a text of ``AdditionalFields``, an object or its text."""
    found = pl.col("AdditionalFields").str.extract(rf'"{name}"\s*:\s*"((?:[^"\\]|\\.)+)"')
    return found.str.replace_all("\\\\", "\\", literal=True)


THREAT = pl.coalesce(
    _more("ThreatName"),
    first_of("threatDisplayName", "threatName", "threatFamilyName", "malwareName"),
    TITLE,
)

_key = (
    first_of("RegistryKey", "PreviousRegistryKey")
    .str.replace(r"(?i)^HKEY_LOCAL_MACHINE", "HKLM")
    .str.replace(r"(?i)^HKEY_CURRENT_USER\\S-1", "HKU\\S-1")
    .str.replace(r"(?i)^HKEY_CURRENT_USER", "HKCU")
    .str.replace(r"(?i)^HKEY_USERS", "HKU")
    .str.replace(r"(?i)^HKEY_CLASSES_ROOT", "HKCR")
)
_value = first_of("RegistryValueName", "PreviousRegistryValueName")
_EVENT_TYPES = {
    "RegistryValueSet": "SetValue", "RegistryKeyCreated": "CreateKey", "RegistryKeyDeleted": "DeleteKey",
    "RegistryValueDeleted": "DeleteValue", "RegistryKeyRenamed": "RenameKey", "NamedPipeEvent": "CreatePipe",
}  # fmt: skip


@lru_cache(maxsize=4096)
def _as_sysmon(kind: str | None, data: str | None) -> str | None:
    """Return a registry value as Sysmon writes it: numbers in hexadecimal, under the name of their size."""
    digits = {"dword": 8, "qword": 16}.get((kind or "").lower())
    if digits is None or data is None or not data.isascii() or not data.isdigit() or len(data) > _DIGITS:
        return data
    return f"{kind.upper() if kind else ''} (0x{int(data):0{digits}x})"


def _details(columns: Sequence[pl.Series]) -> pl.Series:
    kinds, data = (column.to_list() for column in columns)
    return pl.Series([_as_sysmon(kind, one) for kind, one in zip(kinds, data, strict=True)], dtype=pl.String)


def _hash(label: str, name: str) -> pl.Expr:
    return pl.lit(f"{label}=") + pl.col(name).str.to_uppercase()


_initiating = pl.col("InitiatingProcessFolderPath")
_new, _reaching = ACTION == "ProcessCreated", ACTION.is_in(["CreateRemoteThreadApiCall", "OpenProcessApiCall"])
_user = pl.concat_str(
    first_of("AccountDomain", "InitiatingProcessAccountDomain"),
    pl.lit("\\"),
    first_of("AccountName", "InitiatingProcessAccountName"),
)
_previous = _joined(pl.col("PreviousFolderPath"), pl.col("PreviousFileName"))


_flow = _category == "network_connection"


def _side(inbound: str, outbound: str) -> pl.Expr:
    side = pl.when(IS_INBOUND).then(pl.col(inbound)).when(_flow).then(pl.col(outbound))
    return side.str.strip_prefix("::ffff:")


#: Sysmon's names.
OWN = {
    "Image": pl.when(_new).then(FULL_PATH).otherwise(_initiating),
    "CommandLine": pl.when(_new).then(pl.col("ProcessCommandLine")).otherwise(pl.col("InitiatingProcessCommandLine")),
    "ParentImage": pl.when(_new).then(_initiating),
    "ParentCommandLine": pl.when(_new).then(pl.col("InitiatingProcessCommandLine")),
    "ParentUser": pl.when(_new).then(
        pl.concat_str("InitiatingProcessAccountDomain", pl.lit("\\"), "InitiatingProcessAccountName")
    ),
    "GrandParentImage": pl.when(_new).then(pl.lit("\\") + pl.col("InitiatingProcessParentFileName")),
    "User": _user,
    "ProcessId": pl.when(_new).then(pl.col("ProcessId")).otherwise(pl.col("InitiatingProcessId")),
    "OriginalFileName": first_of("ProcessVersionInfoOriginalFileName", "InitiatingProcessVersionInfoOriginalFileName"),
    "Product": first_of("ProcessVersionInfoProductName", "InitiatingProcessVersionInfoProductName"),
    "Company": first_of("ProcessVersionInfoCompanyName", "InitiatingProcessVersionInfoCompanyName"),
    "Description": first_of("ProcessVersionInfoFileDescription", "InitiatingProcessVersionInfoFileDescription"),
    "FileVersion": first_of("ProcessVersionInfoProductVersion", "InitiatingProcessVersionInfoProductVersion"),
    "IntegrityLevel": first_of("ProcessIntegrityLevel", "InitiatingProcessIntegrityLevel"),
    "Hashes": pl.concat_str(
        _hash("SHA1", "SHA1"), _hash("MD5", "MD5"), _hash("SHA256", "SHA256"), separator=",", ignore_nulls=True
    ),
    "Computer": pl.col("DeviceName"),
    "TargetFilename": pl.when(_category.str.starts_with("file")).then(FULL_PATH),
    "SourceFilename": _previous,
    "ImageLoaded": pl.when(_category.is_in(["image_load", "driver_load"])).then(FULL_PATH),
    "TargetObject": pl.when(_value.is_null()).then(_key).otherwise(pl.concat_str(_key, pl.lit("\\"), _value)),
    "Details": pl.map_batches(["RegistryValueType", "RegistryValueData"], _details, return_dtype=pl.String),
    "EventType": ACTION.replace_strict(_EVENT_TYPES, default=None, return_dtype=pl.String),
    "Initiated": pl.when(IS_INBOUND).then(pl.lit("false")).when(_flow).then(pl.lit("true")),
    "SourceIp": _side("RemoteIP", "LocalIP"),
    "SourcePort": _side("RemotePort", "LocalPort"),
    "DestinationIp": _side("LocalIP", "RemoteIP"),
    "DestinationPort": _side("LocalPort", "RemotePort"),
    "DestinationHostname": pl.when(_flow & ~IS_INBOUND).then(pl.col("RemoteUrl")),
    "DestinationIsIpv6": pl.when(_side("LocalIP", "RemoteIP").str.contains(":", literal=True)).then(pl.lit("true")),
    "Protocol": first_of("Protocol").str.to_lowercase(),
    "SourceImage": pl.when(_reaching).then(_initiating),
    "TargetImage": pl.when(_reaching).then(FULL_PATH),
    "PipeName": _more("PipeName").str.replace(r"^\\Device\\NamedPipe", ""),
    "QueryName": pl.coalesce(_more("DnsQueryString"), _more("DnsQuery"), _more("query")),
    "Signature": pl.when((_category == "antivirus") | IS_ALERT).then(THREAT),
    "Filename": pl.when(_category == "antivirus").then(FULL_PATH).when(IS_ALERT).then(EVIDENCE_PATH),
    "Action": pl.when((_category == "antivirus") | IS_ALERT).then(
        pl.coalesce(_more("Action"), first_of("remediationStatus", "status", "ActionType"))
    ),
}
