"""What people do on an incident's page besides deciding: take it, tick tasks off, add one, put incidents together or apart."""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from correlator.api.install import Install, install_of
from correlator.api.pages.incident import Seen, act_of, acted, read_incident, shown_again
from correlator.api.visit import May, NotAllowed, Visit, checked
from correlator.api.wording import N_
from correlator.model.incident import IllegalTransition, Incident
from correlator.runtime import incident_acts
from correlator.runtime.incident_acts import Chosen
from correlator.runtime.todo import Todo, todo_of
from correlator.store import people, perimeter
from correlator.store.casefile import Casefile
from correlator.store.database import reading
from correlator.store.people import Act, Stale, UnknownIncident

router = APIRouter()
_LONGEST = 500
_Actor = Annotated[Visit, Depends(checked(May.ACT))]
_Word = Annotated[str, Form(max_length=_LONGEST)]


@router.post("/incidents/{number}/prendre")
def take(request: Request, visit: _Actor, number: str, version: Seen, seen: Seen) -> Response:
    """Take the incident into one's own hands."""
    found = read_incident(request, visit, number)

    def act(install: Install, who: Act) -> Incident:
        return people.take(install.engine, found.summary.number, visit.person.login, who)

    return acted(request, visit, found, (version, seen), act)


@router.post("/incidents/{number}/taches")
def tick(
    request: Request,
    visit: _Actor,
    number: str,
    keys: Annotated[list[str] | None, Form(max_length=100)] = None,
    undo: Annotated[str, Form(max_length=100)] = "",
    note: _Word = "",
) -> Response:
    """Tick tasks off, or take one tick back; ticking twice changes nothing."""
    found = _whole(request, visit, number)
    known = {one.key: one for one in _todo(request, visit, found)}
    wanted = [undo] if undo else list(keys or [])
    if not set(wanted) <= known.keys():
        raise HTTPException(422)
    engine, who = install_of(request).engine, act_of(request, visit)
    try:
        for key in wanted:
            people.tick(engine, found.summary.number, key, known[key].text, who, done=not undo, note=note.strip())
    except IllegalTransition:  # merged while the page was open
        raise HTTPException(409) from None
    return RedirectResponse(f"/incidents/{found.summary.number}#todo", 303)


@router.post("/incidents/{number}/tache")
def add(request: Request, visit: _Actor, number: str, text: _Word = "") -> Response:
    """Add a task in one's own words."""
    found = _whole(request, visit, number)
    if not text.strip():
        return shown_again(request, visit, found, N_("The task is empty: write what is to be done."), 422)
    try:
        people.add_task(install_of(request).engine, found.summary.number, text.strip(), act_of(request, visit))
    except IllegalTransition:
        raise HTTPException(409) from None
    return RedirectResponse(f"/incidents/{found.summary.number}#todo", 303)


@router.post("/incidents/{number}/fusionner")
def merge(
    request: Request,
    visit: _Actor,
    number: str,
    version: Seen,
    other: Annotated[str, Form(max_length=20)] = "",
    reason: _Word = "",
) -> Response:
    """Put another incident and this one together; the older number stays."""
    found = _whole(request, visit, number)

    def act(install: Install) -> str:
        who = act_of(request, visit, version)
        done = incident_acts.merge(
            install.engine, found.summary.number, other.strip(), who, reason=reason.strip(), viewer=visit.viewer
        )
        return done.number

    return _regrouped(request, visit, found, act)


@router.post("/incidents/{number}/scinder")
def split(
    request: Request,
    visit: _Actor,
    number: str,
    version: Seen,
    about: Annotated[str, Form(max_length=1_000)] = "",
    reason: _Word = "",
) -> Response:
    """Take out all findings that bear one thing, into an incident of their own."""
    found = _whole(request, visit, number)
    kind, _, value = about.partition("=")
    if about not in {f"{one.kind}={one.value}" for one in found.entities}:
        raise HTTPException(422)

    def act(install: Install) -> str:
        settings = install.settings
        done = incident_acts.split(
            install.engine,
            found.summary.number,
            Chosen(entities=frozenset({(kind, value)})),
            act_of(request, visit, version),
            reason=reason.strip(),
            viewer=visit.viewer,
            names=install.names,
            time_zone=settings.time_zone,
            gap=timedelta(hours=settings.triage.gap_hours),
        )
        return done.new.number

    return _regrouped(request, visit, found, act)


def _regrouped(request: Request, visit: Visit, found: Casefile, act: Callable[[Install], str]) -> Response:
    """Do it and lead to the incident that came of it; when it cannot be done, say so on this one's page."""
    try:
        return RedirectResponse(f"/incidents/{act(install_of(request))}", 303)
    except Stale:
        told = N_("This incident has changed since you opened it. Look at it again, then send it once more.")
        return shown_again(request, visit, found, told, 409)
    except UnknownIncident:
        return shown_again(request, visit, found, N_("There is no such incident, or none you may see."), 422)
    except IllegalTransition:
        told = N_(
            "These cannot be put together or apart: two communes are never one incident, what is closed must be reopened first,"
            " and a part must stay behind."
        )
        return shown_again(request, visit, found, told, 422)


def _whole(request: Request, visit: Visit, number: str) -> Casefile:
    found = read_incident(request, visit, number)
    if not found.summary.is_whole:
        raise NotAllowed
    if found.merged_into:
        raise HTTPException(409)
    return found


def _todo(request: Request, visit: Visit, found: Casefile) -> list[Todo]:
    with reading(install_of(request).engine) as connection:
        one = perimeter.find(connection, visit.viewer, found.summary.number)
        return [] if one is None else todo_of(connection, one.id, found)
