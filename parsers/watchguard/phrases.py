"""What the Firebox says in words: log-ins, VPN sessions, configuration, blocked sites."""

from correlator.parse.formats.phrases import Phrase

__all__ = ["PHRASES"]

Says = dict[str, str | tuple[str, ...]]
_FROM = r"from (?P<s_from>[0-9A-Fa-f][0-9A-Fa-f.:]*[0-9A-Fa-f:])"


def _login(outcome: str, action: str = "login", kind: str = "start") -> Says:
    return {"s_category": "authentication", "s_type": kind, "s_action": action, "s_outcome": outcome}


_SESSION: Says = {"s_category": "network session", "s_outcome": "success"}
_REASON = r"(?:(?:,| -|:) ?(?P<s_reason>.*?))?\.?\s*$"

PHRASES = (
    Phrase(rf"^Authentication of (?P<s_client>.*?) user \[(?P<s_user>.*)\] {_FROM} was accepted\.?\s*$", _login("success")),
    Phrase(rf"^Authentication of (?P<s_client>.*?) user \[(?P<s_user>.*)\] {_FROM} was rejected{_REASON}", _login("failure")),
    Phrase(rf"^Management user (?P<s_user>.*) {_FROM} (?:has )?logged in\.?\s*$", _login("success")),
    Phrase(rf"^Management user (?P<s_user>.*) {_FROM} (?:has )?logged out\.?\s*$", _login("success", "logout", "end")),
    Phrase(rf"^Management user (?P<s_user>.*) {_FROM} log ?in attempt was rejected{_REASON}", _login("failure")),
    Phrase(rf"^(?:User|user) (?P<s_user>.*) {_FROM} (?:has )?logged in\.?\s*$", _login("success")),
    Phrase(
        r"^(?:Mobile VPN with \S+|SSL ?VPN|MUVPN|IKEv2) user (?P<s_user>.*?) (?:has )?logged in\. +Virtual IP address "
        r"is (?P<s_client_ip>[^\s,]+?)\. +"
        r"Real IP address is (?P<s_from>[^\s,]+?)\.?\s*$",
        _SESSION | {"s_action": "vpn_connected", "s_type": "start"},
    ),
    Phrase(
        rf"^(?:Mobile VPN with \S+|SSL ?VPN|MUVPN|IKEv2) user (?P<s_user>.*?) (?:{_FROM} )?(?:has )?logged in"
        r"(?:.*?virtual IP(?: address)? is (?P<s_client_ip>[0-9A-Fa-f.:]+[0-9A-Fa-f]))?",
        _SESSION | {"s_action": "vpn_connected", "s_type": "start"},
    ),
    Phrase(
        rf"^(?:Mobile VPN with \S+|SSL ?VPN|MUVPN|IKEv2) user (?P<s_user>.*?) (?:{_FROM} )?(?:has )?logged out",
        _SESSION | {"s_action": "vpn_disconnected", "s_type": "end"},
    ),
    Phrase(
        r"^(?:The )?[Cc]onfiguration (?:has been |was )?(?P<s_reason>updated|changed|saved|restored).*?(?:by "
        r"(?:user )?(?P<s_user>[^\s,]+))?(?: .*)?$",
        {"s_category": "configuration", "s_type": "change", "s_action": "configuration_changed"},
    ),
    Phrase(
        r"^.*?(?P<s_from>[0-9A-Fa-f]+[.:][0-9A-Fa-f.:]*[0-9A-Fa-f]).*?(?P<s_reason>[Bb]locked [Ss]ites? list|port scan|"
        r"(?:IP|address) (?:space|port) probe|(?:SYN|UDP|ICMP|IPSEC|IKE) flood)",
        {"s_category": "network intrusion_detection", "s_type": "info", "s_action": "attack", "s_kind": "alert"},
    ),
    Phrase(
        r"^(?P<s_reason>(?:SYN|UDP|ICMP|IPSEC|IKE|DDoS|[Pp]ort [Ss]can|IP [Ss]pan).*?) .*?from "
        r"(?P<s_from>[0-9A-Fa-f.:]+[0-9A-Fa-f])",
        {"s_category": "network intrusion_detection", "s_type": "info", "s_action": "attack", "s_kind": "alert"},
    ),
    Phrase(
        r"^\((?P<s_to>[^<\s]+)<->(?P<s_from>[^)\s]+)\) ?(?P<s_reason>.*)$",
        {"s_category": "network session", "s_type": "info", "s_action": "ike"},
    ),
)
