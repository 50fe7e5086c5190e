"""What is to be done about an incident: steps of playbooks that somebody ticked, and tasks people wrote themselves."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from correlator.model.incident import number_of
from correlator.store.schema import incident
from correlator.store.schema_cases import incident_task

#: Keys of tasks people wrote begin with this; steps of playbooks are ``<playbook>/<step>``.
OWN = "own/"


@dataclass(frozen=True, slots=True)
class Tick:
    """Who ticks what off, when; ``text`` is what the task says then, ``note`` what they found."""

    key: str
    text: str
    person: str
    now: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class Ticked:
    """That a task was done, by whom, when."""

    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """A task as the database knows it: written by somebody, or ticked once.

    ``done`` None: open. ``incident`` is the number of the one it was ticked in, when that went into this one.
    """

    key: str
    text: str
    added: datetime
    added_by: str
    done: datetime | None
    done_by: str
    note: str
    incident: str = ""


def add(connection: sa.Connection, one: int, text: str, person: str, now: datetime) -> str:
    """Add a task in somebody's words, and return its key. The caller holds the incident."""
    own = sa.select(sa.func.count()).where(incident_task.c.incident == one, incident_task.c.key.startswith(OWN))
    key = f"{OWN}{connection.execute(own).scalar_one() + 1}"
    row = {"incident": one, "key": key, "text": text, "added": now, "added_by": person}
    connection.execute(sa.insert(incident_task), row)
    return key


def tick(connection: sa.Connection, one: int, what: Tick, *, done: bool) -> Ticked | None:
    """Tick a task off, or take that back; return who had ticked it before. The caller holds the incident."""
    table = incident_task
    mine = (table.c.incident == one) & (table.c.key == what.key)
    row = connection.execute(sa.select(table.c.done, table.c.done_by).where(mine)).first()
    earlier = Ticked(row.done_by, row.done) if row is not None and row.done is not None else None
    if (earlier is not None) == done:
        return earlier
    values = {"done": what.now, "done_by": what.person} if done else {"done": None, "done_by": ""}
    told = {**values, "note": what.note}
    if row is None:
        first = {"incident": one, "key": what.key, "text": what.text, "added": what.now}
        connection.execute(sa.insert(table), {**first, **told})
    else:
        connection.execute(sa.update(table).where(mine).values(told))
    return earlier


def kept(connection: sa.Connection, one: int) -> list[Kept]:
    """Return the tasks of an incident and of those that went into it, in the order they were written or first ticked."""
    table = incident_task
    absorbed = sa.select(incident.c.id).where(incident.c.merged_into == one)
    mine = (table.c.incident == one) | table.c.incident.in_(absorbed)
    order = (table.c.incident != one, table.c.added, table.c.key)
    return [
        Kept(
            key=row["key"],
            text=row["text"],
            added=row["added"],
            added_by=row["added_by"],
            done=row["done"],
            done_by=row["done_by"],
            note=row["note"],
            incident="" if row["incident"] == one else number_of(row["incident"]),
        )
        for row in connection.execute(sa.select(table).where(mine).order_by(*order)).mappings()
    ]
