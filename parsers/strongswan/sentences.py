"""What charon and pluto write: who asks for a tunnel, who is refused and why, what is established, what is closed."""

from correlator.parse.formats.phrases import Phrase
from correlator.parse.formats.vpn import login, own, session

__all__ = ["CHARON", "PLUTO"]

_ADDRESS = r"[0-9A-Fa-f.:]+(?:%\w+)?"
_HERE, _PEER = rf"(?P<destination.address>{_ADDRESS})", rf"(?P<source.address>{_ADDRESS})"
_ENDS = rf"{_HERE}\[(?P<strongswan.local_id>[^\]]*)\]\.\.\.{_PEER}\[(?P<user.name>.*?)\]"
_SA = r"IKE_SA (?P<network.name>[^\s\[]+)\[(?P<session.id>[0-9]+)\]"
_CHILD = r"CHILD_SA (?P<strongswan.child>[^\s{]+)\{(?P<strongswan.child.id>[0-9]+)\}"
_REFUSED = ("connection", "denied")
_ERROR = session("error", "connection", "error", outcome="failure")

_PACKETS = (
    Phrase(
        rf"^received packet: from {_PEER}\[(?P<source.port>[0-9]+)\] to {_HERE}\[(?P<destination.port>[0-9]+)\]"
        r"(?: \((?P<network.bytes>[0-9]+) bytes\))?.*$",
        session("packet_received", "protocol"),
    ),
    Phrase(
        rf"^(?:sending|retransmitting) packet: from {_HERE}\[(?P<destination.port>[0-9]+)\] to"
        rf" {_PEER}\[(?P<source.port>[0-9]+)\]"
        r"(?: \((?P<network.bytes>[0-9]+) bytes\))?.*$",
        session("packet_sent", "protocol"),
    ),
    Phrase(
        r"^(?:parsed|generating) (?P<strongswan.exchange>\S+) (?:request|response) (?P<event.reason>.*)$",
        session("message", "protocol"),
    ),
)
_AUTHENTICATION = (
    Phrase(r"^EAP-MS-CHAPv2 verification failed(?:, (?P<event.reason>.*))?$", login("failure")),
    Phrase(r"^EAP method (?P<strongswan.method>\S+) failed(?: for peer (?P<user.name>.*))?$", login("failure")),
    Phrase(r"^EAP method (?P<strongswan.method>\S+) succeeded.*$", login("success", "eap_succeeded")),
    Phrase(r"^EAP-MS-CHAPv2 username: '(?P<user.name>.*)'$", session("eap_identity", "info")),
    Phrase(r"^received EAP identity '(?P<user.name>.*)'$", session("eap_identity", "info")),
    Phrase(r"^XAuth authentication of '(?P<user.name>.*)' (?:\(myself\) )?successful$", login("success")),
    Phrase(r"^XAuth authentication of '(?P<user.name>.*)' failed$", login("failure")),
    Phrase(r"^XAuth pam_\w+ for '(?P<user.name>.*)' failed: (?P<event.reason>.*)$", login("failure", "pam_failed")),
    Phrase(r"^RADIUS authentication of '(?P<user.name>.*)' successful$", login("success", "radius_succeeded")),
    Phrase(r"^RADIUS authentication of '(?P<user.name>.*)' failed.*$", login("failure")),
    Phrase(
        r"^authentication of '(?P<strongswan.local_id>.*)' \(myself\) (?:with|by|using) .*$",
        session("own_authentication", "info"),
    ),
    Phrase(
        r"^authentication of '(?P<user.name>.*)' with (?P<strongswan.method>.*?) successful$",
        login("success", "peer_authenticated"),
    ),
    Phrase(r"^authentication of '(?P<user.name>.*)' with (?P<strongswan.method>.*?) failed.*$", login("failure")),
    Phrase(
        r"^(?P<event.reason>no (?:EAP|shared|XAuth|trusted \w+ public|private) key found for(?: hosts)?) "
        r"'(?P<strongswan.local_id>.*?)'(?: - '(?P<user.name>.*)')?.*$",
        login("failure", "no_key"),
    ),
    Phrase(
        r"^(?P<event.reason>tried [0-9]+ shared keys?) for '(?P<strongswan.local_id>.*?)' - '(?P<user.name>.*)', but"
        r" MAC mismatched$",
        login("failure"),
    ),
    Phrase(
        r"^(?P<event.reason>received AUTHENTICATION_FAILED.*|constraint check failed.*|selected peer config '.*'"
        r" unacceptable.*|"
        r"no alternative config found|(?:subject|issuer|CA)? ?certificate (?:invalid|was"
        r" revoked|has|not).*|certificate .* revoked.*|"
        r"EAP authentication failed.*|peer requested EAP, config unacceptable.*|signature validation failed.*|"
        r"reached self-signed root ca with a path length.*|no issuer certificate found.*|IDr .* unacceptable.*)$",
        login("failure", "peer_refused"),
    ),
)
_CONNECTIONS = (
    Phrase(
        rf"^{_SA} established between {_ENDS}$",
        login("success"),
    ),
    Phrase(rf"^{_SA} state change: (?P<event.reason>.*)$", session("state", "info")),
    Phrase(rf"^{_PEER} is initiating (?:an? )?(?:\S+ Mode )?.*IKE_SA$", session("connection_attempt", "connection", "start")),
    Phrase(rf"^initiating .*?{_SA} to {_PEER}$", session("initiating", "connection", "start")),
    Phrase(
        rf"^{_CHILD} established with SPIs (?P<strongswan.spis>.*?) and TS (?P<strongswan.selectors>.*)$",
        session("tunnel_opened", "connection", "start", outcome="success"),
    ),
    Phrase(
        rf"^closing (?:expired )?{_CHILD} with SPIs \S+_i \((?P<source.bytes>[0-9]+) bytes[^)]*\) \S+_o "
        r"\((?P<destination.bytes>[0-9]+) bytes[^)]*\)(?: and TS (?P<strongswan.selectors>.*))?$",
        session("tunnel_closed", "connection", "end"),
    ),
    Phrase(rf"^(?:deleting|reauthenticating|rekeying) {_SA} between {_ENDS}$", session("vpn_logout", "end")),
    Phrase(rf"^received DELETE for (?:different )?(?:{_SA}|.*)$", session("delete_received", "connection", "end")),
    Phrase(r"^(?P<event.reason>(?:IKE_SA|CHILD_SA) (?:deleted|closed).*)$", session("deleted", "connection", "end")),
    Phrase(
        rf"^(?P<event.reason>deleting half open IKE_SA) with {_PEER} after timeout$",
        session("half_open", "connection", "error", outcome="failure"),
    ),
    Phrase(
        rf"^assigning virtual IP (?P<client.ip>{_ADDRESS}) to peer '(?P<user.name>.*)'$",
        session("address_given", "connection", "info", outcome="success"),
    ),
    Phrase(
        r"^(?:re)?assigning (?:new|online|offline|existing) lease to '(?P<user.name>.*)'$",
        session("lease", "connection", "info"),
    ),
    Phrase(
        rf"^lease (?P<client.ip>{_ADDRESS}) by '(?P<user.name>.*)' went offline$",
        session("lease_offline", "connection", "end"),
    ),
    Phrase(
        rf"^(?P<event.reason>no (?:matching peer|IKE) config found)(?: for {_HERE}\.\.\.{_PEER}, sending "
        rf"(?P<error.code>\S+))?.*$",
        session("config_refused", *_REFUSED, outcome="failure"),
    ),
    Phrase(
        rf"^looking for (?:an? )?(?:pre-shared key |XAuth\w* |\S+ )?(?:peer |ike )?configs? (?:matching|for)"
        rf" {_HERE}(?:\[[^\]]*\])?\.\.\."
        rf"{_PEER}(?:\[(?P<user.name>.*)\])?$",
        session("config_sought", "info"),
    ),
    Phrase(
        r"^(?P<event.reason>(?:could not find|received (?:proposals unacceptable|NO_PROPOSAL_CHOSEN|\w+ notify error)|no"
        r" acceptable|no proposal|"
        r"invalid |could not decrypt|message parsing failed|message verification failed|integrity check failed|verification of|"
        r"traffic selectors .* unacceptable|payload|ignoring |unable |failed|.*mismatch|peer supports|blocking).*)$",
        session("negotiation_refused", *_REFUSED, outcome="failure"),
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
        session("message", "info"),
    ),
)
_LIFE = (
    Phrase(r"^Starting (?:IKE )?charon.*?\(strongSwan (?P<observer.version>[^,)]+).*$", own("started", "start", "success")),
    Phrase(
        r"^(?:SIG(?:TERM|INT) received, shutting down|Stopping .*|charon stopped.*|shutting down.*)$", own("stopped", "end")
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
        own("message", "info"),
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
        login("success"),
    ),
    Phrase(
        _ABOUT + r"(?P<event.reason>.*(?:established (?:Child|IPsec) SA|IPsec SA established|IKE SA established|ISAKMP"
        r" SA established).*)$",
        session("tunnel_opened", "connection", "start", outcome="success"),
    ),
    Phrase(
        _ABOUT + r"XAUTH: User (?P<user.name>.*?): Authentication Successful.*$",
        login("success"),
    ),
    Phrase(_ABOUT + r"XAUTH: User (?P<user.name>.*?): Authentication Failed(?:: (?P<event.reason>.*))?$", login("failure")),
    Phrase(_ABOUT + r"XAUTH: (?P<event.reason>.*[Ff]ail.*)$", login("failure")),
    Phrase(_ABOUT + r"XAUTH: (?P<event.reason>.*)$", session("xauth", "info")),
    Phrase(
        _ABOUT + r"(?P<event.reason>.*(?:no (?:suitable )?connection (?:has been|is|for|known)|authorized with"
        r" policy|NO_PROPOSAL_CHOSEN|"
        r"AUTHENTICATION_FAILED|[Aa]uthentication"
        r" failed|INVALID_ID|certificate.*(?:rejected|revoked|invalid|expired)|no RSA public key|"
        r"we require|PSK mismatch|Signature check|mismatched|probable authentication failure).*)$",
        login("failure", "peer_refused"),
    ),
    Phrase(
        _ABOUT + r"deleting (?:other |\S+ )?state #?(?:[0-9]+ )?\((?P<event.reason>[^)]*)\) .*$",
        session("tunnel_closed", "connection", "end"),
    ),
    Phrase(
        _ABOUT + r"(?:ESP|AH)? ?traffic information: in=(?P<source.bytes>[0-9]+)B out=(?P<destination.bytes>[0-9]+)B.*$",
        session("traffic", "info"),
    ),
    Phrase(
        _ABOUT + r"(?P<event.reason>.*(?:retransmission|retransmits|max number of|timed out|malformed|dropping|ignoring|"
        r"discarding|failed|error|invalid|EXPECTATION FAILED|STF_).*)$",
        _ERROR,
    ),
    Phrase(
        _ABOUT + r"(?P<event.reason>.*(?:deleting|received Delete|terminating).*)$",
        session("tunnel_closed", "connection", "end"),
    ),
    Phrase(
        r"^(?P<event.reason>(?:loading secrets|added|adding|terminating|loaded|\"[^\"]+\":"
        r" (?:added|terminated|loaded|removed)).*)$",
        {"event.action": "configuration", "event.category": ("configuration",), "event.type": ("change",)},
    ),
    Phrase(r"^Starting Pluto \(Libreswan Version (?P<observer.version>\S+).*$", own("started", "start", "success")),
    Phrase(r"^shutting down.*$", own("stopped", "end")),
    Phrase(
        r"^\"(?P<network.name>[^\"]+)\"(?:\[(?P<libreswan.instance>[0-9]+)\])? "
        rf"(?:{_PEER} )?(?:#(?P<session.id>[0-9]+))?: (?P<event.reason>.*)$",
        session("message", "info"),
    ),
    Phrase(
        r"^packet from (?P<source.address>[0-9A-Fa-f.:]+?)(?::(?P<source.port>[0-9]+)): (?P<event.reason>.*)$",
        session("packet", "info"),
    ),
)
