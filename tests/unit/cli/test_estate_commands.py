"""``tocsin estate``: what it says of a file, what stops when something does, what exports add."""

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from correlator.cli.main import command
from correlator.config.estate import load_estate

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "correlator/harness/demo/estate.toml"
COMMUNES = (
    "Code INSEE;Sigle;Nom;Population;Noms de postes;Domaine de messagerie;Maternité\r\n"
    "00101;BRP;Brévanne-le-Port;98 400;BRP-*;brp.example.org;oui\r\n"
    "00109;ORS;Orsignac;8 100;ORS-*;ors.example.org;non\r\n"
    ";;;;;;\r\n"
)
NETWORKS = (
    'Réseau,Masque,VLAN,Entité,Commentaire\n10.11.0.0,255.255.0.0,VLAN 10 Postes,SIM9 > Brévanne-le-Port,"a,\nb"\n'
    "10.11.80.0,/24,VLAN 80 caméras,brp,\n10.10.10.0/24,,serveurs,Mutualisé,\n"
)
CONTACTS = (
    "Nom;Prénom;Fonction;Téléphone;Courriel;Commune;Élu\n"
    "Ferrand;Camille;DGS;01.99.00.11.01;c.ferrand@brp.example.org;BRP;\n"
    "Accueil de la mairie;;Accueil;01 99 00 11 00;;BRP;\n"
    "Accueil de la mairie;;Accueil;01 99 00 19 00;;Orsignac;\n"
    "Vasseur;Claire;Maire;+33 6 39 98 11 03;;Brévanne-le-Port;oui\n"
)
SERVICES = (
    "service;commune;responsable;délai;procédure papier;serveurs\n"
    "État civil — naissances et reconnaissances;BRP;Accueil de la mairie;4h;classeur rouge;BRP-APP01 BRP-APP02\n"
    "ec-naissances;ORS;Accueil de la mairie;;;\n"
    "Eau potable;toutes;;;;\n"
)


def run(*arguments: object) -> Result:
    """Run ``tocsin estate …`` as people type it."""
    return CliRunner().invoke(command, ["estate", *map(str, arguments)], env={"COLUMNS": "200"})


@pytest.fixture
def exports(tmp_path: Path) -> list[object]:
    """Return the options that name four exports, two of them in Windows-1252."""
    given: list[object] = []
    for name, text, encoding in (
        ("communes", COMMUNES, "cp1252"),
        ("networks", NETWORKS, "utf-8-sig"),
        ("contacts", CONTACTS, "cp1252"),
        ("services", SERVICES, "utf-8"),
    ):
        path = tmp_path / f"{name}.csv"
        path.write_bytes(text.encode(encoding))
        given += [f"--{name}", path]
    return given


def test_exports_become_an_estate_and_a_second_run_adds_nothing(tmp_path: Path, exports: list[object]) -> None:
    """Masks, entity paths, French zones, homonymous desks, a service by its label; then the same again."""
    into = tmp_path / "estate.toml"
    first = run("import", *exports, "--into", into)
    assert first.exit_code == 0, first.output
    assert "network: 3 added" in first.stderr
    assert "columns nobody reads: Commentaire" in first.stderr
    estate = load_estate(into)
    assert [(one.id, one.inhabitants, one.maternite) for one in estate.communes] == [
        ("00101", 98_400, True),
        ("00109", 8_100, False),
    ]
    assert [(str(one.cidr), one.commune, one.zone) for one in estate.networks] == [
        ("10.11.0.0/16", "00101", "users"),
        ("10.11.80.0/24", "00101", "cameras"),
        ("10.10.10.0/24", "shared", "servers"),
    ]
    assert [(one.id, one.elected) for one in estate.contacts] == [
        ("brp-camille-ferrand", False),
        ("brp-accueil-de-la-mairie", False),
        ("ors-accueil-de-la-mairie", False),
        ("brp-claire-vasseur", True),
    ]
    assert [(one.service, one.commune, one.contact, one.hosts) for one in estate.services] == [
        ("ec-naissances", "00101", "brp-accueil-de-la-mairie", ("BRP-APP01", "BRP-APP02")),
        ("ec-naissances", "00109", "ors-accueil-de-la-mairie", ()),
        ("eau-potable", "00101", "", ()),
        ("eau-potable", "00109", "", ()),
    ]
    before = into.read_bytes()
    second = run("import", *exports, "--into", into)
    assert second.exit_code == 0
    assert "contact: 0 added" in second.stderr
    assert into.read_bytes() == before


