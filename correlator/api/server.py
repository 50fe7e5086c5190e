"""Serving the console: a ``Service`` of the asyncio thread that stops with the others, open streams included."""

import asyncio
import socket
import ssl
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from correlator.api.app import make_app
from correlator.api.install import Install
from correlator.config.sections.console import ConsoleSettings
from correlator.errors import Fatal, InputError, Problem
from correlator.ingest.prompt import prompt
from correlator.runtime.front import Service

_GRACE_S = 5
_REQUEST_S = 30.0  # forms are small: a request that is not whole by then never will be
_STARTING_S = 0.02


def console_service(install: Install, listening: socket.socket | None = None) -> Service:
    """Return what serves the console of ``install``, on ``listening`` or else a socket that is bound now.

    Raises InputError when the certificate cannot be used, Fatal when the port is taken.
    """
    console = install.settings.console
    app = make_app(install)
    server = uvicorn.Server(_configured(app, console))
    sockets = [_at_once(listening or _bound(console))]

    async def serve(stop: asyncio.Event, ready: Callable[[], None]) -> None:
        task = asyncio.ensure_future(server.serve(sockets))
        while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(_STARTING_S)
        if not task.done():
            ready()
            stopping = asyncio.ensure_future(stop.wait())
            await asyncio.wait([task, stopping], return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
        app.state.changes.stop.set()  # open streams end themselves; the others get a moment
        server.should_exit = True
        await task

    return serve


def address_of(console: ConsoleSettings) -> str:
    """Return the address to type, as far as settings tell."""
    host = f"[{console.host}]" if ":" in console.host else console.host
    return console.public_url or f"http{'s' if console.tls_cert else ''}://{host}:{console.port}/"


def _configured(app: FastAPI, console: ConsoleSettings) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=console.behind_proxy,
        forwarded_allow_ips="127.0.0.1,::1",
        timeout_graceful_shutdown=_GRACE_S,
        timeout_keep_alive=30,
        limit_concurrency=500,
        http=prompt(_REQUEST_S),
        ssl_certfile=console.tls_cert,
        ssl_keyfile=console.tls_key,
        lifespan="off",
        ws="none",
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        expected = "a PEM certificate with its chain, and its own key without password, both readable by this user"
        raise InputError([Problem(str(console.tls_cert), 0, f"cannot be used: {error}", expected)]) from None
    return config


def _bound(console: ConsoleSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in console.host else socket.AF_INET
    try:
        return socket.create_server((console.host, console.port), family=family, backlog=256)
    except OSError as error:
        raise Fatal(f"[console] cannot listen on {console.host}:{console.port}: {error.strerror or error}") from None


def _at_once(listening: socket.socket) -> socket.socket:
    """Return the socket with Nagle's wait off for every connection: asyncio does not do so for a socket it is given.

    Header and body are two writes; together with the other side's delayed acknowledgement they cost 40 ms a page.
    """
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
