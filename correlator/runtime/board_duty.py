"""What comes round for the board: figures for Prometheus every minute, the static pages every hour."""

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
import structlog

from correlator.config.settings import Settings
from correlator.errors import InputError
from correlator.model.service import ServiceState
from correlator.model.severity import Severity
from correlator.runtime.board import BoardModel, Ground, board_of, ground_of, own_boards
from correlator.runtime.board_export import export_board
from correlator.runtime.health import end_health, raise_health
from correlator.store import continuity, gauges
from correlator.store.database import reading
from correlator.store.heartbeat import beat, heartbeats
from correlator.telemetry.metrics import Metrics

HEALTH_KEY = "board"
log = structlog.get_logger()


class BoardDuty:
    """Keeps the last estate that could be read: a typing error in the file must not blind the board."""

    def __init__(self, settings: Settings, engine: sa.Engine, metrics: Metrics) -> None:
        self._settings, self._engine, self._metrics = settings, engine, metrics
        self._ground: Ground | None = None
        self._told = ""

    def count(self, now: datetime) -> None:
        """Set the gauges that are read from the database."""
        board = self._board(now)
        self._metrics.show("tocsin_service_state", _states(board))
        self._metrics.show("tocsin_clock_due_seconds", _due(board))
        self._metrics.show("tocsin_clock_open", _origins(board))
        self._count_store(now)
        self._metrics.set("tocsin_runtime_figures_timestamp_seconds", now.timestamp())

    def export(self, now: datetime) -> None:
        """Write the pages into [board] export_dir; a folder that does not take them is a health incident, once."""
        folder = self._settings.board.export_dir
        if folder is None:
            return
        try:
            board = self._board(now)
            own = own_boards(self._engine, self._known(), now, self._settings.time_zone)
            export_board(board, folder, own)
        except InputError as error:
            sentence = (
                f"Le tableau de continuité ne s’écrit plus dans {folder} : vérifiez le dossier, son espace et ses droits."
            )
            raise_health(self._engine, self._settings, HEALTH_KEY, sentence, Severity.HIGH, now)
            log.warning("The board was not exported.", reason=str(error))
            return
        end_health(self._engine, self._settings, HEALTH_KEY, now)
        beat(self._engine, "board", now, {"folder": str(folder)})
        self._metrics.set("tocsin_board_exported_timestamp_seconds", now.timestamp())

    def _board(self, now: datetime) -> BoardModel:
        return board_of(self._engine, self._known(), now, time_zone=self._settings.time_zone)

    def _known(self) -> Ground:
        """Return estate and catalogue, the last good ones when a file is wrong."""
        try:
            self._ground, self._told = ground_of(self._settings), ""
        except InputError as error:
            if self._ground is None:
                raise
            if self._told != str(error):
                log.warning("The board keeps the estate it has: the file is wrong.", reason=str(error))
                self._told = str(error)
        return self._ground

    def _count_store(self, now: datetime) -> None:
        with reading(self._engine) as connection:
            heard = continuity.last_heard(connection, now)
            levels = gauges.open_incidents_by_level(connection)
            dead = gauges.dead_letters_by_kind(connection)
            waiting = gauges.waiting_by_sink(connection)
        sinks = {sink: waiting.get(sink, (0, 0)) for sink in {*self._settings.sinks, *waiting}}
        parts = {part: (now - one.at).total_seconds() for part, one in heartbeats(self._engine).items()}
        silent = {source: (now - moment).total_seconds() for source, moment in heard.items()}
        shown: dict[str, Mapping[str, float]] = {
            "tocsin_source_silent_seconds": silent,
            "tocsin_incident_open": levels,
            "tocsin_dead_letter_waiting": dead,
            "tocsin_deliver_waiting": {sink: counts[0] for sink, counts in sinks.items()},
            "tocsin_deliver_failing": {sink: counts[1] for sink, counts in sinks.items()},
            "tocsin_heartbeat_age_seconds": parts,
        }
        for name, values in shown.items():
            self._metrics.show(name, {(label,): value for label, value in values.items()})


def _states(board: BoardModel) -> dict[tuple[str, ...], float]:
    cells = [cell for row in board.rows for cell in row.cells if cell.standing is not None]
    return {
        (cell.place.service.id, cell.place.commune.id, str(state)): float(
            cell.standing is not None and cell.standing.state is state
        )
        for cell in cells
        for state in ServiceState
    }


def _due(board: BoardModel) -> dict[tuple[str, ...], float]:
    """Return the nearest deadline of each kind and commune; what has no figure has none here."""
    told: dict[tuple[str, ...], float] = {}
    for line in reversed(board.deadlines):
        if line.deadline.act_by is not None:
            told[line.kind.id, line.commune] = (line.deadline.act_by - board.generated_at).total_seconds()
    return told


def _origins(board: BoardModel) -> dict[tuple[str, ...], float]:
    origins = [str(line.origin) for line in board.deadlines]
    return {(origin,): float(origins.count(origin)) for origin in ("opened", "calendar", "worst")}
