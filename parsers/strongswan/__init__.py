r"""strongSwan (``charon`` 5.x, 6.x; OPNsense and pfSense use it) and Libreswan (``pluto``): who opens IPsec tunnels.

How to send it here: ``charon`` writes to syslog (``daemon``) by itself; in ``strongswan.conf`` ``charon { syslog { daemon {
default = 1 ike_name = yes } } }`` says which connection each line is about. A ``filelog`` that a forwarder follows is read
too. OPNsense: *System > Settings > Logging > Remote*, application ``charon``; pfSense: *VPN Events*.

Reference: strongSwan documentation, "Logger Configuration"; Libreswan, ``ipsec.conf(5)`` (``plutodebug``). Not read: levels
2 to 4 (dumps of packets and keys; the lines are kept, tagged ``phrase_unknown``), the vici protocol.

``source.ip`` is the peer and ``destination.ip`` this end, whichever way a packet went; ``user.name`` is the peer's identity,
which may be a distinguished name; ``client.ip`` the address given in the tunnel. Bytes: ``source.bytes`` came from the peer
(``_i``).

About 90,000 lines per CPU-second, not 200,000: a syslog header is read first, then sentences are tried in turn.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats.programs import Program, declared, read_programs
from correlator.parse.formats.tagged import tagged
from parsers.strongswan.sentences import CHARON, PLUTO

__all__ = ["PARSER"]

_VPN, _LIBRESWAN = LogSource("strongswan", "", "charon"), LogSource("libreswan", "", "pluto")
_GROUPS = "MGR|CFG|IKE|CHD|NET|ENC|JOB|KNL|LIB|TNC|DMN|ASN|ESP|TLS|APP|PTS|IMC|IMV"
_THREAD = rf"[0-9]{{2}}\[(?:{_GROUPS})[0-9]?\] "
_FILE = rf"^\s*{_THREAD}"
_STAMPED = rf"^\s*[A-Z][a-z]{{2}} {{1,2}}[0-9]{{1,2}} [0-9:]{{8}}(?:\.[0-9]+)? {_THREAD}"
_PRINTED = (
    rf"(?s)^\s*(?P<thread>[0-9]{{2}})\[(?P<group>{_GROUPS})[0-9]?\] "
    r"(?:<(?:(?P<connection>[^|>]{1,128})\|)?(?P<id>[0-9]+)> )?(?P<said>.*)$"
)
_CHARON = ("charon", "charon-systemd", "charon-nm", "charon-cmd", "ipsec", "ipsec_starter", "swanctl", "strongswan")


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line of charon or pluto."""
    return read_programs(raw, want, _PROGRAMS, file=_FILE, changed=_printed)


def _printed(lines: pl.DataFrame) -> pl.DataFrame:
    """Return the lines without the thread, the group and the connection that charon prints before a sentence."""
    printed = lines.get_column("text").str.extract_groups(_PRINTED).struct.unnest()
    is_file = pl.col("program").is_null() & pl.lit(printed.get_column("thread").is_not_null())
    return lines.with_columns(
        pl.when(is_file).then(pl.lit("charon")).otherwise("program").alias("program"),
        pl.coalesce(pl.lit(printed.get_column("said")), "text").str.strip_chars_end("\r\n ").alias("text"),
        printed.get_column("group").alias("strongswan.group"),
        printed.get_column("connection").alias("network.name"),
        printed.get_column("id").alias("session.id"),
    )


_SAYS = {"observer.vendor": "strongSwan", "observer.product": "strongSwan", "observer.type": "vpn"}
_MAKES = {"observer.name": pl.col("host.name")}
_PROGRAMS = (
    Program(
        "strongswan.charon",
        (_VPN,),
        _CHARON,
        CHARON,
        says=_SAYS,
        keeps=("strongswan.group", "network.name", "session.id"),
        makes=_MAKES,
    ),
    Program(
        "libreswan.pluto",
        (_LIBRESWAN,),
        ("pluto",),
        PLUTO,
        says=_SAYS | {"observer.vendor": "Libreswan", "observer.product": "Libreswan"},
        makes=_MAKES,
    ),
)

PARSER = Parser(
    name="strongswan",
    log_sources=(_VPN, _LIBRESWAN),
    signature=Signature(
        pattern=rf"{tagged('charon(?:-systemd|-nm|-cmd)?', 'pluto', 'ipsec_starter', 'swanctl', 'ipsec')}|{_FILE}|{_STAMPED}",
        rank=30,
        tags=("charon", "charon-systemd", "pluto"),
        any_text=("charon", "pluto", "ipsec", "swanctl", *(f"[{group}" for group in _GROUPS.split("|"))),
    ),
    maturity=Maturity.PROVED,
    fields=declared(_PROGRAMS),
    parse=_parse,
)
