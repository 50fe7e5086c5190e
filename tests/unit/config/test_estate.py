"""The estate file: what is read, and that every fault is told with its line."""

from datetime import date, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from correlator.config.estate import load_estate
from correlator.config.public_holidays import public_holidays
from correlator.config.toml_lines import key_lines
from correlator.errors import InputError
from correlator.model.estate import Commune, InputSource, Network, SharedAsset

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
        'estate.toml:22: lateness: \'15 minutes\' is not a duration; a number and a unit: "30s", "5min", "6h", "1d" or "1j"',
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
