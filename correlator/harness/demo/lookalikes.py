"""Harmless acts that look like attacks: each keeps the one detail that tells it apart."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from correlator.harness.demo.cast import MACHINES, TOWNS, computer
from correlator.harness.demo.cloud import Cloud
from correlator.harness.demo.network import Flow, Network
from correlator.harness.demo.stage import Record, Stage
from correlator.harness.demo.unix import Unix
from correlator.harness.demo.windows import SECURITY, SYSTEM, Windows

_SCANNER: Final = MACHINES["SIM-SCAN01"]
_SCAN_AGENT: Final = "Mozilla/5.0 (compatible; ScannerExample/22.4)"
_PROBES: Final = (
    "/index.php?id=1%27%20OR%20%271%27=%271", "/cgi-bin/test.cgi?x=%3Cscript%3Ealert(1)%3C/script%3E", "/../../../etc/passwd",
    "/?q=${jndi:ldap://10.10.97.20/a}", "/shell.php?cmd=whoami", "/wp-login.php", "/manager/html", "/solr/admin/info/system",
)  # fmt: skip
_DEPLOYER: Final = ("adm.pdupuis", "S-1-5-21-1004336348-1177238915-682003330-1602")
_CONNECTOR: Final = ("MSOL_7f3c1d2b9a04", "S-1-5-21-1004336348-1177238915-682003330-1110")
_REPLICATION: Final = (
    "%%7688\r\n\t\t{1131f6aa-9c07-11d1-f79f-00c04fc2dcd2}\r\n\t\t{1131f6ad-9c07-11d1-f79f-00c04fc2dcd2}\r\n\t"
    "{19195a5b-6da0-11d0-afd3-00c04fd930c9}\r\n"
)
_BACKUP_AGENT: Final = "C:\\Program Files\\Veeam\\Endpoint Backup\\Veeam.EndPoint.Service.exe"


def play_scanner(stage: Stage) -> Iterator[Record]:
    """Yield N01, the vulnerability scanner's Wednesday evening: one source in the tools network, no success."""
    network, unix, windows = Network(stage), Unix(stage), Windows(stage)
    for when in stage.burst("20:00", 190, 8 * 3600):
        town = stage.rng.choice(TOWNS)
        target = town.address(stage.rng.choice((20, 40, 70, 80)), stage.rng.randrange(10, 60))
        yield network.blocked(when, town, Flow(_SCANNER, target, stage.rng.choice((22, 80, 443, 445, 3389, 8080))), "scan")
    for when in stage.burst("20:30", 130, 2 * 3600):
        request = f"GET {stage.rng.choice(_PROBES)}"
        yield network.web(when, stage.rng.choice(TOWNS), _SCANNER, request, stage.rng.choice((400, 403, 404)), 162, _SCAN_AGENT)
    for when in stage.burst("22:35", 60, 3600):
        host, user = stage.rng.choice(("brp-web01", "que-web01", "sim-mon01")), stage.rng.choice(("root", "admin", "pi"))
        yield unix.ssh_failed(when, host, user, _SCANNER, known=user == "root")
    for when in stage.burst("23:40", 60, 3600):
        server, user = stage.rng.choice(TOWNS).file_server, stage.rng.choice(("Administrateur", "admin", "guest"))
        yield windows.logon_failed(when, server, user, _SCANNER, "0xc0000064")


def play_deployment(stage: Stage) -> Iterator[Record]:
    """Yield N02, the packaging team at work: from the administrators' network, by day, on PCs of one commune."""
    windows, (admin, sid) = Windows(stage), _DEPLOYER
    station = MACHINES["SIM-ADM03"]
    for when, agent in zip(stage.burst("14:05", 14, 1200), stage.cast.of_town("MTF"), strict=False):
        yield windows.logon(when, agent.computer, admin, station, 3, sid)
        yield windows.share(when, agent.computer, admin, station, "ADMIN$")
        yield windows.share(when, agent.computer, admin, station, "ADMIN$", "PSEXESVC.exe", "%%4417")
        installed = {"ServiceName": "PSEXESVC", "ImagePath": "%SystemRoot%\\PSEXESVC.exe", "AccountName": "LocalSystem"}
        kind = {"ServiceType": "service en mode utilisateur", "StartType": "Démarrage à la demande"}
        yield windows.event(when + timedelta(seconds=1), agent.computer, SYSTEM, 7045, {**installed, **kind})
        command = "C:\\Windows\\System32\\msiexec.exe /i \\\\SIM-ADM03\\Paquets\\visionneuse.msi /qn"
        parent = "C:\\Windows\\PSEXESVC.exe"
        yield windows.process(when + timedelta(seconds=2), agent.computer, "AUTORITE NT\\Système", parent, command)


def play_synchronisation(stage: Stage) -> Iterator[Record]:
    """Yield N05, Entra Connect asking for replication: its own account, from its own server."""
    windows, (account, sid) = Windows(stage), _CONNECTOR
    controller = computer("SIM-DC01")
    for when in stage.burst("06:01", 46, 23.5 * 3600):
        yield windows.logon(when, controller, account, MACHINES["SIM-AAD01"], 3, sid)
        data = {
            "ObjectServer": "DS",
            "ObjectType": "%{19195a5b-6da0-11d0-afd3-00c04fd930c9}",
            "ObjectName": "%{4f0c5b1e-8e1c-4b39-9f0e-2b8a9d6c1a77}",
            "AccessMask": "0x100",
            "Properties": _REPLICATION,
        }
        yield windows.account(when + timedelta(seconds=1), controller, 4662, _CONNECTOR, **data)


def play_expired_passwords(stage: Stage) -> Iterator[Record]:
    """Yield N06, telephones with the old password after the expiry: one user per address, the address they always have."""
    cloud, windows = Cloud(stage), Windows(stage)
    for agent in stage.rng.sample(stage.cast.agents, 38):
        for when in stage.burst("07:30", 3, 9 * 3600):
            yield cloud.sign_in(when, agent.upn, agent.home, stage.rng.choice((50055, 50055, 50126)), "Exchange ActiveSync")
        (when,) = stage.burst("08:00", 1, 3600)
        yield windows.ticket(when, computer("SIM-DC02"), 4771, agent.login, agent.ip, Status="0x17")
        data = {
            "PackageName": "MICROSOFT_AUTHENTICATION_PACKAGE_V1_0",
            "TargetUserName": agent.login,
            "Workstation": "SIM-EXC01",
        }
        yield windows.event(when, computer("SIM-DC02"), SECURITY, 4776, {**data, "Status": "0xc0000071"}, failed=True)


def play_payroll(stage: Stage) -> Iterator[Record]:
    """Yield N11, the payroll export: many files in five minutes, but one folder, no deletion, no new extension."""
    windows, server = Windows(stage), computer("BRP-FS02")
    for number, when in enumerate(stage.burst("18:45", 620, 290)):
        path = f"RH\\Paie\\2026-11\\bulletin-{number:04d}.pdf"
        yield windows.share(when, server, "svc-paie", "10.10.20.41", "Services", path, "%%4417")


def play_shadow_rotation(stage: Stage) -> Iterator[Record]:
    """Yield N12, the backup agent that removes its oldest shadow copy: the parent is the backup service, one volume."""
    windows = Windows(stage)
    for when, town in zip(stage.burst("01:10", 9, 2400), TOWNS, strict=True):
        command = "C:\\Windows\\System32\\vssadmin.exe delete shadows /for=D: /oldest /quiet"
        yield windows.process(when, town.file_server, "AUTORITE NT\\Système", _BACKUP_AGENT, command)
