"""Events: flat frames → one EVENT frame per channel and event id."""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from correlator.model.event import ECS, PARSED, RESERVED
from correlator.model.logsource import logsource_column
from correlator.parse.times import to_utc

from .actions import OUTCOMES, action_of
from .channels import SECURITY, SYSMON, dataset, log_sources_of
from .ecs import NEEDED, ecs_columns
from .own import derive, telling
from .system import uniform

__all__ = ["EventGroup", "by_event", "events_of"]

_LAYOUTS = (
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f %z",
    "%Y-%m-%d %H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M:%S%.f",
)
_TEXTS = pl.List(pl.String)
_NOT_OWN = RESERVED | ECS.keys() | {"n"}
_WORKING = ("@channel", "@id", "@role", "@outcome")
_CONSTANTS = (
    "event.dataset", "event.kind", "event.module", "event.code", "winlog.channel", "host.os.type", "event.action",
)  # fmt: skip
_KIND: dict[str, pl.DataType] = {
    **dict.fromkeys((*_WORKING, *_CONSTANTS), pl.String()),
    "event.category": _TEXTS,
    "event.type": _TEXTS,
    "logsource": pl.String(),
}


@dataclass(frozen=True, slots=True)
class EventGroup:
    """Flat events of one channel, written alike, and one event id."""

    channel: str
    event_id: str
    flat: pl.DataFrame


def by_event(frames: Iterable[pl.DataFrame]) -> tuple[list[EventGroup], list[int]]:
    """Return flat frames grouped by channel and event id, and the rows that lack one of the two."""
    groups: dict[tuple[str, str, frozenset[str], frozenset[str]], list[pl.DataFrame]] = {}
    unnamed: list[int] = []
    for frame in frames:
        for part in _parts(frame):
            channel, event_id = (_first(part, name) for name in ("@Channel", "@EventID"))
            if channel and event_id:
                key = (channel, event_id, _lists(part), telling(tuple(sorted(part.columns))))
                groups.setdefault(key, []).append(part)
            else:
                unnamed += part.get_column("raw_row").to_list()
    whole = [EventGroup(key[0], key[1], pl.concat(parts, how="diagonal")) for key, parts in groups.items()]
    return whole, unnamed


def _parts(frame: pl.DataFrame) -> list[pl.DataFrame]:
    """Return ``frame`` cut by channel and event id; the look before decoding mostly got them right."""
    keys = [name for name in ("@Channel", "@EventID") if name in frame.columns]
    schema = frame.schema
    lists = [pl.col(name).list.first() for name in keys if isinstance(schema[name], pl.List)]
    texts = frame.with_columns(lists) if lists else frame
    if all(texts.get_column(name).n_unique() == 1 for name in keys):
        return [texts]
    return texts.partition_by(keys, maintain_order=True)


def _first(frame: pl.DataFrame, name: str) -> str:
    return str(frame.get_column(name)[0] or "").strip() if name in frame.columns and frame.height else ""


def _lists(frame: pl.DataFrame) -> frozenset[str]:
    return frozenset(name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List))


def events_of(groups: list[EventGroup], want: frozenset[str] | None, zone: str) -> tuple[list[pl.DataFrame], list[int]]:
    """Return one EVENT frame per group with the own fields ``want`` (None: all), and the rows whose time cannot be read."""
    if not groups:
        return [], []
    derived = [_derived(group, want) for group in groups]
    signals, constants = _signals(derived)
    shared = ecs_columns(signals).with_columns(_time(signals, zone)).hstack(constants)
    untimed = signals.filter(shared.get_column("@timestamp").is_null()).get_column("raw_row").to_list()
    frames, start = [], 0
    for group in derived:
        frames.append(_frame(group, shared.slice(start, group.flat.height), want))
        start += group.flat.height
    return frames, untimed


def _derived(group: EventGroup, want: frozenset[str] | None) -> EventGroup:
    channel, flat = group.channel.casefold(), _single(group.flat)
    return EventGroup(group.channel, group.event_id, derive(flat, channel, group.event_id, uniform(flat, channel), want))


