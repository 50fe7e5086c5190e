r"""FortiGate: traffic, event and UTM logs as key=value (blank or comma separated), bare or in any syslog envelope.

Own names are FortiOS's; ``logid`` keeps its leading zeros. ``action`` is FortiOS's word in events and UTM logs; in traffic
logs it is Sigma's verdict (``accept``, ``denied``) and FortiOS's word is ``event.action``: a session that UTM blocked is
denied although it closed normally. ``transport`` is the port of a source translation, not a protocol. A long session is
logged several times with growing counters: its bytes are the deltas where FortiOS gives them. Speed: about 60,000 lines per
CPU-second, not 200,000: a line has thirty pairs and more, and to take them apart is half of it.
"""

from functools import cache, lru_cache

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Maturity, Parsed, Parser, Reason, Signature, rejects_of
from correlator.parse.formats import keyvalue
from correlator.parse.formats.remembered import Columns
from correlator.parse.formats.unwrap import OPENING, bodies
from correlator.parse.formats.urls import opened, parts_of
from correlator.parse.formats.values import (
    account,
    account_domain,
    address,
    blocked_of,
    by_dataset,
    fields_of,
    integer,
    mac,
    members,
    nanoseconds,
    outcome_of,
    own,
    severity_of,
    texts,
    verdict,
    wanted,
    words,
)
from correlator.parse.times import epoch, to_utc, zone_of

__all__ = ["PARSER"]

_EVENT = LogSource("fortigate", "", "event")
_UTM = LogSource("fortigate", "", "utm")
_TRAFFIC = LogSource("fortigate", "", "traffic")
_FLOWS = tuple(LogSource("fortigate", "firewall", kind) for kind in ("forward", "local", "multicast", "sniffer", "ztna"))
_UTM_CATEGORIES = {"webfilter": "proxy", "dns": "dns", "virus": "antivirus"}
_UTM_SOURCES = {kind: LogSource("fortigate", category, kind) for kind, category in _UTM_CATEGORIES.items()}
_SOURCE_TEXTS = {
    **{f"traffic {flow.service}": logsource_column(flow, _TRAFFIC) for flow in _FLOWS},
    **{f"utm {kind}": logsource_column(source, _UTM) for kind, source in _UTM_SOURCES.items()},
}
_LEVELS = {"emergency": 0, "alert": 1, "critical": 2, "error": 3, "warning": 4, "notice": 5, "information": 6, "debug": 7}
_TRANSPORTS = {"1": "icmp", "6": "tcp", "17": "udp", "47": "gre", "50": "esp", "51": "ah", "58": "ipv6-icmp", "132": "sctp"}
_ALERTS = ("ips", "anomaly", "virus", "waf", "botnet")
_LOGINS = ("login", "auth-logon", "auth-logout", "logout", "authentication", "fsso-logon", "fsso-logoff")
_TUNNELS = ("tunnel-up", "tunnel-down", "ssl-new-con", "ssl-exit-error", "ssl-exit-fail", "ssl-login-fail", "ssl-alert")
_SUCCESSES = ("success", "succeeded", "authenticated", "ok")
_FAILURES = ("failed", "failure", "fail", "error", "denied", "timed_out", "timeout", "negotiate_error")
_READ = (
    "date time tz eventtime devname devid logid type subtype level vd action status reason logdesc msg user ui xauthuser "
    "group srcip srcport srcname srcmac srcintf srccountry dstip dstport dstname dstmac dstintf dstcountry remip tunnelip "
    "assignip proto service app policyid policyname trandisp transip transport tranip tranport duration sentbyte rcvdbyte "
    "sentdelta rcvddelta sentpkt rcvdpkt sessionid utmaction direction hostname url agent method reqtype httpmethod "
    "referralurl attack attackid virus filename filehash analyticscksum qname qtype ipaddr from to sender recipient subject "
    "cfgpath cfgobj cfgattr vpntunnel dstuser unauthuser"
)
_NEEDED = tuple(_READ.split())
_MADE = ("kind", "verdict", "text", "whole url", "url parts")
_AGAIN = {"src_ip": "source.ip", "dst_ip": "destination.ip"}
_PAIRS = r'(?:[A-Za-z_][0-9A-Za-z_]*=(?:"(?:[^"\\]|\\.)*"|[^\s,"]*)[\s,]+)*?'
# Right behind a header: a user name that holds a whole line of FortiGate passes nobody else's line off as one.
_SIGNATURE = OPENING + _PAIRS + r'logid="?[0-9]{10}"?[\s,]+' + _PAIRS + r'type="?[a-z]'
_PLAIN_PAIRS = r'(?:[a-z_]+=(?:"[^"\\]*+"|[!#-+\--~]*+) )*?'
_STAMP = r"(?:<[0-9]{1,3}>)?date=[0-9-]{10} time=[0-9:]{8} "
_SURE = _STAMP + _PLAIN_PAIRS + r'logid="?[0-9]{10}"? ' + _PLAIN_PAIRS + r'type="?[a-z]'
_OTHER_UTM = "ips anomaly app-ctrl emailfilter file-filter dlp ssl ssh voip waf icap cifs sctp-filter gtp"
_UTM_KINDS = (*_UTM_CATEGORIES, *_OTHER_UTM.split())
_KIND = r"^[a-z][a-z0-9_-]{0,31}$"


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line; a line without ``type`` and ``logid`` is malformed."""
    text = raw.get_column("text")
    given = _pairs(text, want)
    is_named = pl.col("type").str.contains(_KIND) & pl.col("logid").is_not_null()
    is_line = given.select(is_named.fill_null(value=False)).to_series()
    fields, rows = given.hstack([text.alias("text")]), raw.get_column("raw_row")
    if not is_line.all():
        fields, rows = fields.filter(is_line), rows.filter(is_line)
    fields = fields.with_columns(_url().alias("whole url")).with_columns(opened(pl.col("whole url")).alias("url parts"))
    making = _columns(want)
    made = making.made(fields)
    columns = [rows, _times(fields, zone_of(raw)), *made.values()]
    events = pl.DataFrame(columns).hstack(fields.select(own(fields, want, besides=[*_MADE, *making.names])))
    return Parsed(by_dataset(events), rejects_of(raw.filter(~is_line), Reason.MALFORMED), raw.clear().get_column("raw_row"))


@lru_cache(maxsize=8)
def _columns(want: frozenset[str] | None) -> Columns:
    """Return what is made of a line's fields where ``want`` is what somebody needs."""
    ours = wanted({**_firewall(), **_proxy(), **_dns(), **_antivirus()}, want)
    return Columns(
        {
            "event.dataset": "fortigate." + pl.when(_is("utm")).then(_subtype()).otherwise("kind"),
            "logsource": _log_source(),
            **_ecs(),
            **ours,
        },
        words=("type", "subtype", "action", "status", "level", "utmaction"),
        steps=({"kind": _kind()}, {"verdict": _verdict(), "is tunnel": _is_tunnel()}),
        again={name: column for name, column in _AGAIN.items() if want is None or name in want},
    )


