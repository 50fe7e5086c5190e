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


#: What each reason means to the person who reads it, and what helps.
MEANING = {
    Reason.TOO_LONG: "it is over the limit of its door; only the source has the rest. Raise max_message_kib, or log less.",
    Reason.DAMAGED: "the file it stands in is broken at this place; only the source has it. Copy the file again.",
    Reason.NO_PARSER: "no parser recognises it. Declare the parser of its source, or write one: docs/adding-a-parser.md.",
    Reason.MALFORMED: "its parser knows the product and cannot read this line: cut on its way, or a new version's format.",
    Reason.MISSING_FIELD: "a field without which its parser does not count it as understood is absent.",
    Reason.BAD_TIME: "it has a time that cannot be read. Look at time_zone and parser of its source.",
    Reason.TOO_DEEP: "it nests deeper, or has more names, than its parser takes.",
    Reason.NOT_TEXT: "it is binary.",
    Reason.POISON: "reading it made Tocsin fail. Please report it: this is our fault.",
}
