"""What smtpd writes: who connected, who logged in or failed to, what was accepted and what was refused."""

from correlator.parse.formats.phrases import Phrase

__all__ = ["CLIENT", "ENVELOPE", "QUEUE", "SMTPD", "TLS"]

Says = dict[str, str | tuple[str, ...]]

#: A queue id before a sentence: hexadecimal, or a long one.
QUEUE = r"(?:(?:NOQUEUE|(?P<email.local_id>[0-9A-Za-z]{5,20})): )?"
#: ``name[address]``, with a port where it is logged; a client without a name is ``unknown``.
CLIENT = r"(?:unknown|(?P<source.domain>[^\s\[\]]+))?\[(?P<source.address>[^\]\s]+)\](?::(?P<source.port>[0-9]+))?"
#: What is known of the message when it is refused: the last of a line, and its values are in brackets.
ENVELOPE = (
    r"(?:;(?: from=<(?P<email.sender.address>[^>]*)>)?,?(?: to=<(?P<email.to.address>[^>]*)>)?,?"
    r"(?: proto=(?P<smtp.protocol>[A-Z]+))?,?(?: helo=<(?P<smtp.helo>[^>]*)>)?,?"
    r"(?: sasl_username=<(?P<user.name>[^>]*)>)?)"
)
_STATUS = r"(?:(?P<smtp.response_code>[245][0-9]{2}) )?(?:(?P<smtp.enhanced_status>[245]\.[0-9]{1,3}\.[0-9]{1,3}) )?"
_MAIL, _NETWORK, _LOGIN = ("email",), ("network",), ("authentication",)


def _connection(action: str, *types: str, outcome: str = "success") -> Says:
    return {"event.action": action, "event.category": _NETWORK, "event.type": ("connection", *types), "event.outcome": outcome}


def _denied(action: str, *category: str) -> Says:
    return {
        "event.action": action,
        "event.category": category or _MAIL,
        "event.type": ("denied",),
        "event.outcome": "failure",
    }


_SCAN = _denied("smtp_protocol_abuse", "network")

TLS = (
    Phrase(
        rf"^(?P<tls.trust>Anonymous|Trusted|Untrusted|Verified) TLS connection established from {CLIENT}: "
        r"(?P<tls.version>\S+) with cipher (?P<tls.cipher>\S+).*$",
        {"event.action": "tls_established", "event.category": _NETWORK, "event.type": ("connection", "info")},
    ),
    Phrase(rf"^SSL_accept error from {CLIENT}: (?P<event.reason>.*)$", _denied("tls_failed", "network")),
    Phrase(
        r"^(?:warning: )?TLS library problem: (?P<event.reason>.*)$",
        {"event.action": "tls_problem", "event.category": _NETWORK, "event.type": ("error",)},
    ),
    Phrase(rf"^setting up TLS connection from {CLIENT}$", {"event.action": "tls_setup", "event.category": _NETWORK}),
)

_ACCEPTED = (
    Phrase(
        rf"^{QUEUE}client={CLIENT}, sasl_method=(?P<smtp.sasl_method>[^,]*), "
        r"sasl_username=(?P<user.name>.*?)(?:, sasl_sender=(?P<smtp.sasl_sender>[^,]*))?"
        r"(?:, orig_queue_id=(?P<smtp.orig_queue_id>[0-9A-Za-z]+))?(?:, orig_client=(?P<smtp.orig_client>\S+))?$",
        {
            "event.action": "smtp_login",
            "event.category": ("authentication", "email"),
            "event.type": ("start",),
            "event.outcome": "success",
        },
    ),
    Phrase(
        rf"^{QUEUE}client={CLIENT}(?:, orig_queue_id=(?P<smtp.orig_queue_id>[0-9A-Za-z]+))?"
        r"(?:, orig_client=(?P<smtp.orig_client>\S+))?(?:, .*)?$",
        {
            "event.action": "message_received",
            "event.category": _MAIL,
            "event.type": ("info",),
            "event.outcome": "success",
        },
    ),
)

_LOGINS = (
    # A stranger chooses the user name, so it is what follows the last mark of it.
    Phrase(
        rf"^(?:warning: )?{CLIENT}: SASL (?P<smtp.sasl_method>\S+) authentication (?:failed|failure|aborted)"
        r"(?:: (?P<event.reason>.*?))?(?:, sasl_username=(?P<user.name>.*))?$",
        {"event.action": "smtp_login", "event.category": _LOGIN, "event.type": ("start",), "event.outcome": "failure"},
    ),
    Phrase(
        r"^warning: SASL authentication (?:failure|problem): (?P<event.reason>.*)$",
        {"event.action": "sasl_problem", "event.category": _LOGIN, "event.type": ("error",), "event.outcome": "failure"},
    ),
    Phrase(
        r"^(?:warning|fatal|error): (?:xsasl_\w+|SASL): (?P<event.reason>.*)$",
        {"event.action": "sasl_problem", "event.category": _LOGIN, "event.type": ("error",), "event.outcome": "failure"},
    ),
)

