"""A proof in the transaction of its batch: told from look-alikes by its token, through triage apart from everything else.

The token is random, used once, and only its hash is kept: a line that imitates a proof, or repeats one, stays an informational
line. Nothing else is ever marked: what other rules find in the same event opens incidents as it always does.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import orjson
import polars as pl
import sqlalchemy as sa

from correlator.config.settings import Settings
from correlator.model.outcome import Told, TriageSettings
from correlator.model.proof import BASE_RULE, WHOLE_RULE, Run, State
from correlator.model.severity import Severity
from correlator.store import proofs
from correlator.store.incidents import load_known
from correlator.store.outcomes import save_outcome
from correlator.triage.engine import triage

#: A month's proofs of a commune are one incident, opened again every day: one quiet ticket, not thirty.
_GAP = timedelta(days=45)
#: Of a proof's incident, what triage joins by stands in a lane that no event has: nothing real is ever drawn into it.
_APART = "proof~"
_TOKEN = re.compile(r" token=([0-9a-f]{32})( |$)")
#: Sinks that speak to people: a proof is not worth a message.
_MESSAGES = frozenset({"mail", "sms"})


@dataclass(frozen=True, slots=True)
class _Half:
    """A record of a proof that was seen: which proof, its event, its commune as attributed, when the door took it."""

    run: Run
    event: str
    commune: str
    received: datetime | None


def hash_of(token: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def sinks_of(settings: Settings) -> tuple[str, ...]:
    """Return the sinks that get a proof's ticket."""
    kinds = {name: own["kind"] for name, own in settings.sinks.items()}
    return settings.proof.sinks or tuple(name for name, kind in kinds.items() if kind not in _MESSAGES)


def prove(
    connection: sa.Connection, findings: pl.DataFrame, detections: pl.DataFrame, settings: Settings,
    communes: Mapping[str, str], now: datetime,
) -> tuple[pl.DataFrame, tuple[Told, ...]]:  # fmt: skip
    """Return ``findings`` without those of proofs, which have become incidents of their own, and what was told of these."""
    halves = list(_halves(connection, detections))
    if not halves:
        return findings, ()
    ids = [half.event for half in halves]
    is_whole = (pl.col("rule.id") == WHOLE_RULE) & pl.col("event.ids").list.eval(pl.element().is_in(ids)).list.any()
    mine, others = findings.filter(is_whole), findings.filter(~is_whole.fill_null(value=False))
    if mine.is_empty():
        return others, ()
    apart = mine.with_columns(pl.concat_str(pl.lit(_APART), "lane").alias("lane"))
    names = {f"{_APART}{lane}": communes.get(lane, lane) for lane in mine.get_column("lane")}
    # of its own: no announced work, no suppression, no weak signals: what hides attacks must not hide a proof
    quiet = TriageSettings(minimum=Severity.INFORMATIONAL, gap=_GAP, communes=names, remember=timedelta())
    triaged = triage(apart, load_known(connection, apart, quiet, now), now, quiet, detections)
    incidents = tuple(replace(one, lane=one.lane.removeprefix(_APART)) for one in triaged.incidents)
    save_outcome(connection, replace(triaged, incidents=incidents), sinks_of(settings), settings.install, now)
    places = dict(mine.explode("event.ids").select("event.ids", "lane").iter_rows())
    homes = {one.lane: one for one in sorted(incidents, key=lambda one: one.id)}
    for half in halves:
        home = homes.get(places.get(half.event, ""))
        if home is not None:
            _note(connection, half, home.id, home.sequence, now)
    return others, triaged.told


def _halves(connection: sa.Connection, detections: pl.DataFrame) -> Iterator[_Half]:
    rows = detections.filter(pl.col("rule.id") == BASE_RULE).select("event.id", "commune", "document").rows()
    told = [(event, commune, orjson.loads(document)) for event, commune, document in rows if document]
    tokens = {event: _TOKEN.search(str(said.get("message", ""))) for event, _, said in told}
    hashes = {event: hash_of(found[1]) for event, found in tokens.items() if found}
    known: Mapping[str, Run] = proofs.by_token(connection, hashes.values()) if hashes else {}
    for event, commune, said in told:
        run = known.get(hashes.get(event, ""))
        if run is not None:
            yield _Half(run, event, commune or "", _time(said.get("received")))


def _time(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None


def _note(connection: sa.Connection, half: _Half, incident: int, sequence: int, now: datetime) -> None:
    run = half.run
    proofs.mark(connection, [incident], run.commune)
    seen = {"state": str(State.SEEN), "opened": now, "received": half.received, "incident": incident, "sequence": sequence}
    proofs.update(connection, run.id, **seen, attributed=half.commune == run.commune)
