"""A late event joins two hits: the store, the incidents and their counts know one of them afterwards, in the same commit."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from correlator.config.settings import load_settings
from correlator.ingest.files import read_paths
from correlator.model.raw import RawBatch
from correlator.runtime.checkpoint import Checkpoint
from correlator.runtime.content import load_content
from correlator.runtime.pipeline import process
from correlator.store import records, schema, views
from correlator.store.database import open_database, reading, transaction
from tests.flow.install import BURST, RULES, failed, write_install

#: Ten seconds apart: two bursts of three, more than a minute from each other; 5 to 7 lie between them.
EARLY, LATE, BETWEEN = (0, 1, 2), (10, 11, 12), (5, 6, 7)


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    """Return the database of an install after three batches: two hits, then what joins them."""
    config = write_install(tmp_path, {"auth": "auth.log"})
    (tmp_path / "rules.yml").write_text(RULES.replace("timespan: 10m", "timespan: 1m"))
    settings = load_settings(config, {})
    content, engine = load_content(settings), open_database(settings.database)
    checkpoint = Checkpoint(engine, settings)
    flow = checkpoint.restore(("auth",))
    for part, numbers in enumerate((EARLY, LATE, BETWEEN)):
        path = tmp_path / f"part{part}.log"
        path.write_text("".join(failed(number) for number in numbers))
        (batch,) = read_paths([str(path)], source="auth")
        outcome = process(RawBatch(batch.rows, {}), flow, content, wall=batch.rows["received"][0], live=True)
        assert outcome.hits.height == 1
        assert (len(outcome.merged) > 0) == (numbers == BETWEEN)
        checkpoint.commit(outcome, flow)
        flow = outcome.flow
    return engine


def test_the_gone_hit_is_gone_everywhere(engine: sa.Engine) -> None:
    """One hit with all nine events; one incident that names it, and counts it, once."""
    with reading(engine) as connection:
        hits = connection.execute(sa.select(schema.hit.c.id, schema.hit.c.count)).all()
        events = connection.execute(sa.select(schema.hit_event.c.hit, schema.hit_event.c.event_id)).all()
        named = sa.select(schema.incident_finding.c.finding_id).where(schema.incident_finding.c.rule_id == BURST)
        findings = connection.execute(named).scalars().all()
        (incident,) = (one for one in views.list_incidents(connection) if one.merged_into is None)
        (rule,) = (one for one in views.rules(connection, incident.id) if one["id"] == BURST)
    engine.dispose()

    ((hit, count),) = hits
    assert count == 9
    assert {one for one, _ in events} == {hit}
    assert len({event for _, event in events}) == 9
    assert findings == [hit]
    assert (incident.count, incident.findings, rule["count"]) == (9, 10, 1)


def test_an_id_that_was_never_stored_is_no_fault(engine: sa.Engine) -> None:
    """Joined within one batch, or in a lane that is not told: nothing to do."""
    with transaction(engine) as connection:
        before = connection.execute(sa.select(schema.hit.c.id)).all()
        records.join_hits(connection, {"never": "seen"})
        assert connection.execute(sa.select(schema.hit.c.id)).all() == before
    engine.dispose()
    assert len(before) == 1
