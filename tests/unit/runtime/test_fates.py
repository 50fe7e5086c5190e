"""The loss ledger counts a record once, however often a restart meets it."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import polars as pl

from correlator.model.reject import REJECT
from correlator.runtime.checkpoint import record_fates
from correlator.runtime.pipeline import Outcome
from correlator.store.database import open_database, reading, transaction
from correlator.store.records import read_ledger

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


def _refusing(*offsets: int) -> Outcome:
    """Return the outcome of a batch in which only refusals came, that never were rows."""
    rows = [{"id": f"s~a~{offset}", "source": "s", "stream": "a", "offset": offset, "reason": "damaged"} for offset in offsets]
    return cast("Outcome", SimpleNamespace(fates={}, fills={}, rejects=pl.DataFrame(rows, schema=REJECT)))


def test_damage_met_again_after_a_restart_is_counted_once(tmp_path: Path) -> None:
    """A damaged chunk has no position of its own: each start meets it, the ledger and the dead letter know it once."""
    engine = open_database(tmp_path / "tocsin.db")
    for outcome in (_refusing(1, 2), _refusing(1, 2, 3)):
        with transaction(engine) as connection:
            record_fates(connection, outcome, NOW)

    with reading(engine) as connection:
        ledger = read_ledger(connection)["s"]
    engine.dispose()

    assert (ledger["received"], ledger["rejected"]) == (3, 3)
