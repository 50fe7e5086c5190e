"""The board as static French pages: whole, without outside requests, legible in black and white. Text in, text out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from correlator.continuity.looks import LOOKS, STATE_LOOKS, Look, look_of
from correlator.continuity.wording import day_text, hour_text, moment_text
from correlator.model.estate import SHARED, Commune
from correlator.model.service import ServiceState
from correlator.runtime.board import BoardModel, Column, Row, is_untold
from correlator.runtime.board_lines import StateLine, due_lines, first_lines, headline, untold

_GRAVITIES = {"critical": "critique", "high": "élevée", "medium": "moyenne", "low": "faible", "informational": "information"}
_COUNTED = {
    ServiceState.DOWN: ("interrompu", "interrompus"),
    ServiceState.PAPER: ("sur papier", "sur papier"),
    ServiceState.DEGRADED: ("dégradé", "dégradés"),
    ServiceState.UNKNOWN: ("inconnu", "inconnus"),
    ServiceState.RUNNING: ("nominal", "nominaux"),
}
_LONG_LIST = 12  # services named under one cause; the grid shows them all


@dataclass(frozen=True, slots=True)
class Cause:
    """Services that share a state and its reason: one line instead of two hundred."""

    look: Look
    services: tuple[str, ...]
    communes: tuple[str, ...]
    since: str
    why: str
    confidence: str
    who: str
    limit: str
    late: bool
    vital: bool


def pages(board: BoardModel, own: Mapping[str, BoardModel] | None = None) -> dict[str, str]:
    """Return file name → HTML: ``index.html``, ``a4.html`` and one page per commune.

    ``own``: commune id → the board as that commune may see it, for its page; without one the whole board is narrowed.
    """
    made = {"index.html": _page("index.html", board), "a4.html": _page("a4.html", board)}
    for column in board.columns:
        mine = narrowed((own or {}).get(column.commune.id, board), column.commune)
        made[page_name(column.commune)] = _page("commune.html", mine, commune=column.commune, column=column)
    return made


def page_name(commune: Commune) -> str:
    """Return the file name of a commune's page: its id, as far as it is letters and digits."""
    return f"commune-{''.join(sign if sign.isascii() and sign.isalnum() else '_' for sign in commune.id)}.html"


def narrowed(board: BoardModel, commune: Commune) -> BoardModel:
    """Return what concerns one commune."""
    rows = (replace(row, cells=tuple(cell for cell in row.cells if cell.place.commune == commune)) for row in board.rows)
    incidents = tuple(one for one in board.incidents if {commune.id, SHARED} & set(one.communes))
    return replace(
        board,
        columns=tuple(column for column in board.columns if column.commune == commune),
        rows=tuple(row for row in rows if row.cells),
        first=tuple(cell for cell in board.first if cell.place.commune == commune),
        deadlines=tuple(line for line in board.deadlines if line.commune == commune.id),
        contacts=tuple(one for one in board.contacts if one.commune in {None, commune.id}),
        incidents=incidents,
        incidents_open=len(incidents),
    )


def causes(board: BoardModel) -> list[Cause]:
    """Return what has to be looked at first, in order; services with one cause in the same communes are one line."""
    alike: dict[tuple[object, ...], dict[str, list[StateLine]]] = {}
    for line in first_lines(board):
        same = (line.vital, line.look.id, line.why, line.since, line.who)
        alike.setdefault(same, {}).setdefault(line.service, []).append(line)
    return [_cause(lines, board) for services in alike.values() for lines in _by_communes(services)]


def _by_communes(services: Mapping[str, list[StateLine]]) -> Iterable[list[StateLine]]:
    """Return the lines of services that share a cause, together where they share all their communes, too."""
    together: dict[frozenset[str], list[StateLine]] = {}
    for lines in services.values():
        together.setdefault(frozenset(line.commune for line in lines), []).extend(lines)
    return together.values()


def _cause(lines: list[StateLine], board: BoardModel) -> Cause:
    first = lines[0]
    services = tuple(dict.fromkeys(line.service for line in lines))
    communes = tuple(dict.fromkeys(line.commune for line in lines))
    shown = services if len(services) <= _LONG_LIST else (*services[:_LONG_LIST], f"… et {len(services) - _LONG_LIST} autres")
    every = len(communes) == len(board.columns) > 1
    return Cause(
        first.look,
        shown,
        ("toutes les communes",) if every else communes,
        first.since,
        first.why,
        first.confidence,
        first.who,
        next((line.limit for line in lines if line.limit), ""),  # lines come nearest limit first
        any(line.late for line in lines),
        first.vital,
    )


def _page(name: str, board: BoardModel, **more: object) -> str:
    values: dict[str, Any] = {
        "board": board,
        "css": _css("a4.css") if name == "a4.html" else _css(),
        "headline": headline(board),
        "causes": causes(board),
        "dues": due_lines(board),
        "looks": LOOKS.values(),
        "untold": list(untold(board)),
        **more,
    }
    return _environment(board.time_zone).get_template(name).render(values)


def _css(*more: str) -> str:
    environment = _environment("UTC")
    sources = (environment.get_template(name).render() for name in ("style.css", *more))
    return "\n".join(sources)


@cache
def _environment(zone: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("correlator.runtime"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        moment=lambda moment: moment_text(moment, zone),
        full=lambda moment: _full(moment, zone),
        look=lambda cell: look_of(cell.standing),
        untold=lambda cell: cell.standing is not None and is_untold(cell.standing),
        column_look=_column_look,
        column_counts=_column_counts,
        groupby_domain=_by_domain,
        page=page_name,
        name=lambda commune, board: "commun" if commune == SHARED else board.name(commune),
        contact=_contact,
        severity=lambda level: _GRAVITIES.get(level, level),
    )
    return environment


def _contact(name: str, board: BoardModel) -> str:
    """Return the name and number of a contact of the estate, or what was written instead of one."""
    found = next((one for one in board.contacts if one.id == name), None)
    return ", ".join(text for text in (found.name, found.phone) if text) if found else name


def _full(moment: datetime, zone: str) -> str:
    local = moment.astimezone(ZoneInfo(zone))
    return f"{day_text(local.date())} {local.year} à {hour_text(moment, zone)}"


def _column_look(column: Column) -> Look:
    return STATE_LOOKS[column.state] if column.state else LOOKS["absent"]


def _column_counts(column: Column) -> str:
    """Return how many services stand how, worst first, in words."""
    told = (f"{count} {words[count > 1]}" for state, words in _COUNTED.items() if (count := column.counts.get(state, 0)))
    return ", ".join(told) or "aucun service déclaré"


def _by_domain(rows: Iterable[Row]) -> Iterator[tuple[str, list[Row]]]:
    for domain, members in groupby(rows, key=lambda row: row.domain):
        yield domain, list(members)
