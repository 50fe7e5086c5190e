"""The catalogue of services, clocks and assets: what is bundled holds together; a site's own is told all its faults."""

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from correlator.config.catalogue import BUNDLED, load_catalogue
from correlator.errors import InputError
from correlator.model.service import Catalogue, Counting, Shape

#: What may be older than the others is dated by its own entry.
NO_FIGURE = {Counting.NO_FIGURE, Counting.FIXED_DATE}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """Return the bundled catalogue."""
    return load_catalogue()


def test_every_name_a_service_gives_is_there(catalogue: Catalogue) -> None:
    """Needs are our assets, platforms are external ones, clocks and hours exist; every clock but two kinds has a figure."""
    assert len(catalogue.services) == 47
    for service in catalogue.services.values():
        assert all(not catalogue.assets[need].external for need in service.needs), service.id
        assert all(catalogue.assets[platform].external for platform in service.platforms), service.id
        assert set(service.clocks) <= set(catalogue.clocks), service.id
        assert service.hours in catalogue.hours, service.id
        assert service.paper, service.id
        assert service.kit, service.id
    assert {clock.value is None for clock in catalogue.clocks.values() if clock.counting not in NO_FIGURE} == {False}


def test_every_clock_says_where_it_was_read(catalogue: Catalogue) -> None:
    """Article, source, date of checking, effect and what starts it; none is certain before counsel says so."""
    for clock in catalogue.clocks.values():
        assert all((clock.article, clock.source, clock.effect, clock.start)), clock.id
        assert clock.checked == date(2026, 11, 22)
        assert clock.to_confirm
    assert {clock.shape for clock in catalogue.clocks.values()} == set(Shape)


def test_the_facts_that_people_will_check_first(catalogue: Catalogue) -> None:
    """Births only where there is a maternity; the stricter reading of planning delays; alerts in half an hour."""
    assert [clock.id for clock in catalogue.clocks.values() if clock.needs_maternity] == ["naissance-5j"]
    assert catalogue.clocks["naissance-5j"].counting is Counting.CIVIL_DAYS_SLIDE
    assert (catalogue.clocks["ads-tacite"].counting, catalogue.clocks["ads-tacite"].value) == (Counting.MONTHS, 1)
    alert = catalogue.services["alerte-pcs"]
    assert (alert.vital, alert.dmia, alert.reprise) == (True, timedelta(minutes=30), timedelta(hours=2))
    assert catalogue.hours["h24"].open[7] == ((0, 1440),)


def test_a_site_s_own_catalogue_is_told_all_its_faults(tmp_path: Path) -> None:
    """Three files, five faults, one error: each with its file and line and the nearest right word."""
    shutil.copytree(BUNDLED, tmp_path, dirs_exist_ok=True)
    services, clocks = tmp_path / "services.toml", tmp_path / "clocks.toml"
    text = services.read_text("utf-8").replace('"naissance-5j"', '"naissances-5j"', 1).replace('dmia = "4h"', 'dmia = "4 x"', 1)
    services.write_text(text.replace('needs = ["tel", "print"', 'needs = ["phone", "print"', 1), "utf-8")
    clocks.write_text(clocks.read_text("utf-8").replace("value = 72\n", "", 1).replace('"nis2-24h"', '"cnil-72h"', 1), "utf-8")

    with pytest.raises(InputError) as raised:
        load_catalogue(tmp_path)

    told = [f"{Path(fault.path).name}: {fault.what}; {fault.expected}" for fault in raised.value.problems]
    assert all(fault.line for fault in raised.value.problems)
    assert told == [
        "clocks.toml: value: counting 'running_hours' needs a value; a number, in the unit of counting",
        "clocks.toml: id 'cnil-72h' is already given on line 9; give it once",
        'services.toml: dmia: \'4 x\' is not a duration; a number and a unit: "30s", "5min", "6h", "1d" or "1j"',
        "services.toml: unknown clock 'naissances-5j'; did you mean 'naissance-5j'?",
        "services.toml: unknown asset 'phone'; a name of the catalogue",
    ]


def test_a_folder_without_catalogue_is_refused_by_name(tmp_path: Path) -> None:
    """The path is in the message."""
    with pytest.raises(InputError, match=r"assets\.toml: cannot be read"):
        load_catalogue(tmp_path)
