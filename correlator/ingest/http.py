"""The HTTP collector: Splunk HEC and Elasticsearch ``_bulk`` on one port, told apart by their paths.

Every request but the health check needs a token, which says whose source it is. What is answered with success is in the
journal; what cannot be read is in the dead letter, and the answer says so in the words of the client's protocol.
"""

import asyncio
import base64
import binascii
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import count
from time import perf_counter, time
from typing import TypeVar

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from correlator.config.sections.listeners import ListenerSettings, declared
from correlator.errors import Fatal, Reject, Retry
from correlator.ingest import bulk, hec
from correlator.ingest.bodies import Bodies, Held, TooLarge
from correlator.ingest.connections import Connections, Telling
from correlator.ingest.envelope import Envelope, Writer, pack, refused
from correlator.ingest.prompt import prompt
from correlator.ingest.senders import Senders
from correlator.ingest.text import MAX_LINE_BYTES
from correlator.ingest.tls import renew, server_context
from correlator.model.reject import Reason
from correlator.telemetry.metrics import Metrics

_BUSY = {"Retry-After": "5"}
_PRODUCT = {"X-Elastic-Product": "Elasticsearch"}
_BACKLOG, _LOOK_S, _IDLE_S, _GRACE_S = 512, 0.02, 65, 3
#: A request is whole after so long, or its connection is closed; a body alone has less (``bodies``).
_REQUEST_S = 90.0
#: From this size on a body is read in a thread, so that other senders need not wait for it.
_LARGE = 256 << 10
_TOO_LARGE = 413
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class _Sender:
    """Who a request is from."""

    source: str
    peer: str


class _Denied(Exception):
    """The request shows no usable token; ``answer`` says it in HEC's words."""

    def __init__(self, answer: hec.Answer) -> None:
        self.answer = answer
        super().__init__(answer.text)


