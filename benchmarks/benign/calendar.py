"""What the calendar brings: patches at night, laptops back from a trip, the vote."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from benchmarks.benign.lookalikes_windows import LOGGING
from benchmarks.benign.stage import DayStage
from correlator.harness.demo.cast import TOWNS, computer
from correlator.harness.demo.cloud import Cloud
from correlator.harness.demo.stage import Record
from correlator.harness.demo.windows import POWERSHELL, SYSTEM, Value, Windows

_SID: Final = "S-1-5-21-1004336348-1177238915-682003330"
_UPDATE: Final = {
    "ServiceName": "Agent de mise à jour SIM9",
    "ImagePath": '"C:\\Program Files\\SIM9\\maj\\agent.exe"',
    "AccountName": "LocalSystem",
}
_KIND: Final = {"ServiceType": "service en mode utilisateur", "StartType": "Démarrage automatique"}


def play_patches(stage: DayStage) -> Iterator[Record]:
    """Yield patch night: four rings restart between 22:00 and 02:00, agents are installed anew, scripts run."""
    windows = Windows(stage)
    hosts = [*(town.file_server for town in TOWNS), *map(computer, ("SIM-DC01", "SIM-DC02", "SIM-DC03", "COR-DC01"))]
    hosts += [agent.computer for agent in stage.cast.agents[::3]]
    for place, host in enumerate(hosts):
        (when,) = stage.burst(("22:00", "23:00", "00:00", "01:00")[place % 4], 1, 2400)
        yield windows.logon(when, host, "svc-wsus", "10.10.97.31", 3, f"{_SID}-1650")
        script = {"ScriptBlockText": "Get-WindowsUpdateLog; Restart-Computer -Force", "ScriptBlockId": windows.guid()}
        block: dict[str, Value] = {"MessageNumber": 1, "MessageTotal": 1, **script, "Path": ""}
        yield windows.event(when + timedelta(seconds=5), host, POWERSHELL, 4104, block)
        yield windows.event(when + timedelta(seconds=30), host, SYSTEM, 7045, {**_UPDATE, **_KIND})
        yield windows.service(when + timedelta(minutes=3), host, "HarfangLab Hurukai agent", "hurukai", running=False)
        yield windows.event(when + timedelta(minutes=4), host, LOGGING, 6006, {})
        yield windows.event(when + timedelta(minutes=7), host, LOGGING, 6005, {})
        yield windows.service(when + timedelta(minutes=8), host, "HarfangLab Hurukai agent", "hurukai", running=True)


def play_laptops(stage: DayStage) -> Iterator[Record]:
    """Yield what eight laptops kept for three days: failures at hotels, programs; they arrive when the laptops do."""
    windows = Windows(stage)
    for agent in stage.rng.sample(stage.cast.agents, 8):
        for when in stage.burst("08:00", 30, 8 * 3600):
            yield windows.process(
                when - timedelta(days=3), agent.computer, f"SIM9\\{agent.login}", "C:\\Windows\\explorer.exe",
                '"C:\\Program Files\\Mozilla Firefox\\firefox.exe"',
            )  # fmt: skip
        for when in stage.burst("08:30", 3, 60):
            yield windows.logon_failed(when - timedelta(days=3), agent.computer, agent.login, "127.0.0.1")


def play_poll_eve(stage: DayStage) -> Iterator[Record]:
    """Yield the eve of the vote: the rolls are printed from 20:00, polling station by polling station."""
    cloud = Cloud(stage)
    for town in TOWNS:
        for place, when in enumerate(stage.burst("20:00", max(1, town.agents // 8), 3600)):
            fields = {
                "object_id": f"BV-{place + 1:02d}",
                "object_count": 880 + place,
                "reason": "ticket 41530, émargement",
                "user_role": "elections",
            }
            yield cloud.consulted(
                when, stage.rng.choice(stage.cast.of_town(town.code)), "elections", "print", "electeur", **fields
            )


def play_poll(stage: DayStage) -> Iterator[Record]:
    """Yield the counting night: sessions from 18:00 to one o'clock, results entered and sent."""
    cloud, windows = Cloud(stage), Windows(stage)
    for when in stage.burst("18:00", 300, 7 * 3600):
        agent = stage.cast.anyone(stage.rng)
        yield windows.logon(when, agent.town.file_server, agent.login, agent.ip, 3, agent.sid)
        yield cloud.consulted(when, agent, "elections", stage.rng.choice(("create", "update", "validate")), "resultat")
