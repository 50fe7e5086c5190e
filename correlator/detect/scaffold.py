"""The texts of a new rule: where it lies, the rule, and its test from raw lines. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import yaml

from correlator.model.logsource import LogSource

_PRODUCTS = {"windows": "win", "linux": "lnx"}
_CATEGORIES = {"process_creation": "proc_creation", "network_connection": "net_connection", "webserver": "web"}
_LONGEST_NAME, _SHORTEST_NAME = 80, 8
_NOT_WORD = re.compile(r"[^a-z0-9]+")
_SHOWN_FIELDS = 12


@dataclass(frozen=True, slots=True)
class Head:
    """What a new rule says about itself."""

    title: str
    id: str
    logsource: LogSource
    date: str
    level: str = "medium"
    author: str = ""
    description: str = "To be written: what it finds, and why that matters."


@dataclass(frozen=True, slots=True)
class Proof:
    """Raw lines for the test: one that the rule must find, a near miss that it must not; empty: to be written."""

    parser: str
    hit: str = ""
    near_miss: str = ""


def rule_path(title: str, source: LogSource) -> PurePosixPath:
    """Return where SigmaHQ would put the rule: product/service/win_service_title.yml, below the folder of all rules."""
    parts = [part for part in (source.product, source.category or source.service) if part]
    folder = PurePosixPath(*parts)
    product = _PRODUCTS.get(source.product, source.product)
    if source.category:
        words = [_CATEGORIES.get(source.category, source.category), product, source.service]
    else:
        words = [product, source.service]
    prefix = "_".join(_slug(word) for word in words if word)
    return folder / f"{f'{prefix}_{_slug(title)}'[:_LONGEST_NAME].rstrip('_')}.yml"


def _slug(text: str) -> str:
    return _NOT_WORD.sub("_", text.lower().translate(str.maketrans("àâäçéèêëîïôöùûü", "aaaceeeeiioouuu"))).strip("_")


def rule_text(head: Head, selection: Mapping[str, str | int], fields: Sequence[str]) -> str:
    """Return the YAML of the rule; ``fields`` of that log source stand in a comment."""
    source = {key: value for key in ("product", "category", "service") if (value := getattr(head.logsource, key))}
    about = {"title": head.title, "id": head.id, "status": "experimental", "description": head.description}
    about |= {"author": head.author or "You"}
    offered = ", ".join(fields[:_SHOWN_FIELDS]) + (", …" if len(fields) > _SHOWN_FIELDS else "")
    return "".join(
        (
            _dumped(about),
            f"date: {head.date}\n",  # plain, as everywhere in Sigma
            _dumped({"logsource": source}),
            "detection:\n",
            f"    # Other fields of {head.logsource}: {offered}\n" if fields else "",
            _indented(_dumped({"selection": dict(selection)})),
            "    condition: selection\n",
            _dumped({"falsepositives": ["Unknown"]}),
            _dumped({"level": head.level}),
        )
    )


def _dumped(content: Mapping[str, object]) -> str:
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=4_096, indent=4)


class _Dumper(yaml.SafeDumper):
    """Lists are indented below their key, as everywhere in Sigma."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - PyYAML's signature
        super().increase_indent(flow, indentless=False)


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


def test_text(name: str, proof: Proof) -> str:
    """Return the ``.test`` of the rule file called ``name``; lines that nobody gave are left to write, and fail until then."""
    hit = proof.hit or "paste here a raw line that the rule must find"
    near_miss = proof.near_miss or "paste here one that differs in a single field, and must not be found"
    found = _case("it is found", proof.parser, hit, f"detection {name}")
    missed = _case("near miss: one thing is different", proof.parser, near_miss, f"no detection {name}")
    return f"{found}\n{missed}"


def _case(title: str, parser: str, line: str, expected: str) -> str:
    return f"case {title}\nload {parser}\n    @0s  {line}\nexpect\n    {expected}\n"
