"""Detections, and the hits of member correlations, as rows of a correlation's groups. Vectorised."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from correlator.correlate.rule import CorrelationRule, Kind
from correlator.correlate.state import ROWS
from correlator.correlate.window import Span
from correlator.model.observable import OBSERVABLE

#: The lane of correlations that look at all communes together.
CROSS = "cross"


def needed_above(rules: Sequence[CorrelationRule]) -> dict[str, frozenset[str]]:
    """Return, per correlation, the event fields that the correlations above it ask of its events."""
    needs: dict[str, frozenset[str]] = {rule.id: frozenset() for rule in rules}
    for rule in reversed(rules):  # members come before who refers to them
        for member in rule.members:
            if member.correlation:
                asked = {member.field_of(name) for name in (*rule.group_by, *rule.fields)}
                needs[member.id] |= asked | needs[rule.id]
    return needs


def from_detections(
    rule: CorrelationRule, detections: pl.DataFrame, above: frozenset[str], *, crossing: bool
) -> tuple[pl.DataFrame, int]:
    """Return ROWS of ``rule`` for the detections of its members, and how many had no group.

    ``above`` names event fields to carry along for the correlations above; ``crossing`` says that the lane over all
    communes needs the rule.
    """
    slots = {member.id: slot for slot, member in enumerate(rule.members) if not member.correlation}
    mine = detections.filter(pl.col("rule.id").is_in(list(slots))).with_columns(
        pl.col("rule.id").replace_strict(slots, default=None, return_dtype=pl.UInt16).alias("slot"),
        pl.col("commune").fill_null("unattributed"),
    )
    observables = pl.col("observables") if "observables" in mine.columns else pl.lit(None, dtype=pl.List(OBSERVABLE))
    rows = mine.select(
        pl.lit(CROSS).alias("lane") if rule.cross else pl.col("commune").alias("lane"),
        _key(rule.group_by, [_of_member(rule, name, mine) for name in rule.group_by]).alias("group"),
        "slot",
        "event.id",
        "@timestamp",
        pl.lit(value=True).alias("mark"),
        pl.lit(value=True).alias("evidence"),
        _value(rule, mine).alias("value"),
        _fields(above, mine).alias("fields"),
        "commune",
        observables.cast(pl.List(OBSERVABLE)).alias("observables"),
    )
    grouped = rows.filter(pl.col("group").is_not_null())
    left_out = rows["event.id"].n_unique() - grouped["event.id"].n_unique()
    both = [grouped, grouped.with_columns(pl.lit(CROSS).alias("lane"))] if crossing and not rule.cross else [grouped]
    return pl.concat(both).cast(ROWS), left_out


def from_spans(  # noqa: D417 - the types say the rest
    outer: CorrelationRule,
    inner: CorrelationRule,
    rows: pl.DataFrame,
    spans: Mapping[tuple[str, str], Sequence[Span]],
    above: frozenset[str],
) -> pl.DataFrame:
    """Return ROWS of ``outer`` for satisfied windows of its member ``inner``.

    Args:
        rows: the rows of ``inner`` that ``Span.rows`` point into.
        spans: (lane, group of inner) → its spans.

    A hit of ``inner`` is seen by each group of ``outer`` that one of its events belongs to: those events are evidence, and
    each end of a satisfied window that holds one of them is a mark. For a value_count the events themselves are marks.
    """
    slot = outer.rules.index(inner.id)
    points = [(number, row.at) for number, span in enumerate(_flat(spans)) for row in span.rows]
    used = pl.DataFrame(points, schema={"span": pl.UInt32, "at": pl.UInt32}, orient="row").join(
        rows.with_row_index("at"), on="at", maintain_order="left"
    )
    fields = _decoded(used, inner, outer, slot, above)
    counted = outer.kind is Kind.VALUE_COUNT
    evidence = fields.with_columns(
        _key(outer.group_by, [_text(fields, _own(outer.members[slot].field_of(name))) for name in outer.group_by]).alias(
            "group"
        ),
        pl.lit(slot).alias("slot"),
        pl.lit(counted).alias("mark"),
        pl.lit(value=True).alias("evidence"),
        (
            _pair([_text(fields, _own(outer.members[slot].field_of(name))) for name in outer.fields]) if counted else _nothing()
        ).alias("value"),
        (
            pl.struct([pl.col(_own(name)).alias(name) for name in sorted(above)]).struct.json_encode() if above else _nothing()
        ).alias("fields"),
    ).filter(pl.col("group").is_not_null())
    frames = [evidence.select(list(ROWS)).cast(ROWS)]
    if not counted:
        frames.append(_marks(evidence, [span.ends for span in _flat(spans)], inner.reach))
    return pl.concat(frames)


def _flat(spans: Mapping[tuple[str, str], Sequence[Span]]) -> list[Span]:
    return [span for found in spans.values() for span in found]


def _marks(evidence: pl.DataFrame, ends: Sequence[Sequence[int]], reach: int) -> pl.DataFrame:
    """Return a mark for each end of a satisfied window of ``inner`` that holds an event of an outer group."""
    held = evidence.group_by("span", "lane", "group", "slot", maintain_order=True).agg(
        pl.col("@timestamp").to_physical().sort()
    )
    marks = [
        (lane, group, slot, end)
        for span, lane, group, slot, times in held.iter_rows()
        for end in ends[span]
        if (at := bisect_right(times, end)) and times[at - 1] >= end - reach
    ]
    found = pl.DataFrame(
        marks, schema={"lane": pl.String, "group": pl.String, "slot": pl.UInt16, "@timestamp": pl.Int64}, orient="row"
    )
    rest = {name: pl.lit(None, dtype=dtype) for name, dtype in ROWS.items() if name not in found.columns}
    return found.with_columns(
        **{**rest, "event.id": pl.lit(""), "mark": pl.lit(value=True), "evidence": pl.lit(value=False)}
    ).select([pl.col(name).cast(dtype) for name, dtype in ROWS.items()])


# -- fields of a row as text --------------------------------------------------------------------------------------------


def _nothing() -> pl.Expr:
    return pl.lit(None, dtype=pl.String)


def _own(name: str) -> str:
    """Return the column name of an event field beside the reserved columns of rows."""
    return f"field {name}"


def _text(frame: pl.DataFrame, name: str) -> pl.Expr:
    """Return a column as text; a list as its members joined; an absent one as null."""
    if name not in frame.columns:
        return _nothing()
    if isinstance(frame.schema[name], pl.List):
        joined = pl.col(name).cast(pl.List(pl.String)).list.join(", ")
        return pl.when(pl.col(name).list.len() > 0).then(joined)
    return pl.col(name).cast(pl.String)


def _of_member(rule: CorrelationRule, name: str, detections: pl.DataFrame) -> pl.Expr:
    """Return the field that ``name`` means for each detection: aliases differ by member."""
    fields = {slot: member.field_of(name) for slot, member in enumerate(rule.members)}
    if len(set(fields.values())) == 1:
        return _text(detections, fields[0])
    choices = [pl.when(pl.col("slot") == slot).then(_text(detections, field)) for slot, field in fields.items()]
    return pl.coalesce(choices)


def _key(names: Iterable[str], texts: Sequence[pl.Expr]) -> pl.Expr:
    """Return a group as a JSON object of folded texts; null when one of them is."""
    if not texts:
        return pl.lit("{}")
    columns = [text.str.to_lowercase().alias(name) for name, text in zip(names, texts, strict=True)]
    return pl.when(~pl.any_horizontal([text.is_null() for text in texts])).then(pl.struct(columns).struct.json_encode())


def _pair(texts: Sequence[pl.Expr]) -> pl.Expr:
    """Return what value_count counts: the folded value, or the tuple of them; null when one of them is."""
    return _key([str(number) for number in range(len(texts))], texts)


def _value(rule: CorrelationRule, detections: pl.DataFrame) -> pl.Expr:
    return _pair([_of_member(rule, name, detections) for name in rule.fields]) if rule.fields else _nothing()


def _fields(above: frozenset[str], detections: pl.DataFrame) -> pl.Expr:
    if not above:
        return _nothing()
    return pl.struct([_text(detections, name).alias(name) for name in sorted(above)]).struct.json_encode()


def _decoded(
    used: pl.DataFrame, inner: CorrelationRule, outer: CorrelationRule, slot: int, above: frozenset[str]
) -> pl.DataFrame:
    """Return ``used`` with a column per event field that ``outer`` and those above it need; group values of ``inner`` win."""
    member = outer.members[slot]
    names = sorted({*above, *(member.field_of(name) for name in (*outer.group_by, *outer.fields))})
    from_group = pl.Struct(dict.fromkeys(inner.group_by, pl.String))
    from_event = pl.Struct(dict.fromkeys(names, pl.String))

    def one(name: str) -> pl.Expr:
        column, dtype = ("group", from_group) if name in inner.group_by else ("fields", from_event)
        return pl.col(column).str.json_decode(dtype).struct.field(name).alias(_own(name))

    return used.with_columns([one(name) for name in names])
