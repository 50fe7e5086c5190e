"""People: AAA, log-ins to the box, commands and configuration, local accounts."""

from correlator.parse.formats.phrases import Phrase

__all__ = ["ACCOUNTS", "COMMANDS"]

Says = dict[str, str | tuple[str, ...]]

_USER = r"user ?= ?(?P<user.name>.*?)"
_USER_IP = r"(?: ?: user IP ?= ?(?P<source.address>\S+))?\s*$"
_SERVER = r"server ?= *(?P<server.address>[^\s,:]+(?::[0-9a-fA-F:]+)?)"
_REASON = r"reason ?= ?(?P<event.reason>.*?)"


def _login(outcome: str, action: str = "login") -> Says:
    return {
        "event.category": ("authentication",),
        "event.type": ("start",),
        "event.action": action,
        "event.outcome": outcome,
    }


_OK, _BAD = _login("success"), _login("failure")
_LOGOUT: Says = {**_login("success", "logout"), "event.type": ("end",)}
_AUDIT: Says = {"event.category": ("configuration",), "event.type": ("change",), "event.outcome": "success"}
_COMMAND: Says = {**_AUDIT, "event.action": "command", "_service": "aaa"}
_LOOK: Says = {**_COMMAND, "event.type": ("access",)}
_IAM: Says = {"event.category": ("iam",), "event.outcome": "success"}
_INFO: Says = {"event.category": ("authentication",), "event.type": ("info",)}
_THROUGH = (
    r"(?P<source.address>[^\s/]+)/(?P<source.port>[0-9]+) to (?P<destination.address>[^\s/]+)/(?P<destination.port>[0-9]+)"
    r"(?: on interface (?P<observer.ingress.interface.name>[^\s.]+))?"
)
_SERVERS: Says = {"event.category": ("host",), "event.type": ("info",)}

#: Commands that people gave: they feed the rules for ``product: cisco``, ``service: aaa`` too.
COMMANDS = ("111008", "111009", "111010")

