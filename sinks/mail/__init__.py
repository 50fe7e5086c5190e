"""Incidents, calls and the morning brief by mail, through SMTP relays tried in their order.

Settings: ``relays`` (``["192.0.2.25:25", "mail.example.org:587"]``; addresses need no DNS), ``from``, ``to`` (who gets the
changes of incidents; left out: nobody, the sink only carries calls and the brief), ``changes`` (``["opened", "reopened",
"resolved", "closed"]``), ``security`` (``starttls``; ``tls`` from the first byte, usual on port 465; ``none`` only to this
machine or with ``allow_plain = true``), ``tls_name`` (the name the certificate must bear when the relay is given by address),
``ca_file``, ``user`` with ``password_env`` or ``password_file``, ``timeout_s`` (10, for each relay), ``hello`` (the name we
greet with).

All mails about an incident are one conversation: ``References`` names the incident, ``Message-ID`` the change, so that a mail
sent twice after a lost answer is recognised by its id. A relay that refuses or is silent gives way to the next; refused
recipients and senders are refused for good, a refused password stops the sink until it is mended.
"""

import ipaddress
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from correlator.deliver.contract import Change, ExternalRef, IncidentChange, Message, RemoteState, Request, Sink, SinkKind
from correlator.errors import InputError, Problem, Reject
from sinks.mail.letter import House, letter, of_change
from sinks.mail.relay import Relays

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_RELAY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::(\d{1,5}))?")
_DEFAULT = ("opened", "reopened", "resolved", "closed")
_KNOWN = (
    "relays", "from", "to", "changes", "security", "tls_name", "ca_file", "user", "password_env", "password_file",
    "timeout_s", "hello", "allow_plain",
)  # fmt: skip
_NEEDS = ("communes", "time_zone", "public_url")  # what the install knows and gives


class MailSink:
    """Mails to a fixed list of people, or to whom a call names."""

    address: Literal["mail"] = "mail"

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        self.name = name
        self._from = str(settings["from"])
        self._to = tuple(settings.get("to", ()))
        self._changes = frozenset(settings.get("changes", _DEFAULT))
        self._house = House(
            dict(settings.get("communes", {})),
            str(settings.get("time_zone", "Europe/Paris")),
            str(settings.get("public_url", "")),
        )
        self._relays = Relays(settings)

    def __repr__(self) -> str:
        """Return the sink with its relays; no password is held."""
        return f"MailSink({self.name!r}, {self._relays!r})"

    def render(self, change: IncidentChange, ref: ExternalRef | None) -> tuple[Request, ...]:
        """Return one mail to the configured people, or nothing when this change is not mailed."""
        del ref
        if not self._to or change.change not in self._changes:
            return ()
        mail = of_change(change, self._from, self._to, self._house)
        return (Request("MAIL", ",".join(self._to), {"Tocsin-Id": change.external_id}, mail),)

    def find(self, external_id: str) -> ExternalRef | None:
        """Return None: mail cannot be asked; its Message-ID says which change it is."""
        del external_id
        return None

    def send(self, requests: tuple[Request, ...], ref: ExternalRef | None) -> ExternalRef:
        """Give the mails to the first relay that takes them."""
        for request in requests:
            self._relays.send(self._from, request.target.split(","), request.body)
            external_id = request.headers["Tocsin-Id"]
            ref = ref or ExternalRef(external_id, external_id)
        return ref or ExternalRef("", "")

    def send_message(self, to: str, message: Message) -> str:
        """Mail one message to one person and return its Message-ID."""
        if not _ADDRESS.fullmatch(to):
            raise Reject("not a mail address")
        number = f"{message.key}.{to}"
        mail, name = letter(message, number, self._from, (to,), datetime.now(UTC))
        self._relays.send(self._from, [to], mail)
        return name

    def read(self, ref: ExternalRef) -> RemoteState:
        """Return that nothing can be known: mail cannot be asked."""
        del ref
        return RemoteState(exists=False, status="unknown")

    def check(self) -> list[Problem]:
        """Return which relays do not answer, greet, encrypt or let us in; no mail is sent."""
        return self._relays.check(f"sink {self.name}")


def _make(name: str, settings: Mapping[str, Any]) -> Sink:
    where = f"sink {name}"
    problems = [
        Problem(where, 0, f"unknown setting {key!r}", f"known: {', '.join(_KNOWN)}")
        for key in settings
        if key not in (*_KNOWN, *_NEEDS)
    ]
    faults = [*_people_faults(settings), *_relay_faults(settings), *_secret_faults(settings)]
    problems += [Problem(where, 0, what, right) for what, right in faults]
    if problems:
        raise InputError(problems)
    return MailSink(name, settings)


def _people_faults(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    faults = [
        (f"{key}: {one!r} is not a mail address", 'write "astreinte@example.org"')
        for key, people in (("from", [settings.get("from", "")]), ("to", settings.get("to", ())))
        for one in people
        if not isinstance(one, str) or not _ADDRESS.fullmatch(one)
    ]
    known = [str(change) for change in Change]
    unknown = [str(one) for one in settings.get("changes", ()) if one not in known]
    return [*faults, *((f"unknown change {one!r}", f"one of: {', '.join(known)}") for one in unknown)]


def _relay_faults(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    relays = settings.get("relays", ())
    if not isinstance(relays, list | tuple) or not relays:
        return [("no relays", 'write relays = ["192.0.2.25:25"]')]
    faults = [
        (f"relay {one!r}", "an address or a name, and a port: 192.0.2.25:25, [2001:db8::25]:25")
        for one in relays
        if not _RELAY.fullmatch(str(one))
    ]
    security = settings.get("security", "starttls")
    if security not in {"starttls", "tls", "none"}:
        faults.append((f"security = {security!r}", "starttls, tls or none"))
    if security == "none" and not settings.get("allow_plain") and not all(_is_local(str(one)) for one in relays):
        faults.append(("security = none would show incidents to the network", "starttls, or allow_plain = true"))
    return faults


def _secret_faults(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    given = [key for key in ("password_env", "password_file") if settings.get(key)]
    faults = []
    if bool(settings.get("user")) != (len(given) == 1):
        faults.append(
            ("user goes with one of password_env and password_file", "name where the password is, never the password")
        )
    if settings.get("user") and settings.get("security") == "none" and not settings.get("allow_plain"):
        faults.append(("the password would go over the network as it is", "security = starttls or tls"))
    timeout = settings.get("timeout_s", 10)
    if not isinstance(timeout, int | float) or not 0 < timeout <= 20:  # noqa: PLR2004 - a call must go on to the next relay
        faults.append((f"timeout_s = {timeout!r}", "a number of seconds, at most 20"))
    return faults


def _is_local(relay: str) -> bool:
    host = relay.rpartition(":")[0].strip("[]") if ":" in relay else relay
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


SINK = SinkKind("mail", _make, needs=_NEEDS)
