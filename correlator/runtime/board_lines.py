"""The board in French, line by line: what the terminal, the exported pages and the console write of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from correlator.continuity.deadlines import Due, Origin
from correlator.continuity.looks import CONFIDENCES, Look, look_of
from correlator.continuity.wording import duration_text, end_text, left_text, local_day_text, moment_text
from correlator.model.service import Counting, ServiceState
from correlator.runtime.board import BoardModel, Cell, is_untold

_WHY_LONGEST = 400


@dataclass(frozen=True, slots=True)
class StateLine:
    """One service of one commune as a sentence reads it. Empty texts: nothing to say."""

    look: Look
    service: str
    commune: str
    since: str
    why: str
    confidence: str
    who: str
    limit: str
    late: bool
    vital: bool
    peak: bool
    closed: bool


@dataclass(frozen=True, slots=True)
class DueLine:
    """One deadline as a sentence reads it; communes with the same one share a line.

    ``late``: over. ``soon``: within a day. ``assumed``: acts nobody counted, at worst.
    """

    name: str
    communes: tuple[str, ...]
    left: str
    when: str
    by_law: str
    detail: str
    effect: str
    article: str
    source: str
    late: bool
    soon: bool
    assumed: bool
    ids: tuple[int, ...]


def state_line(cell: Cell, board: BoardModel) -> StateLine:
    """Return the line of a cell."""
    standing, place = cell.standing, cell.place
    look = look_of(standing)
    if standing is None:
        return StateLine(
            look, place.service.label, place.commune.name, "", "", "", "", "", late=False, vital=False, peak=False, closed=False
        )
    zone = board.time_zone
    who = f"{standing.said.person}, {moment_text(standing.said.at, zone)}" if standing.said else ""
    limit, late = _limit(cell, board)
    return StateLine(
        look=look,
        service=place.service.label,
        commune=place.commune.name,
        since=moment_text(standing.since, zone) if standing.since else "",
        why=_why(cell),
        confidence="" if is_untold(standing) else CONFIDENCES[standing.confidence],
        who=who,
        limit=limit,
        late=late,
        vital=place.service.vital,
        peak=cell.peak,
        closed=not standing.open,
    )


def _why(cell: Cell) -> str:
    standing = cell.standing
    if standing is None:
        return ""
    waiting = f"{standing.waiting} actes sur papier." if standing.waiting else ""
    return f"{standing.reason} {waiting}".strip()[:_WHY_LONGEST]


def _limit(cell: Cell, board: BoardModel) -> tuple[str, bool]:
    """Return what has to be done until when, and whether that is over: start the paper first, then bring back the software."""
    standing, now = cell.standing, board.generated_at
    if standing is None:
        return "", False
    paper, back = standing.start_paper, standing.recover
    if paper and (paper > now or back is None or back > now):
        return f"Procédure papier avant {end_text(paper, board.time_zone)} ({left_text(paper, now)})", paper <= now
    if back:
        return f"Reprise visée {end_text(back, board.time_zone)} ({left_text(back, now)})", back <= now
    return "", False


def first_lines(board: BoardModel) -> list[StateLine]:
    """Return what has to be looked at first, in order."""
    return [state_line(cell, board) for cell in board.first]


def due_lines(board: BoardModel) -> list[DueLine]:
    """Return the deadlines nearest first; those that differ only in their commune are one line."""
    grouped: dict[tuple[object, ...], list[Due]] = {}
    for line in board.deadlines:
        same = (line.kind.id, line.deadline, line.origin, line.subject if line.ids else "", line.person, line.oldest)
        grouped.setdefault(same, []).append(line)
    return [_due_line(lines, board) for lines in grouped.values()]


def _due_line(group: list[Due], board: BoardModel) -> DueLine:
    line, now, zone = group[0], board.generated_at, board.time_zone
    end, law = line.deadline.act_by, line.deadline.due
    open_left = f" ({duration_text(line.open_left)} ouvrées)" if end and end > now and line.deadline.counter else ""
    return DueLine(
        name=line.kind.name,
        communes=tuple(dict.fromkeys(board.name(one.commune) for one in group)),
        left=f"{left_text(end, now)}{open_left}" if end else _without_figure(line),
        when=f"{end_text(end, zone)}{' au guichet' if line.deadline.counter else ''}" if end else "",
        by_law=f"par la loi : {end_text(law, zone)}" if law and line.deadline.counter and law != end else "",
        detail=_detail(line, zone),
        effect=line.kind.effect,
        article=line.kind.article,
        source=_source(line),
        late=end is not None and end <= now,
        soon=end is None or end - now <= timedelta(days=1),
        assumed=line.origin is Origin.WORST,
        ids=tuple(one for member in group for one in member.ids),
    )


def _without_figure(line: Due) -> str:
    if line.kind.counting is Counting.INDICATIVE and line.kind.value:
        return f"à titre indicatif : {line.kind.value} h"
    return "sans délai : tout de suite"


def _detail(line: Due, zone: str) -> str:
    day = local_day_text(line.oldest, zone) if line.oldest else ""
    if line.origin is Origin.CALENDAR:
        return line.kind.start
    if line.origin is Origin.WORST:
        return f"un acte inconnu du {day}"
    if line.kind.shape == "act":
        subject = f" ({line.subject})" if line.subject else ""
        return f"1 acte du {day}{subject}" if line.count == 1 else f"{line.count} actes, le plus ancien du {day}{subject}"
    signed = "Connaissance signée par" if line.kind.shape == "incident" else "Ouverte par"
    return " ; ".join(
        text
        for text in (f"{signed} {line.person}, {moment_text(line.oldest, zone) if line.oldest else day}", line.subject)
        if text
    )


def _source(line: Due) -> str:
    """Return where and when the rule was read; an empty text for a kind that nobody documented."""
    if not line.kind.source:
        return ""
    to_confirm = " ; à confirmer par le conseil de la commune" if line.kind.to_confirm else ""
    return f"lu le {line.kind.checked:%d/%m/%Y} ({line.kind.source}){to_confirm}"


#: State of a commune → how one, and how several of them, are told.
_COMMUNES = {
    ServiceState.DOWN: ("commune avec un service interrompu", "communes avec un service interrompu"),
    ServiceState.UNKNOWN: ("commune dont on ne sait pas tout", "communes dont on ne sait pas tout"),
    ServiceState.PAPER: ("commune en procédure papier", "communes en procédure papier"),
    ServiceState.DEGRADED: ("commune dégradée", "communes dégradées"),
    ServiceState.RUNNING: ("commune nominale", "communes nominales"),
}


def headline(board: BoardModel) -> str:
    """Return one sentence: how many communes stand how, worst first; a commune stands as its worst service does."""
    counts = [(words, sum(column.state is state for column in board.columns)) for state, words in _COMMUNES.items()]
    told = [f"{count} {words[count > 1]}" for words, count in counts if count]
    return " · ".join(told) or "Aucune commune n’est déclarée."


def untold(board: BoardModel) -> Iterator[tuple[str, int]]:
    """Yield commune and how many of its services nobody ever spoke of."""
    for column in board.columns:
        cells = (cell for row in board.rows for cell in row.cells if cell.place.commune == column.commune)
        count = sum(cell.standing is not None and is_untold(cell.standing) for cell in cells)
        if count:
            yield column.commune.name, count
