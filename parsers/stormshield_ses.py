r"""Stormshield Endpoint Security Evolution 2.x (SES): what agents protect, allow and report, JSON in syslog or alone.

How to send it here: administration console, Environment > Agent handlers > a group > Syslog servers: this host, TCP (1468 by
default) or TLS, content format JSON, severity from Emergency to Notice. A handler keeps its logs for up to a day while the
server is unreachable, so they may come late: the time is the log's own; context logs come with an alert and are older.

**The names of the fields are not documented publicly: this parser is unproved.** They are found by what they are called
(``SourceProcess.ProcessImageName``, ``…Path``, ``…CommandLine``, ``…User…``, ``…Hash…``, ``Action.Blocked``, ``…RuleName``),
whatever stands before that, so every record is flattened whole and reading is slow (some thousands of lines a second, of
which an estate makes few). All names are kept as own columns, with dots. Correct the tables below with a real line.

Read elsewhere: the CEF format, by ``cef``. Not read: the IDMEF-like XML, and the text form, which ends up in ``syslog``.

Reference: Stormshield "SES Evolution Administration guide", *Monitoring SES Evolution agent activity*, *Creating groups of
agent handlers*.
"""

import re
from collections.abc import Iterator

import polars as pl

from correlator.model.event import ECS
from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats import json
from correlator.parse.formats.fields import columns, first, kept, user_columns
from correlator.parse.formats.unwrap import OPENING, unwrap
from correlator.parse.formats.values import address, by_dataset, fields_of, integer, label_of, outcome_of, severity_of, verdict
from correlator.parse.times import epoch, to_utc, zone_of

__all__ = ["PARSER"]

_SOURCE, _ANTIVIRUS = LogSource("stormshield", "", "ses"), LogSource("stormshield", "antivirus", "ses")
_STAMPS = ("%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f")
_LEVELS = ("emergency", "alert", "critical", "error", "warning", "notice", "information", "debug")
_LEVEL_NUMBERS = {word: str(number) for number, word in enumerate(_LEVELS)} | {"informational": "6", "info": "6", "warn": "4"}

