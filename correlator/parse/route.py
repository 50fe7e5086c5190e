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
    """Per record: its parser (null: nobody's), and the multi-line parser its stream speaks from there on ("": none)."""

    parsers: pl.Series
    spoken: pl.Series


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
    free = declared.is_null()
    claimed = declared.zip_with(~free, claims(raw.get_column("text"), free, list(parsers.values())))
    lines = pl.DataFrame({"owner": claimed, "stream": stream_keys(raw), "text": raw.get_column("text"), "free": free})
    return _stick(lines, parsers, sticky or {})


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


def spoken_last(streams: pl.Series, spoken: pl.Series, sticky: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return ``sticky`` brought up to date with the last word of each stream: what to give ``route`` with the next rows."""
    said = pl.DataFrame({"stream": streams, "spoken": spoken}).group_by("stream", maintain_order=True).last()
    now = {**(sticky or {}), **{stream: name for stream, name in said.iter_rows() if name is not None}}
    return {stream: name for stream, name in now.items() if name}


def _stick(lines: pl.DataFrame, parsers: Mapping[str, Parser], sticky: Mapping[str, str]) -> Routed:
    """Give rows without a claim of their own to the multi-line parser that their stream spoke last."""
    lasting = {name: parser.assembly for name, parser in parsers.items() if isinstance(parser.assembly, (Header, Continuation))}
    weak = [name for name, parser in parsers.items() if parser.signature.rank >= FALLBACK_RANK and name not in lasting]
    owner = pl.col("owner")
    is_nobodys = owner.is_null() | owner.is_in(weak)
    before = pl.col("stream").replace_strict(dict(sticky), default=None, return_dtype=pl.String)
    said = pl.when(_begins(lasting)).then(owner).when(is_nobodys | owner.is_in(list(lasting))).then(None).otherwise(pl.lit(""))
    told = lines.with_columns(spoken=pl.coalesce(said.forward_fill().over("stream"), before))
    belongs = pl.col("free") & is_nobodys & (pl.col("spoken") != "")
    owners = told.select(pl.when(belongs).then("spoken").otherwise(owner).alias("owner")).to_series()
    return Routed(owners, told.get_column("spoken"))


def _begins(lasting: Mapping[str, Header | Continuation]) -> pl.Expr:
    """Say whether a row makes its parser the one its stream speaks: a header line, or any line with continuations."""
    continued = [name for name, assembly in lasting.items() if isinstance(assembly, Continuation)]
    headed = [
        (pl.col("owner") == name) & pl.col("text").str.contains(assembly.pattern)
        for name, assembly in lasting.items()
        if isinstance(assembly, Header)
    ]
    return pl.any_horizontal(pl.col("owner").is_in(continued), *headed).fill_null(value=False)
