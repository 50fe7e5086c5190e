"""What charon and pluto write: who asks for a tunnel, who is refused and why, what is established, what is closed."""

from correlator.parse.formats.phrases import Phrase

__all__ = ["CHARON", "PLUTO"]

Says = dict[str, str | tuple[str, ...]]


def _login(outcome: str, action: str = "vpn_login") -> Says:
    return {
        "event.action": action,
        "event.outcome": outcome,
        "event.category": ("authentication", "session"),
        "event.type": ("start",),
    }


def _session(action: str, *kinds: str, outcome: str = "") -> Says:
    says: Says = {"event.action": action, "event.category": ("network", "session"), "event.type": kinds}
    return says | ({"event.outcome": outcome} if outcome else {})


def _own(action: str, kind: str, outcome: str = "") -> Says:
    says: Says = {"event.action": action, "event.category": ("process",), "event.type": (kind,)}
    return says | ({"event.outcome": outcome} if outcome else {})


_ADDRESS = r"[0-9A-Fa-f.:]+(?:%\w+)?"
_HERE, _PEER = rf"(?P<destination.address>{_ADDRESS})", rf"(?P<source.address>{_ADDRESS})"
_ENDS = rf"{_HERE}\[(?P<strongswan.local_id>[^\]]*)\]\.\.\.{_PEER}\[(?P<user.name>.*?)\]"
_SA = r"IKE_SA (?P<network.name>[^\s\[]+)\[(?P<session.id>[0-9]+)\]"
_CHILD = r"CHILD_SA (?P<strongswan.child>[^\s{]+)\{(?P<strongswan.child.id>[0-9]+)\}"
_REFUSED = ("connection", "denied")
_ERROR = _session("error", "connection", "error", outcome="failure")

