r"""Aruba Wi-Fi: ArubaOS mobility controllers and conductors (6.x, 8.x) and Instant access points (IAP 6.x, 8.x).

How to send it here. Controller::

    logging 192.0.2.10 severity informational
    logging user process authmgr level informational
    logging security process authmgr level informational
    logging wireless level notifications

Instant: *Configuration > System > Logging*, syslog server, facility levels *information* for *user*, *security*, *wireless*.

Reference: Aruba, "ArubaOS Syslog Messages Reference Guide" (the six-digit message id is ``event.code``). Read: lines with
such an id (``<522008>``, and ``:522008:`` of old releases) and the audit of the command line (``USER:… COMMAND:<…>``). Not
read: AMON, the security dashboards, debugging.

``user.name`` may be a MAC address (MAC authentication); ``source.mac`` is the device, ``source.ip`` its address,
``network.name`` the SSID, ``device.name`` the access point, ``host.name`` the controller.

About 70,000 lines per CPU-second, not 200,000: a syslog header is read first, then sentences are tried in turn.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats.phrases import Phrase
from correlator.parse.formats.programs import Program, declared, read_programs
from correlator.parse.formats.tagged import HEAD
from correlator.parse.formats.values import address, mac, words

__all__ = ["PARSER"]

Says = dict[str, str | tuple[str, ...]]

_WIFI = LogSource("aruba", "", "wifi")
_LEVEL = r"<(?:DBUG|INFO|NOTI|WARN|ERRS|CRIT|ALRT|EMRG)>"
_NUMBERED = rf"(?:<[0-9]{{6}}>|:?[0-9]{{6}}:) +(?:<[0-9]+> +)?{_LEVEL}"
_TAG = r"(?:[A-Za-z][A-Za-z0-9_.-]*(?:\[[0-9]+\])?: ?|[A-Za-z-][A-Za-z0-9_.-]* [0-9-]+ \S+ (?:-|\[[^\]]*\]) )"
_AUDIT = r"USER: ?\S+\s[\s\S]{0,2000}?(?:COMMAND: ?<|has logged )"
_PRINTED = (
    r"(?s)^(?:(?:\[[^\]]*\] ?)?(?:<|:)?(?P<code>[0-9]{6})(?:>|:) +(?:<[0-9]+> +)?<(?P<level>DBUG|INFO|NOTI|WARN"
    r"|ERRS|CRIT|ALRT|EMRG)> +"
    r"(?:\|(?P<module>[^|]+)\| +)?(?:AP:(?P<ap>\S+) +)?(?:<(?P<where>[^>]+)> +)?(?:\|"
    r"(?P<inner>[^|]+)\| *)?)?(?P<said>.*)$"
)
_LABELS = {
    "DBUG": "debug",
    "INFO": "information",
    "NOTI": "notice",
    "WARN": "warning",
    "ERRS": "error",
    "CRIT": "critical",
    "ALRT": "alert",
    "EMRG": "emergency",
}
_SEVERITIES = {"DBUG": 10, "INFO": 10, "NOTI": 25, "WARN": 50, "ERRS": 75, "CRIT": 95, "ALRT": 95, "EMRG": 95}
#: Keys have no quotes and may hold a blank: a value ends where one of these begins.
_KEYS = (
    "username|userip|usermac|user|name|MAC|mac|IP|ip|role|VLAN|vlan|AP-name|AP|apname|ap|SSID|ESSID|essid|ssid|BSSID|bssid|"
    "AAA profile|auth method|auth server|authmethod|servername|serverip|method|server|reason|cause|profile|phy|channel|state|"
    "deauth|type|ingress|outgoing|assigned|Reason"
)


def _login(outcome: str, action: str = "wifi_login", kind: str = "start") -> Says:
    says: Says = {"event.action": action, "event.category": ("authentication", "network"), "event.type": (kind,)}
    return says | ({"event.outcome": outcome} if outcome else {})


def _of(category: str, action: str, *kinds: str, outcome: str = "") -> Says:
    says: Says = {"event.action": action, "event.category": (category,), "event.type": kinds}
    return says | ({"event.outcome": outcome} if outcome else {})


_PAIRS = r"(?P<_pairs>.*=.*)"
_MAC = r"(?P<_station>(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2})"
_FROM = r"(?P<source.address>[0-9A-Fa-f.:]*[0-9A-Fa-f])"
_AP = r"(?: AP (?P<aruba.ap.ip>[0-9.]+)-(?P<aruba.bssid>(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2})-(?P<device.name>\S+))?"
_AT = r"(?: @ [0-9:.]+)?"
_SENTENCES = (
    # The most frequent line, in the order it is always written: what the account holds cannot pass for another pair.
    Phrase(
        r"(?s)^User Authentication Successful: username=(?P<user.name>.*) MAC=(?P<source.mac>[0-9A-Fa-f:]{17}) "
        r"IP=(?P<client.ip>\S+) role=(?P<aruba.role>\S*) VLAN=(?P<vlan.id>\S*) AP=(?P<device.name>\S*) "
        r"SSID=(?P<network.name>.*?) AAA profile=(?P<aruba.profile>.*?) auth method=(?P<aruba.method>.*?) "
        r"auth server=(?P<aruba.server>.*)$",
        _login("success"),
    ),
    Phrase(rf"(?s)^User Authentication Successful: {_PAIRS}$", _login("success")),
    Phrase(rf"(?s)^(?P<event.reason>User Authentication [Ff]ailed|Authentication failed)\.?:? {_PAIRS}$", _login("failure")),
    Phrase(rf"(?s)^User [Dd]e-?authenticated: {_PAIRS}$", _login("", "wifi_logout", "end")),
    Phrase(
        r"(?s)^Authentication (?:Succeeded|successful) for (?:User |admin user )?(?P<user.name>.+?), Logged in from "
        rf"{_FROM}(?: port (?P<source.port>[0-9]+))?,? Connecting to (?P<destination.address>\S+)(?: port "
        rf"(?P<destination.port>[0-9]+))?"
        r"(?: connection type (?P<aruba.session>\S+))?.*$",
        _login("success", "admin_login"),
    ),
    Phrase(
        r"(?s)^Authentication failed for (?:User |admin user )?(?P<user.name>.+?), Logged in from "
        rf"{_FROM}(?: port (?P<source.port>[0-9]+))?(?:,? Connecting to (?P<destination.address>\S+)(?: port "
        rf"(?P<destination.port>[0-9]+))?)?"
        r"(?: connection type (?P<aruba.session>\S+))?.*$",
        _login("failure", "admin_login"),
    ),
    Phrase(rf"(?s)^USER: ?(?P<user.name>.+) has logged in from {_FROM}.*$", _login("success", "admin_login")),
    Phrase(rf"(?s)^USER: ?(?P<user.name>.+?) (?:connected from {_FROM} )?has logged out.*$", _login("", "admin_logout", "end")),
    Phrase(
        rf"(?s)^USER: ?(?P<user.name>[^@\s]+)@(?:{_FROM})?(?: NODE:\S+)? COMMAND: ?<(?P<process.command_line>.*)>"
        r"(?: -- (?P<event.reason>.*))?$",
        _of("configuration", "command", "change"),
    ),
    Phrase(
        rf"(?s)^Auth (?P<event.reason>failure){_AT}:? {_MAC}.*?:?{_AP}(?: (?P<aruba.reason>Reason.*))?$",
        _login("failure", "station_auth"),
    ),
    Phrase(rf"(?s)^Auth (?:success|request){_AT}:? {_MAC}.*?:{_AP}.*$", _login("success", "station_auth")),
    Phrase(
        rf"(?s)^Assoc (?:request|success|response){_AT}:? {_MAC}.*?:{_AP}.*$",
        _of("network", "associated", "connection", "start"),
    ),
    Phrase(
        rf"(?s)^Assoc (?P<event.reason>failure|reject\S*){_AT}:? {_MAC}.*?:{_AP}.*$",
        _of("network", "association_refused", "connection", "denied", outcome="failure"),
    ),
    Phrase(
        rf"(?s)^(?:De-?auth|Disassoc) (?:to|from) sta{_AT}:? {_MAC}(?: \(SN \S+\))?:{_AP}(?: (?P<event.reason>.*))?$",
        _of("network", "deauthenticated", "connection", "end"),
    ),
    Phrase(rf"(?s)^(?:MAC={_MAC} )?Station (?:UP|up): {_PAIRS}$", _of("network", "station_up", "connection", "start")),
    Phrase(rf"(?s)^(?:MAC={_MAC} )?Station (?:DN|DOWN|down): {_PAIRS}$", _of("network", "station_down", "connection", "end")),
    Phrase(
        r"(?s)^(?P<event.reason>.*(?:[Rr]ogue|[Ii]nterfering|[Ss]uspect(?:ed)?|[Ss]poof|[Ff]lood|[Aa]ttack|[Cc]ontain|[Ii]ntrusion|"
        r"[Hh]otspotter|[Ww]eak WEP|[Dd]isconnect [Ss]tation|[Ii]mpersonation|[Mm]an in the"
        r" middle|[Aa]d-?hoc|[Bb]lacklist|[Dd]enylist|"
        r"[Hh]oneypot|[Ii]nvalid (?:OUI|MAC)|[Mm]alformed|[Ss]ignature).*)$",
        _of("intrusion_detection", "wids", "info"),
    ),
    Phrase(
        rf"(?s)^(?:MAC={_MAC} )?(?:IP=(?P<client.ip>\S+) )?(?P<event.reason>User (?:miss|entry"
        rf" (?:added|deleted|created)|role|data)[^:=]*):? ?{_PAIRS}?$",
        _of("network", "user_entry", "info"),
    ),
    Phrase(
        r"(?s)^(?P<event.reason>.*(?:[Dd]enied|[Rr]eject|[Ff]ailed|[Ff]ailure|[Uu]nauthorized|[Tt]imed?"
        r" ?out|[Ee]rror|[Uu]nreachable|is down|"
        r"went down|lost|[Cc]rash|[Rr]eboot|missed heartbeat).*)$",
        _of("host", "fault", "error", outcome="failure"),
    ),
    Phrase(
        r"(?s)^(?P<event.reason>.*(?:AP |ap |[Aa]ccess"
        r" [Pp]oint|[Cc]hannel|[Rr]adio|[Tt]unnel|[Rr]ole|[Ll]icense|DHCP|VLAN|[Uu]ser|[Cc]onfig|[Ss]tation|"
        r"[Cc]lient|[Ss]erver|[Pp]rofile|[Ii]nterface|[Pp]ort|[Uu]plink|[Cc]ertificate|is up|[Uu]pgrade|[Ii]mage).*)$",
        _of("host", "message", "info"),
    ),
)


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line of a controller or an Instant access point."""
    return read_programs(raw, want, _PROGRAMS, changed=_printed)


