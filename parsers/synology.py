r"""Synology DSM 6 and 7: connections, system log, and file transfers over SMB, FTP, WebDAV, AFP and File Station.

Sent here with *Log Center › Log Sending › Send logs to a syslog server* (UDP, TCP or TLS; format BSD or IETF), and *Control
panel › File Services › SMB › Enable Transfer Log* (one switch for each service). Reference: DSM's help, "Log Center".

The text follows the language of DSM: the English one is read in full, the French one by its brackets (who, from where, to
what) and the word for failure. About 100,000 lines a second of a CPU: one sentence after another is tried. ``event.action`` of
a transfer is the service's word (``delete``, ``rename``, ``write``, ``read``…), the share is the first part of ``file.path``.
Not read apart: the log of single packages, sentences of DSM's system log that name nobody (they are events, tagged
``phrase_unknown``).
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats.phrases import Phrase
from correlator.parse.formats.programs import Program, declared, read_programs

__all__ = ["PARSER"]

_CONNECTION, _SYSTEM = LogSource("synology", "", "connection"), LogSource("synology", "", "system")
_FILE = LogSource("synology", "", "file")
_OBSERVER = {"observer.vendor": "Synology", "observer.product": "DSM", "observer.type": "filer"}
_USER, _FROM = r"\[(?P<user.name>.*)\]", r"\[(?P<source.address>[^\]]*)\]"

Says = dict[str, str | tuple[str, ...]]


def _login(outcome: str) -> Says:
    return {"event.action": "login", "event.outcome": outcome, "event.category": ("authentication",), "event.type": ("start",)}


def _done(action: str, *types: str, category: str = "configuration", outcome: str = "success") -> Says:
    return {"event.action": action, "event.outcome": outcome, "event.category": (category,), "event.type": types}


_TO = r"(?: to)? \[(?P<synology.service>[^\]]*)\]"
_REASON = r"(?:,? (?:due to|because of) (?P<event.reason>.*?))?\.?$"
_FRENCH = (
    r"(?i)^(?:l['’])?utilisateur " + _USER + r" (?:de|depuis|à partir de|venant de|provenant de) (?:l['’]adresse )?" + _FROM
)
_CONNECTIONS = (
    Phrase(
        rf"^User {_USER} from {_FROM} (?:failed|was not able) to (?:sign|log) in{_TO}(?: via \[(?P<synology.method>[^\]]*)\])?"
        + _REASON,
        _login("failure"),
    ),
    Phrase(
        rf"^User {_USER} from {_FROM} failed to (?:sign|log) in via \[(?P<synology.service>[^\]]*)\]" + _REASON,
        _login("failure"),
    ),
    Phrase(
        rf"^User {_USER} from {_FROM} (?:signed|logged) in{_TO}(?: successfully)?(?: via \[(?P<synology.method>[^\]]*)\])?\.?$",
        _login("success"),
    ),
    Phrase(
        rf"^User {_USER} from {_FROM} (?:signed|logged) in successfully via \[(?P<synology.service>[^\]]*)\]\.?$",
        _login("success"),
    ),
    Phrase(
        rf"^User {_USER} from {_FROM} (?:signed|logged) out(?: of| from|{_TO}|.*?)?(?:.*?(?:with|via) .*)?\.?$",
        _done("logout", "end", category="session"),
    ),
    Phrase(
        rf"^User {_USER} from {_FROM} (?:via (?P<synology.method>\S+) )?accessed (?:the )?shared folder "
        rf"\[(?P<synology.share>[^\]]*)\].*$",
        _done("share_accessed", "access", category="file"),
    ),
    Phrase(
        r"^(?:Host|L['’]hôte|The IP address) "
        + _FROM
        + r" (?:was|has been|a été) (?:blocked|bloquée?)(?: (?:via|par) \[(?P<synology.service>[^\]]*)\])?.*$",
        _done("host_blocked", "denied", category="intrusion_detection"),
    ),
    Phrase(
        r"^(?:Host|L['’]hôte) " + _FROM + r" (?:was|has been|a été) (?:unblocked|débloquée?).*$",
        _done("host_unblocked", "allowed"),
    ),
    Phrase(
        _FRENCH + r"(?P<event.reason>.*(?:échec|échoué|n['’]a pas pu|n['’]est pas parvenu|impossible).*)$", _login("failure")
    ),
    Phrase(_FRENCH + r".*(?:déconnecté|fermé).*$", _done("logout", "end", category="session")),
    Phrase(
        _FRENCH + r".*?(?:connecté|ouvert)[^\[]*(?:\[(?P<synology.service>[^\]]*)\])?.*$",
        _login("success"),
    ),
)
_UNKNOWN = Phrase(rf"^User {_USER} from {_FROM}(?P<event.reason> .*)?$", {"tags": ("phrase_unknown",)})
_WHO = rf"^(?:User {_USER}|\[(?P<synology.by>[^\]]*)\]|System)(?: from {_FROM})?:? "
_THING = r"(?P<synology.kind>[A-Za-z ]+?) \[(?P<resource.name>[^\]]*)\](?: ?(?P<event.reason>[^.].*?))?\.?$"
_NAMED = (
    r"^(?P<synology.kind>Package|Shared folder|Snapshot|Volume|Storage Pool|Backup task|Task|Service|User|Group|Drive|Disk) "
    r"\[(?P<resource.name>[^\]]*)\]"
)
_SYSTEMS = (
    *_CONNECTIONS,
    Phrase(_WHO + r"(?:created|added|imported|installed) (?:new )?(?:an? |the )?" + _THING, _done("created", "creation")),
    Phrase(_WHO + r"(?:deleted|removed|uninstalled|erased) (?:an? |the )?" + _THING, _done("deleted", "deletion")),
    Phrase(
        _WHO
        + r"(?:changed|modified|edited|updated|enabled|disabled|set|renamed|reset|mounted|unmounted|encrypted) (?:an? |the )?"
        + _THING,
        _done("changed", "change"),
    ),
    Phrase(
        _NAMED + r"(?P<event.reason> .*(?:deleted|removed|uninstalled).*)$",
        _done("deleted", "deletion"),
    ),
    Phrase(
        _NAMED + r"(?P<event.reason> .*(?:failed|crashed|degraded|error|abnormal).*)$",
        {"event.action": "failure", "event.outcome": "failure", "event.category": ("host",), "event.type": ("error",)},
    ),
    Phrase(_NAMED + r"(?P<event.reason> .*)$", _done("message", "info")),
    Phrase(
        r"^(?P<synology.kind>SSH|Telnet|SFTP|FTP|SMB|NFS|rsync|WebDAV|AFP)(?: service)? (?:was|has been|is) "
        r"(?P<synology.state>enabled|disabled|"
        r"started|stopped)(?P<event.reason>.*)$",
        _done("service_changed", "change"),
    ),
    Phrase(
        r"(?i)^(?P<event.reason>.*(?:fail|degraded|crashed|lost|abnormal|échec|échoué|dégradé|panne).*)$",
        {"event.action": "failure", "event.outcome": "failure", "event.category": ("host",), "event.type": ("error",)},
    ),
    Phrase(
        r"^(?P<event.reason>(?:System|Server) (?:successfully )?(?:started|back|booted|is|was|shut|registered).*)$",
        _done("system", "info", category="host"),
    ),
)
_TRANSFER = (
    r"^(?:(?P<synology.service>[A-Za-z ]+?) )?Event: (?P<event.action>%s), Path: (?P<file.path>.*?)(?: ?(?:->|-->|→) "
    r"?(?P<synology.new_path>/.*))?, "
    r"File/Folder: (?P<synology.kind>[^,]*), Size: (?P<synology.size>.*?), User: (?P<user.name>.*?)(?:, IP: "
    r"(?P<source.address>\S+))?$"
)


def _moved(kind: str) -> Says:
    return {"event.outcome": "success", "event.category": ("file",), "event.type": (kind,)}


_TRANSFERS = (
    Phrase(_TRANSFER % "[Dd]elete|[Rr]emove|rmdir", _moved("deletion")),
    Phrase(_TRANSFER % "[Rr]ename|[Mm]ove", _moved("change")),
    Phrase(_TRANSFER % "[Cc]reate|[Mm]kdir|[Uu]pload|[Cc]opy|[Pp]ut", _moved("creation")),
    Phrase(_TRANSFER % "[Ww]rite|[Pp]ermission change|[Ss]et.*", _moved("change")),
    Phrase(_TRANSFER % "[^,]+", _moved("access")),
    Phrase(
        r"^(?:(?P<synology.service>[A-Za-z ]+?) )?Event: (?P<event.action>[^,]+), Path: (?P<file.path>.*)$",
        _moved("access") | {"tags": ("truncated",)},
    ),
)
_SERVICES = "WinFileService|SMB|FTP|SFTP|FTPS|TFTP|WebDAV|AFP|NFS|DSM File Station|File Station|Synology Drive|CIFS|rsync"
_LOGS = "Connection|System|Backup|Storage|Hyper_Backup|Active_Backup|Snapshot_Replication"
_PROGRAMS = (
    Program("synology.connection", (_CONNECTION,), ("connection",), (*_CONNECTIONS, _UNKNOWN), _OBSERVER),
    Program(
        "synology.file",
        (_FILE,),
        ("transfer",),
        tuple(Phrase(one.pattern, {k: v for k, v in one.says.items() if v}) for one in _TRANSFERS),
        _OBSERVER,
    ),
    Program("synology.system", (_SYSTEM,), (), (*_SYSTEMS, _UNKNOWN), _OBSERVER),
)
_SUBJECT = (
    r"(?:(?:User|Host|Package|Volume|Shared folder|Snapshot|Service|Task|Backup task|Storage Pool|Drive|Disk|Group|Utilisateur|"
    r"L['’]utilisateur|L['’]hôte)(?: [0-9]+)? \[|\[[A-Za-z0-9 _.-]{1,40}\] |System (?:started|successfully|is|was|has|shut)|"
    r"Server back|"
    r"(?:SSH|Telnet|SFTP|FTP|SMB|NFS|rsync|WebDAV|AFP)(?: service)? (?:was|has been|is) (?:enabled|disabled|started|stopped))"
)

_HEADER = (
    r"^\x{feff}?(?:[0-9]{1,6} )?(?:(?:<[0-9]{1,3}> ?)?(?:1 )?"
    r"(?:[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.+Z-]{8,22}) (?:[!-9;-~]{1,64} )?){1,2}"
)
_IETF = r"(?:[!-~]{1,40} [!-~]{1,40} - \x{feff}?)?"


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line."""
    return read_programs(raw, want, _PROGRAMS, changed=_named)


