r"""HarfangLab EDR (Hurukai): security events, threats, and the telemetry of agents.

Product: HarfangLab EDR manager 3.x and 4.x. Shapes: security events (alerts) and threats as JSON, one per line, behind a syslog
header or not, or as the API's list (``results``); telemetry with the same ``agent`` object: processes, connections, DNS, files,
registry, libraries, drivers, pipes, remote threads, authentications, Windows event logs.

How to send it here: Administration > Configuration > Log forwarding > Syslog (TCP, TLS), format JSON, address of this
collector;
kinds: security events, threats, audit, and the telemetry wanted. Or the collector asks ``/api/data/alert/alert/Alert/`` with an
API token. Reference: "HarfangLab EDR, Log export" (documentation in the product). Field names of alerts follow public
connectors; those of telemetry have not been seen on a real install.

Telemetry feeds Sigma's ``process_creation``, ``network_connection``, ``dns_query``, ``file_event``, ``registry_set``,
``image_load``, ``driver_load``, ``create_remote_thread``, ``pipe_created`` of Windows or Linux (``agent.ostype``) under
Sysmon's names. Alerts feed ``category: antivirus`` (``Signature`` is the rule) and ``product: harfanglab``.

Severity: informational 10, low 25, medium 50, high 75, critical 95.

Speed: less than 150,000 records per CPU-second: the objects of each record are taken apart one by one.
"""

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats import json
from correlator.parse.formats.fields import user_columns
from correlator.parse.formats.making import Making
from correlator.parse.formats.records import START, TAGS, Product, Reading, first_of, level, moment
from correlator.parse.formats.values import address, integer

__all__ = ["PARSER"]

_ALERT = (LogSource("harfanglab", "", "alert"), LogSource("", "antivirus", ""))
_THREAT, _AUDIT = LogSource("harfanglab", "", "threat"), LogSource("harfanglab")
_CATEGORIES = {
    "process": "process_creation", "network": "network_connection", "dns": "dns_query", "file": "file_event",
    "registry": "registry_set", "library": "image_load", "driver": "driver_load", "remotethread": "create_remote_thread",
    "pipe": "pipe_created",
}  # fmt: skip
_ECS_CATEGORIES = {
    "alert": ["intrusion_detection"], "threat": ["intrusion_detection"], "process": ["process"], "network": ["network"],
    "dns": ["network"], "file": ["file"], "registry": ["registry"], "library": ["library"], "driver": ["driver"],
    "authentication": ["authentication"],
}  # fmt: skip


def _in(name: str) -> pl.Expr:
    """Return a field of the process, at top level in telemetry and below ``process`` in alerts."""
    return first_of(name, f"process.{name}")


