"""What the daily proofs say of Tocsin's health: read by ``/health``, and so by the dead-man's switch on another machine."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa

from correlator.model.proof import Run, State
from correlator.store import proofs
from correlator.store.database import reading

#: A commune without a proof for so long is not proved: a day, and some hours for the spread and a slow one.
STALE = timedelta(hours=26)
FLOOR = timedelta(days=30)


def failed(engine: sa.Engine, now: datetime) -> list[Run]:
    """Return the newest finished proof of each commune where that one failed."""
    with reading(engine) as connection:
        newest = proofs.latest(connection, now - FLOOR)
    return [one for _, one in sorted(newest.items()) if one.state is State.FAILED]


def problem_of(engine: sa.Engine, now: datetime) -> tuple[str, datetime | None]:
    """Return what is wrong with the proofs ("" : nothing), and when the last one arrived: what ``/health`` says.

    A dead-man's switch on another machine asks for it, and calls people by its own means.
    """
    with reading(engine) as connection:
        found = proofs.runs(connection, now - FLOOR)
    arrived = [one.written for one in found if one.state is State.DELIVERED]
    last = max(arrived, default=None)
    lost = [one.commune for one in failed(engine, now)]
    if lost:
        return f"no proof arrived from {', '.join(lost)}", last
    ages = _newest(found)
    old = [commune for commune, at in ages.items() if now - at > STALE]
    return (
        f"no proof was made for {', '.join(sorted(old))} since {min(ages[one] for one in old):%Y-%m-%d}" if old else ""
    ), last


def _newest(found: Iterable[Run]) -> Mapping[str, datetime]:
    newest: dict[str, datetime] = {}
    for one in found:
        newest[one.commune] = max(newest.get(one.commune, one.written), one.written)
    return newest
