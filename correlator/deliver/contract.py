"""What a sink is: incidents → some other system. ``render`` is pure and has goldens; the rest talks to the system.

A sink raises ``Reject`` (refused for good), ``Retry`` (transient) or ``Fatal`` (configuration; stop using this sink).
A sink module has one public name, ``SINK``: a ``SinkKind``, which makes a sink from its settings.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from correlator.errors import Problem


class Change(StrEnum):
    """What happened to an incident."""

    OPENED = "opened"
    UPDATED = "updated"
    COMMENTED = "commented"
    EVIDENCE = "evidence"
    RESOLVED = "resolved"
    CLOSED = "closed"
    REOPENED = "reopened"
    MERGED = "merged"


@dataclass(frozen=True, slots=True)
class IncidentChange:
    """One change of one incident, as sinks see it. ``incident`` is the JSON document of the incident after the change."""

    change: Change
    sequence: int  # per incident, from 1, without gaps
    external_id: str  # <install>:<incident number>: the same for all changes of an incident
    incident: Mapping[str, Any]
    v: int = 1


@dataclass(frozen=True, slots=True)
class ExternalRef:
    """Where the incident lives in the other system."""

    external_id: str
    remote_id: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """One thing to send, without secrets: those are added by ``send``."""

    method: str  # HTTP method, or the sink's own verb ("append")
    target: str  # URL or path
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class RemoteState:
    """What the other system says about the incident."""

    exists: bool
    status: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


class Sink(Protocol):
    """One configured destination; used by one thread at a time."""

    name: str

    def render(self, change: IncidentChange, ref: ExternalRef | None) -> tuple[Request, ...]:
        """Return exactly what would be sent: pure, no secret inside."""

    def find(self, external_id: str) -> ExternalRef | None:
        """Return where this incident already lives, if it does; asked before a create and after a lost answer."""

    def send(self, requests: tuple[Request, ...], ref: ExternalRef | None) -> ExternalRef:
        """Send, and return where the incident lives now."""

    def read(self, ref: ExternalRef) -> RemoteState:
        """Return what the other system holds."""

    def check(self) -> list[Problem]:
        """Say what would keep this sink from working: identity, rights, fields, space."""


@dataclass(frozen=True, slots=True)
class SinkKind:
    """How to make a sink of this kind from its settings: ``make(name, settings)``; raises InputError on bad ones."""

    kind: str
    make: Callable[[str, Mapping[str, Any]], Sink]
