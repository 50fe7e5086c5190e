"""Strict rules: each Windows rule asks for the channel and event id that its log source stands for, itself.

An engine that knows nothing of log sources then gives the same meaning as one that does. The table is the project's own,
``parsers/windows_eventlog/channels.py``.
"""

from collections import defaultdict
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from parsers.windows_eventlog.channels import _CATEGORIES_OF, _REGISTRY_KEY, _SERVICES_OF

#: Name of the selection that is added; names with an underscore in front are not part of ``them``.
SELECTION = "_source"
Map = dict[str, Any]


def _fed() -> Iterator[tuple[str, str, str, str, str]]:
    """Yield channel, service, category, event id and Sysmon's EventType of everything that feeds a category."""
    for channel, services in _SERVICES_OF.items():
        for (service, event_id), categories in _CATEGORIES_OF.items():
            if service in services:
                yield from ((channel, service, category, event_id, "") for category in categories)
        if "sysmon" in services:
            yield from ((channel, "sysmon", category, "12", kind) for kind, category in _REGISTRY_KEY.items())


def alternatives(category: str, service: str) -> list[Map]:
    """Return the maps one of which holds for every event that feeds a Windows log source; none: nothing feeds it."""
    if not category and not service:
        return [{"Channel": "*"}]
    if not category:
        channels = [channel for channel, services in _SERVICES_OF.items() if service in services]
        return [{"Channel": channels}] if channels else []
    ids: dict[tuple[str, str], set[int]] = defaultdict(set)
    for channel, of, fed, event_id, kind in _fed():
        if fed == category and service in ("", of):
            ids[channel, kind].add(int(event_id))
    merged: dict[tuple[tuple[int, ...], str], list[str]] = defaultdict(list)
    for (channel, kind), numbers in ids.items():
        merged[tuple(sorted(numbers)), kind].append(channel)
    return [
        {"Channel": channels, "EventID": list(numbers), **({"EventType": kind} if kind else {})}
        for (numbers, kind), channels in merged.items()
    ]


def strict(rule: Map) -> Map | None:
    """Return the rule with its log source as a condition of its own, None when no event feeds its log source."""
    source = rule["logsource"]
    maps = alternatives(source.get("category", ""), source.get("service", ""))
    if not maps:
        return None
    detection = {SELECTION: maps, **rule["detection"], "condition": f"({rule['detection']['condition']}) and {SELECTION}"}
    return {**rule, "detection": detection}


def write_strict(rules: Path, target: Path) -> str:
    """Write the strict form of every rule below ``rules`` that something feeds into ``target``; return their sha256."""
    digest = sha256()
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(rules.rglob("*.yml")):
        rule = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        made = strict(rule)
        if made is not None:
            text = yaml.dump(made, Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False, width=1_000_000)
            (target / path.name).write_text(text, encoding="utf-8")
            digest.update(text.encode())
    return digest.hexdigest()
