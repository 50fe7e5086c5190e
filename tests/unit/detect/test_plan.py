"""Plans: what a rule means, kept as JSON, ready without Sigma."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from correlator.detect.load import Environment
from correlator.detect.plan import RuleSet
from correlator.detect.readings import FileReading
from correlator.detect.report import Loaded, inert
from correlator.errors import InputError
from correlator.model.logsource import LogSource
from correlator.runtime.ruleset import load_cached
from correlator.store.content import find_mappings, read_rules

Load = Callable[..., Loaded]
Make = Callable[..., dict[str, Any]]

RULE = """title: t
id: one
logsource: {product: windows, service: security}
tags: [attack.t1078]
detection:
  a: {f|contains|all: [x, y], g|gt: 1.5, h|cidr: 10.0.0.0/8, i|re: '^a', j: null, k|hour: 3, l|fieldref: f}
  b: [word, 'wi*ld']
  condition: a or not b
---
title: c
correlation: {type: event_count, rules: [one], timespan: 5m, condition: {gte: 10}}
"""


FILTER = """title: quiet
logsource: {product: windows}
filter: {rules: any, selection: {g: scanner}, condition: not selection}
"""


@pytest.fixture
def rule_folder(tmp_path: Path) -> Path:
    """Return a folder with a rule, a mapping, and files that are no rules."""
    (tmp_path / "rules" / "deep").mkdir(parents=True)
    (tmp_path / "rules" / "deep" / "one.yml").write_text(RULE)
    (tmp_path / "rules" / "deep" / "one.test").write_text("not a rule")
    (tmp_path / "rules" / "bad.yaml").write_text("title: [")
    (tmp_path / "rules" / "mappings").mkdir()
    (tmp_path / "rules" / "mappings" / "m.yml").write_text(
        "transformations:\n  - type: field_name_mapping\n    mapping: {f: mapped}\n"
    )
    return tmp_path / "rules"


def test_plan_round_trips(rule_folder: Path) -> None:
    """JSON and back: the same rules, correlations, problems, filters, and id."""
    (rule_folder / "narrow.yml").write_text(FILTER)
    environment = Environment()
    for text in read_rules([rule_folder]):
        reading = environment.read(text)
        assert FileReading.from_plain(orjson.loads(orjson.dumps(reading.to_plain())), reading.path) == reading

    ruleset = load_cached([rule_folder]).ruleset
    assert RuleSet.from_json(ruleset.to_json()) == ruleset
    assert RuleSet.from_json(ruleset.to_json()).id == ruleset.id


def test_id_is_that_of_the_content(rule_folder: Path, tmp_path: Path) -> None:
    """The same rules in another folder, or in another order, are the same rule set; a new title is another one."""
    (rule_folder / "two.yml").write_text(RULE.replace("id: one", "id: two"))
    here = load_cached([rule_folder]).ruleset
    other = RuleSet(here.rules[::-1], here.correlations[::-1])
    rule_folder.rename(tmp_path / "elsewhere")
    there = load_cached([tmp_path / "elsewhere"]).ruleset
    (tmp_path / "elsewhere" / "two.yml").write_text(RULE.replace("id: one", "id: two").replace("title: t", "title: u"))

    assert here.id == other.id == there.id != load_cached([tmp_path / "elsewhere"]).ruleset.id


def test_plan_of_another_version_is_refused() -> None:
    """A plan that this version did not write is never misread."""
    with pytest.raises(ValueError, match="a plan of version 0"):
        RuleSet.from_json(b'{"v":0,"rules":[],"correlations":[]}')


def test_cached_plan_loads_without_pysigma(rule_folder: Path, tmp_path: Path) -> None:
    """The second start reads the cache and never imports Sigma, and finds the same rules and problems."""
    first = load_cached([rule_folder], find_mappings([rule_folder]), tmp_path / "cache")
    script = (
        "import sys; from pathlib import Path; from correlator.runtime.ruleset import load_cached\n"
        "from correlator.store.content import find_mappings\n"
        f"paths, cache = [Path({str(rule_folder)!r})], Path({str(tmp_path / 'cache')!r})\n"
        "loaded = load_cached(paths, find_mappings(paths), cache)\n"
        "print(loaded.ruleset.id, len(loaded.problems), 'sigma' in sys.modules)"
    )
    second = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert second.stdout.split() == [first.ruleset.id, "1", "False"]
    assert first.ruleset.rules[0].fields >= {"mapped", "g"}


def test_cache_is_made_again_when_something_changes(rule_folder: Path, tmp_path: Path) -> None:
    """Another text, mapping or placeholder gives another plan; a damaged plan is replaced."""
    cache = tmp_path / "cache"
    first = load_cached([rule_folder], (), cache)
    next(cache.iterdir()).write_bytes(b"{damaged")
    again = load_cached([rule_folder], (), cache)
    mapped = load_cached([rule_folder], find_mappings([rule_folder]), cache)
    (rule_folder / "deep" / "one.yml").write_text(RULE.replace("word", "other"))
    edited = load_cached([rule_folder], (), cache)

    assert again == first
    assert len({first.ruleset.id, mapped.ruleset.id, edited.ruleset.id}) == 3
    assert len(list(cache.iterdir())) == 2  # one file a set and mapping


def test_only_what_changed_is_compiled(rule_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One changed file is compiled alone; a filter that changed reads again itself and what it narrows, no other rule."""
    read: list[str] = []
    whole = Environment.read
    monkeypatch.setattr(Environment, "read", lambda self, text: read.append(Path(text.path).name) or whole(self, text))
    cache = tmp_path / "cache"
    (rule_folder / "narrow.yml").write_text(FILTER)
    before = load_cached([rule_folder], (), cache)
    read.clear()
    (rule_folder / "deep" / "one.yml").write_text(RULE.replace("word", "other"))
    changed = load_cached([rule_folder], (), cache)
    (rule_folder / "narrow.yml").write_text(FILTER.replace("scanner", "probe"))
    narrowed = load_cached([rule_folder], (), cache)

    assert read == ["one.yml", "narrow.yml"]
    assert before.ruleset.rules[0].filters == changed.ruleset.rules[0].filters == ("quiet",)
    assert len({loaded.ruleset.rules[0].hash for loaded in (before, changed, narrowed)}) == 3
    assert narrowed == load_cached([rule_folder]) == load_cached([rule_folder], (), cache)


