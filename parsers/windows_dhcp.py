r"""Windows DHCP Server's audit log (``DhcpSrvLog-Mon.log``, ``DhcpV6SrvLog-Mon.log``; Server 2008 to 2025).

How to write it: DHCP console, properties of *IPv4* and *IPv6*, *General*, *Enable DHCP audit logging* (on by default); the
files are in ``%windir%\System32\dhcp``, one per day of the week. To send it: NXLog or a forwarder that follows them, bare or in
syslog.

Reference: Microsoft Learn, "Analyze DHCP server log files", and the list of event ids at the top of each file, which is skipped
like its header. Fields are told by their place (7 columns up to Server 2003, 18 or 19 since 2012; 12 for IPv6), never by the
description, which is in the server's language: ``event.code`` is the id, ``event.action`` its English name.

``source.ip`` and ``client.ip`` are the address of the lease, ``source.mac`` the client, ``source.domain`` the name that the
client gave itself (it may hold commas: places are then counted from the end). Dates are month first everywhere; local time.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats.making import Making
from correlator.parse.formats.unwrap import unwrap
from correlator.parse.formats.values import account, account_domain, address, mac, words
from correlator.parse.times import to_utc, zone_of

__all__ = ["PARSER"]

_DHCP = LogSource("windows", "", "dhcp-audit")
_IPV4 = (
    *("id", "date", "time", "description", "ip", "host", "mac", "user", "transaction", "qresult", "probation", "correlation"),
    *("dhcid", "vendor_hex", "vendor", "class_hex", "class", "relay", "dns_error"),
)
_IPV6 = ("id", "date", "time", "description", "ip", "host", "error", "duid_length", "duid", "user", "dhcid", "prefix")
_SHORT = 8  # fields of the oldest files, one more where the line ends with a comma
_V6_FIRST = 11000  # ids from there on are those of IPv6
_COMMA = "\x1f"  # stands for a comma inside a text
_LINE = r"^\s*[0-9]{2,5},[0-9]{2}/[0-9]{2}/[0-9]{2},[0-9]{2}:[0-9]{2}:[0-9]{2},"
_HEADER = (
    r"(?:<[0-9]{1,3}>[^\n,]*?|[A-Z][a-z]{2} {1,2}[0-9]{1,2} [^\n,]*?"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[^\n,]*?)?"
)
_ABOUT = (
    r"^\s*(?:Microsoft DHCP(?:v6)? Service Activity Log|Microsoft Windows DHCP|Journal d.activit. du service"
    r" DHCP|Event ID +Meaning|"
    r"ID,Date,Time,Description|ID,Date,Heure,|QResult: [0-9]: |[0-9]{2,5}\t[^\t,|={}]{0,200}"
    r"(?:DHCP|DNS|BOOTP|IP address|adresse IP|[Ll]ease|[Bb]ail|\blog\b|journal|[Rr]ogue|[Aa]ctive"
    r" Directory|[Pp]acket|[Cc]odes))"
)
_TELLING = (
    r"/[0-9]{2},[0-9]{2}:[0-9]{2}:[0-9]{2},", "DHCP", "Event ID", "ID,Date,", "QResult", r"[0-9]\t[^\t,|={}]{0,200}[A-Za-z]{3}"
)  # fmt: skip
_NAMES = {
    "0": "log_started", "1": "log_stopped", "2": "log_paused", "10": "lease_new", "11": "lease_renewed", "12": "lease_released",
    "13": "address_in_use", "14": "pool_exhausted", "15": "lease_denied", "16": "lease_deleted", "17": "lease_expired",
    "18": "lease_expired", "20": "bootp_lease", "21": "bootp_lease", "22": "pool_exhausted", "23": "bootp_deleted",
    "24": "cleanup_begun", "25": "cleanup_statistics", "30": "dns_update_request", "31": "dns_update_failed",
    "32": "dns_update_done", "33": "dropped_by_nap", "34": "dns_queue_full", "35": "dns_update_failed", "36": "packet_dropped",
    "50": "domain_unreachable", "51": "authorised", "52": "upgraded", "53": "authorised_cached", "54": "not_authorised",
    "55": "authorised_started", "56": "not_authorised_stopped", "57": "other_server_found", "58": "domain_not_found",
    "59": "network_failure", "60": "no_domain_controller", "61": "rogue_server_found", "62": "rogue_server_found",
    "63": "rogue_restart", "64": "no_interface", "1103": "network_failure",
    "11000": "solicit", "11001": "advertise", "11002": "request", "11003": "confirm", "11004": "lease_renewed",
    "11005": "rebind",
    "11006": "lease_declined", "11007": "lease_released", "11008": "information_request", "11009": "pool_exhausted",
    "11010": "log_started", "11011": "log_stopped", "11012": "log_paused", "11013": "log_file", "11014": "bad_address",
    "11015": "address_in_use", "11016": "lease_deleted", "11017": "dns_not_deleted", "11018": "lease_expired",
    "11019": "lease_expired", "11020": "cleanup_begun", "11021": "cleanup_ended", "11022": "not_authorised",
    "11023": "authorised_started", "11024": "authorised", "11025": "not_authorised_stopped", "11028": "dns_update_request",
    "11029": "dns_update_failed", "11030": "dns_update_done", "11031": "dns_queue_full",
}  # fmt: skip
_GIVEN = ("lease_new", "lease_renewed", "bootp_lease")
_ENDED = ("lease_released", "lease_deleted", "lease_expired", "bootp_deleted")
_FAILED = (
    *("address_in_use", "pool_exhausted", "lease_denied", "dns_update_failed", "dropped_by_nap", "dns_queue_full"),
    *("packet_dropped", "lease_declined", "bad_address", "log_paused", "domain_unreachable", "not_authorised"),
    *("not_authorised_stopped", "network_failure", "no_domain_controller", "domain_not_found"),
)
_REFUSED = ("lease_denied", "pool_exhausted", "dropped_by_nap", "lease_declined", "not_authorised", "not_authorised_stopped")
_ROGUE = ("other_server_found", "rogue_server_found", "rogue_restart")


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line; the list of ids and the header are skipped."""
    lines = unwrap(raw)
    body = lines.get_column("body")
    is_line, is_about = body.str.contains(_LINE), body.str.contains(_ABOUT) | (body.str.strip_chars() == "")
    good = _fields(lines.filter(is_line))
    stamp = pl.concat_str("date", "time", separator=" ")
    bad = rejects_of(lines.filter(~is_line & ~is_about), Reason.MALFORMED)
    skipped = lines.filter(~is_line & is_about).get_column("raw_row")
    return _MAKING.parsed(good, to_utc(stamp, ("%m/%d/%y %H:%M:%S",), zone=zone_of(raw)), want, bad=bad, skipped=skipped)


