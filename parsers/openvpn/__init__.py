r"""OpenVPN community (2.3 to 2.7) on a server, and pfSense's and OPNsense's: log-ins, refusals, addresses given, scans, status.

How to send it here: with ``syslog openvpn`` in the server's configuration its lines go to syslog; or ``log-append`` to a
file and ``status /run/openvpn/status.log 60`` with ``status-version 2`` or ``3``, which a forwarder follows. ``verb 3`` says
all that is read here. pfSense: *Status > System Logs > Settings > Remote Logging*, *VPN Events*; OPNsense: application
``openvpn``.

Reference: ``openvpn(8)``, "Server mode", ``--status-version``; the texts are those of the sources. Not read: OpenVPN Access
Server's own log, the management interface, ``verb`` 5 and more.

``source.ip`` is the client's public address, ``client.ip`` the one it was given in the tunnel, ``user.name`` the common name
or the user name. The log-in is ``vpn_login``: success when the peer's connection is initiated, failure where certificate or
password is refused. Packets that fail authentication (``tls_error``) come from scanners. Only the status file says volumes.

About 110,000 lines per CPU-second, not 200,000: a syslog header is read first, then sentences are tried in turn.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats.programs import Program, declared, read_programs
from correlator.parse.formats.tagged import tagged
from correlator.parse.formats.values import address, integer, mac
from correlator.parse.times import to_utc, zone_of
from parsers.openvpn.sentences import SENTENCES

__all__ = ["PARSER"]

_VPN = LogSource("openvpn", "", "openvpn")
_DATE = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}|"
    r"[A-Z][a-z]{2} [A-Z][a-z]{2} {1,2}[0-9]{1,2} [0-9]{2}:[0-9]{2}:[0-9]{2} [0-9]{4}"
)
_ENDPOINT = (
    r"(?:\[AF_INET6?\]|(?:tcp|udp)[46]?(?:-server)?:)?"
    r"(?{address}[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[?[0-9A-Fa-f]*:[0-9A-Fa-f:.%\w]*\]?):(?{port}[0-9]{1,5})"
)
_PEER, _ANY_PEER = (
    _ENDPOINT.replace("{address}", address).replace("{port}", port) for address, port in (("P<address>", "P<port>"), (":", ":"))
)
_PRINTED = (
    rf"(?s)^\s*(?:(?P<stamp>{_DATE}) )?(?:us=(?P<us>[0-9]{{1,6}}) )?"
    rf"(?:(?:(?P<name>[^\s/]+)/)?{_PEER} )?(?P<said>.*)$"
)
_SAYS = (
    r"VERIFY |TLS |TLS:|TLS_ERROR|MULTI|PUSH|SENT CONTROL|peer info|PLUGIN_|CRL |AUTH|Authenticate/Decrypt|SIG[A-Z0-9]+\[|"
    r"Control Channel|(?:Outgoing |Incoming )?Data Channel|OPTIONS |Initialization Sequence|OpenVPN [0-9]|library versions|"
    r"tls-crypt|Connection reset|Bad encapsulated|Fatal TLS|WARNING: |Re-using SSL|TCP connection established|UDPv[46]"
    r" |TCPv[46]|"
    r"TUN/TAP|Peer Connection|Inactivity timeout|\[[^\]]*\] (?:Peer Connection|Inactivity)|DEPRECATED|Note: |Socket Buffers|"
    r"MANAGEMENT|Delayed exit|Username|OpenSSL:|user '|openvpn server '"
)
_STATUS = r"(?:CLIENT_LIST|ROUTING_TABLE)[,\t]"
_BLANK = r"^\s*$|^END\s*$|"
_DIRECTIVE = (
    r"^TITLE[,\t]OpenVPN"
    r" |^TIME[,\t][0-9A-Z][^,\t]{9,30}[,\t][0-9]{10}|^HEADER[,\t](?:CLIENT_LIST|ROUTING_TABLE)|^GLOBAL_STATS[,\t]|"
    r"^OpenVPN (?:CLIENT LIST|STATISTICS)\s*$|^ROUTING TABLE\s*$|^GLOBAL STATS\s*$|^Updated,[0-9A-Z][^,]{9,30}$|"
    r"^Common Name,Real Address,|^Virtual Address,Common Name,|^Max bcast/mcast queue"
)
_LIST = r"[^,\"?]{1,128},[0-9A-Fa-f.:]+:[0-9]{1,5},[0-9]+,[0-9]+,(?:[A-Z][a-z]{2} [A-Z][a-z]{2} |[0-9]{4}-)"
_FILE = (
    rf"^\s*(?:(?:{_DATE}) (?:us=[0-9]+ )?(?:(?:[^\s/]+/)?{_ANY_PEER} )?(?:{_SAYS})"
    rf"|{_STATUS}|{_LIST})"
)
_LAYOUTS = ("%Y-%m-%d %H:%M:%S", "%a %b %e %H:%M:%S %Y")
_TAGS = (r"openvpn(?:[_(-][\w.()-]*)?", r"ovpn-[\w.-]+", "openvpn_connect")


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line of the log and per client of a status file, whose other lines are skipped."""
    zone, is_idle = zone_of(raw), raw.get_column("text").str.contains(_BLANK + _DIRECTIVE)
    read = read_programs(raw.filter(~is_idle), want, _PROGRAMS, file=_FILE, changed=lambda lines: _printed(lines, zone))
    return Parsed(read.events, read.rejects, raw.filter(is_idle).get_column("raw_row"))


