"""Who becomes whom and who may: sudo, su, login, PAM, polkit, logind, and the programs that keep accounts."""

from correlator.parse.formats.phrases import Phrase

__all__ = ["ACCOUNTS", "LOGIN", "PAM", "SUDO"]

Says = dict[str, str | tuple[str, ...]]


def _auth(action: str, outcome: str, *types: str) -> Says:
    return {
        "event.action": action,
        "event.outcome": outcome,
        "event.category": ("authentication",),
        "event.type": types or ("start",),
    }


def _session(action: str, kind: str) -> Says:
    return {"event.action": action, "event.outcome": "success", "event.category": ("session",), "event.type": (kind,)}


def _account(action: str, *types: str, outcome: str = "success") -> Says:
    return {"event.action": action, "event.outcome": outcome, "event.category": ("iam",), "event.type": types}


_PAM = r"^(?P<pam.module>pam_\w+)\((?P<pam.service>[^:)]*)(?::(?P<pam.type>[^)]*))?\): "
_PAM_DETAILS = (
    r"(?:logname=(?P<pam.logname>\S*) )?uid=(?P<user.id>[0-9]*) euid=[0-9]* tty=(?P<TTY>\S*) ruser=(?P<source.user.name>.*?) "
    r"rhost=(?P<source.address>\S*)(?:\s+user=(?P<user.name>.*?))?\s*$"
)
PAM = (
    Phrase(_PAM + r"authentication failure; " + _PAM_DETAILS, _auth("authentication_failure", "failure")),
    Phrase(
        _PAM + r"session opened for user (?P<user.name>[^\s(]*)(?:\(uid=(?P<user.id>[0-9]+)\))? "
        r"by (?P<pam.by>[^\s(]*)\(uid=[0-9]+\)$",
        _session("session_opened", "start"),
    ),
    Phrase(_PAM + r"session opened for user (?P<user.name>.*?)(?: by .*)?$", _session("session_opened", "start")),
    Phrase(_PAM + r"session closed for user (?P<user.name>.*)$", _session("session_closed", "end")),
    Phrase(_PAM + r"check pass; user unknown$", _auth("user_unknown", "failure", "info")),
    Phrase(_PAM + r"password changed for (?P<user.target.name>.*)$", _account("password_changed", "user", "change")),
    Phrase(
        _PAM + r"user [\"'](?P<user.target.name>.*)[\"'] does not exist in .*$",
        _account("user_unknown", "user", "info", outcome="failure"),
    ),
    Phrase(
        _PAM + r"Consecutive login failures for user (?P<user.name>.*) account temporarily locked$",
        _auth("account_locked", "failure", "info"),
    ),
    Phrase(
        _PAM + r"received for user (?P<user.name>.*): [0-9]+ \((?P<event.reason>[^()]*)\)$",
        _auth("authentication_failure", "failure", "info"),
    ),
    Phrase(_PAM + r"authentication success; " + _PAM_DETAILS, _auth("authentication_success", "success")),
    Phrase(_PAM + r"auth could not identify password for \[(?P<user.name>.*)\]$", _auth("authentication_failure", "failure")),
    Phrase(
        _PAM + r"user (?P<user.name>.*) \([0-9]+\) (?P<event.reason>(?:has time limit|tally [0-9]+, deny [0-9]+).*)$",
        _auth("account_locked", "failure", "info"),
    ),
    Phrase(
        _PAM + r"access denied for user [`'\"](?P<user.name>.*)[`'\"] from [`'\"](?P<source.address>[^`'\"]*)[`'\"]$",
        _auth("access_denied", "failure", "denied"),
    ),
    Phrase(_PAM + r"Refused user (?P<user.name>.*) for service \S+$", _auth("access_denied", "failure", "denied")),
    Phrase(
        _PAM + r"(?P<event.reason>(?:conversation|Authentication|Failed|authentication) .*?(?:failed|failure|error|denied).*)$",
        _auth("authentication_failure", "failure", "info"),
    ),
    Phrase(
        _PAM + r"requirement .* not met by user [\"'](?P<user.name>.*)[\"']$", _auth("requirement_not_met", "failure", "denied")
    ),
    Phrase(
        _PAM + r"(?P<event.reason>.*)$",
        {"event.action": "pam_message", "event.category": ("authentication",), "event.type": ("info",)},
    ),
    Phrase(
        r"^PAM (?P<event.count>[0-9]+) more authentication failures?; " + _PAM_DETAILS,
        _auth("more_authentication_failures", "failure", "info"),
    ),
    Phrase(r"^\s*(?P<user.name>\S+) : (?P<event.reason>[0-9]+ incorrect password attempts?)\s*$", _auth("sudo", "failure")),
)

