"""Who plays: the nine communes, their agents and machines, the people of the shared IT department."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

FOREST: Final = "ad.sim9.example"

_FIRST: Final = (
    "alice", "bruno", "camille", "david", "elodie", "fabien", "gaelle", "hugo", "ines", "julien", "karine", "lucas",
    "marion", "nadia", "olivier", "pauline", "quentin", "rachel", "samir", "thomas", "ursula", "valerie", "william", "yasmine",
)  # fmt: skip
_LAST: Final = (
    "garnier", "lemaire", "moulin", "faure", "robert", "petit", "roux", "colin", "legal", "moreau", "dupuis", "bernard",
    "girard", "bonnet", "lambert", "fontaine", "rousseau", "vincent", "muller", "lefevre", "mercier", "blanc", "guerin",
    "boyer", "garnero", "chevalier", "francois", "legrand", "gauthier", "garcia", "perrin", "robin", "clement", "morin",
    "nicolas", "henry",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Town:
    """One commune as the demonstration draws it; ``octet`` is the second byte of its networks."""

    code: str
    id: str
    name: str
    octet: int
    agents: int
    site: str

    @property
    def firewall(self) -> str:
        """Return the name of its Stormshield."""
        return f"fw-{self.code.lower()}"

    @property
    def portal(self) -> str:
        """Return the public address of its site."""
        return f"203.0.113.{self.octet + 19}"

    @property
    def file_server(self) -> str:
        """Return its first file server, and the forest's name after it."""
        return f"{self.code}-FS01.{FOREST}"

    def address(self, zone: int, host: int) -> str:
        """Return the inside address of ``host`` in the zone whose third byte is ``zone``."""
        return f"10.{self.octet}.{zone}.{host}"


TOWNS: Final = (
    Town("BRP", "00101", "Brévanne-le-Port", 11, 62, "www.brevanne.example.org"),
    Town("SAU", "00102", "Saint-Aubrec", 12, 40, "www.saint-aubrec.example.org"),
    Town("COR", "00103", "Corvigny-lès-Monts", 13, 30, "www.corvigny.example.org"),
    Town("MTF", "00104", "Montférant", 14, 21, "www.montferant.example.org"),
    Town("AUL", "00105", "Les Aulnées", 15, 16, "www.aulnees.example.org"),
    Town("QUE", "00106", "Quelvain", 16, 12, "www.quelvain.example.org"),
    Town("RON", "00107", "Roncevelles", 17, 9, "www.roncevelles.example.org"),
    Town("TOU", "00108", "Tourvalin", 18, 7, "www.tourvalin.example.org"),
    Town("ORS", "00109", "Orsignac", 19, 5, "www.orsignac.example.org"),
)


@dataclass(frozen=True, slots=True)
class Agent:
    """One municipal agent, the PC in front of them, and the home they sometimes work from."""

    login: str
    town: Town
    pc: str
    ip: str
    home: str
    sid: str

    @property
    def upn(self) -> str:
        """Return the cloud name."""
        return f"{self.login}@{self.town.code.lower()}.example.org"

    @property
    def computer(self) -> str:
        """Return the PC's full name."""
        return f"{self.pc}.{FOREST}"


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody, drawn from the seed."""

    agents: tuple[Agent, ...]

    @classmethod
    def of(cls, seed: int) -> "Cast":
        """Return the cast of ``seed``: other seeds have other names and homes on the same map."""
        rng = Random(f"{seed}/cast")
        logins = _logins(rng, sum(town.agents for town in TOWNS))
        return cls(tuple(agent for town in TOWNS for agent in _agents(town, rng, logins)))

    def of_town(self, code: str) -> tuple[Agent, ...]:
        """Return the agents of the commune ``code``, always in the same order."""
        return tuple(agent for agent in self.agents if agent.town.code == code)

    def anyone(self, rng: Random) -> Agent:
        """Return one agent; communes come up in proportion to their staff."""
        return rng.choice(self.agents)


def _logins(rng: Random, amount: int) -> Iterator[str]:
    names: Sequence[str] = [f"{first}.{last}" for first in _FIRST for last in _LAST]
    return iter(rng.sample(names, amount))


def _agents(town: Town, rng: Random, logins: Iterator[str]) -> Iterator[Agent]:
    for number in range(town.agents):
        yield Agent(
            login=next(logins),
            town=town,
            pc=f"{town.code}-PC{number + 11:04d}",
            ip=town.address(40 + number // 200, number % 200 + 11),
            home=f"198.18.{rng.randrange(256)}.{rng.randrange(1, 255)}",
            sid=f"S-1-5-21-1004336348-1177238915-682003330-{town.octet * 1000 + number}",
        )


#: Addresses inside of the shared machines that play a part.
MACHINES: Final = {
    "SIM-DC01": "10.10.10.11",
    "SIM-DC02": "10.10.10.12",
    "SIM-ADM03": "10.10.99.13",
    "SIM-AAD01": "10.10.20.30",
    "SIM-SCAN01": "10.10.97.20",
    "SIM-EXC01": "10.10.20.25",
    "SIM-BAS01": "10.10.98.10",
}


def computer(host: str) -> str:
    """Return the full name of a Windows host."""
    return f"{host}.{FOREST}"
