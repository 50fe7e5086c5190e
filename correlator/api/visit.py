"""Who asks: the session behind a request, what their role may do, and the token every form must bring back."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from fastapi import Depends, Form
from starlette.requests import Request

from correlator.api.install import install_of
from correlator.model.viewer import Role, Viewer
from correlator.store.accounts import Person
from correlator.store.sessions import find_session

#: Name of the session cookie: with TLS browsers themselves refuse it from elsewhere.
COOKIE, SECURE_COOKIE = "tocsin", "__Host-tocsin"


class May(StrEnum):
    """What a role may do; reads are bounded by the perimeter besides."""

    READ = "read"  # incidents, search
    ACT = "act"  # status, verdict, owner
    COMMENT = "comment"
    MUTE = "mute"
    JOURNAL = "journal"  # who read what
    AUTHOR = "author"  # rules
    RELOAD = "reload"  # let every process read the rules again
    STATE = "state"  # what is said of services, clocks


_REFERENT = frozenset({May.READ, May.COMMENT, May.STATE})
ROLES: Mapping[Role, frozenset[May]] = {
    Role.ANALYST: frozenset({May.READ, May.ACT, May.COMMENT, May.MUTE, May.STATE}),
    Role.AUTHOR: frozenset({May.READ, May.COMMENT, May.MUTE, May.AUTHOR, May.RELOAD}),
    Role.MANAGER: frozenset({May.READ, May.COMMENT, May.STATE, May.JOURNAL}),
    Role.REFERENT: _REFERENT,
    Role.ADMIN: frozenset({May.JOURNAL, May.RELOAD}),
}


class NotSignedIn(Exception):
    """Nobody is signed in, or no longer."""


class NotAllowed(Exception):
    """Whoever is signed in may not do this; or the form did not come from one of our pages."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One person at one request. ``csrf`` goes into every form."""

    person: Person
    csrf: str

    @property
    def viewer(self) -> Viewer:
        """Return whose reads these are."""
        return self.person.viewer

    def may(self, what: str) -> bool:
        """Say whether the role allows ``what`` (a word of ``May``)."""
        return May(what) in ROLES[self.person.role]


def cookie_name(request: Request) -> str:
    """Return the name of the session cookie, by how the console is reached."""
    return SECURE_COOKIE if install_of(request).settings.console.is_encrypted else COOKIE


def visit_of(request: Request) -> Visit:
    """Return who is signed in; raises NotSignedIn."""
    token = request.cookies.get(cookie_name(request), "")
    install = install_of(request)
    found = find_session(install.engine, token, now=install.now(), life=install.life) if token else None
    if found is None:
        raise NotSignedIn
    visit = Visit(found.person, found.csrf)
    request.state.visit = visit
    return visit


def allowed(what: May) -> Callable[..., Visit]:
    """Return a dependency: who is signed in, when their role may do ``what``; raises NotAllowed."""

    def check(visit: Annotated[Visit, Depends(visit_of)]) -> Visit:
        if not visit.may(what):
            raise NotAllowed
        return visit

    return check


def checked(what: May) -> Callable[..., Visit]:
    """Return a dependency for forms: as ``allowed``, and the form brought back the token of this session."""

    def check(visit: Annotated[Visit, Depends(allowed(what))], csrf: Annotated[str, Form()] = "") -> Visit:
        check_token(visit, csrf)
        return visit

    return check


def anybody_checked(visit: Annotated[Visit, Depends(visit_of)], csrf: Annotated[str, Form()] = "") -> Visit:
    """Return who is signed in, whatever their role, when the form brought back their token."""
    check_token(visit, csrf)
    return visit


def check_token(visit: Visit, csrf: str) -> None:
    """Return when ``csrf`` is the token of this session; raises NotAllowed."""
    if not secrets.compare_digest(csrf.encode(), visit.csrf.encode()):
        raise NotAllowed


Reader = Annotated[Visit, Depends(allowed(May.READ))]
