r"""FreeRADIUS (2 and 3: ``radius.log``, or ``radiusd``/``freeradius`` over syslog): who gets into Wi-Fi, VPN and switches.

How to send it here, in ``radiusd.conf``; leave the passwords out::

    log { destination = syslog; syslog_facility = auth; auth = yes; auth_badpass = no; auth_goodpass = no }

or ``destination = files`` and a forwarder that follows ``radius.log`` (local time, no zone).

Reference: FreeRADIUS, ``raddb/radiusd.conf``, "log". Not read: detail files (blocks of many lines), ``linelog`` (its format
is the administrator's), debug output (``-X``).

``user.name`` is the account without realm, ``source.mac`` or ``source.ip`` what the device calls itself (``cli``),
``observer.name`` the access point, switch or VPN that asked (``from client``). EAP writes a log-in twice: the inner one
(``radius.tunnel: inner``) has the real account, the outer one is the result. A password that was logged is blotted out of
``message``.

About 100,000 lines per CPU-second, not 200,000: a syslog header is read first, then sentences are tried in turn.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats.fields import user_columns
from correlator.parse.formats.phrases import Phrase
from correlator.parse.formats.programs import Program, declared, read_programs
from correlator.parse.formats.tagged import tagged
from correlator.parse.formats.values import address, mac
from correlator.parse.times import to_utc, zone_of

__all__ = ["PARSER"]

Says = dict[str, str | tuple[str, ...]]

_RADIUS = LogSource("freeradius", "", "radius")
_DATE = r"[A-Z][a-z]{2} [A-Z][a-z]{2} {1,2}[0-9]{1,2} [0-9]{2}:[0-9]{2}:[0-9]{2} [0-9]{4}"
_LEVELS = "Auth|Info|Error|ERROR|Warn|Warning|WARNING|Proxy|Debug|Acct"
_FILE = rf"^\s*{_DATE} : (?:{_LEVELS}): "
_PRINTED = rf"(?s)^\s*(?:(?P<stamp>{_DATE}) : )?(?:(?P<level>{_LEVELS}): ?)?(?: *\((?P<request>[0-9]+)\) +)?(?P<said>.*)$"
_LABELS = {
    "Auth": "notice",
    "Info": "information",
    "Error": "error",
    "ERROR": "error",
    "Debug": "debug",
    "Acct": "information",
    "Warn": "warning",
    "Warning": "warning",
    "WARNING": "warning",
    "Proxy": "information",
}
_SEVERITIES = {"error": 75, "warning": 50, "notice": 25, "information": 10, "debug": 10}
# A password that was logged stands behind the account, or behind the machine's name; both are found to blot it out.
_LOGGED = r"(\[[^/\]\[]+)/[^<].*?\] \(from client"
_LOGGED_OF_HOST = r"(\[host/[^/\]\[]+)/[^<].*?\] \(from client"
# The account is what people type: it ends with the `] (from client …)` nearest to the end.
_WHO = (
    r"\[(?P<_login>.*)\] \(from client (?P<_client>\S+) port (?P<radius.nas.port>[0-9]+)(?: cli (?P<_caller>[^\s)]+))?"
    r"(?P<_tunnel> via TLS tunnel)?(?: via proxy to realm (?P<radius.realm>\S+?))?\)"
)


def _login(outcome: str, action: str = "radius_login") -> Says:
    return {"event.action": action, "event.outcome": outcome, "event.category": ("authentication",), "event.type": ("start",)}


def _own(action: str, kind: str, outcome: str = "", category: str = "process") -> Says:
    says: Says = {"event.action": action, "event.category": (category,), "event.type": (kind,)}
    return says | ({"event.outcome": outcome} if outcome else {})


_NAS = r"(?P<source.address>[0-9A-Fa-f.:]+) port (?P<source.port>[0-9]+)"
_DENIED: Says = _own("request_refused", "denied", "failure", "network")
_SENTENCES = (
    Phrase(rf"(?s)^Login OK: {_WHO}\s*(?P<event.reason>.*?)\s*$", _login("success")),
    Phrase(rf"(?s)^Login incorrect(?: \((?P<event.reason>.*?)\))?: {_WHO}.*$", _login("failure")),
    Phrase(
        rf"(?s)^(?P<event.reason>Invalid user|Multiple logins|Rejected in post-auth)(?: \(.*?\))?\s*: {_WHO}.*$",
        _login("failure"),
    ),
    Phrase(rf"(?s)^(?P<event.reason>[A-Z][^\[]{{3,80}}?)(?: \(.*?\))?\s*: {_WHO}.*$", _login("failure")),
    Phrase(
        r"^(?P<event.reason>Ignoring request to \S+ address \S+ port [0-9]+(?: \(\S*\))?(?: bound to server \S+)? from"
        r" unknown client) "
        rf"{_NAS}.*$",
        _DENIED | {"event.action": "unknown_client"},
    ),
    Phrase(
        r"^(?:Dropping packet without response because of error: )?(?P<event.reason>Received packet from "
        r"(?P<source.address>[0-9A-Fa-f.:]+) with (?:invalid|no) (?:Message-Authenticator|signature|Request Authenticator).*)$",
        _DENIED | {"event.action": "bad_secret"},
    ),
    Phrase(
        r"^(?P<event.reason>(?:Discarding|Received) (?:duplicate|conflicting) (?:request|packet)) from client "
        r"(?P<_client>\S+) port "
        r"(?P<source.port>[0-9]+).*$",
        _own("duplicate_request", "error", "failure", "network"),
    ),
    Phrase(
        r"^(?P<event.reason>Marking home server) (?P<destination.address>[0-9A-Fa-f.:]+) port (?P<destination.port>[0-9]+)"
        r"(?: as (?P<radius.state>\w+))?.*$",
        _own("home_server", "error", "failure", "network"),
    ),
    Phrase(
        r"^(?P<radius.module>eap\w*|rlm_\w+|mschap|ldap|sql|pap|chap|tls|pam|realm|perl|rest|exec)(?: \([^)]*\))?: "
        r"(?P<event.reason>.*(?:ERROR|[Ff]ailed|incorrect|fatal|[Ii]nvalid|error|expired|revoked|denied|reject).*)$",
        _own("module_failed", "error", "failure", "authentication"),
    ),
    Phrase(
        r"^(?P<radius.module>eap\w*|rlm_\w+|mschap|ldap|sql|pap|chap|tls|pam|realm|perl|rest|exec)(?: \([^)]*\))?: "
        r"(?P<event.reason>.*)$",
        _own("module", "info"),
    ),
    Phrase(
        r"^(?P<event.reason>Ready to process requests.*|Loaded virtual server.*|Listening on .*)$",
        _own("started", "start", "success"),
    ),
    Phrase(r"^(?P<event.reason>Exiting normally.*|Signalled to terminate.*|Received (?:TERM|HUP).*)$", _own("stopped", "end")),
    Phrase(
        r"^(?P<event.reason>(?:FreeRADIUS Version|Copyright|There is NO|PARTICULAR|You may|GNU|For"
        r" more|Starting|Debugger|Debug |Need |"
        r"Opening additional|Hit idle|Closing connection|Using |tls: Using|\[|Core dumps|Cleaning"
        r" up|Loading|Threads|Server is|Clean).*)$",
        _own("message", "info"),
    ),
    Phrase(
        r"^(?P<event.reason>.*(?:ERROR|[Ff]ailed|Failure|WARNING|[Uu]nresponsive|cannot|Cannot|Unable|No"
        r" such|[Ii]nvalid|Errors|error|timeout"
        r"|Unexpected|Maximum|exceeded|refused|Refusing|[Rr]eject).*)$",
        _own("error", "error", "failure"),
    ),
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line of radiusd."""
    zone = zone_of(raw)
    return read_programs(raw, want, _PROGRAMS, file=_FILE, changed=lambda lines: _printed(lines, zone))


