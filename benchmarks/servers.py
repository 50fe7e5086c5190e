"""Linux servers under audit: what monitoring, backup, web applications and their administrators run."""

from collections.abc import Iterator
from typing import Final

from correlator.harness.demo.stage import FLAT, Record, Stage
from correlator.harness.demo.unix import WWW_DATA, Unix

_HOSTS: Final = ("brp-web01", "brp-web02", "sau-web01", "que-web01", "sim-log01", "sim-mon01", "sim-repo01", "sim-app04")
_AGENT, _BACKUP, _DATABASE = 998, 1003, 112
#: (user number, program, arguments): ``{…}`` is drawn anew each time.
_RUN: Final = (
    (_AGENT, "/usr/lib/nagios/plugins/check_disk", "-w 20% -c 10% -p /srv/donnees{few}"),
    (_AGENT, "/usr/lib/nagios/plugins/check_load", "-w {few},{few},{few} -c 30,25,20"),
    (_AGENT, "/usr/lib/nagios/plugins/check_http", "-H 127.0.0.1 -p {port} -u /etat?jeton={hex}"),
    (_AGENT, "/usr/lib/nagios/plugins/check_procs", "-c 1:{few} -a agent-{few}"),
    (0, "/usr/bin/run-parts", "--report /etc/cron.hourly"),
    (0, "/usr/bin/find", "/var/lib/php/sessions -mmin +{many} -name sess_{hex}{hex} -delete"),
    (0, "/usr/sbin/logrotate", "/etc/logrotate.d/application{few}"),
    (0, "/usr/bin/gzip", "/var/log/application/journal-{many}.log"),
    (_BACKUP, "/usr/bin/rsync", "-a --numeric-ids /srv/donnees{few}/ sauvegarde@10.10.20.40:/srv/copies/{hex}/"),
    (_BACKUP, "/usr/bin/sha256sum", "/srv/copies/{hex}/lot-{many}.bin"),
    (_DATABASE, "/usr/lib/postgresql/15/bin/pg_dump", "-Fc -f /srv/dumps/base-{many}.dump metier{few}"),
    (_AGENT, "/usr/bin/python3", "/opt/agent/collecte.py --serie {hex} --delai {many}"),
    (WWW_DATA, "/usr/bin/php", "/var/www/html/cron.php --tache={many}"),
)  # fmt: skip


def play_audited(stage: Stage) -> Iterator[Record]:
    """Yield programs started under audit, five lines each; scale 1 is about five thousand lines."""
    unix, rng = Unix(stage), stage.rng
    for when in stage.times(1_000, FLAT):
        user, program, arguments = rng.choice(_RUN)
        drawn = arguments.format(
            few=rng.randrange(1, 20), many=rng.randrange(100, 1_000_000), port=stage.port(), hex=f"{rng.getrandbits(32):08x}"
        )
        run = [program.rpartition("/")[2], *drawn.split()]
        yield from unix.executed(when, rng.choice(_HOSTS), run, exe=program, euid=user, parent=rng.randrange(400, 60_000))
