"""Containers: which rows hold what, and their flat frames.

Rows that look alike at a glance are decoded together, by a template that is proved for each of them (``templates``); the look
decides about speed only, the real channel and event id come from the decoded record. All other rows are read one by one.
"""

from collections.abc import Collection, Iterator

import polars as pl

from correlator.model.reject import Reason
from correlator.parse.formats.xml import MalformedXmlError, TooDeepError

from .decode import MAX_DEPTH, Decoded, Record, decode_group, decode_records, is_too_deep
from .layout import Container
from .templates import read_group
from .xml_event import events_of

__all__ = ["SHAPE", "classify", "flat_frames", "swift_frames"]

#: Column that says how a row is read: a Container, or one of the words below.
SHAPE = "shape"
_XML, _WRAPPED, _SKIPPED, _MALFORMED = "xml", "wrapped", "skipped", "malformed"

_WRAPPED_XML = r'"System"\s*:\s*"(?:\\ufeff|\x{FEFF})?\s*<Event'
_BLANKS = " \t\r\n\ufeff\0"
_DIRECTIVE = r"(?s)^(?:<\?xml[^>]*\?>\s*)?(?:</?Events\b[^>]*>)?$"
_MANY_BRACKETS = MAX_DEPTH  # fewer cannot be nested deeper


def classify(raw: pl.DataFrame) -> pl.DataFrame:
    """Return ``raw_row``, ``text`` without blanks around it, and SHAPE."""
    text = pl.col("text")
    shape = (
        pl.when(text.str.contains(_DIRECTIVE)).then(pl.lit(_SKIPPED))
        .when(text.str.starts_with("<")).then(pl.lit(_XML))
        .when(~text.str.starts_with("{")).then(pl.lit(_MALFORMED))
        .when(text.str.contains(r'"winlog"\s*:\s*\{')).then(pl.lit(Container.WINLOGBEAT.value))
        .when(text.str.contains(r'"System"\s*:\s*\{')).then(pl.lit(Container.CRATE.value))
        .when(text.str.contains(_WRAPPED_XML)).then(pl.lit(_WRAPPED))
        .otherwise(pl.lit(Container.FLAT.value))
    )  # fmt: skip
    return raw.select("raw_row", text.fill_null("").str.strip_chars(_BLANKS)).with_columns(shape.alias(SHAPE))


def swift_frames(raw: pl.DataFrame, want: Collection[str] | None) -> tuple[list[pl.DataFrame], pl.DataFrame]:
    """Return the flat frames of the JSON records of ``raw`` that templates cover, and the other rows of ``raw``."""
    text = raw.get_column("text")
    plain = text.str.starts_with("{") & text.str.ends_with("}") & ~_is_odd(text)
    if not plain.any():
        return [], raw
    frames: list[pl.DataFrame] = []
    unread: list[pl.DataFrame] = []
    rows = _looked_at(raw.select("raw_row", "text").filter(plain))
    for kind, group in rows.partition_by(SHAPE, "channel", "id", "keys", "nulls", maintain_order=True, as_dict=True).items():
        is_known = kind[0] != _MALFORMED
        read, left = read_group(group, (str(kind[0]), *kind[1:]), want) if is_known else ([], group)
        frames += read
        unread.append(left.select("raw_row"))
    if plain.all() and not any(part.height for part in unread):
        return frames, raw.clear()
    others = pl.concat(unread).get_column("raw_row")
    return frames, raw.filter(~plain | pl.col("raw_row").is_in(others.implode()))


def _is_odd(text: pl.Series) -> pl.Series:
    """Say which records are written so that ``_keys`` would not count every key."""
    odd = text.str.contains(r"[\r\n]")
    for blank in ('" :', '"\t', '"  ', '" \t', '\\\\":', '\\":":'):
        odd |= text.str.contains(blank, literal=True)
    return odd.fill_null(value=True)


def _looked_at(rows: pl.DataFrame) -> pl.DataFrame:
    """Return ``rows`` with SHAPE, ``channel``, ``id``, and how many ``keys`` and ``nulls`` each text has."""
    text = rows.get_column("text")
    looks = rows.select(
        pl.col("text").str.extract(r'"[Cc]hannel": ?"([^"]+)"').alias("channel"),
        pl.col("text").str.extract(r'"(?:EventID|event_id)": ?"?(\d+)').alias("id"),
    ).get_columns()
    return rows.with_columns(_shape(text), *looks, _keys(text), _counted(text, ": null", ":null").alias("nulls"))


