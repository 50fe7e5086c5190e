r"""Cisco ASA 8 to 9 and Secure Firewall Threat Defense (FTD) 6 to 7, also PIX, FWSM and the management center's ``SFIMS``.

How to send it here (ASA): ``logging enable``, ``logging timestamp rfc5424`` (or ``logging timestamp``), ``logging trap
informational``, ``logging device-id hostname``, ``logging host inside 192.0.2.9 6/1514``. FTD: Devices > Platform Settings >
Syslog (enable, send in EMBLEM format no), and for connection events the logging page of each access control policy with
"Use the syslog settings configured in the FTD Platform Settings policy". The firewall's clock is read in the source's zone
unless the stamp has an offset.

A line is ``%ASA-<severity>-<id>: <sentence>``: sentences of connections, denials, access lists, AAA, log-ins, commands,
VPN, threat detection, failover and the like are taken apart (``cisco_asa/*.py``, by id), any other one is an event with its
id, severity, message and what two ends it names, tagged ``phrase_unknown`` where nothing of it was read. A teardown does not
say who opened the connection: the end with the well-known port is taken for the destination, and where ports do not tell,
the order of the line is kept and the event tagged ``direction_unknown``. ``network.bytes`` are both ways together.

Security events of FTD (430001 to 430005) are ``Key: value`` pairs: a key that Cisco does not document is not read. They need
a pivot, and are read at about half the speed of the other messages. Own names are Cisco's (``ACPolicy``), and those of
Sigma's ``category: firewall`` and ``proxy``; commands (111008, 111010) feed ``product: cisco``, ``service: aaa``.

Slower than asked in a mixed stream: each message id has its own sentence, so a batch is taken apart once for each of them.

Reference: Cisco Secure Firewall ASA Series Syslog Messages; Cisco Secure Firewall Threat Defense Syslog Messages.
"""

import polars as pl

from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats.cisco import lines, read_coded, worded
from correlator.parse.formats.phrases import columns_of
from correlator.parse.formats.unwrap import OPENING
from parsers.cisco_asa.accounts import ACCOUNTS
from parsers.cisco_asa.columns import CENTER, LOG_SOURCES, MAKING, PAIRS, opened_fields
from parsers.cisco_asa.flows import FLOWS
from parsers.cisco_asa.ftd import FTD_KEYS, read_ftd
from parsers.cisco_asa.system import OTHERS, SYSTEM
from parsers.cisco_asa.threats import THREATS
from parsers.cisco_asa.vpn import TUNNELS, VPN

__all__ = ["PARSER"]

_MARK = (
    r"(?P<product>ASA|FTD|PIX|FWSM)-(?:(?P<class>[A-Za-z][A-Za-z0-9_]*)-)?(?P<severity>[0-7])-(?P<code>[0-9]{4,6})"
    r"(?P<left> .*)?"
)
_CENTER, _AS_MARK = r"^([^%]{0,300}?[> ])SFIMS ?: ?", f"${{1}}%FTD-6-{CENTER}: "
_PHRASES = worded({**FLOWS, **THREATS, **ACCOUNTS, **VPN, **SYSTEM})
_OTHERS = worded({"": (*TUNNELS, *OTHERS)})[""]
_PAIRS = r"^(?:[A-Z][A-Za-z ]+): [^,]*, ?[A-Z][A-Za-z_ ]+: "


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line; a line without a mark is malformed."""
    text = raw.get_column("text")
    if text.str.contains("SFIMS", literal=True).any():
        raw = raw.with_columns(text.str.replace(_CENTER, _AS_MARK))
    read = lines(raw, _MARK)
    is_line = pl.col("code").is_not_null()
    bad = rejects_of(read.filter(~is_line), Reason.MALFORMED)
    good = read.filter(is_line)
    is_pairs = good.get_column("code").is_in(PAIRS) & good.get_column("text").str.contains(_PAIRS)
    fields = read_coded(good.filter(~is_pairs), "code", _PHRASES, _OTHERS)
    if is_pairs.any():
        fields = pl.concat([fields, read_ftd(good.filter(is_pairs))], how="diagonal").sort("raw_row")
    return MAKING.parsed(opened_fields(fields), pl.col("moment"), want, bad=bad, rest=_rest(fields))


def _rest(fields: pl.DataFrame) -> pl.DataFrame:
    """Return the fields that keep the name they have: Cisco's keys, and what sentences name besides ECS."""
    return fields.select(name for name in fields.columns if name in _OWN)


_OWN = FTD_KEYS | {
    name for name in columns_of([phrase for phrases in _PHRASES.values() for phrase in phrases]) if not name.startswith("_")
}
# Behind a header, or a priority with a colon: the device's own clock and name, and a colon with blanks about it.
_START = rf"(?:{OPENING}|^\s*<[0-9]{{1,3}}>:)(?:[0-9A-Za-z*.:_+-]+ +){{0,8}}?:? *"

PARSER = Parser(
    name="cisco_asa",
    log_sources=LOG_SOURCES,
    signature=Signature(
        pattern=_START + r"(?:%(?:ASA|FTD|PIX|FWSM)-(?:[A-Za-z][A-Za-z0-9_]*-)?[0-7]-[0-9]{4,6}(?::| )|SFIMS ?: )",
        rank=10,
        any_text=("%ASA-", "%FTD-", "%PIX-", "%FWSM-", "SFIMS"),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=MAKING.declared(*sorted(_OWN)),
    parse=_parse,
    required=("event.code",),
)
