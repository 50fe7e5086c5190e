"""What a file of raw lines is written in: key=value, JSON, CSV with a header, sentences of daemons, columns, lines of text."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

import orjson
import polars as pl

from correlator.model.raw import RAW
from correlator.parse.formats.syslog import envelope
from correlator.parse.formats.unwrap import unwrap
from correlator.parse.times import epoch, to_utc

__all__ = ["Form", "Shape", "Stamp", "shape_of"]

_MOST_LINES, _MOST_FIELDS, _LONGEST = 2_000, 60, 4_000
_PAIR = re.compile(r'(?:^|[\s,;])([A-Za-z_][\w.-]{0,40})=("(?:[^"\\]|\\.)*"?|[^\s,;"]*)')
_NAME = re.compile(r"[^\W\d][\w .()/°%'-]{0,40}")
_SEPARATORS = ";,\t|"
_LEAST_PAIRS, _LEAST_COLUMNS, _MOST = 3, 3, 0.8  # of a line; share of the lines that must agree
_RECEIVED = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
_LAYOUTS = (
    "%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f", "%Y/%m/%d %H:%M:%S%.f",
    "%d/%m/%Y %H:%M:%S%.f", "%d/%m/%Y %H:%M", "%d.%m.%Y %H:%M:%S%.f", "%d-%m-%Y %H:%M:%S%.f", "%d/%b/%Y:%H:%M:%S %z",
    "%Y%m%d%H%M%S",
)  # fmt: skip
_STAMP = (
    r"\[?([0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[T ][0-9:]{8}(?:\.[0-9]{1,9})?(?:Z| ?[+-][0-9]{2}:?[0-9]{2})?"
    r"|[0-9]{2}[-/.][0-9]{2}[-/.][0-9]{4} [0-9:]{5,8}(?:\.[0-9]{1,9})?)"
)


class Form(StrEnum):
    """How lines are written."""

    KEYVALUE = "keyvalue"
    JSON = "json"
    CSV = "csv"
    SENTENCES = "sentences"
    COLUMNS = "columns"
    REGEX = "regex"


@dataclass(frozen=True, slots=True)
class Stamp:
    """Where a line's own time stands: fields joined by a blank, and the layouts that read it; none: a Unix time."""

    fields: tuple[str, ...]
    layouts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shape:
    """What was found: the form, field names in their order, and what is the same in every line."""

    form: Form
    fields: tuple[str, ...] = ()
    common: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    separator: str = ""
    header: str = ""
    stamp: Stamp | None = None
    bodies: tuple[str, ...] = field(default=(), repr=False)


def shape_of(lines: Sequence[str], form: Form | None = None) -> Shape:
    """Return what ``lines`` are written in; ``form`` says it where it was told."""
    kept = [line[:_LONGEST] for line in lines if line.strip()][:_MOST_LINES]
    raw = _raw(kept)
    bodies = unwrap(raw).get_column("body").to_list()
    apps = envelope(raw).get_column("syslog.app").to_list()
    programs = tuple(name for name, _ in Counter(app for app in apps if app).most_common(8))
    told = form or _form(kept, bodies, apps)
    if told is Form.CSV:
        return _of_csv(kept)
    if told in {Form.KEYVALUE, Form.JSON}:
        records = [_pairs(body) if told is Form.KEYVALUE else _members(body) for body in bodies]
        return _of_records(told, [record for record in records if record], bodies, _if_all(programs, apps))
    if told is Form.SENTENCES:
        return Shape(told, programs=programs, bodies=tuple(bodies))
    if told is Form.COLUMNS:
        return _of_columns(bodies)
    stamped = sum(bool(re.match(_STAMP, body)) for body in bodies) >= len(bodies) * _MOST
    stamp = _stamp({"time": [found[1] for body in bodies if (found := re.match(_STAMP, body))]}) if stamped else None
    return Shape(told, fields=("time", "level", "text") if stamped else ("text",), stamp=stamp, bodies=tuple(bodies))


def _raw(lines: Sequence[str]) -> pl.DataFrame:
    rows = [
        {"text": line, "received": _RECEIVED, "source": "new", "stream": "new", "line": n} for n, line in enumerate(lines, 1)
    ]
    frame = pl.DataFrame(rows, schema={name: RAW[name] for name in ("text", "received", "source", "stream", "line")})
    return frame.with_row_index("raw_row")


def _form(lines: Sequence[str], bodies: Sequence[str], apps: Sequence[str | None]) -> Form:
    """Return the first form that most lines agree with."""
    if _share(body.lstrip().startswith("{") for body in bodies) >= _MOST:
        return Form.JSON
    if _header_of(lines):
        return Form.CSV
    if _share(len(_pairs(body)) >= _LEAST_PAIRS for body in bodies) >= _MOST:
        return Form.KEYVALUE
    if _share(bool(app) for app in apps) >= _MOST:
        return Form.SENTENCES
    return Form.COLUMNS if _column_separator(bodies) else Form.REGEX


def _share(said: Iterable[bool]) -> float:
    answers = list(said)
    return sum(answers) / len(answers) if answers else 0.0


