"""OpenDKIM and OpenDMARC: what they found of a message's signatures and of its sender's policy."""

from correlator.model.logsource import LogSource
from correlator.parse.formats.phrases import Phrase
from correlator.parse.formats.programs import Program

__all__ = ["DKIM", "DMARC"]

Says = dict[str, str | tuple[str, ...]]
_SYSLOG = LogSource("linux", "", "syslog")
_QUEUE = r"^(?P<email.local_id>[0-9A-Za-z]{5,20}): "


def _said(action: str, outcome: str, *category: str) -> Says:
    return {"event.action": action, "event.category": category or ("email",), "event.type": ("info",), "event.outcome": outcome}


_SERVICE = (
    Phrase(r"^(?P<event.reason>Open(?:DKIM|DMARC) Filter(?:: | v)?.*start.*)$", _said("service_started", "success", "process")),
    Phrase(
        r"^(?P<event.reason>(?:Open(?:DKIM|DMARC) Filter.*|.*(?:terminating|exiting|shutdown|restart).*))$",
        _said("service_message", "unknown", "process"),
    ),
)
DKIM = Program(
    "opendkim.mail",
    (LogSource("opendkim", "", "mail"), _SYSLOG),
    ("opendkim",),
    (
        Phrase(rf"{_QUEUE}DKIM verification successful$", _said("dkim_verified", "success")),
        Phrase(
            rf"{_QUEUE}s=(?P<dkim.selector>\S+) d=(?P<dkim.domain>\S+)(?: a=\S+)? (?P<event.reason>SSL error:.*|bad"
            rf" signature data.*)$",
            _said("dkim_failed", "failure"),
        ),
        Phrase(
            rf"{_QUEUE}DKIM-Signature (?:field|header) added \(s=(?P<dkim.selector>[^,]*), d=(?P<dkim.domain>[^)]*)\)$",
            _said("dkim_signed", "success"),
        ),
        Phrase(
            rf"{_QUEUE}signature=\S* domain=(?P<dkim.domain>\S+) selector=(?P<dkim.selector>\S+) result=\""
            rf"(?P<event.reason>[^\"]*)\"$",
            _said("dkim_result", "unknown"),
        ),
        Phrase(
            rf"{_QUEUE}(?P<event.reason>key retrieval failed) \(s=(?P<dkim.selector>[^,]*), d=(?P<dkim.domain>[^)]*)\).*$",
            _said("dkim_failed", "failure"),
        ),
        Phrase(rf"{_QUEUE}(?P<event.reason>bad signature data)$", _said("dkim_failed", "failure")),
        Phrase(rf"{_QUEUE}(?P<event.reason>no signature data|message has no signatures?.*)$", _said("dkim_absent", "unknown")),
        Phrase(
            rf"{_QUEUE}external host (?:(?P<source.domain>\S+) )?(?:\[(?P<source.address>[^\]]+)\] )?attempted to send as "
            r"(?P<dkim.domain>\S+)$",
            _said("dkim_impersonation", "failure"),
        ),
        Phrase(
            rf"{_QUEUE}(?:(?P<source.domain>\S+) )?\[(?P<source.address>[^\]]+)\] (?P<event.reason>not internal)$",
            _said("dkim_not_signed", "unknown"),
        ),
        Phrase(rf"{_QUEUE}(?P<event.reason>.*)$", _said("dkim_message", "unknown")),
        *_SERVICE,
    ),
    {"observer.vendor": "The Trusted Domain Project", "observer.product": "OpenDKIM", "observer.type": "mail"},
)
DMARC = Program(
    "opendmarc.mail",
    (LogSource("opendmarc", "", "mail"), _SYSLOG),
    ("opendmarc",),
    (
        Phrase(
            rf"{_QUEUE}(?:SPF\((?P<spf.scope>mailfrom|helo)\): )(?P<spf.domain>\S+) (?P<spf.result>\w+)$",
            _said("spf_checked", "unknown"),
        ),
        Phrase(rf"{_QUEUE}(?P<dmarc.domain>[^\s:]+\.[^\s:]+) (?P<dmarc.result>pass)$", _said("dmarc_checked", "success")),
        Phrase(rf"{_QUEUE}(?P<dmarc.domain>[^\s:]+\.[^\s:]+) (?P<dmarc.result>fail)$", _said("dmarc_checked", "failure")),
        Phrase(rf"{_QUEUE}(?P<dmarc.domain>[^\s:]+\.[^\s:]+) (?P<dmarc.result>none)$", _said("dmarc_checked", "unknown")),
        Phrase(
            rf"{_QUEUE}(?P<event.reason>(?:rejected|quarantined) by DMARC policy for (?P<dmarc.domain>\S+))$",
            {**_said("dmarc_refused", "failure"), "event.type": ("denied",)},
        ),
        Phrase(rf"{_QUEUE}(?P<event.reason>.*)$", _said("dmarc_message", "unknown")),
        *_SERVICE,
    ),
    {"observer.vendor": "The Trusted Domain Project", "observer.product": "OpenDMARC", "observer.type": "mail"},
)
