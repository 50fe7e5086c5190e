r"""QNAP NAS (QTS 4.5 to 5, QuTS hero): connections, file accesses and system events as QuLog Center sends them.

Sent here with *QuLog Center › QuLog Service › Log Sender › Add* (syslog, UDP or TCP, format RFC 3164; both the access log and
the event log). Reference: "QuLog Center User Guide".

Lines are ``conn log: Users: …, Source IP: …, Computer name: …, Connection type: …, Accessed resources: …, Action: …`` and
``event log: Users: …, Source IP: …, Application: …, Category: …, Content: …``. Resources may hold commas: the action is what
stands behind the last of them. The short copy of an event that some releases send after it (``[pid][Application] text``) is
told as ``event.action: copy``. Times are in the device's own zone. About 125,000 lines a second of a CPU: one sentence after
another is tried. Not read: exports in CSV.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats.phrases import Phrase
from correlator.parse.formats.programs import Program, declared, read_programs
from correlator.parse.formats.unwrap import tagged

__all__ = ["PARSER"]

_CONNECTION, _EVENT = LogSource("qnap", "", "connection"), LogSource("qnap", "", "event")
_OBSERVER = {"observer.vendor": "QNAP", "observer.product": "QuLog", "observer.type": "filer"}

Says = dict[str, str | tuple[str, ...]]

_REST = (
    r"Source IP: (?P<source.ip>[^,]*), Computer name: (?:---|(?P<source.domain>[^,]*)), Connection type: "
    r"(?P<network.protocol>[^,]*), "
    r"Accessed resources: (?:---|(?P<file.path>.*)), Action: (?P<event.action>%s)\s*$"
)
#: Who fails to sign in can call himself anything: there the last address counts, of files the first.
_HEAD, _SIGN_IN = r"^conn log: Users: (?P<user.name>.*?), " + _REST, r"^conn log: Users: (?P<user.name>.*), " + _REST


def _login(outcome: str) -> Says:
    return {"event.outcome": outcome, "event.category": ("authentication",), "event.type": ("start",)}


def _file(kind: str, outcome: str = "success") -> Says:
    return {"event.outcome": outcome, "event.category": ("file",), "event.type": (kind,)}


_DONE: Says = {"logsource": "qnap//event", "event.dataset": "qnap.event", "event.category": ("configuration",)}
_SAID = (
    r"^event log: Users: (?P<user.name>.*?), Source IP: (?P<source.ip>[^,]*), (?:Application: (?P<qnap.application>[^,]*), "
    r"Category: (?P<qnap.category>[^,]*)|Computer name: (?:---|(?P<source.domain>[^,]*))), Content: (?P<event.reason>%s)$"
)
_PHRASES = (
    Phrase(_SIGN_IN % r"[Ll]og ?in (?:[Ss]uccess\w*|OK|ok)", _login("success")),
    Phrase(_SIGN_IN % r"[Ll]og ?in [Ff]ail\w*", _login("failure")),
    Phrase(_SIGN_IN % r"[Ll]og ?out", {"event.outcome": "success", "event.category": ("session",), "event.type": ("end",)}),
    Phrase(_HEAD % r"Delete[^,]*|Remove[^,]*", _file("deletion")),
    Phrase(_HEAD % r"Rename[^,]*|Move[^,]*|Write[^,]*|Modify[^,]*", _file("change")),
    Phrase(_HEAD % r"Make[^,]*|Mkdir[^,]*|Add[^,]*|Create[^,]*|Copy[^,]*|Upload[^,]*", _file("creation")),
    Phrase(_HEAD % r"[^,]*[Ff]ail[^,]*", _file("access", "failure")),
    Phrase(_HEAD % r"[^,]*", _file("access")),
    Phrase(
        _SAID % r"(?i:.*(?:fail|error|denied|unable|abnormal|degraded|attack|infected).*)",
        _DONE | {"event.action": "failure", "event.outcome": "failure", "event.type": ("error",)},
    ),
    Phrase(
        _SAID % r"(?i:.*\b(?:delet|remov|eras|uninstall)\w*\b.*)",
        _DONE | {"event.action": "deleted", "event.outcome": "success", "event.type": ("deletion",)},
    ),
    Phrase(
        _SAID % r"(?i:.*\b(?:creat|add|install)\w*\b.*)",
        _DONE | {"event.action": "created", "event.outcome": "success", "event.type": ("creation",)},
    ),
    Phrase(
        _SAID % r"(?i:.*\b(?:chang|modif|updat|enabl|disabl|edit|renam|set|reset)\w*\b.*)",
        _DONE | {"event.action": "changed", "event.outcome": "success", "event.type": ("change",)},
    ),
    Phrase(_SAID % r".*", _DONE | {"event.action": "message", "event.type": ("info",)}),
    Phrase(
        r"^(?:conn|event) log: Users: (?P<user.name>[^,]*), Source IP: (?P<source.ip>[^,]*)(?:, .*)?$",
        {"tags": ("phrase_unknown",)},
    ),
    Phrase(
        r"^\[[0-9]+\]\[(?P<qnap.application>[^\]]*)\]\s*(?P<event.reason>.*)$",
        {"logsource": "qnap//event", "event.dataset": "qnap.event", "event.action": "copy", "event.type": ("info",)},
    ),
)
_PROGRAMS = (Program("qnap.connection", (_CONNECTION,), ("qulogd", "qlogd"), _PHRASES, _OBSERVER),)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line of ``qulogd`` (``qlogd`` before QTS 5)."""
    return read_programs(raw, want, _PROGRAMS)


PARSER = Parser(
    name="qnap",
    log_sources=(_CONNECTION, _EVENT),
    signature=Signature(pattern=tagged("qu?logd", bare=False), rank=12, literals=("logd",)),
    maturity=Maturity.DOCUMENTED,
    fields=declared(_PROGRAMS),
    parse=_parse,
    required=("message",),
)
