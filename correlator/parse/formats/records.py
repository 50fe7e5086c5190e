"""A product's JSON records → events: a table of expressions over the record's dotted names.

``Product`` reads records with the names that the expressions of its ``Making`` read. A name that is not there is null, an
empty text too; of a list the first text is read. The source's own columns stay as they came, lists included.

A record without a time that can be read is dated by its syslog header, else by its reception, and tagged
``time_of_reception``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import orjson
import polars as pl

from correlator.model.raw import UTC_TIME
from correlator.parse.contract import Parsed, Reason
from correlator.parse.formats import json
from correlator.parse.formats.json_cells import may_be_rounded
from correlator.parse.formats.making import Making
from correlator.parse.formats.unwrap import OPENING, unwrap
from correlator.parse.times import to_utc

__all__ = [
    "SENDER",
    "SENT",
    "START",
    "TAGS",
    "Product",
    "Reading",
    "Rewrite",
    "first_of",
    "level",
    "log_events",
    "moment",
    "respelt",
    "rewritten",
    "texts",
    "unfolded",
]

#: Start of a signature: nothing, or a syslog header and nothing but a header, before the first brace. Text that a stranger put
#: into another product's line, quoted or not, cannot begin a record.
START = OPENING + r"(?:@cee: ?)?[\[\s]*\{(?:[\s\S]*?[^\\])??"

_LAYOUTS = ("%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f")
#: Columns beside a record's own: what its syslog header says of the time and of the sender, and whether nothing says it.
SENT, SENDER, UNDATED, _TIME, _LIST = "\nsent", "\nsender", "\nundated", "\ntime", "[]"
_OURS = frozenset({SENT, SENDER, UNDATED, _TIME})
#: ``tags`` of a product's records: which of them nothing dates.
TAGS = pl.when(pl.col(UNDATED).is_not_null()).then(pl.lit(["time_of_reception"]))
_LEVELS = {
    **dict.fromkeys(("informational", "information", "info", "none", "unknown"), 10),
    **dict.fromkeys(("low", "minor"), 25),
    **dict.fromkeys(("medium", "moderate", "warning", "warn"), 50),
    **dict.fromkeys(("high", "major", "error"), 75),
    **dict.fromkeys(("critical", "very-high", "fatal"), 95),
}


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A rare form of a record: where one of ``marks`` (plain texts) is found, ``written`` gives the records it stands for.

    It runs in Python, record by record; ``opens``: it reads JSON that is text inside the record (``json.loads``).
    """

    marks: tuple[str, ...]
    written: Callable[[dict[str, object]], Sequence[object]]
    opens: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """How records come: ``envelopes`` name the arrays that hold several; fields below ``lifted`` also count without it."""

    envelopes: tuple[str, ...] = ()
    lifted: tuple[str, ...] = ()
    rewrites: tuple[Rewrite, ...] = ()
    shape: json.Shape = field(default_factory=json.Shape)


