"""One life of a running Tocsin: reads to the end of its sources, unless it is killed at the nth time a step is reached."""

import os
import signal
import sys
from collections import Counter
from pathlib import Path

from correlator.config.settings import load_settings
from correlator.runtime.checkpoint import Checkpoint
from correlator.runtime.content import load_content
from correlator.runtime.run import Loop, commune_names
from correlator.store.database import open_database
from correlator.telemetry.logs import set_up_logs
from correlator.telemetry.metrics import Metrics

ROWS = 60


def main(config: str, step: str, nth: int) -> None:
    """Run until the end, or until ``step`` is reached for the ``nth`` time: then die as if the power failed."""
    seen: Counter[str] = Counter()

    def reached(name: str) -> None:
        seen[name] += 1
        if name == step and seen[name] == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    set_up_logs("error")
    settings = load_settings(Path(config), {})
    content = load_content(settings)
    engine = open_database(settings.database)
    checkpoint = Checkpoint(engine, settings, commune_names(content), reached)
    loop = Loop(settings, content, checkpoint, Metrics(), max_rows=ROWS)
    loop.start()
    loop.run(once=True)
    sys.stdout.write(f"{seen['committed']}\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
