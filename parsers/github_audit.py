"""GitHub audit log: members, repositories, protections, tokens, applications of an organisation or enterprise.

Product: GitHub Enterprise Cloud and Server: audit log streaming, REST API, and the web export; one event per line or an array.

How to send it here: Enterprise > Settings > Audit log > Log streaming (Splunk, Event Hub, S3); or the collector asks
``GET /orgs/ORG/audit-log`` with a token of scope ``read:audit_log``. Reference: "Audit log events for your organization".

Times are Unix milliseconds (``@timestamp``, ``created_at``), or ISO 8601 after an export. Addresses are there only where the
organisation lets them be shown. The record tells no failure: what is listed has happened.

Speed: less than 150,000 records per CPU-second: the objects of each record are taken apart one by one.
"""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats import json
from correlator.parse.formats.making import Making
from correlator.parse.formats.records import START, TAGS, Product, Reading, first_of, moment
from correlator.parse.formats.values import address
from correlator.parse.times import epoch

__all__ = ["PARSER"]

_AUDIT = LogSource("github", "", "audit")
_TIMES = ("@timestamp", "at_sign_timestamp", "created_at")

_MAKING = Making(
    dataset="github.audit",
    log_sources=(_AUDIT,),
    words=("action", "operation_type", "org", "business"),
    ecs={
        "tags": TAGS,
        "event.kind": pl.lit("event"),
        "event.action": pl.col("action"),
        "event.category": pl.when(
            pl.col("action").str.contains(r"^(?:org|business|team|role|personal_access|oauth|two_factor)")
        )
        .then(pl.lit(["iam"]))
        .otherwise(pl.lit(["configuration"])),
        "event.outcome": pl.lit("success"),
        "user.name": pl.col("actor"),
        "user.id": pl.col("actor_id"),
        "user.target.name": pl.col("user"),
        "organization.name": first_of("org", "business"),
        "resource.name": first_of("repo", "repository", "team", "name"),
        "source.ip": address(pl.col("actor_ip")),
        "source.geo.country_iso_code": pl.col("actor_location.country_code"),
        "user_agent.original": pl.col("user_agent"),
    },
)
_PRODUCT = Product(
    _MAKING,
    time=pl.coalesce(epoch(first_of(*_TIMES)), moment(*_TIMES)),
    known=("action",),
    reading=Reading(shape=json.Shape(max_depth=12)),
)

# What Sigma's rules read of a record as it came.
_READ_BY_RULES = "action actor actor_ip org repo user"


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per record."""
    return _PRODUCT.parse(raw, want)


PARSER = Parser(
    name="github_audit",
    log_sources=(_AUDIT,),
    signature=Signature(
        pattern=START + r'(?:"action"\s*:\s*"[a-z_]+\.[a-z_]+"[\s\S]*"(?:org|org_id|business|repo|repository)"\s*:'
        r'|"(?:org|org_id|business|repo|repository)"\s*:[\s\S]*"action"\s*:\s*"[a-z_]+\.[a-z_]+")',
        rank=30,
        literals=('"action"', '"actor"'),
    ),
    maturity=Maturity.PROVED,
    fields=_PRODUCT.declared(*_READ_BY_RULES.split()),
    parse=_parse,
    required=("event.action",),
)
