"""GLPI's changes, as its webhooks tell them: who may work on what, and when."""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.contract import Parsed
from correlator.parse.formats import json
from correlator.parse.formats.making import Making
from correlator.parse.formats.records import texts
from correlator.parse.formats.values import words
from correlator.parse.times import to_utc

__all__ = ["CHANGES", "read_changes"]

_OPEN = ["7", "11", "accepted", "test", "accepté", "acceptée"]
_CLOSED = "5 6 8 12 13 14 applied solved closed refused cancelled canceled appliqué résolu clos refusé annulé"
_READ = "itemtype event id name content status supplier_account account date date_mod begin end user users_id host url"
_ACCOUNT = r"(?i)(?:compte|account)\s*:\s*([\w.@\\-]{2,64})"
_LAYOUTS = ("%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S")


def read_changes(lines: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return the events of changes: ``raw_row``, ``body``, ``sender``, ``sent`` and ``received`` of each line."""
    raw = lines.select("raw_row", "received", text="body")
    records = json.read(raw, None)
    named = texts(records.fields, frozenset(_READ.split()))
    keys = records.keys.join(lines.select("raw_row", "sender", "sent"), on="raw_row", how="left", maintain_order="left")
    fields = keys.hstack(named)
    moment = to_utc(pl.coalesce("date_mod", "date"), _LAYOUTS)
    time = pl.coalesce(moment, "sent", "received")
    return CHANGES.parsed(fields, time, want, bad=records.rejects, skipped=records.skipped, rest=records.fields)


def _ecs() -> dict[str, pl.Expr]:
    """Return the ECS columns of a change."""
    status = pl.col("status").str.to_lowercase()
    opened, closed = status.is_in(_OPEN), status.is_in(_CLOSED.split())
    said = pl.when(pl.col("event").is_in(["change_window_opened", "change_window_closed"])).then("event")
    by_status = pl.when(opened).then(pl.lit("change_window_opened")).when(closed).then(pl.lit("change_window_closed"))
    return {
        "host.name": words(pl.coalesce("host", "sender")),
        "event.kind": pl.lit("event"),
        "event.category": pl.lit(["configuration"]),
        "event.type": pl.lit(["info"]),
        "event.action": pl.coalesce(said, by_status, pl.lit("change_updated")),
        "event.reason": pl.col("name"),
        "message": pl.col("content"),
        "service.name": pl.lit("glpi"),
        "ticket.id": pl.col("id"),
        "user.name": words(pl.coalesce("user", "users_id")),
        "url.original": pl.col("url"),
    }


CHANGES = Making(
    dataset="glpi.change",
    log_sources=(LogSource("glpi", "", "change"),),
    ecs=_ecs(),
    own={
        "supplier.account": pl.coalesce(
            "supplier_account", "account", pl.col("name").str.extract(_ACCOUNT), pl.col("content").str.extract(_ACCOUNT)
        )
    },
    words=("status", "event", "itemtype"),
)
