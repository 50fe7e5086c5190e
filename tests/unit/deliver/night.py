"""A night on call for the tests: a database with incidents, a ladder, channels that work or not, a clock that obeys."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from correlator.deliver.answering import hear
from correlator.deliver.calling import Turn, turn
from correlator.deliver.contract import Answer, Fate, Message
from correlator.deliver.oncall import Criterion, Plan
from correlator.model.estate import Contact
from correlator.model.incident import Status, Verdict, incident_id, number_of
from correlator.model.severity import Severity
from correlator.store import people, schema
from correlator.store.database import open_database, transaction

FRIDAY_NIGHT = datetime(2026, 11, 20, 22, 10, tzinfo=UTC)  # 23:10 in Paris
PAUL = Contact("paul", "Paul Martin", "astreinte", "+33600000001", "paul@sim9.example.org")
LEA = Contact("lea", "Léa Petit", "RSSI", "+33600000002", "lea@sim9.example.org")
MAIRE = Contact("maire", "Mme le Maire", "maire", "+33600000003", "maire@sim9.example.org", elected=True)
PLAN = Plan(criteria=(Criterion("critique"),), ladder=(PAUL, MAIRE, LEA), channels=("sms", "mail"), install="sim9")


@dataclass
class Telephone:
    """A channel that keeps what it gets, or fails as told."""

    name: str = "sms"
    address: Literal["phone", "mail", "any"] = "phone"
    broken: Exception | None = None
    got: list[tuple[str, Message]] = field(default_factory=list)
    came: list[Answer] = field(default_factory=list)

    def send_message(self, to: str, message: Message) -> str:
        """Keep it."""
        if self.broken:
            raise self.broken
        self.got.append((to, message))
        return message.key

    def answers(self) -> tuple[Answer, ...]:
        """Return what came."""
        return tuple(self.came)

    def answered(self, answer: Answer) -> None:
        """Forget it."""
        self.came.remove(answer)


@dataclass
class Modem(Telephone):
    """A channel that only hands over."""

    fates: dict[str, Fate] = field(default_factory=dict)

    def fate(self, reference: str) -> Fate:
        """Return what the test decided."""
        return self.fates.get(reference, Fate.WAITING)


@dataclass
class Night:
    """The whole: ``after`` lets time pass and takes a turn."""

    engine: sa.Engine
    plan: Plan = PLAN
    now: datetime = FRIDAY_NIGHT
    sms: Telephone = field(default_factory=Telephone)
    mail: Telephone = field(default_factory=lambda: Telephone("mail", "mail"))
    count: int = 0

    def incident(self, severity: Severity = Severity.CRITICAL, **more: Any) -> str:
        """Put an incident into the database and return its number."""
        self.count += 1
        identity = incident_id(2026, self.count)
        row = {"lane": "00101", "status": "new", "severity": int(severity), "title": "c.lemaire a chiffré des fichiers"}
        row |= {"fingerprint": "f", "communes": ["00101"], "first": self.now, "last": self.now, "opened": self.now}
        row |= {"updated": self.now, "count": 1, "findings": 1, "opener": [], "lead": [], "touched": False}
        row |= {"sequence": 1, "told": self.now, "told_count": 1, "version": 1, "id": identity, "number": number_of(identity)}
        entity = {"incident": identity, "kind": "user", "value": "c.lemaire", "role": "actor", "shown": "c.lemaire"}
        with transaction(self.engine) as connection:
            connection.execute(sa.insert(schema.incident), {**row, **more})
            connection.execute(sa.insert(schema.incident_entity), {**entity, "strong": True, "count": 1})
        return number_of(identity)

    def fire(self, number: str, level: str, tags: tuple[str, ...] = (), at: datetime | None = None) -> None:
        """Let a rule fire in an incident."""
        identity = 2026_000_000 + int(number[3:])
        row = {"incident": identity, "rule_id": f"{level}{tags}", "kind": "detection", "title": "t", "level": level}
        row |= {"tags": list(tags), "count": 1, "first": at or self.now, "last": at or self.now}
        with transaction(self.engine) as connection:
            connection.execute(sa.insert(schema.incident_rule), row)

    def set(self, number: str, **values: Any) -> None:
        """Change an incident as triage would."""
        with transaction(self.engine) as connection:
            table = schema.incident
            connection.execute(sa.update(table).where(table.c.number == number).values(updated=self.now, **values))

    def move(self, number: str, status: Status, person: str = "analyste") -> None:
        """Let a person give it another status."""
        verdict = Verdict.TRUE_POSITIVE if status in {Status.CLOSED, Status.RESOLVED} else None
        people.move(self.engine, number, status, people.Act(person, self.now, "sim9"), verdict=verdict, reason="vu")

    def turn(self) -> Turn:
        """Take one turn."""
        channels = {"sms": self.sms, "mail": self.mail}
        hear(self.engine, self.plan, channels, self.now)
        return turn(self.engine, self.plan, channels, self.now)

    def after(self, **pause: float) -> Turn:
        """Let time pass, then take one turn."""
        self.now += timedelta(**pause)
        return self.turn()

    def called(self) -> list[str]:
        """Return who got an SMS or a mail, in order, by the last digit of the number or the mail's name."""
        return [to[-1] if to.startswith("+") else to.partition("@")[0] for to, _ in (*self.sms.got, *self.mail.got)]


@contextmanager
def night(folder: Path, url: str = "", **more: Any) -> Iterator[Night]:
    """Give a night on call."""
    engine = open_database(folder / "tocsin.db", url=url)
    try:
        yield Night(engine, **more)
    finally:
        engine.dispose()