_PROCESS = r"(?:source|actor|initiat\w*)?\.?process(?:info)?\."
_PARENT = r"(?:source)?\.?(?:parent|creator)\w*\."
#: What a field is, by its name in lower case: the first pattern with a value wins.
_NAMES: dict[str, tuple[str, ...]] = {
    "time": (r"(?:generat\w*|event|creation)\.?(?:time\w*|date\w*)", r"@?timestamp|time|date(?:time)?", r".*\.timestamp"),
    "host": (r"(?:agent|computer|host|machine|device)\.?(?:host)?name", r"hostname|computer|agent\.name", r"agent"),
    "host_id": (r"(?:agent|computer|host)\.?(?:guid|id)",),
    "severity": (r"severity|level|loglevel", r".*\.severity"),
    "type": (r"(?:log|event)?\.?type(?:name)?", r"(?:log|event)name|category(?:name)?"),
    "code": (r"(?:event|log)\.?(?:id|code)", r"identifier(?:guid)?"),
    "blocked": (r"(?:.*\.)?(?:is)?blocked",),
    "action": (r"action|decision|(?:.*\.)?actionname", r"action\.(?:type|name|decision)"),
    "rule": (r"(?:.*\.)?rulename", r"rule(?:\.name)?"),
    "rule_id": (r"(?:.*\.)?(?:base)?rule\.?(?:guid|id)",),
    "policy": (r"(?:.*\.)?policyname", r"policy(?:\.name)?", r"(?:.*\.)?policyguid"),
    "message": (r"message|details?|description|text", r".*\.details?"),
    "image": (_PROCESS + r"(?:process)?(?:image(?:name|path)?|path|file\.?path|executable)", r"process\w*(?:path|image\w*)"),
    "command": (_PROCESS + r"(?:process)?(?:commandline|cmdline)", r"(?:process)?commandline"),
    "pid": (_PROCESS + r"(?:process)?(?:id|pid)", r"(?:process)?pid"),
    "md5": (_PROCESS + r"hash\.?md5|(?:" + _PROCESS + r")?md5",),
    "sha1": (_PROCESS + r"hash\.?sha1|(?:" + _PROCESS + r")?sha1",),
    "sha256": (_PROCESS + r"hash\.?sha256|(?:" + _PROCESS + r")?sha256",),
    "signer": (_PROCESS + r"(?:certificates?\.)?(?:signer|issuer|subject)\w*",),
    "user": (_PROCESS + r"user(?:name)?lookup|" + _PROCESS + r"user(?:name)?", r"user(?:name)?(?:\.name)?|account"),
    "parent": (_PARENT + r"(?:process)?(?:image(?:name|path)?|path)", r"parent(?:process)?(?:path|image\w*)"),
    "parent_command": (_PARENT + r"(?:process)?(?:commandline|cmdline)",),
    "file": (
        r"(?:target|accessed|object)?\.?file\w*\.(?:path|name|fullpath)",
        r"(?:target)?(?:file)?path|filename",
        r".*\.filepath",
    ),
    "registry": (r"(?:.*\.)?(?:registry|key)\w*\.?(?:path|key|name)",),
    "target": (r"target(?:process)?\.(?:process)?(?:image(?:name|path)?|path)",),
    "remote": (r"(?:.*\.)?(?:remote|destination|dst)\.?(?:ip|address|ipaddress)",),
    "remote_port": (r"(?:.*\.)?(?:remote|destination|dst)\.?port",),
    "local": (r"(?:.*\.)?(?:local|source|src)\.?(?:ip|address|ipaddress)",),
    "local_port": (r"(?:.*\.)?(?:local|source|src)\.?port",),
    "device": (r"(?:.*\.)?(?:device|usb|volume)\w*\.(?:name|model|serialnumber|id)",),
}
_PATTERNS = {kind: tuple(re.compile(pattern) for pattern in patterns) for kind, patterns in _NAMES.items()}
_SIGNATURE = (
    OPENING + r'\{(?s:.*)(?:"(?:ProcessImageName|BaseRuleGuid|AgentGuid|SesVersion|PolicyGuid)"\s*:'
    r'|"(?:[Pp]roduct|[Vv]endor|[Pp]roductName)"\s*:\s*"(?:Stormshield|SES Evolution)[^"]*")'
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per JSON object."""
    lines = unwrap(raw)
    inner = raw.with_columns(lines.get_column("body").str.replace(r"^[^{]*", "").alias("text"))
    records = json.read(inner, None, envelopes=("Logs", "logs", "events"))
    sent = records.keys.join(lines.select("raw_row", "sender", "sent"), on="raw_row", how="left", maintain_order="left")
    fields = records.fields.hstack(sent.select(pl.col("sender", "sent", "received").name.prefix("\n")))
    fields = fields.with_columns(_found(records.fields))
    ours = [made.alias(name) for name, made in _own().items() if want is None or name in want]
    given = [*_common(zone_of(raw)), *ours, *kept(records.fields.drop([*_own()], strict=False), want)]
    events = records.keys.select("raw_row", "n").hstack(columns(fields, given))
    return Parsed(by_dataset(events), records.rejects, records.skipped)


def _found(fields: pl.DataFrame) -> Iterator[pl.Expr]:
    """Yield one column per kind of field, under a name that no sender can write."""
    names = sorted(fields.columns)
    for kind, patterns in _PATTERNS.items():
        alike = [name for pattern in patterns for name in names if pattern.fullmatch(name.lower())]
        yield first(fields, *dict.fromkeys(alike)).alias(f"\n{kind}")


def _is(kind: str) -> pl.Expr:
    return pl.col(f"\n{kind}")


_BLOCKED = _is("blocked").str.to_lowercase().replace_strict(
    {"true": "denied", "1": "denied", "false": "accept", "0": "accept"}, default=None, return_dtype=pl.String
)  # fmt: skip
_ACTION = pl.when(~_is("action").str.starts_with("{")).then(_is("action"))  # an object says it in its members
_VERDICT = pl.coalesce(_BLOCKED, verdict(_ACTION))
_WORD = _is("severity").str.to_lowercase()
_LEVEL = integer(pl.coalesce(_WORD.replace_strict(_LEVEL_NUMBERS, default=None, return_dtype=pl.String), _WORD))
_IS_ALERT = _LEVEL.is_between(0, 2) | (_is("type").str.to_lowercase().str.contains("alert"))
_LAST = r"([^\\/]+)$"


def _common(zone: str) -> list[pl.Expr]:
    """Return time, dataset, log sources and ECS columns."""
    moment = pl.coalesce(to_utc(_is("time"), _STAMPS, zone=zone), epoch(_is("time")))
    untold = pl.when(_is("time").is_null()).then(pl.coalesce(_is("sent"), _is("received")))
    given = {
        "@timestamp": pl.coalesce(moment, untold),
        "event.dataset": pl.lit("stormshield.ses"),
        "logsource": pl.when(_IS_ALERT.fill_null(value=False))
        .then(pl.lit(logsource_column(_SOURCE, _ANTIVIRUS)))
        .otherwise(pl.lit(logsource_column(_SOURCE))),
        **_ecs(),
    }
    return [made.alias(name) for name, made in given.items()]


def _ecs() -> dict[str, pl.Expr]:
    category = (
        pl.when(_is("remote").is_not_null()).then(pl.lit("network process"))
        .when(_is("registry").is_not_null()).then(pl.lit("registry process"))
        .when(_is("file").is_not_null()).then(pl.lit("file process"))
        .when(_is("image").is_not_null()).then(pl.lit("process"))
        .otherwise(pl.lit("host"))
    )  # fmt: skip
    decided = _VERDICT.replace_strict({"accept": "allowed", "denied": "denied"}, default="info", return_dtype=pl.String)
    user = user_columns(_is("user"))
    return {
        "event.kind": pl.when(_IS_ALERT.fill_null(value=False)).then(pl.lit("alert")).otherwise(pl.lit("event")),
        "event.category": category.str.split(" "),
        "event.type": decided.fill_null("info").str.split(" "),
        "event.action": pl.coalesce(
            _ACTION, _BLOCKED.replace_strict({"denied": "blocked", "accept": "allowed"}, default=None), _is("type")
        ),
        "event.code": _is("code"),
        "event.outcome": outcome_of(_VERDICT),
        "event.severity": severity_of(_LEVEL),
        "log.level": label_of(_LEVEL),
        "observer.name": _is("sender"),
        "observer.vendor": pl.lit("Stormshield"),
        "observer.product": pl.lit("SES Evolution"),
        "observer.type": pl.lit("endpoint"),
        "host.name": _is("host"),
        "host.id": _is("host_id"),
        "user.name": user["user.name"],
        "user.domain": user["user.domain"],
        "process.executable": _is("image"),
        "process.name": _is("image").str.extract(_LAST),
        "process.command_line": _is("command"),
        "process.pid": integer(_is("pid")),
        "process.hash.md5": _is("md5").str.to_lowercase(),
        "process.hash.sha1": _is("sha1").str.to_lowercase(),
        "process.hash.sha256": _is("sha256").str.to_lowercase(),
        "process.code_signature.subject_name": _is("signer"),
        "process.parent.executable": _is("parent"),
        "process.parent.name": _is("parent").str.extract(_LAST),
        "process.parent.command_line": _is("parent_command"),
        "file.path": _is("file"),
        "file.name": _is("file").str.extract(_LAST),
        "registry.path": _is("registry"),
        "destination.ip": address(_is("remote")),
        "destination.port": integer(_is("remote_port"), above=0),
        "source.ip": address(_is("local")),
        "source.port": integer(_is("local_port"), above=0),
        "device.name": _is("device"),
        "rule.name": _is("rule"),
        "rule.id": _is("rule_id"),
        "rule.ruleset": _is("policy"),
        "message": _is("message"),
    }


def _own() -> dict[str, pl.Expr]:
    """Return the names of Sigma's rules for processes and antivirus."""
    return {
        "Image": _is("image"),
        "CommandLine": _is("command"),
        "ParentImage": _is("parent"),
        "ParentCommandLine": _is("parent_command"),
        "TargetFilename": _is("file"),
        "TargetImage": _is("target"),
        "TargetObject": _is("registry"),
        "User": _is("user"),
        "Signature": pl.when(_IS_ALERT).then(pl.coalesce(_is("rule"), _is("message"), _is("type"))),
        "Filename": pl.when(_IS_ALERT).then(pl.coalesce(_is("file"), _is("image"))),
        "Action": pl.when(_IS_ALERT).then(pl.coalesce(_ACTION, _is("blocked"))),
    }


PARSER = Parser(
    name="stormshield_ses",
    log_sources=(_SOURCE, _ANTIVIRUS),
    signature=Signature(
        pattern=_SIGNATURE,
        rank=10,
        any_text=("ProcessImageName", "BaseRuleGuid", "AgentGuid", "SesVersion", "PolicyGuid", "Stormshield", "SES Evolution"),
    ),
    maturity=Maturity.UNPROVED,
    fields=fields_of(_ecs(), _own()) | {name: ECS.get(name, pl.String()) for name in ("*",)},
    parse=_parse,
    required=("event.action",),
)
