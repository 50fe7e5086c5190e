r"""HPE Comware and H3C switches and routers (5 and 7: 5130, 5500, 5900, A-series): log-ins, commands, 802.1X, ports, faults.

How to send it here::

    info-center enable
    info-center loghost 192.0.2.10 facility local7
    info-center source default loghost level informational

Reference: HPE, "Comware 7 System Log Messages Reference". Read: syslog with ``%%10MODULE/severity/MNEMONIC`` and the log
buffer's ``%Nov 22 11:05:01:123 2026 host MODULE/…``. Not read: ``%%01`` of Huawei's VRP, which looks alike and is another
vendor's; traps and debugging.

``event.code`` is the mnemonic, ``event.module`` the module. The parameters in front of a text (``-UserName=…-IPAddr=…; ``)
become ``user.name``, ``source.ip``, ``source.mac``, ``observer.ingress.interface.name``; all of them stand in
``comware.parameters``.

About 60,000 to 100,000 lines per CPU-second, not 200,000: a syslog header is read first, then sentences are tried in turn.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats.phrases import Phrase
from correlator.parse.formats.programs import Program, declared, read_programs
from correlator.parse.formats.tagged import HEAD
from correlator.parse.formats.values import address, label_of, mac, severity_of, words
from correlator.parse.times import to_utc, zone_of

__all__ = ["PARSER"]

Says = dict[str, str | tuple[str, ...]]

_SWITCH = LogSource("hpe", "", "comware")
_MNEMONIC = r"[A-Z][A-Z0-9_]{1,31}/[0-7]/[A-Za-z0-9_ -]{2,64}(?:\([a-z]+\))?:"
_MARK = rf"%%10{_MNEMONIC}"
_OPENED = rf"^(?:[^\s:%]+ ){{0,3}}(?:\([^)]{{0,64}}\) )?{_MARK}"
_BUFFER = rf"^\s*%(?:@[0-9]+)?%?[A-Z][a-z]{{2}} {{1,2}}[0-9]{{1,2}} [0-9:.]{{8,12}} [0-9]{{4}} \S+ {_MNEMONIC}"
_PRINTED = (
    r"(?s)^.*?(?:%%10|%(?:@[0-9]+)?%?(?P<stamp>[A-Z][a-z]{2} {1,2}[0-9]{1,2} [0-9:.]{8,12} [0-9]{4}) (?P<host>\S+) )"
    r"(?P<module>[A-Z][A-Z0-9_]{1,31})/(?P<level>[0-7])/(?P<mnemonic>[A-Za-z0-9_ -]{2,64})(?:\([a-z]+\))?: ?"
    r"(?:-DevIP=[^-; ]*(?:; )?)?(?P<parameters>-[A-Za-z][A-Za-z0-9 ]*=.*?(?:; |;$))?(?P<said>.*)$"
)


def _login(outcome: str, action: str = "login", kind: str = "start") -> Says:
    says: Says = {"event.action": action, "event.category": ("authentication",), "event.type": (kind,)}
    return says | ({"event.outcome": outcome} if outcome else {})


def _of(category: str, action: str, *kinds: str, outcome: str = "") -> Says:
    says: Says = {"event.action": action, "event.category": (category,), "event.type": kinds}
    return says | ({"event.outcome": outcome} if outcome else {})


_FROM = r"(?P<source.address>[0-9A-Fa-f.:]*[0-9A-Fa-f])"
_USER = r"(?P<user.name>\S+?)"
_ANY_USER = r"(?P<user.name>.+)"  # what stands behind it is looked for from the end: a name may hold ` from 192.0.2.1`
_PORT = r"(?P<observer.ingress.interface.name>[A-Za-z][A-Za-z-]*[0-9]+(?:/[0-9]+)*(?:\.[0-9]+)?)"
_SENTENCES = (
    Phrase(
        r"(?s)^(?:SSH |Telnet |FTP |HTTP\w* |Web )?(?:[Uu]ser )?"
        rf"{_ANY_USER} (?P<event.reason>failed to log ?in) from {_FROM}.*$",
        _login("failure"),
    ),
    Phrase(
        rf"(?s)^(?:SSH |Telnet |FTP |HTTP\w* |Web )?(?:[Uu]ser )?{_USER}(?: \(IP: {_FROM}\))? (?P<event.reason>failed"
        rf" to log ?in|failed "
        r"(?:password |publickey |to pass )?(?:the )?(?:AAA )?authentication|login failed).*$",
        _login("failure"),
    ),
    Phrase(
        rf"(?s)^(?P<event.reason>(?:Authentication|Login) failed) for (?:user )?{_ANY_USER} from {_FROM}(?: port "
        rf"(?P<source.port>[0-9]+))?.*$",
        _login("failure"),
    ),
    Phrase(
        rf"(?s)^Accepted (?P<comware.method>\S+) for {_ANY_USER} from {_FROM}(?: port (?P<source.port>[0-9]+))?.*$",
        _login("success"),
    ),
    Phrase(
        rf"(?s)^(?:SSH |Telnet |FTP |HTTP\w* |Web )?(?:[Uu]ser )?{_USER} \(IP: {_FROM}\) connected to the server.*$",
        _login("success"),
    ),
    Phrase(
        rf"(?s)^(?:SSH |Telnet |FTP )?(?:[Uu]ser )?{_USER} \(IP: {_FROM}\) disconnected from the server.*$",
        _login("", "logout", "end"),
    ),
    Phrase(rf"(?s)^(?:[Uu]ser )?{_ANY_USER} logged in from (?:{_FROM}|\S+)\.?$", _login("success")),
    Phrase(rf"(?s)^(?:[Uu]ser )?{_ANY_USER} logged out from (?:{_FROM}|\S+)\.?$", _login("", "logout", "end")),
    Phrase(
        rf"(?s)^User {_USER} from {_FROM} (?P<event.reason>failed authentication|was rejected).*$",
        _login("failure", "radius_refused"),
    ),
    Phrase(
        r"(?s)^(?P<event.reason>AAA failed|AAA is failed|.*authentication failed|Failed to authenticate).*$",
        _login("failure", "aaa"),
    ),
    Phrase(r"(?s)^(?P<event.reason>AAA (?:succeeded|is successful|successful)).*$", _login("success", "aaa")),
    Phrase(r"(?s)^(?P<event.reason>AAA launched).*$", _login("unknown", "aaa")),
    Phrase(
        r"(?s)^(?P<event.reason>.*(?:passed (?:802\.1X|MAC|[Ww]eb) authentication|came online).*)$",
        _login("success", "port_access"),
    ),
    Phrase(
        r"(?s)^(?P<event.reason>.*failed (?:802\.1X|MAC|[Ww]eb) (?:authentication|authorization).*)$",
        _login("failure", "port_access"),
    ),
    Phrase(r"(?s)^(?P<event.reason>.*(?:was logged off|went offline|logged off).*)$", _login("", "port_logoff", "end")),
    Phrase(r"(?s)^Command is (?P<process.command_line>.*?)\s*$", _of("configuration", "command", "change")),
    Phrase(
        r"(?s)^(?P<event.reason>.*(?:Configuration (?:is|was)"
        r" changed|[Cc]onfiguration|startup|saved|Command|upgrade|[Bb]oot loader).*)$",
        _of("configuration", "configuration", "change"),
    ),
    Phrase(
        rf"(?s)^(?:Physical state|Line protocol state) on the interface {_PORT} changed to (?P<comware.state>up|down).*$",
        _of("network", "port_state", "change"),
    ),
    Phrase(
        rf"(?s)^(?:Line protocol on the interface )?{_PORT} (?:link status )?is (?P<comware.state>UP|DOWN|up|down)\.?$",
        _of("network", "port_state", "change"),
    ),
    Phrase(
        r"(?s)^(?P<event.reason>.*(?:BPDU[- ][Gg]uard|[Ii]ntrusion|[Vv]iolation|[Ll]oop"
        r" (?:was|is)|spoof|attack|illegal|[Dd]uplicate|conflict|"
        r"untrusted|storm|flood).*)$",
        _of("intrusion_detection", "protection", "connection", "denied"),
    ),
    Phrase(
        r"(?s)^(?P<event.reason>.*(?:[Ff]ail(?:ed|ure|s)?\b|[Ff]ault|[Ee]rror|absent|abnormal|exceed|too"
        r" high|over|unreachable|timed? ?out|lost|"
        r"removed|pulled out).*)$",
        _of("host", "fault", "error", outcome="failure"),
    ),
    Phrase(
        r"(?s)^(?P<event.reason>.*(?:neighbor|topology|STP|instance|root|port|interface|VLAN|LLDP|[Ff]an|[Pp]ower|temperature|NTP|clock|restart|"
        r"reboot|started|[Ss]tart|stack|IRF|member|master|normal|recovered|SNMP|session|log|buffer|server|DHCP|MAC|ARP|role|state|inserted).*)$",
        _of("host", "message", "info"),
    ),
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line with a Comware mnemonic."""
    zone = zone_of(raw)
    return read_programs(raw, want, _PROGRAMS, file=_BUFFER, changed=lambda lines: _printed(lines, zone))


