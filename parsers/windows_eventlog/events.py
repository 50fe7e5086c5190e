"""Events: flat fields → one EVENT frame per channel and event id."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import TypeAlias

import polars as pl

from correlator.model.event import ECS, RESERVED
from correlator.model.logsource import logsource_column
from correlator.parse.columns import list_column, text_column
from correlator.parse.times import to_utc

from .actions import Action, action_of
from .channels import SYSMON, dataset, log_sources_of
from .ecs import ecs_columns
from .flat import Flat, Values, joined
from .own import derive, telling
from .system import uniform

__all__ = ["EventGroup", "by_event", "events_of"]

_LAYOUTS = (
    "%Y-%m-%d %H:%M:%S%.f",  # of NXLog, which writes most of what is left; no text is read by two of them
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f %z",
    "%Y-%m-%d %H:%M:%S%.f%z",
)
_TEXTS = pl.List(pl.String)
_NOT_OWN = RESERVED | ECS.keys() | {"n"}
_MOST_KINDS = 4096  # remembered; a sender may invent channels

#: Channel and event id, trimmed.
_Name: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class EventGroup:
    """Flat events of one channel, written alike, and one event id."""

    channel: str
    event_id: str
    flat: Flat


def by_event(flats: Iterable[Flat]) -> tuple[list[EventGroup], list[int]]:
    """Return flat events grouped by channel and event id, and the rows that lack one of the two."""
    groups: dict[tuple[_Name, frozenset[str], frozenset[str]], list[Flat]] = {}
    unnamed: list[int] = []
    for part, name in chain.from_iterable(map(_parts, flats)):
        if all(name):
            key = (name, frozenset(part.lists), telling(frozenset(part.columns)))
            groups.setdefault(key, []).append(part)
        else:
            unnamed += part.rows
    return [EventGroup(*key[0], joined(parts)) for key, parts in groups.items()], unnamed


def _parts(flat: Flat) -> Iterator[tuple[Flat, _Name]]:
    """Yield ``flat`` cut by channel and event id; the look before decoding mostly got them right."""
    single = _single(flat)
    channels, ids = (single.columns.get(name) or [None] * flat.height for name in ("@Channel", "@EventID"))
    places: dict[_Name, list[int]] = {}
    if channels.count(channels[0]) == ids.count(ids[0]) == flat.height:
        yield single, (_trimmed(channels[0]), _trimmed(ids[0]))
        return
    for place, (channel, event_id) in enumerate(zip(channels, ids, strict=True)):
        places.setdefault((_trimmed(channel), _trimmed(event_id)), []).append(place)
    for name, some in places.items():
        yield single.at(some), name


def _trimmed(text: str | None) -> str:
    return (text or "").strip()


def _single(flat: Flat) -> Flat:
    """Return ``flat`` with internal fields as text: only keywords are a list, where the carrier is no liar."""
    lists = {name for name in flat.lists if name.startswith("@") and name != "@Keywords"}
    if not lists:
        return flat
    texts = {name: [value[0] if value else None for value in flat.columns[name]] for name in lists}
    return Flat(flat.rows, flat.numbers, {**flat.columns, **texts}, flat.lists - lists)


def events_of(groups: list[EventGroup], want: frozenset[str] | None, zone: str) -> tuple[list[pl.DataFrame], list[int]]:
    """Return one EVENT frame per group with the own fields ``want`` (None: all), and the rows whose time cannot be read."""
    if not groups:
        return [], []
    derived = [_derived(group, want) for group in groups]
    positions = pl.DataFrame([*_positions(derived), _time(derived, zone)])
    untimed = positions.filter(positions.get_column("@timestamp").is_null()).get_column("raw_row").to_list()
    frames, start = [], 0
    for group in derived:
        frames.append(_frame(group, positions.slice(start, group.flat.height), want))
        start += group.flat.height
    return frames, untimed


def _derived(group: EventGroup, want: frozenset[str] | None) -> EventGroup:
    channel, flat = group.channel.casefold(), group.flat
    return EventGroup(group.channel, group.event_id, derive(flat, channel, group.event_id, uniform(flat, channel), want))


def _positions(groups: list[EventGroup]) -> list[pl.Series]:
    rows = list(chain.from_iterable(group.flat.rows for group in groups))
    numbers = list(chain.from_iterable(group.flat.numbers for group in groups))
    return [pl.Series("raw_row", rows, dtype=pl.UInt32), pl.Series("n", numbers, dtype=pl.UInt16)]


def _time(groups: list[EventGroup], zone: str) -> pl.Series:
    """Return ``@timestamp``: Sysmon's ``UtcTime``, else the time of creation; most are ISO with Z, the rest is tried after."""
    created = _gathered(groups, "@SystemTime", lambda _: True)
    moment = created.str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us", time_zone="UTC", strict=False)
    if moment.null_count():
        moment = moment.zip_with(moment.is_not_null(), pl.select(to_utc(pl.lit(created), _LAYOUTS, zone=zone)).to_series())
    act = _gathered(groups, "UtcTime", lambda group: group.channel.casefold() == SYSMON)
    if act.null_count() < act.len():
        acted = act.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False).dt.replace_time_zone("UTC")
        moment = acted.zip_with(acted.is_not_null(), moment)
    return moment.alias("@timestamp")


