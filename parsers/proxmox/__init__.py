r"""Proxmox VE 6 to 9, Backup Server and Mail Gateway: sign-ins, tasks, backups, the cluster, API calls, the guests' firewall.

Sent here by the node's own syslog: ``apt install rsyslog``, then ``*.* @@collector:514`` in ``/etc/rsyslog.d/tocsin.conf``
(Proxmox 8 and later write to the journal alone: ``$ModLoad imjournal`` is Debian's default). Files that never reach syslog are
read too: ``/var/log/pveproxy/access.log`` (by its month in digits), ``/var/log/pve-firewall.log``,
``/var/log/proxmox-backup/api/auth.log``, ``/var/log/pve/tasks/index``. Reference: "Proxmox VE Administration Guide", "Proxmox
Backup Administration Guide".

``user.name`` is the account without its realm (``user.domain``); the account in ``<root@pam>`` before a successful sign-in is
always that one, who signed in is the quoted one. ``event.action`` of a task is its type (``qmdestroy``), ``proxmox.id`` the
guest or storage. Sign-ins were checked against real lines, the rest comes from documentation. About 110,000 lines a second of
a CPU: one sentence after another is tried. Not read: the output of single tasks below ``/var/log/pve/tasks``, access logs of
Backup Server (web servers' format, ``web_access`` reads them). Lines of ``corosync`` are known by their name only where the
source is declared.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats.programs import Program, declared, read_programs
from correlator.parse.formats.unwrap import tagged
from correlator.parse.times import epoch, to_utc, zone_of
from parsers.proxmox.sentences import ACCESS, BACKUP, CLUSTER, DAEMONS, FIREWALL, SIGN_INS

__all__ = ["PARSER"]

_SYSLOG, _AUTH = LogSource("proxmox", "", "syslog"), LogSource("proxmox", "", "auth")
_TASK, _ACCESS = LogSource("proxmox", "", "task"), LogSource("proxmox", "webserver", "access")
_FIREWALL = LogSource("proxmox", "firewall", "")
_OBSERVER = {"observer.vendor": "Proxmox", "observer.product": "Proxmox VE", "observer.type": "hypervisor"}
_BACKUP_SERVER = _OBSERVER | {"observer.product": "Proxmox Backup Server", "observer.type": "backup"}
_FLOW = {
    "src_ip": "source.ip", "src_port": "source.port", "dst_ip": "destination.ip", "dst_port": "destination.port",
}  # fmt: skip
_WEB = {
    "c-ip": "source.ip", "cs-method": "http.request.method", "cs-uri-stem": "url.path", "cs-uri-query": "url.original",
    "sc-status": "http.response.status_code", "cs-username": "user.name",
}  # fmt: skip
_NODE = (
    "pvedaemon pveproxy pvestatd pvescheduler pve-guests pvesh pveum qm pct spiceproxy pmgdaemon pmgproxy pve-firewall pvecm "
    "pvebanner pveupdate qmeventd pvesr pmgmirror pmg-smtp-filter pmgpolicy vzdump"
)
_PROGRAMS = (
    Program("proxmox.syslog", (_SYSLOG,), (*_NODE.split(), "task index"), DAEMONS, _OBSERVER),
    Program(
        "proxmox.backup",
        (_SYSLOG, _TASK),
        ("proxmox-backup-proxy", "proxmox-backup-api", "proxmox-backup"),
        BACKUP,
        _BACKUP_SERVER,
    ),
    Program(
        "proxmox.cluster", (_SYSLOG,), ("pmxcfs", "corosync", "pve-ha-crm", "pve-ha-lrm", "watchdog-mux"), CLUSTER, _OBSERVER
    ),
    Program("proxmox.auth", (_AUTH,), ("auth.log",), SIGN_INS, _BACKUP_SERVER),
    Program("proxmox.access", (_ACCESS,), ("access.log",), ACCESS, _OBSERVER, _WEB),
    Program("proxmox.firewall", (_FIREWALL,), ("pve-firewall.log",), FIREWALL, _OBSERVER, _FLOW),
)

_ISO = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,18}(?:Z|[+-][0-9]{2}:[0-9]{2})"
#: A log of its own → what its lines look like; the first group is the time, the second the text where that is not the line.
_FILES = {
    "access.log": r'^[0-9A-Fa-f.:]{2,45} - \S+ \[([0-9]{1,2}/[0-9]{2}/[0-9]{4}:[0-9:]{8} [+-][0-9]{4})\] "'
    r'(?:[^"\\]|\\.)*(?:" [0-9]{3} [0-9-]+)?\s*$',
    "pve-firewall.log": r"^[0-9]+ [0-9] \S+ ([0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9:]{8} [+-][0-9]{4}) (?:policy"
    r" )?(?:ACCEPT|DROP|REJECT): ",
    "auth.log": rf"^({_ISO}): (?:authentication failure; rhost=|successful auth for user ')",
    "task index": r"^UPID:[A-Za-z0-9_.-]*:(?:[0-9A-Fa-f]{8,9}:){2}[0-9A-Fa-f]{8}:[^:\s]+:[^:\s]*:[^:\s]*: ([0-9A-Fa-f]{8}) ",
}
_HEADER = ("syslog.host", "syslog.app", "syslog.pid", "syslog.priority")
_LAYOUTS = ("%d/%m/%Y:%H:%M:%S %z", "%d/%b/%Y:%H:%M:%S %z", "%Y-%m-%dT%H:%M:%S%.f%z")
_DAEMONS = (
    "pve(?:daemon|proxy|statd|scheduler|sh|um|cm|update|sr|banner)|pve-(?:firewall|guests|ha-crm|ha-lrm)|pmxcfs|vzdump|spiceproxy|qmeventd|"
    "pmg(?:daemon|proxy|policy|mirror)|pmg-smtp-filter|proxmox-backup(?:-api|-proxy)?"
)
_GUESTS = tagged("qm|pct", bare=False) + r"<[^>@\s]+@[a-z0-9_.-]+[^>]*> "


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line."""
    zone = zone_of(raw)
    return read_programs(raw, want, _PROGRAMS, changed=lambda lines: _told_by_shape(lines, raw.get_column("text"), zone))


