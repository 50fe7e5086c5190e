"""Which parser reads which record: by what the source declares, by signature, else by what its stream spoke last."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from correlator.parse.contract import Continuation, Header, Parser, Signature

#: How much of a record its signature is searched in, characters.
HEAD_CHARS = 4096
#: From this rank on a signature is a guess: a stream that speaks a multi-line format keeps such lines.
FALLBACK_RANK = 90


@dataclass(frozen=True, slots=True)
class Routed:
    """The parser's name per record (null: nobody's), and per stream the multi-line parser that its next records belong to."""

    parsers: pl.Series
    sticky: Mapping[str, str]


def route(
    raw: pl.DataFrame,
    parsers: Mapping[str, Parser],
    *,
    forced: Mapping[str, str] | None = None,
    sticky: Mapping[str, str] | None = None,
) -> Routed:
    """Return who reads each row of ``raw`` (columns ``source``, ``stream``, ``text``).

    A source of ``forced`` (source → parser name) is read by that parser alone. Other rows go to the first signature that
    finds itself, by rank, then name. Rows nobody claims, or only a fallback, belong to the ``Header`` or ``Continuation``
    parser that the same stream spoke last; ``sticky`` (stream key → name) says so across batches.
    """
    declared = raw.get_column("source").replace_strict(dict(forced or {}), default=None, return_dtype=pl.String)
    open_rows = declared.is_null()
    claimed = declared.zip_with(~open_rows, claims(raw.get_column("text"), open_rows, list(parsers.values())))
    streams = stream_keys(raw)
    return _stick(claimed, streams, parsers, dict(sticky or {}), open_rows)


def stream_keys(raw: pl.DataFrame) -> pl.Series:
    """Return one key per (source, stream): streams of two sources may bear the same name."""
    return raw.select(pl.concat_str("source", "stream", separator="~").alias("stream")).to_series()


def claims(text: pl.Series, wanted: pl.Series, parsers: Sequence[Parser]) -> pl.Series:
    """Return the name of the first parser whose signature finds itself in each wanted row, null where none does."""
    rows = pl.DataFrame({"row": pl.int_range(text.len(), eager=True), "head": _head(text)}).filter(wanted)
    owners: list[pl.DataFrame] = []
    for parser in sorted(parsers, key=lambda parser: (parser.signature.rank, parser.name)):
        if rows.is_empty():
            break
        found = _recognise(rows, parser.signature)
        if found.is_empty():
            continue
        owners.append(found.select("row", owner=pl.lit(parser.name)))
        rows = rows.join(found, on="row", how="anti", maintain_order="left")
    claimed = pl.concat([pl.DataFrame(schema={"row": pl.Int64, "owner": pl.String}), *owners])
    every = pl.DataFrame({"row": pl.int_range(text.len(), eager=True)})
    return every.join(claimed, on="row", how="left", maintain_order="left").get_column("owner")


def _head(text: pl.Series) -> pl.Series:
    longest = text.str.len_bytes().max()
    return text.str.head(HEAD_CHARS) if isinstance(longest, int) and longest > HEAD_CHARS else text


def _recognise(rows: pl.DataFrame, signature: Signature) -> pl.DataFrame:
    """Return the rows that hold every literal and the pattern; each test runs on what the one before left."""
    for literal in signature.literals:
        rows = rows.filter(pl.col("head").str.contains(literal, literal=True))
    return rows.filter(pl.col("head").str.contains(signature.pattern)) if rows.height else rows


def _stick(
    claimed: pl.Series, streams: pl.Series, parsers: Mapping[str, Parser], sticky: Mapping[str, str], open_rows: pl.Series
) -> Routed:
    """Give rows without a claim of their own to the multi-line parser that their stream spoke last."""
    lasting = [name for name, parser in parsers.items() if isinstance(parser.assembly, (Header, Continuation))]
    weak = [name for name, parser in parsers.items() if parser.signature.rank >= FALLBACK_RANK and name not in lasting]
    if not lasting:
        return Routed(claimed, {})
    owner = pl.col("owner")
    spoken = (
        pl.when(owner.is_in(lasting)).then(owner).when(owner.is_null() | owner.is_in(weak)).then(None).otherwise(pl.lit(""))
    )
    before = pl.col("stream").replace_strict(dict(sticky), default=None, return_dtype=pl.String)
    lines = pl.DataFrame({"owner": claimed, "stream": streams, "free": open_rows}).with_columns(
        spoken=pl.coalesce(spoken.forward_fill().over("stream"), before)
    )
    kept = (
        pl.when(pl.col("free") & (owner.is_null() | owner.is_in(weak)) & (pl.col("spoken") != ""))
        .then("spoken")
        .otherwise(owner)
    )
    owners = lines.select(pl.coalesce(kept, owner).alias("owner")).to_series()
    return Routed(owners, _spoken_last(lines, sticky))


def _spoken_last(lines: pl.DataFrame, sticky: Mapping[str, str]) -> dict[str, str]:
    last = lines.group_by("stream", maintain_order=True).agg(pl.col("spoken").last())
    now = {**sticky, **dict(last.iter_rows())}
    return {stream: name for stream, name in now.items() if name}
