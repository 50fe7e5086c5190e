"""Events: flat frames → one EVENT frame per channel and event id."""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from correlator.model.event import ECS, RESERVED
from correlator.model.logsource import logsource_column
from correlator.parse.times import to_utc

from .actions import OUTCOMES, Action, action_of
from .channels import SECURITY, SYSMON, dataset, log_sources_of
from .codes import KEYWORD_TEXTS
from .ecs import NEEDED, ecs_columns
from .own import derive

__all__ = ["EventGroup", "by_event", "events_of"]

_LAYOUTS = (
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f %z",
    "%Y-%m-%d %H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M:%S%.f",
)
_TEXTS = pl.List(pl.String)
# NXLog's numbers and winlogbeat's words of the severity → Windows' Level.
_LEVELS = {
    "1": "5", "2": "4", "3": "3", "4": "2", "5": "1",
    "debug": "5", "info": "4", "information": "4", "warning": "3", "error": "2", "critical": "1", "verbose": "5",
}  # fmt: skip
_AUDIT_EVENT_TYPES = ["INFO", "WARNING", "ERROR", "VERBOSE", "AUDIT_SUCCESS", "AUDIT_FAILURE"]  # of NXLog, not of Sysmon


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
    whole = [EventGroup(_first(parts[0], "@Channel"), key[1], _together(parts)) for key, parts in groups.items()]
    return whole, unnamed


def _parts(frame: pl.DataFrame) -> list[pl.DataFrame]:
    """Return ``frame`` cut by channel and event id; the look before decoding mostly got them right."""
    keys = [name for name in ("@Channel", "@EventID") if name in frame.columns]
    texts = frame.with_columns(_scalar(frame, name) for name in keys)
    if all(texts.get_column(name).n_unique() == 1 for name in keys):
        return [texts]
    return texts.partition_by(keys, maintain_order=True)


def _scalar(frame: pl.DataFrame, name: str) -> pl.Expr:
    return pl.col(name).list.first() if isinstance(frame.schema[name], pl.List) else pl.col(name)


def _first(frame: pl.DataFrame, name: str) -> str:
    return str(frame.get_column(name)[0] or "").strip() if name in frame.columns and frame.height else ""


def _lists(frame: pl.DataFrame) -> frozenset[str]:
    """Return the names of list columns, ``Data`` apart: it is always made a list later."""
    return frozenset(name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List) and name != "Data")


def _together(parts: list[pl.DataFrame]) -> pl.DataFrame:
    if len(parts) == 1:
        return parts[0]
    data = [part.with_columns(_as_list(part, "Data")) if "Data" in part.columns else part for part in parts]
    return pl.concat(data, how="diagonal")


def _as_list(frame: pl.DataFrame, name: str) -> pl.Expr:
    if isinstance(frame.schema[name], pl.List):
        return pl.col(name)
    return pl.when(pl.col(name).is_not_null()).then(pl.concat_list(name)).alias(name)


def events_of(groups: list[EventGroup], want: frozenset[str] | None, zone: str) -> tuple[list[pl.DataFrame], list[int]]:
    """Return one EVENT frame per group with the own fields ``want`` (None: all), and the rows whose time cannot be read."""
    if not groups:
        return [], []
    derived = [_derived(group) for group in groups]
    signals = pl.concat([_signals(group) for group in derived], how="diagonal")
    shared = ecs_columns(signals).with_columns(_time(signals, zone))
    untimed = signals.filter(shared.get_column("@timestamp").is_null()).get_column("raw_row").to_list()
    starts = [0, *pl.Series([group.flat.height for group in derived]).cum_sum().to_list()]
    frames = [
        _frame(group, shared.slice(start, group.flat.height), want) for group, start in zip(derived, starts, strict=False)
    ]
    return frames, untimed


def _derived(group: EventGroup) -> EventGroup:
    channel = group.channel.casefold()
    return EventGroup(group.channel, group.event_id, derive(_uniform(group.flat, channel), channel, group.event_id))


