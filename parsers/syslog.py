"""Syslog of whatever has no parser of its own: RFC 3164, RFC 5424 and rsyslog's ISO form, from any device or program.

Its last place in the order is the point of it: nothing that has a header is lost, and nothing is taken for what it is not.
The header is read (time, host, program, process, facility, severity; see ``correlator/parse/formats/syslog.py`` for the forms),
RFC 5424's structured data is ``structured_data``, as it was written, and ``message`` is the unsplit rest for full-text search.

Send it here as any syslog: UDP, TCP or TLS to a listener, or a file. Such a line feeds only rules for ``service: syslog``
without a product: a switch is no Linux server. A source whose lines *are* those of a Linux server can say so with
``parser = "linux_syslog"``. A product that matters deserves a parser; ``tocsin parsers try FILE`` shows what it wrote.

Not read: what the message means. A record without any syslog header is not claimed.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats.programs import Program, declared, program_events
from correlator.parse.formats.syslog import envelope
from correlator.parse.formats.values import by_dataset

__all__ = ["PARSER"]

_SYSLOG = LogSource("", "", "syslog")
_ANYTHING = Program("syslog.message", (_SYSLOG,))
_DATA = "structured_data"

_HEADER = r"^\x{feff}?(?:[0-9]{1,6} )?<[0-9]{1,3}>"
_BSD = r"^[A-Za-zéûÉÛ]{3,9}\.? {1,2}[0-9]{1,2} (?:[0-9]{4} )?[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?(?: [0-9]{4})?:? "
_ISO = (
    r"^(?:1 )?[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?(?:Z|[+-][0-9]{2}:?[0-9]{2})? "
    r"[A-Za-z0-9_.:-]+ [A-Za-z0-9_./()@+-]+(?:\[[^\] ]{1,24}\]:?|:)(?: |$)"
)
_SURE = (
    r"<[0-9]{1,3}>|[A-Z][a-z]{2} {1,2}[0-9]{1,2} [0-9]{2}:[0-9]{2}:[0-9]{2} |"
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2}) "
    r"[A-Za-z0-9_.:-]+ [A-Za-z0-9_./()@+-]+(?:\[[0-9]{1,24}\])?: "
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line that has a header."""
    opened = envelope(raw)
    headed = pl.any_horizontal(pl.col("syslog.priority", "syslog.stamp", "syslog.host", "syslog.app").is_not_null())
    time = pl.coalesce("syslog.timestamp", pl.when(pl.col("syslog.stamp").is_null()).then("received"))
    lines = opened.filter(headed).with_columns(time.alias("moment"), text="syslog.body")
    events = program_events(lines, _ANYTHING, want)
    if want is None or _DATA in want:
        events = events.join(lines.select("raw_row", pl.col("syslog.sd").alias(_DATA)), on="raw_row", maintain_order="left")
    return Parsed(by_dataset(events), rejects_of(opened.filter(~headed), Reason.MALFORMED), raw.clear().get_column("raw_row"))


PARSER = Parser(
    name="syslog",
    log_sources=(_SYSLOG,),
    signature=Signature(pattern=f"{_HEADER}|{_BSD}|{_ISO}", rank=80, sure=_SURE),
    maturity=Maturity.PROVED,
    fields=declared((_ANYTHING,), _DATA),
    parse=_parse,
)
