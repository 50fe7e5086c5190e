"""Rubycat PROVE IT (bastion): sign-ins, sessions to targets, commands and files that go through it, changes by administrators.

Sent here with the syslog export of its administration pages (*Configuration › Supervision › Syslog*). There is no public field
reference: JSON, CEF and ``key=value`` behind a syslog header are read, names by a table of synonyms in English and French, what
happened by its words (``bastion_login``, ``bastion_session_start``, ``bastion_session_end``, ``bastion_command``,
``bastion_file_transfer``, ``admin_change``). Own fields are kept under their names. The first real lines decide: please send us
some. Not read: plain sentences are events whose action their words decide, no field is taken out of them. About 60,000 lines a
second of a CPU: each line is asked what it is written in.
"""

import polars as pl

from correlator.parse.contract import Maturity, Parsed, Parser
from correlator.parse.formats.loose import Loose

__all__ = ["PARSER"]

_LOOSE = Loose(
    "rubycat",
    "Rubycat",
    "PROVE IT",
    "bastion",
    service="session",
    tags="(?i:rubycat|prove-?_?it)[A-Za-z0-9_-]{0,24}",
    marks=("Rubycat", "RUBYCAT", "rubycat", "PROVE IT", "Prove IT", "prove-it", "proveit"),
    texts=("ubycat", "UBYCAT", "rove", "ROVE"),
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line."""
    return _LOOSE.read(raw, want)


PARSER = Parser(
    name="rubycat",
    log_sources=_LOOSE.log_sources,
    signature=_LOOSE.signature,
    maturity=Maturity.UNPROVED,
    fields=_LOOSE.making.declared("*"),
    parse=_parse,
    required=("event.action",),
)
