"""Why an incident is one, as facts without words: what fired in which order, what is unusual, what to look at first.

``api.wording_of_reasons`` says them in French or English. Whoever may see a part of the incident only gets facts of that part.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa

from correlator.config.sections.triage import RiskSection
from correlator.correlate.closing import positives
from correlator.correlate.rule import CorrelationRule, Judging, Kind
from correlator.errors import TocsinError
from correlator.model.entity import key_of
from correlator.model.estate import SHARED
from correlator.model.incident import Incident
from correlator.model.policy import RISK_RULE
from correlator.model.severity import Severity
from correlator.model.tactics import tactics_of
from correlator.runtime.content import Content
from correlator.runtime.todo import Todo, todo_of
from correlator.store import reasons
from correlator.store.around import Thing
from correlator.store.casefile import Casefile, Entity, Fired
from correlator.store.reasons import Earlier, HitSeen

_BACK = timedelta(days=30)
_THINGS, _FIRST, _NOTES, _FEW_DAYS, _TITLES = 4, 3, 6, 3, 6
#: What is said of rules about what is unusual for a group.
_UNUSUAL = {Judging.ABSENT: "silent", Judging.FIRST: "never_seen", Judging.RARE: "rare_value", Judging.RATIO: "unusual_hour"}
_PERIODS = ((1, "1d"), (7, "7d"), (30, "30d"))


@dataclass(frozen=True, slots=True)
class Moment:
    """A rule in the order of events: ``gap`` since the one before it began, ``lasted`` from its first to its last finding."""

    at: datetime
    rule: str
    title: str
    kind: str
    level: str
    count: int
    lasted: timedelta
    gap: timedelta | None


@dataclass(frozen=True, slots=True)
class Said:
    """A fact: which one, and what stands in it. Values are text, numbers, times, durations."""

    code: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pivot:
    """Where to go on: a fact that says why, the command that does it, the address in the console ("" : none)."""

    why: Said
    command: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why this is an incident. ``things`` are the entities asked about in the lake; ``missing`` what could not be said."""

    moments: tuple[Moment, ...]
    stages: tuple[str, ...]
    things: tuple[Thing, ...]
    unusual: tuple[Said, ...]
    first: tuple[Said, ...]
    todo: tuple[Todo, ...]
    pivots: tuple[Pivot, ...]
    missing: tuple[Said, ...]


def reasons_of(
    connection: sa.Connection,
    one: Incident,
    found: Casefile,
    content: Content | None,
    now: datetime,
    risk: RiskSection,
    config: str = "",
) -> Reasons:
    """Return why ``one`` is an incident; ``content`` None: the rules cannot be read, and that is said.

    ``risk`` are the install's points of weak signals, ``config`` the settings file to be named in commands, when one was.
    """
    things = tuple(Thing(entity.kind, entity.value) for entity in _main(found.entities))
    every = todo_of(connection, one.id, found)
    return Reasons(
        moments=tuple(_moments(found.rules)),
        stages=tactics_of(tag for rule in found.rules for tag in rule.tags),
        things=things,
        unusual=tuple(_unusual(connection, one, found, content, risk)),
        first=tuple(_notes(found, content)),
        todo=tuple(task for task in every if task.done is None)[:_FIRST],
        pivots=tuple(_pivots(found, things, now, config)),
        missing=() if content else (Said("no_rules"),),
    )


def read_content(load: Any) -> Content | None:  # noqa: ANN401 - a function without arguments
    """Return what ``load`` gives, or None when rules or estate are broken: an explanation must not fail with them."""
    try:
        loaded: Content = load()
    except TocsinError:
        return None
    return loaded


def _main(entities: Sequence[Entity]) -> list[Entity]:
    """Return what an incident is about above all: strong things first, each once."""
    chosen: dict[tuple[str, str], Entity] = {}
    for entity in sorted(entities, key=lambda one: (not one.strong, -one.count)):
        if entity.kind in {"ip", "user", "host", "equipment", "domain", "email"} and not entity.value.startswith("tocsin:"):
            chosen.setdefault((entity.kind, entity.value.lower()), entity)
    return list(chosen.values())[:_THINGS]