_PACKETS = (
    Phrase(
        rf"^received packet: from {_PEER}\[(?P<source.port>[0-9]+)\] to {_HERE}\[(?P<destination.port>[0-9]+)\]"
        r"(?: \((?P<network.bytes>[0-9]+) bytes\))?.*$",
        _session("packet_received", "protocol"),
    ),
    Phrase(
        rf"^(?:sending|retransmitting) packet: from {_HERE}\[(?P<destination.port>[0-9]+)\] to"
        rf" {_PEER}\[(?P<source.port>[0-9]+)\]"
        r"(?: \((?P<network.bytes>[0-9]+) bytes\))?.*$",
        _session("packet_sent", "protocol"),
    ),
    Phrase(
        r"^(?:parsed|generating) (?P<strongswan.exchange>\S+) (?:request|response) (?P<event.reason>.*)$",
        _session("message", "protocol"),
    ),
)
_AUTHENTICATION = (
    Phrase(r"^EAP-MS-CHAPv2 verification failed(?:, (?P<event.reason>.*))?$", _login("failure")),
    Phrase(r"^EAP method (?P<strongswan.method>\S+) failed(?: for peer (?P<user.name>.*))?$", _login("failure")),
    Phrase(r"^EAP method (?P<strongswan.method>\S+) succeeded.*$", _login("success", "eap_succeeded")),
    Phrase(r"^EAP-MS-CHAPv2 username: '(?P<user.name>.*)'$", _session("eap_identity", "info")),
    Phrase(r"^received EAP identity '(?P<user.name>.*)'$", _session("eap_identity", "info")),
    Phrase(r"^XAuth authentication of '(?P<user.name>.*)' (?:\(myself\) )?successful$", _login("success")),
    Phrase(r"^XAuth authentication of '(?P<user.name>.*)' failed$", _login("failure")),
    Phrase(r"^XAuth pam_\w+ for '(?P<user.name>.*)' failed: (?P<event.reason>.*)$", _login("failure", "pam_failed")),
    Phrase(r"^RADIUS authentication of '(?P<user.name>.*)' successful$", _login("success", "radius_succeeded")),
    Phrase(r"^RADIUS authentication of '(?P<user.name>.*)' failed.*$", _login("failure")),
    Phrase(
        r"^authentication of '(?P<strongswan.local_id>.*)' \(myself\) (?:with|by|using) .*$",
        _session("own_authentication", "info"),
    ),
    Phrase(
        r"^authentication of '(?P<user.name>.*)' with (?P<strongswan.method>.*?) successful$",
        _login("success", "peer_authenticated"),
    ),
    Phrase(r"^authentication of '(?P<user.name>.*)' with (?P<strongswan.method>.*?) failed.*$", _login("failure")),
    Phrase(
        r"^(?P<event.reason>no (?:EAP|shared|XAuth|trusted \w+ public|private) key found for(?: hosts)?) "
        r"'(?P<strongswan.local_id>.*?)'(?: - '(?P<user.name>.*)')?.*$",
        _login("failure", "no_key"),
    ),
    Phrase(
        r"^(?P<event.reason>tried [0-9]+ shared keys?) for '(?P<strongswan.local_id>.*?)' - '(?P<user.name>.*)', but"
        r" MAC mismatched$",
        _login("failure"),
    ),
    Phrase(
        r"^(?P<event.reason>received AUTHENTICATION_FAILED.*|constraint check failed.*|selected peer config '.*'"
        r" unacceptable.*|"
        r"no alternative config found|(?:subject|issuer|CA)? ?certificate (?:invalid|was"
        r" revoked|has|not).*|certificate .* revoked.*|"
        r"EAP authentication failed.*|peer requested EAP, config unacceptable.*|signature validation failed.*|"
        r"reached self-signed root ca with a path length.*|no issuer certificate found.*|IDr .* unacceptable.*)$",
        _login("failure", "peer_refused"),
    ),
)
_CONNECTIONS = (
    Phrase(
        rf"^{_SA} established between {_ENDS}$",
        _login("success"),
    ),
    Phrase(rf"^{_SA} state change: (?P<event.reason>.*)$", _session("state", "info")),
    Phrase(rf"^{_PEER} is initiating (?:an? )?(?:\S+ Mode )?.*IKE_SA$", _session("connection_attempt", "connection", "start")),
    Phrase(rf"^initiating .*?{_SA} to {_PEER}$", _session("initiating", "connection", "start")),
    Phrase(
        rf"^{_CHILD} established with SPIs (?P<strongswan.spis>.*?) and TS (?P<strongswan.selectors>.*)$",
        _session("tunnel_opened", "connection", "start", outcome="success"),
    ),
    Phrase(
        rf"^closing (?:expired )?{_CHILD} with SPIs \S+_i \((?P<source.bytes>[0-9]+) bytes[^)]*\) \S+_o "
        r"\((?P<destination.bytes>[0-9]+) bytes[^)]*\)(?: and TS (?P<strongswan.selectors>.*))?$",
        _session("tunnel_closed", "connection", "end"),
    ),
    Phrase(rf"^(?:deleting|reauthenticating|rekeying) {_SA} between {_ENDS}$", _session("vpn_logout", "end")),
    Phrase(rf"^received DELETE for (?:different )?(?:{_SA}|.*)$", _session("delete_received", "connection", "end")),
    Phrase(r"^(?P<event.reason>(?:IKE_SA|CHILD_SA) (?:deleted|closed).*)$", _session("deleted", "connection", "end")),
    Phrase(
        rf"^(?P<event.reason>deleting half open IKE_SA) with {_PEER} after timeout$",
        _session("half_open", "connection", "error", outcome="failure"),
    ),
    Phrase(
        rf"^assigning virtual IP (?P<client.ip>{_ADDRESS}) to peer '(?P<user.name>.*)'$",
        _session("address_given", "connection", "info", outcome="success"),
    ),
    Phrase(
        r"^(?:re)?assigning (?:new|online|offline|existing) lease to '(?P<user.name>.*)'$",
        _session("lease", "connection", "info"),
    ),
    Phrase(
        rf"^lease (?P<client.ip>{_ADDRESS}) by '(?P<user.name>.*)' went offline$",
        _session("lease_offline", "connection", "end"),
    ),
    Phrase(
        rf"^(?P<event.reason>no (?:matching peer|IKE) config found)(?: for {_HERE}\.\.\.{_PEER}, sending "
        rf"(?P<error.code>\S+))?.*$",
        _session("config_refused", *_REFUSED, outcome="failure"),
    ),
    Phrase(
        rf"^looking for (?:an? )?(?:pre-shared key |XAuth\w* |\S+ )?(?:peer |ike )?configs? (?:matching|for)"
        rf" {_HERE}(?:\[[^\]]*\])?\.\.\."
        rf"{_PEER}(?:\[(?P<user.name>.*)\])?$",
        _session("config_sought", "info"),
    ),
    Phrase(
        r"^(?P<event.reason>(?:could not find|received (?:proposals unacceptable|NO_PROPOSAL_CHOSEN|\w+ notify error)|no"
        r" acceptable|no proposal|"
        r"invalid |could not decrypt|message parsing failed|message verification failed|integrity check failed|verification of|"
        r"traffic selectors .* unacceptable|payload|ignoring |unable |failed|.*mismatch|peer supports|blocking).*)$",
        _session("negotiation_refused", *_REFUSED, outcome="failure"),
    ),
    Phrase(
        r"^(?P<event.reason>retransmit [0-9]+ of .*|giving up after .*|peer not responding.*|establishing"
        r" (?:IKE_SA|CHILD_SA) failed.*|"
        r"DPD check timed out.*|.*timed out.*|error writing.*|.*\bfailed\b.*)$",
        _ERROR,
    ),
    Phrase(
        r"^(?P<event.reason>(?:selected|configured|received proposals|selecting|using|sending|received|remote host is"
        r" behind NAT|"
        r"local host is behind NAT|faking NAT|peer requested|scheduling|maximum|initiating|proposing|found|queueing|activating|"
        r"authentication|splitting|building|DH group|KE"
        r" |checking|fetching|certificate|reached|handling|trying|assigned|installing|"
        r"adding|detected|keeping|server requested|allocat|adjusting|MOBIKE|path probing|IKE_SA|CHILD_SA|deleting|closing|"
        r"establishing|candidate|lookup|got|querying|ipseckey|next|destroying|old|new|updat|delet|rekey|reauth|switch|creating).*)$",
        _session("message", "info"),
    ),
)
_LIFE = (
    Phrase(r"^Starting (?:IKE )?charon.*?\(strongSwan (?P<observer.version>[^,)]+).*$", _own("started", "start", "success")),
    Phrase(
        r"^(?:SIG(?:TERM|INT) received, shutting down|Stopping .*|charon stopped.*|shutting down.*)$", _own("stopped", "end")
    ),
    Phrase(
        r"^(?P<event.reason>(?:loaded|added|removed|loading|updated|vici client|unloading|installed|uninstalled)"
        r" (?:configuration|connection|vici "
        r"connection|.*secret|.*key|.*pool|.*).*)$",
        {"event.action": "configuration", "event.category": ("configuration",), "event.type": ("change",)},
    ),
    Phrase(
        r"^(?P<event.reason>(?:spawning|plugin|loaded plugins|dropped capabilities|feature|interface|known"
        r" interfaces|listening|ipsec|"
        r"Starting|starting|charon|uci|PKCS|forwarding|'|tundev|creating|RTNETLINK|updown|policy|\+|-|no |opening|openssl|"
        r"DN|coupling|  |!!).*)$",
        _own("message", "info"),
    ),
)
CHARON = (*_PACKETS, *_AUTHENTICATION, *_CONNECTIONS, *_LIFE)

