"""Which software a W3C line is from, told by its columns, and what its fields mean."""

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.formats.making import Making
from correlator.parse.formats.values import account, account_domain, address, integer, nanoseconds, verdict, words

__all__ = ["MAKING", "SOURCES", "with_kind"]

_WEB, _HTTPERR = LogSource("iis", "webserver", "iis"), LogSource("iis", "", "httperr")
_FTP, _SMTP = LogSource("iis", "", "ftp"), LogSource("iis", "", "smtp")
_PROXY, _FIREWALL = LogSource("", "proxy", ""), LogSource("windows", "firewall", "pfirewall")

#: Every Sigma log source of these logs.
SOURCES = (_WEB, _HTTPERR, _FTP, _SMTP, _PROXY, _FIREWALL)

_KINDS = {
    "web": ("iis.access", _WEB),
    "httperr": ("iis.httperr", _HTTPERR),
    "ftp": ("iis.ftp", _FTP),
    "smtp": ("iis.smtp", _SMTP),
    "proxy": ("w3c.proxy", _PROXY),
    "firewall": ("windows.pfirewall", _FIREWALL),
}
_FTP_COMMANDS = (
    "USER PASS ACCT CWD CDUP SMNT QUIT REIN PORT PASV TYPE STRU MODE RETR STOR STOU APPE ALLO REST RNFR RNTO "
    "ABOR DELE RMD MKD PWD LIST NLST SITE SYST STAT AUTH PBSZ PROT FEAT OPTS EPSV EPRT SIZE MDTM "
    "ControlChannelOpened ControlChannelClosed DataChannelOpened DataChannelClosed sent created"
)
_SMTP_COMMANDS = "EHLO HELO MAIL RCPT DATA BDAT RSET STARTTLS VRFY"
_PROXY_MARKS = (
    "cs-uri-scheme",
    "sc-filter-result",
    "x-exception-id",
    "r-ip",
    "s-supplier-name",
    "cs-categories",
    "s-hierarchy",
)
_NUMBERED = r"^\[[0-9]+\]"  # the connection before an FTP command
_INPUTS = (
    "sender kind c-ip c-port s-ip s-port r-ip r-port cs-host cs-method cs-uri cs-uri-stem cs-uri-path "
    "cs-uri-query cs-uri-scheme cs-uri-port cs-uri-extension cs-username cs-user-agent cs-referer cs-referrer "
    "cs-cookie cs-version cs-protocol-version cs-bytes sc-bytes bytes sc-status sc-substatus sc-win32-status "
    "s-action action sc-filter-result sc-filter-category cs-categories s-computername s-sitename s-reason "
    "time-taken timetakenms x-forwarded-for x-session x-virus-id x-edge-result-type protocol src-ip dst-ip "
    "src-port dst-port size path x-fullpath rs-content-type"
)


def with_kind(fields: pl.DataFrame) -> pl.DataFrame:
    """Return ``fields`` with the ``kind`` of log each line is from, and every field that is read (absent ones null)."""
    absent = [pl.lit(None, pl.String).alias(name) for name in _INPUTS.split() if name not in fields.columns and name != "kind"]
    whole = fields.with_columns(absent)
    is_proxy = (
        pl.any_horizontal(pl.col(name).is_not_null() for name in _PROXY_MARKS if name in fields.columns)
        if any(name in fields.columns for name in _PROXY_MARKS)
        else pl.lit(value=False)
    )
    method = pl.col("cs-method").str.replace(_NUMBERED, "")
    kind = (
        pl.when(pl.col("src-ip").is_not_null() & pl.col("action").is_not_null())
        .then(pl.lit("firewall"))
        .when(is_proxy)
        .then(pl.lit("proxy"))
        .when(pl.col("s-reason").is_not_null())
        .then(pl.lit("httperr"))
        .when(
            pl.col("x-session").is_not_null()
            | method.is_in(_FTP_COMMANDS.split())
            | pl.col("cs-method").str.contains(_NUMBERED)
        )
        .then(pl.lit("ftp"))
        .when(method.is_in(_SMTP_COMMANDS.split()))
        .then(pl.lit("smtp"))
        .otherwise(pl.lit("web"))
    )
    return whole.with_columns(kind.alias("kind"))


def _is(kind: str) -> pl.Expr:
    return pl.col("kind") == kind


