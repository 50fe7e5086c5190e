"""State as a log: what a batch changed in each lane, and a lane whole, as blobs of Arrow frames; and the state out of them.

A delta has the frames of a state with what is new in them, and the uids and hits that are gone. Rows that only grew too old are
not told: who reads a log forgets them by the watermark, as the engine does.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import polars as pl
import pyarrow as pa

from correlator.correlate.rehash import rehashed
from correlator.correlate.state import FOREVER, FRAMES, NEVER, OPEN, LaneStates, merged, only, without
from correlator.errors import Fatal

#: Version of the blob. 2 and older held whole groups; their rules meant something by another hash, so nothing of them goes on.
VERSION = 3
_MARK = b"tocsin windows\n"
_OPS = {
    "assigned": pl.Schema({"uid": pl.UInt64(), "hit": pl.UInt64()}),
    "gone_rows": pl.Schema({"uid": pl.UInt64()}),
    "gone_hits": pl.Schema({"hit": pl.UInt64()}),
}
_WHOLE, _DELTA = "snapshot", "delta"
_KEYED = ("rows", "waiting", "keys", "open", "hours")


@dataclass(frozen=True, slots=True)
class Changes:
    """What one batch changed. ``added``: a state of what is new; ``lane_of``: KEYS of every key in it.

    ``assigned`` (uid, hit, key) are rows that now belong to a hit; ``dropped`` (uid, key) rows and ``ended`` (hit, key) hits
    that are gone for another reason than their age. ``hours`` and ``open`` of ``added`` replace what stands under their keys.
    """

    added: LaneStates
    lane_of: pl.DataFrame
    assigned: pl.DataFrame
    dropped: pl.DataFrame
    ended: pl.DataFrame
    lanes: frozenset[str] = field(default_factory=frozenset)

    def to_blobs(self) -> dict[str, bytes]:
        """Return lane → what changed in it, for every lane where something did."""
        whose = self.lane_of.select("key", "lane")
        known = _details_of(self.added)  # of all lanes: each looks for its own among few
        parts = {name: _by_lane(getattr(self.added, name), whose) for name in _KEYED}
        ops = {
            "assigned": _by_lane(self.assigned, whose),
            "gone_rows": _by_lane(self.dropped, whose),
            "gone_hits": _by_lane(self.ended, whose),
        }
        return {lane: self._blob(lane, parts, ops, known) for lane in sorted(self.lanes)}

    def _blob(self, lane: str, parts: Mapping[str, "_Parts"], ops: Mapping[str, "_Parts"], details: pl.DataFrame) -> bytes:
        frames: dict[str, Any] = {name: part.get(lane, getattr(self.added, name).clear()) for name, part in parts.items()}
        state = _with_details(replace(self.added, **frames, details=details), lane)
        told = {name: part[lane].select(list(_OPS[name])) for name, part in ops.items() if lane in part}
        return _write(_DELTA, state, told)


_Parts = Mapping[str, pl.DataFrame]


def _by_lane(frame: pl.DataFrame, whose: pl.DataFrame) -> _Parts:
    """Return lane → its rows of ``frame``; ``whose``: key, lane."""
    columns = frame.columns
    placed = frame if "lane" in columns else frame.join(whose, on="key", maintain_order="left")
    found = placed.partition_by("lane", as_dict=True, maintain_order=True)
    return {str(lane): part.select(columns) for (lane,), part in found.items()}


def _with_details(state: LaneStates, lane: str) -> LaneStates:
    return replace(state, details=_details_of(state), born=state.born.filter(pl.col("lane") == lane))


def _details_of(state: LaneStates) -> pl.DataFrame:
    """Return the details of the events that the rows of a state have."""
    events = pl.concat([state.rows.get_column("event"), state.waiting.get_column("event")])
    return only(state.details, "event", events.unique())


def snapshot(state: LaneStates, lane: str) -> bytes:
    """Return all of ``state`` that belongs to ``lane`` as one blob."""
    keys = state.keys.filter(pl.col("lane") == lane).get_column("key")
    frames: dict[str, Any] = {name: only(getattr(state, name), "key", keys) for name in _KEYED}
    return _write(_WHOLE, _with_details(replace(state, **frames), lane), {})


def from_log(logs: Mapping[str, Sequence[bytes]]) -> LaneStates:
    """Return the state that ``logs`` tell: per lane a snapshot, or nothing, and the deltas after it in order.

    Raises:
        Fatal: a blob was written by a newer Tocsin.
    """
    lanes = [_replayed([_read(blob) for blob in log]) for log in logs.values()]
    known = [state for state in lanes if state is not None]
    numbering = tuple(dict.fromkeys(one for state in known for one in state.rules))
    return merged([_numbered(state, numbering) for state in known], numbering)


def _numbered(state: LaneStates, numbering: tuple[tuple[str, str], ...]) -> LaneStates:
    places = {old: numbering.index(one) for old, one in enumerate(state.rules)}
    place = pl.col("rule").replace_strict(places, return_dtype=pl.UInt16, default=None)
    frames = {name: getattr(state, name).with_columns(place) for name, schema in FRAMES.items() if "rule" in schema}
    return replace(state, rules=numbering, **frames)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A blob read."""

    state: LaneStates
    assigned: pl.DataFrame
    gone_rows: pl.Series
    gone_hits: pl.Series


