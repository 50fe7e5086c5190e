"""Which parser reads which record: by what the source declares, by signature, else by what its stream spoke last."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import polars as pl
from polars import escape_regex

from correlator.parse.contract import Continuation, Header, Parser, Signature
from correlator.parse.formats.tagged import PLAIN_TAG, TAG
from correlator.parse.needed_texts import LEAST_TELLING, needed_texts
from correlator.parse.swift_route import FEW, claimed_swiftly, plain_text, tags_of

#: How much of a record its signature is searched in, characters.
HEAD_CHARS = 4096
#: From this rank on a signature is a guess: a stream that speaks a multi-line format keeps such lines.
FALLBACK_RANK = 90
#: A tag stands within so many characters.
_TAG_CHARS = 256


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

    A source of ``forced`` (source → parser name) is read by that parser alone. Other rows go to the parser that has the
    program of their header among its ``tags``, else to the first signature that finds itself, by rank, then name. Rows nobody
    claims, or only a fallback, belong to the ``Header`` or ``Continuation`` parser that the same stream spoke last; ``sticky``
    (stream key → name) says so across batches.
    """
    text = raw.get_column("text")
    declared = raw.get_column("source").replace_strict(dict(forced or {}), default=None, return_dtype=pl.String)
    free = declared.is_null()
    claimed = claims(text, free, list(parsers.values()))
    owner = declared.zip_with(~free, claimed) if forced else claimed
    lasting = [name for name, parser in parsers.items() if isinstance(parser.assembly, (Header, Continuation))]
    if not sticky and not owner.is_in(lasting).any():  # no stream speaks a multi-line format: nothing can stick
        return Routed(owner, pl.Series("spoken", [None], dtype=pl.String).new_from_index(0, owner.len()))
    lines = pl.DataFrame({"owner": owner, "stream": stream_keys(raw), "text": text, "free": free})
    return _stick(lines, parsers, sticky or {})


def stream_keys(raw: pl.DataFrame) -> pl.Series:
    """Return one key per (source, stream): streams of two sources may bear the same name."""
    return raw.select(pl.concat_str("source", "stream", separator="~").alias("stream")).to_series()


def claims(text: pl.Series, wanted: pl.Series, parsers: Sequence[Parser]) -> pl.Series:
    """Return the name of the first parser whose signature finds itself in each wanted row, null where none does."""
    ranked = sorted(parsers, key=lambda parser: (parser.signature.rank, parser.name))
    names = pl.Series("owner", [parser.name for parser in ranked], dtype=pl.String)
    if text.len() > FEW:
        return names.gather(_claims(text, wanted, ranked))
    swift = pl.Series("owner", claimed_swiftly(_head(text).to_list(), ranked), dtype=pl.UInt16).set(~wanted, None)
    open_rows = wanted & swift.is_null()
    if not open_rows.any():
        return names.gather(swift)
    slow = _claims(text, open_rows, ranked)
    return names.gather(swift.zip_with(~open_rows, slow))


def _claims(text: pl.Series, wanted: pl.Series, ranked: Sequence[Parser]) -> pl.Series:
    """Return the place in ``ranked`` of the first parser whose pattern finds itself in each wanted row.

    One search for the plain texts of all signatures tells most records from most parsers, however many parsers there are.
    """
    every = pl.DataFrame({"row": pl.int_range(text.len(), dtype=pl.UInt32, eager=True), "head": _head(text)})
    signatures = tuple(parser.signature for parser in ranked)
    named = _named(every.get_column("head"), tags_of(signatures)).set(~wanted, None)
    rows = every.filter(wanted & named.is_null())
    head, held = rows.get_column("head"), _held(rows.get_column("head"), signatures)
    owners = pl.Series("owner", [None], dtype=pl.UInt16).new_from_index(0, rows.height)
    for number, parser in enumerate(ranked):
        told = telling(parser.signature)
        mine = held.filter(pl.col("text").is_in(told)).get_column("at").unique() if told else owners.is_null().arg_true()
        mine = mine.filter(owners.gather(mine).is_null()) if told else mine
        if mine.len():
            found = mine.filter(_recognised(head.gather(mine), parser.signature))
            owners = owners.scatter(found, number) if found.len() else owners
    return named.scatter(rows.get_column("row"), owners) if rows.height else named


