r"""Flows: connections built and torn down, translations, what access lists and the box itself deny or let pass.

A teardown does not say who opened the connection: its two ends are ``_one`` and ``_other``, told apart by their ports.
"""

from correlator.parse.formats.phrases import Phrase
from parsers.cisco_asa.parts import (
    ALLOWED,
    BARE_FROM,
    BARE_TO,
    BETWEEN,
    BUILT,
    CONNECTION,
    DENIED,
    DURATION,
    FROM,
    ICMP,
    LIST,
    NET,
    ON,
    ONE,
    OTHER,
    PROTOCOL,
    TAIL_USER,
    THREAT,
    TO,
    TORN,
    Says,
    mapped,
)

__all__ = ["FLOWS"]

_CONNECTIONS = (
    Phrase(
        rf"^Built inbound {PROTOCOL}(?: state-bypass)? {CONNECTION} for {FROM}(?:{mapped('source')})?"
        rf"(?: to {TO}(?:{mapped('destination')})?{TAIL_USER})?",
        {**BUILT, "network.direction": "inbound"},
    ),
    Phrase(
        rf"^Built outbound {PROTOCOL}(?: state-bypass)? {CONNECTION} for {TO}(?:{mapped('destination')})?"
        rf"(?: to {FROM}(?:{mapped('source')})?{TAIL_USER})?",
        {**BUILT, "network.direction": "outbound"},
    ),
    Phrase(
        rf"^Built {PROTOCOL}(?: state-bypass)? {CONNECTION} (?:for|from) {FROM}(?:{mapped('source')})?"
        rf"(?: to {TO}(?:{mapped('destination')})?{TAIL_USER})?",
        BUILT,
    ),
)
_TEARDOWNS = (
    Phrase(
        rf"^Teardown {PROTOCOL}(?: state-bypass)? {CONNECTION} (?:for|from) {ONE}{BETWEEN} to {OTHER}{BETWEEN} "
        rf"{DURATION} (?:forwarded )?bytes (?P<network.bytes>[0-9]+)(?: (?P<event.reason>[^(\s][^(]*?))?{TAIL_USER}\s*$",
        TORN,
    ),
    Phrase(rf"^Teardown {PROTOCOL}(?: state-bypass)? {CONNECTION} (?:for|from) {ONE}{BETWEEN} to {OTHER}", TORN),
)
_FADDR = r"faddr (?P<{}.address>[^\s/(]+)(?:/[0-9]+)?(?: ?\((?P<{}>[^)]*)\))? gaddr (?P<{}.nat.ip>[^\s/(]+)(?:/[0-9]+)?"
_LADDR = r" laddr (?P<{}.address>[^\s/(]+)(?:/[0-9]+)?(?: ?\((?P<{}>[^)]*)\))?"
_ICMP_IN = _FADDR.format("source", "user.name", "destination") + _LADDR.format("destination", "destination.user.name")
_ICMP_OUT = _FADDR.format("destination", "destination.user.name", "source") + _LADDR.format("source", "user.name")
_ICMP_END = (
    r"faddr (?P<_one>[^\s/(]+)(?:/[0-9]+)?(?: ?\((?P<_user_one>[^)]*)\))? gaddr [^\s]+ laddr (?P<_other>[^\s/(]+)(?:/[0-9]+)?"
    r"(?: ?\((?P<_user_other>[^)]*)\))?"
)
_ICMP_TYPE = r"(?: type (?P<icmp.type>[0-9]+) code (?P<icmp.code>[0-9]+))?"
_PINGS = (
    Phrase(
        rf"^Built inbound (?P<network.transport>ICMPv?6?) connection for {_ICMP_IN}{_ICMP_TYPE}",
        {**BUILT, "network.direction": "inbound"},
    ),
    Phrase(
        rf"^Built outbound (?P<network.transport>ICMPv?6?) connection for {_ICMP_OUT}{_ICMP_TYPE}",
        {**BUILT, "network.direction": "outbound"},
    ),
    Phrase(rf"^Built (?P<network.transport>ICMPv?6?) connection for {_ICMP_IN}{_ICMP_TYPE}", BUILT),
    Phrase(rf"^Teardown (?P<network.transport>ICMPv?6?) connection for {_ICMP_END}{_ICMP_TYPE}", TORN),
)
_NAT: Says = {**NET, "event.type": ("info",)}
_TRANSLATIONS = (
    Phrase(
        rf"^Built (?:dynamic|static|portmap) {PROTOCOL} translation from {FROM} to [^\s:]+:(?P<source.nat.ip>[^\s/(]+)"
        r"(?:/(?P<source.nat.port>[0-9]+))?",
        {**_NAT, "event.action": "translation_built"},
    ),
    Phrase(
        rf"^Teardown (?:dynamic|static|portmap) {PROTOCOL} translation from {FROM} to [^\s:]+:(?P<source.nat.ip>[^\s/(]+)"
        rf"(?:/(?P<source.nat.port>[0-9]+))?(?: {DURATION})?",
        {**_NAT, "event.action": "translation_teardown"},
    ),
    Phrase(
        rf"^(?P<event.reason>No translation group found|[a-z]+ translation creation failed|Asymmetric NAT rules matched).*?"
        rf"(?:for|protocol) {PROTOCOL} src {FROM}{BETWEEN} dst {TO}",
        DENIED,
    ),
)
_LISTED = (
    r"(?P<observer.{0}.interface.name>[^\s/]+)/(?P<{1}.address>[^\s/(]+)(?:\((?P<{1}.port>[0-9]+)\))?"
    r"(?:\((?P<{2}>[^)]*)\))?"
)
_ACCESS_LIST = (
    rf"{PROTOCOL}(?: for user '?(?P<user.name>[^'\s]*)'?)? "
    + _LISTED.format("ingress", "source", "_identity_source")
    + r" (?:-> )?"
    + _LISTED.format("egress", "destination", "_identity_destination")
    + r"(?: hit-cnt (?P<event.count>[0-9]+))?"
)
_LISTS = (
    Phrase(
        rf"^access-list (?P<rule.name>\S+) denied {_ACCESS_LIST}",
        {**DENIED, "event.action": "denied"},
    ),
    Phrase(
        rf"^access-list (?P<rule.name>\S+) (?P<event.action>permitted|est-allowed) {_ACCESS_LIST}",
        {**NET, "_verdict": "accept"},
    ),
)
_DENIALS = {
    "106001": (
        Phrase(rf"^Inbound {PROTOCOL} connection denied from {BARE_FROM} to {BARE_TO} flags (?P<tcp.flags>.*?)\s*{ON}", DENIED),
    ),
    "106002": (
        Phrase(rf"^{PROTOCOL} Connection denied by outbound list (?P<rule.name>\S+) src {BARE_FROM} dest {BARE_TO}", DENIED),
    ),
    "106006": (Phrase(rf"^Deny inbound {PROTOCOL} from {BARE_FROM} to {BARE_TO} {ON}", DENIED),),
    "106007": (
        Phrase(rf"^Deny inbound {PROTOCOL} from {BARE_FROM} to {BARE_TO} (?:due to|flag) (?P<event.reason>[^.]*)", DENIED),
    ),
    "106010": (Phrase(rf"^Deny inbound {PROTOCOL} src {FROM}{BETWEEN} dst {TO}", DENIED),),
    "106011": (Phrase(rf"^Deny inbound \((?P<event.reason>[^)]*)\) {PROTOCOL} src {FROM}{BETWEEN} dst {TO}", DENIED),),
    "106012": (Phrase(rf"^Deny IP from {BARE_FROM} to {BARE_TO}, IP options (?P<event.reason>.*?)\.?$", DENIED),),
    "106013": (Phrase(rf"^(?P<event.reason>Dropping echo request) from {BARE_FROM} to PAT address {BARE_TO}", DENIED),),
    "106014": (Phrase(rf"^Deny inbound {PROTOCOL} src {FROM}(?: \([^)t][^)]*\))* dst {TO}(?: \([^)t][^)]*\))*{ICMP}", DENIED),),
    "106015": (
        Phrase(
            rf"^Deny {PROTOCOL} \((?P<event.reason>no connection)\) from {BARE_FROM} to {BARE_TO} flags "
            rf"(?P<tcp.flags>.*?)\s*{ON}",
            DENIED,
        ),
    ),
    "106016": (Phrase(rf"^Deny (?P<event.reason>IP spoof) from {BARE_FROM} to {BARE_TO} {ON}", {**DENIED, **THREAT}),),
    "106017": (Phrase(rf"^Deny IP due to (?P<event.reason>Land Attack) from {BARE_FROM} to {BARE_TO}", {**DENIED, **THREAT}),),
    "106018": (
        Phrase(
            rf"^ICMP packet type (?P<icmp.type>\S+) denied by outbound list (?P<rule.name>\S+) src {BARE_FROM} dest "
            rf"{BARE_TO}",
            DENIED,
        ),
    ),
    "106020": (Phrase(rf"^Deny (?P<event.reason>IP teardrop fragment) .*from {BARE_FROM} to {BARE_TO}", {**DENIED, **THREAT}),),
    "106021": (Phrase(rf"^Deny {PROTOCOL} (?P<event.reason>reverse path check) from {BARE_FROM} to {BARE_TO} {ON}", DENIED),),
    "106022": (
        Phrase(
            rf"^Deny {PROTOCOL} (?P<event.reason>connection spoof) from {BARE_FROM} to {BARE_TO} {ON}",
            {**DENIED, **THREAT},
        ),
    ),
    "106023": (
        Phrase(
            rf"^Deny (?:protocol )?{PROTOCOL} src {FROM}(?: \([^)t][^)]*\))*(?: dst {TO}(?: \([^)t][^)]*\))*"
            rf"{ICMP}(?:(?: type \{{?.*?)? {LIST})?)?",
            DENIED,
        ),
    ),
    "106027": (
        Phrase(
            rf"^(?:\S+: )?Deny(?: {PROTOCOL})? src \[?(?P<source.mac>[0-9A-Fa-f.:]+)\]? dst "
            rf"\[?(?P<destination.mac>[0-9A-Fa-f.:]+)\]? {LIST}",
            DENIED,
        ),
    ),
    "106100": _LISTS,
    "106102": _LISTS,
    "106103": _LISTS,
    "313001": (
        Phrase(
            r"^Denied (?P<network.transport>ICMP)(?:v4)? type=(?P<icmp.type>[0-9]+), code=(?P<icmp.code>[0-9]+) from "
            rf"{BARE_FROM} {ON}",
            DENIED,
        ),
    ),
    "313004": (
        Phrase(
            rf"^Denied (?P<network.transport>ICMP) type=(?P<icmp.type>[0-9]+), from(?: laddr)? {BARE_FROM} {ON} to "
            r"(?P<destination.address>[0-9A-Fa-f.:]*[0-9A-Fa-f])(?::? ?(?P<event.reason>no matching session))?",
            DENIED,
        ),
    ),
    "313005": (
        Phrase(
            r"^(?P<event.reason>No matching connection for ICMP error message): (?P<network.transport>icmp) src "
            rf"{FROM}{BETWEEN} dst "
            rf"{TO}(?: \([^)t][^)]*\))*{ICMP}",
            DENIED,
        ),
    ),
    "313008": (
        Phrase(
            r"^Denied (?P<network.transport>ICMPv6|IPv6-ICMP) type=(?P<icmp.type>[0-9]+), code=(?P<icmp.code>[0-9]+) "
            rf"from {BARE_FROM} {ON}",
            DENIED,
        ),
    ),
    "313009": (
        Phrase(
            rf"^Denied (?P<event.reason>invalid ICMP code \S+), for {FROM}{BETWEEN} to {TO}",
            {**DENIED, "network.transport": "icmp"},
        ),
    ),
    "322001": (
        Phrase(
            rf"^Deny MAC address (?P<source.mac>[0-9A-Fa-f.:]+), (?P<event.reason>possible spoof attempt) {ON}",
            {**DENIED, **THREAT},
        ),
    ),
    "407001": (
        Phrase(
            r"^Deny traffic for local-host (?P<observer.ingress.interface.name>[^\s:]+):(?P<source.address>[^\s,]+), "
            r"(?P<event.reason>.*)",
            DENIED,
        ),
    ),
    "418001": (
        Phrase(
            rf"^(?P<event.reason>Through-the-device packet to/from management-only network is denied): {PROTOCOL} .*", DENIED
        ),
    ),
    "419001": (Phrase(rf"^Dropping {PROTOCOL} packet from {FROM} to {TO}, reason: (?P<event.reason>.*)", DENIED),),
    "419002": (
        Phrase(
            rf"^(?P<event.reason>(?:Received d|D)uplicate TCP SYN) from {FROM} to {TO}",
            {**NET, "event.action": "duplicate_syn"},
        ),
    ),
    "434002": (Phrase(rf"^(?P<event.reason>SFR requested to drop) {PROTOCOL} packet from {FROM} to {TO}", DENIED),),
    "500003": (
        Phrase(
            rf"^(?P<event.reason>Bad TCP hdr length).*? from {BARE_FROM} to {BARE_TO}, flags: (?P<tcp.flags>.*?),? {ON}",
            DENIED,
        ),
    ),
    "500004": (
        Phrase(
            rf"^(?P<event.reason>Invalid transport field) for protocol=(?P<network.transport>\S+), from {BARE_FROM} "
            rf"to {BARE_TO}",
            DENIED,
        ),
    ),
}
_TO_BOX = (
    r"from {0} to (?P<observer.ingress.interface.name>[^\s:]+):(?P<destination.address>[^\s/]+)"
    r"(?:/(?P<destination.port>[0-9]+)|/(?P<network.protocol>[^\s]+))?"
)
_BOX = {
    "710001": (Phrase(rf"^{PROTOCOL} access requested {_TO_BOX.format(BARE_FROM)}", ALLOWED),),
    "710002": (Phrase(rf"^{PROTOCOL} access permitted {_TO_BOX.format(BARE_FROM)}", ALLOWED),),
    "710003": (Phrase(rf"^{PROTOCOL} access denied by ACL {_TO_BOX.format(BARE_FROM)}", DENIED),),
    "710004": (Phrase(rf"^{PROTOCOL} (?P<event.reason>connection limit exceeded) {_TO_BOX.format(BARE_FROM)}", DENIED),),
    "710005": (Phrase(rf"^{PROTOCOL} request discarded {_TO_BOX.format(BARE_FROM)}", {**DENIED, "event.action": "discard"}),),
    "710006": (Phrase(rf"^{PROTOCOL} request discarded {_TO_BOX.format(BARE_FROM)}", {**DENIED, "event.action": "discard"}),),
}
_LOCAL_HOST: Says = {**NET, "event.type": ("info",)}

