"""What Aruba switches write: ArubaOS-Switch by number and module, AOS-CX by event; texts are matched, numbers only kept."""

from correlator.parse.formats.phrases import Phrase

__all__ = ["AOS_CX", "AOS_S"]

Says = dict[str, str | tuple[str, ...]]


def _login(outcome: str, action: str = "login", kind: str = "start") -> Says:
    says: Says = {"event.action": action, "event.category": ("authentication",), "event.type": (kind,)}
    return says | ({"event.outcome": outcome} if outcome else {})


def _of(category: str, action: str, *kinds: str, outcome: str = "") -> Says:
    says: Says = {"event.action": action, "event.category": (category,), "event.type": kinds}
    return says | ({"event.outcome": outcome} if outcome else {})


_PORT = (
    r"(?P<observer.ingress.interface.name>(?:[A-Za-z]{0,5}[0-9]+(?:[/:-][A-Za-z]?[0-9]+)*|Trk[0-9]+|lag ?[0-9]+|vlan ?[0-9]+))"
)
_FROM = r"(?P<source.address>[0-9A-Fa-f.:]*[0-9A-Fa-f])"
_STATION = r"(?P<_station>(?:[0-9A-Fa-f]{6}-[0-9A-Fa-f]{6}|(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}|[0-9A-Fa-f]{12}))"
_DENIED = ("connection", "denied")

AOS_S = (
    Phrase(
        r"(?s)^Invalid user name/password on (?P<aruba.session>\S+) session(?: User '(?P<user.name>.*)')?"
        rf"(?: is trying to login)?(?: from {_FROM})?\.?$",
        _login("failure"),
    ),
    Phrase(
        rf"(?s)^User '(?P<user.name>.*)' logged in(?: from {_FROM})? to (?P<aruba.session>\S+) session.*$", _login("success")
    ),
    Phrase(
        rf"(?s)^User '(?P<user.name>.*)' logged out (?:of|from) (?P<aruba.session>\S+) session(?: from {_FROM})?.*$",
        _login("", "logout", "end"),
    ),
    Phrase(
        rf"^SME (?P<aruba.session>\S+)(?: from {_FROM}| Session)? - (?P<aruba.mode>\w+) Mode.*$", _login("success", "privilege")
    ),
    Phrase(
        r"(?s)^(?P<event.reason>.*(?:[Aa]uthentication|[Ll]ogin|[Pp]assword).*(?:fail|reject|denied|incorrect|invalid).*?)"
        rf"(?: from {_FROM})?\.?$",
        _login("failure"),
    ),
    Phrase(
        rf"(?s)^Security access violation from {_FROM} for the community name or user name : "
        rf"(?P<aruba.community>.*?)(?: ?\(.*\))?$",
        _login("failure", "snmp_refused"),
    ),
    Phrase(rf"^[Pp]ort {_PORT}(?: in Trk[0-9]+)? is now on-line\.?$", _of("network", "port_up", "start")),
    Phrase(rf"^[Pp]ort {_PORT}(?: in Trk[0-9]+)? is now off-line\.?$", _of("network", "port_down", "end")),
    Phrase(rf"^[Pp]ort {_PORT} is Blocked by (?P<event.reason>\S+).*$", _of("network", "port_blocked", *_DENIED)),
    Phrase(
        rf"^(?:[Pp]ort {_PORT} ?-? ?)?(?P<event.reason>.*(?:Security Violation|[Ii]ntrusion|loop"
        rf" detected|unauthorized).*?)(?: (?:from|by) {_STATION})?\.?$",
        _of("intrusion_detection", "port_security", *_DENIED),
    ),
    Phrase(
        r"^(?:backplane: )?(?P<event.reason>(?:Server|Attempt to release address|Unauthorized"
        r" server|Ceasing|.*untrusted port).*?)"
        r"(?P<client.ip>[0-9]{1,3}(?:\.[0-9]{1,3}){3}).*$",
        _of("intrusion_detection", "dhcp_snooping", *_DENIED),
    ),
    Phrase(
        rf"^(?:backplane: )?(?P<event.reason>Deny ARP (?:request|reply|\S+)) {_STATION},(?P<client.ip>[0-9.]+)(?:,?"
        rf" port {_PORT})?.*$",
        _of("intrusion_detection", "arp_protection", *_DENIED),
    ),
    Phrase(
        rf"^(?:[Pp]ort {_PORT}[:-]? ?)?(?P<event.reason>(?:.*(?:Excessive|High collision|Loss of link|Over"
        rf" bandwidth|Too many|Undersized|"
        r"Broadcast storm|Topology change|Root changed|starved for a BPDU|BPDU).*))$",
        _of("network", "port_fault", "error"),
    ),
    Phrase(
        r"^(?P<event.reason>.*(?:[Rr]unning config|[Ss]tartup config|[Cc]onfiguration|config(?:uration)?"
        r" (?:file|changed)|[Ff]irmware|[Ii]mage|"
        r"TFTP|SCP|SFTP|[Uu]pdate|copied|erased|[Cc]ommand).*)$",
        _of("configuration", "configuration", "change"),
    ),
    Phrase(
        r"^(?P<event.reason>.*(?:[Cc]an't reach|unreachable|[Ff]ail(?:ed|ure)?|fault|crash|[Ee]rror|went down|over"
        r" temperature|Lost|lost|"
        r"timed out|no response|not responding|Insufficient).*)$",
        _of("host", "fault", "error", outcome="failure"),
    ),
    Phrase(
        r"^(?P<event.reason>.*(?:[Cc]old start|[Ww]arm start|[Rr]eboot|[Ss]ystem"
        r" (?:up|booted|reset)|restarted|[Ss]witch will).*)$",
        _of("host", "restart", "start"),
    ),
    Phrase(
        r"^(?P<event.reason>(?:.*(?:[Tt]ransfer|IP address|[Ff]an|[Pp]ower|[Tt]emperature|[Cc]hassis|[Mm]odule"
        r"|inserted|removed|SNTP|NTP|[Tt]ime|neighbor|LLDP|"
        r"enabled|disabled|[Vv]irtual LAN|VLAN|[Ii]p"
        r" address|DHCP|[Ss]ession|[Tt]ransceiver|[Ss]tack|[Mm]ember|[Cc]ommander|[Pp]ort|trunk|"
        r"[Ss]erver|PoE|PD |updated|[Ii]nterface).*))$",
        _of("host", "message", "info"),
    ),
)

