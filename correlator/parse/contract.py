"""What a parser is: the contract every module of ``parsers/`` keeps.

A parser module has one public name, ``PARSER``; the listing of the folder is the catalogue. A parser is a pure function of
the raw frame: no file, no clock, no setting but the columns of the row. The engine finds it, routes records to it,
completes multi-line records before it, stamps identity after it and checks that every row has exactly one fate.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import polars as pl

from correlator.model.logsource import LogSource
from correlator.model.reject import Reason

__all__ = [
    "TIME_ZONE",
    "Assembly",
    "Continuation",
    "Header",
    "Keyed",
    "LogSource",
    "Maturity",
    "Parsed",
    "Parser",
    "Reason",
    "Signature",
    "empty_rejects",
    "rejects_of",
    "skipped_of",
]  # fmt: skip

#: Optional column of the raw frame: IANA zone of times without offset, from the source's settings.
TIME_ZONE = "time_zone"


class Maturity(StrEnum):
    """How far a parser can be trusted."""

    PROVED = "proved on real logs"
    DOCUMENTED = "from documentation"
    UNPROVED = "unproved"


@dataclass(frozen=True, slots=True)
class Signature:
    """How to recognise a parser's records among all others.

    ``pattern`` is a Rust regex searched in the first 4 KiB of the record; every text of ``literals`` must also be there.
    Lower ``rank`` is asked first: 10 a product's own mark, 30 a family, 50 a general carrier, 90 a fallback such as JSON.

    The others are for speed and change nothing. Of the regexes ``any_of``, and of the plain texts ``any_text``, one at least
    is found wherever the pattern is. Where all regexes of one tuple of ``marks`` are found, so is the pattern; a text that
    holds the literals and begins with ``sure`` has it too (a regex of ASCII classes, which Python and Rust read alike).

    ``tags``: programs, lower case, that quote strangers (user names, hosts that introduce themselves). A line whose syslog tag
    is one of them is this parser's, before any rank, so that no stranger can pass it off as another product's.
    """

    pattern: str
    rank: int = 50
    literals: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    marks: tuple[tuple[str, ...], ...] = ()
    any_text: tuple[str, ...] = ()
    sure: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Header:
    r"""Records that need a header said once per stream (CSV, W3C, Zeek): the record becomes ``<header>\n<line>``.

    ``pattern`` recognises a header line; a later header line replaces it. Where a header has several lines, ``opens``
    recognises the first: other header lines are added to it, each on a line of its own. ``quoted``: a value in quotes may
    hold line breaks, a record goes on until its quotes are closed.
    """

    pattern: str
    opens: str = ""
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Continuation:
    """Records of several lines: a line that does not match ``start`` is joined to the record before it."""

    start: str
    max_lines: int = 500


@dataclass(frozen=True, slots=True)
class Keyed:
    """Records of several lines that share a key and may interleave (auditd).

    ``key`` is a regex whose first group is the key; a line that matches ``close`` ends its group; a group is also closed
    after ``max_age_s`` seconds of its stream's time or when ``max_open`` groups began after it, and flagged incomplete. The
    stream's time is the Unix time in a group of ``key`` named ``time``, if there is one, else the time of reception.
    """

    key: str
    close: str
    max_age_s: float = 2.0
    max_open: int = 4096


Assembly = Header | Continuation | Keyed


@dataclass(frozen=True, slots=True)
class Parsed:
    """What became of a raw frame: every row is in exactly one of the three, the engine checks.

    ``events``: frames, each with the columns of ``model.event.PARSED``, then ECS columns (dtype of ``model.event.ECS``),
    then own names (text or list of text). ``rejects``: ``raw_row`` (u32), ``reason`` (a ``Reason``). ``skipped``: the
    ``raw_row`` of blank lines and directives.
    """

    events: tuple[pl.DataFrame, ...]
    rejects: pl.DataFrame
    skipped: pl.Series


@dataclass(frozen=True, slots=True)
class Parser:
    """One log source: how to recognise it, how to complete its records, how to read them.

    ``parse(raw, want)`` gets RAW columns plus ``raw_row`` (u32) and ``time_zone``; ``want`` names the own fields that
    somebody needs (None: all). ``fields`` maps the fields the parser may give to their dtype (``Parameters.*`` or ``*``:
    own names that the source decides); ``required`` those that make a record count as parsed. ``log_sources`` lists every
    Sigma log source it can feed.

    ``carries(raw)`` is for containers that hold what other programs wrote (a journal): per row the line as its sender would
    have sent it, null where there is none. The parser that claims that line reads it; what nobody claims is read here.
    """

    name: str
    log_sources: tuple[LogSource, ...]
    signature: Signature
    maturity: Maturity
    fields: Mapping[str, pl.DataType]
    parse: Callable[[pl.DataFrame, frozenset[str] | None], Parsed]
    required: tuple[str, ...] = ()
    assembly: Assembly | None = field(default=None)
    carries: Callable[[pl.DataFrame], pl.Series] | None = None


def empty_rejects() -> pl.DataFrame:
    """Return a rejects frame without rows."""
    return pl.DataFrame(schema={"raw_row": pl.UInt32, "reason": pl.String})


def rejects_of(raw: pl.DataFrame, reason: Reason) -> pl.DataFrame:
    """Return a rejects frame that refuses every row of ``raw`` for ``reason``."""
    return raw.select("raw_row", pl.lit(str(reason)).alias("reason"))


def skipped_of(raw: pl.DataFrame) -> pl.Series:
    """Return the ``raw_row`` of every row of ``raw``, as the skipped rows of a ``Parsed``."""
    return raw.get_column("raw_row")
