"""The asyncio thread beside the pipeline: listeners and the console live there, and stop together."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Event, Thread

import structlog

from correlator.errors import Fatal

#: What runs in the thread: serves until the event is set, then returns; ``ready`` is called when its port is open.
Service = Callable[[asyncio.Event, Callable[[], None]], Awaitable[None]]
_START_S = 30.0
log = structlog.get_logger()


def _nothing() -> None:
    """Hear that a service died without doing anything."""


@contextmanager
def serving(services: Sequence[Service], died: Callable[[], None] = _nothing) -> Iterator[None]:
    """Run ``services`` in one asyncio thread while the block runs; it starts when all of them are ready.

    Raises Fatal when one of them cannot start (a port in use), with its reason. When one ends later without being told to, all
    of them stop, ``died`` is called in their thread, and Fatal is raised at the end of the block.
    """
    if not services:
        yield
        return
    front = _Front(services, died)
    front.start()
    try:
        yield
    finally:
        front.stop()
    if front.error:
        raise Fatal(f"a service ended: {front.error}") from front.error


class _Front:
    def __init__(self, services: Sequence[Service], died: Callable[[], None]) -> None:
        self._services, self._died = services, died
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._settled = Event()
        self._thread = Thread(target=self._run, name="front")
        self.error: BaseException | None = None

    def start(self) -> None:
        self._thread.start()
        if not self._settled.wait(_START_S):
            self.error = TimeoutError("not ready in time")
        if self.error:
            self.stop()
            raise Fatal(f"cannot serve: {self.error}") from self.error

    def stop(self) -> None:
        with suppress(RuntimeError):  # the loop is closed: all ended by themselves
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _serve(self) -> None:
        left = len(self._services)

        def ready() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                self._settled.set()

        tasks = [asyncio.ensure_future(service(self._stop, ready)) for service in self._services]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not self._stop.is_set():
            self.error = next((task.exception() for task in done if task.exception()), None)
            self.error = self.error or RuntimeError("it returned without being told to")
            log.error("A service ended; all stop.", reason=str(self.error), kind=type(self.error).__name__)
            self._died()
        self._stop.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._settled.set()
