"""LockSelf (LockPass, LockTransfer, LockFiles): who signs in, reads, copies, shares or exports a secret, and who administers.

Sent here with *Administration › Logs › SIEM export* (syslog) of the organisation's space, or from the export of the activity
log. There is no public field reference: JSON, CEF and ``key=value`` behind a syslog header are read, names by a table of
synonyms in English and French, what happened by its words (``secret_read``, ``secret_share``, ``secret_export``,
``bastion_login``, ``admin_change``). Own fields are kept under their names; the secret itself never stands in the log. The
first real lines decide: please send us some. Not read: plain sentences are events whose action their words decide, no field is
taken out of them. About 60,000 lines a second of a CPU: each line is asked what it is written in.
"""

import polars as pl

from correlator.parse.contract import Maturity, Parsed, Parser
from correlator.parse.formats.loose import Loose

__all__ = ["PARSER"]

_LOOSE = Loose(
    "lockself",
    "LockSelf",
    "LockPass",
    "vault",
    service="vault",
    tags="(?i:lockself|lockpass|locktransfer|lockfiles)[A-Za-z0-9_-]{0,24}",
    marks=("LockSelf", "Lockself", "lockself", "LOCKSELF", "LockPass", "lockpass", "LockTransfer", "LockFiles"),
    texts=("ockself", "ockSelf", "OCKSELF", "ockpass", "ockPass", "ocktransfer", "ockTransfer", "ockfiles", "ockFiles"),
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line."""
    return _LOOSE.read(raw, want)


PARSER = Parser(
    name="lockself",
    log_sources=_LOOSE.log_sources,
    signature=_LOOSE.signature,
    maturity=Maturity.UNPROVED,
    fields=_LOOSE.making.declared("*"),
    parse=_parse,
    required=("event.action",),
)
