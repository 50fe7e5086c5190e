"""What an install ends with, comparable between two (design §4): hits, incidents, counts, ledger, lake, outbox."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from correlator.config.settings import load_settings
from correlator.store import lake, records, schema, views
from correlator.store.database import open_database, reading


@dataclass(frozen=True)
class State:
    """Everything that must not depend on being killed, nor on how many work at it."""

    hits: Counter[tuple[str, str, frozenset[str]]]  # rule, group, event ids
    incidents: Counter[tuple[str, frozenset[str], str, int, int]]  # lane, event ids, severity, events, findings
    rules: Counter[tuple[str, int]]  # of incidents: rule, findings
    ledger: dict[str, dict[str, int]]
    lake_rows: int
    lake_distinct: int
    told_twice: int
    numbers: int


def state_of(config: Path) -> State:
    """Return what the install keeps."""
    settings = load_settings(config, {})
    engine = open_database(settings.database, url=settings.database_url)
    with reading(engine) as connection:
        kept = [one for one in views.list_incidents(connection) if one.merged_into is None]
        incidents = Counter(
            (one.lane, frozenset(views.event_ids(connection, one.id)), one.severity.level, one.count, one.findings)
            for one in kept
        )
        table = schema.incident_rule
        rules = Counter((rule, count) for rule, count in connection.execute(sa.select(table.c.rule_id, table.c.count)))
        named = {row.id: (row.rule_id, row.group) for row in connection.execute(sa.select(schema.hit))}
        members: dict[str, set[str]] = {hit: set() for hit in named}
        for hit, event in connection.execute(sa.select(schema.hit_event.c.hit, schema.hit_event.c.event_id)):
            members[hit].add(event)
        told = Counter(connection.execute(sa.select(schema.outbox.c.external_id, schema.outbox.c.sequence)).all())
        ledger = records.read_ledger(connection)
        numbers = connection.execute(sa.select(sa.func.count()).select_from(schema.incident)).scalar_one()
    events = lake.events(engine).select("event.id").collect()
    state = State(
        hits=Counter((*named[hit], frozenset(events)) for hit, events in members.items()),
        incidents=incidents,
        rules=rules,
        ledger=ledger,
        lake_rows=events.height,
        lake_distinct=events["event.id"].n_unique(),
        told_twice=sum(count - 1 for count in told.values()),
        numbers=numbers,
    )
    engine.dispose()
    return state


def counted(config: Path) -> tuple[int, int]:
    """Return how many events the ledger has, and how many detections incidents know."""
    settings = load_settings(config, {})
    engine = open_database(settings.database, url=settings.database_url)
    with reading(engine) as connection:
        events = sum(fates["events"] for fates in records.read_ledger(connection).values())
        found = connection.execute(sa.select(sa.func.count()).select_from(schema.incident_finding)).scalar_one()
    engine.dispose()
    return events, int(found)
