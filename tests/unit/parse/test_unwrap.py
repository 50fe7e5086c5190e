"""Lines come out of their envelope, and a stranger's text cannot imitate the start of a product's line."""

from datetime import UTC, datetime

import polars as pl
import pytest

from correlator.parse.formats.unwrap import PREFIX, bodies, tagged, unwrap


def test_bare_and_wrapped_lines_keep_their_order() -> None:
    """A bare line is its own body; a wrapped one says who sent it and when."""
    raw = pl.DataFrame(
        {
            "raw_row": pl.Series([0, 1, 2], dtype=pl.UInt32),
            "text": ["192.0.2.1 - -", "<134>Nov 22 09:05:01 web1 nginx: line one", "1795334701.1 line"],
            "received": [datetime(2026, 11, 22, 12, tzinfo=UTC)] * 3,
        }
    )
    lines = unwrap(raw)
    assert lines.get_column("body").to_list() == ["192.0.2.1 - -", "line one", "1795334701.1 line"]
    assert lines.get_column("sender").to_list() == [None, "web1", None]
    assert lines.get_column("sent").to_list() == [None, datetime(2026, 11, 22, 8, 5, 1, tzinfo=UTC), None]


@pytest.mark.parametrize(
    ("text", "is_start"),
    [
        ("MARK x", True),
        ("<134>MARK x", True),
        ("187 <134>\ufeffMARK x", True),
        ("<134>Nov 22 09:05:01 host tag[12]: MARK x", True),
        ("Nov 22 09:05:01 host MARK x", True),
        ("2026-11-22T09:05:01Z host tag: MARK x", True),
        ('<134>1 2026-11-22T09:05:01Z h a 1 - [o ip="192.0.2.1"] MARK x', True),
        ('192.0.2.1 - - [22/Nov/2026] "GET /MARK x', False),
        ('<134>Nov 22 09:05:01 web nginx: 192.0.2.1 "GET MARK x', False),
        ("192.0.2.1 - MARK x", False),
        ('{"message": "MARK x"}', False),
    ],
)
def test_prefix(text: str, is_start: bool) -> None:  # noqa: FBT001 - a parametrised expectation
    """Only a syslog header may stand before a product's line."""
    assert pl.Series([text]).str.contains(PREFIX + "MARK x").item() is is_start


def test_structured_data_is_not_part_of_the_record() -> None:
    """Pairs of RFC 5424's structured data stay outside; without it texts are not touched."""
    texts = pl.Series(['<165>1 2026-11-22T09:05:01Z h a 1 - [o ip="192.0.2.1"] id=firewall x=1', "<134>id=firewall y=2"])
    assert bodies(texts, r"\bid=firewall").to_list() == ["id=firewall x=1", "id=firewall y=2"]
    assert bodies(texts[1:], r"\bid=firewall").to_list() == ["<134>id=firewall y=2"]


@pytest.mark.parametrize(
    ("text", "is_tag"),
    [
        ("Nov 22 14:05:01 mx1 postfix/smtpd[2201]: connect", True),
        ("<22>1 2026-11-22T14:05:01.1+01:00 mx1 postfix/smtpd 2201 - - connect", True),
        ("<20>Nov 22 14:05:02 relay Nov 22 14:05:02 mx1 postfix/smtpd[77]: x", True),
        ("<22>postfix/smtpd[77]: x", True),
        ("postfix/smtpd: x", True),
        ("2026-11-22T14:05:01+01:00 [192.0.2.1] postfix/smtpd[77]: x", True),
        ("Nov 22 14:05:01 mx1 sshd[1]: postfix/smtpd[2]: connect", False),
        ("Nov 22 14:05:01 mx1 sshd[1]: Invalid user postfix/smtpd[2]: x from 192.0.2.1 port 1", False),
        ("<38>1 2026-11-22T14:05:01Z mx1 sshd 12 - - Invalid user postfix/smtpd[2]: x", False),
        ("Nov 22 14:05:01 mx1 logger: Nov 22 14:05:01 mx1 postfix/smtpd[2]: x", False),
    ],
)
def test_tagged(text: str, is_tag: bool) -> None:  # noqa: FBT001 - a parametrised expectation
    """The tag of a syslog header, never a word that a stranger put into a message."""
    assert pl.Series([text]).str.contains(tagged(r"postfix(?:/[a-z]+)+")).item() is is_tag
