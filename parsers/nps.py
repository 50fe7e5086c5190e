r"""Microsoft NPS and IAS accounting files (``IN*.log``, Server 2003 to 2025): who was let into Wi-Fi, VPN and switch ports.

How to write it: Network Policy Server console, *Accounting*, *Change Log File Properties*: all four kinds of information,
format *DTS Compliant* (it says most). All three are read: DTS (one ``<Event>`` per line), *IAS (Legacy)* (six values, then
number and value pairs) and *ODBC (Legacy)* (quoted CSV, database-compatible). To send it: NXLog or a forwarder that follows
the files.

Reference: Microsoft Learn, "Interpret NPS Database Format Log Files", "Interpret IAS Format Log Files", "NPS Reason Codes". The
same decisions are Windows events 6272 to 6278, which the Windows parser reads. Dates are month first everywhere; local time.

The account stands on the request (1) only, the verdict on the answer (2 accept, 3 reject): ``radius.class`` or the NAS and its
port join them, ``event.action`` tells them apart. ``source.mac`` or ``source.ip`` is the device (``Calling-Station-Id``),
``client.ip`` the address it was given, ``network.name`` the SSID, ``rule.name`` the policy.

About 60,000 (IAS) to 100,000 (DTS) lines per CPU-second: each of some thirty attributes is sought by itself.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats import csv
from correlator.parse.formats.making import Making
from correlator.parse.formats.unwrap import OPENING, unwrap
from correlator.parse.formats.values import account, account_domain, address, integer, mac, nanoseconds, words
from correlator.parse.times import to_utc, zone_of

__all__ = ["PARSER"]

_NPS = LogSource("windows", "", "nps")
#: Field → (name in DTS, number in IAS, place in ODBC).
_FIELDS: dict[str, tuple[str, str, int]] = {
    "computer": ("Computer-Name", "", 0),
    "service": ("Event-Source", "", 1),
    "packet": ("Packet-Type", "4136", 4),
    "user": ("User-Name", "1", 5),
    "sam": ("SAM-Account-Name", "4129", -1),
    "full": ("Fully-Qualifed-User-Name", "4130", 6),  # Microsoft's spelling
    "called": ("Called-Station-Id", "30", 7),
    "calling": ("Calling-Station-Id", "31", 8),
    "framed": ("Framed-IP-Address", "8", 10),
    "nas": ("NAS-Identifier", "32", 11),
    "nas_ip": ("NAS-IP-Address", "4", 12),
    "nas_port": ("NAS-Port", "5", 13),
    "vendor": ("Client-Vendor", "4116", 14),
    "client_ip": ("Client-IP-Address", "4108", 15),
    "client": ("Client-Friendly-Name", "4128", 16),
    "port_type": ("NAS-Port-Type", "61", 19),
    "connect": ("Connect-Info", "77", 20),
    "method": ("Authentication-Type", "4127", 23),
    "policy": ("NP-Policy-Name", "4149", 24),
    "reason": ("Reason-Code", "4142", 25),
    "class": ("Class", "25", 26),
    "eap": ("EAP-Friendly-Name", "4132", 30),
    "status": ("Acct-Status-Type", "40", 31),
    "in": ("Acct-Input-Octets", "42", 33),
    "out": ("Acct-Output-Octets", "43", 34),
    "session": ("Acct-Session-Id", "44", 35),
    "seconds": ("Acct-Session-Time", "46", 37),
    "cause": ("Acct-Terminate-Cause", "49", 40),
    "proxy": ("Proxy-Policy-Name", "4154", 60),
}
_ODBC_COLUMNS = [str(place) for place in range(67)]
_PAIR = r'(?:,(?:"[^"]*"|[^,"]*)){2}'
_DATE = r"[0-9]{2}/[0-9]{2}/[0-9]{4}"
_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}"
_IAS = (
    rf'^\s*(?P<nas_ip>[0-9A-Fa-f.:]+),(?P<user>"[^"]*"|[^,]*),(?P<date>{_DATE}),(?P<time>{_CLOCK}),'
    r"(?P<service>IAS|RAS),(?P<computer>[^,]*)"
)
_DTS, _ODBC = r"^\s*<Event><Timestamp data_type=", rf'^\s*"[^"]*","(?:IAS|RAS)",{_DATE},{_CLOCK},'
_IAS_LINE = rf'^\s*[0-9A-Fa-f.:]+,(?:"(?:[^"]|"")*"|[^,]*),{_DATE},{_CLOCK},(?:IAS|RAS),'
_SIGNATURE = (
    rf"{OPENING}(?:<Event><Timestamp data_type="
    rf'|[0-9A-Fa-f.:]+,(?:"(?:[^"]|"")*"|[^,]*),{_DATE},{_CLOCK},(?:IAS|RAS),'
    rf'|"[^"]{{0,256}}","(?:IAS|RAS)",{_DATE},{_CLOCK},)'
)
_ACTIONS = {
    "1": "access_request",
    "2": "access_accept",
    "3": "access_reject",
    "4": "accounting_request",
    "5": "accounting_response",
    "11": "access_challenge",
}
_STATUS = {"1": "start", "2": "stop", "3": "interim", "7": "accounting_on", "8": "accounting_off"}
_METHODS = {
    "1": "PAP",
    "2": "CHAP",
    "3": "MS-CHAPv1",
    "4": "MS-CHAPv2",
    "5": "EAP",
    "7": "none",
    "8": "custom",
    "10": "PEAP-TLS",
    "11": "PEAP",
}
_REASONS = {
    "0": "success",
    "1": "internal error",
    "2": "access denied",
    "3": "malformed request",
    "4": "global catalogue unavailable",
    "5": "domain unavailable",
    "6": "server unavailable",
    "7": "no such domain",
    "8": "no such user",
    "16": "bad credentials",
    "17": "password change failed",
    "18": "authentication type not allowed",
    "19": "no reversibly encrypted password",
    "20": "LAN Manager not allowed",
    "22": "EAP type unsupported",
    "23": "EAP error",
    "32": "local users only",
    "33": "password must change",
    "34": "account disabled",
    "35": "account expired",
    "36": "account locked",
    "37": "logon hours",
    "38": "account restriction",
    "48": "no matching policy",
    "49": "no matching connection request policy",
    "64": "dial-in locked",
    "65": "dial-in denied",
    "66": "authentication method not allowed",
    "67": "calling station not allowed",
    "68": "time of day not allowed",
    "69": "called station not allowed",
    "70": "port type not allowed",
    "72": "password expired",
    "73": "certificate without the right purpose",
    "80": "accounting log full",
    "96": "session timed out",
    "97": "unexpected request",
    "112": "remote server refused",
    "256": "certificate revoked",
    "257": "no revocation server",
    "258": "revocation not checked",
    "259": "revocation list unavailable",
    "260": "message altered",
    "261": "no domain controller",
    "262": "certificate incomplete",
    "263": "certificate name mismatch",
    "264": "EAP session not found",
    "265": "untrusted authority",
    "266": "unexpected message",
    "267": "certificate without purpose",
    "268": "certificate expired",
    "269": "TLS negotiation failed",
    "270": "smart card required",
    "271": "certificate binding missing",
    "293": "certificate invalid",
    "295": "certificate not trusted",
    "300": "no credentials",
    "301": "binding missing",
}


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per RADIUS packet, in any of the three formats."""
    lines = unwrap(raw)
    body = lines.get_column("body")
    is_dts, is_odbc = body.str.contains(_DTS), body.str.contains(_ODBC)
    is_ias = ~is_dts & ~is_odbc & body.str.contains(_IAS_LINE)
    parts = [read(lines.filter(is_it)) for is_it, read in ((is_dts, _dts), (is_odbc, _odbc), (is_ias, _ias)) if is_it.any()]
    read = pl.concat(parts, how="diagonal").sort("raw_row") if parts else lines.clear()
    absent = [pl.lit(None, pl.String).alias(name) for name in (*_FIELDS, "stamp") if name not in read.columns]
    fields = read.with_columns(absent)
    is_packet = fields.get_column("packet").is_not_null()
    layouts = ("%m/%d/%Y %H:%M:%S%.f", "%m/%d/%Y %H:%M:%S")
    good = fields.filter(is_packet)
    others = lines.filter(~(is_dts | is_odbc | is_ias))
    refused = pl.concat([fields.filter(~is_packet).select("raw_row"), others.select("raw_row")])
    return _MAKING.parsed(
        good,
        to_utc(pl.col("stamp"), layouts, zone=zone_of(raw)),
        want,
        bad=rejects_of(refused.sort("raw_row"), Reason.MALFORMED),
    )


