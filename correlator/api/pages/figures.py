"""The manager's month: how many incidents, how soon they were seen, taken up and done, with the method and what is missing."""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from correlator.api.install import install_of
from correlator.api.render import page
from correlator.api.visit import Reader
from correlator.store import proofs
from correlator.store.database import reading
from correlator.store.figures import month

router = APIRouter()
_MONTHS = 12


@router.get("/indicateurs")
def show(
    request: Request, visit: Reader, wanted: Annotated[str, Query(alias="mois", pattern=r"^(\d{4}-\d{2})?$")] = ""
) -> Response:
    """Show one month beside the one before it; this month by default."""
    install = install_of(request)
    zone = ZoneInfo(install.settings.time_zone)
    today = install.now().astimezone(zone)
    start = _month_of(wanted, today)
    before, end = _shifted(start, -1), _shifted(start, 1)
    with reading(install.engine) as connection:
        chosen = month(connection, visit.viewer, start, end)
        last = month(connection, visit.viewer, before, start)
        proved = [one for one in proofs.runs(connection, start, end) if visit.viewer.sees(one.commune)]
    offered = [_shifted(today, -back) for back in range(_MONTHS)]
    return page(
        request, "figures.html", start=start, last_start=before, chosen=chosen, last=last, offered=offered,
        proved=proved, floor=proofs.floor(proved), running=end > install.now().astimezone(zone),
    )  # fmt: skip


def _month_of(text: str, today: datetime) -> datetime:
    """Return the first instant of the month ``text`` (2026-11), or of today's; months that do not exist are today's."""
    first = _shifted(today, 0)
    year, _, number = text.partition("-")
    if not text or not 1 <= int(number) <= 12 or int(year) < 1:  # noqa: PLR2004 - months of a year
        return first
    return first.replace(year=int(year), month=int(number))


def _shifted(moment: datetime, months: int) -> datetime:
    """Return the first instant of the month that lies so many months away; local, so that a month has its own hours."""
    index = moment.year * 12 + moment.month - 1 + months
    return moment.replace(year=index // 12, month=index % 12 + 1, day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)
