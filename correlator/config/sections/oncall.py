"""``[oncall]``: who is woken, by what, when."""

import re

from pydantic import Field, field_validator, model_validator

from correlator.config.estate_values import DAYS, CalendarName, OpeningHours
from correlator.config.strict import Strict

_TEST = re.compile(rf"({'|'.join(DAYS)}) ([01]\d|2[0-3]):([0-5]\d)")


class WakeSettings(Strict):
    """What wakes somebody: ``[[oncall.wake]]``; all that is set must be true. Without any, incidents of level critical do."""

    name: str = Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9_.-]+$")
    """Name shown in the history; unique. A renamed criterion calls again."""
    minimum_level: str = Field(default="critical", pattern="^(informational|low|medium|high|critical)$")
    """Lowest level of an incident that wakes."""
    communes: tuple[str, ...] = ()
    """Only incidents that touch one of these communes (INSEE ids); empty: any."""
    lanes: tuple[str, ...] = ()
    """Only incidents of these lanes: a commune's id, ``shared``, ``cross``, ``unattributed``; empty: any."""
    tags: tuple[str, ...] = ()
    """Only incidents in which a rule with one of these tags fired: ``attack.t1486``; sub-techniques count. Empty: any."""
    vital: bool = False
    """Only incidents on a machine that a vital service stands on."""
    wake_elected: bool = False
    """Elected people on the ladder may be called for this; otherwise they are passed over."""


class OnCallSettings(Strict):
    """Who is called, for what and when: ``[oncall]``."""

    ladder: tuple[str, ...] = ()
    """Ids of contacts of the estate, first called first."""
    sinks: tuple[str, ...] = ()
    """Names of the sinks that reach people (sms, mail, webhook), tried in this order; the first that works is enough."""
    daytime_sinks: tuple[str, ...] = ()
    """The same during working hours; empty: nobody is called then, calls wait for the evening."""
    wake: tuple[WakeSettings, ...] = ()
    working_hours: OpeningHours = Field(default_factory=dict)
    """When somebody is at work: ``{ mon-fri = "08:00-18:30" }``; the rest, and holidays, is night. Empty: always night."""
    calendar: CalendarName = "FR"
    """Public holidays: ``FR``, or ``FR-57`` and the like."""
    repeat_minutes: float = Field(default=10.0, ge=1, le=240)
    """Minutes between two calls of the same person; also how long a burst of incidents is gathered into one call."""
    tries: int = Field(default=3, ge=1, le=20)
    """Calls of one person before the next one on the ladder."""
    personal: bool = False
    """Short messages name accounts and mail addresses; otherwise they say that there is one."""
    test: str = ""
    """Weekly test call of the first on the ladder, through every sink: ``mon 10:00``, local time; empty: none."""
    healthy_s: float = Field(default=120.0, ge=30)
    """Seconds without a sign of life of a part after which ``/health`` answers 503."""

    @field_validator("test")
    @classmethod
    def _check_test(cls, value: str) -> str:
        if value and not _TEST.fullmatch(value):
            message = f"{value!r} is not a day and a time; write 'mon 10:00'"
            raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _check_whole(self) -> "OnCallSettings":
        names = [criterion.name for criterion in self.wake]
        if len(names) != len(set(names)):
            raise ValueError("two [[oncall.wake]] bear the same name; give each its own")
        if bool(self.ladder) != bool(self.sinks):
            raise ValueError("ladder and sinks go together: whom to call, and through what")
        return self

    @property
    def messengers(self) -> tuple[str, ...]:
        """Return the names of all sinks that carry calls."""
        return tuple(dict.fromkeys((*self.sinks, *self.daytime_sinks)))

    @property
    def test_at(self) -> tuple[int, int, int] | None:
        """Return when the weekly test is due: (ISO weekday, hour, minute), local; None when there is none."""
        found = _TEST.fullmatch(self.test)
        return (DAYS.index(found[1]) + 1, int(found[2]), int(found[3])) if found else None
