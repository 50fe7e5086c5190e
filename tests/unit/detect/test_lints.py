"""Lints: each on a rule that has the fault, and on its neighbour that has not."""

from pathlib import Path

import pytest

from correlator.detect.lints import CATALOGUE, Feed, Finding, lint_rules
from correlator.detect.lints.files import check_files
from correlator.detect.load import load_rules
from correlator.model.logsource import LogSource
from correlator.model.rule import RuleText

HEAD = "title: T\nid: 5f1c9e0a-6b56-4d0e-9a53-0f6c1d2e7a11\nstatus: test\nlevel: low\n"
WINDOWS = "logsource:\n    product: windows\n    category: process_creation\n"
FEEDS = (
    Feed((LogSource("windows", "process_creation", "sysmon"),), frozenset({"*", "CommandLine", "User", "Image", "EventID"})),
    Feed((LogSource("", "webserver", ""),), frozenset({"c-uri", "cs-method", "Parameters.*"})),
)


def lint(*texts: str, tags: frozenset[str] = frozenset(), skip: frozenset[str] = frozenset()) -> list[Finding]:
    """Return what is found in ``texts``, each a file ``a_rule_0.yml``, ``a_rule_1.yml`` and so on."""
    files = [RuleText(f"a_rule_{number}.yml", text) for number, text in enumerate(texts)]
    loaded = load_rules(files)
    assert loaded.problems == ()
    return list(check_files(files, lint_rules(loaded.ruleset, FEEDS), tags, skip))


def of(*items: str, source: str = WINDOWS, condition: str = "sel", extra: str = "") -> str:
    """Return a rule whose selection ``sel`` has ``items``; line 9 is the first of them."""
    body = "".join(f"        {item}\n" for item in items)
    return f"{HEAD}{source}detection:\n    sel:\n{body}    condition: {condition}\n{extra}"


def names(findings: list[Finding]) -> list[str]:
    """Return the names of the lints."""
    return [finding.lint for finding in findings]


def test_a_plain_rule_has_no_finding() -> None:
    """Nothing to say: no finding at all, from us or from pySigma."""
    assert lint(of("CommandLine|contains: whoami", "EventID: 1")) == []


@pytest.mark.parametrize(
    ("rule", "expected", "line"),
    [
        (of("f: 1", source="logsource:\n    category: nowhere\n"), "source-unknown", 5),
        (of("cs-host: a", source="logsource:\n    category: webserver\n"), "field-absent", 9),
        (of("Image: a", "commandline: b"), "field-misspelt", 11),
        (of("Image: a", "Whatever: b"), "field-unlisted", 11),
        (of("Image: a", "Whatever|contains:", "    - b"), "field-unlisted", 11),
        (of("CommandLine|re: '[a-z]+[0-9]{3}'"), "regex-slow", 10),
        (of("CommandLine|re: '.*whoami'"), "regex-loose", 10),
        (of("CommandLine|contains:", "    - whoami", "    - '-x'"), "literal-short", 12),
        (of("CommandLine: '?*?'"), "only-wildcards", 10),
        (of("CommandLine: whoami", condition="not sel"), "only-negative", 1),
        (of("User: Administrators"), "english-name", 10),
        (of(r"User: 'NT AUTHORITY\SYSTEM'"), "english-name", 10),
        (of("CommandLine|contains: 'group \"Domain Admins\"'"), "english-name", 10),
        (of("EventID: 1", "Message|contains: was installed"), "rendered-text", 11),
    ],
)  # fmt: skip
def test_a_fault_has_its_name_and_its_line(rule: str, expected: str, line: int) -> None:
    """One rule, one fault: the lint and the line of the test it is about."""
    found = [(finding.lint, finding.line) for finding in lint(rule) if finding.lint == expected]

    assert found == [(expected, line)]


@pytest.mark.parametrize(
    ("rule", "absent"),
    [
        (of("Parameters.Name: a", source="logsource:\n    category: webserver\n"), "field-absent"),
        (of("CommandLine|re: '[a-z]+[0-9]{3}'", "EventID: 1"), "regex-slow"),  # it runs on few events only
        (of("CommandLine|re: 'whoami|hostname'"), "regex-slow"),
        (of("CommandLine|contains: '-x'", "Image: a"), "literal-short"),
        (of("CommandLine|contains: 'é'"), "literal-short"),  # rare: selects well
        (of("User|startswith: Administr"), "english-name"),
        (of("User|contains:", "    - AUTHORI", "    - AUTORI"), "english-name"),
        (of("User: [Administrators, Administrateurs]"), "english-name"),
        (of(r"CommandLine|contains: 'C:\Users\'"), "english-name"),
        (of("User: Administrators", source="logsource:\n    product: linux\n"), "english-name"),
    ],
)  # fmt: skip
def test_what_is_right_is_left_alone(rule: str, absent: str) -> None:
    """The neighbours of the faults above."""
    assert absent not in names(lint(rule))


