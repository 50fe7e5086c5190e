r"""OpenLDAP slapd 2.4 to 2.6: connections, binds and their results, searches, changes (``loglevel stats``).

How to send it here: ``olcLogLevel: stats`` (``ldapmodify`` on ``cn=config``); slapd writes to syslog facility ``local4``:
``local4.* action(type="omfwd" target="COLLECTOR" port="6514" protocol="tcp" template="RSYSLOG_SyslogProtocol23Format")``.
2.6's own file is read as well, in the formats ``syslog-utc``, ``rfc3339-utc`` and ``debug``. Reference:
slapd.conf(5), "OpenLDAP Software Administrator's Guide", chapter "Monitoring".

One line is one event; ``session.id`` (conn) and ``ldap.op`` join them. ``ldap_bind`` names who asks; whether it succeeded is in
``ldap_bind_result`` (``ldap.err``: 49 is a wrong password or an unknown name), where from in ``ldap_connection``. Nothing is
assembled: a rule for guessed passwords counts ``ldap_bind_result`` by host and connection. ``user.name`` is the value of the
name's first part (``uid=``, ``cn=``); an anonymous bind has none.

Speed: less than 200,000 lines per CPU-second: a syslog header is read first, then sentences are tried in turn.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats.phrases import Phrase
from correlator.parse.formats.programs import Program, declared, read_programs
from correlator.parse.formats.tagged import tagged

__all__ = ["PARSER"]

Says = dict[str, str | tuple[str, ...]]
_SOURCES = (LogSource("openldap", "", "slapd"), LogSource("linux", "", "syslog"))
_OP = r"^conn=(?P<session.id>[0-9]+|-) op=(?P<ldap.op>[0-9]+|-) "
_FD = r"^conn=(?P<session.id>[0-9]+) fd=(?P<ldap.fd>[0-9]+) "
_TIMES = r"(?: qtime=(?P<ldap.qtime>[0-9.]+))?(?: etime=(?P<ldap.etime>[0-9.]+))?"
_DN = r'dn="(?P<ldap.dn>(?:[^"\\]|\\.)*)"'


def _said(action: str, category: tuple[str, ...], *types: str) -> Says:
    return {"event.action": action, "event.category": category, "event.type": types}


_CHANGED = ("iam", "database")
_PHRASES = (
    Phrase(
        rf"{_OP}SEARCH RESULT tag=(?P<ldap.tag>[0-9]+) err=(?P<ldap.err>[0-9]+){_TIMES}"
        r"(?: nentries=(?P<ldap.entries>[0-9]+))? text=(?P<ldap.text>.*)$",
        _said("ldap_search_result", ("database",), "info"),
    ),
    Phrase(
        rf'{_OP}SRCH base="(?P<ldap.base>.*?)" scope=(?P<ldap.scope>[0-9]+)(?: deref=[0-9]+)? filter="(?P<ldap.filter>.*)"$',
        _said("ldap_search", ("database",), "access"),
    ),
    Phrase(rf"{_OP}SRCH attr=(?P<ldap.attributes>.*)$", _said("ldap_search", ("database",), "access")),
    Phrase(
        rf"{_OP}RESULT (?:oid=(?P<ldap.oid>\S*) )?(?:tag=(?P<ldap.tag>[0-9]+) )?err=(?P<ldap.err>[0-9]+){_TIMES}"
        r" text=(?P<ldap.text>.*)$",
        {"event.type": ("info",)},
    ),
    Phrase(rf"{_OP}BIND {_DN} method=(?P<ldap.method>[0-9]+)$", _said("ldap_bind", ("authentication",), "start")),
    Phrase(
        rf"{_OP}BIND (?:{_DN}|(?P<ldap.anonymous>anonymous)) mech=(?P<ldap.mechanism>\S+)(?: bind_ssf=[0-9]+)?(?:"
        rf" sasl_ssf=[0-9]+)?"
        r"(?: ssf=(?P<ldap.ssf>[0-9]+))?$",
        _said("ldap_bound", ("authentication",), "info"),
    ),
    Phrase(rf'{_OP}BIND dn="(?P<ldap.dn>[^"]*)$', _said("ldap_bind", ("authentication",), "start")),  # cut on its way
    Phrase(
        rf'{_OP}BIND authcid="(?P<user.name>[^"]*)"(?: authzid="(?P<user.effective.name>[^"]*)")?$',
        _said("ldap_bound", ("authentication",), "info"),
    ),
    Phrase(
        rf"{_FD}ACCEPT from (?:IP=\[?(?P<source.address>[0-9A-Fa-f:.]+?)\]?:(?P<source.port>[0-9]+)|PATH="
        rf"(?P<ldap.path>\S+)|\S+)"
        r" \((?:IP=\[?(?P<destination.ip>[0-9A-Fa-f:.]+?)\]?:(?P<destination.port>[0-9]+)|.*)\)$",
        _said("ldap_connection", ("network",), "connection", "start"),
    ),
    Phrase(
        rf"{_FD}TLS established tls_ssf=(?P<ldap.tls_ssf>[0-9]+) ssf=(?P<ldap.ssf>[0-9]+)(?: tls_proto=(?P<tls.version>\S+))?"
        r"(?: tls_cipher=(?P<tls.cipher>\S+))?.*$",
        _said("tls_established", ("network",), "connection", "info"),
    ),
    Phrase(rf"{_FD}closed(?: \((?P<event.reason>.*)\))?$", _said("ldap_disconnection", ("network",), "connection", "end")),
    Phrase(rf"{_OP}UNBIND$", _said("ldap_unbind", ("session",), "end")),
    Phrase(rf"{_OP}ADD {_DN}$", _said("ldap_add", _CHANGED, "creation")),
    Phrase(rf"{_OP}DEL {_DN}$", _said("ldap_delete", _CHANGED, "deletion")),
    Phrase(rf"{_OP}MOD {_DN}$", _said("ldap_modify", _CHANGED, "change")),
    Phrase(rf"{_OP}MOD attr=(?P<ldap.attributes>.*)$", _said("ldap_modify", _CHANGED, "change")),
    Phrase(rf"{_OP}MODRDN {_DN}.*$", _said("ldap_rename", _CHANGED, "change")),
    Phrase(
        rf'{_OP}PASSMOD(?: id="(?P<ldap.dn>[^"]*)")?(?P<ldap.attributes>(?: new| old)*)$',
        _said("ldap_password_change", ("iam",), "user", "change"),
    ),
    Phrase(rf'{_OP}CMP {_DN} attr="(?P<ldap.attributes>[^"]*)"$', _said("ldap_compare", ("database",), "access")),
    Phrase(rf"{_OP}PROXYAUTHZ {_DN}$", _said("ldap_proxied", ("authentication",), "info")),
    Phrase(rf"{_OP}EXT oid=(?P<ldap.oid>\S+)$", _said("ldap_extended", ("database",), "info")),
    Phrase(rf"{_OP}(?:STARTTLS|WHOAMI|ABANDON msg=[0-9]+|CANCEL msg=[0-9]+).*$", _said("ldap_extended", ("network",), "info")),
    Phrase(
        rf"{_OP}(?P<ldap.operation>[A-Za-z_]+): (?P<event.reason>.*)$",
        {**_said("ldap_problem", ("database",), "error"), "event.outcome": "failure"},
    ),
    Phrase(
        r"^ppolicy_bind: Entry (?P<ldap.dn>.*?) (?P<event.reason>has an expired password.*|is locked.*)$",
        {**_said("ldap_policy", ("authentication",), "denied"), "event.outcome": "failure"},
    ),
    Phrase(
        r"^(?P<event.reason>slapd starting|@\(#\) \$OpenLDAP: slapd .*)$",
        {**_said("service_started", ("process",), "start"), "event.outcome": "success"},
    ),
    Phrase(
        r"^(?P<event.reason>slapd (?:stopped|shutdown).*|daemon: shutdown requested.*)$",
        {**_said("service_stopped", ("process",), "end"), "event.outcome": "success"},
    ),
    Phrase(
        r"^(?P<event.reason>(?:<= \w+: \(.*\) not indexed|(?:do_)?syncrep\w*: .*|syncprov\w*: .*|slap_\w+: .*"
        r"|connection_\w+(?:\([0-9]+\))?: .*"
        r"|connection_\w+: .*|daemon: .*|main: .*|config error .*|warning: .*))$",
        _said("service_message", ("process",), "info"),
    ),
)
_RESULTS = {
    "97": ("ldap_bind_result", ["authentication"]), "101": ("ldap_search_result", ["database"]),
    "103": ("ldap_modify_result", ["iam", "database"]), "105": ("ldap_add_result", ["iam", "database"]),
    "107": ("ldap_delete_result", ["iam", "database"]), "109": ("ldap_rename_result", ["iam", "database"]),
    "111": ("ldap_compare_result", ["database"]), "120": ("ldap_extended_result", ["database"]),
    "115": ("ldap_referral", ["database"]),
}  # fmt: skip
_ERRORS = {
    "1": "operations error", "2": "protocol error", "3": "time limit exceeded", "4": "size limit exceeded",
    "5": "compare false",
    "6": "compare true", "7": "authentication method not supported", "8": "stronger authentication required", "10": "referral",
    "11": "administrative limit exceeded", "13": "confidentiality required", "14": "SASL bind in progress",
    "16": "no such attribute", "17": "undefined attribute type", "18": "inappropriate matching", "19": "constraint violation",
    "20": "attribute or value exists", "21": "invalid attribute syntax", "32": "no such object", "34": "invalid DN syntax",
    "48": "inappropriate authentication", "49": "invalid credentials", "50": "insufficient access", "51": "busy",
    "52": "unavailable", "53": "unwilling to perform", "54": "loop detected", "64": "naming violation",
    "65": "object class violation", "66": "not allowed on non-leaf", "67": "not allowed on RDN", "68": "entry already exists",
    "80": "internal error", "118": "cancelled", "123": "authorization denied",
}  # fmt: skip
_ERR, _TAG = pl.col("ldap.err"), pl.col("ldap.tag")
_UNDECIDED = ["5", "6", "10", "14"]
_WHO = ["ldap_bind", "ldap_bound", "ldap_policy", "ldap_proxied"]
_PROGRAM = Program(
    "openldap.slapd",
    _SOURCES,
    ("slapd",),
    _PHRASES,
    {"observer.vendor": "OpenLDAP", "observer.product": "slapd", "network.protocol": "ldap"},
    makes={
        "event.action": pl.coalesce(
            "event.action",
            _TAG.replace_strict({tag: row[0] for tag, row in _RESULTS.items()}, default=None, return_dtype=pl.String),
            pl.when(_ERR.is_not_null()).then(pl.lit("ldap_result")),
        ),
        "event.category": pl.coalesce(
            "event.category",
            _TAG.replace_strict(
                {tag: row[1] for tag, row in _RESULTS.items()}, default=None, return_dtype=pl.List(pl.String())
            ),
        ),
        "event.outcome": pl.coalesce(
            "event.outcome",
            pl.when(_ERR == "0")
            .then(pl.lit("success"))
            .when(_ERR.is_in(_UNDECIDED))
            .then(pl.lit("unknown"))
            .when(_ERR.is_not_null())
            .then(pl.lit("failure")),
        ),
        "event.reason": pl.coalesce(
            "event.reason", "ldap.text", _ERR.replace_strict(_ERRORS, default=None, return_dtype=pl.String)
        ),
        "error.code": pl.when(_ERR != "0").then(_ERR),
        "user.name": pl.coalesce(
            "user.name",
            pl.when(pl.col("event.action").is_in(_WHO)).then(
                pl.col("ldap.dn").str.extract(r"(?i)^(?:uid|cn|mail|samaccountname)=([^,+]+)")
            ),
        ),
        "user.target.name": pl.when(
            pl.col("event.action").is_in(["ldap_add", "ldap_delete", "ldap_modify", "ldap_password_change"])
        ).then(pl.col("ldap.dn").str.extract(r"(?i)^(?:uid|cn)=([^,+]+)")),
    },
)
_FILE = r"^([0-9a-f]{8})(?:\.[0-9a-f]{8})? (?:0x[0-9a-f]+ )?((?:conn=[0-9]+ |slapd |@\(#\) )[\s\S]*)$"


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line."""
    return read_programs(_as_syslog(raw), want, (_PROGRAM,))