def _named(lines: pl.DataFrame) -> pl.DataFrame:
    """Return ``lines`` with the log that each is of, which may stand in its text, and without that name before the sentence."""
    text = pl.col("text").str.strip_chars_start("\ufeff \t")
    in_text = text.str.extract(rf"^({_LOGS})(?::\s*|\s+)(?:{_SUBJECT[3:-1]})")
    app = pl.coalesce("syslog.app", in_text)
    spoken = text.str.replace(rf"^(?:{_LOGS})(?::\s*|\s+)", "")
    is_transfer = text.str.contains(r"^(?:[A-Za-z ]{2,24} )?Event: [^,]{1,40}, Path: ")
    told = (
        pl.when(is_transfer & ~text.str.starts_with("Event:"))
        .then(text)
        .when(is_transfer)
        .then(pl.concat_str("syslog.app", pl.lit(" "), text, ignore_nulls=True))
    )
    return lines.with_columns(
        pl.when(is_transfer).then(pl.lit("transfer")).otherwise(app.str.to_lowercase()).alias("program"),
        told.when(in_text.is_not_null()).then(spoken).otherwise(text).alias("text"),
        pl.when(~is_transfer).then(app).alias("syslog.app"),
    ).with_columns(
        pl.when(pl.col("syslog.app").is_null() & pl.col("syslog.stamp").is_not_null() & ~is_transfer)
        .then(pl.lit("system"))
        .otherwise("program")
        .alias("program")
    )


PARSER = Parser(
    name="synology",
    log_sources=(_CONNECTION, _SYSTEM, _FILE),
    signature=Signature(
        pattern=rf"{_HEADER}(?:(?:{_LOGS})(?::\s*|\s+{_IETF})(?:{_SUBJECT})|(?:{_SERVICES})(?::\s*|\s+{_IETF})Event: "
        rf"[^,]{{1,40}}, Path: )",
        rank=25,
        any_text=(" Event: ", "Connection", "System", "Backup", "Storage", "Snapshot_"),
    ),
    maturity=Maturity.UNPROVED,
    fields=declared(_PROGRAMS),
    parse=_parse,
    required=("message",),
)
