"""rspamd: the line it writes for each message, who asks its controller, and what else it says."""

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.formats.phrases import Phrase
from correlator.parse.formats.programs import Program
from correlator.parse.formats.values import integer, members, nanoseconds

__all__ = ["FILE", "RSPAMD", "VIRUS"]

Says = dict[str, str | tuple[str, ...]]
_MAIL, _SYSLOG = LogSource("rspamd", "", "mail"), LogSource("linux", "", "syslog")
VIRUS = LogSource("rspamd", "antivirus", "mail")
#: A line of rspamd's own file: time, process, kind of process, tag, module, function.
FILE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)? #[0-9]+\([a-z_ ]+\) "
_WHERE = r"^(?:<(?P<rspamd.tag>[^>]*)>; )?(?:(?P<rspamd.module>[A-Za-z0-9_]+); )?"
_TASK = (
    r"(?:rspamd_task_write_log: )?id: <(?P<email.message_id>[^>]*)>,(?: qid: <(?P<email.local_id>[^>]*)>,)?"
    r"(?: ip: \[?(?P<source.address>[^,\]]*)\]?,)?(?: user: (?P<user.name>[^,]*),)?(?: (?:smtp_)?from: <"
    r"(?P<email.sender.address>[^>]*)>,)?"
    r" \((?P<rspamd.metric>[^:]*): (?P<rspamd.verdict>[TFSP]) \((?P<event.action>[a-z ]+)\): "
    r"\[(?P<rspamd.score>-?[0-9.]+)/(?P<rspamd.required>-?[0-9.]+|nan)\] \[(?P<rspamd.symbols>.*?)\]\)(?P<_rest>, .*)?$"
)
_PHRASES = (
    Phrase(rf"{_WHERE}{_TASK}", {"event.category": ("email",)}),
    Phrase(
        rf"{_WHERE}[a-z_]+: (?P<event.reason>(?:invalid password|deny unauthorized|.*unauthorized connection).*?"
        r"(?:from (?P<source.address>[0-9A-Fa-f:.]+))?)$",
        {
            "event.action": "controller_login",
            "event.category": ("authentication",),
            "event.type": ("start",),
            "event.outcome": "failure",
        },
    ),
    Phrase(
        rf"{_WHERE}(?P<event.provider>[a-z][A-Za-z0-9_]+): (?P<event.reason>.*(?:[Ee]rror|failed|cannot|timed out|timeout).*)$",
        {
            "event.action": "filter_problem",
            "event.category": ("process",),
            "event.type": ("error",),
            "event.outcome": "failure",
        },
    ),
    Phrase(
        rf"{_WHERE}(?P<event.provider>[a-z][A-Za-z0-9_]+): (?P<event.reason>.*)$",
        {"event.action": "filter_message", "event.category": ("process",), "event.type": ("info",)},
    ),
)
_DENIED = ["reject", "soft reject", "discard", "quarantine", "greylist"]
_WORD = pl.col("event.action")
_IS_MAIL = pl.col("rspamd.verdict").is_not_null()
_FOUND = pl.col("rspamd.symbols").str.extract(
    r"(?:[A-Z0-9_]*VIRUS[A-Z0-9_]*|[A-Z0-9_]*CLAM[A-Z0-9_]*|ESET|SOPHOS[A-Z_]*)\([^)]*\)\{([^;}]+)"
)


def _key(pattern: str) -> pl.Expr:
    return pl.col("_rest").str.extract(rf", {pattern}")


RSPAMD = Program(
    "rspamd.mail",
    (_MAIL, _SYSLOG),
    ("rspamd",),
    _PHRASES,
    {"observer.vendor": "Rspamd", "observer.product": "Rspamd", "observer.type": "mail"},
    makes={
        "event.type": pl.when(_IS_MAIL & _WORD.is_in(_DENIED))
        .then(pl.lit(["denied"]))
        .when(_IS_MAIL)
        .then(pl.lit(["allowed"]))
        .otherwise("event.type"),
        "event.outcome": pl.when(_IS_MAIL & _WORD.is_in(_DENIED))
        .then(pl.lit("failure"))
        .when(_IS_MAIL)
        .then(pl.lit("success"))
        .otherwise("event.outcome"),
        "event.duration": nanoseconds(_key(r"time: ([0-9.]+)ms"), 1_000_000),
        "email.size": integer(_key(r"len: ([0-9]+)")),
        "email.to.address": members(_key(r"(?:rcpts|smtp_rcpts): <([^>]*)>")),
        "rspamd.mime_recipients": _key(r"mime_rcpts?: <([^>]*)>"),
        "rspamd.digest": _key(r"digest: <([^>]*)>"),
        "rspamd.forced": _key(r"forced: (.*)$"),
        "email.subject": _key(r'subject: "?(.*?)"?(?:, [a-z_]+: |$)'),
        "Signature": _FOUND,
        "Action": pl.when(_FOUND.is_not_null()).then("event.action"),
        "threat.indicator.name": _FOUND,
        "logsource": pl.when(_FOUND.is_not_null()).then(pl.lit(logsource_column(VIRUS, _SYSLOG))).otherwise("logsource"),
    },
)
