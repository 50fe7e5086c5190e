"""Which incident takes a group of findings: open, join, merge, reopen; and what is worth telling about it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from typing import Any

from correlator.model.incident import Incident, Status, fingerprint_of, number_of
from correlator.model.outcome import Known, Told, TriageSettings
from correlator.model.policy import RISK_RULE
from correlator.model.severity import Severity
from correlator.triage.sentence import sentence_of

BRIDGE, MERGED, FOLLOWS = "bridge", "merged", "follows"
_Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule with new findings in a group; ``again``: only repetitions within its period, ``planned``: in announced work."""

    rule: str
    title: str
    severity: int
    again: bool
    planned: bool


@dataclass(frozen=True, slots=True)
class Group:
    """New findings that hang together, and the incidents they touch. ``opener`` and ``lead`` are rows of frame FINDING."""

    label: int
    incidents: tuple[int, ...]
    first: datetime
    last: datetime
    communes: tuple[str, ...]
    fired: tuple[Fired, ...]
    opener: _Row
    lead: _Row

    @property
    def repeats(self) -> bool:
        """Say whether there is nothing in it but repetitions."""
        return all(one.again for one in self.fired)

    @property
    def planned(self) -> bool:
        """Say whether all of it lies in announced work."""
        return all(one.planned for one in self.fired)

    @property
    def rules(self) -> frozenset[str]:
        """Return the rules that fired."""
        return frozenset(one.rule for one in self.fired)


@dataclass(frozen=True, slots=True)
class Decision:
    """Group → incident. ``merged``: incident → the older one that takes all it has. ``links``: (one, other, why).

    ``explained``: incident → rules in it that another rule of it explains. ``quiet``: incidents with new findings but no news.
    """

    target: Mapping[int, int]
    groups: Mapping[int, Group]  # by incident
    opened: frozenset[int]
    merged: Mapping[int, int]
    links: tuple[tuple[int, int, str], ...]
    explained: Mapping[int, frozenset[str]]
    quiet: frozenset[int]


def decide(groups: Iterable[Group], nodes: Mapping[int, Incident], known: Known, settings: TriageSettings) -> Decision:
    """Give each group its incident: the oldest it touches, else a new one.

    Incidents no person has touched are merged into the oldest of them; touched ones stay apart and are linked: what a person
    is working on does not vanish under their hands. Closed incidents among ``nodes`` take repetitions only. New numbers follow
    the time of the earliest finding.
    """
    target: dict[int, int] = {}
    merged: dict[int, int] = {}
    links: list[tuple[int, int, str]] = []
    opened: set[int] = set()
    ordered = sorted(groups, key=lambda group: opener_rank(group.opener))
    for group in ordered:
        awake = [one for one in group.incidents if nodes[one].takes_findings]
        untouched = sorted(one for one in awake if not nodes[one].touched)
        survivors = sorted([*untouched[:1], *(one for one in awake if nodes[one].touched)]) or _quiet_home(group, nodes, known)
        if not survivors:
            survivors = [known.next_id + len(opened)]
            opened.update(survivors)
        target[group.label] = survivors[0]
        merged.update(dict.fromkeys(untouched[1:], *untouched[:1]))
        links += [(survivors[0], other, BRIDGE) for other in survivors[1:]]
        links += [(untouched[0], other, MERGED) for other in untouched[1:]]
    by_incident: dict[int, Group] = {}
    for group in ordered:  # two groups may meet in what was judged before
        one = target[group.label]
        by_incident[one] = _both(by_incident[one], group) if one in by_incident else group
    explained = {one: settings.policies.explained(_rules_of(one, group, merged, known)) for one, group in by_incident.items()}
    quiet = frozenset(one for one, group in by_incident.items() if _is_quiet(one, group, explained[one], known, nodes))
    return Decision(target, by_incident, frozenset(opened), merged, tuple(links), explained, quiet)


def _quiet_home(group: Group, nodes: Mapping[int, Incident], known: Known) -> list[int]:
    """Return the incident, nobody's work any more, that takes the group without a word.

    Repetitions within their period belong to the newest closed one they repeat; what was resolved as benign or false of late,
    and comes again with the same fingerprint and no new rule, to that.
    """
    closed = [one for one in group.incidents if not nodes[one].takes_findings]
    if closed and group.repeats:
        return [max(closed)]
    same = known.judged.get(_fingerprint(group.opener))
    return [same] if same is not None and _has_all(same, group, known) else []


