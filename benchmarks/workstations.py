"""Workstations of an ordinary office under Sysmon: programs, files, registry, names, connections, with whole events.

The demonstration's events bear only the fields that its rules read; here each has what Sysmon writes, and command lines vary
as those of browsers, updaters and agents do.
"""

import tomllib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Final

from correlator.harness.demo.cast import Agent
from correlator.harness.demo.stage import OFFICE, Record, Stage
from correlator.harness.demo.windows import POWERSHELL, SECURITY, SYSMON, Value, Windows

_SYSTEM32: Final = "C:\\Windows\\System32\\"
_OFFICE: Final = "C:\\Program Files\\Microsoft Office\\root\\Office16\\"
_EDGE: Final = "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe"
_EXPLORER, _SVCHOST, _SERVICES = "C:\\Windows\\explorer.exe", f"{_SYSTEM32}svchost.exe", f"{_SYSTEM32}services.exe"
_SYSTEM_USER: Final = "AUTORITE NT\\Système"
_WORDS: Final = (
    "compte-rendu", "note", "planning", "convocation", "budget", "facture", "courrier", "arrete", "deliberation", "permis",
    "liste", "attestation", "devis", "marche", "bulletin", "inventaire", "conge", "formation", "cantine", "inscription",
)  # fmt: skip
_SITES: Final = (
    "outlook.office365.com", "login.microsoftonline.com", "teams.microsoft.com", "www.service-public.example",
    "meteo.example.org", "cdn.example.net", "fonts.example.com", "stats.example.com", "intranet.sim9.example",
)  # fmt: skip
_DRAWN: Final = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
#: (parent, image, arguments, product)
_PROGRAMS: Final = tuple((one["parent"], one["image"], one["arguments"], one["product"]) for one in _DRAWN["program"])
_KEYS: Final = tuple((one["name"], one["value"]) for one in _DRAWN["key"])
_HTTPS: Final = 443
#: Who talks to which ports inside; with HTTPS among them, to the Internet too.
_TALKERS: Final = (
    (_EDGE, (3128, _HTTPS)),
    (_EDGE, (3128, _HTTPS)),
    (f"{_OFFICE}OUTLOOK.EXE", (_HTTPS,)),
    (_SVCHOST, (135, _HTTPS)),
    (f"{_SYSTEM32}lsass.exe", (88, 389)),
    ("System", (445,)),
)
_LIBRARIES: Final = ("kernel32", "user32", "combase", "rpcrt4", "shlwapi", "crypt32", "ws2_32", "msxml6", "propsys", "urlmon")


def play_workstations(stage: Stage) -> Iterator[Record]:
    """Yield what about two thousand PCs do; scale 1 is about ten thousand events."""
    writer = _Workstation(stage)
    for amount, act in writer.acts():
        for at in stage.times(amount, OFFICE):
            yield act(at, stage.cast.anyone(stage.rng))


