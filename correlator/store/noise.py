"""How much rules said per hour, and the digests of what was too much, as rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from correlator.model.noise import Digest, Heard, Hour, Said, Voice
from correlator.store.schema import incident_entity, incident_evidence, incident_finding
from correlator.store.schema_quiet import rule_digest, rule_noise
from correlator.store.upsert import insert

_CHUNK = 500


def read_hours(connection: sa.Connection, voices: Iterable[Voice], since: datetime, until: datetime) -> Said:
    """Return what ``voices`` said in the hours from ``since`` to ``until``; in a writing transaction it stays so."""
    wanted, found = set(voices), dict[Voice, dict[datetime, Hour]]()
    for chunk in _chunks(sorted({rule for rule, _ in wanted})):
        query = sa.select(rule_noise).where(rule_noise.c.rule_id.in_(chunk), rule_noise.c.hour.between(since, until))
        for row in connection.execute(query.order_by(rule_noise.c.rule_id, rule_noise.c.lane, rule_noise.c.hour)).mappings():
            voice = row["rule_id"], row["lane"]
            if voice in wanted:
                found.setdefault(voice, {})[row["hour"]] = _hour(row)
    return found


def write_hours(connection: sa.Connection, said: Said) -> None:
    """Replace what is known of the hours of ``said``."""
    rows = [
        {
            "rule_id": rule, "lane": lane, "hour": hour, "findings": one.findings, "gathered": one.gathered,
            "shown": _plain(one.shown), "others": _plain(one.others), "tripped": one.tripped,
        }
        for (rule, lane), hours in sorted(said.items())
        for hour, one in sorted(hours.items())
    ]  # fmt: skip
    if rows:
        put = insert(rule_noise)
        moved = {name: put.excluded[name] for name in ("findings", "gathered", "shown", "others", "tripped")}
        connection.execute(put.on_conflict_do_update(index_elements=["rule_id", "lane", "hour"], set_=moved), rows)


def forget_hours(connection: sa.Connection, before: datetime) -> int:
    """Remove the hours before ``before``; return how many."""
    return connection.execute(sa.delete(rule_noise).where(rule_noise.c.hour < before)).rowcount


def find_digest(connection: sa.Connection, rule_id: str, lane: str, day: str) -> Digest | None:
    """Return the digest of a rule in a lane on a local day, locked; None when there is none."""
    key = (rule_digest.c.rule_id == rule_id) & (rule_digest.c.lane == lane) & (rule_digest.c.day == day)
    row = connection.execute(sa.select(rule_digest).where(key).with_for_update()).mappings().first()
    return None if row is None else Digest(**row)


def put_digest(connection: sa.Connection, digest: Digest) -> None:
    """Insert or replace a digest."""
    put = insert(rule_digest)
    row = {name: getattr(digest, name) for name in Digest.__dataclass_fields__}
    keys = ["rule_id", "lane", "day"]
    connection.execute(
        put.on_conflict_do_update(index_elements=keys, set_={name: put.excluded[name] for name in row if name not in keys}),
        row,
    )


def digests(connection: sa.Connection, since: datetime | None = None, *, only_open: bool = False) -> list[Digest]:
    """Return the digests that counted anything since ``since`` (None: ever), the newest first."""
    query = sa.select(rule_digest).order_by(rule_digest.c.last.desc(), rule_digest.c.rule_id, rule_digest.c.lane)
    if since is not None:
        query = query.where(rule_digest.c.last >= since)
    if only_open:
        query = query.where(rule_digest.c.ended.is_(None))
    return [Digest(**row) for row in connection.execute(query).mappings()]


def gathered_before(connection: sa.Connection, finding_ids: Sequence[str]) -> set[tuple[str, str]]:
    """Return (finding, lane) of those that are in a digest already: a hit that grows stays where it is."""
    found: set[tuple[str, str]] = set()
    joined = sa.select(incident_finding.c.finding_id, incident_finding.c.lane).join(
        rule_digest, rule_digest.c.incident == incident_finding.c.incident
    )
    for chunk in _chunks(finding_ids):
        rows = connection.execute(joined.where(incident_finding.c.finding_id.in_(chunk)))
        found |= {(row.finding_id, row.lane) for row in rows}
    return found


def add_members(connection: sa.Connection, incident: int, rows: Sequence[Mapping[str, str]]) -> int:
    """Add findings (finding_id, lane, rule_id) to a digest's incident; return how many were new."""
    put = insert(incident_finding).on_conflict_do_nothing()
    added = 0
    for chunk in _chunks([{**row, "incident": incident} for row in rows]):
        done = connection.execute(put.values(chunk).returning(incident_finding.c.finding_id))
        added += len(done.all())
    return added


def room_for(connection: sa.Connection, incident: int, entities: int, documents: int) -> tuple[int, int]:
    """Return how many more entities and documents the incident takes, up to these numbers."""
    counts = [
        connection.execute(sa.select(sa.func.count()).select_from(table).where(table.c.incident == incident)).scalar_one()
        for table in (incident_entity, incident_evidence)
    ]
    return max(0, entities - counts[0]), max(0, documents - counts[1])


def _hour(row: sa.RowMapping) -> Hour:
    return Hour(row["findings"], row["gathered"], _heard(row["shown"]), _heard(row["others"]), bool(row["tripped"]))


def _heard(told: Mapping[str, Any]) -> Heard:
    return Heard(int(told["things"]), frozenset(told["marks"]))


def _plain(heard: Heard) -> dict[str, Any]:
    return {"things": heard.things, "marks": sorted(heard.marks)}


def _chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))
