r"""Cisco's ``%FACILITY-severity-MNEMONIC: text``: the head that any of its boxes may put before it, and sentences by mnemonic.

The head may hold a priority, sequence numbers, the name of the box before or after the stamp, the stamp with or without
year, fraction and zone word, an uptime in place of it, the header of a relay, RFC 5424. The stamp next to the mark counts. A
box that was never told the time writes ``*`` before its stamp.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from correlator.parse.formats.phrases import Phrase, read_phrases
from correlator.parse.formats.syslog import ZONES, moments
from correlator.parse.formats.values import integer
from correlator.parse.times import odd_clock, zone_of

__all__ = ["HEAD", "lines", "read_coded"]

#: What may stand before a mark, for a signature: never a quote, a pipe or another per cent sign.
HEAD = r'^[^%"|]{0,300}?'

_CLOCK = r"[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
_STAMP = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
    r"|[A-Za-z]{3,4} {1,2}[0-9]{1,2} (?:[0-9]{4} )?" + _CLOCK
)
# The front is greedy: the last stamp counts, what stands before it is a relay's.
_HEAD = (
    r"^\s*\x{feff}?(?:[0-9]{1,6} )?(?:<(?P<priority>[0-9]{1,3})>)?"
    r"(?:(?P<front>.*[\s:>])?(?P<odd>[*.])?(?P<stamp>" + _STAMP + r")Z?(?:\.[a-z]+)?(?: (?P<zone>[A-Z]{1,4}T|UTC))?"
    r"(?P<after>[:\s]*|[:\s]+[^\n]*)|(?P<bare>.*))$"
)
_YEAR = r"(?:^|[\s:])((?:19|20)[0-9]{2}) $"
_AFTER = r"^[:\s]*([A-Za-z0-9_](?:[A-Za-z0-9_.:\x{80}-\x{10ffff}-]*[A-Za-z0-9_])?)(?:[\s:]|$)"
_BEFORE = (
    r"(?:^|[\s:])([A-Za-z_](?:[A-Za-z0-9_.\x{80}-\x{10ffff}-]*[A-Za-z0-9_])?|[0-9]{1,3}(?:\.[0-9]{1,3})"
    r"{3}|[0-9a-f:]+::[0-9a-f:]*)"
    r"(?:[:\s][:\s0-9ywdh]*)?(?:<[0-9]{1,3}>|\*\S+: | ?[A-Z]{2}/[0-9]\S*: ?)?$"
)
_NO_NAME = ["-", "year", "seq", "RP"]
_LAST_PRIORITY = 191


def lines(raw: pl.DataFrame, mark: str) -> pl.DataFrame:
    """Return ``raw_row``, ``priority``, ``host``, ``moment`` (UTC), ``clock``, the named groups of ``mark``, ``text``.

    ``mark`` is the regex of the mark with its groups, ``text`` what follows it; both are null where there is no mark.
    ``clock`` is ``*`` or ``.`` where the box says that its clock is not to be trusted.
    """
    split = (
        raw.get_column("text")
        .str.strip_chars_end("\r\n\0 ")
        .str.extract_groups(rf"(?s)^(?P<head>[^%]{{0,400}}?){mark}(?P<text>.*)$")
        .struct.unnest()
    )
    head = _read_heads(split.get_column("head"))
    stamp = pl.concat_str("stamp", pl.col("zone").replace_strict(ZONES, default="", return_dtype=pl.String), separator=" ")
    stamps = head.select(pl.coalesce(stamp, "stamp").str.strip_chars_end(" ").alias("stamp")).to_series()
    moment = moments(stamps, raw.get_column("received"), zone_of(raw))
    told = pl.DataFrame([raw.get_column("raw_row"), raw.get_column("received"), moment.alias("said"), *head, *split])
    is_unset = (pl.col("odd") == "*") & odd_clock(pl.col("said"), pl.col("received"))
    believed = pl.when(pl.col("said").is_not_null() & ~is_unset.fill_null(value=False)).then("said")
    return told.with_columns(
        pl.when(pl.col("stamp").is_null() | is_unset).then("received").otherwise(believed).alias("moment"),
        pl.col("odd").alias("clock"),
    ).drop("head", "front", "after", "bare", "odd", "said", "stamp", "zone", "received")


def _read_heads(heads: pl.Series) -> pl.DataFrame:
    """Return the parts of each head; a box says the same ones again and again within a second."""
    distinct = heads.unique()
    if distinct.len() > heads.len() // 2:
        return _parts(heads)
    parts = _parts(distinct).with_columns(distinct.alias("head"))
    joined = heads.alias("head").to_frame().join(parts, on="head", how="left", nulls_equal=True, maintain_order="left")
    return joined.drop("head")


def _parts(heads: pl.Series) -> pl.DataFrame:
    found = heads.str.extract_groups(_HEAD).struct.unnest()
    year = pl.col("front").str.extract(_YEAR)
    parts = found.with_columns(pl.coalesce(pl.concat_str(year, "stamp", separator=" "), "stamp").alias("stamp"))
    after = pl.col("after").str.extract(_AFTER)
    before = pl.coalesce("front", "bare").str.extract(_BEFORE)
    number = integer(pl.col("priority"))
    host = pl.coalesce(pl.when(~name.is_in(_NO_NAME)).then(name) for name in (after, before))
    return parts.with_columns(host.alias("host"), pl.when(number <= _LAST_PRIORITY).then(number).alias("priority"))


def read_coded(lines: pl.DataFrame, code: str, known: Mapping[str, Sequence[Phrase]], others: Sequence[Phrase]) -> pl.DataFrame:
    """Return ``lines`` with the columns that phrases found in ``text``, and ``known``: whether one of them did.

    ``known`` has the phrases of each value of the column ``code``; those of ``others`` read what they leave.
    """
    parts = []
    for (value,), group in lines.group_by(code, maintain_order=True):
        asked = (*known.get(str(value), ()), *others)
        parts.append(read_phrases(group, asked))
    found = pl.concat(parts, how="diagonal") if parts else lines.select("raw_row")
    said = [name for name in found.columns if name != "raw_row"]
    is_known = pl.any_horizontal(pl.col(name).is_not_null() for name in said) if said else pl.lit(value=False)
    whole = lines.join(found, on="raw_row", how="left", maintain_order="left")
    return whole.with_columns(is_known.alias("known"))