def _printed(lines: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Return the lines without the time and the client that OpenVPN prints before a sentence."""
    printed = lines.get_column("text").str.extract_groups(_PRINTED).struct.unnest()
    told = printed.select(to_utc(pl.col("stamp"), _LAYOUTS, zone=zone)).to_series()
    own = printed.select(
        pl.lit(told) + pl.duration(microseconds=pl.col("us").cast(pl.Int64, strict=False).fill_null(0))
    ).to_series()
    is_ours = pl.col("program").str.contains(r"^(?:openvpn|ovpn)")
    return lines.with_columns(
        pl.when(is_ours).then(pl.lit("openvpn")).alias("program"),
        printed.get_column("said").str.strip_chars_end("\r\n ").alias("text"),
        own.zip_with(printed.get_column("stamp").is_not_null(), lines.get_column("moment")).alias("moment"),
        printed.get_column("name").alias("openvpn.client"),
        printed.select(pl.when(_NO_PORT).then(_WHOLE).otherwise(_ADDRESS)).to_series().alias("source.address"),
        printed.select(pl.when(~_NO_PORT).then(integer(pl.col("port"), above=0))).to_series().alias("source.port"),
    )


# Some versions print an IPv6 peer without its port: what looks like one is the end of the address.
_ADDRESS = pl.col("address").str.strip_chars("[]")
_WHOLE = pl.concat_str(_ADDRESS, pl.lit(":"), "port")
_NO_PORT = (_ADDRESS.is_not_null() & address(_ADDRESS).is_null() & address(_WHOLE).is_not_null()).fill_null(value=False)

# The certificate of an authority above the client's (depth 1 and more) names nobody.
_OWN_NAME = pl.when(pl.col("openvpn.depth").fill_null("0") == "0").then(pl.col("_subject").str.extract(r"CN=([^,/]+)"))
_NAME = pl.coalesce("user.name", _OWN_NAME, "openvpn.client")
_PROGRAMS = (
    Program(
        "openvpn.openvpn",
        (_VPN,),
        ("openvpn",),
        SENTENCES,
        says={
            "observer.vendor": "OpenVPN",
            "observer.product": "OpenVPN",
            "observer.type": "vpn",
            "network.protocol": "openvpn",
        },
        keeps=("openvpn.client", "source.address", "source.port"),
        makes={
            "observer.name": pl.col("host.name"),
            "source.ip": pl.coalesce("source.ip", address(pl.col("source.address"))),
            "source.mac": mac(pl.col("_hardware")),
            "user.name": pl.when(_NAME != "UNDEF").then(_NAME),
            "client.ip": pl.coalesce("client.ip", address(pl.col("_pool"))),
            "openvpn.subject": pl.col("_subject"),
        },
    ),
)

PARSER = Parser(
    name="openvpn",
    log_sources=(_VPN,),
    signature=Signature(pattern=rf"{tagged(*_TAGS)}|{_FILE}|{_DIRECTIVE}", rank=30, tags=("openvpn", "ovpn-server")),
    maturity=Maturity.DOCUMENTED,
    fields=declared(_PROGRAMS, "source.ip"),
    parse=_parse,
)
