"""Rules × events → matches, in few selects per log source.

Events are put together by log source, rules that miss a field are left out, each distinct leaf is evaluated once, and
conditions are combined from the leaves. Expressions are made once per rule set, never per batch.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from threading import Lock

import polars as pl

from correlator.detect.columns import NULL_FIELDS, SEPARATOR, TEXT, VALUES, prepare_views, raw_columns, stack, view_name
from correlator.detect.compile import (
    RAW,
    condition_of,
    member_test,
    reference_test,
    reference_test_of_lists,
    test_of,
    view_of,
)
from correlator.detect.needs import fields_needed, is_satisfied
from correlator.detect.plan import Leaf, RuleSet, leaves
from correlator.model.detection import MATCH
from correlator.model.event import RESERVED
from correlator.model.logsource import LogSource

#: Rows evaluated together: bounds the memory of the Boolean columns.
CHUNK_ROWS = 50_000
_LEAVES_AT_ONCE = 2_000
_COMPILED_KEPT = 4  # rule sets: the running one, the next, a backtest's, a test's


class Compiled:
    """The expressions of a rule set: leaves numbered once, one expression per rule, rules by log source."""

    def __init__(self, ruleset: RuleSet) -> None:
        self.rules = ruleset.rules
        self.leaf_numbers: dict[Leaf, int] = {}
        self.rule_leaves = [self._number(leaves(rule.condition)) for rule in self.rules]
        self.conditions = [condition_of(rule.condition, self._leaf_column) for rule in self.rules]
        self.ways = [fields_needed(rule.condition) for rule in self.rules]
        self.leaves = tuple(self.leaf_numbers)
        self.greek = any("σ" in str(value) for leaf in self.leaves for value in leaf.values)
        self._by_source: dict[str, tuple[int, ...]] = {}
        self._eligible: dict[tuple[str, frozenset[str]], tuple[int, ...]] = {}

    def _number(self, found: Iterable[Leaf]) -> tuple[int, ...]:
        return tuple(dict.fromkeys(self.leaf_numbers.setdefault(leaf, len(self.leaf_numbers)) for leaf in found))

    def _leaf_column(self, leaf: Leaf) -> pl.Expr:
        return pl.col(str(self.leaf_numbers[leaf]))

    def rules_for(self, source: str) -> tuple[int, ...]:
        """Return the rules that see events whose ``logsource`` column says ``source``; empty text: all rules."""
        if source not in self._by_source:
            given = [LogSource.parse(triple) for triple in source.split()]
            seen = (not given or any(one.feeds(rule.logsource) for one in given) for rule in self.rules)
            self._by_source[source] = tuple(number for number, sees in enumerate(seen) if sees)
        return self._by_source[source]

    def eligible(self, source: str, fields: frozenset[str]) -> tuple[int, ...]:
        """Return the rules of ``source`` that have a chance on events with only ``fields``."""
        key = (source, fields)
        if key not in self._eligible:
            if len(self._eligible) > CHUNK_ROWS:
                self._eligible.clear()
            self._eligible[key] = tuple(number for number in self.rules_for(source) if is_satisfied(self.ways[number], fields))
        return self._eligible[key]


_compiled: dict[str, Compiled] = {}
_lock = Lock()


def compiled(ruleset: RuleSet) -> Compiled:
    """Return the expressions of ``ruleset``, made at first use; the last few rule sets are kept."""
    with _lock:
        if ruleset.id not in _compiled:
            while len(_compiled) >= _COMPILED_KEPT:
                _compiled.pop(next(iter(_compiled)))
            _compiled[ruleset.id] = Compiled(ruleset)
        return _compiled[ruleset.id]


def detect(
    ruleset: RuleSet,
    frames: Sequence[pl.DataFrame],
    *,
    any_logsource: bool = False,
    reserved: frozenset[str] = RESERVED,
) -> pl.DataFrame:
    """Return which rule matched which row of which frame: a frame of schema MATCH, sorted by frame, row, rule.

    Frames need a text column ``logsource`` (unless ``any_logsource``): the ``product/category/service`` triples that an
    event feeds, separated by blanks. Keywords search every column that is not ``reserved``.
    """
    rules = compiled(ruleset)
    matches = [
        _evaluate(rules, source, rows)
        for source, pieces in _partitions(frames, any_logsource=any_logsource)
        if rules.rules_for(source)
        for rows in _gathered(rules, source, pieces, reserved)
    ]
    found = pl.concat(matches) if matches else pl.DataFrame(schema=MATCH)
    return found.sort("frame", "row", "rule")


_Piece = tuple[int, pl.DataFrame]


def _partitions(frames: Sequence[pl.DataFrame], *, any_logsource: bool) -> Iterator[tuple[str, list[_Piece]]]:
    """Yield each log source value with the events that say it, as (frame number, rows with their number)."""
    found: dict[str, list[_Piece]] = defaultdict(list)
    for number, events in enumerate(frames):
        numbered = events.with_row_index("\0row")
        if any_logsource:
            found[""].append((number, numbered))
        elif "logsource" in events.columns:
            for (source,), rows in numbered.partition_by("logsource", as_dict=True, maintain_order=True).items():
                if source:
                    found[str(source)].append((number, rows))
    yield from found.items()


def _gathered(rules: Compiled, source: str, pieces: Sequence[_Piece], reserved: frozenset[str]) -> Iterator[pl.DataFrame]:
    """Yield the raw columns of a partition, at most CHUNK_ROWS rows at once."""
    wanted = {rules.leaves[leaf] for number in rules.rules_for(source) for leaf in rules.rule_leaves[number]}
    fields = sorted({field for leaf in wanted for field in _fields_of(leaf)})
    keywords = any(leaf.field is None for leaf in wanted)
    waiting: list[pl.DataFrame] = []
    count = 0
    for number, events in pieces:
        for rows in events.iter_slices(CHUNK_ROWS):
            if waiting and count + rows.height > CHUNK_ROWS:
                yield stack(waiting)
                waiting, count = [], 0
            waiting.append(_raw_rows(number, rows, fields, reserved if keywords else None))
            count += rows.height
    if waiting:
        yield stack(waiting)


def _raw_rows(number: int, events: pl.DataFrame, fields: Sequence[str], reserved: frozenset[str] | None) -> pl.DataFrame:
    hidden = None if reserved is None else reserved | {"\0row", "logsource", NULL_FIELDS}
    searched = [] if hidden is None else [name for name in events.columns if name not in hidden]
    place = [pl.lit(number, dtype=pl.UInt32).alias("\0frame"), pl.col("\0row").cast(pl.UInt32)]
    return events.select(*place, *raw_columns(events, fields, searched))


def _fields_of(leaf: Leaf) -> list[str]:
    """Return the fields whose columns ``leaf`` looks at; keywords look at a made-up one."""
    if leaf.operator.endswith("_field"):
        return [str(leaf.field), *map(str, leaf.values)]
    return [_field_of(leaf)]


def _field_of(leaf: Leaf) -> str:
    if leaf.field is not None:
        return leaf.field
    whole = leaf.operator == "contains" and not any(SEPARATOR in str(value) for value in leaf.values)
    return TEXT if whole else VALUES


def _evaluate(rules: Compiled, source: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the matches of one partition."""
    fields = frozenset(name.split(":", 1)[1] for name in rows.columns if name.startswith("raw:") and _has_values(rows, name))
    eligible = rules.eligible(source, fields)
    wanted = sorted({leaf for number in eligible for leaf in rules.rule_leaves[number]})
    views = {(view_of(rules.leaves[leaf]), field) for leaf in wanted for field in _fields_of(rules.leaves[leaf])}
    prepared = rows.with_columns(prepare_views(sorted(views), rows.schema, greek=rules.greek))
    truths = _truths(rules, wanted, prepared)
    found = [
        _matches_of(number, verdict, rows)
        for number, verdict in zip(eligible, _verdicts(rules, eligible, truths), strict=True)
        if verdict.any()
    ]
    return pl.concat(found) if found else pl.DataFrame(schema=MATCH)


