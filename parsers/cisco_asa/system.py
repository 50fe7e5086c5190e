"""The box itself: failover, interfaces, memory, modules, logging, certificates, clock."""

from correlator.parse.formats.phrases import Phrase

__all__ = ["OTHERS", "SYSTEM"]

Says = dict[str, str | tuple[str, ...]]


def _host(action: str, kind: str = "info", outcome: str = "success") -> Says:
    return {"event.category": ("host",), "event.type": (kind,), "event.action": action, "event.outcome": outcome}


_UNIT = r"^\((?P<failover.unit>Primary|Secondary|[^)]*)\) "
_CAUSE = r"(?:.*\((?:cause|Cause): (?P<event.reason>.*)\).*)?"
_LINE = r"(?P<observer.ingress.interface.name>[^\s,]+?)"
_FLOW = (
    r"(?P<observer.ingress.interface.name>[^\s:]+):(?P<source.address>[^\s/(]+)/(?P<source.port>[0-9]+)(?: ?\([^)]*\))* to "
    r"(?P<observer.egress.interface.name>[^\s:]+):(?P<destination.address>[^\s/(;,]+)/(?P<destination.port>[0-9]+)"
)

SYSTEM: dict[str, tuple[Phrase, ...]] = {
    "104001": (Phrase(_UNIT + r"Switching to ACTIVE" + _CAUSE, _host("failover_active", "change")),),
    "104002": (Phrase(_UNIT + r"Switching to STANDBY" + _CAUSE, _host("failover_standby", "change")),),
    "104003": (Phrase(_UNIT + r"Switching to FAILED", _host("failover_failed", "change", "failure")),),
    "104004": (Phrase(_UNIT + r"Switching to OK", _host("failover_ok", "change")),),
    "105005": (
        Phrase(
            _UNIT + rf"(?P<event.reason>Lost Failover communications with mate) on interface {_LINE}\.?$",
            _host("failover_link_lost", "error", "failure"),
        ),
    ),
    "105008": (Phrase(_UNIT + rf"Testing interface {_LINE}\.?$", _host("interface_test")),),
    "105009": (
        Phrase(
            _UNIT + (rf"Testing on interface {_LINE} (?P<event.reason>Failed).*$"), _host("interface_test", "error", "failure")
        ),
        Phrase(_UNIT + rf"Testing on interface {_LINE} .*$", _host("interface_test")),
    ),
    "105043": (
        Phrase(r"^(?:\(\w+\) )?(?P<event.reason>Failover interface failed)", _host("failover_link_lost", "error", "failure")),
    ),
    "199001": (Phrase(r"^Reload command executed from (?P<source.address>\S+?)\.?$", _host("reload", "start")),),
    "199002": (Phrase(r"^(?P<event.reason>.*startup completed)", _host("startup", "start")),),
    "212006": (
        Phrase(
            r"^Dropping SNMP request from (?P<source.address>[^\s/]+)/(?P<source.port>[0-9]+) to "
            r"(?P<observer.ingress.interface.name>[^\s:]+):"
            r"(?P<destination.address>[^\s/]+)/(?P<destination.port>\S+) because: (?P<event.reason>.*)$",
            {
                "event.category": ("authentication",),
                "event.type": ("denied",),
                "event.action": "snmp",
                "event.outcome": "failure",
            },
        ),
    ),
    "321001": (
        Phrase(
            r"^Resource '?(?P<resource.name>.*?)'? (?P<event.reason>limit of .*)$", _host("resource_limit", "error", "failure")
        ),
    ),
    "411001": (Phrase(rf"^Line protocol on [Ii]nterface {_LINE}, changed state to up", _host("interface_up", "change")),),
    "411002": (
        Phrase(rf"^Line protocol on [Ii]nterface {_LINE}, changed state to down", _host("interface_down", "change", "failure")),
    ),
    "411003": (Phrase(rf"^Interface {_LINE}, changed state to (?:administratively )?up", _host("interface_up", "change")),),
    "411004": (
        Phrase(
            rf"^Interface {_LINE}, changed state to (?:administratively )?down", _host("interface_down", "change", "failure")
        ),
    ),
    "414003": (
        Phrase(
            r"^TCP Syslog Server (?P<observer.egress.interface.name>[^\s:]+):(?P<destination.address>[^\s/]+)"
            r"/(?P<destination.port>[0-9]+) "
            r"(?P<event.reason>not responding.*)$",
            _host("syslog_server_lost", "error", "failure"),
        ),
    ),
    "717009": (
        Phrase(r"^Certificate validation failed\. (?P<event.reason>.*)$", _host("certificate_refused", "info", "failure")),
    ),
    "717027": (
        Phrase(
            r"^Certificate chain failed validation\. (?P<event.reason>.*)$", _host("certificate_refused", "info", "failure")
        ),
    ),
    "604103": (
        Phrase(
            r"^DHCP daemon interface (?P<observer.ingress.interface.name>[^\s:]+): +address granted "
            r"(?P<source.mac>[0-9A-Fa-f.]+) \((?P<source.address>[^)]*)\)",
            {"event.category": ("network",), "event.action": "dhcp_granted"},
        ),
    ),
    "771001": (Phrase(r"^CLOCK: (?P<event.reason>.*)$", _host("clock_set", "change")),),
    "771002": (
        Phrase(
            r"^CLOCK: System clock set, source: (?P<clock.source>[^,]+), IP: (?P<source.address>[^\s,]+)",
            _host("clock_set", "change"),
        ),
        Phrase(r"^CLOCK: (?P<event.reason>.*)$", _host("clock_set", "change")),
    ),
}

#: Words that many sentences have in common, for ids that have none of their own.
OTHERS = (
    Phrase(rf"^(?P<event.reason>.*?) from {_FLOW}", {"event.category": ("network",)}),
    Phrase(
        r"^(?P<event.reason>.*?) from (?P<source.address>[0-9][0-9a-fA-F.:]*)/(?P<source.port>[0-9]+) to "
        r"(?:(?P<observer.egress.interface.name>[^\s:]+):)?(?P<destination.address>[0-9][0-9a-fA-F.:]*)"
        r"/(?P<destination.port>[0-9]+)",
        {"event.category": ("network",)},
    ),
)