def _dts(lines: pl.DataFrame) -> pl.DataFrame:
    """Return the fields of XML records: each element is said once."""
    body = pl.col("body")
    values = [_unescaped(body.str.extract(_element(name))).alias(field) for field, (name, _, _) in _FIELDS.items()]
    return lines.with_columns(body.str.extract(_element("Timestamp")).alias("stamp"), *values)


def _element(name: str) -> str:
    return rf'<{name} data_type="[0-9]">([^<]*)</'


def _unescaped(text: pl.Expr) -> pl.Expr:
    return text.str.replace_many(["&lt;", "&gt;", "&quot;", "&apos;", "&amp;"], ["<", ">", '"', "'", "&"])


def _odbc(lines: pl.DataFrame) -> pl.DataFrame:
    """Return the fields of quoted CSV, by their place."""
    columns = csv.read(lines.get_column("body").str.strip_chars(), columns=_ODBC_COLUMNS)
    named = columns.select(
        pl.concat_str("2", "3", separator=" ").alias("stamp"),
        *(pl.col(str(place)).alias(name) for name, (_, _, place) in _FIELDS.items() if place >= 0),
    )
    return lines.hstack(named)


def _ias(lines: pl.DataFrame) -> pl.DataFrame:
    """Return the fields of six values and pairs of number and value."""
    body = lines.get_column("body").str.strip_chars()
    head = body.str.extract_groups(_IAS).struct.unnest()
    pairs = body.str.replace(_IAS, "").alias("pairs")
    values = [
        pl.col("pairs").str.extract(rf'^(?:{_PAIR})*?,{number},("[^"]*"|[^,"]*)').str.strip_chars('"').alias(name)
        for name, (_, number, _) in _FIELDS.items()
        if number
    ]
    said = pairs.to_frame().select(values)
    whole = head.select(
        pl.concat_str("date", "time", separator=" ").alias("stamp"),
        "service",
        "computer",
        pl.col("user").alias("_user"),
        pl.col("nas_ip").alias("_nas_ip"),
    )
    read = lines.hstack(said).hstack(whole)
    return read.with_columns(
        pl.coalesce("user", pl.col("_user").str.strip_chars('"')).alias("user"),
        pl.coalesce("nas_ip", "_nas_ip").alias("nas_ip"),
    ).drop("_user", "_nas_ip")


