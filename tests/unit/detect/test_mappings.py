"""Mappings: what each transformation does to a rule's meaning, whose rules they touch, and what they may not do."""

import pytest
import yaml

from correlator.detect.load import load_rules
from correlator.detect.plan import And, Leaf, Node, Not, Or, Rule
from correlator.detect.report import Loaded
from correlator.model.rule import RuleText

RULE = """\
title: t
id: 2f0d9b1e-5b1f-4b7e-9d1c-0a3f5a7c9e11
status: test
level: high
tags: [attack.t1059]
logsource: {product: windows, category: process_creation}
detection:
  sel:
    Image|endswith: '\\cmd.exe'
    User: Anna
  condition: sel
fields: [Image, User]
simulation: {type: atomic}
"""
TO_U = "{type: field_name_mapping, mapping: {User: u}"
IMAGE, USER = Leaf("Image", "endswith", ("\\cmd.exe",)), Leaf("User", "equals", ("anna",))
RENAMED = And((IMAGE, Leaf("u", "equals", ("anna",))))


def load(*steps: str, rule: str = RULE, head: str = "") -> Loaded:
    """Return ``rule`` loaded with one mapping that has ``steps``."""
    written = "".join(f"\n- {step}" for step in steps)
    return load_rules([RuleText("x.yml", rule)], [RuleText("m.yml", f"name: m\n{head}transformations:{written}\n")])


def mapped(*steps: str, rule: str = RULE) -> Rule:
    """Return the rule after one mapping."""
    loaded = load(*steps, rule=rule)
    assert loaded.problems == ()
    return loaded.ruleset.rules[0]


def meaning(*steps: str, rule: str = RULE) -> Node:
    """Return the rule's condition after one mapping."""
    return mapped(*steps, rule=rule).condition


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("{type: field_name_mapping, mapping: {User: user.name}}", And((IMAGE, Leaf("user.name", "equals", ("anna",))))),
        (
            "{type: field_name_mapping, mapping: {User: [user.name, user.id]}}",
            And((IMAGE, Or((Leaf("user.name", "equals", ("anna",)), Leaf("user.id", "equals", ("anna",)))))),
        ),
        ("{type: field_name_prefix_mapping, mapping: {Us: acc_}}", And((IMAGE, Leaf("acc_er", "equals", ("anna",))))),
        (
            "{type: field_name_prefix, prefix: win.}",
            And((Leaf("win.Image", "endswith", ("\\cmd.exe",)), Leaf("win.User", "equals", ("anna",)))),
        ),
        (
            "{type: field_name_suffix, suffix: _s, field_name_conditions: [{type: include_fields, fields: [User]}]}",
            And((IMAGE, Leaf("User_s", "equals", ("anna",)))),
        ),
        ("{type: drop_detection_item, field_name_conditions: [{type: include_fields, fields: [User]}]}", IMAGE),
        ("{type: add_condition, conditions: {EventID: 1}}", And((Leaf("EventID", "equals", ("1",)), IMAGE, USER))),
        (
            "{type: add_condition, conditions: {EventID: 1}, negated: true}",
            And((Not(Leaf("EventID", "equals", ("1",))), IMAGE, USER)),
        ),
        (
            "{type: add_condition, conditions: {index: '$product'}, template: true}",
            And((Leaf("index", "equals", ("windows",)), IMAGE, USER)),
        ),
        ("{type: replace_string, regex: Anna, replacement: Berta}", And((IMAGE, Leaf("User", "equals", ("berta",))))),
        (
            "{type: map_string, mapping: {Anna: [A1, A2]}, field_name_conditions: [{type: include_fields, fields: [User]}]}",
            And((IMAGE, Leaf("User", "equals", ("a1", "a2")))),
        ),
        (
            "{type: set_value, value: nobody, field_name_conditions: [{type: include_fields, fields: [User]}]}",
            And((IMAGE, Leaf("User", "equals", ("nobody",)))),
        ),
        (
            "{type: nest, items: [{type: field_name_mapping, mapping: {User: u}}]}",
            And((IMAGE, Leaf("u", "equals", ("anna",)))),
        ),
        (
            "{type: regex, method: plain, field_name_conditions: [{type: include_fields, fields: [User]}]}",
            And((IMAGE, Leaf("User", "regex", ("Anna",)))),
        ),
        ("{type: convert_type, target_type: str}", And((IMAGE, USER))),
        (f"{TO_U}, rule_conditions: [{{type: logsource, product: linux}}]}}", And((IMAGE, USER))),
        (f"{TO_U}, rule_conditions: [{{type: tag, tag: attack.t1059}}]}}", RENAMED),
        (f"{TO_U}, rule_conditions: [{{type: rule_attribute, attribute: level, value: high, op: gte}}]}}", RENAMED),
    ],
)  # fmt: skip
def test_a_transformation_changes_the_meaning(step: str, expected: Node) -> None:
    """Fields, values, added conditions; under conditions on log source, field, tag, attribute."""
    assert meaning(step) == expected


