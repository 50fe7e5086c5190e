"""What sentences about flows are made of: ends, ports, interfaces, and what they mean."""

__all__ = [
    "ALLOWED",
    "BARE_FROM",
    "BARE_TO",
    "BETWEEN",
    "BUILT",
    "CONNECTION",
    "DENIED",
    "DURATION",
    "FROM",
    "ICMP",
    "LIST",
    "NET",
    "ON",
    "ONE",
    "OTHER",
    "PROTOCOL",
    "TAIL_USER",
    "THREAT",
    "TO",
    "TORN",
    "Says",
    "end",
    "mapped",
]

Says = dict[str, str | tuple[str, ...]]

NET: Says = {"event.category": ("network",)}
BUILT: Says = {**NET, "event.action": "built", "_kind": "start", "_verdict": "accept"}
TORN: Says = {**NET, "event.action": "teardown", "_kind": "end", "_verdict": "accept"}
DENIED: Says = {**NET, "event.action": "deny", "_verdict": "denied", "event.outcome": "failure"}
ALLOWED: Says = {**NET, "event.action": "permit", "_verdict": "accept"}
THREAT: Says = {"event.category": ("network", "intrusion_detection"), "event.kind": "alert"}

PROTOCOL = r"(?P<network.transport>[A-Za-z0-9_-]+)"


def end(side: str, interface: str, user: str) -> str:
    """Return ``interface:address/port`` with the identity that may stand after it."""
    return (
        rf"(?P<observer.{interface}.interface.name>[^\s:]+)\s?:\s?(?P<{side}.address>[^\s/(]+)"
        rf"(?:/(?P<{side}.port>[0-9]+|[A-Za-z][A-Za-z0-9_-]*))?(?:\((?P<{user}>[^)]*)\))?"
    )


def mapped(side: str) -> str:
    """Return the translated address and port between parentheses, with the identity that may stand after them."""
    return rf" ?\((?P<{side}.nat.ip>[^\s/)]+)(?:/(?P<{side}.nat.port>[0-9]+))?\)(?:\((?P<_identity_{side}>[^)]*)\))?"


FROM = end("source", "ingress", "user.name")
TO = end("destination", "egress", "destination.user.name")
BARE_FROM = r"\(?(?P<source.address>[^\s/()]+?)\)?(?:/(?P<source.port>[0-9]+))?"
BARE_TO = r"\(?(?P<destination.address>[^\s/(),]*[^\s/(),.:])\)?(?:/(?P<destination.port>[0-9]+))?"
ON = r"on interface (?P<observer.ingress.interface.name>[^\s.]+)"
LIST = r'by access[-_]group "?(?P<rule.name>[^"\[]*[^"\[\s])"?'
BETWEEN = r"(?: ?\([^)]*\))*"
CONNECTION = r"connection (?P<session.id>[0-9]+)"
ICMP = r"(?:,? ?\(?type (?P<icmp.type>[0-9]+),? code (?P<icmp.code>[0-9]+)\)?)?"
DURATION = r"duration (?P<_duration>[0-9]+:[0-9]{2}:[0-9]{2})"
TAIL_USER = r"(?: \((?P<_identity>[^)]*)\))?"

ONE = r"(?P<_if_one>[^\s:]+):(?P<_one>[^\s/(]+)(?:/(?P<_port_one>[0-9]+))?(?:\((?P<_user_one>[^)]*)\))?"
OTHER = r"(?P<_if_other>[^\s:]+):(?P<_other>[^\s/(]+)(?:/(?P<_port_other>[0-9]+))?(?:\((?P<_user_other>[^)]*)\))?"