def _replayed(entries: Sequence["_Entry | None"]) -> LaneStates | None:
    """Return the state of one lane after its log; entries of rules that were renumbered in between are renumbered too."""
    known = [entry for entry in entries if entry is not None]
    if not known:
        return None
    numbering = tuple(dict.fromkeys(one for entry in known for one in entry.state.rules))
    states = [_numbered(entry.state, numbering) for entry in known]
    limit = _limits([entry.state for entry in known], numbering)
    opened = _last_open(states, known)
    assigned = pl.concat([entry.assigned for entry in known]).unique("uid", keep="last")
    assigned = only(assigned, "hit", opened.get_column("hit"))
    young = [_young(state, limit, assigned, opened) for state in states]
    whole = merged(young, numbering)
    rows, waiting = (_last_rows(getattr(whole, name), known, assigned, opened) for name in ("rows", "waiting"))
    return replace(
        whole,
        rows=rows,
        waiting=waiting,
        keys=whole.keys.unique("key", keep="last", maintain_order=True),
        open=opened,
        hours=whole.hours.unique(["key", "hour"], keep="last", maintain_order=True),
        born=whole.born.group_by("rule", "lane").agg(pl.col("first").min()).select(whole.born.columns),
        rules=numbering,
    )


def _limits(states: Sequence[LaneStates], numbering: tuple[tuple[str, str], ...]) -> pl.Series:
    """Return, per rule, the time before which nothing is wanted any more; the log tells of rows that grew too old nowhere."""
    passed: dict[str, int] = {}
    for state in states:
        passed |= {rule: max(time, passed.get(rule, NEVER)) for rule, time in state.passed.items()}
    keeps = {one: keep for state in states for one, keep in zip(state.rules, state.keeps, strict=True)}
    limits = [NEVER if keeps[one] >= FOREVER else passed.get(one[0], NEVER) - keeps[one] for one in numbering]
    return pl.Series([max(limit, NEVER) for limit in limits], dtype=pl.Int64)


def _young(state: LaneStates, limit: pl.Series, assigned: pl.DataFrame, opened: pl.DataFrame) -> LaneStates:
    """Return ``state`` without rows older than ``limit`` that no open hit holds."""
    wanted = pl.col("time") >= pl.lit(limit).gather(pl.col("rule"))
    wanted |= pl.col("hit").is_in(opened.get_column("hit").implode()).fill_null(value=False)
    wanted |= pl.col("uid").is_in(assigned.get_column("uid").implode())
    wanted |= ~pl.col("mark") & pl.col("key").is_in(opened.get_column("key").implode())
    rows, waiting = (frame.filter(wanted) if frame.height else frame for frame in (state.rows, state.waiting))
    young = replace(state, rows=rows, waiting=waiting)
    return replace(young, details=_details_of(young))


