"""The evidence of an incident as a chain: what was kept, and that nobody changed it since.

Each incident has its own chain, of which rows are only ever added. An entry has a ``body`` (JSON: incident, number, time, act,
event, and the sha256 that its document had when it came) and a ``hash``: sha256 over the hash of the entry before and the body.
The first entry stands on sixty-four zeros. Whoever changes a document, a body, or takes an entry out of the middle, no longer
fits the hashes after it. Whoever can write to the database could forge a whole chain: what that cannot forge is a hash that has
left the house. Each act of a person on an incident writes its newest hash into the journal, and a pack carries it.

A document is *kept* when the incident opens, takes in another, or somebody acts on it or exports it. It *left* with a merge or
a split, or was *removed*: when its time was over, or, as long as nobody has touched the incident, because newer ones came. From
the first act of a person on what is kept stays. The chain says all of that, and goes on.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from correlator.model.incident import number_of, rfc3339
from correlator.store.schema import audit, incident, incident_evidence
from correlator.store.schema_cases import evidence_chain

#: What the first entry of every chain stands on.
GENESIS = "0" * 64
KEPT, LEFT, REMOVED = "kept", "left", "removed"
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """One link of a chain. ``hash`` = sha256(hash of the entry before + ``body``), both as ASCII and UTF-8 text."""

    number: int
    act: str
    event_id: str
    body: str
    hash: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What looking at a chain gave. Times and counts are of now; ``head`` is the newest hash, "" without entries.

    ``documents`` hang on the chain and are here; ``loose`` are here and hang on none yet: they came after the last act.
    ``left`` went to another incident, ``removed`` were over their time. ``faults``: one sentence each.
    """

    entries: int
    head: str
    documents: int
    loose: int
    left: int
    removed: int
    faults: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        """Say whether nothing was changed."""
        return not self.faults


def freeze(connection: sa.Connection, incidents: Iterable[int], now: datetime) -> dict[int, int]:
    """Hang every document of ``incidents`` that does not yet onto its chain; return incident → how many.

    Call it in the transaction that holds the incidents: two writers would give one number twice, and one would be refused.
    """
    wanted = sorted(set(incidents))
    added: dict[int, int] = {}
    for start in range(0, len(wanted), _CHUNK):
        added |= _freeze(connection, wanted[start : start + _CHUNK], now)
    return added


def _freeze(connection: sa.Connection, wanted: Sequence[int], now: datetime) -> dict[int, int]:
    chains = _chains(connection, wanted)
    table = incident_evidence.c
    query = sa.select(table.incident, table.event_id, table.at, table.rule_id, table.sha256).where(table.incident.in_(wanted))
    new: dict[int, list[sa.RowMapping]] = defaultdict(list)
    for row in connection.execute(query.order_by(table.incident, table.at, table.event_id)).mappings():
        new[row["incident"]].append(row)
    rows: list[dict[str, Any]] = []
    added = {}
    for one, documents in new.items():
        known = held(chains[one])
        told = [_said(row) for row in documents if row["event_id"] not in known]
        last = chains[one][-1] if chains[one] else None
        rows += _linked(one, (last.number, last.hash) if last else (0, ""), KEPT, told, now)
        added[one] = len(told)
    if rows:
        connection.execute(sa.insert(evidence_chain), rows)
    return added


def note_left(connection: sa.Connection, one: int, into: int, now: datetime, events: Iterable[str] | None = None) -> None:
    """Say in the chain of ``one`` that documents went to incident ``into``: those of ``events``, or all there are.

    ``into`` takes them with ``freeze``.
    """
    known = held_events(connection, one)
    gone = sorted(known if events is None else known & set(events))
    _append(connection, one, LEFT, [{"event.id": event, "to": number_of(into)} for event in gone], now)


def note_removed(connection: sa.Connection, one: int, events: Iterable[str], why: str, now: datetime) -> None:
    """Say in the chain of ``one`` that the documents of ``events`` were removed, as far as they hang on it."""
    gone = sorted(held_events(connection, one) & set(events))
    _append(connection, one, REMOVED, [{"event.id": event, "why": why} for event in gone], now)


def note_over(connection: sa.Connection, over: sa.ColumnElement[bool], now: datetime) -> None:
    """Say in the chains that documents had their time; call it before those go. ``over`` is a condition on their table."""
    query = sa.select(incident_evidence.c.incident, incident_evidence.c.event_id).where(over)
    gone: dict[int, set[str]] = defaultdict(set)
    for one, event in connection.execute(query):
        gone[one].add(event)
    for one, events in gone.items():
        note_removed(connection, one, events, "retention", now)


def held_events(connection: sa.Connection, one: int) -> set[str]:
    """Return the events whose documents hang on the chain of ``one`` and have not gone since."""
    table = evidence_chain.c
    query = sa.select(table.event_id, table.act).where(table.incident == one).order_by(table.number)
    last = {row.event_id: row.act for row in connection.execute(query)}
    return {event for event, act in last.items() if act == KEPT}


def _append(connection: sa.Connection, one: int, act: str, told: Sequence[Mapping[str, Any]], now: datetime) -> None:
    if told:
        connection.execute(sa.insert(evidence_chain), _linked(one, head(connection, one), act, told, now))


