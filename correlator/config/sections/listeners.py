"""``[[listener]]``: an open port that takes records; ``[journal]``: where they are safe until they are processed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field, IPvAnyNetwork, field_validator, model_validator

from correlator.config.estate_values import MaybeDuration
from correlator.config.strict import Strict, known_zone

_NAME = r"^[A-Za-z0-9_.-]+$"


@dataclass(frozen=True, slots=True)
class Input:
    """What is declared of the records of one source: whose they are (empty: each its own), who reads them, their zone.

    ``lateness``: how late they may come; ``idle``: after how long without any nothing waits for them; ``silent_after``: after
    how long without any an incident says so; None: not declared.
    """

    name: str
    commune: str = ""
    parser: str = "auto"
    time_zone: str = "Europe/Paris"
    lateness: timedelta | None = None
    idle: timedelta | None = None
    silent_after: timedelta | None = None


class SenderSettings(Strict):
    """Whose records are whose at a listener: ``[[listener.sender]]``. Known by certificate, token or network, in this order."""

    source: str = Field(min_length=1, pattern=_NAME)
    """Name of the source that its records bear."""
    certificates: tuple[str, ...] = ()
    """Its client certificate: common name, DNS name, or ``sha256:`` and the fingerprint in hex; needs ``client_ca``."""
    networks: tuple[IPvAnyNetwork, ...] = ()
    """Networks it sends from; the narrowest one that holds the address decides."""
    token_env: str = ""
    """Environment variable that holds its token (kind ``http``); or name it in the listener's ``tokens_file``."""
    commune: str = ""
    """Id of the commune that owns its records; empty: attributed event by event."""
    parser: str = "auto"
    """Name of the parser, or ``auto``."""
    time_zone: str = "Europe/Paris"
    """IANA zone of times without offset."""
    lateness: MaybeDuration = None
    """How late its records may come (``"15min"``, ``"6h"``); without: as the estate says, else what is usual for them."""
    idle: MaybeDuration = None
    """After how long without a record it holds no correlation back; without: two minutes."""
    silent_after: MaybeDuration = None
    """After how long without a record its silence is an incident; without: learnt from its hours of the weeks before."""

    _check_zone = field_validator("time_zone")(known_zone)


class ListenerSettings(Strict):
    """One listening port: ``[[listener]]``."""

    name: str = Field(min_length=1, pattern=_NAME)
    """Name of the source that records of unlisted senders bear; unique among sources and listeners."""
    kind: Literal["syslog-udp", "syslog-tcp", "syslog-tls", "http"]
    """What is spoken there. ``http`` is for Splunk HEC clients and for Beats (Elasticsearch ``_bulk``)."""
    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 for all of IPv4, :: for all."""
    port: int = Field(ge=1, le=65535)
    """Port."""
    commune: str = ""
    """Id of the commune that owns the records of unlisted senders; empty: attributed event by event."""
    parser: str = "auto"
    """Parser of the records of unlisted senders, or ``auto``."""
    time_zone: str = "Europe/Paris"
    """IANA zone of times without offset of unlisted senders."""
    lateness: MaybeDuration = None
    """How late records of unlisted senders may come; without: as the estate says, else what is usual for them."""
    idle: MaybeDuration = None
    """After how long without a record unlisted senders hold no correlation back; without: two minutes."""
    silent_after: MaybeDuration = None
    """After how long without a record of unlisted senders silence is an incident; without: learnt from the weeks before."""
    tls_cert: Path | None = None
    """Certificate (PEM, with its chain). A renewed one is taken within a minute."""
    tls_key: Path | None = None
    """Its private key (PEM)."""
    client_ca: Path | None = None
    """Certificates (PEM) of the authority that signs client certificates; a client must then show one."""
    client_optional: bool = False
    """Also take clients without certificate."""
    allow: tuple[IPvAnyNetwork, ...] = ()
    """Networks that may send at all; empty: everybody."""
    tokens_file: Path | None = None
    """Tokens of kind ``http``: ``source token`` or ``source sha256:hex`` a line; mode 0600, or 0640 for the service's group."""
    max_message_kib: int = Field(default=256, ge=1, le=1024)
    """A longer syslog message goes to the dead letter."""
    max_body_mib: int = Field(default=32, ge=1, le=256)
    """A longer HTTP body, unpacked, is refused with 413."""
    max_connections: int = Field(default=500, ge=1)
    """Connections at a time."""
    max_connections_per_peer: int = Field(default=100, ge=1)
    """Connections at a time from one address."""
    sender: tuple[SenderSettings, ...] = ()

    _check_zone = field_validator("time_zone")(known_zone)

    @model_validator(mode="after")
    def _complete(self) -> "ListenerSettings":
        faults = list(_faults(self))
        if faults:
            raise ValueError("; ".join(faults))
        return self


class JournalSettings(Strict):
    """The journal that listeners write before they acknowledge: ``[journal]``."""

    max_gib: float = Field(default=20.0, gt=0)
    """Its size at most; never more than 80 % of what the disk could still give."""


def _faults(listener: ListenerSettings) -> Iterator[str]:
    has_tokens = listener.tokens_file or any(sender.token_env for sender in listener.sender)
    if listener.kind == "syslog-tls" and not listener.tls_cert:
        yield "syslog-tls needs tls_cert and tls_key"
    if bool(listener.tls_cert) != bool(listener.tls_key):
        yield "tls_cert and tls_key belong together"
    if listener.tls_cert and listener.kind in {"syslog-udp", "syslog-tcp"}:
        yield f"{listener.kind} knows no TLS: use syslog-tls"
    if listener.client_ca and not listener.tls_cert:
        yield "client_ca needs tls_cert and tls_key"
    if (listener.kind == "http") != bool(has_tokens):
        yield "http, and only http, needs tokens: a tokens_file, or token_env of a sender"
    yield from _sender_faults(listener)


def _sender_faults(listener: ListenerSettings) -> Iterator[str]:
    for sender in listener.sender:
        if sender.certificates and (not listener.client_ca or listener.kind == "http"):
            yield f"sender {sender.source}: certificates need kind syslog-tls with client_ca"
        if listener.kind != "http" and not (sender.certificates or sender.networks):
            yield f"sender {sender.source}: name its networks or certificates"


def _input(name: str, said: SenderSettings | ListenerSettings) -> Input:
    return Input(name, said.commune, said.parser, said.time_zone, said.lateness, said.idle, said.silent_after)


def declared(listeners: Iterable[ListenerSettings]) -> list[Input]:
    """Return every source that listeners can give; one that two listeners give is there once."""
    found: dict[str, Input] = {}
    for listener in listeners:
        found[listener.name] = _input(listener.name, listener)
        for sender in listener.sender:
            found[sender.source] = _input(sender.source, sender)
    return list(found.values())


def contradictions(listeners: Iterable[ListenerSettings]) -> list[tuple[int, int, str]]:
    """Return (listener, sender, source) where a source is declared unlike an earlier declaration of it."""
    known = {listener.name: _input(listener.name, listener) for listener in listeners}
    found = []
    for number, listener in enumerate(listeners):
        for index, sender in enumerate(listener.sender):
            here = _input(sender.source, sender)
            if known.setdefault(sender.source, here) != here:
                found.append((number, index, sender.source))
    return found
