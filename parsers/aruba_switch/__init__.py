r"""HPE Aruba switches: ArubaOS-Switch (ProCurve, 15 and 16) and AOS-CX (10): log-ins, ports, protections, commands, faults.

How to send it here. ArubaOS-Switch::

    logging 192.0.2.10
    logging severity info
    debug event

AOS-CX, with the accounting of commands::

    logging 192.0.2.10 tcp 514 severity info vrf mgmt
    aaa accounting all-mgmt default start-stop local

Reference: HPE, "Event Log Message Reference Guide" (ArubaOS-Switch), "AOS-CX Event Log Message Reference Guide", "show
accounting log". Read: syslog, and ArubaOS-Switch's own event log as ``show logging`` prints it (month first). Not read:
debug messages, SNMP traps, the switch's DHCP and RADIUS dumps. ``sshd`` lines of AOS-CX are Linux's.

``event.code`` is the event's number, ``observer.ingress.interface.name`` the port, ``host.name`` the switch.

About 90,000 lines per CPU-second, not 200,000: a syslog header is read first, then sentences are tried in turn.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats.programs import Program, declared, read_programs
from correlator.parse.formats.tagged import HEAD
from correlator.parse.formats.values import address, mac
from correlator.parse.times import to_utc, zone_of
from parsers.aruba_switch.sentences import AOS_CX, AOS_S

__all__ = ["PARSER"]

_OLD, _NEW = LogSource("aruba", "", "aos-switch"), LogSource("aruba", "", "aos-cx")
_NUMBERED = r"[0-9]{5} [A-Za-z0-9][A-Za-z0-9_.-]{0,31}: "
_EVENT = r"Event\|[0-9]+\|LOG_[A-Z]+\|"
_ACCOUNT = r"type=[A-Z_]+ msg='rec=ACCT_"
_LOCAL = rf"^\s*[MEWID] [0-9]{{2}}/[0-9]{{2}}/[0-9]{{2}} [0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}} {_NUMBERED}"
_TAG = r"(?:[A-Za-z][A-Za-z0-9_.+-]*(?:\[[0-9]+\])?: ?|[A-Za-z][A-Za-z0-9_.+-]* [0-9-]+ \S+ (?:-|\[[^\]]*\]) )?"
_PRINTED = (
    r"(?s)^\s*(?:(?P<letter>[MEWID]) (?P<stamp>[0-9/]{8} [0-9:]{8}) )?(?:(?P<number>[0-9]{5}) (?P<module>[A-Za-z0-9_.-]+): "
    r"(?:(?:ST[0-9]+-[A-Z]+|AM[0-9]): )?|Event\|(?P<event>[0-9]+)\|LOG_(?P<level>[A-Z]+)\|(?P<role>[^|]*)\|(?P<slot>[^|]*)\|)?"
    r"(?P<said>.*)$"
)
_LABELS = {
    "M": "critical",
    "E": "error",
    "W": "warning",
    "I": "information",
    "D": "debug",
    "EMERG": "emergency",
    "ALERT": "alert",
    "CRIT": "critical",
    "ERR": "error",
    "WARN": "warning",
    "NOTICE": "notice",
    "INFO": "information",
    "DEBUG": "debug",
}
_SEVERITIES = {
    "emergency": 95,
    "alert": 95,
    "critical": 95,
    "error": 75,
    "warning": 50,
    "notice": 25,
    "information": 10,
    "debug": 10,
}


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line of a switch."""
    zone = zone_of(raw)
    return read_programs(raw, want, _PROGRAMS, file=_LOCAL, changed=lambda lines: _printed(lines, zone))


def _printed(lines: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Return the lines without number, module, level and place; a line that has none of them is no switch's."""
    printed = lines.get_column("text").str.extract_groups(_PRINTED).struct.unnest()
    stamps = printed.get_column("stamp")
    told = printed.select(to_utc(pl.col("stamp"), ("%m/%d/%y %H:%M:%S",), zone=zone)).to_series()
    is_new = printed.get_column("event").is_not_null() | lines.get_column("text").str.contains(_ACCOUNT)
    is_old = printed.get_column("number").is_not_null()
    level = printed.select(
        pl.coalesce("letter", "level").replace_strict(_LABELS, default=None, return_dtype=pl.String)
    ).to_series()
    return lines.with_columns(
        pl.when(is_old).then(pl.lit("aos-s")).when(is_new).then(pl.lit("aos-cx")).alias("program"),
        printed.get_column("said").str.strip_chars_end("\r\n ").alias("text"),
        told.zip_with(stamps.is_not_null(), lines.get_column("moment")).alias("moment"),
        printed.select(pl.coalesce("number", "event")).to_series().alias("event.code"),
        printed.get_column("module").alias("event.module"),
        printed.get_column("slot").replace("-", None).alias("aruba.slot"),
        level.alias("log.level"),
        level.replace_strict(_SEVERITIES, default=None, return_dtype=pl.Int64).alias("event.severity"),
    )


def _said(key: str, value: str = r"[^\s']+") -> pl.Expr:
    """Return a value of an accounting record."""
    return pl.col("_record").str.extract(rf"(?:^| ){key}=({value})")


_SAYS = {"observer.vendor": "HPE Aruba", "observer.type": "switch"}
_MAKES = {
    "observer.name": pl.col("host.name"),
    "source.mac": pl.coalesce("source.mac", mac(pl.col("_station"))),
    "client.ip": address(pl.col("client.ip")),
}
_RESULT = _said("res").replace_strict({"success": "success", "failed": "failure", "failure": "failure"}, default=None)
_KEEPS = ("event.code", "event.module", "aruba.slot", "log.level", "event.severity")
_PROGRAMS = (
    Program(
        "aruba.aos_switch",
        (_OLD,),
        ("aos-s",),
        AOS_S,
        says={**_SAYS, "observer.product": "ArubaOS-Switch"},
        keeps=_KEEPS,
        makes=_MAKES,
    ),
    Program(
        "aruba.aos_cx",
        (_NEW,),
        ("aos-cx",),
        AOS_CX,
        says={**_SAYS, "observer.product": "AOS-CX"},
        keeps=_KEEPS,
        makes=_MAKES
        | {
            "user.name": pl.coalesce("user.name", _said("user")),
            "source.address": pl.coalesce("source.address", _said("addr")),
            "source.ip": pl.coalesce("source.ip", address(_said("addr"))),
            "process.command_line": pl.coalesce(
                "process.command_line", pl.col("_record").str.extract(r'data="(.*?)"(?: \w+=|\s*$)')
            ),
            "event.outcome": pl.coalesce("event.outcome", _RESULT),
            "service.name": _said("service"),
            "aruba.privilege": _said("priv-lvl"),
        },
    ),
)

PARSER = Parser(
    name="aruba_switch",
    log_sources=(_OLD, _NEW),
    signature=Signature(
        pattern=rf"{HEAD}(?:{_NUMBERED}|{_TAG}(?:{_EVENT}|{_ACCOUNT}))|{_LOCAL}",
        rank=10,
        any_of=(r"[0-9]{5} [A-Za-z0-9_.-]+: ", r"Event\|[0-9]+\|LOG_", "msg='rec=ACCT_"),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=declared(_PROGRAMS),
    parse=_parse,
)
