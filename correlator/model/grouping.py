"""What groups a finding, as keys (lane, kind, value): the store looks them up, triage joins by them.

Beside strong observables there are the rule itself (for findings without any), the suppression key of a rule, a maintenance
window, and the risk of an entity. Each kind has its own gap.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import polars as pl

from correlator.model.entity import entity_key, names_nobody
from correlator.model.finding import severity_column
from correlator.model.observable import COLUMNS
from correlator.model.outcome import TriageSettings
from correlator.model.policy import APART, PLANNED, RISKY, SAME, Suppression, Window
from correlator.model.raw import UTC_TIME
from correlator.model.severity import Severity

KEY = ["lane", "kind", "value"]
_LINK = ["row", *KEY, "first", "last"]
_EVER = timedelta(days=36_500)
_PART = 120  # characters of one value in a suppression key
_ABSENT = "∅"  # a field that is not there is a value of its own


def filled(findings: pl.DataFrame, now: datetime, windows: Sequence[Window]) -> pl.DataFrame:
    """Return ``findings`` with ``severity``, without holes that would stop the grouping, and with ``window``.

    ``window`` names the occurrence of planned work that the whole finding lies in (null: none); ``apart`` is its lane for
    events, which join nothing then.
    """
    first = pl.coalesce("first", "last", pl.lit(now, UTC_TIME))
    known = findings.with_columns(severity_column(), first.alias("first"), pl.max_horizontal(first, "last").alias("last"))
    found = known.with_columns(_window(known, windows).alias("window"))
    apart = pl.when(pl.col("window").is_null()).then("lane").otherwise(pl.col("lane") + APART)
    return found.with_columns(apart.alias("apart"))


def _window(known: pl.DataFrame, windows: Sequence[Window]) -> pl.Expr:
    """Return the first occurrence that holds a finding below critical; nothing for most batches."""
    span = known.select(pl.col("first").min().alias("from"), pl.col("last").max().alias("to"))
    first, last = span.row(0) if known.height else (None, None)
    if first is None or last is None:
        return pl.lit(None, pl.String)
    tests = [
        pl.when(_holds(window, start, end)).then(pl.lit(f"{window.id}|{start:%Y-%m-%dT%H:%M}"))
        for window in windows
        for start, end in window.occurrences(first, last)
    ]
    return pl.coalesce(*tests, pl.lit(None, pl.String)) if tests else pl.lit(None, pl.String)


def _holds(window: Window, start: datetime, end: datetime) -> pl.Expr:
    tests = [
        pl.col("severity") < int(Severity.CRITICAL),
        pl.col("first") >= pl.lit(start, UTC_TIME),
        pl.col("last") <= pl.lit(end, UTC_TIME),
    ]
    if window.rule_id:
        tests.append(pl.col("rule.id") == window.rule_id)
    if window.commune:
        tests.append((pl.col("communes").list.len() == 1) & (pl.col("communes").list.first() == window.commune))
    if window.value:
        tests.append(pl.col("observables").list.eval(_names(window.kind, window.value.lower())).list.any())
    return pl.all_horizontal(tests).fill_null(value=False)


def _names(kind: str, value: str) -> pl.Expr:
    """Say whether an observable is this thing, with or without its domain."""
    part = pl.element().struct
    written = part["value"].str.to_lowercase()
    same = written == value
    if kind == "host":
        same |= written.str.starts_with(f"{value}.")
    if kind == "user":
        same |= written.str.starts_with(f"{value}@") | written.str.ends_with(f"\\{value}")
    return (part["kind"] == kind) & same


def strong_keys(findings: pl.DataFrame) -> pl.DataFrame:
    """Return the distinct keys of the strong observables of ``findings``."""
    exploded = findings.select("lane", "observables").explode("observables").drop_nulls("observables").unnest("observables")
    keyed = exploded.filter("strong").with_columns(entity_key().alias("key"))
    named = keyed.filter(~names_nobody(pl.col("key")) & (pl.col("key") != ""))
    return named.select("lane", "kind", pl.col("key").alias("value")).drop_nulls().unique()


def planned_links(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the links of findings in maintenance windows; ``rows`` have ``row`` and ``window``."""
    inside = rows.filter(pl.col("window").is_not_null())
    return inside.with_columns(pl.lit(PLANNED).alias("kind"), pl.col("window").alias("value")).select(_LINK)


def same_links(rows: pl.DataFrame, suppress: Mapping[str, Suppression]) -> pl.DataFrame:
    """Return the links of findings of suppressed rules that are not in a window: equal values of the rule's fields."""
    open_rows = rows.filter(pl.col("window").is_null() & pl.col("rule.id").is_in(list(suppress)))
    links = [pl.DataFrame(schema={name: rows.schema.get(name, pl.String()) for name in _LINK})]
    for (rule,), part in open_rows.partition_by("rule.id", as_dict=True).items():
        values = [_field(name).str.head(_PART) for name in suppress[str(rule)].by]
        value = pl.concat_str(pl.lit(str(rule)), *values, separator="|")
        links.append(part.with_columns(pl.lit(SAME).alias("kind"), value.alias("value")).select(_LINK))
    return pl.concat(links)


def _field(name: str) -> pl.Expr:
    """Return the value of an event field: from the document, else (hits have none) from the observable it became."""
    path = name.replace("\\", "\\\\").replace("'", "\\'")
    seen = [(column.kind, column.role) for column in COLUMNS if column.column == name]
    part = pl.element().struct
    borne = [
        pl.col("observables")
        .list.eval(pl.element().filter((part["kind"] == kind) & (part["role"] == role)).struct["value"])
        .list.sort()
        .list.first()
        for kind, role in seen
    ]
    written = pl.col("document").str.json_path_match(f"$['{path}']")
    return pl.coalesce(written, *borne, pl.lit(_ABSENT)).str.to_lowercase()


def gap_column(settings: TriageSettings) -> pl.Expr:
    """Return how far apart findings with the key (kind, value) may be."""
    periods = {rule: one.period for rule, one in settings.policies.suppress.items()}
    rule = pl.col("value").str.split("|").list.first()
    usual = pl.lit(settings.gap, pl.Duration("us"))
    same = rule.replace_strict(periods, default=settings.gap, return_dtype=pl.Duration("us")) if periods else usual
    return (
        pl.when(pl.col("kind") == SAME).then(same)
        .when(pl.col("kind") == PLANNED).then(pl.lit(_EVER, pl.Duration("us")))
        .when(pl.col("kind") == RISKY).then(pl.lit(timedelta(days=settings.risk.window), pl.Duration("us")))
        .when(pl.col("kind") == "host").then(pl.lit(min(settings.host_gap, settings.gap), pl.Duration("us")))
        .otherwise(usual)
        .alias("gap")
    )  # fmt: skip
