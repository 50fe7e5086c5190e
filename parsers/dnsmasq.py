r"""dnsmasq (2.80 to 2.91; Pi-hole's FTL, OpenWrt, many boxes): DNS queries and answers, DHCP leases, TFTP.

How to send it here, in ``dnsmasq.conf``; ``extra`` numbers the lines of one query, so that an answer names its client::

    log-queries=extra
    log-dhcp
    log-facility=local5        # or a file: its lines have no host

Pi-hole: ``/var/log/pihole/pihole.log`` through a forwarder. OpenWrt: *System > Logging > External system log server*.

Reference: ``dnsmasq(8)``. Not read: the option dump of ``log-dhcp`` beyond what the client says of itself (kept, tagged).

Answers feed ``category: dns`` with ``answer``; their type is told by what they look like. Without ``extra`` an answer does
not say who asked: only the query has a ``source.ip``. What Pi-hole or ``address=/…/`` blocks is ``denied``. ``source.ip`` of
a lease is the address given, ``source.domain`` the name that the client gave itself.

About 140,000 lines per CPU-second, not 200,000: a syslog header is read first, then sentences are tried in turn.
"""

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats import dns
from correlator.parse.formats.phrases import Phrase
from correlator.parse.formats.programs import Program, declared, read_programs
from correlator.parse.formats.tagged import tagged

__all__ = ["PARSER"]

Says = dict[str, str | tuple[str, ...]]

_DNS, _DHCP = LogSource("dnsmasq", "dns", "queries"), LogSource("dnsmasq", "", "dhcp")
_OWN, _TFTP = LogSource("dnsmasq", "", "dnsmasq"), LogSource("dnsmasq", "", "tftp")
_FROM = r"(?s)^(?:(?P<dnsmasq.serial>[0-9]+) (?P<source.address>[0-9A-Fa-f.:%\w]+)/(?P<source.port>[0-9]+) )?"
_NAME = r"(?P<_name>\S+)"
_BLOCKING = (
    r"gravity blocked|exactly (?:denied|blacklisted)|regex (?:denied|blacklisted)|database blocked"
    r"|blocked(?: upstream)?(?: with \S+(?: address)?)?"
)


def _asked(action: str, *kinds: str) -> Says:
    return {
        "event.dataset": "dnsmasq.query",
        "logsource": logsource_column(_DNS),
        "event.action": action,
        "event.category": ("network",),
        "event.type": kinds,
        "network.protocol": "dns",
        "dns.type": "query" if action == "query" else "answer",
    }


def _own(action: str, kind: str, category: str = "process", outcome: str = "") -> Says:
    says: Says = {"event.action": action, "event.category": (category,), "event.type": (kind,)}
    return says | ({"event.outcome": outcome} if outcome else {})


