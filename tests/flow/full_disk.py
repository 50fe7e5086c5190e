"""Driver of the full-disk test: runs in a mount namespace of its own, on a data folder of sixteen megabytes."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

from structlog.testing import capture_logs

from correlator.config.settings import load_settings
from correlator.runtime.checkpoint import Checkpoint
from correlator.runtime.content import load_content
from correlator.runtime.run import Loop, commune_names
from correlator.store import lake
from correlator.store.database import open_database
from correlator.telemetry.metrics import Metrics
from tests.flow.install import failed, kept, write_install

_LEFT = 40_000  # bytes: less than a batch takes, and below the guard's bound all the same


def main(folder: Path) -> None:
    """Fill the disk, let a batch meet it, free it; print what is kept then."""
    data = folder / "data"
    data.mkdir()
    subprocess.run(["/usr/bin/mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(data)], check=True)
    config = write_install(folder, {"auth": "auth.log"}, "[disk]\nwarn_percent = 99.8\nstop_percent = 99.9\n")
    settings = load_settings(config, {})
    content, engine = load_content(settings), open_database(settings.database)
    loop = Loop(settings, content, Checkpoint(engine, settings, commune_names(content)), Metrics(), max_rows=500)
    (folder / "auth.log").write_text("".join(failed(n) for n in range(3)))
    with capture_logs() as logs:
        loop.start()
        loop.run(once=True)
        ballast = _fill(data)
        with (folder / "auth.log").open("a") as log:
            log.writelines(failed(n, address=f"192.0.2.{n % 20}") for n in range(3, 1_000))
        loop.start()
        thread = Thread(target=loop.run, daemon=True)  # a fault of the driver must end it
        thread.start()
        waited = _until(lambda: any("waits for space" in entry["event"] for entry in logs))
        tmp = [path.name for path in (data / "lake").rglob("*.tmp")]
        ballast.unlink()
        came = _until(lambda: sum(fates["events"] for fates in kept(config).ledger.values()) == 1_000)
        loop.stop.set()
        thread.join()
    state = kept(config)
    segments = len(list((data / "lake").rglob("*.arrow")))
    seen = {"waited": waited, "came": came, "half_written": tmp, "events": len(state.lake), "distinct": len(set(state.lake))}
    sys.stdout.write(json.dumps({**seen, "segments": segments, "listed": len(lake.scan(engine))}) + "\n")


def _fill(data: Path) -> Path:
    ballast = data / "ballast"
    found = os.statvfs(data)
    ballast.write_bytes(b"x" * max(0, found.f_bavail * found.f_frsize - _LEFT))
    return ballast


def _until(true: Callable[[], bool], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.1)
    return False


if __name__ == "__main__":
    main(Path(sys.argv[1]))
