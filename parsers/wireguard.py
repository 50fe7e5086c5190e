r"""WireGuard: the Linux kernel module's debug messages, ``wg-quick``, wireguard-go and the Windows client's log.

How to send it here: the module is silent by default. ``echo 'module wireguard +p' >
/sys/kernel/debug/dynamic_debug/control`` (at each start: a systemd unit, or ``wireguard.dyndbg=+p`` on the kernel's command
line) makes the kernel say handshakes, refusals and packets from addresses that a peer may not use; rsyslog then sends
``kern.*``. ``wg-quick@wg0`` writes to the journal by itself.

Reference: Linux ``drivers/net/wireguard``; ``wg(8)``, ``wg-quick(8)``. Not read: ``wg show all dump`` (it holds the
preshared keys).

``source.ip`` is the peer's public address, ``wireguard.peer`` a number that is given anew at each start, not the key: who it is
stands in the configuration. A handshake every two minutes is presence, not a log-in. A packet from an address that is not the
peer's (``unallowed_source``) and a handshake that nobody knows (``invalid_handshake``) are refusals.

About 145,000 lines per CPU-second, not 200,000: a syslog header is read first, then sentences are tried in turn.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats.phrases import Phrase
from correlator.parse.formats.programs import Program, declared, read_programs
from correlator.parse.formats.tagged import tagged
from correlator.parse.times import to_utc, zone_of

__all__ = ["PARSER"]

Says = dict[str, str | tuple[str, ...]]

_VPN = LogSource("wireguard", "", "wireguard")
_WINDOWS = r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]+: \[(?:TUN|MGR|UI)\] "
_GO = r"(?:DEBUG|INFO|ERROR|VERBOSE): \([\w.-]+\) [0-9]{4}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} "
_FILE = rf"^\s*(?:{_WINDOWS}|{_GO})"
_PRINTED = (
    r"(?s)^\s*(?:\[ *[0-9.]+\] )?(?:wireguard: (?P<interface>[\w.-]+): |"
    r"(?P<stamp>[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:.]+): \[(?:TUN|MGR|UI)\] (?:\[(?P<tunnel>[^\]]*)\] )?|"
    r"(?P<level>DEBUG|INFO|ERROR|VERBOSE): \((?P<device>[\w.-]+)\) (?P<slashed>[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9:.]+) )"
    r"(?P<said>.*)$"
)
_PEER = (
    r"(?:peer (?P<wireguard.peer>[0-9]+)(?: \((?:\[?(?P<source.address>[0-9A-Fa-f.:%]+?)\]?:(?P<source.port>[0-9]{1,5})"
    r"|\(einval\)|[^)]*)\))?|peer\((?P<wireguard.key>[^)]*)\))"
)
_FROM = r"\[?(?P<source.address>[0-9A-Fa-f.:%]+?)\]?:(?P<source.port>[0-9]{1,5})"


def _session(action: str, *kinds: str, outcome: str = "") -> Says:
    says: Says = {"event.action": action, "event.category": ("network", "session"), "event.type": kinds}
    return says | ({"event.outcome": outcome} if outcome else {})


_DENIED = ("connection", "denied")
_SENTENCES = (
    Phrase(
        rf"^(?:Receiving|Received) handshake (?P<wireguard.message>initiation|response|cookie) from {_PEER}.*$",
        _session("handshake", "connection", "start", outcome="success"),
    ),
    Phrase(
        rf"^Sending handshake (?P<wireguard.message>initiation|response|cookie response)(?: to {_PEER})?.*$",
        _session("handshake_sent", "connection", "info"),
    ),
    Phrase(
        rf"^{_PEER} - (?P<event.reason>Received handshake (?:initiation|response))$",
        _session("handshake", "connection", "start", outcome="success"),
    ),
    Phrase(
        rf"^{_PEER} - (?P<event.reason>.*(?:did not complete|Failed|Invalid|invalid|unallowed|disallowed).*)$",
        _session("handshake_failed", "connection", "error", outcome="failure"),
    ),
    Phrase(rf"^{_PEER} - (?P<event.reason>.*)$", _session("peer_message", "info")),
    Phrase(rf"^Keypair [0-9]+ created for {_PEER}.*$", _session("keypair_created", "connection", "info", outcome="success")),
    Phrase(rf"^Keypair [0-9]+ destroyed for {_PEER}.*$", _session("keypair_destroyed", "connection", "info")),
    Phrase(
        rf"^Handshake for {_PEER} (?P<event.reason>did not complete after .*)$",
        _session("handshake_failed", "connection", "error", outcome="failure"),
    ),
    Phrase(
        rf"^Retrying handshake with {_PEER} (?P<event.reason>because .*)$",
        _session("handshake_failed", "connection", "error", outcome="failure"),
    ),
    Phrase(
        rf"^Zeroing out (?:all )?keys for {_PEER}(?:, (?P<event.reason>.*))?$", _session("session_ended", "connection", "end")
    ),
    Phrase(
        rf"^Packet has unallowed src IP \((?P<client.ip>[0-9A-Fa-f.:]+)\) from {_PEER}.*$",
        _session("unallowed_source", *_DENIED, outcome="failure"),
    ),
    *(
        Phrase(
            rf"^(?P<event.reason>(?:Invalid|Received|Couldn't|Packet|Wrong|Unable|Mismatched|Malformed)[^\n]*?) from"
            rf" {sender}.*$",
            _session("invalid_handshake", *_DENIED, outcome="failure"),
        )
        for sender in (_PEER, _FROM)
    ),
    Phrase(
        r"^(?P<event.reason>Packet has invalid nonce \S+ \(max [0-9]+\)|Packet is neither ipv4 nor ipv6|.*[Uu]nder"
        r" load.*|No peer.*)$",
        _session("packet_refused", *_DENIED, outcome="failure"),
    ),
    Phrase(rf"^(?:Receiving|Sending) keepalive packet (?:from|to) {_PEER}.*$", _session("keepalive", "connection", "info")),
    Phrase(r"^(?i:peer) (?P<wireguard.peer>[0-9]+)(?: \(.*\))? created$", _session("peer_created", "creation")),
    Phrase(r"^(?i:peer) (?P<wireguard.peer>[0-9]+)(?: \(.*\))? destroyed$", _session("peer_deleted", "deletion")),
    Phrase(
        r"^Interface (?P<event.action>created|destroyed|up requested|down requested|state was .*)$",
        _session("interface", "change"),
    ),
    Phrase(
        r"^\[#\] (?P<process.command_line>.*)$",
        {"event.action": "command", "event.category": ("configuration",), "event.type": ("change",)},
    ),
    Phrase(
        r"^wg-quick: (?P<event.reason>.*)$",
        {"event.action": "error", "event.outcome": "failure", "event.category": ("process",), "event.type": ("error",)},
    ),
    Phrase(
        r"^(?P<event.reason>(?:Starting|Shutting down|Startup|WireGuard|Device|Routine|UAPI|UDP"
        r" bind|Interface|Bringing|Setting|Listening"
        r"|Creating|Using|Watching|Monitoring|Dropping"
        r" privileges|Enabling|Disabling|Failed|Unable|Exiting|Update|Resolving|Warning).*)$",
        {"event.action": "message", "event.category": ("process",), "event.type": ("info",)},
    ),
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line; a line of the kernel that is not WireGuard's is malformed here."""
    zone = zone_of(raw)
    return read_programs(raw, want, _PROGRAMS, file=_FILE, changed=lambda lines: _printed(lines, zone))


