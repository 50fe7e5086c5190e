"""SigmaHQ's regression layout: an ``info.yml`` names a rule, files of recorded logs, and how often the rule must match.

::

    id: 6a7c2c1e-…
    rule_metadata:
        - id: 0022869c-49f7-4ff2-ba03-85ac42ddac58
          title: …
    regression_tests_info:
        - name: Positive Detection Test
          type: evtx
          match_count: 1
          path: regression_data/rules/windows/…/0022869c-49f7-4ff2-ba03-85ac42ddac58.evtx

Paths are seen from the root of the repository, which is found by walking up. Without ``match_count`` once is enough. A rule
says where its file is by ``regression_tests_path``.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from correlator.detect.dissect import dissect
from correlator.detect.engine import detect
from correlator.detect.explain import explain
from correlator.detect.nearness import Nearest
from correlator.detect.plan import RuleSet
from correlator.detect.texts import Document, read_documents
from correlator.errors import InputError, Problem
from correlator.model.rule import RuleText
from correlator.runtime.content import Content
from correlator.runtime.explaining import events_of
from correlator.store.content import read_rules

INFO = "info.yml"
_RULE_ID = re.compile(r"^id:\s*['\"]?([^\s'\"#]+)", re.MULTILINE)
_TOLD_PATH = re.compile(r"^regression_tests_path:\s*['\"]?([^\s'\"#]+)", re.MULTILINE)
_MOST_REASONS = 3


@dataclass(frozen=True, slots=True)
class Regression:
    """One test of an ``info.yml``: a rule, recorded logs, how often it must match (None: at least once)."""

    path: str
    line: int
    name: str
    rule_id: str
    logs: Path
    expected: int | None

    @property
    def wanted(self) -> str:
        """What is expected, in words."""
        return "at least once" if self.expected is None else f"{self.expected} times"


@dataclass(frozen=True, slots=True)
class Ran:
    """What a test came to: how often the rule matched, and the reasons where it did not."""

    test: Regression
    got: int
    why: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Say whether it is what was expected."""
        return self.got >= 1 if self.test.expected is None else self.got == self.test.expected

    def __str__(self) -> str:
        """Return ``path:line: test 'name': …``, the nearest event's reasons behind it."""
        test = self.test
        told = f"{test.path}:{test.line}: test {test.name!r}: {test.rule_id} matched {self.got} times in {test.logs.name}"
        return "; ".join((f"{told}, expected {test.wanted}", *self.why))


def find_infos(paths: Sequence[Path]) -> list[Path]:
    """Return the ``info.yml`` files of ``paths``: files, those below folders, and those that rules there name."""
    found: set[Path] = set()
    for path in paths:
        if path.name == INFO:
            found.add(path)
        elif path.is_dir():
            found.update(file for file in path.rglob(INFO) if is_info(file.read_text(encoding="utf-8", errors="replace")))
    rules = [path for path in paths if path.is_dir() or (path.suffix in {".yml", ".yaml"} and path.name != INFO)]
    for text in read_rules([path for path in rules if path.exists()]):
        told = _TOLD_PATH.search(text.text)
        below = _below_root(Path(text.path), told[1]) if told else None
        if below is not None:
            found.add(below)
    return sorted({path.resolve(): path for path in sorted(found)}.values())


def is_info(text: str) -> bool:
    """Say whether a file of this name is one of regression tests."""
    return "\nregression_tests_info:" in text or text.startswith("regression_tests_info:")


def _below_root(start: Path, relative: str) -> Path | None:
    """Return the file ``relative`` below the nearest folder above ``start`` that has it."""
    for folder in start.absolute().parents:
        if (folder / relative).is_file():
            return folder / relative
    return None


def read_info(path: Path) -> tuple[Regression, ...]:
    """Return the tests of an ``info.yml``. Raises InputError with everything that is wrong with it."""
    documents, problems = read_documents(RuleText(str(path), path.read_text(encoding="utf-8", errors="surrogateescape")))
    if problems or len(documents) != 1:
        raise InputError(problems or [Problem(str(path), 1, f"{len(documents)} documents", "one mapping")])
    content = documents[0].content
    rules = [one.get("id") for one in _list(content, "rule_metadata") if isinstance(one, dict)]
    entries = [one for one in _list(content, "regression_tests_info") if isinstance(one, dict)]
    found = [_test(documents[0], rule, entry, place) for rule in rules for place, entry in enumerate(entries)]
    faults = [one for one in found if isinstance(one, Problem)]
    if not rules or not entries:
        faults.append(
            Problem(str(path), 1, "names no rule or no test", "rule_metadata: and regression_tests_info:, both lists")
        )
    if faults:
        raise InputError(faults)
    return tuple(one for one in found if isinstance(one, Regression))


