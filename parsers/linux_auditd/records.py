"""Audit text → one row per ``key=value``: headers in all their wrappings, quotes, hexadecimal texts, enriched fields.

A value in quotes is what it says. A value without quotes that is all upper-case hexadecimal is an encoded text, but only in
the fields that hold texts: ``a0`` of a SYSCALL is a number.
"""

import polars as pl

from correlator.model.raw import UTC_TIME
from correlator.parse.formats.syslog import envelope
from correlator.parse.formats.values import by_distinct
from correlator.parse.times import epoch
from parsers.linux_auditd.numbers import SYSCALLS, TYPES

__all__ = ["is_argument", "pairs_of", "records_of"]

# An argument of EXECVE, whole or in parts.
_ARGUMENT = r"^a[0-9]{1,5}(?:\[[0-9]{1,5}\])?$"

_HEADER = (
    r"^(?P<before>.{0,300}?)(?:\bnode=(?P<node>\S+) +)?(?:\btype=(?P<type>[A-Z0-9_]+(?:\[[0-9]+\])?) +)?(?:msg=)?"
    r"\baudit\((?P<time>[0-9]+\.[0-9]+):(?P<serial>[0-9]+)\):(?P<body>.*)$"
)
# As auditd writes it, before anything else is looked for.
_PLAIN = r"^(?:node=(?P<node>[!-~]+) )?type=(?P<type>[A-Z0-9_]+) msg=audit\((?P<time>[0-9]+\.[0-9]+):[0-9]+\):(?P<body>.*)$"
_PARTS = ("before", "node", "type", "time", "body")
# journald's own form: the type in front, neither time nor serial.
_SHORT = r"^(?P<before>.{0,300}?\baudit(?:\[[0-9]+\])?: )(?P<type>[A-Z][A-Z_]{2,31}) (?P<body>\S.*)$"

_ENRICHED = r"(?:ARCH|SYSCALL|SADDR|ID|(?:OLD-|S)?AUID|(?:[EFSO]|FS)?[UG]ID)"
_TAIL = r"((?:" + _ENRICHED + r'=(?:"[^"]*"|\{[^}]*\}|[^ "{]+) *)+)$'
_NESTED = r"^([^\"']*?)msg='"
_PAIR = r"""[A-Za-z_][0-9A-Za-z_-]*(?:\[[0-9]+\])?=(?:"[^"]*"?|'[^']*'?|\{[^}]*\}?|[^ \t\r\n]*)"""
_OLD = "^[^\"']*old (?:auid|ses)=[^\"']*$"  # LOGIN before 2012: names of two words

# Well-formed UTF-8, two digits a byte: polars refuses a whole column for one byte that is not.
_H, _T = "[0-9A-F]", "[89AB][0-9A-F]"
_UTF8 = (
    f"^(?:[0-7]{_H}|(?:C[2-9A-F]|D{_H}){_T}|E0[AB]{_H}{_T}|E[1-9ABCEF]{_T}{_T}|ED[89]{_H}{_T}|"
    f"F0[9AB]{_H}{_T}{_T}|F[1-3]{_T}{_T}{_T}|F48{_H}{_T}{_T})+$"
)

_TEXTS = ("proctitle", "exe", "comm", "cwd", "name", "cmd", "acct", "key", "data", "path", "ocomm", "vm", "grp", "unit")


def records_of(raw: pl.DataFrame) -> pl.DataFrame:
    """Return one row per readable line: ``_row``, ``type``, ``_time``, ``_host``, ``body``; in the order of lines."""
    rows = raw.select(
        pl.col("raw_row").alias("_row"),
        "received",
        *(name for name in ("time_zone",) if name in raw.columns),
        text=pl.col("text").str.split("\n"),
    )
    lines = rows.explode("text").with_columns(pl.col("text").str.strip_chars_end("\r "))
    read = lines.hstack(_headers(lines.get_column("text")))
    sent = read.hstack(_carried(read))
    typed = sent.with_columns(
        by_distinct(pl.col("type"), _type, pl.String()), pl.coalesce(epoch(pl.col("time")), "sent").alias("_time")
    )
    known = typed.filter(pl.col("type").is_not_null() & pl.col("_time").is_not_null())
    return known.select("_row", "type", "_time", pl.coalesce("node", "host").alias("_host"), "body")


