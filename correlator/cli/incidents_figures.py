"""``tocsin incidents figures``: how long until an incident was seen, taken up, done; with the method and what is missing."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from correlator.cli.casework import commune_names, reading_install
from correlator.cli.install import config_option
from correlator.cli.output import format_option, no_level_option, print_rows
from correlator.errors import InputError, Problem

if TYPE_CHECKING:
    from correlator.store.figures import Delay, Group, Month

_COLUMNS = ("month", "of", "incidents", "MTTD", "MTTA", "MTTR")
_METHOD = """\
MTTD: first event to incident. MTTA: incident to the first act of a person. MTTR: incident to resolved or closed, the last time.
Each: median, (p90: nine of ten took no longer), and for how many it is missing: not yet, or never.
Left out of the three: false positives. Left out of all: incidents that went into others, the daily proofs.
A late event makes MTTD longer; what was done by telephone only is not known here; open incidents make MTTR look better."""


@click.command()
@click.option("--month", "wanted", help="2026-11; this month by default.")
@click.option(
    "--months", default=1, show_default=True, type=click.IntRange(1, 36), help="So many months, the last one --month."
)
@click.option("--by", type=click.Choice(["commune", "severity"]), help="Also for each commune, or each severity.")
@config_option
@format_option
@no_level_option
def figures(wanted: str | None, months: int, by: str | None, config: Path | None, form: str) -> None:
    """Tell how long incidents took until they were detected (MTTD), taken up (MTTA), done (MTTR), month by month."""
    from correlator.model.viewer import OWNER  # noqa: PLC0415 - `--help` must not load it
    from correlator.store.figures import month  # noqa: PLC0415

    rows: list[dict[str, Any]] = []
    with reading_install(config) as (settings, _, connection):
        last = _month(wanted, ZoneInfo(settings.time_zone))
        names = commune_names(settings)
        for back in range(months - 1, -1, -1):
            start, end = _shifted(last, -back), _shifted(last, 1 - back)
            found = month(connection, OWNER, start, end)
            rows += [_document(start, found)] if form == "json" else _lines(start, found, by, names)
    print_rows(rows, form, _COLUMNS, title="How long it took")
    if form != "json":
        click.echo(_METHOD)


def _month(wanted: str | None, zone: ZoneInfo) -> datetime:
    if wanted is None:
        return _shifted(datetime.now(UTC).astimezone(zone), 0)
    found = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", wanted)
    if found is None or found[1] == "0000":
        raise InputError([Problem("--month", 0, f"{wanted!r} is no month", "write 2026-11")])
    return datetime(int(found[1]), int(found[2]), 1, tzinfo=zone)


def _shifted(moment: datetime, months: int) -> datetime:
    index = moment.year * 12 + moment.month - 1 + months
    return moment.replace(year=index // 12, month=index % 12 + 1, day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)


def _document(start: datetime, found: "Month") -> dict[str, Any]:
    from correlator.model.severity import Severity  # noqa: PLC0415 - `--help` must not load it

    levels = {Severity(level).level: count for level, count in found.by_severity.items()}
    return {"month": start.strftime("%Y-%m"), **asdict(found), "by_severity": levels, "method": _METHOD.splitlines()}


def _lines(start: datetime, found: "Month", by: str | None, names: Mapping[str, str]) -> list[dict[str, Any]]:
    name = start.strftime("%Y-%m")
    left = f" ({found.merged} went into others)" if found.merged else ""
    whole = {"month": name, "of": "all", "incidents": f"{found.incidents}{left}", **_three(found)}
    groups = [group for group in found.groups if group.by == by]
    parts = [{"month": name, "of": names.get(one.key, one.key), "incidents": one.incidents, **_three(one)} for one in groups]
    return [whole, *parts]


def _three(found: "Month | Group") -> dict[str, str]:
    return {"MTTD": _told(found.detect), "MTTA": _told(found.take_up), "MTTR": _told(found.finish)}


def _told(delay: "Delay") -> str:
    from correlator.api.wording import duration  # noqa: PLC0415 - `--help` must not load it

    missing = f", {delay.missing} missing" if delay.missing else ""
    if not delay.known:
        return f"–{missing}"
    return f"{duration(delay.median_s, 'en')} (p90 {duration(delay.p90_s, 'en')}){missing}"