@pytest.mark.parametrize(
    ("items", "never"),
    [
        (("EventID: 1", "CommandLine: a", "CommandLine|contains: b"), True),
        (("EventID: 1", "EventID|gt: 5"), True),
        (("Image: null", "Image|contains: a"), True),
        (("CommandLine: [a, b]", "CommandLine|contains: b"), False),
        (("EventID: 7", "EventID|gt: 5"), False),
        (("CommandLine|contains: a", "CommandLine|endswith: b"), False),
    ],
)
def test_a_condition_that_can_never_be_true(items: tuple[str, ...], *, never: bool) -> None:
    """Two tests of one field that exclude each other are an error; two that can both hold are none."""
    first, *rest = items
    body = "".join(f"    s{number}:\n        {item}\n" for number, item in enumerate((first, *rest)))
    rule = f"{HEAD}{WINDOWS}detection:\n{body}    condition: all of s*\n"

    assert ("never-true" in names(lint(rule))) == never


def test_asked_for_and_excluded() -> None:
    """A selection and its own negation."""
    rule = of("Image: a", condition="sel and not other").replace("    condition", "    other:\n        Image: a\n    condition")

    assert "never-true" in names(lint(rule))


def test_the_same_meaning_twice() -> None:
    """Order of items and values and case do not matter; the second is told where the first is."""
    one = of("Image|endswith: [a.exe, B.EXE]", "CommandLine|contains: xyz")
    two = (
        of("CommandLine|contains: XYZ", "Image|endswith: [b.exe, a.exe]")
        .replace("7a11", "7a12")
        .replace("title: T", "title: U")
    )
    (found,) = [finding for finding in lint(one, two) if finding.lint == "duplicate-rule"]

    assert (found.path, found.expected) == ("a_rule_1.yml", "one of the two; the other is a_rule_0.yml:1")


def test_a_title_twice() -> None:
    """Two rules of one title are told apart nowhere."""
    other = of("CommandLine|contains: other").replace("7a11", "7a12")

    assert "duplicate-title" in names(lint(of("CommandLine|contains: one"), other))


def test_what_a_rule_must_say() -> None:
    """No id, no level, no status; a tag that the pinned ATT&CK does not have."""
    bare = (
        of("CommandLine: whoami").replace(HEAD, "title: T\n")
        + "tags:\n    - attack.t1059\n    - attack.t9999\n    - attack.g0032\n"
    )
    found = {(finding.lint, finding.line) for finding in lint(bare, tags=frozenset({"attack.t1059"}))}

    assert found == {("id-missing", 1), ("level-missing", 1), ("status-missing", 1), ("attack-tag", 11)}


def test_validators_of_pysigma_have_names_and_lines() -> None:
    """A number in quotes is told at its line, under the validator's name."""
    (found,) = lint(of("CommandLine: whoami", "EventID: '12'"))

    assert (found.lint, found.line, found.gravity.word) == ("sigma-number-as-string", 11, "note")


def test_what_only_the_whole_shows() -> None:
    """Validators that compare files are asked at the end: the same file name in two folders."""
    texts = [
        RuleText(f"{folder}/the_same.yml", of("CommandLine: whoami").replace("7a11", end))
        for folder, end in (("a", "7a11"), ("b", "7a12"))
    ]

    assert "sigma-duplicate-filename" in names(list(check_files(texts, (), frozenset())))


def test_lints_can_be_left_out() -> None:
    """By name for the run, ``sigma`` for all of pySigma's, and in the rule with the reason."""
    rule = of("CommandLine|contains: '-x'", "EventID: '12'", condition="1 of sel")

    assert names(lint(rule)) == ["sigma-number-as-string"]
    assert lint(rule, skip=frozenset({"sigma-number-as-string"})) == []
    assert lint(rule, skip=frozenset({"sigma"})) == []
    assert lint(rule + "tocsin:\n    lint:\n        sigma-number-as-string: the source writes text\n") == []


def test_a_misspelt_name_in_a_rule_is_told() -> None:
    """A rule that switches off a lint that does not exist would go on believing it is quiet."""
    rule = of("CommandLine|contains: '-x'") + "tocsin:\n    lint: [literal-shorts]\n"

    assert names(lint(rule)) == ["literal-short", "lint-unknown"]


def test_a_second_document_has_its_own_lines() -> None:
    """Two rules in one file: the finding of the second stands in the second."""
    second = of("CommandLine|contains: '-x'").replace("7a11", "7a12").replace("title: T", "title: U")
    (found,) = lint(of("CommandLine: whoami") + "---\n" + second)

    assert found.line == 22


def test_every_lint_is_in_the_page() -> None:
    """docs/rule-author.md has a row for each lint."""
    page = (Path(__file__).parents[3] / "docs" / "rule-author.md").read_text(encoding="utf-8")

    assert [name for name in CATALOGUE if f"`{name}`" not in page] == []
