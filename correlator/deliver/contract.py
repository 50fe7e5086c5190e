"""What a sink is: incidents → some other system. ``render`` is pure and has goldens; the rest talks to the system.

A sink raises ``Reject`` (refused for good), ``Retry`` (transient) or ``Fatal`` (configuration; stop using this sink).
``Away`` is a Retry that says more: nobody answered, so there is no use in trying the other changes now. ``Gone`` is a Reject
that says more: somebody deleted the ticket.
A sink module has one public name, ``SINK``: a ``SinkKind``, which makes a sink from its settings.

A sink that can reach a person is a ``Messenger`` too; one that hands messages to something that sends later (a modem) is
``Confirming``; one that people can answer is ``Answerable``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol, runtime_checkable

from correlator.errors import Problem, Reject, Retry


class Away(Retry):
    """Nobody answered: what else waits for this sink need not be tried now."""


class Gone(Reject):
    """The ticket was there and is there no more: somebody deleted it."""


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
    """What the other system says about the incident; ``closed``: people there consider it done."""

    exists: bool
    status: str = ""
    closed: bool = False
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


@runtime_checkable
class TicketSink(Sink, Protocol):
    """A sink whose other side people work in: there, tickets are doubled, deleted and closed by hand."""

    recreate: bool
    """Whether a ticket that somebody deleted is made again."""

    def find_all(self, external_id: str) -> tuple[ExternalRef, ...]:
        """Return every ticket of this incident, the oldest first."""

    def close_double(self, keep: ExternalRef, double: ExternalRef) -> None:
        """Link ``double`` to ``keep`` and close it with a comment that says so; doing it again changes nothing."""


@dataclass(frozen=True, slots=True)
class Message:
    """What one person is told; French. ``short`` is for telephones, ``text`` for whoever has a screen.

    ``key`` is the same for every try of the same message: whoever gets it twice may drop the second. ``thread`` is what it is
    about (``<install>:<incident number>``), the same for all messages about it.
    """

    key: str
    thread: str
    subject: str
    short: str
    text: str


@runtime_checkable
class Messenger(Protocol):
    """A sink that reaches people. ``address`` says which address of a contact it wants."""

    name: str
    address: Literal["phone", "mail", "any"]

    def send_message(self, to: str, message: Message) -> str:
        """Send and return a reference to ask about later; raises Reject (wrong address), Retry or Fatal as ``send`` does."""


class Fate(StrEnum):
    """What became of a message that was handed over."""

    SENT = "sent"
    WAITING = "waiting"
    FAILED = "failed"


@runtime_checkable
class Confirming(Protocol):
    """A messenger that hands over and learns later; its ``fate`` withdraws what waited too long and calls it failed."""

    def fate(self, reference: str) -> Fate:
        """Return what became of the message ``send_message`` gave this reference for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person sent back; ``reference`` names it for ``answered``."""

    reference: str
    sender: str
    text: str


@runtime_checkable
class Answerable(Protocol):
    """A messenger that people can answer."""

    def answers(self) -> tuple[Answer, ...]:
        """Return what came and was not yet dealt with."""

    def answered(self, answer: Answer) -> None:
        """Note that this answer was dealt with; it does not come again."""


@dataclass(frozen=True, slots=True)
class SinkKind:
    """How to make a sink of this kind from its settings: ``make(name, settings)``; raises InputError on bad ones.

    ``needs`` are things the install knows and the sink's settings get unless they say otherwise: ``public_url`` (of the
    console), ``time_zone``, ``communes`` (id → name).
    """

    kind: str
    make: Callable[[str, Mapping[str, Any]], Sink]
    needs: tuple[str, ...] = ()
