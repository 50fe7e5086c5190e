"""Two communes with secrets in everything the console can show; each secret bears a mark that says whose it is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import polars as pl
import sqlalchemy as sa

from correlator.model.incident import Incident, Status, incident_id, number_of
from correlator.model.severity import Severity
from correlator.store import lake, schema, schema_people
from correlator.store.database import transaction
from correlator.store.exceptions import pause_rule
from correlator.store.outcomes import put_incidents
from tests.flow.install import FAILED

A, B = "00101", "00102"
NOW = datetime.now(UTC).replace(microsecond=0)
#: Whose secret a text is: nothing but these secrets holds them.
MARK = {A: "xqaubsecretx", B: "xqbresecretx", "unattributed": "xqnobodysecretx", "shared": "xqsharedsecretx"}
#: Lane and communes of the planted incidents; the sequence number is the key.
INCIDENTS: dict[int, tuple[str, tuple[str, ...]]] = {
    700_001: (B, (B,)),
    700_002: (A, (A,)),
    700_003: ("cross", (A, B)),
    700_004: ("shared", ("shared", A, B)),
    700_005: ("cross", (B, "00103")),
    700_006: ("shared", ("shared", B)),
    700_007: ("unattributed", ("unattributed",)),
    700_008: (B, (B,)),  # merged into 700001
}


def number(sequence: int) -> str:
    """Return the number of a planted incident."""
    return number_of(incident_id(NOW.year, sequence))


def plant(engine: sa.Engine) -> None:
    """Put secrets of every commune everywhere."""
    with transaction(engine) as connection:
        for sequence, (lane, communes) in INCIDENTS.items():
            _incident(connection, sequence, lane, communes)
        links = [(700_002, 700_001), (700_003, 700_005), (700_004, 700_001)]
        rows = [{"incident": _id(one), "other": _id(other), "why": "bridge"} for one, other in links]
        connection.execute(sa.insert(schema.incident_link), rows)
        for commune in (A, B):
            _people_said(connection, commune)
    pause_rule(engine, FAILED, reason=f"noise of {MARK[B]}", person="ali", now=NOW, ends=NOW + timedelta(days=3))
    _lake(engine)


def _id(sequence: int) -> int:
    return incident_id(NOW.year, sequence)


def _incident(connection: sa.Connection, sequence: int, lane: str, communes: tuple[str, ...]) -> None:
    marks = [MARK[one] for one in communes if one in MARK]
    one = Incident(
        id=_id(sequence), lane=lane, status=Status.MERGED if sequence == 700_008 else Status.NEW, verdict=None,
        severity=Severity.HIGH, title=f"Title {' '.join(marks)}", fingerprint=f"fp{''.join(marks)}", communes=communes,
        first=NOW - timedelta(hours=2), last=NOW, opened=NOW, updated=NOW, count=40, findings=20, opener=(1, "a"),
        lead=(-3, 1, 1, "a"), owner=f"owner{marks[-1]}" if marks else "", sequence=1, told=NOW, told_count=40,
        merged_into=_id(700_001) if sequence == 700_008 else None,
    )  # fmt: skip
    put_incidents(connection, [one])
    for commune in communes:
        if commune in MARK:
            _pieces(connection, sequence, commune)
    history = [("opened", None, f"rule fired: r {' '.join(marks)}"), ("commented", "ana", f"said {marks[-1]}")]
    rows = [
        {"incident": _id(sequence), "at": NOW, "change": change, "person": who, "text": text} for change, who, text in history
    ]
    connection.execute(sa.insert(schema.incident_history), rows)
    ref = {"sink": "redmine", "external_id": f"tocsin:{number(sequence)}", "remote_id": f"t{marks[-1]}", "updated": NOW}
    connection.execute(sa.insert(schema.external_ref), {**ref, "url": f"https://tickets.example/{marks[-1]}"})


def _pieces(connection: sa.Connection, sequence: int, commune: str) -> None:
    mark, event_id = MARK[commune], f"e{sequence}{commune}"
    rule = {
        "incident": _id(sequence), "rule_id": f"rule{mark}", "kind": "detection", "title": f"Rule {mark}", "level": "high",
        "tags": ["attack.t1110", f"tag.{mark}"], "count": 3, "first": NOW, "last": NOW,
    }  # fmt: skip
    connection.execute(sa.insert(schema.incident_rule), rule)
    entity = {"incident": _id(sequence), "role": "host", "strong": True, "count": 2, "commune": commune}
    for kind in ("host", "user", "ip"):
        shown = f"{kind}-{mark}"
        connection.execute(sa.insert(schema.incident_entity), {**entity, "kind": kind, "value": shown, "shown": shown})
    if INCIDENTS[sequence][1] == (commune,):  # a machine that all communes' records name
        common = {"kind": "host", "value": "common-host", "shown": "common-host", "role": "observer"}
        connection.execute(sa.insert(schema.incident_entity), {**entity, **common})
    event = {"commune": commune, "host.name": f"host-{mark}", "user.name": f"user-{mark}", "event.original": f"line {mark}"}
    piece = {"incident": _id(sequence), "event_id": event_id, "at": NOW, "rule_id": f"rule{mark}", "sha256": f"sha{mark}"}
    connection.execute(sa.insert(schema.incident_evidence), {**piece, "document": orjson.dumps(event).decode()})
    lane = INCIDENTS[sequence][0]
    connection.execute(sa.insert(schema.incident_event), {"event_id": event_id, "lane": lane, "incident": _id(sequence)})


def _people_said(connection: sa.Connection, commune: str) -> None:
    mark = MARK[commune]
    mute: dict[str, Any] = {
        "id": f"mute-{mark}", "rule_id": f"rule{mark}", "commune": commune, "field": "host", "value": f"host-{mark}",
        "filter": f"title: {mark}", "reason": f"because {mark}", "person": f"muter{mark}", "created": NOW,
        "ends": NOW + timedelta(days=30), "incident": _id(700_001 if commune == B else 700_002),
    }  # fmt: skip
    connection.execute(sa.insert(schema_people.exception), mute)
    state = {"service": "ec-naissances", "commune": commune, "state": "paper", "since": NOW, "text": f"says {mark}"}
    connection.execute(sa.insert(schema_people.service_state), {**state, "person": f"teller{mark}", "at": NOW})
    clock = {"kind": "cnil-72h", "commune": commune, "subject": f"subject {mark}", "started": NOW, "at": NOW}
    due = {"due": NOW + timedelta(hours=70), "person": f"signer{mark}", "proof": f"proof {mark}"}
    connection.execute(sa.insert(schema_people.clock), {**clock, **due})
    page = {"subject": f"call {mark}", "criterion": f"c-{mark}", "opened": NOW, "next_try": NOW}
    connection.execute(sa.insert(schema_people.page), {**page, "incident": _id(700_001 if commune == B else 700_002)})
    read = {"at": NOW, "person": "ref.b" if commune == B else "ref.a", "act": "search", "object": f"looked for {mark}"}
    connection.execute(sa.insert(schema.audit), {**read, "detail": {"text": mark}})
    letter = {"kind": "record", "origin": "s", "key": mark, "reason": "r", "at": NOW, "place": mark, "body": f"body {mark}"}
    connection.execute(sa.insert(schema.dead_letter), letter)


def _lake(engine: sa.Engine) -> None:
    communes = [A, B, "shared", "unattributed"]
    rows = [
        {
            "commune": one,
            "event.original": f"lake common-word {MARK[one]}",
            "host.name": f"h{MARK[one]}",
            "observer.name": "common-host",
        }
        for one in communes
    ]
    frame = pl.DataFrame(rows).with_columns(
        pl.format("e{}", pl.col("commune")).alias("event.id"),
        pl.lit(NOW - timedelta(hours=1)).dt.cast_time_unit("us").alias("@timestamp"),
        pl.lit("test.log").alias("event.dataset"),
    )
    file = lake.write_segment(engine, [frame])
    with transaction(engine) as connection:
        lake.publish(connection, [file], NOW)
