"""What becomes of a message: cleanup, the queue, the deliveries and the notices; and what Postfix says of itself."""

from correlator.parse.formats.phrases import Phrase
from parsers.postfix.smtpd import CLIENT, ENVELOPE, QUEUE, TLS

__all__ = ["CLEANUP", "DELIVERY", "NOTICE", "POLICY", "POSTSCREEN", "QMGR", "SYSTEM"]

Says = dict[str, str | tuple[str, ...]]
_MAIL, _NETWORK, _PROCESS = ("email",), ("network",), ("process",)
_PEER = r"\[(?P<source.address>[^\]\s]+)\]:(?P<source.port>[0-9]+)"


def _message(action: str, outcome: str = "success", kind: str = "info") -> Says:
    return {"event.action": action, "event.category": _MAIL, "event.type": (kind,), "event.outcome": outcome}


def _screened(action: str, *types: str, outcome: str = "success") -> Says:
    return {"event.action": action, "event.category": _NETWORK, "event.type": ("connection", *types), "event.outcome": outcome}


_DELIVERED = (
    r"to=<(?P<email.to.address>[^>]*)>,(?: orig_to=<(?P<smtp.orig_to>[^>]*)>,)? "
    r"relay=(?:none|local|(?P<smtp.transport>[a-z][\w-]*)|(?P<destination.domain>[^\s\[,]+)(?:\[(?P<destination.ip>[^\]]*)\])?"
    r"(?::(?P<destination.port>[0-9]+))?(?:\[[^\]]*\])?)?,(?: conn_use=[0-9]+,)? delay=(?P<smtp.delay>[0-9.]+),"
    r"(?: delays=(?P<smtp.delays>[0-9./]+),)?(?: dsn=(?P<smtp.enhanced_status>[0-9.]+),)? status="
)
_REPLY = r" \((?P<event.reason>.*)\)$"
#: A delivery, whoever made it.
_STATUS = (
    Phrase(
        rf"^{QUEUE}{_DELIVERED}sent \((?P<event.reason>.*?queued as (?P<smtp.queued_as>[0-9A-Za-z]{{5,20}}).*)\)$",
        _message("sent"),
    ),
    Phrase(rf"^{QUEUE}{_DELIVERED}sent{_REPLY}", _message("sent")),
    Phrase(rf"^{QUEUE}{_DELIVERED}deferred{_REPLY}", _message("deferred", "unknown")),
    Phrase(rf"^{QUEUE}{_DELIVERED}bounced{_REPLY}", _message("bounced", "failure")),
    Phrase(
        rf"^{QUEUE}{_DELIVERED}(?:force-)?expired(?:, returned to sender)?(?: \((?P<event.reason>.*)\))?$",
        _message("expired", "failure"),
    ),
    Phrase(
        rf"^{QUEUE}{_DELIVERED}(?P<smtp.status>undeliverable|deliverable|held|discarded|[a-z]+)(?:{_REPLY[:-1]})?$",
        _message("delivery_status", "unknown"),
    ),
)

_CUT = Phrase(rf"^{QUEUE}to=<(?P<email.to.address>[^>]*)>(?:,.*)?$", _message("delivery_status", "unknown"))  # cut on its way

_CHECKED = (
    (
        r"(?:header|mime-header|nested-header|body) (?P<smtp.matched>.*?) from (?:local|{client})"
        r"{envelope}(?:: (?:(?P<smtp.enhanced_status>[245]\.[0-9]+\.[0-9]+) )?(?P<event.reason>.*))?$"
    )
    .replace("{client}", CLIENT)
    .replace("{envelope}", ENVELOPE)
)
_MILTER = (
    rf"(?P<smtp.command>[A-Z][A-Z-]*) from (?:local|{CLIENT}): (?:(?P<smtp.response_code>[245][0-9]{{2}}) )?"
    rf"(?:(?P<smtp.enhanced_status>[245]\.[0-9]+\.[0-9]+) )?(?P<event.reason>.*?){ENVELOPE}?$"
)
_SUBJECT = _CHECKED.replace("(?P<smtp.matched>", "[Ss]ubject: (?P<email.subject>")

