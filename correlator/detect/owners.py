"""Whose each observable is: its own commune, which need not be the commune of the event that shows it."""

import polars as pl

from correlator.model.estate import SHARED, UNATTRIBUTED
from correlator.model.observable import OBSERVABLE, OUTSIDE, Owner

_FIELDS = [field.name for field in OBSERVABLE.fields]


def nobody(_kind: str, _value: str) -> str | None:
    """Return None: without an estate every observable belongs where it was seen."""
    return None


def with_owners(detections: pl.DataFrame, owner: Owner) -> pl.DataFrame:
    """Return ``detections`` with the commune of every observable.

    What ``owner`` does not know is local to the event and bears the event's commune. Only what the estate says is shared is
    ``shared``: in a shared event an unknown account or machine is ``unattributed``, because it may be any commune's; what
    belongs to the outside world bears the event's commune in any case. ``owner`` is asked once per distinct value.
    """
    found = detections.select(pl.col("commune").alias("event.commune"), "observables").with_row_index("row")
    seen = found.explode("observables", empty_as_null=False).drop_nulls("observables").unnest("observables")
    if seen.is_empty():
        return detections
    answered = seen.join(_answers(seen, owner), on=["kind", "value"], how="left", maintain_order="left")
    owned = answered.with_columns(_commune().alias("commune"))
    lists = owned.group_by("row", maintain_order=True).agg(pl.struct(_FIELDS).alias("observables"))
    joined = found.select("row").join(lists, on="row", how="left", maintain_order="left")
    return detections.with_columns(joined.get_column("observables").fill_null(pl.lit([], pl.List(OBSERVABLE))))


def _answers(seen: pl.DataFrame, owner: Owner) -> pl.DataFrame:
    distinct = seen.select("kind", "value").unique()
    answers = [owner(kind, value) for kind, value in distinct.iter_rows()]
    return distinct.with_columns(pl.Series("answer", answers, dtype=pl.String))


def _commune() -> pl.Expr:
    event, answer = pl.col("event.commune"), pl.col("answer")
    local = pl.when(event != SHARED).then(event)
    said = pl.when(answer == OUTSIDE).then(event).when(answer.is_not_null()).then(answer)
    return pl.coalesce(said, local, pl.lit(UNATTRIBUTED))
