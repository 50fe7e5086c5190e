"""The debug log of Windows DNS: dates without a locale, names by length, one question counted once."""

from collections.abc import Callable
from typing import Any

import pytest

ReadLines = Callable[..., list[dict[str, Any]]]

LINE = "{stamp} 0BE4 PACKET  000000149B80B390 UDP {way} 192.0.2.30      ccfb {r} Q [{flags}] A      {name}"


def _line(
    stamp: str = "22/11/2026 11:05:01", way: str = "Rcv", name: str = "(3)www(7)example(3)org(0)", *, answer: bool = False
) -> str:
    flags = "8081   DR  NOERROR" if answer else "0001   D   NOERROR"
    return LINE.format(stamp=stamp, way=way, r="R" if answer else " ", flags=flags, name=name)


@pytest.mark.parametrize(
    ("stamp", "utc"),
    [
        ("22/11/2026 11:05:01", "2026-11-22T10:05:01"),
        ("11/22/2026 11:05:01", "2026-11-22T10:05:01"),
        ("11/22/2026 1:05:01 PM", "2026-11-22T12:05:01"),
        ("10/11/2026 1:05:01 AM", "2026-10-10T23:05:01"),
        ("10/11/2026 11:05:01", "2026-11-10T10:05:01"),
        ("22.11.2026 11:05:01", "2026-11-22T10:05:01"),
        ("2026-11-22 11:05:01", "2026-11-22T10:05:01"),
    ],
)
def test_a_date_is_read_in_the_order_it_can_have(read_lines: ReadLines, stamp: str, utc: str) -> None:
    """Month first with AM or PM, or where nothing else is possible; day first else."""
    (event,) = read_lines("windows_dns", _line(stamp))
    assert event["@timestamp"].startswith(utc)


def test_only_what_clients_ask_feeds_the_category(read_lines: ReadLines) -> None:
    """Four packets, one question."""
    lines = [_line(way=way, answer=answer) for way in ("Rcv", "Snd") for answer in (False, True)]
    sources = [event["logsource"] for event in read_lines("windows_dns", *lines)]
    assert sources == ["windows/dns/dns-debug", *["windows//dns-debug"] * 3]


@pytest.mark.parametrize(
    ("name", "shown"),
    [("(0)", "."), ("(5)zo(c)(3)org(0)", "zo(c).org"), ("(3)WwW(3)org(0)", "www.org"), ("(9)a(3)b(1)c(0)", "a(3)b(1)c")],
)
def test_a_label_is_as_long_as_it_says(read_lines: ReadLines, name: str, shown: str) -> None:
    """A label may look like a separator."""
    (event,) = read_lines("windows_dns", _line(name=name))
    assert event["query"] == shown