_REJECT = (
    rf"^{QUEUE}(?P<smtp.verdict>(?:milter-|proxy-)?(?:reject|reject_warning)): "
    rf"(?P<smtp.command>[A-Z][A-Za-z-]*) from {CLIENT}: {_STATUS}(?P<event.reason>.*?)(?:{ENVELOPE}(?:: .*)?)?$"
)
_VERDICTS = (
    Phrase(
        _REJECT.replace("(?P<smtp.verdict>(?:milter-|proxy-)?(?:reject|reject_warning))", "reject_warning"),
        {"event.action": "reject_warning", "event.category": _MAIL, "event.type": ("info",)},
    ),
    Phrase(_REJECT, _denied("reject")),
    Phrase(
        rf"^{QUEUE}(?P<smtp.verdict>(?:milter-)?discard): (?P<smtp.command>[A-Z][A-Za-z-]*) from {CLIENT}: "
        rf"{_STATUS}(?P<event.reason>.*?){ENVELOPE}?$",
        _denied("discard"),
    ),
    Phrase(
        rf"^{QUEUE}(?P<smtp.verdict>(?:milter-|proxy-)?(?:hold|quarantine)): (?P<smtp.command>[A-Z][A-Za-z-]*) from {CLIENT}: "
        rf"{_STATUS}(?P<event.reason>.*?){ENVELOPE}?$",
        _denied("hold"),
    ),
    Phrase(
        rf"^{QUEUE}(?P<smtp.verdict>(?:milter-|proxy-)?"
        rf"(?:accept|permit|filter|redirect|bcc|prepend|info|warn|delay|replace|trigger)): "
        rf"(?P<smtp.command>[A-Z][A-Za-z-]*) from {CLIENT}: {_STATUS}(?P<event.reason>.*?){ENVELOPE}?$",
        {"event.action": "message_policy", "event.category": _MAIL, "event.type": ("info",)},
    ),
)

_CONNECTIONS = (
    Phrase(rf"^connect from {CLIENT}$", _connection("smtp_connect", "start")),
    Phrase(
        rf"^disconnect from {CLIENT}(?: (?P<smtp.commands>[a-z]+=[a-z0-9/= ]+))?$",
        _connection("smtp_disconnect", "end"),
    ),
    Phrase(
        rf"^(?P<event.reason>(?:lost connection|timeout|too many errors|too many unknown commands)) "
        rf"after (?P<smtp.command>[A-Z]+(?:-[A-Z]+)*|\S+)(?: \([^)]*\))? from {CLIENT}$",
        _connection("smtp_lost", "end", outcome="failure"),
    ),
)

_ABUSE = (
    Phrase(rf"^(?:warning: )?non-SMTP command from {CLIENT}: (?P<smtp.said>.*)$", _SCAN | {"event.reason": "non-SMTP command"}),
    Phrase(
        rf"^(?:warning: )?improper command pipelining after (?P<smtp.command>\S+) from {CLIENT}(?:: (?P<smtp.said>.*))?$",
        _SCAN | {"event.reason": "improper command pipelining"},
    ),
    Phrase(
        rf"^(?:warning: )?(?P<event.reason>[A-Z][\w -]*? limit exceeded): (?P<smtp.count>[0-9]+) from {CLIENT} "
        r"for service (?P<service.name>.*)$",
        _denied("limit_exceeded", "network"),
    ),
    Phrase(
        rf"^warning: (?P<event.reason>Illegal address syntax) from {CLIENT} in (?P<smtp.command>\S+) command: "
        rf"(?P<smtp.said>.*)$",
        _SCAN,
    ),
    Phrase(rf"^warning: {CLIENT}: (?P<event.reason>request longer than [0-9]+|.*?too long.*?)(?:: (?P<smtp.said>.*))?$", _SCAN),
    Phrase(
        r"^(?:warning: )?hostname (?P<source.domain>\S+) does not resolve to address (?P<source.address>[0-9A-Fa-f:.]+)"
        r"(?:: (?P<event.reason>.*))?$",
        {"event.action": "name_mismatch", "event.category": _NETWORK, "event.type": ("info",)},
    ),
    Phrase(
        r"^warning: (?P<source.address>[0-9A-Fa-f:.]+): (?:hostname (?P<source.domain>\S+) verification failed"
        r"|address not listed for (?:hostname|name) (?P<smtp.listed_name>\S+))(?:: (?P<event.reason>.*))?$",
        {"event.action": "name_mismatch", "event.category": _NETWORK, "event.type": ("info",)},
    ),
    Phrase(
        r"^warning: (?:RBL|RHSBL|DNSBL) lookup error: (?P<event.reason>.*)$",
        {"event.action": "blocklist_problem", "event.category": _NETWORK, "event.type": ("error",)},
    ),
)

_PROXY = Phrase(
    rf"^{QUEUE}(?P<smtp.verdict>proxy-reject): (?P<smtp.command>[A-Z][A-Za-z-]*): {_STATUS}(?P<event.reason>.*?){ENVELOPE}?$",
    _denied("reject"),
)
SMTPD = (*_CONNECTIONS, *_ACCEPTED, *_VERDICTS, *_LOGINS, *TLS, *_ABUSE, _PROXY)