def _pairs(text: pl.Series, want: frozenset[str] | None) -> pl.DataFrame:
    """Return the pairs of each line; a line is comma separated when its first two pairs are."""
    lines = bodies(text, r"\b(?:date|logver|timestamp|itime|eventtime|time|devname|devid|logid)=")
    comma = lines.str.contains(r'^[^"=]*[a-z]+="?[^\s,"]*"?,\s?[a-z]+=').fill_null(value=False)
    if not comma.any():
        return keyvalue.pairs(lines, need=_NEEDED, want=want, escapes='"')
    order = pl.int_range(lines.len(), eager=True)
    halves = [
        keyvalue.pairs(lines.filter(rows), need=_NEEDED, want=want, comma=is_comma, escapes='"').with_columns(
            order.filter(rows)
        )
        for rows, is_comma in ((~comma, False), (comma, True))
    ]
    return pl.concat(halves, how="diagonal").sort(order.name).drop(order.name)


def _kind() -> pl.Expr:
    """Return traffic, event or utm: some versions write the UTM subtype as type."""
    kind = pl.col("type").str.to_lowercase()
    return pl.when(kind.is_in(["traffic", "event"])).then(kind).otherwise(pl.lit("utm"))


def _is(*kinds: str) -> pl.Expr:
    return pl.col("kind").is_in(kinds)


def _subtype() -> pl.Expr:
    """Return the UTM subtype, which some versions write as type; ``utm`` for one that is not known."""
    kinds = [pl.when(pl.col(name).is_in(_UTM_KINDS)).then(name) for name in ("subtype", "type")]
    return pl.coalesce(*kinds, pl.lit("utm"))


