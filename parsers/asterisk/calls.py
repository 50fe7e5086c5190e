"""Asterisk's call records: lines of ``Master.csv``, which has no header line."""

import polars as pl

from correlator.model.logsource import LogSource
from correlator.parse.formats import csv
from correlator.parse.formats.making import Making
from correlator.parse.formats.values import nanoseconds, words

__all__ = ["CALLS", "DISPOSITIONS", "as_calls"]

#: How a call ends, in words of the CDR specification.
DISPOSITIONS = "ANSWERED|NO ANSWER|BUSY|FAILED|CONGESTION|CANCEL"

_COLUMNS = (
    "accountcode src dst dcontext clid channel dstchannel lastapp lastdata start answer end duration billsec disposition "
    "amaflags uniqueid userfield"
)


def as_calls(lines: pl.DataFrame) -> pl.DataFrame:
    """Return ``lines`` (``raw_row``, ``body`` …) with the columns of a call."""
    fields = csv.read(lines.get_column("body").str.strip_chars(), columns=_COLUMNS.split())
    return lines.hstack(fields)


def _ecs() -> dict[str, pl.Expr]:
    """Return the ECS columns of a call; what was dialled is a destination, not an address."""
    is_answered = pl.col("disposition") == "ANSWERED"
    return {
        "host.name": pl.col("sender"),
        "event.kind": pl.lit("event"),
        "event.category": pl.lit(["network", "session"]),
        "event.type": pl.lit(["connection", "end"]),
        "event.action": pl.lit("call"),
        "event.outcome": pl.when(is_answered).then(pl.lit("success")).otherwise(pl.lit("failure")),
        "event.reason": pl.col("disposition"),
        "event.duration": nanoseconds(pl.col("duration")),
        "observer.vendor": pl.lit("Sangoma"),
        "observer.product": pl.lit("Asterisk"),
        "observer.type": pl.lit("telephony"),
        "network.name": words(pl.col("dcontext")),
        "session.id": words(pl.col("uniqueid")),
        "source.user.name": words(pl.col("src")),
        "destination.user.name": words(pl.col("dst")),
    }


CALLS = Making(
    dataset="asterisk.cdr",
    log_sources=(LogSource("asterisk", "", "cdr"),),
    ecs=_ecs(),
    own={name: pl.col(name) for name in _COLUMNS.split()},
    words=("disposition", "dcontext"),
)