AOS_CX = (
    Phrase(
        rf"(?s)^User (?P<user.name>.*?) logged in (?:from {_FROM} )?(?:through|via|using|to) (?P<aruba.session>\S+)(?:"
        rf" session)?.*$",
        _login("success"),
    ),
    Phrase(
        rf"(?s)^User (?P<user.name>.*?) logged out (?:of|from) (?P<aruba.session>[A-Za-z]\S*)(?: session)?(?: from"
        rf" {_FROM})?.*$",
        _login("", "logout", "end"),
    ),
    Phrase(
        r"(?s)^(?P<event.reason>(?:Login|Authentication|Authorization|User"
        r" authentication)\b.*?(?:failed|rejected|denied)(?: .*?)?)"
        rf"(?: for)?(?: the)? user '?(?P<user.name>[^\s']+)'?(?:.*?from {_FROM})?.*$",
        _login("failure"),
    ),
    Phrase(
        rf"(?s)^User (?P<user.name>.*?) "
        rf"(?P<event.reason>(?:login|authentication|password)?.*(?:failed|rejected"
        rf"|denied|locked).*?)(?: from {_FROM}.*)?$",
        _login("failure"),
    ),
    Phrase(r"(?s)^.*?type=USER_START msg='(?P<_record>.*?)'?\s*$", _login("", "session_start")),
    Phrase(r"(?s)^.*?type=USER_END msg='(?P<_record>.*?)'?\s*$", _login("", "session_end", "end")),
    Phrase(
        r"(?s)^.*?type=(?:USYS_CONFIG|USER_CMD|USER_\w+|[A-Z_]+) msg='(?P<_record>.*?)'?\s*$",
        _of("configuration", "command", "change"),
    ),
    Phrase(rf"^Link status for interface {_PORT} is up.*$", _of("network", "port_up", "start")),
    Phrase(rf"^Link status for interface {_PORT} is down.*$", _of("network", "port_down", "end")),
    Phrase(
        rf"^(?P<event.reason>.*(?:[Pp]ort[- ]security|[Vv]iolation|[Ll]oop (?:is )?detected|BPDU"
        rf" [Gg]uard|[Rr]ogue|spoof|untrusted|ARP inspection|"
        rf"DHCP [Ss]nooping|ND [Ss]nooping).*?)(?: (?:on|for) (?:interface|port) {_PORT}.*)?$",
        _of("intrusion_detection", "protection", *_DENIED),
    ),
    Phrase(
        r"(?s)^(?P<event.reason>.*(?:[Cc]lient|802\.1X|MAC[- ]auth|dot1x).*(?:fail|reject|denied|timed? ?out).*)$",
        _login("failure", "port_access"),
    ),
    Phrase(
        r"(?s)^(?P<event.reason>.*(?:[Cc]lient|802\.1X|MAC[- ]auth|dot1x).*(?:success|authenticated|onboard|authorized).*)$",
        _login("success", "port_access"),
    ),
    Phrase(
        r"(?s)^"
        r"(?P<event.reason>.*(?:[Cc]opying|[Cc]onfig|checkpoint|[Ff]irmware|[Ii]mage|[Uu]pgrade|certificate|password"
        r"|[Uu]ser .* (?:added|"
        r"created|deleted|removed|modified)).*)$",
        _of("configuration", "configuration", "change"),
    ),
    Phrase(
        r"(?s)^"
        r"(?P<event.reason>.*(?:[Ff]ail|[Ff]ault|[Ee]rror|crash|unreachable|[Ll]ost|exceeded|critical|[Dd]own|timed"
        r" out|not responding|"
        r"[Aa]bsent).*)$",
        _of("host", "fault", "error", outcome="failure"),
    ),
    Phrase(
        r"(?s)^(?P<event.reason>.*(?:[Bb]oot|[Rr]eboot|restart|[Ss]tarted|[Pp]ower|[Ff]an|[Tt]emperature|LLDP|[Nn]eighbor|STP|[Tt]opology|"
        r"VLAN|[Ii]nterface|[Pp]ort|VSX|VSF|[Mm]ember|NTP|[Tt]ransceiver|DHCP|[Ss]erver|[Ee]nabled|[Dd]isabled|[Uu]p\b|LAG|lag|OSPF|BGP|VRRP|"
        r"MAC|REST|[Ss]ession).*)$",
        _of("host", "message", "info"),
    ),
)
