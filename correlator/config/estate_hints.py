"""What is not wrong in an estate and will still be missed on a bad day: one hint per kind of gap, with who is concerned."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from correlator.model.estate import Commune, Estate, LocalService
from correlator.model.service import Catalogue

_SHOWN = 9


@dataclass(frozen=True, slots=True)
class Hint:
    """A gap: what it concerns, what is missing, what to write."""

    subject: str
    what: str
    advice: str


def hints(estate: Estate, catalogue: Catalogue, configured: Collection[str] | None = None) -> list[Hint]:
    """Return the gaps of ``estate``; ``configured`` are the sources of ``tocsin.toml``, None when it is not at hand."""
    return [
        *_of_communes(estate),
        *_of_people(estate),
        *_of_networks(estate),
        *_of_sources(estate, configured),
        *_of_assets(estate, catalogue),
    ]


def _of_communes(estate: Estate) -> Iterator[Hint]:
    served = {service.commune for service in estate.services}
    owned = {network.commune for network in estate.networks}
    names = tuple(estate.communes)
    yield from _lacking(names, [one for one in names if one.id not in served], "no service", "write their [[service]] entries")
    yield from _lacking(names, [one for one in names if not one.hours], "no opening hours", "write hours")
    yield from _lacking(names, [one for one in names if not one.hosts], "no host names", "write hosts")
    yield from _lacking(names, [one for one in names if one.id not in owned], "no network", "write their [[network]] entries")
    yield from _lacking(names, [one for one in names if not one.upn_suffixes], "no mail domain", "write upn_suffixes")
    yield from _lacking(names, [one for one in names if not one.inhabitants], "no number of inhabitants", "write inhabitants")


def _lacking(all_of: Collection[Commune], found: Collection[Commune], what: str, advice: str) -> Iterator[Hint]:
    if found:
        every = len(found) == len(all_of) > 1
        yield Hint("every commune" if every else f"commune {_listed(one.name for one in found)}", what, advice)


def _of_people(estate: Estate) -> Iterator[Hint]:
    reached = {one.id for one in estate.contacts if one.phone or one.mail}
    lost = [one for one in estate.services if one.contact not in reached]
    for commune in estate.communes:
        here = [one for one in lost if one.commune == commune.id]
        if here:
            yield Hint(
                f"commune {commune.name}", f"nobody can be called for {_services(here)}", "write contact, with phone or mail"
            )
    called = {one.commune for one in estate.contacts if one.phone and not one.elected}
    if estate.contacts and None not in called:
        yield Hint("contacts", "nobody of the IT department has a telephone number", "write a [[contact]] without commune")
    silent = [commune.name for commune in estate.communes if estate.contacts and commune.id not in called]
    if silent:
        yield Hint(f"commune {_listed(silent)}", "nobody but elected people can be called", "write a [[contact]] with phone")


def _services(found: Collection[LocalService]) -> str:
    return f"{len(found)} services" if len(found) > _SHOWN else _listed(one.service for one in found)


def _of_networks(estate: Estate) -> Iterator[Hint]:
    nobody = [str(network.cidr) for network in estate.networks if network.commune is None]
    if nobody:
        advice = 'write commune, or "shared"; their events are unattributed until then'
        yield Hint(f"network {_listed(nobody)}", "belongs to nobody", advice)


def _of_sources(estate: Estate, configured: Collection[str] | None) -> Iterator[Hint]:
    declared = {source.name for source in estate.sources}
    known = declared | set(configured or ())
    named = sorted({source for service in estate.services for source in service.sources} - known)
    if named:
        yield Hint(f"source {_listed(named)}", "a service names it and nobody declares it", "write the name of a [[source]]")
    if configured is None:
        return
    unknown = sorted(set(configured) - declared)
    if unknown:
        what = "tocsin.toml reads it and the estate does not speak of it"
        yield Hint(
            f"source {_listed(unknown)}", what, "fine where hosts, networks or users tell the commune; else write a [[source]]"
        )
    absent = sorted(declared - set(configured))
    if absent and configured:
        yield Hint(
            f"source {_listed(absent)}",
            "the estate speaks of it and tocsin.toml does not read it",
            "add it there, or take it out",
        )


def _of_assets(estate: Estate, catalogue: Catalogue) -> Iterator[Hint]:
    written = {asset.id for asset in estate.shared}
    needed = {need for one in estate.services for need in (one.needs if one.needs is not None else _needs(catalogue, one))}
    needed |= {need for asset in estate.shared for need in asset.needs}
    absent = sorted(one for one in needed - written if one not in catalogue.assets or not catalogue.assets[one].external)
    if absent and estate.services:
        what = "services need it and no [[shared]] says which machines it is"
        yield Hint(f"asset {_listed(absent)}", what, "write id, name, hosts and needs: then its outage is seen")


def _needs(catalogue: Catalogue, service: LocalService) -> tuple[str, ...]:
    return catalogue.services[service.service].needs


def _listed(words: Iterable[str]) -> str:
    known = list(dict.fromkeys(words))
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return ", ".join(known[:_SHOWN]) + more