def _outcome() -> pl.Expr:
    """Return the outcome: that of the packet, else of its reason."""
    return (
        pl.when(pl.col("packet") == "2").then(pl.lit("success"))
        .when(pl.col("packet") == "3").then(pl.lit("failure"))
        .when(pl.col("reason").is_not_null() & ~pl.col("reason").is_in(["0", ""])).then(pl.lit("failure"))
    )  # fmt: skip


def _types() -> pl.Expr:
    packet, status = pl.col("packet"), pl.col("status")
    return (
        pl.when(packet.is_in(["4", "5"]) & (status == "2")).then(pl.lit(["end"]))
        .when(packet.is_in(["4", "5"]) & (status != "1")).then(pl.lit(["info"]))
        .otherwise(pl.lit(["start"]))
    )  # fmt: skip


_REASON = pl.col("reason").replace_strict(_REASONS, default=pl.col("reason"), return_dtype=pl.String)
_USER = pl.coalesce(words(pl.col("user")), words(pl.col("sam")))
# Of a refused account the answer says the name here only, where the directory was not asked for its path.
_REFUSED = pl.col("full").str.extract(r"^([^/\\]+\\[^/\\]+)$")
_IS_SESSION = pl.col("packet").is_in(["4", "5"])
_MAKING = Making(
    dataset="windows.nps",
    log_sources=(_NPS,),
    ecs={
        "event.kind": pl.lit("event"),
        "event.category": pl.when(_IS_SESSION).then(pl.lit(["session", "network"])).otherwise(pl.lit(["authentication"])),
        "event.type": _types(),
        "event.code": pl.col("packet"),
        "event.action": pl.col("packet").replace_strict(_ACTIONS, default="other", return_dtype=pl.String),
        "event.outcome": _outcome(),
        "event.reason": pl.when(_outcome() == "failure").then(_REASON),
        "event.duration": nanoseconds(pl.col("seconds")),
        "host.name": pl.coalesce(words(pl.col("computer")), "sender"),
        "observer.name": pl.coalesce(words(pl.col("computer")), "sender"),
        "observer.vendor": pl.lit("Microsoft"),
        "observer.product": pl.lit("NPS"),
        "observer.type": pl.lit("aaa"),
        "user.name": account(pl.coalesce(words(pl.col("user")), _REFUSED)).str.replace(r"^([^@\s]+)@[^@\s]+$", "${1}"),
        "user.domain": pl.coalesce(
            account_domain(_USER),
            account_domain(pl.col("sam")),
            account_domain(_REFUSED),
            _USER.str.extract(r"^[^@\s\\]+@([^@\s]+)$"),
        ),
        "user.full_name": words(pl.col("full").str.extract(r"/([^/\\]+)$")),
        "source.mac": mac(pl.col("calling")),
        "source.ip": address(pl.when(mac(pl.col("calling")).is_null()).then("calling")),
        "source.bytes": integer(pl.col("in")),
        "destination.bytes": integer(pl.col("out")),
        "client.ip": address(pl.col("framed")),
        "network.name": words(pl.col("called").str.extract(r"^[0-9A-Fa-f:.\-]{12,17}:(.+)$")),
        "session.id": words(pl.col("session")),
        "rule.name": pl.coalesce(words(pl.col("policy")), words(pl.col("proxy"))),
    },
    own={
        "radius.reason_code": words(pl.col("reason")),
        "radius.class": words(pl.col("class")),
        "radius.method": pl.col("method").replace_strict(_METHODS, default=words(pl.col("method")), return_dtype=pl.String),
        "radius.eap": words(pl.col("eap")),
        "radius.status": pl.col("status").replace_strict(_STATUS, default=words(pl.col("status")), return_dtype=pl.String),
        "radius.nas.ip": pl.coalesce(address(pl.col("nas_ip")), address(pl.col("client_ip"))),
        "radius.nas.name": pl.coalesce(words(pl.col("client")), words(pl.col("nas"))),
        "radius.nas.port": words(pl.col("nas_port")),
        "radius.called": words(pl.col("called")),
        "radius.calling": words(pl.col("calling")),
        "radius.terminate_cause": words(pl.col("cause")),
        "radius.fully_qualified_user": words(pl.col("full")),
    },
    words=("packet", "status", "reason", "method", "eap", "policy", "proxy", "computer", "service"),
)

PARSER = Parser(
    name="nps",
    log_sources=(_NPS,),
    signature=Signature(
        pattern=_SIGNATURE, rank=10, any_text=("<Event><Timestamp data_type=", ",IAS,", ",RAS,", '"IAS",', '"RAS",')
    ),
    maturity=Maturity.DOCUMENTED,
    fields=_MAKING.declared(),
    parse=_parse,
    required=("event.code",),
)
