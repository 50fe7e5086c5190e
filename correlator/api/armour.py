"""What stands between the network and every page: headers, the largest request, the pace of sign-ins."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from time import monotonic

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Nothing from elsewhere, nothing inline, no frame around us.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_YEAR_S = 31_536_000
_LARGEST = 262_144
_TOO_LARGE = b'{"type":"about:blank","title":"Request too large","status":413}'


class Armour:
    """Add the headers to every answer, also to that about a fault; refuse a request body over 256 KiB before it is read."""

    def __init__(self, app: ASGIApp, *, is_encrypted: bool, fault: Callable[[Request, Exception], Response]) -> None:
        self._app = app
        self._fault = fault
        tls = {"Strict-Transport-Security": f"max-age={_YEAR_S}"} if is_encrypted else {}
        self._headers = {**_HEADERS, **tls}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sized = _Sized(receive)
        started = False

        async def armoured(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._dress(scope["path"], MutableHeaders(scope=message))
            await send(message)

        try:
            _check_length(scope)
            await self._app(scope, sized.receive, armoured)
        except _TooLarge:
            if not started:
                await Response(_TOO_LARGE, 413, media_type="application/problem+json")(scope, receive, armoured)
        except Exception as error:  # noqa: BLE001 - nothing a page raises may go out unarmoured, or end without a word
            answer = self._fault(Request(scope), error)
            if not started:
                await answer(scope, receive, armoured)

    def _dress(self, path: str, headers: MutableHeaders) -> None:
        headers.update(self._headers)
        if not path.startswith("/static/"):
            headers["Cache-Control"] = "no-store"


class _TooLarge(Exception):
    pass


def _check_length(scope: Scope) -> None:
    told = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if told.isdigit() and int(told) > _LARGEST:
        raise _TooLarge


class _Sized:
    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._size = 0

    async def receive(self) -> Message:
        message = await self._receive()
        self._size += len(message.get("body", b""))
        if self._size > _LARGEST:
            raise _TooLarge
        return message


class Pace:
    """How soon an address may try to sign in again: ten tries free, then 1, 2, 4 … at most 60 s apart; kept in memory.

    A town hall is one address to us: the wait is short enough that a careless colleague costs a minute, not the day. An address
    is forgotten after an hour of peace; at most 10,000 are known, the oldest go first.
    """

    _FREE, _LONGEST_S, _FORGOTTEN_S, _MOST = 10, 60.0, 3_600.0, 10_000

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()  # address → how many, when the last

    def wait_s(self, address: str) -> float:
        """Return how many seconds ``address`` must wait before its next try; 0: none."""
        with self._lock:
            count, last = self._failures.get(address, (0, 0.0))
        if count < self._FREE or self._clock() - last > self._FORGOTTEN_S:
            return 0.0
        due = last + min(self._LONGEST_S, 2.0 ** min(count - self._FREE, 16))
        return max(0.0, due - self._clock())

    def begin(self, address: str) -> bool:
        """Say whether ``address`` may try now; the try counts as a failure until ``succeeded`` takes it back.

        Else a hundred tries at a time would all be free, and each holds a thread that pages need.
        """
        if self.wait_s(address):
            return False
        self.failed(address)
        return True

    def failed(self, address: str) -> None:
        """Note a failure of ``address``."""
        with self._lock:
            count, last = self._failures.pop(address, (0, 0.0))
            fresh = self._clock() - last <= self._FORGOTTEN_S
            self._failures[address] = (count + 1 if fresh else 1, self._clock())
            while len(self._failures) > self._MOST:
                self._failures.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Forget the failures of ``address``."""
        with self._lock:
            self._failures.pop(address, None)