def _told_by_shape(lines: pl.DataFrame, whole: pl.Series, zone: str) -> pl.DataFrame:
    """Return ``lines`` with the lines of Proxmox's own files, which have no syslog header, named after their file."""
    for name, pattern in _FILES.items():
        stamp = whole.str.extract(pattern)
        if stamp.null_count() == stamp.len():
            continue
        is_one = stamp.is_not_null()
        text = whole.str.replace(rf"^{_ISO}: ", "") if name == "auth.log" else whole
        nothing = {header: pl.when(~is_one).then(header) for header in _HEADER}
        lines = lines.with_columns(
            pl.when(is_one).then(pl.lit(name)).otherwise("program").alias("program"),
            pl.when(is_one).then(pl.lit(text)).otherwise("text").alias("text"),
            pl.when(is_one).then(_moment(name, stamp, zone)).otherwise("moment").alias("moment"),
            **nothing,
        )
    return lines


def _moment(file: str, stamp: pl.Series, zone: str) -> pl.Expr:
    """Return when it happened: in the index of tasks the end is a number of seconds, in hexadecimal digits."""
    if file == "task index":
        seconds = stamp.str.to_integer(base=16, strict=False)
        return epoch(pl.lit(seconds).cast(pl.String))
    return to_utc(pl.lit(stamp), _LAYOUTS, zone=zone)


PARSER = Parser(
    name="proxmox",
    log_sources=(_SYSLOG, _AUTH, _TASK, _ACCESS, _FIREWALL),
    signature=Signature(
        pattern="|".join([tagged(_DAEMONS, bare=False), _GUESTS, *_FILES.values()]),
        rank=15,
        tags=("pvedaemon", "pveproxy", "proxmox-backup-proxy"),
        any_text=(
            "pve", "pmxcfs", "vzdump", "spiceproxy", "qmeventd", "pmg", "proxmox-backup", "qm[", "pct[", "qm ", "pct ", " - ",
            "authentication failure; rhost=", "successful auth for user '", "UPID:", "ACCEPT: ", "DROP: ", "REJECT: ",
        ),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=declared(_PROGRAMS),
    parse=_parse,
    required=("message",),
)  # fmt: skip