CLEANUP = (
    Phrase(rf"^{QUEUE}(?:resent-)?message-id=<?(?P<email.message_id>[^>]*)>?$", _message("message_queued")),
    Phrase(rf"^{QUEUE}reject: {_SUBJECT}", _message("reject", "failure", "denied")),
    Phrase(rf"^{QUEUE}reject: {_CHECKED}", _message("reject", "failure", "denied")),
    Phrase(rf"^{QUEUE}discard: {_CHECKED}", _message("discard", "failure", "denied")),
    Phrase(rf"^{QUEUE}hold: {_CHECKED}", _message("hold", "failure", "denied")),
    Phrase(rf"^{QUEUE}(?P<smtp.verdict>[a-z]+): {_SUBJECT}", _message("message_header")),
    Phrase(rf"^{QUEUE}(?P<smtp.verdict>[a-z]+): {_CHECKED}", _message("message_header")),
    Phrase(rf"^{QUEUE}(?P<smtp.verdict>milter-reject): {_MILTER}", _message("reject", "failure", "denied")),
    Phrase(rf"^{QUEUE}(?P<smtp.verdict>milter-discard): {_MILTER}", _message("discard", "failure", "denied")),
    Phrase(rf"^{QUEUE}(?P<smtp.verdict>milter-(?:hold|quarantine)): {_MILTER}", _message("hold", "failure", "denied")),
    *_STATUS,
)

QMGR = (
    Phrase(
        rf"^{QUEUE}from=<(?P<email.sender.address>[^>]*)>, size=(?P<email.size>[0-9]+), nrcpt=(?P<smtp.recipients>[0-9]+) "
        r"\(queue [a-z]+\)$",
        _message("message_active"),
    ),
    Phrase(rf"^{QUEUE}removed$", _message("message_removed")),
    Phrase(
        rf"^{QUEUE}from=<(?P<email.sender.address>[^>]*)>, status=(?:force-)?expired, returned to sender$",
        _message("expired", "failure"),
    ),
    *_STATUS,
    _CUT,
    Phrase(rf"^{QUEUE}(?P<event.reason>skipped, still being delivered)$", _message("message_skipped")),
)

_HOST = r"(?P<destination.domain>[^\s\[\]]+)\[(?P<destination.ip>[^\]]+)\](?::(?P<destination.port>[0-9]+))?"
DELIVERY = (
    *_STATUS,
    _CUT,
    Phrase(
        rf"^{QUEUE}(?P<tls.trust>Anonymous|Trusted|Untrusted|Verified) TLS connection established to {_HOST}: "
        r"(?P<tls.version>\S+) with cipher (?P<tls.cipher>\S+).*$",
        {"event.action": "tls_established", "event.category": _NETWORK, "event.type": ("connection", "info")},
    ),
    Phrase(
        rf"^{QUEUE}(?:connect to|SSL_connect error to|lost connection with|conversation with|"
        rf"certificate verification failed for|server certificate verification failed for) {_HOST}"
        r"(?::? (?P<event.reason>.*))?$",
        _screened("relay_unreachable", "error", outcome="failure"),
    ),
    Phrase(
        rf"^{QUEUE}host {_HOST} (?:said|refused to talk to me): (?:(?P<smtp.response_code>[245][0-9]{{2}})[ -])?"
        r"(?:(?P<smtp.enhanced_status>[245]\.[0-9]+\.[0-9]+) )?(?P<event.reason>.*)$",
        _message("relay_refused", "failure"),
    ),
    Phrase(
        rf"^(?:warning: )?{QUEUE}SASL authentication failed; (?:server|cannot authenticate to server) {_HOST}"
        r"(?: said|: )?:? ?(?P<event.reason>.*)$",
        {
            "event.action": "relay_login",
            "event.category": ("authentication",),
            "event.type": ("start",),
            "event.outcome": "failure",
        },
    ),
)

NOTICE = (
    Phrase(rf"^{QUEUE}sender non-delivery notification: (?P<smtp.queued_as>[0-9A-Za-z]+)$", _message("bounce_notice")),
    Phrase(
        rf"^{QUEUE}(?:sender|recipient) (?:delay|delivery status|success) notification: (?P<smtp.queued_as>[0-9A-Za-z]+)$",
        _message("status_notice"),
    ),
    Phrase(
        rf"^{QUEUE}postmaster (?:non-delivery|delay) notification: (?P<smtp.queued_as>[0-9A-Za-z]+)$", _message("bounce_notice")
    ),
    Phrase(
        rf"^{QUEUE}uid=(?P<user.id>[0-9]+) from=<(?P<email.sender.address>[^>]*)>(?: orig_id=(?P<smtp.orig_queue_id>\w+))?$",
        _message("message_submitted_locally"),
    ),
)

