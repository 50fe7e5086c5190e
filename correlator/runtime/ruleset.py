"""Rule folders → a rule set; a file that did not change since the last time is what it was then.

In a process that runs it is the very same reading, neither read nor parsed; at a start it comes from the plan cache.
"""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from hashlib import sha256
from itertools import count
from pathlib import Path
from threading import Lock
from time import time
from typing import TYPE_CHECKING, Any

import orjson

from correlator.detect.plan import Node, node_from_plain, node_to_plain
from correlator.detect.readings import FileReading, Filter, join
from correlator.detect.report import Loaded
from correlator.errors import Problem
from correlator.model.lasting import freeze_what_lasts
from correlator.model.logsource import LogSource
from correlator.model.rule import RuleText
from correlator.store.content import Stamp, read_rule, read_rules, rule_files, settled_stamp
from correlator.store.plans import FileRecord, PlanFile, pack, placeholders_key, plan_name, read_plan, text_key, write_plan

if TYPE_CHECKING:
    from correlator.detect.load import Environment

_NO_PLACEHOLDERS: Mapping[str, tuple[str, ...]] = {}
_SETS_KNOWN = 16  # sets of rules of one process
#: How long a start still takes up what a file held before it broke; then the rule is gone until somebody mends it.
BORNE_FOR = timedelta(days=30)
_loads = count()  # of this process


def load_cached(
    paths: Sequence[Path],
    mappings: Sequence[Path] = (),
    cache_dir: Path | None = None,
    placeholders: Mapping[str, tuple[str, ...]] = _NO_PLACEHOLDERS,
) -> Loaded:
    """Return the rules below ``paths`` with the pipelines below ``mappings``; pySigma is loaded only for what changed.

    Raises InputError for a missing path. Without ``cache_dir`` nothing is kept.
    """
    with without_collection():
        plans = Plans(paths, read_rules(mappings), cache_dir, placeholders)
        readings = [plans.read(file, file) for file in rule_files(paths)]
        loaded = join(readings, plans.narrow, plans.problems)
        plans.keep()
    return loaded


