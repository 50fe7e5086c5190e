"""An ordinary day of the servers, the cloud and the business applications."""

from collections.abc import Iterator
from typing import Final

from correlator.harness.demo.cast import TOWNS, Agent
from correlator.harness.demo.cloud import Cloud
from correlator.harness.demo.stage import FLAT, OFFICE, WORKDAY, Record, Stage
from correlator.harness.demo.unix import WWW_DATA, Unix

_SERVERS: Final = ("brp-web01", "brp-web02", "sau-web01", "que-web01", "sim-log01", "sim-mon01", "sim-repo01")
_GUESSED: Final = ("admin", "test", "oracle", "ubuntu", "user", "mairie", "ftp", "postgres")
_JOBS: Final = ("/usr/lib/php/sessionclean", "/usr/bin/certbot -q renew", "cd / && run-parts --report /etc/cron.hourly")
_SUDO: Final = ("/usr/bin/systemctl reload nginx", "/usr/bin/apt-get update", "/usr/bin/tail -n 100 /var/log/nginx/error.log")
_WORK: Final = (
    ("etat-civil", "acte_naissance", ("read", "read", "search", "create", "print")),
    ("finances", "facture", ("read", "create", "update", "validate")),
    ("enfance", "dossier_famille", ("read", "update", "create")),
    ("urbanisme", "permis", ("read", "update")),
    ("ged", "courrier", ("read", "read", "create")),
    ("mediatheque", "pret", ("create", "update")),
)
#: Own public address behind which the cloud sees whoever works inside.
EGRESS: Final = "203.0.113.2"


def play_servers(stage: Stage) -> Iterator[Record]:
    """Yield cron jobs, administrators' log-ins by key, and the failures the Internet brings to any open port."""
    unix = Unix(stage)
    for when in stage.times(360, FLAT):
        yield unix.syslog(when, stage.rng.choice(_SERVERS), "CRON", f"(root) CMD ({stage.rng.choice(_JOBS)})")
    for when in stage.times(45, OFFICE):
        host, admin = stage.rng.choice(_SERVERS), stage.rng.choice(("adm.jcolin", "adm.sbernard"))
        yield unix.ssh_accepted(when, host, admin, "10.10.99.13")
        yield unix.sudo(when, host, admin, stage.rng.choice(_SUDO))
    for when in stage.times(190, FLAT):
        yield unix.ssh_failed(when, "brp-web02", stage.rng.choice(_GUESSED), stage.crowd())


def play_audit(stage: Stage) -> Iterator[Record]:
    """Yield programs started on web servers: cron as root, picture conversion as the web server's user."""
    unix = Unix(stage)
    for when in stage.times(26, FLAT):
        host = stage.rng.choice(_SERVERS[:4])
        yield from unix.executed(when, host, ["run-parts", "--report", "/etc/cron.hourly"], exe="/usr/bin/run-parts", euid=0)
    for when in stage.times(16, OFFICE):
        picture = ["convert", "/tmp/php7f3a.jpg", "-resize", "800x600", "/tmp/php7f3a.png"]  # noqa: S108 - a sample's text
        yield from unix.executed(when, stage.rng.choice(_SERVERS[:4]), picture, exe="/usr/bin/convert", euid=WWW_DATA)


def play_sign_ins(stage: Stage) -> Iterator[Record]:
    """Yield cloud sign-ins from inside and from home, some mistyped once."""
    cloud = Cloud(stage)
    for when in stage.times(820, OFFICE):
        agent = stage.cast.anyone(stage.rng)
        yield cloud.sign_in(when, agent.upn, _seen_from(stage, agent))
    for when in stage.times(28, OFFICE):
        agent = stage.cast.anyone(stage.rng)
        yield cloud.sign_in(when, agent.upn, agent.home, stage.rng.choice((50126, 500121)))


def _seen_from(stage: Stage, agent: Agent) -> str:
    return agent.home if stage.rng.random() < 0.2 else EGRESS  # noqa: PLR2004 - share of telework and telephones


def play_office_suite(stage: Stage) -> Iterator[Record]:
    """Yield files and mail of Microsoft 365, and a few people who sort their mail."""
    cloud = Cloud(stage)
    for when in stage.times(640, OFFICE):
        agent = stage.cast.anyone(stage.rng)
        operation = stage.rng.choice(("FileAccessed", "FileAccessed", "FileModified", "FileDownloaded"))
        path = f"https://sim9.sharepoint.example/sites/{agent.town.code}/Documents/note-{stage.rng.randrange(400)}.docx"
        yield cloud.audit(when, agent.upn, EGRESS, operation, "SharePoint", ObjectId=path)
    for when in stage.times(240, OFFICE):
        agent = stage.cast.anyone(stage.rng)
        yield cloud.audit(when, agent.upn, EGRESS, "MailItemsAccessed", "Exchange", ObjectId="")
    for when in stage.times(3, OFFICE):
        agent = stage.cast.anyone(stage.rng)
        sorting = [{"Name": "From", "Value": "lettre@example.org"}, {"Name": "MoveToFolder", "Value": "Lettres"}]
        yield cloud.audit(when, agent.upn, EGRESS, "New-InboxRule", "Exchange", Parameters=sorting, RecordType=1)


def play_applications(stage: Stage) -> Iterator[Record]:
    """Yield what counters and offices do in their business applications, and the night's jobs."""
    cloud = Cloud(stage)
    for when in stage.times(960, WORKDAY):
        app, object_type, actions = stage.rng.choice(_WORK)
        yield cloud.consulted(when, stage.cast.anyone(stage.rng), app, stage.rng.choice(actions), object_type)
    for when in stage.times(40, (0.0, 1.0, 1.0, 1.0) + (0.0,) * 20):
        town = stage.rng.choice(TOWNS)
        yield cloud.business(when, town, "finances", "system", "update", {"object_type": "index", "host": "SIM-APP03"})
