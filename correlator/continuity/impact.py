"""What stops when something is down: assets, machines or platforms → services of communes, each with the way it is reached."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import translate
from ipaddress import IPv4Address, IPv6Address, ip_address

from correlator.model.estate import Commune, Estate, LocalService, SharedAsset
from correlator.model.service import Catalogue, CatalogueService

_WILDCARDS = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Stopped:
    """A service of a commune that stands on what is down.

    ``path`` leads from what the service needs itself to what is down. ``in_part``: one machine of several is down there, so the
    service may only be slower. ``clocks`` are the ids of the delays that matter then.
    """

    service: CatalogueService
    commune: str
    path: tuple[str, ...]
    in_part: bool
    dmia: timedelta
    clocks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Reached:
    path: tuple[str, ...]
    in_part: bool


def impact(estate: Estate, catalogue: Catalogue, down: Collection[str]) -> list[Stopped]:
    """Return what stops when ``down`` is: ids of assets or platforms, names or addresses of machines, in any case.

    Vital services first, then the shortest delay. A commune that declares no service is taken to render the whole catalogue.
    """
    names = {name.casefold() for name in down}
    stopped = [one for commune in estate.communes for one in _of_commune(estate, catalogue, commune, names)]
    places = {service: place for place, service in enumerate(catalogue.services)}
    return sorted(stopped, key=lambda one: (not one.service.vital, one.dmia, places[one.service.id], one.commune))


def known_words(estate: Estate, catalogue: Catalogue) -> set[str]:
    """Return what ``down`` may name: assets, platforms, and the machines as the estate writes them."""
    hosts = {host for asset in estate.shared for host in asset.hosts} | {host for one in estate.services for host in one.hosts}
    return {*catalogue.assets, *(asset.id for asset in estate.shared if asset.id), *hosts}


def needs_of(service: CatalogueService, local: LocalService | None) -> tuple[str, ...]:
    """Return the assets and platforms a service stands on: the estate's word, else the catalogue's."""
    own = service.needs if local is None or local.needs is None else local.needs
    return (*own, *service.platforms)


def is_machine(estate: Estate, name: str) -> bool:
    """Say whether a shared asset or a service of the estate has the machine or address ``name``."""
    folded = name.casefold()
    return any(_part_of(asset, {folded}) for asset in estate.shared) or any(
        _named(one.hosts, {folded}) for one in estate.services
    )


def _of_commune(estate: Estate, catalogue: Catalogue, commune: Commune, names: set[str]) -> Iterator[Stopped]:
    assets = {asset.id: asset for asset in estate.shared if asset.id and asset.serves(commune.id)}
    local = {one.service: one for one in estate.services if one.commune == commune.id}
    found: dict[str, _Reached | None] = {}
    for service in catalogue.services.values():
        here = local.get(service.id)
        if here is None and local:
            continue
        ways = (_machine(here, names), _first(needs_of(service, here), assets, names, found))
        if reached := min(filter(None, ways), key=lambda way: way.in_part, default=None):
            dmia = service.dmia if here is None or here.dmia is None else here.dmia
            yield Stopped(service, commune.id, reached.path, reached.in_part, dmia, _clocks(service, commune, catalogue))


def _clocks(service: CatalogueService, commune: Commune, catalogue: Catalogue) -> tuple[str, ...]:
    return tuple(one for one in service.clocks if commune.maternite or not catalogue.clocks[one].needs_maternity)


def _machine(here: LocalService | None, names: set[str]) -> _Reached | None:
    found = _named(here.hosts, names) if here else None
    return _Reached((found[0],), found[1]) if found else None


def _first(
    needs: tuple[str, ...], assets: Mapping[str, SharedAsset], names: set[str], found: dict[str, _Reached | None]
) -> _Reached | None:
    """Return how one of ``needs`` is reached: whole before in part, then in their order."""
    ways = [way for need in needs if (way := _way(need, assets, names, found))]
    return min(ways, key=lambda way: way.in_part, default=None)


def _way(asset: str, assets: Mapping[str, SharedAsset], names: set[str], found: dict[str, _Reached | None]) -> _Reached | None:
    """Return the way from ``asset`` to what is down; ``found`` keeps answers, and ends a circle."""
    if asset in found:
        return found[asset]
    found[asset] = None
    own = assets.get(asset)
    if asset.casefold() in names:
        found[asset] = _Reached((asset,), in_part=False)
    elif own and (way := _first(own.needs, assets, names, found)) and not way.in_part:
        found[asset] = _Reached((asset, *way.path), in_part=False)
    elif own and (part := _part_of(own, names)):
        found[asset] = _Reached((asset, part[0]), part[1])
    elif own and way:
        found[asset] = _Reached((asset, *way.path), in_part=True)
    return found[asset]


def _part_of(asset: SharedAsset, names: set[str]) -> tuple[str, bool] | None:
    """Return the machine of ``asset`` that is down, and whether it is one of several."""
    if named := _named(asset.hosts, names):
        return named
    for address in filter(None, map(_address, sorted(names))):
        for network in asset.addresses:
            if address in network:
                return str(address), len(asset.addresses) > 1 or network.num_addresses > 1
    return None


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None


def _named(globs: tuple[str, ...], names: set[str]) -> tuple[str, bool] | None:
    """Return the first of ``names`` that ``globs`` mean, in full or up to its first dot, and whether it is one of several."""
    for name in sorted(names):
        for glob in globs:
            pattern = re.compile(translate(glob.casefold()))
            if pattern.match(name) or pattern.match(name.partition(".")[0]):
                return name, bool(_WILDCARDS.search(glob)) or len(globs) > 1
    return None
