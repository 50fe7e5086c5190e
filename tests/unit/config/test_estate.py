"""The estate file: what is read, and that every fault is told with its line."""

from datetime import date, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from correlator.config.estate import load_estate
from correlator.config.public_holidays import TABLE, days_of_library, public_holidays
from correlator.config.toml_lines import key_lines
from correlator.enrich.tables import build_tables
from correlator.errors import InputError
from correlator.harness.holidays import table
from correlator.model.estate import PLACEHOLDERS as PLACEHOLDER_NAMES
from correlator.model.estate import Commune, InputSource, LocalService, Network, SharedAsset

GOOD = """\
version = 1
hours = { mon-fri = "07:30-18:30" }

[[commune]]
id = "00101"
code = "BRP"
name = "Brévanne-le-Port"
hosts = ["BRP-*"]

[commune.hours]
mon-wed = "08:30-12:00, 13:30-17:30"
sat = "09:00-12:00"

[[network]]
cidr = "10.11.0.0/16"
commune = "00101"
zone = "users"

[[source]]
name = "fw-brp"
commune = "00101"
lateness = "15m"

[[shared]]
name = "AD forest"
hosts = ["SIM-*"]
addresses = ["10.10.10.0/24"]
"""

PLACES = '''\
a = """
b = 1
"""
# c = 2
d = [
  { e = 1 }, # ]
  { e = [2,
 3] },
]
[[f.g]]
h = "]"
[[f.g]]
"i j" = 1.5
[f.g.k]
l = {}
'''


def faults(text: str) -> list[str]:
    """Return every fault of an estate text, as a person reads it."""
    with pytest.raises(InputError) as caught:
        load_estate(text)
    return [str(problem) for problem in caught.value.problems]


def test_every_section_is_read() -> None:
    """A whole file becomes the nouns of the model, typed."""
    estate = load_estate(GOOD)
    morning_and_afternoon = ((510, 720), (810, 1050))
    assert estate.communes == (
        Commune(
            id="00101",
            code="BRP",
            name="Brévanne-le-Port",
            hours={1: morning_and_afternoon, 2: morning_and_afternoon, 3: morning_and_afternoon, 6: ((540, 720),)},
            hosts=("BRP-*",),
        ),
    )
    assert estate.networks == (Network(ip_network("10.11.0.0/16"), "users", "00101"),)
    assert estate.sources == (InputSource("fw-brp", commune="00101", lateness=timedelta(minutes=15)),)
    assert estate.shared == (SharedAsset("AD forest", ("SIM-*",), (ip_network("10.10.10.0/24"),)),)
    assert estate.hours[5] == ((450, 1110),)


def test_shipped_estate_is_read_from_its_path() -> None:
    """The demonstration's nine communes load from the file that ships."""
    path = Path(__file__).parents[3] / "correlator/harness/demo/estate.toml"
    estate = load_estate(path)
    assert [commune.code for commune in estate.communes] == ["BRP", "SAU", "COR", "MTF", "AUL", "QUE", "RON", "TOU", "ORS"]
    assert sum(commune.inhabitants for commune in estate.communes) == 311_300
    assert [commune.code for commune in estate.communes if commune.maternite] == ["BRP", "SAU"]
    assert set(PLACEHOLDER_NAMES) <= set(estate.all_placeholders)  # so that `rules test` runs rules that use them
    assert [commune.code for commune in estate.communes if 6 in commune.hours] == ["BRP", "SAU"]  # open on Saturdays
    contacts = {contact.id for contact in estate.contacts}
    assert all(service.contact in contacts for service in estate.services)
    assert all(service.paper for service in estate.services if service.carrier == "commune")
    assert {contact.commune for contact in estate.contacts if contact.elected} == {one.id for one in estate.communes}
    water = {one.commune: one.carrier for one in estate.services if one.service == "eau-potable"}
    assert {carrier: sum(one == carrier for one in water.values()) for carrier in water.values()} == {
        "syndicat": 6,
        "commune": 2,
        "delegataire": 1,
    }


