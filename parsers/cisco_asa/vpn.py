"""Virtual private networks: AnyConnect and WebVPN sessions, IKE and IPsec."""

from correlator.parse.formats.phrases import Phrase

__all__ = ["TUNNELS", "VPN"]

Says = dict[str, str | tuple[str, ...]]

# Newer versions put values between <angle brackets>, older ones do not.
_WHO = r"^Group <?(?P<group.name>[^>]*?)>? User <?(?P<user.name>[^>]*?)>? IP <?(?P<source.address>[^>\s]+?)>? "
_PEER = r"^Group = (?P<group.name>.*?),(?: Username = (?P<user.name>.*?),)? IP = (?P<source.address>[^\s,]+), ?"
_ENDS = (
    r"^Local: ?(?P<destination.address>\S+?):(?P<destination.port>[0-9]+) Remote: ?(?P<source.address>\S+?)"
    r":(?P<source.port>[0-9]+) "
    r"Username: ?(?P<user.name>.*?) (?:IKEv[12] )?"
)
_SESSION: Says = {"event.category": ("network", "session")}


def _session(action: str, kind: str, outcome: str = "success") -> Says:
    return {**_SESSION, "event.action": action, "event.type": (kind,), "event.outcome": outcome}


def _login(outcome: str) -> Says:
    return {
        "event.category": ("authentication",),
        "event.type": ("start",),
        "event.action": "vpn_login",
        "event.outcome": outcome,
    }


_START, _END = _session("vpn_connected", "start"), _session("vpn_disconnected", "end")
_DAP: Says = {**_session("access_policy", "info"), "event.category": ("authentication",)}

