"""What travels between detect and correlate: detections, refused records, and the end of each batch.

A detection goes to the partition of its commune's lane, and to that of ``cross`` when a correlation over all communes wants
its rule. The end of the batch goes to every partition, in the same transaction: it moves event time there. What must be
written once (ledger, lake files, refused records) goes to one of them, the batch's home.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import polars as pl

from correlator.correlate.chain import crossing
from correlator.correlate.plan import CROSS
from correlator.errors import Fatal
from correlator.model.detection import DETECTION
from correlator.model.estate import UNATTRIBUTED
from correlator.model.fill import Fills
from correlator.model.raw import UTC_TIME
from correlator.model.reject import REJECT
from correlator.runtime.content import Content
from correlator.runtime.pipeline import Seen
from correlator.runtime.tide import End
from correlator.runtime.timing import Given
from correlator.runtime.watermark import given_from_plain, given_to_plain
from correlator.store.lake import LakeFile

VERSION = 2  # 2: what sources gave, offsets
DETECTED, REFUSED, BATCH_END = "detection", "reject", "batch_end"
_WIRE = pl.Schema({**DETECTION, "@timestamp": pl.Int64(), "facts": pl.String()})
_WIRE_REJECT = pl.Schema({**REJECT, "received": pl.Int64()})
_ALWAYS = ("rule.id", "event.id", "@timestamp", "commune", "source", "observables")
Line = tuple[bytes, str]  # of a message: its value, its kind


@dataclass(frozen=True, slots=True)
class BatchEnd:
    """The end of one batch of one detect worker.

    ``ends``: raw partition → its reader's wall time, whether it had more, its next offset. ``newest``: (raw partition, source)
    → event time. ``given``: what these sources gave: whom they can feed, and how late they come. ``ledger``: source → fate →
    records, ``lake``, and ``fills``, how well each source was understood: only in the home partition.
    """

    wall: datetime
    of: int
    ends: Mapping[str, End] = field(default_factory=dict)
    newest: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    given: Mapping[str, Given] = field(default_factory=dict)
    ledger: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    lake: tuple[LakeFile, ...] = ()
    fills: Fills = field(default_factory=dict)

    def to_line(self, *, home: bool) -> bytes:
        """Return the message."""
        body: dict[str, Any] = {
            "v": VERSION,
            "wall": self.wall,
            "of": self.of,
            "ends": {name: [end.wall, end.behind, end.offset] for name, end in self.ends.items()},
            "newest": [[partition, source, time] for (partition, source), time in self.newest.items()],
            "given": given_to_plain(self.given),
        }
        if home:
            files = [{name: getattr(file, name) for name in LakeFile.__dataclass_fields__} for file in self.lake]
            fills = [[*of, counts] for of, counts in self.fills.items()]
            body |= {"ledger": self.ledger, "lake": files, "fills": fills}
        return orjson.dumps(body)

    @classmethod
    def from_line(cls, line: bytes) -> "BatchEnd":
        """Return what a message says."""
        body = _known(orjson.loads(line))
        times = ("first", "last")
        return cls(
            wall=datetime.fromisoformat(body["wall"]),
            of=body["of"],
            ends={name: End(datetime.fromisoformat(wall), *more) for name, (wall, *more) in body["ends"].items()},
            newest={(one, source): datetime.fromisoformat(time) for one, source, time in body["newest"]},
            given=given_from_plain(body.get("given", {})),
            ledger=body.get("ledger", {}),
            lake=tuple(
                LakeFile(**{**file, **{name: file[name] and datetime.fromisoformat(file[name]) for name in times}})
                for file in body.get("lake", ())
            ),
            fills={(source, dataset): counts for source, dataset, counts in body.get("fills", ())},
        )


def _known(body: dict[str, Any]) -> dict[str, Any]:
    if not VERSION - 1 <= body["v"] <= VERSION:
        raise Fatal(f"a message of version {body['v']} came; this Tocsin reads up to {VERSION}: update the correlate workers")
    return body


def routed(seen: Seen, content: Content, lanes: Mapping[str, int], partitions: int) -> list[tuple[int, bytes]]:
    """Return (partition, value) for every detection of a batch; ``lanes`` has a number for each lane in it."""
    if seen.detections.is_empty():
        return []
    asked = [name for name in content.correlated_fields if name in seen.facts.columns and name not in _ALWAYS]
    facts = pl.struct(asked).struct.json_encode() if asked else pl.lit("{}")
    wire = seen.detections.with_columns(
        pl.col("@timestamp").to_physical(), facts=seen.facts.select(facts.alias("facts")).to_series()
    )
    values = wire.select(pl.struct(list(_WIRE)).struct.json_encode()).to_series()
    crosses = crossing(content.correlations)
    sent: list[tuple[int, bytes]] = []
    for value, commune, rule in zip(values, wire["commune"], wire["rule.id"], strict=True):
        to = {lanes[commune or UNATTRIBUTED] % partitions}
        if rule in crosses:
            to.add(lanes[CROSS] % partitions)
        sent += [(partition, value.encode()) for partition in sorted(to)]
    return sent


def lanes_of(detections: pl.DataFrame) -> set[str]:
    """Return the lanes that detections need a number for."""
    return {CROSS, *detections.get_column("commune").fill_null(UNATTRIBUTED)}


def detections_of(lines: Sequence[bytes], fields: Iterable[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the detections of messages, and the facts about them that correlations ask for (``fields``)."""
    wire = pl.read_ndjson(b"\n".join(lines), schema=_WIRE) if lines else pl.DataFrame(schema=_WIRE)
    detections = wire.drop("facts").with_columns(pl.col("@timestamp").cast(UTC_TIME)).select(list(DETECTION)).cast(DETECTION)
    asked = [name for name in fields if name not in _ALWAYS]
    base = detections.select(_ALWAYS)
    if not asked:
        return detections, base
    read = wire.get_column("facts").str.json_decode(pl.Struct(dict.fromkeys(asked, pl.String))).struct.unnest()
    return detections, pl.concat([base, read], how="horizontal")


def reject_lines(rejects: pl.DataFrame) -> list[bytes]:
    """Return one message per refused record."""
    wire = rejects.with_columns(pl.col("received").to_physical())
    return [value.encode() for value in wire.select(pl.struct(list(_WIRE_REJECT)).struct.json_encode()).to_series()]


def rejects_of(lines: Sequence[bytes]) -> pl.DataFrame:
    """Return the refused records of messages."""
    if not lines:
        return pl.DataFrame(schema=REJECT)
    return pl.read_ndjson(b"\n".join(lines), schema=_WIRE_REJECT).with_columns(pl.col("received").cast(UTC_TIME))
