"""What a rule must say about itself, and which lints it switches off."""

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from correlator.detect.lints.finding import CATALOGUE, Finding
from correlator.detect.texts import Document

_WANTED = {
    "id": ("id-missing", "id: a new UUID; `tocsin rules new` writes one"),
    "level": ("level-missing", "level: informational, low, medium, high or critical"),
    "status": ("status-missing", "status: experimental, test or stable"),
}
_ATTACK = "attack."


def head_findings(document: Document, attack_tags: AbstractSet[str]) -> Iterator[Finding]:
    """Yield what ``document`` does not say, and its ATT&CK tags that are not in ``attack_tags`` (empty: any)."""
    head = document.content
    wanted = ("id",) if "filter" in head else tuple(_WANTED)
    for key in wanted:
        if not head.get(key):
            lint, expected = _WANTED[key]
            yield _finding(document, lint, f"the {_kind(head)} has no {key}", expected, ())
    tags = head.get("tags")
    for number, tag in enumerate(tags if isinstance(tags, list) and attack_tags else ()):
        if _is_unknown(str(tag), attack_tags):
            what = f"the pinned ATT&CK has no {tag}"
            yield _finding(document, "attack-tag", what, "a tag of rules/attack-tags.txt", ("tags", number))


def _is_unknown(tag: str, known: AbstractSet[str]) -> bool:
    """Tactics and techniques are in the table; groups, software, data sources (``attack.g0032``) are not."""
    return tag.startswith(_ATTACK) and tag not in known and not re.fullmatch(r"(?:g|s|c|ds)\d{4}", tag.removeprefix(_ATTACK))


def _kind(head: Mapping[str, Any]) -> str:
    return next((kind for kind in ("correlation", "filter") if kind in head), "rule")


def _finding(document: Document, lint: str, what: str, expected: str, keys: tuple[str | int, ...]) -> Finding:
    rule = str(document.content.get("id") or "")
    return Finding(lint, CATALOGUE[lint].gravity, document.path, document.line_of(*keys), what, expected, rule, topic=what)


def switched_off(document: Document) -> frozenset[str]:
    """Return the lints that the rule itself switches off: ``tocsin: {lint: {regex-slow: why}}``, or a list of names."""
    own = document.content.get("tocsin")
    named = own.get("lint") if isinstance(own, dict) else None
    return (
        frozenset(map(str, named)) if isinstance(named, list | dict) else frozenset({named} if isinstance(named, str) else ())
    )


def unknown_lints(document: Document, validators: AbstractSet[str]) -> Iterator[Finding]:
    """Yield the names that ``document`` switches off and nothing bears."""
    for name in sorted(switched_off(document) - CATALOGUE.keys() - validators - {"sigma"}):
        expected = "a name that `tocsin rules check` prints"
        yield _finding(document, "lint-unknown", f"there is no lint {name}", expected, ("tocsin", "lint"))
