"""What named writes, by what it is about: questions, refusals, updates, transfers, rewrites, limits, its own health."""

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.formats.phrases import Phrase

__all__ = ["LOG_SOURCES", "SENTENCES"]

Says = dict[str, str | tuple[str, ...]]

_DNS = LogSource("bind", "dns", "queries")
LOG_SOURCES: dict[str, tuple[LogSource, ...]] = {
    "query": (_DNS,),
    "rpz": (LogSource("bind", "dns", "rpz"),),
    **{service: (LogSource("bind", "", service),) for service in ("security", "update", "transfer", "resolver", "named")},
}


def _of(service: str, action: str, *kinds: str, category: str = "network", outcome: str = "") -> Says:
    says: Says = {
        "event.dataset": f"bind.{service}",
        "logsource": logsource_column(*LOG_SOURCES[service]),
        "event.action": action,
        "event.category": (category,),
        "event.type": kinds,
    }
    return says | ({"event.outcome": outcome} if outcome else {})


# A name in parentheses has its own parentheses escaped; `(no-peer)` and nothing are possible too.
_CLIENT = (
    r"^client:? (?:@0x[0-9a-f]+ )?(?:(?P<source.address>[0-9A-Fa-f.:]+(?:%\w+)?)#(?P<source.port>[0-9]+)|\(no-peer\))"
    r"(?:/key (?P<bind.key>\S+))?(?: \((?P<_asked>(?:[^()\\]|\\.)*)\))?: (?:view (?P<bind.view>[^:\s]+): )?"
)
_ZONE = r"'(?P<bind.zone>(?:[^'/\\]|\\.|/[^A-Z'])*)/(?:(?P<dns.question.type>[A-Z0-9]+)/)?(?P<dns.question.class>[A-Z0-9]+)'"
_OF = r"'?(?P<_name>[^\s'/]+)/(?:(?P<dns.question.type>[A-Z0-9*]+)/)?(?P<dns.question.class>[A-Z0-9]+)'?"
_SERVER = r"(?P<destination.address>[0-9A-Fa-f.:]+(?:%\w+)?)#(?P<destination.port>[0-9]+)"
_PEER = r"(?P<source.address>[0-9A-Fa-f.:]+(?:%\w+)?)#(?P<source.port>[0-9]+)"
_FLAGS = r"(?P<bind.flags>[+-]\S*)"

_QUERY = _of("query", "query", "protocol", "start") | {"dns.type": "query", "network.protocol": "dns"}
_ANSWER = _of("query", "response", "protocol", "end") | {"dns.type": "answer", "network.protocol": "dns"}
_QUERIES = (
    Phrase(
        _CLIENT + rf"query: (?P<_name>\S+) (?P<dns.question.class>[A-Z0-9]+) (?P<dns.question.type>[A-Z0-9*-]+) {_FLAGS}"
        r"(?: \((?P<destination.address>[^)\s]+)\))?(?: \[ECS (?P<bind.ecs>[^\]]+)\])?$",
        _QUERY,
    ),
    Phrase(
        _CLIENT + r"(?:(?P<network.transport>[A-Z]+): )?query: (?P<_name>\S+) (?P<dns.question.class>[A-Z0-9]+) "
        rf"(?P<dns.question.type>[A-Z0-9*-]+) response: (?P<dns.response_code>[A-Z0-9]+)(?: {_FLAGS})?\s*(?P<answer>.*?);?\s*$",
        _ANSWER,
    ),
    Phrase(
        _CLIENT + r"response: (?P<_name>\S+) (?P<dns.question.class>[A-Z0-9]+) (?P<dns.question.type>[A-Z0-9*-]+) "
        rf"(?P<dns.response_code>[A-Z][A-Z0-9]+)(?: [0-9]+)*(?: {_FLAGS})?(?: \((?P<destination.address>[^)\s]+)\))?.*$",
        _ANSWER,
    ),
    Phrase(_CLIENT + r"query: (?P<_name>\S+) (?P<dns.question.class>[A-Z0-9]+) (?P<dns.question.type>[A-Z0-9*-]+)\s*$", _QUERY),
)

