"""Attacks and limits: signatures, shunning, threat detection, botnet filter, URLs that people ask, FTP."""

from correlator.parse.formats.phrases import Phrase
from parsers.cisco_asa.parts import BARE_FROM, BARE_TO, DENIED, FROM, NET, ON, PROTOCOL, THREAT, TO, Says, mapped

__all__ = ["THREATS"]

_LIMITS = {
    "201010": (
        Phrase(
            rf"^(?P<event.reason>Embryonic connection limit exceeded) \S+ for \S+ packet from {BARE_FROM} to {BARE_TO} {ON}",
            DENIED,
        ),
    ),
    "202010": (
        Phrase(
            rf"^(?:\[?[A-Z |]+\]? )?(?P<event.reason>pool exhausted).*Unable to create {PROTOCOL} connection from "
            rf"{FROM} to {TO}",
            DENIED,
        ),
    ),
    "209003": (
        Phrase(
            r"^(?P<event.reason>Fragment database limit).*src = (?P<source.address>[^\s,]+), dest = "
            r"(?P<destination.address>[^\s,]+), proto = (?P<network.transport>[^\s,]+)",
            DENIED,
        ),
    ),
    "209004": (
        Phrase(
            r"^(?P<event.reason>Invalid IP fragment, [^:]*).*src = (?P<source.address>[^\s,]+), dest = "
            r"(?P<destination.address>[^\s,]+), proto = (?P<network.transport>[^\s,]+)",
            DENIED,
        ),
    ),
    "209005": (
        Phrase(
            r"^(?P<event.reason>Discard IP fragment set).*src = (?P<source.address>[^\s,]+), dest = "
            r"(?P<destination.address>[^\s,]+), proto = (?P<network.transport>[^\s,]+)",
            DENIED,
        ),
    ),
}
_URL = r"(?P<destination.address>[^\s:/]+): ?(?P<url.original>\S+.*?)\.?\s*$"
_WEB: Says = {"event.category": ("network", "web")}
_URLS = {
    "304001": (
        Phrase(
            r"^(?:(?P<user.name>[^\s@]+)@)?(?P<source.address>[^\s(@]+)(?: ?\((?P<_identity_source>[^)]*)\))? "
            rf"Accessed (?:JAVA )?URL {_URL}",
            {**_WEB, "event.action": "accessed", "_verdict": "accept"},
        ),
    ),
    "304002": (
        Phrase(
            r"^Access denied URL (?P<url.original>\S+) SRC (?P<source.address>[^\s(]+)(?: ?\((?P<_identity_source>[^)"
            r"]*)\))? DEST (?P<destination.address>[^\s:]+)",
            {**_WEB, "event.action": "denied", "_verdict": "denied", "event.outcome": "failure"},
        ),
    ),
    "303002": (
        Phrase(
            rf"^(?:FTP|Strict FTP) connection from {FROM} to {TO}, user (?P<destination.user.name>\S+) "
            r"(?P<event.action>Stored|Retrieved) file (?P<file.path>.*)$",
            {"event.category": ("network", "file"), "network.protocol": "ftp", "_verdict": "accept"},
        ),
    ),
}
_BLACKLIST = (
    rf"(?P<_list>black|white|grey)listed {PROTOCOL} traffic from {FROM}(?:{mapped('source')})? to "
    rf"{TO}(?:{mapped('destination')})?,? "
    r"?(?P<event.reason>(?:source|destination) (?P<threat.indicator.name>\S+).*?)(?:, threat-level: (?P<_threat>[^,\s]+).*)?$"
)
_BOTNET = (
    Phrase(rf"^Dynamic filter dropped {_BLACKLIST}", {**DENIED, **THREAT, "event.action": "dropped"}),
    Phrase(rf"^Dynamic [Ff]ilter (?P<event.action>monitored|action|permitted) {_BLACKLIST}", {**THREAT, "_verdict": "accept"}),
)
_THREATS = {
    "401002": (
        Phrase(
            r"^Shun added: (?P<source.address>\S+?)(?: (?P<destination.address>\S+) (?P<source.port>[0-9]+) "
            r"(?P<destination.port>[0-9]+).*)?\s*$",
            {**THREAT, "event.action": "shun_added"},
        ),
    ),
    "401003": (Phrase(r"^Shun deleted: (?P<source.address>\S+)", {**NET, "event.action": "shun_deleted"}),),
    "401004": (
        Phrase(
            rf"^Shunned packet: (?P<source.address>\S+) =+>? ?(?P<destination.address>\S+) {ON}",
            {**DENIED, "event.action": "shunned"},
        ),
    ),
    "402117": (
        Phrase(
            r"^IPSEC: (?P<event.reason>Received a non-IPSec packet) \(protocol=\s?(?P<network.transport>[^)]*)\) from "
            r"(?P<source.address>\S+) to (?P<destination.address>[^\s.]+\S*[^\s.])",
            DENIED,
        ),
    ),
    "402119": (
        Phrase(
            r"^IPSEC: Received an (?P<network.transport>\S+) packet \(.*?\) from (?P<source.address>\S+) \(user= "
            r"?(?P<user.name>[^)]*)\) to "
            r"(?P<destination.address>\S+) that (?P<event.reason>.*?)\.?$",
            {**DENIED, **THREAT},
        ),
    ),
    "733100": (
        Phrase(
            r"^\[ ?(?P<source.address>[0-9A-Fa-f.:]+[.:][0-9A-Fa-f]+)\] (?P<event.reason>drop .*? exceeded)",
            {**THREAT, "event.action": "threat_rate"},
        ),
        Phrase(r"^\[ ?(?P<rule.name>[^\]]*?)\] (?P<event.reason>drop .*? exceeded)", {**THREAT, "event.action": "threat_rate"}),
    ),
    "733101": (
        Phrase(r"^(?:Object |Host |\[ ?)(?P<source.address>[^\s\]]+)\]? is attacking", {**THREAT, "event.action": "attacking"}),
        Phrase(
            r"^(?:Object |Host |Subnet |\[ ?)(?P<destination.address>[^\s\]]+)\]? is targeted",
            {**THREAT, "event.action": "targeted"},
        ),
    ),
    "733102": (
        Phrase(r"^Threat-detection adds host (?P<source.address>\S+) to shun list", {**THREAT, "event.action": "shun_added"}),
    ),
    "733103": (
        Phrase(
            r"^Threat-detection removes host (?P<source.address>\S+) from shun list", {**NET, "event.action": "shun_deleted"}
        ),
    ),
    "733201": (
        Phrase(
            r"^Threat-detection: Service\[(?P<rule.name>[^\]]*)\] Peer\[(?P<source.address>[^\]]*)\]: "
            r"(?P<event.reason>.*?): adding shun to interface (?P<observer.ingress.interface.name>[^\s.]+)",
            {**THREAT, "event.action": "shun_added"},
        ),
    ),
    "405001": (
        Phrase(
            r"^(?P<event.reason>Received ARP (?:request|response) collision) from (?P<source.address>[^\s/]+)"
            rf"/(?P<source.mac>[0-9A-Fa-f.]+) {ON}",
            {**THREAT, "event.action": "arp_collision"},
        ),
    ),
    "322002": (
        Phrase(
            r"^(?P<event.reason>ARP inspection check failed) for arp \S+ received from host (?P<source.mac>[0-9A-Fa-f.]+) "
            rf"{ON}\. This host is advertising MAC Address \S+ for IP Address (?P<source.address>[^\s,]+)",
            {**DENIED, **THREAT},
        ),
    ),
}
_SIGNATURE = (
    Phrase(
        rf"^(?:IPS|IDS):(?P<rule.id>[0-9]+) (?P<rule.name>.*?) from {BARE_FROM} to {BARE_TO} {ON}",
        {**THREAT, "event.action": "signature"},
    ),
)

_CENTER = (
    Phrase(
        r'^(?:<[^>]*> )?\[(?P<rule.id>[0-9]+:[0-9]+:[0-9]+)\] "(?P<rule.name>.*?)" .*\[Classification: '
        r"(?P<rule.category>[^\]]*)\].*"
        r"\{(?P<network.transport>[^}]*)\} (?P<source.address>\S+?)(?::(?P<source.port>[0-9]+))? -> "
        r"(?P<destination.address>\S+?)(?::(?P<destination.port>[0-9]+))?\s*$",
        {**THREAT, "event.action": "intrusion"},
    ),
)

#: The sentences of each message id; 000000: the management center's.
THREATS: dict[str, tuple[Phrase, ...]] = {
    "000000": _CENTER,
    **_LIMITS,
    **_URLS,
    **{f"3380{number:02}": _BOTNET for number in range(1, 9)},
    **{f"3381{number:02}": _BOTNET for number in range(1, 5)},
    **{f"3382{number:02}": _BOTNET for number in range(1, 5)},
    **_THREATS,
    **{f"4000{number:02}": _SIGNATURE for number in range(52)},
}
