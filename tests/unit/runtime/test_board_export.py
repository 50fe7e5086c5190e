"""The exported pages: whole, French, hostile text harmless, legible without colour, never half written."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
import sqlalchemy as sa

from correlator.config.catalogue import load_catalogue
from correlator.errors import InputError
from correlator.model.estate import Commune, Contact, Estate, LocalService
from correlator.model.incident import Incident, Status
from correlator.model.said import Clock, Statement
from correlator.model.service import ServiceState
from correlator.model.severity import Severity
from correlator.runtime import board_export
from correlator.runtime.board import BoardModel, Ground, board_of, own_boards
from correlator.runtime.board_export import KEPT, export_board
from correlator.runtime.board_pages import causes, page_name, pages
from correlator.store.continuity import open_clock, say
from correlator.store.database import open_database, transaction
from correlator.store.outcomes import put_incidents

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOSTILE = "<script>alert(1)</script>&\"'>"
OFFICE = dict.fromkeys(range(1, 6), ((510, 720), (810, 1050)))
ESTATE = Estate(
    communes=(
        Commune("00101", "AUB", "Aubrac", hours=OFFICE, maternite=True),
        Commune("../etc", "X", HOSTILE, hours=OFFICE),
    ),
    services=(LocalService("ec-naissances", "00101", contact="guichet", paper="classeur rouge, accueil"),),
    contacts=(
        Contact("guichet", "Mme Durand", "État civil", "01 98 76 54 32", commune="00101"),
        Contact("dsi", "Astreinte DSI", HOSTILE, "01 23 45 67 89"),
        Contact("b", "Maire", "Maire", commune="00101"),
    ),
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    """Return a database with a hostile incident, a hostile word and a clock."""
    opened = open_database(tmp_path / "tocsin.db")
    rank = (0, 0, 0, "r")
    state = (Status.NEW, None, Severity.HIGH)
    hostile = Incident(
        2026000412, "00101", *state, HOSTILE, "f", ("00101",), NOW, NOW, NOW, NOW, 1, 1, (0, "r"), rank, told=NOW
    )
    with transaction(opened) as connection:
        put_incidents(connection, [hostile])
    say(opened, Statement("ec-naissances", "00101", ServiceState.DOWN, NOW - HOUR, HOSTILE, NOW - HOUR, text=HOSTILE))
    open_clock(opened, Clock("cnil-72h", "00101", NOW, None, HOSTILE, NOW, subject=HOSTILE))
    yield opened
    opened.dispose()


@pytest.fixture
def board(engine: sa.Engine) -> BoardModel:
    """Return its board."""
    return board_of(engine, Ground(ESTATE, load_catalogue()), NOW)


class _Tags(HTMLParser):
    """Collects elements, addresses that would be fetched, and whether every element is closed."""

    void = frozenset({"meta", "br", "link", "img", "input", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.scripts = 0
        self.targets: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.targets += [value or "" for name, value in attrs if name in {"src", "href", "action"}]
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_pages_are_whole_and_ask_nobody(board: BoardModel) -> None:
    """Index, A4 and a page per commune; well formed, one small script at most, links only to each other."""
    made = pages(board)
    assert set(made) == {"index.html", "a4.html", "commune-00101.html", "commune-___etc.html"}
    for name, text in made.items():
        tags = _Tags(text)
        assert (tags.open, tags.scripts <= 1) == ([], True), name
        assert [target for target in tags.targets if target not in made] == []
        assert not re.search(r"url\(|@import|https?://", text)
        assert '<html lang="fr">' in text


def test_hostile_text_stays_text(board: BoardModel) -> None:
    """Names, titles, words and contacts cannot become part of the page, nor of a file name."""
    for text in pages(board).values():
        assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;" in pages(board)["index.html"]
    assert page_name(replace(ESTATE.communes[0], id="../../x")) == "commune-______x.html"


def test_a_page_says_what_somebody_needs_when_the_server_is_off(board: BoardModel) -> None:
    """When it was written, state in symbol and word, why and by whom, deadline, phone number, paper procedure."""
    made = pages(board)
    plain = re.sub(r"\s+", " ", made["index.html"])
    for told in ("État du ven. 20 nov. 2026 à 10 h 00", "✕", "Interrompu", "Notification de violation", "01 23 45 67 89"):
        assert told in plain
    assert "Dresser" in made["a4.html"] or "Écrire l" in made["a4.html"]
    assert "Écrire l" in made["commune-00101.html"]
    assert "Mme Durand, 01 98 76 54 32 · papier : classeur rouge, accueil" in made["commune-00101.html"]
    other = made["commune-___etc.html"]
    assert "Maire" not in re.sub(r"<style>.*?</style>", "", other, flags=re.DOTALL)


def test_a_commune_s_page_may_be_handed_to_it(engine: sa.Engine) -> None:
    """The page of one commune does not tell what happened in the other; the index, the IT department's own, does."""
    second = replace(ESTATE.communes[0], id="00102", code="BRE", name="Brévanne")
    ground = Ground(replace(ESTATE, communes=(ESTATE.communes[0], second)), load_catalogue())
    cross = Incident(
        2026000413, "cross", Status.NEW, None, Severity.HIGH, "attaque à Brévanne par l.martin", "g", ("00101", "00102"),
        NOW, NOW, NOW, NOW, 1, 1, (0, "r"), (0, 0, 0, "r"), owner="ana", told=NOW,
    )  # fmt: skip
    with transaction(engine) as connection:
        put_incidents(connection, [cross])
    made = pages(board_of(engine, ground, NOW), own_boards(engine, ground, NOW))
    assert "l.martin" in made["index.html"]
    for secret in ("l.martin", "Brévanne", "ana"):
        assert secret not in re.sub(r"<style>.*?</style>", "", made["commune-00101.html"], flags=re.DOTALL), secret


