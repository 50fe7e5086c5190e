"""Events: flat fields → EVENT frames: by channel and event id, derived fields added, times read."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TypeAlias

import polars as pl

from correlator.parse.columns import text_column
from correlator.parse.times import to_utc

from .channels import SYSMON
from .flat import Flat, joined
from .frames import EventGroup, frame_key, frame_of
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
_MANY = 256  # events, worth a frame of their own

#: Channel and event id, trimmed.
_Name: TypeAlias = tuple[str, str]


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
    """Return the EVENT frames with the own fields ``want`` (None: all), and the rows whose time cannot be read.

    A group of many events is a frame of its own; small ones of one channel that feed the same log sources share one, for a
    frame has a price whatever it holds, here and in every stage after this one.
    """
    if not groups:
        return [], []
    shared: dict[object, list[EventGroup]] = {}
    for place, group in enumerate(_derived(group, want) for group in groups):
        shared.setdefault(place if group.flat.height >= _MANY else frame_key(group), []).append(group)
    ordered = list(chain.from_iterable(shared.values()))
    positions = pl.DataFrame([*_positions(ordered), _time(ordered, zone)])
    untimed = positions.filter(positions.get_column("@timestamp").is_null()).get_column("raw_row").to_list()
    frames, start = [], 0
    for some in shared.values():
        height = sum(group.flat.height for group in some)
        frames.append(frame_of(some, positions.slice(start, height), want))
        start += height
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
