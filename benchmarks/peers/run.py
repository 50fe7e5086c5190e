"""Tocsin and its peers side by side: same events, same Windows rules of SigmaHQ; verdicts first, then what they cost.

    just bench-peers                    # or: .venv/bin/python -m benchmarks.peers.run [attacks mix synthetic] [--rounds 3]

Builds the peers on first use (Rust: cargo; Python: an environment of its own), in benchmarks/.work. Every measured run is a
fresh process on one thread, engines take turns, figures are medians of processor time. Writes a JSON file into
benchmarks/results/peers. Needs ../shared (or TOCSIN_SHARED); nothing here is part of CI.
"""

import argparse
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from benchmarks import recorded
from benchmarks.corpora import corpus, read_manifest
from benchmarks.peers import engines, report, synthetic
from benchmarks.peers.engines import WORK, Paths
from benchmarks.peers.strict import write_strict
from benchmarks.peers.verdicts import differences, read_pairs, read_rules

#: The part of a corpus that every engine works on before it is timed.
SHARE = 0.2
#: Events that engines are timed on, and compared on, which would take minutes for all of them.
SLOW_EVENTS, SLOW_VERDICTS = 5_000, 10_000
CORPORA, SYNTHETIC = ("attacks", "mix"), "synthetic"
#: Where every form runs; elsewhere the fastest only, nothing is aimed at against the others.
EVERY_ON = frozenset({"attacks"})
Figures = dict[str, Any]


def prepare(name: str, *, small: bool) -> Paths:
    """Return what a comparison on the corpus ``name`` works on, made if it is not there."""
    folder = corpus(name, small=small)
    rules = recorded.RULES / "rules" / "windows"
    digest = write_strict(rules, WORK / "strict")
    paths = Paths(folder, folder / "flat", rules, WORK / "strict", WORK / f"queries-{digest[:12]}.json")
    engines.convert(paths)
    if not Path(f"{paths.events}.ids").exists():
        engines.flatten(paths)
    return paths


def compare(paths: Paths, *, every: bool) -> Figures:
    """Return, for every peer and form, how many verdicts it gave and which are not ours."""
    numbers = {identity: line for line, identity in enumerate(_lines(paths, "ids"), 1)}
    rules = read_rules(paths.rules)
    ours, found = None, {}
    for engine in engines.engines(timed=False, every=every):
        print(f"  verdicts: {engine.key}", file=sys.stderr)
        file = paths.corpus / f"verdicts {engine.key}.tsv"
        engine.write_verdicts(paths, file, SLOW_VERDICTS)
        pairs = read_pairs(file, numbers if ours is None else None)
        ours = pairs if ours is None else ours
        seen = {pair for pair in ours if pair[1] <= SLOW_VERDICTS} if engine.slow else ours
        found[engine.key] = {
            "events": min(len(numbers), SLOW_VERDICTS) if engine.slow else len(numbers),
            "verdicts": len(pairs),
            "rules_that_fired": len({rule for rule, _ in pairs}),
            "differences": differences(seen, pairs, rules, engines.refused(engine, paths), paths.events),
        }
    return found


def _lines(paths: Paths, ending: str) -> list[str]:
    return Path(f"{paths.events}.{ending}").read_text(encoding="utf-8").splitlines()


def take_turns(paths: Paths, rounds: int, *, every: bool) -> dict[str, Figures]:
    """Return the figures of every engine: medians over ``rounds``, in each of which every engine runs once."""
    skip = _skipped(paths)
    runs: dict[str, list[Figures]] = {}
    for number in range(rounds):
        for engine in engines.engines(timed=True, every=every):
            print(f"  round {number + 1}: {engine.key}", file=sys.stderr)
            runs.setdefault(engine.key, []).append(engine.timed(paths, SHARE, skip, SLOW_EVENTS))
    return {key: _medians(figures) for key, figures in runs.items()}


def _skipped(paths: Paths) -> int:
    """Return how many events the uncounted part of the lines makes; an event's id ends with its line."""
    first = int(read_manifest(paths.corpus)["lines"] * SHARE)
    return sum(int(identity.rsplit("~", 1)[1].split(".")[0]) < first for identity in _lines(paths, "ids"))


def _medians(runs: list[Figures]) -> Figures:
    timed = {name: median(run["timed"][name] for run in runs) for name in runs[0]["timed"]}
    start = {name: median(run["start"][name] for run in runs) for name in runs[0]["start"]}
    middle = {"timed": timed, "start": start, "peak_mib": round(median(run["peak_mib"] for run in runs))}
    middle["cpu_of_each_run"] = [round(run["timed"]["cpu"], 3) for run in runs]
    return {**{name: runs[0][name] for name in ("events", "rules", "refused")}, **middle}


def measured(name: str, rounds: int, *, small: bool) -> Figures:
    """Return the verdicts and costs on one corpus, printed as they come."""
    print(name, file=sys.stderr)
    paths = prepare(name, small=small)
    manifest = read_manifest(paths.corpus)
    found = {"lines": manifest["lines"], "sha256": manifest["sha256"], "slow_events": SLOW_EVENTS, "share": SHARE}
    every = name in EVERY_ON
    found |= {"verdicts": compare(paths, every=every), "cost": take_turns(paths, rounds, every=every)}
    found["ratios"] = report.ratios(found["cost"])
    print("\n".join(report.lines(name, found)), flush=True)
    return found


def _write(figures: Figures, words: list[str]) -> None:
    target = WORK.parent / "results" / "peers" / ("-".join(word for word in words if word) + ".json")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    print(f"written to {os.path.relpath(target)}")


def main() -> None:
    """Build, compare, measure, print, write down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", nargs="*", default=[], help="attacks, mix, synthetic; all without a name")
    parser.add_argument("--small", action="store_true", help="5,000 lines each: to see that it works, not to measure")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--machine", default=f"{os.cpu_count()}-core-vm", help="what the file is named after; no host name")
    parser.add_argument("--label", default="", help="a word more in the name of the file")
    asked = parser.parse_args()
    if not recorded.is_there():
        parser.exit(2, f"needs {recorded.SHARED}: name it with TOCSIN_SHARED\n")
    engines.build()
    names, load = asked.corpora or (*CORPORA, SYNTHETIC), round(os.getloadavg()[0], 1)
    figures: Figures = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": asked.machine,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in ("tocsin", "polars", "pysigma")}},
        "rounds": asked.rounds,
        "corpora": {name: measured(name, asked.rounds, small=asked.small) for name in names if name != SYNTHETIC},
    }
    if SYNTHETIC in names and synthetic.CASES.exists():
        figures["synthetic"] = synthetic.compare()
        print("\n".join(report.synthetic(figures["synthetic"])))
    figures["load_average_before_and_after"] = [load, round(os.getloadavg()[0], 1)]
    _write(figures, [figures["date"], asked.machine, "small" if asked.small else "", asked.label])


if __name__ == "__main__":
    main()
