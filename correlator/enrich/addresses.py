"""Addresses to what the estate says of them: longest prefix, IPv4 and IPv6, one binary search each."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Generic, TypeVar

from correlator.model.estate import INTERNAL, INTERNET

IPNetwork = IPv4Network | IPv6Network
Value = TypeVar("Value")

#: Written out: libraries also call documentation and benchmark ranges private, and logs hold those as outside addresses.
_PRIVATE: Final = (
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "fc00::/7",
    "fe80::/10",
    "::1",
)


@dataclass(frozen=True, slots=True)
class AddressIndex(Generic[Value]):
    """What holds for an address: the value of the longest prefix that contains it.

    ``starts`` and ``values`` are per IP version, ranges cut so that none overlaps another.
    """

    starts: Mapping[int, tuple[int, ...]]
    values: Mapping[int, tuple[Value | None, ...]]

    @classmethod
    def of(cls, entries: Iterable[tuple[IPNetwork, Value | None]]) -> "AddressIndex[Value]":
        """Return the index of ``entries``; of two equal networks the later one counts."""
        known = list(entries)
        cuts = {version: dict(_cuts([entry for entry in known if entry[0].version == version])) for version in (4, 6)}
        ordered = {version: sorted(found.items(), key=lambda cut: cut[0]) for version, found in cuts.items()}
        return cls(
            starts={version: tuple(start for start, _ in found) for version, found in ordered.items()},
            values={version: tuple(value for _, value in found) for version, found in ordered.items()},
        )

    def find(self, text: str) -> Value | None:
        """Return what holds for the address written as ``text``; None when nothing does or it is no address."""
        place = _place(text)
        if place is None:
            return None
        version, number = place
        at = bisect_right(self.starts[version], number) - 1
        return self.values[version][at] if at >= 0 else None


@lru_cache(maxsize=1 << 17)  # reading the text costs ten times the search, and the same addresses come in every batch
def _place(text: str) -> tuple[int, int] | None:
    """Return (IP version, number) of an address; one IPv4 inside IPv6 (``::ffff:``) is that IPv4 address."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (4, int(mapped)) if mapped else (address.version, int(address))


def _cuts(entries: list[tuple[IPNetwork, Value | None]]) -> Iterator[tuple[int, Value | None]]:
    """Yield (first address, value) wherever the value changes; a later cut at the same address replaces the earlier."""
    open_ranges: list[tuple[int, Value | None]] = []  # (last address, value), the innermost last
    for network, value in sorted(entries, key=lambda entry: (int(entry[0].network_address), entry[0].prefixlen)):
        first = int(network.network_address)
        yield from _closed(open_ranges, first)
        open_ranges.append((int(network.broadcast_address), value))
        yield first, value
    yield from _closed(open_ranges, None)


def _closed(open_ranges: list[tuple[int, Value | None]], before: int | None) -> Iterator[tuple[int, Value | None]]:
    while open_ranges and (before is None or open_ranges[-1][0] < before):
        last, _ = open_ranges.pop()
        yield last + 1, open_ranges[-1][1] if open_ranges else None


_UNDECLARED: Final = AddressIndex.of(
    [
        *((ip_network(everything), INTERNET) for everything in ("0.0.0.0/0", "::/0")),
        *((ip_network(private), INTERNAL) for private in _PRIVATE),
    ]
)


def undeclared_zone(text: str) -> str | None:
    """Return the zone of an address that no estate speaks of: ``internal`` when private, else ``internet``."""
    return _UNDECLARED.find(text)
