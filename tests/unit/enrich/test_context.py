"""Context: direction, places, people, watch lists; each adds what it knows, and never what a sender says instead."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from correlator.config.people_list import read_people
from correlator.config.sections.enriching import EnrichSettings
from correlator.enrich.addresses import undeclared_zone
from correlator.enrich.context import Context, add_context
from correlator.enrich.people import People, Person
from correlator.enrich.watched import Watched
from correlator.runtime.enriching import open_context, stamp_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def event(**columns: str) -> pl.DataFrame:
    """Return one enriched event."""
    named = {name.replace("__", "."): [value] for name, value in columns.items()}
    base = {"@timestamp": [NOW], "logsource": ["x//"]}
    zones = {f"{side}.zone": [undeclared_zone(columns.get(f"{side}__ip", "")) or None] for side in ("source", "destination")}
    return pl.DataFrame({**base, **named}).with_columns(
        pl.Series(name, value, dtype=pl.String) for name, value in zones.items()
    )


def added(context: Context, **columns: str) -> dict[str, object]:
    """Return what context adds to one event."""
    before = event(**columns)
    (after,) = add_context([before], context, undeclared_zone)
    return {name: value for name, value in after.row(0, named=True).items() if name not in before.columns and value is not None}


@pytest.mark.parametrize(
    ("source", "destination", "direction"),
    [
        ("10.0.0.1", "203.0.113.1", "outbound"), ("203.0.113.1", "10.0.0.1", "inbound"),
        ("10.0.0.1", "10.0.0.2", "internal"), ("203.0.113.1", "203.0.113.2", "external"),
    ],
)  # fmt: skip
def test_direction(source: str, destination: str, direction: str) -> None:
    """By the zones of both ends; what the device said stays."""
    assert added(Context(), source__ip=source, destination__ip=destination) == {"network.direction": direction}
    assert added(Context(), source__ip=source) == {}
    (kept,) = add_context(
        [event(source__ip=source, destination__ip=destination, network__direction="ingress")], Context(), undeclared_zone
    )
    assert kept.item(0, "network.direction") == "ingress"


def test_people_are_named(tmp_path: Path) -> None:
    """By account, with or without its domain, and by mail address; a name that is there already stays."""
    path = tmp_path / "people.csv"
    titles = "SamAccountName;Mail;DisplayName;Service;Fonction"
    row = "jdupont;j.dupont@ville.example;Jeanne Dupont;État civil;Officière"
    path.write_bytes(f"{titles}\n{row}\n".encode("cp1252"))
    people = People({name: Person(*said) for name, said in read_people(path).items()})
    expected = {"user.full_name": "Jeanne Dupont", "user.department": "État civil", "user.title": "Officière"}
    assert added(Context(people=people), user__name="MAIRIE\\JDupont") == expected
    assert added(Context(people=people), user__email="J.Dupont@ville.example") == expected
    assert added(Context(people=people), user__name="inconnu") == {}
    ldif = tmp_path / "people.ldif"
    ldif.write_text("dn: CN=a\nsAMAccountName: pmartin\ndisplayName:: UGF1bCBNYXJ0aW4=\ndepartment: Ser\n vices techniques\n\n")
    assert read_people(ldif) == {"pmartin": ("Paul Martin", "Services techniques", "")}


def test_places_come_from_files(tmp_path: Path) -> None:
    """Country and autonomous system of addresses outside; a file that changes is read again, one that breaks is said."""
    country, asn = tmp_path / "country.mmdb", tmp_path / "asn.mmdb"
    write(country, {"country": {"iso_code": "FR"}})
    write(asn, {"autonomous_system_number": 64500, "autonomous_system_organization": "EXEMPLE"})
    settings = EnrichSettings(geoip=(country, asn))
    expected = {"source.geo.country_iso_code": "FR", "source.as.number": 64500, "source.as.organization.name": "EXEMPLE"}
    assert added(open_context(settings).context, source__ip="203.0.113.9") == expected
    assert added(open_context(settings).context, source__ip="198.51.100.1") == {}
    before = stamp_of(settings)
    write(country, {"country": {"iso_code": "BE"}})
    assert stamp_of(settings) != before
    assert added(open_context(settings).context, source__ip="203.0.113.9")["source.geo.country_iso_code"] == "BE"
    country.write_bytes(b"not a database")
    broken = open_context(settings)
    assert [problem.path for problem in broken.problems] == [str(country)]
    assert added(broken.context, source__ip="203.0.113.9")["source.geo.country_iso_code"] == "BE"


def write(path: Path, record: dict[str, object]) -> None:
    """Write a database of places that knows one network."""
    writer = MMDBWriter(4, "Test", languages=["en"])
    writer.insert_network(IPSet(["203.0.113.0/24"]), record)
    path.unlink(missing_ok=True)
    writer.to_db_file(str(path))


def test_watched_things_are_marked() -> None:
    """Account, machine, file, by the part they are also known by; an event on two lists names both."""
    watched = Watched.of(
        [
            ("direction", "priority", "account", ["dgs", "maire@ville.example"]),
            ("leurres", "honey", "account", ["svc-paie-old"]),
            ("leurres-fichiers", "honey", "file", ["mots de passe.xlsx"]),
            ("dc", "priority", "host", ["SIM-DC01"]),
        ]
    )
    context = Context(watched=watched)
    assert added(context, user__name="MAIRIE\\DGS") == {"watch.list": ["direction"], "watch.meaning": ["priority"]}
    assert added(context, file__path="D:\\Partage\\Mots de passe.xlsx")["watch.meaning"] == ["honey"]
    both = added(context, user__name="svc-paie-old", host__name="sim-dc01.ville.example")
    assert both == {"watch.list": ["leurres", "dc"], "watch.meaning": ["honey", "priority"]}
    assert added(context, user__name="quelquun") == {}
    (marked,) = add_context([event(user__name="svc-paie-old")], context, undeclared_zone)
    assert marked.item(0, "logsource") == "x// tocsin/watch/honey"