def _printed(lines: pl.DataFrame) -> pl.DataFrame:
    """Return the lines without id, level and place; a line that has none of them and is no audit is nobody's."""
    # An old release's id stands where a tag would: `:501095: <NOTI> |stm| …`.
    text = lines.get_column("text")
    printed = text.str.extract_groups(_PRINTED).struct.unnest()
    is_ours = printed.get_column("code").is_not_null() | text.str.contains(rf"^{_AUDIT}")
    place = pl.concat_str(pl.coalesce("module", "inner").fill_null(""), pl.col("where").fill_null(""), separator=" ")
    named = printed.select(
        pl.coalesce("ap", pl.coalesce("module", "inner").str.extract(r"^AP ([^@\s|]+)")).alias("ap"),
        place.str.strip_chars().alias("place"),
    )
    level = printed.get_column("level")
    return lines.with_columns(
        pl.when(pl.lit(is_ours)).then(pl.lit("arubaos")).alias("program"),
        printed.get_column("said").str.strip_chars_end("\r\n ").alias("text"),
        printed.get_column("code").alias("event.code"),
        named.get_column("ap").alias("device.name"),
        named.get_column("place").replace("", None).alias("aruba.place"),
        level.replace(_LABELS).alias("log.level"),
        level.replace_strict(_SEVERITIES, default=None, return_dtype=pl.Int64).alias("event.severity"),
    )