def test_placeholders_are_part_of_a_plan(tmp_path: Path) -> None:
    """A rule that names a placeholder is read again when its values change; another is not."""
    (tmp_path / "x.yml").write_text(RULE.replace("f|contains|all: [x, y]", "f|expand: '%who%'"))
    found = [
        load_cached([tmp_path / "x.yml"], (), tmp_path / "cache", {"who": (name,)}).ruleset.rules[0].hash
        for name in ("ann", "bob", "ann")
    ]

    assert found[0] == found[2] != found[1]


def test_unwritable_cache_costs_only_time(rule_folder: Path, tmp_path: Path) -> None:
    """A cache folder that cannot be made is no error."""
    (tmp_path / "file").write_text("")

    assert load_cached([rule_folder], (), tmp_path / "file" / "cache").ruleset.rules


def test_rule_files_are_found_once(rule_folder: Path) -> None:
    """Folders are read recursively, mappings apart, each file once; other suffixes are no rules."""
    texts = read_rules([rule_folder, rule_folder / "deep" / "one.yml"])

    assert [Path(text.path).name for text in texts] == ["bad.yaml", "one.yml"]
    assert [Path(text.path).name for text in read_rules(find_mappings([rule_folder]))] == ["m.yml"]


def test_missing_paths_are_told_at_once(tmp_path: Path) -> None:
    """Every path that is not there is named."""
    with pytest.raises(InputError) as caught:
        read_rules([tmp_path / "a", tmp_path / "b"])

    assert [problem.path for problem in caught.value.problems] == [str(tmp_path / "a"), str(tmp_path / "b")]


def test_file_that_is_no_text_is_a_refused_rule(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 reach the loader, which says so."""
    (tmp_path / "x.yml").write_bytes(b"title: caf\xe9\n")

    assert "not UTF-8 text" in str(load_cached([tmp_path / "x.yml"]).problems[0])


def test_hash_follows_the_meaning(load_document: Load, document: Make) -> None:
    """A new title keeps the hash; a new condition, or one written otherwise but the same, decides it."""
    same = [
        document({"sel": {"f": ["a", "b"]}}, title="x"),
        document({"one": {"f": "A"}, "two": {"f": "b"}, "condition": "1 of them"}),
    ]
    hashes = [load_document(rule).ruleset.rules[0].hash for rule in [*same, document({"sel": {"f": "a"}})]]

    assert hashes[0] == hashes[1] != hashes[2]


def test_ruleset_tells_what_parsers_must_fill(load_document: Load, document: Make) -> None:
    """Fields of rules and of field references; keywords ask for everything."""
    plain = load_document(document({"sel": {"f|fieldref": "g", "h": 1}})).ruleset
    words = load_document(document({"sel": ["word"]})).ruleset

    assert (plain.fields, plain.keywords, words.fields, words.keywords) == ({"f", "g", "h"}, False, frozenset(), True)


def test_inert_rules_have_a_reason(load_document: Load, document: Make) -> None:
    """A rule that cannot fire here is named with why; alternatives and patterns of fields count."""
    here = {"product": "windows"}
    loaded = load_document(
        document({"sel": {"f": 1}}, id="fires", logsource=here),
        document({"sel": {"f": 1}}, id="elsewhere", logsource={"product": "macos"}),
        document({"sel": {"f": 1, "gone": 2, "lost": 3}}, id="blind", logsource=here),
        document({"sel": [{"gone": 1}, {"f": 2}]}, id="other-way", logsource=here),
        document({"sel": {"f": 1}, "no": {"gone": 2}, "condition": "sel and not no"}, id="negative", logsource=here),
        document({"sel": {"Parameters.Name": 1}}, id="pattern", logsource=here),
    )
    found = inert(loaded.ruleset, [LogSource("windows", "", "security")], frozenset({"f", "Parameters.*"}))

    assert [(one.rule.id, one.reason) for one in found] == [
        ("elsewhere", "no such log source here: macos//"),
        ("blind", "no event here has gone, lost"),
    ]
