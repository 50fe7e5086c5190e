"""Indicators of compromise: values that lists from outside call bad, of one kind each, with trust and end."""

from enum import StrEnum
from typing import Final

import polars as pl

from correlator.model.raw import UTC_TIME


class Kind(StrEnum):
    """What an indicator is, in ECS's words for ``threat.indicator.type``."""

    ADDRESS = "ip"
    NETWORK = "network"
    DOMAIN = "domain-name"
    URL = "url"
    HASH = "file"
    MAIL = "email-addr"


#: One row per value of a list. ``list``: number of the list; ``until``: null: no end; ``label``: what the list calls it.
INDICATOR: Final = pl.Schema(
    {
        "kind": pl.Enum([str(kind) for kind in Kind]),
        "value": pl.String(),
        "list": pl.UInt16(),
        "confidence": pl.UInt8(),
        "until": UTC_TIME,
        "label": pl.String(),
    }
)
#: Where indicators of each kind are looked for.
COLUMNS: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.HASH: (
        "file.hash.sha256", "file.hash.sha1", "file.hash.md5", "process.hash.sha256", "process.hash.sha1", "process.hash.md5",
        "dll.hash.sha256",
    ),
    Kind.URL: ("url.original", "url.full"),
    Kind.DOMAIN: ("dns.question.name", "destination.domain", "url.domain", "tls.server_name"),
    Kind.ADDRESS: ("destination.ip", "source.ip"),
    Kind.MAIL: ("email.from.address", "email.sender.address"),
}  # fmt: skip
#: What enrichment writes of the first indicator that an event holds: value, kind, list, trust, label, the event's column.
GIVEN: Final = (
    "threat.indicator.name",
    "threat.indicator.type",
    "threat.indicator.provider",
    "threat.indicator.confidence",
    "threat.indicator.label",
    "threat.indicator.field",
)
_HIGH, _MEDIUM = 75, 40


def trust_of(confidence: int) -> str:
    """Return ECS's word for a confidence of 0 to 100."""
    return "High" if confidence >= _HIGH else "Medium" if confidence >= _MEDIUM else "Low"


def comparable_url(url: pl.Expr) -> pl.Expr:
    """Return a URL without scheme and last slash, its host in lower case: what both sides of a comparison are made of."""
    bare = url.str.replace(r"^[A-Za-z][A-Za-z0-9+.-]*://", "").str.strip_suffix("/")
    parts = bare.str.splitn("/", 2).struct
    path = parts.field("field_1")
    return pl.concat_str(
        parts.field("field_0").str.to_lowercase(), pl.when(path.is_null()).then(pl.lit("")).otherwise("/" + path)
    )
