"""What ``tocsin run`` runs beside the pipeline: one line per part, and the only place that lists them."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from correlator.runtime.duties import Duty
from correlator.runtime.front import Service

if TYPE_CHECKING:
    import sqlalchemy as sa

    from correlator.config.settings import Settings
    from correlator.ingest.journal import Journal
    from correlator.telemetry.metrics import Metrics


def services(settings: "Settings", engine: "sa.Engine", metrics: "Metrics", journal: "Journal | None") -> list[Service]:
    """Return what serves in the asyncio thread: listeners (they write to ``journal``), console."""
    from correlator.ingest.listen import listeners  # noqa: PLC0415 - `--help` must not load it

    listening = listeners(settings.listener, journal, metrics) if journal else []
    return [*listening, *(_collectors(settings, engine, journal) if journal else []), *_console(settings, engine)]


def _collectors(settings: "Settings", engine: "sa.Engine", journal: "Journal") -> list[Service]:
    """Return the collectors, where one is configured; their libraries are not loaded otherwise."""
    if not settings.collector:
        return []
    from correlator.runtime.collecting import collectors  # noqa: PLC0415 - `--help` must not load it

    return collectors(settings, engine, journal)


def duties(settings: "Settings", engine: "sa.Engine", metrics: "Metrics") -> list[Duty]:
    """Return what comes round: calls, retention, disk guard, board export."""
    from correlator.runtime import breaker  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.backup import watch_backups  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.board_duty import BoardDuty  # noqa: PLC0415 - `--help` must not load it
    from correlator.runtime.disk import guard_disk  # noqa: PLC0415
    from correlator.runtime.intake import Intake  # noqa: PLC0415
    from correlator.runtime.oncall import OnCall  # noqa: PLC0415
    from correlator.runtime.proving import Prover  # noqa: PLC0415
    from correlator.runtime.retention import daily  # noqa: PLC0415
    from correlator.runtime.sources import SourceWatch  # noqa: PLC0415

    intake = [Intake(settings, engine, metrics)] if settings.listener else []
    ladder = [OnCall(settings, engine, metrics)] if settings.oncall.ladder else []
    board = BoardDuty(settings, engine, metrics)
    pages = [Duty("board", timedelta(hours=1), board.export)] if settings.board.export_dir else []
    return [
        *(Duty("oncall", timedelta(seconds=5), one.turn, alone=True) for one in ladder),
        *(Duty("intake", timedelta(seconds=30), one.look) for one in intake),
        *tickets(settings, engine, metrics),
        Duty("disk", timedelta(seconds=30), lambda now: guard_disk(settings, engine, metrics, now)),
        Duty("backup", timedelta(hours=1), lambda now: watch_backups(settings, engine, now)),
        Duty("figures", timedelta(minutes=1), board.count),
        *pages,
        *([Duty("proof", timedelta(seconds=15), Prover(settings, engine, metrics).turn)] if settings.proof.at else []),
        *_collected(settings, engine),
        *_lists(settings, engine),
        Duty("sources", timedelta(minutes=5), SourceWatch(settings, engine, datetime.now(UTC)).turn),
        Duty("noise", timedelta(minutes=5), lambda now: breaker.rest(engine, settings, metrics, now)),
        Duty("retention", timedelta(hours=1), lambda now: daily(engine, settings, metrics, now)),
    ]


def _collected(settings: "Settings", engine: "sa.Engine") -> list[Duty]:
    """Return the watch over collectors and their secrets."""
    if not settings.collector:
        return []
    from correlator.runtime.collecting import watch_collectors  # noqa: PLC0415 - `--help` must not load it

    return [Duty("collectors", timedelta(minutes=5), lambda now: watch_collectors(engine, settings, now))]


def _lists(settings: "Settings", engine: "sa.Engine") -> list[Duty]:
    """Return the fetching of lists of indicators that have an address."""
    if not any(one.url for one in settings.enrich.indicators):
        return []
    from correlator.runtime.list_fetch import ListFetch  # noqa: PLC0415 - `--help` must not load it

    return [Duty("indicators", timedelta(minutes=10), ListFetch(settings, engine).turn, alone=True)]


def _console(settings: "Settings", engine: "sa.Engine") -> list[Service]:
    """Return the console, when [console] has a port; a collector without one does not load it."""
    if not settings.console.port:
        return []
    from correlator.api.install import Install  # noqa: PLC0415 - `--help` must not load it
    from correlator.api.server import console_service  # noqa: PLC0415

    return [console_service(Install(settings, engine))]


def tickets(settings: "Settings", engine: "sa.Engine", metrics: "Metrics") -> list[Duty]:
    """Return the comparison of tickets with incidents: some every minute, each once a day."""
    from correlator.runtime.deliveries import compare_tickets  # noqa: PLC0415 - `--help` must not load it

    every = timedelta(minutes=1)
    return (
        [Duty("tickets", every, lambda now: compare_tickets(engine, settings, metrics, now), alone=True)]
        if settings.sink
        else []
    )
