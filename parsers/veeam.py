r"""Veeam Backup & Replication 12.1 to 13 over syslog: jobs, tasks, restore points, what administrators add, change and delete.

Sent here with *Main menu › Options › Event forwarding › Syslog servers › Add* (UDP, TCP or TLS). Reference: "Veeam Backup &
Replication Event Reference", "Specifying Syslog Servers". The same events in the Windows event log (``Veeam Backup``) are read
by ``windows_eventlog``. Lines of VBR's own log files (``[22.11.2026 10:15:30] <01> Info …``) are read as messages.

A record says ``[origin enterpriseId="31023"] [categoryId=0 instanceId=190 JobName="…" JobResult="0" Description="…"]``, which
looks like structured data and is none: quotes inside values are not escaped (``UserFullInfo`` holds XML), so a value ends
before the next name in capitals. Own fields are Veeam's. The outcome follows ``JobResult`` (0 success, 1 warning, 2 failed),
``Status`` of a task (0 success, 2 failed, 3 warning) and ``Result``, two scales that differ; a warning is a success with
``log.level`` warning. Where there is none of them the words of ``Description`` decide, in English and in French. Numbers of
events that the reference does not explain stay as they are in ``event.code``. About 40,000 lines a second of a CPU: a record
is long, and a night has some thousands.
"""

from functools import cache

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats import keyvalue
from correlator.parse.formats.making import Making
from correlator.parse.formats.quotes import requoted
from correlator.parse.formats.unwrap import OPENING, unwrap
from correlator.parse.formats.values import account, account_domain, address, words
from correlator.parse.times import to_utc, zone_of

__all__ = ["PARSER"]

_BACKUP = LogSource("veeam", "", "backup")
_RECORD = (
    r"(?s)\[(?:categoryId=(?P<categoryId>[0-9]+) )?instanceId=(?P<instanceId>[0-9]+)(?: (?P<pairs>.*?))?(?P<closed>\])?\s*$"
)
_NAME = "[A-Z][A-Za-z0-9]*"
_FILE = (
    r"(?s)^\[(?P<stamp>[0-9]{2}\.[0-9]{2}\.[0-9]{4} [0-9:.]{8,15})\] +<(?P<thread>[0-9]+)> +(?P<level>[A-Z][a-z]+)"
    r"(?: \([0-9]+\))? +(?P<said>.*)$"
)
_READ = (
    "JobName JobID JobResult JobType Status Result VmName UserName UserFullInfo VbrHostName ServerName Description Name "
    "RepositoryName SourceHostName ObjectName HostName InitiatorName Reason JobSessionID TaskSessionID IPAddress Address"
)
_NEEDED = tuple(_READ.split())
_ACTIONS = {
    "110": "backup_job_started", "150": "backup_task_finished", "190": "backup_job_finished", "790": "agent_job_finished",
    "10010": "restore_point_created", "24010": "licence_installed", "31300": "role_added", "41600": "malware_detected",
    "42210": "malware_detection_finished",
}  # fmt: skip
#: JobResult and Result, then Status: what each number says.
_RESULTS = {"0": "success", "1": "warning", "2": "failure", "success": "success", "warning": "warning", "failed": "failure"}
_STATES = {"0": "success", "2": "failure", "3": "warning", "5": "", "6": "", "success": "success", "warning": "warning"} | {
    "failed": "failure",
}  # fmt: skip
_FAILED = r"(?i)\bfail|\berror\b|unable|denied|échou|échec|erreur|impossible"
_TYPES = {
    "deletion": r"(?i)\b(?:deleted|removed|supprimée?s?|retirée?s?)\b",
    "creation": r"(?i)\b(?:added|created|installed|imported|ajoutée?s?|créée?s?|installée?s?)\b",
    "change": r"(?i)\b(?:changed|modified|updated|edited|disabled|enabled|renamed|reset|assigned|modifiée?s?|"
    r"(?:dés)?activée?s?)\b",
    "start": r"(?i)\b(?:started|initiated|logged (?:in|on)|démarrée?s?)\b",
    "end": r"(?i)\b(?:finished|stopped|completed|ended|logged (?:off|out)|terminée?s?|arrêtée?s?)\b",
}
_CATEGORIES = {
    "authentication": r"(?i)\blogged (?:in|on|off|out)\b|\blogin\b|\bsign(?:ed)?[ -]in\b|multi-factor",
    "iam": r"(?i)\buser\b.*\b(?:added|removed|deleted|role)|\brole\b|credential|password|identifiants",
    "malware": r"(?i)malware|ransomware|suspicious|infected",
}


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per record and per line of a log file."""
    text = raw.get_column("text").str.replace(r"^1 ([0-9]{4}-)", "<13>1 $1")  # some relays leave the priority out
    lines = unwrap(raw.with_columns(text))
    record = text.str.extract_groups(_RECORD).struct.unnest()
    in_file = text.str.extract_groups(_FILE).struct.unnest()
    numbers = record.select("categoryId", "instanceId")
    pairs = keyvalue.pairs(requoted(record.get_column("pairs"), _NAME), need=_NEEDED, want=want)
    given = pairs.drop(numbers.columns, strict=False)  # said twice: the record's own, in its place, counts
    told = pl.concat([lines, given.select(_NEEDED), record, in_file], how="horizontal")
    fields = told.with_columns(_result().alias("result"), _time(zone_of(raw)).alias("time"))
    is_record = record.get_column("instanceId").is_not_null() | in_file.get_column("stamp").is_not_null()
    rest = pl.concat([numbers, given], how="horizontal").filter(is_record)
    bad = rejects_of(raw.filter(~is_record), Reason.MALFORMED)
    return _MAKING.parsed(fields.filter(is_record), pl.col("time"), want, bad=bad, rest=rest)


def _time(zone: str) -> pl.Expr:
    written = to_utc(pl.col("stamp"), ("%d.%m.%Y %H:%M:%S%.f",), zone=zone)
    return pl.when(pl.col("stamp").is_not_null()).then(written).otherwise(pl.col("sent"))


def _result() -> pl.Expr:
    """Return success, warning or failure, as the record's number says, else its words."""
    job = pl.coalesce("JobResult", "Result").str.to_lowercase().replace_strict(_RESULTS, default=None, return_dtype=pl.String)
    task = pl.col("Status").str.to_lowercase().replace_strict(_STATES, default=None, return_dtype=pl.String)
    said = pl.coalesce("Description", "said")
    worded = (
        pl.when(said.str.contains(_FAILED))
        .then(pl.lit("failure"))
        .when(said.str.contains(r"(?i)\bwarning\b|avertissement"))
        .then(pl.lit("warning"))
        .when(said.str.contains(r"(?i)\bsuccess|succès") | (_kind() != "start"))
        .then(pl.lit("success"))
    )
    has_number = pl.any_horizontal(pl.col("JobResult", "Result", "Status").is_not_null())
    return pl.when(has_number).then(pl.coalesce(job, pl.when(task != "").then(task))).otherwise(worded)


