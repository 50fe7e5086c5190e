"""Windows events as the ``evtx`` library writes them: one JSON object per line, French texts where Windows has them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson

from correlator.harness.demo.cast import FOREST
from correlator.harness.demo.stage import Record, Stage

FILE: Final = "windows/wec01.ndjson"
DOMAIN: Final = "SIM9"
SYSTEM_SID: Final = "S-1-5-18"
NOBODY: Final = "S-1-0-0"

Value = str | int
_SUCCESS: Final = "0x8020000000000000"
_FAILURE: Final = "0x8010000000000000"
_NS: Final = "http://schemas.microsoft.com/win/2004/08/events/event"


@dataclass(frozen=True, slots=True)
class Channel:
    """One Windows log: its name and the provider that writes it."""

    name: str
    provider: str
    level: int = 4


SECURITY = Channel("Security", "Microsoft-Windows-Security-Auditing", 0)
SYSMON = Channel("Microsoft-Windows-Sysmon/Operational", "Microsoft-Windows-Sysmon")
SYSTEM = Channel("System", "Service Control Manager")
POWERSHELL = Channel("Microsoft-Windows-PowerShell/Operational", "Microsoft-Windows-PowerShell", 5)
DEFENDER = Channel("Microsoft-Windows-Windows Defender/Operational", "Microsoft-Windows-Windows Defender")
CLEARED_SECURITY = Channel("Security", "Microsoft-Windows-Eventlog")
CLEARED_SYSTEM = Channel("System", "Microsoft-Windows-Eventlog")


@dataclass
class Windows:
    """Writes the events of one player."""

    stage: Stage

    def event(
        self,
        at: datetime,
        computer: str,
        channel: Channel,
        event_id: int,
        data: Mapping[str, Value],
        *,
        user_data: str = "",
        failed: bool = False,
    ) -> Record:
        """Return one event; with ``user_data`` the fields stand under that element instead of EventData."""
        body: dict[str, object] = {user_data: data} if user_data else dict(data)
        event = {
            "#attributes": {"xmlns": _NS},
            "System": self._system(at, computer, channel, event_id, _FAILURE if failed else _SUCCESS),
            "UserData" if user_data else "EventData": body,
        }
        return Record(FILE, at, orjson.dumps({"Event": event}).decode())

    def _system(self, at: datetime, computer: str, channel: Channel, event_id: int, keywords: str) -> dict[str, object]:
        audited = channel.name == SECURITY.name
        return {
            "Provider": {"#attributes": {"Name": channel.provider}},
            "EventID": event_id,
            "Version": 0,
            "Level": channel.level,
            "Task": 0,
            "Opcode": 0,
            "Keywords": keywords if audited else "0x8000000000000000",
            "TimeCreated": {"#attributes": {"SystemTime": f"{at:%Y-%m-%dT%H:%M:%S.%f}Z"}},
            "EventRecordID": self.stage.serial(),
            "Correlation": None,
            "Execution": {"#attributes": {"ProcessID": 712, "ThreadID": self.stage.rng.randrange(1000, 9000)}},
            "Channel": channel.name,
            "Computer": computer,
            "Security": None if audited else {"#attributes": {"UserID": SYSTEM_SID}},
        }

    def logon_id(self) -> str:
        """Return a session number."""
        return f"0x{self.stage.rng.randrange(0x100000, 0xFFFFFFF):x}"

    def logon(self, at: datetime, computer: str, user: str, ip: str, kind: int, sid: str = NOBODY) -> Record:
        """Return a 4624 of logon type ``kind`` (3 network, 5 service, 10 remote desktop)."""
        data: dict[str, Value] = {
            **_subject(NOBODY, "-", "-", "0x0"),
            "TargetUserSid": sid,
            "TargetUserName": user,
            "TargetDomainName": DOMAIN,
            "TargetLogonId": self.logon_id(),
            "LogonType": kind,
            "LogonProcessName": "User32 " if kind == 10 else "Kerberos",  # noqa: PLR2004 - remote desktop
            "AuthenticationPackageName": "Negotiate" if kind == 10 else "Kerberos",  # noqa: PLR2004
            "WorkstationName": "-",
            "IpAddress": ip,
            "IpPort": str(self.stage.port()) if ip != "-" else "-",
            "ElevatedToken": "%%1843",
        }
        return self.event(at, computer, SECURITY, 4624, data)

    def logoff(self, at: datetime, computer: str, user: str, sid: str) -> Record:
        """Return a 4634 of a network session."""
        data: dict[str, Value] = {"TargetUserSid": sid, "TargetUserName": user, "TargetDomainName": DOMAIN, "LogonType": 3}
        return self.event(at, computer, SECURITY, 4634, {**data, "TargetLogonId": self.logon_id()})

    def logon_failed(self, at: datetime, computer: str, user: str, ip: str, sub_status: str = "0xc000006a") -> Record:
        """Return a 4625 over the network; ``sub_status`` is the reason (0xc000006a: wrong password)."""
        data: dict[str, Value] = {
            **_subject(NOBODY, "-", "-", "0x0"),
            "TargetUserSid": NOBODY,
            "TargetUserName": user,
            "TargetDomainName": DOMAIN,
            "Status": "0xc000006d",
            "FailureReason": "%%2313",
            "SubStatus": sub_status,
            "LogonType": 3,
            "LogonProcessName": "NtLmSsp ",
            "AuthenticationPackageName": "NTLM",
            "WorkstationName": "-",
            "IpAddress": ip,
            "IpPort": str(self.stage.port()),
        }
        return self.event(at, computer, SECURITY, 4625, data, failed=True)

    def ticket(self, at: datetime, computer: str, event_id: int, user: str, ip: str, **fields: str) -> Record:
        """Return a Kerberos event (4768, 4769, 4771) of ``user`` from ``ip``; ``fields`` replace the usual values."""
        data: dict[str, Value] = {
            "TargetUserName": user if event_id != 4769 else f"{user}@{FOREST.upper()}",  # noqa: PLR2004 - service ticket
            "TargetDomainName": FOREST.upper(),
            "ServiceName": "krbtgt",
            "TicketOptions": "0x40810000",
            "TicketEncryptionType": "0x12",
            "Status": "0x0",
            "PreAuthType": "2",
            "IpAddress": f"::ffff:{ip}",
            "IpPort": str(self.stage.port()),
            **fields,
        }
        return self.event(at, computer, SECURITY, event_id, data, failed=data["Status"] != "0x0")

    def share(
        self, at: datetime, computer: str, user: str, ip: str, share: str, path: str = "", access: str = "%%4416"
    ) -> Record:
        """Return a 5145 (a file on a share) or, without ``path``, a 5140 (the share itself)."""
        data: dict[str, Value] = {
            **_subject(NOBODY, user, DOMAIN, self.logon_id()),
            "ObjectType": "File",
            "IpAddress": ip,
            "IpPort": str(self.stage.port()),
            "ShareName": f"\\\\*\\{share}",
            "ShareLocalPath": f"\\??\\D:\\Partages\\{share}",
            "AccessMask": "0x1",
            "AccessList": f"{access}\r\n\t\t\t\t",
        }
        if path:
            data["RelativeTargetName"] = path
        return self.event(at, computer, SECURITY, 5145 if path else 5140, data)

    def process(self, at: datetime, computer: str, user: str, parent: str, command: str) -> Record:
        """Return a Sysmon 1; the image is the first word of ``command`` (quoted when it holds blanks)."""
        image = command.split('"')[1] if command.startswith('"') else command.split(" ", 1)[0]
        data: dict[str, Value] = {
            "RuleName": "-",
            "UtcTime": f"{at:%Y-%m-%d %H:%M:%S.%f}"[:-3],
            "ProcessGuid": self.guid(),
            "ProcessId": self.stage.rng.randrange(1000, 30000),
            "Image": image,
            "OriginalFileName": image.rsplit("\\", 1)[-1],
            "CommandLine": command,
            "CurrentDirectory": "C:\\Windows\\system32\\",
            "User": user,
            "LogonId": self.logon_id(),
            "IntegrityLevel": "Medium",
            "Hashes": f"SHA256={self.stage.rng.getrandbits(256):064X}",
            "ParentProcessGuid": self.guid(),
            "ParentProcessId": self.stage.rng.randrange(1000, 30000),
            "ParentImage": parent,
            "ParentCommandLine": f'"{parent}"',
        }
        return self.event(at, computer, SYSMON, 1, data)

    def guid(self) -> str:
        """Return a process identity."""
        bits = f"{self.stage.rng.getrandbits(128):032X}"
        return f"{bits[:8]}-{bits[8:12]}-{bits[12:16]}-{bits[16:20]}-{bits[20:]}"

    def sysmon(self, at: datetime, computer: str, event_id: int, user: str, image: str, **fields: Value) -> Record:
        """Return another Sysmon event of process ``image``."""
        data: dict[str, Value] = {
            "RuleName": "-",
            "UtcTime": f"{at:%Y-%m-%d %H:%M:%S.%f}"[:-3],
            "ProcessGuid": self.guid(),
            "ProcessId": self.stage.rng.randrange(1000, 30000),
            "Image": image,
            "User": user,
            **fields,
        }
        return self.event(at, computer, SYSMON, event_id, data)

    def account(self, at: datetime, computer: str, event_id: int, actor: tuple[str, str], **fields: Value) -> Record:
        """Return an account, group or policy event (47xx) done by ``actor``: (name, SID)."""
        data = {**fields, **_subject(actor[1], actor[0], DOMAIN, self.logon_id())}
        return self.event(at, computer, SECURITY, event_id, data)

    def service(self, at: datetime, computer: str, shown: str, name: str, *, running: bool) -> Record:
        """Return a 7036: the shown name and state in French, the real ones in ``Binary`` (UTF-16, 1 stopped, 4 running)."""
        binary = f"{name}/{4 if running else 1}\0".encode("utf-16-le").hex().upper()
        state = "en cours d'exécution" if running else "arrêté"
        return self.event(at, computer, SYSTEM, 7036, {"param1": shown, "param2": state, "Binary": binary})

    def cleared(self, at: datetime, computer: str, user: str, sid: str, log: str = "Security") -> Record:
        """Return the event that says a log was cleared: 1102 for Security, 104 for the others."""
        fields: dict[str, Value] = _subject(sid, user, DOMAIN, self.logon_id())
        if log == "Security":
            return self.event(at, computer, CLEARED_SECURITY, 1102, fields, user_data="LogFileCleared")
        return self.event(
            at, computer, CLEARED_SYSTEM, 104, {**fields, "Channel": log, "BackupPath": ""}, user_data="LogFileCleared"
        )


def _subject(sid: str, name: str, domain: str, logon_id: str) -> dict[str, Value]:
    return {"SubjectUserSid": sid, "SubjectUserName": name, "SubjectDomainName": domain, "SubjectLogonId": logon_id}
