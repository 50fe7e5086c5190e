"""The reference page of the correlations that ship: what each finds, out of which log sources, how loud it is."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from correlator.runtime.content import shipped_rules

_HEAD: Final = "<!-- Made by `python -m correlator.harness.reference`; do not edit. -->\n"
_LOUD: Final = ("critical", "high", "medium")
_INTRODUCTION: Final = """# Correlations
What the shipped correlations find, by level: critical calls somebody at night, high and medium open an incident, low and
informational are parts that others build on, kept and counted. *Across* looks at all communes together. A log source with
`*` has no parser yet: the correlation waits for it, and `tocsin rules check rules` counts its base rules as inert. *Learns*: it
says nothing before. The look-alikes of each, and why its threshold is what it is, stand in the rule and in its `.test`.

"""
_COLUMNS: Final = "| finds | how | within | scope | log sources |\n|---|---|---|---|---|\n"


@dataclass(frozen=True, slots=True)
class _Known:
    """Rules and correlations by every name and id, and which of them wait for a parser."""

    documents: Mapping[str, Mapping[str, Any]]

    def sources(self, name: str) -> set[str]:
        """Return the log sources that the rule or correlation ``name`` needs, ``*`` behind those that no parser gives."""
        document = self.documents[str(name)]
        if "correlation" in document:
            return {one for member in document["correlation"]["rules"] for one in self.sources(member)}
        source = document["logsource"]
        text = "/".join(source[key] for key in ("product", "category", "service") if source.get(key))
        return {f"`{text}`" + ("\\*" if "source-unknown" in document.get("tocsin", {}).get("lint", {}) else "")}


def correlations_page() -> str:
    """Return the table of the shipped correlations, the loudest first, then the parts they are made of."""
    rules = shipped_rules()
    known = _Known({str(key): one for one in _documents(rules) for key in (one.get("name"), one.get("id")) if key})
    found = [one for one in _documents(rules / "correlations") if "correlation" in one]
    parts = [_section(level, [one for one in found if one["level"] == level], known) for level in _LOUD]
    quiet = [one for one in found if one["level"] not in _LOUD]
    count = f"{len(found)} correlations, {len(found) - len(quiet)} of which open incidents.\n"
    return "".join([_HEAD, _INTRODUCTION, count, *parts, _section("parts", quiet, known)])


def _documents(folder: Path) -> Iterator[Mapping[str, Any]]:
    for path in sorted(folder.rglob("*.yml")):
        yield from (one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if isinstance(one, dict))


def _section(title: str, found: Sequence[Mapping[str, Any]], known: _Known) -> str:
    rows = [_row(one, known) for one in sorted(found, key=lambda one: str(one["title"]))]
    return "".join([f"\n## {title.capitalize()} ({len(found)})\n\n", _COLUMNS, *rows])


def _row(one: Mapping[str, Any], known: _Known) -> str:
    section, ours = one["correlation"], one.get("tocsin", {})
    said = re.split(r"(?<=[.:]) ", " ".join(str(one["description"]).split()), maxsplit=1)[0].rstrip(".:")
    scope = "across" if ours.get("communes") == "cross" else "commune"
    sources = ", ".join(sorted(known.sources(one["id"])))
    cells = (f"**{one['title']}** `{one.get('name', '')}`: {said}", _how(section, ours), section["timespan"], scope, sources)
    return f"| {' | '.join(map(str, cells))} |\n"


def _how(section: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    """Return type and condition in a few words."""
    for word, told in (("absence", "missing"), ("first_seen", "never seen"), ("ratio", "beside other weeks")):
        if word in ours:
            learn = ours[word].get("learn") if isinstance(ours[word], dict) else None
            return told + (f", learns {learn}" if learn else "")
    condition = section.get("condition")
    if isinstance(condition, dict):
        bounds = " ".join(f"{key} {value}" for key, value in condition.items() if key != "field")
        return f"{section['type']} {condition.get('field', '')} {bounds}".replace("  ", " ")
    return f"{section['type']}: {condition}" if condition else str(section["type"])
