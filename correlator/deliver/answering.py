"""Acknowledging: by the answer of somebody who was called, or by command. Taking a call takes the incident in hand."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from correlator.deliver import pages as book
from correlator.deliver.contract import Answer, Answerable, Messenger
from correlator.deliver.oncall import Plan
from correlator.deliver.pages import Page
from correlator.model.estate import Contact
from correlator.model.incident import IllegalTransition, Status, canonical_number
from correlator.store.people import Act, move

_OK = re.compile(r"\s*(?:ok|okay|oui)\b[\s:.,n°]*(.*)", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(r"\b(\d\d)\s*-\s*(\d{1,6})\b")
_ALL = re.compile(r"tou[ts]", re.IGNORECASE)


def hear(engine: sa.Engine, plan: Plan, messengers: Mapping[str, Messenger], now: datetime) -> list[str]:
    """Deal with what people sent back; return one sentence for each answer, without its text or sender's number."""
    told = []
    for messenger in messengers.values():
        if isinstance(messenger, Answerable):
            for answer in messenger.answers():
                told.append(_heard(engine, plan, answer, now))
                messenger.answered(answer)
    return told


def take(engine: sa.Engine, plan: Plan, pages: Sequence[Page], person: str, now: datetime) -> list[str]:
    """End the calls ``pages`` because ``person`` took them, and acknowledge their incidents; return the incidents' numbers."""
    for number in sorted({one.incident.number for one in pages if one.incident.status is Status.NEW}):
        try:
            move(engine, number, Status.ACKNOWLEDGED, Act(person, now, plan.install, plan.told))
        except IllegalTransition:  # somebody else was quicker
            continue
    book.acknowledge(engine, [one.id for one in pages], person, now)
    return sorted({one.incident.number for one in pages})


def _heard(engine: sa.Engine, plan: Plan, answer: Answer, now: datetime) -> str:
    contact = _sender(plan, answer.sender)
    if contact is None:
        return "an answer from a number that is not on the ladder was left aside"
    meant = _meant(engine, contact, answer.text)
    if meant is None:
        return f"{contact.id} answered something that is not OK and a number"
    if not meant:
        return f"{contact.id} answered OK, but no such call is open"
    return f"{contact.id} took {', '.join(take(engine, plan, meant, contact.name, now))}"


def _sender(plan: Plan, number: str) -> Contact | None:
    return next((one for one in plan.ladder if is_same_number(one.phone, number)), None)


def is_same_number(one: str, other: str) -> bool:
    """Say whether two spellings are one telephone."""
    return bool(one) and _digits(one) == _digits(other)


def _digits(number: str) -> str:
    """Return a number as the last nine digits tell it: networks write +33…, 0033… and 0… for the same telephone."""
    return re.sub(r"\D", "", number)[-9:]


def _meant(engine: sa.Engine, contact: Contact, text: str) -> list[Page] | None:
    """Return the open pages an answer is about; None: it is no OK. A bare OK, or OK TOUT: all this person was told."""
    found = _OK.fullmatch(text)
    if found is None:
        return None
    numbers = {canonical_number(f"{year}-{number}") for year, number in _NUMBER.findall(found[1])}
    standing = book.open_now(engine)
    if numbers:
        return [one for one in standing if one.incident.number in numbers]
    if found[1].strip() and not _ALL.match(found[1].strip()):
        return None
    called = book.called_pages(engine, contact.id)
    return [one for one in standing if one.id in called]
