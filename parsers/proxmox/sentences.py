"""What the daemons of Proxmox write: sign-ins, tasks, backups, the cluster, access to the API, the guests' firewall."""

from correlator.parse.formats.phrases import Phrase

__all__ = ["ACCESS", "BACKUP", "CLUSTER", "DAEMONS", "FIREWALL", "SIGN_INS"]

Says = dict[str, str | tuple[str, ...]]

_AUTH_SOURCE = "proxmox//auth"
_TASK_SOURCE = "proxmox//task"


def _auth(outcome: str) -> Says:
    return {
        "logsource": _AUTH_SOURCE,
        "event.dataset": "proxmox.auth",
        "event.action": "login",
        "event.outcome": outcome,
        "event.category": ("authentication",),
        "event.type": ("start",),
    }


def _task(*types: str, outcome: str = "", category: str = "host") -> Says:
    said: Says = {
        "logsource": _TASK_SOURCE,
        "event.dataset": "proxmox.task",
        "event.category": (category,),
        "event.type": types,
    }
    return said | ({"event.outcome": outcome} if outcome else {})


def _cluster(action: str, kind: str, outcome: str = "") -> Says:
    said: Says = {"event.action": action, "event.category": ("host",), "event.type": (kind,)}
    return said | ({"event.outcome": outcome} if outcome else {})


_RHOST = r"rhost=(?:\[(?P<source.address>[^\]]*)\]:(?P<source.port>[0-9]+)|(?P<source.ip>\S*))"
_REALM = r"(?P<user.domain>[A-Za-z0-9_.-]+?)(?:!(?P<proxmox.token>[A-Za-z0-9_.-]+))?"
_NAMED = r"(?P<user.name>.*)@" + _REALM

SIGN_INS = (
    Phrase(r"^authentication failure; " + _RHOST + " user=" + _NAMED + r" msg=(?P<event.reason>.*)$", _auth("failure")),
    Phrase(r"^authentication failure; " + _RHOST + r" user=(?P<user.name>.*?) msg=(?P<event.reason>.*)$", _auth("failure")),
    Phrase(r"^authentication failure; " + _RHOST + r" msg=(?P<event.reason>.*)$", _auth("failure")),
    Phrase(r"^(?:<[^>]*> )?successful auth for user '" + _NAMED + "'$", _auth("success")),
    Phrase(r"^(?:<[^>]*> )?successful auth for user '(?P<user.name>.*)'$", _auth("success")),
)

_BY = r"^<(?P<user.name>[^>]*)@(?P<user.domain>[A-Za-z0-9_.-]+?)(?:!(?P<proxmox.token>[A-Za-z0-9_.-]+))?> "
_UPID = (
    r"(?P<proxmox.upid>UPID:(?P<proxmox.node>[A-Za-z0-9_.-]*):[0-9A-Fa-f]{8,9}:[0-9A-Fa-f]{8,9}:[0-9A-Fa-f]{8}:(?:[0-9A-Fa-f]{8}:)?"
    r"(?P<event.action>%s):(?P<proxmox.id>[^:\s]*):(?P<proxmox.task.user>[^:\s]*):)"
)
_ANY = _UPID % r"[^:\s]+"
_DESTROYS = _UPID % (
    r"(?:qmdestroy|vzdestroy|imgdel|zfsremove|lvmremove|lvmthinremove|dirremove|wipedisk|delete-datastore|qmdelsnapshot|"
    r"vzdelsnapshot|prune|prunejob|garbage_collection)"
)
_CREATES = _UPID % (
    r"(?:qmcreate|vzcreate|qmclone|vzclone|qmrestore|vzrestore|imgcopy|download|create-datastore|qmsnapshot|vzsnapshot|"
    r"qmtemplate)"
)
_SHELL = _UPID % r"(?:vncshell|termproxy|spiceshell|vncproxy|spiceproxy)"

