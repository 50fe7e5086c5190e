"""What doctor says of listeners: is the port free or ours, are certificates good for a while, who may read the tokens."""

import os
import socket
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from correlator.config.sections.listeners import ListenerSettings
from correlator.config.settings import Settings
from correlator.errors import InputError
from correlator.ingest.senders import read_tokens
from correlator.ingest.tls import server_context, valid_until
from correlator.runtime.finding import Finding, Verdict

_SOON = timedelta(days=30)
_PRIVILEGED = 1024


def check_listeners(settings: Settings) -> Iterator[Finding]:
    """Yield the findings of all listeners."""
    for listener in settings.listener:
        yield from _check(listener)


def _check(listener: ListenerSettings) -> Iterator[Finding]:
    subject = f"listener {listener.name}"
    yield _port(subject, listener)
    if listener.tls_cert:
        yield from _certificates(subject, listener, listener.tls_cert)
    elif listener.kind == "http" and not _is_local(listener.host):
        advice = "give it tls_cert and tls_key: tokens and records cross the network readable by everybody"
        yield Finding(subject, Verdict.WARNING, "HTTP without TLS on a network", advice)
    if listener.kind == "http":
        yield from _tokens(subject, listener)


def _is_local(host: str) -> bool:
    return host in {"127.0.0.1", "::1", "localhost"}


def _port(subject: str, listener: ListenerSettings) -> Finding:
    kind = socket.SOCK_DGRAM if listener.kind == "syslog-udp" else socket.SOCK_STREAM
    seen = f"{listener.kind} on {listener.host} port {listener.port}"
    try:
        family, _, _, _, address = socket.getaddrinfo(listener.host, listener.port, type=kind)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(kind == socket.SOCK_STREAM))
            probe.bind(address)
    except PermissionError:
        advice = "ports below 1024 need the right to bind them: choose 5514, or see docs/listeners.md"
        return Finding(subject, Verdict.FAILED, f"{seen}: this user may not open it", advice)
    except OSError as error:
        advice = "right when `tocsin run` is running; else another program has it"
        return Finding(subject, Verdict.WARNING, f"{seen}: {error.strerror or error}", advice)
    return Finding(subject, Verdict.OK, f"{seen}, free")


def _certificates(subject: str, listener: ListenerSettings, certificate: Path) -> Iterator[Finding]:
    try:
        server_context(listener)
        end = valid_until(certificate)
    except InputError as error:
        yield Finding(subject, Verdict.FAILED, str(error), "renew it, or mend the path")
        return
    seen = f"{certificate}: valid until {end:%Y-%m-%d}"
    left = end - datetime.now(UTC)
    if left <= timedelta():
        yield Finding(subject, Verdict.FAILED, seen, "it has expired: senders refuse to talk; renew it")
    elif left < _SOON:
        yield Finding(subject, Verdict.WARNING, seen, "renew it; a running Tocsin takes the new one within a minute")
    else:
        yield Finding(subject, Verdict.OK, seen)


def _tokens(subject: str, listener: ListenerSettings) -> Iterator[Finding]:
    try:
        count = len(list(read_tokens(listener, os.environ)))
    except InputError as error:
        yield Finding(subject, Verdict.FAILED, str(error), "mend it: without it the listener does not start")
        return
    path = listener.tokens_file
    mode = path.stat().st_mode if path else 0
    if path and mode & (stat.S_IRWXO | stat.S_IWGRP):
        advice = f"chmod 640 {path}: everybody on this machine can send in the name of every source"
        yield Finding(subject, Verdict.FAILED, f"{path}: mode {stat.S_IMODE(mode):04o}", advice)
    else:
        yield Finding(subject, Verdict.OK, f"{count} token(s)")