VPN: dict[str, tuple[Phrase, ...]] = {
    "113019": (
        Phrase(
            r"^Group = (?P<group.name>.*?), Username = (?P<user.name>.*?), IP = (?P<source.address>[^\s,]+), Session "
            r"disconnected\. "
            r"Session Type: (?P<network.name>.*?), Duration: (?:(?P<_days>[0-9]+)d ?)?(?P<_hours>[0-9]+)"
            r"h:(?P<_minutes>[0-9]+)m:"
            r"(?P<_seconds>[0-9]+)s, Bytes xmt: (?P<destination.bytes>[0-9]+), Bytes rcv: (?P<source.bytes>[0-9]+), "
            r"Reason: (?P<event.reason>.*?)\s*$",
            _END,
        ),
    ),
    "113039": (Phrase(_WHO + r"AnyConnect parent session started", _START),),
    "716001": (Phrase(_WHO + r"WebVPN session started", _START),),
    "716002": (Phrase(_WHO + r"WebVPN session terminated: ?(?P<event.reason>.*?)\.?$", _END),),
    "716003": (Phrase(_WHO + r'WebVPN access "?GRANTED: ?(?P<url.original>[^"]*)"?', _session("webvpn_access", "access")),),
    "716004": (
        Phrase(_WHO + (r'WebVPN access "?DENIED ?(?P<url.original>[^"]*)"?'), _session("webvpn_access", "denied", "failure")),
    ),
    "716038": (Phrase(_WHO + r"Authentication: successful, Session Type: (?P<network.name>[^.]*)", _login("success")),),
    "716039": (
        Phrase(_WHO + r"Authentication: rejected, Session Type: (?P<network.name>[^.]*)", _login("failure")),
        Phrase(
            r"^Authentication: rejected, group = (?P<group.name>.*?) user = (?P<user.name>.*?), Session Type: "
            r"(?P<network.name>.*)$",
            _login("failure"),
        ),
    ),
    "716058": (
        Phrase(_WHO + (r"AnyConnect session (?P<event.reason>lost connection)"), _session("vpn_lost", "info", "failure")),
    ),
    "716059": (
        Phrase(
            _WHO + (r"AnyConnect session resumed(?: connection)? from IP <?(?P<client.address>[^>\s]+?)>?\.?$"),
            _session("vpn_resumed", "info"),
        ),
    ),
    "716060": (Phrase(_WHO + r"Terminated AnyConnect session (?P<event.reason>.*?)\.?$", _END),),
    "722010": (Phrase(_WHO + r"SVC Message: (?P<event.reason>.*)$", _session("svc_message", "info")),),
    "722022": (
        Phrase(_WHO + r"(?P<network.transport>TCP|UDP) (?:SVC|connection) .*established", _session("vpn_tunnel_up", "start")),
        Phrase(_WHO + r"(?:SVC )?connection established", _session("vpn_tunnel_up", "start")),
    ),
    "722023": (
        Phrase(_WHO + r"(?P<network.transport>TCP|UDP) (?:SVC|connection) .*terminated", _session("vpn_tunnel_down", "end")),
        Phrase(_WHO + r"(?:SVC )?connection terminated", _session("vpn_tunnel_down", "end")),
    ),
    "722028": (
        Phrase(
            _WHO + (r"(?P<network.transport>\S+ )?(?P<event.reason>Stale SVC connection closed)"),
            _session("vpn_tunnel_down", "end"),
        ),
    ),
    "722032": (
        Phrase(
            _WHO + (r"(?:\S+ )?(?P<event.reason>New (?:\S+ )?SVC connection replacing old connection)"),
            _session("vpn_tunnel_up", "start"),
        ),
    ),
    "722033": (
        Phrase(
            _WHO + (r"First (?P<network.transport>TCP|UDP)? ?SVC connection established"), _session("vpn_tunnel_up", "start")
        ),
    ),
    "722034": (
        Phrase(
            _WHO + (r"New (?P<network.transport>TCP|UDP)? ?SVC connection, no existing connection"),
            _session("vpn_tunnel_up", "start"),
        ),
    ),
    "722037": (Phrase(_WHO + r"SVC closing connection: (?P<event.reason>.*?)\.?$", _session("vpn_tunnel_down", "end")),),
    "722041": (
        Phrase(
            r"^TunnelGroup <?(?P<network.name>[^>]*?)>? GroupPolicy <?(?P<group.name>[^>]*?)>? User "
            r"<?(?P<user.name>[^>]*?)>? IP <?(?P<source.address>[^>\s]+?)>? "
            r"(?P<event.reason>.*)$",
            _session("vpn_address", "info"),
        ),
    ),
    "722051": (
        Phrase(
            _WHO + (r"IPv4 Address <?(?P<client.address>[^>\s]+)>? IPv6 address <?(?P<_six>[^>\s]*)>? assigned to session"),
            _session("vpn_address", "info"),
        ),
        Phrase(_WHO + r"Address <?(?P<client.address>[^>\s]+)>? assigned to session", _session("vpn_address", "info")),
    ),
    "722055": (Phrase(_WHO + r"Client Type: (?P<user_agent.original>.*)$", _session("vpn_client", "info")),),
    "725006": (
        Phrase(
            r"^(?P<event.reason>Device failed SSL handshake) with (?:\S+ )?client "
            r"(?P<observer.ingress.interface.name>[^\s:]+):(?P<source.address>[^\s/]+)/(?P<source.port>[0-9]+)"
            r"(?: to (?P<destination.address>[^\s/]+)/(?P<destination.port>[0-9]+))?",
            {"event.category": ("network",), "event.action": "tls_handshake", "event.outcome": "failure"},
        ),
    ),
    "734001": (
        Phrase(
            r"^DAP: User (?P<user.name>.*?), Addr (?P<source.address>\S+?), Connection (?P<network.name>.*?): "
            r".*selected for this connection: (?P<rule.name>.*)$",
            _DAP,
        ),
    ),
    "734002": (
        Phrase(
            r"^DAP: User (?P<user.name>.*?), Addr (?P<source.address>\S+?): Connection terminated by the following "
            r"DAP records: (?P<rule.name>.*)$",
            {**_DAP, "event.outcome": "failure"},
        ),
    ),
    "713228": (
        Phrase(
            _PEER + (r"Assigned private IP address (?P<client.address>\S+) to remote user"), _session("vpn_address", "info")
        ),
    ),
    "713049": (Phrase(_PEER + r"Security negotiation complete", _START),),
    "713119": (Phrase(_PEER + r"PHASE 1 COMPLETED", _START),),
    "713120": (Phrase(_PEER + r"PHASE 2 COMPLETED", _START),),
    "713050": (
        Phrase(_PEER + (r"Connection terminated for peer \S+?\.? +Reason: (?P<event.reason>.*?)(?:  ?Remote Proxy.*)?$"), _END),
    ),
    "713123": (Phrase(_PEER + r"(?P<event.reason>IKE lost contact with remote peer).*", _END),),
    "713259": (Phrase(_PEER + r"Session is being torn down\. Reason: (?P<event.reason>.*?)\s*$", _END),),
    "713166": (Phrase(_PEER + r"(?P<event.reason>Remote peer has failed user authentication.*)$", _login("failure")),),
    "713167": (Phrase(_PEER + r"(?P<event.reason>Remote peer has failed user authentication.*)$", _login("failure")),),
    "713194": (Phrase(_PEER + r"(?P<event.reason>Sending IKE Delete.*)$", _END),),
    "713198": (
        Phrase(
            r"^(?:Group = .*?, )?User Authorization failed: (?P<user.name>\S+)\.? ?(?P<event.reason>.*)$", _login("failure")
        ),
    ),
    "751025": (
        Phrase(
            _ENDS
            + (
                r"Group:(?P<group.name>.*?)\s+IPv4 Address=(?P<client.address>\S+) IPv6 address=(?P<_six>\S+) assigned to "
                r"session"
            ),
            _session("vpn_address", "info"),
        ),
    ),
    "750006": (Phrase(_ENDS + r"SA UP\. Reason: (?P<event.reason>.*)$", _START),),
    "750007": (Phrase(_ENDS + r"SA DOWN\. Reason: (?P<event.reason>.*)$", _END),),
    "750003": (Phrase(_ENDS + r"Negotiation aborted due to ERROR: (?P<event.reason>.*)$", _session("ike", "info", "failure")),),
    "751022": (Phrase(_ENDS + r"(?P<event.reason>Tunnel rejected.*)$", _login("failure")),),
    "602303": (
        Phrase(
            r"^IPSEC: An (?P<network.direction>\S+) (?P<network.name>.*?) SA \(SPI= ?(?P<session.id>[^)]*)\) between "
            r"(?P<destination.address>\S+) and "
            r"(?P<source.address>\S+) \(user= ?(?P<user.name>[^)]*)\) has been created",
            _START,
        ),
    ),
    "602304": (
        Phrase(
            r"^IPSEC: An (?P<network.direction>\S+) (?P<network.name>.*?) SA \(SPI= ?(?P<session.id>[^)]*)\) between "
            r"(?P<destination.address>\S+) and "
            r"(?P<source.address>\S+) \(user= ?(?P<user.name>[^)]*)\) has been deleted",
            _END,
        ),
    ),
    "603104": (
        Phrase(
            r"^(?:PPTP|L2TP) Tunnel created, tunnel_id is (?P<session.id>[0-9]+), remote_peer_ip is "
            r"(?P<source.address>\S+), .*?"
            r"client_dynamic_ip is (?P<client.address>\S+), username is (?P<user.name>.*?)(?:, MPPE.*)?$",
            _START,
        ),
    ),
}

#: What any sentence about a tunnel may begin with.
TUNNELS = (
    Phrase(_PEER + r"(?P<event.reason>.*)$", {**_SESSION, "event.type": ("info",)}),
    Phrase(_WHO + r"(?P<event.reason>.*)$", {**_SESSION, "event.type": ("info",)}),
    Phrase(_ENDS + r"(?P<event.reason>.*)$", {**_SESSION, "event.type": ("info",)}),
    Phrase(r"^IP = (?P<source.address>[^\s,]+), (?P<event.reason>.*)$", {**_SESSION, "event.type": ("info",)}),
)
