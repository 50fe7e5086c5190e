"""What HAProxy writes besides requests: connections, errors, states of its servers."""

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.formats.phrases import Phrase

__all__ = ["PHRASES"]

Says = dict[str, str | tuple[str, ...]]

_CLIENT = r"(?s)^\s*(?P<source.address>\S+):(?P<source.port>[0-9]+) \[[^\]]+\] "
_CONNECTION: Says = {
    "event.dataset": "haproxy.tcp",
    "logsource": logsource_column(LogSource("haproxy", "", "tcp")),
    "event.category": ("network",),
    "event.type": ("connection", "end"),
    "event.action": "connection",
}
_FAILED: Says = {
    "event.category": ("network",),
    "event.type": ("connection", "error"),
    "event.outcome": "failure",
}
_STATE: Says = {"event.category": ("network", "configuration"), "event.type": ("change",)}
_DOWN: Says = {**_STATE, "event.outcome": "failure", "log.level": "error"}
_TCP = (
    r"(?P<frontend_name>\S+) (?P<backend_name>[^ /]+)/(?P<server_name>\S+) "
    r"(?P<time_queue>-?[0-9]+)/(?P<time_backend_connect>-?[0-9]+)/\+?(?P<time_duration>-?[0-9]+) "
    r"\+?(?P<destination.bytes>[0-9]+) "
)
_COUNTS = (
    r" (?P<actconn>[0-9]+)/(?P<feconn>[0-9]+)/(?P<beconn>[0-9]+)/(?P<srvconn>[0-9]+)/(?P<retries>\+?[0-9]+)"
    r" (?P<srv_queue>[0-9]+)/(?P<backend_queue>[0-9]+).*$"
)
_LEAD = r"^(?:\[[A-Z]+\] +)?(?:\([0-9]+\) : )?"
_SERVER = r"[Ss]erver (?P<backend_name>[^ /]+)/(?P<server_name>\S+)"

PHRASES = (
    Phrase(
        _CLIENT + _TCP + r"(?P<termination_state>P[A-Za-z-])" + _COUNTS,
        {
            **_CONNECTION,
            "event.type": ("connection", "denied"),
            "event.outcome": "failure",
            "event.action": "connection_denied",
        },
    ),
    Phrase(
        _CLIENT + _TCP + r"(?P<termination_state>[A-Z-][A-Z])" + _COUNTS,
        {**_CONNECTION, "event.outcome": "failure"},
    ),
    Phrase(_CLIENT + _TCP + r"(?P<termination_state>[A-Za-z-]{2})" + _COUNTS, {**_CONNECTION, "event.outcome": "success"}),
    Phrase(
        _CLIENT + r"(?P<frontend_name>[^ /]+)/(?P<server_name>[^:]+): (?P<event.reason>.*(?i:heartbeat).*)$",
        {**_FAILED, "event.action": "tls_attack", "event.kind": "alert", "log.level": "warning"},
    ),
    Phrase(
        _CLIENT + r"(?P<frontend_name>[^ /]+)/(?P<server_name>[^:]+): (?P<event.reason>.*SSL.*)$",
        {**_FAILED, "event.action": "tls_handshake_failed"},
    ),
    Phrase(
        _CLIENT + r"(?P<frontend_name>[^ /]+)/(?P<server_name>[^:]+): (?P<event.reason>.*)$",
        {**_FAILED, "event.action": "connection_failed"},
    ),
    Phrase(  # a request or connection whose line was cut on its way
        _CLIENT + r"(?P<frontend_name>\S+) (?P<backend_name>[^ /]+)/(?P<server_name>\S+).*$",
        {**_CONNECTION, "event.type": ("connection",), "tags": ("truncated",)},
    ),
    Phrase(
        r"^Connect from (?P<source.address>\S+):(?P<source.port>[0-9]+) to (?P<destination.address>\S+):"
        r"(?P<destination.port>[0-9]+) \((?P<frontend_name>[^/)]+)/(?P<network.protocol>[^)]+)\)",
        {**_CONNECTION, "event.type": ("connection", "start"), "event.outcome": "success"},
    ),
    Phrase(
        rf"{_LEAD}(?:Backup )?{_SERVER} (?:is DOWN|was DOWN)[^,]*(?:, reason: (?P<event.reason>.*))?$",
        {**_DOWN, "event.action": "server_down"},
    ),
    Phrase(
        rf"{_LEAD}(?:Backup )?{_SERVER} is (?:UP|READY)[^,]*(?:, reason: (?P<event.reason>.*))?$",
        {**_STATE, "event.action": "server_up", "event.outcome": "success"},
    ),
    Phrase(
        rf"{_LEAD}(?:Backup )?{_SERVER} is (?:going|stopping|in|enabled|disabled|now)\b(?P<event.reason>.*)$",
        {**_STATE, "event.action": "server_changed"},
    ),
    Phrase(
        rf"{_LEAD}Health check for (?:backup )?{_SERVER} (?:failed|succeeded)(?:, reason: (?P<event.reason>.*))?",
        {**_STATE, "event.action": "health_check"},
    ),
    Phrase(
        rf"{_LEAD}(?:[Bb]ackend|[Pp]roxy) '?(?P<backend_name>[^ ']+)'? has no server available!?.*$",
        {**_DOWN, "event.action": "backend_down", "log.level": "critical"},
    ),
    Phrase(
        rf"{_LEAD}Proxy '?(?P<frontend_name>[^ ']+)'? started\.?$",
        {**_STATE, "event.type": ("start",), "event.action": "proxy_started", "event.outcome": "success"},
    ),
    Phrase(
        rf"{_LEAD}(?:Proxy|Stopping (?:frontend|backend|proxy)|Pausing|Enabling|Resuming) "
        r"(?:(?:frontend|backend|proxy|listen) )?'?(?P<frontend_name>[^ ']+)'?(?P<event.reason>.*)$",
        {**_STATE, "event.type": ("end",), "event.action": "proxy_stopped"},
    ),
    Phrase(
        r"(?i)^\[(?:alert|emerg)\] (?P<event.reason>.*)$",
        {**_DOWN, "event.action": "service_failed"},
    ),
    Phrase(
        rf"{_LEAD}(?P<event.reason>(?:New worker|Loading success|Former worker|Reexecuting|"
        r"Exiting Master|Current worker|All workers|haproxy version|path to executable|A worker process).*)$",
        {**_STATE, "event.action": "service_changed"},
    ),
)
