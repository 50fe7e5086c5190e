r"""Stormshield SNS: every audit log family (``logtype``), WELF key=value, bare or in any syslog envelope.

Own names are the firewall's. ``action`` is Sigma's verdict (``accept``, ``denied``) with ``blocked`` beside it, the firewall's
word is ``event.action``; an empty action is a rule that only logs, and lets pass. In ``vpn`` the firewall writes its own end
as ``src``: ``source.ip`` is the peer all the same. In ``smtp`` ``user`` is the sender and ``dstname`` the recipient. Behind a
translation ``destination.ip`` is the address the client asked, ``destination.nat.ip`` the one it reached.

Speed: about 90,000 lines per CPU-second, not 200,000: a line has thirty pairs, and to take them apart is most of it.
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
    label_of,
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
from correlator.parse.times import to_utc, zone_of

__all__ = ["PARSER"]

_FLOWS = ("filter", "connection", "plugin", "alarm")
_METRICS = ("monitor", "filterstat", "count", "routerstat")
_LOGINS = ("auth", "xvpn", "server")
_OTHERS = ("ssl", "smtp", "pop3", "ftp", "sandboxing", "system", "vpn", "pvm", "date", "dmrouting", "routing", "restapi")
_SOURCES = {
    **{family: LogSource("stormshield", "firewall", family) for family in _FLOWS},
    "web": LogSource("stormshield", "proxy", "web"),
    **{family: LogSource("stormshield", "", family) for family in (*_OTHERS, *_LOGINS, *_METRICS)},
}
_ANTIVIRUS = LogSource("stormshield", "antivirus", "")
_SOURCE_TEXTS = {family: logsource_column(source) for family, source in _SOURCES.items()}
_CATEGORIES = {
    **{family: ["network"] for family in _FLOWS},
    **{family: ["network", "web"] for family in ("web", "ssl", "ftp")},
    **{family: ["email"] for family in ("smtp", "pop3")},
    **{family: ["authentication"] for family in ("auth", "xvpn")},
    "alarm": ["network", "intrusion_detection"],
    "vpn": ["network", "session"],
    "server": ["configuration"],
    "sandboxing": ["malware"],
    "pvm": ["vulnerability"],
}
_READ = (
    "id time startime tz fw logtype datechange pri action msg src srcport srcname srcmac srcif srcifname srccountry dst "
    "dstport dstname dstif dstifname dstcountry modsrc modsrcport origdst origdstport ipproto ipv proto user domain sent "
    "rcvd duration ruleid rulename slotlevel alarmid class phase sessionid address vulnid Accepted CPU latency error op arg "
    "result virus sandboxing filename hash remotenet target cat_site localnet"
)
_NEEDED = tuple(_READ.split())
#: Own names worth a word in the catalogue; any other key of a line becomes a column too.
_OWN = [name for name in _NEEDED if name not in ("id", "hash")]
_MADE = (
    "id",
    "text",
    "family",
    "verdict",
    "change",
    "from",
    "from_port",
    "to",
    "to_port",
    "whole url",
    "url parts",
)  # not the firewall's words
_SIGNATURE = OPENING + r'id=firewall (?:[A-Za-z_][0-9A-Za-z_]*=(?:"[^"]*"|[^\s"]*)\s+)*?time="[0-9]{4}-'
_SURE = r'(?:<[0-9]{1,3}>(?:[ -!#-{}~]{0,200} )?)?id=firewall time="[0-9]{4}-'
_AGAIN = {"src_ip": "source.ip", "dst_ip": "destination.ip"}
_CLEAN = ["", "clean", "unknown", "none", "-"]


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line; a line without ``id=firewall`` and the firewall's name is malformed."""
    text = raw.get_column("text")
    given = keyvalue.pairs(bodies(text, r"\bid=firewall"), need=_NEEDED, want=want)
    is_line = given.select((pl.col("id") == "firewall").fill_null(value=False) & pl.col("fw").is_not_null()).to_series()
    fields, rows = given.hstack([text.alias("text")]), raw.get_column("raw_row")
    if not is_line.all():
        fields, rows = fields.filter(is_line), rows.filter(is_line)
    fields = fields.with_columns(family=_family()).with_columns(_url().alias("whole url"), change=_change(), **_ends())
    fields = fields.with_columns(opened(pl.col("whole url")).alias("url parts"))
    making = _columns(want)
    made = making.made(fields)
    columns = [rows, fields.select(_time(zone_of(raw)).alias("@timestamp")).to_series(), *made.values()]
    events = pl.DataFrame(columns).hstack(fields.select(own(fields, want, besides=[*_MADE, *making.names])))
    return Parsed(by_dataset(events), rejects_of(raw.filter(~is_line), Reason.MALFORMED), raw.clear().get_column("raw_row"))