def _list(content: Mapping[str, Any], key: str) -> list[Any]:
    value = content.get(key)
    return value if isinstance(value, list) else []


def _test(document: Document, rule_id: object, entry: Mapping[str, Any], place: int) -> Regression | Problem:
    keys = ("regression_tests_info", place)
    count, told = entry.get("match_count"), entry.get("path")
    if not isinstance(rule_id, str) or not isinstance(told, str):
        return document.problem("a test without the id of its rule or the path of its logs", "id: and path:, texts", keys)
    if count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 0):
        return document.problem(f"match_count is {count!r}", "a number of events", (*keys, "match_count"))
    beside = Path(document.path).parent / Path(told).name
    logs = _below_root(Path(document.path), told) or (beside if beside.is_file() else None)
    if logs is None:
        return document.problem(f"there are no logs {told}", "a path below the repository, or a file beside", (*keys, "path"))
    return Regression(document.path, document.line_of(*keys), str(entry.get("name", "")), rule_id, logs, count)


def find_rule_texts(tests: Iterable[Regression], folders: Sequence[Path]) -> dict[str, RuleText]:
    """Return rule id → its file: from ``folders``, else from the ``rules*`` folders of the repository the tests are in.

    Raises InputError for a test whose rule is nowhere.
    """
    wanted = {test.rule_id: test for test in tests}
    found = _by_id(read_rules([path for path in folders if path.exists()]), wanted)
    for test in [test for rule_id, test in wanted.items() if rule_id not in found]:
        if test.rule_id not in found:
            found |= _by_id(read_rules(_rule_folders_above(Path(test.path))), wanted)
    missing = [test for rule_id, test in wanted.items() if rule_id not in found]
    if missing:
        expected = "the rule below PATHS or --rules, or in the repository"
        raise InputError([Problem(test.path, test.line, f"no rule has the id {test.rule_id}", expected) for test in missing])
    return found


def _rule_folders_above(info: Path) -> list[Path]:
    for folder in info.absolute().parents:
        named = sorted(one for one in folder.iterdir() if one.is_dir() and one.name.startswith("rules"))
        if named and not any(one in info.absolute().parents for one in named):
            return named
    return []


def _by_id(texts: Iterable[RuleText], wanted: Mapping[str, Regression]) -> dict[str, RuleText]:
    ids = ((found[1], text) for text in texts if "detection:" in text.text for found in _RULE_ID.finditer(text.text))
    return {rule_id: text for rule_id, text in ids if rule_id in wanted}


def run_regressions(tests: Sequence[Regression], texts: Mapping[str, RuleText], content: Content) -> Iterator[Ran]:
    """Yield what each test came to with the rules of ``content``; ``texts`` explain a rule that did not match."""
    rules = {rule.id: rule for rule in content.ruleset.rules}
    for test in tests:
        frames = [frame for batch in events_of([str(test.logs)], content) for frame in batch if frame.height]
        rule = rules.get(test.rule_id)
        if rule is None:
            yield Ran(test, 0, ("the rule does not load",))
            continue
        got = detect(RuleSet((rule,)), frames).height if frames else 0
        ran = Ran(test, got)
        yield ran if ran.holds or got else Ran(test, got, _why(test, texts[test.rule_id], content, frames))


def _why(test: Regression, text: RuleText, content: Content, frames: Sequence[Any]) -> tuple[str, ...]:
    (dissected,) = dissect(text, test.rule_id, placeholders=content.estate.all_placeholders)
    nearest = Nearest(dissected, keep=1)
    nearest.take(frames)
    if not nearest.found:
        return ("no event in it was understood",)
    return explain(dissected, nearest.found[0].event).reasons[:_MOST_REASONS]
