"""Indicators met in a batch: each distinct value is looked up once, by binary search, however many indicators there are.

A million values are one sorted column of text and five small ones beside it. Networks are cut into ranges. A domain also
stands for what lies below it. Addresses inside the estate and values of the allow list are never indicators.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network

import polars as pl

from correlator.enrich.addresses import AddressIndex, IPNetwork
from correlator.model.estate import INTERNET
from correlator.model.indicator import COLUMNS, GIVEN, INDICATOR, Kind, comparable_url, trust_of

__all__ = ["LOG_SOURCE", "Indicators"]

#: What an event that holds an indicator feeds besides: rules for indicators see all of them, and nothing else.
LOG_SOURCE = "tocsin/indicator/"
_DEEPEST = 5  # labels of a name that are looked up, from the right
_LABEL_COLUMN, _FIELD_COLUMN = GIVEN[4], GIVEN[5]


@dataclass(frozen=True, slots=True)
class Indicators:
    """What lists call bad. ``known``: frame INDICATOR of each list, sorted by value; ``lists``: name by number."""

    known: tuple[pl.DataFrame, ...]
    networks: AddressIndex[int]
    network_rows: pl.DataFrame
    lists: tuple[str, ...]
    allowed: frozenset[str] = frozenset()
    allowed_networks: AddressIndex[int] = field(default_factory=lambda: AddressIndex.of([]))

    @classmethod
    def of(cls, read: Sequence[tuple[str, pl.DataFrame]], allow: Iterable[str] = ()) -> "Indicators":
        """Return the indicators of lists: name, frame INDICATOR sorted by value, which is kept as it is.

        Of a value in several lists the most trusted counts.
        """
        frames = [frame.filter(pl.col("kind") == str(Kind.NETWORK)) for _, frame in read]
        numbered = [frame.with_columns(pl.lit(number, pl.UInt16).alias("list")) for number, frame in enumerate(frames)]
        networks = pl.concat([pl.DataFrame(schema=INDICATOR), *numbered]).sort("confidence", maintain_order=True)
        values = [value.lower() for value in allow]
        return cls(
            known=tuple(frame for _, frame in read),
            networks=AddressIndex.of(_networks(networks.get_column("value").to_list())),
            network_rows=networks,
            lists=tuple(name for name, _ in read),
            allowed=frozenset(values),
            allowed_networks=AddressIndex.of(_networks(values)),
        )

    @property
    def height(self) -> int:
        """Return how many values are known."""
        return sum(frame.height for frame in self.known)

    def mark(self, frames: Sequence[pl.DataFrame], zone: Callable[[str], str | None]) -> tuple[pl.DataFrame, ...]:
        """Return EVENT frames with ``model.indicator.GIVEN`` where an event holds an indicator that had not ended by then."""
        found = self._found(frames, zone)
        return tuple(self._marked(frame, found) for frame in frames) if found else tuple(frames)

    def look_up(self, values: Iterable[str]) -> pl.DataFrame:
        """Return what is known of comparable values: ``asked`` and the columns of INDICATOR, the most trusted first."""
        asked = pl.Series("asked", list(values), dtype=pl.String)
        rows = [_search(frame, number, asked) for number, frame in enumerate(self.known) if frame.height]
        found = pl.concat([pl.DataFrame(schema={"asked": pl.String, **INDICATOR}), *rows])
        return found.sort("confidence", descending=True, maintain_order=True)

    def _found(
        self, frames: Sequence[pl.DataFrame], zone: Callable[[str], str | None]
    ) -> Mapping[Kind, Mapping[str, dict[str, object]]]:
        """Return kind → value of an event → its indicator."""
        found: dict[Kind, dict[str, dict[str, object]]] = {}
        for kind, columns in COLUMNS.items():
            values = _distinct(frames, columns)
            hits = self._of_kind(kind, values, zone) if values.len() else {}
            kept = {value: row for value, row in hits.items() if not self._is_allowed(value)}
            if kept:
                found[kind] = kept
        return found

    def _of_kind(self, kind: Kind, values: pl.Series, zone: Callable[[str], str | None]) -> dict[str, dict[str, object]]:
        if kind is Kind.ADDRESS:
            return self._addresses(values.to_list(), zone)
        spelled = _spellings(values, kind).filter(pl.col("said").is_not_null())
        rows = self.look_up(spelled.get_column("said").unique().to_list()).filter(pl.col("kind") == str(kind))
        joined = spelled.join(rows, left_on="said", right_on="asked", how="inner", maintain_order="left")
        best = joined.unique("value", keep="first", maintain_order=True).rename({"value_right": "name"})
        return {row["value"]: row for row in best.iter_rows(named=True)}

    def _addresses(self, values: Sequence[str], zone: Callable[[str], str | None]) -> dict[str, dict[str, object]]:
        rows = self.look_up(values).filter(pl.col("kind") == str(Kind.ADDRESS)).rename({"value": "name"})
        found = {row["asked"]: row for row in reversed(list(rows.iter_rows(named=True)))}
        if self.network_rows.height:
            for value in values:
                at = self.networks.find(value) if value not in found else None
                if at is not None:
                    row = self.network_rows.row(at, named=True)
                    found[value] = {**row, "name": row["value"]}
        return {value: row for value, row in found.items() if zone(value) == INTERNET}

    def _is_allowed(self, value: str) -> bool:
        lower = value.lower()
        names = {lower, *(lower[at + 1 :] for at, sign in enumerate(lower) if sign == ".")}
        return bool(self.allowed & names) or bool(self.allowed_networks.find(value))

    def _marked(self, frame: pl.DataFrame, found: Mapping[Kind, Mapping[str, dict[str, object]]]) -> pl.DataFrame:
        """Return a frame with what its events hold; a frame that holds nothing is returned as it is."""
        rows: dict[int, tuple[str, dict[str, object]]] = {}
        times = frame.get_column("@timestamp")
        for kind, known in found.items():
            for name in (name for name in COLUMNS[kind] if name in frame.columns):
                column = frame.get_column(name)
                for at in column.is_in(list(known)).arg_true().to_list() if column.dtype == pl.String else []:
                    one = known[column[at]]
                    if at not in rows and not _is_over(one["until"], times[at]):
                        rows[at] = (name, one)
        return _with(frame, rows, self.lists) if rows else frame


def _search(known: pl.DataFrame, number: int, asked: pl.Series) -> pl.DataFrame:
    """Return what one list knows of values."""
    column = known.get_column("value")
    places = column.search_sorted(asked, side="left").clip(0, column.len() - 1)
    is_known = column.gather(places) == asked
    rows = known[places.filter(is_known)].with_columns(pl.lit(number, pl.UInt16).alias("list"))
    return pl.DataFrame([asked.filter(is_known)]).hstack(rows.cast(INDICATOR))


def _is_over(until: object, moment: object) -> bool:
    return until is not None and moment is not None and until < moment  # type: ignore[operator]  # both are times


def _networks(values: Collection[str]) -> list[tuple[IPNetwork, int]]:
    found = []
    for number, value in enumerate(values):
        try:
            found.append((ip_network(value, strict=False), number))
        except ValueError:
            continue
    return found


def _distinct(frames: Sequence[pl.DataFrame], columns: Collection[str]) -> pl.Series:
    """Return the distinct texts of some columns of a batch."""
    there = [frame.get_column(name).rename("value") for frame in frames for name in columns if name in frame.columns]
    texts = [column for column in there if column.dtype == pl.String and column.null_count() < column.len()]
    return pl.concat(texts).drop_nulls().unique() if texts else pl.Series("value", [], dtype=pl.String)


def _spellings(values: pl.Series, kind: Kind) -> pl.DataFrame:
    """Return (value, said): how each value of an event may stand in a list; a name also as what it lies below."""
    frame = values.to_frame("value")
    if kind is Kind.URL:
        is_whole = pl.col("value").str.contains("://", literal=True)
        return frame.select("value", pl.when(is_whole).then(comparable_url(pl.col("value"))).alias("said"))
    lower = pl.col("value").str.to_lowercase().str.strip_suffix(".")
    if kind is not Kind.DOMAIN:
        return frame.select("value", lower.alias("said"))
    labels = frame.with_columns(lower.str.split(".").alias("labels"))
    depths = [
        labels.filter(pl.col("labels").list.len() >= depth).select(
            "value", pl.col("labels").list.tail(depth).list.join(".").alias("said")
        )
        for depth in range(_DEEPEST, 1, -1)
    ]
    return pl.concat([frame.select("value", lower.alias("said")), *depths]).unique(maintain_order=True)


def _with(frame: pl.DataFrame, rows: Mapping[int, tuple[str, dict[str, object]]], lists: Sequence[str]) -> pl.DataFrame:
    given: dict[str, list[str | None]] = {name: [None] * frame.height for name in GIVEN}
    feeds = frame.get_column("logsource").to_list()
    for at, (column, one) in rows.items():
        said = (
            one["name"],
            one["kind"],
            lists[int(str(one["list"]))],
            trust_of(int(str(one["confidence"]))),
            one["label"],
            column,
        )
        for name, value in zip(GIVEN, said, strict=True):
            given[name][at] = None if value is None else str(value)
        feeds[at] = f"{feeds[at]} {LOG_SOURCE}".strip()
    columns = [pl.Series(name, values, dtype=pl.String) for name, values in given.items()]
    return frame.with_columns(pl.Series("logsource", feeds, dtype=pl.String), *columns)