@lru_cache(maxsize=8)
def _columns(want: frozenset[str] | None) -> Columns:
    """Return what is made of a line's fields where ``want`` is what somebody needs."""
    return Columns(
        {
            "event.dataset": "stormshield." + pl.col("family"),
            "logsource": _log_source(),
            **_ecs(),
            **wanted({**_sigma(), **_web(), **_antivirus()}, want),
        },
        words=("family", "action", "pri", "error", "slotlevel", "ipv", "virus", "sandboxing", "change"),
        steps=({"verdict": _verdict()},),
        again={name: column for name, column in _AGAIN.items() if want is None or name in want},
    )


def _is(*families: str) -> pl.Expr:
    return pl.col("family").is_in(families)


def _family() -> pl.Expr:
    """Return the log family: what the line says, else what its own fields betray (a cut line loses its end)."""
    said = pl.col("logtype").str.to_lowercase().str.strip_prefix("l_")
    has = {name: pl.col(name).is_not_null() for name in _NEEDED}
    return (
        pl.when(has["datechange"]).then(pl.lit("date"))
        .when(said.is_in(list(_SOURCES))).then(said)
        .when(has["alarmid"] & has["class"]).then(pl.lit("alarm"))
        .when(has["phase"]).then(pl.lit("vpn"))
        .when(has["sessionid"] & has["address"]).then(pl.lit("server"))
        .when(has["vulnid"]).then(pl.lit("pvm"))
        .when(has["Accepted"]).then(pl.lit("filterstat"))
        .when(has["CPU"]).then(pl.lit("monitor"))
        .when(has["latency"]).then(pl.lit("routerstat"))
        .otherwise(pl.lit("unnamed"))
    )  # fmt: skip


@cache
def _ends() -> dict[str, pl.Expr]:
    """Return who opened the flow and whom it asked, as texts: the peer of a tunnel is its source."""
    is_tunnel = _is("vpn")
    asked = pl.when(words(pl.col("origdst")).is_not_null()).then("origdst").otherwise("dst")
    asked_port = (
        pl.when(words(pl.col("origdst")).is_not_null()).then(pl.coalesce("origdstport", "dstport")).otherwise("dstport")
    )
    return {
        "from": pl.when(is_tunnel).then("dst").otherwise(pl.coalesce("address", "src")),
        "from_port": pl.when(is_tunnel).then("dstport").otherwise("srcport"),
        "to": pl.when(is_tunnel).then("src").otherwise(asked),
        "to_port": pl.when(is_tunnel).then("srcport").otherwise(asked_port),
    }


def _verdict() -> pl.Expr:
    """Return Sigma's verdict; an empty action is a rule that only logs."""
    return verdict(pl.when(pl.col("action") == "").then(pl.lit("pass")).otherwise("action"))


def _time(zone: str) -> pl.Expr:
    """Return when it began, else when it was written."""
    stamps = [pl.when(pl.col(name) != "").then(pl.col(name)) for name in ("startime", "time")]
    with_zone = pl.concat_str(pl.coalesce(stamps), pl.col("tz").str.extract(r"^([+-]\d{2}:?\d{2})$"), separator=" ")
    stamp = pl.coalesce(with_zone, *stamps)
    return to_utc(stamp, ("%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %H:%M:%S"), zone=zone)


def _log_source() -> pl.Expr:
    """Return the log sources each event feeds; a virus found anywhere also feeds ``category: antivirus``."""
    named = pl.col("family").replace_strict(_SOURCE_TEXTS, default=f"{LogSource('stormshield')}")
    return pl.when(_is_infected()).then(named + f" {_ANTIVIRUS}").otherwise(named)