_TASKS = (
    Phrase(_BY + "starting task " + _DESTROYS + "$", _task("deletion")),
    Phrase(_BY + "starting task " + _CREATES + "$", _task("creation")),
    Phrase(_BY + "starting task " + _SHELL + "$", _task("start", category="session")),
    Phrase(_BY + "starting task " + _ANY + "$", _task("start")),
    Phrase(
        _BY + "end task " + _DESTROYS + r"(?: (?P<event.reason>OK|WARNINGS: [0-9]+))$", _task("deletion", outcome="success")
    ),
    Phrase(_BY + "end task " + _ANY + r"(?: (?P<event.reason>OK|WARNINGS: [0-9]+))$", _task("end", outcome="success")),
    Phrase(_BY + "end task " + _ANY + r" (?P<event.reason>.*)$", _task("end", outcome="failure")),
    Phrase("^" + _ANY + r" [0-9A-Fa-f]{8} (?P<event.reason>OK|WARNINGS: [0-9]+)$", _task("end", outcome="success")),
    Phrase("^" + _ANY + r" [0-9A-Fa-f]{8} (?P<event.reason>.*)$", _task("end", outcome="failure")),
    Phrase(
        r"^(?:<[^>]*> )?(?P<proxmox.verb>start|stop|shutdown|reset|suspend|resume|destroy|reboot|migrate|create|clone|restore) "
        r"(?:VM|CT) [0-9]+: " + _ANY + "$",
        _task("start"),
    ),
    Phrase(
        _BY + r"(?P<event.action>[a-z]+(?: [a-z]+)?) (?P<proxmox.kind>VM|CT) (?P<proxmox.id>[0-9]+)(?::? ?"
        r"(?P<event.reason>.*))?$",
        _task("change"),
    ),
    Phrase(
        r"^(?P<proxmox.kind>VM|CT) (?P<proxmox.id>[0-9]+) (?P<event.reason>qmp command .*|guest-ping .*|not running.*)$",
        _cluster("guest_unreachable", "error", "failure"),
    ),
    Phrase(_BY + r"(?P<event.reason>.*)$", _task("info") | {"event.action": "task_message"}),
)
_WORKERS = (
    Phrase(r"^worker (?P<proxmox.worker>[0-9]+) (?:started|finished)$", _cluster("worker", "info")),
    Phrase(r"^(?:starting|stopping) [0-9]+ worker\(s\)$", _cluster("worker", "info")),
    Phrase(
        r"^(?:received signal \S+|server (?:closing|shutdown.*|stopped)|restarting server|starting server)$",
        _cluster("service", "change"),
    ),
    Phrase(
        r"^problem with client (?P<source.address>[^;]+); (?P<event.reason>.*)$", _cluster("client_problem", "error", "failure")
    ),
    Phrase(r"^proxy detected vanished client connection$", _cluster("client_gone", "info")),
    Phrase(r"^status update time \((?P<proxmox.seconds>[0-9.]+) seconds?\)$", _cluster("status_update", "info")),
    Phrase(
        r"^(?:storage '(?P<resource.name>[^']*)' is not online|(?P<resource.name2>\S+): error fetching datastores - .*|"
        r"unable to activate storage '(?P<resource.name3>[^']*)'.*)$",
        _cluster("storage_offline", "error", "failure"),
    ),
)
_JOBS = (
    Phrase(
        r"^(?:INFO: )?[Ss]tarting (?:new )?backup (?:job: (?P<process.command_line>.*)|on datastore '"
        r"(?P<resource.name>[^']*)'.*)$",
        _task("start") | {"event.action": "backup_job"},
    ),
    Phrase(
        r"^INFO: Starting Backup of VM (?P<proxmox.id>[0-9]+) \((?P<proxmox.kind>[a-z]+)\)$",
        _task("start") | {"event.action": "backup"},
    ),
    Phrase(
        r"^INFO: Finished Backup of VM (?P<proxmox.id>[0-9]+) \((?P<proxmox.duration>[0-9:]+)\)$",
        _task("end", outcome="success") | {"event.action": "backup"},
    ),
    Phrase(
        r"^ERROR: Backup of VM (?P<proxmox.id>[0-9]+) failed - (?P<event.reason>.*)$",
        _task("end", outcome="failure") | {"event.action": "backup"},
    ),
    Phrase(r"^INFO: Backup job finished successfully$", _task("end", outcome="success") | {"event.action": "backup_job"}),
    Phrase(
        r"^(?:INFO: )?(?:Backup job finished with errors|job errors)$",
        _task("end", outcome="failure") | {"event.action": "backup_job"},
    ),
    Phrase(r"^TASK (?P<event.reason>OK|WARNINGS: [0-9]+)$", _task("end", outcome="success") | {"event.action": "task_end"}),
    Phrase(r"^TASK ERROR: (?P<event.reason>.*)$", _task("end", outcome="failure") | {"event.action": "task_end"}),
    Phrase(r"^(?:INFO|WARN): (?P<event.reason>.*)$", _task("info") | {"event.action": "backup_message"}),
    Phrase(r"^ERROR: (?P<event.reason>.*)$", _task("error", outcome="failure") | {"event.action": "backup_message"}),
    Phrase(
        r"^(?P<event.action>GET|POST|PUT|DELETE|UPGRADE) (?P<url.path>/\S+): (?P<event.reason>\S.*?):"
        r" \[client \[?(?P<source.address>[^\]\s]+?)\]?"
        r"(?::(?P<source.port>[0-9]+))?\] (?P<event.message>.*)$",
        {"event.category": ("web",), "event.type": ("error",), "event.outcome": "failure"},
    ),
    Phrase(
        r"^(?:add|remove|removing|forget|prune|pruning|verify|verifying|sync|garbage collection) (?P<event.reason>.*)$",
        _task("info") | {"event.action": "backup_message"},
    ),
)
DAEMONS = (*SIGN_INS, *_TASKS, *_WORKERS, *_JOBS)
BACKUP = (*SIGN_INS, *_JOBS, *_TASKS, *_WORKERS)

