"""The queue: incidents that somebody has to look at, gravest first, kept up to date while one looks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from correlator.api.install import Install, install_of
from correlator.api.render import page
from correlator.api.visit import Reader, Visit
from correlator.model.estate import SHARED, UNATTRIBUTED
from correlator.model.incident import Status
from correlator.model.severity import Severity
from correlator.store import perimeter
from correlator.store.accounts import list_people
from correlator.store.database import reading
from correlator.store.perimeter import OPEN, Summary, Wanted

router = APIRouter()
PER_PAGE = 50
_MOST_PAGES = 10_000
#: What the list of states offers: word in the address → statuses; empty: all.
SCOPES: dict[str, tuple[Status, ...]] = {"open": OPEN, "all": (), **{one.value.replace(" ", "-"): (one,) for one in Status}}


@dataclass(frozen=True, slots=True)
class Asked:
    """The filters of the queue as they stand in the address."""

    scope: str = "open"
    level: str = "informational"
    commune: str = ""
    owner: str = ""
    text: str = ""
    order: str = "severity"
    page: int = 1

    def wanted(self) -> Wanted:
        """Return the same for the store; what is not known is as if not given."""
        return Wanted(
            statuses=SCOPES.get(self.scope, OPEN),
            minimum=Severity.of(self.level) if self.level.upper() in Severity.__members__ else Severity.INFORMATIONAL,
            commune=self.commune,
            owner=self.owner,
            text=self.text,
            order=self.order,
        )

    def address(self, **changed: str | int) -> str:
        """Return the query part of the address with some filters changed; defaults are left out."""
        default = Asked()
        values = {name: changed.get(name, getattr(self, name)) for name in Asked.__dataclass_fields__}
        told = {name: value for name, value in values.items() if value != getattr(default, name)}
        return "?" + urlencode(told) if told else "?"


@router.get("/incidents")
def show(
    request: Request,
    visit: Reader,
    scope: str = "open",
    level: str = "informational",
    commune: str = "",
    owner: str = "",
    text: Annotated[str, Query(max_length=200)] = "",
    order: str = "severity",
    page_number: Annotated[int, Query(alias="page", ge=1, le=_MOST_PAGES)] = 1,
) -> Response:
    """Show the queue; asked by htmx, its rows only."""
    asked = Asked(scope, level, commune, owner, text, order, page_number)
    install = install_of(request)
    with reading(install.engine) as connection:
        found = perimeter.list_incidents(connection, visit.viewer, asked.wanted(), size=PER_PAGE, number=asked.page)
    is_part = request.headers.get("HX-Target") == "queue"
    return page(
        request,
        "queue_rows.html" if is_part else "queue.html",
        asked=asked,
        found=found,
        pages=max(1, -(-found.total // PER_PAGE)),
        scopes=SCOPES,
        page_address=lambda number: "/incidents" + asked.address(page=number),
        owners=_owners(install, found.rows),
        places=places(install, visit),
        now=install.now(),
    )


def places(install: Install, visit: Visit) -> dict[str, str]:
    """Return what the viewer may choose among: commune id → name, and what belongs to several or to nobody yet."""
    own = {one: name for one, name in install.names.items() if visit.viewer.sees(one)}
    lanes = [SHARED, "cross"] if visit.viewer.shared else []
    lanes += [UNATTRIBUTED] if visit.viewer.sees(UNATTRIBUTED) else []
    return {**dict(sorted(own.items(), key=lambda pair: pair[1])), **dict.fromkeys(lanes, "")}


def _owners(install: Install, rows: Sequence[Summary]) -> dict[str, str]:
    """Return login → name of those who work on what the page shows."""
    named = {one.owner for one in rows if one.owner}
    if not named:
        return {}
    with reading(install.engine) as connection:
        return {one.login: one.name for one in list_people(connection) if one.login in named}
