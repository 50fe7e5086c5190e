"""What on-call people read: French, short, calm; the gravest first."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from correlator.deliver.contract import Message
from correlator.model.estate import SHARED, UNATTRIBUTED, Contact
from correlator.model.severity import Severity

LEVELS: Mapping[Severity, str] = {
    Severity.CRITICAL: "critique",
    Severity.HIGH: "élevée",
    Severity.MEDIUM: "moyenne",
    Severity.LOW: "faible",
    Severity.INFORMATIONAL: "information",
}
_NAMED = 3  # communes and incidents named in a short message


@dataclass(frozen=True, slots=True)
class Matter:
    """One incident to tell: ``title`` as it may be told there, ``place`` in codes; ``round`` of the ladder, from 0."""

    number: str
    severity: Severity
    place: str
    title: str
    opened: datetime
    tries: int = 0
    round: int = 0


def place_of(lane: str, communes: Sequence[str], codes: Mapping[str, str]) -> str:
    """Return where an incident is, in codes: ``BRP``, ``BRP+COR``, ``PARTAGÉ``."""
    if lane == UNATTRIBUTED:
        return "À RATTACHER"
    named = sorted(codes.get(one, one) for one in communes if one not in {SHARED, UNATTRIBUTED})
    if lane == SHARED or not named:
        return "PARTAGÉ"
    more = f"+{len(named) - _NAMED}" if len(named) > _NAMED else ""
    return "+".join(named[:_NAMED]) + more


def without_persons(title: str, entities: Iterable[tuple[str, str]]) -> str:
    """Return ``title`` without the accounts and mail addresses among ``entities`` (kind, value)."""
    names = sorted({value for kind, value in entities if kind in {"user", "email"} and value}, key=len, reverse=True)
    for name in names:
        title = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "un compte", title, flags=re.IGNORECASE)
    return title[:1].upper() + title[1:]


def call(matters: Sequence[Matter], contact: Contact, key: str, install: str, zone: str) -> Message:
    """Return the message that tells ``matters`` (at least one, gravest first) to ``contact``."""
    first = matters[0]
    short = _single(first) if len(matters) == 1 else _several(matters)
    subject = f"[Tocsin {first.number}] Appel d’astreinte : gravité {LEVELS[first.severity]}, {first.place}"
    if len(matters) > 1:
        subject = f"[Tocsin] Appel d’astreinte : {len(matters)} incidents"
    return Message(key, f"{install}:{first.number}", subject, short, _text(matters, contact, zone))


def test_call(key: str, install: str, now: datetime, zone: str) -> Message:
    """Return the weekly message, which nobody can take for a real one."""
    moment = now.astimezone(ZoneInfo(zone)).strftime("%d/%m %H:%M")
    short = f"ESSAI TOCSIN {moment} : ceci est un essai, rien à faire. Ce canal fonctionne."
    return Message(
        key, f"{install}:essai", "[Tocsin] ESSAI de l’appel d’astreinte", short, f"{short}\n\nInstallation : {install}."
    )


def _single(matter: Matter) -> str:
    again = f"{_turn(matter)}TOCSIN {LEVELS[matter.severity].upper()} {matter.place} {matter.number}"
    return f"{again} (répondre OK {matter.number}) : {matter.title}"


def _several(matters: Sequence[Matter]) -> str:
    counts = {word: sum(one.severity is level for one in matters) for level, word in LEVELS.items()}
    told = ", ".join(f"{count} {word}{'s' * (count > 1)}" for word, count in counts.items() if count)
    places = sorted({one.place for one in matters})
    where = ", ".join(places[:_NAMED]) + (f" et {len(places) - _NAMED} autres" if len(places) > _NAMED else "")
    numbers = ", ".join(one.number for one in matters[:_NAMED])
    head = f"{_turn(matters[0])}TOCSIN {len(matters)} incidents ({told}) {where} : {numbers}"
    return f"{head}{'...' if len(matters) > _NAMED else ''} (répondre OK TOUT) {matters[0].title}"


def _turn(matter: Matter) -> str:
    if matter.round:
        return f"{matter.round + 1}e TOUR. "
    return f"RAPPEL {matter.tries}. " if matter.tries else ""


def _text(matters: Sequence[Matter], contact: Contact, zone: str) -> str:
    lines = [f"Appel d’astreinte pour {contact.name}."]
    if matters[0].round:
        lines.append(f"Personne n’a répondu : {matters[0].round + 1}e tour de la liste d’astreinte.")
    for one in matters:
        local = one.opened.astimezone(ZoneInfo(zone)).strftime("%d/%m %H:%M")
        lines += ["", f"{one.number}  gravité {LEVELS[one.severity]}  {one.place}  ouvert le {local}", one.title]
    numbers = " ".join(one.number for one in matters[:1])
    lines += ["", f"Pour prendre en charge : tocsin ack {numbers}, ou répondre « OK {numbers} » au SMS."]
    lines += ["Sans réponse, la personne suivante de la liste est appelée."]
    return "\n".join(lines)
