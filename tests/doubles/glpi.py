"""A double of GLPI's REST API (``apirest.php``), from its documentation and sources; also with what it gets wrong.

The independent client ``glpi-api`` drives it too (``tests/unit/sinks/test_glpi_double.py``), so that double and sink are not
both wrong in the same way. It is no proof of a real GLPI.
"""

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from html import escape
from itertools import count
from typing import Any
from urllib.parse import parse_qs
from wsgiref.simple_server import WSGIRequestHandler, make_server

from tests.doubles.serving import beside

Json = dict[str, Any]
_COLUMNS = {
    "Ticket": {"name", "content", "entities_id", "type", "status", "urgency", "impact", "priority", "externalid", "is_deleted"},
    "ITILFollowup": {"itemtype", "items_id", "content", "is_private"},
    "ITILSolution": {"itemtype", "items_id", "content"},
    "Ticket_Ticket": {"tickets_id_1", "tickets_id_2", "link"},
    "Document": {"name", "filename", "content"},
    "Document_Item": {"documents_id", "itemtype", "items_id"},
}
_DEFAULTS = {"Ticket": {"entities_id": 0, "type": 1, "status": 1, "urgency": 3, "impact": 3, "priority": 3, "is_deleted": 0}}
SOLVED, CLOSED = 5, 6


class Refused(Exception):
    """An answer that is an error: status, name, message (or the collection of a partial failure)."""

    def __init__(self, status: int, name: str, said: Any = "") -> None:
        super().__init__(name)
        self.status, self.name, self.said = status, name, said


