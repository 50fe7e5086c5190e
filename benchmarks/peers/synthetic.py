"""Verdicts on events made for each rule: what it must find, and near misses of that (../shared/sigma/conformance).

Recorded events make a small part of the rules fire; here each Windows rule has about nine events of its own, and a verdict
that two interpreters agree on. Only an event's own rule is asked. That Tocsin gives all of these verdicts is a test of its own
(tests/contract/test_conformance.py).
"""

from pathlib import Path
from typing import Any

import orjson

from benchmarks import recorded
from benchmarks.peers import engines
from benchmarks.peers.engines import WORK, Engine, Paths
from benchmarks.peers.verdicts import Pair, differences, read_pairs, read_rules

CASES = recorded.SHARED / "sigma" / "conformance" / "synthetic.jsonl"


def write_cases(rules: dict[str, tuple[str, dict[str, Any]]], folder: Path) -> tuple[list[str], set[Pair]]:
    """Write the events of ``rules`` and what they feed; return the rule each is for, and the (rule, line) that match."""
    folder.mkdir(parents=True, exist_ok=True)
    cases = [case for line in CASES.read_bytes().splitlines() if (case := orjson.loads(line))["rule_id"] in rules]
    owners = [str(case["rule_id"]) for case in cases]
    said = [rules[owner][1]["logsource"] for owner in owners]
    sources = ("/".join(one.get(key, "") for key in ("product", "category", "service")) + "\n" for one in said)
    (folder / "flat.jsonl").write_bytes(b"".join(orjson.dumps(case["event"]) + b"\n" for case in cases))
    (folder / "flat.sources").write_text("".join(sources), encoding="utf-8")
    return owners, {
        (owner, line) for line, (owner, case) in enumerate(zip(owners, cases, strict=True), 1) if case["oracle_match"]
    }


def compare() -> dict[str, Any]:
    """Return how many verdicts of each peer differ from the agreed ones, and where."""
    folder, windows = WORK / "synthetic", recorded.RULES / "rules" / "windows"
    rules = read_rules(windows)
    owners, agreed = write_cases(rules, folder)
    paths = Paths(folder, folder / "flat", windows, windows, folder / "queries.json")
    engines.convert(paths)
    found: dict[str, Any] = {"events": len(owners), "matches": len(agreed)}
    for engine in engines.engines(timed=False, every=True):
        if engine.form == "subset" or engine.name == "sqlite":
            found[engine.key] = _differences(Engine(engine.name, engine.form, engine.version), paths, owners, agreed)
    return found


def _differences(engine: Engine, paths: Paths, owners: list[str], agreed: set[Pair]) -> dict[str, Any]:
    file = paths.corpus / f"verdicts {engine.key}.tsv"
    engine.write_verdicts(paths, file, len(owners))
    given = {(rule, line) for rule, line in read_pairs(file) if owners[line - 1] == rule}
    refused = engines.refused(engine, paths)
    found = differences(agreed, given, read_rules(paths.rules), refused, paths.events)
    return {"matches": len(given), "rules_that_differ": len({one["rule"] for one in found}), "differences": found}
