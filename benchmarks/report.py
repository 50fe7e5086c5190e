"""Figures of the engine's benchmarks as lines of text."""

from collections.abc import Sequence
from typing import Any

Figures = dict[str, Any]
_SHOWN = 0.01  # seconds


def table(made: Sequence[Figures]) -> list[str]:
    """Return the lines for the measurements of one scenario."""
    shown = {"frames": _frames, "text": _staged, "look": _staged, "start": _start, "reload": _reload, "peak": _peak}
    told = [one for one in made if "failed" not in one["figures"]]
    lines = [f"{_name(one)}  FAILED: {one['figures']['failed']}" for one in made if one not in told]
    lines += [line for one in told for line in shown[one["measure"]](one)]
    return lines + (_ratio(made) + _different(made) if made and made[0]["measure"] == "frames" else [])


def _name(one: Figures) -> str:
    return f"  {one['name']:8}{one['rules']:9}{one['variant']:10}{one['threads']} thread{'s' if one['threads'] > 1 else ' '}"


def _frames(one: Figures) -> list[str]:
    figures = one["figures"]
    lines = []
    for size in [str(size or "whole") for size in one["batches"]]:
        run = figures[size]
        if not run:
            return [f"{_name(one)}  not in this checkout"]
        rates = f"{run['events_per_cpu_second']:>9,} events/CPU s  {run['events_per_second']:>9,} /s wall"
        found = f"{run['matches']:>8,} matches of {run['fired']:>4} rules{_hits(run)}  {figures['peak_mib']:>5} MiB"
        lines.append(f"{_name(one)}  batch {size:>6}  {rates}  {found}")
    bounds = "  ".join(f"{name} {figures['events'] / max(cpu, 1e-6):,.0f}" for name, cpu in figures["bounds"].items())
    spent = [(name.removeprefix("detect: "), cpu) for name, cpu in figures["stages"].items() if cpu >= _SHOWN]
    steps = "  ".join(f"{name} {cpu:.2f} s" for name, cpu in spent)
    lines += [f"{'':33}steps, at the first batch size: {steps}"] if steps else []
    return [*lines, f"{'':33}bounds, events/CPU s: {bounds}"]


def _hits(run: Figures) -> str:
    return "" if run.get("hit_rate") is None else f"  {run['hit_rate']:.0%} remembered"


def _ratio(made: Sequence[Figures]) -> list[str]:
    """Return how much dearer all rules are than a hundred, where both were measured."""
    cpu = {(one["name"], one["variant"], one["rules"], size): run["cpu"] for one in made for size, run in _runs(one)}
    return [
        f"  {name:8}{variant:10}batch {size:>6}  all : 100 rules = {spent / cpu[name, variant, 'hundred', size]:.2f}"
        for (name, variant, rules, size), spent in cpu.items()
        if rules == "active" and (name, variant, "hundred", size) in cpu
    ]


def _different(made: Sequence[Figures]) -> list[str]:
    """Return a line for each corpus and rule set on which engines, batch sizes or threads did not find the same."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for one in made:
        for size, run in _runs(one):
            found.setdefault((one["name"], one["rules"]), {})[f"{one['variant']}, batch {size}"] = run["verdicts"]
    wrong = {key: verdicts for key, verdicts in found.items() if len(set(verdicts.values())) > 1}
    return [f"  VERDICTS DIFFER on {name}, {rules}: {verdicts}" for (name, rules), verdicts in wrong.items()]


def _runs(one: Figures) -> list[tuple[str, Figures]]:
    return [(size, run) for size, run in one["figures"].items() if isinstance(run, dict) and "cpu" in run]


def _staged(one: Figures) -> list[str]:
    figures = one["figures"]
    whole = sum(figures["stages"].values())
    rates = f"{figures['lines_per_cpu_second']:>8,} lines/CPU s  {figures['events_per_cpu_second']:>8,} events/CPU s"
    head = f"{_name(one)}  {rates}  {figures['matches']:,} matches  {figures['bytes'] / figures['cpu'] / 1e6:,.0f} MB/CPU s"
    stages = sorted(figures["stages"].items(), key=lambda stage: -stage[1])
    lines = [f"{'':33}{name:38}{cpu:>8.2f} s {cpu / whole:>5.0%}" for name, cpu in stages if cpu >= 0.005 * whole]
    bounds = [
        f"{'':33}bound: {name:31}{cpu:>8.2f} s  {figures['lines'] / max(cpu, 1e-6):>12,.0f} lines/CPU s"
        for name, cpu in figures["bounds"].items()
    ]
    missing = [f"{'':33}not watched any more: {', '.join(figures['not_watched'])}"] if figures["not_watched"] else []
    return [head, *lines, *bounds, *missing]


def _start(one: Figures) -> list[str]:
    return [
        f"  {name:16}{run['cpu']:.2f} s CPU  {run['wall']:.2f} s wall (best {run['wall_best']:.2f})"
        for name, run in one["figures"].items()
    ]


def _reload(one: Figures) -> list[str]:
    figures = one["figures"]
    parts = ", ".join(f"{part} {cpu:.2f} s" for part, cpu in figures["parts_cpu"].items())
    clock = f"{figures['cpu']:.2f} s CPU, {figures['wall_best']:.2f} s wall at best"
    return [f"{_name(one)}  {clock} ({parts}), {figures['peak_mib']} MiB"]


def _peak(one: Figures) -> list[str]:
    figures = one["figures"]
    return [
        f"{_name(one)}  {figures['peak_mib']:,} MiB at the highest, {figures['after_loading_mib']:,} before the first batch"
    ]
