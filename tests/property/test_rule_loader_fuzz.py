"""The rule loader against texts nobody would write: every one is loaded or refused with its place, never a crash."""

import os
from typing import Any

import orjson
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from correlator.detect.load import Environment
from correlator.detect.readings import FileReading, join
from correlator.detect.report import Loaded
from correlator.model.rule import RuleText
from tests import strategies

GOOD = """title: t
id: one
logsource: {product: windows}
level: high
tags: [attack.t1059]
detection:
  selection:
    Image|endswith: ['\\cmd.exe', '\\sh']
    CommandLine|windash|contains|all: [' -a', '%x%']
    port|gt: 1.5
    ip|cidr: 10.0.0.0/8
    path|re|i: '^c:.*(a|b)+$'
  words: [evil, 4625]
  filter_x: {User: null}
  condition: (selection or words) and not 1 of filter_*
---
title: f
logsource: {product: windows}
filter: {rules: any, s: {User: bob}, condition: not s}
"""
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["sel", "%a%", "1 of *", "(", "|"]),
)
_plain = st.recursive(
    _scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=10,
)
_keys = st.sampled_from(
    ["f", "f|re", "f|contains", "f|gt", "|all", "f|cidr", "f|exists", "f|fieldref", "f|hour", "f|x", "f|expand"]
)


@st.composite
def mutated_texts(draw: st.DrawFn) -> str:
    """Return a good rule file with pieces cut, doubled, swapped for junk."""
    text = GOOD
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 20)))
        junk = draw(
            st.one_of(st.text(max_size=6), st.sampled_from(["\0", "&a ", "*a", "[", "{", "- ", "!!x ", "\t", "|", "\n---\n"]))
        )
        text = text[:start] + junk + text[end:]
    return text


@st.composite
def odd_documents(draw: st.DrawFn) -> dict[str, Any]:
    """Return a rule whose parts have any type."""
    rule: dict[str, Any] = draw(strategies.rules())
    selection = draw(st.one_of(_plain, st.dictionaries(_keys, _plain, max_size=3)))
    rule["detection"] = draw(st.one_of(st.just(rule["detection"] | {"odd": selection, "condition": "odd"}), _plain))
    head = st.sampled_from(
        ["title", "id", "level", "tags", "logsource", "status", "filter", "falsepositives", "generate", "action"]
    )
    return rule | draw(st.dictionaries(head, _plain, max_size=2))


def checked(text: str) -> Loaded:
    """Return what the rule file holds, once every document has a fate and the reading can be kept."""
    environment = Environment()
    reading = environment.read(RuleText("x.yml", text))
    loaded = join([reading], environment.narrow)
    assert all(problem.path == "x.yml" and problem.what for problem in loaded.problems)
    assert loaded.rejected <= len(loaded.problems)
    assert FileReading.from_plain(orjson.loads(orjson.dumps(reading.to_plain())), "x.yml") == reading
    return loaded


@settings(_PATIENT, max_examples=100)
@given(mutated_texts())
def test_mutated_text(text: str) -> None:
    """A damaged rule file never stops the loader."""
    checked(text)


@settings(_PATIENT, max_examples=100)
@given(odd_documents())
def test_odd_document(document: dict[str, Any]) -> None:
    """A rule with parts of the wrong type is refused or loaded, once."""
    loaded = checked(yaml.safe_dump(document, allow_unicode=True))

    assert len(loaded.ruleset.rules) + len(loaded.ruleset.correlations) + loaded.rejected <= 1


@pytest.mark.fuzz
@settings(_PATIENT, max_examples=int(os.environ.get("TOCSIN_FUZZ_EXAMPLES", "1500")))
@given(st.one_of(mutated_texts(), odd_documents().map(lambda document: yaml.safe_dump(document, allow_unicode=True))))
def test_loader_at_length(text: str) -> None:
    """The same, for a night."""
    checked(text)
