"""Rules × events → matches, in few selects per log source.

Events are put together by log source, rules that miss a field or a literal are left out, each distinct leaf is evaluated
once, and conditions are combined from the leaves. Expressions are made once per rule set, never per batch.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import polars as pl

from correlator.detect.columns import NULL_FIELDS, raw_columns, stack
from correlator.detect.compiled import Compiled, compiled, fields_of
from correlator.detect.evaluate import evaluate
from correlator.detect.plan import RuleSet
from correlator.model.detection import MATCH
from correlator.model.event import RESERVED

#: Rows evaluated together: bounds the memory of the Boolean columns.
CHUNK_ROWS = 50_000


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
        evaluate(rules, source, rows)
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
    fields = sorted({field for leaf in wanted for field in fields_of(leaf)})
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
