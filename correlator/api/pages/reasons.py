"""Why an incident is one, and what its things did besides: two pages that the incident's own page also shows within itself."""

from typing import Any

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from correlator.api.install import Install, install_of
from correlator.api.pages.incident import read_incident
from correlator.api.pages.rules import book_of
from correlator.api.pages.search import one_at_a_time
from correlator.api.reasoning import after, say, stage
from correlator.api.render import language_of, page
from correlator.api.visit import Reader, Visit
from correlator.runtime.reasons import Reasons, Said, reasons_of
from correlator.store import journal, perimeter
from correlator.store.around import Around, look_around
from correlator.store.casefile import Casefile
from correlator.store.database import reading

router = APIRouter()


@router.get("/incidents/{number}/pourquoi")
def why(request: Request, visit: Reader, number: str) -> Response:
    """Show why the incident is one, as far as the visitor may see it."""
    found = read_incident(request, visit, number)
    told = read_reasons(request, visit, found)
    return page(request, "why.html", found=found, one=found.summary, why=told, **_words(request))


@router.get("/incidents/{number}/autour")
def around(request: Request, visit: Reader, number: str) -> Response:
    """Show what the things of the incident did besides; that reads the lake: it is written down, two at most look at once."""
    found = read_incident(request, visit, number)
    told, seen = look(request, visit, found)
    return page(request, "around.html", found=found, one=found.summary, why=told, around=seen, **_words(request))


def read_reasons(request: Request, visit: Visit, found: Casefile) -> Reasons:
    """Return why the incident is one; rules that cannot be read are said to be missing."""
    install: Install = install_of(request)
    with reading(install.engine) as connection:
        one = perimeter.find(connection, visit.viewer, found.summary.number)
        if one is None:
            raise HTTPException(404)
        return reasons_of(connection, one, found, book_of(request).content(), install.now(), install.settings.triage.risk)


def look(request: Request, visit: Visit, found: Casefile) -> tuple[Reasons, Around]:
    """Return why the incident is one and what its things did besides; the journal knows before anything is read."""
    install, told = install_of(request), read_reasons(request, visit, found)
    now, number = install.now(), found.summary.number
    journal.note_read(install.engine, visit.viewer, "incident read", number, {"around": len(told.things)}, now)
    with reading(install.engine) as connection:
        one = perimeter.find(connection, visit.viewer, number)
    if one is None:
        raise HTTPException(404)
    with one_at_a_time():
        return told, look_around(install.engine, visit.viewer, one.id, told.things, found.summary.last, now)


def _words(request: Request) -> dict[str, Any]:
    language, zone = language_of(request), install_of(request).settings.time_zone
    return {
        "say": lambda said: say(said, language, zone),
        "gap": lambda code: say(Said(code), language, zone),
        "stage": lambda name: stage(name, language),
        "after": lambda moment: after(moment, language),
    }
