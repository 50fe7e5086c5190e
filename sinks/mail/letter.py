"""One mail as bytes: plain text and a minimal HTML part, one conversation per incident, nothing that a log could inject."""

import hashlib
import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any
from zoneinfo import ZoneInfo

from correlator.deliver.contract import Change, IncidentChange, Message

_LONGEST = 180
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_CHANGES: Mapping[Change, str] = {
    Change.OPENED: "Nouvel incident",
    Change.UPDATED: "Incident mis à jour",
    Change.COMMENTED: "Commentaire",
    Change.EVIDENCE: "Pièces ajoutées",
    Change.RESOLVED: "Incident résolu",
    Change.CLOSED: "Incident clos",
    Change.REOPENED: "Incident rouvert",
    Change.MERGED: "Incident fusionné",
}
_LEVELS = {"critical": "critique", "high": "élevée", "medium": "moyenne", "low": "faible", "informational": "information"}


@dataclass(frozen=True, slots=True)
class House:
    """What the install knows: names of communes by id, the zone people read times in, the console's address ("": none)."""

    communes: Mapping[str, str]
    zone: str
    url: str


def of_change(change: IncidentChange, sender: str, to: Iterable[str], house: House) -> bytes:
    """Return the mail that tells ``change``; the same bytes for the same change."""
    incident = change.incident
    number, level = str(incident["number"]), _LEVELS.get(str(incident.get("severity")), "inconnue")
    subject = f"[Tocsin {number}] {_CHANGES[change.change]}, gravité {level} : {incident.get('title', '')}"
    message = Message(f"{change.external_id}.{change.sequence}", change.external_id, subject, "", _body(change, level, house))
    moment = datetime.fromisoformat(str(incident["updated"])) if "updated" in incident else datetime(2026, 1, 1, tzinfo=UTC)
    return letter(message, message.key, sender, to, moment)[0]


def letter(message: Message, key: str, sender: str, to: Iterable[str], moment: datetime) -> tuple[bytes, str]:
    """Return the mail and its Message-ID, which ``key`` alone decides."""
    domain = sender.rpartition("@")[2]
    name = f"<{_token(key)}@{domain}>"
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Subject"] = _one_line(message.subject)
    mail["Date"] = format_datetime(moment)
    mail["Message-ID"] = name
    mail["References"] = f"<{_token(message.thread)}@{domain}>"
    mail["In-Reply-To"] = f"<{_token(message.thread)}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    text = "\n".join(_CONTROL.sub(" ", line) for line in message.text.splitlines())
    mail.set_content(f"{text}\n", cte="quoted-printable")
    page = f'<!doctype html><html lang="fr"><body><pre style="white-space:pre-wrap">{html.escape(text)}</pre></body></html>\n'
    mail.add_alternative(page, subtype="html", cte="quoted-printable")
    mail.set_boundary(f"tocsin-{hashlib.sha256(key.encode()).hexdigest()[:24]}")  # a random one would change at each try
    return mail.as_bytes(), name


def _body(change: IncidentChange, level: str, house: House) -> str:
    incident = change.incident
    special = {"shared": "moyens partagés", "unattributed": "à rattacher"}
    communes = [special.get(one) or house.communes.get(one, one) for one in map(str, incident.get("communes", []))]
    lines = [
        f"{_CHANGES[change.change]} : {incident['number']}",
        str(incident.get("title", "")),
        "",
        f"Gravité : {level}",
        f"Communes : {', '.join(communes) or 'à rattacher'}",
        f"Événements : {incident.get('count', 0)}",
        f"Du {_local(incident.get('first'), house.zone)} au {_local(incident.get('last'), house.zone)}",
    ]
    lines += [f"Page : {house.url.rstrip('/')}/incidents/{incident['number']}"] if house.url else []
    lines += [f"Verdict : {incident['verdict']}"] if incident.get("verdict") else []
    rules: list[Mapping[str, Any]] = list(incident.get("rules", []))
    lines += ["", "Règles déclenchées :", *(f"- {rule['title']} ({rule['count']})" for rule in rules[:10])] if rules else []
    return "\n".join(lines)


def _local(moment: str | None, zone: str) -> str:
    return datetime.fromisoformat(moment).astimezone(ZoneInfo(zone)).strftime("%d/%m/%Y %H:%M") if moment else "?"


def _one_line(text: str) -> str:
    flat = " ".join(_CONTROL.sub(" ", text).split())
    return flat if len(flat) <= _LONGEST else f"{flat[: _LONGEST - 1]}…"


def _token(key: str) -> str:
    """Return ``key`` in the characters a Message-ID may hold; a digest keeps two keys apart that fold alike."""
    plain = re.sub(r"[^A-Za-z0-9.-]+", ".", key).strip(".")[:60]
    return f"{plain}.{hashlib.sha256(key.encode()).hexdigest()[:10]}"
