"""Attribution: which commune an event belongs to, and why the order of the answers matters."""

from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_network

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from correlator.config.estate import load_estate
from correlator.enrich.addresses import AddressIndex
from correlator.enrich.attribute import enrich, enrich_batch
from correlator.enrich.tables import Tables, build_tables
from correlator.model.estate import Estate
from correlator.model.event import ENRICHED
from correlator.model.raw import UTC_TIME

Address = IPv4Address | IPv6Address

ESTATE = """\
version = 1
hours = { mon-fri = "07:30-18:30" }
network = [
  { cidr = "10.10.0.0/16", commune = "shared", zone = "servers" },
  { cidr = "10.10.99.0/24", commune = "shared", zone = "admin" },
  { cidr = "10.11.0.0/16", commune = "00101", zone = "users" },
  { cidr = "10.11.20.0/24", commune = "00101", zone = "servers" },
  { cidr = "10.12.0.0/16", commune = "00102", zone = "users" },
  { cidr = "2001:db8:9::/48", commune = "00102", zone = "dmz" },
  { cidr = "10.99.0.0/16", zone = "supplier" },
]
source = [
  { name = "fw-brp", commune = "00101", paths = ["stormshield/fw-brp*.log"] },
  { name = "relay", commune = "shared" },
  { name = "apps", commune_field = "organization.id" },
]

[[commune]]
id = "00101"
code = "BRP"
name = "Brévanne-le-Port"
hosts = ["BRP-*"]
users = ["guichet.brp*"]
upn_suffixes = ["brp.example.org"]
units = ["BRP"]
hours = { mon-fri = "08:30-12:00, 13:30-17:30" }

[[commune]]
id = "00102"
code = "SAU"
name = "Saint-Aubrec"
hosts = ["SAU-*", "COMPTA"]
upn_suffixes = ["sau.example.org"]
time_zone = "America/Guadeloupe"
hours = { mon-sun = "00:00-24:00" }

[[shared]]
name = "AD forest"
hosts = ["SIM-*", "SAU-DC01"]
"""
TABLES = build_tables(load_estate(ESTATE))
NOON = datetime(2026, 11, 17, 11, 0, tzinfo=UTC)  # Tuesday, 12:00 in Paris, 07:00 in Guadeloupe


def one(tables: Tables = TABLES, at: datetime | None = NOON, **columns: str) -> dict[str, object]:
    """Return what enrichment adds to one event; ``host_name`` stands for ``host.name``."""
    values = {name.replace("_", "."): [text] for name, text in columns.items()}
    events = pl.DataFrame({"@timestamp": [at], **values}, schema_overrides={"@timestamp": UTC_TIME})
    return enrich(events, tables).select(ENRICHED.names()).row(0, named=True)


@pytest.mark.parametrize(
    ("columns", "commune"),
    [
        ({"source": "fw-brp", "host_name": "SAU-PC0001"}, "00101"),
        ({"source": "replay", "log_file_path": "/var/in/stormshield/fw-brp-1.log"}, "00101"),
        ({"source": "replay", "log_file_path": "stormshield/fw-brp.log"}, "00101"),
        ({"source": "replay", "log_file_path": "xstormshield/fw-brp.log"}, "unattributed"),
        ({"source": "apps", "organization_id": "00102", "source_ip": "10.11.40.3"}, "00102"),
        ({"source": "apps", "organization_id": "99999", "source_ip": "10.11.40.3"}, "00101"),
        ({"source": "other", "organization_id": "00102"}, "unattributed"),
        ({"host_name": "brp-pc0417.ad.sim9.example", "destination_ip": "10.12.40.1"}, "00101"),
        ({"host_name": "Compta"}, "00102"),
        ({"observer_name": "SAU-FW1", "source_ip": "10.11.40.1"}, "00102"),
        ({"host_name": "BRP-FS01", "observer_name": "SAU-FW1"}, "00101"),
        ({"destination_ip": "10.12.40.1", "user_name": "p.garnier@brp.example.org"}, "00102"),
        ({"destination_ip": "2001:db8:9::7"}, "00102"),
        ({"destination_ip": "198.51.100.7", "user_name": "p.garnier@BRP.example.org"}, "00101"),
        ({"user_name": "SIM9\\guichet.brp04", "source_ip": "10.12.40.1"}, "00101"),
        ({"user_id": "CN=Paul Garnier,OU=BRP,OU=Communes,DC=sim9,DC=example"}, "00101"),
        ({"user_domain": "sau.example.org"}, "00102"),
        ({"user_name": "p.garnier@partner.example.org", "source_ip": "10.11.40.1"}, "00101"),
        ({"source_ip": "198.51.100.7", "destination_ip": "198.51.100.8"}, "unattributed"),
        ({"source_ip": "10.99.0.1"}, "unattributed"),
        ({}, "unattributed"),
    ],
)  # fmt: skip
def test_first_answer_counts(columns: dict[str, str], commune: str) -> None:
    """Source, host, destination, user, source address: the first that answers wins."""
    assert one(**columns)["commune"] == commune


@pytest.mark.parametrize(
    ("columns", "commune"),
    [
        ({"host_name": "SIM-DC01"}, "shared"),
        ({"host_name": "SIM-DC01", "source_ip": "10.11.40.1"}, "00101"),
        ({"host_name": "SAU-DC01", "source_ip": "198.51.100.7"}, "shared"),
        ({"host_name": "SAU-DC01.ad.sim9.example", "user_name": "x@brp.example.org"}, "00101"),
        ({"source": "relay", "host_name": "SAU-PC0001"}, "00102"),
        ({"destination_ip": "10.10.20.1", "source_ip": "10.10.99.4"}, "shared"),
    ],
)
def test_shared_gives_way_to_a_commune_that_answers_later(columns: dict[str, str], commune: str) -> None:
    """A shared asset says "shared" only when nothing after it names a commune; its literal name beats a commune's glob."""
    assert one(**columns)["commune"] == commune