SUDO = (
    Phrase(
        r"^\s*(?P<user.name>.+?) : (?:(?P<event.reason>[^;=]+?) ; )?(?:HOST=(?P<sudo.host>\S+) ; )?"
        r"TTY=(?P<TTY>\S+) ; PWD=(?P<PWD>.*?) ; "
        r"USER=(?P<USER>.*?)(?: ; GROUP=(?P<GROUP>.*?))?(?: ; TSID=(?P<TSID>\S+))?"
        r"(?: ; ENV=(?P<ENV>.*?))? ; COMMAND=(?P<COMMAND>.*)$",
        {"event.action": "sudo", "event.category": ("authentication", "process"), "event.type": ("start",)},
    ),
    Phrase(
        r"^\s*(?P<user.name>\S+) : \(command continued\) (?P<COMMAND>.*)$",
        {"event.action": "sudo_continued", "event.category": ("process",), "event.type": ("info",)},
    ),
)

_EFFECTIVE = r"(?P<user.effective.name>\S+)"
LOGIN = (
    Phrase(rf"^FAILED SU \(to {_EFFECTIVE}\) (?P<user.name>.*) on (?P<TTY>\S+)$", _auth("su", "failure")),
    Phrase(rf"^\(to {_EFFECTIVE}\) (?P<user.name>.*) on (?P<TTY>\S+)$", _auth("su", "success")),
    Phrase(rf"^Successful su for {_EFFECTIVE} by (?P<user.name>.*)$", _auth("su", "success")),
    Phrase(rf"^FAILED su for {_EFFECTIVE} by (?P<user.name>.*)$", _auth("su", "failure")),
    Phrase(rf"^\+ (?P<TTY>\S+) (?P<user.name>[^:]+):{_EFFECTIVE}$", _auth("su", "success")),
    Phrase(rf"^- (?P<TTY>\S+) (?P<user.name>[^:]+):{_EFFECTIVE}$", _auth("su", "failure")),
    Phrase(
        r"^FAILED LOGIN (?:SESSION )?(?:\([0-9]+\) )?(?:on '?(?P<TTY>[^' ]+)'? )?"
        r"(?:from (?P<source.address>\S+) )?FOR '?(?P<user.name>.*?)'?, (?P<event.reason>.*)$",
        _auth("login", "failure"),
    ),
    Phrase(
        r"^(?P<user.name>ROOT) LOGIN\s+ON '?(?P<TTY>[^' ]+)'?(?: FROM (?P<source.address>\S+))?$", _auth("login", "success")
    ),
    Phrase(r"^LOGIN ON (?P<TTY>\S+) BY (?P<user.name>\S+)(?: FROM (?P<source.address>\S+))?$", _auth("login", "success")),
    Phrase(
        r"^(?P<user.name>[^:\[\]]+): (?P<event.reason>.*?) ?\[USER=(?P<USER>[^\]]*)\] \[TTY=(?P<TTY>[^\]]*)\] "
        r"\[CWD=(?P<PWD>.*?)\] \[COMMAND=(?P<COMMAND>.*)\]$",
        {"event.action": "pkexec", "event.category": ("authentication", "process"), "event.type": ("start",)},
    ),
    Phrase(
        r"^Operator of \S+ (?P<event.reason>FAILED to authenticate|successfully authenticated)(?: as \S+)? "
        r"to gain .*authorization for action (?P<polkit.action>\S+)(?: .*\(owned by \S+?:(?P<user.name>[^)]*)\))?$",
        {"event.action": "polkit", "event.category": ("authentication",), "event.type": ("info",)},
    ),
    Phrase(
        r"^(?P<event.reason>(?:Unr|R)egistered Authentication Agent) for unix-\S+:(?P<session.id>\S+) .*$",
        {"event.action": "polkit_agent", "event.category": ("session",), "event.type": ("info",)},
    ),
    Phrase(
        r"^Failed to (?:start|stop|abandon) session scope (?:session-)?(?P<session.id>\S+?)(?:\.scope)?[:,] "
        r"(?P<event.reason>.*)$",
        {
            "event.action": "session_failed",
            "event.outcome": "failure",
            "event.category": ("session",),
            "event.type": ("error",),
        },
    ),
    Phrase(r"^New session (?P<session.id>\S+) of user (?P<user.name>.*?)\.$", _session("session_opened", "start")),
    Phrase(r"^New session '(?P<session.id>\S+)' of user '(?P<user.name>[^']*)'.*$", _session("session_opened", "start")),
    Phrase(r"^Removed session '?(?P<session.id>[^'\s]+?)'?\.$", _session("session_closed", "end")),
    Phrase(r"^Session (?P<session.id>\S+) logged out\..*$", _session("session_closed", "end")),
    Phrase(
        r"^(?P<event.reason>System is (?:rebooting|powering down|halting).*)$",
        {"event.action": "shutdown", "event.category": ("host",), "event.type": ("end",)},
    ),
)