#: The sentences of each message id.
FLOWS: dict[str, tuple[Phrase, ...]] = {
    **dict.fromkeys(("302013", "302015", "302017", "302303", "302305", "302022", "302024", "302026"), _CONNECTIONS),
    **dict.fromkeys(("302014", "302016", "302018", "302304", "302306", "302023", "302025", "302027"), _TEARDOWNS),
    **dict.fromkeys(("302020", "302021"), _PINGS),
    **dict.fromkeys(("305005", "305006", "305009", "305010", "305011", "305012", "305013"), _TRANSLATIONS),
    **_DENIALS,
    **_BOX,
    "609001": (
        Phrase(
            r"^Built local-host (?P<observer.ingress.interface.name>[^\s:]+):(?P<source.address>\S+)",
            {**_LOCAL_HOST, "event.action": "local_host_built"},
        ),
    ),
    "609002": (
        Phrase(
            rf"^Teardown local-host (?P<observer.ingress.interface.name>[^\s:]+):(?P<source.address>\S+) {DURATION}",
            {**_LOCAL_HOST, "event.action": "local_host_teardown"},
        ),
    ),
    "110002": (
        Phrase(rf"^(?P<event.reason>Failed to locate egress interface) for {PROTOCOL} from {FROM} to {BARE_TO}", DENIED),
    ),
    "110003": (Phrase(rf"^(?P<event.reason>Routing failed to locate next[- ]hop) for {PROTOCOL} from {FROM} to {TO}", DENIED),),
}
