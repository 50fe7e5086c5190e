"""What every collector that asks has in common: pages into the journal, then the cursor; waiting, refusals, dedupe.

A page is safe in the journal before the cursor moves, so a crash between the two gives it again. Records that were taken are
known by their native ids: an overlap, or a service that repeats itself, gives nothing twice.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import time
from typing import Any, Protocol

import sqlalchemy as sa
import structlog

from correlator.errors import Reject, Retry
from correlator.ingest.envelope import Envelope, Writer, pack, refused
from correlator.model.reject import Reason
from correlator.store import collected
from correlator.store.database import reading, transaction

_LONGEST_S, _SHORTEST_S = 900.0, 5.0
_FULL_S = 1.0
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Page:
    """Records as (native id, text), and where to go on after them.

    ``also``: further ids that were dealt with; ``damaged``: names of what could not be read, for the dead letter.
    """

    records: Sequence[tuple[str, str]]
    cursor: Mapping[str, Any]
    also: Sequence[str] = ()
    damaged: Sequence[str] = ()


class Puller(Protocol):
    """One service that is asked; its methods block and run in a thread."""

    def pages(self, cursor: Mapping[str, Any], known: Callable[[Sequence[str]], set[str]], now: datetime) -> Iterator[Page]:
        """Yield what there is since ``cursor``. ``known``: those of some native ids that were taken already.

        Raises Retry (with how long to wait, where the service says so), Reject when asking again changes nothing.
        """


@dataclass(slots=True)
class Collector:
    """Asks a service every ``every_s`` seconds; ``serve`` is a service of the asyncio thread."""

    name: str
    puller: Puller
    writer: Writer
    engine: sa.Engine
    every_s: float
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    _failures: int = 0

    async def serve(self, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """Ask until ``stop`` is set; what goes wrong is written down and tried again, later and later."""
        ready()
        while not stop.is_set():
            wait_s = await self.turn(stop)
            if wait_s:
                await _either(stop, wait_s)

    async def turn(self, stop: asyncio.Event) -> float:
        """Take what there is; return after how many seconds to ask again."""
        try:
            cursor = await asyncio.to_thread(self._cursor)
            pages = self.puller.pages(cursor, self._known, self.now())
            while not stop.is_set():
                page = await asyncio.to_thread(next, pages, None)
                if page is None:
                    break
                await self._take(page, stop)
        except (Retry, Reject) as error:
            return await self._failed(error)
        self._failures = 0
        return self.every_s

    async def _take(self, page: Page, stop: asyncio.Event) -> None:
        ids = [native for native, _ in page.records]
        known = await asyncio.to_thread(self._known, ids)
        fresh = dict[str, str]()
        for native, text in page.records:
            if native not in known:
                fresh.setdefault(native, text)
        moment = int(time() * 1e6)
        envelopes = [*pack(self.name, moment, "", list(fresh.values()))]
        envelopes += [refused(self.name, moment, "", name, Reason.DAMAGED) for name in page.damaged]
        if envelopes:
            await self._append(envelopes, stop)
        await asyncio.to_thread(self._took, page, list(fresh))

    async def _append(self, envelopes: Sequence[Envelope], stop: asyncio.Event) -> None:
        """Put records into the journal; while it is full nobody is asked for more."""
        while True:
            try:
                await self.writer.append(envelopes)
            except Retry:
                if stop.is_set():
                    raise
                await _either(stop, _FULL_S)
            else:
                return

    async def _failed(self, error: Retry | Reject) -> float:
        """Write down what is wrong, and return how long to wait: as the service says, else twice as long each time."""
        self._failures += 1
        said = getattr(error, "after_s", None)
        wait_s = said if said and self._failures == 1 else min(_SHORTEST_S * 2 ** min(self._failures, 8), _LONGEST_S)
        log.warning("A collector gets nothing.", collector=self.name, reason=str(error), again_s=wait_s)
        await asyncio.to_thread(self._note, str(error))
        return float(max(wait_s, said or 0.0))

    def _cursor(self) -> dict[str, Any]:
        with reading(self.engine) as connection:
            return collected.cursor_of(connection, self.name)

    def _known(self, ids: Sequence[str]) -> set[str]:
        with reading(self.engine) as connection:
            return collected.known_ids(connection, self.name, ids)

    def _took(self, page: Page, fresh: Sequence[str]) -> None:
        repeated = len(page.records) - len(fresh)
        with transaction(self.engine) as connection:
            collected.took(connection, self.name, page.cursor, [*fresh, *page.also], self.now(), repeated)

    def _note(self, problem: str) -> None:
        with transaction(self.engine) as connection:
            collected.failed(connection, self.name, problem, self.now())


async def _either(stop: asyncio.Event, wait_s: float) -> None:
    """Return when ``stop`` is set or the time has passed."""
    try:
        await asyncio.wait_for(stop.wait(), wait_s)
    except TimeoutError:
        return


def windows(start: datetime, end: datetime, longest: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """Yield the time from ``start`` to ``end`` in pieces no longer than ``longest``; nothing where ``end`` is not later."""
    while start < end:
        until = min(start + longest, end)
        yield start, until
        start = until
