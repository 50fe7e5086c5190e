"""The journal of consultations: who opened, searched, changed what; reading it is written down, too."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from correlator.api.install import install_of
from correlator.api.render import page
from correlator.api.visit import May, Visit, allowed
from correlator.api.wording import N_
from correlator.store import accounts, journal
from correlator.store.database import reading

router = APIRouter()
PER_PAGE = 100
#: What was done, in people's words; what is not here is shown as it is stored.
ACTS = {
    "incident read": N_("opened the incident"),
    "search": N_("searched for"),
    "journal read": N_("read this journal"),
    "mute preview": N_("tried a mute on"),
    "sign-in": N_("signed in"),
    "sign-out": N_("signed out"),
    "sign-in refused": N_("sign-in refused"),
    "account added": N_("made the account"),
    "account disabled": N_("disabled the account"),
    "account enabled": N_("enabled the account"),
    "password changed": N_("changed the password of"),
    "updated": N_("updated the incident"),
    "commented": N_("commented on the incident"),
    "resolved": N_("resolved the incident"),
    "closed": N_("closed the incident"),
    "reopened": N_("reopened the incident"),
    "muted": N_("made the mute"),
    "unmuted": N_("ended the mute"),
}


@router.get("/consultations")
def show(
    request: Request,
    visit: Annotated[Visit, Depends(allowed(May.JOURNAL))],
    who: Annotated[str, Query(max_length=64)] = "",
    reads: Annotated[str, Query(max_length=1)] = "",
    before: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """Show the journal, newest first."""
    install = install_of(request)
    with reading(install.engine) as connection:
        acts = journal.READS if reads else ()
        lines = journal.entries(connection, visit.viewer, who=who, acts=acts, before=before, limit=PER_PAGE)
        names = {one.login: one.name for one in accounts.list_people(connection)}
    journal.note_read(install.engine, visit.viewer, "journal read", who, {"before": before}, install.now())
    seen = {line.person for line in lines}
    shown = {login: name for login, name in names.items() if login in seen}
    return page(
        request, "journal.html", lines=lines, people=shown, who=who, reads=reads, acts=ACTS, is_full=len(lines) == PER_PAGE
    )