def _single(flat: pl.DataFrame) -> pl.DataFrame:
    """Return ``flat`` with internal fields as text: only keywords are a list, where the carrier is no liar."""
    lists = [name for name in _lists(flat) if name.startswith("@") and name != "@Keywords"]
    return flat.with_columns(pl.col(lists).list.first()) if lists else flat


def _signals(groups: list[EventGroup]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the fields ECS is read from, of all events in the order of their groups, and what all events of a group share."""
    fields = pl.concat([_needed(group.flat) for group in groups], how="diagonal", rechunk=True)
    kinds = pl.DataFrame([_kind(group) for group in groups], schema=_KIND, orient="row")
    places = pl.DataFrame({"place": range(len(groups)), "rows": [group.flat.height for group in groups]})
    each = kinds[places.select(pl.col("place").repeat_by("rows").explode(empty_as_null=False)).to_series()]
    return fields.hstack(each.select(*_WORKING)), each.drop(*_WORKING)


def _needed(flat: pl.DataFrame) -> pl.DataFrame:
    columns = [column for column in flat.get_columns() if column.name in NEEDED or column.name == "raw_row"]
    return pl.DataFrame([column.list.first() if column.dtype == _TEXTS else column for column in columns])


def _kind(group: EventGroup) -> tuple[object, ...]:
    """Return what is equal for all events of the group: the columns of ``_KIND``."""
    channel, event_id = group.channel.casefold(), group.event_id
    outcome = OUTCOMES.get(event_id) if channel == SECURITY else None
    source = dataset(group.channel)
    action = action_of(source, event_id)
    known = (source, "event", "windows", event_id, group.channel, "windows", action.action)
    lists = (list(action.category) or None, list(action.kind) or None)
    return channel, event_id, action.role, outcome, *known, *lists, logsource_column(*log_sources_of(group.channel, event_id))


def _time(signals: pl.DataFrame, zone: str) -> pl.Series:
    """Return ``@timestamp``: Sysmon's ``UtcTime``, else the time of creation; most are ISO with Z, the rest is tried after."""
    created = pl.col("@SystemTime")
    if "@SystemTime" not in signals.columns:
        signals = signals.with_columns(pl.lit(None, pl.String).alias("@SystemTime"))
    moment = signals.select(
        created.str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us", time_zone="UTC", strict=False)
    ).to_series()
    if moment.null_count():
        moment = moment.zip_with(moment.is_not_null(), signals.select(to_utc(created, _LAYOUTS, zone=zone)).to_series())
    if "UtcTime" in signals.columns:
        act = signals.select(pl.when(pl.col("@channel") == SYSMON).then("UtcTime")).to_series()
        acted = act.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False).dt.replace_time_zone("UTC")
        moment = acted.zip_with(acted.is_not_null(), moment)
    return moment.alias("@timestamp")


def _frame(group: EventGroup, shared: pl.DataFrame, want: frozenset[str] | None) -> pl.DataFrame:
    """Return the EVENT frame of a group: what the engine needs, ECS, then own fields; columns without a value are left out."""
    height = shared.height
    own = [column for column in group.flat.get_columns() if _is_own(column.name, want) and column.null_count() < height]
    said = {column.name: column for column in shared.get_columns() if column.name in PARSED or column.null_count() < height}
    if (group.channel.casefold(), group.event_id) == (SYSMON, "12") and "EventType" in group.flat.columns:
        said["logsource"] = _registry_sources(group)
    return pl.DataFrame([group.flat.get_column("raw_row"), group.flat.get_column("n"), *said.values(), *own])


def _is_own(name: str, want: frozenset[str] | None) -> bool:
    return (want is None or name in want) and not name.startswith("@") and name not in _NOT_OWN


def _registry_sources(group: EventGroup) -> pl.Series:
    """Return the ``logsource`` texts of Sysmon 12, where each event's EventType says what it feeds."""
    column = group.flat.get_column("EventType")
    kinds = column.drop_nulls().unique().to_list()
    texts = {kind: logsource_column(*log_sources_of(group.channel, "12", kind)) for kind in kinds}
    other = logsource_column(*log_sources_of(group.channel, "12"))
    return column.replace_strict(texts, default=other, return_dtype=pl.String).fill_null(other).alias("logsource")