def _named(head: pl.Series, tags: Mapping[str, int]) -> pl.Series:
    """Return the number of the parser whose program the header names, null where it is none of ``tags``."""
    nobody = pl.Series("owner", [None], dtype=pl.UInt16).new_from_index(0, head.len())
    if not tags:
        return nobody
    maybe = (
        head.str.head(_TAG_CHARS).str.contains_any(list(tags), ascii_case_insensitive=True).fill_null(value=False).arg_true()
    )
    named = _tag(head.gather(maybe)).str.to_lowercase()
    return nobody.scatter(maybe, named.replace_strict(dict(tags), default=None, return_dtype=pl.UInt16))


def _tag(head: pl.Series) -> pl.Series:
    """Return the program each header names; null where it names none."""
    plain = head.str.extract(PLAIN_TAG)
    rest = plain.is_null().arg_true()
    return plain.scatter(rest, head.gather(rest).str.extract(TAG)) if rest.len() else plain


def _held(head: pl.Series, signatures: tuple[Signature, ...]) -> pl.DataFrame:
    """Return (at, text): which telling texts each record holds, ``at`` its place in ``head``."""
    sought = _sought(signatures)
    if not sought:
        return pl.DataFrame(schema={"at": pl.UInt32, "text": pl.String})
    at = pl.int_range(head.len(), dtype=pl.UInt32, eager=True).alias("at")
    found = pl.DataFrame([at, head.str.extract_many(sought, overlapping=True).alias("text")])
    return found.filter(pl.col("text").list.len() > 0).explode("text").with_columns(pl.col("text").cast(pl.Enum(sought)))


@cache
def telling(signature: Signature) -> tuple[str, ...]:
    """Return plain texts of which each record of ``signature`` holds one at least; none where they would tell nothing."""
    plain = tuple(map(plain_text, signature.any_of))
    any_of = tuple(text for text in plain if text is not None) if None not in plain else ()
    longest = (max(signature.literals, key=len),) if signature.literals else ()
    given = (longest, signature.any_text, any_of, needed_texts(signature.pattern))
    return next((texts for texts in given if texts and min(map(len, texts)) >= LEAST_TELLING), ())


@lru_cache(maxsize=16)
def _sought(signatures: tuple[Signature, ...]) -> list[str]:
    """Return the telling texts of all ``signatures``."""
    return list(dict.fromkeys(text for signature in signatures for text in telling(signature)))


def _head(text: pl.Series) -> pl.Series:
    longest = text.str.len_bytes().max()
    return text.str.head(HEAD_CHARS) if isinstance(longest, int) and longest > HEAD_CHARS else text


def _recognised(head: pl.Series, signature: Signature) -> pl.Series:
    """Say which texts hold every literal and the pattern; each test runs on what the ones before left open."""
    maybe = pl.Series([True]).new_from_index(0, head.len())
    for literal in signature.literals:
        maybe = _narrowed(head, maybe, escape_regex(literal))
    maybe = _either(head, maybe, tuple((regex,) for regex in _joined(signature.any_of))) if signature.any_of else maybe
    sure = _either(head, maybe, (*signature.marks, *(((f"^(?:{signature.sure})",),) if signature.sure else ())))
    return sure | _narrowed(head, maybe & ~sure, signature.pattern)


def _joined(regexes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the same alternatives, in one search where no anchor makes that slow."""
    return regexes if any("^" in regex for regex in regexes) else ("|".join(regexes),)


def _either(head: pl.Series, among: pl.Series, alternatives: Sequence[tuple[str, ...]]) -> pl.Series:
    """Return the texts of ``among`` that hold all regexes of one of the ``alternatives``."""
    found = pl.Series([False]).new_from_index(0, head.len())
    for regexes in alternatives:
        held = among & ~found
        for regex in regexes:
            held = _narrowed(head, held, regex)
        found |= held
    return found


def _narrowed(head: pl.Series, among: pl.Series, regex: str) -> pl.Series:
    """Return ``among`` without the texts that do not hold ``regex``; other texts are not searched."""
    count = among.sum()
    if count == 0:
        return among
    searched, is_plain = _searched(regex)
    if count == head.len():
        return head.str.contains(searched, literal=is_plain).fill_null(value=False)
    held = head.filter(among).str.contains(searched, literal=is_plain).fill_null(value=False)
    return among.scatter(among.arg_true(), held)


@lru_cache(maxsize=256)
def _searched(regex: str) -> tuple[str, bool]:
    """Return what to search, and whether it is a plain text: polars keeps few regexes compiled."""
    plain = plain_text(regex)
    return (regex, False) if plain is None else (plain, True)


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
