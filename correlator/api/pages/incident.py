"""One incident: what it is, what happened, who and what takes part, the evidence; and what people decide about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from correlator.api.install import Install, install_of
from correlator.api.render import language_of, page, translator
from correlator.api.story import Teller, chart_of, possible
from correlator.api.visit import May, NotAllowed, Reader, Visit, checked
from correlator.api.wording import N_
from correlator.model.incident import TRANSITIONS, IllegalTransition, Incident, Status, Verdict
from correlator.runtime.reasons import mute_link
from correlator.runtime.todo import todo_of
from correlator.store import accounts, casefile, evidence, journal, people, perimeter
from correlator.store.casefile import Casefile
from correlator.store.database import reading
from correlator.store.people import Act, Stale, Unjudged, UnknownIncident

router = APIRouter()
PIECES_PER_PAGE = 10
_LONGEST = 4_000
_Text = Annotated[str, Form(max_length=_LONGEST)]
#: Hidden fields of every form that decides: the version and the last line of the history that the person saw.
Seen = Annotated[int, Form(ge=0)]
_JUDGED = (Status.RESOLVED, Status.CLOSED)


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody typed, kept when it could not be taken."""

    status: str = ""
    verdict: str = ""
    reason: str = ""
    comment: str = ""
    owner: str = ""


@router.get("/incidents/{number}")
def show(
    request: Request,
    visit: Reader,
    number: str,
    pieces: Annotated[int, Query(ge=1, le=1_000)] = 1,
) -> Response:
    """Show the incident; whoever reads it is written down first."""
    found = read_incident(request, visit, number)
    install = install_of(request)
    journal.note_read(install.engine, visit.viewer, "incident read", found.summary.number, {"page": pieces}, install.now())
    return _shown(request, visit, found, pieces=pieces)


@router.post("/incidents/{number}/status")
def move(
    request: Request,
    visit: Annotated[Visit, Depends(checked(May.ACT))],
    number: str,
    version: Seen,
    seen: Seen,
    status: Annotated[str, Form()],
    verdict: Annotated[str, Form()] = "",
    reason: _Text = "",
) -> Response:
    """Give the incident another status; resolving and closing need a verdict and a reason."""
    typed = Typed(status=status, verdict=verdict, reason=reason)
    found = read_incident(request, visit, number)
    if status not in set(Status) or (verdict and verdict not in set(Verdict)):
        raise HTTPException(422)
    wanted = Status(status)
    if wanted in _JUDGED and not (verdict and reason.strip()):
        missing = N_("Resolving or closing needs a verdict and a reason: one sentence for whoever reads it next year.")
        return _shown(request, visit, found, typed=typed, trouble=missing, status=422)
    judged = Verdict(verdict) if wanted in _JUDGED else None

    def act(install: Install, act: Act) -> Incident:
        return people.move(install.engine, found.summary.number, wanted, act, verdict=judged, reason=reason.strip())

    return acted(request, visit, found, (version, seen), act, typed)