def _shape(text: pl.Series) -> pl.Series:
    """Return the SHAPE of JSON records; _MALFORMED where another look must tell."""
    shape = pl.Series(SHAPE, [Container.FLAT.value]).new_from_index(0, text.len())
    looks = (
        ('"System"', r'"System": ?\{', Container.CRATE.value, _MALFORMED),
        ('"winlog"', r'"winlog"\s*:\s*\{', Container.WINLOGBEAT.value, None),
    )
    for mark, pattern, is_so, is_not in looks:
        marked = text.str.contains(mark, literal=True).arg_true()
        if marked.len():
            found = text.gather(marked).str.contains(pattern)
            other = shape.gather(marked) if is_not is None else pl.Series([is_not]).new_from_index(0, marked.len())
            shape = shape.scatter(marked, pl.Series([is_so]).new_from_index(0, marked.len()).zip_with(found, other))
    return shape


def _keys(text: pl.Series) -> pl.Series:
    """Return how many keys the texts hold: a quote and a colon each, which values may hold too."""
    keys = text.str.count_matches('":', literal=True)
    return (keys - _counted(text, '":":', '": ":') - _counted(text, '\\":')).alias("keys")


def _counted(text: pl.Series, *literals: str) -> pl.Series:
    """Return how often the texts hold the ``literals``, which few of them do: the others are only looked at once."""
    counts = pl.Series([0], dtype=pl.UInt32).new_from_index(0, text.len())
    for literal in literals:
        held = text.str.contains(literal, literal=True).arg_true()
        if held.len():
            more = text.gather(held).str.count_matches(literal, literal=True)
            counts = counts.scatter(held, counts.gather(held) + more)
    return counts


def flat_frames(rows: pl.DataFrame, want: Collection[str] | None) -> Iterator[Decoded]:
    """Yield the flat frames of classified ``rows`` and the rows that cannot be read; skipped rows are in neither."""
    shallow, deep = _by_depth(rows)
    yield Decoded((), tuple((row, Reason.TOO_DEEP) for row in deep))
    for group in shallow.partition_by(SHAPE, maintain_order=True):
        shape = str(group.get_column(SHAPE)[0])
        if shape == _MALFORMED:
            yield Decoded((), tuple((row, Reason.MALFORMED) for row in group.get_column("raw_row").to_list()))
        elif shape in (_XML, _WRAPPED):
            yield _xml(group, want, is_wrapped=shape == _WRAPPED)
        elif shape != _SKIPPED:
            yield decode_group(group, Container(shape), want)


def _by_depth(rows: pl.DataFrame) -> tuple[pl.DataFrame, list[int]]:
    """Return the rows that may be decoded, and the numbers of those nested too deep for it."""
    brackets = pl.col("text").str.count_matches("[", literal=True) + pl.col("text").str.count_matches("{", literal=True)
    suspects = rows.filter(pl.col("text").str.starts_with("{") & (brackets > _MANY_BRACKETS)).select("raw_row", "text")
    deep = [row for row, text in suspects.iter_rows() if is_too_deep(text)]
    return (rows.filter(~pl.col("raw_row").is_in(deep)) if deep else rows), deep


def _xml(rows: pl.DataFrame, want: Collection[str] | None, *, is_wrapped: bool) -> Decoded:
    records: list[Record] = []
    rejects: list[tuple[int, Reason]] = []
    texts = pl.col("text").str.json_path_match("$.System") if is_wrapped else pl.col("text")
    for row, text in rows.select("raw_row", texts.alias("text")).iter_rows():
        try:
            events = events_of(text or "")
        except TooDeepError:
            rejects.append((row, Reason.TOO_DEEP))
            continue
        except MalformedXmlError:
            events = []
        records += [Record(row, n, event) for n, event in enumerate(events)]
        if not events:
            rejects.append((row, Reason.MALFORMED))
    return Decoded(decode_records(records, Container.CRATE, want), tuple(rejects))