def _has_values(rows: pl.DataFrame, name: str) -> bool:
    return rows.get_column(name).null_count() < rows.height


def _truths(rules: Compiled, wanted: Sequence[int], prepared: pl.DataFrame) -> pl.DataFrame:
    """Return one Boolean column per leaf, without nulls."""
    blocks = [
        prepared.select(
            _leaf_expression(rules.leaves[leaf], prepared.schema).alias(str(leaf))
            for leaf in wanted[start : start + _LEAVES_AT_ONCE]
        )
        for start in range(0, len(wanted), _LEAVES_AT_ONCE)
    ]
    every_row = pl.DataFrame({"\0": pl.Series([True]).new_from_index(0, prepared.height)})
    return pl.concat([every_row, *blocks], how="horizontal")


def _leaf_expression(leaf: Leaf, schema: pl.Schema) -> pl.Expr:
    return (_bare_expression if leaf.operator in {"null", "exists"} else _value_expression)(leaf, schema)


def _bare_expression(leaf: Leaf, schema: pl.Schema) -> pl.Expr:
    """Return the test of ``null`` or ``exists``: about the field, not about its value."""
    raw = view_name(RAW, str(leaf.field))
    filled = pl.col(raw).is_not_null() if raw in schema else pl.repeat(value=False, n=pl.len())
    if leaf.operator == "null":
        return ~filled
    if NULL_FIELDS not in schema:
        return filled
    return filled | pl.col(NULL_FIELDS).list.contains(str(leaf.field)).fill_null(value=False)


def _value_expression(leaf: Leaf, schema: pl.Schema) -> pl.Expr:
    names = [view_name(view_of(leaf), field) for field in _fields_of(leaf)]
    if not all(name in schema for name in names):
        return pl.repeat(value=False, n=pl.len())
    lists = [isinstance(schema[name], pl.List) for name in names]
    columns = [pl.col(name) for name in names]
    if leaf.operator.endswith("_field"):
        compare = reference_test_of_lists if any(lists) else reference_test
        return compare(leaf, *columns).fill_null(value=False)
    return (member_test if lists[0] else test_of)(leaf, columns[0]).fill_null(value=False)


def _verdicts(rules: Compiled, eligible: Sequence[int], truths: pl.DataFrame) -> list[pl.Series]:
    verdicts = truths.select(pl.col("\0"), *(rules.conditions[number].alias(f"rule {number}") for number in eligible))
    return verdicts.get_columns()[1:]


def _matches_of(number: int, verdict: pl.Series, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(verdict).select(
        pl.lit(number, dtype=pl.UInt32).alias("rule"), pl.col("\0frame").alias("frame"), pl.col("\0row").alias("row")
    )
