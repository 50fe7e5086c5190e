"""Search: where an address, an account, a machine or any text occurs in the events; every search is written down."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import BoundedSemaphore
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from correlator.api.install import Install, install_of
from correlator.api.pages.queue import places
from correlator.api.render import page
from correlator.api.visit import Reader, Visit
from correlator.api.wording import N_
from correlator.store import journal, search

router = APIRouter()
#: Word in the address → (how far back, label).
PERIODS = {
    "1d": (timedelta(days=1), N_("the last 24 hours")),
    "7d": (timedelta(days=7), N_("the last 7 days")),
    "30d": (timedelta(days=30), N_("the last 30 days")),
    "90d": (timedelta(days=90), N_("the last 90 days")),
}
LIMIT = 100
_SHORTEST = 3
_LOOKING = BoundedSemaphore(2)  # a search reads gigabytes: two at once leave the flow its share
_PATIENCE_S = 20.0


@router.get("/recherche")
def show(
    request: Request,
    visit: Reader,
    text: Annotated[str, Query(max_length=200)] = "",
    period: str = "7d",
    commune: str = "",
) -> Response:
    """Show the form, and what was found."""
    wanted, install = text.strip(), install_of(request)
    is_asked = len(wanted) >= _SHORTEST
    rows = look(install, visit, wanted, period, commune) if is_asked else []
    found_in = search.incidents_of(install.engine, visit.viewer, [row["event.id"] for row in rows])
    return page(
        request,
        "search.html",
        text=text,
        period=period,
        commune=commune,
        periods=PERIODS,
        places=places(install, visit),
        rows=rows,
        incidents=found_in,
        is_asked=is_asked,
        is_short=bool(wanted) and not is_asked,
        limit=LIMIT,
    )


def look(install: Install, visit: Visit, text: str, period: str, commune: str, limit: int = LIMIT) -> list[dict[str, Any]]:
    """Return the newest events that hold ``text``; the search is in the journal before it begins."""
    back, _ = PERIODS.get(period, PERIODS["7d"])
    now = install.now()
    journal.note_read(install.engine, visit.viewer, "search", text, {"period": period, "commune": commune}, now)
    with one_at_a_time():
        return search.find_events(install.engine, visit.viewer, search.Query(text, now - back, None, commune, limit))


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Wait until fewer than two others read the lake; raises 503 when that takes too long."""
    if not _LOOKING.acquire(timeout=_PATIENCE_S):
        raise HTTPException(503)
    try:
        yield
    finally:
        _LOOKING.release()