_DENIED = _of("security", "denied", "denied", outcome="failure")
_FAILED = _of("query", "query_failed", "error", outcome="failure") | {"dns.type": "answer", "network.protocol": "dns"}
_REFUSALS = (
    Phrase(
        _CLIENT + rf"query(?: \(cache\))? {_OF} denied(?: \((?P<event.reason>[^)]*)\))?$",
        _DENIED | {"event.action": "query_denied", "logsource": logsource_column(_DNS, *LOG_SOURCES["security"])},
    ),
    Phrase(
        _CLIENT + rf"zone transfer {_OF} denied(?: \((?P<event.reason>[^)]*)\))?$",
        _DENIED | {"event.action": "transfer_denied"},
    ),
    Phrase(
        _CLIENT + rf"bad zone transfer request: {_OF}: (?P<event.reason>.*)$", _DENIED | {"event.action": "transfer_denied"}
    ),
    Phrase(
        _CLIENT + r"(?:signer \"(?P<bind.signer>[^\"]*)\" )?update(?: forwarding)? "
        rf"{_ZONE} denied(?: \((?P<event.reason>[^)]*)\))?$",
        _DENIED | {"event.action": "update_denied"},
    ),
    Phrase(
        _CLIENT + r"(?P<event.reason>request has invalid signature: .*|TSIG .*|(?:recursion|query|notify) not allowed.*"
        r"|recursion requested but not available.*|no matching view in class.*|bad (?:zone|opt|cookie).*)$",
        _DENIED | {"event.action": "request_refused"},
    ),
    Phrase(
        _CLIENT + r"query failed \((?P<dns.response_code>[^)]+)\) for (?P<_name>[^\s/]+)/(?P<dns.question.class>[A-Z0-9]+)/"
        r"(?P<dns.question.type>[A-Z0-9*-]+)(?: at (?P<bind.at>\S+))?.*$",
        _FAILED,
    ),
    Phrase(
        r"^(?:rejected command channel message from|invalid command from|rejected connection from) "
        rf"{_PEER}(?:: (?P<event.reason>.*))?$",
        _DENIED | {"event.action": "control_refused"},
    ),
)

_SIGNER = r"(?:signer \"(?P<bind.signer>[^\"]*)\" |signer )?"
_CHANGE = _of("update", "record_changed", "change", category="configuration", outcome="success")
_UPDATES = (
    Phrase(_CLIENT + r"signer \"(?P<bind.signer>[^\"]*)\" (?P<event.action>approved|denied)$", _of("update", "signed", "info")),
    Phrase(
        _CLIENT + rf"updating zone {_ZONE}: adding an RR at '(?P<_name>[^']*)' (?P<bind.rr>\S+) (?P<bind.data>.*)$",
        _CHANGE | {"event.action": "record_added", "event.type": ("creation",)},
    ),
    Phrase(
        _CLIENT + rf"updating zone {_ZONE}: deleting (?:an RR|rrset|all rrsets|all rrsets from name)(?: at)? "
        r"'(?P<_name>[^']*)'(?: (?P<bind.rr>\S+))?.*$",
        _CHANGE | {"event.action": "record_deleted", "event.type": ("deletion",)},
    ),
    Phrase(
        _CLIENT + rf"updating zone {_ZONE}: (?P<event.reason>.*(?:failed|unsuccessful|rejected|REFUSED|prerequisite).*)$",
        _CHANGE | {"event.action": "update_failed", "event.outcome": "failure"},
    ),
    Phrase(_CLIENT + rf"updating zone {_ZONE}: (?P<event.reason>.*)$", _CHANGE),
    Phrase(
        _CLIENT + r"update (?:failed|unsuccessful)(?:: (?P<event.reason>.*))?$",
        _CHANGE | {"event.action": "update_failed", "event.outcome": "failure"},
    ),
)