_TARGET = r"'?(?P<user.target.name>[^\s',]+)'?"
_GROUP = r"'?(?P<group.name>[^\s',]+)'?"
ACCOUNTS = (
    Phrase(
        r"^new user: name=(?P<user.target.name>[^,]+), UID=(?P<user.target.id>[0-9]+), GID=(?P<group.id>[0-9]+), "
        r"home=(?P<useradd.home>[^,]*), "
        r"shell=(?P<useradd.shell>[^,]*)(?:, from=(?P<TTY>.*))?$",
        _account("user_created", "user", "creation"),
    ),
    Phrase(
        r"^new (?:shadow )?group: name=(?P<group.name>[^,]+)(?:, GID=(?P<group.id>[0-9]+))?$",
        _account("group_created", "group", "creation"),
    ),
    Phrase(
        r"^group added to /etc/g\w+: name=(?P<group.name>[^,]+)(?:, GID=(?P<group.id>[0-9]+))?$",
        _account("group_created", "group", "creation"),
    ),
    Phrase(rf"^add {_TARGET} to (?:shadow )?group {_GROUP}$", _account("group_member_added", "group", "change")),
    Phrase(
        rf"^user {_TARGET} added by (?P<user.name>\S+) to group {_GROUP}$", _account("group_member_added", "group", "change")
    ),
    Phrase(rf"^delete {_TARGET} from (?:shadow )?group {_GROUP}$", _account("group_member_removed", "group", "change")),
    Phrase(
        rf"^user {_TARGET} removed by (?P<user.name>\S+) from group {_GROUP}$",
        _account("group_member_removed", "group", "change"),
    ),
    Phrase(rf"^delete user {_TARGET}$", _account("user_deleted", "user", "deletion")),
    Phrase(rf"^removed (?:shadow )?group {_GROUP} owned by {_TARGET}$", _account("group_deleted", "group", "deletion")),
    Phrase(rf"^group {_GROUP} removed(?: from .*)?$", _account("group_deleted", "group", "deletion")),
    Phrase(
        rf"^failed adding user {_TARGET}, (?P<event.reason>.*)$",
        _account("user_created", "user", "creation", outcome="failure"),
    ),
    Phrase(
        rf"^failed adding group {_GROUP}, (?P<event.reason>.*)$",
        _account("group_created", "group", "creation", outcome="failure"),
    ),
    Phrase(rf"^(?:changed?) user {_TARGET} (?P<event.reason>.*)$", _account("user_changed", "user", "change")),
    Phrase(rf"^(?:un)?lock user {_TARGET} password$", _account("user_locked", "user", "change")),
    Phrase(rf"^changed password expiry for {_TARGET}$", _account("password_expiry_changed", "user", "change")),
    Phrase(rf"^password for {_TARGET} changed by (?P<user.name>.*)$", _account("password_changed", "user", "change")),
)