@pytest.mark.parametrize(
    ("address", "zone"),
    [
        ("10.10.99.4", "admin"),
        ("10.10.98.4", "servers"),
        ("10.11.20.255", "servers"),
        ("10.11.21.0", "users"),
        ("::ffff:10.10.99.4", "admin"),
        ("2001:db8:9:1::1", "dmz"),
        ("2001:db8:a::1", "internet"),
        ("198.51.100.7", "internet"),
        ("192.0.2.7", "internet"),
        ("192.168.1.1", "internal"),
        ("fe80::1%eth0", "internal"),
        ("not an address", None),
    ],
)
def test_zone_is_that_of_the_longest_prefix(address: str, zone: str | None) -> None:
    """The smallest network that holds the address decides; documentation ranges are outside, unlike in libraries."""
    added = one(source_ip=address)
    assert added["source.zone"] == zone
    assert added["destination.zone"] is None


@pytest.mark.parametrize(
    ("at", "columns", "local"),
    [
        (NOON, {"host_name": "BRP-PC1"}, (12, 2, "closed")),  # 12:00 is the first minute of the lunch break
        (datetime(2026, 11, 17, 10, 59, 59, tzinfo=UTC), {"host_name": "BRP-PC1"}, (11, 2, "open")),
        (datetime(2026, 7, 1, 6, 30, tzinfo=UTC), {"host_name": "BRP-PC1"}, (8, 3, "open")),  # summer time
        (datetime(2026, 11, 11, 9, 0, tzinfo=UTC), {"host_name": "BRP-PC1"}, (10, 3, "holiday")),
        (datetime(2026, 11, 17, 2, 0, tzinfo=UTC), {"host_name": "SAU-PC1"}, (22, 1, "open")),  # still Monday there
        (NOON, {}, (12, 2, "open")),  # the IT department's own hours
        (datetime(2026, 11, 15, 23, 30, tzinfo=UTC), {}, (0, 1, "closed")),
        (None, {"host_name": "BRP-PC1"}, (None, None, None)),
    ],
)
def test_local_time_is_the_communes_own(at: datetime | None, columns: dict[str, str], local: tuple[object, ...]) -> None:
    """Hour, weekday and opening follow the commune's zone, hours and holidays."""
    added = one(at=at, **columns)
    assert (added["event.local_hour"], added["event.local_weekday"], added["event.opening"]) == local


def test_without_estate_nothing_is_attributed_but_inside_is_told_from_outside() -> None:
    """An empty estate still separates private addresses from the Internet."""
    added = one(build_tables(Estate()), source_ip="10.1.2.3", destination_ip="198.51.100.7")
    assert (added["commune"], added["source.zone"], added["destination.zone"]) == ("unattributed", "internal", "internet")


def test_settings_may_declare_the_commune_of_a_source() -> None:
    """``declared`` adds sources the estate does not name; what the estate says stays."""
    tables = build_tables(load_estate(ESTATE), declared={"fw-sau": "00102", "fw-brp": "00102"})
    assert [one(tables, source=name)["commune"] for name in ("fw-sau", "fw-brp")] == ["00102", "00101"]


def test_a_batch_keeps_its_frames_and_rows() -> None:
    """Frames of different columns, one of them empty, come back in order with typed columns and each row's own answer."""
    frames = (
        pl.DataFrame({"host.name": ["BRP-PC1", "SAU-PC1"], "own": ["a", "b"]}),
        pl.DataFrame({"source.ip": []}, schema={"source.ip": pl.String}),
        pl.DataFrame({"@timestamp": [NOON], "source.ip": ["10.12.0.1"]}, schema_overrides={"@timestamp": UTC_TIME}),
    )
    enriched = enrich_batch(frames, TABLES)
    assert [events.get_column("commune").to_list() for events in enriched] == [["00101", "00102"], [], ["00102"]]
    assert enriched[0].get_column("own").to_list() == ["a", "b"]
    assert all({name: events.schema[name] for name in ENRICHED} == dict(ENRICHED) for events in enriched)
    assert enrich_batch((), TABLES) == ()


def test_a_column_of_lists_tells_nothing() -> None:
    """A source that says its commune in a list column is read as saying nothing, and the batch goes on."""
    tables = build_tables(load_estate(ESTATE.replace('"organization.id"', '"user.roles"')))
    events = pl.DataFrame({"source": ["apps"], "user.roles": [["00102"]], "source.ip": ["10.11.0.1"]})
    assert enrich(events, tables).get_column("commune").to_list() == ["00101"]


@given(
    st.lists(st.tuples(st.ip_addresses(), st.integers(0, 32)), max_size=12),
    st.lists(st.ip_addresses(), min_size=1, max_size=20),
)
def test_address_index_equals_asking_every_network(networks: list[tuple[Address, int]], asked: list[Address]) -> None:
    """The cut ranges answer as the plain definition does: of all networks that contain the address, the longest prefix."""
    known = {ip_network(f"{address}/{length}", strict=False) for address, length in networks}
    index = AddressIndex.of((network, str(network)) for network in known)
    edges = (edge for network in known for edge in (network.network_address, network.broadcast_address))
    for address in (address for address in [*asked, *edges] if not getattr(address, "ipv4_mapped", None)):
        holding = max((network for network in known if address in network), key=lambda network: network.prefixlen, default=None)
        assert index.find(str(address)) == (str(holding) if holding else None)