_MOVE = _of("transfer", "transfer", "info")
_FAIL: Says = {"event.outcome": "failure", "event.type": ("error",)}
_DONE: Says = {"event.outcome": "success"}
_SERIAL = r"(?: \(serial (?P<bind.serial>[0-9]+).*\))?"
_NAMED_ZONE = r"^zone (?P<bind.zone>[^\s/]+)/(?P<dns.question.class>[A-Z0-9]+)(?:/(?P<bind.view>[^\s:(]+))?(?: \([a-z]+\))?: "
_TRANSFERS = (
    Phrase(
        _CLIENT + rf"transfer of {_ZONE}: (?P<bind.method>(?:AXFR-style )?[AI]XFR) started{_SERIAL}"
        r"(?:: TSIG (?P<bind.signer>\S+))?.*$",
        _MOVE | {"event.type": ("access", "start")},
    ),
    Phrase(
        _CLIENT + rf"transfer of {_ZONE}: (?P<bind.method>(?:AXFR-style )?[AI]XFR) ended(?:: .*)?$",
        _MOVE | _DONE | {"event.type": ("access", "end")},
    ),
    Phrase(_CLIENT + rf"transfer of {_ZONE}: (?P<event.reason>.*)$", _MOVE | _FAIL | {"event.action": "transfer_failed"}),
    Phrase(rf"^transfer of {_ZONE} from {_SERVER}: connected using \S+.*$", _MOVE | {"event.action": "transfer_connected"}),
    Phrase(
        rf"^transfer of {_ZONE} from {_SERVER}: Transfer (?:status: success|completed: .*)$",
        _MOVE | _DONE | {"event.action": "transfer_completed"},
    ),
    Phrase(rf"^transfer of {_ZONE} from {_SERVER}: (?P<event.reason>.*)$", _MOVE | _FAIL | {"event.action": "transfer_failed"}),
    Phrase(
        _CLIENT + r"received notify for zone '(?P<bind.zone>[^']*)'(?:: (?P<event.reason>.*))?$",
        _MOVE | {"event.action": "notify_received"},
    ),
    Phrase(_NAMED_ZONE + rf"notify from {_PEER}: .*$", _MOVE | {"event.action": "notify_received"}),
    Phrase(
        _NAMED_ZONE + rf"(?P<event.reason>refused notify from non-(?:primary|master)): {_PEER}$",
        _MOVE | _FAIL | {"event.action": "notify_refused", "event.type": ("denied",)},
    ),
    Phrase(_NAMED_ZONE + r"sending notif.*$", _MOVE | {"event.action": "notify_sent"}),
    Phrase(_NAMED_ZONE + r"(?:transferred|loaded|Transfer started).*?(?:serial (?P<bind.serial>[0-9]+))?.*$", _MOVE | _DONE),
    Phrase(
        _NAMED_ZONE
        + r"(?P<event.reason>(?:refresh: |expired|not loaded|loading from|.*(?:fail|error|exceeded|unexpected|unable"
        r"|timed out|has no |non-authoritative|unreachable|bad )).*)$",
        _MOVE | _FAIL | {"event.action": "zone_failed"},
    ),
    Phrase(_NAMED_ZONE + r"(?P<event.reason>.*)$", _MOVE | {"event.action": "zone_message"}),
)

_POLICY = r"(?P<bind.policy>NXDOMAIN|NODATA|DROP|PASSTHRU|TCP-ONLY|Local-Data|CNAME|Wildcard-CNAME|GIVEN|DISABLED|DNS64|\S+)"
_REWRITE = _of("rpz", "rewrite", "denied") | {"dns.type": "answer", "network.protocol": "dns"}
_RPZ = (
    Phrase(
        _CLIENT + r"disabled rpz (?P<bind.trigger>\S+) "
        rf"{_POLICY} rewrite {_OF}(?: stop on \S+)? via (?P<rule.name>\S+).*$",
        _REWRITE | {"event.action": "rewrite_disabled", "event.type": ("allowed",)},
    ),
    Phrase(
        _CLIENT
        + rf"rpz (?P<bind.trigger>\S+) (?P<bind.policy>PASSTHRU) rewrite {_OF}(?: stop on \S+)? via (?P<rule.name>\S+).*$",
        _REWRITE | {"event.action": "passthru", "event.type": ("allowed",)},
    ),
    Phrase(
        _CLIENT + rf"rpz (?P<bind.trigger>\S+) {_POLICY} rewrite {_OF}(?: stop on \S+)? via (?P<rule.name>\S+).*$", _REWRITE
    ),
    Phrase(
        _CLIENT + rf"(?:disabled )?rpz (?P<bind.trigger>\S+) {_POLICY} rewrite (?P<_name>\S+)(?: stop on \S+)? "
        r"via (?P<rule.name>\S+).*$",
        _REWRITE,
    ),
    Phrase(r"^rpz: (?P<rule.name>[^\s:]+): (?P<event.reason>.*)$", _of("rpz", "zone_message", "info")),
)

_LIMIT = _of("security", "rate_limit", "denied")
_LIMITS = (
    Phrase(
        _CLIENT + r"(?:would )?rate limit (?P<event.action>drop|slip|leak)(?: (?P<bind.limited>all|\S+))? responses? to "
        r"(?P<bind.network>\S+)(?: for (?P<_name>\S+) (?P<dns.question.class>[A-Z0-9]+)(?: "
        r"(?P<dns.question.type>[A-Z0-9*]+))?)?.*$",
        _LIMIT,
    ),
    Phrase(
        r"^(?:would )?(?:\*)?(?:stop )?limit(?:ing)? (?:(?P<bind.limited>\S+) )?(?:error )?responses? to (?P<bind.network>\S+)"
        r"(?: for (?P<_name>\S+)(?: (?P<dns.question.class>[A-Z0-9]+))?(?: +(?P<dns.question.type>[A-Z0-9*]+))?)?.*$",
        _LIMIT,
    ),
    Phrase(
        r"^(?:client \S+ \S+: )?(?P<event.reason>no more (?:recursive|TCP) clients.*|(?:recursive-clients|TCP"
        r" client).*exceeded.*"
        r"|.*quota reached.*)$",
        _of("named", "quota_reached", "error", outcome="failure"),
    ),
)

