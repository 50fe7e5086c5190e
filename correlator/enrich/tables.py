"""Tables: the estate turned into lookups, immutable; the runtime swaps a new value in at a batch boundary."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import translate

from correlator.config.public_holidays import YEARS, public_holidays
from correlator.enrich.addresses import AddressIndex, IPNetwork, undeclared_zone
from correlator.enrich.clocks import Clock, Clocks
from correlator.enrich.names import Globs, HostNames, UserNames
from correlator.model.estate import Estate, InputSource


@dataclass(frozen=True, slots=True)
class Sources:
    """Which declared source a record belongs to: by the source's name, else by the first path glob that fits."""

    names: Mapping[str, int]
    paths: tuple[tuple[re.Pattern[str], int], ...]
    communes: tuple[str | None, ...]
    fields: tuple[str | None, ...]

    @classmethod
    def of(cls, sources: Iterable[InputSource]) -> "Sources":
        """Return the lookup for ``sources``."""
        known = tuple(sources)
        return cls(
            names={source.name: number for number, source in enumerate(known)},
            paths=tuple((_path_pattern(glob), number) for number, source in enumerate(known) for glob in source.paths),
            communes=tuple(source.commune for source in known),
            fields=tuple(source.commune_field for source in known),
        )

    def number(self, name: str, path: str) -> int | None:
        """Return the number of the declared source that ``name`` or ``path`` tells, or None."""
        if name in self.names:
            return self.names[name]
        return next((number for pattern, number in self.paths if pattern.match(path)), None)


def _path_pattern(glob: str) -> re.Pattern[str]:
    """Return an expression for paths that end in ``glob``, at a folder boundary; ``*`` also crosses folders."""
    return re.compile(rf"(?:.*/)?{translate(glob.lstrip('/'))}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Tables:
    """All that enrichment looks up; ``owners`` and ``zones`` hold what the estate says of addresses."""

    communes: frozenset[str]
    sources: Sources
    hosts: HostNames
    users: UserNames
    owners: AddressIndex[str]
    zones: AddressIndex[str]
    clocks: Clocks

    def zone(self, address: str) -> str | None:
        """Return the zone of ``address``: what the estate says, else ``internal`` or ``internet``; None when it is none."""
        return self.zones.find(address) or undeclared_zone(address)


def build_tables(estate: Estate, years: Iterable[int] = YEARS, declared: Mapping[str, str] | None = None) -> Tables:
    """Return the lookups for ``estate``, with the public holidays of ``years``.

    ``declared`` adds source → commune from elsewhere (``tocsin.toml``); what the estate says of a source comes first.
    """
    named = {source.name for source in estate.sources}
    extra = (InputSource(name, commune=commune) for name, commune in (declared or {}).items() if name not in named)
    return Tables(
        communes=frozenset(commune.id for commune in estate.communes),
        sources=Sources.of((*estate.sources, *extra)),
        hosts=HostNames(Globs.of(_host_globs(estate))),
        users=_users(estate),
        owners=AddressIndex.of(_owners(estate)),
        zones=AddressIndex.of((network.cidr, network.zone) for network in estate.networks),
        clocks=_clocks(estate, tuple(years)),
    )


def _host_globs(estate: Estate) -> Iterator[tuple[str, str]]:
    yield from ((glob, commune.id) for commune in estate.communes for glob in commune.hosts)
    yield from ((glob, asset.owner) for asset in estate.shared for glob in asset.hosts)


def _users(estate: Estate) -> UserNames:
    return UserNames(
        suffixes={suffix.casefold(): commune.id for commune in estate.communes for suffix in commune.upn_suffixes},
        units={unit.casefold(): commune.id for commune in estate.communes for unit in commune.units},
        globs=Globs.of((glob, commune.id) for commune in estate.communes for glob in commune.users),
    )


def _owners(estate: Estate) -> Iterator[tuple[IPNetwork, str | None]]:
    yield from ((network.cidr, network.commune) for network in estate.networks)
    yield from ((address, asset.owner) for asset in estate.shared for address in asset.addresses)


def _clocks(estate: Estate, years: tuple[int, ...]) -> Clocks:
    default = Clock(estate.time_zone, estate.hours, public_holidays(estate.calendar, years))
    own = {
        commune.id: Clock(commune.time_zone, commune.hours, public_holidays(commune.calendar, years))
        for commune in estate.communes
    }
    return Clocks.of(default, own)
