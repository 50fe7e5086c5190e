"""Incidents as tickets of a GLPI, over its REST API (``apirest.php``, GLPI 9.5 to 11): one ticket per incident, in its entity.

**Not yet proved on a real GLPI**: written from its documentation and sources, tested against a double that an independent
client drives too. Run ``tocsin sinks check`` and ``tocsin sinks test`` before you rely on it, and tell us what you see.

Settings: ``url`` (ends in ``/apirest.php``), ``user_token_env`` or ``user_token_file`` (the API token of Tocsin's own account),
``app_token_env`` or ``app_token_file`` (when the API client asks for one), ``entity`` (number of the IT department's entity:
shared, cross-commune and unattributed incidents, and communes without an entity), ``entities`` (commune id → number of entity),
``private`` (false: private follow-ups), ``recreate`` (false: a ticket that somebody deleted stays deleted), ``timeout_s`` (10),
``ca_file``, ``allow_http``.

What happens to an incident becomes a follow-up with what has changed; resolving or closing it becomes a solution; status,
urgency and links follow; the incident's document is attached when the ticket is made, when evidence is added and at the end.
GLPI 11 keeps the incident's id in ``externalid``; GLPI 10 has no such field that can be searched, so there the title begins
with ``[<install>:<number>]``, and must keep it. After each write the ticket is read back: GLPI answers 200 and 207 to what it
did not do.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from correlator.deliver.contract import Change, ExternalRef, Gone, IncidentChange, RemoteState, Request, SinkKind
from correlator.deliver.story import Section, attached, closing_words, marker, news, one_line, opening
from correlator.errors import Problem
from sinks.glpi.check import check
from sinks.glpi.markup import write
from sinks.glpi.sending import Plan, Sending, find_tickets
from sinks.glpi.settings import CLOSED, GRAVITY, NEW, SOLVED, STATUSES, GlpiSettings, read_settings

_TEXT = 30_000
_ATTACHED = frozenset({Change.OPENED, Change.EVIDENCE, Change.RESOLVED, Change.CLOSED})
_DECIDED: Mapping[Change, int] = {
    Change.RESOLVED: SOLVED, Change.CLOSED: CLOSED, Change.REOPENED: NEW, Change.MERGED: CLOSED,
}  # fmt: skip
_SOLVES = frozenset({Change.RESOLVED, Change.CLOSED, Change.MERGED})


class GlpiSink:
    """One GLPI; a session for each delivery, ended after it."""

    def __init__(self, name: str, settings: GlpiSettings) -> None:
        self.name = name
        self.recreate = settings.recreate
        self._settings = settings

    def __repr__(self) -> str:
        """Return the sink with its address; tokens are not held, only where they are."""
        return f"GlpiSink({self.name!r}, {self._settings.server.url!r})"

    def render(self, change: IncidentChange, ref: ExternalRef | None) -> tuple[Request, ...]:
        """Return the requests; the title, and where the incident's id goes, depend on GLPI's version: ``send`` knows it."""
        requests = [self._creation(change) if ref is None else self._comment(change, ref)]
        if ref is None or change.change in _ATTACHED:
            document = {"v": change.v, "change": str(change.change), "incident": attached(change.incident)}
            requests.append(self._request(change, "POST", f"/Document?filename={_file_name(change)}", document))
        install = change.external_id.rpartition(":")[0]
        links = [f"{install}:{link['number']}" for link in change.incident["links"]]
        return (*requests, *(self._request(change, "POST", "/Ticket_Ticket", {"link": other}) for other in links))

    def find(self, external_id: str) -> ExternalRef | None:
        """Return the oldest ticket of the incident. Raises Fatal when the answer could not be believed."""
        return next(iter(self.find_all(external_id)), None)

    def find_all(self, external_id: str) -> tuple[ExternalRef, ...]:
        """Return every ticket of the incident, the oldest first."""
        with self._settings.server.session() as session:
            found = find_tickets(session, external_id, self._settings.all_entities)
        return tuple(self._ref(external_id, number) for number in found)

    def send(self, requests: tuple[Request, ...], ref: ExternalRef | None) -> ExternalRef:
        """Send, read back, and return where the ticket is."""
        plan = Plan.of(requests)
        with self._settings.server.session() as session:
            number = Sending(session, self._settings).send(plan, ref.remote_id if ref else None)
        return self._ref(plan.external_id, number)

    def read(self, ref: ExternalRef) -> RemoteState:
        """Return what GLPI holds: status, and whether people consider it done."""
        with self._settings.server.session() as session:
            try:
                ticket = session.ticket(ref.remote_id)
            except Gone:
                return RemoteState(exists=False)
        status = int(ticket["status"])
        fields = {"entity": str(ticket["entities_id"]), "name": str(ticket["name"]), "urgency": str(ticket["urgency"])}
        return RemoteState(exists=True, status=str(status), closed=status >= SOLVED, fields=fields)

    def close_double(self, keep: ExternalRef, double: ExternalRef) -> None:
        """Link ``double`` to ``keep`` and close it with a follow-up."""
        with self._settings.server.session() as session:
            Sending(session, self._settings).close_double(keep.remote_id, double.remote_id)

    def check(self) -> list[Problem]:
        """Return what keeps tickets from being made: identity, entities, rights, where the incident's id goes."""
        return check(self.name, self._settings)

    def _ref(self, external_id: str, number: str) -> ExternalRef:
        base = self._settings.server.url.removesuffix("/apirest.php")
        return ExternalRef(external_id, number, f"{base}/front/ticket.form.php?id={number}")

    def _request(self, change: IncidentChange, method: str, path: str, body: Mapping[str, Any]) -> Request:
        headers = {"Content-Type": "application/json", "User-Agent": "tocsin", "Idempotency-Key": marker(change)}
        named = {"external_id": change.external_id, "sequence": change.sequence, **body}
        return Request(method, f"{self._settings.server.url}{path}", headers, orjson.dumps(named))

    def _creation(self, change: IncidentChange) -> Request:
        incident, chosen = change.incident, self._settings
        gravity = GRAVITY[incident["severity"]]
        ticket = {
            "name": one_line(f"[{incident['number']}] {incident['title']}"),
            "content": self._text(opening(change, chosen.house), change),
            "entities_id": chosen.entity_of(incident["lane"]),
            "type": 1,
            "status": STATUSES[incident["status"]],
            **dict.fromkeys(("urgency", "impact", "priority"), gravity),
        }
        return self._request(change, "POST", "/Ticket", {"ticket": ticket})

    def _comment(self, change: IncidentChange, ref: ExternalRef) -> Request:
        incident, chosen = change.incident, self._settings
        before = incident.get("before") or {}
        body: dict[str, Any] = {
            "content": self._text(news(change, chosen.house), change),
            "as": "ITILSolution" if change.change in _SOLVES else "ITILFollowup",
            "is_private": int(chosen.private),
        }
        if change.change in _DECIDED:
            body["status"] = _DECIDED[change.change]
        elif incident["status"] != "new" and incident["status"] != before.get("status"):
            body |= {"status": STATUSES[incident["status"]], "status_from": NEW}
        if before.get("severity") not in {None, incident["severity"]}:
            body["gravity"] = GRAVITY[incident["severity"]]
        return self._request(change, "PUT", f"/Ticket/{ref.remote_id}", {"comment": body})

    def _text(self, sections: Sequence[Section], change: IncidentChange) -> str:
        return write(sections, closing_words(change, self._settings.house), _TEXT)


def _file_name(change: IncidentChange) -> str:
    """Return the name of the document: JSON, called .txt, because GLPI refuses types that it was not told of."""
    return f"incident-{change.incident['number']}-{change.sequence}.txt"


def _make(name: str, settings: Mapping[str, Any]) -> GlpiSink:
    return GlpiSink(name, read_settings(name, settings))


SINK = SinkKind("glpi", _make, needs=("public_url", "time_zone", "communes"))
