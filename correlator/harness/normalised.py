"""Events as a parser would give them, for ``.test`` scripts of rules whose source has no parser yet: one JSON object a line."""

from functools import partial

import polars as pl

from correlator.model.event import CONTEXT, ECS
from correlator.model.logsource import LogSource
from correlator.parse.contract import Maturity, Parsed, Parser, Signature
from correlator.parse.formats import json
from correlator.parse.formats.fields import columns, kept
from correlator.parse.formats.values import by_dataset, integer

#: What a step's parser begins with where the script says ``events`` instead of ``load``.
EVENTS = "events "


def normalised(name: str) -> Parser:
    """Return the parser ``events <product>/<category>/<service> …`` of a script.

    Fields keep their names; those of ECS get its dtype. An event happens at its step. Who it belongs to is the estate's to say,
    by ``host.name``, ``observer.name`` or an address, as always.
    """
    sources = tuple(LogSource.parse(text) for text in name.removeprefix(EVENTS).split())
    parse = partial(_parse, " ".join(map(str, sources)))
    return Parser(name, sources, Signature("$."), Maturity.UNPROVED, {**ECS, "*": pl.String()}, parse)


def _parse(log_sources: str, raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
    records = json.read(raw, None)
    fields = records.fields
    given = [_typed(fields, name).alias(name) for name in fields.columns if name in ECS or name in CONTEXT]
    said = {"@timestamp": pl.col("received"), "event.dataset": pl.lit("test.events"), "logsource": pl.lit(log_sources)}
    events = records.keys.with_columns(**said).drop("received").hstack(columns(fields, [*given, *kept(fields, want)]))
    return Parsed(by_dataset(events), records.rejects, records.skipped)


def _typed(fields: pl.DataFrame, name: str) -> pl.Expr:
    column, is_list = pl.col(name), isinstance(fields.schema[name], pl.List)
    dtype = ECS.get(name, CONTEXT.get(name))
    if isinstance(dtype, pl.List):
        return column if is_list else pl.when(column.is_not_null()).then(pl.concat_list(column))
    return integer(column) if dtype == pl.Int64 else column