def _if_all(programs: tuple[str, ...], apps: Sequence[str | None]) -> tuple[str, ...]:
    return programs if all(apps) else ()


def _pairs(body: str) -> dict[str, str]:
    return {name: value.strip('"') for name, value in _PAIR.findall(body)}


def _members(body: str) -> dict[str, str]:
    """Return the leaves of a JSON object by dotted name; empty when it is none."""
    try:
        record = orjson.loads(body[body.index("{") :])
    except ValueError:
        return {}
    return dict(_leaves(record, "")) if isinstance(record, dict) else {}


def _leaves(record: dict[str, object], prefix: str) -> Iterable[tuple[str, str]]:
    for name, value in record.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            yield f"{prefix}{name}", " ".join(map(str, value))
        else:
            yield f"{prefix}{name}", "" if value is None else str(value)


def _of_records(form: Form, records: Sequence[dict[str, str]], bodies: Sequence[str], programs: tuple[str, ...]) -> Shape:
    names = Counter(name for record in records for name in record)
    order = list(dict.fromkeys(name for record in records for name in record))
    kept = [name for name in order if name in dict(names.most_common(_MOST_FIELDS))]
    common = tuple(name for name in order if names[name] == len(records))
    stamp = _stamp({name: [record[name] for record in records if name in record] for name in kept})
    return Shape(form, tuple(kept), common, programs, stamp=stamp, bodies=tuple(bodies))


def _header_of(lines: Sequence[str]) -> str:
    """Return the separator of a first line that names the columns of the others; empty when it does not."""
    if len(lines) <= 1:
        return ""
    first = lines[0].lstrip("\ufeff")
    separator = max(_SEPARATORS, key=first.count)
    cells = [cell.strip().strip('"') for cell in first.split(separator)]
    is_header = len(cells) >= _LEAST_COLUMNS and all(_NAME.fullmatch(cell) for cell in cells)
    agreed = _share(line.count(separator) >= len(cells) - 1 for line in lines[1:]) >= _MOST
    return separator if is_header and agreed and len(set(cells)) == len(cells) else ""


def _of_csv(lines: Sequence[str]) -> Shape:
    first = lines[0].lstrip("\ufeff").strip()
    separator = _header_of(lines) or max(_SEPARATORS, key=first.count)
    names = tuple(cell.strip().strip('"') for cell in first.split(separator))
    rows = [[cell.strip().strip('"') for cell in line.split(separator)] for line in lines[1:]]
    columns = {name: [row[place] for row in rows if place < len(row)] for place, name in enumerate(names)}
    return Shape(Form.CSV, names, names, separator=separator, header=first, stamp=_stamp(columns), bodies=tuple(lines[1:]))


def _column_separator(bodies: Sequence[str]) -> str:
    counts = {mark: {body.count(mark) for body in bodies} for mark in "|;\t"}
    even = {mark: found for mark, found in counts.items() if len(found) == 1 and min(found) >= _LEAST_COLUMNS}
    return max(even, key=lambda mark: min(even[mark])) if even else ""


def _of_columns(bodies: Sequence[str]) -> Shape:
    separator = _column_separator(bodies) or "|"
    rows = [body.split(separator) for body in bodies]
    names = tuple(f"field_{place}" for place in range(1, max(map(len, rows), default=1) + 1))
    columns = {name: [row[place].strip() for row in rows if place < len(row)] for place, name in enumerate(names)}
    return Shape(Form.COLUMNS, names, separator=separator, stamp=_stamp(columns), bodies=tuple(bodies))


def _stamp(columns: dict[str, list[str]]) -> Stamp | None:
    """Return the field, or the two fields, that hold a time; those whose name says so are asked first."""
    named = sorted(columns, key=lambda name: not re.search(r"(?i)time|date|stamp|heure|^ts$|created|when", name))
    pairs = [(first, second) for first in named for second in named if first != second and re.search(r"(?i)date|jour", first)]
    for fields in [*((name,) for name in named), *pairs]:
        texts = [" ".join(parts) for parts in zip(*(columns[name] for name in fields), strict=False)]
        layouts = _layouts(texts)
        if layouts is not None:
            return Stamp(fields, layouts)
    return None


def _layouts(texts: Sequence[str]) -> tuple[str, ...] | None:
    """Return the layouts that read most of ``texts``, none for Unix times; None where they are no times."""
    if not texts:
        return None
    values = pl.DataFrame({"text": list(texts)}, schema={"text": pl.String})
    found: list[str] = []
    left = values
    for layout in _LAYOUTS:
        read = left.select(to_utc(pl.col("text"), (layout,))).to_series()
        if read.null_count() < left.height:
            found.append(layout)
            left = left.filter(read.is_null())
        if left.is_empty():
            break
    if left.height <= values.height * (1 - _MOST):
        return tuple(found)
    unix = values.filter(pl.col("text").str.contains(r"^[0-9]{10}(?:[0-9]{3}|[0-9]{6}|[0-9]{9})?(?:\.[0-9]+)?$"))
    years = unix.select(epoch(pl.col("text")).dt.year()).to_series()
    return () if unix.height == values.height and years.is_between(2000, 2100).all() else None