PLACEHOLDERS = """\
version = 1
[placeholders]
Administrators = ["adm-*", 'SIM\\adm*']
gpo_owners = "svc-gpo"
[[commune]]
id = "00101"
code = "BRP"
name = "Brévanne-le-Port"
placeholders = { Servers = ["BRP-SRV*"] }
[[commune]]
id = "00102"
code = "SAU"
name = "Saint-Aubrec"
[commune.placeholders]
Servers = ["SAU-SRV*", "BRP-SRV*"]
"""


def test_placeholders_are_joined_over_communes() -> None:
    """Shared values first, then each commune's, each once; by NAME@COMMUNE those that hold there."""
    administrators = ("adm-*", "SIM\\adm*")
    assert load_estate(PLACEHOLDERS).all_placeholders == {
        "Administrators": administrators,
        "Administrators@00101": administrators,
        "Administrators@00102": administrators,
        "Servers": ("BRP-SRV*", "SAU-SRV*"),
        "Servers@00101": ("BRP-SRV*",),
        "Servers@00102": ("SAU-SRV*", "BRP-SRV*"),
        "gpo_owners": ("svc-gpo",),
        "gpo_owners@00101": ("svc-gpo",),
        "gpo_owners@00102": ("svc-gpo",),
    }


@pytest.mark.parametrize(
    ("good", "bad", "fault"),
    [
        (
            "Administrators",
            "Administrator",
            "estate.toml:3: placeholders: unknown placeholder 'Administrator'; did you mean 'Adm",
        ),
        ('["adm-*",', '["*?",', "estate.toml:3: placeholders: '*?' would stand for everything"),
        ('"svc-gpo"', "[]", "estate.toml:4: placeholders: "),
        ('"svc-gpo"', '""', "estate.toml:4: placeholders: an empty text stands for nothing"),
        ('["SAU-SRV*"', "[3", "estate.toml:15: placeholders: 3 is not a text"),
        ("gpo_owners", '"gpo owners"', "estate.toml:4: placeholders: 'gpo owners' is not the name of a placeholder"),
        ("[placeholders]", "[placeholder]", "estate.toml:2: unknown key 'placeholder'; did you mean 'placeholders'?"),
    ],
)
def test_a_wrong_placeholder_is_told_with_its_line(good: str, bad: str, fault: str) -> None:
    """A name that nearly is a standard one, nothing, everything, no text."""
    (found,) = faults(PLACEHOLDERS.replace(good, bad, 1))

    assert found.startswith(fault)


def test_the_example_to_start_from_is_read() -> None:
    """Two communes: births everywhere, cameras and water where somebody said so."""
    estate = load_estate(Path(__file__).parents[3] / "deploy/estate.example.toml")
    names = ["Administrators", "DomainControllers", "Servers", "Workstations"]
    assert sorted(name for name in estate.all_placeholders if "@" not in name) == names
    assert [(one.service, one.commune, one.contact) for one in estate.services] == [
        ("ec-naissances", "00101", "brp-accueil"),
        ("ec-naissances", "00102", "sau-accueil"),
        ("videoprotection", "00101", "astreinte"),
        ("eau-potable", "00102", "sau-accueil"),
    ]


def test_all_faults_are_told_at_once_each_with_its_line() -> None:
    """Faults of different kinds in different sections come out together, in the order of the file."""
    text = (
        GOOD.replace('hosts = ["BRP-*"]', 'host = ["BRP-*"]')
        .replace("10.11.0.0/16", "10.11.0.1/16")
        .replace("15m", "15 minutes")
    )
    assert faults(text) == [
        "estate.toml:8: unknown key 'host'; did you mean 'hosts'?",
        (
            "estate.toml:15: cidr: '10.11.0.1/16' has host bits set; did you mean '10.11.0.0/16'?; "
            'an address range such as "10.11.40.0/21" or "2001:db8:9::/48"'
        ),
        'estate.toml:22: lateness: \'15 minutes\' is not a duration; a number and a unit: "30min", "4h", "1d" or "1j"',
    ]


