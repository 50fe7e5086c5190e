"""Keys of entities: one for all the ways in which logs write one machine, account or address. Shown is what was written."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address

import polars as pl

from correlator.model.observable import WELL_KNOWN_USERS

#: First labels that many machines of one town hall bear: their names are told apart by all of it.
_GENERIC_HOSTS = (
    "www", "web", "webmail", "mail", "smtp", "imap", "pop", "mx", "ns", "ns1", "ns2", "dns", "ftp", "vpn", "portail",
    "portal", "intranet", "extranet", "api", "proxy", "localhost", "autodiscover", "ntp",
)  # fmt: skip
_ADDRESS = r"^[0-9.]+$|:"
_COMMON_LANE = "cross"
_OWN_ACCOUNT = r"\$$|^(dwm|umfd)-\d+$"
_NOWHERE = r"^127\.|^169\.254\.|^fe80:|^-?$"


def entity_key() -> pl.Expr:
    r"""Return the key of the columns lane, kind, value: in lower case, without what different sources write around it.

    - ``host``: the first label of a full name (``PC-12.brp.example`` is ``pc-12``), without the dot at its end;
    - ``user``: without its domain, before or behind (``BRP\ana``, ``ana@brp.example``), except across communes, where two
      people bear one name;
    - ``ip``: an IPv4 address in IPv6 clothes is the IPv4 address, zeros and zones are left out.
    """
    folded = pl.col("value").str.to_lowercase().str.strip_chars()
    own = pl.col("lane") != _COMMON_LANE
    return (
        pl.when(pl.col("kind") == "host")
        .then(_host(folded))
        .when((pl.col("kind") == "user") & own)
        .then(_user(folded))
        .when((pl.col("kind") == "ip") & folded.str.contains(":", literal=True))
        .then(_address(folded))
        .otherwise(folded)
    )


def names_nobody(key: pl.Expr) -> pl.Expr:
    """Say whether what has this key (column kind beside it) stands for a machine's own account, or for no other machine."""
    account = key.is_in(sorted(WELL_KNOWN_USERS)) | key.str.contains(_OWN_ACCOUNT)
    nowhere = key.is_in(["::", "::1", "0.0.0.0"]) | key.str.contains(_NOWHERE)  # noqa: S104 - nothing is bound
    return ((pl.col("kind") == "user") & account) | ((pl.col("kind") == "ip") & nowhere)


@lru_cache(maxsize=8_192)
def key_of(lane: str, kind: str, value: str) -> str:
    """Return the key of one observable in ``lane``."""
    one = pl.DataFrame({"lane": [lane], "kind": [kind], "value": [value]})
    return str(one.select(entity_key()).item())


def _host(folded: pl.Expr) -> pl.Expr:
    name = folded.str.strip_suffix(".")
    label = name.str.split(".").list.first()
    whole = name.str.contains(_ADDRESS) | label.is_in(_GENERIC_HOSTS) | (label == "")
    return pl.when(whole).then(name).otherwise(label)


def _user(folded: pl.Expr) -> pl.Expr:
    name = folded.str.split("\\").list.last().str.split("@").list.first()
    return pl.when(name == "").then(folded).otherwise(name)


def _address(folded: pl.Expr) -> pl.Expr:
    return folded.map_elements(_plain_address, return_dtype=pl.String)


def _plain_address(text: str) -> str:
    if ":" not in text:  # asked of every value, whatever its kind
        return text
    try:
        address = ip_address(text.partition("%")[0].strip("[]"))
    except ValueError:
        return text
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