def _is_infected() -> pl.Expr:
    named = pl.col("virus").is_not_null() & ~pl.col("virus").str.to_lowercase().is_in(_CLEAN)
    return (named | (pl.col("sandboxing") == "malicious")).fill_null(value=False)


def _outcome() -> pl.Expr:
    """Return success or failure: of a log-in or command by its error code, of a tunnel when it says error."""
    error = pl.col("error")
    logged_in = pl.when(error == "0").then(pl.lit("success")).when(error.is_not_null()).then(pl.lit("failure"))
    return (
        pl.when(_is(*_LOGINS))
        .then(logged_in)
        .when(_is("vpn") & (error == "2"))
        .then(pl.lit("failure"))
        .otherwise(outcome_of(pl.col("verdict")))
    )


def _change() -> pl.Expr:
    """Return ``change`` where an administrator's command changes something."""
    return pl.when(_is("server") & pl.col("msg").str.contains(r"^(?:CONFIG|SYSTEM|LOG) ")).then(pl.lit("change"))


def _types() -> pl.Expr:
    """Return ``event.type``."""
    allowed = (
        pl.when(pl.col("verdict") == "denied")
        .then(pl.lit("denied"))
        .when(pl.col("verdict").is_not_null())
        .then(pl.lit("allowed"))
    )
    ended = pl.when(_is("connection", "plugin")).then(pl.lit("end"))
    plain = pl.when(_is("auth", "xvpn")).then(pl.lit("start")).otherwise(pl.coalesce("change", pl.lit("info")))
    flows = texts(pl.lit("connection"), ended, allowed)
    return pl.when(_is(*_FLOWS, "web", "ssl", "ftp")).then(flows).otherwise(texts(plain))


@cache
def _ecs() -> dict[str, pl.Expr]:
    """Return the ECS columns of a line's fields."""
    is_mail, is_alarm = _is("smtp"), _is("alarm")
    return {
        "event.kind": pl.when(is_alarm)
        .then(pl.lit("alert"))
        .when(_is(*_METRICS))
        .then(pl.lit("metric"))
        .otherwise(pl.lit("event")),
        "event.category": pl.col("family").replace_strict(_CATEGORIES, default=["host"], return_dtype=pl.List(pl.String)),
        "event.type": _types(),
        "event.action": pl.coalesce(words(pl.col("action")), pl.when(_is(*_LOGINS, "vpn")).then("family")),
        "event.outcome": _outcome(),
        "event.reason": pl.when(_outcome() == "failure").then(words(pl.col("msg"))),
        "event.severity": severity_of(integer(pl.col("pri"))),
        "event.duration": nanoseconds(pl.col("duration")),
        "log.level": label_of(integer(pl.col("pri"))),
        "observer.name": pl.col("fw"),
        "observer.vendor": pl.lit("Stormshield"),
        "observer.product": pl.lit("SNS"),
        "observer.type": pl.lit("firewall"),
        "observer.ingress.interface.name": words(pl.coalesce("srcifname", "srcif")),
        "observer.egress.interface.name": words(pl.coalesce("dstifname", "dstif")),
        "user.name": pl.when(~is_mail).then(account(pl.col("user"))),
        "user.domain": pl.coalesce(account_domain(pl.col("user")), words(pl.col("domain"))),
        "email.from.address": pl.when(is_mail).then(words(pl.col("user"))),
        "email.to.address": members(pl.when(is_mail).then(words(pl.col("dstname")))),
        "rule.id": words(pl.when(is_alarm).then("alarmid").otherwise("ruleid")),
        "rule.name": words(pl.when(is_alarm).then("msg").otherwise("rulename")),
        "rule.ruleset": pl.col("slotlevel").replace_strict({"0": "implicit", "1": "global", "2": "local"}, default=None),
        "message": words(pl.col("msg")),
        "file.name": words(pl.col("filename")),
        "file.hash.sha256": pl.col("hash").str.to_lowercase().str.extract(r"^([0-9a-f]{64})$"),
        "tags": pl.when(keyvalue.is_cut(pl.col("text"))).then(pl.lit(["truncated"])),
        **_network(),
        **_http(),
    }


