"""What tests of the detect stage share: a rule around a selection, and its verdict on events."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from correlator.detect.engine import detect
from correlator.detect.flatten import flatten, frame_of
from correlator.detect.load import load_rules
from correlator.detect.report import Loaded
from correlator.model.rule import RuleText

Rule = dict[str, Any]


def rule_document(detection: dict[str, Any], **head: Any) -> Rule:
    """Return a rule document around ``detection``; a condition is added when there is none."""
    return {"title": "t", "id": "r", "logsource": {"product": "p"}, "detection": {"condition": "sel", **detection}, **head}


@pytest.fixture
def load_document() -> Callable[..., Loaded]:
    """Return a function that loads documents, one file each."""

    def load(*documents: Rule, **options: Any) -> Loaded:
        texts = [RuleText(f"rule{number}.yml", yaml.safe_dump(document)) for number, document in enumerate(documents)]
        return load_rules(texts, **options)

    return load


@pytest.fixture
def matches_event(load_document: Callable[..., Loaded]) -> Callable[..., bool]:
    """Return a function that says whether the selection ``sel`` matches one event."""

    def matches(selection: Any, event: dict[str, Any], **options: Any) -> bool:
        loaded = load_document(rule_document({"sel": selection}), **options)
        assert loaded.problems == ()
        ruleset = loaded.ruleset
        events = frame_of([flatten(event)], [""], ruleset.fields, keywords=ruleset.keywords)
        return detect(ruleset, [events], any_logsource=True, reserved=frozenset()).height > 0

    return matches


@pytest.fixture
def document() -> Callable[..., Rule]:
    """Return the function that makes a rule document."""
    return rule_document
