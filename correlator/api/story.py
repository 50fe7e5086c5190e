"""What happened, told in order: what rules found and what people and Tocsin did, one sentence each."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from correlator.api import wording
from correlator.api.wording import N_
from correlator.model.incident import Status, Verdict
from correlator.model.severity import Severity
from correlator.store.casefile import Casefile, Fired, Line
from correlator.triage.sentence import act_of

_STATUS_TOLD: Mapping[str, str] = {
    "acknowledged": N_("acknowledged the incident"),
    "in progress": N_("began to work on it"),
    "resolved": N_("resolved it"),
    "closed": N_("closed it"),
    "new": N_("reopened it"),
}
_CHANGE_TOLD: Mapping[str, str] = {
    "opened": N_("The incident was opened."),
    "reopened": N_("The incident was reopened."),
    "resolved": N_("The incident was resolved."),
    "closed": N_("The incident was closed."),
    "merged": N_("The incident was merged into another."),
    "updated": N_("The incident was updated."),
}
_NEWS = (
    (re.compile(r"rule fired: (.+)"), N_("the rule “%s” fired")),
    (re.compile(r"commune (.+)"), N_("it reached %s")),
    (re.compile(r"took in (.+)"), N_("it took in incident %s")),
    (re.compile(r"merged into (.+)"), N_("it went into incident %s")),
    (re.compile(r"acknowledged; owner: (.+)"), N_("took it up; it is in the hands of %s")),
    (re.compile(r"verdict: ([\w-]+): (.+)"), N_("the verdict is now: %s (%s)")),
    (re.compile(r"task added: (.+)"), N_("a task more: “%s”")),
    (re.compile(r"task done: (.+)"), N_("done: “%s”")),
    (re.compile(r"task open again: (.+)"), N_("open again: “%s”")),
    (re.compile(r"split: (\d+) findings went to ([\d-]+)(?:: .*)?"), N_("%s findings went to incident %s")),
    (re.compile(r"split from ([\d-]+)(?:: .*)?"), N_("it was taken out of incident %s")),
    (re.compile(r"owner: nobody"), N_("nobody works on it any more")),
    (re.compile(r"owner: (.+)"), N_("it is now in the hands of %s")),
)
#: Lines about tickets, told whole: sink, then what it says of its tickets.
_TICKETS = (
    (re.compile(r"(.+): ticket (.+) doubled ticket (.+); it was linked and closed"),
     N_("%s: ticket %s doubled ticket %s; it was linked and closed")),
    (re.compile(r"(.+): the ticket was deleted there; made again at the next change"),
     N_("%s: the ticket was deleted there; it is made again at the next change")),
    (re.compile(r"(.+): the ticket was deleted there; not made again"),
     N_("%s: the ticket was deleted there; it is not made again")),
    (re.compile(r"(.+): ticket (.+) has lost the id of this incident"), N_("%s: ticket %s has lost the id of this incident")),
    (re.compile(r"(.+): people closed ticket (\S+) \((.+)\); the incident is still open here"),
     N_("%s: people closed ticket %s (state there: %s); the incident is still open here")),
)  # fmt: skip
#: Changes whose line says all there is to say.
_WHOLE = frozenset({"ticket", "paged", "called"})
_SEVERITY = re.compile(r"severity (\w+) → (\w+)")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One thing that happened. ``kind``: rule, tocsin, person; ``quote`` is what a person wrote. ``id`` of a history line."""

    at: datetime
    kind: str
    text: str
    quote: str = ""
    id: int = 0


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells in one language; ``people`` maps logins to names, ``communes`` ids to names."""

    language: str
    zone: str
    people: Mapping[str, str]
    communes: Mapping[str, str]

    def story(self, found: Casefile) -> list[Sentence]:
        """Return all of it, oldest first."""
        lines = [replace(line, text=_without_rules(line.text)) for line in found.history]
        told = [*map(self.fired, found.rules), *self.history(lines)]
        return sorted(told, key=lambda one: one.at)

    def history(self, lines: Sequence[Line]) -> Iterator[Sentence]:
        """Yield what people and Tocsin did; lines that only say that counts grew are left out."""
        return (self.line(line) for line in lines if line.person or line.text or line.change != "updated")

    def fired(self, rule: Fired) -> Sentence:
        """Return what a rule found."""
        many = wording.translations(self.language).ngettext("%s finding", "%s findings", rule.count)
        count = many % wording.number(rule.count, self.language)
        until = ""
        if rule.last != rule.first:
            until = self._("until %s") % wording.short(rule.last, self.zone, self.language)
        told = ", ".join(part for part in (count, until) if part)
        # What an act is called exists in French only: the sentence of the incident itself is French too.
        who = f"Quelqu’un {act_of(rule.tags)} : " if self.language == "fr" else ""
        return Sentence(rule.first, "rule", wording.tied(f"{who}« {rule.title} » ({told})"))

    def line(self, line: Line) -> Sentence:
        """Return one line of the history."""
        if line.person:
            return self._of_person(line)
        if line.change in _WHOLE:
            return Sentence(line.at, "tocsin", _closed(self._of_ticket(line.text)), id=line.id)
        news = [self._news(part) for part in line.text.split("; ") if part]
        text = self._(_CHANGE_TOLD.get(line.change, _CHANGE_TOLD["updated"]))
        return Sentence(line.at, "tocsin", " ".join([text, *map(_closed, news)]), id=line.id)

    def _of_ticket(self, text: str) -> str:
        for pattern, told in _TICKETS:
            found = pattern.fullmatch(text)
            if found:
                return self._(told) % found.groups()
        return text

    def _of_person(self, line: Line) -> Sentence:
        who = self.people.get(line.person, line.person)
        if line.change == "commented":
            return Sentence(line.at, "person", self._("%s wrote:") % who, line.text, line.id)
        status, _, rest = line.text.partition(": ")
        if status not in _STATUS_TOLD:
            return Sentence(line.at, "person", f"{who} – {self._news(line.text)}.", id=line.id)
        verdict, _, reason = rest.partition(": ") if rest.split(": ")[0] in set(Verdict) else ("", "", rest)
        judged = f" – {self._(wording.VERDICTS[Verdict(verdict)])}" if verdict else ""
        return Sentence(line.at, "person", f"{who} {self._(_STATUS_TOLD[status])}{judged}.", reason, line.id)

    def _news(self, part: str) -> str:
        risen = _SEVERITY.fullmatch(part)
        if risen:
            before, after = (self._(wording.SEVERITIES[Severity.of(level)][0]) for level in risen.groups())
            return self._("severity went from %(before)s to %(after)s") % {"before": before, "after": after}
        for pattern, text in _NEWS:
            found = pattern.fullmatch(part)
            if found:
                return self._(text) % tuple(self._name(value) for value in found.groups())
        return part

    def _name(self, value: str) -> str:
        if value in set(Verdict):
            return self._(wording.VERDICTS[Verdict(value)])
        return self.communes.get(value) or self.people.get(value) or value

    @property
    def _(self) -> Callable[[str], str]:
        return wording.translations(self.language).gettext


def _without_rules(text: str) -> str:
    """Return the news of a line without the rules that fired: the story tells those where they began."""
    return "; ".join(part for part in text.split("; ") if not part.startswith("rule fired: "))


def chart_of(found: Casefile, zone: str) -> dict[str, Any]:
    """Return what the timeline draws: per rule its first and last time and those of the kept evidence, in milliseconds.

    They are the times on the wall in ``zone``, written as if they were UTC: the chart shows them without knowing the zone. The
    hour that comes twice in October is drawn once, as the one clock on the wall shows it.
    """
    times: dict[str, list[int]] = {}
    for piece in found.pieces:
        for rule_id in piece.rules:
            times.setdefault(rule_id, []).append(_on_the_wall(piece.at, zone))
    return {
        "rules": [
            {
                "title": rule.title,
                "level": rule.level,
                "first": _on_the_wall(rule.first, zone),
                "last": _on_the_wall(rule.last, zone),
                "times": times.get(rule.id, []),
            }
            for rule in found.rules
        ]
    }


def possible(status: Status, transitions: Mapping[Status, frozenset[Status]]) -> list[Status]:
    """Return what a person may make of ``status``, in the order of the work."""
    return [one for one in Status if one in transitions[status] and one is not Status.MERGED]


def _on_the_wall(moment: datetime, zone: str) -> int:
    return int(moment.astimezone(ZoneInfo(zone)).replace(tzinfo=UTC).timestamp() * 1000)


def _closed(text: str) -> str:
    """Return ``text`` as a sentence: a capital, one full stop."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
