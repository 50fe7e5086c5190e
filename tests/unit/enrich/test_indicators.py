"""Indicators: what lists call bad is met wherever an event may hold it, and nowhere else."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.config.indicator_lists import read_list
from correlator.enrich.addresses import undeclared_zone
from correlator.enrich.indicators import LOG_SOURCE, Indicators
from correlator.errors import InputError
from correlator.model.indicator import GIVEN

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SHA = "a" * 64
TEXT = f"""\
# a list from elsewhere
203.0.113.9
198.51.100.0/28   ; a whole network
hxxp://Evil[.]example/Drop/
bad.example
{SHA.upper()}
escroc@mail.example
10.1.2.3
what is this
"""


def indicators(tmp_path: Path, text: str | bytes, *allow: str, confidence: int = 80) -> Indicators:
    """Return the indicators of one list."""
    path = tmp_path / "list"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Indicators.of([("liste", read_list(path, confidence, written=NOW).frame)], allow)


def marked(known: Indicators, **columns: list[str | None]) -> list[tuple[str | None, str | None]]:
    """Return (indicator, column it was met in) of each event."""
    height = len(next(iter(columns.values())))
    named = {name.replace("__", "."): values for name, values in columns.items()}
    frame = pl.DataFrame({"@timestamp": [NOW] * height, "logsource": ["x//"] * height, **named})
    (done,) = known.mark([frame], undeclared_zone)
    if GIVEN[0] not in done.columns:
        return [(None, None)] * height
    feeds = done.get_column("logsource").str.contains(LOG_SOURCE, literal=True)
    assert feeds.to_list() == done.get_column(GIVEN[0]).is_not_null().to_list()
    return done.select(GIVEN[0], GIVEN[5]).rows()


def test_every_kind_is_met(tmp_path: Path) -> None:
    """Addresses, networks, names and what lies below them, URLs however they are written, hashes, senders."""
    known = indicators(tmp_path, TEXT)
    assert marked(known, destination__ip=["203.0.113.9", "198.51.100.7", "198.51.100.77", None]) == [
        ("203.0.113.9", "destination.ip"), ("198.51.100.0/28", "destination.ip"), (None, None), (None, None),
    ]  # fmt: skip
    assert marked(known, dns__question__name=["BAD.example.", "a.b.bad.example", "notbad.example"]) == [
        ("bad.example", "dns.question.name"), ("bad.example", "dns.question.name"), (None, None),
    ]  # fmt: skip
    assert marked(known, url__original=["http://EVIL.example/Drop", "https://evil.example/drop", "/Drop"]) == [
        ("evil.example/Drop", "url.original"), (None, None), (None, None),
    ]  # fmt: skip
    assert marked(known, file__hash__sha256=[SHA, "b" * 64]) == [(SHA, "file.hash.sha256"), (None, None)]
    assert marked(known, email__from__address=["Escroc@mail.example"]) == [("escroc@mail.example", "email.from.address")]


def test_inside_and_allowed_values_are_none(tmp_path: Path) -> None:
    """A list that names a private address, the own domain or a resolver floods nobody."""
    known = indicators(tmp_path, TEXT, "bad.example", "198.51.100.0/24")
    assert marked(known, source__ip=["10.1.2.3", "198.51.100.7"]) == [(None, None), (None, None)]
    assert marked(known, dns__question__name=["www.bad.example"]) == [(None, None)]


def test_an_indicator_ends(tmp_path: Path) -> None:
    """By what the list says, or by its age; an event of before still meets it."""
    path = tmp_path / "list.csv"
    path.write_text("indicator;valid_until;confidence;threat\n203.0.113.9;2026-11-21;90;Emotet\n203.0.113.8;2026-12-01;10;x\n")
    known = Indicators.of([("liste", read_list(path, 50, written=NOW).frame)])
    assert marked(known, destination__ip=["203.0.113.9", "203.0.113.8"]) == [(None, None), ("203.0.113.8", "destination.ip")]
    plain = tmp_path / "plain"
    plain.write_text("203.0.113.7\n")
    old = read_list(plain, 50, written=NOW - timedelta(days=40), max_age=timedelta(days=30))
    assert marked(Indicators.of([("liste", old.frame)]), destination__ip=["203.0.113.7"]) == [(None, None)]


def test_misp_and_stix(tmp_path: Path) -> None:
    """Only what is marked for detection; a pattern of several parts names no single value."""
    attributes = [
        {"type": "ip-dst", "value": "203.0.113.9", "to_ids": True, "comment": "C2"},
        {"type": "domain|ip", "value": "two.example|203.0.113.10", "to_ids": True},
        {"type": "url", "value": "http://three.example/x", "to_ids": False},
        {"type": "comment", "value": "203.0.113.11", "to_ids": True},
    ]
    misp = indicators(tmp_path, orjson.dumps({"response": [{"Event": {"Attribute": attributes}}]}))
    assert sorted(misp.known[0].get_column("value")) == ["203.0.113.9", "two.example"]
    objects = [
        {"type": "indicator", "pattern": "[ipv4-addr:value = '203.0.113.9'] OR [domain-name:value = 'bad.example']"},
        {"type": "indicator", "pattern": f"[file:hashes.'SHA-256' = '{SHA}']", "valid_until": "2030-01-01T00:00:00Z"},
        {"type": "indicator", "pattern": "[url:value = 'http://a.example/b'] AND [ipv4-addr:value = '203.0.113.1']"},
        {"type": "indicator", "pattern": "[ipv4-addr:value = '203.0.113.2']", "revoked": True},
        {"type": "malware", "name": "x"},
    ]
    stix = indicators(tmp_path, orjson.dumps({"type": "bundle", "objects": objects}))
    assert sorted(stix.known[0].get_column("value")) == ["203.0.113.9", SHA, "bad.example"]


def test_the_most_trusted_list_counts(tmp_path: Path) -> None:
    """A value of two lists is one indicator."""
    path = tmp_path / "list"
    path.write_text("203.0.113.9\n")
    frames = [("faible", read_list(path, 20, written=NOW).frame), ("sûre", read_list(path, 90, written=NOW).frame)]
    frame = pl.DataFrame({"@timestamp": [NOW], "logsource": ["x//"], "destination.ip": ["203.0.113.9"]})
    (done,) = Indicators.of(frames).mark([frame], undeclared_zone)
    assert done.select(GIVEN[2], GIVEN[3]).row(0) == ("sûre", "High")


@pytest.mark.parametrize("text", ["", "# nothing\n", "<html>404</html>", '{"a": 1}', "{broken"])
def test_what_is_no_list_is_said(tmp_path: Path, text: str) -> None:
    """A download that failed is a fault with its file, not an empty list."""
    path = tmp_path / "list"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_list(path, 50, written=NOW)
    assert caught.value.problems[0].path == str(path)


@settings(max_examples=80, deadline=None)
@given(
    networks=st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(8, 32)), max_size=8),
    asked=st.lists(st.integers(0x0B000000, 0xDFFFFFFF), max_size=6),
)
def test_networks_agree_with_a_naive_search(
    tmp_path_factory: pytest.TempPathFactory, networks: list[tuple[int, int]], asked: list[int]
) -> None:
    """An address is met when one of the networks holds it, whatever their order and overlap."""
    known = [str(ip_network((number, length), strict=False)) for number, length in networks]
    path = tmp_path_factory.mktemp("n") / "list"
    path.write_text("192.88.99.1\n" + "\n".join(known))
    table = Indicators.of([("l", read_list(path, 50, written=NOW).frame)])
    inside = [str(ip_address(number)) for number in [*asked, *(number for number, _ in networks)]]
    outside = [one for one in inside if undeclared_zone(one) == "internet"]
    if outside:
        met = [name is not None for name, _ in marked(table, destination__ip=list(outside))]
        naive = [any(ip_address(one) in ip_network(network) for network in known) or one == "192.88.99.1" for one in outside]
        assert met == naive
