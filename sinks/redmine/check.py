"""What keeps tickets from being made in a Redmine, each with what would be right."""

from collections.abc import Iterator

from correlator.deliver.contract import Gone
from correlator.errors import Fatal, Problem, TocsinError
from sinks.redmine.names import Names, ask_names
from sinks.redmine.server import Server, Session, named
from sinks.redmine.settings import RedmineSettings

_NEEDED = ("view_issues", "add_issues", "edit_issues", "add_issue_notes", "manage_issue_relations")
_PRIVATE = "set_issues_private"

Fault = tuple[str, str]


def check(name: str, settings: RedmineSettings, server: Server) -> list[Problem]:
    """Return every problem of the sink ``name``."""
    try:
        with server.session() as session:
            faults = list(_faults(session, settings))
    except TocsinError as error:
        faults = [(str(error), "mend it, then check again")]
    return [Problem(f"sink {name}", 0, what, right) for what, right in faults]


def _faults(session: Session, settings: RedmineSettings) -> Iterator[Fault]:
    session.sign_in()
    for project in settings.all_projects:
        yield from _project_faults(session, settings, project)
    yield from _unmapped(settings)
    try:
        names = ask_names(session, settings.field, settings.field_id, settings.all_projects)
        session.search(names.field_id, "tocsin:check")
    except Fatal as error:
        yield str(error), "without it, nothing is sent"
        return
    yield from _name_faults(names, settings)


def _unmapped(settings: RedmineSettings) -> Iterator[Fault]:
    """Yield communes without a project, when others have one: an omission, or so it looks."""
    known = settings.house.communes
    if settings.projects:
        for commune in sorted(set(known) - set(settings.projects)):
            what = f"commune {commune} ({known[commune]}) has no project: its tickets go to {settings.project!r}"
            yield what, f'write "{commune}" = "…" under [sink.projects]'
    for commune in sorted(set(settings.projects) - set(known)) if known else ():
        yield f"projects: the estate has no commune {commune!r}", f"one of: {', '.join(sorted(known))}"


def _project_faults(session: Session, settings: RedmineSettings, project: str) -> Iterator[Fault]:
    try:
        told = session.get(f"/projects/{project}.json", include="trackers,enabled_modules")["project"]
    except Gone:
        yield f"no project {project!r}", "its identifier is the last part of the address of its page"
        return
    except TocsinError as error:
        yield f"project {project!r} cannot be seen: {error}", "make the account a member of it"
        return
    if told.get("is_public") and not settings.private:
        yield f"project {project!r} is public: everybody would read incidents", "make it private, or set private = true"
    if not named(told.get("trackers") or (), settings.tracker):
        there = ", ".join(one["name"] for one in told.get("trackers") or ()) or "none"
        yield f"project {project!r} has no tracker {' or '.join(settings.tracker)}", f"there is: {there}; set tracker"
    missing = sorted(_needed(settings) - _rights(session, told))
    if missing:
        yield f"project {project!r}: the account lacks {', '.join(missing)}", "give them to its role, and it the role there"


def _needed(settings: RedmineSettings) -> set[str]:
    return {*_NEEDED, _PRIVATE} if settings.private else set(_NEEDED)


def _rights(session: Session, project: dict[str, object]) -> set[str]:
    """Return what the account may do in a project."""
    user = session.sign_in()
    if user.get("admin"):
        return {*_NEEDED, _PRIVATE}
    roles = {
        role["id"]
        for membership in user.get("memberships") or ()
        if membership["project"]["id"] == project["id"]
        for role in membership["roles"]
    }
    return {right for role in roles for right in session.get(f"/roles/{role}.json")["role"]["permissions"]}


def _name_faults(names: Names, settings: RedmineSettings) -> Iterator[Fault]:
    for status, wanted in settings.statuses.items():
        found = named(names.statuses, wanted)
        if found is None:
            there = ", ".join(str(one["name"]) for one in names.statuses)
            yield f"no status {' or '.join(wanted)} for {status}", f"there is: {there}; set it under [sink.statuses]"
        elif status in {"closed", "merged"} and not found.get("is_closed"):
            yield f"status {found['name']!r} for {status} is no closing status in Redmine", "choose one that closes tickets"
    for level, wanted in settings.priorities.items():
        if named(names.priorities, wanted) is None:
            there = ", ".join(str(one["name"]) for one in names.priorities)
            yield f"no priority {' or '.join(wanted)} for {level}", f"there is: {there}; set it under [sink.priorities]"
