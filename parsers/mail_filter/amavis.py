"""amavis: what became of each message, and SpamAssassin's own daemon."""

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.formats.phrases import Phrase
from correlator.parse.formats.programs import Program
from correlator.parse.formats.values import address, integer, members

__all__ = ["AMAVIS", "SPAMD", "VIRUS"]

Says = dict[str, str | tuple[str, ...]]
VIRUS, _AMAVIS = LogSource("amavis", "antivirus", "mail"), LogSource("amavis", "", "mail")
_SPAMD, _SYSLOG = LogSource("spamassassin", "", "mail"), LogSource("linux", "", "syslog")


def _said(action: str, kind: str, outcome: str, *category: str) -> Says:
    return {"event.action": action, "event.category": category or ("email",), "event.type": (kind,), "event.outcome": outcome}


_ID = r"^\((?P<amavis.id>[^)]*)\) "
# A policy bank and marks such as LOCAL stand before the addresses; what stands behind the recipients differs by version.
_PLACE = r"(?: [A-Z][A-Z0-9_-]*(?:/[A-Z0-9_-]+)*)*,?"
_FROM = (
    r"(?: \[(?P<source.address>[0-9A-Fa-f:.]*)\](?::(?P<source.port>[0-9]+))?)?(?: \[(?P<_origin>[0-9A-Fa-f:.]*)\])?"
    r" (?:/\S+ )?<(?P<email.sender.address>[^>]*)> -> (?P<_to>(?:<[^>]*>,?)*)(?P<_rest>.*)$"
)


def _result(verdict: str, category: str) -> str:
    return (
        rf"{_ID}(?P<amavis.action>{verdict}) (?P<amavis.category>{category})(?: \((?P<_names>.*?)\))?"
        rf"(?: \{{(?P<amavis.actions>[^}}]*)\}})?,{_PLACE}{_FROM}"
    )


_INFECTED: Says = {
    **_said("malware_found", "info", "failure", "malware", "email"),
    "logsource": logsource_column(VIRUS, _SYSLOG),
}
_PHRASES = (
    Phrase(
        _result("Passed", r"(?:CLEAN|SPAMMY|BAD-HEADER(?:-[0-9])?|UNCHECKED(?:-[A-Z]+)?|OVERSIZED|[A-Z-]+?)"),
        _said("passed", "allowed", "success"),
    ),
    Phrase(_result("(?:Blocked|Passed)", "INFECTED"), _INFECTED),
    Phrase(_result("Blocked", "[A-Z-]+(?:-[0-9])?"), _said("blocked", "denied", "failure")),
    Phrase(
        rf"{_ID}(?:\(!+\) ?)?(?:run_av \((?P<amavis.scanner>[^)]*)\): .*?INFECTED: (?P<Signature>.*)|virus_scan: \("
        rf"(?P<_names>.*?)\).*)$",
        _INFECTED,
    ),
    Phrase(rf"{_ID}(?P<event.reason>\(!+\).*)$", _said("filter_problem", "error", "failure", "process")),
    Phrase(
        rf"{_ID}Checking: (?P<amavis.mail_id>\S+)(?: [A-Z][A-Z/-]*)* \[(?P<source.address>[^\]]*)\] <"
        rf"(?P<email.sender.address>[^>]*)>"
        r" -> (?P<_to>.*)$",
        _said("checking", "info", "unknown"),
    ),
    Phrase(
        rf"{_ID}(?P<event.reason>(?:FWD|SEND|NOTIFY|DSN|Turning|SA|spam_scan|TIMING|size|local|p[0-9]+|wbl|dkim|INFO).*)$",
        _said("filter_message", "info", "unknown"),
    ),
    Phrase(
        r"^(?P<event.reason>(?:starting\.|Net::Server|Using|Found|No \S+ |Module|user=|SpamControl|Valid PID|Creating|Internal"
        r"|Perl version|logging|Using primary|extra modules|INFO).*)$",
        _said("service_message", "info", "unknown", "process"),
    ),
)


def _key(pattern: str) -> pl.Expr:
    return pl.col("_rest").str.extract(rf",? {pattern}")


AMAVIS = Program(
    "amavis.mail",
    (_AMAVIS, _SYSLOG),
    ("amavis", "amavisd"),
    _PHRASES,
    {"observer.vendor": "amavis", "observer.product": "amavis", "observer.type": "mail"},
    makes={
        "email.to.address": members(pl.col("_to").str.replace_all("[<>]", "")),
        "email.local_id": _key(r"Queue-ID: ([0-9A-Za-z]+)"),
        "email.message_id": _key(r"Message-ID: <([^>]*)>"),
        "email.subject": _key(r'Subject: "((?:[^"\\]|\\.)*)"'),
        "email.from.address": _key(r"From: [^,]*?<?([^<>\s,\"]+@[^<>\s,\"]+)>?"),
        "email.size": integer(_key(r"size: ([0-9]+)")),
        "amavis.hits": _key(r"Hits: ([^,]+)"),
        "amavis.quarantine": _key(r"quarantine: ([^,]+)"),
        "amavis.mail_id": pl.coalesce("amavis.mail_id", _key(r"mail_id: ([^,]+)")),
        "amavis.queued_as": _key(r"queued_as: ([^,]+)"),
        "amavis.tests": _key(r"Tests: \[([^\]]*)\]"),
        "event.duration": integer(_key(r"([0-9]+) ms")) * 1_000_000,
        "event.reason": pl.coalesce("event.reason", "amavis.category"),
        "source.ip": pl.coalesce("source.ip", address(pl.col("_origin"))),
        "Signature": pl.coalesce("Signature", pl.when(pl.col("event.action") == "malware_found").then("_names")),
        "Action": pl.when(pl.col("event.action") == "malware_found").then("amavis.action"),
        "threat.indicator.name": pl.coalesce("Signature", pl.when(pl.col("event.action") == "malware_found").then("_names")),
        "file.name": pl.when(pl.col("amavis.category") == "BANNED").then(pl.col("_names").str.extract(r"([^,|/()]+)$")),
    },
)

SPAMD = Program(
    "spamassassin.mail",
    (_SPAMD, _SYSLOG),
    ("spamd", "spamassassin"),
    (
        Phrase(
            r"^(?:spamd: )?result: (?P<spamd.verdict>Y) (?P<spamd.score>-?[0-9.]+) - (?P<spamd.tests>\S*) "
            r"(?:scantime=[0-9.]+,)?(?:size=(?P<email.size>[0-9]+),)?(?:user=(?P<user.name>[^,]*),)?"
            r"(?:.*?mid=<(?P<email.message_id>[^>]*)>)?.*$",
            _said("spam", "info", "failure"),
        ),
        Phrase(
            r"^(?:spamd: )?result: (?P<spamd.verdict>\.|N) (?P<spamd.score>-?[0-9.]+) - (?P<spamd.tests>\S*) "
            r"(?:scantime=[0-9.]+,)?(?:size=(?P<email.size>[0-9]+),)?(?:user=(?P<user.name>[^,]*),)?"
            r"(?:.*?mid=<(?P<email.message_id>[^>]*)>)?.*$",
            _said("passed", "allowed", "success"),
        ),
        Phrase(
            r"^(?:spamd: )?(?P<event.reason>(?:identified spam|clean message|connection from|handled cleanup|processing message"
            r"|checking message|setuid to|server|info:|prefork:).*)$",
            _said("filter_message", "info", "unknown"),
        ),
    ),
    {"observer.vendor": "Apache", "observer.product": "SpamAssassin", "observer.type": "mail"},
)
