"""The evidence of an incident as a folder to hand out: readable without Tocsin, and checkable by anybody.

``manifest.json`` names every file with its sha256, and the newest hash of the chain; ``chain.ndjson`` is the chain,
``documents.ndjson`` the event documents as they were kept, ``incident.json`` the incident with its history, ``dossier.html``
all of it for people, in French. ``check_pack`` needs the folder only.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa

from correlator import __version__
from correlator.config.settings import Settings
from correlator.errors import InputError, Problem
from correlator.model.incident import Incident, Status, number_of, rfc3339
from correlator.runtime.evidence_page import page_of
from correlator.store import evidence, journal, views
from correlator.store.database import transaction
from correlator.store.evidence import Entry
from correlator.store.schema import incident_evidence

VERSION = 1
MANIFEST, CHAIN, DOCUMENTS, INCIDENT, PAGE = (
    "manifest.json", "chain.ndjson", "documents.ndjson", "incident.json", "dossier.html",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pack:
    """What was handed out: how many documents, how long their chain, its newest hash."""

    folder: Path
    number: str
    documents: int
    entries: int
    head: str


def export(engine: sa.Engine, settings: Settings, number: str, folder: Path, who: str, now: datetime) -> Pack:
    """Write the evidence of an incident into ``folder``, which must be empty or not there; the journal keeps who did it.

    Raises InputError for an unknown or merged incident, and for a folder that holds something.
    """
    with transaction(engine) as connection:
        one = _found(connection, number)
        _check_folder(folder)
        evidence.freeze(connection, [one.id], now)
        entries, head = evidence.head(connection, one.id)
        told = {"folder": str(folder), "evidence": {"entries": entries, "head": head}}
        journal.note(connection, who, "evidence exported", one.number, told, now)
        files = _files(connection, one, settings, {"by": who, "at": rfc3339(now), "head": head, "entries": entries})
    manifest = {
        "v": VERSION,
        "tocsin": __version__,
        "install": settings.install,
        "incident": one.number,
        "exported": rfc3339(now),
        "exported_by": who,
        "entries": entries,
        "head": head,
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    for name, content in {**files, MANIFEST: _json(manifest, orjson.OPT_INDENT_2)}.items():
        _write(folder / name, content)
    return Pack(folder, one.number, files[DOCUMENTS].count(b"\n"), entries, head)


def _found(connection: sa.Connection, number: str) -> Incident:
    one = views.find_incident(connection, number, lock=True)
    if one is None:
        near = views.nearest_numbers(connection, number)
        raise InputError(
            [Problem("tocsin", 0, f"no incident {number}", f"did you mean {' or '.join(near) or 'none: there is none'}?")]
        )
    if one.status is Status.MERGED and one.merged_into:
        into = number_of(one.merged_into)
        raise InputError(
            [Problem("tocsin", 0, f"incident {one.number} went into {into}", f"export {into}: it has the evidence")]
        )
    return one


def _check_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        is_full = any(folder.iterdir())
    except OSError as error:
        raise InputError([Problem(str(folder), 0, error.strerror or "cannot be used", "a folder one may write to")]) from error
    if is_full:
        raise InputError([Problem(str(folder), 0, "is not empty", "a new folder: evidence is never written over")])


def _files(connection: sa.Connection, one: Incident, settings: Settings, stamp: Mapping[str, Any]) -> dict[str, bytes]:
    chain = evidence.chain_of(connection, one.id)
    rows = list(_documents(connection, one.id))
    told = {
        **views.document(connection, one, pieces=0),
        "history": views.history(connection, one.id),
        "event.ids": views.event_ids(connection, one.id),
    }
    return {
        INCIDENT: _json(told, orjson.OPT_INDENT_2),
        CHAIN: b"".join(_json(asdict(entry)) for entry in chain),
        DOCUMENTS: b"".join(_json(row) for row in rows),
        PAGE: page_of(told, rows, stamp, settings.time_zone).encode(),
    }


def _documents(connection: sa.Connection, one: int) -> Iterator[dict[str, str]]:
    table = incident_evidence
    query = sa.select(table).where(table.c.incident == one).order_by(table.c.at, table.c.event_id)
    for row in connection.execute(query).mappings():
        yield {
            "event.id": row["event_id"],
            "@timestamp": rfc3339(row["at"]),
            "rule.id": row["rule_id"],
            "sha256": row["sha256"],
            "document": row["document"],
        }


def _json(value: object, option: int = 0) -> bytes:
    return orjson.dumps(value, option=option | orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


@dataclass(frozen=True, slots=True)
class Checked:
    """What looking at a pack gave; ``faults`` are sentences, none: nothing was changed since it was written."""

    number: str
    head: str
    entries: int
    documents: int
    faults: tuple[str, ...]


def check_pack(folder: Path) -> Checked:
    """Return what is wrong with a pack, without any install. Raises InputError when ``folder`` holds none."""
    try:
        manifest = orjson.loads((folder / MANIFEST).read_bytes())
        number, head, entries, files = (manifest[name] for name in ("incident", "head", "entries", "files"))
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        what = f"no {MANIFEST} that can be read ({type(error).__name__})"
        raise InputError([Problem(str(folder), 0, what, "a folder of 'tocsin incidents evidence --export'")]) from error
    faults = [fault for name, wanted in sorted(files.items()) if (fault := _file_fault(folder, name, wanted))]
    chain, documents = _lines(folder / CHAIN), _lines(folder / DOCUMENTS)
    try:
        faults += _content_faults(chain, documents, head, entries)
    except (KeyError, TypeError) as error:
        faults.append(f"a line of {CHAIN} or {DOCUMENTS} is not what this version writes ({error})")
    return Checked(str(number), str(head), len(chain), len(documents), tuple(faults))


def _file_fault(folder: Path, name: str, wanted: str) -> str:
    path = folder / Path(name).name  # a manifest names no file elsewhere
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return f"{name} is missing"
    return "" if found == wanted else f"{name} was changed: its sha256 is not the manifest's"


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        return [orjson.loads(line) for line in path.read_bytes().splitlines()]
    except (OSError, orjson.JSONDecodeError):
        return []


def _content_faults(
    chain: Sequence[Mapping[str, Any]], documents: Sequence[Mapping[str, Any]], head: str, entries: int
) -> Iterator[str]:
    links = [Entry(**one) for one in chain]
    yield from evidence.check_links(links)
    if len(links) != entries or (links and links[-1].hash != head):
        yield "the chain does not end where the manifest says"
    told = {entry.event_id: orjson.loads(entry.body) for entry in links if entry.act == evidence.KEPT}
    here = {one["event.id"]: one for one in documents}
    for event in sorted(evidence.held(links)):
        if event not in here:
            yield f"the document of {event} is missing"
        elif _hash(here[event]["document"]) != told[event]["sha256"]:
            yield f"the document of {event} was changed"
    yield from (f"the document of {event} is not in the chain" for event in sorted(here.keys() - told.keys()))


def _hash(document: str) -> str:
    return hashlib.sha256(document.encode()).hexdigest()