def _table(place: int) -> pl.Expr:
    texts = {kind: said[place] if isinstance(said[place], str) else logsource_column(said[1]) for kind, said in _KINDS.items()}
    return pl.col("kind").replace_strict(texts, return_dtype=pl.String)


def _spaced(name: str) -> pl.Expr:
    """Return a field with its blanks, which come as ``+``."""
    return pl.col(name).str.replace_all("+", " ", literal=True)


def _path() -> pl.Expr:
    return words(pl.coalesce("cs-uri-stem", "cs-uri-path", pl.col("cs-uri").str.extract(r"^(?:\w+://[^/]*)?([^?]*)")))


def _query() -> pl.Expr:
    asked = pl.coalesce(pl.col("cs-uri-query").str.strip_prefix("?"), pl.col("cs-uri").str.extract(r"\?(.*)$"))
    return words(asked)


def _target() -> pl.Expr:
    """Return path and query together; the address of a full URL is left out."""
    query = pl.when(_query().is_not_null()).then("?" + _query()).otherwise(pl.lit(""))
    return _path() + query


def _url() -> pl.Expr:
    """Return the whole URL a proxy was asked for, else the target."""
    host = pl.col("cs-host") + pl.when(words(pl.col("cs-uri-port")).is_in(["80", "443"])).then(pl.lit("")).otherwise(
        (":" + words(pl.col("cs-uri-port"))).fill_null("")
    )
    made = words(pl.col("cs-uri-scheme")) + "://" + host + _target().fill_null("")
    full = pl.when(pl.col("cs-uri").str.contains("://", literal=True)).then("cs-uri")
    return pl.coalesce(full, made, _target())


def _action() -> pl.Expr:
    verdicts = pl.coalesce("action", words(pl.col("s-action")), words(pl.col("s-reason")), "x-edge-result-type")
    return pl.when(_is("web")).then(pl.lit("request")).otherwise(pl.coalesce(verdicts, _method(), pl.lit("request")))


def _method() -> pl.Expr:
    return words(pl.col("cs-method").str.replace(_NUMBERED, ""))


def _is_denied() -> pl.Expr:
    by_proxy = pl.col("s-action").str.contains("DENIED", literal=True) | (pl.col("sc-filter-result") == "DENIED")
    return ((verdict(pl.col("action")) == "denied") | (by_proxy & (pl.col("sc-status") != "407"))).fill_null(value=False)


def _types() -> pl.Expr:
    kept = pl.when(_is("firewall")).then(pl.lit(["connection"])).otherwise(pl.lit(["access"]))
    is_allowed = (verdict(pl.col("action")) == "accept").fill_null(value=False) | _is("proxy")
    said = pl.when(_is_denied()).then(pl.lit(["denied"])).when(is_allowed).then(pl.lit(["allowed"]))
    return pl.concat_list(kept, said.fill_null(pl.lit([], dtype=pl.List(pl.String))))


def _outcome() -> pl.Expr:
    status = integer(pl.col("sc-status"), above=0)
    is_failure = _is_denied() | (status >= 400).fill_null(value=False) | _is("httperr")  # noqa: PLR2004 - HTTP and FTP
    return pl.when(is_failure).then(pl.lit("failure")).when(status.is_not_null() | _is("firewall")).then(pl.lit("success"))


def _duration() -> pl.Expr:
    """Return what IIS says in milliseconds and CloudFront in seconds with decimals."""
    taken = pl.coalesce("time-taken", "timetakenms")
    in_seconds = taken.str.contains(".", literal=True)
    return pl.when(in_seconds).then(nanoseconds(taken)).otherwise(nanoseconds(taken, 1_000_000))


