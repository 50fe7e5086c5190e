"""Mutes: keeping what need not be shown out of incidents, from an incident, after seeing what that would have hidden."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from correlator.api.install import Install, install_of
from correlator.api.pages.incident import read_incident
from correlator.api.render import page, translator
from correlator.api.visit import May, NotAllowed, Visit, allowed, checked
from correlator.api.wording import N_
from correlator.errors import InputError
from correlator.model.mute import Mute, Scope
from correlator.runtime import mutes
from correlator.runtime.mutes import Draft, Preview
from correlator.store import accounts, exceptions, journal, perimeter
from correlator.store.casefile import Casefile
from correlator.store.database import reading
from correlator.store.exceptions import UnknownMute

router = APIRouter()
#: Days a mute may last, as the form offers them.
DAYS = (1, 7, 30, 90)
_LONGEST = 1_000
_Muter = Annotated[Visit, Depends(allowed(May.MUTE))]
_MuterChecked = Annotated[Visit, Depends(checked(May.MUTE))]


@dataclass(frozen=True, slots=True)
class Typed:
    """The form as it was filled; ``about`` is kind=value."""

    rule: str = ""
    commune: str = ""
    about: str = ""
    days: int = 30
    reason: str = ""

    @property
    def scope(self) -> Scope:
        """Return what it would hide."""
        kind, _, value = self.about.partition("=")
        return Scope(self.rule, self.commune, kind, value)


@router.get("/incidents/{number}/masquer")
def form(request: Request, visit: _Muter, number: str) -> Response:
    """Show the form, filled with the narrowest scope: the first rule, the commune, nothing about anybody."""
    found = _whole(request, visit, number)
    rule = next((rule.id for rule in found.rules), "")
    lane = found.summary.lane
    return _form(request, visit, found, Typed(rule=rule, commune="" if lane in perimeter.COMMON_LANES else lane))


@router.post("/incidents/{number}/masquer")
def mute(
    request: Request,
    visit: _MuterChecked,
    number: str,
    rule: Annotated[str, Form(max_length=100)] = "",
    commune: Annotated[str, Form(max_length=100)] = "",
    about: Annotated[str, Form(max_length=_LONGEST)] = "",
    days: Annotated[int, Form(ge=1, le=90)] = 30,
    reason: Annotated[str, Form(max_length=_LONGEST)] = "",
    step: Annotated[str, Form()] = "preview",
    despite: Annotated[str, Form()] = "",
) -> Response:
    """Show what the mute would have hidden; with ``step=save``, make it."""
    install, typed = install_of(request), Typed(rule, commune, about, days, reason)
    found = _whole(request, visit, number)
    if typed.rule not in {"", *(one.id for one in found.rules)} or typed.about not in {"", *_abouts(found)}:
        raise HTTPException(422)
    now = install.now()
    draft = Draft(typed.scope, reason, now + timedelta(days=days), _id_of(install, visit, number))
    try:
        mutes.check(draft, visit.viewer, now)
    except InputError:
        return _form(request, visit, found, typed, trouble=_trouble(request, typed), status=422)
    told = {"rule": rule, "commune": commune, "about": about}
    journal.note_read(install.engine, visit.viewer, "mute preview", found.summary.number, told, now)
    seen = mutes.preview(install.engine, install.content, draft.scope, now)
    if step != "save" or (seen.true_positives and not despite):
        return _form(request, visit, found, typed, seen=seen)
    mutes.create(install.engine, install.content, draft, visit.viewer, now)
    return RedirectResponse("/masquages", 303)


@router.get("/masquages")
def show(request: Request, visit: Annotated[Visit, Depends(allowed(May.READ))], every: str = "") -> Response:
    """List the mutes that hold, or every one there ever was."""
    return _list(request, visit, every)


@router.post("/masquages/{mute_id}/lever")
def withdraw(request: Request, visit: _MuterChecked, mute_id: str) -> Response:
    """End a mute now."""
    install = install_of(request)
    try:
        mutes.withdraw(install.engine, mute_id, visit.viewer, install.now())
    except UnknownMute:
        raise HTTPException(404) from None
    return RedirectResponse("/masquages", 303)


def _list(request: Request, visit: Visit, every: str) -> Response:
    install = install_of(request)
    now = install.now()
    with reading(install.engine) as connection:
        known = mutes.visible(exceptions.mutes(connection, None if every else now), visit.viewer)
        named = {one.person for one in known} | {one.withdrawn_by for one in known}
        people = {one.login: one.name for one in accounts.list_people(connection) if one.login in named}
        numbers = perimeter.visible_by_id(connection, visit.viewer, [one.incident for one in known if one.incident])
    titles = _titles(install, known)
    return page(request, "mutes.html", mutes=known, people=people, numbers=numbers, titles=titles, every=every, now=now)


def _titles(install: Install, known: list[Mute]) -> Mapping[str, str]:
    """Return rule id → title of the rules that are muted."""
    if not any(one.scope.rule_id for one in known):
        return {}
    content = install.content
    titles = {rule.id: rule.title for rule in content.ruleset.rules}
    return titles | {rule.id: rule.title for rule in content.correlations}


def _whole(request: Request, visit: Visit, number: str) -> Casefile:
    found = read_incident(request, visit, number)
    if not found.summary.is_whole:
        raise NotAllowed
    return found


def _id_of(install: Install, visit: Visit, number: str) -> int | None:
    with reading(install.engine) as connection:
        one = perimeter.find(connection, visit.viewer, number)
    return one.id if one else None


def _abouts(found: Casefile) -> list[str]:
    """Return kind=value of what the incident is about, each once."""
    return list(dict.fromkeys(f"{one.kind}={one.value}" for one in found.entities))[:200]


def _trouble(request: Request, typed: Typed) -> str:
    _ = translator(request)
    if not typed.reason.strip():
        return _(N_("A mute needs a reason: one sentence for whoever reads it in three months."))
    if typed.scope.is_open:
        return _(N_("This mute would hide everything. Choose a rule, a commune or a thing."))
    return _(N_("This mute reaches beyond your communes. Choose one of yours."))


def _form(
    request: Request,
    visit: Visit,
    found: Casefile,
    typed: Typed,
    *,
    seen: Preview | None = None,
    trouble: str = "",
    status: int = 200,
) -> Response:
    names = install_of(request).names
    own = {one: names.get(one, one) for one in found.summary.communes if one in names}
    return page(
        request,
        "mute.html",
        status=status,
        found=found,
        one=found.summary,
        typed=typed,
        seen=seen,
        trouble=trouble,
        communes=own,
        abouts=_abouts(found),
        days=DAYS,
        may_all=visit.viewer.communes is None,
    )
