"""What changes while people look: a stream of incident numbers, nothing else; pages then ask again for what they show."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import sqlalchemy as sa
from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse

from correlator.api.install import Install
from correlator.api.visit import NotAllowed, NotSignedIn, Reader, Visit, visit_of
from correlator.model.viewer import Viewer
from correlator.store import perimeter
from correlator.store.database import reading
from correlator.store.schema import incident

PATH = "/events"
router = APIRouter()
_LOOK_S = 2.0  # how often the database is asked, once for everybody: a storm of changes is one message
_CHECK_EVERY = 15  # looks between two checks that the session still lives
_MOST_IDS = 50  # more than these: "look again" without saying at what
_MOST_LISTENERS = 200
_RETRY = b"retry: 5000\n\n"


@dataclass(slots=True)
class Changes:
    """Which incidents changed: one look at the database serves every listener."""

    install: Install
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    listeners: int = 0

    def versions(self, viewer: Viewer) -> dict[str, int]:
        """Return number → version of the two hundred most recently changed incidents the viewer may see."""
        query = sa.select(incident.c.number, incident.c.version).where(perimeter.may_see(viewer))
        with reading(self.install.engine) as connection:
            rows = connection.execute(query.order_by(incident.c.updated.desc(), incident.c.id.desc()).limit(4 * _MOST_IDS))
            return {row.number: row.version for row in rows}


@router.get(PATH)
async def listen(request: Request, visit: Reader) -> StreamingResponse:
    """Stream the numbers of incidents as they change, for as long as the session lives."""
    changes: Changes = request.app.state.changes
    if changes.listeners >= _MOST_LISTENERS:
        raise NotAllowed
    return StreamingResponse(_stream(request, changes, visit.viewer), media_type="text/event-stream")


async def _stream(request: Request, changes: Changes, viewer: Viewer) -> AsyncIterator[bytes]:
    changes.listeners += 1
    try:
        yield _RETRY
        known = await run_in_threadpool(changes.versions, viewer)
        looks = 0
        while not await _stopped(changes.stop):
            looks += 1
            if looks % _CHECK_EVERY == 0:
                visit = await _still_welcome(request)
                if visit is None:
                    return
                viewer = visit.viewer
                yield b": still here\n\n"
            newest = await run_in_threadpool(changes.versions, viewer)
            changed = sorted(number for number, version in newest.items() if known.get(number) != version)
            known = newest
            if changed:
                yield f"event: incidents\ndata: {','.join(changed) if len(changed) <= _MOST_IDS else '*'}\n\n".encode()
    finally:
        changes.listeners -= 1


async def _stopped(stop: asyncio.Event) -> bool:
    """Wait one look; say whether the console is closing."""
    try:
        await asyncio.wait_for(stop.wait(), _LOOK_S)
    except TimeoutError:
        return False
    return True


async def _still_welcome(request: Request) -> Visit | None:
    try:
        return await run_in_threadpool(visit_of, request)
    except NotSignedIn:
        return None