def _as_syslog(raw: pl.DataFrame) -> pl.DataFrame:
    """Return ``raw`` with lines of slapd's debug format, whose time is a hexadecimal number of seconds, as syslog lines."""
    parts = raw.get_column("text").str.extract_groups(_FILE).struct.unnest()
    if not parts.get_column("2").is_not_null().any():
        return raw
    seconds = pl.col("1").str.to_integer(base=16, strict=False).cast(pl.Int64)
    stamp = pl.from_epoch(seconds, time_unit="s").dt.to_string("%Y-%m-%dT%H:%M:%SZ")
    lines = parts.select(pl.concat_str(stamp, pl.lit(" slapd: "), pl.col("2"))).to_series()
    return raw.with_columns(pl.coalesce(pl.lit(lines), "text").alias("text"))


PARSER = Parser(
    name="slapd",
    log_sources=_SOURCES,
    signature=Signature(
        pattern=rf"{tagged('slapd')}|^[0-9a-f]{{8}}(?:\.[0-9a-f]{{8}})? (?:0x[0-9a-f]+ )?conn=[0-9]+ (?:op|fd)=",
        rank=10,
        tags=("slapd",),
        any_text=("slapd", " conn="),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=declared((_PROGRAM,)),
    parse=_parse,
    required=("message",),
)
