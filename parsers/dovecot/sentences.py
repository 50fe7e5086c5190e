"""What Dovecot's services write: log-ins and failures, sessions and their bytes, deliveries and Sieve, the service itself."""

from correlator.parse.formats.phrases import Phrase

__all__ = ["AUTH", "LOGIN", "SERVICE", "SESSION"]

Says = dict[str, str | tuple[str, ...]]
_MAIL, _NETWORK, _LOGIN, _SESSION, _PROCESS = ("email",), ("network",), ("authentication",), ("session",), ("process",)
_LEVEL = r"(?:(?:Info|Warning|Error|Debug|Fatal|Panic): )?"
_BY = rf"^(?P<network.protocol>[a-z0-9]+)-login: {_LEVEL}"
#: ``login_log_format_elements``: each may be left out; a user name holds no ``>``, Dovecot sees to it.
_CLIENT = (
    r"(?:user=<(?P<user.name>[^>]*)>(?:, |$))?(?:method=(?P<dovecot.method>[^,]+)(?:, |$))?"
    r"rip=(?P<source.address>[^,\s]+)(?:, rport=(?P<source.port>[0-9]+))?"
    r"(?:, lip=(?P<destination.address>[^,\s]+))?(?:, lport=(?P<destination.port>[0-9]+))?(?:, mpid=(?P<dovecot.mpid>[0-9]+))?"
    r"(?:, (?P<dovecot.security>(?:TLS|SSL|secured)[^,]*?(?:, [^,=]*?)*?))?(?:, session=<(?P<session.id>[^>]*)>)?(?:, .*)?$"
)


def _login(outcome: str, action: str = "mail_login") -> Says:
    return {"event.action": action, "event.category": _LOGIN, "event.type": ("start",), "event.outcome": outcome}


def _said(action: str, category: tuple[str, ...], kind: str, outcome: str = "success") -> Says:
    return {"event.action": action, "event.category": category, "event.type": (kind,), "event.outcome": outcome}


LOGIN = (
    Phrase(rf"{_BY}(?:Login|Logged in): {_CLIENT}", _login("success")),
    Phrase(
        rf"{_BY}(?P<event.reason>[^<>]*?\(auth failed, (?P<event.count>[0-9]+) attempts?(?: in [0-9]+ secs)?\)(?:"
        rf" \([a-z_]+\))?)"
        rf"(?:: |, ){_CLIENT}",
        _login("failure"),
    ),
    Phrase(
        rf"{_BY}(?P<event.reason>[^<>]*?(?:\((?:user|account|pass|authorization|auth)_?[a-z_]*(?:disabled|expired|failed)\)"
        rf"|(?:user|account) (?:is )?disabled|password expired|[Aa]uthentication failed|cert required|client didn't"
        rf" send a cert)"
        rf"[^<>]*?)(?:: |, ){_CLIENT}",
        _login("failure"),
    ),
    Phrase(
        rf"{_BY}(?P<event.reason>Maximum number of connections from user\+IP exceeded[^:]*): {_CLIENT}",
        _said("mail_login_denied", _LOGIN, "denied", "failure"),
    ),
    Phrase(
        rf"{_BY}(?P<event.reason>[^<>]*?(?:tried to use disallowed|cleartext_auth_disabled|plaintext auth|Plaintext auth)"
        rf"[^<>]*?)(?:: |, ){_CLIENT}",
        _said("mail_login_denied", _LOGIN, "denied", "failure"),
    ),
    Phrase(rf"{_BY}(?P<event.reason>(?:proxy|Proxy|proxying).*?): {_CLIENT}", _said("mail_proxy", _NETWORK, "info", "unknown")),
    # Who asked for nothing, or gave up, did not fail to log in: a scan, a probe of a monitor, a broken client.
    Phrase(
        rf"{_BY}(?P<event.reason>[A-Z][^<>]*?)(?:: |, ){_CLIENT}", _said("mail_login_abandoned", _NETWORK, "end", "unknown")
    ),
    # Cut on its way: who it was may still be there.
    Phrase(
        rf"{_BY}(?P<event.reason>[^<>]*?\(auth failed, (?P<event.count>[0-9]+) attempts?[^)]*\))[^<]*"
        r"(?:<(?P<user.name>[^>]*)>?)?[^<]*?(?:rip=(?P<source.address>[0-9A-Fa-f:.]+),.*)?$",
        _login("failure"),
    ),
    Phrase(
        r"^(?P<network.protocol>[a-z0-9]+)-login: (?P<event.reason>(?:Warning|Error|Fatal|Panic): .*)$",
        _said("service_problem", _PROCESS, "error", "failure"),
    ),
)

