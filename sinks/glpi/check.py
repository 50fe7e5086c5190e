"""What keeps tickets from being made in a GLPI, each with what would be right."""

from collections.abc import Iterator

from correlator.errors import Problem, TocsinError
from sinks.glpi.sending import external_option, find_tickets
from sinks.glpi.server import Session
from sinks.glpi.settings import GlpiSettings

_UPDATE, _CREATE = 2, 4
_ALL_TICKETS = 1024  # « See all tickets »

Fault = tuple[str, str]


def check(name: str, settings: GlpiSettings) -> list[Problem]:
    """Return every problem of the sink ``name``."""
    try:
        with settings.server.session() as session:
            faults = list(_faults(session, settings))
    except TocsinError as error:
        faults = [(str(error), "mend it, then check again")]
    return [Problem(f"sink {name}", 0, what, right) for what, right in faults]


def _faults(session: Session, settings: GlpiSettings) -> Iterator[Fault]:
    there = ", ".join(f"{number} {name}" for number, name in sorted(session.entities.items()))
    hidden = [entity for entity in settings.all_entities if entity not in session.entities]
    for entity in hidden:
        yield f"the account does not see entity {entity}", f"it sees: {there}; give its profile that entity"
    yield from _unmapped(settings)
    yield from _right_faults(session)
    if not hidden:
        find_tickets(session, "tocsin:check", settings.all_entities)
    version = _version(session)
    if version.startswith(("11.", "12.")) and external_option(session) is None:
        yield f"GLPI {version} shows no search option Ticket.externalid", "may the account's profile read tickets?"


def _unmapped(settings: GlpiSettings) -> Iterator[Fault]:
    known = settings.house.communes
    if settings.entities:
        for commune in sorted(set(known) - set(settings.entities)):
            what = f"commune {commune} ({known[commune]}) has no entity: its tickets go to {settings.entity}"
            yield what, f'write "{commune}" = … under [sink.entities]'
    for commune in sorted(set(settings.entities) - set(known)) if known else ():
        yield f"entities: the estate has no commune {commune!r}", f"one of: {', '.join(sorted(known))}"


def _right_faults(session: Session) -> Iterator[Fault]:
    """Yield what the active profile lacks; GLPI's rights are sums of bits."""
    profile = session.get("/getActiveProfile").get("active_profile") or {}
    name = profile.get("name", "?")
    rights = int(profile.get("ticket") or 0)
    for bit, word in ((_CREATE, "create tickets"), (_UPDATE, "update tickets"), (_ALL_TICKETS, "see all tickets")):
        if not rights & bit:
            yield f"profile {name!r} may not {word}", "give the account a profile that may (Administration, Profiles)"
    if not int(profile.get("followup") or 0):
        yield f"profile {name!r} may not add follow-ups", "give it follow-ups on all tickets"
    if not int(profile.get("document") or 0) & _CREATE:
        yield f"profile {name!r} may not add documents", "give it documents: create"


def _version(session: Session) -> str:
    told = session.get("/getGlpiConfig").get("cfg_glpi") or {}
    return str(told.get("version") or "")
