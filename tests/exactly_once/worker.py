"""One life of a worker: works until it is told to stop; dies, or sleeps, the nth time it reaches a step."""

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from correlator.config.settings import load_settings
from correlator.runtime import claims
from correlator.runtime.content import load_content
from correlator.runtime.correlating import Correlating
from correlator.runtime.detecting import Detecting
from correlator.store.database import open_database
from correlator.telemetry.logs import set_up_logs
from correlator.telemetry.metrics import Metrics

ROWS = int(os.environ.get("ONCE_ROWS", "150"))


def main(config: str, role: str, name: str, step: str, nth: int, how: signal.Signals) -> None:
    """Run ``role`` until SIGTERM; die (SIGKILL) or fall asleep (SIGSTOP) the ``nth`` time ``step`` is reached."""
    seen: Counter[str] = Counter()

    def reached(one: str) -> None:
        seen[one] += 1
        if one == step and seen[one] == nth:
            os.kill(os.getpid(), how)

    if os.environ.get("ONCE_NO_FENCE"):
        claims.move = _unfenced
    _watch_home(reached)
    set_up_logs("info")
    settings = load_settings(Path(config), {})
    engine = open_database(settings.database, url=settings.database_url)
    content = load_content(settings)
    worker: Detecting | Correlating
    if role == "detect":
        worker = Detecting(settings, content, engine, Metrics(), name, max_rows=ROWS, reached=reached, fill_s=0.1)
    else:
        worker = Correlating(settings, content, engine, Metrics(), reached=reached, fill_s=0.1, most=10 * ROWS)
    signal.signal(signal.SIGTERM, lambda *_: worker.stop.set())
    worker.run()
    sys.stderr.write(f"committed {seen['detected'] + seen['correlated']}\n")


def _watch_home(reached: Callable[[str], None]) -> None:
    """Call it a step of its own when a batch holds what must be written once: there a zombie does most harm."""
    commit = Correlating._committed

    def watched(self: Correlating, turns: Sequence[Any]) -> None:
        if any(end.lake for turn in turns for end in turn.ends):
            reached("home")
        commit(self, turns)

    Correlating._committed = watched  # type: ignore[method-assign]  # the product has no such step


def _unfenced(connection, claim, next_offset, now):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Move the position whoever has it: what the proof must catch."""
    from correlator.store.schema import position  # noqa: PLC0415 - only for this

    mine = (position.c.source == claims.DETECTIONS) & (position.c.stream == str(claim.partition))
    connection.execute(position.update().where(mine).values(next_offset=next_offset, updated=now))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]), signal.Signals[sys.argv[6]])