def _verdict() -> pl.Expr:
    """Return Sigma's verdict of a flow or of an inspected one; UTM's block outweighs how the session ended."""
    blocked = pl.col("utmaction").str.to_lowercase().is_in(["block", "blocked", "reset", "dropped"])
    return pl.when(~_is("event")).then(pl.when(blocked).then(pl.lit("denied")).otherwise(verdict(pl.col("action"))))


def _times(fields: pl.DataFrame, zone: str) -> pl.Series:
    """Return when it happened: the epoch, else date and time with their offset, else in the source's zone."""
    moments = fields.select(epoch(pl.col("eventtime")).alias("@timestamp")).to_series()
    return fields.select(pl.coalesce(moments, _time(zone)).alias("@timestamp")).to_series() if moments.null_count() else moments


def _time(zone: str) -> pl.Expr:
    stamp = pl.col("date") + " " + pl.col("time")
    with_zone = pl.concat_str(stamp, pl.col("tz").str.extract(r"^([+-]\d{2}:?\d{2})$"), separator=" ")
    return to_utc(pl.coalesce(with_zone, stamp), ("%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %H:%M:%S"), zone=zone)


def _log_source() -> pl.Expr:
    """Return the log sources each event feeds."""
    by_kind = pl.when(_is("event")).then(pl.lit(str(_EVENT))).when(_is("utm")).then(pl.lit(str(_UTM)))
    other = by_kind.otherwise(pl.lit(logsource_column(LogSource("fortigate", "firewall"), _TRAFFIC)))
    named = pl.concat_str("kind", pl.when(_is("utm")).then(_subtype()).otherwise("subtype"), separator=" ")
    return pl.coalesce(named.replace_strict(_SOURCE_TEXTS, default=None, return_dtype=pl.String), other)


def _act() -> pl.Expr:
    return pl.col("action").str.to_lowercase()


def _is_login() -> pl.Expr:
    return (_is("event") & (_act().is_in([*_LOGINS, "ssl-login-fail"]) | (pl.col("subtype") == "user"))).fill_null(value=False)


def _is_tunnel() -> pl.Expr:
    return (_is("event") & ((pl.col("subtype") == "vpn") | _act().is_in(_TUNNELS))).fill_null(value=False)


def _outcome() -> pl.Expr:
    """Return success or failure: of an event by its status, else by its action; of a flow by its verdict."""
    status = pl.col("status").str.to_lowercase()
    by_status = pl.when(status.is_in(_SUCCESSES)).then(pl.lit("success")).when(status.is_in(_FAILURES)).then(pl.lit("failure"))
    failed = _act().str.contains(r"fail|error|deny|denied")
    opened = _act().is_in(["tunnel-up", "ssl-new-con", "auth-logon", "fsso-logon"])
    by_action = pl.when(failed).then(pl.lit("failure")).when(opened).then(pl.lit("success"))
    return pl.when(_is("event")).then(pl.coalesce(by_status, by_action)).otherwise(outcome_of(pl.col("verdict")))


def _category() -> pl.Expr:
    """Return ``event.category``."""
    return (
        pl.when(_is("traffic")).then(pl.lit(["network"]))
        .when(_is_login()).then(pl.lit(["authentication"]))
        .when(pl.col("is tunnel")).then(pl.lit(["network", "session"]))
        .when(_is("event") & pl.col("cfgpath").is_not_null()).then(pl.lit(["configuration"]))
        .when(_is("event")).then(pl.lit(["host"]))
        .when(_subtype().is_in(["ips", "anomaly", "waf"])).then(pl.lit(["network", "intrusion_detection"]))
        .when(_subtype() == "virus").then(pl.lit(["malware"]))
        .when(_subtype() == "emailfilter").then(pl.lit(["email"]))
        .when(_subtype() == "webfilter").then(pl.lit(["network", "web"]))
        .otherwise(pl.lit(["network"]))
    )  # fmt: skip


def _types() -> pl.Expr:
    """Return ``event.type``."""
    allowed = pl.col("verdict").replace_strict({"accept": "allowed", "denied": "denied"}, default=None, return_dtype=pl.String)
    config = pl.when(pl.col("cfgpath").is_not_null()).then(
        _act().replace_strict({"add": "creation", "delete": "deletion"}, default="change", return_dtype=pl.String)
    )
    opened = pl.when(_act().is_in(["tunnel-up", "ssl-new-con", "login", "auth-logon", "fsso-logon", "ssl-login-fail"]))
    session = opened.then(pl.lit("start")).when(_act().is_in(["tunnel-down", "logout", "auth-logout"])).then(pl.lit("end"))
    event = texts(pl.coalesce(config, session, pl.lit("info")))
    return pl.when(_is("event")).then(event).when(_is("traffic")).then(texts("connection", allowed)).otherwise(texts(allowed))