def _printed(lines: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Return the lines without mnemonic and parameters; a line without mnemonic is nobody's."""
    is_marked = (pl.col("program").is_null() & pl.col("text").str.contains(_OPENED)) | pl.col("_is_file")
    printed = lines.select(pl.when(is_marked).then("text")).to_series().str.extract_groups(_PRINTED).struct.unnest()
    stamp = pl.col("stamp").str.replace(r"(:[0-9]{2}):([0-9]{3}) ", "${1}.${2} ")
    told = printed.select(to_utc(stamp, ("%b %e %H:%M:%S%.f %Y",), zone=zone)).to_series()
    level = printed.get_column("level").cast(pl.Int64, strict=False)
    return lines.with_columns(
        pl.when(pl.lit(printed.get_column("mnemonic").is_not_null())).then(pl.lit("comware")).alias("program"),
        printed.get_column("said").str.strip_chars_end("\r\n ").alias("text"),
        told.zip_with(printed.get_column("stamp").is_not_null(), lines.get_column("moment")).alias("moment"),
        pl.coalesce("syslog.host", pl.lit(printed.get_column("host"))).alias("syslog.host"),
        printed.get_column("module").alias("event.module"),
        printed.get_column("mnemonic").alias("event.code"),
        printed.get_column("parameters").str.strip_chars_end("; ").alias("comware.parameters"),
        pl.select(label_of(pl.lit(level)).alias("log.level")).to_series(),
        pl.select(severity_of(pl.lit(level)).alias("event.severity")).to_series(),
    )


def _parameter(*names: str) -> pl.Expr:
    """Return the first of the parameters ``names`` of a line."""
    found = [pl.col("comware.parameters").str.extract(rf"(?:^|-){name}= ?(.*?)(?:-[A-Z][A-Za-z0-9]*=|;|$)") for name in names]
    return words(pl.coalesce(found))


_NAME = pl.coalesce("user.name", _parameter("UserName", "Username", "User"))
_PROGRAMS = (
    Program(
        "hpe.comware",
        (_SWITCH,),
        ("comware",),
        _SENTENCES,
        says={"observer.vendor": "HPE", "observer.product": "Comware", "observer.type": "switch"},
        keeps=("event.module", "event.code", "comware.parameters", "log.level", "event.severity"),
        makes={
            "observer.name": pl.col("host.name"),
            "user.name": _NAME.str.replace(r"@[A-Za-z0-9_.-]+$", ""),
            "user.domain": _NAME.str.extract(r"@([A-Za-z0-9_.-]+)$"),
            "source.ip": pl.coalesce("source.ip", address(_parameter("IPAddr", "IPAddress", "IP", "SrcIPAddr", "UserIP"))),
            "source.mac": mac(_parameter("MACAddr", "MACAddress", "MAC")),
            "observer.ingress.interface.name": pl.coalesce(
                "observer.ingress.interface.name", _parameter("IfName", "Interface", "Line", "PortName")
            ),
            "process.command_line": pl.coalesce("process.command_line", _parameter("Command")),
        },
    ),
)

PARSER = Parser(
    name="comware",
    log_sources=(_SWITCH,),
    signature=Signature(
        pattern=rf"{HEAD}(?:\([A-Za-z0-9 ]+\) |\S+ [0-9-]+ \S+ - )?{_MARK}|^\s*<[0-9]{{1,3}}> ?(?:\S+ ){{0,3}}{_MARK}"
        rf"|{_BUFFER}",
        rank=10,
        any_of=("%%10[A-Z]", r"[A-Z]/[0-7]/[A-Z]"),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=declared(_PROGRAMS),
    parse=_parse,
)
