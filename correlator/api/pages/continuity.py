"""The continuity board and the deadlines: what managers look at, what people say of services, clocks opened and closed."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from correlator.api.install import Install, install_of
from correlator.api.render import page, translator
from correlator.api.visit import May, Reader, Visit, checked
from correlator.api.wording import N_
from correlator.config.catalogue import load_catalogue
from correlator.continuity.clocks import comes_round
from correlator.continuity.looks import LOOKS, STATE_LOOKS, look_of
from correlator.model.estate import SHARED
from correlator.model.said import Clock, Statement
from correlator.model.service import ClockKind, ServiceState, Shape
from correlator.runtime.board import BoardModel, Ground, board_of, deadline_in, is_untold
from correlator.runtime.board_lines import due_lines, headline, untold
from correlator.runtime.board_pages import causes, narrowed
from correlator.store import continuity
from correlator.store.database import reading

router = APIRouter()
_Text = Annotated[str, Form(max_length=500)]
_Id = Annotated[str, Form(max_length=80)]
Stater = Annotated[Visit, Depends(checked(May.STATE))]


class _Wrong(Exception):
    """What was typed cannot be kept; the message is shown above the form."""


@dataclass(frozen=True, slots=True)
class Typed:
    """What a form held when it was refused: nothing typed is lost."""

    service: str = ""
    commune: str = ""
    state: str = ""
    text: str = ""
    waiting: str = ""
    kind: str = ""
    moment: str = ""
    person: str = ""
    subject: str = ""


@router.get("/continuite")
def show(request: Request, visit: Reader, commune: str = "") -> Response:
    """Show the board; of one commune when asked."""
    return _board(request, visit, commune)


@router.post("/continuite/dire")
def say(
    request: Request,
    visit: Stater,
    service: _Id = "",
    commune: _Id = "",
    state: _Id = "",
    text: _Text = "",
    waiting: _Id = "",
) -> Response:
    """Keep what somebody says of a service."""
    install, typed = install_of(request), Typed(service, commune, state, text, waiting)
    now = install.now()
    _inside(visit, commune)
    try:
        statement = _statement(ground(install), typed, visit.person.login, now)
    except _Wrong as error:
        return _board(request, visit, "", typed=typed, trouble=str(error))
    continuity.say(install.engine, statement)
    return RedirectResponse("/continuite", 303)


@router.post("/continuite/retirer")
def take_back(request: Request, visit: Stater, service: _Id = "", commune: _Id = "") -> Response:
    """Withdraw what was said; a second click finds nothing to withdraw, and that is fine."""
    install = install_of(request)
    _inside(visit, commune)
    try:
        continuity.take_back(install.engine, service, commune, visit.person.login, install.now())
    except continuity.Refused:
        return RedirectResponse("/continuite", 303)
    return RedirectResponse("/continuite", 303)


@router.get("/echeances")
def show_clocks(request: Request, visit: Reader) -> Response:
    """Show every deadline that runs, and the form that opens one."""
    return _clocks(request, visit)


@router.post("/echeances")
def open_clock(
    request: Request,
    visit: Stater,
    kind: _Id = "",
    commune: _Id = "",
    moment: _Id = "",
    person: Annotated[str, Form(max_length=120)] = "",
    subject: _Text = "",
) -> Response:
    """Start a clock: signed, dated, for one commune."""
    install = install_of(request)
    typed = Typed(kind=kind, commune=commune, moment=moment, person=person, subject=subject)
    _inside(visit, commune)
    try:
        continuity.open_clock(install.engine, _clock(install, typed, visit.person.name))
    except _Wrong as error:
        return _clocks(request, visit, typed=typed, trouble=str(error))
    except continuity.Refused:
        return _clocks(request, visit, typed=typed, trouble=N_("This clock runs already for the same subject."))
    return RedirectResponse("/echeances", 303)


@router.post("/echeances/{number}/close")
def close_clock(request: Request, visit: Stater, number: int, proof: Annotated[str, Form(max_length=200)] = "") -> Response:
    """Stop a clock with its proof."""
    install = install_of(request)
    with reading(install.engine) as connection:
        found = next((one for one in continuity.clocks(connection) if one.id == number), None)
    if found is None or not visit.viewer.sees(found.commune):
        raise HTTPException(404)
    if not proof.strip():
        return _clocks(request, visit, trouble=N_("A clock is closed with a proof: the number of the receipt or of the act."))
    try:
        continuity.close_clock(install.engine, number, proof, visit.person.login, install.now())
    except continuity.Refused:
        return RedirectResponse("/echeances", 303)  # somebody else closed it in the meantime
    return RedirectResponse("/echeances", 303)


def ground(install: Install) -> Ground:
    """Return estate and catalogue, the last good ones when the newest file is broken."""
    return Ground(install.estate, load_catalogue())


def _inside(visit: Visit, commune: str) -> None:
    """Return when the person may speak of ``commune``; of what all communes share, only who sees all of them."""
    whole = visit.viewer.communes is None
    if commune and not (whole or (visit.viewer.sees(commune) and commune != SHARED)):
        raise HTTPException(404)


def _statement(known: Ground, typed: Typed, login: str, now: datetime) -> Statement:
    if typed.service not in known.catalogue.services and typed.service not in known.catalogue.assets:
        raise _Wrong(N_("Choose a service."))
    if known.estate.commune(typed.commune) is None and typed.commune != SHARED:
        raise _Wrong(N_("Choose a commune."))
    if typed.state not in set(ServiceState):
        raise _Wrong(N_("Choose a state."))
    if not typed.text.strip():
        raise _Wrong(N_("Say in one sentence what is seen, for whoever reads it tomorrow."))
    if typed.waiting and not typed.waiting.isdigit():
        raise _Wrong(N_("The number of acts on paper is a whole number."))
    waiting = int(typed.waiting) if typed.waiting else None
    return Statement(
        typed.service, typed.commune, ServiceState(typed.state), now, login, now, text=typed.text.strip(), waiting=waiting
    )


def _clock(install: Install, typed: Typed, name: str) -> Clock:
    known, now = ground(install), install.now()
    kind, commune = known.catalogue.clocks.get(typed.kind), known.estate.commune(typed.commune)
    if kind is None:
        raise _Wrong(N_("Choose which delay runs."))
    if commune is None:
        raise _Wrong(N_("Choose a commune."))
    start = _start(kind, typed.moment, commune.time_zone, now)
    if kind.shape is Shape.INCIDENT and not typed.person.strip():
        raise _Wrong(N_("Name who became aware: a legal delay starts with a person, never with a log line."))
    if kind.shape is Shape.ACT and not typed.subject.strip():
        raise _Wrong(N_("Say which act: two births of one day are two delays."))
    due = deadline_in(known, kind, commune.id, start, now).due
    return Clock(kind.id, commune.id, start, due, typed.person.strip() or name, now, typed.subject.strip())


def _start(kind: ClockKind, text: str, zone: str, now: datetime) -> datetime:
    if not text and comes_round(kind):
        return now
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        raise _Wrong(N_("Give the day and the hour.")) from None
    moment = local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    if moment > now and kind.shape is not Shape.CALENDAR:
        raise _Wrong(N_("The hour lies in the future: give the one at which it happened."))
    return moment


def _board(request: Request, visit: Visit, commune: str, *, typed: Typed | None = None, trouble: str = "") -> Response:
    install = install_of(request)
    known = ground(install)
    whole = board_of(install.engine, known, install.now(), visit.viewer, install.settings.time_zone)
    chosen = next((column.commune for column in whole.columns if column.commune.id == commune), None)
    board = narrowed(whole, chosen) if chosen else whole
    return page(
        request, "continuity.html", status=422 if trouble else 200, board=board, whole=whole, chosen=chosen,
        headline=headline(board), causes=causes(board), looks=LOOKS.values(), look_of=look_of, is_untold=is_untold,
        column_look=lambda column: STATE_LOOKS[column.state] if column.state else LOOKS["absent"],
        dues=due_lines(board)[:3], untold=list(untold(board)), states=STATE_LOOKS, services=_services(known), said=_said(board),
        typed=typed or Typed(), trouble=translator(request)(trouble) if trouble else "",
    )  # fmt: skip


def _clocks(request: Request, visit: Visit, *, typed: Typed | None = None, trouble: str = "") -> Response:
    install = install_of(request)
    known = ground(install)
    board = board_of(install.engine, known, install.now(), visit.viewer, install.settings.time_zone)
    kinds = sorted(known.catalogue.clocks.values(), key=lambda kind: (str(kind.shape), kind.name))
    with reading(install.engine) as connection:
        every = continuity.clocks(connection)
    running = [one for one in every if visit.viewer.sees(one.commune)]
    return page(
        request, "clocks.html", status=422 if trouble else 200, board=board, dues=due_lines(board), kinds=kinds,
        running=running, names_of={kind.id: kind.name for kind in kinds}, typed=typed or Typed(),
        trouble=translator(request)(trouble) if trouble else "",
    )  # fmt: skip


def _services(known: Ground) -> list[tuple[str, str]]:
    services = sorted((one.label, one.id) for one in known.catalogue.services.values())
    return [(identity, label) for label, identity in services]


def _said(board: BoardModel) -> list[tuple[str, str, Statement]]:
    """Return what people said and that holds, with the names to show."""
    cells = (cell for row in board.rows for cell in row.cells)
    return [
        (cell.place.service.label, cell.place.commune.name, cell.standing.said)
        for cell in cells
        if cell.standing and cell.standing.said
    ]
