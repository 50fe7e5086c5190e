"""Syslog: the envelope around a message, in the forms that really arrive.

Read: RFC 3164 with and without PRI, host, tag, year, fraction, zone word, Cisco sequence number; French month names;
RFC 5424 with structured data, BOM and its usual near misses; rsyslog's ISO form; an octet count left in front; a second
header put by a relay (the inner one, nearest to the sender, wins).
"""

import polars as pl

from correlator.parse.times import epoch, to_utc, zone_of

__all__ = ["ENVELOPE", "ZONES", "envelope", "moments"]

#: The columns ``envelope`` adds.
ENVELOPE = pl.Schema(
    {
        "syslog.priority": pl.Int64(),
        "syslog.stamp": pl.String(),  # the time as it was written; null: the header has none
        "syslog.timestamp": pl.Datetime("us", "UTC"),  # null with a stamp: the time cannot be read
        "syslog.host": pl.String(),
        "syslog.app": pl.String(),
        "syslog.pid": pl.String(),
        "syslog.msgid": pl.String(),
        "syslog.sd": pl.String(),
        "syslog.body": pl.String(),
    }
)

_LAST_PRIORITY = 191
_PARTS = tuple(name.removeprefix("syslog.") for name in ENVELOPE if name not in {"syslog.priority", "syslog.timestamp"})
_OPENING = r"(?s)^\x{feff}?(?:(?:\d{1,6} )?<(?P<priority>\d{1,3})>)?(?P<after>.*)$"

_CLOCK = r"\d{1,2}:\d\d:\d\d(?:[.,]\d{1,9})?"
_ISO = r"\d{4}-\d\d-\d\d(?:T|[ ]{1,2})\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:[ ]?(?:Z|[+-]\d\d:?\d\d))?"
_EPOCH = r"\d{10}\.\d{1,9}|\d{13}"  # after a version digit only (Meraki)
_BSD = r"(?:\d{4}[ ])?[A-Za-zéûÉÛ]{3,9}\.?[ ]{1,2}\d{1,2}[ ](?:\d{4}[ ])?" + _CLOCK + r"(?:[ ]\d{4})?"

# PRI is required for the form without version, else too many plain sentences would look like it.
_SD = r'-|(?:\[[^\s="\]]{1,128}(?:[ ][^\s="\]]+="(?:[^"\\]|\\.)*")*[ ]?\])+'
_RFC5424 = (
    r"(?s)^[ ]?(?P<version>1[ ]+)?(?P<stamp>-|" + _ISO + r")Z?[ ]+(?P<host>\S+)[ ]+(?P<app>[^\s:\[]+)[ ]+"
    r"(?P<pid>\S+)[ ]+(?P<msgid>\S+)(?:[ ]+(?P<sd>" + _SD + r"))?(?:[ ]+(?P<body>.*))?$"
)

#: The zone words that mean one offset in Europe; others (IST, CST, BST) are ambiguous and leave the source's zone.
ZONES = {"UTC": "+0000", "GMT": "+0000", "WET": "+0000", "CET": "+0100", "MET": "+0100", "WEST": "+0100"} | {
    "CEST": "+0200", "MEST": "+0200", "EET": "+0200", "EEST": "+0300",
}  # fmt: skip
_STAMPED = (
    r"(?s)^[: ]{0,3}(?:\d{1,10}:[ ])?[*.]?(?P<version>1[ ]+)?(?P<stamp>" + _ISO + "|" + _BSD + "|" + _EPOCH + r")Z?"
    r"(?:[ ](?P<zone>[A-Z]{1,4}T|UTC))?(?::[ ]+|[ ]+)(?P<rest>.*)$"
)