def _moments(rules: Sequence[Fired]) -> Iterator[Moment]:
    before: datetime | None = None
    for rule in sorted(rules, key=lambda one: (one.first, one.last, one.id)):
        gap = None if before is None else rule.first - before
        yield Moment(rule.first, rule.id, rule.title, rule.kind, rule.level, rule.count, rule.last - rule.first, gap)
        before = rule.first


def _unusual(
    connection: sa.Connection, one: Incident, found: Casefile, content: Content | None, risk: RiskSection
) -> Iterator[Said]:
    whole = found.summary.is_whole
    if whole and content is not None:
        yield from _thresholds(reasons.hits_of(connection, one.id), found, content)
    if whole:
        yield from _weak(connection, one, found, risk)
        yield from _rules_before(connection, one, found)
        yield from _things_before(connection, one, found)
    yield from _hours(found)
    several = [commune for commune in found.summary.communes if commune != SHARED]
    if found.summary.others or len(several) > 1:
        yield Said("communes", {"count": len(several) + found.summary.others})
    if whole:
        yield from _quiet(connection, one, found)


def _weak(connection: sa.Connection, one: Incident, found: Casefile, risk: RiskSection) -> Iterator[Said]:
    """Say which weak signals add up to a finding of risk, with the points they have on the last of their days."""
    if RISK_RULE not in {rule.id for rule in found.rules}:
        return
    for entity in found.entities:
        key = key_of(one.lane, entity.kind, entity.value)
        signals = (
            reasons.weak_signals(connection, one.lane, entity.kind, key, one.last, risk.window_days) if entity.strong else []
        )
        if not signals:
            continue
        last = max(signal.day for signal in signals)
        points = sum(
            _points(signal.level, risk) * 2 ** (-24 * (last - signal.day) / risk.half_life_hours) for signal in signals
        )
        titles = list(dict.fromkeys(signal.title for signal in signals))
        values = {
            "value": entity.value, "rules": len(titles), "titles": "; ".join(titles[:_TITLES]), "points": round(points),
            "threshold": round(risk.threshold), "stages": len(tactics_of(tag for signal in signals for tag in signal.tags)),
        }  # fmt: skip
        yield Said("risk", values)


def _points(level: str, risk: RiskSection) -> float:
    return risk.points.get(Severity.of(level).level, 0.0)


def _quiet(connection: sa.Connection, one: Incident, found: Casefile) -> Iterator[Said]:
    """Say what joined without news, and why: what is suppressed must be seen to be."""
    titles = {rule.id: rule.title for rule in found.rules}
    for rule_id, why, count in reasons.quiet(connection, one.id):
        yield Said(f"quiet_{why}", {"rule": titles.get(rule_id, rule_id), "count": count})


def _thresholds(hits: Sequence[HitSeen], found: Casefile, content: Content) -> Iterator[Said]:
    """Say of each correlation how far its largest hit went past what the rule asks for."""
    known = {rule.id: rule for rule in content.correlations}
    largest: dict[str, HitSeen] = {}
    for seen in hits:
        largest.setdefault(seen.rule_id, seen)
    titles = {rule.id: rule.title for rule in found.rules}
    for rule_id, seen in largest.items():
        rule = known.get(rule_id)
        if rule_id not in titles:
            continue
        values = {"rule": titles[rule_id], "count": seen.count, "took": seen.last - seen.first, "group": _named(seen.group)}
        if rule is None:
            yield Said("hit_of_old_rule", values)
        else:
            yield _threshold(rule, values, content)


def _threshold(rule: CorrelationRule, values: Mapping[str, Any], content: Content) -> Said:
    told = {**values, "span": timedelta(microseconds=rule.timespan)}
    if rule.words is not None and rule.words.negated:
        return Said("lacking", {**told, **_seen_and_missed(rule, content)})
    if rule.judging in _UNUSUAL:
        return Said(_UNUSUAL[rule.judging], told)
    if rule.kind.temporal:
        code = "ordered" if rule.kind is Kind.TEMPORAL_ORDERED else "together"
        return Said(code, {**told, "rules": len(rule.members)})
    return _counted(rule, told) if rule.condition.monotone else Said("joined", told)