def _ecs() -> dict[str, pl.Expr]:
    """Return the ECS columns of a line's fields."""
    client, user = pl.coalesce("src-ip", "c-ip"), words(pl.col("cs-username"))
    server = pl.coalesce("dst-ip", "r-ip", pl.when(~_is("proxy")).then("s-ip"))
    is_web = _is("web") | _is("httperr") | _is("proxy")
    category = pl.when(is_web).then(pl.lit(["web"])).when(_is("ftp")).then(pl.lit(["network", "file"]))
    return {
        "host.name": words(pl.coalesce("sender", pl.col("s-computername"))).str.to_lowercase(),
        "event.kind": pl.lit("event"),
        "event.category": category.otherwise(pl.lit(["network"])),
        "event.type": _types(),
        "event.action": _action(),
        "event.outcome": _outcome(),
        "event.reason": words(pl.col("s-reason")),
        "event.duration": _duration(),
        "observer.ip": pl.when(_is("proxy") & address(pl.col("s-ip")).is_not_null()).then(
            pl.concat_list(address(pl.col("s-ip")))
        ),
        "observer.type": pl.when(_is("proxy")).then(pl.lit("proxy")).when(_is("firewall")).then(pl.lit("firewall")),
        "source.ip": address(client),
        "source.address": words(client),
        "source.port": integer(pl.coalesce("src-port", "c-port"), above=0),
        "destination.ip": address(server),
        "destination.port": integer(pl.coalesce("dst-port", "r-port", pl.when(~_is("proxy")).then("s-port")), above=0),
        "network.transport": pl.when(_is("firewall")).then(pl.col("protocol").str.to_lowercase()),
        "network.bytes": pl.when(_is("firewall")).then(integer(pl.col("size"))),
        "network.direction": pl.when(_is("firewall")).then(
            pl.col("path").replace_strict({"RECEIVE": "ingress", "SEND": "egress"}, default=None, return_dtype=pl.String)
        ),
        "service.name": words(pl.col("s-sitename")),
        "user.name": account(user),
        "user.domain": account_domain(user),
        "http.request.method": pl.when(is_web).then(_method()),
        "http.request.referrer": words(pl.coalesce("cs-referer", "cs-referrer")),
        "http.request.bytes": integer(pl.col("cs-bytes")),
        "http.response.bytes": integer(pl.coalesce("sc-bytes", "bytes")),
        "http.response.status_code": pl.when(is_web).then(integer(pl.col("sc-status"), above=0)),
        "http.version": pl.coalesce("cs-version", "cs-protocol-version").str.extract(r"HTTP/([0-9.]+)"),
        "http.response.mime_type": words(pl.col("rs-content-type")),
        "url.original": pl.when(is_web).then(_url()),
        "url.scheme": words(pl.col("cs-uri-scheme")),
        "url.domain": words(pl.col("cs-host").str.to_lowercase().str.replace(r":[0-9]+$", "")),
        "url.path": pl.when(is_web).then(_path()),
        "url.query": pl.when(is_web).then(_query()),
        "file.path": pl.when(_is("ftp")).then(words(pl.coalesce("x-fullpath", "cs-uri-stem"))),
        "rule.category": words(pl.coalesce("cs-categories", "sc-filter-category")),
        "user_agent.original": words(_spaced("cs-user-agent")),
    }


def _own() -> dict[str, pl.Expr]:
    """Return the fields of ``category: webserver``, ``proxy`` and ``firewall`` that are not the line's own."""
    is_proxy = _is("proxy")
    denied = _is_denied().cast(pl.String)
    return {
        "cs-uri": pl.coalesce(_target(), "cs-uri"),
        "cs-uri-query": _target(),
        "cs-uri-stem": pl.coalesce("cs-uri-stem", _path()),
        "cs-user-agent": _spaced("cs-user-agent"),
        "cs-referer": pl.coalesce("cs-referer", "cs-referrer"),
        "cs-cookie": _spaced("cs-cookie"),
        "c-uri": pl.when(is_proxy).then(_url()),
        "c-uri-query": pl.when(is_proxy).then(_query()),
        "c-uri-stem": pl.when(is_proxy).then(_path()),
        "c-uri-extension": pl.when(is_proxy).then(
            pl.coalesce(words(pl.col("cs-uri-extension")), _path().str.extract(r"\.([A-Za-z0-9]{1,10})$")).str.to_lowercase()
        ),
        "c-useragent": pl.when(is_proxy).then(_spaced("cs-user-agent")),
        "action": pl.when(_is("firewall")).then(verdict(pl.col("action"))).otherwise("action"),
        "src_port": words(pl.coalesce("src-port", pl.when(is_proxy).then("c-port"))),
        "dst_port": words(pl.coalesce("dst-port", pl.when(is_proxy).then("r-port"))),
        "blocked": pl.when(_is("firewall")).then(denied),
    }


MAKING = Making(
    dataset=_table(0),
    log_sources=_table(1),
    ecs=_ecs(),
    own=_own(),
    words=("kind", "cs-method", "sc-status", "s-action", "action", "sc-filter-result", "path", "protocol"),
    again={"src_ip": "source.ip", "dst_ip": "destination.ip"},
)