_SEVERITY = r"(?i:debug|info|notice|warning|warn|err|error|crit|critical|alert|emerg)"
_TAG = r"(?P<app>[A-Za-z_(/-][\w./()@+~-]{0,63})"
_HOST = r"(?P<host>[A-Za-z0-9_](?:[\w.:%/@-]*\w)?)"
_TAGGED = (
    r"(?s)^[ ]*(?:" + _HOST + r"[ ]+)?(?P<from_tag>(?:" + _SEVERITY + r"[ ]+)?" + _TAG + r"(?:\[(?P<pid>[^\]\s]{1,24})\]"
    r"(?:[ ]<\w+>)?:?|(?:[ ]<\w+>)?:)(?:[\s\x{feff}]+(?P<body>.*))?)$"
)
_HOSTED = r"(?s)^[ ]*" + _HOST + r"(?::?[ ]+(?P<body>.*))?$"
_LEVELS = ("EMERG", "ALERT", "CRIT", "ERR", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG")
_LEVEL_AS_HOST = f"^(?:{'|'.join(_LEVELS)})$"  # ChromeOS: no host, a level instead

# What nearly every line is: a header as syslogd and rsyslog write it, with nothing in it that the expressions above could take
# for something else (a host that might be a year or a zone word, a tag in brackets, a body that begins with white space).
_PLAIN_STAMP = (
    r"[A-Z][a-z]{2}[ ]{1,2}[0-9]{1,2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?: [0-9]{4})?"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_PLAIN = (
    r"(?s)^(?:<(?P<priority>[0-9]{1,3})>)?(?P<stamp>" + _PLAIN_STAMP + r") "
    r"(?P<host>[a-z_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?|[A-Z][A-Za-z0-9_.-]{4,}[A-Za-z0-9_]) "
    r"(?P<app>[A-Za-z_/][A-Za-z0-9_./@+-]{0,63})(?:\[(?P<pid>[0-9]{1,24})\])?: (?P<body>[!-~].*)$"
)
#: The same of RFC 5424 without structured data.
_PLAIN5424 = (
    r"(?s)^<(?P<priority>[0-9]{1,3})>1 (?P<stamp>" + _PLAIN_STAMP.partition("|")[2] + r") (?P<host>[!-~]{1,255}) "
    r"(?P<app>[!-9;-Z\\-~]{1,64}) (?P<pid>[!-~]{1,128}) (?P<msgid>[!-~]{1,64}) - (?P<body>[!-~].*)$"
)
#: The same of a format that has no tag, for it names itself.
_PLAIN_CARRIED = (
    r"(?s)^(?:<(?P<priority>[0-9]{1,3})>)?(?P<stamp>" + _PLAIN_STAMP + r") "
    r"(?P<host>[a-z_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?|[A-Z][A-Za-z0-9_.-]{4,}[A-Za-z0-9_]) (?P<body>(?:CEF|LEEF):[0-9].*)$"
)

_INNER = r"^(?:<\d{1,3}>(?:1[ ]+)?)?(?:" + _ISO.replace("(?:T|[ ]{1,2})", "T") + "|" + _BSD + r")[ :]"

# Tags that open a format of their own: the message starts with them.
_CARRIED = ("CEF", "LEEF")

# Which layout reads which stamp; a layout costs a pass, so only those seen in the batch are tried.
_LAYOUTS = (
    (r"^[^0-9 ]+\.? +\d{1,2} \d{1,2}:\d\d:\d\d[.\d]*$", "%b %d %H:%M:%S%.f"),
    (r"^\d{4}-\S+[+Z-][\d:]*$", "%Y-%m-%dT%H:%M:%S%.f%z"),
    (r"^\d{4}-[^+Z]+$", "%Y-%m-%dT%H:%M:%S%.f"),
    (r"^[^0-9 ]+\.? +\d{1,2} \d{1,2}:\d\d:\d\d[.\d]* [+-]\d{4}$", "%b %d %H:%M:%S%.f %z"),
    (r"^[^0-9 ]+\.? +\d{1,2} \d{4} [:.\d]+$", "%b %d %Y %H:%M:%S%.f"),
    (r"^[^0-9 ]+\.? +\d{1,2} \d{4} [:.\d]+ [+-]", "%b %d %Y %H:%M:%S%.f %z"),
    (r"^\d{4} [^0-9 ]+\.? +\d{1,2} [:.\d]+$", "%Y %b %d %H:%M:%S%.f"),
    (r"^\d{4} [^0-9 ]+\.? +\d{1,2} [:.\d]+ [+-]", "%Y %b %d %H:%M:%S%.f %z"),
    (r"^[^0-9 ]+\.? +\d{1,2} \d{1,2}:[:.\d]+ \d{4}$", "%b %d %H:%M:%S%.f %Y"),
)
_PLAIN_LAYOUTS = (
    (r"^[A-Z][a-z]{2} {1,2}[0-9]{1,2} [0-9]{2}:[0-9]{2}:[0-9]{2}$", _LAYOUTS[0][1]),
    (r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(?:Z|[+-][0-9]{2}:[0-9]{2})$", _LAYOUTS[1][1]),
)
_FEW = 64  # so many stamps are read as they come


def envelope(raw: pl.DataFrame) -> pl.DataFrame:
    """Return ``raw`` plus the columns of ``ENVELOPE``, same rows in the same order.

    Needs columns ``text`` and ``received`` (UTC; gives the missing year); local times are of ``raw``'s ``time_zone``.
    A text without envelope has its whole text as body and null everywhere else; a relay's header is replaced by the one
    it carried.
    """
    outer = _read(raw.get_column("text"))
    carried = outer.get_column("app").is_null() & outer.get_column("body").str.contains(_INNER).fill_null(value=False)
    if carried.any():
        outer = _unwrap(outer, carried)
    parts = outer.with_columns(moments(outer.get_column("stamp"), raw.get_column("received"), zone_of(raw)))
    return raw.hstack(parts.select(pl.col(name.removeprefix("syslog.")).alias(name) for name in ENVELOPE))


def _read(text: pl.Series) -> pl.DataFrame:
    """Return one column per part of the header, text but the priority; ``body`` is never null where ``text`` is not."""
    left, found = text.str.strip_chars_end("\r\n\0").to_frame("text").with_row_index("row"), []
    for pattern in (_PLAIN, _PLAIN5424, _PLAIN_CARRIED):
        parts = _groups(left.get_column("text"), pattern)
        is_sure = parts.get_column("body").is_not_null() & ~parts.get_column("host").is_in(_LEVELS)
        is_plain = is_sure.fill_null(value=False)
        if "app" in parts.columns:
            is_plain &= (~parts.get_column("app").is_in(_CARRIED)).fill_null(value=False)
        if is_plain.any():
            found.append(_plain_parts(parts).with_columns(left.get_column("row")).filter(is_plain))
            left = left.filter(~is_plain)
        if left.is_empty():
            break
    if not found:
        return _read_any(left.get_column("text"))
    if left.height:
        found.append(_read_any(left.get_column("text")).with_columns(left.get_column("row")).select(found[0].columns))
    whole = pl.concat(found)
    return (whole if len(found) == 1 else whole.sort("row")).drop("row")


def _plain_parts(parts: pl.DataFrame) -> pl.DataFrame:
    """Return the parts that a plain header has, those it never has as nulls; a nil value is null."""
    absent = [pl.lit(None, pl.String).alias(name) for name in _PARTS if name not in parts.columns]
    nil = [pl.when(pl.col(name) != "-").then(pl.col(name)).alias(name) for name in ("host", "app", "pid", "msgid")]
    return parts.with_columns(absent).with_columns(nil).select(*_PARTS, _priority())


def _priority() -> pl.Expr:
    number = pl.col("priority").cast(pl.Int64, strict=False)
    return pl.when(number <= _LAST_PRIORITY).then(number).alias("priority")


def _read_any(text: pl.Series) -> pl.DataFrame:
    """Return what ``_read`` does, of headers in any form."""
    opened = _groups(text, _OPENING)
    after, has_priority = opened.get_column("after"), opened.get_column("priority").is_not_null()
    modern = _modern(after, has_priority)
    is_modern = modern.get_column("is_read")
    classic = _classic(after.set(is_modern.fill_null(value=False), None), has_priority)
    return pl.select(
        opened.select(_priority()).to_series(),
        *(pl.when(is_modern).then(modern.get_column(name)).otherwise(classic.get_column(name)).alias(name) for name in _PARTS),
    )


def _groups(text: pl.Series, pattern: str) -> pl.DataFrame:
    return text.str.extract_groups(_ascii(pattern)).struct.unnest()


def _ascii(pattern: str) -> str:
    """Return ``pattern`` with ASCII classes: Unicode ones cost three to four times as much, and headers are ASCII."""
    return pattern.replace(r"\d", "[0-9]").replace(r"\w", "[0-9A-Za-z_]").replace(r"\s", r"[ \t\r\n]")


def _modern(after: pl.Series, has_priority: pl.Series) -> pl.DataFrame:
    """Return the parts of RFC 5424 messages; null rows where it is something else; nil values are null."""
    parts = _groups(after, _RFC5424)
    has_sd, has_version = pl.col("sd").is_not_null(), pl.col("version").is_not_null()
    read = has_version | (has_sd & pl.lit(has_priority))
    names = ("stamp", "host", "app", "pid", "msgid", "sd")
    values = (pl.when(pl.col(name) != "-").then(pl.col(name)).alias(name) for name in names)
    body = pl.col("body").fill_null("").str.strip_chars_start("\ufeff ")
    shown = parts.with_columns(*values, body)
    is_read = pl.lit(parts.select(read).to_series()).alias("is_read")
    return shown.select(is_read, pl.when(is_read).then(pl.exclude("version")).name.keep())


def _classic(after: pl.Series, has_priority: pl.Series) -> pl.DataFrame:
    """Return the parts of RFC 3164 messages and their variants."""
    stamped = _groups(after, _STAMPED)
    has_stamp = stamped.select(_is_header(pl.col("stamp"), pl.lit(has_priority), pl.col("version"))).to_series()
    offset = pl.col("zone").replace_strict(ZONES, default=None)
    stamp = pl.when(has_stamp).then(pl.concat_str("stamp", offset.fill_null(""), separator=" ").str.strip_chars_end())
    rest = pl.select(pl.when(has_stamp).then(stamped.get_column("rest")).when(has_priority).then(after)).to_series()
    tagged = _groups(rest, _TAGGED)
    is_tag = (tagged.get_column("app").is_not_null() & ~tagged.get_column("app").is_in(_CARRIED)).fill_null(value=False)
    hosted = _groups(rest.set(~has_stamp | is_tag, None), _HOSTED)
    host = pl.coalesce(tagged.get_column("host"), pl.when(~is_tag).then(hosted.get_column("host")))
    plain = pl.coalesce(tagged.get_column("from_tag"), hosted.get_column("body"), rest).str.strip_chars_start(" ")
    body = pl.when(is_tag).then(tagged.get_column("body").fill_null("")).otherwise(pl.coalesce(plain, after))
    return stamped.select(
        stamp.alias("stamp"),
        pl.when(~host.str.contains(_LEVEL_AS_HOST)).then(host).alias("host"),
        pl.when(is_tag).then(tagged.get_column("app")).alias("app"),
        pl.when(is_tag).then(tagged.get_column("pid")).alias("pid"),
        *(pl.lit(None, pl.String).alias(name) for name in ("msgid", "sd")),
        body.alias("body"),
    )


def _is_header(stamp: pl.Expr, has_priority: pl.Expr, version: pl.Expr) -> pl.Expr:
    """Say whether a stamp opens a syslog header; without PRI "2026-11-22 14:05:01" opens an application's own log line."""
    has_blank, is_epoch = stamp.str.contains(r"^\d{4}-\d\d-\d\d "), stamp.str.contains(r"^\d{10}")
    return (~(has_blank & ~has_priority) & ~(is_epoch & version.is_null())).fill_null(value=False)


def _unwrap(outer: pl.DataFrame, carried: pl.Series) -> pl.DataFrame:
    """Return ``outer`` with the header a relay carried in place of the relay's own."""
    inner = _read(outer.get_column("body").set(~carried, None))
    is_read = inner.get_column("host").is_not_null()
    return pl.select(
        pl.coalesce(pl.when(is_read).then(inner.get_column("priority")), outer.get_column("priority")).alias("priority"),
        *(
            pl.when(is_read).then(inner.get_column(name)).otherwise(outer.get_column(name)).alias(name)
            for name in outer.columns
            if name != "priority"
        ),
    )


def moments(stamps: pl.Series, received: pl.Series, zone: str) -> pl.Series:
    """Return the moments of ``stamps`` as headers write them, as ``timestamp``; a second of a busy log is read once."""
    written = pl.DataFrame([stamps.alias("stamp"), received.alias("received")])
    distinct = written.unique(maintain_order=True) if stamps.len() > _FEW else written
    if distinct.height > stamps.len() // 2:
        return _moments(stamps, received, zone)
    read = distinct.with_columns(_moments(distinct.get_column("stamp"), distinct.get_column("received"), zone))
    joined = written.join(read, on=["stamp", "received"], how="left", nulls_equal=True, maintain_order="left")
    return joined.get_column("timestamp")


def _moments(stamps: pl.Series, received: pl.Series, zone: str) -> pl.Series:
    for shape, layout in _PLAIN_LAYOUTS:
        if stamps.str.contains(shape).all():
            read = to_utc(pl.lit(stamps), (layout,), zone=zone, received=pl.lit(received))
            return pl.select(read.alias("timestamp")).to_series()
    stamp = stamps.str.replace(",", ".", literal=True).str.replace(r"^([0-9]{4}-[0-9]{2}-[0-9]{2}) +", "${1}T")
    stamp = stamp.str.replace(r"^([0-9]{4}-[^ ]+) ([+Z-])", "${1}${2}")
    layouts = tuple(layout for shape, layout in _LAYOUTS if stamp.str.contains(_ascii(shape)).any())
    unix, written = epoch(pl.lit(stamp)), to_utc(pl.lit(stamp), layouts, zone=zone, received=pl.lit(received))
    return pl.select(pl.coalesce(written, unix).alias("timestamp")).to_series()
