"""Mutes: keeping what need not be shown out of incidents, from an incident, after seeing what that would have hidden.

A link may fill the form: ``/incidents/26-0412/masquer?rule=…&commune=…&kind=host&value=SIM-SCAN01&reason=…``; without the
number in the path, ``/masquages/nouveau?incident=26-0412&…`` leads there.
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from correlator.api.install import Install, install_of
from correlator.api.pages.incident import read_incident
from correlator.api.pages.mute_form import DAYS, LONGEST, Choices, Typed, choices_of
from correlator.api.render import page, translator
from correlator.api.visit import May, NotAllowed, Visit, allowed, checked
from correlator.api.wording import N_
from correlator.errors import InputError
from correlator.model.incident import canonical_number
from correlator.model.mute import Mute, Weekly
from correlator.runtime import mutes
from correlator.runtime.mutes import Draft, Preview
from correlator.store import accounts, exceptions, journal, noise, perimeter
from correlator.store.casefile import Casefile
from correlator.store.database import reading
from correlator.store.exceptions import UnknownMute

router = APIRouter()
#: ISO weekday → its name, short.
WEEKDAYS = (
    (1, N_("Mon")), (2, N_("Tue")), (3, N_("Wed")), (4, N_("Thu")), (5, N_("Fri")), (6, N_("Sat")), (7, N_("Sun")),
)  # fmt: skip
#: Before its end a mute is marked: somebody may have to decide again.
SOON = timedelta(days=7)
_Muter = Annotated[Visit, Depends(allowed(May.MUTE))]
_MuterChecked = Annotated[Visit, Depends(checked(May.MUTE))]
_Linked = Annotated[str, Query(max_length=LONGEST)]
_Typed = Annotated[str, Form(max_length=LONGEST)]


@router.get("/masquages/nouveau")
def draft(
    visit: _Muter, incident: _Linked = "", rule: _Linked = "", commune: _Linked = "", kind: _Linked = "",
    value: _Linked = "", reason: _Linked = "",
) -> Response:  # fmt: skip
    """Lead to the form of the incident, filled with what the link says."""
    del visit
    number = canonical_number(incident)
    if number is None:
        return RedirectResponse("/masquages", 303)
    said = {"rule": rule, "commune": commune, "kind": kind, "value": value, "reason": reason}
    told = urlencode({name: text for name, text in said.items() if text})
    return RedirectResponse(f"/incidents/{number}/masquer" + (f"?{told}" if told else ""), 303)


@router.get("/incidents/{number}/masquer")
def form(
    request: Request, visit: _Muter, number: str, rule: _Linked = "", commune: _Linked = "", kind: _Linked = "",
    value: _Linked = "", reason: _Linked = "",
) -> Response:  # fmt: skip
    """Show the form, filled as linked to, else with the narrowest scope: the first rule, the commune, nothing about anybody."""
    found = _whole(request, visit, number)
    lane = found.summary.lane
    chosen = rule or next((one.id for one in found.rules), "")
    place = commune or ("" if lane in perimeter.COMMON_LANES else lane)
    typed = Typed(rule=chosen, commune=place, about=f"{kind}={value}" if kind and value else "", reason=reason)
    choices = choices_of(found, chosen)
    if not choices.allows(typed):  # a link may be old, or somebody's invention: what the incident does not show is left out
        about = typed.about if typed.about in choices.abouts else ""
        typed = Typed(rule=chosen if chosen in choices.rules else "", commune=place, about=about, reason=reason)
    return _form(request, visit, found, typed, choices)


@router.post("/incidents/{number}/masquer")
def mute(
    request: Request,
    visit: _MuterChecked,
    number: str,
    rule: Annotated[str, Form(max_length=100)] = "",
    commune: Annotated[str, Form(max_length=100)] = "",
    about: _Typed = "",
    days: Annotated[int, Form(ge=1, le=90)] = 30,
    reason: _Typed = "",
    field: Annotated[tuple[str, ...], Form(max_length=30)] = (),
    day: Annotated[tuple[int, ...], Form(max_length=7)] = (),
    start: Annotated[int, Form(ge=0, le=23)] = 20,
    end: Annotated[int, Form(ge=1, le=24)] = 6,
    since: Annotated[str, Form(max_length=30)] = "",
    step: Annotated[str, Form()] = "preview",
) -> Response:
    """Show what the mute would have hidden; with ``step=save``, make it, unless it would have hidden an attack."""
    typed = Typed(rule, commune, about, days, reason, field, day, start, end, since)
    found = _whole(request, visit, number)
    choices = choices_of(found, rule)
    if not choices.allows(typed):
        if {typed.rule} <= choices.rules | {""} and typed.about in {"", *choices.abouts}:  # fields of the rule chosen before
            again = Typed(rule, commune, about, days, reason, since=since)
            return _form(request, visit, found, again, choices)
        raise HTTPException(422)
    return _tried(request, visit, found, typed, choices, save=step == "save")


def _tried(request: Request, visit: Visit, found: Casefile, typed: Typed, choices: Choices, *, save: bool) -> Response:
    """Look at what it would have hidden; make it when that was asked for and nothing speaks against it."""
    install = install_of(request)
    now, zone = install.now(), mutes.zone_of(install.content, typed.commune)
    number = found.summary.number
    try:
        ends, starts = typed.ends(now, zone), typed.starts(zone)
        wanted = Draft(typed.scope(zone), typed.reason, ends, _id_of(install, visit, number), starts)
        mutes.check(wanted, visit.viewer, now)
    except (InputError, ValueError):
        return _form(request, visit, found, typed, choices, trouble=_trouble(request, typed, zone), status=422)
    told = {"rule": typed.rule, "commune": typed.commune, "about": typed.about}
    journal.note_read(install.engine, visit.viewer, "mute preview", number, told, now)
    seen = mutes.preview(install.engine, install.content, wanted.scope, now)
    if not save or seen.true_positives:
        return _form(request, visit, found, typed, choices, seen=seen)
    mutes.create(install.engine, install.content, wanted, visit.viewer, now, seen)
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
        noisy = [one for one in noise.digests(connection, now - SOON) if visit.viewer.sees(one.lane)]
        numbers |= perimeter.visible_by_id(connection, visit.viewer, [one.incident for one in noisy])
    titles = _titles(install, known)
    return page(
        request, "mutes.html", mutes=known, people=people, numbers=numbers, titles=titles, every=every, now=now,
        soon=now + SOON,
        noisy=noisy, hours=partial(_hours, request),
    )  # fmt: skip


def _hours(request: Request, weekly: Weekly) -> str:
    """Return the hours of a week as people say them."""
    _, names = translator(request), dict(WEEKDAYS)
    return f"{', '.join(_(names[day]) for day in weekly.days)} {weekly.start} h – {weekly.end} h"


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


def _trouble(request: Request, typed: Typed, zone: str) -> str:
    _ = translator(request)
    if not typed.reason.strip():
        return _(N_("A mute needs a reason: one sentence for whoever reads it in three months."))
    if typed.scope(zone).is_open:
        return _(N_("This mute would hide everything. Choose a rule, a commune or a thing."))
    if typed.since:
        return _(N_("It must begin at a real time, at most 90 days from now."))
    if typed.fields and not typed.rule:
        return _(N_("Fields are those of one rule’s events. Choose the rule."))
    return _(N_("This mute reaches beyond your communes. Choose one of yours."))


def _form(
    request: Request,
    visit: Visit,
    found: Casefile,
    typed: Typed,
    choices: Choices,
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
        choices=choices,
        days=DAYS,
        weekdays=WEEKDAYS,
        may_all=visit.viewer.communes is None,
    )
