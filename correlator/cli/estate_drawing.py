"""The estate as a drawing: services and assets as nodes, what each stands on as arrows, in the words of dot or mermaid."""

from collections.abc import Iterator
from itertools import pairwise

from correlator.continuity.impact import Stopped, needs_of
from correlator.model.estate import Estate
from correlator.model.service import Catalogue

Edge = tuple[str, str]
#: Services and assets may bear one id (``postes``): in a drawing services have this before theirs.
_SERVICE = "service:"


def carried(estate: Estate) -> dict[str, list[str]]:
    """Return asset → assets that stand on it, sorted."""
    found: dict[str, set[str]] = {}
    for asset in estate.shared:
        for need in asset.needs if asset.id else ():
            found.setdefault(need, set()).add(asset.id)
    return {asset: sorted(above) for asset, above in found.items()}


def users(estate: Estate, catalogue: Catalogue) -> dict[str, list[str]]:
    """Return asset or platform → services that need it themselves somewhere, in the catalogue's order."""
    found: dict[str, list[str]] = {}
    for service, needs in _needs(estate, catalogue).items():
        for need in needs:
            found.setdefault(need, []).append(service)
    return found


def _needs(estate: Estate, catalogue: Catalogue) -> dict[str, list[str]]:
    """Return service → what it needs in one commune or another."""
    local: dict[str, list[tuple[str, ...]]] = {}
    for one in estate.services:
        local.setdefault(one.service, []).append(needs_of(catalogue.services[one.service], one))
    if not local:
        local = {one.id: [needs_of(one, None)] for one in catalogue.services.values()}
    return {
        name: list(dict.fromkeys(need for needs in local[name] for need in needs))
        for name in catalogue.services
        if name in local
    }


def drawing(estate: Estate, catalogue: Catalogue, stopped: list[Stopped] | None, form: str) -> str:
    """Return the graph in ``form`` (dot, mermaid); with ``stopped`` only the ways by which services are reached."""
    edges = sorted(set(_ways(stopped) if stopped is not None else _everything(estate, catalogue)))
    nodes = sorted({node for edge in edges for node in edge})
    labels = {node: _label(node, estate, catalogue) for node in nodes}
    vital = [f"{_SERVICE}{one.id}" for one in catalogue.services.values() if one.vital and f"{_SERVICE}{one.id}" in labels]
    return "".join(f"{line}\n" for line in (_dot if form == "dot" else _mermaid)(labels, edges, vital))


def _ways(stopped: list[Stopped]) -> Iterator[Edge]:
    for one in stopped:
        names = (f"{_SERVICE}{one.service.id}", *one.path)
        yield from pairwise(names)


def _everything(estate: Estate, catalogue: Catalogue) -> Iterator[Edge]:
    for service, needs in _needs(estate, catalogue).items():
        yield from ((f"{_SERVICE}{service}", need) for need in needs)
    for asset in estate.shared:
        yield from ((asset.id, need) for need in asset.needs if asset.id)


def _label(node: str, estate: Estate, catalogue: Catalogue) -> str:
    if node.startswith(_SERVICE):
        return catalogue.services[node.removeprefix(_SERVICE)].label
    known = catalogue.assets.get(node)
    return known.label if known else next((asset.name for asset in estate.shared if asset.id == node), node)


def _dot(labels: dict[str, str], edges: list[Edge], vital: list[str]) -> Iterator[str]:
    yield "digraph estate {"
    yield "  rankdir=LR;"
    for node, label in labels.items():
        shape = "box" if node.startswith(_SERVICE) else "ellipse"
        weight = ", penwidth=3" if node in vital else ""
        yield f"  {_quoted(node)} [label={_quoted(label)}, shape={shape}{weight}];"
    yield from (f"  {_quoted(above)} -> {_quoted(below)};" for above, below in edges)
    yield "}"


def _mermaid(labels: dict[str, str], edges: list[Edge], vital: list[str]) -> Iterator[str]:
    ids = {node: f"n{number}" for number, node in enumerate(labels)}
    yield "flowchart LR"
    for node, label in labels.items():
        opening, closing = ("[", "]") if node.startswith(_SERVICE) else ("([", "])")
        text = label.replace('"', "#quot;")
        yield f'  {ids[node]}{opening}"{text}"{closing}'
    yield from (f"  {ids[above]} --> {ids[below]}" for above, below in edges)
    if vital:
        yield f"  classDef vital stroke-width:4px\n  class {','.join(ids[node] for node in vital)} vital"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
