"""Sending one change: what was written already is not written again; what was written is read back."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from correlator.deliver.contract import ExternalRef, Gone, Request
from correlator.errors import Fatal, Reject
from sinks.redmine.names import Names
from sinks.redmine.server import Session, value_of
from sinks.redmine.settings import RedmineSettings

_Json = dict[str, Any]
_DOUBLE = "tocsin:double"


@dataclass(frozen=True, slots=True)
class Plan:
    """The requests of one change, by what they do; ``uploads`` are (file name, content)."""

    external_id: str
    mark: str
    issue: Mapping[str, Any]
    uploads: tuple[tuple[str, bytes], ...]
    relations: tuple[str, ...]

    @classmethod
    def of(cls, requests: Sequence[Request]) -> "Plan":
        """Return the plan that ``requests`` spell out. Raises Fatal when there is no ticket among them."""
        told = [(request, orjson.loads(request.body)) for request in requests]
        issue = next(((request, body) for request, body in told if "issue" in body), None)
        if issue is None:
            raise Fatal("nothing to send: no ticket among the requests")
        uploads = tuple((_file_of(request), request.body) for request, body in told if "incident" in body)
        relations = tuple(body["relation"]["to"] for _, body in told if "relation" in body)
        return cls(issue[1]["external_id"], issue[0].headers["Idempotency-Key"], issue[1]["issue"], uploads, relations)


@dataclass(slots=True)
class Sending:
    """One session's writes. ``lost``: number of a ticket that did not keep its field, if that happened."""

    session: Session
    names: Names
    settings: RedmineSettings
    lost: str | None = None
    uploaded: list[_Json] = field(default_factory=list)

    def send(self, plan: Plan, ref: ExternalRef | None) -> ExternalRef:
        """Make the ticket or write the comment, then the relations; return where the ticket is."""
        issue = self._create(plan) if ref is None else self._comment(plan, ref)
        self._relate(issue, plan.relations)
        return self.session.ref(plan.external_id, issue)

    def mend_field(self, number: str) -> bool:
        """Say whether a ticket that had lost its field has it now, that somebody mended the field or the ticket."""
        try:
            return bool(value_of(self.session.issue(number), self.names.field_id))
        except Gone:
            return True

    def close_double(self, keep: ExternalRef, double: ExternalRef) -> None:
        """Link ``double`` to ``keep`` and close it with a comment, once."""
        issue = self.session.issue(double.remote_id)
        wanted = self.names.status(self.settings.statuses["merged"])
        self._relate_to(issue, keep.remote_id, "duplicates")
        if _says(issue, _DOUBLE) and issue["status"]["id"] == wanted["id"]:
            return
        words = f"Ce ticket double le ticket n° {keep.remote_id}, où tout continue. (écrit par Tocsin, {_DOUBLE})"
        self._write(issue, {"notes": words, "status_id": wanted["id"]}, wanted)

    def _create(self, plan: Plan) -> _Json:
        chosen = plan.issue
        body = {
            "project_id": chosen["project"],
            "tracker_id": self.names.tracker(chosen["tracker"]),
            "subject": chosen["subject"],
            "description": chosen["description"],
            "status_id": self.names.status(chosen["status"])["id"],
            "priority_id": self.names.priority(chosen["priority"]),
            "is_private": chosen["is_private"],
            "custom_fields": [{"id": self.names.field_id, "value": plan.external_id}],
            "uploads": self._upload(plan),
        }
        try:
            made = self.session.ask("POST", "/issues.json", json={"issue": body}).json()["issue"]
        except Gone as error:
            raise Reject(f"{error}; is there a project {chosen['project']!r} that this account is a member of?") from error
        issue = self.session.issue(str(made["id"]))
        if value_of(issue, self.names.field_id) != plan.external_id:
            self.lost = str(made["id"])  # the ticket is there: told at the next search, never made twice
        return issue

    def _comment(self, plan: Plan, ref: ExternalRef) -> _Json:
        issue = self.session.issue(ref.remote_id)
        wanted = self._wanted_status(plan.issue, issue)
        body: _Json = {} if wanted is None else {"status_id": wanted["id"]}
        if not _says(issue, plan.mark):
            body |= {"notes": plan.issue.get("notes", "")}
            if "priority" in plan.issue:
                body["priority_id"] = self.names.priority(plan.issue["priority"])
            if plan.uploads:
                body["uploads"] = self._upload(plan)
        return self._write(issue, body, wanted)

    def _wanted_status(self, chosen: Mapping[str, Any], issue: _Json) -> _Json | None:
        """Return the status to set; None when it is there, or when people have moved the ticket on themselves."""
        if "status" not in chosen:
            return None
        wanted, current = self.names.status(chosen["status"]), issue["status"]["id"]
        moved = "status_from" in chosen and current != self.names.status(chosen["status_from"])["id"]
        return None if moved or current == wanted["id"] else wanted

    def _write(self, issue: _Json, body: _Json, wanted: _Json | None) -> _Json:
        """Change a ticket and read it back: Redmine answers 204 to a status that its workflow refuses."""
        if not body:
            return issue
        number = str(issue["id"])
        self.session.ask("PUT", f"/issues/{number}.json", json={"issue": body})
        after = self.session.issue(number)
        if wanted is not None and after["status"]["id"] != wanted["id"]:
            step = f"from {after['status']['name']!r} to {wanted['name']!r}"
            tracker = after["tracker"]["name"]
            raise Reject(f"ticket {number} stayed as it was: allow {step} to Tocsin's role (Workflow, tracker {tracker!r})")
        return after

    def _upload(self, plan: Plan) -> list[_Json]:
        """Give Redmine the files of a plan, once, and return what the ticket says of them."""
        if not self.uploaded:
            for name, content in plan.uploads:
                answer = self.session.ask("POST", "/uploads.json", content=content, params={"filename": name})
                token = answer.json()["upload"]["token"]
                self.uploaded.append({"token": token, "filename": name, "content_type": "application/json"})
        return self.uploaded

    def _relate(self, issue: _Json, others: Sequence[str]) -> None:
        """Link the ticket with those of other incidents, as far as they have one yet: theirs will link back."""
        for other in others:
            for found in self.session.search(self.names.field_id, other)[:1]:
                self._relate_to(issue, str(found["id"]), "relates")

    def _relate_to(self, issue: _Json, number: str, kind: str) -> None:
        pairs = {(str(one["issue_id"]), str(one["issue_to_id"])) for one in issue.get("relations") or ()}
        mine = str(issue["id"])
        if number == mine or (mine, number) in pairs or (number, mine) in pairs:
            return
        body = {"relation": {"issue_to_id": number, "relation_type": kind}}
        with suppress(Reject):  # between projects relations may be forbidden; the comment names the other incident anyway
            self.session.ask("POST", f"/issues/{mine}/relations.json", json=body)


def _says(issue: Mapping[str, Any], mark: str) -> bool:
    """Say whether the ticket bears a mark: at the end of its description, or of a comment; elsewhere logs could have put it."""
    texts = [issue.get("description"), *(one.get("notes") for one in issue.get("journals") or ())]
    ends = [(text or "").strip().rpartition("\n")[2] for text in texts]
    return any(re.search(rf"écrit par Tocsin, \W*(code)?\W*{re.escape(mark)}(?!\d)", end) for end in ends)


def _file_of(request: Request) -> str:
    return parse_qs(urlsplit(request.target).query)["filename"][0]