def test_without_a_file_the_text_goes_to_stdout(exports: list[object]) -> None:
    """Only TOML there; what happened is on stderr."""
    told = run("import", *exports)
    assert [one["id"] for one in tomllib.loads(told.stdout)["commune"]] == ["00101", "00109"]


def test_what_people_wrote_stays_and_new_tables_follow(tmp_path: Path, exports: list[object]) -> None:
    """Comments and order are kept; a commune that is there is not written again."""
    into = tmp_path / "estate.toml"
    written = 'version = 1 # ours\n[[commune]]\nid = "00101"\ncode = "BRP"\nname = "Brévanne-le-Port"'
    into.write_text(written, "utf-8")
    into.chmod(0o640)
    assert run("import", *exports, "--into", into).exit_code == 0
    assert into.read_text("utf-8").startswith(f"{written}\n\n[[commune]]\n")
    assert into.stat().st_mode & 0o777 == 0o640
    assert [one.id for one in load_estate(into).communes] == ["00101", "00109"]


@pytest.mark.parametrize(
    ("name", "row", "fault"),
    [
        ("communes", "9;X;Trop court;12;;;", "communes.csv:5: id: '9' is not an INSEE code"),
        (
            "networks",
            "10.19.0.1,255.255.0.0,Postes,Orsignac,",
            "networks.csv:6: cidr: '10.19.0.1/255.255.0.0' has host bits set",
        ),
        ("networks", "10.18.0.0,/16,Postes,Tourvalin,", "networks.csv:6: unknown commune 'Tourvalin'"),
        ("networks", "10.11.0.0,/16,Postes,ORS,", "networks.csv:6: commune: '00109', and '00101' is there already"),
        ("contacts", "Standard;;Accueil;poste 12;;ORS;", "contacts.csv:6: phone: 'poste 12' is not a telephone number"),
        (
            "contacts",
            "Ferrand;Camille;DGS;01 99 00 11 99;;BRP;",
            "contacts.csv:6: phone: '01 99 00 11 99', and '01.99.00.11.01'",
        ),
        ("services", "Eau potables;ORS;;;;", "services.csv:5: unknown service 'Eau potables'; did you mean 'eau potable'?"),
        (
            "services",
            "courrier;toutes;Accueil de la mairie;;;",
            "services.csv:5: several contacts are called 'Accueil de la mairie'",
        ),
        ("services", "courrier;ORS;C. Ferrant;;;", "services.csv:5: unknown contact 'C. Ferrant'"),
        ("services", "courrier;ORS;;bientot;;", "services.csv:5: dmia: 'bientot' is not a duration"),
    ],
)
def test_a_refused_row_is_told_and_nothing_is_written(
    tmp_path: Path, exports: list[object], name: str, row: str, fault: str
) -> None:
    """Line and reason; the good rows only with --keep-going, and the exit code says that some were left out."""
    path = tmp_path / f"{name}.csv"
    path.write_bytes(path.read_bytes() + row.encode("cp1252"))
    into = tmp_path / "estate.toml"
    refused = run("import", *exports, "--into", into)
    assert refused.exit_code == 2
    assert fault in refused.stderr
    assert not into.exists()
    kept = run("import", *exports, "--into", into, "--keep-going")
    assert kept.exit_code == 1
    assert fault in kept.stderr
    assert len(load_estate(into).services) == 4


def test_an_estate_written_as_one_array_is_not_broken(tmp_path: Path, exports: list[object]) -> None:
    """Nothing can follow such an array: it is said before anything is written."""
    into = tmp_path / "estate.toml"
    into.write_text('version = 1\nnetwork = [\n  { cidr = "10.0.0.0/8", zone = "users" },\n]\n', "utf-8")
    told = run("import", *exports, "--into", into)
    assert told.exit_code == 2
    assert f"{into}:2: network is one array" in told.stderr.replace("\n", "")
    assert "[[commune]]" not in into.read_text("utf-8")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "no column title is known"),
        (b"a;b\n1;2\n", "no column title is known; titles such as code insee"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "no column title is known"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes, fault: str) -> None:
    """An empty file, other titles, a picture."""
    path = tmp_path / "communes.csv"
    path.write_bytes(content)
    told = run("import", "--communes", path)
    assert (told.exit_code, fault in told.stderr) == (2, True), told.stderr
    assert run("import", "--communes", tmp_path / "none.csv").exit_code == 2
    assert "give at least one" in run("import").stderr