def _printed(lines: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Return the lines without time, module and interface."""
    printed = lines.get_column("text").str.extract_groups(_PRINTED).struct.unnest()
    is_marked = printed.get_column("said").is_not_null()
    told = printed.select(to_utc(pl.coalesce("stamp", "slashed"), ("%Y-%m-%d %H:%M:%S%.f", "%Y/%m/%d %H:%M:%S%.f"), zone=zone))
    is_told = printed.select(pl.coalesce("stamp", "slashed").is_not_null()).to_series()
    is_kernel = pl.col("program") == "kernel"
    return lines.with_columns(
        pl.when(~is_kernel | pl.lit(is_marked)).then("program").alias("program"),
        pl.coalesce(pl.lit(printed.get_column("said")), "text").str.strip_chars_end("\r\n ").alias("text"),
        told.to_series().zip_with(is_told, lines.get_column("moment")).alias("moment"),
        printed.select(pl.coalesce("interface", "tunnel", "device")).to_series().alias("observer.ingress.interface.name"),
    )


_PROGRAMS = (
    Program(
        "wireguard.wireguard",
        (_VPN,),
        ("wireguard", "kernel", "wg-quick", "wireguard-go"),
        _SENTENCES,
        says={"observer.vendor": "WireGuard", "observer.product": "WireGuard", "observer.type": "vpn"},
        keeps=("observer.ingress.interface.name",),
        makes={"observer.name": pl.col("host.name")},
    ),
)

PARSER = Parser(
    name="wireguard",
    log_sources=(_VPN,),
    signature=Signature(
        pattern=rf"{tagged('kernel')}[^\"\n]{{0,200}}?wireguard: [\w.-]+:"
        rf" |{tagged('wg-quick', 'wireguard-go', 'wireguard')}|{_FILE}",
        rank=10,
        any_text=("wireguard", "wg-quick", ": [TUN]", ": [MGR]", ": [UI]", "DEBUG: (", "INFO: (", "ERROR: (", "VERBOSE: ("),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=declared(_PROGRAMS),
    parse=_parse,
)
