"""GSM-7: the 128 characters of a plain SMS, French text folded into them, and how many segments it takes."""

import unicodedata

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("^{}\\[~]|€\f")  # two septets each
_SAME = {
    "’": "'", "‘": "'", "“": '"', "”": '"', "«": '"', "»": '"', "–": "-", "—": "-", "…": "...", "œ": "oe", "Œ": "OE", "ç": "c",
    "×": "x", "•": "-", "\u00a0": " ", "\u202f": " ", "\t": " ", "`": "'",
}  # fmt: skip
_ONE, _EACH = 160, 153  # septets: alone, and in one of several segments
_ELLIPSIS = "..."


def folded(text: str) -> str:
    """Return ``text`` in GSM-7: é, è, à, ù stay; ê becomes e, « becomes "; what nothing resembles becomes a question mark."""
    return "".join(_fold(character) for character in unicodedata.normalize("NFC", text))


def septets(text: str) -> int:
    """Return how many septets a GSM-7 ``text`` takes: two for brackets and the euro sign."""
    return sum(2 if character in _EXTENDED else 1 for character in text)


def segments(text: str) -> int:
    """Return in how many SMS a GSM-7 ``text`` is sent, and billed."""
    length = septets(text)
    return 1 if length <= _ONE else -(-length // _EACH)


def cut(text: str, most: int = 1) -> str:
    """Return ``text`` within ``most`` segments, cut at a word and ended by three points where something is missing."""
    room = _ONE if most == 1 else _EACH * most
    if septets(text) <= room:
        return text
    kept = ""
    for character in text:
        if septets(kept + character + _ELLIPSIS) > room:
            break
        kept += character
    at_word = kept.rpartition(" ")[0]
    return (at_word if len(at_word) > len(kept) * 2 // 3 else kept).rstrip(" ,;:(\"'") + _ELLIPSIS


def _fold(character: str) -> str:
    if character in _BASIC or character in _EXTENDED:
        return character if character not in "\r\f" else " "
    if character in _SAME:
        return _SAME[character]
    plain = "".join(one for one in unicodedata.normalize("NFKD", character) if not unicodedata.combining(one))
    if plain and plain != character and all(one in _BASIC for one in plain):
        return plain
    return " " if unicodedata.category(character).startswith(("Z", "C")) else "?"
