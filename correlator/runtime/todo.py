"""What is to be done about an incident: the steps its playbooks suggest, with their ticks, then what people added."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from correlator.config.playbooks import load_playbooks
from correlator.model.playbook import Playbook, Traits, suggest
from correlator.store import tasks
from correlator.store.casefile import Casefile
from correlator.store.tasks import Kept


@dataclass(frozen=True, slots=True)
class Todo:
    """One thing to do. ``done`` None: open. ``playbook`` is its title, "" for what people wrote (then ``added_by``).

    ``incident``: it was ticked in this one before that went into the present one.
    """

    key: str
    text: str
    playbook: str = ""
    added_by: str = ""
    done: datetime | None = None
    done_by: str = ""
    note: str = ""
    incident: str = ""


def traits_of(found: Casefile) -> Traits:
    """Return what playbooks are chosen by, from what the viewer may see of the incident."""
    return Traits(
        tags=[tag for rule in found.rules for tag in rule.tags],
        titles=[rule.title for rule in found.rules],
        datasets={str(piece.event.get("event.dataset") or "") for piece in found.pieces},
        kinds={entity.kind for entity in found.entities},
    )


def todo(suggested: Sequence[Playbook], kept: Iterable[Kept]) -> list[Todo]:
    """Return the steps of ``suggested``, then what was ticked or written besides, each once; a tick counts wherever it was."""
    known = _first_done(kept)
    steps = [(step.key, step.text, playbook.title) for playbook in suggested for step in playbook.steps]
    listed = [_with_tick(Todo(key, text, title), known.get(key)) for key, text, title in steps]
    return [*listed, *_others(known, {key for key, _, _ in steps})]


def todo_of(connection: sa.Connection, incident: int, found: Casefile) -> list[Todo]:
    """Return all there is to do about an incident; of a member view only what its rules suggest, without ticks."""
    suggested = suggest(load_playbooks(), traits_of(found))
    return todo(suggested, tasks.kept(connection, incident) if found.summary.is_whole else ())


def _first_done(kept: Iterable[Kept]) -> Mapping[str, Kept]:
    """Return key → the row that counts: one that is done before one that is not; people's own tasks never meet."""
    found: dict[str, Kept] = {}
    for row in kept:
        key = f"{row.incident}:{row.key}" if row.incident and row.key.startswith(tasks.OWN) else row.key
        if key not in found or (found[key].done is None and row.done is not None):
            found[key] = row
    return found


def _with_tick(one: Todo, row: Kept | None) -> Todo:
    if row is None:
        return one
    return Todo(one.key, one.text, one.playbook, "", row.done, row.done_by, row.note, row.incident)


def _others(known: Mapping[str, Kept], listed: set[str]) -> Iterator[Todo]:
    """Yield people's own tasks, and ticked steps of playbooks that are no longer suggested: with the words they had."""
    for key, row in known.items():
        if key not in listed and (row.added_by or row.done is not None):
            told: dict[str, Any] = {name: getattr(row, name) for name in ("added_by", "done", "done_by", "note", "incident")}
            yield Todo(key, row.text, **told)
