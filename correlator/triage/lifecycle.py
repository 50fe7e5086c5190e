"""Which incident takes a group of findings: open, join, merge, reopen; and what is worth telling about it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from typing import Any

from correlator.model.incident import Incident, Status, fingerprint_of, number_of
from correlator.model.outcome import Known, Told, TriageSettings
from correlator.model.severity import Severity
from correlator.triage.sentence import sentence_of

BRIDGE, MERGED, FOLLOWS = "bridge", "merged", "follows"
_Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Group:
    """New findings that hang together, and the incidents they touch. ``opener`` and ``lead`` are rows of frame FINDING."""

    label: int
    incidents: tuple[int, ...]
    first: datetime
    last: datetime
    severity: Severity
    communes: tuple[str, ...]
    rules: tuple[tuple[str, str], ...]  # id, title
    opener: _Row
    lead: _Row


@dataclass(frozen=True, slots=True)
class Decision:
    """Group → incident. ``merged``: incident → the older one that takes all it has. ``links``: (one, other, why)."""

    target: Mapping[int, int]
    groups: Mapping[int, Group]  # by incident
    opened: frozenset[int]
    merged: Mapping[int, int]
    links: tuple[tuple[int, int, str], ...]


def decide(groups: Iterable[Group], active: Mapping[int, Incident], next_id: int) -> Decision:
    """Give each group its incident: the oldest it touches, else a new one.

    Incidents no person has touched are merged into the oldest of them; touched ones stay apart and are linked: what a person
    is working on does not vanish under their hands. New numbers follow the time of the earliest finding.
    """
    target: dict[int, int] = {}
    merged: dict[int, int] = {}
    links: list[tuple[int, int, str]] = []
    opened: set[int] = set()
    ordered = sorted(groups, key=lambda group: opener_rank(group.opener))
    for group in ordered:
        untouched = sorted(one for one in group.incidents if not active[one].touched)
        survivors = sorted([*untouched[:1], *(one for one in group.incidents if active[one].touched)])
        if not survivors:
            survivors = [next_id + len(opened)]
            opened.update(survivors)
        target[group.label] = survivors[0]
        merged.update(dict.fromkeys(untouched[1:], *untouched[:1]))
        links += [(survivors[0], other, BRIDGE) for other in survivors[1:]]
        links += [(untouched[0], other, MERGED) for other in untouched[1:]]
    by_incident = {target[group.label]: group for group in ordered}
    return Decision(target, by_incident, frozenset(opened), merged, tuple(links))


def opener_rank(finding: _Row) -> tuple[int, str]:
    """Return what orders findings by age; the smallest opened the incident."""
    return finding["first_us"], finding["finding.id"]


def lead_rank(finding: _Row) -> tuple[int, int, int, str]:
    """Return what orders findings by how much they say: gravest, then hits before detections, then oldest."""
    return -finding["severity"], int(finding["kind"] != "hit"), finding["first_us"], finding["finding.id"]


def finish(
    decision: Decision,
    active: Mapping[int, Incident],
    *,
    new_events: Mapping[int, int],
    new_findings: Mapping[int, int],
    known: Known,
    now: datetime,
    settings: TriageSettings,
) -> tuple[tuple[Incident, ...], tuple[Told, ...]]:
    """Return the incidents as they are after ``decision``, and what to tell; ``new_…`` count additions by incident."""
    done: list[Incident] = []
    told: list[Told] = []
    for target, group in decision.groups.items():
        before = active.get(target)
        taken = [active[one] for one, into in decision.merged.items() if into == target]
        base = reduce(absorbed, taken, before) if before else _opened(target, group, now)
        grown = _grown(base, group, settings)
        after = replace(
            grown,
            count=grown.count + new_events.get(target, 0),
            findings=grown.findings + new_findings.get(target, 0),
            updated=now,
        )
        news = _news(before, after, taken, _new_rules(target, group, decision, known))
        change = _change(before, after, news, now, settings)
        done.append(_after_telling(after, now) if change else after)
        told += [Told(target, change, "; ".join(news))] if change else []
    for one, into in decision.merged.items():
        done.append(_after_telling(replace(active[one], status=Status.MERGED, merged_into=into, updated=now), now))
        told.append(Told(one, "merged", f"merged into {number_of(into)}"))
    return tuple(done), tuple(told)


def _opened(target: int, group: Group, now: datetime) -> Incident:
    return Incident(
        id=target,
        lane=group.opener["lane"],
        status=Status.NEW,
        verdict=None,
        severity=group.severity,
        title="",
        fingerprint="",
        communes=group.communes,
        first=group.first,
        last=group.last,
        opened=now,
        updated=now,
        count=0,
        findings=0,
        opener=opener_rank(group.opener),
        lead=lead_rank(group.lead),
        version=0,
    )


def absorbed(taker: Incident, other: Incident) -> Incident:
    """Return ``taker`` with all that ``other`` counted; their events are apart, else they would have been one before."""
    opener = min((taker, other), key=lambda one: one.opener)
    lead = min((taker, other), key=lambda one: one.lead)
    return replace(
        taker,
        severity=max(taker.severity, other.severity),
        communes=tuple(sorted({*taker.communes, *other.communes})),
        first=min(taker.first, other.first),
        last=max(taker.last, other.last),
        count=taker.count + other.count,
        findings=taker.findings + other.findings,
        opener=opener.opener,
        fingerprint=opener.fingerprint,
        lead=lead.lead,
        title=lead.title,
    )


def _grown(base: Incident, group: Group, settings: TriageSettings) -> Incident:
    """Return ``base`` widened by ``group``; a grown hit speaks again where it was the opener or the lead."""
    opener, lead = opener_rank(group.opener), lead_rank(group.lead)
    strong = [(one["kind"], one["value"]) for one in group.opener["observables"] or [] if one["strong"]]
    is_opener, is_lead = opener <= base.opener, lead <= base.lead
    return replace(
        base,
        severity=max(base.severity, group.severity),
        communes=tuple(sorted({*base.communes, *group.communes})),
        first=min(base.first, group.first),
        last=max(base.last, group.last),
        opener=min(opener, base.opener),
        fingerprint=fingerprint_of(base.lane, group.opener["rule.id"], strong) if is_opener else base.fingerprint,
        lead=min(lead, base.lead),
        title=sentence_of(group.lead, settings.communes) if is_lead else base.title,
        status=Status.NEW if base.status is Status.RESOLVED else base.status,
        verdict=None if base.status is Status.RESOLVED else base.verdict,
        version=base.version + 1,
    )


def _new_rules(target: int, group: Group, decision: Decision, known: Known) -> list[str]:
    homes = {target, *(one for one, into in decision.merged.items() if into == target)}
    return [title for rule, title in group.rules if not any((home, rule) in known.rules for home in homes)]


def _news(before: Incident | None, after: Incident, absorbed: Sequence[Incident], rules: Sequence[str]) -> list[str]:
    """Return what has changed, each as a few words; no news is only a higher count."""
    news = [f"rule fired: {title}" for title in rules]
    if before is None:
        return news
    if after.severity > before.severity:
        news.append(f"severity {before.severity.level} → {after.severity.level}")
    news += [f"commune {commune}" for commune in sorted({*after.communes} - {*before.communes})]
    return news + [f"took in {one.number}" for one in absorbed]


def _change(
    before: Incident | None, after: Incident, news: Sequence[str], now: datetime, settings: TriageSettings
) -> str | None:
    """Return the change to tell, or None: ten thousand events in two hundred batches are not two hundred messages."""
    if before is None:
        return "opened"
    if before.status is Status.RESOLVED:
        return "reopened"
    doubled = after.count >= 2 * before.told_count
    waited = before.told is None or now - before.told >= settings.retell
    return "updated" if news or doubled or waited else None


def _after_telling(incident: Incident, now: datetime) -> Incident:
    return replace(incident, sequence=incident.sequence + 1, told=now, told_count=incident.count)