def _source() -> pl.Expr:
    """Return the address an event came from: a tunnel's peer, the flow's source, else the one inside ``ui``."""
    inside = pl.col("ui").str.extract(r"\(([0-9A-Fa-f.:]+)\)$")
    peer = pl.when(pl.col("is tunnel")).then(address(pl.col("remip")))
    return pl.coalesce(peer, address(pl.col("srcip")), address(pl.col("remip")), pl.when(_is("event")).then(address(inside)))


def _user() -> pl.Expr:
    return pl.coalesce(*(words(pl.col(name)) for name in ("user", "xauthuser", "unauthuser")))


@cache
def _ecs() -> dict[str, pl.Expr]:
    """Return the ECS columns of a line's fields."""
    code = pl.col("level").str.to_lowercase().replace_strict(_LEVELS, default=None, return_dtype=pl.Int64)
    is_alert = _is("utm") & _subtype().is_in(_ALERTS)
    return {
        "event.kind": pl.when(is_alert).then(pl.lit("alert")).otherwise(pl.lit("event")),
        "event.category": _category(),
        "event.type": _types(),
        "event.action": pl.coalesce(words(pl.col("action")), pl.when(_is("event")).then(words(pl.col("logdesc")))),
        "event.code": words(pl.col("logid")),
        "event.outcome": _outcome(),
        "event.reason": words(pl.col("reason")),
        "event.severity": severity_of(code),
        "event.duration": nanoseconds(pl.col("duration")),
        "log.level": words(pl.col("level")),
        "observer.name": words(pl.coalesce("devname", "devid")),
        "observer.vendor": pl.lit("Fortinet"),
        "observer.product": pl.lit("FortiGate"),
        "observer.type": pl.lit("firewall"),
        "observer.serial_number": words(pl.col("devid")),
        "observer.ingress.interface.name": words(pl.col("srcintf")),
        "observer.egress.interface.name": words(pl.col("dstintf")),
        "user.name": account(_user()),
        "user.domain": account_domain(_user()),
        "group.name": words(pl.col("group")),
        "rule.id": words(pl.coalesce("attackid", "policyid")),
        "rule.name": words(pl.coalesce("attack", "virus", "policyname")),
        "message": words(pl.coalesce("msg", "logdesc")),
        "session.id": words(pl.col("sessionid")),
        "tags": pl.when(keyvalue.is_cut(pl.col("text"))).then(pl.lit(["truncated"])),
        **_network(),
        **_content(),
    }


@cache
def _network() -> dict[str, pl.Expr]:
    """Return the ECS columns of the flow itself."""
    source_nat, destination_nat = address(pl.col("transip")), address(pl.col("tranip"))
    bytes_of = {side: pl.coalesce(integer(pl.col(f"{side}delta")), integer(pl.col(f"{side}byte"))) for side in ("sent", "rcvd")}
    return {
        "source.ip": _source(),
        "source.port": integer(pl.col("srcport"), above=0),
        "source.mac": mac(pl.col("srcmac")),
        "source.domain": words(pl.col("srcname")),
        "source.bytes": bytes_of["sent"],
        "source.packets": integer(pl.col("sentpkt")),
        "source.nat.ip": source_nat,
        "source.nat.port": pl.when(source_nat.is_not_null()).then(integer(pl.col("transport"), above=0)),
        "client.ip": pl.when(pl.col("is tunnel")).then(pl.coalesce(address(pl.col("tunnelip")), address(pl.col("assignip")))),
        "destination.ip": address(pl.col("dstip")),
        "destination.port": integer(pl.col("dstport"), above=0),
        "destination.mac": mac(pl.col("dstmac")),
        "destination.domain": words(pl.coalesce("hostname", "dstname")),
        "destination.bytes": bytes_of["rcvd"],
        "destination.packets": integer(pl.col("rcvdpkt")),
        "destination.nat.ip": destination_nat,
        "destination.nat.port": pl.when(destination_nat.is_not_null()).then(integer(pl.col("tranport"), above=0)),
        "network.transport": pl.col("proto").replace_strict(_TRANSPORTS, default=None, return_dtype=pl.String),
        "network.protocol": words(pl.col("service")).str.to_lowercase(),
        "network.application": words(pl.col("app")),
        "network.name": pl.when(pl.col("is tunnel")).then(words(pl.col("vpntunnel"))),
    }


