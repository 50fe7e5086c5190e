"""Events: flat frames → one EVENT frame per channel and event id."""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from correlator.model.event import ECS, RESERVED
from correlator.model.logsource import logsource_column
from correlator.parse.times import to_utc

from .actions import OUTCOMES, action_of
from .channels import SECURITY, SYSMON, dataset, log_sources_of
from .ecs import NEEDED, ecs_columns
from .own import derive
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
_KIND = {"@channel": pl.String, "@id": pl.String, "@role": pl.String, "@outcome": pl.String, "rows": pl.UInt32}


@dataclass(frozen=True, slots=True)
class EventGroup:
    """Flat events of one channel (as written by the first of them) and one event id."""

    channel: str
    event_id: str
    flat: pl.DataFrame


def by_event(frames: Iterable[pl.DataFrame]) -> tuple[list[EventGroup], list[int]]:
    """Return flat frames grouped by channel (without case) and event id, and the rows that lack one of the two."""
    groups: dict[tuple[str, str, frozenset[str]], list[pl.DataFrame]] = {}
    unnamed: list[int] = []
    for frame in frames:
        for part in _parts(frame):
            channel, event_id = (_first(part, name) for name in ("@Channel", "@EventID"))
            if channel and event_id:
                groups.setdefault((channel.casefold(), event_id, _lists(part)), []).append(part)
            else:
                unnamed += part.get_column("raw_row").to_list()
    whole = [
        EventGroup(_first(parts[0], "@Channel"), key[1], pl.concat(parts, how="diagonal")) for key, parts in groups.items()
    ]
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
    derived = [_derived(group) for group in groups]
    signals = _signals(derived)
    shared = ecs_columns(signals).with_columns(_time(signals, zone))
    untimed = signals.filter(shared.get_column("@timestamp").is_null()).get_column("raw_row").to_list()
    starts = [0, *pl.Series([group.flat.height for group in derived]).cum_sum().to_list()]
    frames = [
        _frame(group, shared.slice(start, group.flat.height), want) for group, start in zip(derived, starts, strict=False)
    ]
    return frames, untimed


def _derived(group: EventGroup) -> EventGroup:
    channel, flat = group.channel.casefold(), _single(group.flat)
    return EventGroup(group.channel, group.event_id, derive(flat, channel, group.event_id, uniform(flat, channel)))


def _single(flat: pl.DataFrame) -> pl.DataFrame:
    """Return ``flat`` with internal fields as text: only keywords are a list, where the carrier is no liar."""
    lists = [name for name in _lists(flat) if name.startswith("@") and name != "@Keywords"]
    return flat.with_columns(pl.col(lists).list.first()) if lists else flat


def _signals(groups: list[EventGroup]) -> pl.DataFrame:
    """Return the fields ECS is read from, of all events in the order of their groups, with what each group is."""
    fields = pl.concat([_needed(group.flat) for group in groups], how="diagonal")
    kinds = pl.DataFrame([_kind(group) for group in groups], schema=_KIND, orient="row")
    return fields.hstack(kinds.select(pl.exclude("rows").repeat_by("rows").explode(empty_as_null=False)))


def _needed(flat: pl.DataFrame) -> pl.DataFrame:
    columns = [column for column in flat.get_columns() if column.name in NEEDED or column.name == "raw_row"]
    return pl.DataFrame([column.list.first() if column.dtype == _TEXTS else column for column in columns])


def _kind(group: EventGroup) -> tuple[str, str, str, str | None, int]:
    channel = group.channel.casefold()
    outcome = OUTCOMES.get(group.event_id) if channel == SECURITY else None
    return channel, group.event_id, action_of(dataset(channel), group.event_id).role, outcome, group.flat.height


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
    columns = group.flat.get_columns()
    ecs = [column for column in shared.get_columns() if column.name == "@timestamp" or column.null_count() < shared.height]
    own = [column for column in columns if _is_own(column.name, want) and column.null_count() < shared.height]
    head = group.flat.select("raw_row", "n", _log_source(group).alias("logsource"), *_constants(group))
    return pl.DataFrame([*head.get_columns(), *ecs, *own])


def _is_own(name: str, want: frozenset[str] | None) -> bool:
    return (want is None or name in want) and not name.startswith("@") and name not in _NOT_OWN


def _constants(group: EventGroup) -> list[pl.Expr]:
    """Return the columns that are equal for all events of the group."""
    source = dataset(group.channel)
    action = action_of(source, group.event_id)
    texts = {
        "event.dataset": source,
        "event.kind": "event",
        "event.module": "windows",
        "event.code": group.event_id,
        "winlog.channel": group.channel,
        "host.os.type": "windows",
        **({"event.action": action.action} if action.action else {}),
    }
    lists = {"event.category": action.category, "event.type": action.kind}
    return [
        *(pl.lit(value).alias(name) for name, value in texts.items()),
        *(pl.lit(list(value), dtype=_TEXTS).alias(name) for name, value in lists.items() if value),
    ]


def _log_source(group: EventGroup) -> pl.Expr:
    """Return the ``logsource`` text: one for the group, except Sysmon 12, where each event's EventType says which."""
    if (group.channel.casefold(), group.event_id) != (SYSMON, "12") or "EventType" not in group.flat.columns:
        return pl.lit(logsource_column(*log_sources_of(group.channel, group.event_id)))
    kinds = group.flat.get_column("EventType").drop_nulls().unique().to_list()
    texts = {kind: logsource_column(*log_sources_of(group.channel, "12", kind)) for kind in kinds}
    return pl.col("EventType").replace_strict(
        texts, default=logsource_column(*log_sources_of(group.channel, "12")), return_dtype=pl.String
    )
