"""Linux auditd: the records of one event, completed by their serial number, as one event; one more per file it names.

The main event has the fields of all records but PATH under their own names; ``type`` lists the records it is made of, and
``a0``… are the arguments of EXECVE where there is one (those of a system call are addresses). Each PATH record is an event
of its own, so that ``name`` and ``nametype`` belong together, with the process and the rule key beside them. Encoded texts
are decoded; a numbered system call gets its name in ``SYSCALL``. Times are absolute.

Speed: less than 30,000 records per CPU-second: the pairs of several lines become rows before they become columns.
"""

from functools import lru_cache

import polars as pl

from correlator.model.event import ECS, PARSED
from correlator.parse.contract import Keyed, Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats.remembered import Columns
from correlator.parse.formats.unwrap import OPENING
from correlator.parse.formats.values import fields_of, own
from parsers.linux_auditd.columns import CONTEXT, MAIN_SOURCES, NEEDED, WORDS, main_columns, path_columns, socket_columns
from parsers.linux_auditd.records import is_argument, pairs_of, records_of

__all__ = ["PARSER"]

_UNIT = ("_row", "_unit")
_MOST_FIELDS, _MOST_ARGUMENTS = 200, 32
_FIELD = r"^[A-Za-z][A-Za-z0-9_-]{0,30}$"

# What carries on no further records: complete at once. The others wait for PROCTITLE, EOE or two seconds.
_SINGLE = (
    r"(?:USER|CRED|ADD|DEL|GRP|ACCT|ROLE|SERVICE|SYSTEM|DAEMON|CRYPTO|VIRT)_[0-9A-Za-z_]+|ANOM_LOGIN[0-9A-Za-z_]*|"
    r"CHUSER_ID|CHGRP_ID|ANOM_ABEND|SECCOMP|SOFTWARE_UPDATE|11[0-9]{2}|12[0-9]{2}|1326|1701"
)
_KEY = r"\baudit\(((?P<time>[0-9]+\.[0-9]+):[0-9]+)\)"
_CLOSE = rf"^[^=\"']*(?:node=\S+ )?[^=\"']*\btype=(?:EOE|PROCTITLE|1320|1327|{_SINGLE}) "
# Right behind a header, the name of the program that passes it on, the kernel's clock, the node.
_LEAD = (
    r"(?:[A-Za-z][A-Za-z0-9_./-]{0,40}(?:\[[^\]\s]{0,24}\])?: *)?(?:\[ *[0-9]+\.[0-9]+\] *)?(?:audit(?:\[[0-9]+\])?: )?"
    r"(?:node=[!-~]{1,80} )?"
)
_SIGNATURE = (
    rf"{OPENING}(?:{_LEAD}(?:type=(?:[A-Z0-9_]+(?:\[[0-9]+\])?)? ?(?:msg=)?|msg=)audit\("
    r"|audit(?:\[[0-9]+\])?: [A-Z][A-Z_]{2,31} \S)"
)
_SURE = r"(?:node=[!-~]{1,80} )?type=[A-Z0-9_]+ msg=audit\("


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return the events of each completed record; a record without a readable line is malformed, a lone EOE is skipped."""
    records = records_of(raw)
    ends = records.group_by("_row", maintain_order=True).agg((pl.col("type") == "EOE").all())
    skipped = ends.filter("type").get_column("_row").alias("raw_row")
    said = records.filter(pl.col("type") != "EOE")
    bad = raw.filter(~pl.col("raw_row").is_in(records.get_column("_row").implode()))
    return Parsed(_events(said, want) if said.height else (), rejects_of(bad, Reason.MALFORMED), skipped)


def _events(records: pl.DataFrame, want: frozenset[str] | None) -> tuple[pl.DataFrame, ...]:
    units = _numbered(records)
    pairs = _with_arguments(pairs_of(units))
    fields = socket_columns(_heads(units, pairs).join(_wide(pairs, want), on=_UNIT, how="left", maintain_order="left"))
    main, paths = fields.filter(~pl.col("_is_path")), _informed(fields)
    frames = (_finished(main, _columns(want, is_path=False), want), _finished(paths, _columns(want, is_path=True), want))
    return tuple(frame for frame in frames if frame.height)


def _numbered(records: pl.DataFrame) -> pl.DataFrame:
    """Number the events of a record: one for all but its PATH lines, which are one each."""
    is_path = pl.col("type") == "PATH"
    placed = records.with_columns(_is_path=is_path, _place=pl.when(is_path).then(is_path.cum_sum().over("_row")).otherwise(0))
    return placed.with_columns(_unit=(pl.col("_place").rank("dense").over("_row") - 1).cast(pl.UInt16)).drop("_place")


def _with_arguments(pairs: pl.DataFrame) -> pl.DataFrame:
    """Return ``pairs`` with the arguments of EXECVE whole and in order, and without the addresses a call got instead."""
    is_word = is_argument(pairs)
    parts = pairs.filter(is_word).with_columns(
        pl.col("key").str.extract(r"^a([0-9]+)").cast(pl.Int64).alias("_place"),
        pl.col("key").str.extract(r"\[([0-9]+)\]").cast(pl.Int64).fill_null(0).alias("_part"),
    )
    ordered = parts.sort("_row", "_unit", "_place", "_part", maintain_order=True)
    whole = ordered.group_by("_row", "_unit", "type", "_place", maintain_order=True).agg(pl.col("value").str.join(""))
    executed = whole.get_column("_row").unique().implode()
    is_address = (pl.col("type") == "SYSCALL") & pl.col("key").str.contains(r"^a[0-9]$") & pl.col("_row").is_in(executed)
    arguments = whole.with_columns(key=pl.lit("a") + pl.col("_place").cast(pl.String)).select(
        "_row", "_unit", "type", "key", "value"
    )
    return pl.concat([pairs.filter(~is_word & ~is_address), arguments])


def _heads(units: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Return one row per event: its time, host, record types, arguments and the whole of its text, decoded."""
    heads = units.group_by(_UNIT, maintain_order=True).agg(
        pl.col("_time", "_host", "_is_path").first(),
        pl.col("body").str.strip_chars().first(),
        pl.col("type").unique(maintain_order=True).alias("_types"),
    )
    arguments = pl.col("value").filter(is_argument(pairs))
    text = pl.concat_str("key", pl.lit("="), "value").str.join(" ")
    said = pairs.group_by(_UNIT, maintain_order=True).agg(arguments.alias("_args"), text.alias("_text"))
    line = pl.col("_args").list.join(" ")
    words = pl.concat_str(
        pl.lit("type=") + pl.col("_types").list.join(","), pl.coalesce("_text", "body"), line, separator=" ", ignore_nulls=True
    )
    return heads.join(said, on=_UNIT, how="left", maintain_order="left").select(
        pl.exclude("body", "_text"),
        words.str.strip_chars_end().alias("_text"),
        pl.col("_types").list.first().alias("_kind"),
        pl.when(pl.col("_types").list.contains("SYSCALL")).then(pl.lit("yes")).alias("_call"),
    )