@cache
def _network() -> dict[str, pl.Expr]:
    """Return the ECS columns of the flow itself."""
    reached = address(pl.when(~_is("vpn") & (pl.col("dst") != pl.col("to"))).then("dst"))
    return {
        "source.ip": address(pl.col("from")),
        "source.port": integer(pl.col("from_port"), above=0),
        "source.mac": mac(pl.col("srcmac")),
        "source.domain": words(pl.when(~_is("vpn")).then("srcname")),
        "source.bytes": integer(pl.col("sent")),
        "source.nat.ip": address(pl.col("modsrc")),
        "source.nat.port": integer(pl.col("modsrcport"), above=0),
        "source.geo.country_iso_code": words(pl.col("srccountry")).str.to_uppercase(),
        "client.ip": address(pl.when(_is("xvpn")).then("remotenet")),
        "destination.ip": address(pl.col("to")),
        "destination.port": integer(pl.col("to_port"), above=0),
        "destination.domain": words(pl.when(~_is("vpn", "smtp")).then("dstname")),
        "destination.bytes": integer(pl.col("rcvd")),
        "destination.nat.ip": reached,
        "destination.nat.port": pl.when(reached.is_not_null()).then(integer(pl.col("dstport"), above=0)),
        "destination.geo.country_iso_code": words(pl.col("dstcountry")).str.to_uppercase(),
        "network.transport": words(pl.col("ipproto")).str.to_lowercase(),
        "network.protocol": words(pl.col("proto")).str.to_lowercase(),
        "network.type": pl.col("ipv").replace_strict({"4": "ipv4", "6": "ipv6"}, default=None),
    }


def _url() -> pl.Expr:
    """Return the URL a web line is about."""
    return pl.when(_is("web")).then(pl.col("proto") + "://" + pl.col("dstname") + pl.col("arg").fill_null(""))


@cache
def _http() -> dict[str, pl.Expr]:
    """Return the ECS columns of the HTTP request of a web line."""
    url = parts_of(pl.col("url parts"))
    return {
        "http.request.method": pl.when(_is("web")).then(words(pl.col("op"))),
        "http.response.status_code": pl.when(_is("web")).then(integer(pl.col("result"), above=0)),
        "url.original": pl.col("whole url"),
        "url.domain": url["host"],
        "url.path": url["path"],
        "url.query": url["query"],
    }


@cache
def _sigma() -> dict[str, pl.Expr]:
    """Return the fields of ``category: firewall``."""
    return {
        "action": pl.coalesce("verdict", words(pl.col("action"))),
        "blocked": blocked_of(pl.col("verdict")),
        "src_port": integer(pl.col("from_port"), above=0).cast(pl.String),
        "dst_port": integer(pl.col("to_port"), above=0).cast(pl.String),
        "username": words(pl.col("user")),
    }


@cache
def _web() -> dict[str, pl.Expr]:
    """Return the fields of ``category: proxy``."""
    url = parts_of(pl.col("url parts"))
    return {
        "c-uri": pl.col("whole url"),
        "c-uri-stem": url["path"],
        "c-uri-extension": url["extension"],
        "c-uri-query": url["query"],
        "cs-uri": pl.when(_is("web")).then(url["target"]),
        "cs-uri-stem": url["path"],
        "cs-host": url["host"],
        "cs-method": pl.when(_is("web")).then("op"),
        "sc-status": pl.when(_is("web")).then("result"),
    }


@cache
def _antivirus() -> dict[str, pl.Expr]:
    """Return the fields of ``category: antivirus``."""
    return {
        "Signature": pl.when(_is_infected()).then(pl.coalesce(words(pl.col("virus")), "msg")),
        "Filename": pl.when(_is_infected()).then(words(pl.col("filename"))),
        "Action": pl.when(_is_infected()).then(words(pl.col("action"))),
    }


PARSER = Parser(
    name="stormshield_sns",
    log_sources=(*_SOURCES.values(), _ANTIVIRUS),
    signature=Signature(pattern=_SIGNATURE, rank=10, literals=("id=firewall ", 'time="', "fw="), sure=_SURE),
    maturity=Maturity.DOCUMENTED,
    fields=fields_of(_ecs(), _sigma(), _AGAIN, _web(), _antivirus(), _OWN, ["*"]),
    parse=_parse,
    required=("observer.name",),
)