def test_state_is_told_without_colour(board: BoardModel) -> None:
    """Every cell of the grid has a symbol and, for screen readers, the word."""
    cells = re.findall(r'<td class="cell">(.*?)</td>', pages(board)["a4.html"], re.DOTALL)
    assert len(cells) == 47 * 2
    assert all(re.search(r'aria-hidden="true">.</span><span class="hidden">\w', cell) for cell in cells)


def test_one_cause_is_one_line(engine: sa.Engine) -> None:
    """The directory is down for all: one line with its services and communes, not one per cell."""
    say(engine, Statement("ad", "shared", ServiceState.DOWN, NOW, "Astreinte", NOW))
    board = board_of(engine, Ground(replace(ESTATE, services=()), load_catalogue()), NOW)
    assert len(board.first) > 8
    shared = [cause for cause in causes(board) if "Annuaire" in cause.why]
    assert len(shared) <= 4
    assert all(cause.communes == ("toutes les communes",) for cause in shared if len(cause.services) > 1)


def test_a_line_names_no_commune_that_a_service_is_not_hit_in(engine: sa.Engine) -> None:
    """Births are on paper in one commune, so they do not stand in the line of the directory's trouble for all."""
    say(engine, Statement("ad", "shared", ServiceState.DOWN, NOW, "Astreinte", NOW))
    say(engine, Statement("ec-copies", "00101", ServiceState.PAPER, NOW, "Mme Durand", NOW, text="Registre."))
    board = board_of(engine, Ground(replace(ESTATE, services=()), load_catalogue()), NOW)
    told = {(service, commune) for cause in causes(board) for service in cause.services for commune in cause.communes}
    copies = "État civil — copies, extraits, mentions, demandes COMEDEC"
    assert (copies, "Aubrac") in told
    assert (copies, "toutes les communes") not in told


def test_a_reader_never_meets_half_a_page(board: BoardModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk in the middle of writing: the former pages are untouched, nothing is left behind, the reason is told."""
    folder = tmp_path / "out"
    export_board(board, folder)
    before = {path.name: path.read_text() for path in folder.glob("*.html")}
    written = board_export._write_through

    def fails(path: Path, text: str) -> None:
        if path.name == "index.html":
            raise OSError(28, "No space left on device")
        written(path, text)

    monkeypatch.setattr(board_export, "_write_through", fails)
    later = replace(board, generated_at=NOW + HOUR)
    with pytest.raises(InputError, match=r"out: cannot be written: No space left on device"):
        export_board(later, folder)
    assert {path.name: path.read_text() for path in folder.glob("*.html")} == before
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


def test_two_days_of_printable_pages_are_kept(board: BoardModel, tmp_path: Path) -> None:
    """The last 48; pages of communes that are gone are removed, other people's files stay."""
    (tmp_path / "lisez-moi.txt").write_text("à nous")
    (tmp_path / "commune-gone.html").write_text("old")
    for hours in range(KEPT + 2):
        export_board(replace(board, generated_at=NOW + hours * HOUR, rows=(), first=()), tmp_path)
    kept = sorted(path.name for path in (tmp_path / "archives").iterdir())
    assert (len(kept), kept[0], kept[-1]) == (KEPT, "a4-20261120T110000Z.html", "a4-20261122T100000Z.html")
    assert not (tmp_path / "commune-gone.html").exists()
    assert (tmp_path / "lisez-moi.txt").read_text() == "à nous"


def test_an_empty_estate_gives_a_page_that_says_so(engine: sa.Engine) -> None:
    """Nothing is declared yet."""
    made = pages(board_of(engine, Ground(Estate(), load_catalogue()), NOW))
    assert "Aucune commune n’est déclarée." in made["index.html"]
