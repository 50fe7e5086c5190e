"""REJECT: a record that could not be read, why, and enough of it to try again."""

from enum import StrEnum

import polars as pl

from correlator.model.raw import UTC_TIME

REJECT = pl.Schema(
    {
        "id": pl.String(),
        "source": pl.String(),
        "stream": pl.String(),
        "offset": pl.Int64(),
        "received": UTC_TIME,
        "path": pl.String(),
        "line": pl.Int64(),
        "parser": pl.String(),  # null: no parser claimed it
        "reason": pl.String(),  # one of Reason
        "text": pl.String(),  # whole up to 1 MiB
    }
)


class Reason(StrEnum):
    """Why a record was refused: a closed set, so that it can be a metric label."""

    TOO_LONG = "too_long"  # over 1 MiB
    DAMAGED = "damaged"  # the container (EVTX chunk, gzip member) is broken here
    NO_PARSER = "no_parser"  # no signature claims it
    MALFORMED = "malformed"  # the declared parser cannot read its syntax
    MISSING_FIELD = "missing_field"  # a required field is absent
    BAD_TIME = "bad_time"  # its time cannot be read
    TOO_DEEP = "too_deep"  # nesting or key count over the limit
    NOT_TEXT = "not_text"  # binary
    POISON = "poison"  # reading it made the engine fail: a fault of ours, kept apart so that the rest goes on
