r"""Asterisk 1.8 to 22 (FreePBX, XiVO, Wazo and others built on it): security events, messages, calls (``Master.csv``).

To send: in ``/etc/asterisk/logger.conf`` ``syslog.local3 => security,notice,warning,error`` (and, to see registrations and
dialled numbers, ``verbose``), ``logger reload``, and the system's syslog forwards ``local3``; or an agent that follows
``/var/log/asterisk/messages``, ``full`` and ``security``. Calls: ``cdr_csv`` (loaded by default) and an agent on
``/var/log/asterisk/cdr-csv/Master.csv``, with ``usegmtime=no``.

Reference: Asterisk documentation "Asterisk Security Event Logger", "Logging", "CDR Specification".

Security events give ``EventTV`` with its offset as the time; other lines are local and may have no year. A name somebody tries
to register with stands before the reason, which is matched from the end. Calls feed ``service: cdr``; their fields have the
names of the CDR specification, so that rules about toll fraud test ``src``, ``dst``, ``disposition`` and ``billsec``.

Messages are sentences, searched for twenty phrases: some 80,000 lines per CPU-second.

Not read: queue_log, AMI, CDR tables in a database (export them in the columns of ``Master.csv``).
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats.programs import Program, declared, program_events
from correlator.parse.formats.unwrap import header, unwrap
from correlator.parse.formats.values import by_dataset
from correlator.parse.times import to_utc, zone_of
from parsers.asterisk.calls import CALLS, DISPOSITIONS, as_calls
from parsers.asterisk.security import SECURITY, as_security
from parsers.asterisk.sentences import PHRASES

__all__ = ["PARSER"]

_MESSAGES = LogSource("asterisk", "", "messages")
_PROGRAM = Program(
    "asterisk.messages",
    (_MESSAGES,),
    phrases=PHRASES,
    says={"observer.vendor": "Sangoma", "observer.product": "Asterisk", "observer.type": "telephony"},
)
_LEVELS = "SECURITY|NOTICE|WARNING|ERROR|VERBOSE|DEBUG|DTMF|FAX"
_HEAD = (
    r"(?:\[(?P<stamp>[^\]\n]{8,32})\] )?(?P<level>" + _LEVELS + r")\[(?P<pid>[0-9]+)\]:?(?:\[(?P<call>C-[0-9a-f]{8})\])?:? "
    r"(?P<unit>[\w./-]+?)(?:\.c|\.conf|\.ael)?(?::(?P<number>[0-9]+))?:?(?: (?:in )?(?P<function>\w+))?: "
)
_LINE = rf"(?s)^\s*{_HEAD}(?P<text>.*)$"
_SECURITY_HEAD = {
    "stamp": pl.col("body").str.extract(r"^[ \t]*\[([^\]\n]{8,32})\] "),
    "pid": pl.col("body").str.extract(r"SECURITY\[([0-9]+)\]"),
    "text": pl.col("body"),
}
_BARE = r"(?s)^\s*(?:\[(?P<stamp>[^\]\n]{8,32})\] )?(?P<text>.*)$"
_STAMPS = ("%Y-%m-%d %H:%M:%S%.f", "%b %d %H:%M:%S%.f", "%b %d %H:%M:%S %Y", "%d/%m/%Y %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f%z")
_OPENS = rf"(?:\[[^\]\n]{{8,32}}\] )?(?:{_LEVELS})\[[0-9]+\]:?(?:\[C-[0-9a-f]{{8}}\])?:? [\w./-]+\.c\b"
_CALL = rf'"[^"]*",(?:"(?:[^"]|"")*",){{8}}"[^"]*",(?:"[^"]*")?,(?:"[^"]*")?,[0-9]+,[0-9]+,"(?:{DISPOSITIONS})","[A-Z_]+"'


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per security event, message or call."""
    lines = unwrap(raw).join(raw.select("raw_row", "received"), on="raw_row", how="left", maintain_order="left")
    zone, text = zone_of(raw), lines.get_column("body")
    is_call = text.str.contains(rf"^\s*{_CALL}")
    is_security = text.str.contains('SecurityEvent="', literal=True) & ~is_call
    is_message = ~is_call & ~is_security & (text.str.contains(rf"^\s*{_OPENS}") | lines.get_column("sent").is_not_null())
    frames: list[pl.DataFrame] = []
    if is_security.any():
        fields = as_security(lines.filter(is_security).with_columns(**_SECURITY_HEAD))
        is_told = not fields.get_column("moment").null_count()
        moment = pl.col("moment") if is_told else pl.coalesce(pl.col("moment"), _moment(zone))
        frames.extend(SECURITY.parsed(fields, moment, want, rest=fields.select(pl.col("^[A-Z].*$"))).events)
    if is_call.any():
        calls = as_calls(lines.filter(is_call))
        frames.extend(CALLS.parsed(calls, to_utc(pl.col("start"), _STAMPS[:1], zone=zone), want).events)
    if is_message.any():
        frames.extend(by_dataset(_messages(lines.filter(is_message), zone, want)))
    bad = lines.filter(~(is_call | is_security | is_message))
    return Parsed(tuple(frames), rejects_of(bad, Reason.MALFORMED), raw.clear().get_column("raw_row"))


def _opened(lines: pl.DataFrame, pattern: str) -> pl.DataFrame:
    """Return ``lines`` with what stands before the text; the text is the whole line where that is not known."""
    found = lines.get_column("body").str.extract_groups(pattern).struct.unnest()
    bare = lines.get_column("body").str.extract_groups(_BARE).struct.unnest()
    whole = lines.hstack(found).hstack(bare.select(pl.all().name.suffix(" bare")))
    return whole.with_columns(pl.coalesce(name, f"{name} bare").alias(name) for name in ("stamp", "text"))


def _moment(zone: str) -> pl.Expr:
    written = to_utc(pl.col("stamp"), _STAMPS, zone=zone, received=pl.col("received"))
    return pl.when(pl.col("stamp").is_null()).then(pl.coalesce("sent", "received")).otherwise(pl.coalesce(written, "sent"))


def _messages(lines: pl.DataFrame, zone: str, want: frozenset[str] | None) -> pl.DataFrame:
    opened = _opened(lines, _LINE)
    said = opened.select(
        "raw_row",
        "text",
        _moment(zone).alias("moment"),
        pl.col("sender").alias("syslog.host"),
        pl.col("pid").alias("syslog.pid"),
    )
    events = program_events(said, _PROGRAM, want)
    level = opened.select("raw_row", pl.col("level").str.to_lowercase().alias("log.level"), pl.col("unit").alias("log.logger"))
    return events.join(level, on="raw_row", how="left", maintain_order="left")


PARSER = Parser(
    name="asterisk",
    log_sources=(LogSource("asterisk", "", "security"), _MESSAGES, LogSource("asterisk", "", "cdr")),
    signature=Signature(
        pattern=rf"{header()}(?:{_OPENS}|{_CALL})|{header('asterisk')}",
        rank=10,
        tags=("asterisk",),
        any_of=(rf"(?:{_LEVELS})\[[0-9]+\]", "asterisk", rf'"(?:{DISPOSITIONS})"'),
        any_text=("asterisk", "]", '","'),
    ),
    maturity=Maturity.PROVED,
    fields={**declared([_PROGRAM]), **SECURITY.declared("*"), **CALLS.declared("log.level", "log.logger")},
    parse=_parse,
)