def _wide(pairs: pl.DataFrame, want: frozenset[str] | None) -> pl.DataFrame:
    """Return one column per field, the first value of each; what nobody wants is left out."""
    asked = pl.lit(value=True) if want is None else pl.col("key").is_in(list(want | NEEDED))
    place = pl.col("key").str.extract(r"^a([0-9]+)$").cast(pl.Int64, strict=False).fill_null(0)
    is_plain = asked & pl.col("key").str.contains(_FIELD) & (pl.col("key") != "type") & (place < _MOST_ARGUMENTS)
    counted = pairs.get_column("key").value_counts(sort=True)
    plain = counted.filter(is_plain).get_column("key").to_list()
    kept = pairs.filter(pl.col("key").is_in([name for at, name in enumerate(plain) if at < _MOST_FIELDS or name in NEEDED]))
    wide = kept.pivot("key", index=_UNIT, values="value", aggregate_function="first", maintain_order=True)
    absent = sorted(NEEDED - set(wide.columns))
    return wide.with_columns(pl.lit(None, pl.String).alias(name) for name in absent)


def _informed(fields: pl.DataFrame) -> pl.DataFrame:
    """Return the PATH events with the process and the rule key of the records beside them."""
    beside = fields.filter(~pl.col("_is_path")).select("_row", *(pl.col(name).alias(f"_{name}") for name in CONTEXT))
    joined = fields.filter("_is_path").join(beside, on="_row", how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce(name, f"_{name}").alias(name) for name in CONTEXT)


@lru_cache(maxsize=8)
def _columns(want: frozenset[str] | None, *, is_path: bool) -> Columns:
    """Return what is made of the main events, or of those of PATH records, where ``want`` is what somebody needs."""
    columns = path_columns() if is_path else main_columns()
    given = {name for name in columns if name in ECS or name == "logsource" or want is None or name in want}
    return Columns({name: column for name, column in columns.items() if name in given}, WORDS)


def _finished(fields: pl.DataFrame, making: Columns, want: frozenset[str] | None) -> pl.DataFrame:
    """Return the PARSED, ECS and wanted own columns, without those that are null throughout."""
    said = fields.select(
        pl.col("_row").alias("raw_row"),
        pl.col("_unit").alias("n"),
        pl.col("_time").alias("@timestamp"),
        pl.lit("linux.auditd").alias("event.dataset"),
        pl.col("_text").alias("message"),
        pl.col("_types").alias("type"),
    )
    events = said.with_columns(making.made(fields).values())
    taken = {*said.columns, *making.names}
    plain = fields.select(name for name in fields.columns if not name.startswith("_") and name not in taken)
    whole = events.hstack(plain.select(own(plain, want)))
    return whole.select(column for column in whole if column.name in PARSED or column.null_count() < whole.height)


_COLUMNS = sorted({*main_columns(), *path_columns()} - {"logsource"})

_ARGUMENTS = [f"a{number}" for number in range(10)]  # a command may have more
_NAMED = fields_of(["message"], _COLUMNS, _ARGUMENTS, sorted(NEEDED - {"type"}))
_FIELDS = {**_NAMED, "type": pl.List(pl.String()), "*": pl.String()}

PARSER = Parser(
    name="linux_auditd",
    log_sources=MAIN_SOURCES,
    signature=Signature(pattern=_SIGNATURE, rank=30, literals=("audit",), sure=_SURE),
    maturity=Maturity.PROVED,
    fields=_FIELDS,
    parse=_parse,
    assembly=Keyed(key=_KEY, close=_CLOSE),
)
