"""Elasticsearch's ``_bulk``, as far as Beats and other shippers use it: documents in, one result per item out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from correlator.errors import Reject

_ACTIONS = ("create", "index")
_WITHOUT_DOCUMENT = "delete"
#: Shippers refuse to talk to a server older than themselves.
VERSION = "9.99.0"


@dataclass(frozen=True, slots=True)
class Item:
    """One action of a request: what it is, the index it names, its document; ``fault`` when it cannot be taken."""

    action: str
    index: str
    text: str
    fault: str = ""


@dataclass(slots=True)
class Bulk:
    """The items of a request, in order."""

    items: list[Item] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        """Return the documents to keep."""
        return [item.text for item in self.items if not item.fault]

    @property
    def refused(self) -> list[str]:
        """Return the documents that cannot be kept."""
        return [item.text for item in self.items if item.fault and item.text]


def read_bulk(body: bytes, index: str = "") -> Bulk:
    """Return the items of NDJSON ``body``; ``index`` is that of the path.

    Raises Reject when an action line cannot be read: then nobody knows which line is a document.
    """
    lines = [line for line in body.split(b"\n") if line.strip()]
    found, number = Bulk(), 0
    while number < len(lines):
        action, named = _action(lines[number], number)
        document = None if action == _WITHOUT_DOCUMENT else lines[number + 1] if number + 1 < len(lines) else b""
        found.items.append(_item(action, str(named.get("_index") or index), document))
        number += 1 if document is None else 2
    return found


def answer(bulk: Bulk, *, took_ms: int, is_full: bool) -> dict[str, Any]:
    """Return the body of the answer; ``is_full``: nothing was kept, all of it should come again."""
    items = [_result(item, is_full=is_full) for item in bulk.items]
    return {"took": took_ms, "errors": is_full or any(item.fault for item in bulk.items), "items": items}


def _action(line: bytes, number: int) -> tuple[str, dict[str, Any]]:
    try:
        parsed = orjson.loads(line)
    except orjson.JSONDecodeError:
        parsed = None
    if not isinstance(parsed, dict) or len(parsed) != 1:
        message = f"Malformed action/metadata line [{number + 1}], expected an object with one action"
        raise Reject(message)
    action, named = next(iter(parsed.items()))
    if action not in (*_ACTIONS, "update", _WITHOUT_DOCUMENT):
        message = f"Malformed action/metadata line [{number + 1}], unknown action"
        raise Reject(message)
    return action, named if isinstance(named, dict) else {}


def _item(action: str, index: str, document: bytes | None) -> Item:
    text = (document or b"").decode(errors="replace").strip("\r")
    if action not in _ACTIONS:
        return Item(action, index, "", f"{action} is not possible: events are only added")
    try:
        is_object = isinstance(orjson.loads(document or b""), dict)
    except orjson.JSONDecodeError:
        is_object = False
    return Item(action, index, text, "" if is_object else "the document is not a JSON object")


def _result(item: Item, *, is_full: bool) -> dict[str, Any]:
    status = 400 if item.fault else 429 if is_full else 201
    result: dict[str, Any] = {"_index": item.index, "status": status}
    if item.fault:
        result["error"] = {"type": "document_parsing_exception", "reason": item.fault}
    elif is_full:
        result["error"] = {"type": "es_rejected_execution_exception", "reason": "the journal is full; try again later"}
    else:
        result |= {"_version": 1, "result": "created", "_shards": {"total": 1, "successful": 1, "failed": 0}}
    return {item.action: result}


def error(status: int, kind: str, reason: str) -> dict[str, Any]:
    """Return the body of a refusal in Elasticsearch's form."""
    cause = {"type": kind, "reason": reason}
    return {"error": {"root_cause": [cause], **cause}, "status": status}


def greeting(cluster: str) -> dict[str, Any]:
    """Return what the root of the server says of itself, as shippers ask before they send."""
    number = {"number": VERSION, "build_flavor": "default", "lucene_version": "10.0.0"}
    known = {"minimum_wire_compatibility_version": "8.18.0", "minimum_index_compatibility_version": "8.0.0"}
    about = {"name": "tocsin", "cluster_name": cluster, "cluster_uuid": "tocsin", "version": number | known}
    return about | {"tagline": "You Know, for Search"}


def administration(path: Sequence[str]) -> dict[str, Any] | None:
    """Return what a request about the cluster's insides is told, so that set-up goes on; None for what is not known.

    There is nothing to set up: templates and policies are accepted and forgotten.
    """
    first = path[0] if path else ""
    if first in ("_license", "_xpack"):
        license_ = {"status": "active", "uid": "tocsin", "type": "basic", "mode": "basic"}
        return {"license": license_, "features": {"ilm": {"available": True, "enabled": True}}}
    if first == "_cluster":
        return {"cluster_name": "tocsin", "status": "green", "persistent": {}, "transient": {}}
    if first == "_nodes":
        return {"nodes": {}}
    if first in ("_index_template", "_template", "_component_template", "_ilm", "_ingest", "_data_stream", "_alias"):
        return {"acknowledged": True}
    return None