def _headers(text: pl.Series) -> pl.DataFrame:
    """Return ``before``, ``node``, ``type``, ``time`` and ``body`` of each line; most begin as auditd writes them."""
    plain = text.str.extract_groups(_PLAIN).struct.unnest().with_columns(before=pl.lit("")).select(_PARTS)
    is_plain = plain.get_column("body").is_not_null()
    if is_plain.all():
        return plain
    order = pl.concat([is_plain.arg_true(), (~is_plain).arg_true()]).arg_sort()
    return pl.concat([plain.filter(is_plain), _any_headers(text.filter(~is_plain))])[order]


def _any_headers(text: pl.Series) -> pl.DataFrame:
    """Return what ``_headers`` does, of headers in all their wrappings."""
    read = text.str.extract_groups(_HEADER).struct.unnest()
    short = text.str.extract_groups(_SHORT).struct.unnest()
    merged = [pl.coalesce(pl.col(name), short.get_column(name)).alias(name) for name in ("before", "type", "body")]
    return read.with_columns(merged).select(_PARTS)


def _carried(records: pl.DataFrame) -> pl.DataFrame:
    """Return ``host`` and ``sent`` of the syslog header in front of the records, null where there is none."""
    text = records.get_column("before").str.strip_chars()
    is_carried = (text != "").fill_null(value=False)
    bare = pl.DataFrame(schema={"host": pl.String, "sent": UTC_TIME})
    if not is_carried.any():
        return bare.clear(records.height)
    zone = [name for name in ("time_zone",) if name in records.columns]
    opened = envelope(records.select("received", *zone, text=text + " x").filter(is_carried))
    read = opened.select(host="syslog.host", sent="syslog.timestamp")
    if is_carried.all():
        return read
    order = pl.concat([is_carried.arg_true(), (~is_carried).arg_true()]).arg_sort()
    return pl.concat([read, bare.clear(records.height - read.height)])[order]


def _type(word: pl.Expr) -> pl.Expr:
    numbers = {str(number): name for number, name in TYPES.items()}
    bare = word.str.replace(r"^UNKNOWN\[([0-9]+)\]$", "$1")
    named = bare.replace_strict(numbers, default=None, return_dtype=pl.String)
    return pl.coalesce(named, pl.when(bare.str.contains(r"^[0-9]+$")).then(pl.lit("UNKNOWN_") + bare).otherwise(bare))


def pairs_of(records: pl.DataFrame) -> pl.DataFrame:
    """Return one row per field of ``records`` (which have ``_unit`` too): ``_row``, ``_unit``, ``type``, ``key``, ``value``."""
    flat = records.select("_row", "_unit", "type", _flat(records.get_column("body")))
    pairs = flat.with_columns(pl.col("body").str.extract_all(_PAIR)).explode("body").filter(pl.col("body").is_not_null())
    parts = pairs.get_column("body").str.splitn("=", 2).struct
    split = pairs.drop("body").with_columns(parts.field("field_0").alias("key"), parts.field("field_1").alias("value"))
    decoded = split.with_columns(_decoded(split).alias("value"))
    return pl.concat([decoded, _system_calls(decoded), _permissions(flat)])


def _flat(body: pl.Series) -> pl.Series:
    """Return the fields of each record on one level: the nested message opened, enriched fields set apart."""
    spaced = body.str.replace_all("\x1d", " ", literal=True).str.strip_chars()
    is_old = spaced.str.contains(_OLD)
    if is_old.any():
        dashed = spaced.str.replace_all("old (auid|ses)=", "old-$1=").str.replace_all("new (auid|ses)=", "$1=")
        spaced = spaced.zip_with(~is_old.fill_null(value=False), dashed)
    tail = spaced.str.extract(_TAIL, 1).fill_null("")
    front = pl.select(pl.lit(spaced).str.strip_suffix(pl.lit(tail)).str.strip_chars_end()).to_series()
    opened = front.str.replace(_NESTED, "$1")
    bare = opened.zip_with(opened == front, opened.str.strip_chars_end("'"))
    return (bare + " " + tail).str.strip_chars_end().alias("body")