class _Workstation:
    def __init__(self, stage: Stage) -> None:
        self._rng: Random = stage.rng
        self._windows = Windows(stage)

    def acts(self) -> tuple[tuple[int, Callable[[datetime, Agent], Record]], ...]:
        return (
            (2600, self._started),
            (700, self._ended),
            (1500, self._connected),
            (1100, self._wrote),
            (1200, self._registered),
            (900, self._loaded),
            (900, self._asked),
            (300, self._opened),
            (500, self._created_4688),
            (60, self._script),
        )

    def _fill(self, template: str, agent: Agent) -> str:
        rng = self._rng
        return template.format(
            user=agent.login,
            pc=agent.pc,
            sid=agent.sid,
            ip=agent.ip,
            share=f"\\\\{agent.town.code}-FS01\\Services\\{rng.choice(('RH', 'Finances', 'EtatCivil', 'Scolaire'))}",
            file=f"{rng.choice(_WORDS)} {rng.choice(_WORDS)} {rng.randrange(1, 5000)}",
            hex=f"{rng.getrandbits(32):08x}",
            token="".join(rng.choices("abcdefghjkmnpqrstvwxyz0123456789", k=26)),
            guid=self._windows.guid(),
            small=rng.randrange(3, 9000),
            big=rng.randrange(10**14, 10**15),
            service=rng.choice(("Schedule", "BITS", "wuauserv", "Themes", "ProfSvc", "lmhosts", "EventLog", "Dhcp", "wscsvc")),
            task=rng.choice(
                ("", "Install $(Arg0)", "KEYROAMING", "SYSTEM", "NGCKeyPregen", "-RegisterDevice -ProtectionStateChanged")
            ),
            scope=rng.choice(("computer", "user")),
            program=rng.choice(_PROGRAMS)[1][2:],
        )

    def _who(self, agent: Agent, parent: str) -> str:
        return _SYSTEM_USER if parent in {_SERVICES, _SVCHOST} and self._rng.random() < 0.6 else f"SIM9\\{agent.login}"  # noqa: PLR2004

    def _base(self, at: datetime, image: str) -> dict[str, Value]:
        return {
            "RuleName": "-",
            "UtcTime": f"{at:%Y-%m-%d %H:%M:%S.%f}"[:-3],
            "ProcessGuid": f"{{{self._windows.guid()}}}",
            "ProcessId": self._rng.randrange(1000, 30000),
            "Image": image,
        }

    def _sysmon(self, at: datetime, agent: Agent, event_id: int, fields: dict[str, Value]) -> Record:
        return self._windows.event(at, agent.computer, SYSMON, event_id, fields)

    def _started(self, at: datetime, agent: Agent) -> Record:
        parent, image, arguments, product = self._rng.choice(_PROGRAMS)
        name, user = image.rsplit("\\", 1)[-1], self._who(agent, parent)
        fields: dict[str, Value] = {
            **self._base(at, image),
            "FileVersion": f"10.0.{self._rng.choice((19041, 22621, 26100))}.{self._rng.randrange(1, 4000)}",
            "Description": product,
            "Product": product,
            "Company": "Microsoft Corporation",
            "OriginalFileName": name,
            "CommandLine": f'"{image}" {self._fill(arguments, agent)}',
            "CurrentDirectory": _SYSTEM32 if user == _SYSTEM_USER else f"C:\\Users\\{agent.login}\\",
            "User": user,
            "LogonGuid": f"{{{self._windows.guid()}}}",
            "LogonId": self._windows.logon_id(),
            "TerminalSessionId": self._rng.randrange(4),
            "IntegrityLevel": "System" if user == _SYSTEM_USER else "Medium",
            "Hashes": f"SHA256={self._hash(name)},IMPHASH={self._hash(name)[:32]}",
            "ParentProcessGuid": f"{{{self._windows.guid()}}}",
            "ParentProcessId": self._rng.randrange(500, 30000),
            "ParentImage": parent,
            "ParentCommandLine": f'"{parent}"',
            "ParentUser": user,
        }
        return self._sysmon(at, agent, 1, fields)

    def _hash(self, name: str) -> str:
        """Return the hash of one of the few versions of a program that are about."""
        return f"{Random(f'{name}/{self._rng.randrange(6)}').getrandbits(256):064X}"

    def _ended(self, at: datetime, agent: Agent) -> Record:
        image = self._rng.choice(_PROGRAMS)[1]
        return self._sysmon(at, agent, 5, {**self._base(at, image), "User": f"SIM9\\{agent.login}"})

    def _connected(self, at: datetime, agent: Agent) -> Record:
        image, ports = self._rng.choice(_TALKERS)
        inside = self._rng.random() < 0.6 or _HTTPS not in ports  # noqa: PLR2004 - the proxy and the servers
        fields: dict[str, Value] = {
            **self._base(at, image),
            "User": f"SIM9\\{agent.login}",
            "Protocol": "tcp",
            "Initiated": "true",
            "SourceIsIpv6": "false",
            "SourceIp": agent.ip,
            "SourceHostname": agent.computer,
            "SourcePort": self._windows.stage.port(),
            "SourcePortName": "-",
            "DestinationIsIpv6": "false",
            "DestinationIp": self._destination(inside=inside),
            "DestinationHostname": "proxy.sim9.example" if inside else "-",
            "DestinationPort": self._rng.choice(ports) if inside else _HTTPS,
            "DestinationPortName": "-",
        }
        return self._sysmon(at, agent, 3, fields)

    def _destination(self, *, inside: bool) -> str:
        if inside:
            return f"10.10.{self._rng.choice((10, 20))}.{self._rng.randrange(10, 90)}"
        return f"192.0.2.{self._rng.randrange(1, 255)}"

    def _wrote(self, at: datetime, agent: Agent) -> Record:
        image, path = self._rng.choice(
            (
                (f"{_OFFICE}WINWORD.EXE", "C:\\Users\\{user}\\Documents\\~${file}.docx"),
                (f"{_OFFICE}EXCEL.EXE", "C:\\Users\\{user}\\AppData\\Local\\Temp\\{hex}.tmp"),
                (_EDGE, "C:\\Users\\{user}\\AppData\\Local\\Microsoft\\Edge\\User Data\\Default\\Cache\\Cache_Data\\f_{hex}"),
                (_EDGE, "C:\\Users\\{user}\\Downloads\\{file}.pdf"),
                (_SVCHOST, "C:\\Windows\\Prefetch\\MSEDGE.EXE-{hex}.pf"),
                (_SVCHOST, "C:\\Windows\\SoftwareDistribution\\Download\\{hex}{hex}\\BIT{small}.tmp"),
            )
        )
        fields: dict[str, Value] = {
            **self._base(at, image),
            "TargetFilename": self._fill(path, agent),
            "CreationUtcTime": f"{at:%Y-%m-%d %H:%M:%S.%f}"[:-3],
            "User": f"SIM9\\{agent.login}",
        }
        return self._sysmon(at, agent, 11, fields)

    def _registered(self, at: datetime, agent: Agent) -> Record:
        key, value = self._rng.choice(_KEYS)
        fields: dict[str, Value] = {
            **self._base(at, self._rng.choice((_EXPLORER, _SVCHOST, f"{_OFFICE}WINWORD.EXE"))),
            "EventType": "SetValue",
            "TargetObject": self._fill(key, agent),
            "Details": self._fill(value, agent),
            "User": f"SIM9\\{agent.login}",
        }
        return self._sysmon(at, agent, 13, fields)

    def _loaded(self, at: datetime, agent: Agent) -> Record:
        name = self._rng.choice(_LIBRARIES)
        fields: dict[str, Value] = {
            **self._base(at, self._rng.choice(_PROGRAMS)[1]),
            "ImageLoaded": f"{_SYSTEM32}{name}.dll",
            "FileVersion": f"10.0.{self._rng.choice((19041, 22621, 26100))}.{self._rng.randrange(1, 4000)}",
            "Description": "Microsoft Windows",
            "Product": "Microsoft® Windows® Operating System",
            "Company": "Microsoft Corporation",
            "OriginalFileName": f"{name}.dll",
            "Hashes": f"SHA256={self._hash(name)},IMPHASH={self._hash(name)[:32]}",
            "Signed": "true",
            "Signature": "Microsoft Windows",
            "SignatureStatus": "Valid",
            "User": f"SIM9\\{agent.login}",
        }
        return self._sysmon(at, agent, 7, fields)

    def _asked(self, at: datetime, agent: Agent) -> Record:
        site = self._rng.choice(_SITES)
        delivered = self._rng.random() < 0.3  # noqa: PLR2004 - by a network that names each object
        name = f"{self._rng.getrandbits(40):010x}.{site}" if delivered else site
        fields: dict[str, Value] = {
            **self._base(at, self._rng.choice((_EDGE, _SVCHOST, f"{_OFFICE}OUTLOOK.EXE"))),
            "QueryName": name,
            "QueryStatus": "0",
            "QueryResults": f"type:  5 {site};::ffff:192.0.2.{self._rng.randrange(1, 255)};",
            "User": f"SIM9\\{agent.login}",
        }
        return self._sysmon(at, agent, 22, fields)

    def _opened(self, at: datetime, agent: Agent) -> Record:
        base = self._base(at, "C:\\Program Files\\Agent Inventaire\\agent.exe")
        trace = "|".join(f"{_SYSTEM32}{name}.dll+{self._rng.randrange(16**5):x}" for name in ("ntdll", "KERNELBASE", "sechost"))
        fields: dict[str, Value] = {
            "RuleName": "-",
            "UtcTime": base["UtcTime"],
            "SourceProcessGUID": base["ProcessGuid"],
            "SourceProcessId": base["ProcessId"],
            "SourceThreadId": self._rng.randrange(1000, 9000),
            "SourceImage": base["Image"],
            "TargetProcessGUID": f"{{{self._windows.guid()}}}",
            "TargetProcessId": self._rng.randrange(500, 30000),
            "TargetImage": self._rng.choice(_PROGRAMS)[1],
            "GrantedAccess": self._rng.choice(("0x1000", "0x1400", "0x100000")),
            "CallTrace": trace,
            "SourceUser": _SYSTEM_USER,
            "TargetUser": f"SIM9\\{agent.login}",
        }
        return self._sysmon(at, agent, 10, fields)

    def _created_4688(self, at: datetime, agent: Agent) -> Record:
        parent, image, arguments, _ = self._rng.choice(_PROGRAMS)
        fields: dict[str, Value] = {
            "SubjectUserSid": agent.sid,
            "SubjectUserName": agent.login,
            "SubjectDomainName": "SIM9",
            "SubjectLogonId": self._windows.logon_id(),
            "NewProcessId": hex(self._rng.randrange(1000, 30000)),
            "NewProcessName": image,
            "TokenElevationType": "%%1938",
            "ProcessId": hex(self._rng.randrange(500, 30000)),
            "CommandLine": f'"{image}" {self._fill(arguments, agent)}',
            "TargetUserSid": "S-1-0-0",
            "TargetUserName": "-",
            "TargetDomainName": "-",
            "TargetLogonId": "0x0",
            "ParentProcessName": parent,
            "MandatoryLabel": "S-1-16-8192",
        }
        return self._windows.event(at, f"{agent.town.code}-FS01.ad.sim9.example", SECURITY, 4688, fields)

    def _script(self, at: datetime, agent: Agent) -> Record:
        text = (
            f"$poste = '{agent.pc}'; $jeton = '{self._rng.getrandbits(64):016x}'\n"
            "Get-CimInstance -ClassName Win32_OperatingSystem | Select-Object Caption, Version, LastBootUpTime\n"
            "Get-CimInstance -ClassName Win32_LogicalDisk -Filter 'DriveType=3' | Select-Object DeviceID, Size, FreeSpace"
        )
        fields: dict[str, Value] = {
            "MessageNumber": 1,
            "MessageTotal": 1,
            "ScriptBlockText": text,
            "ScriptBlockId": self._windows.guid(),
            "Path": f"C:\\ProgramData\\Agent Inventaire\\{self._rng.getrandbits(32):08x}.ps1",
        }
        return self._windows.event(at, agent.computer, POWERSHELL, 4104, fields)
