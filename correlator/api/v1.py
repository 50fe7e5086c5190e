"""The JSON API, version 1: the same reads as the pages, through the same perimeter. Errors are ``problem+json``."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from correlator.api.install import install_of
from correlator.api.pages.queue import SCOPES
from correlator.api.pages.search import look
from correlator.api.visit import Reader
from correlator.model.incident import rfc3339
from correlator.model.severity import Severity
from correlator.store import casefile, journal, perimeter
from correlator.store.database import reading
from correlator.store.perimeter import OPEN, Summary, Wanted

PREFIX = "/api/"
router = APIRouter(prefix="/api/v1")
_MOST = 500


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


def document_of(summary: Summary) -> Mapping[str, Any]:
    """Return an incident of a list as JSON; times RFC 3339 ``Z``."""
    told = {name: rfc3339(getattr(summary, name)) for name in ("first", "last", "opened", "updated")}
    return {**asdict(summary), **told, "status": str(summary.status), "severity": Severity(summary.severity).level}


def _json(body: Mapping[str, Any]) -> Response:
    return Response(orjson.dumps(body, option=orjson.OPT_UTC_Z), media_type="application/json")