@dataclass
class FakeGlpi:
    """One GLPI in memory; fields set what it is and which of its faults it shows."""

    version: str = "11.0.2"
    user_token: str = "user-token"  # noqa: S105 - of a double
    password: tuple[str, str] = ("tocsin", "secret")
    app_token: str = "app-token"  # noqa: S105 - of a double
    entities: dict[int, str] = field(default_factory=lambda: {0: "DSI", 3: "DSI > Les Aulnées", 4: "DSI > Le Vernay"})
    profile: Json = field(default_factory=lambda: {"name": "Robot", "ticket": 1031, "followup": 15, "document": 15})
    lives: int = 10_000  # calls that a session lives
    ignores_status: bool = False  # answers true to a new status and keeps the old one
    hangs_documents: bool = True  # itemtype and items_id inside the manifest
    refuses_files: bool = False
    items: dict[str, dict[int, Json]] = field(default_factory=lambda: {kind: {} for kind in _COLUMNS})
    sessions: dict[str, int] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    logins: int = 0
    before: list[Exception] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        self._ids = {kind: count(1) for kind in _COLUMNS}
        self._lock = threading.Lock()

    def __call__(self, environ: Json, start: Callable[..., Any]) -> list[bytes]:
        """Answer one request: WSGI."""
        with self._lock:  # sessions of one user are served one after the other
            status, told = self._answer(environ)
        body = json.dumps(told).encode()
        start(f"{status} x", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    def _answer(self, environ: Json) -> tuple[int, Any]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].removeprefix("/apirest.php").strip("/")
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        self.calls.append(f"{method} {path}")
        try:
            return self._routed(method, path.split("/"), parse_qs(environ.get("QUERY_STRING", "")), body, environ)
        except Refused as refused:
            return refused.status, [refused.name, refused.said]

    def _routed(
        self, method: str, parts: list[str], query: dict[str, list[str]], body: bytes, environ: Json
    ) -> tuple[int, Any]:
        if self.before:
            raise self.before.pop(0)
        if method == "GET" and body:
            raise Refused(400, "ERROR_BAD_ARRAY", "GET with a body")
        if environ.get("HTTP_APP_TOKEN", "") != self.app_token:
            raise Refused(400, "ERROR_WRONG_APP_TOKEN_PARAMETER", "parameter app_token seems wrong")
        if parts[0] == "initSession":
            return 200, {"session_token": self._login(environ.get("HTTP_AUTHORIZATION", ""))}
        self._session(environ.get("HTTP_SESSION_TOKEN", ""))
        asked = {
            "killSession": lambda: self.sessions.pop(environ["HTTP_SESSION_TOKEN"]) and None,
            "getMyEntities": lambda: {"myentities": [{"id": key, "name": name} for key, name in self.entities.items()]},
            "changeActiveEntities": lambda: True,
            "getActiveProfile": lambda: {"active_profile": self.profile},
            "getGlpiConfig": lambda: {"cfg_glpi": {"version": self.version}},
            "listSearchOptions": self._options,
        }
        if parts[0] in asked:
            return 200, asked[parts[0]]()
        if parts[0] == "search":
            return self._search({key: values[-1] for key, values in query.items()})
        if parts[0] not in _COLUMNS:
            raise Refused(400, "ERROR_ITEMTYPE_NOT_FOUND_NOR_COMMONDBTM", f"no itemtype {parts[0]}")
        return self._items(method, parts, body, environ)

    def _login(self, authorization: str) -> str:
        basic = "Basic " + base64.b64encode(":".join(self.password).encode()).decode()
        if authorization.startswith("user_token ") and authorization != f"user_token {self.user_token}":
            raise Refused(401, "ERROR_GLPI_LOGIN_USER_TOKEN", "parameter user_token seems invalid")
        if authorization not in {f"user_token {self.user_token}", basic}:
            raise Refused(401, "ERROR_GLPI_LOGIN", "Incorrect username or password")
        self.logins += 1
        token = f"session-{self.logins}"
        self.sessions[token] = self.lives
        return token

    def _session(self, token: str) -> None:
        if not token:
            raise Refused(401, "ERROR_SESSION_TOKEN_MISSING", "parameter session_token is missing or empty")
        if self.sessions.get(token, 0) <= 0:
            raise Refused(401, "ERROR_SESSION_TOKEN_INVALID", "session_token seems invalid")
        self.sessions[token] -= 1

    def _options(self) -> Json:
        options: Json = {"common": "Caractéristiques"}
        named = {"1": "name", "2": "id", "12": "status"} | ({"87": "externalid"} if self.version.startswith("11") else {})
        for number, column in named.items():
            options[number] = {"name": column, "table": "glpi_tickets", "field": column, "uid": f"Ticket.{column}"}
        return options

    def _search(self, query: dict[str, str]) -> tuple[int, Any]:
        columns = {number: option["field"] for number, option in self._options().items() if isinstance(option, dict)}
        chosen, wanted = columns.get(query.get("criteria[0][field]", "")), query.get("criteria[0][value]", "")
        shown = [value for key, value in query.items() if key.startswith("forcedisplay")]
        pattern = re.escape(wanted.strip("^$"))
        pattern = ("^" if wanted.startswith("^") else "") + pattern + ("$" if wanted.endswith("$") else "")
        rows = [
            {
                number: ticket["id"] if columns[number] == "id" else ticket.get(columns[number])
                for number in shown
                if number in columns
            }
            for ticket in self.items["Ticket"].values()
            if not ticket["is_deleted"]
            and ticket["entities_id"] in self.entities
            and (chosen is None or re.search(pattern, str(ticket.get(chosen) or ""), re.IGNORECASE))
        ]
        told: Json = {"totalcount": len(rows), "count": len(rows)}
        return 200, told | ({"data": rows} if rows else {})

    def _items(self, method: str, parts: list[str], body: bytes, environ: Json) -> tuple[int, Any]:
        kind = parts[0]
        if kind == "Document" and method == "POST":
            return self._upload(body, environ)
        if method == "GET" and len(parts) == 3:
            return 200, self._below(int(parts[1]), parts[2])
        if method == "GET":
            return 200, self._item(kind, int(parts[1]))
        try:
            given = json.loads(body)["input"] if body else {"id": parts[1]}
        except (ValueError, KeyError):
            raise Refused(400, "ERROR_BAD_ARRAY", "input parameter must be an array of objects") from None
        several = given if isinstance(given, list) else [given]
        if len(parts) == 2:
            several = [{**one, "id": int(parts[1])} for one in several]
        act = {"POST": self._add, "PUT": self._update, "DELETE": self._delete}[method]
        done = [act(kind, one) for one in several]
        return self._collected(method, done, single=method == "POST" and not isinstance(given, list))

    def _collected(self, method: str, done: list[Json], *, single: bool) -> tuple[int, Any]:
        failed = [one for one in done if not next(value for key, value in one.items() if key != "message")]
        word = "ADD" if method == "POST" else "UPDATE"
        if failed and len(failed) == len(done):
            raise Refused(400, f"ERROR_GLPI_{word}", done)
        if failed:
            raise Refused(207, f"ERROR_GLPI_PARTIAL_{word}", done)
        return (201 if method == "POST" else 200), done[0] if single else done

    def _item(self, kind: str, number: int) -> Json:
        if number not in self.items[kind]:
            raise Refused(404, "ERROR_ITEM_NOT_FOUND", "Item not found")
        return self.items[kind][number]

    def _below(self, number: int, kind: str) -> list[Json]:
        self._item("Ticket", number)
        own = self.items[kind].values()
        if kind == "Ticket_Ticket":
            return [one for one in own if number in {one["tickets_id_1"], one["tickets_id_2"]}]
        return [one for one in own if one["itemtype"] == "Ticket" and one["items_id"] == number]

    def _add(self, kind: str, given: Json) -> Json:
        columns = _COLUMNS[kind]  # what is no column is dropped without a word
        kept = {key: self._stored(key, value) for key, value in given.items() if key in columns}
        item = {**_DEFAULTS.get(kind, {}), **kept}
        if kind == "Ticket" and item["entities_id"] not in self.entities:
            return {"id": False, "message": "You don't have permission to perform this action."}
        if kind in {"ITILFollowup", "ITILSolution"} and self._item("Ticket", int(item["items_id"]))["status"] == CLOSED:
            return {"id": False, "message": "You don't have permission to perform this action."}
        number = next(self._ids[kind])
        self.items[kind][number] = {"id": number, **item}
        if kind == "ITILSolution":
            self.items["Ticket"][int(item["items_id"])]["status"] = SOLVED
        return {"id": number, "message": ""}

    def _stored(self, key: str, value: Any) -> Any:
        """Rich text is kept escaped by GLPI 10 and before."""
        return escape(value) if key == "content" and self.version.startswith("10") else value

    def _update(self, kind: str, given: Json) -> Json:
        number = int(given["id"])
        if number not in self.items[kind]:
            return {str(number): False, "message": "Item not found"}
        changed = {key: value for key, value in given.items() if key in _COLUMNS[kind]}
        if self.ignores_status:
            changed.pop("status", None)
        self.items[kind][number] |= changed
        return {str(number): True, "message": ""}

    def _delete(self, kind: str, given: Json) -> Json:
        number = int(given["id"])
        self.items[kind].pop(number, None)
        return {str(number): True, "message": ""}

    def _upload(self, body: bytes, environ: Json) -> tuple[int, Any]:
        head = f"Content-Type: {environ['CONTENT_TYPE']}\r\n\r\n".encode()
        parts = {
            str(part.get_param("name", header="content-disposition")): part
            for part in BytesParser(policy=HTTP).parsebytes(head + body).iter_parts()
        }
        manifest = json.loads(parts["uploadManifest"].get_content())["input"]
        number = next(self._ids["Document"])
        content = parts["filename[0]"].get_payload(decode=True)
        self.items["Document"][number] = {"id": number, "name": manifest["name"], "content": content.decode()}
        told: Json = {"name": manifest["_filename"][0]}
        if self.refuses_files:
            told = {"error": "File type not allowed"}
        elif self.hangs_documents and "items_id" in manifest:
            self._add(
                "Document_Item", {"documents_id": number, "itemtype": manifest["itemtype"], "items_id": manifest["items_id"]}
            )
        return 201, {"id": number, "message": "", "upload_result": {"filename": [told]}}


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def serving(glpi: FakeGlpi) -> Iterator[FakeGlpi]:
    """Serve ``glpi`` on this machine while the block runs; its ``url`` says where."""
    server = make_server("127.0.0.1", 0, glpi, handler_class=_Quiet)
    glpi.url = f"http://127.0.0.1:{server.server_port}/apirest.php"
    with beside(server):
        yield glpi
