"""A campaign over three communes is one incident; whoever looks at it from one of them sees that one's part only."""

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from correlator.model.detection import DETECTION
from correlator.model.viewer import OWNER, Role, Viewer
from correlator.store import casefile, perimeter
from correlator.store.database import open_database, reading
from tests.unit.triage.desk import NOW, Desk, Finding, found

COMMUNES = ("00101", "00102", "00103")
ATTACKER = "203.0.113.7"


@pytest.fixture
def desk(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    """Return an install that has seen the campaign: one hit across, and what each commune found by itself."""
    engine = open_database(tmp_path / "tocsin.db", url=database_url)
    desk = Desk(engine)
    hit = found(9, rule="campaign", lane="cross", events=[f"e{commune}" for commune in COMMUNES])
    seen = [_seen("ip", "source", ATTACKER, "shared"), *(_seen("user", "target", f"user-{one}", one) for one in COMMUNES)]
    own = [_own(commune) for commune in COMMUNES]
    desk.batch({**hit, "communes": list(COMMUNES), "observables": seen}, *own, detections=_detections())
    yield desk
    engine.dispose()


def _seen(kind: str, role: str, value: str, commune: str) -> dict[str, object]:
    return {"kind": kind, "role": role, "value": value, "strong": True, "commune": commune}


def _own(commune: str) -> Finding:
    one = found(int(commune), rule="own", lane=commune)
    seen = [_seen("ip", "source", ATTACKER, "shared"), _seen("user", "target", f"user-{commune}", commune)]
    return {**one, "observables": seen, "document": json.dumps(_document(commune))}


def _document(commune: str) -> dict[str, str]:
    return {"commune": commune, "source.ip": ATTACKER, "user.target.name": f"user-{commune}", "message": f"of {commune}"}


def _detections() -> pl.DataFrame:
    rows = [
        {"event.id": f"e{one}", "@timestamp": NOW, "rule.id": "base", "document": json.dumps(_document(one))}
        for one in COMMUNES
    ]
    return pl.DataFrame(rows, schema={name: DETECTION[name] for name in rows[0]})


def test_the_campaign_is_one_incident_and_each_commune_has_its_own(desk: Desk) -> None:
    """The same attacker in four lanes: nothing is merged that no rule joins."""
    found_ = {(one.lane, one.communes, one.count) for one in desk.incidents()}
    assert found_ == {("cross", COMMUNES, 3), *((one, (one,), 1) for one in COMMUNES)}


@pytest.mark.parametrize("commune", COMMUNES)
def test_each_member_sees_its_part(desk: Desk, commune: str) -> None:
    """Own events, own people; of the others a number. No byte of theirs, in no field."""
    viewer = Viewer("rita", Role.REFERENT, frozenset({commune}))
    cross = next(one.number for one in desk.incidents() if one.lane == "cross")
    with reading(desk.engine) as connection:
        part = casefile.read(connection, viewer, cross, "sim9")
        whole = casefile.read(connection, OWNER, cross, "sim9")
        listed = perimeter.list_incidents(connection, viewer, perimeter.Wanted())
    assert part is not None
    assert whole is not None
    assert (part.summary.communes, part.summary.others, part.summary.title) == ((commune,), 2, "")
    assert [piece.event["message"] for piece in part.pieces] == [f"of {commune}"]
    assert {one.value for one in part.entities} == {f"user-{commune}", ATTACKER}
    assert (len(whole.pieces), len(whole.entities), listed.total) == (3, 4, 2)
    others = [mark for other in COMMUNES if other != commune for mark in (f"user-{other}", f"of {other}", f'"{other}"')]
    assert [mark for mark in others if mark in repr(part) or mark in repr(listed)] == []


def test_a_stranger_sees_nothing_of_it(desk: Desk) -> None:
    """A fourth commune cannot tell that there is anything."""
    viewer = Viewer("zoe", Role.REFERENT, frozenset({"00104"}))
    with reading(desk.engine) as connection:
        assert perimeter.list_incidents(connection, viewer, perimeter.Wanted()).total == 0
        assert [casefile.read(connection, viewer, one.number, "sim9") for one in desk.incidents()] == [None] * 4