def is_argument(pairs: pl.DataFrame) -> pl.Expr:
    """Say which pairs are arguments of a command; the names of a batch are few."""
    names = pairs.get_column("key").unique()
    return (pl.col("type") == "EXECVE") & pl.col("key").is_in(names.filter(names.str.contains(_ARGUMENT)).to_list())


def _decoded(pairs: pl.DataFrame) -> pl.Series:
    """Return values without their quotes, and encoded texts as text."""
    value = pl.col("value")
    is_quoted = value.str.starts_with('"') | value.str.starts_with("'")
    is_text = ~is_quoted & (pl.col("key").is_in(_TEXTS) | is_argument(pairs))
    bare = pl.when(is_quoted).then(value.str.strip_chars("\"'")).otherwise(value)
    bared = pairs.select("key", "value", bare.alias("bare"), is_text.alias("text"))
    places = bared.get_column("text").arg_true()
    found = bared[places].select("key", "value")
    is_hex = found.get_column("value").str.contains(r"^(?:[0-9A-F]{2})+$")
    encoded = found.filter(is_hex)
    words = _texts(encoded.get_column("value")).str.strip_chars("\0").str.split("\0")
    shown = encoded.select(pl.when(pl.col("key") == "proctitle").then(words.list.join(" ")).otherwise(words.list.join("")))
    values = bared.get_column("bare").scatter(places.filter(is_hex), shown.to_series()).alias("value")
    if not values.str.contains("\x01", literal=True).any():
        return values
    return values.str.strip_chars("\x01").str.replace_all("\x01", ",", literal=True)


def _texts(encoded: pl.Series) -> pl.Series:
    """Return hexadecimal texts decoded: UTF-8, else CP1252, which each distinct value passes through Python for."""
    is_utf8 = encoded.str.contains(_UTF8)
    text = encoded.set(~is_utf8, None).str.decode("hex").cast(pl.String)
    other = encoded.set(is_utf8, None)
    western = {value: bytes.fromhex(value).decode("cp1252", "replace") for value in other.drop_nulls().unique()}
    return text.zip_with(is_utf8.fill_null(value=False), other.replace_strict(western, default=None, return_dtype=pl.String))


def _system_calls(pairs: pl.DataFrame) -> pl.DataFrame:
    """Return a pair ``SYSCALL=<name>`` for each numbered system call; where the log names it itself, that pair comes first."""
    number = pl.col("value").filter(pl.col("key") == "syscall").first()
    arch = pl.col("value").filter(pl.col("key") == "arch").first().fill_null("c000003e").str.strip_prefix("0x")
    calls = pairs.filter(pl.col("type").is_in(["SYSCALL", "SECCOMP"])).group_by("_row", "_unit", "type", maintain_order=True)
    named = calls.agg(pl.concat_str(arch, number, separator=" ").alias("value"))
    name = pl.col("value").replace_strict(SYSCALLS, default=None, return_dtype=pl.String)
    return named.with_columns(pl.lit("SYSCALL").alias("key"), name).filter(pl.col("value").is_not_null()).select(pairs.columns)


def _permissions(records: pl.DataFrame) -> pl.DataFrame:
    """Return ``seresult`` and ``seperms`` of SELinux decisions, which are words and not pairs."""
    parts = (
        records.get_column("body")
        .str.extract_groups(r"^\s*avc:\s+(?P<seresult>denied|granted)\s+\{ ?(?P<seperms>[^}]*?) ?\}")
        .struct.unnest()
    )
    said = records.drop("body").hstack(parts).filter(pl.col("seresult").is_not_null())
    return said.unpivot(["seresult", "seperms"], index=records.drop("body").columns, variable_name="key", value_name="value")
