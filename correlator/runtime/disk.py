"""How full the disk of the data folder is, and what waits because of it: one shared answer per folder and process.

At ``[disk] warn_percent`` a health incident says so; at ``stop_percent`` sources wait: files are not read on, listeners take
nothing more, and nothing is dropped. A state is left only two points below its bound, so that it does not flicker.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from functools import cache
from pathlib import Path
from threading import Lock
from time import monotonic

import sqlalchemy as sa
import structlog

from correlator.config.sections.keeping import DiskSettings
from correlator.config.settings import Settings
from correlator.errors import TocsinError
from correlator.model.severity import Severity
from correlator.runtime.health import end_health, raise_health
from correlator.store.heartbeat import beat
from correlator.telemetry.metrics import Metrics

HEALTH_KEY = "disk"
_HYSTERESIS, _LOOK_S = 2.0, 2.0
log = structlog.get_logger()


class Level(IntEnum):
    """What the disk allows."""

    FREE = 0
    TIGHT = 1  # said, nothing else
    FULL = 2  # sources wait


@dataclass(slots=True)
class DiskState:
    """How full the disk of ``folder`` is, looked at again at most every two seconds; any thread may ask."""

    folder: Path
    settings: DiskSettings
    statvfs: Callable[[Path], os.statvfs_result] = os.statvfs
    used_percent: float = 0.0
    free_bytes: int = 0
    _level: Level = Level.FREE
    _looked: float = -_LOOK_S
    _lock: Lock = field(default_factory=Lock)

    @property
    def level(self) -> Level:
        """Return what the disk allows now."""
        with self._lock:
            if monotonic() - self._looked >= _LOOK_S:
                self._look()
            return self._level

    @property
    def stops(self) -> bool:
        """Say whether sources wait."""
        return self.level is Level.FULL

    def look(self) -> Level:
        """Measure now, and return what the disk allows."""
        with self._lock:
            self._look()
            return self._level

    def _look(self) -> None:
        existing = next(path for path in (self.folder, *self.folder.absolute().parents) if path.exists())
        found = self.statvfs(existing)
        used = found.f_blocks - found.f_bfree
        self.used_percent = 100.0 * used / max(1, used + found.f_bavail)  # as df counts: root's reserve is not ours
        self.free_bytes = found.f_bavail * found.f_frsize
        self._level, self._looked = self._judged(self.used_percent), monotonic()

    def _judged(self, used: float) -> Level:
        for level, bound in ((Level.FULL, self.settings.stop_percent), (Level.TIGHT, self.settings.warn_percent)):
            if used >= bound or (self._level >= level and used > bound - _HYSTERESIS):
                return level
        return Level.FREE


@cache
def _shared(folder: Path, settings: DiskSettings) -> DiskState:
    return DiskState(folder, settings)


def disk_state(settings: Settings) -> DiskState:
    """Return the one state of this install's disk: pipeline, listeners and the guard see the same."""
    return _shared(settings.data_dir, settings.disk)


def guard_disk(settings: Settings, engine: sa.Engine, metrics: Metrics, now: datetime) -> None:
    """Measure, and say what is to be said: metrics, heartbeat, and a health incident while the disk is tight or full.

    What cannot be written because the disk is full is said in the log; the next turn tries again.
    """
    state = disk_state(settings)
    level = state.look()
    metrics.set("tocsin_store_disk_free_bytes", state.free_bytes)
    metrics.set("tocsin_store_disk_used_ratio", state.used_percent / 100)
    metrics.set("tocsin_store_disk_level", int(level))
    if level is not Level.FREE:
        log.error("The disk fills.", used_percent=round(state.used_percent, 1), sources_wait=level is Level.FULL)
    try:
        _tell(settings, engine, state, now)
    except TocsinError as error:
        log.error("The disk's state could not be kept.", reason=str(error))  # noqa: TRY400 - a full disk needs no traceback


def _tell(settings: Settings, engine: sa.Engine, state: DiskState, now: datetime) -> None:
    level = state.level
    detail = {"used_percent": round(state.used_percent, 1), "free_bytes": state.free_bytes, "level": level.name.lower()}
    beat(engine, "disk", now, detail)
    if level is Level.FREE:
        end_health(engine, settings, HEALTH_KEY, now)
        return
    used = f"{state.used_percent:.0f} %".replace(".", ",")
    if level is Level.FULL:
        sentence = f"Disque de Tocsin plein à {used} : la lecture des journaux attend, rien n’est perdu. Libérez de la place."
    else:
        bound = f"{settings.disk.stop_percent:.0f} %"
        sentence = f"Disque de Tocsin rempli à {used} : à {bound}, la lecture des journaux s’arrêtera. Libérez de la place."
    raise_health(engine, settings, HEALTH_KEY, sentence, Severity.CRITICAL if level is Level.FULL else Severity.HIGH, now)
