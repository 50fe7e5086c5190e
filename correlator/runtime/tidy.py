"""Housekeeping of a running install: many small files of the lake become few, and what they replaced goes away."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from correlator.errors import Retry
from correlator.store import lake
from correlator.store.compaction import Compaction, compact

#: A replaced file stays this long: whoever took its name before the swap has read it by then.
READERS_DONE = timedelta(hours=1)
#: Every batch leaves a segment: from this many on, reading them one by one is what makes a search slow.
SEGMENTS = 200


def tidy_lake(engine: sa.Engine, now: datetime, segments: int = SEGMENTS) -> Compaction:
    """Do one round of compaction when at least ``segments`` wait, and remove what was replaced over an hour ago.

    One round takes at most 64 MiB, so that a batch never waits long. All zero when there was nothing to do, or when somebody
    else was faster.
    """
    lake.remove_retired(engine, now - READERS_DONE)
    if sum(file.kind == lake.SEGMENT for file in lake.files(engine)) < segments:
        return Compaction()
    try:
        return compact(engine, now)
    except Retry:
        return Compaction()
