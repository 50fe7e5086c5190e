"""Short pieces of texts, as they may be written before they are lower-cased: few enough to be searched for at full speed.

A search for up to some sixty fixed texts runs at several gigabytes a second, one for more at a tenth of that, and lower-casing
first costs as much as the search. So of each text the piece is taken that has few letters, hence few spellings, and is rare.
"""

from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from itertools import product
from math import prod

#: Spellings that are searched for together: what the searching of many bytes at once has room for.
_MOST = 60
_SHORTEST, _LONGEST = 3, 5
#: Letters that are the lower case of a sign outside ASCII too: the Kelvin sign, and the dotted capital I, which leaves a dot
#: behind the i, so that no other letter follows it.
_KELVIN, _DOTTED = {"k": "\u212a"}, {"i": "\u0130"}
#: How many of a thousand letters and signs of ordinary logs are this one, roughly; what is not named is rare.
_COMMON = {
    **dict.fromkeys("e", 80.0),
    **dict.fromkeys("tinosar", 55.0),
    **dict.fromkeys("cdlmpu", 35.0),
    **dict.fromkeys("fghwvbyx", 15.0),
    **dict.fromkeys("kjqz", 6.0),
    **dict.fromkeys(" \\", 40.0),
    **dict.fromkeys("0123456789", 30.0),
    **dict.fromkeys(".-_/", 15.0),
    ":": 6.0,
}
_SELDOM = 3.0
#: With a piece in one of so many values or fewer, looking for pieces first pays.
_RARE_ENOUGH = 1e-5


def pieces_of(texts: Iterable[str]) -> tuple[str, ...] | None:
    """Return what a value must contain to hold one of the folded ``texts`` in any spelling; None when that is too much."""
    by_piece = defaultdict[str, set[str]](set)
    for text in texts:
        for piece in _candidates(text):
            by_piece[piece].add(text)
    found: list[str] = []
    left = set(texts)
    while left:
        best = max(by_piece, key=lambda piece: _worth(piece, len(by_piece[piece] & left)), default="")
        if not by_piece.get(best, set()) & left:
            return None
        left -= by_piece.pop(best)
        found += _spellings(best)
        if len(found) > _MOST:
            return None
    return tuple(found)


def _candidates(text: str) -> set[str]:
    windows = (text[start : start + size] for size in range(_SHORTEST, _LONGEST + 1) for start in range(len(text) - size + 1))
    return {piece for piece in windows if piece.isascii() and _rate(piece) <= _RARE_ENOUGH}


def _rate(piece: str) -> float:
    """Return how often ``piece`` may be met per byte: an estimate that only ranks."""
    return prod(_COMMON.get(letter, _SELDOM) / 1000 for letter in piece)


def _worth(piece: str, texts: int) -> tuple[float, float, str]:
    return texts / len(_spellings(piece)), -_rate(piece), piece


@lru_cache(maxsize=10_000)
def _spellings(piece: str) -> tuple[str, ...]:
    signs = [{letter, letter.upper(), *_KELVIN.get(letter, "")} for letter in piece]
    signs[-1] |= {*_DOTTED.get(piece[-1], "")}
    return tuple(map("".join, product(*map(sorted, signs))))
