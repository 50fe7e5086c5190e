"""Evidence that came before its hit: documents taken from the lake once the incident is there.

A batch stores the documents of its own detections. The failures of a password spray came minutes before the batch that told the
hit, and the base rules of correlations store nothing by themselves: their documents are read again from the lake.
"""

from collections.abc import Sequence
from datetime import datetime

import polars as pl
import sqlalchemy as sa
import structlog

from correlator.detect.describe import describe
from correlator.errors import Retry
from correlator.model.detection import MATCH
from correlator.runtime.content import Content
from correlator.runtime.mute_preview import unfold
from correlator.store import lake
from correlator.store.database import reading, transaction
from correlator.store.missing_evidence import Missing, add_documents, missing

log = structlog.get_logger()


def complete(engine: sa.Engine, content: Content, since: datetime, now: datetime) -> int:
    """Give incidents that changed since then the documents their hits lack; return how many were found.

    Where the database makes us wait, or the lake is being tidied, it is tried again the next time.
    """
    try:
        return _complete(engine, content, since, now)
    except (Retry, OSError, pl.exceptions.PolarsError) as error:
        log.warning("Evidence is completed later.", reason=str(error))
        return 0


def _complete(engine: sa.Engine, content: Content, since: datetime, now: datetime) -> int:
    with reading(engine) as connection:
        lacking = missing(connection, since)
    if not lacking:
        return 0
    documents = _documents(engine, content, lacking)
    rows = [
        {"incident": one.incident, "event_id": event, "rule_id": one.rule_id, **documents[event]}
        for one in lacking
        for event in sorted(one.events)
        if event in documents
    ]
    if not rows:
        return 0
    with transaction(engine) as connection:
        return add_documents(connection, rows, now)


def _documents(engine: sa.Engine, content: Content, lacking: Sequence[Missing]) -> dict[str, dict[str, object]]:
    """Return event id → its time and document, as far as the lake still has them."""
    wanted = sorted(frozenset().union(*(one.events for one in lacking)))
    rows = lake.events(engine, min(one.first for one in lacking), max(one.last for one in lacking))
    frames = unfold(rows.filter(pl.col("event.id").is_in(wanted)).collect())
    if not content.ruleset.rules:
        return {}
    every = [(0, number, row) for number, frame in enumerate(frames) for row in range(frame.height)]
    told = describe(content.ruleset, frames, pl.DataFrame(every, schema=MATCH, orient="row"))
    return {
        event: {"at": at, "document": document}
        for event, at, document in told.select("event.id", "@timestamp", "document").iter_rows()
    }
