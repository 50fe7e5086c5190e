"""What sshd writes. A user name may hold anything, so it is bounded by `` from <address> port <n>`` nearest to the end."""

from correlator.parse.formats.phrases import Phrase

__all__ = ["SSH"]

Says = dict[str, str | tuple[str, ...]]
_AUTH, _SESSION, _NETWORK = ("authentication",), ("authentication", "session"), ("network",)
_FROM = r"(?P<source.address>\S+)(?: port (?P<source.port>[0-9]+))?"
_USER = r"(?P<user.name>.*)"
_KEY = r"(?:: (?P<sshd.key_type>\S+) (?P<sshd.fingerprint>\S+).*)?"
_PEER = r"(?:(?P<user.name>.*) )?(?P<source.address>[0-9A-Fa-f:.%]{3,}|\S+\.\S+) port (?P<source.port>[0-9]+)"
_WHO = r"(?:(?:authenticating|invalid|\w+) user |user )?"


def _login(outcome: str, action: str = "ssh_login") -> Says:
    return {"event.action": action, "event.outcome": outcome, "event.category": _AUTH, "event.type": ("start",)}


def _end(action: str) -> Says:
    return {"event.action": action, "event.category": _NETWORK, "event.type": ("connection", "end")}


_SCAN: Says = {
    "event.action": "ssh_scan",
    "event.outcome": "failure",
    "event.category": _NETWORK,
    "event.type": ("connection", "denied"),
}
_INFO: Says = {"event.category": ("process",), "event.type": ("info",)}
_MAPPING: Says = {"event.action": "ssh_reverse_mapping", **_INFO}

