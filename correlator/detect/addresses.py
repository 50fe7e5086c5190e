"""IP addresses as text that sorts like the address, so that "in this network" is one range test on a column."""

from ipaddress import AddressValueError, IPv6Address, ip_network

import polars as pl

_OCTET = r"(0|[1-9]\d{0,2})"
_IPV4 = rf"^{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}$"
_IPV6_CANDIDATE = r"^[0-9A-Fa-f:.]{2,45}(%[^%]+)?$"
_OCTET_LIMIT = 255


def sortable(address: pl.Expr) -> pl.Expr:
    """Return each address as sortable text: ``4`` and 10 digits, or ``6`` and 32 hexadecimal digits; else null.

    An IPv4 address inside an IPv6 one stays IPv6. IPv6 texts go one by one through ``ipaddress``, each distinct text once
    (no vectorised reader knows all its spellings); they are rare enough.
    """
    octets = address.str.extract_groups(_IPV4)
    numbers = [octets.struct.field(str(place)).cast(pl.Int64) for place in (1, 2, 3, 4)]
    number = numbers[0] * 2**24 + numbers[1] * 2**16 + numbers[2] * 2**8 + numbers[3]
    valid = pl.all_horizontal(*(one <= _OCTET_LIMIT for one in numbers))
    ipv4 = pl.when(valid).then(pl.lit("4") + number.cast(pl.String).str.zfill(10))
    candidate = address.str.contains(":", literal=True) & address.str.contains(_IPV6_CANDIDATE)
    ipv6 = pl.when(candidate).then(address).otherwise(None).map_batches(_sortable_ipv6, return_dtype=pl.String)
    return pl.coalesce(ipv4, ipv6)


def _sortable_ipv6(addresses: pl.Series) -> pl.Series:
    distinct = addresses.drop_nulls().unique()
    if distinct.is_empty():
        return pl.Series(addresses.name, [None] * len(addresses), dtype=pl.String)
    known = {text: _ipv6_text(text) for text in distinct}
    return addresses.replace_strict(known, default=None, return_dtype=pl.String)


def _ipv6_text(text: str) -> str | None:
    try:
        return f"6{int(IPv6Address(text)):032x}"
    except AddressValueError:
        return None


def network_range(network: str) -> tuple[str, str]:
    """Return the first and the last address of ``network`` as sortable text."""
    parsed = ip_network(network)
    first, last = int(parsed[0]), int(parsed[-1])
    return (f"4{first:010d}", f"4{last:010d}") if parsed.version == 4 else (f"6{first:032x}", f"6{last:032x}")  # noqa: PLR2004 - IPv4
