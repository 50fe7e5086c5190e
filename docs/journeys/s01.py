"""Write the records of a ransomware through the shared directory, a Friday at 23:10, for the bad-day journey.

`.venv/bin/python docs/journeys/s01.py FOLDER [now]` writes windows.jsonl and fortigate.log there; with `now` as if it had just
happened. A tier-0 account changes a group policy, a scheduled task reaches forty computers of three communes, protection
stops, copies are destroyed, files change.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from correlator.harness.demo.cast import Cast
from correlator.harness.demo.network import Network
from correlator.harness.demo.stage import Record, Stage
from correlator.harness.demo.windows import DEFENDER, SECURITY, Windows

FRIDAY = datetime(2026, 11, 20, 22, 10, tzinfo=UTC)  # 23:10 in Paris
NIGHT = datetime.now(UTC) - timedelta(minutes=30) if "now" in sys.argv[2:] else FRIDAY
T0, T0_SID, FOOTHOLD = "t0.gmoreau", "S-1-5-21-1004336348-1177238915-682003330-1109", "10.18.20.8"
CMD, LOCKER = "C:\\Windows\\System32\\cmd.exe", "C:\\ProgramData\\majposte.exe"
COMPUTERS = [f"{code}-PC0{number}.ad.sim9.example" for number in range(101, 115) for code in ("BRP", "COR", "TOU")]


def records(windows: Windows, network: Network) -> Iterator[Record]:
    """Yield the night, in the order of the story."""
    yield network.vpn(NIGHT - timedelta(minutes=29), "tunnel-up", "c.lemaire", "198.51.100.52")
    yield windows.logon(NIGHT - timedelta(minutes=4), "SIM-DC02.ad.sim9.example", T0, FOOTHOLD, 10, T0_SID)
    policy = {
        "ObjectDN": "CN={6AC1786C-016F-11D2-945F-00C04FB984F9},CN=Policies,CN=System,DC=ad,DC=sim9,DC=example",
        "ObjectClass": "groupPolicyContainer",
        "AttributeLDAPDisplayName": "gPCMachineExtensionNames",
        "AttributeValue": "[{AADCED64-746C-4633-A97C-D61349046527}{CAB54552-DEEA-4691-817E-ED4A4D1AFC72}]",
        "OperationType": "%%14674",
    }
    yield windows.account(NIGHT, "SIM-DC02.ad.sim9.example", 5136, (T0, T0_SID), **policy)
    for number, computer in enumerate(COMPUTERS):
        at = NIGHT + timedelta(minutes=12, seconds=25 * number)
        task = {"TaskName": "\\MajPoste", "TaskContent": f"<Exec><Command>{LOCKER}</Command></Exec>"}
        yield windows.event(at, computer, SECURITY, 4698, task)
    yield from _server(windows)


def _server(windows: Windows) -> Iterator[Record]:
    server, start = "COR-FS01.ad.sim9.example", NIGHT + timedelta(minutes=20)
    yield windows.logon(start, server, T0, FOOTHOLD, 10, T0_SID)
    for number, command in enumerate(
        ("vssadmin.exe delete shadows /all /quiet", "bcdedit.exe /set {default} recoveryenabled No")
    ):
        at = start + timedelta(seconds=20 * number)
        yield windows.process(at, server, f"SIM9\\{T0}", CMD, f"C:\\Windows\\System32\\{command}")
    yield windows.service(start + timedelta(minutes=1), server, "HarfangLab Hurukai agent", "hurukai", running=False)
    yield windows.event(
        start + timedelta(minutes=1, seconds=30), server, DEFENDER, 5001, {"Product Name": "Antivirus Microsoft Defender"}
    )
    for number in range(600):
        at = start + timedelta(minutes=5, milliseconds=400 * number)
        path = f"{('EtatCivil', 'RH', 'Finances')[number % 3]}\\{2000 + number % 27}\\acte-{number}.docx"
        yield windows.share(at, server, T0, FOOTHOLD, "Services", f"{path}.m9k", "%%4417")
        yield windows.share(at, server, T0, FOOTHOLD, "Services", path, "%%1537")
    for number in range(27):
        at = start + timedelta(minutes=5, seconds=5 * number)
        note = f"D:\\Partages\\Services\\EtatCivil\\{2000 + number}\\LISEZMOI_RESTAURER.txt"
        yield windows.sysmon(
            at, server, 11, f"SIM9\\{T0}", LOCKER, TargetFilename=note, CreationUtcTime=f"{at:%Y-%m-%d %H:%M:%S}.000"
        )


def main(folder: Path) -> None:
    """Append the records to the log files of ``folder``."""
    stage = Stage(cast=Cast.of(1), seed=1, player="S01", number=0, scale=1.0)
    folder.mkdir(parents=True, exist_ok=True)
    for record in sorted(records(Windows(stage), Network(stage)), key=lambda record: record.at):
        name = "fortigate.log" if "fortigate" in record.file else "windows.jsonl"
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write(f"{record.text}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
