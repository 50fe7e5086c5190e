r"""Cisco's ``%FACILITY-severity-MNEMONIC: text``: the head that any of its boxes may put before it, and sentences by mnemonic.

The head may hold a priority, sequence numbers, the name of the box before or after the stamp, the stamp with or without
year, fraction and zone word, an uptime in place of it, the header of a relay, RFC 5424. The stamp next to the mark counts. A
box that was never told the time writes ``*`` before its stamp.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from correlator.parse.formats.phrases import Phrase, read_phrases
from correlator.parse.formats.programs import UNKNOWN
from correlator.parse.formats.syslog import ZONES, moments
from correlator.parse.formats.values import integer
from correlator.parse.times import odd_clock, zone_of

__all__ = ["HEAD", "lines", "read_coded", "worded"]

# A header: no quote, pipe, bracket, address of the web, nor another per cent sign.
_BEFORE = r"""(?:[^%"'|=({\[<,?/]|/[^%"'|=({\[<,?/])*?"""
#: What may stand before a mark, for a signature: a header, or a relay's and the sender's.
HEAD = rf"^\s*(?:<[0-9]{{1,3}}>)?{_BEFORE}(?:<[0-9]{{1,3}}>{_BEFORE})?"

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

    ``mark`` is the regex of what stands between the per cent sign and the first colon, with groups; one named ``left`` is
    the beginning of the sentence, where no colon parts it from the mark. ``text`` is the sentence; groups are null where
    there is no mark. ``clock`` is ``*`` or ``.`` where the box says that its clock is not to be trusted.
    """
    split = _split(raw.get_column("text").str.strip_chars_end("\r\n\0 "), mark)
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


def _split(text: pl.Series, mark: str) -> pl.DataFrame:
    """Return the head, the groups of the mark and the sentence; a batch has few different marks."""
    halves = text.str.splitn("%", 2).struct.rename_fields(["head", "rest"]).struct.unnest()
    parts = halves.select("head", pl.col("rest").str.splitn(":", 2).struct.rename_fields(["mark", "text"])).unnest("rest")
    distinct = parts.select(pl.col("mark").unique())
    marks = distinct.with_columns(pl.col("mark").str.extract_groups(f"^{mark}$").alias("groups")).unnest("groups")
    read = parts.join(marks, on="mark", how="left", nulls_equal=True, maintain_order="left")
    sentence = pl.col("text").str.strip_chars_start(" ")
    if "left" not in read.columns:
        return read.with_columns(sentence).drop("mark")
    whole = pl.concat_str("left", pl.when(pl.col("text").is_not_null()).then(pl.lit(":")), "text", ignore_nulls=True)
    return read.with_columns(pl.when(pl.col("left").is_null()).then(sentence).otherwise(whole).alias("text")).drop(
        "mark", "left"
    )


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


def worded(phrases: Mapping[str, Sequence[Phrase]]) -> dict[str, tuple[Phrase, ...]]:
    """Return ``phrases`` with the lists of what they always mean as words in a text, which ``Making`` remembers."""
    return {code: tuple(Phrase(one.pattern, _as_words(one.says)) for one in known) for code, known in phrases.items()}


def _as_words(says: Mapping[str, str | tuple[str, ...]]) -> dict[str, str]:
    return {name: value if isinstance(value, str) else " ".join(value) for name, value in says.items()}


def read_coded(lines: pl.DataFrame, code: str, known: Mapping[str, Sequence[Phrase]], others: Sequence[Phrase]) -> pl.DataFrame:
    """Return ``lines`` with the columns that phrases found in ``text``, and ``tag``: ``phrase_unknown`` where none did.

    ``known`` has the phrases of each value of the column ``code``; those of ``others`` read what they leave.
    """
    parts = [
        read_phrases(group, (*known.get(str(value), ()), *others))
        for (value,), group in lines.group_by(code, maintain_order=True)
    ]
    found = pl.concat(parts, how="diagonal") if parts else lines.select("raw_row")
    said = [name for name in found.columns if name != "raw_row"]
    is_known = pl.any_horizontal(pl.col(name).is_not_null() for name in said) if said else pl.lit(value=False)
    tagged = found.with_columns(pl.when(~is_known).then(pl.lit(UNKNOWN)).alias("tag"))
    return lines.join(tagged, on="raw_row", how="left", maintain_order="left")