def _pair(*names: str) -> pl.Expr:
    """Return the first value of the pairs ``names``; it ends where the next known key begins.

    An account comes first in a line and may hold anything: its first pair counts, of all others the last.
    """
    ends = rf"(?:[,.]?\s+(?:{_KEYS})=|\s*$)"
    before = r"(?:^|[\s,])" if "username" in names else r"^(?:.*[\s,])?"
    found = [pl.col("_pairs").str.extract(rf"(?s){before}{name}=[\"']?(.*?)[\"']?{ends}") for name in names]
    return words(pl.coalesce(found))


_STATION = pl.coalesce(mac(pl.col("_station")), mac(_pair("usermac", "MAC", "mac")))
_PROGRAMS = (
    Program(
        "aruba.wifi",
        (_WIFI,),
        ("arubaos",),
        _SENTENCES,
        says={"observer.vendor": "HPE Aruba", "observer.product": "ArubaOS", "observer.type": "wireless"},
        keeps=("event.code", "device.name", "aruba.place", "log.level", "event.severity"),
        makes={
            "observer.name": pl.col("host.name"),
            "user.name": pl.coalesce("user.name", _pair("username", "user", "name")).str.replace(r"^[^\\]+\\+", ""),
            "user.domain": pl.coalesce("user.domain", _pair("username", "user", "name").str.extract(r"^([^\\]+)\\")),
            "source.mac": pl.coalesce("source.mac", _STATION),
            "source.ip": pl.coalesce("source.ip", "client.ip", address(_pair("userip", "IP", "ip"))),
            "network.name": pl.coalesce("network.name", _pair("SSID", "ESSID", "essid", "ssid")),
            "device.name": pl.coalesce("device.name", _pair("AP-name", "AP", "apname")),
            "vlan.id": pl.coalesce("vlan.id", _pair("VLAN", "vlan")),
            "event.reason": pl.coalesce("event.reason", _pair("reason", "cause", "Reason")),
            "aruba.role": pl.coalesce("aruba.role", _pair("role")),
            "aruba.method": pl.coalesce("aruba.method", _pair("auth method", "authmethod", "method")),
            "aruba.server": pl.coalesce("aruba.server", _pair("auth server", "servername")),
            "aruba.bssid": pl.coalesce("aruba.bssid", _pair("BSSID", "bssid")),
        },
    ),
)

PARSER = Parser(
    name="aruba_wifi",
    log_sources=(_WIFI,),
    signature=Signature(
        pattern=rf"{HEAD}(?:\[[^\]]{{0,64}}\] )?(?:{_TAG}(?:\[[^\]]{{0,64}}\] ?)?)?(?:{_NUMBERED}|{_AUDIT})",
        rank=10,
        any_of=(_LEVEL, "USER: ?"),
    ),
    maturity=Maturity.DOCUMENTED,
    fields=declared(_PROGRAMS),
    parse=_parse,
)