_FAILURE: Says = {"event.outcome": "failure"}
_QUERIES = (
    Phrase(
        _FROM + rf"(?:query|auth)\[(?P<dns.question.type>[^\]]+)\] {_NAME} from (?P<client.address>\S+)$",
        _asked("query", "protocol", "start"),
    ),
    Phrase(_FROM + rf"forwarded {_NAME} to (?P<destination.address>[^\s#]+)\S*$", _asked("forwarded", "protocol")),
    Phrase(
        _FROM + r"reply (?P<event.reason>error) is (?P<dns.response_code>[A-Z]+).*$",
        _asked("reply", "protocol", "error") | _FAILURE,
    ),
    Phrase(
        _FROM
        + rf"(?P<event.action>reply|cached|cached-stale|DHCP) {_NAME} is (?P<dns.response_code>NXDOMAIN|SERVFAIL|REFUSED)$",
        _asked("reply", "protocol", "end"),
    ),
    Phrase(
        _FROM + rf"(?:reply|cached|cached-stale|DHCP|/\S+) {_NAME} is (?P<answer>.+)$",
        _asked("reply", "protocol", "end"),
    ),
    Phrase(
        _FROM + rf"(?P<rule.name>{_BLOCKING}) {_NAME} is (?P<answer>.+)$",
        _asked("blocked", "denied"),
    ),
    Phrase(
        _FROM + rf"config {_NAME} is (?P<answer>0\.0\.0\.0|::|NXDOMAIN|NODATA\S*|REFUSED)$",
        _asked("blocked", "denied") | {"rule.name": "config"},
    ),
    Phrase(_FROM + rf"(?:domain|Pi-hole hostname) {_NAME} is (?P<answer>.+)$", _asked("local", "protocol", "end")),
    Phrase(_FROM + rf"config {_NAME} is (?P<answer>.+)$", _asked("local", "protocol", "end") | {"rule.name": "config"}),
    Phrase(
        _FROM + r"(?:special domain|Apple iCloud Private Relay domain|Mozilla canary domain) (?P<_name>\S+) is (?P<answer>.+)$",
        _asked("blocked", "denied") | {"rule.name": "special domain"},
    ),
    Phrase(
        _FROM + r"(?P<rule.name>Rate-limiting) (?P<_name>\S+) is (?P<dns.response_code>REFUSED).*$",
        _asked("rate_limit", "denied") | _FAILURE,
    ),
    Phrase(
        _FROM
        + r"dnssec-(?:query|retry)\[(?P<dns.question.type>[^\]]+)\] (?P<_name>\S+) to (?P<destination.address>[^\s#]+)\S*$",
        _asked("dnssec_query", "protocol"),
    ),
    Phrase(
        _FROM + r"validation (?P<_name>\S+) is (?P<event.reason>BOGUS.*|ABANDONED.*)$",
        _asked("validation", "error") | _FAILURE,
    ),
    Phrase(_FROM + r"validation (?P<_name>\S+) is (?P<event.reason>.*)$", _asked("validation", "info")),
    Phrase(
        _FROM + r"possible DNS-rebind attack detected: (?P<_name>\S+)$",
        _asked("rebind", "denied") | {"event.category": ("network", "intrusion_detection")},
    ),
    Phrase(
        r"^nameserver (?P<destination.address>[^\s#]+)\S* refused to do a recursive query$",
        _asked("forward_refused", "error") | _FAILURE,
    ),
    Phrase(
        r"^ignoring query from non-local network(?: (?P<source.address>[0-9A-Fa-f.:]+))?.*$",
        _asked("query_refused", "denied") | _FAILURE,
    ),
    Phrase(_FROM + r"ipset add (?P<rule.name>\S+) (?P<_name>\S+) (?P<answer>\S+).*$", _asked("ipset", "info")),
    Phrase(
        r"^(?P<event.reason>Maximum number of concurrent DNS queries .*|failed to .*|cannot .*|bad .*|LOUD"
        r" WARNING.*|warning.*)$",
        _own("error", "error", outcome="failure"),
    ),
    Phrase(
        r"^started, version (?P<observer.version>\S+) .*$",
        _own("started", "start", outcome="success"),
    ),
    Phrase(r"^exiting on receipt of SIGTERM$", _own("stopped", "end", outcome="success")),
    Phrase(
        r"^(?P<event.reason>(?:using |reading |read |ignoring |compile time|DNS service|cleared cache|cache |queries |pool |"
        r"server |asynchronous logging|setting |warning|Insecure|DNSSEC|Host |log |time ).*)$",
        _own("message", "info"),
    ),
)


def _lease(*kinds: str, outcome: str = "") -> Says:
    says: Says = {"event.category": ("network",), "event.type": kinds, "network.protocol": "dhcp"}
    return says | ({"event.outcome": outcome} if outcome else {})


_XID = r"(?s)^(?:(?P<dhcp.transaction.id>[0-9]{4,10}) )?"
_VERB = r"(?P<event.action>DHCP(?:{verbs})|(?:{verbs}))\((?P<observer.ingress.interface.name>[^)]*)\) "
_MAC = r"(?P<source.mac>(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2})"
_HOST = r"(?: (?P<source.domain>\S+))?"


