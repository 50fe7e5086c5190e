"""The watcher on another machine: when Tocsin's sign of life stops, or says that it is ill, the same people are called.

It knows a URL, a ladder, sinks and a small state file; no database. What it decided is in the file before anybody is called
again, so that a restart neither forgets an alarm nor repeats a call.
"""

import os
import ssl
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from zoneinfo import ZoneInfo

import httpx
import orjson
import structlog

from correlator.config.watch import Watch
from correlator.deliver.answering import is_same_number
from correlator.deliver.calling import reach
from correlator.deliver.contract import Answerable, Confirming, Fate, Message, Messenger
from correlator.deliver.oncall import Plan, Standing, advanced, after_call, due_at
from correlator.deliver.pages import HANDED
from correlator.deliver.registry import find_sinks, make_sinks
from correlator.errors import Fatal, InputError, Problem
from correlator.model.estate import Contact

_READ = 64 << 10
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class State:
    """What the watcher remembers. ``handed``: (channel, reference, contact) of messages nobody confirmed yet."""

    since: datetime | None = None  # of the present outage
    why: str = ""
    step: int = 0
    tries: int = 0
    next_try: datetime | None = None
    called: tuple[str, ...] = ()
    taken: str = ""
    count: int = 0  # of messages ever, so that each has a key of its own
    handed: tuple[tuple[str, str, str], ...] = ()


