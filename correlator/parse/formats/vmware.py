"""Lines as VMware's daemons write them, in a file, over syslog as ESXi 6 to 8 send it, or forwarded by vCenter's rsyslog.

Before the sentence stand up to two times (the inner one is the daemon's), a level as a word or as ``In(166)``, the daemon with
its process, and ``[Originator@6876 sub=… opID=… user=…]``. Lines of one message over several packets begin with ``-->``.
"""

import polars as pl

from correlator.parse.formats.syslog import envelope
from correlator.parse.times import to_utc

__all__ = ["CONTINUED", "FILE_LEVEL", "STAMP", "STARTS", "TASK", "opened"]

#: A time as these daemons write it.
STAMP = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
#: Level and facility before the daemon in the files of ESXi 8.
FILE_LEVEL = r"(?:In|Wa|Er|Db|No|Cr|Al|Em)\([0-9]{1,3}\)"
#: Where a message begins: a line that continues one has ``-->``, with or without a header of its own before it.
STARTS = r"^(?:[^\s<-]|<[0-9])(?:[^-]|-[^-]|--+[^->])*-*$"
#: A text that only continues the message before it.
CONTINUED = r"^-->"
#: A long-running operation of hostd, vpxa or vpxd: what was asked of which manager.
TASK = (
    r"^\[VpxLRO\] -- (?P<vmware.step>BEGIN|FINISH|ERROR)(?: (?P<vmware.task>[A-Za-z]*lro-[0-9]+|task-[0-9A-Za-z-]+))?"
    r"(?: -- (?P<vmware.manager>[^ ]*) -- (?P<vmware.method>[^ ]+))?(?: -- .*)?$"
)

_LEVELS = "trivia|verbose|debug|info|warning|error|critical|panic"
_OPENING = (
    r"(?s)^(?:(?:In|Wa|Er|Db|No|Cr|Al|Em)\((?P<priority>[0-9]{1,3})\) +"
    r"(?:(?P<tag>[A-Za-z][A-Za-z0-9_.-]*)(?:\[(?P<tag_pid>[0-9A-Fa-f]+)\])?: *)?)?"
    r"(?:(?P<stamp>" + STAMP + r") +)?(?:(?P<level>" + _LEVELS + r") +)?"
    r"(?:(?P<app>[A-Za-z][A-Za-z0-9_.-]*)\[(?P<pid>[0-9A-Fa-f]+)\]:? +)?"
    r"(?:\[Originator@6876(?P<origin>[^\]]*)\] ?)?(?P<sentence>.*)$"
)
#: What a body begins with that has something before its sentence.
_OPENS = r"^(?:[A-Z][a-z]\([0-9]|[0-9]{4}-|(?:" + _LEVELS + r") |[A-Za-z][A-Za-z0-9_.-]*\[[0-9A-Fa-f]+\]:? |\[Originator@6876)"
_OF_A_PACKET = r"\n[^\n]{0,200}?-->[ \t]?"
_LAYOUTS = ("%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f")


def opened(raw: pl.DataFrame) -> pl.DataFrame:
    """Return ``raw`` with the columns of ``syslog.ENVELOPE``, ``text`` (the sentence), ``program`` (lower case) and ``moment``.

    Also ``level``, ``sub``, ``operation`` and ``actor``: what the daemon says of itself before the sentence.
    """
    lines = envelope(raw.with_columns(pl.col("text").str.replace_all(_OF_A_PACKET, "\n")))
    is_level = pl.col("syslog.host").is_in(_LEVELS.split("|")).fill_null(value=False)
    is_kernel = pl.col("syslog.app").is_null() & pl.col("syslog.host").str.contains(r"^cpu[0-9]+:[0-9]+$")
    body = pl.when(is_kernel).then(pl.concat_str("syslog.host", "syslog.body", separator=" ")).otherwise("syslog.body")
    lines = lines.with_columns(body.alias("syslog.body"), pl.when(~is_kernel | is_kernel.is_null()).then("syslog.host"))
    bodies = lines.get_column("syslog.body")
    said = bodies.set(~bodies.str.contains(_OPENS), None).str.extract_groups(_OPENING).struct.unnest()
    sentence = pl.coalesce("sentence", "syslog.body")
    whole = lines.hstack(said).with_columns(is_level.alias("is_level"), sentence.alias("sentence"))
    app = pl.coalesce("tag", "syslog.app", "app", _by_shape())
    origin = pl.col("origin")
    inner = to_utc(pl.col("stamp"), _LAYOUTS, zone="UTC")
    return whole.with_columns(
        app.alias("syslog.app"),
        app.str.to_lowercase().str.replace(r"^.*/", "").alias("program"),
        pl.coalesce("tag_pid", "pid", "syslog.pid").alias("syslog.pid"),
        pl.coalesce(pl.col("priority").cast(pl.Int64, strict=False), "syslog.priority").alias("syslog.priority"),
        pl.when(~pl.col("is_level")).then("syslog.host").alias("syslog.host"),
        pl.coalesce("level", pl.when("is_level").then("syslog.host")).alias("level"),
        pl.coalesce(inner, "syslog.timestamp", pl.when(pl.col("syslog.stamp").is_null()).then("received")).alias("moment"),
        pl.col("sentence").str.strip_chars().alias("text"),
        origin.str.extract(r"\bsub=(.*?)(?: (?:opID|user|item|reason|update)=.*)?$").alias("sub"),
        origin.str.extract(r"\bopID=([^ ]+)").alias("operation"),
        origin.str.extract(r"\buser=(.*)$").alias("actor"),
    )


def _by_shape() -> pl.Expr:
    """Return the daemon of a line that names none: files of ESXi 6 and 7 that hold one daemon's lines alone."""
    text = pl.col("sentence")
    return (
        pl.when(text.str.contains(r"^(?:[A-Z]+: )?cpu[0-9]+:"))
        .then(pl.lit("vmkernel"))
        .when(text.str.contains(r"^\s*\[[A-Za-z]*Correlator\]"))
        .then(pl.lit("vobd"))
    )
