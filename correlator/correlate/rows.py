"""Detections as rows of groups, for all correlations at once: one join, one number per group, no loop over events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import xor

import polars as pl

from correlator.correlate.plan import CROSS, Plan, of
from correlator.correlate.rule import NUMBER
from correlator.correlate.state import DETAILS, KEYS, ROWS, LaneStates
from correlator.model.estate import UNATTRIBUTED
from correlator.model.observable import OBSERVABLE

#: Odd numbers: multiplying by one moves every bit of a 64-bit number and loses none.
_ODD = (
    0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93, 0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53,
    0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xA0761D6478BD642F, 0xE7037ED1A0B428DB, 0x8EBC6AF09C88C6E3, 0x589965CC75374CC3,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Incoming:
    """What a batch brings: ROWS, KEYS and DETAILS of them; ``left_out``: rule number → events without a group."""

    rows: pl.DataFrame
    keys: pl.DataFrame
    details: pl.DataFrame
    left_out: Mapping[int, int]


def incoming(plan: Plan, detections: pl.DataFrame, known: LaneStates, lanes: frozenset[str] | None) -> Incoming:
    """Return the rows of all correlations for ``detections``; names that are ``known`` are not told again.

    ``detections`` as for ``correlate``; ``lanes``: only these.
    """
    asked = _asked(plan, detections, lanes)
    placed = asked.joined
    placed = placed.with_columns(pl.when(has_value(plan)).then("key").alias("key"))
    left_out = placed.filter(pl.col("key").is_null()).group_by("rule").agg(pl.col("event").n_unique())
    kept = placed.filter(pl.col("key").is_not_null())
    rows = kept.select(
        uid_of().alias("uid"),
        "key", "rule", "time", "slot",
        pl.lit(value=True).alias("mark"),
        pl.lit(value=True).alias("evidence"),
        "event", "value", "number",
        pl.lit(None, pl.UInt64).alias("hit"),
    )  # fmt: skip
    return Incoming(
        distinct(rows.cast(ROWS)),
        _keys(plan, asked, kept, known.keys),
        _details(plan, asked, kept, known.details),
        dict(left_out.iter_rows()),
    )


def distinct(rows: pl.DataFrame) -> pl.DataFrame:
    """Return ``rows`` without repetitions; there are seldom any, and to look costs less than to take them out."""
    if rows.get_column("uid").n_unique() == rows.height:
        return rows
    return rows.unique("uid", keep="first", maintain_order=True)


def has_value(plan: Plan) -> pl.Expr:
    """Return whether each row has the number or value without which its rule knows no event."""
    return ~of(plan.valued) | pl.col("number").is_not_null() | pl.col("value").is_not_null()


def uid_of(*, mark: bool = True) -> pl.Expr:
    """Return what a row is, as a number: the same detection again is the same row."""
    parts = [pl.col("key"), pl.col("time").cast(pl.UInt64), pl.col("slot").cast(pl.UInt64), pl.col("event")]
    return mixed(parts) ^ pl.lit(0 if mark else _ODD[-1], pl.UInt64)


def mixed(parts: Sequence[pl.Expr]) -> pl.Expr:
    """Return one 64-bit number out of several, order counting; null when one of them is."""
    return reduce(xor, (part * pl.lit(_odd(at), pl.UInt64) for at, part in enumerate(parts)))


def _odd(at: int) -> int:
    return _ODD[at % len(_ODD)]


# -- one batch ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Asked:
    """The detections with what rules ask of them as text, and the rows (``at``: row of ``texts``) they make."""

    detections: pl.DataFrame
    joined: pl.DataFrame

    def rows_of(self, at: pl.Series, columns: Sequence[str]) -> pl.DataFrame:
        """Return what ``columns`` say, those that there are, at these rows: ``at`` keeps a frame without them as long."""
        present = [name for name in dict.fromkeys(("at", *columns)) if name in self.detections.columns]
        return self.detections.select(present)[at]


def _asked(plan: Plan, detections: pl.DataFrame, lanes: frozenset[str] | None) -> _Asked:
    """Return every (detection, correlation, slot, lane), with key (null: no group), event, time, value and number."""
    numbered = detections.with_columns(pl.col("commune").fill_null(UNATTRIBUTED)).with_row_index("at")
    joined = numbered.select("at", "rule.id").join(plan.members, on="rule.id", maintain_order="left").drop("rule.id")
    fields = sorted({name for _, names in plan.shapes for name in names})
    used = numbered.select(
        pl.col("event.id").hash(3).alias("event"),
        pl.col("@timestamp").to_physical().alias("time"),
        "commune",
        pl.col("commune").hash(5).alias("lane#"),
        *(_number_of(numbered, name).alias(f"#{name}") for name in fields),
    )
    rows = pl.concat([joined, used[joined.get_column("at")]], how="horizontal")
    cross = pl.Series([CROSS]).hash(5)[0]
    rows = rows.with_columns(
        pl.when("cross").then(pl.lit(cross, pl.UInt64)).otherwise("lane#").alias("lane#"),
        pl.when("cross").then(pl.lit(CROSS)).otherwise("commune").alias("lane"),
        *_counted(plan, numbered),
    )
    if lanes is not None:
        rows = rows.filter(pl.col("lane").is_in(list(lanes)))
    # what all groups have in common first: it would be reckoned once per shape otherwise
    rows = rows.with_columns(mixed([pl.lit(plan.seed).gather(pl.col("rule")), pl.col("lane#")]).alias("whose#"))
    return _Asked(numbered, rows.with_columns(_key(plan).alias("key")))


def _key(plan: Plan) -> pl.Expr:
    """Return the number of each row's group: of the rule, the lane, and the group-by values in order."""
    found = pl.lit(None, pl.UInt64)
    for place, (_, names) in enumerate(plan.shapes):
        values = [pl.col(f"#{name}") * pl.lit(_odd(at + 2), pl.UInt64) for at, name in enumerate(names)]
        found = pl.when(pl.col("shape") == place).then(reduce(xor, values, pl.col("whose#"))).otherwise(found)
    return found


