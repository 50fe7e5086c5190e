"""TEHTRIS XDR / EDR: alerts and events of agents, as JSON.

Product: TEHTRIS EDR and XDR platform. One JSON object per event, behind a syslog header or not, or the API's list (``events``,
``data``).

How to send it here: XDR platform > Configuration > Output connectors > Syslog (TLS), format JSON, address of this collector; or
the collector asks the events' API with a key. Reference: the platform's own documentation, not public.

UNPROVED: the names are those that public connectors show (``rflId``, ``eventName``, ``lvl``, ``cmdline``, ``path``, ``os__``,
``hostname__``, ``domain__``, ``ip_lan__``); none was seen on a real install. Every field is kept under its own name. ``lvl``
and ``severity`` are read as a word, or as a number from 0 to 5 where 1 is least.

Feeds ``product: tehtris``, ``category: antivirus`` (``Signature``, ``Filename``), and for records that tell a process
``process_creation`` of Windows or Linux.

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
from correlator.parse.times import epoch

__all__ = ["PARSER"]

_TEHTRIS, _ANTIVIRUS = LogSource("tehtris"), LogSource("", "antivirus", "")
_PROCESS = {product: LogSource(product, "process_creation") for product in ("windows", "linux")}
_NUMBERS = {"0": 10, "1": 25, "2": 50, "3": 75, "4": 95, "5": 95}

_os = first_of("os__", "os", "os_name").str.to_lowercase()
_product = pl.when(_os.str.contains("linux|debian|ubuntu|centos|red ?hat")).then(pl.lit("linux")).otherwise(pl.lit("windows"))
_command, _path = first_of("cmdline", "commandLine", "cmdLine"), first_of("path", "process_path", "imagePath", "location")
_parent, _parent_command = first_of("ppath", "pPath", "parentPath"), first_of("pcmdline", "pCmdline", "parentCmdline")
_host = first_of("hostname", "hostname__", "host", "fqdn")
_is_process = _command.is_not_null() & _path.is_not_null()
_level = first_of("severity", "lvl", "level")
_named = user_columns(first_of("username", "user", "userName"))
_sources = logsource_column(_TEHTRIS, _ANTIVIRUS)

_MAKING = Making(
    dataset="tehtris.event",
    log_sources=pl.when(_is_process)
    .then(pl.concat_str(pl.lit(_sources + " "), _product, pl.lit("/process_creation/")))
    .otherwise(pl.lit(_sources)),
    words=("eventName", "module", "lvl", "severity", "os__"),
    ecs={
        "tags": TAGS,
        "event.kind": pl.lit("alert"),
        "event.category": pl.lit(["intrusion_detection"]),
        "event.action": first_of("eventName", "event_name", "name", "description", "module"),
        "event.provider": first_of("module", "appliance", "tag"),
        "event.severity": pl.coalesce(
            level("severity", "lvl", "level"), _level.replace_strict(_NUMBERS, default=None, return_dtype=pl.Int64)
        ),
        "event.code": first_of("rflId", "id"),
        "log.level": _level.str.to_lowercase(),
        "message": first_of("description", "message"),
        "rule.name": first_of("threatName", "signature", "eventName"),
        "host.name": _host.str.to_lowercase().str.extract(r"^([^.]+)"),
        "host.hostname": _host,
        "host.domain": first_of("domain__", "domain"),
        "host.os.type": pl.when(_os.is_not_null()).then(_product),
        "host.os.full": first_of("os__", "os", "os_name"),
        "host.id": first_of("uid", "uuid__", "uuid"),
        **_named,
        "user.domain": pl.coalesce(first_of("userDomain"), _named["user.domain"]),
        "source.ip": address(first_of("ip_lan__", "ip", "srcIp", "src_ip")),
        "destination.ip": address(first_of("dstIp", "dst_ip")),
        "destination.port": integer(first_of("dstPort", "dst_port"), above=0),
        "process.executable": _path,
        "process.command_line": _command,
        "process.pid": integer(pl.col("pid")),
        "process.parent.executable": _parent,
        "process.parent.command_line": _parent_command,
        "process.parent.pid": integer(pl.col("ppid")),
        "process.hash.sha256": first_of("sha256", "hash.sha256").str.to_lowercase(),
        "file.path": first_of("file", "filePath", "path"),
    },
    own={
        "Image": _path,
        "CommandLine": _command,
        "ParentImage": _parent,
        "ParentCommandLine": _parent_command,
        "User": first_of("username", "user", "userName"),
        "Hashes": pl.lit("SHA256=") + first_of("sha256", "hash.sha256").str.to_uppercase(),
        "Computer": _host,
        "Signature": first_of("threatName", "signature", "eventName"),
        "Filename": first_of("file", "filePath", "path"),
        "Action": first_of("action", "remediation", "quarantine"),
    },
)
_PRODUCT = Product(
    _MAKING,
    time=pl.coalesce(moment("time", "date", "timestamp", "eventTime", "detectionDate"), epoch(first_of("time", "timestamp"))),
    known=("eventName", "event_name", "description", "name", "module"),
    reading=Reading(envelopes=("events", "data", "alerts"), shape=json.Shape(max_depth=12)),
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per record."""
    return _PRODUCT.parse(raw, want)


PARSER = Parser(
    name="tehtris",
    log_sources=(_TEHTRIS, _ANTIVIRUS, *_PROCESS.values()),
    signature=Signature(
        pattern=START + r'(?:"(?:rflId|hostname__|os__|ip_lan__|uuid__)"\s*:|"[A-Za-z_]{1,32}"\s*:\s*"(?i:tehtris)[^"]*")',
        rank=10,
        any_text=('"rflId"', '"hostname__"', '"os__"', '"ip_lan__"', '"uuid__"', "ehtris", "EHTRIS"),
    ),
    maturity=Maturity.UNPROVED,
    fields=_PRODUCT.declared(),
    parse=_parse,
    required=("event.action",),
)
