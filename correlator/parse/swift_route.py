"""Who reads each of a few records: told in Python from what signatures say of themselves, where that is enough.

polars keeps 32 regexes compiled and a signature takes a millisecond to compile, longer than a hundred records take to be
searched. So a small batch is looked at here first. Nothing is guessed: a parser is passed over where a text that its records
must hold is missing, and chosen where its ``marks`` or its ``sure`` are found; a record about which a parser leaves a doubt is
left to the search with the patterns themselves.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from polars import escape_regex

from correlator.parse.contract import Parser, Signature
from correlator.parse.formats.tagged import TAG
from correlator.parse.needed_texts import needed_texts

__all__ = ["FEW", "claimed_swiftly", "is_portable", "tags_of"]

#: So many records are sooner looked at here.
FEW = 256

# Not read alike by Python and Rust: classes and groups by a sign, the end of the text, sets in sets, possessive repetition.
_FOREIGN = re.compile(r"\\(?![nrt])[A-Za-z0-9]|\(\?(?!:)|\$|\[\[|\[:|&&|--|~~|[*+?}]\+")
_ESCAPED_SIGN = re.compile(r"\\[^A-Za-z0-9]")
_ENDS_IN_CLASS = re.compile(r"(?<=[^\[])\$(?=[^\[\]]*\])")  # a dollar between brackets is one

# The signs above ASCII, as Python writes them.
_TAG = re.compile(TAG.replace(r"\x{feff}", "\ufeff").replace(r"\x{80}-\x{10ffff}", "\x80-\U0010ffff"))

Search = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class _Test:
    """What one signature says: texts it needs, texts and searches of which it needs one (none given: any will do), proofs."""

    literals: tuple[str, ...]
    any_text: tuple[str, ...]
    any_of: tuple[Search, ...]
    proofs: tuple[tuple[Search, ...], ...]


def claimed_swiftly(heads: Sequence[str | None], ranked: Sequence[Parser]) -> list[int | None]:
    """Return the place in ``ranked`` of the parser that claims each of ``heads``; None where that is not sure."""
    signatures = tuple(parser.signature for parser in ranked)
    tests, tags = _tests(signatures), tags_of(signatures)
    return [None if head is None else _owner(head, tests, tags) for head in heads]


@lru_cache(maxsize=16)
def tags_of(signatures: tuple[Signature, ...]) -> dict[str, int]:
    """Return program → place of the signature that has it among its ``tags``."""
    return {tag: number for number, signature in reversed([*enumerate(signatures)]) for tag in signature.tags}


def is_portable(regex: str) -> bool:
    """Say whether Python finds ``regex`` in the same texts as Rust."""
    return not _FOREIGN.search(_ENDS_IN_CLASS.sub("", _ESCAPED_SIGN.sub("e", regex)))


def _owner(head: str, tests: Sequence[_Test], tags: Mapping[str, int]) -> int | None:
    named = _TAG.match(head) if tags else None
    number = tags.get(named[1].lower()) if named else None
    return _first(head, tests) if number is None else number


def _first(head: str, tests: Sequence[_Test]) -> int | None:
    for number, test in enumerate(tests):
        if any(literal not in head for literal in test.literals):
            continue
        if test.any_text and not any(text in head for text in test.any_text):
            continue
        if test.any_of and not any(found(head) for found in test.any_of):
            continue
        return number if any(all(found(head) for found in proof) for proof in test.proofs) else None
    return None


@lru_cache(maxsize=16)
def _tests(signatures: tuple[Signature, ...]) -> tuple[_Test, ...]:
    return tuple(_test(one) for one in signatures)


def _test(signature: Signature) -> _Test:
    """Return the test of a signature; where all regexes of ``any_of`` are plain texts they are looked for as such."""
    plain = tuple(plain_text(regex) for regex in signature.any_of)
    texts = tuple(text for text in plain if text is not None)
    is_plain = not signature.any_text and len(texts) == len(plain)
    searches = () if is_plain or not all(map(is_portable, signature.any_of)) else map(_search, signature.any_of)
    any_text = (texts if is_plain else signature.any_text) or needed_texts(signature.pattern)
    return _Test(signature.literals, any_text, tuple(searches), tuple(_proofs(signature)))


def plain_text(regex: str) -> str | None:
    """Return the one text that ``regex`` finds; None where it finds others."""
    plain = re.sub(r"\\(\W)", r"\1", regex)
    return plain if escape_regex(plain) == regex else None


def _search(regex: str) -> Search:
    return re.compile(regex).search


def _proofs(signature: Signature) -> Iterator[tuple[Search, ...]]:
    if signature.sure:
        yield (re.compile(signature.sure).match,)
    for mark in signature.marks:
        if all(map(is_portable, mark)):
            yield tuple(map(_search, mark))
