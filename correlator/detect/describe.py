"""Matches → detections: who, what, where, and the event itself, read from the matched rows only."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import orjson
import polars as pl

from correlator.detect.columns import NULL_FIELDS, text_form
from correlator.detect.owners import nobody, with_owners
from correlator.detect.plan import Rule, RuleSet
from correlator.model.detection import DETECTION, DOCUMENT_LIMIT
from correlator.model.observable import COLUMNS, OBSERVABLE, OBSERVABLE_LIMIT, WELL_KNOWN_USERS, ObservableColumn, Owner

_HEAD = ("event.id", "@timestamp", "commune", "source", "event.dataset", "log.file.path", "log.line")
_KEY = ("event.id", "@timestamp", "commune", "source")
_UNDOCUMENTED = frozenset({"raw_row", "n", "logsource", NULL_FIELDS})
_NOWHERE = ("127.0.0.1", "::1", "0.0.0.0", "::", "-")  # noqa: S104 - addresses that name no machine, nothing is bound
_CUT_LENGTHS = (1024, 64, 0)  # what is kept of the largest values, in turn, until a document fits


def describe(ruleset: RuleSet, frames: Sequence[pl.DataFrame], matches: pl.DataFrame, owner: Owner = nobody) -> pl.DataFrame:
    """Return the detections of ``matches`` (schema DETECTION), in the same order; ``owner`` says whose an observable is.

    The document of a detection begins with the fields that its rule asks to be shown (``fields`` in Sigma).
    """
    events = _rows_of(frames, matches, _described, _dtypes((*_HEAD, "observables", "document")))
    events = _asked_first(ruleset, events)
    rules = _rule_table(ruleset, matches)
    described = events.join(rules, on="rule", how="left", maintain_order="left").select(DETECTION.names()).cast(DETECTION)
    return with_owners(described, owner)


def project(ruleset: RuleSet, frames: Sequence[pl.DataFrame], matches: pl.DataFrame, fields: Sequence[str]) -> pl.DataFrame:
    """Return rule.id, event.id, @timestamp, commune, source and each of ``fields`` as text, one row per match, in order.

    A field that the event does not have is null; the members of a list are joined by commas.
    """
    names = [name for name in dict.fromkeys(fields) if name not in _KEY]

    def projected(events: pl.DataFrame) -> pl.DataFrame:
        return events.select(*_head(events, _KEY), *(_field_text(events, name) for name in names))

    rules = _rule_table(ruleset, matches).select("rule", "rule.id")
    rows = _rows_of(frames, matches, projected, {**_dtypes(_KEY), **dict.fromkeys(names, pl.String())})
    return rows.join(rules, on="rule", how="left", maintain_order="left").select("rule.id", *_KEY, *names)


@dataclass(frozen=True, slots=True)
class _Known:
    """A rule set known by its numbering: hashing thousands of rules at each batch would cost more than the table saves."""

    numbering: str
    rules: tuple[Rule, ...] = field(compare=False)


def _rule_table(ruleset: RuleSet, matches: pl.DataFrame) -> pl.DataFrame:
    """Return what a detection says of its rule, by the rule's number; made once per rule set, when something matched."""
    return _table_of(_Known(ruleset.numbering, ruleset.rules) if matches.height else _NONE)


_NONE = _Known("", ())


@lru_cache(maxsize=4)
def _table_of(ruleset: _Known) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "rule": pl.Series(range(len(ruleset.rules)), dtype=pl.UInt32),
            "rule.id": _texts(rule.id for rule in ruleset.rules),
            "rule.name": _texts(rule.name or None for rule in ruleset.rules),
            "rule.title": _texts(rule.title for rule in ruleset.rules),
            "rule.level": _texts(rule.level for rule in ruleset.rules),
            "rule.tags": pl.Series([list(rule.tags) for rule in ruleset.rules], dtype=pl.List(pl.String)),
            "rule.hash": _texts(rule.hash for rule in ruleset.rules),
        }
    )


def _asked_first(ruleset: RuleSet, events: pl.DataFrame) -> pl.DataFrame:
    """Return ``events`` (rule, document) with the fields that each rule asks to be shown first in its documents."""
    asked = _asked_of(_Known(ruleset.numbering, ruleset.rules)) if events.height else {}
    if not asked or not events.get_column("rule").is_in(list(asked)).any():
        return events
    pairs = events.select("rule", "document").iter_rows()
    documents = [_begun_with(asked[rule], document) if rule in asked else document for rule, document in pairs]
    return events.with_columns(pl.Series("document", documents, dtype=pl.String))


@lru_cache(maxsize=4)
def _asked_of(ruleset: _Known) -> Mapping[int, tuple[str, ...]]:
    return {number: rule.display for number, rule in enumerate(ruleset.rules) if rule.display}


def _begun_with(names: Sequence[str], document: str) -> str:
    content = orjson.loads(document)
    return orjson.dumps({**{name: content[name] for name in names if name in content}, **content}).decode()


