"""What a file holds when it broke since it was last read."""

from correlator.detect.load import Environment
from correlator.detect.readings import FileReading, join, keep
from correlator.model.rule import RuleText

ONE = """title: one
id: one
logsource: {product: linux}
detection: {s: {f: 1}, condition: s}
"""
TWO = ONE.replace("one", "two")
FILTER = """title: quiet
logsource: {product: linux}
filter: {rules: any, selection: {g: scanner}, condition: not selection}
"""


def read(text: str, path: str = "x.yml") -> FileReading:
    """Return the reading of one file."""
    return Environment().read(RuleText(path, text))


def ids(reading: FileReading) -> list[str]:
    """Return the ids of the rules that would run."""
    return sorted(rule.id for rule in join([reading], Environment().narrow).ruleset.rules)


def test_a_broken_rule_runs_on_as_it_was() -> None:
    """The document that broke keeps its meaning, its neighbour is taken anew, and the fault is told."""
    before = read(f"{ONE}---\n{TWO}")
    now, kept = keep(before, read(f"{ONE.replace('f: 1', 'f|nonsense: 1')}---\n{TWO.replace('f: 1', 'f: 2')}"))
    loaded = join([now], Environment().narrow)

    assert (ids(now), kept) == (["one", "two"], ("one",))
    assert {rule.id: rule.hash for rule in loaded.ruleset.rules}["one"] == before.entries[0].rule.hash
    assert {rule.id: rule.hash for rule in loaded.ruleset.rules}["two"] != before.entries[1].rule.hash
    assert "nonsense" in str(loaded.problems)
    assert loaded.rejected == 1


def test_it_stays_through_further_faults_and_goes_with_its_document() -> None:
    """Broken in another way it still runs as it last did; mended it is new; a removed document is gone."""
    first, _ = keep(read(ONE), read(ONE.replace("f: 1", "f|bad: 1")))
    second, kept = keep(first, read("title: ["))
    mended, none = keep(second, read(ONE.replace("f: 1", "f: 3")))

    assert (ids(second), kept) == (["one"], ("one",))
    assert (ids(mended), none) == (["one"], ())
    assert ids(keep(read(f"{ONE}---\n{TWO}"), read(TWO))[0]) == ["two"]


def test_a_file_that_cannot_be_read_keeps_its_filters_too() -> None:
    """A filter that fell silent would let everything through that it kept out."""
    now, kept = keep(read(f"{ONE}---\n{FILTER}"), Environment().read(RuleText("x.yml", "", "the file cannot be read: denied")))

    assert kept == ("one",)
    assert [one.title for one in now.filters] == ["quiet"]
    assert join([now], Environment().narrow).ruleset.rules[0].filters == ("quiet",)


def test_the_rule_that_ran_keeps_its_id() -> None:
    """A copy with the same id does not take its place, even when its file comes first."""
    copy, old = read(ONE.replace("f: 1", "f: 2"), "a.yml"), read(ONE, "b.yml")
    first = join([copy, old], Environment().narrow)
    later = join([copy, old], Environment().narrow, before={"one": "b.yml"})

    assert [rule.path for rule in first.ruleset.rules] == ["a.yml"]
    assert [rule.path for rule in later.ruleset.rules] == ["b.yml"]
    assert "a.yml" in str(later.problems[0])
    assert "stands twice" in str(later.problems[0])