def test_the_log_source_can_be_changed() -> None:
    """The rule then looks at the events of that log source."""
    assert str(mapped("{type: change_logsource, product: linux, service: auditd}").logsource) == "linux//auditd"


def test_placeholders_of_a_mapping_are_filled() -> None:
    """``value_placeholders`` takes pySigma's ``vars``; the wildcard form stands for anything."""
    rule = RULE.replace("User: Anna", "User|expand: '%who%'")
    loaded = load("{type: value_placeholders}", rule=rule, head="vars: {who: [anna, 'b*']}\n")

    assert loaded.ruleset.rules[0].condition == And(
        (IMAGE, Or((Leaf("User", "equals", ("anna",)), Leaf("User", "startswith", ("b",)))))
    )
    assert meaning("{type: wildcard_placeholders}", rule=rule) == And((IMAGE, Leaf("User", "present")))


def test_hashes_become_fields_of_their_own() -> None:
    """``Hashes`` with algorithm and value becomes one field per algorithm."""
    rule = RULE.replace("User: Anna", "Hashes|contains: ['MD5=0123456789abcdef0123456789abcdef']")
    step = "{type: hashes_fields, valid_hash_algos: [MD5, SHA1], field_prefix: File}"

    assert Leaf("FileMD5", "equals", ("0123456789abcdef0123456789abcdef",)) in meaning(step, rule=rule).parts  # type: ignore[union-attr]


def test_states_hold_from_one_file_to_the_next() -> None:
    """The lowest priority goes first, whatever the order of the files."""
    second = f"priority: 20\ntransformations:\n- {TO_U}, rule_conditions: [{{type: processing_state, key: k, val: v}}]}}\n"
    first = "priority: 10\ntransformations:\n- {type: set_state, key: k, val: v}\n"
    (rule,) = load_rules([RuleText("x.yml", RULE)], [RuleText("a.yml", second), RuleText("b.yml", first)]).ruleset.rules

    assert rule.condition == RENAMED


def test_nothing_of_one_rule_reaches_the_next() -> None:
    """A state set for one rule is gone for another."""
    steps = (
        "{type: set_state, key: k, val: v, rule_conditions: [{type: logsource, product: windows}]}",
        "{type: field_name_mapping, mapping: {User: u}, rule_conditions: [{type: processing_state, key: k, val: v}]}",
    )
    other = RULE.replace("windows", "linux").replace("2f0d9b1e", "3f0d9b1e")
    mapping = RuleText("m.yml", "transformations:" + "".join(f"\n- {step}" for step in steps))
    rules = load_rules([RuleText("x.yml", RULE), RuleText("y.yml", other)], [mapping]).ruleset.rules

    assert ["u" in rule.fields for rule in rules] == [True, False]


def test_a_mapping_may_refuse_a_rule() -> None:
    """``rule_failure`` and a strict field mapping reject the rule in their own words."""
    for step, words in (
        ("{type: rule_failure, message: not here}", "a mapping refuses it: not here"),
        ("{type: strict_field_mapping_failure}", "a mapping refuses it: "),
    ):
        (problem,) = load(step).problems
        assert words in str(problem)


def test_attributes_are_changed() -> None:
    """Fields to show and custom attributes are those that mappings left."""
    rule = mapped(
        "{type: add_field, field: Computer}", "{type: remove_field, field: User}",
        "{type: set_custom_attribute, attribute: squad, value: net}",
    )  # fmt: skip

    assert rule.display == ("Image", "Computer")
    assert rule.custom == {"simulation": {"type": "atomic"}, "squad": "net"}


TRANSLATION = """\
name: our taxonomy
taxonomy: mairie
transformations:
- type: field_name_mapping
  mapping: {agent: User}
"""