SSH = (
    Phrase(
        rf"^Failed (?P<sshd.method>\S+) for (?:invalid user |illegal user )?{_USER} from {_FROM}"
        rf"(?:\s+ssh2)?(?: \[preauth\])?{_KEY}$",
        _login("failure"),
    ),
    Phrase(rf"^Accepted (?P<sshd.method>\S+) for {_USER} from {_FROM}(?:\s+ssh2)?{_KEY}$", _login("success")),
    Phrase(rf"^(?:Invalid|Illegal) user {_USER} from {_FROM}\s*$", _login("failure", "ssh_invalid_user")),
    Phrase(
        rf"^(?:Connection (?:closed|reset)|Disconnected|Disconnecting)(?: by| from|) {_WHO}{_PEER}"
        r"(?:: (?P<event.reason>.*?))?(?: \[preauth\])?\s*$",
        _end("ssh_disconnect"),
    ),
    Phrase(
        rf"^(?:error: )?Received disconnect from {_FROM}: ?(?:[0-9]+: ?)?(?P<event.reason>.*?)(?: \[preauth\])?$",
        _end("ssh_disconnect"),
    ),
    Phrase(rf"^Connection (?:closed|reset) by {_FROM}(?: \[preauth\])?$", _end("ssh_disconnect")),
    Phrase(r"^Disconnecting(?: [^:]*)?: (?P<event.reason>.*?)(?: \[preauth\])?$", _end("ssh_disconnect")),
    Phrase(
        rf"^(?:error: )?maximum authentication attempts exceeded for (?:invalid user )?{_USER} from {_FROM}(?: ssh2)?"
        r"(?: \[preauth\])?$",
        _login("failure", "ssh_max_attempts"),
    ),
    Phrase(
        rf"^User {_USER} from (?P<source.address>\S+) not allowed because (?P<event.reason>.*)$",
        _login("failure", "ssh_not_allowed"),
    ),
    Phrase(rf"^User {_USER} not allowed because (?P<event.reason>.*)$", _login("failure", "ssh_not_allowed")),
    Phrase(rf"^input_userauth_request: invalid user {_USER}(?: \[preauth\])$", _login("failure", "ssh_invalid_user_request")),
    Phrase(
        rf"^(?:fatal: )?Unable to negotiate with {_FROM}: (?P<event.reason>no matching .*?)\.? "
        r"Their offer: (?P<sshd.offer>.*?)(?: \[preauth\])?\s*$",
        _SCAN,
    ),
    Phrase(rf"^banner exchange: Connection from {_FROM}: (?P<event.reason>.*)$", _SCAN),
    Phrase(r"^(?:error: )?(?:kex|ssh)_exchange_identification: (?P<event.reason>.*)$", _SCAN),
    Phrase(rf"^(?P<event.reason>Did not receive identification string) from {_FROM}$", _SCAN),
    Phrase(rf"^(?P<event.reason>Bad protocol version identification) '.*' from {_FROM}$", _SCAN),
    Phrase(rf"^(?P<event.reason>Magic value check failed) .* from {_FROM}$", _SCAN),
    Phrase(rf"^(?:fatal: )?(?P<event.reason>Timeout before authentication) for (?:connection from )?{_FROM}(?: .*)?$", _SCAN),
    Phrase(
        rf"^(?:fatal: )?ssh_dispatch_run_fatal: Connection from {_WHO}{_PEER}: (?P<event.reason>.*?)(?: \[preauth\])?$", _SCAN
    ),
    Phrase(r"^refused connect from (?P<source.domain>\S+) \((?P<source.address>[^()]+)\)$", _SCAN),
    Phrase(
        r"^drop connection #[0-9]+ from \[(?P<source.address>[^\]]+)\]:(?P<source.port>[0-9]+) "
        r"on \[(?P<destination.ip>[^\]]+)\]:(?P<destination.port>[0-9]+)(?: (?P<event.reason>.*))?$",
        _SCAN,
    ),
    Phrase(
        r"^srclimit_penalise: \S+ (?:[a-z]+ )?(?P<source.address>[0-9A-Fa-f.:]+)(?:/[0-9]+)? .*?penalty: (?P<event.reason>.*)$",
        _SCAN,
    ),
    Phrase(
        rf"^Connection from {_FROM} on (?P<destination.ip>\S+) port (?P<destination.port>[0-9]+).*$",
        {"event.action": "ssh_connection", "event.category": _NETWORK, "event.type": ("connection", "start")},
    ),
    Phrase(
        rf"^Connection from {_FROM}$",
        {"event.action": "ssh_connection", "event.category": _NETWORK, "event.type": ("connection", "start")},
    ),
    Phrase(
        rf"^Starting session: (?P<sshd.session>\S+)(?: on \S+)? for {_USER} from {_FROM} id [0-9]+$",
        {"event.action": "ssh_session", "event.category": _SESSION, "event.type": ("start",)},
    ),
    Phrase(
        rf"^Close session: user {_USER} from {_FROM} id [0-9]+$",
        {"event.action": "ssh_session", "event.category": _SESSION, "event.type": ("end",)},
    ),
    Phrase(
        rf"^subsystem request for (?P<sshd.session>\S+) (?:by user {_USER}|.*)$",
        {"event.action": "ssh_session", "event.category": _SESSION, "event.type": ("start",)},
    ),
    Phrase(r"^User child is on pid (?P<sshd.child>[0-9]+)$", {"event.action": "ssh_child", **_INFO}),
    Phrase(
        r"^Server listening on (?P<server.ip>\S+) port (?P<destination.port>[0-9]+)\.$", {"event.action": "ssh_listen", **_INFO}
    ),
    Phrase(r"^Received (?:signal [0-9]+; terminating|SIGHUP; restarting)\.$", {"event.action": "ssh_stop", **_INFO}),
    Phrase(r"^PAM service\(sshd\) ignoring max retries; .*$", {"event.action": "ssh_retries", **_INFO}),
    Phrase(
        rf"^Authentication tried for {_USER} with (?P<event.reason>(?:correct key|valid certificate) but not from a "
        r"permitted (?:host|source address)) \((?:host=(?P<source.domain>[^,)]*), )?ip=(?P<source.address>[^,)]+).*$",
        _login("failure", "ssh_refused"),
    ),
    Phrase(
        r"^(?:error: )?(?:Authentication refused|Certificate invalid|Refusing (?:CA )?(?:certificate|key)[^:]*): "
        r"(?P<event.reason>.*)$",
        _login("failure", "ssh_refused"),
    ),
    Phrase(
        rf"^fatal: Access denied for user {_USER} by (?P<event.reason>PAM account configuration)(?: \[preauth\])?$",
        _login("failure", "ssh_not_allowed"),
    ),
    Phrase(
        rf"^(?:error: )?PAM: (?P<event.reason>.*?) for (?:(?:illegal|invalid) user )?{_USER} from (?P<source.address>\S+)$",
        _login("failure", "ssh_pam_refused"),
    ),
    Phrase(
        rf"^Postponed (?P<sshd.method>\S+) for (?:invalid user )?{_USER} from {_FROM}(?: ssh2)?(?: \[preauth\])?$",
        _login("unknown", "ssh_postponed"),
    ),
    Phrase(
        r"^reverse mapping checking getaddrinfo for (?P<source.domain>\S+) \[(?P<source.address>[^\]]+)\] failed.*$",
        _MAPPING,
    ),
    Phrase(r"^Address (?P<source.address>\S+) maps to (?P<source.domain>\S+), but this does not map back to .*$", _MAPPING),
    Phrase(r"^Nasty PTR record .* is set up for (?P<source.address>\S+), ignoring$", _MAPPING),
    Phrase(
        r"^(?:fatal|error|ssh_dispatch_run_fatal): (?P<event.reason>.*)$",
        {"event.action": "ssh_error", "event.category": ("process",), "event.type": ("error",)},
    ),
)