@dataclass(frozen=True, slots=True)
class Product:
    """What a product's records mean: ``making`` says it, over dotted names (``name[]``: all texts of a list).

    ``time``: when it happened; ``known``: names of which one at least must say something, else the record is refused;
    ``idle``: true for records that tell nothing, which are skipped.
    """

    making: Making
    time: pl.Expr
    known: tuple[str, ...]
    reading: Reading = field(default_factory=Reading)
    idle: pl.Expr | None = None

    def declared(self, *others: str) -> dict[str, pl.DataType]:
        """Return the ``fields`` of the parser: what is made, ``others``, and any name of the record."""
        return self.making.declared(*others, "tags", "*")

    def parse(self, raw: pl.DataFrame, want: frozenset[str] | None) -> Parsed:
        """Return one event per record."""
        names = self._names(want)
        plain = _plain(raw, self.reading)
        asked = None if want is None else self._asked(names | want)
        records = json.read(plain, asked, envelopes=self.reading.envelopes, shape=self.reading.shape)
        fields = _lifted(records.fields, self.reading.lifted)
        keys = records.keys.join(plain.select("raw_row", SENT, SENDER), on="raw_row", how="left", maintain_order="left")
        whole = texts(fields, names).hstack(keys)
        is_known = whole.select(pl.any_horizontal(pl.col(*self.known).is_not_null()).any().over("raw_row")).to_series()
        refused = whole.filter(~is_known).select("raw_row", reason=pl.lit(str(Reason.MISSING_FIELD))).unique("raw_row")
        good, theirs = (whole, fields) if is_known.all() else (whole.filter(is_known), fields.filter(is_known))
        good, theirs, idle = self._awake(good, theirs)
        told = good.with_columns(self.time.alias(_TIME))
        undated = pl.when(pl.col(_TIME).is_null() & pl.col(SENT).is_null()).then(pl.lit("undated")).alias(UNDATED)
        time = pl.coalesce(_TIME, SENT, "received")
        bad = pl.concat([records.rejects, refused])
        skipped = pl.concat([records.skipped, idle]) if idle.len() else records.skipped
        return self.making.parsed(told.with_columns(undated), time, want, bad=bad, skipped=skipped, rest=theirs)

    def _awake(self, whole: pl.DataFrame, theirs: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.Series]:
        """Return the records that tell something, and the ``raw_row`` of those among whose members none does."""
        nothing = whole.get_column("raw_row").clear()
        if self.idle is None:
            return whole, theirs, nothing
        idle = whole.select(self.idle.fill_null(value=False).alias("idle")).to_series()
        if not idle.any():
            return whole, theirs, nothing
        awake = whole.get_column("raw_row").filter(~idle)
        rows = whole.get_column("raw_row").unique(maintain_order=True)
        return whole.filter(~idle), theirs.filter(~idle), rows.filter(~rows.is_in(awake.implode()))

    def _names(self, want: frozenset[str] | None) -> frozenset[str]:
        """Return the names that the wanted columns are made of."""
        own = (made for name, made in self.making.own.items() if want is None or name in {*want, *self.making.again.values()})
        idle = () if self.idle is None else (self.idle,)
        said = (one for one in (self.making.dataset, self.making.log_sources) if isinstance(one, pl.Expr))
        read = (name for made in (*self.making.ecs.values(), *own, *said, self.time, *idle) for name in made.meta.root_names())
        return frozenset({*read, *self.making.words, *self.known} - _OURS)

    def _asked(self, names: frozenset[str]) -> frozenset[str]:
        """Return the names that are read of a record, so that nothing else of it is kept."""
        bare = {name.removesuffix(_LIST) for name in names}
        return frozenset(bare | {f"{prefix}{name}" for prefix in self.reading.lifted for name in bare})


def first_of(*names: str) -> pl.Expr:
    """Return the first of ``names`` that says something."""
    return pl.coalesce(*names) if len(names) > 1 else pl.col(names[0])


def moment(*names: str) -> pl.Expr:
    """Return the moment that the first of ``names`` tells: ISO 8601, in UTC where it does not say."""
    return to_utc(first_of(*names), _LAYOUTS, zone="UTC")


def level(*names: str) -> pl.Expr:
    """Return ``event.severity`` (0 to 100) for a product's word."""
    return first_of(*names).str.to_lowercase().replace_strict(_LEVELS, default=None, return_dtype=pl.Int64)


def respelt(*names: str) -> Callable[[dict[str, object]], list[object]]:
    """Return the rewriting of records whose names lost their capitals (data lakes do that): ``names`` as they should be."""
    proper = {name.lower(): name for name in names}

    def written(value: object) -> object:
        if isinstance(value, dict):
            return {proper.get(key, key): written(member) for key, member in value.items()}
        return [written(member) for member in value] if isinstance(value, list) else value

    return lambda record: [written(record)]


def log_events(record: dict[str, object]) -> list[object]:
    """Return the records of a CloudWatch Logs subscription: each is the text of one message."""
    held = record.get("logEvents")
    messages = [event.get("message") for event in held if isinstance(event, dict)] if isinstance(held, list) else []
    return [json.loads(message) for message in messages if isinstance(message, str)] or [record]


def unfolded(*names: str) -> Callable[[dict[str, object]], list[object]]:
    """Return the rewriting of wrappers: the record is the object (or its JSON text) below the first of ``names``."""

    def written(record: dict[str, object]) -> list[object]:
        at: object = record
        for name in names:
            at = at.get(name) if isinstance(at, dict) else None
            at = _read(at) if isinstance(at, str) else at
        return [at] if isinstance(at, dict) else [record]

    return written


