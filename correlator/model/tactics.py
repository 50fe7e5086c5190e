"""ATT&CK tactics in the order of an attack: how far somebody came, told by the tags of the rules that fired."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

#: In kill-chain order. Version 19 split defense-evasion into stealth and defense-impairment; rules say either.
TACTICS = (
    "reconnaissance", "resource-development", "initial-access", "execution", "persistence", "privilege-escalation",
    "defense-evasion", "stealth", "defense-impairment", "credential-access", "discovery", "lateral-movement", "collection",
    "command-and-control", "exfiltration", "impact",
)  # fmt: skip
_ORDER = {tactic: place for place, tactic in enumerate(TACTICS)}


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of an attack: the tactic, when a rule that names it first fired, and how many rules do."""

    tactic: str
    first: datetime
    rules: int


def tactics_of(tags: Iterable[str]) -> tuple[str, ...]:
    """Return the tactics that ``tags`` name, in kill-chain order."""
    words = {tag.lower().removeprefix("attack.").replace("_", "-") for tag in tags}
    return tuple(tactic for tactic in TACTICS if tactic in words)


def stages(fired: Iterable[tuple[Iterable[str], datetime]]) -> tuple[Stage, ...]:
    """Return the stages seen, in kill-chain order, from (tags, first time) of each rule that fired."""
    seen: dict[str, list[datetime]] = {}
    for tags, first in fired:
        for tactic in tactics_of(tags):
            seen.setdefault(tactic, []).append(first)
    return tuple(Stage(tactic, min(seen[tactic]), len(seen[tactic])) for tactic in sorted(seen, key=_ORDER.__getitem__))


def stages_told(rules: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the stages as a document tells them, from its ``rules`` (tags, first as text): tactic, first, rules."""
    seen: dict[str, list[str]] = {}
    for rule in rules:
        for tactic in tactics_of(rule.get("tags") or ()):
            seen.setdefault(tactic, []).append(rule["first"])
    ordered = sorted(seen, key=_ORDER.__getitem__)
    return [{"tactic": tactic, "first": min(seen[tactic]), "rules": len(seen[tactic])} for tactic in ordered]


def tactics_column(tags: str) -> pl.Expr:
    """Return the tactics in the column ``tags`` (list of text), in no order."""
    word = pl.element().str.to_lowercase().str.strip_prefix("attack.").str.replace_all("_", "-", literal=True)
    return pl.col(tags).list.eval(word.filter(word.is_in(TACTICS)))
