"""Everything that can be said about rules without an event: faults of loading, rules that cannot work here, lints."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from correlator.correlate.load import load_correlations
from correlator.detect.lints import CATALOGUE, Feed, Finding, lint_rules
from correlator.detect.lints.files import check_files
from correlator.detect.report import NOT_NEGATED, Loaded
from correlator.detect.texts import read_documents
from correlator.errors import InputError, Problem
from correlator.model.event import CONTEXT, ECS
from correlator.model.logsource import ADDED_SOURCES
from correlator.model.rule import RuleText
from correlator.parse.contract import Parser
from correlator.runtime.content import shipped_rules
from correlator.store.content import read_rules

_TAGS = "attack-tags.txt"


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found, the gravest first, then by lint and place; ``rejected`` counts the documents that did not load.

    ``inert``: how many loaded rules cannot fire here, those included that say themselves why.
    """

    loaded: Loaded
    findings: tuple[Finding, ...]
    rejected: int
    inert: int


def check_rules(paths: Sequence[Path], loaded: Loaded, parsers: Mapping[str, Parser], skip: frozenset[str]) -> Checked:
    """Return what is to be said about the rules ``loaded`` from ``paths``, where ``parsers`` read all that comes in.

    ``skip`` names lints that are left out. Loads pySigma.
    """
    texts = read_rules(paths)
    wrong = [_with_line(problem, texts) for problem in correlation_problems(loaded)]
    found = [*_of_loading(loaded, wrong), *lint_rules(loaded.ruleset, feeds_of(parsers))]
    findings = set(check_files(texts, found, attack_tags(), skip))
    ordered = sorted(findings, key=lambda one: (-one.gravity, one.lint, one.path, one.line, one.what))
    return Checked(loaded, tuple(ordered), loaded.rejected + len(wrong), _inert(found))


def _inert(found: Iterable[Finding]) -> int:
    kinds = {"source-unknown", "field-absent", "never-true"}
    return len({(one.path, one.rule) for one in found if one.lint in kinds})


def feeds_of(parsers: Mapping[str, Parser]) -> tuple[Feed, ...]:
    """Return what each parser gives, and enrichment to the events of all of them, as lints see it."""
    given = tuple(Feed(parser.log_sources, frozenset(parser.fields)) for parser in parsers.values())
    return (*given, Feed(ADDED_SOURCES, frozenset({*ECS, *CONTEXT})))


def correlation_problems(loaded: Loaded) -> tuple[Problem, ...]:
    """Return why correlations of ``loaded`` cannot run."""
    known = {rule.id: rule.id for rule in loaded.ruleset.rules}
    known |= {rule.name: rule.id for rule in loaded.ruleset.rules if rule.name}
    return load_correlations(loaded.ruleset.correlations, known)[1]


def attack_tags() -> frozenset[str]:
    """Return the ATT&CK tags of the version that the shipped rules are pinned to; empty when the table is not there."""
    try:
        lines = (shipped_rules() / _TAGS).read_text(encoding="utf-8").splitlines()
    except OSError:
        return frozenset()
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def _of_loading(loaded: Loaded, wrong: Iterable[Problem]) -> Iterator[Finding]:
    for problem in (*loaded.problems, *wrong):
        yield Finding.from_problem("load", problem)
    for problem in loaded.warnings:
        yield Finding.from_problem("filter-polarity" if problem.what == NOT_NEGATED else "filter-unused", problem)


def _with_line(problem: Problem, texts: Sequence[RuleText]) -> Problem:
    """Return a problem of a correlation, which is told by title, with the line of its ``correlation``."""
    for text in texts:
        if text.path == problem.path:
            for document in read_documents(text)[0]:
                if problem.what.startswith(f"correlation {document.content.get('title')!r}:"):
                    return replace(problem, line=document.line_of("correlation", "rules"))
    return problem


def check_skip(skip: Sequence[str]) -> None:
    """Raise InputError when ``skip`` names no lint; loads pySigma only for names that are none of ours."""
    strange = [name for name in skip if name not in CATALOGUE and name != "sigma"]
    if not strange:
        return
    from correlator.detect.lints.validators import validator_names  # noqa: PLC0415 - loads pySigma

    known = {*CATALOGUE, "sigma", *validator_names()}
    near = {name: get_close_matches(name, known, 1) for name in strange if name not in known}
    if near:
        raise InputError(
            Problem(
                "--skip",
                0,
                f"there is no lint {name}",
                f"did you mean {close[0]}?" if close else f"one of {', '.join(sorted(CATALOGUE))}",
            )
            for name, close in near.items()
        )