def _counted(plan: Plan, detections: pl.DataFrame) -> list[pl.Expr]:
    """Return ``value`` and ``number`` of each row: what its correlation counts or reckons with."""
    value, number = pl.lit(None, pl.String), pl.lit(None, pl.Float64)
    for place, names in enumerate(plan.values):
        if not names:
            continue
        here = pl.col("values") == place
        texts = computed(detections, tuple_of([_folded(detections, name) for name in names]))
        value = pl.when(here & ~pl.col("numeric")).then(pl.lit(texts).gather(pl.col("at"))).otherwise(value)
        if plan.members.filter("numeric", pl.col("values") == place).height:
            read = computed(detections, as_number(field_text(detections, names[0])))
            number = pl.when(here & pl.col("numeric")).then(pl.lit(read).gather(pl.col("at"))).otherwise(number)
    return [value.alias("value"), number.alias("number")]


def _keys(plan: Plan, asked: _Asked, rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return KEYS of the groups that are not ``known``, with their texts."""
    unknown = ~pl.col("key").is_in(known.get_column("key").implode())
    fresh = rows.select("key", "rule", "lane", "shape", "at").filter(unknown).unique("key", keep="any")
    parts = [KEYS.to_frame()]
    for (place,), part in fresh.partition_by("shape", as_dict=True, maintain_order=True).items():
        names, fields = plan.shapes[int(place)]
        seen = asked.rows_of(part.get_column("at"), fields)
        group = computed(seen, group_of(names, [_folded(seen, name) for name in fields])).alias("group")
        parts.append(part.with_columns(group).select(list(KEYS)))
    return pl.concat(parts)


def _details(plan: Plan, asked: _Asked, rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return DETAILS of the events of ``rows`` that are not ``known``."""
    unknown = ~pl.col("event").is_in(known.get_column("event").implode())
    at = rows.select("at", "event").filter(unknown).unique("event", keep="any")
    seen = asked.rows_of(at.get_column("at"), ("event.id", "commune", "observables", *plan.carried))
    observables = pl.col("observables") if "observables" in seen.columns else pl.lit(None, pl.List(OBSERVABLE))
    carried = [field_text(seen, name).alias(name) for name in plan.carried]
    fields = pl.struct(carried).struct.json_encode() if carried else pl.lit(None, pl.String)
    found = seen.select(
        at.get_column("event"),
        "event.id",
        "commune",
        fields.alias("fields"),
        observables.cast(pl.List(OBSERVABLE)).alias("observables"),
    )
    return found.select(list(DETAILS))


# -- fields as text -----------------------------------------------------------------------------------------------------


def computed(frame: pl.DataFrame, value: pl.Expr) -> pl.Series:
    """Return ``value`` for each row of ``frame``, also when it is the same for all."""
    return frame.with_columns(value.alias("\0")).get_column("\0")


def field_text(frame: pl.DataFrame, name: str) -> pl.Expr:
    """Return a column as text; a list as its members joined; an absent one as null."""
    if name not in frame.columns:
        return pl.lit(None, dtype=pl.String)
    if isinstance(frame.schema[name], pl.List):
        joined = pl.col(name).cast(pl.List(pl.String)).list.join(", ")
        return pl.when(pl.col(name).list.len() > 0).then(joined)
    return pl.col(name).cast(pl.String)


def as_number(text: pl.Expr) -> pl.Expr:
    """Return the number that ``text`` writes; null when it is none, or not finite."""
    number = pl.when(text.str.contains(NUMBER)).then(text).cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)


def group_of(names: Sequence[str], texts: Sequence[pl.Expr]) -> pl.Expr:
    """Return a group as a JSON object of folded texts."""
    columns = [text.alias(name) for name, text in zip(names, texts, strict=True)]
    return pl.struct(columns).struct.json_encode() if columns else pl.lit("{}")


def tuple_of(texts: Sequence[pl.Expr]) -> pl.Expr:
    """Return what value_count counts: the folded value, or the tuple of them; null when one of them is."""
    if len(texts) == 1:
        return texts[0]
    whole = group_of([str(number) for number in range(len(texts))], texts)
    return pl.when(~pl.any_horizontal([text.is_null() for text in texts])).then(whole)


def _folded(frame: pl.DataFrame, name: str) -> pl.Expr:
    return field_text(frame, name).str.to_lowercase()


def _number_of(frame: pl.DataFrame, name: str) -> pl.Expr:
    """Return a field's folded value as a number; null where there is none."""
    text = _folded(frame, name)
    return pl.when(text.is_not_null()).then(text.hash(7))
