"""Is Tocsin alive? Each part gives a sign of life every ten seconds; together they are what ``/health`` answers.

A part is alive when its last sign is younger than ``[oncall] healthy_s``. A sign from the future means that the clock went
back; it counts for as long, and the next one is right.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import orjson
import sqlalchemy as sa
import structlog

from correlator.config.settings import Settings
from correlator.errors import TocsinError
from correlator.model.incident import rfc3339
from correlator.runtime.disk import disk_state
from correlator.runtime.proof_health import problem_of
from correlator.store.heartbeat import Heartbeat, beat, heartbeats

_EVERY_S = 10.0
_HEALTHY, _UNHEALTHY = 200, 503
_PROOF = "proof"
_FRENCH = {"pipeline": "analyse", "deliver": "envois", "oncall": "astreinte", _PROOF: "preuve de veille"}
log = structlog.get_logger()


@dataclass(slots=True)
class Pulse:
    """The sign of life of one part: ``beat`` as often as you like, it is written at most every ten seconds."""

    engine: sa.Engine
    name: str
    _last: float = field(default=-_EVERY_S, init=False)

    def beat(self, detail: Mapping[str, Any] | None = None) -> None:
        """Give a sign of life. A database that cannot be written is said in the log: the next commit will say it too."""
        if monotonic() - self._last < _EVERY_S:
            return
        self._last = monotonic()
        try:
            beat(self.engine, self.name, datetime.now(UTC), detail)
        except TocsinError as error:
            log.warning("Sign of life not written.", part=self.name, reason=str(error))


@dataclass(frozen=True, slots=True)
class Health:
    """What ``/health`` says: every part that must live, with what is wrong with it (empty: nothing), and the disk."""

    at: datetime
    parts: Mapping[str, str]
    last: Mapping[str, datetime]
    disk_used_percent: float
    disk_full: bool
    notes: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """Return what is wrong, one sentence each; empty: healthy."""
        full = (f"the disk is {self.disk_used_percent:.0f} % full: sources wait",) if self.disk_full else ()
        return (*(f"{part}: {wrong}" for part, wrong in self.parts.items() if wrong), *full)

    @property
    def sentences(self) -> tuple[str, ...]:
        """Return the same in French, for messages to people and for the brief; the disk apart."""
        return tuple(_sentence(part, self.last.get(part), self.at) for part, wrong in self.parts.items() if wrong)

    def answer(self) -> tuple[int, bytes]:
        """Return HTTP status and JSON body: 200 when all is well, 503 otherwise."""
        last = {part: rfc3339(at) for part, at in self.last.items()}
        parts = {part: {"alive": not wrong, "last": last.get(part), "problem": wrong} for part, wrong in self.parts.items()}
        disk = {"used_percent": round(self.disk_used_percent, 1), "full": self.disk_full}
        told = {"v": 1, "healthy": not self.problems, "at": rfc3339(self.at), "parts": parts, "disk": disk}
        full = ("disque plein",) if self.disk_full else ()
        words = {"problems": self.problems, "message": ", ".join((*self.sentences, *full)), "notes": self.notes}
        return (_UNHEALTHY if self.problems else _HEALTHY), orjson.dumps({**told, **words})


def health_of(engine: sa.Engine, settings: Settings, now: datetime) -> Health:
    """Return how Tocsin is. ``notes`` do not make it ill: calls that did not work are an incident of their own."""
    beats = heartbeats(engine)
    must = ["pipeline", *(["deliver"] if settings.sink else []), *(["oncall"] if settings.oncall.ladder else [])]
    disk = disk_state(settings)
    full = disk.stops
    told = beats["oncall"].detail.get("problems", []) if "oncall" in beats else []
    parts = {part: _wrong(beats.get(part), now, settings.oncall.healthy_s) for part in must}
    last = {part: beats[part].at for part in must if part in beats}
    if settings.proof.at:
        parts[_PROOF], proved = problem_of(engine, now)
        last |= {_PROOF: proved} if proved else {}
    return Health(now, parts, last, disk.used_percent, full, tuple(map(str, told)))


def health_answer(engine: sa.Engine, settings: Settings) -> tuple[int, bytes]:
    """Return HTTP status and JSON body of ``/health`` now; 503 with the reason when the database cannot be read."""
    try:
        return health_of(engine, settings, datetime.now(UTC)).answer()
    except (TocsinError, OSError) as error:
        return _UNHEALTHY, orjson.dumps({"v": 1, "healthy": False, "problems": [str(error)]})


def _sentence(part: str, last: datetime | None, now: datetime) -> str:
    name = _FRENCH.get(part, part)
    return f"{name} sans signe de vie" + (f" depuis {abs((now - last).total_seconds()) / 60:.0f} min" if last else "")


def _wrong(sign: Heartbeat | None, now: datetime, healthy_s: float) -> str:
    if sign is None:
        return "no sign of life yet"
    age_s = (now - sign.at).total_seconds()
    return "" if abs(age_s) <= healthy_s else f"no sign of life for {age_s:.0f} s"
