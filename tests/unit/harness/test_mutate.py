"""What ``rules test --mutate`` finds: items of a rule that no case proves."""

from pathlib import Path

import pytest

from correlator.config.estate import load_estate
from correlator.config.settings import load_settings
from correlator.detect.plan import Rule
from correlator.harness.demo.generator import ESTATE
from correlator.harness.mutate import mutants, survivors
from correlator.harness.rule_tests import run_case
from correlator.harness.timeline import Case, read_script
from correlator.model.rule import RuleText
from correlator.runtime.content import Content, load_content

RULE = """
title: Root logs in
id: 9a3f0e0c-6d0e-4b8f-9a55-2c5b1f0e7d11
logsource: {product: linux, service: sshd}
detection:
    selection:
        message|contains|all: ['Accepted', ' for root ']
        source.zone: internet
    condition: selection
level: high
"""
FILTER = """
title: The scanner
id: 2f5a1d9c-2f0b-4f0e-8c61-7b0a3d6f4e22
logsource: {product: linux, service: sshd}
filter:
    rules: [9a3f0e0c-6d0e-4b8f-9a55-2c5b1f0e7d11]
    known: {user.name: root, source.ip: 198.51.100.7}
    condition: not known
"""


def _case(title: str, line: str, expected: str) -> str:
    return f"case {title}\nload linux_syslog\n@0s {{syslog}} web1 sshd[7]: {line}\nexpect\n{expected} rule\n"


FIRES = _case("root", "Accepted password for root from 198.51.100.8 port 1 ssh2", "detection")
REFUSED = _case("refused", "Failed password for root from 198.51.100.8 port 1 ssh2", "no detection")
SOMEBODY = _case("somebody", "Accepted password for alice from 198.51.100.8 port 1 ssh2", "no detection")
INSIDE = _case("inside", "Accepted password for root from 10.10.99.13 port 1 ssh2", "no detection")
SCANNER = _case("scanner", "Accepted password for root from 198.51.100.7 port 1 ssh2", "no detection")


@pytest.fixture
def content(tmp_path: Path) -> Content:
    """Return the rule above with its filter, and the demonstration's estate."""
    (tmp_path / "rule.yml").write_text(RULE)
    (tmp_path / "filter.yml").write_text(FILTER)
    return load_content(load_settings(None), [tmp_path], estate=load_estate(ESTATE))


def _cases(*texts: str) -> tuple[Case, ...]:
    return read_script("rule.test", "\n".join(texts))


def _found(content: Content, *texts: str) -> list[str]:
    rule: Rule = content.ruleset.rules[0]
    return [survivor.change for survivor in survivors(rule, _cases(*texts), content, [RuleText("filter.yml", FILTER)])]


def test_a_near_miss_for_each_item_leaves_no_survivor(content: Content) -> None:
    """Every item, and every part of an ``|all`` list, is proved by a case of its own."""
    assert _found(content, FIRES, REFUSED, SOMEBODY, INSIDE) == []


def test_an_item_without_a_near_miss_survives(content: Content) -> None:
    """Nothing tells the rule from one without its zone."""
    assert _found(content, FIRES, REFUSED, SOMEBODY) == ["selection: source.zone"]


def test_a_near_miss_that_a_filter_explains_proves_no_item(content: Content) -> None:
    """Mutants keep the rule's filters: the filtered case holds with and without the zone."""
    assert [failure for case in _cases(SCANNER) for failure in run_case(case, content)] == []
    assert _found(content, FIRES, REFUSED, SOMEBODY, SCANNER) == ["selection: source.zone"]


def test_what_stands_alone_is_replaced_by_always_and_never() -> None:
    """Dropping the only item of a selection would leave no selection."""
    changes = [change for change, _ in mutants({"detection": {"selection": {"a": 1}, "condition": "selection"}})]

    assert changes == ["selection: a (always true)", "selection: a (never true)"]
