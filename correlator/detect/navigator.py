"""Rules on the ATT&CK matrix: a layer for MITRE's Navigator, format 4.5."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

_TECHNIQUE = re.compile(r"attack\.(t\d{4}(?:\.\d{3})?)", re.IGNORECASE)
_FORMAT = "4.5"
_SHOWN = 20  # titles in one comment
_COLOURS = ("#f4c7c3", "#fff2b3", "#a8d8a0")  # none can fire, one, many


def techniques_of(tags: Iterable[str]) -> tuple[str, ...]:
    """Return the technique ids among Sigma tags, as MITRE writes them: ``T1059.001``."""
    return tuple(dict.fromkeys(found[1].upper() for tag in tags if (found := _TECHNIQUE.fullmatch(tag))))


def layer(name: str, description: str, version: str, rules: Iterable[tuple[str, Iterable[str], bool]]) -> dict[str, Any]:
    """Return a layer over ``rules`` (title, tags, whether it can fire): the score of a technique counts those that can.

    ``version``: that of ATT&CK. A technique whose rules cannot fire is there with score 0: the gap is what one looks for.
    """
    able: dict[str, list[str]] = defaultdict(list)
    unable: dict[str, list[str]] = defaultdict(list)
    for title, tags, can_fire in rules:
        for technique in techniques_of(tags):
            (able if can_fire else unable)[technique].append(title)
    techniques = [_technique(one, able[one], unable[one]) for one in sorted({*able, *unable})]
    return {
        "name": name, "versions": {"attack": version, "navigator": "5.1.0", "layer": _FORMAT}, "domain": "enterprise-attack",
        "description": description, "sorting": 3, "hideDisabled": False, "techniques": techniques,
        "gradient": {"colors": list(_COLOURS), "minValue": 0, "maxValue": max([1, *(one["score"] for one in techniques)])},
        "legendItems": [
            {"label": "rules are there, none can fire here", "color": _COLOURS[0]},
            {"label": "the more rules can fire here, the greener", "color": _COLOURS[2]},
        ],
        "showTacticRowBackground": False, "selectTechniquesAcrossTactics": True, "selectSubtechniquesWithParent": False,
    }  # fmt: skip


def _technique(technique: str, able: list[str], unable: list[str]) -> dict[str, Any]:
    told = [f"{len(titles)} {word}: {_listed(titles)}" for word, titles in (("can fire", able), ("cannot", unable)) if titles]
    return {
        "techniqueID": technique, "score": len(able), "comment": "\n".join(told), "enabled": True, "metadata": [], "links": [],
        "showSubtechniques": "." in technique,
    }  # fmt: skip


def _listed(titles: list[str]) -> str:
    rest = len(titles) - _SHOWN
    return "; ".join(sorted(titles)[:_SHOWN]) + (f"; {rest} more" if rest > 0 else "")


def by_technique(rules: Iterable[tuple[str, Iterable[str], bool]]) -> Mapping[str, tuple[int, int]]:
    """Return technique → (rules that can fire, rules)."""
    counted: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for _, tags, can_fire in rules:
        for technique in techniques_of(tags):
            able, total = counted[technique]
            counted[technique] = (able + can_fire, total + 1)
    return dict(counted)