def _first_word(patterns: dict[str, str]) -> pl.Expr:
    found: pl.Expr = pl.lit(None, pl.String)
    for word, pattern in reversed(patterns.items()):
        found = pl.when(pl.col("Description").str.contains(pattern)).then(pl.lit(word)).otherwise(found)
    return found


def _kind() -> pl.Expr:
    by_number = pl.col("instanceId").replace_strict({"110": "start", "10010": "creation"}, default=None, return_dtype=pl.String)
    return pl.coalesce(by_number, _first_word(_TYPES))


def _action() -> pl.Expr:
    known = pl.col("instanceId").replace_strict(_ACTIONS, default=None, return_dtype=pl.String)
    return pl.coalesce(known, pl.lit("backup_") + _kind(), pl.lit("backup_message"))


def _who() -> pl.Expr:
    """Return the account: by its own name, else inside the XML of ``UserFullInfo``."""
    return words(pl.coalesce("UserName", pl.col("UserFullInfo").str.extract(r'fullName="([^"]*)"'), "InitiatorName"))


def _level() -> pl.Expr:
    by_result = pl.col("result").replace_strict(
        {"success": "information", "warning": "warning", "failure": "error"}, default=None
    )
    in_file = pl.col("level").str.to_lowercase().replace({"info": "information"})
    return pl.coalesce(in_file, by_result)


@cache
def _ecs() -> dict[str, pl.Expr]:
    """Return the ECS columns of a record's fields."""
    severities = {"information": 10, "warning": 50, "error": 75}
    return {
        "event.kind": pl.when(pl.col("instanceId") == "41600").then(pl.lit("alert")).otherwise(pl.lit("event")),
        "event.category": pl.concat_list(pl.coalesce(_first_word(_CATEGORIES), pl.lit("host"))),
        "event.type": pl.concat_list(pl.coalesce(_kind(), pl.lit("info"))),
        "event.action": _action(),
        "event.code": pl.col("instanceId"),
        "event.outcome": pl.col("result").replace({"warning": "success"}),
        "event.reason": words(pl.col("Reason")),
        "event.severity": _level().replace_strict(severities, default=10, return_dtype=pl.Int64),
        "log.level": _level(),
        "host.name": words(pl.coalesce("sender", "VbrHostName")),
        "observer.vendor": pl.lit("Veeam"),
        "observer.product": pl.lit("Backup & Replication"),
        "observer.type": pl.lit("backup"),
        "user.name": account(_who()),
        "user.domain": account_domain(_who()),
        "source.ip": address(pl.coalesce("IPAddress", "Address")),
        "resource.name": words(pl.coalesce("VmName", "ObjectName", "JobName", "RepositoryName", "Name")),
        "resource.id": words(pl.col("JobID")),
        "session.id": words(pl.coalesce("TaskSessionID", "JobSessionID")),
        "message": words(pl.coalesce("Description", "said", "pairs")),
        "tags": pl.when(pl.col("instanceId").is_not_null() & pl.col("closed").is_null()).then(pl.lit(["truncated"])),
    }


_MAKING = Making(
    dataset=pl.when(pl.col("instanceId").is_not_null()).then(pl.lit("veeam.backup")).otherwise(pl.lit("veeam.log")),
    log_sources=(_BACKUP,),
    ecs=_ecs(),
    words=("instanceId", "result", "level"),
)

PARSER = Parser(
    name="veeam",
    log_sources=(_BACKUP,),
    signature=Signature(
        pattern=OPENING + r'Veeam_MP [^"\[\]]{0,16}\[origin [^\]]{0,64}\] ?\[(?:categoryId=[0-9]+ )?instanceId=[0-9]+'
        r"|^\[[0-9]{2}\.[0-9]{2}\.[0-9]{4} [0-9:.]{8,15}\] +<[0-9]{1,5}> +(?:Info|Warning|Error)(?: \([0-9]+\))? ",
        rank=10,
        any_text=(" Veeam_MP ", "] <", "]  ", "]\t<"),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=_MAKING.declared(*_NEEDED, "instanceId", "categoryId", "*"),
    parse=_parse,
    required=("event.action",),
)