def test_check_says_what_will_be_missed(tmp_path: Path) -> None:
    """One line per gap: no service, nobody to call, a network of nobody, a source nobody declares, assets without machines."""
    path = tmp_path / "estate.toml"
    path.write_text(
        'version = 1\n[[commune]]\nid = "00101"\ncode = "BRP"\nname = "Brévanne"\nhours = { mon = "08:00-12:00" }\n'
        '[[commune]]\nid = "00109"\ncode = "ORS"\nname = "Orsignac"\n[[network]]\ncidr = "10.0.0.0/8"\nzone = "users"\n'
        '[[contact]]\nid = "maire"\nname = "M"\nfunction = "Maire"\nphone = "17"\ncommune = "00101"\nelected = true\n'
        '[[service]]\nservice = "courrier"\ncommune = "00101"\nsources = ["nope"]\nneeds = ["files"]\n',
        "utf-8",
    )
    told = run("check", path)
    assert told.exit_code == 0
    warnings = [line for line in told.stdout.splitlines() if line.startswith("warning: ")]
    for expected in (
        "commune Orsignac: no service",
        "commune Orsignac: no opening hours",
        "commune Brévanne: nobody can be called for courrier",
        "contacts: nobody of the IT department",
        "commune Brévanne, Orsignac: nobody but elected people can be called",
        "network 10.0.0.0/8: belongs to nobody",
        "source nope: a service names it and nobody declares it",
        "asset files: services need it",
    ):
        assert sum(expected in line for line in warnings) == 1, expected
    rows = [json.loads(line) for line in run("check", path, "--format", "json").stdout.splitlines()]
    assert [one["services"] for one in rows if "code" in one] == [1, 0]
    assert len([one for one in rows if "warning" in one]) == len(warnings)


def test_the_demonstration_lacks_nothing() -> None:
    """Nine communes, their services and whom to call, without a warning."""
    told = run("check", DEMO)
    assert told.exit_code == 0
    assert "warning" not in told.stdout
    assert "Brévanne-le-Port" in told.stdout


def test_check_compares_with_the_sources_that_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What tocsin.toml reads and the estate does not know, and the other way round."""
    (tmp_path / "tocsin.toml").write_text('estate = "estate.toml"\n[[source]]\nname = "squid"\npaths = ["x.log"]\n')
    (tmp_path / "estate.toml").write_text('version = 1\n[[source]]\nname = "fw-brp"\n')
    monkeypatch.chdir(tmp_path)
    told = run("check").stdout
    assert "source squid: tocsin.toml reads it and the estate does not speak of it" in told
    assert "source fw-brp: the estate speaks of it and tocsin.toml does not read it" in told


def test_graph_says_what_stops() -> None:
    """Vital services first, one row per way; JSON has one row per commune."""
    told = run("graph", DEMO, "--if", "virt")
    assert told.exit_code == 0
    assert "Without virt: 44 services in 9 communes, 12 of them vital" in told.stdout
    assert told.stdout.index("alerte-pcs") < told.stdout.index("courrier")
    rows = [json.loads(line) for line in run("graph", DEMO, "--if", "VIRT", "--format", "json").stdout.splitlines()]
    births = [one for one in rows if one["service"] == "ec-naissances"]
    assert [(one["commune"], one["clocks"]) for one in births[:3]] == [
        ("00101", ["naissance-5j"]),
        ("00102", ["naissance-5j"]),
        ("00103", []),
    ]
    assert births[0]["path"] == ["print", "virt"]


def test_graph_refuses_a_name_that_nothing_bears() -> None:
    """With the nearest name; machines count, by name or address."""
    told = run("graph", DEMO, "--if", "virtt")
    assert (told.exit_code, "nothing here is called 'virtt'; did you mean 'virt'?" in told.stderr) == (2, True)
    assert run("graph", DEMO, "--if", "sim-esx03").exit_code == run("graph", DEMO, "--if", "10.10.20.60").exit_code == 0


@pytest.mark.parametrize(("form", "head", "arrow"), [("dot", "digraph", '"ad" -> "virt";'), ("mermaid", "flowchart LR", "-->")])
def test_graph_as_a_drawing(form: str, head: str, arrow: str) -> None:
    """The whole estate, or only the ways by which services are reached."""
    whole, part = run("graph", DEMO, "--format", form).stdout, run("graph", DEMO, "--format", form, "--if", "ad").stdout
    assert whole.startswith(head)
    assert arrow in whole
    assert "Vidéoprotection" in part
    assert "Éclairage public" not in part
    assert len(part) < len(whole)


def test_the_catalogue_is_listed() -> None:
    """What may be written: 47 services, and what they need."""
    assert len(run("services", "--format", "json").stdout.splitlines()) == 47
    assert {"asset": "helios", "outside": "yes"}.items() <= next(
        one for line in run("assets", "--format", "json").stdout.splitlines() if (one := json.loads(line))["asset"] == "helios"
    ).items()