def _verb(verbs: str) -> str:
    return _XID + _VERB.replace("{verbs}", verbs)


_LEASES = (
    Phrase(_verb("ACK") + rf"(?P<client.ip>\S+) {_MAC}{_HOST}$", _lease("connection", "allowed", outcome="success")),
    Phrase(
        _verb("NAK") + rf"(?P<client.ip>\S+) {_MAC}(?: (?P<event.reason>.*))?$",
        _lease("connection", "denied", outcome="failure"),
    ),
    Phrase(
        _verb("RELEASE") + rf"(?P<client.ip>\S+) {_MAC}(?:(?P<event.reason> unknown lease)|{_HOST})$",
        _lease("connection", "end"),
    ),
    Phrase(
        _verb("DISCOVER|REQUEST") + rf"(?:(?P<client.ip>[0-9.]+) )?{_MAC} (?P<event.reason>no address available|.*not .*)$",
        _lease("connection", "denied", outcome="failure"),
    ),
    Phrase(
        _verb("DECLINE") + rf"(?P<client.ip>\S+) {_MAC}(?: (?P<event.reason>.*))?$",
        _lease("connection", "error", outcome="failure"),
    ),
    Phrase(
        _verb("DISCOVER|REQUEST|OFFER|INFORM")
        + rf"(?:(?P<client.ip>[0-9A-Fa-f.:]+\.[0-9.]+) )?{_MAC}{_HOST}(?: (?P<event.reason>no .*))?$",
        _lease("connection", "start"),
    ),
    Phrase(
        _verb("REPLY|SOLICIT|ADVERTISE|CONFIRM|RENEW|REBIND|RELEASE|DECLINE|INFORMATION-REQUEST|REQUEST|INFO")
        + r"(?:(?P<client.ip>[0-9A-Fa-f]*:[0-9A-Fa-f:]+:[0-9A-Fa-f:]*) )?"
        r"(?P<dhcp.client.duid>[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5,})" + r"(?: (?P<source.domain>[^\s]+))?.*$",
        _lease("connection"),
    ),
    Phrase(
        _XID + r"(?P<event.action>RTR-ADVERT|RTR-SOLICIT|SLAAC-CONFIRM)\((?P<observer.ingress.interface.name>[^)]*)\) "
        r"(?P<event.reason>.*)$",
        _lease("info"),
    ),
    Phrase(
        _XID + r"(?P<event.reason>no address(?: range)? available.*?)(?: via (?P<observer.ingress.interface.name>\S+))?$",
        _lease("denied", "error", outcome="failure") | {"event.action": "no_address"},
    ),
    Phrase(_XID + r"client provides name: (?P<source.domain>.*)$", _lease("info") | {"event.action": "client_name"}),
    Phrase(_XID + r"vendor class: (?P<dhcp.vendor.class>.*)$", _lease("info") | {"event.action": "vendor_class"}),
    Phrase(
        _XID + r"not using configured address (?P<client.ip>\S+) because (?P<event.reason>.*)$",
        _lease("error") | {"event.action": "address_in_use"},
    ),
    Phrase(
        _XID + r"not giving name (?P<source.domain>\S+) to the DHCP lease of (?P<client.ip>\S+) because (?P<event.reason>.*)$",
        _lease("error") | {"event.action": "name_refused"},
    ),
    Phrase(
        _XID + r"(?P<event.reason>(?:available DHCP|DHCP,|DHCPv6,|router advertisement|IPv6|tags:|sent size|requested"
        r" options|next server"
        r"|bootfile name|read |DHCP packet|user class|server-?name|relay|broadcast|Ignoring|abandoning|PXE|client MAC).*)$",
        _lease("info") | {"event.action": "dhcp_message"},
    ),
)
_FILES = (
    Phrase(
        r"^sent (?P<file.path>.*) to (?P<source.address>[0-9A-Fa-f.:%\w]+)$",
        {"event.action": "tftp_sent", "event.outcome": "success", "event.category": ("network",), "event.type": ("access",)},
    ),
    Phrase(
        r"^(?:file )?(?P<file.path>/.*) not found for (?P<source.address>\S+)$",
        _FAILURE | {"event.action": "tftp_not_found", "event.category": ("network",), "event.type": ("access",)},
    ),
    Phrase(
        r"^(?:error (?P<error.code>[0-9]+)|failed sending (?P<file.path>\S+)|cannot access (?P<_path>\S+)) ?"
        r"(?P<event.reason>.*?)"
        r"(?:received from|to) (?P<source.address>\S+)$",
        _FAILURE | {"event.action": "tftp_error", "event.category": ("network",), "event.type": ("error",)},
    ),
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line of dnsmasq and its DHCP and TFTP servers."""
    return read_programs(raw, want, _PROGRAMS)


def _type() -> pl.Expr:
    """Return the type of an answer by what it looks like: dnsmasq does not write it."""
    answer, is_reverse = pl.col("answer"), pl.col("_name").str.contains(r"^[0-9.]+$|^[0-9a-f]*:[0-9a-f:]+$")
    return (
        pl.when(answer.str.contains(r"^<[A-Z0-9]+>$")).then(answer.str.strip_chars("<>"))
        .when(answer.str.contains(r"^[0-9]{1,3}(?:\.[0-9]{1,3}){3}$")).then(pl.lit("A"))
        .when(answer.str.contains(r"^[0-9a-f]*:[0-9a-f:.]+$")).then(pl.lit("AAAA"))
        .when(is_reverse & answer.is_not_null()).then(pl.lit("PTR"))
        .when(answer.str.contains(r'[\s="]')).then(pl.lit("TXT"))
    )  # fmt: skip


_SAYS: Says = {"observer.vendor": "Simon Kelley", "observer.product": "dnsmasq"}
_OBSERVER = {"observer.name": pl.col("host.name")}
_PROGRAMS = (
    Program(
        "dnsmasq.dnsmasq",
        (_OWN,),
        ("dnsmasq", "pihole-ftl"),
        _QUERIES,
        says=_SAYS | {"observer.type": "dns"},
        again=dns.AGAIN,
        makes=_OBSERVER
        | {
            "dns.question.name": dns.question_name(pl.col("_name")),
            "dns.question.type": dns.record_type(pl.coalesce(pl.col("dns.question.type").str.strip_prefix("type="), _type())),
            "dns.answers.data": pl.when(~pl.col("answer").str.contains(r"^<|^[A-Z][-A-Z0-9a-z]+$")).then(
                pl.concat_list("answer")
            ),
            "source.ip": pl.coalesce("source.ip", "client.ip"),
            "source.address": pl.coalesce("source.address", "client.address"),
        },
    ),
    Program(
        "dnsmasq.dhcp",
        (_DHCP,),
        ("dnsmasq-dhcp",),
        _LEASES,
        says=_SAYS | {"observer.type": "dhcp"},
        makes=_OBSERVER | {"source.ip": pl.col("client.ip")},
    ),
    Program("dnsmasq.tftp", (_TFTP,), ("dnsmasq-tftp", "dnsmasq-script"), _FILES, says=_SAYS, makes=_OBSERVER),
)

PARSER = Parser(
    name="dnsmasq",
    log_sources=(_DNS, _DHCP, _OWN, _TFTP),
    signature=Signature(
        pattern=tagged("dnsmasq(?:-dhcp|-tftp|-script)?", "pihole-FTL"),
        rank=30,
        tags=("dnsmasq", "dnsmasq-dhcp", "dnsmasq-tftp", "pihole-ftl"),
        any_text=("dnsmasq", "pihole-FTL"),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=declared(_PROGRAMS, "source.ip", "source.address"),
    parse=_parse,
)
