"""``tocsin rules noisy``: rules that said too much, and what became of it."""

from datetime import UTC, datetime
from pathlib import Path

import click

from correlator.cli.install import config_option, local_time, open_install, since_time
from correlator.cli.output import format_option, no_level_option, print_rows

_COLUMNS = ("rule", "title", "commune", "day", "counted", "incident", "last", "ended")


@click.command()
@click.option("--since", default="7d", show_default=True, help="How far back: 7d, 12h, or a date.")
@config_option
@format_option
@no_level_option
def noisy(since: str, config: Path | None, form: str) -> None:
    """List the rules that were over their budget: what they said beyond it was gathered into one incident a day.

    The budget is that of [triage] in the settings, or the rule's own: ``tocsin: {budget: {hour: 5, day: 20}}``.
    """
    from correlator.model.incident import number_of  # noqa: PLC0415 - `--help` must not load it
    from correlator.store import noise  # noqa: PLC0415
    from correlator.store.database import reading  # noqa: PLC0415

    settings, engine = open_install(config)
    with reading(engine) as connection:
        found = noise.digests(connection, since_time(since, datetime.now(UTC)))
    zone = settings.time_zone
    told = [
        {
            "rule": one.rule_id, "title": one.rule_title, "commune": one.lane, "day": one.day, "counted": one.counted,
            "incident": number_of(one.incident), "last": local_time(one.last, zone),
            "ended": one.ended and local_time(one.ended, zone),
        }
        for one in found
    ]  # fmt: skip
    print_rows(told, form, _COLUMNS, title=f"{len(told)} digests of rules over their budget")
