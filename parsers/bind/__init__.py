r"""BIND 9 (``named`` 9.11 to 9.20, and Infoblox NIOS, which is built on it): queries, refusals, updates, transfers, RPZ.

How to send it here, in ``named.conf``; each category may go to syslog or to a file that a forwarder follows::

    logging {
        channel tocsin { syslog local5; severity info; print-category yes; print-severity yes; };
        category queries { tocsin; };    category query-errors { tocsin; };  category security { tocsin; };
        category update { tocsin; };     category update-security { tocsin; }; category xfer-in { tocsin; };
        category xfer-out { tocsin; };   category rpz { tocsin; };           category rate-limit { tocsin; };
        category default { tocsin; };
    };

Any of ``print-time`` (``yes``, ``iso8601``, ``iso8601-utc``, ``iso8601-tzinfo``), ``print-category`` and ``print-severity`` may
be on or off, in a file or behind a syslog header. A line of a file that has a time but neither category nor severity is only
recognised by its sentence: declare the parser for such a source. Times without offset are local to the source.

Reference: *BIND 9 Administrator Reference Manual*, "logging Block Definition and Usage". Not read: dnstap (binary), the
statistics channel, ``named`` started with ``-d`` beyond what the sentences below say.

Queries feed ``category: dns``: ``query`` (lower case, without final dot, escapes as BIND writes them), ``record_type``, and
``answer`` where NIOS or the ``responses`` category says one. ``source.ip`` is the client, ``destination.ip`` the address it
asked. An RPZ rewrite is ``denied``, a ``PASSTHRU`` ``allowed``.

About 100,000 to 160,000 lines per CPU-second, not 200,000: a syslog header is read first, then sentences are tried in turn.
"""

import polars as pl

from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats import dns
from correlator.parse.formats.programs import Program, declared, read_programs
from correlator.parse.formats.tagged import tagged
from correlator.parse.times import to_utc, zone_of
from parsers.bind.sentences import LOG_SOURCES, SENTENCES

__all__ = ["PARSER"]

_CATEGORIES = (
    "client|cname|config|database|default|delegation-only|dispatch|dnssec|dnstap|edns-disabled|general|lame-servers|network|"
    "notify|nsid|queries|query-errors|rate-limit|resolver|responses|rpz|rpz-passthru|security|serve-stale|spill|sslkeylog|"
    "trust-anchor-telemetry|unmatched|update|update-security|update-policy|xfer-in|xfer-out|zoneload|drop"
)
_LEVELS = "critical|error|warning|notice|info|dynamic|debug(?: [0-9]+)?"
_STAMP = (
    r"[0-9]{2}-[A-Z][a-z]{2}-[0-9]{4} [0-9:.]{8,15}"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_PRINTED = (
    rf"(?s)^\s*(?:(?P<stamp>{_STAMP}) )?(?:(?P<category>{_CATEGORIES}): )?(?:(?P<level>{_LEVELS}): )?"
    r"(?P<said>.*)$"
)
_BEGINS = (
    r"client (?:@0x[0-9a-f]+ )?[0-9A-Fa-f.:]+(?:%\w+)?#[0-9]|zone [^\s/]+/[A-Z]+|transfer of '|received notify|"
    r"rate limit |(?:stop )?limit(?:ing)? |error \([^)]*\) resolving |(?:FORMERR|SERVFAIL|REFUSED|lame server) resolving |"
    r"managed-keys-zone|validating |starting BIND|all zones loaded|reloading configuration|listening on IPv|resolver priming"
)
#: A line of a file: a printed time, then a category, a severity or a sentence of BIND's.
_FILE = rf"^\s*(?:{_STAMP}) (?:(?:{_CATEGORIES}): |(?:{_LEVELS}): |{_BEGINS})"
_BARE = rf"^\s*(?:(?:{_CATEGORIES}): (?:(?:{_LEVELS}): )?(?:{_BEGINS})|client @0x[0-9a-f]+ [0-9A-Fa-f.:]+#[0-9]+ \()"
_NAMES = ("named", "named-sdb", "named-pkcs11")
_FILES = rf"{_FILE}|{_BARE}"
_LAYOUTS = ("%d-%b-%Y %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f")
_SEVERITIES = {"critical": 95, "error": 75, "warning": 50, "notice": 25, "info": 10, "debug": 10}
_LABELS = {"info": "information"}


def _parse(raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    """Return one event per line of named."""
    zone = zone_of(raw)
    return read_programs(raw, want, _PROGRAMS, file=_FILES, changed=lambda lines: _printed(lines, zone))


def _printed(lines: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Return the lines without the time, category and severity that channels print, which become columns."""
    printed = lines.get_column("text").str.extract_groups(_PRINTED).struct.unnest()
    stamps = printed.get_column("stamp")
    level = printed.get_column("level").str.extract(r"^([a-z]+)")
    moments = lines.get_column("moment") if stamps.null_count() == stamps.len() else _moments(lines, stamps, zone)
    return lines.with_columns(
        printed.get_column("said").str.strip_chars_end("\r\n ").alias("text"),
        moments.alias("moment"),
        printed.get_column("category").alias("bind.category"),
        level.replace(_LABELS).alias("log.level"),
        level.replace_strict(_SEVERITIES, default=None, return_dtype=pl.Int64).alias("event.severity"),
    )


def _moments(lines: pl.DataFrame, stamps: pl.Series, zone: str) -> pl.Series:
    """Return the time printed in the line, else that of its header."""
    told = pl.select(to_utc(pl.lit(stamps), _LAYOUTS, zone=zone)).to_series()
    return told.zip_with(stamps.is_not_null(), lines.get_column("moment"))


def _answers() -> pl.Expr:
    """Return the data of the answers NIOS writes behind a question: ``www.example.org. 60 IN A 192.0.2.20; …``."""
    said = pl.col("answer").str.extract_all(r" IN [A-Z0-9]+ [^;]+")
    return said.list.eval(pl.element().str.replace(r"^ IN [A-Z0-9]+ ", ""))


_PROGRAMS = (
    Program(
        "bind.named",
        LOG_SOURCES["named"],
        _NAMES,
        SENTENCES,
        says={"observer.vendor": "ISC", "observer.product": "BIND", "observer.type": "dns"},
        again=dns.AGAIN,
        keeps=("bind.category", "log.level", "event.severity"),
        makes={
            "dns.question.name": dns.question_name(pl.col("_name")),
            "dns.question.type": dns.record_type(pl.col("dns.question.type")),
            "dns.answers.data": _answers(),
        },
    ),
)

PARSER = Parser(
    name="bind",
    log_sources=tuple(dict.fromkeys(source for sources in LOG_SOURCES.values() for source in sources)),
    signature=Signature(
        pattern=rf"{tagged(*_NAMES)}|{_FILES}",
        rank=30,
        tags=_NAMES,
        any_text=("named", "client ", ": info: ", ": error: ", ": warning: ", ": notice: ", "zone ", "resolving "),
    ),
    maturity=Maturity.PROVED,
    fields=declared(_PROGRAMS),
    parse=_parse,
)