_typed = first_of("log_type", "event_type", "type").str.to_lowercase()
_kind = (
    pl.when(pl.col("alert_type").is_not_null() | (pl.col("rule_name").is_not_null() & pl.col("alert_time").is_not_null()))
    .then(pl.lit("alert"))
    .when(pl.col("total_security_event_count").is_not_null() | pl.col("security_event_count_by_level").is_not_null())
    .then(pl.lit("threat"))
    .when(_typed.str.contains("remote_?thread") | pl.col("target_image").is_not_null())
    .then(pl.lit("remotethread"))
    .when(_typed.str.contains("dns") | pl.col("requested_name").is_not_null())
    .then(pl.lit("dns"))
    .when(_typed.str.contains("network|connection") | pl.col("daddr").is_not_null())
    .then(pl.lit("network"))
    .when(_typed.str.contains("registry") | pl.col("target_object").is_not_null())
    .then(pl.lit("registry"))
    .when(_typed.str.contains("auth|logon") | pl.col("logon_type").is_not_null())
    .then(pl.lit("authentication"))
    .when(_typed.str.contains("library|dll") | pl.col("library_path").is_not_null())
    .then(pl.lit("library"))
    .when(_typed.str.contains("driver"))
    .then(pl.lit("driver"))
    .when(_typed.str.contains("pipe") | pl.col("pipe_name").is_not_null())
    .then(pl.lit("pipe"))
    .when(_typed.str.contains("eventlog") | pl.col("event_data").is_not_null())
    .then(pl.lit("eventlog"))
    .when(_typed.str.contains("file") | pl.col("target_path").is_not_null())
    .then(pl.lit("file"))
    .when(pl.col("image_name").is_not_null())
    .then(pl.lit("process"))
    .otherwise(pl.lit("audit"))
)
_os = first_of("agent.ostype", "agent.os_type").str.to_lowercase()
_product = pl.when(_os.is_in(["linux", "macos"])).then(_os).otherwise(pl.lit("windows"))
_channel = first_of("log_name", "source_name", "eventlog.source_name").str.to_lowercase()
_service = (
    pl.when(_channel.str.contains("security")).then(pl.lit("security"))
    .when(_channel.str.contains("powershell")).then(pl.lit("powershell"))
    .when(_channel.str.contains("service control manager|^system$")).then(pl.lit("system"))
    .when(_channel.str.contains("windows defender")).then(pl.lit("windefend"))
    .when(_channel.str.contains("taskscheduler")).then(pl.lit("taskscheduler"))
    .otherwise(pl.lit("application"))
)  # fmt: skip
_sigma = _kind.replace_strict(_CATEGORIES, default=None, return_dtype=pl.String)
_log_sources = (
    pl.when(_kind == "alert").then(pl.lit(logsource_column(*_ALERT)))
    .when(_kind == "threat").then(pl.lit(str(_THREAT)))
    .when(_sigma.is_not_null()).then(pl.concat_str(_product, pl.lit("/"), _sigma, pl.lit("/")))
    .when(_kind == "eventlog").then(pl.concat_str(pl.lit("windows//"), _service))
    .when(_kind == "authentication").then(pl.concat_str(_product, pl.lit("//")))
    .otherwise(pl.lit(str(_AUDIT)))
)  # fmt: skip
_is_in = first_of("direction", "details_network.direction").str.to_lowercase().str.contains("^in").fill_null(value=False)
_far, _near = first_of("daddr", "details_network.daddr"), first_of("saddr", "details_network.saddr")
_far_port, _near_port = first_of("dport", "details_network.dport"), first_of("sport", "details_network.sport")
_file = first_of("target_path", "path", "details_file.target_path", "details_file.path", "details_library.path", "library_path")
_hash = {name: first_of(f"hashes.{name}", f"process.hashes.{name}") for name in ("md5", "sha1", "sha256")}
_user = first_of("username", "process.username", "target_username", "source_username", "user.username", "user.name")
_success = first_of("success", "authentication_status", "status_success").str.to_lowercase()
_named = user_columns(_user)

