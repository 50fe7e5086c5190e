"""Playbooks: what to do about each family of incidents, read from TOML and checked whole, all faults at once."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from correlator.config.catalogue import BUNDLED, Id
from correlator.config.estate_values import Word
from correlator.config.toml_reader import Entry, TomlReader, read_text
from correlator.errors import InputError
from correlator.model.playbook import Playbook, Step

#: The version this reader understands.
VERSION: Final = 1
_PATH: Final = BUNDLED / "playbooks.toml"


class _Step(Entry):
    id: Id
    text: Word


class _Playbook(Entry):
    id: Id
    title: Word
    step: Annotated[tuple[_Step, ...], Field(min_length=1, description="one or more [[playbook.step]] with id and text")]
    techniques: tuple[Word, ...] = ()
    titles: tuple[Word, ...] = ()
    datasets: tuple[Word, ...] = ()
    kinds: tuple[Word, ...] = ()
    covers: tuple[Word, ...] = ()


class _Root(Entry):
    version: Annotated[int, Field(description=f"version = {VERSION}")]


@cache
def load_playbooks(path: Path = _PATH) -> tuple[Playbook, ...]:
    """Return the playbooks of the file ``path``, the most urgent first; the bundled ones by default, read once.

    Raises InputError with every fault: syntax, unknown keys, the same id twice.
    """
    reader = TomlReader(str(path), read_text(path, "the playbooks"), {"playbook": _Playbook})
    root = reader.root(_Root)
    reader.check_version(root.version if root else None, VERSION, "the playbooks")
    found = dict(reader.section("playbook", _Playbook))
    reader.once("playbook", "id", ((int(where[1]), word) for where, word in reader.written("playbook", "id")))
    for where, word in reader.written("playbook", "covers"):
        reader.known(where, "playbook", word, [entry.id for entry in found.values()], "the id of a playbook of this file")
    for index, entry in found.items():
        for place, name in _again(entry):
            reader.problem(("playbook", index, "step", place), f"step {name!r} is there twice", "give it another id")
    if reader.problems:
        raise InputError(sorted(reader.problems, key=lambda problem: problem.line))
    return tuple(_playbook(entry) for entry in found.values())


def _again(entry: _Playbook) -> Iterator[tuple[int, str]]:
    seen: set[str] = set()
    for place, step in enumerate(entry.step):
        if step.id in seen:
            yield place, step.id
        seen.add(step.id)


def _playbook(entry: _Playbook) -> Playbook:
    steps = tuple(Step(f"{entry.id}/{step.id}", step.text) for step in entry.step)
    lowered = {
        name: tuple(word.lower() for word in getattr(entry, name)) for name in ("techniques", "titles", "datasets", "kinds")
    }
    return Playbook(entry.id, entry.title, steps, covers=entry.covers, **lowered)
