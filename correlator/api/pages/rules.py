"""The author's pages: what each rule is, what it did, what it costs, whether it can fire here, and letting it rest."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from correlator.api.install import Install, install_of
from correlator.api.render import page, translator
from correlator.api.rulebook import Entry, Rulebook, entries
from correlator.api.visit import May, Reader, Visit, checked
from correlator.api.wording import N_
from correlator.errors import Problem
from correlator.model.mute import LONGEST
from correlator.runtime.content import Content
from correlator.runtime.costs import read_costs
from correlator.runtime.sets import Part
from correlator.store.activity import activity
from correlator.store.database import reading
from correlator.store.exceptions import UnknownMute, pause_rule, paused_rules, resume_rule
from correlator.store.rule_history import ask_reload, history, last_request

router = APIRouter()
_SINCE = timedelta(days=30)
#: What the list of states offers: word in the address → label.
STATES = {
    "all": N_("All"),
    "firing": N_("Fired in the last 30 days"),
    "quiet": N_("Never fired"),
    "resting": N_("Resting"),
    "unable": N_("Cannot fire here"),
}
_DAYS = (1, 7, 30, 90)
_CHANGES = 10
#: Why the rules changed: word of the history → label.
CAUSES = {
    "start": N_("Tocsin started"),
    "files": N_("files changed"),
    "signal": N_("signal from the system"),
    "asked": N_("asked for"),
}

#: What came of a request to read the rules again: beginning of the answer → label.
ANSWERS = {
    "loaded": N_("new rules run"),
    "nothing changed": N_("nothing had changed"),
    "refused": N_("refused, the old rules run on"),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """One rule with what is known of its life. ``count`` None: the viewer may not know what happens in other communes."""

    entry: Entry
    count: int | None
    last: datetime | None
    cost: float | None
    rest: tuple[datetime, str, str] | None

    def is_in(self, state: str) -> bool:
        """Say whether the rule belongs to one of ``STATES``."""
        return {
            "firing": bool(self.count),
            "quiet": self.count is not None and self.last is None,
            "resting": self.rest is not None,
            "unable": bool(self.entry.inert),
        }.get(state, True)


@router.get("/regles")
def show(request: Request, visit: Reader, state: str = "all", text: Annotated[str, Query(max_length=200)] = "") -> Response:
    """Show all rules; what did not load stands on top."""
    install, book = install_of(request), book_of(request)
    content = book.content()
    shown = _shown(install, visit, entries(content)) if content else []
    wanted = text.casefold()
    rows = [
        one
        for one in shown
        if one.is_in(state) and (wanted in one.entry.title.casefold() or wanted in one.entry.id or not wanted)
    ]
    problems = _told((*book.trouble, *(content.refused if content else ())))
    changes, asked = history(install.engine, _CHANGES), last_request(install.engine)
    whole = visit.viewer.communes is None  # who asked is nobody's business in a commune
    return page(
        request, "rules.html", rows=rows, total=len(shown), state=state, text=text, states=STATES, problems=problems,
        counted=whole, sets=_sets(content), changes=changes, causes=CAUSES, kept=changes[0].kept if changes else (),
        asked=asked if whole and visit.may(May.RELOAD) else None, answers=ANSWERS,
    )  # fmt: skip


@router.post("/regles/relire")
def reread(request: Request, visit: Annotated[Visit, Depends(checked(May.RELOAD))]) -> Response:
    """Ask every process to read the rules again; a second click while nobody answered asks nothing more."""
    ask(request, visit)
    return RedirectResponse("/regles", 303)


def ask(request: Request, visit: Visit) -> int:
    """Return the number of the request to read the rules again: the open one, or a new one."""
    _whole_view(visit)
    install = install_of(request)
    last = last_request(install.engine)
    if last is not None and last.answered is None:
        return last.id
    return ask_reload(install.engine, visit.person.login, install.now())


@router.get("/regles/{rule_id}")
def show_one(request: Request, visit: Reader, rule_id: str) -> Response:
    """Show one rule: what it looks for, its life, its tests, and the form that lets it rest."""
    return _one(request, visit, rule_id)


@router.post("/regles/{rule_id}/repos")
def rest(
    request: Request,
    visit: Annotated[Visit, Depends(checked(May.AUTHOR))],
    rule_id: str,
    because: Annotated[str, Form(max_length=500)] = "",
    days: Annotated[int, Form(ge=1, le=LONGEST.days)] = 7,
) -> Response:
    """Let the rule rest for some days."""
    install = install_of(request)
    _whole_view(visit)
    _entry(request, rule_id)
    if not because.strip():
        return _one(request, visit, rule_id, trouble=N_("Say why the rule rests, for those who read it later."), status=422)
    now = install.now()
    ends = now + timedelta(days=days)
    pause_rule(install.engine, rule_id, reason=because.strip(), person=visit.person.login, now=now, ends=ends)
    return RedirectResponse(f"/regles/{rule_id}", 303)


@router.post("/regles/{rule_id}/reprise")
def resume(request: Request, visit: Annotated[Visit, Depends(checked(May.AUTHOR))], rule_id: str) -> Response:
    """End the rest; a second click finds nothing to end, and that is fine."""
    install = install_of(request)
    _whole_view(visit)
    try:
        resume_rule(install.engine, rule_id, visit.person.login, install.now())
    except UnknownMute:
        return RedirectResponse(f"/regles/{rule_id}", 303)
    return RedirectResponse(f"/regles/{rule_id}", 303)


def _sets(content: Content | None) -> list[Part]:
    return list(content.gathered.parts) if content and content.gathered else []


def _whole_view(visit: Visit) -> None:
    """Return when the person sees every commune: a rule rests for all of them."""
    if visit.viewer.communes is not None:
        raise HTTPException(403)


def _one(request: Request, visit: Visit, rule_id: str, *, trouble: str = "", status: int = 200) -> Response:
    install, entry = install_of(request), _entry(request, rule_id)
    script = entry.script
    return page(
        request, "rule.html", status=status, one=_shown(install, visit, [entry])[0], days=_DAYS, file=Path(entry.path).name,
        script=script.read_text(encoding="utf-8") if script else "", now=install.now(),
        trouble=translator(request)(trouble) if trouble else "", counted=visit.viewer.communes is None,
    )  # fmt: skip


def _entry(request: Request, rule_id: str) -> Entry:
    content = book_of(request).content()
    found = next((one for one in entries(content) if one.id == rule_id), None) if content else None
    if found is None:
        raise HTTPException(404)
    return found


def _shown(install: Install, visit: Visit, rules: list[Entry]) -> list[Shown]:
    now, costs = install.now(), read_costs(install.settings.cache)
    with reading(install.engine) as connection:
        did = activity(connection, now - _SINCE) if visit.viewer.communes is None else None
    rests = paused_rules(install.engine, now)
    if visit.viewer.communes is not None:  # why somebody let it rest may name another commune's machine or person
        rests = {rule: (ends, "", "") for rule, (ends, _, _) in rests.items()}
    return [
        Shown(
            one,
            None if did is None else did.get(one.id, {}).get("count", 0),
            None if did is None else did.get(one.id, {}).get("last"),
            costs.milliseconds.get(one.id),
            rests.get(one.id),
        )
        for one in rules
    ]


def _told(problems: tuple[Problem, ...]) -> list[str]:
    """Return problems without the folders they stand in: the path on the server is nobody's business here."""
    return [
        f"{Path(one.path).name}:{one.line}: {one.what}" + (f" ({one.expected})" if one.expected else "") for one in problems
    ]


def book_of(request: Request) -> Rulebook:
    """Return the rules as the console shows them."""
    state = request.app.state
    if not hasattr(state, "rulebook"):
        state.rulebook = Rulebook(install_of(request).settings)
    book: Rulebook = state.rulebook
    return book
