"""Findings that a mute hides are kept from triage and counted. Correlations have seen them before: a mute blinds nothing.

What a mute asks of an event's own fields is answered by whoever has a Sigma engine: ``Fits``.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from ipaddress import ip_address, ip_network

import polars as pl

from correlator.model.mute import Scope, Weekly, pattern_of

#: Findings (frame FINDING, all of one rule) and a scope → whether the event of each has what ``scope.fields`` ask.
Fits = Callable[[pl.DataFrame, Scope], pl.Series]
_ONE_WINDOW = timedelta(hours=24)


def nothing_fits(findings: pl.DataFrame, scope: Scope) -> pl.Series:
    """Answer for whoever has no Sigma engine: a mute that cannot be judged hides nothing."""
    del scope
    return pl.Series([False] * findings.height, dtype=pl.Boolean)


def hide(findings: pl.DataFrame, scopes: Mapping[str, Scope], fits: Fits = nothing_fits) -> tuple[pl.DataFrame, dict[str, int]]:
    """Return ``findings`` (frame FINDING) without those that a scope hides, and how many each scope hid, by its key.

    A finding that several scopes hide counts for each of them.
    """
    if not scopes or findings.is_empty():
        return findings, {}
    marks = {key: hidden_by(findings, scope, fits) for key, scope in scopes.items()}
    gone = pl.DataFrame(list(marks.values())).select(pl.any_horizontal(pl.all())).to_series()
    counts = {key: int(mark.sum()) for key, mark in marks.items()}
    return findings.filter(~gone), {key: count for key, count in counts.items() if count}


def hidden_rows(findings: pl.DataFrame, scopes: Iterable[Scope], fits: Fits = nothing_fits) -> pl.DataFrame:
    """Return those of ``findings`` that one of ``scopes`` hides."""
    gone = pl.Series([False] * findings.height, dtype=pl.Boolean)
    for scope in scopes:
        gone |= hidden_by(findings, scope, fits)
    return findings.filter(gone)


def hidden_by(findings: pl.DataFrame, scope: Scope, fits: Fits = nothing_fits) -> pl.Series:
    """Return for each of ``findings`` whether ``scope`` hides it."""
    if scope.is_open or findings.is_empty():
        return pl.Series(f"{id(scope)}", [False] * findings.height, dtype=pl.Boolean)
    hidden = plainly(findings, scope).alias(f"{id(scope)}")
    if scope.abouts and hidden.any():
        hidden &= _about(findings, scope)
    if scope.fields and hidden.any():
        places = hidden.arg_true()
        kept = places.filter(fits(findings[places], scope))
        hidden = pl.Series(hidden.name, pl.int_range(findings.height, eager=True).is_in(kept.implode()))
    return hidden


def plainly(findings: pl.DataFrame, scope: Scope) -> pl.Series:
    """Return for each of ``findings`` whether its columns say that ``scope`` may hide it: rule, commune, time."""
    return findings.with_columns(_said_by_columns(scope).alias("\0hidden")).get_column("\0hidden")


def _said_by_columns(scope: Scope) -> pl.Expr:
    tests = [pl.lit(value=True)]
    if scope.rule_id:
        tests.append(pl.col("rule.id") == scope.rule_id)
    if scope.commune:
        tests.append((pl.col("communes").list.len() == 1) & (pl.col("communes").list.first() == scope.commune))
    if scope.fields:
        tests.append(pl.col("document").is_not_null())
    if scope.since is not None:
        tests.append(pl.col("first") >= scope.since)
    if scope.until is not None:
        tests.append(pl.col("last") < scope.until)
    if scope.weekly is not None:
        tests += [_within("first", scope.weekly), _within("last", scope.weekly)]
        tests.append(pl.col("last") - pl.col("first") < _ONE_WINDOW)
    return pl.all_horizontal(tests).fill_null(value=False)


def _within(column: str, weekly: Weekly) -> pl.Expr:
    local = pl.col(column).dt.convert_time_zone(weekly.zone)
    spans = [
        (local.dt.weekday() == day) & local.dt.hour().is_between(start, end, closed="left") for day, start, end in weekly.spans
    ]
    return pl.any_horizontal(spans)


def _about(findings: pl.DataFrame, scope: Scope) -> pl.Series:
    """Return which findings bear one of the scope's observables; each distinct one is compared once."""
    numbered = findings.select("observables").with_row_index("row").explode("observables", empty_as_null=True)
    seen = (
        numbered.drop_nulls("observables").unnest("observables").select("row", "kind", value=pl.col("value").str.to_lowercase())
    )
    distinct = seen.select("kind", "value").unique().drop_nulls()
    named = [is_about(kind, value, scope) for kind, value in distinct.iter_rows()]
    rows = seen.join(distinct.filter(pl.Series(named, dtype=pl.Boolean)), on=["kind", "value"], how="semi").get_column("row")
    return pl.int_range(findings.height, eager=True).is_in(rows.unique().cast(pl.Int64).implode())


def is_about(kind: str, value: str, scope: Scope) -> bool:
    """Say whether the observable (``kind``, ``value`` in lower case) is one that ``scope`` is about."""
    return any(wanted == kind and _same(kind, pattern, value) for wanted, pattern in scope.abouts)


def _same(kind: str, pattern: str, value: str) -> bool:
    if kind == "ip" and "/" in pattern:
        try:
            return ip_address(value) in ip_network(pattern, strict=False)
        except ValueError:
            return False
    if "*" not in pattern:
        return pattern.lower() == value
    return bool(pl.Series([value]).str.contains(pattern_of(pattern)).item())
