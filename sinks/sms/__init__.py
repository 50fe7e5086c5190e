"""Calls to a telephone by SMS: through a modem of your own (gammu-smsd), or through an HTTP gateway. Carries calls only.

Settings, modem: ``via = "gammu"``, ``spool`` (folder that holds ``outbox``, ``sent``, ``error`` and ``inbox``; or each one by
its name), ``confirm_s`` (45: what gammu-smsd has not sent by then is taken back, and the next channel is tried).
Settings, gateway: ``via = "http"``, ``url``, ``method`` (POST), ``body`` (a table, sent as JSON; as a form with
``encoding = "form"``), ``headers``, ``secret_headers`` (``X-Key_env = "NAME"`` or ``X-Key_file = "path"``: header X-Key),
``success_status`` (200, 201, 202, 204), ``success_path`` and ``success_value`` (``"status"`` must be ``"ok"``), ``timeout_s``
(10), ``ca_file``, ``allow_http``. ``{number}`` and ``{text}`` in ``url`` and ``body`` are filled in.
Settings, both: ``segments`` (1: at most 160 characters; more are billed each), ``country_code`` (``+33``, put before national
numbers).

Numbers are international, ``+33612345678``, or national, ``06 12 34 56 78``. Texts are GSM-7: é, è, à and ù stay, other
accents are left off, and a text that is too long is cut at a word. A message handed over twice is sent once, as far as the
modem or the gateway heeds its key. Changes of incidents are not sent: only what the ladder of on-call people needs. Through
the modem, people may answer ``OK 26-0412``.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from correlator.deliver.contract import (
    Answer,
    ExternalRef,
    Fate,
    IncidentChange,
    Message,
    RemoteState,
    Request,
    Sink,
    SinkKind,
)
from correlator.errors import InputError, Problem, Reject
from sinks.sms.gammu import Spool
from sinks.sms.gateway import Gateway
from sinks.sms.gsm7 import cut, folded

_NUMBER = re.compile(r"\+[1-9]\d{7,14}")
_NATIONAL = re.compile(r"0([1-9]\d{8})")
_CODE = re.compile(r"\+[1-9]\d{0,2}")
_SEGMENTS = 6
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_BOTH = frozenset({"via", "segments", "country_code"})
_KNOWN = {
    "gammu": _BOTH | {"spool", "outbox", "sent", "error", "inbox", "seen", "confirm_s"},
    "http": _BOTH
    | {"url", "method", "body", "encoding", "headers", "secret_headers", "success_status", "success_path", "success_value"}
    | {"timeout_s", "ca_file", "allow_http"},
}


class SmsSink:
    """Sends calls through one gateway."""

    address: Literal["phone"] = "phone"

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        self.name = name
        self._most = int(settings.get("segments", 1))
        self._code = str(settings.get("country_code", "+33"))
        self._out: Spool | Gateway = Spool(settings) if settings["via"] == "gammu" else Gateway(name, settings)

    def __repr__(self) -> str:
        """Return the sink with its way out."""
        return f"{type(self).__name__}({self.name!r}, {self._out!r})"

    def send_message(self, to: str, message: Message) -> str:
        """Hand one SMS over; raises Reject when ``to`` is no telephone number."""
        number = _international(re.sub(r"[\s.()-]", "", to), self._code)
        if not _NUMBER.fullmatch(number):
            raise Reject("not a telephone number; write +33612345678 or 06 12 34 56 78")
        return self._out.put(number, message, cut(folded(message.short), self._most))

    def render(self, change: IncidentChange, ref: ExternalRef | None) -> tuple[Request, ...]:
        """Return nothing: changes of incidents go to tickets and mail, telephones get calls only."""
        del change, ref
        return ()

    def find(self, external_id: str) -> ExternalRef | None:
        """Return None: nothing lives there."""
        del external_id
        return None

    def send(self, requests: tuple[Request, ...], ref: ExternalRef | None) -> ExternalRef:
        """Send nothing."""
        del requests
        return ref or ExternalRef("", "")

    def read(self, ref: ExternalRef) -> RemoteState:
        """Return that nothing is known."""
        del ref
        return RemoteState(exists=False, status="unknown")

    def check(self) -> list[Problem]:
        """Return what would keep an SMS from going out; none is sent."""
        return self._out.check(f"sink {self.name}")


class ModemSink(SmsSink):
    """The same through gammu-smsd, which says later what became of a message, and keeps what people answer."""

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        super().__init__(name, settings)
        self._spool = Spool(settings)

    def fate(self, reference: str) -> Fate:
        """Return what became of one SMS."""
        return self._spool.fate(reference)

    def answers(self) -> tuple[Answer, ...]:
        """Return the SMS that came in."""
        return self._spool.answers()

    def answered(self, answer: Answer) -> None:
        """Note that an SMS was dealt with."""
        self._spool.answered(answer)


def _international(number: str, code: str) -> str:
    national = _NATIONAL.fullmatch(number)
    return f"{code}{national[1]}" if national else number


def _make(name: str, settings: Mapping[str, Any]) -> Sink:
    where, via = f"sink {name}", str(settings.get("via", ""))
    if via not in _KNOWN:
        raise InputError([Problem(where, 0, f"via = {via!r}", 'write via = "gammu" or via = "http"')])
    known = ", ".join(sorted(_KNOWN[via]))
    problems = [Problem(where, 0, f"unknown setting {key!r}", f"known: {known}") for key in settings if key not in _KNOWN[via]]
    faults = _gammu_faults(settings) if via == "gammu" else _http_faults(settings)
    problems += [Problem(where, 0, what, right) for what, right in [*faults, *_both_faults(settings)]]
    if problems:
        raise InputError(problems)
    return ModemSink(name, settings) if via == "gammu" else SmsSink(name, settings)


def _both_faults(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    most = settings.get("segments", 1)
    good = isinstance(most, int) and 1 <= most <= _SEGMENTS
    faults = [] if good else [(f"segments = {most!r}", f"a number from 1 to {_SEGMENTS}")]
    code = settings.get("country_code", "+33")
    return faults if _CODE.fullmatch(str(code)) else [*faults, (f"country_code = {code!r}", "write +33")]


def _gammu_faults(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    faults = [] if settings.get("spool") else [("no spool", 'write spool = "/var/spool/gammu"')]
    wait_s = settings.get("confirm_s", 45)
    if not isinstance(wait_s, int | float) or not 5 <= wait_s <= 600:  # noqa: PLR2004 - a modem needs some seconds
        faults.append((f"confirm_s = {wait_s!r}", "a number of seconds from 5 to 600"))
    return faults


def _http_faults(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    faults = _url_faults(settings)
    for key, value in settings.get("secret_headers", {}).items():
        if not key.endswith(("_env", "_file")) or not isinstance(value, str):
            faults.append((f"secret_headers.{key}", 'write X-Key_env = "NAME" or X-Key_file = "path", never the secret'))
    timeout = settings.get("timeout_s", 10)
    if not isinstance(timeout, int | float) or not 0 < timeout <= 20:  # noqa: PLR2004 - a call must go on to the next channel
        faults.append((f"timeout_s = {timeout!r}", "a number of seconds, at most 20"))
    if settings.get("encoding", "json") not in {"json", "form"}:
        faults.append((f"encoding = {settings['encoding']!r}", "json or form"))
    filled = f"{settings.get('url', '')} {settings.get('body', '')}"
    if "{number}" not in filled or "{text}" not in filled:
        faults.append(("{number} and {text} stand nowhere", 'write body = { to = "{number}", text = "{text}" }'))
    return faults


def _url_faults(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    url = urlsplit(str(settings.get("url", "")))
    if url.scheme not in {"https", "http"} or not url.hostname:
        return [("no url", 'write url = "https://192.0.2.10/sms"; an IP address needs no DNS')]
    if url.username or url.password:
        return [("the url holds a user or a password", "take it out and use secret_headers")]
    if url.scheme == "http" and url.hostname not in _LOCAL and not settings.get("allow_http"):
        return [
            (f"http:// to {url.hostname} would show numbers and texts to the network", "use https://, or allow_http = true")
        ]
    return []


SINK = SinkKind("sms", _make)