def _read(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _plain(raw: pl.DataFrame, reading: Reading) -> pl.DataFrame:
    """Return ``raw`` with nothing but JSON in ``text``, rare forms written anew, and what a syslog header says of the time."""
    text = raw.get_column("text")
    bare = text.str.contains(r"^[\s\x{feff}]*[\[{]")
    told = raw.with_columns(pl.lit(None, dtype=UTC_TIME).alias(SENT), pl.lit(None, dtype=pl.String).alias(SENDER))
    if not bare.all():
        inside = unwrap(raw.filter(~bare)).select(
            "raw_row", "sent", "sender", pl.col("body").str.replace(r"^[^{]{0,1000}", "").alias("body")
        )
        joined = told.join(inside, on="raw_row", how="left", maintain_order="left")
        told = joined.with_columns(text=pl.coalesce("body", "text"), **{SENT: pl.col("sent"), SENDER: pl.col("sender")})
        told = told.drop("body", "sent", "sender")
    marks = [mark for rewrite in reading.rewrites for mark in rewrite.marks]
    if not marks or not told.get_column("text").str.contains_any(marks).any():
        return told
    for rewrite in reading.rewrites:
        told = rewritten(told, rewrite, reading.envelopes)
    return told


def rewritten(raw: pl.DataFrame, rewrite: Rewrite, envelopes: tuple[str, ...]) -> pl.DataFrame:
    """Return ``raw`` with the records of a rare form written anew, those inside ``envelopes`` too."""
    text = raw.get_column("text")
    marked = text.str.contains_any(list(rewrite.marks))
    if not marked.any():
        return raw
    found = text.filter(marked)
    exactly = [True] * found.len() if rewrite.opens else may_be_rounded(found).to_list()
    written = [_anew(one, rewrite, envelopes, exactly=must) for one, must in zip(found.to_list(), exactly, strict=True)]
    return raw.with_columns(text.scatter(marked.arg_true(), written).alias("text"))


def _anew(text: str, rewrite: Rewrite, envelopes: tuple[str, ...], *, exactly: bool) -> str:
    """Return the text with each record written anew; what cannot be read stays, and is refused with the others."""
    if not exactly:
        try:
            return orjson.dumps(_written(orjson.loads(text), rewrite, envelopes)).decode()
        except (ValueError, TypeError, RecursionError):
            pass  # what the quick decoder refuses, the exact one judges
    try:
        return json.dumps(_written(json.loads(text), rewrite, envelopes))
    except (ValueError, RecursionError):
        return text


def _written(value: object, rewrite: Rewrite, envelopes: tuple[str, ...]) -> object:
    """Return the records that a decoded text stands for: the only one, else an array."""
    held = value
    if isinstance(value, dict):
        held = next((value[key] for key in envelopes if isinstance(value.get(key), list)), None)
    members = held if isinstance(held, list) else [value]
    records = [one for member in members for one in (rewrite.written(member) if isinstance(member, dict) else [member])]
    return records[0] if len(records) == 1 else records


def _lifted(fields: pl.DataFrame, prefixes: tuple[str, ...]) -> pl.DataFrame:
    """Return ``fields`` with what lies below a prefix also under its bare name, where the record does not say that itself."""
    for prefix in prefixes:
        inside = {name: name.removeprefix(prefix) for name in fields.columns if name.startswith(prefix)}
        new = {bare: pl.col(name) for name, bare in inside.items() if bare not in fields.columns}
        both = [_either(fields, bare, name).alias(bare) for name, bare in inside.items() if bare in fields.columns]
        fields = fields.with_columns(*both, **new)
    return fields


def _either(fields: pl.DataFrame, *names: str) -> pl.Expr:
    """Return the first of two columns that says something; one list among them, and both are lists."""
    if len({fields.schema[name] for name in names}) == 1:
        return pl.coalesce(names)
    is_said = {name: pl.col(name).list.len() > 0 if fields.schema[name] != pl.String else pl.col(name) != "" for name in names}
    return pl.coalesce(pl.when(said).then(pl.concat_list(name)) for name, said in is_said.items())


def texts(fields: pl.DataFrame, names: frozenset[str]) -> pl.DataFrame:
    """Return the columns ``names`` as text, or as lists of text: null for an empty text and for what is not there."""
    return fields.with_columns(_column(name, fields.schema).alias(name) for name in sorted(names)).select(*sorted(names))


def _column(name: str, schema: pl.Schema) -> pl.Expr:
    source = name.removesuffix(_LIST)
    column, held = pl.col(source), schema.get(source)
    if name.endswith(_LIST):
        many = pl.List(pl.String())
        return (
            pl.lit(None, many)
            if held is None
            else column
            if held == many
            else pl.when(column != "").then(pl.concat_list(column))
        )
    if held is None:
        return pl.lit(None, pl.String)
    text = column.list.first() if isinstance(held, pl.List) else column
    return pl.when(text != "").then(text)