class HttpListener:
    """One HTTP port."""

    def __init__(self, settings: ListenerSettings, writer: Writer, metrics: Metrics) -> None:
        self._settings, self._writer, self._metrics = settings, writer, metrics
        self._senders = Senders(settings)
        self._context = server_context(settings)
        self._bodies = Bodies(settings.max_body_mib << 20)
        self._adapted = {one.name for one in declared([settings]) if one.parser == "auto"}
        self._acks = count()
        self._telling = Telling()
        self.app = Starlette(routes=self._routes())

    async def serve(self, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """Listen until ``stop`` is set; raises Fatal when the port cannot be had."""
        config = uvicorn.Config(
            self.app, log_config=None, access_log=False, lifespan="off", proxy_headers=False, server_header=False,
            timeout_keep_alive=_IDLE_S, timeout_graceful_shutdown=_GRACE_S,
            http=prompt(_REQUEST_S, Connections(self._settings, self._metrics)),
        )  # fmt: skip
        config.load()
        config.ssl = self._context
        server = uvicorn.Server(config)
        task = asyncio.ensure_future(server.serve(sockets=[self._socket()]))
        while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(_LOOK_S)
        ready()
        watch = asyncio.ensure_future(renew(self._context, self._settings))
        stopping = asyncio.ensure_future(stop.wait())
        await asyncio.wait([stopping, task], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        watch.cancel()
        server.should_exit = True
        await task

    def _socket(self) -> socket.socket:
        chosen = self._settings
        try:
            family, _, _, _, address = socket.getaddrinfo(chosen.host, chosen.port, type=socket.SOCK_STREAM)[0]
            return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
        except OSError as error:
            raise Fatal(f"listener {chosen.name}: {chosen.host}:{chosen.port}: {error.strerror or error}") from error

    def _routes(self) -> list[Route]:
        collector = "/services/collector"
        events = [collector, f"{collector}/event", f"{collector}/event/1.0"]
        return [
            *(Route(path, self._in_splunk(self._events), methods=["POST"]) for path in events),
            *(Route(f"{collector}/raw{end}", self._in_splunk(self._raw), methods=["POST"]) for end in ("", "/1.0")),
            Route(f"{collector}/ack", self._in_splunk(self._ack), methods=["POST"]),
            *(Route(f"{collector}/health{end}", self._health, methods=["GET"]) for end in ("", "/1.0")),
            *(Route(path, self._bulk, methods=["POST", "PUT"]) for path in ("/_bulk", "/{index}/_bulk")),
            Route("/", self._greeting, methods=["GET", "HEAD"]),
            Route("/{path:path}", self._administration, methods=["GET", "HEAD", "PUT", "POST", "DELETE"]),
        ]

    # Splunk HEC

    def _in_splunk(
        self, handle: Callable[[Request, _Sender, Held], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Return ``handle`` behind the token check, with every refusal in HEC's words."""

        async def handled(request: Request) -> Response:
            with self._bodies.hold() as held:
                try:
                    return await handle(request, self._sender(request), held)
                except _Denied as error:
                    return _splunk(error.answer)
                except TooLarge as error:
                    return JSONResponse({"text": str(error), "code": hec.INVALID_FORMAT.code}, _TOO_LARGE)
                except Reject as error:
                    return JSONResponse({"text": f"Invalid data format: {error}", "code": hec.INVALID_FORMAT.code}, 400)
                except Retry:
                    return _splunk(hec.BUSY, _BUSY)

        return handled

    async def _events(self, request: Request, sender: _Sender, held: Held) -> Response:
        body = await held.read(request)
        adapt = sender.source in self._adapted
        found = await _aside(len(body), lambda: hec.read_events(body, adapt=adapt))
        await self._keep(sender, found.texts, found.refused)
        if found.fault is hec.SUCCESS:
            return self._accepted(request)
        number = {"invalid-event-number": found.number} if found.refused else {}
        return JSONResponse({"text": found.fault.text, "code": found.fault.code, **number}, found.fault.status)

    async def _raw(self, request: Request, sender: _Sender, held: Held) -> Response:
        body = await held.read(request)
        about = {name: request.query_params[name] for name in ("host", "sourcetype", "time") if name in request.query_params}
        adapt = sender.source in self._adapted
        texts = await _aside(len(body), lambda: hec.read_raw(body, about, adapt=adapt))
        await self._keep(sender, texts)
        return self._accepted(request) if texts else _splunk(hec.NO_DATA)

    def _accepted(self, request: Request) -> Response:
        answer = {"text": hec.SUCCESS.text, "code": hec.SUCCESS.code}
        return JSONResponse(answer | ({"ackId": next(self._acks)} if _channel(request) else {}))

    async def _ack(self, request: Request, sender: _Sender, held: Held) -> Response:
        """Say of every id that it is safe: the id was given when it was."""
        del sender
        if not _channel(request):
            return _splunk(hec.NO_CHANNEL)
        body = await held.read(request)
        try:
            asked = orjson.loads(body)["acks"]
            return JSONResponse({"acks": {str(int(number)): True for number in asked}})
        except (ValueError, KeyError, TypeError):
            return _splunk(hec.INVALID_FORMAT)

    async def _health(self, request: Request) -> Response:
        del request
        try:
            await self._writer.append(())
        except Retry:
            return _splunk(hec.UNHEALTHY, _BUSY)
        return _splunk(hec.HEALTHY)

    # Elasticsearch

    async def _bulk(self, request: Request) -> Response:
        started = perf_counter()
        with self._bodies.hold() as held:
            try:
                sender = self._sender(request)
                body = await held.read(request)
                index = request.path_params.get("index", "")
                found = await _aside(len(body), lambda: bulk.read_bulk(body, index))
            except _Denied as error:
                return _elastic(error.answer.status, "security_exception", error.answer.text)
            except TooLarge as error:
                return _elastic(_TOO_LARGE, "content_too_long_exception", str(error))
            except Reject as error:
                return _elastic(400, "illegal_argument_exception", str(error))
            except Retry as error:
                return _elastic(429, "es_rejected_execution_exception", str(error))
            is_full = False
            try:
                await self._keep(sender, found.texts, found.refused)
            except Retry:
                is_full = True
            took_ms = int(1000 * (perf_counter() - started))
            return JSONResponse(bulk.answer(found, took_ms=took_ms, is_full=is_full), headers=_PRODUCT)

    async def _greeting(self, request: Request) -> Response:
        return self._told(request, bulk.greeting("tocsin"))

    async def _administration(self, request: Request) -> Response:
        return self._told(request, bulk.administration(request.path_params["path"].split("/")))

    def _told(self, request: Request, answer: dict[str, object] | None) -> Response:
        try:
            self._sender(request)
        except _Denied as error:
            return _elastic(error.answer.status, "security_exception", error.answer.text)
        if answer is None:
            return _elastic(404, "resource_not_found_exception", "there is nothing here")
        return JSONResponse(answer, headers=_PRODUCT)

    # both

    def _sender(self, request: Request) -> _Sender:
        peer = request.client.host if request.client else ""
        if peer and self._senders.of_address(peer) is None:
            self._denied(peer, "not allowed")
            raise _Denied(hec.INVALID_TOKEN)
        header = request.headers.get("authorization", "")
        if not header:
            raise _Denied(hec.TOKEN_REQUIRED)
        token = _token(header)
        if token is None:
            raise _Denied(hec.INVALID_AUTHORIZATION)
        source = self._senders.of_token(token)
        if source is None:
            self._denied(peer, "wrong token")
            raise _Denied(hec.INVALID_TOKEN)
        return _Sender(source, peer)

    def _denied(self, peer: str, why: str) -> None:
        self._metrics.add("tocsin_ingest_connections_refused", listener=self._settings.name, why=why)
        self._telling.tell("A listener refused a request.", listener=self._settings.name, peer=peer, why=why)

    async def _keep(self, sender: _Sender, texts: Sequence[str], unusable: Sequence[str] = ()) -> None:
        """Return when texts are in the journal, and what is none is on its way to the dead letter."""
        received = int(time() * 1e6)
        fitting = [text for text in texts if len(text) <= MAX_LINE_BYTES]
        what: list[Envelope] = list(pack(sender.source, received, sender.peer, fitting))
        long = [text for text in texts if len(text) > MAX_LINE_BYTES] if len(fitting) < len(texts) else []
        what += [refused(sender.source, received, sender.peer, text, Reason.TOO_LONG) for text in long]
        what += [refused(sender.source, received, sender.peer, text, Reason.MALFORMED) for text in unusable]
        if what:
            await self._writer.append(what)
        name, bad = self._settings.name, len(long) + len(unusable)
        self._metrics.add("tocsin_ingest_listened", len(fitting), listener=name, result="received")
        self._metrics.add("tocsin_ingest_listened", bad, listener=name, result="refused")


async def _aside(size: int, read: Callable[[], _Found]) -> _Found:
    return await asyncio.to_thread(read) if size > _LARGE else read()


def _channel(request: Request) -> str:
    return request.headers.get("x-splunk-request-channel") or request.query_params.get("channel", "")


def _token(header: str) -> str | None:
    """Return the token of an Authorization header: Splunk, Bearer, the password of Basic, the key of ApiKey."""
    kind, _, value = header.strip().partition(" ")
    value = value.strip()
    if kind.lower() in ("splunk", "bearer") and value:
        return value
    if kind.lower() not in ("basic", "apikey"):
        return None
    try:
        decoded = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return decoded.partition(":")[2] or None


def _splunk(answer: hec.Answer, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"text": answer.text, "code": answer.code}, answer.status, headers=headers)


def _elastic(status: int, kind: str, reason: str) -> Response:
    headers = _PRODUCT | ({"WWW-Authenticate": 'Basic realm="tocsin"'} if status == 401 else {})  # noqa: PLR2004 - Unauthorized
    return JSONResponse(bulk.error(status, kind, reason), status, headers=headers)
