"""Runs ``.test`` scripts: raw lines → parse → enrich → detect → correlate, with the same stages as live."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import orjson
import polars as pl

from correlator.correlate.rule import CorrelationRule
from correlator.detect.plan import Rule, RuleSet
from correlator.errors import InputError, Problem
from correlator.harness.normalised import EVENTS, normalised
from correlator.harness.timeline import Case, Expectation, read_script
from correlator.model.raw import RAW, RawBatch, record_id
from correlator.runtime.content import Content, members
from correlator.runtime.pipeline import Flow, Outcome, process

_HIT, _DETECTION = "hit", "detection"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a case does not hold: where, and what happened instead."""

    case: Case
    line: int
    what: str

    def __str__(self) -> str:
        """Return ``path:line: case 'title': what``."""
        return f"{self.case.path}:{self.line}: case {self.case.title!r}: {self.what}"


def find_scripts(paths: Sequence[Path]) -> list[Path]:
    """Return the ``.test`` files of ``paths`` (files, folders recursively), sorted; a rule's path gives its script."""
    found: set[Path] = set()
    for path in paths:
        if path.is_dir():
            found.update(path.rglob("*.test"))
        else:
            found.add(path.with_suffix(".test"))
    missing = [
        Problem(str(path), 0, "there is no such script", "write it beside the rule") for path in found if not path.exists()
    ]
    if missing:
        raise InputError(missing)
    return sorted(found)


def read_cases(script: Path) -> tuple[Case, ...]:
    """Return the cases of a script file."""
    return read_script(str(script), script.read_text(encoding="utf-8"))


def run_case(case: Case, content: Content) -> list[Failure]:
    """Return what does not hold in ``case`` with the rules of ``content``; empty when all does."""
    narrowed = replace(_forced(case, content), correlations=_asked(case, content))
    outcome = process(_batch(case), Flow(), narrowed, wall=datetime.now(UTC), final=True)
    unread = [
        Failure(case, case.line, f"{parser or 'no parser'} refuses line {line}: {reason}")
        for parser, reason, line in outcome.rejects.select("parser", "reason", "line").iter_rows()
    ]
    return unread or list(_failures(case, outcome, content))


def _batch(case: Case) -> RawBatch:
    rows = [
        {
            "id": record_id(step.parser, "test", number), "source": step.parser, "stream": "test", "offset": number,
            "received": step.at.astimezone(UTC), "path": case.path, "line": number, "text": step.text, "flags": 0,
        }
        for number, step in enumerate(case.steps, start=1)
    ]  # fmt: skip
    return RawBatch(pl.DataFrame(rows, schema=RAW), {"test": len(rows) + 1})


def _forced(case: Case, content: Content) -> Content:
    """Return ``content`` with each source read by the parser it is named after."""
    parsers = {step.parser for step in case.steps}
    given = {name: normalised(name) for name in parsers if name.startswith(EVENTS)}
    unknown = sorted(parsers - content.parsers.keys() - given.keys())
    if unknown:
        known = ", ".join(sorted(content.parsers))
        raise InputError([Problem(case.path, case.line, f"unknown parser {name!r}", f"known: {known}") for name in unknown])
    return replace(content, parsers={**content.parsers, **given}, forced={name: name for name in parsers})


def _asked(case: Case, content: Content) -> tuple[CorrelationRule, ...]:
    """Return the correlations whose hits ``case`` speaks of and those they build on, in order; most cases need none."""
    if any(expectation.kind == "nothing" for expectation in case.expected):
        return content.correlations
    names = rule_ids(content)[_HIT]
    wanted = {names.get(expectation.rule, "") for expectation in case.expected if expectation.kind == _HIT}
    for rule in reversed(content.correlations):  # members come before who refers to them
        wanted |= members(rule) if rule.id in wanted else set()
    return tuple(rule for rule in content.correlations if rule.id in wanted)


def _failures(case: Case, outcome: Outcome, content: Content) -> Iterator[Failure]:
    counted = {
        _DETECTION: Counter(outcome.detections.get_column("rule.id").to_list()),
        _HIT: Counter(outcome.hits.get_column("rule.id").to_list()),
    }
    ids = rule_ids(content)
    for expectation in case.expected:
        if expectation.kind == "nothing":
            yield from _nothing(case, expectation, counted, content)
            continue
        identity = ids[expectation.kind].get(expectation.rule)
        if identity is None:
            yield Failure(case, expectation.line, f"no {expectation.kind} rule is called {expectation.rule!r}")
            continue
        count = counted[expectation.kind][identity]
        if count != expectation.count:
            yield Failure(case, expectation.line, f"{expectation.rule} fired {count} times, expected {expectation.count}")
        elif expectation.group:
            yield from _wrong_group(case, expectation, outcome.hits.filter(pl.col("rule.id") == identity))


def _nothing(case: Case, expectation: Expectation, counted: Mapping[str, Counter[str]], content: Content) -> Iterator[Failure]:
    titles = {rule.id: rule.title for rule in content.ruleset.rules} | {rule.id: rule.title for rule in content.correlations}
    fired = sorted({titles[identity] for counter in counted.values() for identity in counter})
    if fired:
        yield Failure(case, expectation.line, f"expected nothing, but fired: {', '.join(fired)}")


def _wrong_group(case: Case, expectation: Expectation, hits: pl.DataFrame) -> Iterator[Failure]:
    wanted = {name: value.lower() for name, value in expectation.group.items()}
    for group in hits.get_column("group"):
        found = {name: str(value).lower() for name, value in orjson.loads(group).items()}
        if any(found.get(name) != value for name, value in wanted.items()):
            yield Failure(case, expectation.line, f"{expectation.rule} fired by {found}, expected {wanted}")


def rule_ids(content: Content) -> dict[str, dict[str, str]]:
    """Return, for detections and hits, every name a script may use (file name, Sigma name, id) → rule id."""
    rules: RuleSet = content.ruleset
    detections = {name: rule.id for rule in rules.rules for name in _names(rule)}
    hits: dict[str, str] = {}
    for path, document in rules.correlations:
        identity = str(document.get("id") or document.get("name"))
        hits |= {Path(path).stem: identity} if len(_beside(path, rules)) == 1 else {}
        hits |= {str(document[key]): identity for key in ("name", "id") if document.get(key)}
    return {_DETECTION: detections, _HIT: hits}


def _names(rule: Rule) -> list[str]:
    return [name for name in (Path(rule.path).stem, rule.name, rule.id) if name]


def _beside(path: str, rules: RuleSet) -> list[str]:
    return [other for other, _ in rules.correlations if other == path]
