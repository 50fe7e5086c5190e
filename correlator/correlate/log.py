"""State as a log: what a batch changed in each lane, and a lane whole, as Arrow blobs; and the state put together from them.

A delta has the frames of a state with what is new in them, and the uids and hits that are gone. Rows that only grew too old are
not told: who reads a log forgets them by the watermark, as the engine does.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import orjson
import polars as pl

from correlator.correlate.state import FRAMES, NEVER, OPEN, LaneStates, merged
from correlator.errors import Fatal

#: Version of the blob. 2 and older held whole groups; their rules meant something by another hash, so nothing of them goes on.
VERSION = 3
_BLOB = pl.Schema({"v": pl.UInt16(), "kind": pl.String(), "about": pl.Binary(), **dict.fromkeys(FRAMES, pl.Binary())})
_OPS = {"gone_rows": pl.UInt64(), "gone_hits": pl.UInt64(), "assigned": pl.Binary()}
_WHOLE, _DELTA = "snapshot", "delta"
_ASSIGNED = pl.Schema({"uid": pl.UInt64(), "hit": pl.UInt64()})


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
        return {lane: self._blob(lane) for lane in sorted(self.lanes)}

    def _blob(self, lane: str) -> bytes:
        mine = self.lane_of.filter(pl.col("lane") == lane).select("key")
        part = part_of(self.added, lane, mine)
        ops = {
            "assigned": self.assigned.join(mine, on="key", how="semi").select(list(_ASSIGNED)),
            "gone_rows": self.dropped.join(mine, on="key", how="semi").select("uid"),
            "gone_hits": self.ended.join(mine, on="key", how="semi").select("hit"),
        }
        return _write(_DELTA, part, ops)


def snapshot(state: LaneStates, lane: str) -> bytes:
    """Return all of ``state`` that belongs to ``lane`` as one blob."""
    return _write(_WHOLE, part_of(state, lane, state.keys.filter(pl.col("lane") == lane).select("key")), {})


def part_of(state: LaneStates, lane: str, keys: pl.DataFrame) -> LaneStates:
    """Return what of ``state`` belongs to ``lane``, whose keys are ``keys``."""
    frames = {
        name: getattr(state, name).join(keys, on="key", how="semi") for name in ("rows", "waiting", "keys", "open", "hours")
    }
    events = pl.concat([frames["rows"].select("event"), frames["waiting"].select("event")])
    details = state.details.join(events, on="event", how="semi")
    return replace(state, **frames, details=details, born=state.born.filter(pl.col("lane") == lane))


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

    whole: bool
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
    whole = merged(states, numbering)
    rows, waiting = (_last_rows(getattr(whole, name), known) for name in ("rows", "waiting"))
    return replace(
        whole,
        rows=rows,
        waiting=waiting,
        keys=whole.keys.unique("key", keep="last", maintain_order=True),
        open=_last_open(states, known),
        hours=whole.hours.unique(["key", "hour"], keep="last", maintain_order=True),
        born=whole.born.group_by("rule", "lane").agg(pl.col("first").min()).select(whole.born.columns),
        rules=states[-1].rules,
    )


def _last_rows(rows: pl.DataFrame, entries: Sequence[_Entry]) -> pl.DataFrame:
    """Return the rows that are left, with the hit each belongs to now.

    A row that is gone never comes back: what made it go has been passed by the watermark.
    """
    gone = pl.concat([entry.gone_rows.to_frame("uid") for entry in entries])
    left = rows.unique("uid", keep="last", maintain_order=True).join(gone, on="uid", how="anti")
    assigned = pl.concat([entry.assigned for entry in entries]).unique("uid", keep="last")
    joined = left.join(assigned, on="uid", how="left", suffix="_now", maintain_order="left")
    return joined.with_columns(pl.coalesce("hit_now", "hit").alias("hit")).select(rows.columns)


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
    about = {"rules": state.rules, "passed": state.passed, "newest": state.newest, "polars": pl.__version__}
    frames = {name: _ipc(getattr(state, name)) for name in FRAMES}
    filled = {name: _ipc(ops[name]) if name in ops else b"" for name in _OPS}
    row = {"v": VERSION, "kind": kind, "about": orjson.dumps(about), **frames, **filled}
    schema = pl.Schema({**_BLOB, **dict.fromkeys(_OPS, pl.Binary())})
    return _ipc(pl.DataFrame([row], schema=schema))


def _ipc(frame: pl.DataFrame) -> bytes:
    if frame.is_empty():
        return b""
    sink = io.BytesIO()
    frame.write_ipc(sink)
    return sink.getvalue()


def _frame(blob: bytes, schema: pl.Schema) -> pl.DataFrame:
    return pl.read_ipc(io.BytesIO(blob)).cast(schema) if blob else schema.to_frame()


def _read(blob: bytes) -> _Entry | None:
    """Return what a blob says; None for one of a version whose rules meant something else."""
    row = pl.read_ipc(io.BytesIO(blob)).row(0, named=True)
    if row["v"] > VERSION:
        raise Fatal(f"correlation state has version {row['v']}; this Tocsin reads up to {VERSION}: update it")
    if row["v"] < VERSION:
        return None
    about = orjson.loads(row["about"])
    frames = {name: _frame(row[name], schema) for name, schema in FRAMES.items()}
    state = LaneStates(
        rules=tuple((id_, hash_) for id_, hash_ in about["rules"]),
        passed=about["passed"],
        newest=about.get("newest", NEVER),
        **frames,
    )
    gone = [
        _frame(row[name], pl.Schema({column: pl.UInt64()})) for name, column in (("gone_rows", "uid"), ("gone_hits", "hit"))
    ]
    return _Entry(row["kind"] == _WHOLE, state, _frame(row["assigned"], _ASSIGNED), *(frame.to_series() for frame in gone))
