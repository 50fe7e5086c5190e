"""What the kernel's firewall logs, by iptables, nftables, UFW, firewalld, Shorewall or ulogd: packets, and what they mean.

Only the prefix, which the administrator chose, says whether a packet passed. The packet that an ICMP error quotes in brackets
is not the packet.
"""

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.formats.phrases import Phrase
from correlator.parse.formats.values import address, blocked_of, mac, outcome_of, verdict, words

__all__ = ["FIREWALL", "MADE", "PACKETS", "meant"]

Says = dict[str, str | tuple[str, ...]]
_SYSLOG = LogSource("linux", "", "syslog")
FIREWALL = LogSource("linux", "firewall", "")
_PACKET: Says = {
    "event.dataset": "linux.firewall",
    "logsource": logsource_column(FIREWALL, _SYSLOG),
    "event.category": ("network",),
    "observer.type": "firewall",
    "observer.product": "netfilter",
}
_UPTIME = r"^(?:\[\s*[0-9.]+\] ?)?"
_WHERE = (
    r"IN=(?P<observer.ingress.interface.name>\S*) OUT=(?P<observer.egress.interface.name>\S*) (?:PHYSIN="
    r"(?P<netfilter.physin>\S+) )?"
    r"(?:PHYSOUT=(?P<netfilter.physout>\S+) )?"
)
_SAYS = (
    _WHERE + r"(?:MAC=(?P<MAC>\S*) )?(?:MACSRC=(?P<MACSRC>\S+) MACDST=(?P<MACDST>\S+) MACPROTO=\S+ )?"
    r"(?:VPROTO=\S+ VID=\S+ )?"
    r"SRC=(?P<source.address>\S+) DST=(?P<destination.ip>\S+) LEN=(?P<network.bytes>[0-9]+) [^\[]*?"
    r"PROTO=(?P<network.transport>\S+)(?: INCOMPLETE.*)?(?: SPT=(?P<source.port>[0-9]+) DPT=(?P<destination.port>[0-9]+))?"
    r"(?: TYPE=(?P<icmp.type>[0-9]+) CODE=(?P<icmp.code>[0-9]+))?(?:[^\[]*? RES=0x[0-9a-f]+ (?P<tcp.flags>[A-Z ]+?)"
    r" URGP=[0-9]+)?"
    r"(?:[^\[]*? UID=(?P<user.id>[0-9]+))?(?:[^\[]*? MARK=(?P<netfilter.mark>\S+))?.*$"
)
PACKETS = (
    Phrase(
        rf"{_UPTIME}\[(?P<rule.id>[A-Za-z0-9_]+(?:-[A-Za-z0-9_]+)*-[ADR](?:-[0-9]+)?)\] *"
        rf'(?:DESCR="(?P<rule.name>[^"]*)" )?{_SAYS}',
        _PACKET,
    ),
    Phrase(rf"{_UPTIME}(?P<rule.name>.*?)\s*{_SAYS}", _PACKET),
    Phrase(
        rf"{_UPTIME}(?P<rule.name>.*?)\s*{_WHERE}(?:MAC=(?P<MAC>\S*) )?(?P<network.transport>ARP) .*?OPCODE=(?P<arp.opcode>\S+)"
        r"(?: MACSRC=(?P<MACSRC>\S+))?(?: IPSRC=(?P<source.address>\S+))?(?: MACDST=(?P<MACDST>\S+))?"
        r"(?: IPDST=(?P<destination.ip>\S+))?.*$",
        _PACKET,
    ),
)
#: The columns that ``meant`` adds.
MADE = (
    *("src_ip", "src_port", "dst_ip", "dst_port", "action", "blocked", "source.mac", "destination.mac", "network.type"),
    *("network.iana_number", "network.direction", "event.action", "event.outcome", "event.type"),
)
_WORD = r"(block|drop|den(?:y|ied)|reject|allow|accept|pass|refus|bloqu|interdit|autoris|permit|discard)"
_FRENCH = {"denied": "deny", "refus": "reject", "bloqu": "block", "interdit": "deny", "autoris": "allow"}
_LETTERS = {"A": "accept", "D": "drop", "R": "reject"}
_NUMBERS = {"1": "icmp", "2": "igmp", "6": "tcp", "17": "udp", "41": "ipv6", "47": "gre", "50": "esp", "51": "ah"} | {
    "58": "ipv6-icmp", "88": "eigrp", "89": "ospf", "103": "pim", "112": "vrrp", "132": "sctp",
}  # fmt: skip
_NAMES = {name: number for number, name in _NUMBERS.items()} | {"icmpv6": "58", "udplite": "136"}


