r"""ISC DHCP (``dhcpd`` 4.1 to 4.4, IPv4 and IPv6; Infoblox NIOS and pfSense use it): leases, refusals, DNS updates, failover.

How to send it here, in ``dhcpd.conf``, then let rsyslog forward the facility (``local7.* @@tocsin.example.org:6514``)::

    log-facility local7;

Reference: ``dhcpd(8)``, ``dhcpd.conf(5)``. Not read: ``dhcpd.leases`` (a data base, not a log), ``dhclient`` and ``dhcrelay``.

``event.action`` is the message (``DHCPACK``), ``source.ip`` and ``client.ip`` the address of the lease, ``source.mac`` the
client, ``source.domain`` the name that the client gave itself: hostile text. ``via`` is an interface
(``observer.ingress.interface.name``) or a relay (``dhcp.relay.address``).

About 130,000 lines per CPU-second, not 200,000: a syslog header is read first, then sentences are tried in turn.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats.phrases import Phrase
from correlator.parse.formats.programs import Program, declared, read_programs
from correlator.parse.formats.tagged import tagged
from correlator.parse.formats.values import address

__all__ = ["PARSER"]

Says = dict[str, str | tuple[str, ...]]

_DHCP = LogSource("isc", "", "dhcp")
_MAC = r"(?P<source.mac>(?:[0-9A-Fa-f]{1,2}:){5,19}[0-9A-Fa-f]{1,2})"
_IP = r"(?P<client.ip>[0-9A-Fa-f.:]+)"
# The name is the client's: the parenthesis nearest to the end closes it.
_HOSTED = r"(?:(?: \((?P<source.domain>.*)\))? via (?P<_via>[^\s:]+))?"
_VIA = (
    rf"{_HOSTED}"
    r"(?: relay (?P<_relay>\S+))?(?: lease-duration (?P<dhcp.lease.duration>[0-9]+))?"
    r"(?: offered-duration [0-9]+)?(?: \((?:found|not found|RENEW|REBIND|[A-Z]+)\))?(?: TransID "
    r"(?P<dhcp.transaction.id>[0-9A-Fa-f]+))?"
    r"(?: uid (?P<dhcp.client.id>[0-9A-Fa-f:]+))?(?: \((?P<dhcpd.state>[A-Za-z ]+)\))?(?: ?: (?P<event.reason>.*?)\.?)?\s*$"
)


def _lease(*kinds: str, outcome: str = "", action: str = "") -> Says:
    says: Says = {"event.category": ("network",), "event.type": kinds, "network.protocol": "dhcp"}
    return says | ({"event.outcome": outcome} if outcome else {}) | ({"event.action": action} if action else {})


_GIVEN, _ASKED = _lease("connection", "allowed", outcome="success"), _lease("connection", "start")
_REFUSED = _lease("connection", "denied", outcome="failure")
# A request with a reason behind it got no lease.
_NO_LEASE = (
    rf"{_HOSTED}"
    r"(?: TransID \S+)?(?: uid \S+)?(?: \([A-Z]+\))?: (?P<event.reason>.*(?:no free"
    r" leases|unknown|unavailable|wrong|ignored|not found|"
    r"rejected|bad |peer holds|database|abandoned|load balance|lost|invalid|expired|not responding).*?)\.?\s*$"
)
_IPV4 = (
    Phrase(rf"(?s)^(?P<event.action>DHCPACK) on {_IP} to {_MAC}{_VIA}", _GIVEN),
    Phrase(
        rf"(?s)^(?P<event.action>DHCPREQUEST) for {_IP}(?: \((?P<destination.ip>[0-9.]+)\))? from"
        rf" {_MAC}{_NO_LEASE}",
        _REFUSED,
    ),
    Phrase(rf"(?s)^(?P<event.action>DHCPREQUEST) for {_IP}(?: \((?P<destination.ip>[0-9.]+)\))? from {_MAC}{_VIA}", _ASKED),
    Phrase(rf"(?s)^(?P<event.action>DHCPDISCOVER|DHCPLEASEQUERY|BOOTREQUEST) from {_MAC}{_NO_LEASE}", _REFUSED),
    Phrase(rf"(?s)^(?P<event.action>DHCPDISCOVER|DHCPLEASEQUERY|BOOTREQUEST) from {_MAC}{_VIA}", _ASKED),
    Phrase(rf"(?s)^(?P<event.action>DHCPOFFER|BOOTREPLY) (?:on|for) {_IP} to {_MAC}{_VIA}", _ASKED),
    Phrase(rf"(?s)^(?P<event.action>DHCPACK) to {_IP} \({_MAC}\){_VIA}", _GIVEN),
    Phrase(rf"(?s)^(?P<event.action>DHCPNAK) on {_IP} to {_MAC}{_VIA}", _REFUSED),
    Phrase(rf"(?s)^(?P<event.action>DHCPRELEASE) of {_IP} from {_MAC}{_VIA}", _lease("connection", "end")),
    Phrase(
        rf"(?s)^(?P<event.action>DHCPDECLINE) (?:of|on) {_IP} from {_MAC}{_VIA}",
        _lease("connection", "error", outcome="failure"),
    ),
    Phrase(rf"(?s)^(?P<event.action>DHCPINFORM) from {_IP}{_VIA}", _ASKED),
    Phrase(rf"(?s)^(?P<event.action>DHCPEXPIRE) on {_IP} to {_MAC}{_VIA}", _lease("connection", "end")),
)
_SIX = r"(?P<source.address>[0-9A-Fa-f:.]+(?:%\S+)?) port (?P<source.port>[0-9]+)"
_DUID = r"(?P<dhcp.client.duid>[0-9A-Fa-f:]+)"
_IPV6 = (
    Phrase(
        r"^(?P<event.action>Reply|Advertise) (?P<dhcp.kind>NA|TA|PD): (?:address|prefix) "
        r"(?P<client.ip>[0-9A-Fa-f:]+)(?:/[0-9]+)? "
        rf"to client with duid {_DUID}(?:,)? (?:iaid = \S+ )?(?:valid for (?P<dhcp.lease.duration>[0-9]+) seconds)?.*$",
        _GIVEN,
    ),
    Phrase(
        r"^(?P<event.action>Solicit|Request|Renew|Rebind|Confirm|Release|Decline|Information-request|Relay-forward)"
        r" message from "
        rf"{_SIX}(?:, transaction ID (?P<dhcp.transaction.id>\S+))?.*$",
        _ASKED,
    ),
    Phrase(
        r"^Sending (?P<event.action>Reply|Advertise|Relay-reply)(?: in response)? to (?P<source.address>[0-9A-Fa-f:.]+) "
        r"port (?P<source.port>[0-9]+).*$",
        _lease("connection", "info"),
    ),
    Phrase(
        rf"^Client {_DUID} (?P<event.action>releases|declines) (?:address|prefix) (?P<client.ip>[0-9A-Fa-f:]+).*$",
        _lease("connection", "end"),
    ),
    Phrase(
        rf"^Unable to pick client (?:address|prefix): (?P<event.reason>.*?)(?:: client {_DUID})?$",
        _lease("connection", "denied", outcome="failure", action="no_lease"),
    ),
)
_FAULTS = (
    Phrase(
        rf"^(?:Abandoning IP address|Reclaiming abandoned lease) {_IP}(?:: (?P<event.reason>.*))?\.?$",
        _lease("error", outcome="failure", action="abandoned"),
    ),
    Phrase(
        rf"^uid lease {_IP} for client {_MAC} is duplicate on (?P<dhcp.network>\S+)$",
        _lease("error", action="duplicate_lease"),
    ),
    Phrase(rf"^client {_MAC} has duplicate leases on (?P<dhcp.network>\S+)$", _lease("error", action="duplicate_lease")),
    Phrase(rf"^(?P<event.reason>ICMP Echo reply while lease) {_IP} valid\.$", _lease("error", action="address_in_use")),
    Phrase(rf"^(?P<event.reason>Dynamic and static leases present for) {_IP}\.?$", _lease("error", action="duplicate_lease")),
)


def _update(action: str, outcome: str = "success") -> Says:
    return {
        "event.action": action,
        "event.outcome": outcome,
        "event.category": ("network", "configuration"),
        "event.type": ("change",),
        "network.protocol": "dns",
    }


def _own(action: str, kind: str, outcome: str = "", category: str = "process") -> Says:
    says: Says = {"event.action": action, "event.category": (category,), "event.type": (kind,)}
    return says | ({"event.outcome": outcome} if outcome else {})


_OTHERS = (
    Phrase(rf"^Added (?:new )?forward map from (?P<source.domain>\S+) to {_IP}$", _update("record_added")),
    Phrase(r"^Added reverse map from (?P<dhcpd.reverse>\S+) to (?P<source.domain>\S+)$", _update("record_added")),
    Phrase(rf"^Removed forward map from (?P<source.domain>\S+) to {_IP}$", _update("record_deleted")),
    Phrase(r"^Removed reverse map on (?P<dhcpd.reverse>\S+)$", _update("record_deleted")),
    Phrase(
        rf"^(?:Unable to (?:add|remove) forward map|Forward map|Can't update forward map) (?:from )?"
        rf"(?P<source.domain>\S+?):?(?: to)? {_IP}"
        r"(?: FAILED)?: (?P<event.reason>.*)$",
        _update("update_failed", "failure"),
    ),
    Phrase(
        r"^(?:Unable to (?:add|remove) reverse map|DDNS: |if |delete )(?P<event.reason>.*)$",
        _update("update_failed", "failure"),
    ),
    Phrase(
        r"^failover peer (?P<dhcpd.peer>[^\s:]+): (?P<event.reason>.*)$",
        _own("failover", "change", category="host"),
    ),
    Phrase(r"^peer (?P<dhcpd.peer>[^\s:]+): (?P<event.reason>.*)$", _own("failover", "change", category="host")),
    Phrase(r"^(?:balancing|balanced|bool_|pool) (?P<event.reason>.*)$", _own("pool", "info")),
    Phrase(
        r"^(?:Internet Systems Consortium DHCP Server (?P<observer.version>\S+)|Server starting service\.)$",
        _own("started", "start", "success"),
    ),
    Phrase(r"^exiting\.?$", _own("stopped", "end")),
    Phrase(
        r"^(?P<event.reason>(?:icmp_|No subnet declaration|Not configured|Configuration file errors|There's"
        r" already|receive_packet|send_packet|"
        r"Can't |Unable |unable|Error|error|bind|\*\* Ignoring|If this is not|\S+\.conf line|parse_|dropped|Network"
        r" is|no free leases"
        r"|exec|Open |Insufficient|Dropping|Both dynamic|lease imbalance|Lease conflict).*)$",
        _own("error", "error", "failure"),
    ),
    Phrase(
        r"^(?P<event.reason>(?:Copyright|All rights|For info|Wrote |Listening on|Sending on|Socket/|Config"
        r" file|Database file|PID file|"
        r"Can't open|Bound to|lease |Lease |irs_|Timeout|Marking|Setting|Started|reuse_lease|ns1?|Remote|Multiple).*)$",
        _own("message", "info"),
    ),
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line of dhcpd."""
    return read_programs(raw, want, _PROGRAMS)


_RELAY = pl.coalesce(address(pl.col("_via")), address(pl.col("_relay")))
_PROGRAMS = (
    Program(
        "isc.dhcp",
        (_DHCP,),
        ("dhcpd", "dhcpd6", "dhcpdv6"),
        (*_IPV4, *_IPV6, *_FAULTS, *_OTHERS),
        says={"observer.vendor": "ISC", "observer.product": "DHCP", "observer.type": "dhcp"},
        makes={
            "observer.name": pl.col("host.name"),
            "source.ip": pl.coalesce("client.ip", "source.ip"),
            "dhcp.relay.address": _RELAY,
            "observer.ingress.interface.name": pl.when(address(pl.col("_via")).is_null()).then("_via"),
        },
    ),
)

PARSER = Parser(
    name="isc_dhcp",
    log_sources=(_DHCP,),
    signature=Signature(pattern=tagged("dhcpd(?:v?6)?"), rank=30, tags=("dhcpd", "dhcpd6"), literals=("dhcpd",)),
    maturity=Maturity.PROVED,
    fields=declared(_PROGRAMS),
    parse=_parse,
)
