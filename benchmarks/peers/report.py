"""Figures as lines to read: what each engine cost, how its verdicts differ, and the ratios against what was aimed at."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

Figures = dict[str, Any]

#: Ratio → what it should be at least, on the attack samples and on the mix.
TARGETS = {
    "parse included, against rsigma's fastest form": {"attacks": 1.2, "mix": 1.5},
    "parse included, against rsigma strict": {"attacks": 10.0},
    "parse included, against SQLite": {"attacks": 40.0},
    "from normalised frames, against rsigma fed decoded events": {"attacks": 2.0},
}


def rate(figures: Figures, clock: str = "cpu") -> float:
    """Return events per second of processor time."""
    return float(figures["events"] / figures["timed"][clock])


def ratios(cost: Mapping[str, Figures]) -> dict[str, float]:
    """Return how many times as fast as its peers Tocsin is; a ratio whose peer is not there is left out."""
    ours = {clock: max(rate(one, clock) for key, one in cost.items() if _is_ours(key)) for clock in ("cpu", "detect_cpu")}
    text = {key: rate(figures) for key, figures in cost.items() if key.startswith("rsigma") and not key.endswith("decoded")}
    against = {
        "parse included, against rsigma's fastest form": [speed for key, speed in text.items() if not key.endswith("strict")],
        "parse included, against rsigma strict": [speed for key, speed in text.items() if key.endswith("strict")],
        "parse included, against SQLite": [rate(cost["sqlite"])] if "sqlite" in cost else [],
    }
    decoded = [rate(figures) for key, figures in cost.items() if key.endswith("decoded")]
    found = {name: ours["cpu"] / max(speeds) for name, speeds in against.items() if speeds}
    if decoded:
        found["from normalised frames, against rsigma fed decoded events"] = ours["detect_cpu"] / max(decoded)
    return {name: round(value, 2) for name, value in found.items()}


def _is_ours(key: str) -> bool:
    return key.startswith("tocsin")


def lines(name: str, figures: Figures) -> list[str]:
    """Return the tables of one corpus."""
    return [*_cost(name, figures["cost"]), "", *_verdicts(figures["verdicts"]), "", *_ratios(name, figures["ratios"]), ""]


def _cost(name: str, cost: Mapping[str, Figures]) -> Iterable[str]:
    yield f"{name:34}{'events/cpu-s':>14}{'µs/event':>10}{'rules':>7}{'start, s':>10}{'peak MiB':>10}"
    for key, figures in cost.items():
        clocks = {f"{key}, lines": "cpu", f"{key}, frames": "detect_cpu"} if _is_ours(key) else {key: "cpu"}
        for title, clock in clocks.items():
            speed = rate(figures, clock)
            start = figures["start"]["cpu"]
            yield f"{title:34}{speed:14,.0f}{1e6 / speed:10.1f}{figures['rules']:7,}{start:10.2f}{figures['peak_mib']:10,}"


def _verdicts(verdicts: Mapping[str, Figures]) -> Iterable[str]:
    yield f"{'verdicts':28}{'events':>9}{'given':>9}{'missing':>9}{'extra':>7}  rules that differ, by likely reason"
    for key, figures in verdicts.items():
        found = figures["differences"]
        counts = {what: sum(one["events"] for one in found if one["what"] == what) for what in ("missing", "extra")}
        reasons = Counter(one["reason"] for one in found)
        told = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
        yield f"{key:28}{figures['events']:9,}{figures['verdicts']:9,}{counts['missing']:9,}{counts['extra']:7,}  {told}"


def synthetic(found: Mapping[str, Any]) -> Iterable[str]:
    """Return the lines about events made for each rule."""
    yield f"events made for each rule: {found['events']:,}, of which {found['matches']:,} match"
    for key, figures in found.items():
        if isinstance(figures, dict):
            events = sum(one["events"] for one in figures["differences"])
            reasons = Counter(one["reason"] for one in figures["differences"])
            told = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
            yield f"{key:28}{events:6,} verdicts of {figures['rules_that_differ']} rules differ: {told or 'none'}"


def _ratios(name: str, found: Mapping[str, float]) -> Iterable[str]:
    for what, value in found.items():
        target = TARGETS[what].get(name)
        aimed = f"aimed at {target}: {'reached' if value >= target else 'not reached'}" if target else ""
        yield f"{what:60}{value:8.2f}  {aimed}"