_WORKER = rf"^auth(?:-worker)?(?:\([0-9]+\))?: {_LEVEL}(?:conn unix:\S+ \([^)]*\): auth-worker<[0-9]+>: )?"
_ASKED = (
    r"(?P<dovecot.database>[a-z0-9_-]+)?\((?P<user.name>[^,()]*)(?:,(?P<source.address>[0-9A-Fa-f:.]*))?"
    r"(?:,(?:sasl:[a-z0-9-]+|<(?P<session.id>[^>]*)>))*\): "
)
_QUIET = Phrase(
    r"^[a-z0-9-]+(?:\([^)]*\))?(?:<[^>]*>)*: (?P<event.reason>(?:Debug|Info): .*)$",
    {"event.action": "service_message", "event.category": _PROCESS, "event.type": ("info",)},
)
AUTH = (
    Phrase(
        rf"{_WORKER}{_ASKED}(?P<event.reason>(?i:.*(?:unknown user|mismatch|fail|invalid credentials|refus|denied"
        rf"|disabled|expired"
        r"|not allowed|disallowed|locked|no such user|doesn't exist).*))$",
        _login("failure", "mail_password_check"),
    ),
    Phrase(
        rf"{_WORKER}\((?P<source.address>[0-9A-Fa-f:.]+)(?:,<(?P<session.id>[^>]*)>)?\): "
        r"(?P<event.reason>Username character disallowed .*?)(?: \(username: (?P<user.name>.*)\))?$",
        _login("failure", "mail_password_check"),
    ),
    Phrase(rf"{_WORKER}{_ASKED}(?P<event.reason>.*)$", _said("mail_password_check", _LOGIN, "info", "unknown")),
    Phrase(
        r"^auth(?:-worker)?(?:\([0-9]+\))?: (?:(?P<event.reason>(?:Warning|Error|Fatal|Panic): .*|.*(?:[Ee]rror|failed).*))$",
        _said("service_problem", _PROCESS, "error", "failure"),
    ),
    _QUIET,
)


