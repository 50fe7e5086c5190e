"""What Asterisk writes to ``messages`` and ``full``: registrations, calls refused, administrators, states."""

from correlator.parse.formats.phrases import Phrase

__all__ = ["PHRASES"]

Says = dict[str, str | tuple[str, ...]]

_AUTH: Says = {"event.category": ("authentication", "network"), "event.type": ("start", "denied"), "event.outcome": "failure"}
_REGISTER: Says = {**_AUTH, "event.action": "registration_failed", "network.protocol": "sip"}
_LOGIN: Says = {**_AUTH, "event.action": "manager_login_failed", "network.protocol": "ami"}
_DENIED: Says = {"event.category": ("network",), "event.type": ("connection", "denied"), "event.outcome": "failure"}
_SESSION: Says = {"event.category": ("authentication", "session"), "event.outcome": "success"}
_STATE: Says = {"event.category": ("network",), "event.type": ("change",)}
_URI = r".*sips?:(?P<user.name>[^@>;']*)@.*"
_PEER = r"(?P<source.address>[0-9A-Fa-f.:\[\]]+?)(?::(?P<source.port>[0-9]{1,5}))?"

PHRASES = (
    Phrase(rf"(?s)^Registration from '{_URI}' failed for '{_PEER}' - (?P<event.reason>[^'\"]*)$", _REGISTER),
    Phrase(rf"(?s)^Registration from '(?P<user.name>.*)' failed for '{_PEER}' - (?P<event.reason>[^'\"]*)$", _REGISTER),
    Phrase(
        rf"(?s)^Request '(?P<sip.method>[A-Z]+)' from '{_URI}' failed for '{_PEER}' \(callid: [^)]*\) - "
        r"(?P<event.reason>[^'\"]*)$",
        _REGISTER,
    ),
    Phrase(
        rf"(?s)^Request '(?P<sip.method>[A-Z]+)' from '(?P<user.name>.*)' failed for '{_PEER}' \(callid: [^)]*\) - "
        r"(?P<event.reason>[^'\"]*)$",
        _REGISTER,
    ),
    Phrase(
        rf"(?s)^Call from '(?P<user.name>.*)' \({_PEER}\) to extension '(?P<destination.user.name>.*)' "
        r"(?P<event.reason>rejected because .*)$",
        {**_DENIED, "event.action": "call_rejected"},
    ),
    Phrase(
        rf"(?s)^(?:Sending fake auth rejection for (?:device|user)|Failed to authenticate (?:device|user)) (?:{_URI})$",
        {**_AUTH, "event.action": "call_refused", "network.protocol": "sip"},
    ),
    Phrase(
        rf"(?s)^Host {_PEER} (?:failed (?:MD5|plaintext|to) .*auth\w* for|denied access to register peer) "
        r"'(?P<user.name>.*)'.*$",
        {**_AUTH, "event.action": "registration_failed", "network.protocol": "iax2"},
    ),
    Phrase(
        rf"(?s)^No registration for peer '(?P<user.name>.*)' \(from {_PEER}\)$",
        {**_AUTH, "event.action": "registration_failed", "network.protocol": "iax2"},
    ),
    Phrase(rf"(?s)^(?:Host )?{_PEER} failed to authenticate as '(?P<user.name>.*)'$", _LOGIN),
    Phrase(
        rf"(?s)^(?:Host )?{_PEER} (?P<event.reason>tried to authenticate with nonexistent user) '(?P<user.name>.*)'$", _LOGIN
    ),
    Phrase(rf"(?s)^(?:Host )?{_PEER} (?P<event.reason>failed to pass IP ACL) as '(?P<user.name>.*)'$", _LOGIN),
    Phrase(rf"(?s)^Connect attempt from '{_PEER}' unable to authenticate$", _LOGIN),
    Phrase(
        rf"^\s*(?:== )?Manager '(?P<user.name>.*)' logged on from {_PEER}$",
        {**_SESSION, "event.action": "manager_login", "event.type": ("start",), "network.protocol": "ami"},
    ),
    Phrase(
        rf"^\s*(?:== )?Manager '(?P<user.name>.*)' logged off from {_PEER}$",
        {**_SESSION, "event.action": "manager_logout", "event.type": ("end",), "network.protocol": "ami"},
    ),
    Phrase(
        r"^\s*(?:-- |== )?Remote UNIX connection(?P<event.reason> disconnected)?$",
        {"event.category": ("session",), "event.type": ("info",), "event.action": "console", "event.outcome": "success"},
    ),
    Phrase(
        rf"^\s*(?:-- )?Registered (?:SIP|IAX2) '(?P<user.name>.*)'(?: \([A-Z]+\))? at {_PEER}$",
        {**_SESSION, "event.action": "registered", "event.type": ("start",)},
    ),
    Phrase(
        r"^\s*(?:-- )?Added contact 'sips?:(?:[^@']*@)?(?P<source.address>\[[0-9A-Fa-f:.]+\]|"
        r"[^:;']+)(?::(?P<source.port>[0-9]+))?[^']*' "
        r"to AOR '(?P<user.name>.*)' with expiration of [0-9]+ seconds$",
        {**_SESSION, "event.action": "registered", "event.type": ("start",)},
    ),
    Phrase(
        r"^\s*(?:-- )?(?:Unregistered (?:SIP|IAX2) '(?P<user.name>[^']*)'|Removed contact '[^']*' from AOR "
        r"'.*)(?P<event.reason>.*)$",
        {**_SESSION, "event.action": "unregistered", "event.type": ("end",)},
    ),
    Phrase(
        r"^\s*(?:-- )?Executing \[(?P<destination.user.name>[^@\]]*)@(?P<network.name>[^:\]]*):[^\]]*\] "
        r'(?P<asterisk.application>\w+)\("(?P<asterisk.channel>[^"]*)", (?P<asterisk.arguments>.*)\)(?: in new stack)?$',
        {"event.category": ("network",), "event.type": ("start",), "event.action": "dialplan"},
    ),
    Phrase(
        r"^(?:Peer|Endpoint) '?(?P<user.name>[^' ]+)'? is now (?P<event.reason>(?i:un)?(?i:reachable)).*$",
        {**_STATE, "event.action": "peer_state"},
    ),
    Phrase(
        r"^\s*(?:-- )?(?P<event.reason>(?:Asterisk (?:Ready|cleanly ending|uncleanly ending|[0-9.]+ (?:started|built))|"
        r"Beginning asterisk shutdown|Reloading|Reload ).*)$",
        {**_STATE, "event.category": ("process",), "event.action": "service_state"},
    ),
)
