"""The rule and the event that somebody asks about: found by name, in a file or on the command line.

No database here: an author waits for the answer. Events of the lake are in ``again``.
"""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import orjson
import polars as pl

from correlator.detect.dissect import Dissected, dissect
from correlator.detect.flatten import flatten, frame_of
from correlator.enrich.attribute import enrich_batch
from correlator.errors import InputError, Problem
from correlator.ingest.files import read_paths
from correlator.model.logsource import LogSource
from correlator.model.raw import RAW
from correlator.model.rule import RuleText
from correlator.parse.engine import Carried, read
from correlator.parse.route import route
from correlator.runtime.content import Content
from correlator.store.content import find_mappings, read_rules

Frames = tuple[pl.DataFrame, ...]

#: How the lake calls an event: source, stream, offset, and the number inside its record.
EVENT_ID = re.compile(r"[^~\s]+~.*~\d+(\.\d+)?", re.DOTALL)
SOURCE = "replay"
_GENERIC = "json"
_SOURCE_KEYS = ("product", "category", "service")
_SLASHES = len(_SOURCE_KEYS) - 1


@dataclass(frozen=True, slots=True)
class RuleSources:
    """Where rules are: the texts to choose from, and the filters and mappings that apply to whatever is chosen."""

    texts: tuple[RuleText, ...]
    filters: tuple[RuleText, ...]
    mappings: tuple[RuleText, ...]


def rule_sources(folders: Sequence[Path]) -> RuleSources:
    """Return what stands below ``folders``. Raises InputError for a missing one."""
    texts = read_rules(folders)
    return RuleSources(texts, tuple(filter(is_filter, texts)), read_rules(find_mappings(folders)))


def find_rules(
    wanted: str, sources: RuleSources, placeholders: Mapping[str, tuple[str, ...]] | None = None
) -> tuple[Dissected, ...]:
    """Return the rules of the file or folder ``wanted``, or the rule of that id, name, or end of a path, taken apart.

    Raises InputError when there is none, or one does not load.
    """
    path = Path(wanted)
    mappings = sources.mappings + (read_rules(find_mappings([path])) if path.exists() else ())
    return tuple(
        one
        for text, rule_id in chosen_texts(wanted, sources)
        if "detection:" in text.text
        for one in dissect(text, rule_id, filters=sources.filters, mappings=mappings, placeholders=placeholders)
    )


def chosen_texts(wanted: str, sources: RuleSources) -> list[tuple[RuleText, str]]:
    """Return the texts of the file or folder ``wanted``, or the one that has the rule of that id, name or end of a path.

    Beside each the id or name by which the rule was found, else "". Raises InputError when there is none.
    """
    path = Path(wanted)
    if path.exists():
        return [(text, "") for text in read_rules([path]) if not is_filter(text)]
    return _named(wanted, sources.texts)


def is_filter(text: RuleText) -> bool:
    """Say whether a file holds a Sigma filter."""
    return text.text.startswith("filter:") or "\nfilter:" in text.text


def _named(wanted: str, texts: Sequence[RuleText]) -> list[tuple[RuleText, str]]:
    by_path = [(text, "") for text in texts if text.path.endswith(wanted)]
    told = re.compile(rf"^(id|name):\s*['\"]?{re.escape(wanted)}['\"]?\s*(#.*)?$", re.MULTILINE)
    titled = re.compile(rf"^title:\s*['\"]?{re.escape(wanted)}['\"]?\s*(#.*)?$", re.MULTILINE | re.IGNORECASE)
    by_title = [(text, "") for text in texts if titled.search(text.text)]
    found = [(text, wanted) for text in texts if told.search(text.text)] or by_path or by_title
    if not found:
        expected = "a file, an id, a name, a title or the end of a path; see `tocsin rules list`"
        raise InputError([Problem(wanted, 0, "there is no such rule", expected)])
    return found[:1]


def with_rules(content: Content, dissected: Sequence[Dissected]) -> Content:
    """Return ``content`` with the rules as they were taken apart: with the filters and mappings of the whole set."""
    rules = tuple(one.rule for one in dissected)
    return replace(content, loaded=replace(content.loaded, ruleset=replace(content.ruleset, rules=rules)))