_WHOSE = (
    r"^(?P<network.protocol>[a-z0-9-]+)(?:\((?:[0-9]+, ?)?(?P<user.name>[^()]*)\))?(?:<(?P<dovecot.pid>[0-9]*)>)?"
    rf"(?:<(?P<session.id>[^>]*)>)?: {_LEVEL}"
)
_MESSAGE = r"(?:sieve: )?msgid=<?(?P<email.message_id>[^>\s:]*)>?(?: \([^)]*\))?: "
_BOX = r"box=(?P<dovecot.mailbox>.*?)(?:, uid=(?P<dovecot.uid>[0-9]+))?(?:, msgid=<?(?P<email.message_id>[^>,]*)>?)?"
SESSION = (
    Phrase(
        rf"{_WHOSE}(?P<event.reason>.*?) in=(?P<source.bytes>[0-9]+) out=(?P<destination.bytes>[0-9]+)(?: "
        rf"(?P<dovecot.counts>.*))?$",
        _said("mail_logout", _SESSION, "end"),
    ),
    Phrase(
        rf"{_WHOSE}(?P<event.reason>(?:Disconnected|Logged out|Connection closed).*?) (?P<dovecot.counts>top=.*|bytes=.*)$",
        _said("mail_logout", _SESSION, "end"),
    ),
    Phrase(
        rf"{_WHOSE}{_MESSAGE}(?:forwarded to|redirected to) <?(?P<email.to.address>[^>]*?)>?(?: \(.*\))?$",
        _said("mail_forwarded", _MAIL, "info"),
    ),
    Phrase(
        rf"{_WHOSE}{_MESSAGE}(?:saved mail to|stored mail into mailbox|copied message to) '?(?P<dovecot.mailbox>.*?)'?"
        rf"(?: \(.*\))?$",
        _said("mail_delivered", _MAIL, "info"),
    ),
    Phrase(
        rf"{_WHOSE}{_MESSAGE}(?P<event.reason>(?:marked message to be discarded|discarded).*)$",
        _said("mail_discarded", _MAIL, "info"),
    ),
    Phrase(
        rf"{_WHOSE}{_MESSAGE}sent vacation response to <?(?P<email.to.address>[^>]*?)>?(?: \(.*\))?$",
        _said("mail_vacation_sent", _MAIL, "info"),
    ),
    Phrase(
        rf"{_WHOSE}{_MESSAGE}(?P<event.reason>(?:save failed|rejected|failed|[Dd]uplicate|permanently failed"
        rf"|temporarily failed).*)$",
        _said("mail_refused", _MAIL, "denied", "failure"),
    ),
    Phrase(rf"{_WHOSE}{_MESSAGE}(?P<event.reason>.*)$", _said("mail_handled", _MAIL, "info", "unknown")),
    Phrase(
        rf"{_WHOSE}(?P<event.action>delete|undelete|expunge|copy|save|append|flag_change|mailbox_create|mailbox_delete"
        rf"|mailbox_rename|mailbox_subscribe|mailbox_unsubscribe)(?: from (?P<dovecot.from_mailbox>[^:]*))?: {_BOX}"
        r"(?:, size=(?P<email.size>[0-9]+))?(?:, .*)?$",
        {"event.category": _MAIL, "event.type": ("change",), "event.outcome": "success"},
    ),
    Phrase(
        rf"^(?P<network.protocol>lmtp)(?:\([^)]*\))?(?:<[^>]*>)*: {_LEVEL}Connect from (?:local|(?P<source.address>\S+))$",
        {"event.action": "lmtp_connect", "event.category": _NETWORK, "event.type": ("connection", "start")},
    ),
    Phrase(
        rf"^(?P<network.protocol>lmtp)(?:\([^)]*\))?(?:<[^>]*>)*: {_LEVEL}"
        r"Disconnect from (?:local|(?P<source.address>[^\s:]+(?:::[^\s:]*)?)): (?P<event.reason>.*)$",
        {"event.action": "lmtp_disconnect", "event.category": _NETWORK, "event.type": ("connection", "end")},
    ),
    Phrase(
        r"^(?P<network.protocol>[a-z0-9-]+)(?:\((?:[0-9]+, ?)?(?P<user.name>[^()]*)\))?(?:<(?P<dovecot.pid>[0-9]*)>)?"
        r"(?:<(?P<session.id>[^>]*)>)?: (?P<event.reason>(?:Warning|Error|Fatal|Panic): .*)$",
        _said("service_problem", _PROCESS, "error", "failure"),
    ),
    Phrase(
        rf"{_WHOSE}(?P<event.reason>(?:Disconnected|Logged out|Connection closed).*)$", _said("mail_logout", _SESSION, "end")
    ),
)

SERVICE = (
    Phrase(rf"^master: {_LEVEL}(?P<event.reason>Dovecot v\S+ .*starting up.*)$", _said("service_started", _PROCESS, "start")),
    Phrase(
        rf"^master: {_LEVEL}(?P<event.reason>Killed with signal.*|.*[Ss]hutting down.*)$",
        _said("service_stopped", _PROCESS, "end"),
    ),
    Phrase(
        rf"^master: {_LEVEL}(?P<event.reason>SIGHUP received.*)$",
        _said("configuration_reloaded", ("configuration",), "change"),
    ),
    Phrase(
        rf"^master: {_LEVEL}(?P<event.reason>service\((?P<service.name>[^)]+)\): .*(?:limit|dropped).*)$",
        _said("limit_exceeded", _PROCESS, "denied", "failure"),
    ),
    Phrase(
        r"^(?:[a-z0-9-]+)(?:\([^)]*\))?: (?P<event.reason>(?:Warning|Error|Fatal|Panic): .*)$",
        _said("service_problem", _PROCESS, "error", "failure"),
    ),
    _QUIET,
)