def _last_rows(rows: pl.DataFrame, entries: Sequence[_Entry], assigned: pl.DataFrame, opened: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that are left, with the hit each belongs to now.

    A row that is gone never comes back: what made it go has been passed by the watermark.
    """
    gone = pl.concat([entry.gone_rows for entry in entries])
    left = without(rows.unique("uid", keep="last", maintain_order=True), "uid", gone)
    joined = left.join(assigned, on="uid", how="left", suffix="_now", maintain_order="left")
    now = pl.coalesce("hit_now", "hit")
    return joined.with_columns(pl.when(now.is_in(opened.get_column("hit").implode())).then(now).alias("hit")).select(
        rows.columns
    )


def _last_open(states: Sequence[LaneStates], entries: Sequence[_Entry]) -> pl.DataFrame:
    """Return the open hits; one that is gone is so only until a later entry has it again."""
    left = OPEN.to_frame()
    for state, entry in zip(states, entries, strict=True):
        if entry.gone_hits.len():
            left = left.filter(~pl.col("hit").is_in(entry.gone_hits.implode()))
        if state.open.height:
            left = pl.concat([left.join(state.open, on="hit", how="anti"), state.open])
    return left


# -- bytes --------------------------------------------------------------------------------------------------------------


def _write(kind: str, state: LaneStates, ops: Mapping[str, pl.DataFrame]) -> bytes:
    """Return a blob: a mark, how long the head is, the head (JSON), and the frames it names one after the other."""
    frames = {**{name: getattr(state, name) for name in FRAMES}, **ops}
    parts = {name: _arrow(frame) for name, frame in frames.items() if frame.height}
    head = orjson.dumps(
        {
            "v": VERSION,
            "kind": kind,
            "rules": state.rules,
            "keeps": state.keeps,
            "passed": state.passed,
            "newest": state.newest,
            "polars": pl.__version__,
            "parts": {name: len(part) for name, part in parts.items()},
        }
    )
    return b"".join([_MARK, len(head).to_bytes(4, "little"), head, *parts.values()])


def _arrow(frame: pl.DataFrame) -> bytes:
    """Return a frame as an Arrow stream; pyarrow writes a small one in a fifth of the time that polars takes."""
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _frame(blob: bytes | None, schema: pl.Schema) -> pl.DataFrame:
    return pl.read_ipc_stream(io.BytesIO(blob)).cast(schema) if blob else schema.to_frame()


def _parts(blob: bytes) -> tuple[dict[str, Any], dict[str, bytes]] | None:
    """Return the head of a blob and its frames; None for one of a version whose rules meant something else."""
    if not blob.startswith(_MARK):
        return None
    begin = len(_MARK) + 4
    at = begin + int.from_bytes(blob[begin - 4 : begin], "little")
    head = orjson.loads(blob[begin:at])
    if head["v"] > VERSION:
        raise Fatal(f"correlation state has version {head['v']}; this Tocsin reads up to {VERSION}: update it")
    parts = {}
    for name, length in head["parts"].items():
        parts[name] = blob[at : at + length]
        at += length
    return head, parts


def _read(blob: bytes) -> _Entry | None:
    read = _parts(blob)
    if read is None:
        return None
    head, parts = read
    frames = {name: _frame(parts.get(name), schema) for name, schema in FRAMES.items()}
    state = LaneStates(
        rules=tuple((id_, hash_) for id_, hash_ in head["rules"]),
        keeps=tuple(head["keeps"]),
        passed=head["passed"],
        newest=head["newest"],
        **frames,
    )
    if head["polars"] != pl.__version__:
        state = rehashed(state)
    ops = {name: _frame(parts.get(name), schema) for name, schema in _OPS.items()}
    gone = (ops[name].to_series() for name in ("gone_rows", "gone_hits"))
    return _Entry(state, ops["assigned"], *gone)
