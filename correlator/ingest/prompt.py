"""HTTP connections that must say what they want: uvicorn waits for ever for the first byte, and for the rest of a request.

Some hundred connections that say nothing would else keep everybody out, without a token and without a line in a log.
"""

import asyncio

from h11 import IDLE, SEND_BODY
from uvicorn.protocols.http.h11_impl import H11Protocol

from correlator.ingest.connections import Connections


def prompt(seconds: float, connections: Connections | None = None) -> type[asyncio.Protocol]:
    """Return the protocol of a server that closes a connection whose request is not whole ``seconds`` after it began.

    Between two requests uvicorn's own time for idle connections holds. With ``connections`` a peer has so many at most.
    """

    class Prompt(_Prompt):
        patience_s = seconds
        held = connections

    return Prompt


class _Prompt(H11Protocol):
    patience_s: float
    held: Connections | None
    _late: asyncio.TimerHandle | None = None
    _peer: str | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn declares it
        super().connection_made(transport)
        self._expect()
        peer = str((transport.get_extra_info("peername") or ("",))[0])
        if self.held is None:
            return
        if self.held.enter(peer, allowed=True):
            self._peer = peer
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._came()
        if self.held is not None and self._peer is not None:
            self.held.leave(self._peer)
            self._peer = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state in (IDLE, SEND_BODY):
            self._expect()
        else:
            self._came()

    def _expect(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(self.patience_s, self._give_up)

    def _came(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _give_up(self) -> None:
        self.transport.abort()