def _linked(
    one: int, last: tuple[int, str], act: str, told: Iterable[Mapping[str, Any]], now: datetime
) -> list[dict[str, Any]]:
    """Return the rows that go on after ``last``: number and hash of the newest entry."""
    number, previous = last[0], last[1] or GENESIS
    rows = []
    for what in told:
        number += 1
        start = {"v": 1, "incident": number_of(one), "number": number, "at": rfc3339(now), "act": act}
        body = orjson.dumps({**start, **what}, option=orjson.OPT_SORT_KEYS).decode()
        previous = link_hash(previous, body)
        rows.append(
            {"incident": one, "number": number, "act": act, "event_id": what["event.id"], "body": body, "hash": previous}
        )
    return rows


def link_hash(previous: str, body: str) -> str:
    """Return the hash of an entry."""
    return hashlib.sha256(f"{previous}{body}".encode()).hexdigest()


def _said(row: sa.RowMapping) -> dict[str, str]:
    """Return what the chain says of a document."""
    return {
        "event.id": row["event_id"],
        "@timestamp": rfc3339(row["at"]),
        "rule.id": row["rule_id"],
        "sha256": row["sha256"],
    }


def held(chain: Iterable[Entry]) -> set[str]:
    """Return the events whose documents hang on the chain and have not gone since."""
    last = {entry.event_id: entry.act for entry in chain}
    return {event for event, act in last.items() if act == KEPT}


def _chains(connection: sa.Connection, incidents: Sequence[int]) -> dict[int, list[Entry]]:
    table = evidence_chain.c
    found: dict[int, list[Entry]] = {one: [] for one in incidents}
    query = sa.select(evidence_chain).where(table.incident.in_(incidents)).order_by(table.incident, table.number)
    for row in connection.execute(query).mappings():
        found[row["incident"]].append(Entry(**{name: row[name] for name in Entry.__dataclass_fields__}))
    return found


def chain_of(connection: sa.Connection, one: int) -> list[Entry]:
    """Return the chain of an incident, oldest entry first."""
    return _chains(connection, [one])[one]


def head(connection: sa.Connection, one: int) -> tuple[int, str]:
    """Return how many entries the chain of an incident has, and the newest hash ("" without any)."""
    table = evidence_chain.c
    query = sa.select(table.number, table.hash).where(table.incident == one).order_by(table.number.desc()).limit(1)
    row = connection.execute(query).first()
    return (0, "") if row is None else (row.number, row.hash)


def verify(connection: sa.Connection, one: int) -> Verified:
    """Look at the whole chain of an incident, at every document on it, and at what the journal says of it."""
    chain = chain_of(connection, one)
    documents = _documents(connection, one)
    faults = [*check_links(chain), *_broken(chain, documents), *_against_journal(connection, one, chain)]
    last = {entry.event_id: entry.act for entry in chain}
    known = held(chain)
    return Verified(
        entries=len(chain),
        head=chain[-1].hash if chain else "",
        documents=len(known & documents.keys()),
        loose=len(documents.keys() - known),
        left=sum(act == LEFT for act in last.values()),
        removed=sum(act == REMOVED for act in last.values()),
        faults=tuple(faults),
    )


def check_links(chain: Sequence[Entry]) -> list[str]:
    """Return what is wrong with the entries by themselves: numbers, bodies, hashes."""
    faults, previous = [], GENESIS
    for place, entry in enumerate(chain, start=1):
        if entry.number != place:
            faults.append(f"entry {place} is missing: the next is {entry.number}")
            break
        if link_hash(previous, entry.body) != entry.hash:
            faults.append(f"entry {place} was changed, or one before it was: its hash does not fit")
            break
        said = _read(entry.body)
        if (said.get("act"), said.get("event.id"), said.get("number")) != (entry.act, entry.event_id, place):
            faults.append(f"entry {place} was changed: its columns do not say what its body says")
        previous = entry.hash
    return faults


def _read(body: str) -> dict[str, Any]:
    """Return what a body says; a forged one may say nothing."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def _documents(connection: sa.Connection, one: int) -> dict[str, dict[str, str]]:
    """Return event → what its document is now, as the chain would say it."""
    table = incident_evidence
    rows = connection.execute(sa.select(table).where(table.c.incident == one)).mappings()
    return {row["event_id"]: {**_said(row), "sha256": hashlib.sha256(row["document"].encode()).hexdigest()} for row in rows}


def _broken(chain: Sequence[Entry], documents: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return what of the kept documents is no longer what it was."""
    said = {entry.event_id: _read(entry.body) for entry in chain if entry.act == KEPT}
    faults = []
    for event in sorted(held(chain)):
        if event not in documents:
            faults.append(f"the document of {event} is gone, and the chain does not say why")
            continue
        wrong = [name for name, value in documents[event].items() if said[event].get(name) != value]
        if wrong:
            told = ", ".join("the text" if name == "sha256" else name for name in wrong)
            faults.append(f"the document of {event} was changed: {told}")
    return faults


def _against_journal(connection: sa.Connection, one: int, chain: Sequence[Entry]) -> list[str]:
    """Return the hashes that the journal saw and the chain no longer has: entries cut off at its end, or a forged chain."""
    number = connection.execute(sa.select(incident.c.number).where(incident.c.id == one)).scalar()
    details = connection.execute(sa.select(audit.c.detail).where(audit.c.object == number).order_by(audit.c.id)).scalars()
    seen = {(said["entries"], said["head"]) for detail in details if (said := detail.get("evidence")) and said["entries"]}
    hashes = {entry.number: entry.hash for entry in chain}
    return [
        f"the journal saw entry {entries} with another hash ({hash_[:12]}…): the chain was cut or written anew"
        for entries, hash_ in sorted(seen)
        if hashes.get(entries) != hash_
    ]
