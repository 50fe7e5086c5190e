"""The board as one value: who sees what, in which order, and that nothing of one commune reaches another's reader."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from correlator.config.catalogue import load_catalogue
from correlator.model.estate import Commune, Contact, Estate, LocalService, SharedAsset
from correlator.model.incident import Incident, Status
from correlator.model.said import Clock, Statement
from correlator.model.service import ServiceState
from correlator.model.severity import Severity
from correlator.model.viewer import Role, Viewer
from correlator.runtime.board import BoardModel, Ground, board_of
from correlator.store import schema
from correlator.store.continuity import open_clock, say
from correlator.store.database import open_database, transaction
from correlator.store.outcomes import put_incidents

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
OFFICE = dict.fromkeys(range(1, 6), ((510, 720), (810, 1050)))
COMMUNES = (Commune("00101", "A", "Aubrac", hours=OFFICE, maternite=True), Commune("00102", "B", "Brive-SECRET", hours=OFFICE))
GROUND = Ground(
    Estate(
        communes=COMMUNES,
        shared=(SharedAsset("AD", hosts=("SIM-DC*",), id="ad"),),
        contacts=(
            Contact("dsi", "Astreinte DSI", "Astreinte", "01"),
            Contact("b", "M. SECRET", "Maire", "02", commune="00102"),
        ),
        services=(LocalService("rh-paie", "00102", hosts=("SECRET-RH",), sources=("secret-paie",)),),
    ),
    load_catalogue(),
)
REFERENT = Viewer("ref.a", Role.REFERENT, frozenset({"00101"}))


def incident(number: int, lane: str, severity: Severity, *communes: str, title: str = "Quelque chose") -> Incident:
    """Return an open incident."""
    rank = (0, 0, 0, "r")
    return Incident(
        number,
        lane,
        Status.NEW,
        None,
        severity,
        title,
        f"f{number}",
        communes,
        NOW,
        NOW,
        NOW,
        NOW,
        1,
        1,
        (0, "r"),
        rank,
        told=NOW,
    )


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    """Return a database with incidents of B and of what is shared, B's words and clocks."""
    opened = open_database(tmp_path / "tocsin.db")
    both = incident(2026000002, "cross", Severity.HIGH, "00101", "00102", title="SECRET a fait ceci")
    shared = incident(2026000003, "shared", Severity.HIGH, "shared", title="L’annuaire est sondé")
    with transaction(opened) as connection:
        put_incidents(connection, [incident(2026000001, "00102", Severity.CRITICAL, "00102", title="SECRET"), both, shared])
        hosts = [(2026000001, "secret-rh"), (2026000003, "sim-dc01")]
        rows = [
            {"incident": one, "kind": "host", "value": host, "role": "host", "shown": host, "strong": False, "count": 1}
            for one, host in hosts
        ]
        connection.execute(sa.insert(schema.incident_entity), rows)
    say(opened, Statement("ec-deces", "00102", ServiceState.DOWN, NOW - HOUR, "Mme SECRET", NOW - HOUR, text="SECRET"))
    open_clock(opened, Clock("cnil-72h", "00102", NOW, None, "M. SECRET", NOW, subject="SECRET"))
    yield opened
    opened.dispose()


def texts(value: object) -> Iterator[str]:
    """Yield every text inside a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple | frozenset | set | list):
        for one in value:
            yield from texts(one)
    elif is_dataclass(value):
        for field in fields(value):
            yield from texts(getattr(value, field.name))


def standing(board: BoardModel, service: str, commune: str) -> str:
    """Return the state of one cell."""
    row = next(row for row in board.rows if row.service.id == service)
    cell = next(cell for cell in row.cells if cell.place.commune.id == commune)
    return str(cell.standing.state) if cell.standing else "absent"


def test_a_referent_reads_nothing_of_another_commune(engine: sa.Engine) -> None:
    """Neither names nor words nor clocks; a common incident without detail. The manager sees all of it (positive control)."""
    seen = list(texts(board_of(engine, GROUND, NOW, REFERENT)))
    assert [text for text in seen if "secret" in text.casefold()] == []
    assert [text for text in seen if text == "00102"] == []
    assert "Incident commun à plusieurs communes : le détail est réservé à la DSI." in seen
    everything = " ".join(texts(board_of(engine, GROUND, NOW)))
    for marked in ("Brive-SECRET", "M. SECRET", "SECRET a fait ceci", "secret-paie", "00102"):
        assert marked in everything


def test_states_of_the_grid(engine: sa.Engine) -> None:
    """Words, incidents on a machine, a shared asset, and what is not declared; the worst makes the commune's."""
    board = board_of(engine, GROUND, NOW)
    assert standing(board, "ec-deces", "00102") == "down"
    assert standing(board, "rh-paie", "00102") == "down"  # critical on its own machine
    assert standing(board, "rh", "00102") == "absent"  # B names its services
    assert standing(board, "ec-naissances", "00101") == "degraded"
    assert [(column.commune.id, column.state) for column in board.columns] == [
        ("00101", ServiceState.DEGRADED),
        ("00102", ServiceState.DOWN),
    ]
    assert board.silent == ("secret-paie",)
    assert len(board.rows) == 47
    assert board.incidents_open == 3


