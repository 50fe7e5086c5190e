"""Incidents as tickets of a Redmine: one ticket per incident, in the project of its commune.

Settings: ``url``, ``key_env`` or ``key_file`` (where the API key of Tocsin's own account is), ``project`` (identifier of the IT
department's project: shared, cross-commune and unattributed incidents, and communes without a project), ``projects`` (commune
id → project identifier), ``tracker``, ``field`` (name of the text custom field that holds the incident's id; default
« Incident Tocsin »), ``field_id`` (its number; needed when the account cannot see it, ``sinks check`` says so), ``statuses``
(our status → name: new, acknowledged, "in progress", resolved, closed, merged), ``priorities`` (level → name), ``private``
(false: private tickets), ``recreate`` (false: a ticket that somebody deleted stays deleted), ``formatting`` (textile or
markdown, as Redmine is set), ``timeout_s`` (10), ``ca_file``, ``allow_http``.

What happens to an incident becomes a comment with what has changed; status, priority and links follow; the incident's document
is attached when the ticket is made, when evidence is added and at the end. A status that people set in Redmine is not moved
back by news about the incident, only by deciding about the incident here. Each comment ends with a mark,
``<install>:<number>#<change>``, so nothing is said twice after a lost answer. After each write the ticket is read back: Redmine
answers 204 to a status that it does not change.

Seen with Redmine 5.0. Redmine 4.2 and 5.1 have the same API; before 4.2 projects do not tell their custom fields: write
``field_id``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from correlator.deliver.contract import Change, ExternalRef, Gone, IncidentChange, RemoteState, Request, SinkKind
from correlator.deliver.story import Section, attached, closing_words, marker, news, opening, subject
from correlator.errors import Fatal, Problem
from sinks.redmine.check import check
from sinks.redmine.markup import write
from sinks.redmine.names import Names, ask_names
from sinks.redmine.sending import Plan, Sending
from sinks.redmine.server import Server, Session
from sinks.redmine.settings import RedmineSettings, read_settings

_SUBJECT, _TEXT = 255, 30_000
_ATTACHED = frozenset({Change.OPENED, Change.EVIDENCE, Change.RESOLVED, Change.CLOSED})
_DECIDED: Mapping[Change, str] = {
    Change.RESOLVED: "resolved", Change.CLOSED: "closed", Change.REOPENED: "new", Change.MERGED: "merged",
}  # fmt: skip


class RedmineSink:
    """One Redmine; keeps the names it asked for, five minutes."""

    def __init__(self, name: str, settings: RedmineSettings) -> None:
        self.name = name
        self.recreate = settings.recreate
        self._settings = settings
        self._server = Server(settings.url, settings.key, settings.web)
        self._names: Names | None = None
        self._lost: str | None = None  # number of a ticket that did not keep its field

    def __repr__(self) -> str:
        """Return the sink with its address; the key is not held, only where it is."""
        return f"RedmineSink({self.name!r}, {self._settings.url!r})"

    def render(self, change: IncidentChange, ref: ExternalRef | None) -> tuple[Request, ...]:
        """Return the requests, with names where Redmine wants numbers: ``send`` looks them up."""
        has_file = ref is None or change.change in _ATTACHED
        requests = [self._upload(change)] if has_file else []
        requests.append(self._creation(change) if ref is None else self._comment(change, ref, has_file=has_file))
        return (*requests, *self._relations(change, ref))

    def find(self, external_id: str) -> ExternalRef | None:
        """Return the oldest ticket of the incident. Raises Fatal when the answer could not be believed."""
        return next(iter(self.find_all(external_id)), None)

    def find_all(self, external_id: str) -> tuple[ExternalRef, ...]:
        """Return every ticket of the incident, the oldest first."""
        with self._server.session() as session:
            names = self._known(session)
            self._doubted(session, names)
            return tuple(session.ref(external_id, one) for one in session.search(names.field_id, external_id))

    def send(self, requests: tuple[Request, ...], ref: ExternalRef | None) -> ExternalRef:
        """Send, read back, and return where the ticket is."""
        with self._server.session() as session:
            sending = Sending(session, self._known(session), self._settings)
            try:
                done = sending.send(Plan.of(requests), ref)
            finally:
                self._lost = sending.lost or self._lost
        return done

    def read(self, ref: ExternalRef) -> RemoteState:
        """Return what Redmine holds: status, and whether people closed it."""
        with self._server.session() as session:
            try:
                issue = session.issue(ref.remote_id)
            except Gone:
                return RemoteState(exists=False)
        fields = {"project": issue["project"]["name"], "subject": issue["subject"], "priority": issue["priority"]["name"]}
        return RemoteState(
            exists=True, status=issue["status"]["name"], closed=bool(issue["status"].get("is_closed")), fields=fields
        )

    def close_double(self, keep: ExternalRef, double: ExternalRef) -> None:
        """Link ``double`` to ``keep`` and close it with a comment."""
        with self._server.session() as session:
            Sending(session, self._known(session), self._settings).close_double(keep, double)

    def check(self) -> list[Problem]:
        """Return what keeps tickets from being made: identity, rights in each project, field, statuses, priorities."""
        return check(self.name, self._settings, self._server)

    def _known(self, session: Session) -> Names:
        if self._names is None or not self._names.fresh:
            chosen = self._settings
            self._names = ask_names(session, chosen.field, chosen.field_id, chosen.all_projects)
        return self._names

    def _doubted(self, session: Session, names: Names) -> None:
        """Find nothing while a ticket without its field shows that nothing could be found: that would make a second one."""
        if self._lost is None:
            return
        if not Sending(session, names, self._settings).mend_field(self._lost):
            what = f"ticket {self._lost} did not keep the field {self._settings.field!r}"
            raise Fatal(f"{self._settings.url}: {what}; give the field to its tracker and project, then set it there")
        self._lost = None

    def _request(self, change: IncidentChange, method: str, path: str, body: Mapping[str, Any]) -> Request:
        headers = {"Content-Type": "application/json", "User-Agent": "tocsin", "Idempotency-Key": marker(change)}
        named = {"external_id": change.external_id, "sequence": change.sequence, **body}
        return Request(method, f"{self._settings.url}{path}", headers, orjson.dumps(named))

    def _upload(self, change: IncidentChange) -> Request:
        path = f"/uploads.json?filename={_file_name(change)}"
        return self._request(
            change, "POST", path, {"v": change.v, "change": str(change.change), "incident": attached(change.incident)}
        )

    def _creation(self, change: IncidentChange) -> Request:
        incident, chosen = change.incident, self._settings
        issue = {
            "project": chosen.project_of(incident["lane"]),
            "tracker": list(chosen.tracker),
            "subject": subject(incident, _SUBJECT),
            "description": self._text(opening(change, chosen.house), change),
            "status": list(chosen.statuses[incident["status"]]),
            "priority": list(chosen.priorities[incident["severity"]]),
            "is_private": chosen.private,
            "field": {"name": chosen.field, "value": change.external_id},
            "uploads": [_file_name(change)],
        }
        return self._request(change, "POST", "/issues.json", {"issue": issue})

    def _comment(self, change: IncidentChange, ref: ExternalRef, *, has_file: bool) -> Request:
        incident, chosen = change.incident, self._settings
        before = incident.get("before") or {}
        issue: dict[str, Any] = {"notes": self._text(news(change, chosen.house), change)}
        if change.change in _DECIDED:
            issue["status"] = list(chosen.statuses[_DECIDED[change.change]])
        elif incident["status"] != "new" and incident["status"] != before.get("status"):
            issue["status"] = list(chosen.statuses[incident["status"]])
            issue["status_from"] = list(chosen.statuses["new"])
        if before.get("severity") not in {None, incident["severity"]}:
            issue["priority"] = list(chosen.priorities[incident["severity"]])
        if has_file:
            issue["uploads"] = [_file_name(change)]
        return self._request(change, "PUT", f"/issues/{ref.remote_id}.json", {"issue": issue})

    def _relations(self, change: IncidentChange, ref: ExternalRef | None) -> tuple[Request, ...]:
        install = change.external_id.rpartition(":")[0]
        path = f"/issues/{ref.remote_id if ref else '{id}'}/relations.json"
        bodies = [{"to": f"{install}:{link['number']}", "relation_type": "relates"} for link in change.incident["links"]]
        return tuple(self._request(change, "POST", path, {"relation": body}) for body in bodies)

    def _text(self, sections: Sequence[Section], change: IncidentChange) -> str:
        words = closing_words(change, self._settings.house)
        return write(sections, words, self._settings.formatting, _TEXT)


def _file_name(change: IncidentChange) -> str:
    return f"incident-{change.incident['number']}-{change.sequence}.json"


def _make(name: str, settings: Mapping[str, Any]) -> RedmineSink:
    return RedmineSink(name, read_settings(name, settings))


SINK = SinkKind("redmine", _make, needs=("public_url", "time_zone", "communes"))