def meant(says: set[str]) -> dict[str, pl.Expr]:
    """Return the columns that a packet's fields mean, where ``says`` are the columns that were found."""

    def said(name: str) -> pl.Expr:
        return pl.col(name) if name in says else pl.lit(None, pl.String)

    letter = said("rule.id").str.extract(r"-([ADR])(?:-[0-9]+)?$")  # UniFi, VyOS
    word = said("rule.name").str.to_lowercase().str.extract(_WORD).replace(_FRENCH)
    told = pl.coalesce(letter.replace_strict(_LETTERS, default=None, return_dtype=pl.String), word)
    action = verdict(told)
    is_packet = said("observer.product") == "netfilter"
    kind = pl.when(action == "accept").then(pl.lit(["connection", "allowed"])).when(action == "denied")
    types = kind.then(pl.lit(["connection", "denied"])).when(is_packet).then(pl.lit(["connection"]))
    whose = [address(said(name)) for name in ("source.address", "destination.ip")]
    source, destination = (pl.when(is_packet).then(one) for one in whose)  # another line of the kernel is no packet
    protocol = said("network.transport").str.to_lowercase()
    came, left = words(said("observer.ingress.interface.name")), words(said("observer.egress.interface.name"))
    direction = pl.when(is_packet & left.is_null() & came.is_not_null()).then(pl.lit("ingress"))
    known = {"event.type": pl.coalesce("event.type", types) if "event.type" in says else types}
    acted = pl.when(is_packet).then(pl.coalesce(told, pl.lit("packet")))
    return {
        **known,
        "event.outcome": pl.coalesce("event.outcome", outcome_of(action)) if "event.outcome" in says else outcome_of(action),
        "event.action": pl.coalesce("event.action", acted) if "event.action" in says else acted,
        "destination.ip": whose[1],
        "network.transport": protocol.replace(_NUMBERS),
        "network.iana_number": protocol.replace_strict(
            _NAMES, default=protocol.str.extract("^([0-9]+)$"), return_dtype=pl.String
        ),
        "network.type": pl.when(source.str.contains(":", literal=True))
        .then(pl.lit("ipv6"))
        .when(source.is_not_null())
        .then(pl.lit("ipv4")),
        "network.direction": direction.when(is_packet & came.is_null() & left.is_not_null()).then(pl.lit("egress")),
        "source.mac": pl.coalesce(
            mac(said("MACSRC")), mac(said("MAC").str.extract(r"^(?:[0-9a-f]{2}:){6}((?:[0-9a-f]{2}:){5}[0-9a-f]{2})"))
        ),
        "destination.mac": pl.coalesce(mac(said("MACDST")), mac(said("MAC").str.extract(r"^((?:[0-9a-f]{2}:){5}[0-9a-f]{2})"))),
        "rule.name": pl.when(letter.is_null()).then(said("rule.name").str.strip_chars('[]:" ')).otherwise(said("rule.name")),
        "src_ip": source,
        "src_port": pl.when(is_packet).then(said("source.port").cast(pl.String)),
        "dst_ip": destination,
        "dst_port": pl.when(is_packet).then(said("destination.port").cast(pl.String)),
        "action": action,
        "blocked": blocked_of(action),
    }
