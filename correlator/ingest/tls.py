"""Certificates of listeners: a context for the server side, taken anew when the files change."""

import asyncio
import ssl
from pathlib import Path

import structlog

from correlator.config.sections.listeners import ListenerSettings
from correlator.errors import InputError, Problem

_LOOK_S = 60.0
log = structlog.get_logger()


def server_context(settings: ListenerSettings) -> ssl.SSLContext | None:
    """Return the TLS context of a listener, None when it speaks without; raises InputError for files that cannot be used."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.num_tickets = 0  # a syslog client never reads: a ticket waiting there would hide from it that we went away
    load_certificate(context, settings)
    if settings.client_ca:
        try:
            context.load_verify_locations(settings.client_ca)
        except (OSError, ssl.SSLError) as error:
            raise _unusable(settings.client_ca, error, "certificates (PEM) of the authority that signs clients'") from None
        context.verify_mode = ssl.CERT_OPTIONAL if settings.client_optional else ssl.CERT_REQUIRED
    return context


def load_certificate(context: ssl.SSLContext, settings: ListenerSettings) -> None:
    """Load the listener's certificate into ``context``: also into one in use, for the connections to come."""
    if settings.tls_cert is None or settings.tls_key is None:
        return
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise _unusable(settings.tls_cert, error, f"a certificate (PEM) and its key {settings.tls_key}") from None


def _stamp(settings: ListenerSettings) -> tuple[float, ...]:
    """Return when the certificate files last changed."""
    try:
        return tuple(path.stat().st_mtime for path in (settings.tls_cert, settings.tls_key) if path)
    except OSError:
        return ()


async def renew(context: ssl.SSLContext | None, settings: ListenerSettings) -> None:
    """Take renewed certificates for the connections to come, until cancelled; a broken one leaves the old one in use."""
    known = _stamp(settings)
    while context is not None:
        await asyncio.sleep(_LOOK_S)
        now = _stamp(settings)
        if now == known:
            continue
        known = now
        try:
            load_certificate(context, settings)
            log.info("A listener took its renewed certificate.", listener=settings.name)
        except InputError as error:
            log.error("A listener keeps its old certificate.", listener=settings.name, reason=str(error))  # noqa: TRY400 - a person's mistake needs no traceback


def _unusable(path: Path, error: Exception, expected: str) -> InputError:
    what = getattr(error, "strerror", None) or getattr(error, "reason", None) or str(error)
    return InputError([Problem(str(path), 0, f"cannot be used: {what}", expected)])