@router.post("/incidents/{number}/owner")
def assign(
    request: Request,
    visit: Annotated[Visit, Depends(checked(May.ACT))],
    number: str,
    version: Seen,
    seen: Seen,
    owner: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """Say who works on the incident."""
    found = read_incident(request, visit, number)
    if owner and owner not in owners(install_of(request), visit):
        raise HTTPException(422)

    def act(install: Install, act: Act) -> Incident:
        return people.assign(install.engine, found.summary.number, owner, act)

    return acted(request, visit, found, (version, seen), act, Typed(owner=owner))


@router.post("/incidents/{number}/comment")
def comment(
    request: Request, visit: Annotated[Visit, Depends(checked(May.COMMENT))], number: str, text: _Text = ""
) -> Response:
    """Add a comment to the history."""
    found = read_incident(request, visit, number)
    if not text.strip():
        return _shown(request, visit, found, trouble=N_("The comment is empty: write what others should know."), status=422)
    people.comment(install_of(request).engine, found.summary.number, text.strip(), act_of(request, visit))
    return RedirectResponse(f"/incidents/{found.summary.number}#story", 303)


def owners(install: Install, visit: Visit) -> Mapping[str, str]:
    """Return login → name of those an incident may be given to: they act on incidents, and see no less than who gives it."""
    with reading(install.engine) as connection:
        known = accounts.list_people(connection)
    mine = visit.viewer.communes
    able = [one for one in known if one.disabled is None and Visit(one, "").may(May.ACT)]
    if mine is None:
        return {one.login: one.name for one in able}
    return {one.login: one.name for one in able if one.communes is not None and one.communes <= mine}


def read_incident(request: Request, visit: Visit, number: str) -> Casefile:
    """Return the incident as the visitor may see it; raises 404 when there is none they may see."""
    install = install_of(request)
    with reading(install.engine) as connection:
        found = casefile.read(connection, visit.viewer, number, install.settings.install)
    if found is None:
        raise HTTPException(404)
    return found


def act_of(request: Request, visit: Visit, version: int | None = None, seen: int | None = None) -> Act:
    """Return an act of the visitor, now; ``version`` and ``seen`` are what they saw."""
    install = install_of(request)
    settings = install.settings
    return Act(visit.person.login, install.now(), settings.install, tuple(settings.sinks), version, seen)


def acted(
    request: Request,
    visit: Visit,
    found: Casefile,
    known: tuple[int, int],
    act: Callable[[Install, Act], Incident],
    typed: Typed | None = None,
) -> Response:
    """Do it and lead back to the incident; when it changed meanwhile, show what changed and keep what was typed."""
    if not found.summary.is_whole:
        raise NotAllowed
    try:
        act(install_of(request), act_of(request, visit, *known))
    except (Stale, IllegalTransition, Unjudged):
        again = read_incident(request, visit, found.summary.number)
        told = N_("Somebody else has changed this incident since you opened it. Nothing of yours was saved yet.")
        return _shown(request, visit, again, typed=typed, trouble=told, news_after=known[1], status=409)
    except UnknownIncident:
        raise HTTPException(404) from None
    return RedirectResponse(f"/incidents/{found.summary.number}", 303)


def shown_again(request: Request, visit: Visit, found: Casefile, trouble: str, status: int) -> Response:
    """Return the page of the incident as it is now, with what could not be done."""
    return _shown(request, visit, read_incident(request, visit, found.summary.number), trouble=trouble, status=status)


def _shown(
    request: Request,
    visit: Visit,
    found: Casefile,
    *,
    pieces: int = 1,
    typed: Typed | None = None,
    trouble: str = "",
    news_after: int | None = None,
    status: int = 200,
) -> Response:
    install = install_of(request)
    names = _people(install, found)
    teller = Teller(language_of(request), install.settings.time_zone, names, install.names)
    story = teller.story(found)
    news = [one for one in teller.history(found.history) if one.id > news_after] if news_after is not None else []
    first = (pieces - 1) * PIECES_PER_PAGE
    shown: dict[str, Any] = {
        "found": found,
        "one": found.summary,
        "story": story,
        "chart": chart_of(found, install.settings.time_zone),
        "titles": {rule.id: rule.title for rule in found.rules},
        "pieces": found.pieces[first : first + PIECES_PER_PAGE],
        "pieces_page": pieces,
        "pieces_address": lambda number: f"/incidents/{found.summary.number}?pieces={number}#evidence",
        "pieces_pages": max(1, -(-len(found.pieces) // PIECES_PER_PAGE)),
        "seen": max((line.id for line in found.history), default=0),
        "possible": possible(found.summary.status, TRANSITIONS),
        "owners": owners(install, visit) if visit.may(May.ACT) else {},
        "people": names,
        "typed": typed or Typed(),
        "trouble": translator(request)(trouble) if trouble else "",
        "news": news,
        "mute_link": mute_link(found),
        **_work(install, visit, found),
    }
    return page(request, "incident.html", status=status, **shown)


def _work(install: Install, visit: Visit, found: Casefile) -> dict[str, Any]:
    """Return what is to be done, by whom it was, and whether the evidence is as it was kept."""
    with reading(install.engine) as connection:
        one = perimeter.find(connection, visit.viewer, found.summary.number)
        if one is None:
            raise HTTPException(404)
        todo = todo_of(connection, one.id, found)
        verified = evidence.verify(connection, one.id) if found.summary.is_whole else None
        named = {task.done_by for task in todo} | {task.added_by for task in todo}
        doers = {known.login: known.name for known in accounts.list_people(connection) if known.login in named}
    return {"todo": todo, "verified": verified, "doers": doers}


def _people(install: Install, found: Casefile) -> Mapping[str, str]:
    """Return login → name of those the page names."""
    named = {line.person for line in found.history} | {found.summary.owner}
    with reading(install.engine) as connection:
        return {one.login: one.name for one in accounts.list_people(connection) if one.login in named}