def _fields(lines: pl.DataFrame) -> pl.DataFrame:
    """Return one text column per field; the name of the client takes the commas that are too many."""
    text = pl.col("body").str.strip_chars()
    number = text.str.extract(r"^([0-9]+)")
    known = lines.with_columns(
        text.alias("body"), _version=(number.cast(pl.Int64, strict=False) >= _V6_FIRST).fill_null(value=False)
    )
    parts = [_split(group, _IPV6 if six else _IPV4) for (six,), group in known.group_by("_version", maintain_order=True)]
    whole = pl.concat(parts, how="diagonal").sort("raw_row") if parts else known
    absent = [pl.lit(None, pl.String).alias(name) for name in dict.fromkeys((*_IPV4, *_IPV6)) if name not in whole.columns]
    named = whole.with_columns(absent).with_columns(code=pl.col("id").str.strip_chars_start("0").replace("", "0"))
    return named.with_columns(action=pl.col("code").replace_strict(_NAMES, default="other", return_dtype=pl.String))


def _split(lines: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    """Return the fields by their place: commas beyond those of the format are of the client's name, the sixth."""
    most = len(names) - 1
    counted = lines.with_columns(pl.col("body").str.count_matches(",", literal=True).alias("_commas"))
    is_odd = pl.col("_commas") > most
    if counted.select(is_odd.any()).item():
        counted = pl.concat([counted.filter(~is_odd), _mended(counted.filter(is_odd), most)])
    pieces = counted.with_columns(pl.col("body").str.split(",").alias("_pieces"))
    taken = [pl.col("_pieces").list.get(place, null_on_oob=True).alias(name) for place, name in enumerate(names)]
    return pieces.with_columns(taken).with_columns(_restored("description"), _restored("host")).drop("_pieces", "_commas")


def _restored(name: str) -> pl.Expr:
    return pl.col(name).str.replace_all(_COMMA, ",", literal=True)


def _mended(lines: pl.DataFrame, most: int) -> pl.DataFrame:
    """Return lines with too many commas, those that belong to a text put aside: of the description, else of the name."""
    body = pl.col("body").str.replace(r"^((?:[^,]*,){3}[^,]*), ", f"${{1}}{_COMMA} ")
    bare = lines.with_columns(
        pl.when(pl.col("_commas") == most + 1).then(body.str.strip_suffix(",")).otherwise(body).alias("body")
    )
    behind = most - 5
    parts = (
        pl.col("body")
        .str.extract_groups(rf"(?s)^(?P<before>(?:[^,]*,){{5}})(?P<host>.*?)(?P<after>(?:,[^,]*){{{behind}}})$")
        .struct
    )
    host = parts.field("host").str.replace_all(",", _COMMA, literal=True)
    return bare.with_columns(
        pl.coalesce(pl.concat_str(parts.field("before"), host, parts.field("after")), "body").alias("body")
    )


def _is(names: tuple[str, ...]) -> pl.Expr:
    return pl.col("action").is_in(list(names))


def _types() -> pl.Expr:
    """Return ``event.type``."""
    return (
        pl.when(_is(_GIVEN)).then(pl.lit(["connection", "allowed"]))
        .when(_is(_ENDED)).then(pl.lit(["connection", "end"]))
        .when(_is(_REFUSED)).then(pl.lit(["connection", "denied"]))
        .when(_is(_FAILED)).then(pl.lit(["error"]))
        .when(pl.col("action").str.starts_with("dns_update")).then(pl.lit(["change"]))
        .otherwise(pl.lit(["info"]))
    )  # fmt: skip


_IP = address(pl.col("ip"))
_MAKING = Making(
    dataset="windows.dhcp_audit",
    log_sources=(_DHCP,),
    ecs={
        "event.kind": pl.lit("event"),
        "event.category": pl.when(_is(_ROGUE)).then(pl.lit(["network", "intrusion_detection"])).otherwise(pl.lit(["network"])),
        "event.type": _types(),
        "event.code": pl.col("code"),
        "event.action": pl.col("action"),
        "event.outcome": pl.when(_is(_FAILED)).then(pl.lit("failure")).when(_is(_GIVEN)).then(pl.lit("success")),
        "message": words(pl.col("description")),
        "observer.name": pl.col("sender"),
        "observer.vendor": pl.lit("Microsoft"),
        "observer.product": pl.lit("DHCP Server"),
        "observer.type": pl.lit("dhcp"),
        "network.protocol": pl.lit("dhcp"),
        "client.ip": _IP,
        "source.ip": _IP,
        "source.mac": mac(pl.col("mac")),
        "source.domain": words(pl.col("host")),
        "user.name": account(pl.col("user")),
        "user.domain": account_domain(pl.col("user")),
        "error.code": words(pl.coalesce(pl.when(pl.col("dns_error") != "0").then("dns_error"), pl.col("error"))),
    },
    own={
        "ID": pl.col("id"),
        "Description": pl.col("description"),
        "dhcp.transaction.id": words(pl.col("transaction")),
        "dhcp.client.duid": words(pl.col("duid")),
        "dhcp.vendor.class": words(pl.col("vendor")),
        "dhcp.user.class": words(pl.col("class")),
        "dhcp.relay.information": words(pl.col("relay")),
        "dhcp.prefix": words(pl.col("prefix")),
    },
    words=("code", "action", "id", "description", "vendor", "dns_error", "error"),
)

PARSER = Parser(
    name="windows_dhcp",
    log_sources=(_DHCP,),
    signature=Signature(pattern=rf"^\s*{_HEADER}{_LINE.removeprefix('^')}|{_ABOUT}", rank=30, any_of=_TELLING),
    maturity=Maturity.DOCUMENTED,
    fields=_MAKING.declared(),
    parse=_parse,
)
