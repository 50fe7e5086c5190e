r"""pfSense 2.4 to 2.8 and OPNsense 20 to 26: the packet filter's log, and who administers the firewall.

How to send it here (pfSense): Status > System Logs > Settings > Remote Logging, "Everything" or Firewall Events, System
Events and Captive Portal Events; Log Message Format "syslog (RFC 5424)" gives a time with an offset. OPNsense: System >
Settings > Logging > Remote, applications filter, audit, and those you run. A rule must have "Log" ticked to be logged; the
time of a BSD header is read in the source's zone.

A line of ``filterlog`` is CSV by position: rule, sub-rule, anchor, tracker, interface, reason, action, direction, version,
then IPv4 or IPv6, then what the protocol says. Only the first packet of a flow is logged, so ``network.bytes`` is the length
of one packet. ``rule.id`` is pfSense's tracker or OPNsense's label; names of rules are not in the log.

Also read: log-ins, log-outs and configuration changes of the web interface (``php-fpm``, ``audit``), the captive portal
(``logportalauth``), and ``sshguard``, which Linux runs as well. OpenVPN, IPsec, DHCP, DNS and HAProxy on the firewall have
parsers of their own; other programs are read as any Unix.

Reference: Netgate "Raw Filter Log Format"; opnsense/ports, ``filterlog/files/description.txt``.

Speed: about 80,000 lines per CPU-second, not 200,000: behind a syslog header, what a place of ``filterlog`` means depends on
others.
"""

import polars as pl

from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats.programs import declared, read_programs
from correlator.parse.formats.unwrap import OPENING
from parsers.pfsense.packets import MAKING, SOURCE, packets
from parsers.pfsense.services import PROGRAMS

__all__ = ["PARSER"]


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line: of the packet filter, or of another program of the firewall."""
    is_packet = raw.get_column("text").str.contains(r"filterlog(?:\[|:| )")
    if is_packet.all():
        return packets(raw, want)
    flows, others = packets(raw.filter(is_packet), want), read_programs(raw.filter(~is_packet), want, PROGRAMS)
    rejects = pl.concat([flows.rejects, others.rejects])
    return Parsed((*flows.events, *others.events), rejects, flows.skipped)


_SOURCES = dict.fromkeys([SOURCE, *(source for program in PROGRAMS for source in program.log_sources)])
_TAGGED = r"(?:\[[0-9]+\])?(?::| [0-9-]+ [^ ]+ (?:-|\[[^\]]*\])) ?\x{feff}?"  # the rest of a tag, BSD's or RFC 5424's

PARSER = Parser(
    name="pfsense",
    log_sources=tuple(_SOURCES),
    signature=Signature(
        pattern=OPENING + r"(?:filterlog" + _TAGGED + r"(?:[^,]*,){8}"
        r"|(?:php-fpm|php|php-cgi|audit)" + _TAGGED + r"(?:/rc\.[a-z]|/[a-z_/.-]+\.php: (?:Successful login|User logged out"
        r"|Session timed out|webConfigurator|Web GUI|Configuration Change|HTTP_REFERER)"
        r"|user .* \[using OPNsense\\|user .* changed configuration to )"
        r"|logportalauth" + _TAGGED + r"Zone: |sshguard" + _TAGGED + r"(?:Attack|Blocking|[0-9a-f.:/]+: unblocking))",
        rank=10,
        any_text=(
            "filterlog",
            ".php: ",
            ": /rc.",
            " /rc.",
            "[using OPNsense",
            "changed configuration to",
            "logportalauth",
            "sshguard",
        ),
    ),
    maturity=Maturity.PROVED,
    fields=MAKING.declared() | declared(PROGRAMS),
    parse=_parse,
    required=("event.action",),
)