def _uniform(flat: pl.DataFrame, channel: str) -> pl.DataFrame:
    """Return ``flat`` with the system fields as the evtx reader writes them: ids, hex keywords, a level."""
    columns = [pl.col("@EventID").alias("EventID")]
    if "@Keywords" in flat.columns:
        keywords = _keywords(flat.get_column("@Keywords"))
        columns += [pl.lit(keywords).alias("@Keywords")]
        columns += [pl.lit(keywords).alias("Keywords")] if "Keywords" in flat.columns else []
    if "Provider_Guid" in flat.columns:
        columns.append(pl.col("Provider_Guid").str.strip_chars("{}").str.to_lowercase())
    if "@Level" not in flat.columns and "@severity" in flat.columns:
        columns += _level(channel)
    if "EventType" in flat.columns and channel != SYSMON:
        columns.append(_own_event_type(flat))
    return flat.with_columns(columns)


def _own_event_type(flat: pl.DataFrame) -> pl.Expr:
    """Return ``EventType`` without the values NXLog itself puts there."""
    is_carrier = pl.col("EventType").is_in(_AUDIT_EVENT_TYPES) & pl.lit("@severity" in flat.columns)
    return pl.when(~is_carrier).then("EventType").alias("EventType")


def _level(channel: str) -> list[pl.Expr]:
    """Return the level where the carrier says a severity instead; audits have level 0."""
    severity = pl.col("@severity").str.to_lowercase().replace_strict(_LEVELS, default=None, return_dtype=pl.String)
    level = pl.lit("0") if channel == SECURITY else severity
    return [level.alias("Level"), level.alias("@Level")]


def _keywords(column: pl.Series) -> pl.Series:
    """Return keywords as ``0x…`` text: from hex, from NXLog's signed number, or from winlogbeat's list of words."""
    joined = column.list.join("\n", ignore_nulls=True) if isinstance(column.dtype, pl.List) else column
    known = {text: _hex(text) for text in joined.drop_nulls().unique().to_list()}
    return joined.replace_strict(known, default=None, return_dtype=pl.String)


def _hex(text: str) -> str:
    if text.lstrip("-").isdecimal():
        return f"0x{int(text) % 2**64:x}"
    if text.lower().startswith("0x"):
        return text.lower()
    words = [word.strip().casefold().replace("’", "'") for word in text.splitlines()]
    bits = 0
    for word in words:
        bits |= KEYWORD_TEXTS.get(word, 0)
    return f"0x{bits:x}" if bits else ", ".join(text.splitlines())


def _signals(group: EventGroup) -> pl.DataFrame:
    """Return the fields ECS is read from, as text, with the constants of the group."""
    action = action_of(dataset(group.channel), group.event_id)
    columns = [_scalar(group.flat, name) for name in group.flat.columns if name in NEEDED]
    return group.flat.select(
        "raw_row",
        *columns,
        pl.lit(group.channel.casefold()).alias("@channel"),
        pl.lit(group.event_id).alias("@id"),
        pl.lit(action.role).alias("@role"),
        pl.lit(OUTCOMES.get(group.event_id) if group.channel.casefold() == SECURITY else None, pl.String).alias("@outcome"),
    )


def _time(signals: pl.DataFrame, zone: str) -> pl.Series:
    """Return ``@timestamp``: Sysmon's ``UtcTime``, else the time of creation; most are ISO with Z, the rest is tried after."""
    created = pl.col("@SystemTime") if "@SystemTime" in signals.columns else pl.lit(None, pl.String)
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
    flat = group.flat
    known = [name for name in shared.columns if name == "@timestamp" or shared.get_column(name).null_count() < shared.height]
    own = [name for name in flat.columns if _is_own(name, want) and flat.get_column(name).null_count() < flat.height]
    source = dataset(group.channel)
    constants = _constants(group, action_of(source, group.event_id))
    head = flat.select("raw_row", "n", _log_source(group).alias("logsource"), pl.lit(source).alias("event.dataset"))
    return head.hstack(shared.select(known)).with_columns(constants).hstack(flat.select(own))


def _is_own(name: str, want: frozenset[str] | None) -> bool:
    return (
        (want is None or name in want) and not name.startswith("@") and name not in ECS and name not in RESERVED and name != "n"
    )


def _constants(group: EventGroup, action: Action) -> list[pl.Expr]:
    """Return the ECS columns that are equal for all events of the group."""
    texts = {"event.kind": "event", "event.module": "windows", "event.code": group.event_id, "winlog.channel": group.channel}
    lists = {"event.category": action.category, "event.type": action.kind}
    said = {**texts, "host.os.type": "windows", **({"event.action": action.action} if action.action else {})}
    return [
        *(pl.lit(value).alias(name) for name, value in said.items()),
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
