"""``tocsin sources``: what every source gave, whether it speaks when it should, and how much of it is understood."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from correlator.cli.install import config_option, local_time, open_install
from correlator.cli.output import format_option, no_level_option, print_rows

if TYPE_CHECKING:
    from correlator.runtime.sources import SourceState

_COLUMNS = ("source", "state", "heard", "received", "refused", "not understood", "rhythm", "remarks")


@click.command()
@config_option
@format_option
@no_level_option
def sources(config: Path | None, form: str) -> None:
    """Show every source of the last 24 hours: heard when, records, share refused, share not understood, what changed.

    Exit 1 when one is silent or understood less than in the week before. A sentence that no table of the parser knows counts
    as not understood: its event is kept and can be searched. Example: tocsin sources --format json
    """
    from correlator.runtime.sources import look  # noqa: PLC0415 - `--help` must not load it

    settings, engine = open_install(config)
    states = look(engine, settings, datetime.now(UTC))
    engine.dispose()
    rows = [_row(one, settings.time_zone, form) for one in states]
    if not rows:
        click.echo("No source is configured, and none has given a record.", err=True)
    print_rows(rows, form, _COLUMNS, title="Sources, last 24 hours")
    raise SystemExit(any(one.state != "ok" for one in states))


def _row(one: "SourceState", zone: str, form: str) -> dict[str, Any]:
    heard = one.heard if form == "json" else local_time(one.heard, zone) if one.heard else "never"
    return {
        "source": one.name,
        "state": one.state,
        "heard": heard,
        "received": one.received,
        "refused": _share(one.rejected, one.received, form),
        "not understood": _share(one.unknown, one.events, form),
        "rhythm": one.rhythm,
        "remarks": "; ".join(_remarks(one)),
    }


def _share(part: int, whole: int, form: str) -> float | str | None:
    share = part / whole if whole else None
    return share if form == "json" else "" if share is None else f"{share:.1%}"


def _remarks(one: "SourceState") -> list[str]:
    """Return what is unusual, in words."""
    said = [one.problem] if one.problem else []
    due = [f"{one.due:.0f} records were due since"] if one.silent and one.due else []
    return (
        said
        + due
        + [
            f"{dataset or 'records'}: {drift.what} {drift.now:.0%}, {drift.usual:.0%} at worst in the week before"
            for dataset, drift in one.drifts
        ]
    )
