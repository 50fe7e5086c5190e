"""Keycloak's events, in whatever form they come: what their fields mean."""

import polars as pl

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.formats.making import Making
from correlator.parse.formats.values import address, words

__all__ = ["DETAILS", "MAKING", "NAMES", "SOURCES", "with_pairs"]

_EVENT, _ADMIN = LogSource("keycloak", "", "event"), LogSource("keycloak", "", "admin")
_SERVER = LogSource("keycloak", "", "server")

#: Every Sigma log source of Keycloak's.
SOURCES = (_EVENT, _ADMIN, _SERVER)
_DETAILS = (
    "auth_method auth_type redirect_uri code_id username identity_provider identity_provider_identity grant_type scope reason "
    "response_type response_mode token_id refresh_token_id refresh_token_type client_auth_method remember_me consent "
    "custom_required_action updated_email previous_email email register_method selected_credential_id credential_type "
    "impersonator impersonator_realm revoked_client authSessionParentId authSessionTabId not_before num_failures"
)
_FIXED = (
    "type operationType realmId realmName clientId userId ipAddress error resourceType resourcePath sessionId representation"
)
#: Names of what an event adds to its fixed fields, and of all its fields.
DETAILS = tuple(_DETAILS.split())
NAMES = (*_FIXED.split(), *DETAILS)

_VALUE = r"""("[^"]*"|'[^']*'|[^,]*)"""
_AUTHENTICATION = (
    "LOGIN CLIENT_LOGIN IDENTITY_PROVIDER_LOGIN IDENTITY_PROVIDER_FIRST_LOGIN IDENTITY_PROVIDER_POST_LOGIN CODE_TO_TOKEN "
    "REFRESH_TOKEN TOKEN_EXCHANGE INTROSPECT_TOKEN USER_INFO_REQUEST IMPERSONATE OAUTH2_DEVICE_AUTH "
    "OAUTH2_DEVICE_CODE_TO_TOKEN "
    "AUTHREQID_TO_TOKEN PERMISSION_TOKEN"
)
_ENDS = ["LOGOUT", "REVOKE_GRANT", "OAUTH2_EXTENSION_GRANT"]
_DENIED = ["USER_DISABLED_BY_TEMPORARY_LOCKOUT", "USER_DISABLED_BY_PERMANENT_LOCKOUT"]
_CREATED = ["REGISTER", "FEDERATED_IDENTITY_LINK", "CLIENT_REGISTER", "CREATE"]
_DELETED = ["DELETE_ACCOUNT", "REMOVE_TOTP", "REMOVE_CREDENTIAL", "REMOVE_FEDERATED_IDENTITY", "CLIENT_DELETE", "DELETE"]
_LEVELS = {"fatal": 95, "error": 75, "warn": 50, "info": 10, "debug": 10, "trace": 10}


def with_pairs(lines: pl.DataFrame) -> pl.DataFrame:
    """Return ``lines`` with a column per name of an event; null where ``text`` is no event."""
    is_event = pl.col("text").str.contains(r'^(?:type|operationType)="?[A-Z_]')
    text = pl.when(is_event).then(pl.lit(", ") + pl.col("text"))
    held = lines.with_columns(text.alias("event text"))
    values = (pl.col("event text").str.extract(rf"(?s), {name}={_VALUE}").str.strip_chars("\"'").alias(name) for name in NAMES)
    said = held.with_columns(values)
    return said.with_columns(pl.when(pl.col(name) != "null").then(pl.col(name)).alias(name) for name in NAMES).drop(
        "event text"
    )


def _kind() -> pl.Expr:
    """Return the event's type without its ``_ERROR``."""
    return pl.coalesce("operationType", "type").str.strip_suffix("_ERROR")


def _is_failure() -> pl.Expr:
    return pl.col("error").is_not_null() | pl.col("type").str.ends_with("_ERROR").fill_null(value=False)


def _is_event() -> pl.Expr:
    return pl.col("type").is_not_null() | pl.col("operationType").is_not_null()


def _ecs() -> dict[str, pl.Expr]:
    """Return the ECS columns of an event or message."""
    kind, is_admin = _kind(), pl.col("operationType").is_not_null()
    is_login = kind.is_in([*_AUTHENTICATION.split(), *_ENDS, *_DENIED]) & ~is_admin
    category = pl.when(is_login).then(pl.lit(["authentication"])).when(_is_event()).then(pl.lit(["iam"]))
    start = pl.when(kind.is_in(_DENIED)).then(pl.lit(["denied"])).when(is_login & ~kind.is_in(_ENDS)).then(pl.lit(["start"]))
    types = start.when(kind.is_in(_ENDS)).then(pl.lit(["end"])).when(kind.is_in(_CREATED)).then(pl.lit(["creation"]))
    outcome = pl.when(_is_failure()).then(pl.lit("failure")).when(_is_event()).then(pl.lit("success"))
    trace = pl.col("text").str.extract(r"(?m)^(?:\S+: )?((?:[\w$]+\.)+[\w$]*(?:Exception|Error))\b")
    level = pl.col("level").str.to_lowercase().replace("warning", "warn").replace("severe", "error")
    return {
        "host.name": pl.col("sender"),
        "event.kind": pl.lit("event"),
        "event.category": category.otherwise(pl.lit(["process"])),
        "event.type": types.when(kind.is_in(_DELETED)).then(pl.lit(["deletion"])).when(_is_event()).then(pl.lit(["change"])),
        "event.action": pl.coalesce("operationType", "type", pl.lit("message")),
        "event.outcome": outcome,
        "event.reason": pl.coalesce("error", "reason"),
        "event.severity": level.replace_strict(_LEVELS, default=None, return_dtype=pl.Int64),
        "error.type": trace,
        "log.level": level,
        "log.logger": pl.col("logger"),
        "message": pl.col("text"),
        "process.thread.name": pl.col("thread"),
        "organization.id": pl.col("realmId"),
        "organization.name": pl.col("realmName"),
        "service.name": pl.lit("keycloak"),
        "session.id": pl.coalesce("sessionId", "code_id"),
        "user.id": pl.col("userId"),
        "user.name": words(pl.col("username")),
        "user.email": pl.col("username").str.extract(r"^([^@\s]+@[^@\s]+)$"),
        "user.target.id": pl.col("resourcePath").str.extract(r"^users/([^/]+)"),
        "source.ip": address(pl.col("ipAddress")),
        "source.address": words(pl.col("ipAddress")),
        "resource.type": pl.col("resourceType"),
        "resource.id": pl.col("resourcePath"),
        "url.original": pl.col("redirect_uri"),
    }


def _dataset() -> pl.Expr:
    is_admin = pl.col("operationType").is_not_null()
    name = pl.when(is_admin).then(pl.lit("admin")).when(pl.col("type").is_not_null()).then(pl.lit("event"))
    return "keycloak." + name.otherwise(pl.lit("server"))


def _log_sources() -> pl.Expr:
    is_admin = pl.col("operationType").is_not_null()
    is_event = pl.col("type").is_not_null()
    named = pl.when(is_admin).then(pl.lit(logsource_column(_ADMIN))).when(is_event).then(pl.lit(logsource_column(_EVENT)))
    return named.otherwise(pl.lit(logsource_column(_SERVER)))


MAKING = Making(
    dataset=_dataset(),
    log_sources=_log_sources(),
    ecs=_ecs(),
    own={name: pl.col(name) for name in NAMES},
    words=("type", "operationType", "error", "level", "logger", "resourceType", "realmId", "realmName"),
)
