"""Sentences: messages for people, read by a table of the phrases a program is known to write.

The first phrase that matches a message gives its named groups, which are column names (``(?P<user.name>…)``), and the
columns it always means (``says``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache

import polars as pl

from correlator.parse.needed_texts import LEAST_TELLING, held_texts, needed_texts

__all__ = ["Phrase", "columns_of", "read_phrases", "said_in"]


_FEW = 4  # so many phrases are sooner searched than sorted out


@dataclass(frozen=True, slots=True)
class Phrase:
    """A sentence a program writes: a Rust regex with columns as groups, and what it always means.

    ``says`` maps columns to a text, or to a tuple for a list of text. Values that people outside can choose (user names)
    must be followed by a fixed text matched from the right end of the message.
    """

    pattern: str
    says: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)


def columns_of(phrases: Sequence[Phrase]) -> set[str]:
    """Return every column the phrases can give."""
    groups = (name for phrase in phrases for name in _groups(phrase))
    return {*groups, *(name for phrase in phrases for name in phrase.says)}


def read_phrases(messages: pl.DataFrame, phrases: Sequence[Phrase]) -> pl.DataFrame:
    """Return ``raw_row`` and the columns that were found, one row per row of ``messages`` (``raw_row``, ``text``), any order.

    A message without a known phrase has null in every column; groups that took part in no match are null too.
    """
    lines, found = messages.select("raw_row", "text"), []
    text = lines.get_column("text")
    held = held_texts(text, _sought(tuple(phrase.pattern for phrase in phrases))) if len(phrases) > _FEW else {}
    is_left = pl.Series([True]).new_from_index(0, lines.height)
    for phrase in phrases:
        maybe = _maybe(phrase, held, is_left, searched=len(phrases) > _FEW)
        if not maybe.len():
            continue
        is_said = text.gather(maybe).str.contains(phrase.pattern).fill_null(value=False)
        if is_said.any():
            said = maybe.filter(is_said)
            found.append(_read(lines[said], phrase))
            is_left = is_left.scatter(said, False)  # noqa: FBT003 - polars' own
    return pl.concat([*found, lines.filter(is_left).select("raw_row")], how="diagonal")


def _maybe(phrase: Phrase, held: Mapping[str, pl.Series], is_left: pl.Series, *, searched: bool) -> pl.Series:
    """Return the places of the messages that are left and may be said by ``phrase``."""
    texts = _telling(phrase.pattern) if searched else ()
    if not texts:
        return is_left.arg_true()
    found = [held[text] for text in texts if text in held]
    places = found[0] if len(found) == 1 else pl.concat([is_left.clear().cast(pl.UInt32), *found]).unique().sort()
    return places.filter(is_left.gather(places))


@cache
def _telling(pattern: str) -> tuple[str, ...]:
    """Return plain texts of which each match of ``pattern`` holds one; none where one of them would tell nothing."""
    texts = needed_texts(pattern)
    return texts if texts and min(map(len, texts)) >= LEAST_TELLING else ()


@lru_cache(maxsize=512)
def _sought(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the plain texts that some of ``patterns`` need."""
    return tuple(dict.fromkeys(text for pattern in patterns for text in _telling(pattern)))


def said_in(text: pl.Series, phrases: Sequence[Phrase]) -> pl.DataFrame:
    """Return every column the phrases can give, one row per text in its order; null where no phrase says it."""
    messages = pl.DataFrame({"raw_row": pl.int_range(text.len(), dtype=pl.UInt32, eager=True), "text": text})
    lists = {name for phrase in phrases for name, value in phrase.says.items() if not isinstance(value, str)}
    schema = {name: pl.List(pl.String()) if name in lists else pl.String() for name in sorted(columns_of(phrases))}
    none = messages.select("raw_row").clear().hstack(pl.DataFrame(schema=schema))
    return pl.concat([none, read_phrases(messages, phrases)], how="diagonal").sort("raw_row").drop("raw_row")


def _read(said: pl.DataFrame, phrase: Phrase) -> pl.DataFrame:
    constants = {
        name: pl.lit(value) if isinstance(value, str) else pl.lit(list(value), dtype=pl.List(pl.String))
        for name, value in phrase.says.items()
    }
    rows = said.select("raw_row")
    if _groups(phrase):
        groups = said.get_column("text").str.extract_groups(phrase.pattern).struct.unnest()
        rows = rows.hstack(groups.select(pl.when(pl.all() != "").then(pl.all()).name.keep()))
    return rows.with_columns(**constants)


def _groups(phrase: Phrase) -> list[str]:
    return [part.split(">", 1)[0] for part in phrase.pattern.split("(?P<")[1:]]
