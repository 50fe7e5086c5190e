"""What the engine should reach, beside what was measured, as a Markdown table.

.venv/bin/python -m benchmarks.targets benchmarks/results/engine/<date>-<machine>.json
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import ge, le
from pathlib import Path
from typing import Any

import orjson

Figures = dict[str, Any]
CORPORA = ("otrf", "attacks", "mix")


@dataclass(frozen=True, slots=True)
class Target:
    """One aim: what it says, how a figure is found in the results of a corpus, per corpus the figure to reach, and how."""

    what: str
    found: Callable[[Sequence[Figures], str], float | None]
    aims: tuple[float, float, float]
    reached: Callable[[float, float], bool] = ge
    shown: str = ",.0f"


def _of(results: Sequence[Figures], scenario: str, corpus: str, **asked: str) -> Iterator[Figures]:
    """Yield the figures of a scenario on a corpus, where nothing is remembered and all active rules run, unless asked."""
    wanted = {"scenario": scenario, "name": corpus, "rules": "active", "variant": "engine", **asked}
    return (one["figures"] for one in results if all(one[key] == value for key, value in wanted.items()))


def _cpu(results: Sequence[Figures], corpus: str, rules: str, size: str) -> float | None:
    return next((one[size]["cpu"] for one in _of(results, "frames", corpus, rules=rules) if size in one), None)


def _rate(size: str, variant: str = "engine") -> Callable[[Sequence[Figures], str], float | None]:
    def found(results: Sequence[Figures], corpus: str) -> float | None:
        runs = (one.get(size) for one in _of(results, "frames", corpus, variant=variant))
        return next((run["events_per_cpu_second"] for run in runs if run), None)

    return found


def _ratio(results: Sequence[Figures], corpus: str) -> float | None:
    every, few = (_cpu(results, corpus, rules, "50000") for rules in ("active", "hundred"))
    return every / few if every and few else None


def _plain(scenario: str, *path: str) -> Callable[[Sequence[Figures], str], float | None]:
    def found(results: Sequence[Figures], corpus: str) -> float | None:
        value: Any = next(_of(results, scenario, corpus), None)
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        figure: float | None = value
        return figure

    return found


_NORMALISED, _TEXT = (300_000, 150_000, 300_000), (100_000, 100_000, 150_000)
_NONE = (0.0, 0.0, 0.0)
TARGETS = (
    Target("normalised events, batches of 10,000: events per CPU second", _rate("10000"), _NORMALISED),
    Target("batches of 50,000", _rate("50000"), _NORMALISED),
    Target("all at once", _rate("whole"), _NORMALISED),
    Target("batches of 50,000, verdicts remembered", _rate("50000", "memory"), _NONE),
    Target("raw text to matches: lines per CPU second", _plain("text", "lines_per_cpu_second"), _TEXT),
    Target("raw text to described detections: lines per CPU second", _plain("look", "lines_per_cpu_second"), _NONE),
    Target("all active rules : 100 rules, CPU", _ratio, (3, 3, 3), le, ".1f"),
    Target("peak memory, MiB", _plain("peak", "peak_mib"), (1024, 1024, 1024), le),
    Target("new process to first verdict, CPU s", _plain("start", "library", "cpu"), (2, 2, 2), le, ".2f"),
    Target("tocsin replay of one line, CPU s", _plain("start", "tocsin replay", "cpu"), (2, 2, 2), le, ".2f"),
    Target("one rule changed to first verdict, CPU s", _plain("reload", "cpu"), (1, 1, 1), le, ".2f"),
)


def lines(results: Sequence[Figures]) -> list[str]:
    """Return the table; a figure that does not reach its aim bears the aim in brackets, one nobody aimed at stands alone."""
    head = [f"| all active rules, one thread | {' | '.join(CORPORA)} |", f"|---|{'---|' * len(CORPORA)}"]
    rows = [(target.what, [_cell(target, results, place) for place in range(len(CORPORA))]) for target in TARGETS]
    told = [f"| {what} | {' | '.join(cells)} |" for what, cells in rows if any(cells)]
    return head + told if told else []


def _cell(target: Target, results: Sequence[Figures], place: int) -> str:
    value, aim = target.found(results, CORPORA[place]), target.aims[place]
    if value is None:
        return ""
    told = format(value, target.shown)
    return told if target.reached(value, aim) or not aim else f"{told} ({'≥' if target.reached is ge else '≤'} {aim:,.0f})"


def main() -> None:
    """Print the table of a result file."""
    print("\n".join(lines(orjson.loads(Path(sys.argv[1]).read_bytes())["results"])))


if __name__ == "__main__":
    main()
