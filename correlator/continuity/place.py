"""One service in one commune: what the catalogue says of it, what the estate says of it there, what it stands on."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fnmatch import translate
from ipaddress import IPv4Network, IPv6Network, ip_address

from correlator.continuity.calendar import Calendar
from correlator.model.estate import Commune, Estate, Hours, LocalService, SharedAsset
from correlator.model.service import Catalogue, CatalogueService

#: Words of opening hours that mean the town hall's own, where a commune says which.
_TOWN_HALL = frozenset({"guichet", "bureau", "scrutin"})
#: A town hall whose hours nobody wrote down.
_OFFICE: Hours = dict.fromkeys(range(1, 6), ((540, 720), (810, 1050)))


@dataclass(frozen=True, slots=True)
class Footing:
    """Something a service stands on, directly or through something else: a shared asset or a national platform.

    ``communes`` empty: all share it.
    """

    id: str
    label: str
    external: bool = False
    communes: tuple[str, ...] = ()
    hosts: re.Pattern[str] | None = None
    addresses: tuple[IPv4Network | IPv6Network, ...] = ()

    def has(self, names: Collection[str]) -> bool:
        """Say whether one of ``names`` (host names, addresses; case folded) is part of it."""
        return _matches(self.hosts, names) or any(_within(name, self.addresses) for name in names)


@dataclass(frozen=True, slots=True)
class Place:
    """A service as it is rendered in one commune. ``declared``: the estate speaks of it there.

    ``calendar`` has the hours of its counter; ``dmia`` and ``reprise`` are delays in opening time.
    """

    service: CatalogueService
    commune: Commune
    calendar: Calendar
    assets: tuple[Footing, ...] = ()
    hosts: re.Pattern[str] | None = None
    sources: tuple[str, ...] = ()
    declared: bool = True
    dmia: timedelta = timedelta()
    reprise: timedelta = timedelta()
    contact: str = ""
    paper: str = ""
    carrier: str = "commune"

    def carried_by(self, names: Collection[str]) -> bool:
        """Say whether one of ``names`` (case folded) is a machine that carries the service here."""
        return _matches(self.hosts, names)

    def stands_on(self, names: Collection[str]) -> list[str]:
        """Return the labels of the assets under this service that one of ``names`` is part of."""
        return [asset.label for asset in self.assets if asset.has(names) and self.shares(asset)]

    def shares(self, asset: Footing) -> bool:
        """Say whether this commune is one of those that use ``asset``."""
        return not asset.communes or self.commune.id in asset.communes


def places(estate: Estate, catalogue: Catalogue, holidays: Callable[[str], frozenset[date]]) -> list[Place]:
    """Return every service of the catalogue in every commune, in their order; ``holidays``: calendar → days.

    Where the estate names some services of a commune, the others are not declared there; where it names none, all are.
    What only a maternity makes necessary is not declared elsewhere, unless the estate says so.
    """
    local = {(one.commune, one.service): one for one in estate.services}
    speaking = {one.commune for one in estate.services}
    footings = {commune.id: _footings(estate, catalogue, commune.id) for commune in estate.communes}
    found = []
    for service in catalogue.services.values():
        for commune in estate.communes:
            here = local.get((commune.id, service.id), LocalService(service.id, commune.id))
            declared = (commune.id, service.id) in local or (
                commune.id not in speaking and (commune.maternite or not _needs_maternity(service, catalogue))
            )
            calendar = Calendar(commune.time_zone, holidays(commune.calendar), _hours(service, commune, here, catalogue))
            found.append(_place(service, commune, calendar, here, footings[commune.id], declared=declared))
    return found


def _place(
    service: CatalogueService,
    commune: Commune,
    calendar: Calendar,
    here: LocalService,
    footings: Mapping[str, tuple[Footing, ...]],
    *,
    declared: bool,
) -> Place:
    needs = (*(service.needs if here.needs is None else here.needs), *service.platforms)
    assets = {footing.id: footing for need in needs for footing in footings.get(need, (Footing(need, need),))}
    return Place(
        service=service,
        commune=commune,
        calendar=calendar,
        assets=tuple(assets.values()),
        hosts=_globs(here.hosts),
        sources=here.sources,
        declared=declared,
        dmia=service.dmia if here.dmia is None else here.dmia,
        reprise=service.reprise if here.reprise is None else here.reprise,
        contact=here.contact,
        paper=here.paper,
        carrier=here.carrier,
    )


def _needs_maternity(service: CatalogueService, catalogue: Catalogue) -> bool:
    kinds = [catalogue.clocks[clock] for clock in service.clocks if clock in catalogue.clocks]
    return any(kind.needs_maternity for kind in kinds)


def _hours(service: CatalogueService, commune: Commune, here: LocalService, catalogue: Catalogue) -> Hours:
    if here.hours is not None:
        return here.hours
    named = catalogue.hours.get(service.hours)
    if service.hours in _TOWN_HALL or named is None:
        return commune.hours or (named.open if named else _OFFICE)
    return named.open


def _footings(estate: Estate, catalogue: Catalogue, commune: str) -> dict[str, tuple[Footing, ...]]:
    """Return asset id → it and everything it stands on itself, nearest first; ``commune`` may have its own of that id."""
    shared = {one.id: one for one in estate.shared if one.id and one.serves(commune)}
    return {asset: tuple(_reached(asset, shared, catalogue)) for asset in {*shared, *catalogue.assets}}


def _reached(asset: str, shared: Mapping[str, SharedAsset], catalogue: Catalogue) -> Iterator[Footing]:
    waiting, seen = [asset], set[str]()
    while waiting:
        one = waiting.pop(0)
        if one not in seen:
            seen.add(one)
            yield _footing(one, shared.get(one), catalogue)
            waiting += shared[one].needs if one in shared else ()


def _footing(asset: str, shared: SharedAsset | None, catalogue: Catalogue) -> Footing:
    known = catalogue.assets.get(asset)
    label = known.label if known else shared.name if shared else asset
    external = known is not None and known.external
    if shared is None:
        return Footing(asset, label, external)
    return Footing(asset, label, external, shared.communes, _globs(shared.hosts), shared.addresses)


def _globs(globs: Iterable[str]) -> re.Pattern[str] | None:
    """Return the globs as one expression for case-folded names, by full name or by the part before the first dot."""
    patterns = [f"(?:{translate(glob.casefold())})" for glob in globs]
    return re.compile("|".join(patterns)) if patterns else None


def _matches(pattern: re.Pattern[str] | None, names: Collection[str]) -> bool:
    return pattern is not None and any(pattern.match(name) or pattern.match(name.partition(".")[0]) for name in names)


def _within(name: str, networks: Collection[IPv4Network | IPv6Network]) -> bool:
    if not networks:
        return False
    try:
        address = ip_address(name)
    except ValueError:
        return False
    return any(address in network for network in networks)
