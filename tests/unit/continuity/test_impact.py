"""What stops when something is down, where, and by which way it is reached."""

from datetime import timedelta
from pathlib import Path

import pytest

from correlator.config.catalogue import load_catalogue
from correlator.config.estate import load_estate
from correlator.continuity.impact import Stopped, impact, is_machine
from correlator.model.estate import Estate
from correlator.model.service import Catalogue

DEMO = Path(__file__).parents[3] / "correlator/harness/demo/estate.toml"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """Return the bundled catalogue."""
    return load_catalogue()


@pytest.fixture(scope="module")
def estate() -> Estate:
    """Return the demonstration's estate."""
    return load_estate(DEMO)


def ways(found: list[Stopped], service: str) -> dict[str, tuple[str, ...]]:
    """Return commune → path of one service."""
    return {one.commune: one.path for one in found if one.service.id == service}


def test_the_hypervisors_take_the_directory_and_all_that_stands_on_it(estate: Estate, catalogue: Catalogue) -> None:
    """Vital services first, the shortest delay first; the way goes from what the service needs to what is down."""
    found = impact(estate, catalogue, ["virt"])
    assert {one.commune for one in found} == {commune.id for commune in estate.communes}
    assert ways(found, "ec-naissances")["00109"] == ("print", "virt")
    assert ways(found, "titres-identite")["00101"] == ("certs", "postes", "ad", "virt")
    assert not ways(found, "eclairage")  # cabinets keep their own clock
    keys = [(not one.service.vital, one.dmia) for one in found]
    assert keys == sorted(keys)
    assert keys[0] == (False, timedelta(minutes=30))
    assert {one.in_part for one in found} == {False}


def test_births_are_due_only_where_they_happen(estate: Estate, catalogue: Catalogue) -> None:
    """The service stops in nine communes, the deadline runs in the two that have a maternity."""
    births = [one for one in impact(estate, catalogue, ["virt"]) if one.service.id == "ec-naissances"]
    assert len(births) == 9
    assert sorted(one.commune for one in births if one.clocks) == ["00101", "00102"]


def test_what_one_commune_has_alone_stops_there_only(estate: Estate, catalogue: Catalogue) -> None:
    """Each supervision centre has its own video server; the patrols of the same commune lose their images too."""
    found = impact(estate, catalogue, ["brp-vms01.ad.sim9.example"])
    assert {(one.service.id, one.commune) for one in found} == {("videoprotection", "00101"), ("police-municipale", "00101")}
    assert {one.commune for one in impact(estate, catalogue, ["ot-eau"])} == {"00102", "00106"}


def test_one_machine_of_several_stops_things_in_part(estate: Estate, catalogue: Catalogue) -> None:
    """One ESXi of fourteen is not the hypervisors; the only storage is the storage, by name or by address."""
    assert {one.in_part for one in impact(estate, catalogue, ["SIM-ESX03"])} == {True}
    storage = [one for one in impact(estate, catalogue, ["SIM-VC01", "san"]) if one.service.id == "identite"]
    assert {one.path for one in storage} == {("virt", "san")}
    assert not any(one.in_part for one in storage)
    assert ways(impact(estate, catalogue, ["10.10.20.60"]), "identite")["00101"] == ("virt", "san", "10.10.20.60")
    assert {one.in_part for one in impact(estate, catalogue, ["10.10.20.60"])} == {False}
    controller = [one for one in impact(estate, catalogue, ["SIM-DC02", "virt"]) if one.service.id == "identite"]
    assert {(one.path, one.in_part) for one in controller} == {(("virt",), False)}


def test_a_platform_stops_only_what_stands_on_it(estate: Estate, catalogue: Catalogue) -> None:
    """A national failure touches the services that use it, in every commune that has them."""
    found = impact(estate, catalogue, ["helios"])
    assert {one.service.id for one in found} == {"ccas-aide", "regies-facturation", "finances", "rh-paie"}
    assert {one.path for one in found} == {("helios",)}


def test_nothing_down_stops_nothing_and_an_empty_estate_has_nobody(estate: Estate, catalogue: Catalogue) -> None:
    """No names, unknown names, no communes."""
    assert impact(estate, catalogue, []) == impact(estate, catalogue, ["no-such-thing"]) == impact(Estate(), catalogue, ["ad"])
    assert impact(estate, catalogue, []) == []
    assert (is_machine(estate, "sim-dc02"), is_machine(estate, "10.10.20.60"), is_machine(estate, "nope")) == (
        True,
        True,
        False,
    )


def test_a_commune_that_declares_nothing_is_taken_to_render_everything(catalogue: Catalogue) -> None:
    """A DSI on its first day already sees what its directory carries."""
    estate = load_estate('version = 1\n[[commune]]\nid = "00101"\ncode = "BRP"\nname = "B"\n')
    assert len({one.service.id for one in impact(estate, catalogue, ["ad"])}) == sum(
        "ad" in service.needs for service in catalogue.services.values()
    )
