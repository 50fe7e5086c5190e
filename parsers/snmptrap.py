r"""SNMP traps as ``snmptrapd`` (Net-SNMP 5.7 to 5.9) writes them: UPS, switches, printers, cabinets, controllers.

How to send it here, in ``/etc/snmp/snmptrapd.conf``: ``authCommunity log public`` (or a v3 user with ``authUser log``), and
``snmptrapd -Ls d`` (syslog, one line a trap) or ``-Lf /var/log/snmptrapd.log`` with a ``file`` source (two lines a trap: the
second begins with a tab or an OID and is joined here). ``-On`` keeps OIDs numeric, ``-m ALL`` names them: both are read.
Reference: ``snmptrapd(8)``, RFC 3418, RFC 1628 (UPS). Vendors' own OIDs are kept and named where known (APC): unproved.

The trap is ``snmpTrapOID.0``, or the enterprise and number of version 1. ``authenticationFailure`` (a wrong community) is a
refused login; UPS on battery, low battery, overload and lost links are alerts. The agent's own address
(``snmpTrapAddress.0``) wins over the one the packet came from.

Sigma: ``product: snmp``, ``service: trap`` (``trap``, ``trap_oid``, ``variables``, ``community``).

Speed: about 135,000 lines per CPU-second, assembled: a trap may go on over several lines, and its variables are pairs.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Continuation, Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats.making import Making
from correlator.parse.formats.tagged import tagged
from correlator.parse.formats.unwrap import unwrap
from correlator.parse.formats.values import address, integer, words
from correlator.parse.times import to_utc, zone_of

__all__ = ["PARSER"]

_TRAP = LogSource("snmp", "", "trap")
_STAMP = r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}"
_CARRIER = r"(?:UDP|TCP|UDP6|TCP6|DTLSUDP|TLSTCP):"
_ADDRESS = r"(?:\[(?P<six>[0-9A-Fa-f.:]+)\]|(?P<from>[0-9.]+))(?::(?P<port>[0-9]+))?"
_LINE = (
    rf"(?s)^\s*(?:(?P<stamp>{_STAMP}) )?(?P<host>\S+) (?:\[(?P<agent>[0-9A-Fa-f.:]+)\] )?[\[(](?:via )?{_CARRIER}\s*{_ADDRESS}"
    r"(?:->\[?[0-9A-Fa-f.:]*\]?(?::[0-9]+)?)?[\])]*:?(?P<rest>.*)$"
)
_START = rf"^(?:{_STAMP} \S+ .*[\[(](?:via )?{_CARRIER}|<[0-9]|[A-Z][a-z]{{2}} [ 0-9][0-9] |[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T)"
_TRAP_OID = (
    r"(?:snmpTrapOID(?:\.0)?|(?:1|iso)\.3\.6\.1\.6\.3\.1\.1\.4\.1\.0|snmpModules\.1\.1\.4\.1\.0)"
    r"\s*=\s*(?:OID:\s*)?([A-Za-z0-9_.:-]+)"
)
_AGENT = r"(?:snmpTrapAddress(?:\.0)?|(?:1|iso)\.3\.6\.1\.6\.3\.18\.1\.3\.0)\s*=\s*(?:IpAddress:\s*)?([0-9A-Fa-f.:]+)"
_COMMUNITY = r'(?:community |snmpTrapCommunity(?:\.0)?\s*=\s*STRING:\s*"?)([^\s",]+)'
_GENERIC = r"(Cold Start|Warm Start|Link Down|Link Up|Authentication Failure|EGP Neighbor Loss)(?: Trap)? \([0-9]+\)"
_ENTERPRISE = r"([A-Za-z0-9-]+::[A-Za-z0-9.]+) Enterprise Specific Trap \([0-9]+\)"
_TEXT = r'= (?:STRING|Hex-STRING): "?([^"\t]{3,200}?)"?(?:\t|,|$)'
_STANDARD = ("coldStart", "warmStart", "linkDown", "linkUp", "authenticationFailure", "egpNeighborLoss")
_UPS = ("upsTrapOnBattery", "upsTrapTestCompleted", "upsTrapAlarmEntryAdded", "upsTrapAlarmEntryRemoved")
_APC = {
    1: "communicationLost", 2: "upsOverload", 3: "upsDiagnosticsFailed", 4: "upsDischarged", 5: "upsOnBattery", 7: "lowBattery",
    8: "communicationEstablished", 9: "powerRestored", 11: "returnFromLowBattery",
}  # fmt: skip
_NUMBERS = {
    **{f"1.3.6.1.6.3.1.1.5.{number}": name for number, name in enumerate(_STANDARD, 1)},
    **{f"1.3.6.1.2.1.33.2.{number}": name for number, name in enumerate(_UPS, 1)},
    **{f"1.3.6.1.2.1.33.2.0.{number}": name for number, name in enumerate(_UPS, 1)},
    **{f"1.3.6.1.4.1.318.0.{number}": name for number, name in _APC.items()},
}
_OF_VERSION_1 = {
    "Cold Start": "coldStart", "Warm Start": "warmStart", "Link Down": "linkDown", "Link Up": "linkUp",
    "Authentication Failure": "authenticationFailure", "EGP Neighbor Loss": "egpNeighborLoss",
}  # fmt: skip
_ALARMS = ("upsTrapOnBattery", "upsOnBattery", "upsTrapAlarmEntryAdded")
_GRAVE = ("lowBattery", "upsOverload", "upsDischarged", "upsDiagnosticsFailed")
_CLEARED = ("upsTrapAlarmEntryRemoved", "powerRestored", "returnFromLowBattery")
_SEVERITIES = {
    **dict.fromkeys((*_ALARMS, "communicationLost", "linkDown", "authenticationFailure"), 50),
    **dict.fromkeys(_GRAVE, 75),
    **dict.fromkeys(("coldStart", "warmStart"), 25),
    **dict.fromkeys((*_CLEARED, "linkUp", "communicationEstablished", "upsTrapTestCompleted"), 10),
}
_ACTIONS = {
    **dict.fromkeys(("linkDown", "communicationLost"), "offline"),
    **dict.fromkeys(("linkUp", "communicationEstablished"), "online"),
    **dict.fromkeys(("coldStart", "warmStart"), "restart"),
    **dict.fromkeys(_CLEARED, "alarm_cleared"),
    **dict.fromkeys((*_ALARMS, *_GRAVE), "alarm_active"),
    "authenticationFailure": "login",
}

_name = pl.col("trap")
_is_login = _name == "authenticationFailure"
_action = _name.replace_strict(_ACTIONS, default="trap", return_dtype=pl.String)
_MAKING = Making(
    dataset="snmp.trap",
    log_sources=(_TRAP,),
    words=("trap",),
    ecs={
        "event.kind": pl.when(_action.is_in(["alarm_active", "offline"])).then(pl.lit("alert")).otherwise(pl.lit("event")),
        "event.category": pl.when(_is_login).then(pl.lit(["authentication"])).otherwise(pl.lit(["host"])),
        "event.type": pl.when(_is_login).then(pl.lit(["denied"])).otherwise(pl.lit(["info"])),
        "event.action": _action,
        "event.code": pl.coalesce("trap", "oid"),
        "event.outcome": pl.when(_is_login).then(pl.lit("failure")),
        "event.severity": _name.replace_strict(_SEVERITIES, default=None, return_dtype=pl.Int64),
        "message": pl.concat_str(pl.coalesce("trap", "oid", pl.lit("trap")), "text", separator=": ", ignore_nulls=True),
        "host.name": words(pl.when(address(pl.col("host")).is_null()).then("host")),
        "device.id": pl.coalesce("agent address", "agent", "from"),
        "source.ip": address(pl.coalesce("agent address", "agent", "from")),
        "source.address": pl.coalesce("agent address", "agent", "from"),
        "source.port": integer(pl.col("port"), above=0),
        "observer.name": pl.col("sender"),
        "network.protocol": pl.lit("snmp"),
    },
    own={
        "trap": _name,
        "trap_oid": pl.col("oid"),
        "variables": pl.col("rest").str.strip_chars(),
        "community": pl.col("community"),
        "equipment.id": pl.coalesce("host", "agent address", "agent", "from"),
        "equipment.type": pl.when(_name.str.contains(r"(?i)^ups|battery|powerRestored|^communication")).then(pl.lit("ups")),
        "point": _name,
    },
)  # fmt: skip


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per trap; lines of the daemon itself are malformed."""
    read = unwrap(raw)
    body = read.get_column("body").str.replace(r"^(?:snmptrapd(?:\[[0-9]+\])?: )", "")
    groups = body.str.extract_groups(_LINE).struct.unnest()
    is_trap = groups.get_column("from").is_not_null() | groups.get_column("six").is_not_null()
    told = read.select("raw_row", "sender", "sent").hstack(groups).hstack([raw.get_column("received")]).filter(is_trap)
    rest = pl.col("rest")
    oid = rest.str.extract(_TRAP_OID).str.strip_prefix(".").str.replace(r"^iso\.", "1.")
    numeric = oid.str.replace(r"^(?:SNMPv2-SMI::)?enterprises\.", "1.3.6.1.4.1.")
    named = told.with_columns(
        numeric.alias("oid"),
        pl.coalesce("from", "six").alias("from"),
        rest.str.extract(_AGENT).alias("agent address"),
        rest.str.extract(_COMMUNITY).alias("community"),
        rest.str.extract(_TEXT).alias("text"),
        pl.coalesce(
            numeric.replace_strict(_NUMBERS, default=None, return_dtype=pl.String),
            numeric.str.extract(r"::([A-Za-z][A-Za-z0-9_-]*)(?:\.0)?$"),
            rest.str.extract(_GENERIC).replace_strict(_OF_VERSION_1, default=None, return_dtype=pl.String),
            rest.str.extract(_ENTERPRISE),
        ).alias("trap"),
    )
    local = to_utc(pl.col("stamp"), ("%Y-%m-%d %H:%M:%S",), zone=zone_of(raw))
    when = pl.when(pl.col("stamp").is_not_null()).then(local).otherwise(pl.coalesce("sent", "received"))
    return _MAKING.parsed(named, when, want, bad=rejects_of(raw.filter(~is_trap), Reason.MALFORMED))


PARSER = Parser(
    name="snmptrap",
    log_sources=(_TRAP,),
    signature=Signature(
        pattern=rf"{tagged('snmptrapd')}|^{_STAMP} \S+ (?:\[[0-9A-Fa-f.:]+\] )?[\[(](?:via )?{_CARRIER}",
        rank=10,
        any_text=("snmptrapd", "UDP:", "TCP:", "UDP6:", "TCP6:"),
    ),
    maturity=Maturity.UNPROVED,
    fields=_MAKING.declared(),
    parse=_parse,
    required=("source.address", "event.action"),
    assembly=Continuation(start=_START),
)
