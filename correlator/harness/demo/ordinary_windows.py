"""An ordinary day of Windows: people log on, open files, start programs; services do what they do every night."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import cycle
from typing import Final

from correlator.harness.demo.cast import MACHINES, TOWNS, Agent, computer
from correlator.harness.demo.stage import FLAT, OFFICE, WORKDAY, Record, Stage
from correlator.harness.demo.windows import POWERSHELL, SECURITY, Value, Windows

_CONTROLLERS: Final = ("SIM-DC01", "SIM-DC02", "SIM-DC03", "COR-DC01")
_FOLDERS: Final = ("EtatCivil", "RH", "Finances", "Scolaire", "Urbanisme", "Courrier")
_FILES: Final = ("note", "compte-rendu", "planning", "liste", "courrier", "budget", "convocation", "facture")
_OFFICE: Final = "C:\\Program Files\\Microsoft Office\\root\\Office16"
_PROGRAMS: Final = (
    ("C:\\Windows\\explorer.exe", f'"{_OFFICE}\\WINWORD.EXE" /n "P:\\{{file}}.docx"'),
    ("C:\\Windows\\explorer.exe", f'"{_OFFICE}\\EXCEL.EXE" "P:\\{{file}}.xlsx"'),
    ("C:\\Windows\\explorer.exe", f'"{_OFFICE}\\OUTLOOK.EXE"'),
    ("C:\\Windows\\explorer.exe", '"C:\\Program Files\\Mozilla Firefox\\firefox.exe"'),
    (
        "C:\\Windows\\explorer.exe",
        '"C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe" --profile-directory=Default',
    ),
    ("C:\\Windows\\explorer.exe", '"C:\\Program Files\\EtatCivil\\etatcivil.exe"'),
    ("C:\\Windows\\explorer.exe", '"C:\\Program Files\\Finances\\ciril.exe" /base:PROD'),
    ("C:\\Windows\\System32\\services.exe", "C:\\Windows\\System32\\svchost.exe -k netsvcs -p -s Schedule"),
    ("C:\\Windows\\System32\\svchost.exe", "C:\\Windows\\System32\\taskhostw.exe"),
    ("C:\\Windows\\System32\\svchost.exe", "C:\\Windows\\System32\\RuntimeBroker.exe -Embedding"),
)
_SITES: Final = (
    "outlook.office365.com",
    "www.example.org",
    "intranet.sim9.example",
    "teams.microsoft.com",
    "proxy.sim9.example",
)
_INVENTORY: Final = "Get-CimInstance -ClassName Win32_OperatingSystem | Select-Object Caption, Version, LastBootUpTime"
_SERVICES: Final = (("Windows Update", "wuauserv"), ("Spouleur d'impression", "Spooler"), ("Horloge Windows", "W32Time"))


def play_directory(stage: Stage) -> Iterator[Record]:
    """Yield tickets and log-ons on the domain controllers."""
    windows = Windows(stage)
    for at in stage.times(560, OFFICE):
        agent, controller = stage.cast.anyone(stage.rng), computer(stage.rng.choice(_CONTROLLERS))
        yield windows.ticket(at, controller, 4768, agent.login, agent.ip)
    for at in stage.times(1000, OFFICE):
        agent, controller = stage.cast.anyone(stage.rng), computer(stage.rng.choice(_CONTROLLERS))
        service = stage.rng.choice((f"{agent.town.code}-FS01$", "SIM-PRT01$", f"{agent.pc}$"))
        yield windows.ticket(at, controller, 4769, agent.login, agent.ip, ServiceName=service)
    for at in stage.times(260, OFFICE):
        agent = stage.cast.anyone(stage.rng)
        data = {"PackageName": "MICROSOFT_AUTHENTICATION_PACKAGE_V1_0", "TargetUserName": agent.login, "Workstation": agent.pc}
        yield windows.event(at, computer("SIM-DC01"), SECURITY, 4776, {**data, "Status": "0x0"})


def play_mistyping(stage: Stage) -> Iterator[Record]:
    """Yield wrong passwords, each followed by the right one from the same PC."""
    windows = Windows(stage)
    for at in stage.times(55, OFFICE):
        agent, controller = stage.cast.anyone(stage.rng), computer("SIM-DC01")
        yield windows.ticket(at, controller, 4771, agent.login, agent.ip, Status="0x18")
        again = at + timedelta(seconds=stage.rng.randrange(6, 40))
        yield windows.ticket(again, controller, 4768, agent.login, agent.ip)
        yield windows.logon(again + timedelta(seconds=1), controller, agent.login, agent.ip, 3, agent.sid)


def play_shares(stage: Stage) -> Iterator[Record]:
    """Yield network log-ons on file servers and the files opened there."""
    windows = Windows(stage)
    for at in stage.times(1500, OFFICE):
        agent = stage.cast.anyone(stage.rng)
        yield windows.logon(at, agent.town.file_server, agent.login, agent.ip, 3, agent.sid)
    for at in stage.times(1300, OFFICE):
        agent = stage.cast.anyone(stage.rng)
        path = f"{stage.rng.choice(_FOLDERS)}\\{_document(stage)}.docx"
        access = stage.rng.choice(("%%4416", "%%4416", "%%4416", "%%4417"))
        yield windows.share(at, agent.town.file_server, agent.login, agent.ip, "Services", path, access)


def play_sessions(stage: Stage) -> Iterator[Record]:
    """Yield log-offs and unlocks on the PCs, and the services' own log-ons."""
    windows = Windows(stage)
    for at in stage.times(500, OFFICE):
        agent = stage.cast.anyone(stage.rng)
        yield windows.logoff(at, agent.town.file_server, agent.login, agent.sid)
    for at in stage.times(260, FLAT):
        town = stage.rng.choice(TOWNS)
        yield windows.logon(at, town.file_server, "Système", "-", 5, "S-1-5-18")
    for at in stage.times(90, FLAT):
        yield windows.logon(at, computer(stage.rng.choice(_CONTROLLERS)), "svc-mon", "10.10.97.11", 3)