@pytest.mark.parametrize(
    ("was", "becomes", "fault"),
    [
        ('commune = "00101"\nzone', 'commune = "00110"\nzone', "16: unknown commune '00110'; did you mean '00101'?"),
        ('zone = "users"', 'zone = "user"', "17: zone: unknown zone 'user'; did you mean 'users'?"),
        ('id = "00101"', "id = 101", "5: id: 101 is not a text"),
        ('id = "00101"', 'id = "0101"', "5: id: '0101' is not an INSEE code"),
        ('sat = "09:00-12:00"', 'sat = "12:00-09:00"', "'12:00-09:00' ends before it begins"),
        ('sat = "09:00-12:00"', 'sam = "09:00-12:00"', "'sam' is not a day or a range of days"),
        ('sat = "09:00-12:00"', 'wed = "09:00-12:00"', "'wed' is given twice"),
        ('code = "BRP"\n', "", "4: 'code' is missing; a text"),
        ("version = 1", "version = 2", "1: version 2 of the estate file is not known here; version = 1"),
        ("[[shared]]", "[shared]", "24: [shared] is one table, there may be several; write [[shared]]"),
        ("[[shared]]", '[[network]]\ncidr = "10.11.0.0/16"\nzone = "ot"\n[[shared]]', "25: cidr '10.11.0.0/16' is already"),
        ('name = "AD forest"', 'name = "AD forest', "25: is not TOML"),
        ("hours = { mon", 'time_zone = "Europe/Pariss"\nhours = { mon', "2: time_zone: unknown time zone 'Europe/Pariss'"),
    ],
)  # fmt: skip
def test_each_fault_says_where_and_what(was: str, becomes: str, fault: str) -> None:
    """One change to a good file gives one fault, on its line, in plain words."""
    told, *_ = faults(GOOD.replace(was, becomes, 1))
    assert fault in told


def test_unreadable_path_is_wrong_input(tmp_path: Path) -> None:
    """A path that is not there is the person's to mend, not our fault."""
    with pytest.raises(InputError, match="cannot be read"):
        load_estate(tmp_path / "absent.toml")


def test_key_lines_follow_tables_arrays_and_strings() -> None:
    """Places are right after multi-line strings, in nested arrays, inline tables and comments that look like TOML."""
    assert key_lines(PLACES) == {
        ("a",): 1,
        ("d",): 5,
        ("d", 0): 6,
        ("d", 0, "e"): 6,
        ("d", 1): 7,
        ("d", 1, "e"): 7,
        ("d", 1, "e", 0): 7,
        ("d", 1, "e", 1): 8,
        ("f", "g", 0): 10,
        ("f", "g", 0, "h"): 11,
        ("f", "g", 1): 12,
        ("f", "g", 1, "i j"): 13,
        ("f", "g", 1, "k"): 14,
        ("f", "g", 1, "k", "l"): 15,
    }


def test_departments_with_their_own_days_have_their_own_calendar() -> None:
    """26 December is a holiday in Moselle and nowhere else on the mainland."""
    boxing_day = date(2026, 12, 26)
    assert boxing_day in public_holidays("FR-57")
    assert boxing_day not in public_holidays("FR")
    assert date(2026, 7, 14) in public_holidays("FR", [2026])


def test_the_table_of_holidays_is_what_the_library_says() -> None:
    """After a new version of the library: `python -m correlator.harness.holidays`. Years beyond the table are asked of it."""
    assert TABLE.read_bytes() == table()
    assert public_holidays("FR-57", (2026, 2060)) == days_of_library("FR-57", (2026, 2060))
    assert public_holidays("FR-57", (2026,)) == days_of_library("FR-57", (2026,))
    with pytest.raises(KeyError):
        public_holidays("FR-99")


