"""Look-alikes of the network and of Linux: N14, N16, N18, N19, N28–N30."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from benchmarks.benign.stage import DayStage
from correlator.harness.demo.cast import TOWNS
from correlator.harness.demo.network import BROWSERS, Flow, Network
from correlator.harness.demo.stage import Record
from correlator.harness.demo.unix import WWW_DATA, Unix

_UPDATES: Final = "maj.editeur.example.com:443"
_BASTION: Final = "10.10.98.10"


def play_hypervisor_support(stage: DayStage) -> Iterator[Record]:
    """Yield N14: SSH is opened on a hypervisor for a call with the supplier, through the bastion, and closed again."""
    unix, host = Unix(stage), "sim-esx03"
    begin = stage.at("15:02")
    yield unix.syslog(begin, host, "Hostd", "[esx.audit.ssh.enabled] SSH access has been enabled.")
    yield unix.ssh_accepted(begin + timedelta(minutes=3), host, "root", _BASTION)
    yield unix.syslog(begin + timedelta(minutes=6), host, "shell", "[root]: esxcli system version get")
    yield unix.syslog(begin + timedelta(minutes=70), host, "Hostd", "[esx.audit.ssh.disabled] SSH access has been disabled.")


def play_transfers(stage: DayStage) -> Iterator[Record]:
    """Yield N16: plans for a building site, a video for the court, the night's copy of the backups."""
    network = Network(stage)
    architect = stage.rng.choice(stage.cast.of_town("SAU"))
    for when in stage.burst("14:20", 18, 2400):
        flow = Flow(architect.ip, "192.0.2.88", 443, stage.rng.randrange(40_000_000, 160_000_000), 90_000)
        yield network.passed(when, architect.town, flow)
        yield network.squid(
            when, architect.ip, architect.login, "CONNECT", f"{stage.family.transfer_site}:443", "192.0.2.88", 91_000
        )
    video = Flow("10.11.20.44", "192.0.2.120", 443, 12_000_000_000, 4_000)
    yield network.passed(stage.at("11:42"), TOWNS[0], video, "requisitions")
    for when in stage.burst("23:00", 6, 3 * 3600):
        yield network.forwarded(when, Flow("10.10.20.40", "10.12.20.40", 2500, 30_000_000_000, 1_000_000), service="tcp/2500")


def play_updaters(stage: DayStage) -> Iterator[Record]:
    """Yield N18: an updater on four PCs asks every five minutes, day and night, since ever."""
    network = Network(stage)
    for agent in stage.cast.agents[:4]:
        first = stage.at("06:00") + timedelta(seconds=stage.rng.randrange(300))
        for turn in range(288):
            when = first + timedelta(seconds=300 * turn)
            yield network.squid(when, agent.ip, "-", "CONNECT", _UPDATES, "192.0.2.91", 4_100, "TCP_TUNNEL/200")


def play_enrolment(stage: DayStage) -> Iterator[Record]:
    """Yield N19: enrolment opens at eight; three sites have fifteen times their visitors, all of them served."""
    network = Network(stage)
    for town in TOWNS[:3]:
        for when in stage.burst("08:00", 900, 2 * 3600):
            page = stage.rng.choice(("/inscriptions", "/inscriptions/ecole", "/login", "/menus-cantine"))
            act = f"POST {page}" if page == "/login" else f"GET {page}?q={stage.rng.randrange(1, 40)}"
            yield network.web(
                when, town, stage.crowd(), act, stage.rng.choice((200, 200, 304, 302)), 8_200, stage.rng.choice(BROWSERS)
            )


def play_telephone(stage: DayStage) -> Iterator[Record]:
    """Yield N29: a telephone was replaced and keeps the old password of one extension."""
    unix = Unix(stage)
    for when in stage.burst("09:30", 240, 4 * 3600):
        who = "Registration from '\"2417\" <sip:2417@10.10.20.60>' failed for '10.11.75.93:5060'"
        text = f"NOTICE[2214] chan_sip.c: {who} - Wrong password"
        yield unix.syslog(when, "sim-pbx01", "asterisk", text)


def play_webmaster(stage: DayStage) -> Iterator[Record]:
    """Yield N30: the webmaster installs a plug-in, from the administrators' network; WordPress writes, nothing else starts."""
    network, unix, town = Network(stage), Unix(stage), TOWNS[1]
    begin = stage.at("15:30")
    yield network.web(begin, town, "10.10.99.21", "POST /wp-login.php", 302, 0, BROWSERS[0])
    yield network.web(
        begin + timedelta(minutes=2),
        town,
        "10.10.99.21",
        "POST /wp-admin/update.php?action=upload-plugin",
        200,
        9_100,
        BROWSERS[0],
    )
    for place, name in enumerate(("agenda.php", "admin.php", "index.php", "traductions.php")):
        path = f"/var/www/html/wp-content/plugins/agenda-communal/{name}"
        yield from unix.created(
            begin + timedelta(minutes=2, seconds=place), "sau-web01", path, exe="/usr/sbin/apache2", euid=WWW_DATA
        )
    yield network.web(
        begin + timedelta(minutes=4), town, "10.10.99.21", "GET /wp-admin/plugins.php?activate=true", 200, 40_100, BROWSERS[0]
    )
