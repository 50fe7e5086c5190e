"""The application: routes, headers, and what people and programs are told when something cannot be shown."""

import traceback
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from correlator.api import live, v1
from correlator.api.armour import Armour, Pace
from correlator.api.install import Install
from correlator.api.pages import (
    consultations,
    continuity,
    figures,
    incident,
    mutes,
    queue,
    reasons,
    rules,
    search,
    sign_in,
    tasks,
)
from correlator.api.render import page
from correlator.api.visit import NotAllowed, NotSignedIn
from correlator.api.wording import N_
from correlator.errors import Retry

STATIC = Path(__file__).parent / "static"
#: One line per part of the console: each has a ``router``.
PAGES = (sign_in, queue, incident, tasks, reasons, search, mutes, continuity, rules, figures, consultations)
_TOLD = {
    400: N_("The request is not one this page understands."),
    401: N_("Sign in first."),
    403: N_("Your role does not allow this, or the form was too old. Go back and try again."),
    404: N_("There is nothing here, or nothing you may see."),
    405: N_("The request is not one this page understands."),
    409: N_("Somebody else has changed this in the meantime."),
    413: N_("The text is too long."),
    422: N_("Something is missing in the form, or is not what is expected there."),
    429: N_("Too many attempts. Wait a minute, then try again."),
    500: N_("Tocsin made a mistake; it is written in its log. Nothing was changed."),
    503: N_("The database is busy. Nothing was changed; try again in a moment."),
}
_OURS = 500  # from here on it is our fault
log = structlog.get_logger()


def make_app(install: Install) -> FastAPI:
    """Return the console and API of ``install``, as an ASGI application."""
    app = FastAPI(title="Tocsin", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.install, app.state.pace = install, Pace()
    app.state.changes = live.Changes(install)
    for part in PAGES:
        app.include_router(part.router)
    app.include_router(live.router)
    app.include_router(v1.router)
    app.mount("/static", _Static(directory=STATIC), name="static")
    app.add_middleware(Armour, is_encrypted=install.settings.console.is_encrypted, fault=_fault)
    for kind, answer in _answers().items():
        app.add_exception_handler(kind, answer)
    return app


class _Static(StaticFiles):
    """Files that change with the version only: browsers keep them a day."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        """Return the file with how long it may be kept."""
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type] # handed on as they came
        response.headers["Cache-Control"] = "private, max-age=86400"
        return response


def _answers() -> dict[type[Exception], Callable[[Request, Exception], Response]]:
    return {
        NotSignedIn: _sign_in_first,
        NotAllowed: lambda request, _: problem(request, 403),
        HTTPException: lambda request, error: problem(request, getattr(error, "status_code", 500)),
        RequestValidationError: lambda request, _: problem(request, 422),
        Retry: lambda request, _: problem(request, 503),
    }


def problem(request: Request, status: int) -> Response:
    """Return what is told about ``status``: a page to people, ``problem+json`` to programs; never what was asked for."""
    text = _TOLD.get(status, _TOLD[400 if status < _OURS else _OURS])
    if request.url.path.startswith(v1.PREFIX):
        body = {"type": "about:blank", "title": text, "status": status}
        return JSONResponse(body, status, media_type="application/problem+json")
    return page(request, "problem.html", status=status, told=text, code=status)


def _sign_in_first(request: Request, _: Exception) -> Response:
    if request.url.path.startswith(v1.PREFIX) or request.url.path == live.PATH:
        return problem(request, 401)
    if request.headers.get("HX-Request"):
        return Response(status_code=204, headers={"HX-Redirect": "/connexion"})
    wanted = request.url.path if request.method == "GET" else "/"
    query = f"?{request.url.query}" if request.url.query and request.method == "GET" else ""
    suffix = "" if wanted == "/" else f"?next={quote(wanted + query, safe='')}"
    return RedirectResponse(f"/connexion{suffix}", 303)


def _fault(request: Request, error: Exception) -> Response:
    # The trace as text: a terminal would show it with the values of variables, passwords and tokens among them.
    trace = "".join(traceback.format_exception(error))
    log.error("A page failed.", path=request.url.path, error=type(error).__name__, trace=trace)
    try:
        return problem(request, _OURS)
    except Exception:  # noqa: BLE001 - the page that tells of faults may itself be at fault
        return PlainTextResponse(_TOLD[_OURS], _OURS)
