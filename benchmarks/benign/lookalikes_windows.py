"""Look-alikes of the directory, the PCs and the file servers: N02–N04, N07, N11–N13, N15, and the twin of S03."""

from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from benchmarks.benign.stage import DayStage
from correlator.harness.demo.cast import MACHINES, TOWNS, computer
from correlator.harness.demo.stage import FLAT, OFFICE, Record
from correlator.harness.demo.unix import Unix
from correlator.harness.demo.windows import SYSTEM, Channel, Windows

#: Who asked for a shutdown, and the log service that ends with it.
ASKED: Final = Channel("System", "User32")
LOGGING: Final = Channel("System", "EventLog")
_SID: Final = "S-1-5-21-1004336348-1177238915-682003330"
_SCRIPT: Final = "Get-CimInstance Win32_LogicalDisk | Select DeviceID,FreeSpace | ConvertTo-Json"
_ENCODED: Final = b64encode(_SCRIPT.encode("utf-16-le")).decode()
_POWERSHELL: Final = "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe"
_SYSTEM_USER: Final = "AUTORITE NT\\Système"
_USER_MODE: Final = {"ServiceType": "service en mode utilisateur", "StartType": "Démarrage à la demande"}


def play_deployment(stage: DayStage) -> Iterator[Record]:
    """Yield N02: a package on the PCs of one commune, another one each day, from the administrators' network."""
    windows, admin = Windows(stage), stage.family.deployer
    town, station = stage.rng.choice(TOWNS[:5]), MACHINES["SIM-ADM03"]
    for when, agent in zip(stage.burst("14:05", 14, 1200), stage.cast.of_town(town.code), strict=False):
        yield windows.logon(when, agent.computer, admin, station, 3, f"{_SID}-1602")
        yield windows.share(when, agent.computer, admin, station, "ADMIN$")
        yield windows.share(when, agent.computer, admin, station, "ADMIN$", "PSEXESVC.exe", "%%4417")
        service = {"ServiceName": "PSEXESVC", "ImagePath": "%SystemRoot%\\PSEXESVC.exe", "AccountName": "LocalSystem"}
        yield windows.event(when + timedelta(seconds=1), agent.computer, SYSTEM, 7045, {**service, **_USER_MODE})
        command = f"C:\\Windows\\System32\\msiexec.exe /i \\\\SIM-ADM03\\Paquets\\{stage.family.package}.msi /qn"
        yield windows.process(when + timedelta(seconds=2), agent.computer, _SYSTEM_USER, "C:\\Windows\\PSEXESVC.exe", command)


def play_inventory(stage: DayStage) -> Iterator[Record]:
    """Yield N03: the inventory agent's encoded script, every four hours, on servers and some PCs."""
    windows = Windows(stage)
    hosts = [town.file_server for town in TOWNS] + [agent.computer for agent in stage.cast.agents[:12]]
    for hour in (6, 10, 14, 18, 22, 2):
        for host in hosts:
            (when,) = stage.burst(f"{hour:02d}:00", 1, 600)
            command = f"{_POWERSHELL} -NoProfile -NonInteractive -EncodedCommand {_ENCODED}"
            yield windows.process(when, host, _SYSTEM_USER, stage.family.inventory, command)


def play_old_client(stage: DayStage) -> Iterator[Record]:
    """Yield N04: the old finance client's tickets with RC4, one to three an hour, one service, always from the same PCs."""
    windows, users = Windows(stage), stage.cast.agents[3:9]
    for hour in range(8, 18):
        for when in stage.burst(f"{hour:02d}:00", stage.rng.randrange(1, 4), 3500):
            agent = stage.rng.choice(users)
            fields = {"ServiceName": stage.family.finance_service, "TicketEncryptionType": "0x17"}
            yield windows.ticket(when, computer("SIM-DC01"), 4769, agent.login, agent.ip, **fields)


