"""What the work could cost at least: the same lines or columns through one step that everybody needs, in the same process."""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from io import BytesIO
from time import process_time
from typing import Any

import orjson
import polars as pl

Seconds = dict[str, float]
_COLUMNS = (2, 20, 50)


def of_lines(lines: Sequence[bytes]) -> Seconds:
    """Return CPU seconds for ``lines``: copied, split, as Python objects, and (JSON only) as 2, 20 and 50 columns.

    JSON figures are of the lines that are JSON, scaled up to all; the columns are those that most events have.
    """
    text = b"\n".join(lines)
    objects = [line for line in lines if line.startswith(b"{")]
    scale = len(lines) / len(objects)
    joined = b"\n".join(objects)
    return {
        "memcpy": _cpu(lambda: bytearray(text)),
        "split lines": _cpu(lambda: text.split(b"\n")),
        "orjson": scale * _cpu(lambda: deque(map(orjson.loads, objects), maxlen=0)),
        **{
            f"read_ndjson, {count} columns": scale * _cpu(lambda: pl.read_ndjson(BytesIO(joined), schema=schema))  # noqa: B023
            for count, schema in _schemas(objects)
        },
    }


def of_frames(frames: Sequence[pl.DataFrame]) -> Seconds:
    """Return CPU seconds for normalised frames: copied, lower-cased, and every column's different values found."""
    texts = [frame.select(pl.col(pl.String)) for frame in frames]
    size = int(sum(frame.estimated_size() for frame in texts))
    blob = bytes(size)
    return {
        "memcpy": _cpu(lambda: bytearray(blob)),
        "lower-case": _cpu(lambda: [frame.select(pl.all().str.to_lowercase()) for frame in texts]),
        "unique values": _cpu(lambda: [frame.select(pl.all().n_unique()) for frame in texts if frame.width]),
    }


def _cpu(work: Callable[[], Any]) -> float:
    """Return the least of three times: a bound is what it costs when nothing disturbs."""
    return min(_once(work) for _ in range(3))


def _once(work: Callable[[], Any]) -> float:
    before = process_time()
    work()
    return process_time() - before


def _schemas(objects: Sequence[bytes]) -> list[tuple[int, dict[str, pl.DataType]]]:
    """Return the most frequent leaves of the objects as a schema of nested structs, for each of _COLUMNS."""
    seen: Counter[tuple[str, ...]] = Counter()
    for line in objects[:: max(1, len(objects) // 2_000)]:
        seen.update(_leaves(orjson.loads(line)))
    ranked = [path for path, _ in sorted(seen.items(), key=lambda one: (-one[1], one[0]))]
    return [(count, {name: _dtype(tree) for name, tree in _tree(ranked[:count]).items()}) for count in _COLUMNS]


def _leaves(node: dict[str, Any], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, value in node.items():
        found += _leaves(value, (*path, name)) if isinstance(value, dict) else [(*path, name)]
    return found


def _tree(paths: Sequence[tuple[str, ...]]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for *folders, name in paths:
        place = tree
        for folder in folders:
            place = place.setdefault(folder, {})
            if not isinstance(place, dict):
                break
        else:
            place.setdefault(name, None)
    return tree


def _dtype(tree: dict[str, Any] | None) -> pl.DataType:
    return pl.Struct({name: _dtype(below) for name, below in tree.items()}) if tree else pl.String()