def _printed(lines: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Return the lines without time, level and request number, and without the password that some servers write."""
    printed = lines.get_column("text").str.extract_groups(_PRINTED).struct.unnest()
    stamps, level = printed.get_column("stamp"), printed.get_column("level").replace(_LABELS)
    told = printed.select(to_utc(pl.col("stamp"), ("%a %b %e %H:%M:%S %Y",), zone=zone)).to_series()
    said = printed.get_column("said").str.strip_chars_end("\r\n ")
    return lines.with_columns(
        _blotted(said).alias("text"),
        told.zip_with(stamps.is_not_null(), lines.get_column("moment")).alias("moment"),
        printed.get_column("request").alias("radius.request"),
        level.alias("log.level"),
        level.replace_strict(_SEVERITIES, default=None, return_dtype=pl.Int64).alias("event.severity"),
    )


def _blotted(said: pl.Series) -> pl.Series:
    """Return the lines with ``***`` in place of passwords."""
    is_host = said.str.contains("[host/", literal=True)
    mark = "${1}/***] (from client"
    return said.str.replace(_LOGGED_OF_HOST, mark).zip_with(is_host, said.str.replace(_LOGGED, mark))


def _account() -> pl.Expr:
    """Return the account of ``user``, ``user/<via Auth-Type = eap>`` and ``host/pc.example.org``."""
    bare = pl.col("_login").str.replace(r"(?s)/(?:<[^>]*>|\*\*\*)$", "")
    return pl.when(bare != "").then(bare.str.replace_all("\\\\", "\\", literal=True))


_USER = user_columns(_account())
_PROGRAMS = (
    Program(
        "freeradius.radius",
        (_RADIUS,),
        ("radiusd", "freeradius"),
        _SENTENCES,
        says={"observer.vendor": "FreeRADIUS", "observer.product": "FreeRADIUS", "observer.type": "aaa"},
        keeps=("radius.request", "log.level", "event.severity"),
        makes={
            **_USER,
            "observer.name": pl.col("_client"),
            "source.mac": mac(pl.col("_caller")),
            "source.ip": pl.coalesce("source.ip", address(pl.when(mac(pl.col("_caller")).is_null()).then("_caller"))),
            "radius.tunnel": pl.when(pl.col("_tunnel").is_not_null()).then(pl.lit("inner")),
        },
    ),
)

PARSER = Parser(
    name="freeradius",
    log_sources=(_RADIUS,),
    signature=Signature(
        pattern=rf"{tagged('radiusd', 'freeradius')}|{_FILE}",
        rank=30,
        tags=("radiusd", "freeradius"),
        any_text=("radius", *(f" : {level}: " for level in _LEVELS.split("|"))),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=declared(_PROGRAMS),
    parse=_parse,
)