def probe(url: str, timeout_s: float, ca_file: Path | None = None) -> str:
    """Return what is wrong with the Tocsin at ``url``; empty: it is well. Asks no DNS when ``url`` holds an address."""
    try:
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        with (
            httpx.Client(timeout=timeout_s, verify=context, follow_redirects=False, trust_env=False) as client,
            client.stream("GET", url) as response,
        ):
            body = b"".join(part for part, _ in zip(response.iter_bytes(4096), range(_READ // 4096), strict=False))
        told = orjson.loads(body)
    except (httpx.HTTPError, OSError) as error:
        return f"ne répond pas ({type(error).__name__})"
    except orjson.JSONDecodeError:
        return f"répond autre chose que son état (HTTP {response.status_code})"
    if response.is_success and isinstance(told, dict) and told.get("healthy") is True:
        return ""
    message = told.get("message") if isinstance(told, dict) else None
    return f"se dit en panne : {str(message)[:200]}" if message else f"répond HTTP {response.status_code}"


def load_state(path: Path) -> State:
    """Return what the file remembers; nothing when there is none or it cannot be read: then the outage begins now."""
    try:
        told = orjson.loads(path.read_bytes())
        times = {key: told[key] and datetime.fromisoformat(told[key]) for key in ("since", "next_try")}
        handed = tuple((str(channel), str(reference), str(contact)) for channel, reference, contact in told["handed"])
        return State(**{**told, **times, "called": tuple(told["called"]), "handed": handed})
    except FileNotFoundError:
        return State()
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("The state file cannot be read; the watcher begins anew.", path=str(path), reason=str(error))
        return State()


def save_state(path: Path, state: State) -> None:
    """Write the file whole or not at all. Raises Fatal when that cannot be done."""
    half = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with half.open("wb") as file:
            file.write(orjson.dumps(asdict(state)))
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    except OSError as error:
        raise Fatal(f"{path}: {error.strerror or error}; the watcher must remember whom it called") from error


class Watcher:
    """One watcher; ``turn`` looks once and calls who is due."""

    def __init__(self, url: str, watch: Watch, messengers: Mapping[str, Messenger]) -> None:
        self.url, self.watch, self.messengers = url, watch, messengers
        settings = watch.settings
        self.plan = Plan(
            criteria=(),
            ladder=watch.people,
            channels=settings.sinks,
            zone=settings.time_zone,
            repeat=timedelta(minutes=settings.repeat_minutes),
            tries=settings.tries,
            install=settings.install,
        )
        self.state = load_state(settings.state)

    def turn(self, now: datetime, wrong: str | None = None) -> str:
        """Return what is wrong now (empty: nothing), after doing what follows from it; ``wrong`` is given by tests."""
        settings = self.watch.settings
        wrong = probe(self.url, settings.timeout_s, settings.ca_file) if wrong is None else wrong
        before = self.state
        if wrong:
            self._failing(wrong, now)
        else:
            self._well(now)
        if self.state != before or not settings.state.exists():
            save_state(settings.state, self.state)
        return wrong

    def take(self, person: str) -> None:
        """Note that ``person`` looks after it: nobody is called any more until it is over."""
        self.state = replace(self.state, taken=person)
        save_state(self.watch.settings.state, self.state)

    def _well(self, now: datetime) -> None:
        if self.state.called:
            since = self.state.since or now
            minutes = max(0, round((now - since).total_seconds() / 60))
            text = f"TOCSIN ({self.plan.install}) RÉTABLI à {self._clock(now)}, après {minutes} min. Rien d’autre à faire."
            for contact in self.plan.ladder:
                if contact.id in self.state.called:
                    self._send(contact, self.plan.channels, "Rétabli", text)
            log.info("Recovered.", minutes=minutes)
        self.state = State(count=self.state.count)

    def _failing(self, wrong: str, now: datetime) -> None:
        since = min(self.state.since or now, now)  # a clock that went back begins anew
        told = load_state(self.watch.settings.state).taken  # `tocsin watch --ack` writes it beside the running watcher
        self.state = replace(self.state, since=since, why=wrong, taken=self.state.taken or told)
        self._hear()
        self._follow_up(now)
        if self.state.taken or (now - since).total_seconds() < self.watch.settings.unhealthy_after_s:
            return
        standing = Standing(self.state.step, self.state.tries, self.state.next_try or now)
        if due_at(standing, now, self.plan):
            self._call(advanced(standing, self.plan), now)

    def _call(self, standing: Standing, now: datetime) -> None:
        contact = self.plan.ladder[standing.step % len(self.plan.ladder)]
        # Written before anybody is called: a crash in between costs one call, not a call at every restart.
        after = after_call(standing, now, self.plan, reached=True)
        self.state = replace(self.state, step=after.step, tries=after.tries, next_try=after.next_try)
        save_state(self.watch.settings.state, self.state)
        reached = self._send(contact, self.plan.channels, "Tocsin ne répond plus", self._text(standing))
        if not reached:
            after = after_call(standing, now, self.plan, reached=False)
            self.state = replace(self.state, next_try=after.next_try)
            log.error("Nobody was reached: no channel works; tried again in a minute.", contact=contact.id)

    def _send(self, contact: Contact, channels: tuple[str, ...], subject: str, text: str) -> bool:
        number = self.state.count + 1
        key = f"{self.plan.install}:watch:{number}"
        message = Message(key, f"{self.plan.install}:watch", f"[Tocsin] {subject}", text, f"{text}\n\n{self.url}")
        outcome = reach(contact, channels, self.messengers, message)
        handed = tuple((channel, reference, contact.id) for channel, result, reference in outcome.tries if result == HANDED)
        called = tuple(dict.fromkeys((*self.state.called, contact.id)))
        self.state = replace(self.state, count=number, called=called, handed=(*self.state.handed, *handed))
        for channel, result, _ in outcome.tries:
            log.info("Call.", contact=contact.id, channel=channel, result=result)
        return outcome.reached

    def _follow_up(self, now: datetime) -> None:
        """Ask what became of messages that were handed over; where one failed, the next channel gets its turn at once."""
        for channel, reference, contact_id in self.state.handed:
            messenger: object = self.messengers.get(channel)
            fate = messenger.fate(reference) if isinstance(messenger, Confirming) else Fate.SENT
            if fate is Fate.WAITING:
                continue
            self.state = replace(self.state, handed=tuple(one for one in self.state.handed if one[1] != reference))
            rest = self.plan.channels[self.plan.channels.index(channel) + 1 :] if channel in self.plan.channels else ()
            contact = next((one for one in self.plan.ladder if one.id == contact_id), None)
            if fate is Fate.FAILED and contact is not None and not self.state.taken:
                log.error("A channel of calls does not work.", channel=channel, reason="handed over, not sent")
                standing = Standing(self.state.step, self.state.tries, now)
                if not self._send(contact, rest, "Tocsin ne répond plus", self._text(standing)):
                    self.state = replace(self.state, next_try=now + timedelta(seconds=60))

    def _hear(self) -> None:
        """Take an OK of somebody on the ladder for what it says."""
        for messenger in [one for one in self.messengers.values() if isinstance(one, Answerable)]:
            for answer in messenger.answers():
                sender = next((one for one in self.plan.ladder if is_same_number(one.phone, answer.sender)), None)
                if sender is not None and answer.text.strip().lower().startswith("ok"):
                    self.state = replace(self.state, taken=sender.name)
                messenger.answered(answer)

    def _text(self, standing: Standing) -> str:
        turn = standing.step // max(1, len(self.plan.ladder))
        again = f"{turn + 1}e TOUR. " if turn else ""
        since = self._clock(self.state.since or datetime.now(UTC))
        return (
            f"{again}TOCSIN ({self.plan.install}) {self.state.why} depuis {since}. Personne ne surveille : vérifiez le serveur."
        )

    def _clock(self, moment: datetime) -> str:
        return moment.astimezone(ZoneInfo(self.plan.zone)).strftime("%H:%M le %d/%m")


def watcher_of(url: str, watch: Watch) -> Watcher:
    """Return a watcher with its sinks made. Raises InputError when one of them cannot reach people."""
    known = {"time_zone": watch.settings.time_zone}  # it knows neither estate nor console: a sink's own settings may name them
    made = make_sinks(find_sinks(), watch.sinks, known)
    chosen = {name: sink for name, sink in made.items() if name in watch.settings.sinks}
    wrong = [
        Problem(f"sink {name}", 0, "reaches nobody", "a sink of kind sms, mail or webhook")
        for name, sink in chosen.items()
        if not isinstance(sink, Messenger)
    ]
    if wrong:
        raise InputError(wrong)
    return Watcher(url, watch, {name: sink for name, sink in chosen.items() if isinstance(sink, Messenger)})


def keep_watch(watcher: Watcher, stop: Event) -> None:
    """Look every ``every_s`` until ``stop`` is set. What goes wrong in one turn is logged; the next one comes."""
    while not stop.is_set():
        try:
            watcher.turn(datetime.now(UTC))
        except Fatal as error:  # a full disk must not end the watch: better a call twice than none
            log.error("The watcher's state was not kept.", reason=str(error))  # noqa: TRY400 - the reason says it all
        except Exception:
            log.exception("A turn of the watch failed; done again at the next.")
        stop.wait(watcher.watch.settings.every_s)