def _url() -> pl.Expr:
    """Return the URL asked: FortiOS writes host and path apart, newer versions the whole in ``url``."""
    is_web = (_kind() == "utm") & pl.col("hostname").is_not_null()
    scheme = pl.when(pl.col("service").str.to_uppercase() == "HTTPS").then(pl.lit("https://")).otherwise(pl.lit("http://"))
    path = pl.col("url").fill_null("")
    whole = pl.when(path.str.contains("://", literal=True)).then(path).otherwise(scheme + pl.col("hostname") + path)
    return pl.when(is_web).then(whole)


def _method() -> pl.Expr:
    return pl.when(_is("utm")).then(words(pl.coalesce("httpmethod", pl.when(pl.col("method") != "domain").then("method"))))


@cache
def _content() -> dict[str, pl.Expr]:
    """Return the ECS columns of what was inspected: request, file, name, mail."""
    url = parts_of(pl.col("url parts"))
    return {
        "url.original": pl.col("whole url"),
        "url.scheme": url["scheme"],
        "url.domain": url["host"],
        "url.path": url["path"],
        "url.query": url["query"],
        "http.request.method": _method(),
        "http.request.referrer": words(pl.col("referralurl")),
        "user_agent.original": words(pl.col("agent")),
        "file.name": words(pl.col("filename")),
        "file.hash.sha256": pl.coalesce("analyticscksum", "filehash").str.to_lowercase().str.extract(r"^([0-9a-f]{64})$"),
        "dns.question.name": words(pl.col("qname")).str.to_lowercase().str.strip_chars_end("."),
        "dns.question.type": words(pl.col("qtype")),
        "email.from.address": pl.when(_is("utm")).then(words(pl.coalesce("from", "sender"))),
        "email.to.address": members(pl.when(_is("utm")).then(words(pl.coalesce("to", "recipient")))),
        "email.subject": pl.when(_is("utm")).then(words(pl.col("subject"))),
    }


@cache
def _firewall() -> dict[str, pl.Expr]:
    """Return the fields of ``category: firewall``; outside traffic logs ``action`` is FortiOS's own."""
    return {
        "action": pl.when(_is("traffic")).then(pl.coalesce("verdict", "action")).otherwise("action"),
        "blocked": blocked_of(pl.col("verdict")),
        "src_port": integer(pl.col("srcport"), above=0).cast(pl.String),
        "dst_port": integer(pl.col("dstport"), above=0).cast(pl.String),
        "username": _user(),
    }


@cache
def _proxy() -> dict[str, pl.Expr]:
    """Return the fields of ``category: proxy``."""
    url = parts_of(pl.col("url parts"))
    return {
        "c-uri": pl.col("whole url"),
        "c-uri-stem": url["path"],
        "c-uri-extension": url["extension"],
        "c-uri-query": url["query"],
        "cs-uri": pl.when(pl.col("whole url").is_not_null()).then(url["target"]),
        "cs-uri-stem": url["path"],
        "cs-host": url["host"],
        "cs-method": _method(),
        "c-useragent": pl.when(_is("utm")).then("agent"),
        "cs-referrer": pl.when(_is("utm")).then("referralurl"),
    }


@cache
def _dns() -> dict[str, pl.Expr]:
    """Return the fields of ``category: dns``."""
    is_dns = _is("utm") & (_subtype() == "dns")
    return {
        "query": pl.when(is_dns).then("qname"),
        "record_type": pl.when(is_dns).then("qtype"),
        "answer": pl.when(is_dns).then("ipaddr"),
    }


@cache
def _antivirus() -> dict[str, pl.Expr]:
    """Return the fields of ``category: antivirus``."""
    is_virus = _is("utm") & (_subtype() == "virus")
    return {
        "Signature": pl.when(is_virus).then("virus"),
        "Filename": pl.when(is_virus).then("filename"),
        "Action": pl.when(is_virus).then("action"),
    }


PARSER = Parser(
    name="fortigate",
    log_sources=(_EVENT, _TRAFFIC, *_FLOWS, _UTM, *_UTM_SOURCES.values()),
    signature=Signature(pattern=_SIGNATURE, rank=10, literals=("logid=", "type="), sure=_SURE),
    maturity=Maturity.DOCUMENTED,
    fields=fields_of(_ecs(), _firewall(), _AGAIN, _proxy(), _dns(), _antivirus(), _NEEDED, ["*"]),
    parse=_parse,
    required=("event.code",),
)
