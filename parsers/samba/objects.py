"""Samba's audit records as JSON: log-ins and authorisations, changes of the directory, of passwords and of groups."""

import polars as pl

from correlator.model.event import ECS
from correlator.model.logsource import LogSource
from correlator.parse.formats.making import Making
from correlator.parse.formats.values import address, integer, nanoseconds, words

__all__ = ["MAKING", "READ", "SOURCE"]

SOURCE = LogSource("samba", "", "audit")
_KIND = pl.col("type")
_ENDPOINT = r"^(?:ipv[46]:)?(?P<ip>[0-9A-Fa-f:.]+):(?P<port>[0-9]+)$"
_LOGINS, _PLACES = (
    ("Authentication", "Authorization"),
    (
        "Authentication",
        "Authorization",
        "dsdbChange",
        "passwordChange",
        "groupChange",
        "dsdbTransaction",
        "replicatedUpdate",
    ),
)
_KINDS = {
    "Authentication": ("smb_login", ["authentication"]),
    "Authorization": ("smb_authorization", ["authentication"]),
    "dsdbChange": ("directory_change", ["iam"]),
    "passwordChange": ("password_changed", ["iam"]),
    "groupChange": ("group_member_changed", ["iam"]),
    "dsdbTransaction": ("directory_transaction", ["configuration"]),
    "replicatedUpdate": ("directory_replicated", ["configuration"]),
}


def _any(name: str, *places: str) -> pl.Expr:
    """Return what the record's object calls ``name``."""
    return pl.coalesce(pl.col(f"{place}.{name}") for place in places or _PLACES)


def _end(name: str, part: str) -> pl.Expr:
    return _any(name).str.extract_groups(_ENDPOINT).struct.field(part)


def _common_name(name: str) -> pl.Expr:
    return _any(name, "groupChange", "passwordChange", "dsdbChange").str.extract(r"(?i)^CN=([^,]+)")


_STATUS = _any("status")
_CODE = _any("statusCode")
_OPERATION = pl.coalesce(_any("operation"), _any("action"))
_ECS = {
    "event.kind": pl.lit("event"),
    "event.action": _KIND.replace_strict({kind: action for kind, (action, _) in _KINDS.items()}, default=None),
    "event.category": _KIND.replace_strict(
        {kind: category for kind, (_, category) in _KINDS.items()}, default=None, return_dtype=pl.List(pl.String())
    ),
    "event.type": pl.when(_KIND.is_in(_LOGINS))
    .then(pl.lit(["start"]))
    .when(_KIND == "passwordChange")
    .then(pl.lit(["user", "change"]))
    .when(_KIND == "groupChange")
    .then(pl.lit(["group", "change"]))
    .when(_OPERATION == "Add")
    .then(pl.lit(["creation"]))
    .when(_OPERATION == "Delete")
    .then(pl.lit(["deletion"]))
    .otherwise(pl.lit(["change"])),
    "event.code": words(pl.when(_any("eventId") != "0").then(_any("eventId"))),
    "event.outcome": pl.when(_STATUS.is_in(["NT_STATUS_OK", "Success"]) | (_CODE == "0") | (_KIND == "Authorization"))
    .then(pl.lit("success"))
    .when(_STATUS.is_not_null() | _CODE.is_not_null())
    .then(pl.lit("failure")),
    "event.reason": words(_STATUS),
    "event.duration": nanoseconds(_any("duration", "Authentication", "dsdbTransaction"), 1000),
    "host.name": pl.col("syslog.host"),
    "observer.vendor": pl.lit("Samba"),
    "observer.product": pl.lit("Samba"),
    "user.name": words(pl.coalesce("Authentication.clientAccount", "Authentication.mappedAccount", "Authorization.account")),
    "user.domain": words(pl.coalesce("Authentication.clientDomain", "Authentication.mappedDomain", "Authorization.domain")),
    "user.id": words(pl.coalesce("Authentication.becameSid", "Authorization.sid", _any("userSid"))),
    "user.effective.name": words(pl.col("Authentication.becameAccount")),
    "user.target.name": pl.when(_KIND == "groupChange")
    .then(_common_name("user"))
    .when(_KIND == "passwordChange")
    .then(_common_name("dn")),
    "group.name": _common_name("group"),
    "session.id": words(pl.coalesce("Authorization.sessionId", _any("sessionId"), pl.col("Authentication.logonId"))),
    "source.ip": address(_end("remoteAddress", "ip")),
    "source.port": integer(_end("remoteAddress", "port"), above=0),
    "source.domain": words(pl.col("Authentication.workstation").str.strip_chars("\\")),
    "destination.ip": address(_end("localAddress", "ip")),
    "destination.port": integer(_end("localAddress", "port"), above=0),
}
READ = frozenset(
    name for made in _ECS.values() for name in made.meta.root_names() if name not in ECS and not name.startswith("syslog.")
) | {"timestamp", "type"}
MAKING = Making("samba.audit", (SOURCE, LogSource("linux", "", "syslog")), _ECS, words=("type",))
