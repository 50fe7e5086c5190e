"""Watch lists: accounts, machines, addresses, files and names to look out for, and what it means to meet one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

__all__ = ["COLUMNS", "Watched"]

#: What a watch list's kind is looked for in.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "account": ("user.name", "user.email", "user.target.name", "source.user.name", "destination.user.name"),
    "host": ("host.name", "destination.domain", "source.domain"),
    "address": ("source.ip", "destination.ip"),
    "file": ("file.path", "file.name"),
    "domain": ("dns.question.name", "url.domain", "destination.domain"),
}


@dataclass(frozen=True, slots=True)
class Watched:
    """Values by kind: value in lower case → numbers of the lists it is on; ``lists``: (name, meaning) by number."""

    lists: tuple[tuple[str, str], ...] = ()
    values: Mapping[str, Mapping[str, tuple[int, ...]]] = field(default_factory=dict)

    @classmethod
    def of(cls, lists: Iterable[tuple[str, str, str, Sequence[str]]]) -> "Watched":
        """Return the lists given as (name, meaning, kind, values)."""
        known, values = list(lists), dict[str, dict[str, tuple[int, ...]]]()
        for number, (_, _, kind, said) in enumerate(known):
            of_kind = values.setdefault(kind, {})
            for value in said:
                of_kind[value.lower()] = (*of_kind.get(value.lower(), ()), number)
        return cls(tuple((name, meaning) for name, meaning, _, _ in known), values)

    def marked(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return an EVENT frame with ``watch.list`` and ``watch.meaning`` where an event names something that is watched.

        Such an event feeds ``tocsin/watch/priority`` or ``tocsin/watch/honey`` besides.
        """
        rows: dict[int, set[int]] = {}
        for kind, known in self.values.items():
            for name in COLUMNS[kind]:
                if name in frame.columns and frame.get_column(name).dtype == pl.String:
                    _meet(frame.get_column(name), kind, known, rows)
        return self._with(frame, rows) if rows else frame

    def _with(self, frame: pl.DataFrame, rows: Mapping[int, set[int]]) -> pl.DataFrame:
        names: list[list[str] | None] = [None] * frame.height
        meanings: list[list[str] | None] = [None] * frame.height
        feeds = frame.get_column("logsource").to_list()
        for at, numbers in rows.items():
            names[at] = [self.lists[number][0] for number in sorted(numbers)]
            meanings[at] = sorted({self.lists[number][1] for number in numbers})
            feeds[at] = " ".join([feeds[at] or "", *(f"tocsin/watch/{meaning}" for meaning in meanings[at] or ())]).strip()
        texts = pl.List(pl.String)
        return frame.with_columns(
            pl.Series("logsource", feeds, dtype=pl.String),
            pl.Series("watch.list", names, dtype=texts),
            pl.Series("watch.meaning", meanings, dtype=texts),
        )


def _meet(column: pl.Series, kind: str, known: Mapping[str, tuple[int, ...]], rows: dict[int, set[int]]) -> None:
    """Add to ``rows`` (row → numbers of lists) where a column names something that is known."""
    values = column.drop_nulls().unique().to_list()
    found = {value: numbers for value in values if (numbers := _numbers(value.lower(), kind, known))}
    if found:
        for at in column.is_in(list(found)).arg_true().to_list():
            rows.setdefault(at, set()).update(found[column[at]])


def _numbers(value: str, kind: str, known: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    """Return the lists a value is on: whole, or by the part of it by which it is also known."""
    if value in known:
        return known[value]
    if kind == "host":
        return known.get(value.partition(".")[0], ())
    if kind == "file":
        return known.get(value.replace("\\", "/").rpartition("/")[2], ())
    return known.get(value.rpartition("\\")[2].partition("@")[0], ()) if kind == "account" else ()
