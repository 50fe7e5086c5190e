"""References between correlations and rules: names and ids → members, inner correlations first, cycles refused."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace

from correlator.correlate.chain import in_order
from correlator.correlate.rule import Baseline, CorrelationRule, Judging, Kind, Member, Word
from correlator.correlate.words import read_words
from correlator.correlate.written import Fault
from correlator.errors import Problem


@dataclass(frozen=True, slots=True)
class Draft:
    """A correlation whose references are still as written; ``asked``: the judging that an extension asks for."""

    path: str
    rule: CorrelationRule
    written: tuple[str, ...]
    aliases: Mapping[str, Mapping[str, str]]
    words: str | None = None
    asked: Judging | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """Everything a reference can mean: name or id → ids. One name of several rules is no reference."""

    rules: Mapping[str, str]
    drafts: Mapping[str, Sequence[str]]

    def find(self, name: str) -> str | None:
        """Return the id that ``name`` means, None when nothing has it. Raises Fault when several do."""
        found = {*([self.rules[name]] if name in self.rules else []), *self.drafts.get(name, ())}
        if len(found) > 1 and name not in found:
            raise Fault(f"refers to {name!r}, which is the name of {len(found)} rules", f"an id: {', '.join(sorted(found))}")
        return name if name in found else next(iter(found), None)

    def names_of(self, key: str) -> set[str]:
        """Return every name and id by which one rule is called."""
        found = {key, *(name for name, its in self.rules.items() if its == key)}
        return found | {name for name, its in self.drafts.items() if key in its}


def problem_of(path: str, title: str, fault: Fault) -> Problem:
    """Return a fault as a problem of the correlation with this title."""
    return Problem(path, 0, f"correlation {title!r}: {fault.what}", fault.expected)


def resolve_all(
    drafts: Mapping[str, Draft], rules: Mapping[str, str]
) -> tuple[tuple[CorrelationRule, ...], tuple[Problem, ...]]:
    """Return the correlations that can run, inner ones first, and why the others cannot.

    ``drafts`` by id; ``rules`` name or id → id. Refused are cycles, and what depends on something refused.
    """
    known = Known(rules, _called(drafts))
    wanted = {key: [one for name in draft.written for one in known.drafts.get(name, ())] for key, draft in drafts.items()}
    order, cycles = in_order(wanted)
    problems = [_problem(drafts[key], _cycle_fault(ring, drafts)) for key, ring in cycles.items()]
    done: dict[str, CorrelationRule] = {}
    for key in order:
        try:
            done[key] = _resolve(drafts[key], known, done)
        except Fault as fault:
            problems.append(_problem(drafts[key], fault))
    return tuple(done.values()), tuple(problems)


def _called(drafts: Mapping[str, Draft]) -> dict[str, list[str]]:
    called: dict[str, list[str]] = {}
    for key, draft in drafts.items():
        for name in {draft.rule.name, draft.rule.id} - {""}:
            called.setdefault(name, []).append(key)
    return called


def _problem(draft: Draft, fault: Fault) -> Problem:
    return problem_of(draft.path, draft.rule.title, fault)


def _cycle_fault(ring: Sequence[str], drafts: Mapping[str, Draft]) -> Fault:
    path = " → ".join(drafts[key].rule.name or key for key in ring)
    return Fault(f"refers to itself: {path}", "a chain that ends in detection rules")


def _resolve(draft: Draft, known: Known, done: Mapping[str, CorrelationRule]) -> CorrelationRule:
    members = tuple(_member(name, draft, known, done) for name in draft.written)
    if len({member.id for member in members}) != len(members):
        raise Fault("rules names one rule twice, by id and by name", "each rule once")
    names = [{name, *known.names_of(member.id)} for name, member in zip(draft.written, members, strict=True)]
    slots = {name: slot for slot, called in enumerate(names) for name in called}
    strange = sorted({name for named in draft.aliases.values() for name in named} - slots.keys())
    if strange:
        raise Fault(f"aliases speak of {', '.join(strange)}", "only rules that stand under rules")
    inner = [done[member.id] for member in members if member.correlation]
    if not draft.rule.cross and any(one.cross for one in inner):
        raise Fault("stays inside a commune but refers to a correlation across communes", "tocsin: {communes: cross} here too")
    words = read_words(draft.words, draft.rule.kind, slots, len(members)) if draft.words is not None else None
    rule = replace(draft.rule, members=members, words=words, delay=_delay(draft.rule.kind, inner))
    rule = replace(rule, judging=draft.asked or _judging(rule, chained=bool(inner)))
    return replace(rule, hash=_hash(rule, [one.hash for one in inner]))


def _member(name: str, draft: Draft, known: Known, done: Mapping[str, CorrelationRule]) -> Member:
    key = known.find(name)
    if key is None:
        raise Fault(f"refers to {name!r}, which is not known", "the id or name of a loaded rule or correlation")
    if key in known.drafts and key not in done:
        raise Fault(f"refers to the correlation {name!r}, which was refused", "a correlation that loads")
    names = sorted({name, *known.names_of(key)})
    aliases = {alias: named[one] for alias, named in draft.aliases.items() for one in names if one in named}
    return Member(key, key in done, aliases, done[key].reach if key in done else 0)


def _judging(rule: CorrelationRule, *, chained: bool) -> Judging:
    """Return when a correlation is judged whose extensions say nothing about it; ``chained``: a member is a correlation."""
    if rule.words is not None:
        return Judging.CLOSED if rule.words.negated else Judging.ARRIVAL
    if not rule.condition.monotone:
        return Judging.CLOSED
    # two hits of a member become one when an event joins them: their number is not monotone, and sums are not either
    return Judging.PASSED if rule.kind.numeric or (rule.kind is Kind.EVENT_COUNT and chained) else Judging.ARRIVAL


def _delay(kind: Kind, inner: Sequence[CorrelationRule]) -> int:
    """Return how far behind the watermark a member can still bring something new, µs.

    A hit marks a time; it comes when the watermark has passed the end of what judges it. Where its events count, not the
    hit, those may be as old as the hit reaches back.
    """
    valued = kind is Kind.VALUE_COUNT or kind.numeric
    return max((one.delay + _behind(one) + (one.reach if valued else 0) for one in inner), default=0)


def _behind(rule: CorrelationRule) -> int:
    """Return how long after the time that a hit marks the hit may come, µs."""
    return rule.span if rule.judging in (Judging.CLOSED, Judging.ABSENT, Judging.RATIO) else 0


# -- what a rule means --------------------------------------------------------------------------------------------------


def _hash(rule: CorrelationRule, inner: Sequence[str]) -> str:
    """Return the digest of what ``rule`` means: state of another meaning is not its own."""
    meaning = [
        rule.kind, rule.rules, [sorted(member.aliases.items()) for member in rule.members], rule.group_by, rule.timespan,
        rule.condition.bounds, rule.fields, rule.cross, *inner,
    ]  # fmt: skip
    more = _more(rule)
    return hashlib.blake2b(json.dumps([*meaning, more] if more else meaning).encode(), digest_size=16).hexdigest()


def _more(rule: CorrelationRule) -> dict[str, object]:
    """Return what only some rules say: one that says nothing of it keeps the hash, and the state, that it had before."""
    said: dict[str, object] = {}
    if rule.words is not None:
        said["words"] = _plain(rule.words)
    if rule.kind is Kind.VALUE_PERCENTILE:
        said["percentile"] = rule.percentile
    if rule.judging not in (Judging.ARRIVAL, Judging.CLOSED):
        said["judging"] = rule.judging
    if isinstance(rule.baseline, Baseline):
        said["baseline"] = astuple(rule.baseline)
    return said


def _plain(word: Word) -> list[object]:
    return [word.operator, word.slot, *map(_plain, word.parts)]
