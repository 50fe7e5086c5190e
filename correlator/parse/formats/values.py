"""Values as senders write them → values as events hold them: addresses, numbers, verdicts; what means "absent" becomes null.

A value that cannot be read is null in its ECS column; the source's own column keeps the text.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from ipaddress import ip_address

import polars as pl

from correlator.model.event import ECS, PARSED, RESERVED

__all__ = [
    "account",
    "account_domain",
    "address",
    "by_dataset",
    "by_distinct",
    "integer",
    "label_of",
    "mac",
    "members",
    "nanoseconds",
    "own",
    "plain_address",
    "severity_of",
    "texts",
    "verdict",
    "words",
]

_NOTHING_SAID = r"^\s*(?:(?i:-|n/a|unknown|\(null\)|null|none|undefined)\s*)?$"  # two fifths of the time of a list
_FEW = 64  # values that are sooner worked out one by one than told apart
_NO_ADDRESS = ["0.0.0.0", "::"]  # noqa: S104 - compared with, never bound
_PLAIN_IPV4 = r"^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$"
_IP = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:.]*:[0-9a-f.]*")
_ALLOWED = (
    "pass accept accepted allow allowed permit permitted est-allowed forward trust fastpath close start timeout client-rst "
    "server-rst ip-conn dns end built teardown encrypt decrypt bypass inspect passthrough monitor monitored detect detected "
    "alert log-only exempt passed log learn"
)
_DENIED = (
    "block blocked deny denied drop dropped drop-all-packets reject rejected reset reset-client reset-server reset-both "
    "block-url block-continue sinkhole prevent prevented discard discarded shun shunned "
    "quarantine quarantined ban refuse refused"
)
_VERDICTS = {**dict.fromkeys(_ALLOWED.split(), "accept"), **dict.fromkeys(_DENIED.split(), "denied")}
_LABELS = dict(enumerate(("emergency", "alert", "critical", "error", "warning", "notice", "information", "debug")))
_SEVERITIES = dict(enumerate((95, 95, 95, 75, 50, 25, 10, 10)))  # syslog severity → event.severity, 0 to 100


def by_distinct(text: pl.Expr, worked_out: Callable[[pl.Expr], pl.Expr], dtype: pl.DataType) -> pl.Expr:
    """Return ``worked_out(text)``, done once for each distinct text: addresses, names and verdicts of a batch repeat."""

    def on_distinct(column: pl.Series) -> pl.Series:
        texts = column.unique() if column.len() > _FEW else column
        if texts.len() > column.len() / 2:
            return column.to_frame("text").select(worked_out(pl.col("text")).alias(column.name)).to_series()
        values = texts.to_frame("text").with_columns(worked_out(pl.col("text")).alias("made"))
        joined = column.to_frame("text").join(values, on="text", how="left", nulls_equal=True, maintain_order="left")
        return joined.get_column("made").alias(column.name)

    return text.map_batches(on_distinct, return_dtype=dtype)


def words(text: pl.Expr) -> pl.Expr:
    """Return the text without blanks around it; null where it is a way to say "nothing" (``-``, ``N/A``, ``unknown``…)."""
    return pl.when(~text.str.contains(_NOTHING_SAID)).then(text.str.strip_chars())


def address(text: pl.Expr) -> pl.Expr:
    """Return the IP address in lower case, IPv4 unfolded from ``::ffff:``, without brackets or ``%zone``; else null."""
    return text.map_batches(_addresses, return_dtype=pl.String())


def _addresses(column: pl.Series) -> pl.Series:
    """Return addresses, each distinct one read once; most columns hold nothing but IPv4 addresses as they should be."""
    if column.len() > _FEW:
        is_plain = column.str.contains(_PLAIN_IPV4) & (column != _NO_ADDRESS[0])
        if is_plain.all():
            return column
        distinct = column.drop_nulls().unique()
        known = pl.Series([plain_address(text) for text in distinct.to_list()], dtype=pl.String)
        return column.replace_strict(distinct, known, default=None, return_dtype=pl.String)
    return pl.Series(column.name, [None if text is None else plain_address(text) for text in column.to_list()], dtype=pl.String)


@lru_cache(maxsize=1 << 14)
def plain_address(text: str) -> str | None:
    """Return one text as ``address`` does."""
    bare = re.sub(r"%[^\n]*\Z", "", text.strip(" []").lower(), count=1).removeprefix("::ffff:")
    if not _IP.fullmatch(bare) or bare in _NO_ADDRESS:
        return None
    return _shortened(bare) if ":0" in bare else bare


def _shortened(address: str) -> str:
    """Return an IPv6 address in its one short form: firewalls write it in full, others do not."""
    try:
        return str(ip_address(address))
    except ValueError:
        return address


def account(text: pl.Expr) -> pl.Expr:
    r"""Return the name of an account without the Windows domain before it (``MAIRIE\jdupont``); null where there is none."""
    return words(text.str.replace(r"^[^\\/@]{1,64}\\+", ""))


def account_domain(text: pl.Expr) -> pl.Expr:
    """Return the Windows domain said before the name of an account."""
    return text.str.extract(r"^([^\\/@]{1,64})\\")


def mac(text: pl.Expr) -> pl.Expr:
    """Return the MAC address as ``00-00-5E-00-53-01``; null when it is not one."""
    digits = text.str.to_uppercase().str.replace_all(r"[:.\-]", "")
    parts = digits.str.extract_groups(r"^([0-9A-F]{2})([0-9A-F]{2})([0-9A-F]{2})([0-9A-F]{2})([0-9A-F]{2})([0-9A-F]{2})$")
    return pl.concat_str([parts.struct.field(str(place)) for place in range(1, 7)], separator="-")


def integer(text: pl.Expr, *, above: int = -1) -> pl.Expr:
    """Return the whole number, i64; null when it is none or not greater than ``above`` (0: a port 0 is no port)."""
    number = text.str.strip_chars().cast(pl.Int64, strict=False)
    return pl.when(number > above).then(number)


def nanoseconds(text: pl.Expr, unit_ns: int = 1_000_000_000) -> pl.Expr:
    """Return a duration said in units of ``unit_ns`` (seconds), decimals allowed, as whole nanoseconds."""
    number = text.str.strip_chars().cast(pl.Float64, strict=False)
    return pl.when(number.is_between(0, 1e9)).then((number * unit_ns).round()).cast(pl.Int64, strict=False)


def verdict(word: pl.Expr) -> pl.Expr:
    """Return ``accept`` or ``denied``, Sigma's words for a vendor's verdict; null when the word decides nothing."""
    return word.str.to_lowercase().replace_strict(_VERDICTS, default=None, return_dtype=pl.String)


def outcome_of(verdict: pl.Expr) -> pl.Expr:
    """Return ``event.outcome`` of a flow: ``success`` where it was let through, ``failure`` where it was denied; else null."""
    return verdict.replace_strict({"accept": "success", "denied": "failure"}, default=None, return_dtype=pl.String)


def blocked_of(verdict: pl.Expr) -> pl.Expr:
    """Return Sigma's ``blocked`` of a flow, ``true`` or ``false`` as text; null where nothing was decided."""
    return verdict.replace_strict({"accept": "false", "denied": "true"}, default=None, return_dtype=pl.String)