def _texts(values: Iterable[str | None]) -> pl.Series:
    return pl.Series(list(values), dtype=pl.String)


def _dtypes(names: Iterable[str]) -> dict[str, pl.DataType]:
    return {name: DETECTION[name] for name in names}


def _rows_of(
    frames: Sequence[pl.DataFrame],
    matches: pl.DataFrame,
    read: Callable[[pl.DataFrame], pl.DataFrame],
    schema: Mapping[str, pl.DataType],
) -> pl.DataFrame:
    """Return ``matches`` with what ``read`` says of each matched row; every row is read once however many rules match it."""
    numbered = matches.with_row_index("order")
    found = [pl.DataFrame(schema={**numbered.schema, **schema})]
    for (number,), part in numbered.partition_by("frame", as_dict=True).items():
        rows = part.get_column("row").unique().sort()
        described = read(frames[int(number)][rows]).with_columns(rows.alias("row"))
        found.append(part.join(described, on="row", how="left").select(found[0].columns))
    return pl.concat(found).sort("order")


def _head(events: pl.DataFrame, names: Iterable[str]) -> list[pl.Expr]:
    return [
        (pl.col(name) if name in events.columns else pl.lit(None)).cast(dtype, strict=False).alias(name)
        for name, dtype in _dtypes(names).items()
    ]


def _field_text(events: pl.DataFrame, name: str) -> pl.Expr:
    if name not in events.columns:
        return pl.lit(None, dtype=pl.String).alias(name)
    dtype = events.schema[name]
    form = text_form(name, dtype)
    return (form.list.join(",", ignore_nulls=True) if isinstance(dtype, pl.List) else form).alias(name)


def _described(events: pl.DataFrame) -> pl.DataFrame:
    described = events.select(*_head(events, _HEAD), _observables(events), _document(events))
    large = described.get_column("document").str.len_bytes() > DOCUMENT_LIMIT
    if not large.any():
        return described
    documents = [
        _cut(document) if is_large else document for document, is_large in zip(described["document"], large, strict=True)
    ]
    return described.with_columns(pl.Series("document", documents, dtype=pl.String))


def _observables(events: pl.DataFrame) -> pl.Expr:
    present = [column for column in COLUMNS if column.column in events.columns]
    if not present:
        return pl.lit([], dtype=pl.List(OBSERVABLE)).alias("observables")
    return pl.concat_list(_observable(column) for column in present).list.drop_nulls().alias("observables")


def _observable(column: ObservableColumn) -> pl.Expr:
    value = pl.col(column.column).str.head(OBSERVABLE_LIMIT)
    observable = pl.struct(
        kind=pl.lit(column.kind),
        role=pl.lit(column.role),
        value=value,
        strong=pl.lit(column.strong) & ~_is_weak(column, value),
        commune=pl.lit(None, pl.String),
    )
    return pl.when(value.is_not_null() & (value != "")).then(observable).otherwise(None)


def _is_weak(column: ObservableColumn, value: pl.Expr) -> pl.Expr:
    if column.kind == "user":
        return value.str.to_lowercase().is_in(sorted(WELL_KNOWN_USERS)) | value.str.ends_with("$")
    return value.is_in(_NOWHERE)


def _document(events: pl.DataFrame) -> pl.Expr:
    """Return each event as compact JSON without nulls."""
    names = [name for name in events.columns if name not in _UNDOCUMENTED and events[name].null_count() < events.height]
    schema = events.schema  # made anew at each access: once for all names
    pieces = [_json_piece(name, schema[name]) for name in names]
    inside = pl.concat_str(pieces, separator=",", ignore_nulls=True) if pieces else pl.repeat("", pl.len())
    return (pl.lit("{") + inside + pl.lit("}")).alias("document")


def _json_piece(name: str, dtype: pl.DataType) -> pl.Expr:
    """Return ``"name":value`` where there is a value."""
    value = text_form(name, dtype) if isinstance(dtype, pl.Datetime) else pl.col(name)
    written = pl.struct(value.alias(name)).struct.json_encode().str.strip_prefix("{").str.strip_suffix("}")
    return pl.when(pl.col(name).is_not_null()).then(written)


def _cut(document: str) -> str:
    """Return ``document`` within the limit: its largest values cut, their names in ``cut``. One by one: it is rare."""
    content = orjson.loads(document)
    content["cut"] = []
    sizes = {name: len(orjson.dumps(value)) for name, value in content.items()}
    for kept in _CUT_LENGTHS:
        for name in sorted(sizes, key=lambda name: -sizes[name]):
            if len(orjson.dumps(content)) <= DOCUMENT_LIMIT:
                return orjson.dumps(content).decode()
            if sizes[name] > kept and name != "cut":
                value = content[name]
                content[name] = (value if isinstance(value, str) else orjson.dumps(value).decode())[:kept]
                content["cut"] = sorted({*content["cut"], name})
    return orjson.dumps({"cut": ["*"]}).decode()