def test_what_comes_first(engine: sa.Engine) -> None:
    """Vital services before heavier ones, births of a maternity one step up; untold services are no news."""
    say(engine, Statement("eau-potable", "00101", ServiceState.DEGRADED, NOW, "Régie", NOW))
    board = board_of(engine, GROUND, NOW)
    order = [(cell.place.service.id, cell.place.commune.id) for cell in board.first]
    vital = [cell.place.service.vital for cell in board.first]
    assert vital == sorted(vital, reverse=True)
    plain = [cell for cell in board.first if not cell.place.service.vital]
    assert [cell.weight for cell in plain] == sorted((cell.weight for cell in plain), reverse=True)
    assert ("eau-potable", "00101") in order
    births = next(cell for cell in board.first if cell.place.service.id == "ec-naissances")
    assert (births.peak, births.weight) == (True, 3)
    assert ("sports-culture", "00101") not in order or standing(board, "sports-culture", "00101") != "unknown"


def test_deadlines_stand_in_order(engine: sa.Engine) -> None:
    """Assumed deaths of an outage are due at once, then the signed clock of B; births only where there is a maternity."""
    board = board_of(engine, GROUND, NOW)
    told = [(line.kind.id, line.commune, str(line.origin)) for line in board.deadlines]
    assert ("cnil-72h", "00102", "opened") in told
    assert ("deces-24h", "00102", "worst") in told
    assert not [line for line in told if line[0] == "naissance-5j"]
    moments = [line.deadline.act_by for line in board.deadlines if line.deadline.act_by]
    assert moments == sorted(moments)
    say(engine, Statement("ec-naissances", "00101", ServiceState.DOWN, NOW, "x", NOW))
    say(engine, Statement("ec-naissances", "00102", ServiceState.DOWN, NOW, "x", NOW))
    births = [line.commune for line in board_of(engine, GROUND, NOW).deadlines if line.kind.id == "naissance-5j"]
    assert births == ["00101"]


def test_an_empty_estate_is_an_empty_board(engine: sa.Engine) -> None:
    """Before the first commune is written down nothing breaks, and nothing is said to run."""
    board = board_of(engine, replace(GROUND, estate=Estate()), NOW)
    assert (board.columns, board.rows, board.first) == ((), (), ())


def test_a_board_tells_no_more_of_an_incident_than_the_queue(engine: sa.Engine) -> None:
    """Shared and cross ones without title and owner, even with one commune in them; of others' not even the number."""
    alone = [
        incident(2026000011, "cross", Severity.HIGH, "00101"),
        incident(2026000012, "shared", Severity.HIGH, "shared", "00101"),
    ]
    others = incident(2026000013, "cross", Severity.HIGH, "00102", "00103")
    row = {"incident": others.id, "kind": "host", "role": "host", "value": "sim-dc02", "shown": "SIM-DC02", "strong": True}
    with transaction(engine) as connection:
        put_incidents(connection, [*(replace(one, title="HIDDEN", owner="HIDDEN") for one in alone), others])
        connection.execute(sa.insert(schema.incident_entity), {**row, "count": 1})
    board = board_of(engine, GROUND, NOW, REFERENT)
    assert {one.number for one in alone} <= {one.number for one in board.incidents}
    assert "HIDDEN" in repr(board_of(engine, GROUND, NOW))
    assert "HIDDEN" not in repr(board)
    assert others.number in repr(board_of(engine, GROUND, NOW))  # it concerns the directory, on which A's services stand
    assert others.number not in repr(board)
    assert board_of(engine, GROUND, NOW, replace(REFERENT, shared=False)).incidents == ()
