"""Connected components: which findings and incidents hang together."""

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

#: One end of a link: ``node`` (u32) was seen with ``key`` (any text). Nodes that share a key hang together.
_LABEL = "label"


def runs(links: pl.DataFrame, gap: timedelta | pl.Expr) -> pl.DataFrame:
    """Return ``links`` (lane, kind, value, first, last, …) with ``run``: links of one observable no further apart than ``gap``.

    ``gap`` may be an expression of kind and value.

    Distance is between intervals, both ends included: a chain of links each within the gap of the next is one run.
    """
    key = ["lane", "kind", "value"]
    ordered = links.sort(*key, "first", "last")
    seen = pl.col("last").cum_max().shift().over(key)
    breaks = seen.is_null() | (pl.col("first") - seen > gap)
    return ordered.with_columns(breaks.cum_sum().cast(pl.UInt32).alias("run"))


def components(nodes: int, phases: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return ``node``, ``label`` for each node 0 … ``nodes`` - 1: the smallest node it hangs together with, in node order.

    Each phase is a frame ``node`` (u32), ``key``; keys of different phases do not meet. Put the phase that joins most first:
    later ones only look at what is still apart. Ten thousand nodes with the same keys cost as much as one: Python sees
    distinct sets of keys, and of those only the ones that join something.
    """
    labels = pl.DataFrame({"node": pl.arange(nodes, eager=True, dtype=pl.UInt32)})
    labels = labels.with_columns(pl.col("node").alias(_LABEL))
    for edges in phases:
        labels = _joined(labels, edges)
    return labels


def _joined(labels: pl.DataFrame, edges: pl.DataFrame) -> pl.DataFrame:
    """Join the labels that share a key."""
    ends = edges.join(labels, on="node").select("key", _LABEL).unique()
    joining = ends.filter(pl.len().over("key") > 1)
    if joining.is_empty():
        return labels
    codes = joining.with_columns(pl.col("key").rank("dense").cast(pl.UInt32).alias("code"))
    signatures = codes.group_by(_LABEL).agg(pl.col("code").sort())
    sets = signatures.get_column("code").unique().to_list()
    roots = pl.DataFrame({"first": pl.Series(_roots(sets), dtype=pl.UInt32)}).with_row_index("code", offset=1)
    group = signatures.with_columns(pl.col("code").list.first()).join(roots, on="code")
    renamed = group.select(_LABEL, pl.col(_LABEL).min().over("first").alias("joined"))
    joined = labels.join(renamed, on=_LABEL, how="left", maintain_order="left")
    return joined.select("node", pl.coalesce("joined", _LABEL).alias(_LABEL))


def _roots(sets: Sequence[Sequence[int]]) -> list[int]:
    """Return the root of each code, 1 to the largest, after joining the codes of every set."""
    parent = list(range(1 + max(max(codes) for codes in sets)))

    def root(code: int) -> int:
        while parent[code] != code:
            parent[code] = parent[parent[code]]
            code = parent[code]
        return code

    for first, *others in sets:
        for other in others:
            parent[root(other)] = root(first)
    return [root(code) for code in range(1, len(parent))]