def _has_all(incident: int, group: Group, known: Known) -> bool:
    return all((incident, rule) in known.rules for rule in group.rules)


def _both(one: Group, other: Group) -> Group:
    return replace(
        one,
        first=min(one.first, other.first),
        last=max(one.last, other.last),
        communes=tuple(sorted({*one.communes, *other.communes})),
        fired=tuple(dict.fromkeys((*one.fired, *other.fired))),
        lead=min(one.lead, other.lead, key=lead_rank),
    )


def _rules_of(one: int, group: Group, merged: Mapping[int, int], known: Known) -> frozenset[str]:
    """Return every rule of the incident, with those of the group and of what it takes in."""
    homes = (one, *(other for other, into in merged.items() if into == one))
    return group.rules.union(*(known.levels.get(home, {}) for home in homes))


def _is_quiet(one: int, group: Group, explained: frozenset[str], known: Known, nodes: Mapping[int, Incident]) -> bool:
    """Say whether all that is new is repeated, explained, planned, or what was judged benign before."""
    if one in nodes and _is_judged(one, group, nodes[one], known):
        return True
    crossed = (one, RISK_RULE) in known.rules
    return all(
        fired.again or fired.planned or fired.rule in explained or (crossed and fired.rule == RISK_RULE)
        for fired in group.fired
    ) and (one in nodes or one in known.incidents or group.planned)


def _is_judged(one: int, group: Group, incident: Incident, known: Known) -> bool:
    return (
        incident.status is Status.RESOLVED
        and known.judged.get(incident.fingerprint) == one
        and _fingerprint(group.opener) == incident.fingerprint
        and _has_all(one, group, known)
    )


def _fingerprint(opener: _Row) -> str:
    strong = [(one["kind"], one["value"]) for one in opener["observables"] or [] if one["strong"]]
    if opener["kind"] == "risk":  # by the entity's key: how it was written depends on who came first
        _, kind, rest = opener["finding.id"].split("|", 2)
        strong = [(kind, rest.rpartition("|")[0])]
    return fingerprint_of(opener["lane"], opener["rule.id"], strong)


def opener_rank(finding: _Row) -> tuple[int, str]:
    """Return what orders findings by age; the smallest opened the incident."""
    return finding["first_us"], finding["finding.id"]


def lead_rank(finding: _Row) -> tuple[int, int, int, str]:
    """Return what orders findings by how much they say: gravest, then hits before detections, then oldest."""
    rank = finding.get("rank", finding["severity"])
    return -rank, int(finding["kind"] != "hit"), finding["first_us"], finding["finding.id"]


def finish(
    decision: Decision,
    nodes: Mapping[int, Incident],
    *,
    counts: tuple[Mapping[int, int], Mapping[int, int]],
    known: Known,
    now: datetime,
    settings: TriageSettings,
) -> tuple[tuple[Incident, ...], tuple[Told, ...]]:
    """Return the incidents as they are after ``decision``, and what to tell; ``counts``: new events, new findings."""
    done: list[Incident] = []
    told: list[Told] = []
    every = {**known.incidents, **nodes}
    for target, group in decision.groups.items():
        before = every.get(target)
        taken = [nodes[one] for one, into in decision.merged.items() if into == target]
        base = reduce(absorbed, taken, before) if before else _opened(target, group, now)
        quiet = target in decision.quiet
        grown = _grown(base, group, settings, reopens=not quiet)
        after = replace(
            grown,
            severity=_severity(base, group, decision, known),
            count=grown.count + counts[0].get(target, 0),
            findings=grown.findings + counts[1].get(target, 0),
            updated=now,
        )
        news = _news(before, after, taken, _new_rules(target, group, decision, known))
        change = _change(before, after, news, now, _patience(group, settings, quiet=quiet), settings.retell)
        is_silent = quiet and before is None
        done.append(_after_telling(after, now, silent=is_silent) if change else after)
        told += [Told(target, change, "; ".join(news), is_silent)] if change else []
    for one, into in decision.merged.items():
        done.append(_after_telling(replace(nodes[one], status=Status.MERGED, merged_into=into, updated=now), now))
        told.append(Told(one, "merged", f"merged into {number_of(into)}"))
    return tuple(done), tuple(told)