def _counted(rule: CorrelationRule, told: Mapping[str, Any]) -> Said:
    """Say how far a count, or what numbers amount to, went past the least that is asked for."""
    if rule.kind is Kind.EVENT_COUNT:
        least = rule.condition.least
        return Said("threshold", {**told, "least": least, "times": round(int(told["count"]) / least, 1)})
    if rule.kind is Kind.VALUE_COUNT:
        return Said("value_threshold", {**told, "least": rule.condition.least, "field": ", ".join(rule.fields)})
    return Said("reckoned", {**told, "field": ", ".join(rule.fields)})


def _seen_and_missed(rule: CorrelationRule, content: Content) -> dict[str, str]:
    """Return what a condition in words wanted to see, and what it wanted not to, by the titles of the rules."""
    titles = {known.id: known.title for known in content.ruleset.rules}
    titles |= {known.id: known.title for known in content.correlations}
    seen = positives(rule.words) if rule.words else ()
    names = [titles.get(member.id, member.id) for member in rule.members]
    missed = [name for slot, name in enumerate(names) if slot not in seen]
    return {"seen": "; ".join(names[slot] for slot in seen), "missed": "; ".join(missed)}


def _named(group: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in group.items())


def _rules_before(connection: sa.Connection, one: Incident, found: Casefile) -> Iterator[Said]:
    """Say which rules never fired here before, as far as incidents are kept, and which do again and again."""
    before = reasons.earlier(connection, one, [rule.id for rule in found.rules])
    since = reasons.kept_since(connection, one.lane)
    if since is None or since >= one.opened:
        yield Said("first_incident")
        return
    for rule in found.rules:
        seen: Earlier | None = before.get(rule.id)
        if seen is None:
            yield Said("first_time", {"rule": rule.title, "since": since})
        else:
            yield Said("again", {"rule": rule.title, "count": seen.count, "number": seen.number, "opened": seen.opened})


def _things_before(connection: sa.Connection, one: Incident, found: Casefile) -> Iterator[Said]:
    """Say how rare the strong things of an incident are among the findings of the thirty days before it."""
    known = reasons.days_known(connection, one.lane, one.first, _BACK)
    if known == 0:
        yield Said("days_unknown")
        return
    strong = [entity for entity in _main(found.entities) if entity.strong]
    keys = {entity.value: (entity.kind, key_of(one.lane, entity.kind, entity.value)) for entity in strong}
    days = reasons.days_before(connection, one.lane, list(keys.values()), one.first, _BACK)
    for entity in strong:
        seen = days[keys[entity.value]]
        values = {"kind": entity.kind, "value": entity.value, "known": known, "days": seen.days, "findings": seen.findings}
        code = "thing_new" if seen.days == 0 else "thing_rare" if seen.days <= _FEW_DAYS else "thing_common"
        yield Said(code, values)


def _hours(found: Casefile) -> Iterator[Said]:
    """Say how many of the kept events lie outside opening hours, where they bear that."""
    stamped = [piece.event.get("event.opening") for piece in found.pieces if piece.event.get("event.opening")]
    outside = sum(word in {"closed", "holiday"} for word in stamped)
    if not stamped:
        if found.pieces:
            yield Said("hours_unknown")
    elif outside:
        yield Said("outside_all" if outside == len(stamped) else "outside", {"count": outside, "all": len(stamped)})
    else:
        yield Said("inside", {"all": len(stamped)})


def _notes(found: Casefile, content: Content | None) -> Iterator[Said]:
    """Say what the authors of the rules that fired know: what is told by mistake, which fields to look at."""
    told = [] if content is None else list(_by_authors(found, content))
    yield from told[:_NOTES]