POSTSCREEN = (
    Phrase(
        rf"^CONNECT from {_PEER}(?: to \[(?P<destination.ip>[^\]]+)\]:(?P<destination.port>[0-9]+))?$",
        _screened("smtp_connect", "start"),
    ),
    Phrase(rf"^DISCONNECT {_PEER}$", _screened("smtp_disconnect", "end")),
    Phrase(rf"^(?:PASS (?:OLD|NEW)|WHITELISTED|ALLOWLISTED) {_PEER}$", _screened("screen_passed", "allowed")),
    Phrase(
        rf"^(?:BLACKLISTED|DENYLISTED|(?:WHITELIST|ALLOWLIST) VETO) {_PEER}$",
        _screened("screen_denied", "denied", outcome="failure"),
    ),
    Phrase(
        rf"^(?P<event.reason>DNSBL) rank (?P<smtp.dnsbl_rank>[0-9]+) for {_PEER}$",
        _screened("screen_listed", "denied", outcome="failure"),
    ),
    Phrase(
        rf"^(?P<event.reason>PREGREET) [0-9]+ after (?P<smtp.delay>[0-9.]+) from {_PEER}: (?P<smtp.said>.*)$",
        _screened("smtp_protocol_abuse", "denied", outcome="failure"),
    ),
    Phrase(
        rf"^(?P<event.reason>COMMAND PIPELINING|NON-SMTP COMMAND|BARE NEWLINE|COMMAND (?:TIME|COUNT|LENGTH) LIMIT) from {_PEER}"
        r"(?: after (?P<smtp.command>[^:\s]+))?(?:: (?P<smtp.said>.*))?$",
        _screened("smtp_protocol_abuse", "denied", outcome="failure"),
    ),
    Phrase(
        rf"^(?P<event.reason>HANGUP) after (?P<smtp.delay>[0-9.]+) from {_PEER}(?: in .*)?$",
        _screened("smtp_lost", "end", outcome="failure"),
    ),
    Phrase(
        rf"^{QUEUE}reject: (?P<smtp.command>[A-Z]+) from {_PEER}: (?:(?P<smtp.response_code>[245][0-9]{{2}}) )?"
        rf"(?:(?P<smtp.enhanced_status>[245]\.[0-9]+\.[0-9]+) )?(?P<event.reason>.*?){ENVELOPE}?$",
        _message("reject", "failure", "denied"),
    ),
    Phrase(
        r"^addr (?P<source.address>\S+) (?P<event.reason>(?:listed|blocked) by domain (?P<smtp.dnsbl>\S+)(?: as \S+)?)$",
        _screened("screen_listed", "denied", outcome="failure"),
    ),
    *TLS,
)

SYSTEM = (
    Phrase(
        r"^statistics: max (?P<smtp.rate_of>\w+) (?:rate (?P<smtp.rate>[0-9/]+s)|count (?P<smtp.count>[0-9]+)|size [0-9]+)"
        r"(?: for \((?P<service.name>[^:)]*):(?P<source.address>[^)]*)\))? at .*$",
        {"event.action": "statistics", "event.category": _NETWORK, "event.type": ("info",)},
    ),
    Phrase(
        r"^(?P<event.reason>(?:daemon started|starting the Postfix).*)$",
        {"event.action": "service_started", "event.category": _PROCESS, "event.type": ("start",), "event.outcome": "success"},
    ),
    Phrase(
        r"^(?P<event.reason>(?:terminating on signal|stopping the Postfix|waiting for the Postfix).*)$",
        {"event.action": "service_stopped", "event.category": _PROCESS, "event.type": ("end",), "event.outcome": "success"},
    ),
    Phrase(
        r"^(?P<event.reason>(?:reload|refreshing the Postfix).*)$",
        {
            "event.action": "configuration_reloaded",
            "event.category": ("configuration",),
            "event.type": ("change",),
            "event.outcome": "success",
        },
    ),
    Phrase(
        rf"^{QUEUE}(?P<event.reason>placed on hold|released from hold|requeued|removed|expired)$",
        _message("queue_administered"),
    ),
    Phrase(
        r"^(?P<event.reason>(?:Deleted|Requeued|Placed on hold|Released from hold|Expired): [0-9]+ messages?)$",
        _message("queue_administered"),
    ),
    Phrase(
        r"^(?P<event.reason>(?:statistics: |cache \S+ (?:full|partial) cleanup|discarding EHLO keywords"
        r"|the Postfix mail system is|table \S+ has changed|enabling PIX|using backwards-compatible|close database"
        r"|entering STRESS|leaving STRESS).*)$",
        {"event.action": "service_message", "event.category": _PROCESS, "event.type": ("info",)},
    ),
    Phrase(
        rf"^(?P<log.level>fatal|panic): {QUEUE}(?P<event.reason>.*)$",
        {"event.action": "service_failed", "event.category": _PROCESS, "event.type": ("error",), "event.outcome": "failure"},
    ),
    Phrase(
        rf"^{QUEUE}(?P<log.level>warning|error): (?P<event.reason>.*)$",
        {"event.action": "service_problem", "event.category": _PROCESS, "event.type": ("error",)},
    ),
)

