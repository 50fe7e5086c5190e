"""Drops each item of a rule's selections in turn: some case of its script must then fail, else the item is untested."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from correlator.detect.load import load_rules
from correlator.detect.plan import Rule, RuleSet
from correlator.harness.rule_tests import run_case
from correlator.harness.timeline import Case
from correlator.model.rule import RuleText
from correlator.runtime.content import Content

#: A field no event has: its presence is never true, its absence always.
_NOWHERE = "tocsin.nowhere|exists"
_NOT_SELECTIONS = frozenset({"condition", "timeframe"})


@dataclass(frozen=True, slots=True)
class Survivor:
    """A change of a rule that no case notices."""

    path: str
    change: str

    def __str__(self) -> str:
        """Return ``path: without X every case still holds``."""
        return f"{self.path}: without {self.change} every case still holds; add a near miss that differs in it, or drop it"


def survivors(rule: Rule, cases: tuple[Case, ...], content: Content, filters: Sequence[RuleText] = ()) -> Iterator[Survivor]:
    """Yield the selection items of the rule whose loss none of ``cases`` notices.

    A case that names another rule only is of no help. Values inside one list are alternatives, not items. ``filters`` are the
    texts of the filters the rule is loaded with: without them a near miss that a filter explains would notice every loss.
    """
    path = Path(rule.path)
    document = next(text for text in yaml.safe_load_all(path.read_text(encoding="utf-8")) if text.get("id") == rule.id)
    values = content.estate.all_placeholders
    for change, mutant in mutants(document):
        text = RuleText(rule.path, yaml.safe_dump(mutant, allow_unicode=True))
        loaded = load_rules([text, *filters], placeholders=values)
        if not loaded.ruleset.rules:
            continue  # what is left is no rule: the item is needed for it to be one
        changed = replace(content, loaded=replace(content.loaded, ruleset=_swapped(content.ruleset, loaded.ruleset.rules[0])))
        if all(not run_case(case, changed) for case in cases):
            yield Survivor(rule.path, change)


def mutants(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (what was dropped, the rule without it) for every field of every selection, and every part of ``|all`` lists.

    What stands alone in its selection is replaced by a test that always holds, then by one that never does: so a filter's only
    item is tested as well.
    """
    for name, selection in document["detection"].items():
        if name in _NOT_SELECTIONS:
            continue
        for where, trail in _items(selection, (name,)):
            for how, mutant in _without(document, trail):
                yield f"{name}: {where}{how}", mutant


def _items(node: Any, trail: tuple[Any, ...]) -> Iterator[tuple[str, tuple[Any, ...]]]:  # noqa: ANN401 - any YAML
    """Yield (text, path of keys) of every item below a selection."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield str(key), (*trail, key)
            if str(key).endswith("|all") and isinstance(value, list):
                yield from ((f"{key}: {part!r}", (*trail, key, index)) for index, part in enumerate(value))
    elif isinstance(node, list) and any(isinstance(part, dict) for part in node):
        for index, part in enumerate(node):
            yield from _items(part, (*trail, index))
    else:
        yield "keywords", trail


def _without(document: dict[str, Any], trail: tuple[Any, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the document without what ``trail`` leads to; two documents when that stands alone."""
    holder, key = _holder(document, trail)
    if len(trail) > 1 and len(holder) > 1:
        mutant = deepcopy(document)
        smaller, _ = _holder(mutant, trail)
        del smaller[key]
        yield "", mutant
        return
    alone = trail if len(trail) == 1 else trail[:-1]
    for how, present in ((" (always true)", False), (" (never true)", True)):
        mutant = deepcopy(document)
        outer, name = _holder(mutant, alone)
        outer[name] = {_NOWHERE: present}
        yield how, mutant


def _holder(document: dict[str, Any], trail: tuple[Any, ...]) -> tuple[Any, Any]:
    """Return the container that holds the last key of ``trail``, and that key."""
    holder: Any = document["detection"]
    for key in trail[:-1]:
        holder = holder[key]
    return holder, trail[-1]


def _swapped(ruleset: RuleSet, mutant: Rule) -> RuleSet:
    return RuleSet(tuple(mutant if rule.id == mutant.id else rule for rule in ruleset.rules), ruleset.correlations)
