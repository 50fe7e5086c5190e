"""How the text fields of a format become event frames: what every parser does after it has taken its records apart.

A parser says what its fields mean, as expressions; here they are evaluated once per combination of words, only those somebody
wants, and put together with time, dataset and log sources. What a sender calls its fields can never replace what is said here.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import polars as pl

from correlator.model.event import ECS, PARSED
from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.contract import Parsed, empty_rejects
from correlator.parse.formats.remembered import Columns
from correlator.parse.formats.values import by_dataset, fields_of, own, wanted

__all__ = ["Making"]

_MOST_WANTS = 8  # sets of wanted fields for which columns are kept: a flow has one
_TEXTS = pl.List(pl.String())


@dataclass(slots=True)
class Making:
    """What a format's fields mean.

    ``dataset`` and ``log_sources`` are constants or expressions (the latter gives the text of ``logsource_column``). ``ecs``
    and ``own`` map ECS columns and own names to row-by-row expressions over the fields. ``words`` are the fields with few
    different values (levels, actions, protocols): what follows from them alone is worked out once for each combination.
    ``again`` names columns that repeat another; ``empty`` own columns whose empty text is a value.
    """

    dataset: str | pl.Expr
    log_sources: tuple[LogSource, ...] | pl.Expr
    ecs: Mapping[str, pl.Expr]
    own: Mapping[str, pl.Expr] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    again: Mapping[str, str] = field(default_factory=dict)
    empty: tuple[str, ...] = ()
    _columns: dict[frozenset[str] | None, tuple[Columns, tuple[str, ...]]] = field(init=False, default_factory=dict)

    def declared(self, *more: str) -> dict[str, pl.DataType]:
        """Return ``Parser.fields``: every column that may be given, and ``more`` (patterns such as ``*`` too)."""
        return fields_of(self.ecs, self.own, self.again, more)

    def reads(self, want: frozenset[str] | None) -> frozenset[str]:
        """Return the fields that are read where ``want`` is what somebody needs: others need not be taken out of a record."""
        return frozenset(self._wanted(want)[1])

    def parsed(
        self,
        fields: pl.DataFrame,
        time: pl.Series | pl.Expr,
        want: frozenset[str] | None,
        *,
        bad: pl.DataFrame | None = None,
        skipped: pl.Series | None = None,
        rest: pl.DataFrame | None = None,
    ) -> Parsed:
        """Return the events of ``fields``: ``raw_row``, ``n`` where a record has several, one column per field.

        Fields that are absent count as null. ``time``: when it happened, UTC, a column or an expression over the fields.
        ``bad`` and ``skipped``: the other two fates. ``rest``: the source's own columns, row by row, kept under their names.
        """
        rejects = empty_rejects() if bad is None else bad
        idle = pl.Series("raw_row", [], dtype=pl.UInt32) if skipped is None else skipped
        return Parsed(by_dataset(self._events(fields, time, want, rest)), rejects, idle)

    def _events(
        self, fields: pl.DataFrame, time: pl.Series | pl.Expr, want: frozenset[str] | None, rest: pl.DataFrame | None
    ) -> pl.DataFrame:
        columns, inputs = self._wanted(want)
        absent = [pl.lit(None, pl.String).alias(name) for name in inputs if name not in fields.columns]
        whole = fields.with_columns(absent) if absent else fields
        made = columns.made(whole)
        known = [column for name, column in made.items() if name in ECS or name in PARSED]
        moments = whole.select(time.alias("@timestamp")).to_series() if isinstance(time, pl.Expr) else time.alias("@timestamp")
        position = [whole.get_column(name) for name in ("raw_row", "n") if name in whole.columns]
        ours = _own({name: column for name, column in made.items() if name not in ECS}, want, self.empty)
        theirs = [] if rest is None else rest.select(own(rest, want, empty=self.empty)).get_columns()
        return pl.DataFrame([*position, moments, *known, *_together(ours, theirs)])

    def _wanted(self, want: frozenset[str] | None) -> tuple[Columns, tuple[str, ...]]:
        """Return the columns made where ``want`` is what somebody needs, and the fields they read."""
        if want not in self._columns:
            if len(self._columns) >= _MOST_WANTS:
                self._columns = {}
            self._columns[want] = self._made_for(want)
        return self._columns[want]

    def _made_for(self, want: frozenset[str] | None) -> tuple[Columns, tuple[str, ...]]:
        sources = self.log_sources if isinstance(self.log_sources, pl.Expr) else pl.lit(logsource_column(*self.log_sources))
        dataset = self.dataset if isinstance(self.dataset, pl.Expr) else pl.lit(self.dataset)
        again = {name: other for name, other in self.again.items() if name in ECS or want is None or name in want}
        own_names = None if want is None else {*want, *again.values()}
        expressions = {"event.dataset": dataset, "logsource": sources, **self.ecs, **wanted(self.own, own_names)}
        read = {name for expression in expressions.values() for name in expression.meta.root_names()}
        return Columns(expressions, words=self.words, again=again), (*dict.fromkeys([*self.words, *sorted(read)]),)


def _own(columns: Mapping[str, pl.Series], want: Collection[str] | None, empty: Collection[str]) -> list[pl.Series]:
    """Return the own columns that are wanted, empty texts as null."""
    frame = pl.DataFrame([column for name, column in columns.items() if name not in PARSED])
    return frame.select(own(frame, want, empty=empty)).get_columns()


def _together(ours: list[pl.Series], theirs: list[pl.Series]) -> list[pl.Series]:
    """Return both; of one name what is said here, and what the source says on the rows where nothing is said here."""
    named = {column.name: column for column in ours}
    for column in theirs:
        made = named.get(column.name)
        if made is None:
            named[column.name] = column
        elif made.null_count() and {made.dtype, column.dtype} <= {pl.String(), _TEXTS}:
            one, other = (made, column) if made.dtype == column.dtype else (_listed(made), _listed(column))
            named[column.name] = one.zip_with(one.is_not_null(), other)
    return [*named.values()]


def _listed(column: pl.Series) -> pl.Series:
    """Return texts as lists of one text: of some record of the batch the source gave a list."""
    if column.dtype == _TEXTS:
        return column
    listed = pl.when(pl.col(column.name).is_not_null()).then(pl.concat_list(column.name))
    return column.to_frame().select(listed.alias(column.name)).to_series()