def test_another_taxonomy_needs_its_translation() -> None:
    """It is refused without, and translated with a mapping of that taxonomy, which touches no other rules."""
    foreign = RULE.replace("User: Anna", "agent: Anna").replace("title: t", "title: t\ntaxonomy: mairie")
    plain = foreign.replace("taxonomy: mairie\n", "").replace("2f0d9b1e", "3f0d9b1e")
    mapping = RuleText("m.yml", TRANSLATION)
    texts = [RuleText("x.yml", foreign), RuleText("y.yml", plain)]

    loaded = load_rules(texts, [mapping])
    refused = load_rules(texts)

    assert [sorted(rule.fields) for rule in loaded.ruleset.rules] == [["Image", "User"], ["Image", "agent"]]
    assert loaded.ruleset.rules[0].taxonomy == "mairie"
    expected = "sigma, ecs, or a pipeline with taxonomy: mairie in a folder mappings"
    assert [str(problem) for problem in refused.problems] == [
        f"x.yml:2: nothing here translates the taxonomy mairie; {expected}"
    ]
    assert len(refused.ruleset.rules) == 1


def test_ecs_needs_no_translation() -> None:
    """Events have the names of the Elastic Common Schema beside the sources' own."""
    ecs = RULE.replace("User: Anna", "user.name: Anna").replace("title: t", "title: t\ntaxonomy: ECS")
    (rule,) = load_rules([RuleText("x.yml", ecs)]).ruleset.rules

    assert rule.taxonomy == "ecs"
    assert rule.condition == And((IMAGE, Leaf("user.name", "equals", ("anna",))))


@pytest.mark.parametrize(
    ("mapping", "fault"),
    [
        ("transformations:\n- {type: command_placeholders, cmd: id}", "m.yml:2: the transformation command_placeholders runs"),
        ("transformations:\n- {type: http_placeholders, url: 'http://192.0.2.1/'}", "fetches from the network"),
        ("transformations:\n- {type: file_placeholders, path: /etc/passwd}", "reads a file"),
        ("transformations:\n- {type: field_name_transform, transform_func: x}", "calls Python code"),
        ("transformations:\n- {type: query_expression_placeholders, expression: x}", "writes text of another query language"),
        (
            "transformations:\n- type: nest\n  items:\n  - {type: file_placeholders, path: /etc/passwd}",
            "m.yml:4: the transformation file_placeholders reads a file",
        ),
        ("transformations:\n- {type: feild_name_mapping}", "m.yml:2: the transformation feild_name_mapping is not known"),
        ("transformations:\n- {mapping: {a: b}}", "the transformation None is not known"),
        ("transformations:\n- {type: replace_string, regex: '(?=x)', replacement: y}", "'(?=x)' cannot be used"),
        ("transformations:\n- x", "m.yml:2: a transformation is not a mapping"),
        ("finalizers:\n- {type: template, template: x}", "m.yml:1: a mapping cannot have finalizers"),
        ("postprocessing:\n- {type: template, template: x}", "m.yml:1: a mapping cannot have postprocessing"),
        ("transformations: []\nvaars: {}", "m.yml:2: a mapping has no key vaars"),
        ("transformations: []\ntaxonomy: [3]", "m.yml:2: taxonomy is [3]"),
        ("transformations: []\npriority: first", "m.yml:2: priority is 'first'"),
        ("transformations:\n- {type: field_name_mapping}", "not a pySigma processing pipeline"),
        ("- a", "not a mapping"),
    ],
)  # fmt: skip
def test_a_mapping_that_cannot_be_used_is_told(mapping: str, fault: str) -> None:
    """With its line; the rules load without it."""
    loaded = load_rules([RuleText("x.yml", RULE)], [RuleText("m.yml", mapping)])

    assert len(loaded.problems) == 1
    assert fault in str(loaded.problems[0])
    assert loaded.ruleset.rules[0].condition == And((IMAGE, USER))


def test_what_a_rule_says_is_carried() -> None:
    """Everything of the head survives the plan, in and out of JSON."""
    head = {
        "taxonomy": "sigma", "license": "DRL-1.1", "date": "2026-11-22", "modified": "2026-11-23", "scope": ["server"],
        "references": ["https://example.org"], "related": [{"id": "a", "type": "derived"}], "squad": {"name": ["x", 1]},
    }  # fmt: skip
    text = RULE.replace("process_creation}", "process_creation, definition: Audit it}") + yaml.safe_dump(head)
    loaded = load_rules([RuleText("x.yml", text)])
    (rule,) = loaded.ruleset.rules

    assert (rule.taxonomy, rule.license, rule.date, rule.modified) == ("sigma", "DRL-1.1", "2026-11-22", "2026-11-23")
    assert (rule.definition, rule.scope, rule.references) == ("Audit it", ("server",), ("https://example.org",))
    assert rule.related == (("derived", "a"),)
    assert rule.display == ("Image", "User")
    assert rule.custom == {"simulation": {"type": "atomic"}, "squad": {"name": ["x", 1]}}
    assert type(loaded.ruleset).from_json(loaded.ruleset.to_json()) == loaded.ruleset
