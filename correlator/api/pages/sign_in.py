"""Signing in and out, and the language of an account."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from correlator.api.demonstration import PASSWORD, PEOPLE
from correlator.api.install import install_of
from correlator.api.render import page, translator
from correlator.api.visit import May, Visit, anybody_checked, cookie_name, visit_of
from correlator.api.wording import LANGUAGES
from correlator.store import accounts, sessions

router = APIRouter()
_FORM_COOKIE = "tocsin-form"
_LONGEST = 200


@router.get("/connexion")
def show(request: Request, next: str = "/") -> Response:  # noqa: A002 - the name in the address
    """Show the form."""
    return _form(request, next)


@router.post("/connexion")
def sign_in(
    request: Request,
    login: Annotated[str, Form(max_length=_LONGEST)],
    password: Annotated[str, Form(max_length=_LONGEST)],
    csrf: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",  # noqa: A002 - the name of the field
) -> Response:
    """Sign in, or show the form again without saying which of the two was wrong."""
    install, address = install_of(request), address_of(request)
    cookie = request.cookies.get(_FORM_COOKIE, "")
    if not cookie or not secrets.compare_digest(cookie.encode(), csrf.encode()):
        return _form(request, next, "old", status=403)
    if not request.app.state.pace.begin(address):
        return _form(request, next, "pace", status=429)
    old = request.cookies.get(cookie_name(request), "")
    made = sessions.sign_in(install.engine, login, password, address, now=install.now(), life=install.life, old_token=old)
    if made is None:
        return _form(request, next, "refused", status=401)
    request.app.state.pace.succeeded(address)
    answer = RedirectResponse(_local(next), 303)
    _keep(request, answer, cookie_name(request), made.token, int(install.life.whole.total_seconds()))
    answer.delete_cookie(_FORM_COOKIE)
    return answer


@router.post("/deconnexion")
def sign_out(request: Request, visit: Annotated[Visit, Depends(anybody_checked)]) -> Response:
    """Sign out."""
    install = install_of(request)
    token = request.cookies.get(cookie_name(request), "")
    sessions.sign_out(install.engine, token, visit.person.login, install.now())
    answer = RedirectResponse("/connexion", 303)
    answer.delete_cookie(cookie_name(request), secure=install.settings.console.is_encrypted)
    return answer


@router.post("/langue")
def choose_language(
    request: Request,
    visit: Annotated[Visit, Depends(anybody_checked)],
    language: Annotated[str, Form()],
    next: Annotated[str, Form()] = "/",  # noqa: A002 - the name of the field
) -> Response:
    """Remember the language the reader wants."""
    if language in LANGUAGES:
        accounts.set_language(install_of(request).engine, visit.person.login, language)
    return RedirectResponse(_local(next), 303)


@router.get("/")
def home(visit: Annotated[Visit, Depends(visit_of)]) -> Response:
    """Lead people to where their work begins."""
    return RedirectResponse("/incidents" if visit.may(May.READ) else "/consultations", 303)


def address_of(request: Request) -> str:
    """Return the address a request comes from; the server has put the proxy's word in its place where it may."""
    return request.client.host if request.client else ""


def _form(request: Request, wanted: str, trouble: str = "", status: int = 200) -> Response:
    token = request.cookies.get(_FORM_COOKIE) or secrets.token_urlsafe(24)
    answer = page(request, "sign_in.html", status=status, csrf=token, wanted=_local(wanted), trouble=trouble, **_demo(request))
    _keep(request, answer, _FORM_COOKIE, token, 3_600)
    return answer


def _keep(request: Request, answer: Response, name: str, value: str, seconds: int) -> None:
    secure = install_of(request).settings.console.is_encrypted
    answer.set_cookie(name, value, max_age=seconds, httponly=True, secure=secure, samesite="strict", path="/")


def _local(wanted: str) -> str:
    """Return ``wanted`` when it is a path of this console, else the front page: nobody is sent elsewhere."""
    is_path = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if is_path and wanted.isprintable() and "\\" not in wanted else "/"


def _demo(request: Request) -> dict[str, object]:
    """Return the accounts that the page of a demonstration offers."""
    if not install_of(request).is_demo:
        return {}
    _ = translator(request)
    return {"demo_password": PASSWORD, "demo_people": [(login, _(told)) for login, (_n, _r, _i, told) in PEOPLE.items()]}