CLUSTER = (
    Phrase(
        r"^node '(?P<proxmox.node>[^']*)': state changed from '(?P<proxmox.before>[^']*)' => '(?P<proxmox.state>[^']*)'$",
        _cluster("node_state", "change"),
    ),
    Phrase(
        r"^service '(?P<proxmox.service>[^']*)': state changed from '(?P<proxmox.before>[^']*)' to '"
        r"(?P<proxmox.state>[^']*)'(?P<event.reason>.*)$",
        _cluster("service_state", "change"),
    ),
    Phrase(r"^fencing: (?P<event.reason>.*)$", _cluster("fencing", "change")),
    Phrase(
        r"^\[(?P<proxmox.part>[A-Za-z0-9]+) *\] (?:(?P<proxmox.level>crit|error|alert|emerg)\w*: )(?P<event.reason>.*)$",
        _cluster("cluster_message", "error", "failure"),
    ),
    Phrase(
        r"^\[(?P<proxmox.part>[A-Za-z0-9]+) *\] +(?P<event.reason>(?:link: host: [0-9]+ link: [0-9]+ is"
        r" down|.*non-primary component.*|"
        r".*has no active links.*|.*Token has not been received.*|.*quorum.*lost.*))$",
        _cluster("cluster_degraded", "error", "failure"),
    ),
    Phrase(
        r"^\[(?P<proxmox.part>[A-Za-z0-9]+) *\] +(?:(?P<proxmox.level>[a-z]+): )?(?P<event.reason>.*)$",
        _cluster("cluster_message", "info"),
    ),
    *DAEMONS,
)

_CALL = (
    r"^(?P<source.address>\S+) - "
    r'(?:-|(?P<user.name>[^\s"]*?)(?:@(?P<user.domain>[A-Za-z0-9_.-]+?))?(?:!(?P<proxmox.token>[^\s"]+))?) \[[^\]]*\] '
    r'"(?P<http.request.method>[A-Z]+) (?P<url.original>(?P<url.path>[^\s"?]*)(?:\?(?P<url.query>[^\s"]*))?)'
    r'(?: HTTP/(?P<http.version>[0-9.]+))?" (?P<http.response.status_code>%s) (?P<http.response.bytes>[0-9]+|-)(?: .*)?$'
)
_CALLED: Says = {"event.category": ("web",), "event.action": "api_call"}
ACCESS = (
    Phrase(_CALL % "[123][0-9]{2}", _CALLED | {"event.outcome": "success", "event.type": ("access", "allowed")}),
    Phrase(_CALL % "40[13]", _CALLED | {"event.outcome": "failure", "event.type": ("access", "denied")}),
    Phrase(_CALL % "[0-9]{3}", _CALLED | {"event.outcome": "failure", "event.type": ("access",)}),
)

_PACKET = (
    r"^(?P<proxmox.id>[0-9]+) [0-9]+ (?P<rule.ruleset>\S+) \S+ [+-][0-9]{4} (?:(?P<proxmox.part>policy) )?"
    r"(?P<event.action>%s): "
    r"(?:IN=(?P<observer.ingress.interface.name>\S*) )?(?:OUT=(?P<observer.egress.interface.name>\S*) )?(?:[A-Z]+=\S* )*?"
    r"SRC=(?P<source.address>\S+) DST=(?P<destination.address>\S+)(?: .*?PROTO=(?P<network.transport>\S+))?"
    r"(?: .*?SPT=(?P<source.port>[0-9]+))?(?: .*?DPT=(?P<destination.port>[0-9]+))?.*$"
)
_FLOW: Says = {"event.category": ("network",), "logsource": "proxmox/firewall/"}
FIREWALL = (
    Phrase(
        _PACKET % "ACCEPT",
        {**_FLOW, "event.type": ("connection", "allowed"), "event.outcome": "success", "action": "accept", "blocked": "false"},
    ),
    Phrase(
        _PACKET % "DROP|REJECT",
        {**_FLOW, "event.type": ("connection", "denied"), "event.outcome": "failure", "action": "denied", "blocked": "true"},
    ),
)
