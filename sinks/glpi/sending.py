"""Finding tickets and sending one change: what was written already is not written again; what was written is read back."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from correlator.deliver.contract import Request
from correlator.deliver.story import cut
from correlator.errors import Fatal, Reject, Retry
from sinks.glpi.markup import plain_end
from sinks.glpi.server import Session
from sinks.glpi.settings import CLOSED, GlpiSettings

_NAME = 250
_DOUBLE = "tocsin:double"
_LINK, _DUPLICATE = 1, 2
_Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """The requests of one change, by what they do."""

    external_id: str
    mark: str
    ticket: Mapping[str, Any] | None
    comment: Mapping[str, Any] | None
    document: tuple[str, bytes] | None
    links: tuple[str, ...]

    @classmethod
    def of(cls, requests: Sequence[Request]) -> "Plan":
        """Return the plan that ``requests`` spell out. Raises Fatal when there is none."""
        if not requests:
            raise Fatal("nothing to send: no ticket among the requests")
        told = [(request, orjson.loads(request.body)) for request in requests]
        whole: _Json = {}
        for _, body in told:
            whole |= body
        documents = [(_file_of(request), request.body) for request, body in told if "incident" in body]
        return cls(
            whole["external_id"],
            requests[0].headers["Idempotency-Key"],
            whole.get("ticket"),
            whole.get("comment"),
            documents[0] if documents else None,
            tuple(body["link"] for _, body in told if "link" in body),
        )


def find_tickets(session: Session, external_id: str, entities: Sequence[int]) -> tuple[str, ...]:
    """Return the numbers of every ticket of the incident, the oldest first.

    Raises Fatal when the account does not see an entity where one could be: GLPI would answer 200 and nothing found.
    """
    hidden = [str(entity) for entity in entities if entity not in session.entities]
    if hidden:
        raise Fatal(f"{session.server.url}: the account does not see entity {', '.join(hidden)}; give it a profile there")
    option = external_option(session)
    wanted = f"^{external_id}$" if option else f"[{external_id}]"
    chosen = option or name_option(session)
    params = {
        "criteria[0][field]": str(chosen), "criteria[0][searchtype]": "contains", "criteria[0][value]": wanted,
        "forcedisplay[0]": "2", "forcedisplay[1]": str(chosen), "range": "0-99",
    }  # fmt: skip
    rows = session.get("/search/Ticket", **params).get("data") or []
    exact = [row for row in rows if _is_it(str(row.get(str(chosen)) or ""), external_id, by_name=option is None)]
    return tuple(sorted((str(row["2"]) for row in exact), key=int))


def external_option(session: Session) -> int | None:
    """Return the number of the search option for the external id; None where GLPI has none (10 and before)."""
    return _option(session, "Ticket.externalid", "externalid")


def name_option(session: Session) -> int:
    """Return the number of the search option for the title. Raises Fatal when the account is not shown it."""
    found = _option(session, "Ticket.name", "name")
    if found is None:
        raise Fatal(f"{session.server.url}: tickets cannot be searched by title; may the account read tickets?")
    return found


def _option(session: Session, uid: str, column: str) -> int | None:
    options = session.get("/listSearchOptions/Ticket")
    for number, option in options.items() if isinstance(options, dict) else ():
        if not number.isdigit() or not isinstance(option, dict):
            continue
        if option.get("uid") == uid or (option.get("field") == column and option.get("table") == "glpi_tickets"):
            return int(number)
    return None


def _is_it(value: str, external_id: str, *, by_name: bool) -> bool:
    return value.startswith(f"[{external_id}]") if by_name else value == external_id


@dataclass(slots=True)
class Sending:
    """One session's writes."""

    session: Session
    settings: GlpiSettings

    def send(self, plan: Plan, number: str | None) -> str:
        """Make the ticket or write the follow-up, then document and links; return the ticket's number."""
        if number is None:
            number = self._create(plan)
        elif plan.comment is not None:
            self._comment(plan, plan.comment, number)
        self._link(number, plan.links)
        return number

    def close_double(self, keep: str, double: str) -> None:
        """Link ``double`` to ``keep`` and close it with a follow-up, once."""
        if int(self.session.ticket(double)["status"]) == CLOSED:
            return
        self._link_to(double, keep, _DUPLICATE)
        if not self._says(double, _DOUBLE):
            words = f"<p>Ce ticket double le ticket n° {keep}, où tout continue. (écrit par Tocsin, {_DOUBLE})</p>"
            self._write("ITILFollowup", double, {"content": words, "is_private": 0})
        self._set(double, {"status": CLOSED})

    def _create(self, plan: Plan) -> str:
        values = dict(plan.ticket or {})
        if external_option(self.session):
            values |= {"externalid": plan.external_id, "name": cut(values["name"], _NAME)}
        else:
            values["name"] = cut(f"[{plan.external_id}] {values['name'].partition('] ')[2]}", _NAME)
        number = str(self.session.add("Ticket", values))
        made = self.session.ticket(number)
        if int(made["entities_id"]) != values["entities_id"]:
            self._set(number, {"entities_id": values["entities_id"]})
        key = "externalid" if "externalid" in values else "name"
        if str(made.get(key) or "") != values[key]:
            self._set(number, {key: values[key]})
        self._attach(plan, number)
        return number

    def _comment(self, plan: Plan, comment: Mapping[str, Any], number: str) -> None:
        ticket = self.session.ticket(number)
        if self._said_at_creation(ticket, plan.mark):
            if not self.session.of_ticket(number, "Document_Item"):
                self._attach(plan, number)
            return
        values = self._values(comment, ticket)
        reopens = values.get("status", CLOSED) < int(ticket["status"])
        if reopens:  # a closed ticket takes no follow-up
            self._set(number, values)
        if not self._says(number, plan.mark):
            self._attach(plan, number)
            self._write(comment["as"], number, {"content": comment["content"], "is_private": comment["is_private"]})
        if values and not reopens:
            self._set(number, values)

    def _values(self, comment: Mapping[str, Any], ticket: _Json) -> dict[str, int]:
        """Return what to change; a status that people have moved on themselves stays."""
        values: dict[str, int] = {}
        current = int(ticket["status"])
        if "status" in comment and comment["status"] != current and comment.get("status_from", current) == current:
            values["status"] = comment["status"]
        if "gravity" in comment:
            values |= dict.fromkeys(("urgency", "impact", "priority"), comment["gravity"])
        return values

    def _set(self, number: str, values: Mapping[str, Any]) -> None:
        """Change a ticket and read it back: GLPI answers true to what its rules, templates or faults undo."""
        self.session.change("Ticket", number, values)
        after = self.session.ticket(number)
        wrong = {key: after.get(key) for key, value in values.items() if str(after.get(key)) != str(value)}
        wrong = {key: value for key, value in wrong.items() if key in {"status", "entities_id", "externalid", "name"}}
        if wrong:
            told = ", ".join(f"{key} is {value!r}, not {values[key]!r}" for key, value in wrong.items())
            raise Reject(f"ticket {number} did not take what was set: {told}; look at rights, rules and the entity's settings")

    def _write(self, kind: str, number: str, values: Mapping[str, Any]) -> None:
        own = {key: value for key, value in values.items() if kind == "ITILFollowup" or key != "is_private"}
        self.session.add(kind, {"itemtype": "Ticket", "items_id": int(number), **own})

    def _attach(self, plan: Plan, number: str) -> None:
        """Give the ticket a file; where GLPI keeps it without hanging it on the ticket, hang it there."""
        if plan.document is None:
            return
        name, content = plan.document
        manifest = {"input": {"name": name, "_filename": [name], "itemtype": "Ticket", "items_id": int(number)}}
        files = [
            ("uploadManifest", (None, orjson.dumps(manifest), "application/json")),
            ("filename[0]", (name, content, "text/plain")),
        ]
        made = self.session.ask("POST", "/Document", files=files).json()
        if not isinstance(made, dict) or not made.get("id"):
            raise Retry(f"the document {name} was not kept: {made!r}")
        refused = [one["error"] for one in (made.get("upload_result") or {}).get("filename") or () if one.get("error")]
        if refused:
            self.session.ask("DELETE", f"/Document/{made['id']}", params={"force_purge": "true"})  # it has no file
            raise Reject(f"the file {name} was refused: {refused[0]}; allow .txt in Setup, Dropdowns, Document types")
        hanging = {int(one.get("documents_id") or 0) for one in self.session.of_ticket(number, "Document_Item")}
        if int(made["id"]) not in hanging:
            self.session.add("Document_Item", {"documents_id": made["id"], "itemtype": "Ticket", "items_id": int(number)})

    def _says(self, number: str, mark: str) -> bool:
        """Say whether a follow-up or solution ends with this mark."""
        texts = [*self.session.of_ticket(number, "ITILFollowup"), *self.session.of_ticket(number, "ITILSolution")]
        return any(_bears(str(one.get("content") or ""), mark) for one in texts)

    def _said_at_creation(self, ticket: _Json, mark: str) -> bool:
        return _bears(str(ticket.get("content") or ""), mark)

    def _link(self, number: str, others: Sequence[str]) -> None:
        """Link the ticket with those of other incidents, as far as they have one yet: theirs will link back."""
        for other in others:
            for found in find_tickets(self.session, other, self.settings.all_entities)[:1]:
                self._link_to(number, found, _LINK)

    def _link_to(self, number: str, other: str, kind: int) -> None:
        there = self.session.of_ticket(number, "Ticket_Ticket")
        pairs = {frozenset({str(one.get("tickets_id_1")), str(one.get("tickets_id_2"))}) for one in there}
        if number != other and frozenset({number, other}) not in pairs:
            self.session.add("Ticket_Ticket", {"tickets_id_1": int(number), "tickets_id_2": int(other), "link": kind})


def _bears(html: str, mark: str) -> bool:
    return re.search(rf"écrit par Tocsin, {re.escape(mark)}\)$", plain_end(html)) is not None


def _file_of(request: Request) -> str:
    return parse_qs(urlsplit(request.target).query)["filename"][0]
