"""Findings that a mute hides are kept from triage and counted. Correlations have seen them before: a mute blinds nothing."""

from collections.abc import Iterable, Mapping

import polars as pl

from correlator.model.mute import Scope


def hide(findings: pl.DataFrame, scopes: Mapping[str, Scope]) -> tuple[pl.DataFrame, dict[str, int]]:
    """Return ``findings`` (frame FINDING) without those that a scope hides, and how many each scope hid, by its key.

    A finding that several scopes hide counts for each of them.
    """
    if not scopes or findings.is_empty():
        return findings, {}
    marked = findings.with_columns(_hidden_by(scope).alias(f"\0{key}") for key, scope in scopes.items())
    columns = [f"\0{key}" for key in scopes]
    counts = marked.select(pl.col(columns).sum()).row(0)
    kept = findings.filter(~marked.select(pl.any_horizontal(columns)).to_series())
    return kept, {key: count for key, count in zip(scopes, counts, strict=True) if count}


def hidden_rows(findings: pl.DataFrame, scopes: Iterable[Scope]) -> pl.DataFrame:
    """Return those of ``findings`` that one of ``scopes`` hides."""
    return findings.filter(pl.any_horizontal(pl.lit(value=False), *map(_hidden_by, scopes)))


def _hidden_by(scope: Scope) -> pl.Expr:
    if scope.is_open:
        return pl.lit(value=False)
    tests = [pl.lit(value=True)]
    if scope.rule_id:
        tests.append(pl.col("rule.id") == scope.rule_id)
    if scope.commune:
        tests.append((pl.col("communes").list.len() == 1) & (pl.col("communes").list.first() == scope.commune))
    if scope.value:
        part = pl.element().struct
        named = (part["kind"] == scope.kind) & (part["value"].str.to_lowercase() == scope.value.lower())
        tests.append(pl.col("observables").list.eval(named).list.any())
    return pl.all_horizontal(tests).fill_null(value=False)
