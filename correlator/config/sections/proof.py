"""``[proof]``: the daily proof that Tocsin is awake."""

import re
from datetime import time

from pydantic import Field, field_validator

from correlator.config.strict import Strict

_DOOR = re.compile(r"(udp|tcp)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):(\d{1,5})")


class ProofSettings(Strict):
    """The daily proof: a harmless record per commune, followed to its ticket."""

    at: str = Field(default="", pattern=r"^(([01]\d|2[0-3]):[0-5]\d)?$")
    """Local time from which on the proofs of a day are made, the communes spread over half an hour: ``06:30``. Empty: none."""
    door: str = ""
    """The syslog listener that takes the records, ``udp://host:port`` or ``tcp://host:port``; empty: a followed file."""
    late_minutes: float = Field(default=15.0, ge=1, le=720)
    """Minutes after which a proof without its ticket has failed, and people are told."""
    sinks: tuple[str, ...] = ()
    """Sinks that get the proof's ticket; empty: all but mail and SMS."""

    @field_validator("door")
    @classmethod
    def _check_door(cls, value: str) -> str:
        if value and not _DOOR.fullmatch(value):
            message = f"{value!r} is no door; write udp://127.0.0.1:5514 or tcp://collector:1514"
            raise ValueError(message)
        return value

    @property
    def time(self) -> time | None:
        """Return when a day's proofs begin, local; None when there are none."""
        return time.fromisoformat(self.at) if self.at else None

    @property
    def address(self) -> tuple[str, str, int] | None:
        """Return (udp or tcp, host, port) of the door; None: the followed file."""
        found = _DOOR.fullmatch(self.door)
        return (found[1], found[2].strip("[]"), int(found[3])) if found else None