def _by_authors(found: Casefile, content: Content) -> Iterator[Said]:
    rules = {rule.id: rule for rule in content.ruleset.rules}
    documents = {document.get("id"): document for _, document in content.ruleset.correlations}
    for fired in found.rules:
        rule, document = rules.get(fired.id), documents.get(fired.id, {})
        mistakes = rule.falsepositives if rule else _texts(document.get("falsepositives"))
        fields = rule.display if rule else _texts(document.get("fields"))
        plain = [one for one in mistakes if one.lower() not in {"unknown", "none", "unlikely"}]
        if plain:
            yield Said("mistakes", {"rule": fired.title, "what": "; ".join(plain)})
        if fields:
            yield Said("fields", {"rule": fired.title, "what": ", ".join(fields)})


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(one) for one in value) if isinstance(value, list) else ()


def _pivots(found: Casefile, things: Sequence[Thing], now: datetime, config: str) -> Iterator[Pivot]:
    """Yield where to go on: the other records of each thing, what it does by dataset, its other incidents."""
    since = (found.summary.first - timedelta(hours=24)).strftime("%Y-%m-%dT%H:%M:%SZ")
    ago = (now - found.summary.first).days + 2
    period = next((word for days, word in _PERIODS if ago <= days), "90d")
    last = ["--config", config] if config else []
    for thing in things:
        words = ["tocsin", "search", thing.value, "--since", since, *last]
        link = f"/recherche?{urlencode({'text': thing.value, 'period': period})}"
        yield Pivot(Said("pivot_search", {"value": thing.value}), shlex.join(words), link)
        yield Pivot(
            Said("pivot_incidents", {"value": thing.value}),
            "",
            f"/incidents?{urlencode({'scope': 'all', 'text': thing.value})}",
        )
    if things:
        words = ["tocsin", "lake", "query", _sql(things[0], since), *last]
        yield Pivot(Said("pivot_query", {"value": things[0].value}), shlex.join(words))
    yield from _mutes(found, last)


def _sql(thing: Thing, since: str) -> str:
    columns = {"ip": "source.ip", "user": "user.name", "host": "host.name", "equipment": "device.id", "domain": "url.domain"}
    value = thing.value.lower().replace("'", "''")
    chosen = f"""lower("{columns.get(thing.kind, "event.original")}") = '{value}' AND "@timestamp" >= '{since}'"""
    shown = '"event.dataset", "event.action", count(*) AS n, min("@timestamp") AS first, max("@timestamp") AS last'
    return f"SELECT {shown} FROM events WHERE {chosen} GROUP BY ALL ORDER BY n DESC LIMIT 20"  # noqa: S608 - shown, not run here


def _mutes(found: Casefile, last: Sequence[str]) -> Iterator[Pivot]:
    """Yield the mute that would keep this from being told again, when somebody said that it need not be."""
    link = mute_link(found)
    if not link:
        return
    rule, thing, commune = _muted(found)
    about = f"{thing.kind}={thing.value}" if thing else ""
    words = ["tocsin", "mute", "add", "--rule", rule.id]
    words += ["--commune", commune] if commune else []
    words += ["--about", about] if about else []
    words += ["--for", "30d", "--because", f"{found.summary.verdict} {found.summary.number}", "--dry-run", *last]
    yield Pivot(Said("pivot_mute", {"rule": rule.title, "value": about}), shlex.join(words), link)


def mute_link(found: Casefile) -> str:
    """Return the address of the form of mutes, filled in for what a person called a false or benign positive; "" for others."""
    if found.summary.verdict not in {"false-positive", "benign-positive"} or not found.rules or not found.summary.is_whole:
        return ""
    rule, thing, commune = _muted(found)
    filled = {"rule": rule.id, "commune": commune, "kind": thing.kind if thing else "", "value": thing.value if thing else ""}
    return f"/incidents/{found.summary.number}/masquer?{urlencode({name: value for name, value in filled.items() if value})}"


def _muted(found: Casefile) -> tuple[Fired, Entity | None, str]:
    """Return the rule that spoke most, the first strong thing, and the commune, "" for lanes of several."""
    lane = found.summary.lane
    rule = max(found.rules, key=lambda one: one.count)
    thing = next((entity for entity in found.entities if entity.strong), None)
    return rule, thing, "" if lane in {SHARED, "cross"} else lane
