"""Every line of every sample is claimed by the parser whose sample it is, and by no other product's."""

import re
from functools import cache
from string import punctuation
from urllib.parse import quote

import polars as pl
import pytest

from correlator.harness import golden
from correlator.parse.contract import Parser
from correlator.parse.registry import find_parsers
from correlator.parse.route import claims, route

PARSERS = find_parsers()
SAMPLES = golden.samples_folder()
#: Parsers that claim no product: what is not recognised may end there.
GENERIC = {"syslog", "json", "cef", "leef", "w3c"}
#: Samples that hold cut lines, lines without header, and other products' lines that look like this one's.
BROKEN = ("broken",)

#: (parser of the sample, parser that may claim lines of it) → why.
MAY_CLAIM: dict[tuple[str, str], str] = {
    ("linux_syslog", "syslog"): "programs that only a source declared as Linux's is believed about",
    ("entra_signin", "json"): "an answer without records has no mark",
    ("m365_audit", "json"): "an answer without records has no mark",
    ("haproxy", "syslog"): "to be mended: its lines in RFC 5424 without a tag",
    ("postfix", "None"): "to be mended: a repeated message without header",
    ("cef", "trend_micro"): "its own product's, carried by CEF: both read it",
    ("zeek", "json"): "kinds of records without a connection have no mark in JSON",
    ("cisco_ios", "syslog"): "to be mended: IOS XR with its card before the time",
    ("pfsense", "syslog"): "to be mended: php-fpm's lines about interfaces",
    ("ucopia", "linux_syslog"): "the appliance's own kernel: its source declares the parser",
    ("ucopia", "syslog"): "the appliance's own conntrack: its source declares the parser",
    ("olfeo", "None"): "an export of columns without a mark: its source declares the parser",
    ("gatewatcher", "suricata"): "to be mended: one rank, and GateWatcher's records are Suricata's with more",
    ("exchange_tracking", "iis_w3c"): "directives of W3C's form say not whose they are; both skip them",
    ("exchange_tracking", "None"): "to be mended: rows before the header",
    ("watchguard", "syslog"): "a message that is empty but for its header",
    ("video", "syslog"): "a camera's web server under its common name: its source declares the parser",
    ("municipal", "json"): "one record without a name of the schema: its source declares the parser",
}


@cache
def _owners(parser: str) -> list[tuple[str, str, str | None]]:
    """Return (case, line, who claims it) of every line of a parser's samples."""
    found: list[tuple[str, str, str | None]] = []
    for case in golden.cases(parser, SAMPLES):
        raw = golden.raw_of(case)
        texts = raw.get_column("text").to_list()
        found += zip([case.name] * len(texts), texts, route(raw, PARSERS).parsers.to_list(), strict=True)
    return [(case, text, owner) for case, text, owner in found if text.strip()]


@pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)
def test_no_other_product_claims_a_sample(parser: Parser) -> None:
    """A line that its own parser does not recognise is nobody's, or a generic parser's: never another product's."""
    wrong = [
        (case, owner, text[:160])
        for case, text, owner in _owners(parser.name)
        if owner not in {parser.name, None, *GENERIC} and case not in BROKEN and (parser.name, str(owner)) not in MAY_CLAIM
    ]
    assert wrong == []


@pytest.mark.parametrize("parser", [one for one in PARSERS.values() if one.name not in GENERIC], ids=lambda one: one.name)
def test_a_parser_claims_its_own_samples(parser: Parser) -> None:
    """Whole lines reach their parser without being declared; those of the broken samples may not."""
    missed = [
        (case, owner, text[:160])
        for case, text, owner in _owners(parser.name)
        if owner != parser.name and case not in BROKEN and (parser.name, str(owner)) not in MAY_CLAIM
    ]
    assert missed == []


@pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)
def test_no_two_parsers_of_one_rank_claim_a_line(parser: Parser) -> None:
    """Where two of the same rank claim a line, a change of a name would change who reads it."""
    mine = pl.Series("text", [text for _, text, owner in _owners(parser.name) if owner == parser.name], dtype=pl.String)
    rivals = [one for one in PARSERS.values() if one.signature.rank == parser.signature.rank and one.name != parser.name]
    everything = pl.Series([True]).new_from_index(0, mine.len())
    claimed = [
        (rival.name, mine.filter(claims(mine, everything, [rival]).is_not_null()).head(2).to_list())
        for rival in rivals
        if mine.len() and (parser.name, rival.name) not in MAY_CLAIM
    ]
    assert [(name, texts) for name, texts in claimed if texts] == []


#: Whose line → what a stranger can write into it. A login that fails with this name must stay a failed login.
QUOTED = {
    "linux_syslog": (
        "Nov 22 10:15:30 srv-a sshd[1]: Invalid user {} from 192.0.2.9 port 4",
        "<86>Nov 22 10:15:30 srv-a sshd[1]: Failed password for invalid user {} from 192.0.2.9 port 4 ssh2",
        "<38>1 2026-11-22T10:15:30+01:00 srv-a sshd 1 - - Invalid user {} from 192.0.2.9 port 4",
    ),
    "postfix": (
        "Nov 22 10:15:30 mx postfix/smtpd[1]: NOQUEUE: reject: RCPT from x[192.0.2.9]: 450 4.7.1: proto=ESMTP helo=<{}>",
    ),
    "dovecot": ("<22>Nov 22 10:15:30 mx dovecot: imap-login: Disconnected (auth failed): user=<{}>, rip=192.0.2.9",),
    "proxmox": ("Nov 22 10:15:30 pve1 pvedaemon[12]: authentication failure; rhost=192.0.2.9 user={} msg=no such user",),
    "web_access": (
        '192.0.2.9 - - [22/Nov/2026:10:15:30 +0100] "GET /?q={} HTTP/1.1" 404 12 "-" "curl/8.5"',
        '192.0.2.9 - - [22/Nov/2026:10:15:30 +0100] "GET / HTTP/1.1" 200 12 "-" "{}"',
    ),
    "squid": (
        "1795352701.123     45 192.0.2.9 TCP_MISS/200 1234 GET http://x.example/?q={} - HIER_DIRECT/198.51.100.7 text/html",
        "1795352701.123     45 192.0.2.9 TCP_MISS/200 1234 GET http://x.example/{} - HIER_DIRECT/198.51.100.7 text/html",
    ),
    "slapd": ('Nov 22 10:15:30 ldap slapd[9]: conn=1 op=0 BIND dn="{}" method=128',),
}


@pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)
@pytest.mark.parametrize("own", QUOTED)
def test_a_quoted_line_passes_nothing_off(own: str, parser: Parser) -> None:
    """The name somebody tries to log in with may be another product's whole line, or what follows its header."""
    lines = [text for _, text, owner in _owners(parser.name) if owner == parser.name != own]
    bare = [
        re.sub(r"^(?:<[0-9]+>)?(?:1 )?(?:[A-Z][a-z]{2} +[0-9]+ [0-9:]+|[0-9-]{10}T[^ ]+) [^ ]+ ", "", line) for line in lines
    ]
    forged = [form.replace("{}", _as_logged(own, text)) for form in QUOTED[own] for text in dict.fromkeys([*lines, *bare])]
    everything = pl.Series([True]).new_from_index(0, len(forged))
    claimed = claims(pl.Series("text", forged, dtype=pl.String), everything, list(PARSERS.values())).to_list()
    assert [(owner, line[:200]) for owner, line in zip(claimed, forged, strict=True) if owner != own] == []


def _as_logged(own: str, text: str) -> str:
    """Return a stranger's text as the program writes it: a proxy encodes blanks and quotes in an address."""
    return quote(text[:3000], safe=punctuation.replace('"', "")) if own == "squid" else text[:3000]