_RESOLVING = _of("resolver", "resolution_failed", "error", outcome="failure")
_RESOLVER = (
    Phrase(
        r"^(?P<event.reason>error \([^)]*\)|[A-Za-z ]{3,40}?|DNS format error from \S+) resolving "
        rf"{_OF}(?: \(in '[^']*'\?\))?(?: for client {_PEER})?: {_SERVER}$",
        _RESOLVING,
    ),
    Phrase(
        r"^(?P<event.reason>lame server) resolving '(?P<_name>[^']*)' \(in '(?P<bind.zone>[^']*)'\?\): "
        rf"{_SERVER}$",
        _RESOLVING,
    ),
    Phrase(
        rf"^DNS format error from {_SERVER} resolving (?P<_name>[^\s/]+)/(?P<dns.question.type>[A-Z0-9]+)"
        rf"(?: for (?:client )?(?:{_PEER}|<unknown>))?: (?P<event.reason>.*)$",
        _RESOLVING,
    ),
    Phrase(
        r"^(?:\s*validating )(?:@0x[0-9a-f]+: )?(?P<_name>[^\s/]+)(?:/| )(?P<dns.question.type>[A-Z0-9]+): "
        r"(?P<event.reason>.*)$",
        _RESOLVING | {"event.action": "validation"},
    ),
    Phrase(
        r"^(?P<event.reason>(?:success|skipping nameserver|broken trust chain|no valid|insecurity proof|got"
        r" insecure|verify failed"
        r"|resolver priming|fetch completed|shut down hung fetch|managed-keys|checkhints|TLS peer|too many timeouts).*)$",
        _of("resolver", "resolver_message", "info"),
    ),
    Phrase(
        _CLIENT + r"RFC 1918 response from Internet for (?P<_name>\S+)$",
        _of("resolver", "private_answer_from_internet", "info"),
    ),
)

_OWN = _of("named", "message", "info", category="process")
_NAMED = (
    Phrase(r"^starting BIND (?P<observer.version>[0-9.]\S*).*$", _OWN | {"event.action": "started", "event.type": ("start",)}),
    Phrase(
        r"^(?:shutting down|exiting|stopping command channel on).*$", _OWN | {"event.action": "stopped", "event.type": ("end",)}
    ),
    Phrase(
        r"^received control channel command '(?P<process.command_line>.*)'$",
        _OWN | {"event.action": "control_command", "event.category": ("configuration",), "event.type": ("change",)},
    ),
    Phrase(
        r"^(?P<event.reason>reloading (?:configuration|zones) (?:failed.*|.*failed)|loading configuration:"
        r" .*|\S+\.conf\S*:[0-9]+: .*)$",
        _OWN | {"event.action": "reload_failed", "event.outcome": "failure", "event.category": ("configuration",)},
    ),
    Phrase(
        r"^(?:reloading (?:configuration|zones) succeeded|any newly configured zones are now loaded|all zones loaded|running)$",
        _OWN | {"event.action": "loaded", "event.outcome": "success"},
    ),
    Phrase(
        r"^(?P<event.reason>(?:loading configuration from|listening on|no longer listening|generating session"
        r" key|command channel"
        r"|using |found |built |adjusted|automatic empty|sizing zone|Recursion c|compiled |linked |set up |configuring |"
        r"dumping |could not |couldn't |open: |none:0: |max open files|max cache|running as|-----|BIND 9|corporation"
        r"|support).*)$",
        _OWN,
    ),
    Phrase(_CLIENT + r"(?P<event.reason>.*)$", _of("security", "client_message", "info")),
    Phrase(
        r"^client:? (?:@0x[0-9a-f]+ )?(?P<source.address>[0-9A-Fa-f.:]+)#(?P<source.port>[0-9]+).*$",  # cut by its sender
        _of("query", "query", "protocol") | {"tags": ("truncated",)},
    ),
)

SENTENCES = (*_QUERIES, *_RPZ, *_REFUSALS, *_UPDATES, *_TRANSFERS, *_LIMITS, *_RESOLVER, *_NAMED)