def play_renewal(stage: DayStage) -> Iterator[Record]:
    """Yield N06 at the office: a quarter of the agents change their password, some lock themselves out first."""
    windows, controller = Windows(stage), computer("SIM-DC01")
    agents = stage.rng.sample(stage.cast.agents, 45)
    for place, (when, agent) in enumerate(zip(stage.burst("07:50", len(agents), 3 * 3600), agents, strict=True)):
        actor, target = (
            (agent.login, agent.sid),
            {"TargetUserName": agent.login, "TargetDomainName": "SIM9", "TargetSid": agent.sid},
        )
        wrong = 5 if place < 8 else 1  # noqa: PLR2004 - those who lock themselves out
        for turn in range(wrong):
            yield windows.ticket(
                when - timedelta(seconds=15 * (wrong - turn)), controller, 4771, agent.login, agent.ip, Status="0x18"
            )
        if wrong > 1:
            yield windows.account(when, controller, 4740, ("SIM-DC01$", "S-1-5-18"), **target)
            yield windows.account(
                when + timedelta(minutes=6), controller, 4767, (stage.family.deployer, f"{_SID}-1602"), **target
            )
        yield windows.account(when + timedelta(minutes=8), controller, 4723, actor, **target)
        yield windows.logon(when + timedelta(minutes=9), controller, agent.login, agent.ip, 3, agent.sid)


def play_desktop_farm(stage: DayStage) -> Iterator[Record]:
    """Yield N07 inside: the remote desktop farm, one address, fourteen who mistype in half an hour, hundreds of log-ons."""
    windows, farm, controller = Windows(stage), "10.10.20.71", computer("SIM-DC02")
    agents = stage.rng.sample(stage.cast.agents, 90)
    for place, (when, agent) in enumerate(zip(stage.burst("08:20", len(agents), 1800), agents, strict=True)):
        if place % 6 == 0:
            yield windows.logon_failed(when - timedelta(seconds=12), controller, agent.login, farm)
        for turn, server in enumerate((controller, agent.town.file_server, computer("SIM-PRT01"), computer("SIM-APP02"))):
            yield windows.logon(when + timedelta(seconds=2 * turn), server, agent.login, farm, 3, agent.sid)


def play_exports(stage: DayStage) -> Iterator[Record]:
    """Yield N11: the pay is exported, a drawing program saves, somebody renames a tree of folders."""
    windows, agent = Windows(stage), stage.rng.choice(stage.cast.of_town("BRP"))
    for number, when in enumerate(stage.burst("18:45", 620, 290)):
        path = f"RH\\Paie\\2026-11\\bulletin-{number:04d}.pdf"
        yield windows.share(when, computer("BRP-FS02"), "svc-paie", "10.10.20.41", "Services", path, "%%4417")
    for when in stage.burst("09:10", 160, 5 * 3600):
        name = f"Urbanisme\\Plans\\parcelle-{stage.rng.randrange(40)}"
        yield windows.share(when, agent.town.file_server, agent.login, agent.ip, "Services", f"{name}.tmp", "%%4417")
        yield windows.share(
            when + timedelta(seconds=1), agent.town.file_server, agent.login, agent.ip, "Services", f"{name}.bak", "%%1537"
        )
    other = stage.rng.choice(stage.cast.of_town("SAU"))
    for number, when in enumerate(stage.burst("11:20", 260, 240)):
        path = f"Courrier\\Anciens\\dossier-{number:03d}.docx"
        yield windows.share(when, other.town.file_server, other.login, other.ip, "Services", path, "%%1537")


def play_archive(stage: DayStage) -> Iterator[Record]:
    """Yield N11 of the school year: a folder is copied, then the old one thinned."""
    windows, agent = Windows(stage), stage.rng.choice(stage.cast.of_town("COR"))
    for number, when in enumerate(stage.burst("16:10", 480, 280)):
        path = f"Scolaire\\Archives\\2025-2026\\fiche-{number:04d}.pdf"
        yield windows.share(when, agent.town.file_server, agent.login, agent.ip, "Services", path, "%%4417")
    for number, when in enumerate(stage.burst("16:25", 20, 120)):
        path = f"Scolaire\\2025-2026\\fiche-{number:04d}.pdf"
        yield windows.share(when, agent.town.file_server, agent.login, agent.ip, "Services", path, "%%1537")


