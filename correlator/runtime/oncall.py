"""The on-call duty of a running Tocsin: the plan from settings and estate, one turn every few seconds, its sign of life."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import structlog

from correlator.config.catalogue import load_catalogue
from correlator.config.estate import load_estate
from correlator.config.public_holidays import public_holidays
from correlator.config.sections.oncall import WakeSettings
from correlator.config.settings import Settings
from correlator.deliver import pages as book
from correlator.deliver.answering import hear
from correlator.deliver.calling import Turn, reach, turn
from correlator.deliver.contract import Messenger
from correlator.deliver.oncall import Criterion, Plan
from correlator.deliver.registry import find_sinks, make_sinks
from correlator.deliver.wording import test_call
from correlator.errors import InputError, Problem, TocsinError
from correlator.model.estate import Contact, Estate
from correlator.model.severity import Severity
from correlator.runtime.deliveries import house
from correlator.runtime.health import end_health, raise_health
from correlator.store.database import transaction
from correlator.store.heartbeat import beat, heartbeats
from correlator.store.schema_people import page, page_try
from correlator.telemetry.metrics import Metrics

_BEAT_S = 10.0
_LOOK_S = 60.0
#: A weekly test that was missed (Tocsin was off) is made up for so long.
_LATE = timedelta(hours=4)
_TEST = "essai"
_KEY = "oncall"
#: Without any [[oncall.wake]].
_DEFAULT = Criterion("critique")
log = structlog.get_logger()


def plan_of(settings: Settings, estate: Estate) -> Plan:
    """Return who is called for what. Raises InputError when the ladder names a contact that the estate does not have."""
    chosen, contacts = settings.oncall, {contact.id: contact for contact in estate.contacts}
    problems = [
        Problem(
            "[oncall] ladder",
            0,
            f"unknown contact {name!r}",
            f"add a [[contact]] with this id to {settings.estate or 'the estate'}",
        )
        for name in chosen.ladder
        if name not in contacts
    ]
    if problems:
        raise InputError(problems)
    return Plan(
        criteria=tuple(_criterion(one) for one in chosen.wake) or (_DEFAULT,),
        ladder=tuple(contacts[name] for name in chosen.ladder),
        channels=chosen.sinks,
        daytime=chosen.daytime_sinks,
        hours=chosen.working_hours,
        holidays=public_holidays(chosen.calendar) if chosen.working_hours else frozenset(),
        zone=settings.time_zone,
        repeat=timedelta(minutes=chosen.repeat_minutes),
        tries=chosen.tries,
        personal=chosen.personal,
        install=settings.install,
        told=tuple(settings.sinks),
        codes={commune.id: commune.code for commune in estate.communes},
        vital=vital_hosts(estate) if any(one.vital for one in chosen.wake) else (),
    )


def vital_hosts(estate: Estate) -> tuple[str, ...]:
    """Return the globs of the machines that vital services stand on: their own, and those of the assets they need."""
    catalogue = load_catalogue()
    hosts: dict[str, None] = {}
    needed: set[str] = set()
    for local in estate.services:
        service = catalogue.services.get(local.service)
        if service is not None and service.vital:
            hosts |= dict.fromkeys(local.hosts)
            needed |= set(service.needs if local.needs is None else local.needs)
    for asset in estate.shared:
        if asset.id in needed:
            hosts |= dict.fromkeys(asset.hosts)
    return tuple(hosts)


def messengers_of(settings: Settings) -> dict[str, Messenger]:
    """Return the sinks that carry calls. Raises InputError when one of them cannot reach people."""
    configured = {name: own for name, own in settings.sinks.items() if name in settings.oncall.messengers}
    made = make_sinks(find_sinks(), configured, house(settings))
    found: dict[str, Messenger] = {name: sink for name, sink in made.items() if isinstance(sink, Messenger)}
    problems = [
        Problem(
            f"[oncall] sinks: {name}", 0, f"a sink of kind {configured[name]['kind']!r} reaches nobody", "sms, mail or webhook"
        )
        for name in made
        if name not in found
    ]
    if problems:
        raise InputError(problems)
    return found


def estate_of(settings: Settings) -> Estate:
    """Return the estate of an install; an empty one when none is configured."""
    return load_estate(settings.estate) if settings.estate else Estate()


@dataclass(slots=True)
class OnCall:
    """What drives the calls; ``turn`` is made every few seconds, in one thread."""

    settings: Settings
    engine: sa.Engine
    metrics: Metrics
    plan: Plan = field(init=False)
    messengers: Mapping[str, Messenger] = field(init=False)
    _beaten: float = field(default=-_BEAT_S, init=False)
    _looked: float = field(default=0.0, init=False)
    _stamp: float = field(default=0.0, init=False)
    _said: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self.plan, self.messengers = plan_of(self.settings, estate_of(self.settings)), messengers_of(self.settings)
        self._looked, self._stamp = monotonic(), _stamp(self.settings.estate)

    def turn(self, now: datetime) -> None:
        """Do what is due, and say how it went."""
        self._look_around()
        for told in hear(self.engine, self.plan, self.messengers, now):
            log.info("Answer to a call.", what=told)
        done = turn(self.engine, self.plan, self.messengers, now)
        self._weekly(now)
        self._tell(done)
        self._raise(done, now)
        if monotonic() - self._beaten >= _BEAT_S or done.calls:
            self._beaten = monotonic()
            beat(self.engine, "oncall", now, _detail(done, self.plan, now))

    def _look_around(self) -> None:
        """Once a minute take a changed estate: a new telephone number needs no restart. A broken one keeps the old plan."""
        if monotonic() - self._looked < _LOOK_S:
            return
        self._looked = monotonic()
        stamp = _stamp(self.settings.estate)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self.plan = plan_of(self.settings, estate_of(self.settings))
        except TocsinError as error:
            log.warning("The changed estate is refused for calls; the old ladder stays.", reason=str(error))

    def _weekly(self, now: datetime) -> None:
        due = last_test_due(self.settings, now)
        if due is None or now - due > _LATE or not self.plan.ladder:
            return
        last = heartbeats(self.engine).get("oncall test")
        if last is None or last.at < due:
            self._tell_test(run_test(self.engine, self.plan, self.messengers, self.plan.ladder[0], now))

    def _tell_test(self, results: Mapping[str, str]) -> None:
        for channel, result in results.items():
            self.metrics.add("tocsin_oncall_calls", channel=channel, result="failed" if _is_failure(result) else result)
            if _is_failure(result):
                log.error("The weekly test call failed.", channel=channel, reason=result)

    def _tell(self, done: Turn) -> None:
        self.metrics.set("tocsin_oncall_pages", done.waiting)
        for channel, result in done.calls:
            self.metrics.add("tocsin_oncall_calls", channel=channel, result=result)
        for number in done.opened:
            log.info("On-call page opened.", incident=number)
        said = f"{sorted(done.failing.items())}{done.unreached}{sorted(set(done.nobody))}"
        if said == self._said:
            return
        self._said = said
        for channel, why in done.failing.items():
            log.error("A channel of calls does not work.", channel=channel, reason=why)
        for contact in done.unreached:
            log.error("Nobody was reached: no channel works; tried again in a minute.", contact=contact)
        for criterion in sorted(set(done.nobody)):
            log.error("Nobody may be called for this criterion: only elected people are on the ladder.", criterion=criterion)

    def _raise(self, done: Turn, now: datetime) -> None:
        """Keep an incident open while nobody can be reached: whoever looks at the queue or the tickets sees it."""
        if done.unreached:
            why = "; ".join(f"{channel} : {why}" for channel, why in sorted(done.failing.items()))
            sentence = f"L’astreinte n’a pu être appelée par aucun canal. Vérifiez les canaux ({why})"[:300]
            raise_health(self.engine, self.settings, _KEY, sentence, Severity.HIGH, now)
        elif any(result != "failed" for _, result in done.calls):
            end_health(self.engine, self.settings, _KEY, now)


def last_test_due(settings: Settings, now: datetime) -> datetime | None:
    """Return the last moment at which the weekly test was due; None when there is none."""
    at = settings.oncall.test_at
    if at is None:
        return None
    weekday, hour, minute = at
    zone = ZoneInfo(settings.time_zone)
    local = now.astimezone(zone)
    day = local.date() - timedelta(days=(local.isoweekday() - weekday) % 7)
    due = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
    if due > local:
        day -= timedelta(days=7)
        due = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
    return due.astimezone(now.tzinfo)


def run_test(
    engine: sa.Engine, plan: Plan, messengers: Mapping[str, Messenger], contact: Contact, now: datetime
) -> dict[str, str]:
    """Send ``contact`` a message marked ESSAI through every channel, note it, and return channel → sent, handed or why not."""
    results: dict[str, str] = {}
    with transaction(engine) as connection:
        row = {"subject": "ESSAI", "criterion": _TEST, "opened": now, "next_try": now, "state": book.ENDED, "ended": now}
        identity = connection.execute(sa.insert(page).values(row).returning(page.c.id)).scalar_one()
    for name in dict.fromkeys((*plan.channels, *plan.daytime)):
        message = test_call(f"{plan.install}:essai:{identity}:{name}", plan.install, now, plan.zone)
        ((_, result, reference),) = reach(contact, [name], messengers, message).tries
        results[name] = result
        tried = {"page": identity, "at": now, "contact": contact.id, "channel": name, "result": result, "reference": reference}
        with transaction(engine) as connection:
            connection.execute(sa.insert(page_try).values(tried))
    beat(engine, "oncall test", now, {"contact": contact.id, "results": results})
    return results


def _criterion(one: WakeSettings) -> Criterion:
    return Criterion(
        one.name,
        Severity.of(one.minimum_level),
        frozenset(one.communes),
        frozenset(one.lanes),
        frozenset(one.tags),
        one.vital,
        one.wake_elected,
    )


def _detail(done: Turn, plan: Plan, now: datetime) -> dict[str, Any]:
    problems = [f"{channel}: {why}" for channel, why in sorted(done.failing.items())]
    problems += [f"nobody reached: {contact}" for contact in done.unreached]
    problems += [f"nobody may be called for {criterion}" for criterion in sorted(set(done.nobody))]
    return {"open": done.waiting, "night": plan.is_night(now), "problems": problems}


def _is_failure(result: str) -> bool:
    return result not in {book.SENT, book.HANDED}


def _stamp(path: Path | None) -> float:
    try:
        return path.stat().st_mtime if path else 0.0
    except OSError:
        return 0.0