def read_by(content: Content, parser: str) -> Content:
    """Return ``content`` with ``parser`` as the only one that may read files; ``auto``: each by its signature."""
    return content if parser == "auto" else replace(content, forced={**content.forced, SOURCE: parser})


def events_of(paths: Sequence[str], content: Content, *, binary: IO[bytes] | None = None) -> Iterator[Frames]:
    """Yield the events of files with every field that their records have, batch by batch, as live would see them.

    A file of events that are parsed already (``tocsin parse``, ``replay --events``) is taken as it is. ``binary`` stands for
    standard input.
    """
    for looked in read_events(paths, content, binary=binary):
        yield looked.frames


@dataclass(frozen=True, slots=True)
class Looked:
    """The events of a batch, and how many of its records nobody understood."""

    frames: Frames
    refused: int


def read_events(paths: Sequence[str], content: Content, *, binary: IO[bytes] | None = None) -> Iterator[Looked]:
    """Yield what ``events_of`` does, with what was refused."""
    carried = Carried()
    for batch in read_paths(paths, source=SOURCE, binary=binary):
        done, raw = _ready(batch.rows)
        made = read(raw, content.parsers, carried, forced=content.forced, zones=content.zones)
        carried = made.carried
        early = 0 if batch.rejects is None else batch.rejects.height
        yield Looked((*done, *enrich_batch(made.events, content.tables)), made.rejects.height + early)
    last = read(pl.DataFrame(schema=RAW), content.parsers, carried, forced=content.forced, zones=content.zones, final=True)
    yield Looked(enrich_batch(last.events, content.tables), last.rejects.height)


def _ready(rows: pl.DataFrame) -> tuple[Frames, pl.DataFrame]:
    """Return the rows that hold events as JSON, as frames, and the rows that are raw."""
    likely = pl.col("text").str.contains(r'"(event\.dataset|logsource)"\s*:')
    if not rows.select(likely.any()).item():
        return (), rows
    documents = {number: _document(text) for number, text in enumerate(rows.get_column("text"))}
    ready = {number: document for number, document in documents.items() if document is not None}
    lines = rows.get_column("line")
    frame = event_frame([{"log.line": lines[number], **document} for number, document in ready.items()])
    return (frame,) if frame.height else (), rows.with_row_index("_").filter(~pl.col("_").is_in(list(ready))).drop("_")


def _document(text: str) -> dict[str, Any] | None:
    """Return the event that a JSON text is, or holds as a detection does; None when it is something else."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    inner = found.get("event") if isinstance(found, dict) and isinstance(found.get("event"), dict) else found
    return inner if isinstance(inner, dict) and ({"event.dataset", "logsource"} & inner.keys()) else None


def event_frame(documents: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return events given as JSON as one frame of text columns; ``logsource`` may be text or an object, or not there."""
    flat = [flatten({key: value for key, value in document.items() if key != "logsource"}) for document in documents]
    names = frozenset(name for event in flat for name in event.fields)
    return frame_of(flat, [_source(document.get("logsource")) for document in documents], names, keywords=False)


def _source(given: object) -> str:
    if isinstance(given, Mapping):
        return str(LogSource(*(str(given.get(key) or "") for key in _SOURCE_KEYS)))
    return given if isinstance(given, str) and all(part.count("/") == _SLASHES for part in given.split()) else ""


def event_of_text(text: str, content: Content) -> Frames:
    """Return the events of a JSON text: one that is parsed already, a record that some parser knows, else plain fields.

    Raises InputError when it is no JSON object.
    """
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InputError([Problem("EVENT", 0, f"not JSON: {error}", "an object, a file, - or the id of an event")]) from None
    if not isinstance(found, dict):
        raise InputError([Problem("EVENT", 0, f"a JSON {type(found).__name__}", "an object")])
    document = _document(text)
    if document is not None:
        return (event_frame([document]),)
    row = pl.DataFrame({"source": ["e"], "stream": ["e"], "text": [text]})
    if route(row, content.parsers).parsers.item(0) in {None, _GENERIC}:
        return (event_frame([found]),)
    line = orjson.dumps(found)
    return tuple(frame for frames in events_of(["-"], content, binary=io.BytesIO(line)) for frame in frames)