CATALOGUED = (
    GOOD.replace('hosts = ["BRP-*"]\n', 'hosts = ["BRP-*"]\ninhabitants = 98400\nmaternite = true\nnis2 = "essential"\n', 1)
    + """
[[commune]]
id = "00109"
code = "ORS"
name = "Orsignac"

[[shared]]
id = "ad"
name = "Directory"
needs = ["virt"]

[[shared]]
id = "virt"
name = "Hypervisors"
needs = ["san"]

[[shared]]
id = "csu-net"
name = "Cameras of BRP"
communes = ["00101"]
hosts = ["BRP-VMS01"]

[[contact]]
id = "brp-dgs"
name = "Camille Ferrand"
function = "DGS"
phone = "01 99 00 11 01"
mail = "c.ferrand@brp.example.org"
commune = "00101"

[[contact]]
id = "ors-dgs"
name = "Noé Alary"
function = "DGS"

[[service]]
service = "ec-naissances"
commune = "*"
contact = "{lower_code}-dgs"
hosts = ["{code}-APP01"]
sources = ["fw-{lower_code}"]
paper = "classeur rouge, accueil"

[[service]]
service = "eau-potable"
commune = ["00101", "00109"]
dmia = "30min"
reprise = "1j"
carrier = "syndicat"
needs = ["ot-eau"]

[[service]]
service = "ec-naissances"
commune = "00109"
hours = { tue = "09:00-12:00" }
"""
)


def test_services_contacts_and_shared_assets_are_read() -> None:
    """One entry per commune; ``*`` leaves alone who speaks for itself; counter hours are the commune's."""
    estate = load_estate(CATALOGUED)
    brp = estate.commune("00101")
    assert brp
    assert (brp.inhabitants, brp.maternite, brp.nis2) == (98_400, True, "essential")
    births = {one.commune: one for one in estate.services if one.service == "ec-naissances"}
    assert births["00101"] == LocalService(
        "ec-naissances", "00101", hours=brp.hours, hosts=("BRP-APP01",), sources=("fw-brp",), contact="brp-dgs",
        paper="classeur rouge, accueil",
    )  # fmt: skip
    assert births["00109"] == LocalService("ec-naissances", "00109", hours={2: ((540, 720),)})
    water = [one for one in estate.services if one.service == "eau-potable"]
    assert [(one.commune, one.hours, one.dmia, one.carrier, one.needs) for one in water] == [
        (commune, None, timedelta(minutes=30), "syndicat", ("ot-eau",)) for commune in ("00101", "00109")
    ]
    assert [contact.commune for contact in estate.contacts] == ["00101", None]
    assert [(asset.id, asset.needs, asset.owner) for asset in estate.shared[1:]] == [
        ("ad", ("virt",), "shared"),
        ("virt", ("san",), "shared"),
        ("csu-net", (), "00101"),
    ]