def _severity(base: Incident, group: Group, decision: Decision, known: Known) -> Severity:
    """Return the gravest of what is not explained; what a person sees only rises unless an explanation came."""
    explained = decision.explained[base.id]
    fresh = [fired.severity for fired in group.fired if fired.rule not in explained]
    if not explained:
        return Severity(max(base.severity, *fresh))
    homes = (base.id, *(other for other, into in decision.merged.items() if into == base.id))
    levels = {rule: level for home in homes for rule, level in known.levels.get(home, {}).items()}
    left = [level for rule, level in levels.items() if rule not in explained] + fresh
    return Severity(max(left, default=int(base.severity)))


def _patience(group: Group, settings: TriageSettings, *, quiet: bool) -> timedelta | None:
    """Return how long nothing need be told of an incident that only grows; None: for ever."""
    if not quiet:
        return settings.retell
    periods = [settings.policies.suppress[one.rule].period for one in group.fired if one.rule in settings.policies.suppress]
    return max(periods, default=None) if group.repeats else None


def _opened(target: int, group: Group, now: datetime) -> Incident:
    return Incident(
        id=target,
        lane=group.opener["lane"],
        status=Status.NEW,
        verdict=None,
        severity=Severity(max(one.severity for one in group.fired)),
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


def _grown(base: Incident, group: Group, settings: TriageSettings, *, reopens: bool) -> Incident:
    """Return ``base`` widened by ``group``; a grown hit speaks again where it was the opener or the lead."""
    opener, lead = opener_rank(group.opener), lead_rank(group.lead)
    back = reopens and base.status is Status.RESOLVED
    is_opener, is_lead = opener <= base.opener, lead <= base.lead
    return replace(
        base,
        communes=tuple(sorted({*base.communes, *group.communes})),
        first=min(base.first, group.first),
        last=max(base.last, group.last),
        opener=min(opener, base.opener),
        fingerprint=_fingerprint(group.opener) if is_opener else base.fingerprint,
        lead=min(lead, base.lead),
        title=_title(group, settings) if is_lead else base.title,
        status=Status.NEW if back else base.status,
        verdict=None if back else base.verdict,
        version=base.version + 1,
    )


def _title(group: Group, settings: TriageSettings) -> str:
    sentence = sentence_of(group.lead, settings.communes)
    window = str(group.lead.get("window") or "").split("|")[0]
    reason = next((one.reason for one in settings.windows if one.id == window), None)
    return sentence if reason is None else f"Pendant la maintenance « {reason} » : {sentence}"


def _new_rules(target: int, group: Group, decision: Decision, known: Known) -> list[str]:
    homes = {target, *(one for one, into in decision.merged.items() if into == target)}
    quiet = decision.explained[target]
    fired = sorted({(one.rule, one.title) for one in group.fired if one.rule not in quiet and not one.planned})
    return [title for rule, title in fired if not any((home, rule) in known.rules for home in homes)]


def _news(before: Incident | None, after: Incident, absorbed: Sequence[Incident], rules: Sequence[str]) -> list[str]:
    """Return what has changed, each as a few words; no news is only a higher count."""
    news = [f"rule fired: {title}" for title in rules]
    if before is None:
        return news
    if after.severity != before.severity:
        news.append(f"severity {before.severity.level} → {after.severity.level}")
    news += [f"commune {commune}" for commune in sorted({*after.communes} - {*before.communes})]
    return news + [f"took in {one.number}" for one in absorbed]


def _change(
    before: Incident | None, after: Incident, news: Sequence[str], now: datetime, patience: timedelta | None, usual: timedelta
) -> str | None:
    """Return the change to tell, or None: ten thousand events in two hundred batches are not two hundred messages."""
    if before is None:
        return "opened"
    if before.status is Status.RESOLVED and after.status is not Status.RESOLVED:
        return "reopened"
    if news:
        return "updated"
    if patience is None:
        return None
    doubled = after.count >= 2 * before.told_count and patience == usual
    return "updated" if doubled or before.told is None or now - before.told >= patience else None


def _after_telling(incident: Incident, now: datetime, *, silent: bool = False) -> Incident:
    return replace(incident, sequence=incident.sequence + (not silent), told=now, told_count=incident.count)