def _gathered(groups: list[EventGroup], name: str, has_it: Callable[[EventGroup], bool]) -> pl.Series:
    """Return a field of all events; null in groups that lack it, or have a list there."""
    texts: list[str | None] = []
    for group in groups:
        flat = group.flat
        told = has_it(group) and name in flat.columns and name not in flat.lists
        texts.extend(flat.columns[name] if told else [None] * flat.height)
    return text_column(name, texts)


@lru_cache(maxsize=_MOST_KINDS)
def _kind(channel: str, event_id: str) -> tuple[Action, Mapping[str, pl.Series]]:
    """Return what happened in events of a kind, and the columns that are equal for all of them, one row long."""
    source = dataset(channel)
    action = action_of(source, event_id)
    constants: dict[str, str | None] = {
        "event.dataset": source,
        "event.kind": "event",
        "event.module": "windows",
        "event.code": event_id,
        "winlog.channel": channel,
        "host.os.type": "windows",
        "event.action": action.action,
        "logsource": logsource_column(*log_sources_of(channel, event_id)),
    }
    columns = {name: pl.Series(name, [text], dtype=pl.String) for name, text in constants.items() if text is not None}
    lists = {"event.category": action.category, "event.type": action.kind}
    return action, columns | {name: pl.Series(name, [list(words)], dtype=_TEXTS) for name, words in lists.items() if words}


def _frame(group: EventGroup, positions: pl.DataFrame, want: frozenset[str] | None) -> pl.DataFrame:
    """Return the EVENT frame of a group: what the engine needs, ECS, then own fields; columns without a value are left out."""
    flat, channel = group.flat, group.channel.casefold()
    action, constants = _kind(group.channel, group.event_id)
    shared = {name: one.new_from_index(0, flat.height) for name, one in constants.items()}
    if (channel, group.event_id) == (SYSMON, "12") and "EventType" in flat.columns:
        shared["logsource"] = _registry_sources(group)
    made = _Columns(flat.height)
    ecs = ecs_columns(flat, channel, group.event_id, action.role)
    said = [made.column(name, values, ECS[name]) for name, values in ecs.items()]
    own = [
        made.column(name, values, _TEXTS if name in flat.lists else pl.String())
        for name, values in flat.columns.items()
        if _is_own(name, want)
    ]
    return positions.hstack([*shared.values(), *(column for column in (*said, *own) if column is not None)])


class _Columns:
    """Values made columns, those of several names once."""

    def __init__(self, height: int) -> None:
        self._height = height
        self._made: dict[tuple[int, bool], pl.Series | None] = {}

    def column(self, name: str, values: Values, dtype: pl.DataType) -> pl.Series | None:
        """Return the column; None where no event has a value."""
        key = (id(values), isinstance(dtype, pl.List))
        if key not in self._made:
            self._made[key] = self._new(name, values, dtype)
        made = self._made[key]
        return made if made is None or made.name == name else made.alias(name)

    def _new(self, name: str, values: Values, dtype: pl.DataType) -> pl.Series | None:
        if values[0] is None and all(value is None for value in values):
            return None
        return _MAKE[type(dtype)](name, values)


_MAKE: Mapping[type[pl.DataType], Callable[[str, Values], pl.Series]] = {
    pl.String: text_column,
    pl.List: list_column,
    pl.Int64: lambda name, values: pl.Series(name, values, dtype=pl.Int64),
}


def _is_own(name: str, want: frozenset[str] | None) -> bool:
    return (want is None or name in want) and not name.startswith("@") and name not in _NOT_OWN


def _registry_sources(group: EventGroup) -> pl.Series:
    """Return the ``logsource`` texts of Sysmon 12, where each event's EventType says what it feeds."""
    kinds = group.flat.columns["EventType"]
    texts = {kind: logsource_column(*log_sources_of(group.channel, "12", str(kind or ""))) for kind in set(kinds)}
    return text_column("logsource", [texts[kind] for kind in kinds])
