"""Detections: rule × event, first as positions (MATCH), then as what is kept and correlated (DETECTION)."""

import polars as pl

from correlator.model.observable import OBSERVABLE
from correlator.model.raw import UTC_TIME

#: What the engine finds: which rule matched which row of which frame of the batch.
MATCH = pl.Schema({"rule": pl.UInt32(), "frame": pl.UInt32(), "row": pl.UInt32()})

#: A detection as it is stored, correlated and shown.
DETECTION = pl.Schema(
    {
        "rule.id": pl.String(),
        "rule.name": pl.String(),
        "rule.title": pl.String(),
        "rule.level": pl.String(),
        "rule.tags": pl.List(pl.String()),
        "rule.hash": pl.String(),
        "event.id": pl.String(),
        "@timestamp": UTC_TIME,
        "commune": pl.String(),
        "source": pl.String(),
        "event.dataset": pl.String(),
        "log.file.path": pl.String(),
        "log.line": pl.Int64(),
        "observables": pl.List(OBSERVABLE),
        "document": pl.String(),  # the event as compact JSON, at most 64 KiB; cut values are named in "cut"
    }
)

#: The largest event document kept with a detection, bytes.
DOCUMENT_LIMIT = 65_536
