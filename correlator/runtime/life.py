"""The life of one ``tocsin run``, as the database remembers it: the next one, and ``doctor``, know how the last ended."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import sqlalchemy as sa
import structlog

from correlator import __version__
from correlator.errors import TocsinError
from correlator.model.incident import rfc3339
from correlator.runtime.systemd import notify
from correlator.store.heartbeat import beat, heartbeats

LIFE = "life"
log = structlog.get_logger()


@contextmanager
def life(engine: sa.Engine) -> Iterator[None]:
    """Note that Tocsin runs while the block does, and how it ended; warn when the life before was cut short."""
    before = heartbeats(engine).get(LIFE)
    detail = {"state": "running", "since": rfc3339(datetime.now(UTC)), "pid": os.getpid(), "version": __version__}
    if before is not None and before.detail.get("state") == "running":
        log.warning("The run before was cut short: killed, or the machine went down.", since=before.detail.get("since"))
        detail["cut_short"] = before.detail.get("since", "")
    beat(engine, LIFE, datetime.now(UTC), detail)
    try:
        yield
    except Exception as error:
        _end(engine, {**detail, "state": "failed", "reason": str(error)[:500]})
        raise
    _end(engine, {**detail, "state": "stopped"})


def _end(engine: sa.Engine, detail: dict[str, object]) -> None:
    notify("STOPPING=1")
    with suppress(TocsinError):  # on a full disk the reason stands in the journal
        beat(engine, LIFE, datetime.now(UTC), detail)