def play_programs(stage: Stage) -> Iterator[Record]:
    """Yield programs started, connections made and names asked for on the PCs."""
    windows = Windows(stage)
    for at in stage.times(1250, OFFICE):
        agent = stage.cast.anyone(stage.rng)
        parent, command = stage.rng.choice(_PROGRAMS)
        yield windows.process(at, agent.computer, f"SIM9\\{agent.login}", parent, command.format(file=_document(stage)))
    for at in stage.times(420, OFFICE):
        yield _connection(windows, at, stage.cast.anyone(stage.rng))
    for at in stage.times(480, OFFICE):
        agent = stage.cast.anyone(stage.rng)
        image = "C:\\Program Files\\Mozilla Firefox\\firefox.exe"
        names = {"QueryName": stage.rng.choice(_SITES), "QueryStatus": "0", "QueryResults": "::ffff:192.0.2.20;"}
        yield windows.sysmon(at, agent.computer, 22, f"SIM9\\{agent.login}", image, **names)
    for at in stage.times(330, OFFICE):
        agent = stage.cast.anyone(stage.rng)
        target = f"C:\\Users\\{agent.login}\\Documents\\{_document(stage)}.docx"
        fields = {"TargetFilename": target, "CreationUtcTime": f"{at:%Y-%m-%d %H:%M:%S}.000"}
        yield windows.sysmon(at, agent.computer, 11, f"SIM9\\{agent.login}", f"{_OFFICE}\\WINWORD.EXE", **fields)


def _connection(windows: Windows, at: datetime, agent: Agent) -> Record:
    fields: dict[str, Value] = {
        "Protocol": "tcp",
        "Initiated": "true",
        "SourceIsIpv6": "false",
        "SourceIp": agent.ip,
        "SourceHostname": agent.pc,
        "SourcePort": windows.stage.port(),
        "DestinationIsIpv6": "false",
        "DestinationIp": "10.10.20.80",
        "DestinationHostname": "proxy.sim9.example",
        "DestinationPort": 3128,
    }
    return windows.sysmon(
        at, agent.computer, 3, f"SIM9\\{agent.login}", "C:\\Program Files\\Mozilla Firefox\\firefox.exe", **fields
    )


def play_services(stage: Stage) -> Iterator[Record]:
    """Yield the inventory scripts and the services that start and stop."""
    windows = Windows(stage)
    for at in stage.times(70, FLAT):
        server = stage.rng.choice(TOWNS).file_server
        block: dict[str, Value] = {
            "MessageNumber": 1,
            "MessageTotal": 1,
            "ScriptBlockText": _INVENTORY,
            "ScriptBlockId": windows.guid(),
            "Path": "",
        }
        yield windows.event(at, server, POWERSHELL, 4104, block)
    for at, running in zip(stage.times(120, FLAT), cycle((True, False)), strict=False):
        agent = stage.cast.anyone(stage.rng)
        shown, name = stage.rng.choice(_SERVICES)
        yield windows.service(at, agent.computer, shown, name, running=running)


def play_administration(stage: Stage) -> Iterator[Record]:
    """Yield administrators at work by day, from their own stations."""
    windows = Windows(stage)
    for at in stage.times(60, WORKDAY):
        host = stage.rng.choice((*_CONTROLLERS, *(f"{town.code}-FS01" for town in TOWNS)))
        admin = stage.rng.choice(("adm.jcolin", "adm.pdupuis", "adm.sbernard"))
        yield windows.logon(
            at, computer(host), admin, MACHINES["SIM-ADM03"], 10, "S-1-5-21-1004336348-1177238915-682003330-1601"
        )


def _document(stage: Stage) -> str:
    return f"{stage.rng.choice(_FILES)}-{stage.rng.randrange(1, 400)}"