_MAKING = Making(
    dataset=pl.lit("harfanglab.") + _kind,
    log_sources=_log_sources,
    words=("log_type", "alert_type", "level", "status", "agent.ostype"),
    ecs={
        "tags": TAGS,
        "event.kind": pl.when(_kind.is_in(["alert", "threat"])).then(pl.lit("alert")).otherwise(pl.lit("event")),
        "event.category": _kind.replace_strict(_ECS_CATEGORIES, default=["host"], return_dtype=pl.List(pl.String)),
        "event.action": first_of("rule_name", "slug", "action", "operation", "log_type", "event_type", "image_name", "type"),
        "event.outcome": pl.when(_kind == "authentication").then(
            pl.when(_success.is_in(["true", "success", "1"])).then(pl.lit("success")).otherwise(pl.lit("failure"))
        ),
        "event.code": first_of("event_id", "eventlog.event_id"),
        "event.severity": level("level"),
        "event.reason": pl.col("detection_origin"),
        "log.level": pl.col("level").str.to_lowercase(),
        "message": first_of("msg", "message"),
        "rule.name": pl.col("rule_name"),
        "rule.id": pl.col("rule_id"),
        "rule.category": pl.col("alert_type"),
        "threat.technique.id": pl.when(pl.col("tags[]").is_not_null()).then(
            pl.col("tags[]")
            .list.join(" ")
            .str.extract_all(r"(?i)\bt[0-9]{4}(?:\.[0-9]{3})?\b")
            .list.eval(pl.element().str.to_uppercase())
        ),
        "organization.name": pl.col("tenant"),
        "host.name": pl.col("agent.hostname").str.to_lowercase().str.extract(r"^([^.]+)"),
        "host.hostname": pl.col("agent.hostname"),
        "host.domain": pl.col("agent.domainname"),
        "host.id": pl.col("agent.agentid"),
        "host.os.type": _os,
        "host.os.full": pl.col("agent.osproducttype"),
        **_named,
        "user.domain": pl.coalesce("target_domainname", _named["user.domain"]),
        "user.id": first_of("usersid", "process.usersid"),
        "process.executable": _in("image_name"),
        "process.name": _in("process_name"),
        "process.command_line": _in("commandline"),
        "process.pid": integer(_in("pid")),
        "process.working_directory": _in("current_directory"),
        "process.parent.executable": _in("parent_image"),
        "process.parent.command_line": _in("parent_commandline"),
        "process.hash.md5": _hash["md5"],
        "process.hash.sha1": _hash["sha1"],
        "process.hash.sha256": _hash["sha256"],
        "file.path": _file,
        "registry.path": first_of("target_object", "details_registry.target_object"),
        "dns.question.name": first_of("requested_name", "details_dns.requested_name").str.to_lowercase(),
        "source.ip": address(pl.coalesce(pl.when(_is_in).then(_far).otherwise(_near), "source_address")),
        "source.port": integer(pl.when(_is_in).then(_far_port).otherwise(_near_port), above=0),
        "destination.ip": address(pl.when(_is_in).then(_near).otherwise(_far)),
        "destination.port": integer(pl.when(_is_in).then(_near_port).otherwise(_far_port), above=0),
    },
    own={
        "Image": _in("image_name"),
        "CommandLine": _in("commandline"),
        "ParentImage": _in("parent_image"),
        "ParentCommandLine": _in("parent_commandline"),
        "GrandParentImage": _in("grandparent_image"),
        "CurrentDirectory": _in("current_directory"),
        "User": _user,
        "IntegrityLevel": _in("integrity_level"),
        "OriginalFileName": first_of("pe_info.original_filename", "process.pe_info.original_filename"),
        "Product": first_of("pe_info.product_name", "process.pe_info.product_name"),
        "Company": first_of("pe_info.company_name", "process.pe_info.company_name"),
        "Description": first_of("pe_info.file_description", "process.pe_info.file_description"),
        "FileVersion": first_of("pe_info.file_version", "process.pe_info.file_version"),
        "Hashes": pl.concat_str(
            *(pl.lit(f"{name.upper()}=") + value.str.to_uppercase() for name, value in _hash.items()),
            separator=",",
            ignore_nulls=True,
        ),
        "Computer": pl.col("agent.hostname"),
        "TargetFilename": pl.when(_kind == "file").then(_file),
        "ImageLoaded": pl.when(_kind.is_in(["library", "driver"])).then(first_of("library_path", "path", "image_name")),
        "TargetObject": first_of("target_object", "details_registry.target_object"),
        "Details": first_of("details", "details_registry.details"),
        "QueryName": first_of("requested_name", "details_dns.requested_name"),
        "Initiated": pl.when(_kind == "network").then(pl.when(_is_in).then(pl.lit("false")).otherwise(pl.lit("true"))),
        "SourceIp": pl.when(_is_in).then(_far).otherwise(_near),
        "SourcePort": pl.when(_is_in).then(_far_port).otherwise(_near_port),
        "DestinationIp": pl.when(_is_in).then(_near).otherwise(_far),
        "DestinationPort": pl.when(_is_in).then(_near_port).otherwise(_far_port),
        "SourceImage": first_of("source_image", "details_remotethread.source_image"),
        "TargetImage": first_of("target_image", "details_remotethread.target_image"),
        "PipeName": pl.col("pipe_name"),
        "EventID": first_of("event_id", "eventlog.event_id"),
        "Signature": pl.when(_kind == "alert").then(first_of("rule_name", "threat_key")),
        "Filename": pl.when(_kind == "alert").then(pl.coalesce(_file, _in("image_name"))),
        "Action": pl.when(_kind == "alert").then(first_of("action", "status")),
    },
)
_PRODUCT = Product(
    _MAKING,
    time=moment(
        "alert_time", "event_date", "create_time", "@event_create_date", "last_seen", "creation_date", "@timestamp", "date"
    ),
    known=(
        "rule_name",
        "slug",
        "log_type",
        "event_type",
        "image_name",
        "action",
        "daddr",
        "requested_name",
        "event_id",
        "type",
    ),
    reading=Reading(envelopes=("results", "events"), lifted=("event_data.",), shape=json.Shape(max_depth=12)),
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per alert, threat or telemetry record."""
    return _PRODUCT.parse(raw, want)


PARSER = Parser(
    name="harfanglab",
    log_sources=(
        *_ALERT,
        _THREAT,
        _AUDIT,
        *(LogSource(product, name) for product in ("windows", "linux") for name in _CATEGORIES.values()),
        *(
            LogSource("windows", "", name)
            for name in ("security", "powershell", "system", "windefend", "taskscheduler", "application")
        ),
        *(LogSource(product) for product in ("windows", "linux", "macos")),
    ),
    signature=Signature(
        pattern=START + r'(?:"agentid"\s*:|"detection_origin"\s*:|"total_security_event_count"\s*:)',
        rank=10,
        any_text=('"agentid"', '"detection_origin"', '"total_security_event_count"'),
    ),
    maturity=Maturity.UNPROVED,
    fields=_PRODUCT.declared(),
    parse=_parse,
    required=("event.action",),
)