ACCOUNTS: dict[str, tuple[Phrase, ...]] = {
    "109001": (
        Phrase(
            rf"^Auth start for user '?(?P<user.name>.*?)'? from {_THROUGH}", {**_INFO, "event.action": "authentication_start"}
        ),
    ),
    "109005": (Phrase(rf"^Authentication succeeded for user '?(?P<user.name>.*?)'? from {_THROUGH}", _OK),),
    "109006": (Phrase(rf"^Authentication failed for user '?(?P<user.name>.*?)'? from {_THROUGH}", _BAD),),
    "109007": (
        Phrase(
            rf"^Authorization permitted for user '?(?P<user.name>.*?)'? from {_THROUGH}",
            {**_INFO, "event.action": "authorization", "event.outcome": "success"},
        ),
    ),
    "109008": (
        Phrase(
            rf"^Authorization denied for user '?(?P<user.name>.*?)'? from {_THROUGH}",
            {**_INFO, "event.action": "authorization", "event.outcome": "failure"},
        ),
    ),
    "109017": (Phrase(r"^User at (?P<source.address>\S+) (?P<event.reason>exceeded auth proxy connection limit.*)$", _BAD),),
    "109031": (
        Phrase(r"^(?P<event.reason>NT Domain Authentication Failed): rejecting guest login for (?P<user.name>.*?)\.?$", _BAD),
    ),
    "111001": (
        Phrase(
            r"^Begin configuration: (?P<source.address>\S+) (?P<event.reason>writing to .*)$",
            {**_LOOK, "event.action": "configuration_written", "_service": ""},
        ),
    ),
    "111002": (
        Phrase(
            r"^Begin configuration: (?P<source.address>\S+) (?P<event.reason>reading from .*)$",
            {**_AUDIT, "event.action": "configuration_read"},
        ),
    ),
    "111003": (Phrase(r"^(?P<source.address>\S+) Erase configuration", {**_AUDIT, "event.action": "configuration_erased"}),),
    "111004": (
        Phrase(
            r"^(?P<source.address>\S+) end configuration: (?:\[?)(?P<event.reason>FAILED)",
            {**_AUDIT, "event.action": "configuration_end", "event.outcome": "failure"},
        ),
        Phrase(r"^(?P<source.address>\S+) end configuration", {**_AUDIT, "event.action": "configuration_end"}),
    ),
    "111005": (Phrase(r"^(?P<source.address>\S+) end configuration", {**_AUDIT, "event.action": "configuration_end"}),),
    "111007": (
        Phrase(
            r"^Begin configuration: (?P<source.address>\S+) (?P<event.reason>reading from .*?)\.?$",
            {**_AUDIT, "event.action": "configuration_read"},
        ),
    ),
    "111008": (
        Phrase(r"^User '(?P<user.name>.*?)' executed the '(?P<process.command_line>.*)' command\.?$", _COMMAND),
        Phrase(r"^User (?P<user.name>\S+) executed the command (?P<process.command_line>.*)$", _COMMAND),
    ),
    "111009": (Phrase(r"^User '(?P<user.name>.*?)' executed cmd: (?P<process.command_line>.*)$", _LOOK),),
    "111010": (
        Phrase(
            r"^User '(?P<user.name>.*?)', running '(?P<process.name>[^']*)' from IP (?P<source.address>[^\s,]+), "
            r"executed '?(?P<process.command_line>.*?)'?$",
            _COMMAND,
        ),
        Phrase(
            r"^User (?P<user.name>.*?), running (?P<process.name>.*?) from IP (?P<source.address>[^\s,]+), "
            r"executed(?: cmd:)? (?P<process.command_line>.*)$",
            _COMMAND,
        ),
    ),
    "113003": (
        Phrase(
            r"^AAA group policy for user (?P<user.name>.*) is being set to (?P<group.name>\S+)$",
            {**_INFO, "event.action": "group_policy"},
        ),
    ),
    "113004": (
        Phrase(rf"^AAA user (?:authentication|authenticate) Successful ?: {_SERVER} ?[:,] {_USER}\s*$", _OK),
        Phrase(
            rf"^AAA user (?P<_aaa>\S+) Successful ?: {_SERVER} ?[:,] (?i:user) ?= ?(?P<user.name>.*?)\s*$",
            {**_INFO, "event.action": "authorization", "event.outcome": "success"},
        ),
    ),
    "113005": (
        Phrase(rf"^AAA user authentication Rejected ?: {_REASON} ?: {_SERVER} ?: {_USER}{_USER_IP}", _BAD),
        Phrase(
            rf"^AAA user (?P<_aaa>\S+) Rejected ?: {_REASON} ?: {_SERVER} ?: {_USER}{_USER_IP}",
            {**_BAD, "event.action": "authorization"},
        ),
    ),
    "113006": (
        Phrase(
            r"^User '?(?P<user.name>.*?)'? (?P<event.reason>locked out on exceeding '?[0-9]+'? successive failed "
            r"authentication attempts)",
            {**_IAM, "event.action": "account_locked", "event.type": ("user", "change")},
        ),
    ),
    "113007": (
        Phrase(
            r"^User '?(?P<user.target.name>.*?)'? unlocked by '?(?P<user.name>.*?)'?$",
            {**_IAM, "event.action": "account_unlocked", "event.type": ("user", "change")},
        ),
    ),
    "113008": (
        Phrase(
            rf"^AAA transaction status ACCEPT ?: {_USER}\s*$",
            {**_INFO, "event.action": "aaa_accept", "event.outcome": "success"},
        ),
        Phrase(
            rf"^AAA transaction status REJECT ?: {_USER}\s*$",
            {**_INFO, "event.action": "aaa_reject", "event.outcome": "failure"},
        ),
    ),
    "113009": (
        Phrase(
            r"^AAA retrieved default group policy \((?P<group.name>[^)]*)\) for user ?=? ?(?P<user.name>.*)$",
            {**_INFO, "event.action": "group_policy"},
        ),
    ),
    "113010": (
        Phrase(
            r"^AAA challenge received for user (?P<user.name>.*) from server (?P<server.address>\S+?)\.?$",
            {**_INFO, "event.action": "challenge"},
        ),
    ),
    "113011": (
        Phrase(
            r"^AAA retrieved user specific group policy \((?P<group.name>[^)]*)\) for user ?=? ?(?P<user.name>.*)$",
            {**_INFO, "event.action": "group_policy"},
        ),
    ),
    "113012": (Phrase(rf"^AAA user authentication Successful ?: local database ?: {_USER}\s*$", _OK),),
    "113013": (Phrase(rf"^AAA unable to complete the request Error ?: {_REASON} ?: {_USER}\s*$", _BAD),),
    "113014": (
        Phrase(
            rf"^AAA (?:authentication|authorization|accounting) server not accessible ?: {_SERVER} ?: {_USER}\s*$",
            {**_BAD, "event.reason": "server not accessible"},
        ),
    ),
    "113015": (Phrase(rf"^AAA user authentication Rejected ?: {_REASON} ?: local database ?: {_USER}{_USER_IP}", _BAD),),
    "113016": (Phrase(rf"^AAA credentials rejected ?: {_REASON} ?: {_SERVER} ?: {_USER}{_USER_IP}", _BAD),),
    "113017": (Phrase(rf"^AAA credentials rejected ?: {_REASON} ?: local database ?: {_USER}{_USER_IP}", _BAD),),
    "113020": (
        Phrase(
            r"^(?P<event.reason>Kerberos error: .*?) with server (?P<server.address>\S+)",
            {**_SERVERS, "event.action": "kerberos_error"},
        ),
    ),
    "113021": (
        Phrase(
            r"^Attempted console login failed\.? [Uu]ser '?(?P<user.name>.*?)'? (?P<event.reason>did NOT have "
            r"appropriate Admin Rights)",
            _BAD,
        ),
    ),
    "113022": (
        Phrase(
            r"^AAA Marking (?P<network.protocol>\S+) server (?P<server.address>\S+) in (?:aaa-)?server group "
            r"(?P<group.name>\S+) as FAILED",
            {**_SERVERS, "event.action": "aaa_server_failed", "event.outcome": "failure"},
        ),
    ),
    "113023": (
        Phrase(
            r"^AAA Marking (?P<network.protocol>\S+) server (?P<server.address>\S+) in (?:aaa-)?server group "
            r"(?P<group.name>\S+) as ACTIVE",
            {**_SERVERS, "event.action": "aaa_server_active", "event.outcome": "success"},
        ),
    ),
    "308001": (
        Phrase(
            r"^(?:PIX |ASA )?console enable password incorrect for (?P<event.count>[0-9]+) tries \(from "
            r"(?P<source.address>[^)]*)\)",
            {**_BAD, "event.action": "enable"},
        ),
    ),
    "315011": (
        Phrase(
            r"^SSH session from (?P<source.address>\S+) on interface (?P<observer.ingress.interface.name>\S+) for user "
            r'"?(?P<user.name>.*?)"? '
            r'(?:disconnected by SSH server|terminated)(?:, reason: "?(?P<event.reason>[^"(]*[^"(\s])"?.*)?\s*$',
            {**_LOGOUT, "network.protocol": "ssh"},
        ),
    ),
    "502101": (
        Phrase(
            r"^New user added to local dbase: Uname: (?P<user.target.name>.*?) Priv: (?P<privilege>[0-9]+)",
            {**_IAM, "event.action": "user_added", "event.type": ("user", "creation")},
        ),
    ),
    "502102": (
        Phrase(
            r"^User deleted from local dbase: Uname: (?P<user.target.name>.*?) Priv: (?P<privilege>[0-9]+)",
            {**_IAM, "event.action": "user_deleted", "event.type": ("user", "deletion")},
        ),
    ),
    "502103": (
        Phrase(
            r"^User priv level changed: Uname: (?P<user.name>.*?) From: (?P<privilege.old>[0-9]+) To: (?P<privilege>[0-9]+)",
            {**_IAM, "event.action": "privilege_changed", "event.type": ("user", "change")},
        ),
    ),
    "502111": (
        Phrase(
            r"^New group policy added: name: (?P<group.name>.*?) Type: .*$",
            {**_AUDIT, "event.action": "group_policy_added", "event.type": ("creation",)},
        ),
    ),
    "502112": (
        Phrase(
            r"^Group policy deleted: name: (?P<group.name>.*?) Type: .*$",
            {**_AUDIT, "event.action": "group_policy_deleted", "event.type": ("deletion",)},
        ),
    ),
    "605004": (
        Phrase(
            r"^Login denied from (?P<source.address>[^\s/]+)(?:/(?P<source.port>[0-9]+))? to "
            r"(?P<observer.ingress.interface.name>[^\s:]+):"
            r'(?P<destination.address>[^\s/]+)/(?P<network.protocol>\S+) for user "(?P<user.name>.*)"\s*$',
            _BAD,
        ),
        Phrase(
            r'^Login denied from (?P<source.address>[^\s/]+) to (?P<network.protocol>\S+) for user "(?P<user.name>.*)"\s*$',
            _BAD,
        ),
    ),
    "605005": (
        Phrase(
            r"^Login permitted from (?P<source.address>[^\s/]+)(?:/(?P<source.port>[0-9]+))? to "
            r"(?P<observer.ingress.interface.name>[^\s:]+):"
            r'(?P<destination.address>[^\s/]+)/(?P<network.protocol>\S+) for user "(?P<user.name>.*)"\s*$',
            _OK,
        ),
        Phrase(
            r'^Login permitted from (?P<source.address>[^\s/]+) to (?P<network.protocol>\S+) for user "(?P<user.name>.*)"\s*$',
            _OK,
        ),
    ),
    "606001": (
        Phrase(
            r"^ASDM session number (?P<session.id>[0-9]+) from (?P<source.address>\S+) started",
            {**_OK, "event.action": "asdm_session", "network.protocol": "asdm"},
        ),
    ),
    "606002": (
        Phrase(
            r"^ASDM session number (?P<session.id>[0-9]+) from (?P<source.address>\S+) ended",
            {**_LOGOUT, "network.protocol": "asdm"},
        ),
    ),
    "606003": (
        Phrase(
            r"^ASDM logging session number (?P<session.id>[0-9]+) from (?P<source.address>\S+) started",
            {**_INFO, "event.action": "asdm_logging_started"},
        ),
    ),
    "606004": (
        Phrase(
            r"^ASDM logging session number (?P<session.id>[0-9]+) from (?P<source.address>\S+) ended",
            {**_INFO, "event.action": "asdm_logging_ended"},
        ),
    ),
    "611101": (
        Phrase(
            r"^User authentication succeeded:(?: IP address: (?P<source.address>[^\s,]+),)? Uname: (?P<user.name>.*?)\s*$", _OK
        ),
    ),
    "611102": (
        Phrase(
            r"^User authentication failed:(?: IP address: (?P<source.address>[^\s,]+),)? Uname: (?P<user.name>.*?)\s*$", _BAD
        ),
    ),
    "611103": (Phrase(r"^User logged out: Uname: (?P<user.name>.*?)\s*$", _LOGOUT),),
    "611104": (Phrase(r"^(?P<event.reason>Serial console idle timeout exceeded)", _LOGOUT),),
    "772002": (
        Phrase(r"^PASSWORD: console login (?:warning|failed), user (?P<user.name>.*?), cause: (?P<event.reason>.*)$", _INFO),
    ),
    "772003": (
        Phrase(
            r"^PASSWORD: (?P<network.protocol>\S+) login failed, user (?P<user.name>.*?), IP (?P<source.address>\S+?)"
            r", cause: (?P<event.reason>.*)$",
            _BAD,
        ),
    ),
    "772004": (
        Phrase(
            r"^PASSWORD: (?P<network.protocol>\S+) login failed, user (?P<user.name>.*?), IP (?P<source.address>\S+?)"
            r", cause: (?P<event.reason>.*)$",
            _BAD,
        ),
    ),
    "772006": (Phrase(r"^REAUTH: user (?P<user.name>.*) (?P<event.reason>failed authentication)", _BAD),),
    "746012": (
        Phrase(
            r"^user-identity: Add IP-User mapping (?P<source.address>\S+) - (?P<user.name>.*?) "
            r"(?P<_result>Succeeded|Failed)(?: - (?P<event.reason>.*))?$",
            {**_INFO, "event.action": "user_mapped"},
        ),
    ),
    "746013": (
        Phrase(
            r"^user-identity: Delete IP-User mapping (?P<source.address>\S+) - (?P<user.name>.*?) "
            r"(?P<_result>Succeeded|Failed)(?: - (?P<event.reason>.*))?$",
            {**_INFO, "event.action": "user_unmapped"},
        ),
    ),
}