def play_imaging(stage: DayStage) -> Iterator[Record]:
    """Yield N13: new PCs at their first start, their logs emptied by the account that images them."""
    windows, account = Windows(stage), stage.family.imaging
    for when, number in zip(stage.burst("10:00", 6, 5 * 3600), stage.some(6), strict=True):
        host = computer(f"{stage.rng.choice(TOWNS).code}-PC{900 + number:04d}")
        for place, log in enumerate(("Security", "System")):
            yield windows.cleared(when + timedelta(seconds=place), host, account, f"{_SID}-1640", log)
        agent = {"ServiceName": "HarfangLab Hurukai agent", "ImagePath": '"C:\\Program Files\\HarfangLab\\hurukai.exe"'}
        yield windows.event(
            when + timedelta(minutes=2), host, SYSTEM, 7045, {**agent, "AccountName": "LocalSystem", **_USER_MODE}
        )


def play_power_works(stage: DayStage) -> Iterator[Record]:
    """Yield N15: works in the datacentre, guests shut down in order and started again; protection stops with them."""
    windows = Windows(stage)
    for place, town in enumerate(TOWNS):
        (when,) = stage.burst(f"20:{place * 5:02d}", 1, 60)
        reason = {"param1": "C:\\Windows\\system32\\shutdown.exe", "param5": "arrêter", "param7": "SIM9\\adm.jcolin"}
        yield windows.event(when, town.file_server, ASKED, 1074, reason)
        stopped = when + timedelta(seconds=8)
        yield windows.service(stopped, town.file_server, "HarfangLab Hurukai agent", "hurukai", running=False)
        yield windows.event(stopped + timedelta(seconds=6), town.file_server, LOGGING, 6006, {})
        again = when + timedelta(minutes=90)
        yield windows.event(again, town.file_server, LOGGING, 6005, {})
        yield windows.service(again, town.file_server, "HarfangLab Hurukai agent", "hurukai", running=True)


def play_shadow_rotation(stage: DayStage) -> Iterator[Record]:
    """Yield N12: the backup agent removes its oldest shadow copy at night, one volume, its own service the parent."""
    windows = Windows(stage)
    parent = "C:\\Program Files\\Veeam\\Endpoint Backup\\Veeam.EndPoint.Service.exe"
    for when, town in zip(stage.burst("01:10", 9, 2400), TOWNS, strict=True):
        command = "C:\\Windows\\System32\\vssadmin.exe delete shadows /for=D: /oldest /quiet"
        yield windows.process(when, town.file_server, _SYSTEM_USER, parent, command)


def play_mistyped_admin(stage: DayStage) -> Iterator[Record]:
    """Yield the twin of S03: an administrator who mistypes, then is let in; and the Internet that never is."""
    unix = Unix(stage)
    for when in stage.times(4, OFFICE):
        host, admin = (
            stage.rng.choice(("brp-web01", "sim-mon01", "sim-log01")),
            stage.rng.choice(("adm.jcolin", "adm.sbernard")),
        )
        for turn in range(stage.rng.randrange(1, 4)):
            yield unix.ssh_failed(when + timedelta(seconds=6 * turn), host, admin, "10.10.99.13", known=True)
        yield unix.ssh_accepted(when + timedelta(seconds=30), host, admin, "10.10.99.13")
    for when in stage.times(6, FLAT):
        knocker = stage.crowd()
        for turn in range(stage.rng.randrange(20, 60)):
            yield unix.ssh_failed(
                when + timedelta(seconds=2 * turn), "brp-web02", stage.rng.choice(("root", "admin", "test")), knocker
            )
