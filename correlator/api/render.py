"""Templates: one environment per language, the same words and figures in all of them."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse

from correlator import __version__
from correlator.api import wording
from correlator.api.install import install_of
from correlator.api.wording import N_
from correlator.model.severity import Severity
from correlator.store.perimeter import Summary

#: The main menu: (address, label, what one must be allowed to do). One line per page.
MENU = (
    ("/incidents", N_("Incidents"), "read"),
    ("/continuite", N_("Continuity"), "read"),
    ("/echeances", N_("Deadlines"), "read"),
    ("/recherche", N_("Search"), "read"),
    ("/masquages", N_("Mutes"), "read"),
    ("/regles", N_("Rules"), "read"),
    ("/indicateurs", N_("Figures"), "read"),
    ("/consultations", N_("Journal"), "journal"),
)
TEMPLATES = Path(__file__).parent / "templates"


def page(request: Request, template: str, *, status: int = 200, **shown: Any) -> HTMLResponse:  # noqa: ANN401 - what a template shows
    """Return the page ``template`` in the language of the reader, with what all pages share."""
    language = language_of(request)
    environment = _environment(language, install_of(request).settings.time_zone)
    visit = getattr(request.state, "visit", None)
    names = install_of(request).names
    shared = {
        "visit": visit,
        "names": names,
        "language": language,
        "is_demo": install_of(request).is_demo,
        "install": install_of(request).settings.install,
        "version": __version__,
        "path": request.url.path,
        "menu": MENU,
        "sentence": partial(sentence, names=names, language=language),
        "span": partial(wording.span, zone=install_of(request).settings.time_zone, language=language),
        "month_name": partial(wording.month_name, language=language),
        "duration": partial(wording.duration, language=language),
        "place": partial(place, names=names, language=language),
    }
    return HTMLResponse(environment.get_template(template).render({**shared, **shown}), status)


def language_of(request: Request) -> str:
    """Return the language of the account, else the one asked for in the address, else French."""
    visit = getattr(request.state, "visit", None)
    wanted = visit.person.language if visit else request.query_params.get("lang", "")
    return wanted if wanted in wording.LANGUAGES else wording.LANGUAGES[0]


def translator(request: Request) -> Callable[[str], str]:
    """Return the translation of single texts into the language of the reader."""
    return wording.translations(language_of(request)).gettext


def sentence(summary: Summary, names: Mapping[str, str], language: str) -> str:
    """Return what an incident is, in one sentence; of a member view only what is the viewer's own."""
    if summary.is_whole:
        return wording.tied(summary.title)
    _ = wording.translations(language)
    own = ", ".join(names.get(one, one) for one in summary.communes)
    if summary.lane == "shared":
        text = _.gettext("Incident on equipment shared by several communes")
    else:
        text = _.gettext("Incident seen in several communes")
    if own:
        text += wording.tied(" : ") + own if language == "fr" else ": " + own
    if summary.others:
        text += " " + _.ngettext("and %(num)d other commune", "and %(num)d other communes", summary.others) % {
            "num": summary.others
        }
    return text


def place(lane: str, names: Mapping[str, str], language: str) -> str:
    """Return whose an incident is: the commune's name, or what its lane means."""
    return wording.translations(language).gettext(wording.LANES[lane]) if lane in wording.LANES else names.get(lane, lane)


@cache
def _environment(language: str, zone: str) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    catalogue = wording.translations(language)
    environment.install_gettext_callables(catalogue.gettext, catalogue.ngettext, newstyle=True)  # type: ignore[attr-defined] # added by the extension
    environment.filters |= _filters(language, zone)
    environment.globals |= {
        "STATUSES": wording.STATUSES,
        "VERDICTS": wording.VERDICTS,
        "SEVERITIES": wording.SEVERITIES,
        "ROLES": wording.ROLES,
        "KINDS": wording.KINDS,
        "PARTS": wording.PARTS,
        "Severity": Severity,
    }
    return environment


def _filters(language: str, zone: str) -> dict[str, Callable[..., str]]:
    return {
        "moment": partial(wording.day_and_time, zone=zone, language=language),
        "short": partial(wording.short, zone=zone, language=language),
        "day": partial(wording.day, zone=zone, language=language),
        "figure": partial(wording.number, language=language),
        "iso": datetime.isoformat,
    }