@contextmanager
def without_collection() -> Iterator[None]:
    """Keep the collector of cycles off half a million nodes, none of which goes: while they are made, and ever after.

    They hold no cycles, so they go with whoever holds them, collector or not.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            if next(_loads):
                gc.collect()  # what is garbage now would stay for good; at a start there is next to none
            freeze_what_lasts()
            gc.enable()


Narrowed = Node | tuple[Problem, ...]


@dataclass(slots=True)
class _Known:
    """What a process knows of a set of rules: readings by path with the key of their text, filters by what they narrow."""

    name: str
    placeholders: Mapping[str, tuple[str, ...]]
    faults: list[list[Any]] | None = None
    stamps: dict[str, Stamp | None] = field(default_factory=dict)
    readings: dict[str, tuple[str, FileReading]] = field(default_factory=dict)
    narrowed: dict[tuple[str, str, int], Narrowed] = field(default_factory=dict)
    records: dict[str, FileRecord] = field(default_factory=dict)  # by the name of the file within its set

    def keys(self) -> set[str]:
        """Return the keys of every part that is to be kept on disk."""
        keys = {key for one in self.records.values() for key in (one.key, one.good)} | {key for key, _, _ in self.narrowed}
        return keys - {""}


_known: dict[object, _Known] = {}
_lock = Lock()


class Plans:
    """What every file of a rule set means: as this process knows it, from the plan cache, and compiled where it is not there.

    ``keep`` writes what was asked for since; what nobody asked for is forgotten. Without ``cache_dir`` nothing is kept.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        mappings: Sequence[RuleText] = (),
        cache_dir: Path | None = None,
        placeholders: Mapping[str, tuple[str, ...]] = _NO_PLACEHOLDERS,
    ) -> None:
        self._cache_dir, self._mappings, self._placeholders = cache_dir, mappings, placeholders
        self._place = (cache_dir, *(path.absolute() for path in paths))
        self._new = _Known(plan_name(paths, mappings), placeholders)
        self._old = self._known_before()
        self._given = placeholders_key(placeholders)
        self._made: dict[str, bytes] = {}  # parts that are not on disk yet
        self._new.faults = (self._old.faults if self._old else self._kept.faults) if mappings else []

    def _known_before(self) -> _Known | None:
        with _lock:
            known = _known.get(self._place) if self._cache_dir else None
        same = known is not None and (known.name, known.placeholders) == (self._new.name, self._placeholders)
        return known if same else None

    @cached_property
    def environment(self) -> "Environment":
        """The compiler with the mappings and placeholders; the first use loads pySigma."""
        from correlator.detect.load import Environment  # noqa: PLC0415 - loads pySigma

        return Environment(self._mappings, self._placeholders)

    @cached_property
    def _kept(self) -> PlanFile:
        return read_plan(self._cache_dir, self._new.name) if self._cache_dir else PlanFile()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the mappings."""
        if self._new.faults is None:
            self._new.faults = [[one.path, one.line, one.what, one.expected] for one in self.environment.problems]
        return tuple(Problem(*one) for one in self._new.faults)

    def read(self, path: str, name: str, inside: Path | None = None) -> FileReading:
        """Return what the file at ``path`` holds; ``name`` is its name within its set, wherever the set lies.

        A link that leads out of the folder ``inside`` is refused.
        """
        stamp = settled_stamp(path)
        key, reading = self._unchanged(path, name, stamp) or self._read(path, inside)
        if key:
            self._new.stamps[path], self._new.readings[path] = stamp, (key, reading)
        self._new.records[name] = self._recorded(FileRecord(key, key, stamp if key else None), name, reading)
        return reading

    def _unchanged(self, path: str, name: str, stamp: Stamp | None) -> tuple[str, FileReading] | None:
        """Return what is known of a file that bears the ``stamp`` it had; None when it must be read."""
        if stamp is None:
            return None
        if self._old:
            return self._old.readings[path] if self._old.stamps.get(path) == stamp else None
        record = self._kept.files.get(name) if self._kept.placeholders == self._given else None
        reading = self._from_disk(record.key, path) if record and record.stamp == stamp else None
        return (record.key, reading) if record and reading else None

    def _read(self, path: str, inside: Path | None) -> tuple[str, FileReading]:
        """Return what the text of a file means, with the key of the text; without one when there is no text."""
        text = read_rule(path, inside)
        if text.fault:
            return "", self.environment.read(text)
        key = text_key(text.text, self._placeholders)
        known, reading = self._old.readings.get(path, ("", None)) if self._old else ("", None)
        found = reading if known == key else self._from_disk(key, path)
        if found is None:
            found = self.environment.read(text)
            self._make(key, found.to_plain)
        return key, found

    def _from_disk(self, key: str, path: str) -> FileReading | None:
        plain = self._kept.part(key)
        if plain is not None:
            with suppress(ValueError, KeyError, TypeError):  # damaged or of another form
                return FileReading.from_plain(plain, path)
        return None

    def _make(self, key: str, to_plain: Callable[[], Any]) -> None:
        with suppress(TypeError):  # half a character in a file's name: JSON cannot carry it
            self._made[key] = orjson.dumps(to_plain())

    def narrow(self, found: Filter, source: LogSource) -> Narrowed:
        """Return what the filter ``found`` means for rules of the log source ``source``, or why it cannot be applied."""
        key = text_key(f"{source}\0{orjson.dumps(found.content).decode()}", self._placeholders)
        place = (key, found.path, found.line)
        known = self._new.narrowed.get(place) or (self._old.narrowed.get(place) if self._old else None)
        self._new.narrowed[place] = known or self._narrowing(key, found, source)
        return self._new.narrowed[place]

    def _narrowing(self, key: str, found: Filter, source: LogSource) -> Narrowed:
        plain = self._kept.part(key)
        if plain is not None:
            with suppress(ValueError, KeyError, TypeError):
                return _narrowing_from_plain(plain, found)
        made = self.environment.narrow(found, source)
        self._make(key, lambda: _narrowing_to_plain(made))
        return made

    def last_good(self, path: str, name: str) -> FileReading | None:
        """Return what the file that was just read held before it broke, or what was made of it then.

        None when that is not known, or longer ago than a broken file is borne with. For the first reading of a process: later
        ones know what ran.
        """
        record = self._new.records[name]
        if record.good == record.key or time() - record.since > BORNE_FOR.total_seconds():
            return None
        return self._from_disk(record.good, path)

    def stays(self, name: str, reading: FileReading) -> None:
        """Keep ``reading`` as what runs of the broken file ``name``, for the next start."""
        with suppress(TypeError):
            part = orjson.dumps(reading.to_plain())
            key = f"kept {sha256(part).hexdigest()[:32]}"
            self._made[key] = part
            self._new.records[name] = replace(self._new.records[name], good=key)

    def _recorded(self, now: FileRecord, name: str, reading: FileReading) -> FileRecord:
        """Return ``now`` with the last good reading of the file: this one, or the one that was until it broke, and when."""
        if not reading.is_broken:
            return now
        record = (self._old.records if self._old else self._kept.files).get(name)
        return replace(
            now, good=record.good if record else now.key, since=record.since if record and record.since else int(time())
        )

    def keep(self) -> None:
        """Write the plans that were used, when they are not those that were there, and know them from now on."""
        if self._cache_dir is None:
            return
        if self._old is None or not self._is_same(self._old):
            self._write(self._cache_dir)
        with _lock:
            _known.pop(self._place, None)
            _known[self._place] = self._new
            while len(_known) > _SETS_KNOWN:
                _known.pop(next(iter(_known)))

    def _is_same(self, old: _Known) -> bool:
        same = (old.records, old.faults) == (self._new.records, self._new.faults)
        return same and old.narrowed.keys() == self._new.narrowed.keys()

    def _write(self, cache_dir: Path) -> None:
        kept, keys, given = self._kept, self._new.keys(), self._given
        same = (kept.placeholders, kept.faults) == (given, self._new.faults) and kept.files == self._new.records
        if same and kept.keys == keys and not self._made:
            return
        known = dict(self._new.readings.values())
        parts = {key: part for key in keys if (part := self._part(key, known)) is not None}
        write_plan(cache_dir, self._new.name, pack(given, self._new.records, self._new.faults, parts))

    def _part(self, key: str, known: Mapping[str, FileReading]) -> bytes | None:
        part = self._made.get(key) or self._kept.raw(key)
        if part is None and key in known:
            self._make(key, known[key].to_plain)  # another process wrote the file since
            part = self._made.get(key)
        return part


def _narrowing_to_plain(part: Narrowed) -> dict[str, Any]:
    if isinstance(part, tuple):
        return {"problems": [[one.what, one.expected] for one in part]}
    return {"node": node_to_plain(part)}


def _narrowing_from_plain(plain: Mapping[str, Any], found: Filter) -> Narrowed:
    if "problems" in plain:
        return tuple(Problem(found.path, found.line, *one) for one in plain["problems"])
    return node_from_plain(plain["node"])