@pytest.mark.parametrize(
    ("was", "becomes", "fault"),
    [
        ('service = "eau-potable"', 'service = "eau-potables"', "unknown service 'eau-potables'; did you mean 'eau-potable'?"),
        ('needs = ["ot-eau"]', 'needs = ["ot-eaux"]', "unknown asset 'ot-eaux'; did you mean 'ot-eau'?"),
        ('needs = ["virt"]', 'needs = ["virtu"]', "unknown asset 'virtu'; did you mean 'virt'?"),
        (
            'needs = ["san"]',
            'needs = ["ad"]',
            "assets need each other in a circle: ad → virt → ad; take out one of these needs",
        ),
        ('needs = ["san"]', 'needs = ["virt"]', "assets need each other in a circle: virt → virt; take out one of these needs"),
        ('commune = ["00101", "00109"]', 'commune = ["00101", "00108"]', "unknown commune '00108'; did you mean '00109'?"),
        ('commune = ["00101", "00109"]', "commune = []", "a commune id, a list of them, or"),
        (
            'commune = "00109"',
            'commune = "*"',
            "service 'ec-naissances' of commune '*' is already given on line 67; give it once",
        ),
        ('communes = ["00101"]', 'communes = ["101"]', "unknown commune '101'; did you mean '00101'?"),
        ('id = "csu-net"', 'id = "virt"', "id 'virt' is already given on line 43; give it other communes, or another id"),
        ('id = "ors-dgs"', 'id = "orsi-dgs"', "unknown contact 'ors-dgs'; did you mean 'orsi-dgs'?"),
        (
            'phone = "01 99 00 11 01"',
            'phone = "le standard"',
            "phone: 'le standard' is not a telephone number; digits, such as",
        ),
        ('mail = "c.ferrand@brp.example.org"', 'mail = "c.ferrand"', "mail: 'c.ferrand' is not a mail address; name@domain"),
        ('nis2 = "essential"', 'nis2 = "yes"', "none, important or essential"),
        ('carrier = "syndicat"', 'carrier = "région"', "commune, ept, epci, syndicat, delegataire or departement"),
        ('dmia = "30min"', 'dmia = "half an hour"', "dmia: 'half an hour' is not a duration; a number and a unit:"),
    ],
)
def test_each_fault_of_services_and_assets(was: str, becomes: str, fault: str) -> None:
    """One change, one fault, with its line and what would be right."""
    assert CATALOGUED.count(was) >= 1
    (told,) = faults(CATALOGUED.replace(was, becomes, 1))
    line = 1 + CATALOGUED[: CATALOGUED.index(was)].count("\n")
    assert fault in told
    if "contact" not in fault and "circle" not in fault:
        assert f"estate.toml:{line}: " in told


def test_an_unknown_contact_in_one_commune_is_told_once() -> None:
    """Nine communes without their contact are one fault of one line."""
    (told,) = faults(CATALOGUED.replace("{lower_code}-dgs", "{lower_code}-dga", 1))
    assert "unknown contact 'brp-dga'; did you mean 'brp-dgs'?" in told


def test_what_one_commune_has_alone_is_its_own() -> None:
    """Its machines are attributed to it; what all share stays shared."""
    tables = build_tables(load_estate(CATALOGUED), [2026])
    assert (tables.hosts.owner("brp-vms01"), tables.hosts.owner("SIM-DC01")) == ("00101", "shared")


@pytest.mark.parametrize(
    ("calendar", "day", "is_holiday"),
    [
        ("FR", date(2026, 4, 3), False),  # Good Friday
        ("FR-57", date(2026, 4, 3), True),
        ("FR-57", date(2027, 3, 26), True),
        ("FR-57", date(2026, 12, 26), True),
        ("FR-67", date(2026, 12, 26), True),
        ("FR-68", date(2026, 12, 26), True),
        ("FR-6AE", date(2026, 12, 26), True),
        ("FR-971", date(2026, 5, 27), True),  # abolition of slavery, Guadeloupe
        ("FR-972", date(2026, 5, 22), True),  # Martinique
        ("FR-973", date(2026, 6, 10), True),  # Guyane
        ("FR-974", date(2026, 12, 20), True),  # La Réunion
        ("FR-976", date(2026, 4, 27), True),  # Mayotte
        ("FR-971", date(2026, 4, 27), False),
        ("FR", date(2026, 5, 22), False),
        ("FR-971", date(2026, 7, 14), True),
        ("FR", date(2026, 5, 14), True),  # Ascension
        ("FR", date(2026, 5, 25), True),  # Whit Monday
    ],
)
def test_holidays_of_alsace_moselle_and_overseas(calendar: str, day: date, *, is_holiday: bool) -> None:
    """Days that only some departments have, by the department's number."""
    assert (day in public_holidays(calendar)) is is_holiday
