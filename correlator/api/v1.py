"""The JSON API, version 1: the same reads as the pages, through the same perimeter. Errors are ``problem+json``."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from correlator.api.install import install_of
from correlator.api.pages.queue import SCOPES
from correlator.api.pages.rules import ask, book_of
from correlator.api.pages.search import look
from correlator.api.visit import May, Reader, Visit, checked
from correlator.model.incident import rfc3339
from correlator.model.severity import Severity
from correlator.store import casefile, journal, perimeter
from correlator.store.database import reading
from correlator.store.perimeter import OPEN, Summary, Wanted
from correlator.store.rule_history import history, last_request

PREFIX = "/api/"
router = APIRouter(prefix="/api/v1")
_MOST = 500
_CHANGES = 20


@router.get("/incidents")
def incidents(
    request: Request,
    visit: Reader,
    scope: str = "open",
    commune: str = "",
    text: Annotated[str, Query(max_length=200)] = "",
    size: Annotated[int, Query(ge=1, le=_MOST)] = 50,
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> Response:
    """List incidents, gravest first."""
    wanted = Wanted(statuses=SCOPES.get(scope, OPEN), commune=commune, text=text)
    with reading(install_of(request).engine) as connection:
        found = perimeter.list_incidents(connection, visit.viewer, wanted, size=size, number=page)
    return _json({"v": 1, "total": found.total, "incidents": [document_of(one) for one in found.rows]})


@router.get("/incidents/{number}")
def incident(request: Request, visit: Reader, number: str) -> Response:
    """Show one incident: all of it, or the member view."""
    install = install_of(request)
    with reading(install.engine) as connection:
        found = casefile.read(connection, visit.viewer, number, install.settings.install)
    if found is None:
        raise HTTPException(404)
    journal.note_read(install.engine, visit.viewer, "incident read", found.summary.number, {"by": "api"}, install.now())
    parts = asdict(found)
    return _json({"v": 1, **document_of(found.summary), **{name: parts[name] for name in parts if name != "summary"}})


@router.get("/search")
def search(
    request: Request,
    visit: Reader,
    text: Annotated[str, Query(min_length=3, max_length=200)],
    period: str = "7d",
    commune: str = "",
    limit: Annotated[int, Query(ge=1, le=_MOST)] = 100,
) -> Response:
    """Find events, the newest first."""
    return _json({"v": 1, "events": look(install_of(request), visit, text.strip(), period, commune, limit)})


@router.get("/rules")
def rules(request: Request, visit: Reader) -> Response:
    """Tell which rule sets run, how they changed last, and what came of the last request to read them again."""
    install, content = install_of(request), book_of(request).content()
    whole = visit.viewer.communes is None
    changes, asked = history(install.engine, _CHANGES), last_request(install.engine)
    parts = content.gathered.parts if content and content.gathered else ()
    sets = [
        {"name": one.name, "version": one.version, "sha256": one.sha256, "profile": str(one.profile), "rules": one.active,
         "idle": len(one.idle), "broken": one.problem is not None}
        for one in parts
    ]  # fmt: skip
    told = [{**asdict(one), "at": rfc3339(one.at), "cause": one.cause.word} for one in changes]
    answer = {"id": asked.id, "answer": asked.answer, "at": rfc3339(asked.at)} if asked and whole else None
    return _json({"v": 1, "sets": sets, "changes": told, "reload": answer})


@router.post("/rules/reload")
def reload(request: Request, visit: Annotated[Visit, Depends(checked(May.RELOAD))]) -> Response:
    """Ask every process to read the rules again; what came of it stands in ``GET /api/v1/rules``."""
    return _json({"v": 1, "request": ask(request, visit)}, status=202)


def document_of(summary: Summary) -> Mapping[str, Any]:
    """Return an incident of a list as JSON; times RFC 3339 ``Z``."""
    told = {name: rfc3339(getattr(summary, name)) for name in ("first", "last", "opened", "updated")}
    return {**asdict(summary), **told, "status": str(summary.status), "severity": Severity(summary.severity).level}


def _json(body: Mapping[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(body, option=orjson.OPT_UTC_Z), status, media_type="application/json")
