"""A test incident through a sink: made, commented, closed; marked so that nobody runs. The same ticket each time."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from correlator.deliver.contract import Change, IncidentChange, Sink
from correlator.model.incident import rfc3339

_NUMBER = "ESSAI"
_TITLE = "Essai de Tocsin : rien ne s’est passé, rien n’est à faire. Ce ticket se ferme tout seul."


def rehearse(sink: Sink, install: str, now: datetime) -> Iterator[tuple[str, str]]:
    """Send a test incident through ``sink`` and yield (step, what came of it) as each is done.

    Done again, it reopens the same ticket where the sink can find it. Raises what the sink raises: Reject, Retry, Fatal.
    """
    external_id = f"{install}:{_NUMBER}"
    ref = sink.find(external_id)
    yield "find", f"ticket {ref.remote_id}" if ref else "none yet"
    first = Change.REOPENED if ref else Change.OPENED
    base = int(now.timestamp() * 1_000)  # marks of an earlier test must not look like these
    for number, change in enumerate((first, Change.COMMENTED, Change.CLOSED)):
        document = _document(change, now + timedelta(seconds=number))
        what = IncidentChange(change, base + number, external_id, document)
        ref = sink.send(sink.render(what, ref), ref)
        yield str(change), ref.url or ref.remote_id
    if ref is not None:
        state = sink.read(ref)
        yield "read back", f"{state.status or 'unknown'}{', closed' if state.closed else ''}"


def _document(change: Change, now: datetime) -> dict[str, Any]:
    """Return the test incident as it is after ``change``."""
    closed = change is Change.CLOSED
    words = {Change.COMMENTED: "Commentaire d’essai.", Change.CLOSED: "Fin de l’essai."}
    moment = rfc3339(now)
    return {
        "v": 1,
        "number": _NUMBER,
        "lane": "shared",
        "communes": [],
        "status": "closed" if closed else "new",
        "verdict": "benign-positive" if closed else None,
        "severity": "informational",
        "title": _TITLE,
        "fingerprint": "",
        "count": 0,
        "findings": 0,
        **dict.fromkeys(("first", "last", "opened", "updated"), moment),
        "merged_into": None,
        **{name: [] for name in ("rules", "entities", "evidence", "links")},
        "note": {"at": moment, "person": "essai", "text": words[change]} if change in words else None,
        "before": None,
    }
