"""Frames: events of one channel → an EVENT frame; columns without a value are left out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, repeat

import polars as pl

from correlator.model.event import ECS, RESERVED
from correlator.model.logsource import logsource_column
from correlator.parse.columns import list_column, text_column

from .actions import Action, action_of
from .channels import SYSMON, dataset, log_sources_of
from .combine import is_constant
from .ecs import ecs_columns
from .flat import Flat, Values

__all__ = ["EventGroup", "frame_key", "frame_of"]

_LIST = pl.List(pl.String)
_TEXT = pl.String()
_LISTS = frozenset({"event.category", "event.type"})
_WORTH_A_LOOK = 16  # values
_NOT_OWN = RESERVED | ECS.keys() | {"n"}
_MOST_KINDS = 4096  # remembered; a sender may invent channels


@dataclass(frozen=True, slots=True)
class EventGroup:
    """Flat events of one channel, written alike, and one event id."""

    channel: str
    event_id: str
    flat: Flat


@lru_cache(maxsize=_MOST_KINDS)
def _one(name: str, value: str | tuple[str, ...]) -> pl.Series:
    """Return a column one row long, the same object whenever it is asked for."""
    return pl.Series(name, [value], dtype=_TEXT) if isinstance(value, str) else pl.Series(name, [list(value)], dtype=_LIST)


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
    columns: dict[str, str | tuple[str, ...] | None] = {
        **constants,
        "event.category": action.category,
        "event.type": action.kind,
    }
    return action, {name: _one(name, value) for name, value in columns.items() if value not in (None, ())}


def frame_key(group: EventGroup) -> tuple[object, ...]:
    """Return what groups must have in common to share a frame: dataset, log sources, and which fields hold lists."""
    _, constants = _kind(group.channel, group.event_id)
    is_registry_key = (group.channel.casefold(), group.event_id) == (SYSMON, "12")
    return constants["event.dataset"][0], constants["logsource"][0], is_registry_key, frozenset(group.flat.lists)


def frame_of(groups: Sequence[EventGroup], positions: pl.DataFrame, want: frozenset[str] | None) -> pl.DataFrame:
    """Return the EVENT frame of ``groups``, ``positions`` first: what the engine needs, ECS, then own fields."""
    kinds = [_kind(group.channel, group.event_id) for group in groups]
    columns = _constants([constants for _, constants in kinds], [group.flat.height for group in groups])
    if (groups[0].channel.casefold(), groups[0].event_id) == (SYSMON, "12"):
        columns["logsource"] = _registry_sources(groups)
    acted = zip(groups, kinds, strict=True)
    ecs = [ecs_columns(one.flat, one.channel.casefold(), one.event_id, action.role) for one, (action, _) in acted]
    own = [{name: values for name, values in one.flat.columns.items() if _is_own(name, want)} for one in groups]
    lists = groups[0].flat.lists
    heights = [group.flat.height for group in groups]
    made = _Columns()
    for parts, dtype_of in ((ecs, ECS.__getitem__), (own, lambda name: _LIST if name in lists else _TEXT)):
        for name in dict.fromkeys(chain.from_iterable(parts)):
            column = made.column(name, [part.get(name) for part in parts], heights, dtype_of(name))
            if column is not None:
                columns[name] = column
    return positions.hstack(list(columns.values()))


def _constants(kinds: Sequence[Mapping[str, pl.Series]], heights: Sequence[int]) -> dict[str, pl.Series]:
    """Return what is equal for all events of a kind, as columns for all of them."""
    if len(kinds) == 1:
        return {name: one.new_from_index(0, heights[0]) for name, one in kinds[0].items()}
    columns: dict[str, pl.Series] = {}
    for name in dict.fromkeys(chain.from_iterable(kinds)):
        if all(kind.get(name) is kinds[0].get(name) for kind in kinds):
            columns[name] = kinds[0][name].new_from_index(0, sum(heights))
        else:
            each = (kind[name].to_list()[0] if name in kind else None for kind in kinds)
            values = list(chain.from_iterable(map(repeat, each, heights)))
            columns[name] = list_column(name, values) if name in _LISTS else text_column(name, values)
    return columns


class _Columns:
    """Values made columns, those of several names once."""

    def __init__(self) -> None:
        self._made: dict[tuple[object, ...], pl.Series | None] = {}

    def column(self, name: str, parts: Sequence[Values | None], heights: Sequence[int], dtype: pl.DataType) -> pl.Series | None:
        """Return the column of all ``parts``, null where one is None; None where no event has a value."""
        key = (type(dtype), *map(id, parts))
        if key not in self._made:
            self._made[key] = _column(name, parts, heights, dtype)
        made = self._made[key]
        return made if made is None or made.name == name else made.alias(name)


def _column(name: str, parts: Sequence[Values | None], heights: Sequence[int], dtype: pl.DataType) -> pl.Series | None:
    there = (values or repeat(None, height) for values, height in zip(parts, heights, strict=True))
    whole = parts[0] if len(parts) == 1 and parts[0] is not None else list(chain.from_iterable(there))
    if not any(whole) and all(value is None for value in whole):  # nearly every value is true: the first ends the search
        return None
    make = _MAKE[type(dtype)]
    if len(whole) >= _WORTH_A_LOOK and is_constant(whole):
        return make(name, whole[:1]).new_from_index(0, len(whole))
    return make(name, whole)


_MAKE: Mapping[type[pl.DataType], Callable[[str, Values], pl.Series]] = {
    pl.String: text_column,
    pl.List: list_column,
    pl.Int64: lambda name, values: pl.Series(name, values, dtype=pl.Int64),
}


def _is_own(name: str, want: frozenset[str] | None) -> bool:
    return (want is None or name in want) and not name.startswith("@") and name not in _NOT_OWN


def _registry_sources(groups: Sequence[EventGroup]) -> pl.Series:
    """Return the ``logsource`` texts of Sysmon 12, where each event's EventType says what it feeds."""
    kinds = list(chain.from_iterable(one.flat.columns.get("EventType") or repeat(None, one.flat.height) for one in groups))
    channel = groups[0].channel
    texts = {kind: logsource_column(*log_sources_of(channel, "12", str(kind or ""))) for kind in set(map(_text, kinds))}
    return text_column("logsource", [texts[_text(kind)] for kind in kinds])


def _text(kind: object) -> str:
    return kind if isinstance(kind, str) else ""