def label_of(code: pl.Expr) -> pl.Expr:
    """Return syslog's word for a severity code 0 to 7."""
    return code.replace_strict(_LABELS, default=None, return_dtype=pl.String)


def severity_of(code: pl.Expr) -> pl.Expr:
    """Return ``event.severity`` (0 to 100) for a syslog severity code 0 to 7."""
    return code.replace_strict(_SEVERITIES, default=None, return_dtype=pl.Int64)


def texts(*values: pl.Expr | str) -> pl.Expr:
    """Return a list of text per row, nulls left out; the values are words of ours, which hold no blank."""
    parts = [pl.lit(value) if isinstance(value, str) else value for value in values]
    said = pl.concat_str(parts, separator=" ", ignore_nulls=True)
    return by_distinct(said, lambda line: pl.when(line != "").then(line.str.split(" ")).otherwise([]), pl.List(pl.String()))


def members(text: pl.Expr, separator: str = ",") -> pl.Expr:
    """Return the list of what ``separator`` keeps apart, without blanks and empty members; null where there is none."""
    parts = (
        text.str.split(separator).list.eval(pl.element().str.strip_chars()).list.eval(pl.element().filter(pl.element() != ""))
    )
    return pl.when(parts.list.len() > 0).then(parts)


def wanted(columns: Mapping[str, pl.Expr], want: Collection[str] | None) -> dict[str, pl.Expr]:
    """Return the columns that somebody wants (None: all): what nobody asks for is not even computed."""
    return {name: column for name, column in columns.items() if want is None or name in want}


def own(
    fields: pl.DataFrame, want: Collection[str] | None, *, besides: Iterable[str] = (), empty: Iterable[str] = ()
) -> list[pl.Expr]:
    """Return the source's own columns of ``fields`` that somebody wants (None: all) and that are there, empty texts as null.

    A name that belongs to the event itself (ECS, reserved, ``besides``) is left out: a sender must not be able to say
    who it is. Its text stays in ``event.original``. ``empty`` names the columns whose empty text is a value.
    """
    taken, kept = {*ECS, *RESERVED, *besides}, set(empty)
    given = [c for c in fields.get_columns() if c.name not in taken and (want is None or c.name in want)]
    there = [column for column in given if column.null_count() < column.len()]
    return [pl.col(c.name) if c.name in kept or not _holds_empty(c) else _not_empty(c) for c in there]


def _holds_empty(column: pl.Series) -> bool:
    """Say whether some text is empty (it is the least of all texts), or some list that text alone."""
    if column.dtype == pl.List(pl.String):
        return bool(((column.list.len() == 1) & (column.list.first() == "")).any())
    return column.dtype == pl.String and column.min() == ""


def _not_empty(column: pl.Series) -> pl.Expr:
    name, is_list = column.name, column.dtype == pl.List(pl.String)
    said = (pl.col(name).list.len() != 1) | (pl.col(name).list.first() != "") if is_list else pl.col(name) != ""
    return pl.when(said).then(pl.col(name)).alias(name)


def fields_of(*columns: Iterable[str]) -> dict[str, pl.DataType]:
    """Return the ``fields`` of a parser that gives these columns: ECS columns with their dtype, own ones as text."""
    return {name: ECS.get(name, pl.String()) for names in columns for name in names}


def by_dataset(events: pl.DataFrame) -> tuple[pl.DataFrame, ...]:
    """Return one frame per ``event.dataset``, each without the columns that are null throughout it."""
    if not events.height:
        return ()
    is_one = events.get_column("event.dataset").n_unique() == 1
    frames = [events] if is_one else events.partition_by("event.dataset", maintain_order=True)
    return tuple(frame.select(c for c in frame if c.name in PARSED or c.null_count() < frame.height) for frame in frames)