_ABOUT = (
    r"^(?:\"(?P<network.name>[^\"]+)\"(?:/[^\s:\[]+)?(?:\[(?P<libreswan.instance>[0-9]+)\])?(?:/[^\s:]+)? ?)?"
    rf"(?:{_PEER}(?::(?P<source.port>[0-9]+))? ?)?(?:#(?P<session.id>[0-9]+))?:? ?"
)
PLUTO = (
    Phrase(
        _ABOUT + r"(?P<event.reason>(?:initiator|responder) established IKE SA)(?:[^']*'(?P<user.name>[^']*)')?.*$",
        _login("success"),
    ),
    Phrase(
        _ABOUT + r"(?P<event.reason>.*(?:established (?:Child|IPsec) SA|IPsec SA established|IKE SA established|ISAKMP"
        r" SA established).*)$",
        _session("tunnel_opened", "connection", "start", outcome="success"),
    ),
    Phrase(
        _ABOUT + r"XAUTH: User (?P<user.name>.*?): Authentication Successful.*$",
        _login("success"),
    ),
    Phrase(_ABOUT + r"XAUTH: User (?P<user.name>.*?): Authentication Failed(?:: (?P<event.reason>.*))?$", _login("failure")),
    Phrase(_ABOUT + r"XAUTH: (?P<event.reason>.*[Ff]ail.*)$", _login("failure")),
    Phrase(_ABOUT + r"XAUTH: (?P<event.reason>.*)$", _session("xauth", "info")),
    Phrase(
        _ABOUT + r"(?P<event.reason>.*(?:no (?:suitable )?connection (?:has been|is|for|known)|authorized with"
        r" policy|NO_PROPOSAL_CHOSEN|"
        r"AUTHENTICATION_FAILED|[Aa]uthentication"
        r" failed|INVALID_ID|certificate.*(?:rejected|revoked|invalid|expired)|no RSA public key|"
        r"we require|PSK mismatch|Signature check|mismatched|probable authentication failure).*)$",
        _login("failure", "peer_refused"),
    ),
    Phrase(
        _ABOUT + r"deleting (?:other |\S+ )?state #?(?:[0-9]+ )?\((?P<event.reason>[^)]*)\) .*$",
        _session("tunnel_closed", "connection", "end"),
    ),
    Phrase(
        _ABOUT + r"(?:ESP|AH)? ?traffic information: in=(?P<source.bytes>[0-9]+)B out=(?P<destination.bytes>[0-9]+)B.*$",
        _session("traffic", "info"),
    ),
    Phrase(
        _ABOUT + r"(?P<event.reason>.*(?:retransmission|retransmits|max number of|timed out|malformed|dropping|ignoring|"
        r"discarding|failed|error|invalid|EXPECTATION FAILED|STF_).*)$",
        _ERROR,
    ),
    Phrase(
        _ABOUT + r"(?P<event.reason>.*(?:deleting|received Delete|terminating).*)$",
        _session("tunnel_closed", "connection", "end"),
    ),
    Phrase(
        r"^(?P<event.reason>(?:loading secrets|added|adding|terminating|loaded|\"[^\"]+\":"
        r" (?:added|terminated|loaded|removed)).*)$",
        {"event.action": "configuration", "event.category": ("configuration",), "event.type": ("change",)},
    ),
    Phrase(r"^Starting Pluto \(Libreswan Version (?P<observer.version>\S+).*$", _own("started", "start", "success")),
    Phrase(r"^shutting down.*$", _own("stopped", "end")),
    Phrase(
        r"^\"(?P<network.name>[^\"]+)\"(?:\[(?P<libreswan.instance>[0-9]+)\])? "
        rf"(?:{_PEER} )?(?:#(?P<session.id>[0-9]+))?: (?P<event.reason>.*)$",
        _session("message", "info"),
    ),
    Phrase(
        r"^packet from (?P<source.address>[0-9A-Fa-f.:]+?)(?::(?P<source.port>[0-9]+)): (?P<event.reason>.*)$",
        _session("packet", "info"),
    ),
)
