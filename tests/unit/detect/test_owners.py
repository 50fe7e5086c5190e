"""Whose an observable is: the estate's answer first, else the event's commune, never a guess in a shared event."""

from datetime import UTC, datetime

import polars as pl
import pytest

from correlator.config.estate import load_estate
from correlator.detect.owners import with_owners
from correlator.enrich.owners import owner_of
from correlator.enrich.tables import build_tables
from correlator.model.detection import DETECTION

ESTATE = """\
version = 1
[[commune]]
id = "00101"
code = "BRP"
name = "Brévanne-le-Port"
hosts = ["BRP-*", "www.brevanne.example.org"]
users = ["guichet.brp*"]
upn_suffixes = ["brp.example.org"]
units = ["BRP"]
[[commune]]
id = "00102"
code = "SAU"
name = "Saint-Aubrec"
hosts = ["SAU-*"]
upn_suffixes = ["sau.example.org"]
[[network]]
cidr = "10.12.0.0/16"
commune = "00102"
zone = "users"
[[shared]]
name = "AD forest"
hosts = ["SIM-DC*"]
addresses = ["10.10.10.0/24"]
"""


@pytest.mark.parametrize(
    ("event", "kind", "value", "commune"),
    [
        ("00101", "host", "sau-pc12.ad.sim9.example", "00102"),  # a host of another commune
        ("00101", "host", "sim-dc02", "shared"),
        ("00101", "host", "unknown-pc", "00101"),  # local to the event
        ("shared", "host", "unknown-pc", "unattributed"),  # may be anybody's
        ("00101", "ip", "10.12.4.5", "00102"),
        ("00101", "ip", "10.10.10.11", "shared"),
        ("00101", "ip", "198.51.100.7", "00101"),  # the outside world: who saw it
        ("shared", "ip", "198.51.100.7", "shared"),
        ("shared", "ip", "192.168.1.9", "unattributed"),  # inside, but nobody's
        ("00102", "user", "a.durand@brp.example.org", "00101"),
        ("00102", "user", "CN=a.durand,OU=BRP,OU=Communes,DC=ad", "00101"),
        ("shared", "user", "SIM9\\guichet.brp02", "00101"),
        ("shared", "user", "a.durand", "unattributed"),
        ("00102", "user", "a.durand", "00102"),
        ("00102", "email", "a.durand@brp.example.org", "00101"),
        ("shared", "email", "someone@example.net", "unattributed"),
        ("00102", "domain", "www.brevanne.example.org", "00101"),
        ("shared", "domain", "evil.example.net", "shared"),
        ("shared", "hash", "e3b0c442", "shared"),
        ("shared", "file", "D:\\Partages\\COR\\social.docx", "unattributed"),
        (None, "file", "/srv/x", "unattributed"),
    ],
)
def test_an_observable_bears_its_own_commune(event: str | None, kind: str, value: str, commune: str) -> None:
    """Hosts by name, addresses by network, people by suffix, unit or account; the rest as the event."""
    tables = build_tables(load_estate(ESTATE), [2026])
    seen = {"kind": kind, "role": "x", "value": value, "strong": True}
    detections = pl.DataFrame([{"commune": event, "observables": [seen]}], schema=DETECTION)
    owned = with_owners(detections, lambda kind, value: owner_of(tables, kind, value))
    assert owned.schema == DETECTION
    assert owned["observables"].to_list() == [[{**seen, "commune": commune}]]


def test_rows_keep_their_order_and_the_owner_is_asked_once_per_value() -> None:
    """Empty lists stay empty; a thousand rows of one account ask once."""
    asked: list[str] = []

    def owner(_kind: str, value: str) -> str | None:
        asked.append(value)
        return None

    seen = [[], *([{"kind": "user", "role": "actor", "value": name, "strong": True}] for name in ["ann", "bob"] * 500), []]
    now = datetime(2026, 11, 22, tzinfo=UTC)
    rows = [{"event.id": str(at), "@timestamp": now, "commune": "00101", "observables": one} for at, one in enumerate(seen)]
    owned = with_owners(pl.DataFrame(rows, schema=DETECTION), owner)
    assert owned["event.id"].to_list() == [str(at) for at in range(1002)]
    assert [[one["value"] for one in row] for row in owned["observables"]] == [[one["value"] for one in row] for row in seen]
    assert {one["commune"] for row in owned["observables"] for one in row} == {"00101"}
    assert sorted(asked) == ["ann", "bob"]
