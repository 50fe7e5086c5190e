"""The estate: who the communes are, which networks, hosts, users and sources are whose, and what they share.

Data only: ``config.estate`` reads it from TOML, ``enrich.tables`` turns it into lookups.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network

#: ``commune`` of what belongs to several communes at once.
SHARED = "shared"
#: ``commune`` of what nothing attributes; French screens say "à rattacher".
UNATTRIBUTED = "unattributed"
#: Zone of an address that no network of the estate holds and that is not private.
INTERNET = "internet"
#: Zone of a private address that no network of the estate holds.
INTERNAL = "internal"

#: Zones that rules and documentation speak of. An estate may name others; one that looks like a typing error is refused.
ZONES = (
    "admin", "bastion", "supplier", "vpn", "users", "kiosks", "schools", "wifi", "guests", "voice", "printers", "cameras",
    "access", "ot", "servers", "dmz", "dc", "storage", "backup", "logs", "tools", INTERNAL, INTERNET,
)  # fmt: skip

#: Lists that Sigma rules name as ``%Servers%`` (modifier ``expand``); an estate may add others.
PLACEHOLDERS = ("Administrators", "JumpServers", "Workstations", "Servers", "DomainControllers")

#: Opening hours: ISO weekday (1 Monday … 7 Sunday) → [from, to) ranges in minutes of the local day.
Hours = Mapping[int, tuple[tuple[int, int], ...]]
#: Name of a placeholder → its values, with Sigma's wildcards.
Placeholders = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Commune:
    """One commune: its identity (INSEE code as text), its clock and what names its hosts and users bear.

    ``hosts`` and ``users`` are globs compared without case; ``upn_suffixes`` are mail domains; ``units`` are directory
    units (``BRP`` for ``OU=BRP``); ``calendar`` is a public-holiday calendar: ``FR``, or ``FR-57`` and the like.
    """

    id: str
    code: str
    name: str
    time_zone: str = "Europe/Paris"
    calendar: str = "FR"
    hours: Hours = field(default_factory=dict)
    hosts: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    upn_suffixes: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    inhabitants: int = 0
    maternite: bool = False  # births are declared here only where there is a maternity
    nis2: str = "none"  # none, important, essential: law not promulgated, so each commune's counsel decides
    placeholders: Placeholders = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Network:
    """One range of addresses: whose it is (commune id, ``shared`` or None: nobody's), its zone, its role if it has one."""

    cidr: IPv4Network | IPv6Network
    zone: str
    commune: str | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class InputSource:
    """What the estate says of a configured source.

    ``paths`` are globs on the file path, for files replayed under another source's name. ``commune`` holds for all its
    records; ``commune_field`` names a column in which each record says its own commune (business applications). ``lateness``:
    how late its records may come, None: not declared.
    """

    name: str
    paths: tuple[str, ...] = ()
    commune: str | None = None
    commune_field: str | None = None
    parser: str | None = None
    time_zone: str = "Europe/Paris"
    lateness: timedelta | None = None


@dataclass(frozen=True, slots=True)
class SharedAsset:
    """What several communes use: directory, firewall, hypervisor, tenant; host globs and addresses.

    ``id`` is the word services name in ``needs`` (``ad``, ``virt``); ``communes`` share it, empty: all of them. ``needs`` are
    assets it stands on itself (the directory on the hypervisor). With one commune it is that commune's own: several communes
    may each have their ``csu-net``.
    """

    name: str
    hosts: tuple[str, ...] = ()
    addresses: tuple[IPv4Network | IPv6Network, ...] = ()
    id: str = ""
    communes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def owner(self) -> str:
        """Return whose its machines are: the one commune's that has it, else ``shared``."""
        return self.communes[0] if len(self.communes) == 1 else SHARED

    def serves(self, commune: str) -> bool:
        """Say whether ``commune`` stands on it."""
        return not self.communes or commune in self.communes


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody to reach, or a desk: on printed pages and on the ladder of on-call people, which names ``id``.

    ``commune`` None: the IT department, or outside (supplier, CSIRT). ``elected`` people are never woken by default.
    """

    id: str
    name: str
    function: str
    phone: str = ""
    mail: str = ""
    commune: str | None = None
    elected: bool = False


@dataclass(frozen=True, slots=True)
class LocalService:
    """How a service of the catalogue is rendered in one commune; what is not said here holds as the catalogue says.

    ``hosts`` are globs of the machines that carry it there, ``sources`` inputs whose silence degrades it, ``needs`` None:
    the catalogue's assets. ``dmia`` and ``reprise`` None: the catalogue's examples. ``carrier`` is who renders it (commune,
    ept, epci, syndicat, delegataire, departement). ``hours`` None: as the catalogue says.
    """

    service: str
    commune: str
    hours: Hours | None = None
    needs: tuple[str, ...] | None = None
    hosts: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    dmia: timedelta | None = None
    reprise: timedelta | None = None
    contact: str = ""
    paper: str = ""  # where the paper procedure lies: "classeur rouge, accueil état civil"
    carrier: str = "commune"


@dataclass(frozen=True, slots=True)
class Estate:
    """Everything above, as one immutable value; ``Estate()`` knows nobody.

    ``time_zone``, ``calendar`` and ``hours`` hold for what is shared or unattributed (the IT department's own).
    ``placeholders`` are the shared values; ``all_placeholders`` has those of the communes as well, together and apart.
    """

    communes: tuple[Commune, ...] = ()
    networks: tuple[Network, ...] = ()
    sources: tuple[InputSource, ...] = ()
    shared: tuple[SharedAsset, ...] = ()
    contacts: tuple[Contact, ...] = ()
    services: tuple[LocalService, ...] = ()
    time_zone: str = "Europe/Paris"
    calendar: str = "FR"
    hours: Hours = field(default_factory=dict)
    placeholders: Placeholders = field(default_factory=dict)

    @property
    def all_placeholders(self) -> dict[str, tuple[str, ...]]:
        """Return every placeholder with its values, each once, by name.

        ``NAME`` has the shared values, then those of each commune; ``NAME@00101`` the shared ones and that commune's alone.
        """
        every = _joined((self.placeholders, *(commune.placeholders for commune in self.communes)))
        own = {
            f"{name}@{commune.id}": values
            for commune in self.communes
            for name, values in _joined((self.placeholders, commune.placeholders)).items()
        }
        return dict(sorted((every | own).items()))

    def commune(self, commune_id: str) -> Commune | None:
        """Return the commune with this id, or None."""
        return next((commune for commune in self.communes if commune.id == commune_id), None)


def _joined(parts: Iterable[Placeholders]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for part in parts:
        for name, values in part.items():
            found.setdefault(name, {}).update(dict.fromkeys(values))
    return {name: tuple(values) for name, values in found.items()}
