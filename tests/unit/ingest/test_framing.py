"""Both framings of syslog over a connection, told apart message by message, however the bytes are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from correlator.ingest.framing import Frames, Messages
from correlator.model.raw import Flag


def fed(*parts: bytes, max_bytes: int = 1000) -> Messages:
    """Return everything a connection gives that brings ``parts`` and ends."""
    frames, found = Frames(max_bytes), Messages()
    for messages in [*(frames.feed(part) for part in parts), frames.finish()]:
        found.texts += messages.texts
        found.flags += messages.flags or [0] * len(messages.texts)
        found.too_long += messages.too_long
    return found


def counted(text: str) -> bytes:
    """Return ``text`` with its octet count."""
    data = text.encode()
    return b"%d %s" % (len(data), data)


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        (b"<13>a\n<13>b\n", ["<13>a", "<13>b"]),
        (b"<13>a\r\n<13>b\0\n\n", ["<13>a", "<13>b"]),
        (b"<13>a\n\0<13>b\n\0", ["<13>a", "<13>b"]),
        (b"<13>no newline at the end", ["<13>no newline at the end"]),
        (counted("<13>a") + counted("<13>b\nsecond line"), ["<13>a", "<13>b\nsecond line"]),
        (counted("<13>a") + b"\n" + counted("<13>b"), ["<13>a", "<13>b"]),
        (counted("<13>a\n") + b"<13>b\n" + counted("<13>c"), ["<13>a", "<13>b", "<13>c"]),
        (b"<13>a\n" + counted("<13>é") + b"<13>c\n", ["<13>a", "<13>é", "<13>c"]),
        (b"2026 is a year\n12 monkeys\n7\n", ["2026 is a year", "12 monkeys", "7"]),
        (b"99999999 <13>too big a number to be a count\n", ["99999999 <13>too big a number to be a count"]),
        (b"", []),
    ],
)
def test_messages(data: bytes, texts: list[str]) -> None:
    """However the bytes arrive: at once, one by one, in the middle of a count."""
    for size in (len(data) or 1, 1, 2, 3, 7):
        assert fed(*(data[start : start + size] for start in range(0, len(data), size))).texts == texts


def test_bytes_that_are_no_utf8_keep_their_text_and_say_so() -> None:
    """Windows-1252 beside UTF-8, NUL inside: each message has its own flags."""
    found = fed("<13>été\n".encode() + "<13>été €\n".encode("cp1252") + b"<13>a\0b\n")

    assert found.texts == ["<13>été", "<13>été €", "<13>a\0b"]
    assert found.flags == [0, Flag.CP1252, Flag.CONTROL]


@pytest.mark.parametrize("long", [b"<13>" + b"x" * 5000 + b"\n", b"5004 <13>" + b"x" * 5000])
@pytest.mark.parametrize("size", [1, 100, 100_000])
def test_what_is_too_long_is_refused_and_the_next_message_read(long: bytes, size: int) -> None:
    """Its beginning goes to the dead letter, memory stays bounded, nothing after it is lost."""
    data = b"<13>before\n" + long + b"<13>after\n"
    found = fed(*(data[start : start + size] for start in range(0, len(data), size)))

    assert found.texts == ["<13>before", "<13>after"]
    assert [(text[:4], len(text)) for text in found.too_long] == [("<13>", 1000)]


def test_a_counted_message_that_never_ends_says_it_is_cut() -> None:
    """The connection broke inside a message: what came of it is kept."""
    frames = Frames(1000)
    frames.feed(b"20 <13>cut")

    assert frames.is_cut
    assert frames.finish().texts == ["20 <13>cut"]


_TEXTS = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1, max_size=40), max_size=12)


@given(_TEXTS, st.lists(st.booleans(), min_size=12, max_size=12), st.integers(1, 30))
def test_any_mix_of_framings_in_any_cut_gives_the_same(bodies: list[str], kinds: list[bool], size: int) -> None:
    """Counted or by line, message by message, in pieces of any size."""
    texts = [f"<13>{body}" for body in bodies]
    data = b"".join(counted(text) if kind else text.encode() + b"\n" for text, kind in zip(texts, kinds, strict=False))

    assert fed(*(data[start : start + size] for start in range(0, len(data), size))).texts == texts