POLICY = (
    Phrase(
        r"^action=(?P<smtp.verdict>greylist|defer|reject|discard|ban)\w*(?:, reason=(?P<event.reason>[^,]*))?(?:,"
        r" delay=[0-9]+)?"
        r"(?:, client_name=(?:unknown|(?P<source.domain>[^,]*)))?, client_address=(?P<source.address>[0-9A-Fa-f:.]+)"
        r"(?:/[0-9]+)?"
        r"(?:, sender=(?P<email.sender.address>[^,]*))?(?:, recipient=(?P<email.to.address>.*))?$",
        _message("greylist", "failure", "denied"),
    ),
    Phrase(
        r"^action=(?P<smtp.verdict>\w+)(?:, reason=(?P<event.reason>[^,]*))?(?:, delay=[0-9]+)?"
        r"(?:, client_name=(?:unknown|(?P<source.domain>[^,]*)))?, client_address=(?P<source.address>[0-9A-Fa-f:.]+)"
        r"(?:/[0-9]+)?"
        r"(?:, sender=(?P<email.sender.address>[^,]*))?(?:, recipient=(?P<email.to.address>.*))?$",
        _message("policy_passed"),
    ),
    Phrase(
        r"^(?:: )?(?:prepend )?(?:Received-SPF: )?(?P<spf.result>Pass|None|Neutral)\b.*?"
        r"client-ip=(?P<source.address>[0-9A-Fa-f:.]+).*?(?:envelope-from=\"?(?P<email.sender.address>[^;\"]*)\"?)?"
        r"(?:; receiver=<?(?P<email.to.address>[^;>]*)>?\s*)?$",
        _message("spf_checked"),
    ),
    Phrase(
        r"^(?:: )?(?:prepend )?(?:Received-SPF: )?(?P<spf.result>Fail|Softfail|SoftFail|Temperror|Permerror|TempError"
        r"|PermError)\b.*?"
        r"client-ip=(?P<source.address>[0-9A-Fa-f:.]+).*?(?:envelope-from=\"?(?P<email.sender.address>[^;\"]*)\"?)?"
        r"(?:; receiver=<?(?P<email.to.address>[^;>]*)>?\s*)?$",
        _message("spf_checked", "failure"),
    ),
    Phrase(
        r"^(?:: )?(?P<smtp.response_code>[45][0-9]{2}) (?:(?P<smtp.enhanced_status>[45]\.[0-9]+\.[0-9]+) )?"
        r"(?P<event.reason>.*)$",
        _message("reject", "failure", "denied"),
    ),
    Phrase(
        r"^(?:weighted check: .*?; )?decided action=(?P<smtp.response_code>[45][0-9]{2}) (?P<event.reason>.*?); "
        r"<client=(?P<source.address>[^>]*)> <helo=(?P<smtp.helo>[^>]*)> <from=(?P<email.sender.address>[^>]*)> "
        r"<to=(?P<email.to.address>[^>]*)>.*$",
        _message("reject", "failure", "denied"),
    ),
    Phrase(
        r"^module=(?P<policyd.module>[^,]*), (?:mode=[^,]*, )?action=(?P<smtp.verdict>[^,]*), host=(?P<source.address>[^,]*), "
        r"(?:helo=(?P<smtp.helo>[^,]*), )?from=(?P<email.sender.address>[^,]*), to=(?P<email.to.address>[^,]*)"
        r"(?:, reason=(?P<event.reason>[^,]*))?.*$",
        _message("policy_decided", "unknown"),
    ),
)
