"""Who lives in a week: seeds for tuning and seeds for judging share the map and nothing else.

Rules and thresholds are tuned on the seeds of ``TUNING`` only. A seed of ``JUDGING`` has other people, PC numbers, service
names, programs and addresses outside, and its bursts are faster or slower: a figure that is good on the former and bad on the
latter tells of rules that were made for the generator.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from random import Random
from typing import Final

from correlator.harness.demo.cast import TOWNS, Agent, Cast, Town

TUNING: Final = range(1, 21)
CHECKING: Final = range(101, 111)
JUDGING: Final = range(9001, 9011)

_FOREST_SID: Final = "S-1-5-21-1004336348-1177238915-682003330"


@dataclass(frozen=True, slots=True)
class Family:
    """The words of a family of seeds. ``pace``: bursts take this many times as long, drawn between both.

    ``renamed``: what the demonstration's players write, as this family calls it.
    """

    name: str
    first_pc: int
    pace: tuple[float, float]
    deployer: str
    imaging: str
    finance_service: str
    inventory: str
    package: str
    scheduler_app: str
    transfer_site: str
    mobile: str
    first_names: str = ""
    last_names: str = ""
    renamed: tuple[tuple[str, str], ...] = ()


_KNOWN: Final = Family(
    name="tuning",
    first_pc=11,
    pace=(1.0, 1.0),
    deployer="adm.pdupuis",
    imaging="svc-masters",
    finance_service="svc_sqlfin",
    inventory="C:\\Program Files\\Inventaire\\agent-inventaire.exe",
    package="visionneuse",
    scheduler_app="Rendez-vous Mairie",
    transfer_site="transfert.example.org",
    mobile="198.18.200",
)
_UNSEEN: Final = Family(
    name="judging",
    first_pc=412,
    pace=(0.5, 3.0),
    deployer="adm.ltessier",
    imaging="svc-postes",
    finance_service="svc_gestfin",
    inventory="C:\\Program Files\\Supervision Plus\\collecteur.exe",
    package="client-ged",
    scheduler_app="Sondages & Dates",
    transfer_site="depot-plans.example.com",
    mobile="198.19.77",
    first_names="anouk boris clarisse dimitri estelle firmin ghislaine herve irene jonas leonie marius noemie oscar romane",
    last_names=(
        "tessier vasseur delmas prigent astier bourdin chauvet daumas esnault fabre gaudin hamon imbert joubert kerbrat "
        "lacombe maillet nedelec oudin pasquier quere rigaud sabatier thibault urbain valette weiss yvon"
    ),
    renamed=(
        ("adm.jcolin", "adm.gvalette"), ("adm.sbernard", "adm.irigaud"), ("adm.pdupuis", "adm.ltessier"),
        ("svc-mon", "svc-sonde"), ("svc-paie", "svc-remun"), ("svc-wsus", "svc-maj"), ("t0.gmoreau", "t0.hchauvet"),
        ("adm.rlegal", "adm.fastier"), ("svc-maj2", "svc-tache7"), ("LISEZMOI_RESTAURER", "COMMENT_RECUPERER"),
        ("logo.php", "vignette.php"), ("maj.exe", "outil.exe"), (".b4x", ".q7z9"), ("Paie\\\\2026-11", "Remun\\\\Novembre"),
        ("visionneuse.msi", "client-ged.msi"), ("198.51.100.17", "198.51.100.37"), ("198.51.100.18", "198.51.100.38"),
        ("198.51.100.19", "198.51.100.39"), ("198.51.100.20", "198.51.100.40"), ("198.51.100.84", "198.51.100.141"),
        ("10.12.40.77", "10.12.40.93"), ("10.17.40.61", "10.17.40.38"),
    ),
)  # fmt: skip


def family_of(seed: int) -> Family:
    """Return the family of a seed: those for checking have the words of those for tuning. Raises ValueError for others."""
    if seed in JUDGING:
        return _UNSEEN
    if seed in TUNING or seed in CHECKING:
        return _KNOWN
    raise ValueError(f"seed {seed}: tuning has {TUNING}, checking {CHECKING}, judging {JUDGING}")


def cast_of(seed: int) -> Cast:
    """Return the agents of ``seed``."""
    family = family_of(seed)
    if not family.first_names:
        return Cast.of(seed)
    rng = Random(f"{seed}/cast")
    names = [f"{first}.{last}" for first, last in product(family.first_names.split(), family.last_names.split())]
    logins = iter(rng.sample(names, sum(town.agents for town in TOWNS)))
    return Cast(tuple(agent for town in TOWNS for agent in _agents(town, rng, logins, family.first_pc)))


def _agents(town: Town, rng: Random, logins: Iterator[str], first_pc: int) -> Iterator[Agent]:
    for number in range(town.agents):
        yield Agent(
            login=next(logins),
            town=town,
            pc=f"{town.code}-PC{number + first_pc:04d}",
            ip=town.address(42, number + 31),
            home=f"198.19.{rng.randrange(256)}.{rng.randrange(1, 255)}",
            sid=f"{_FOREST_SID}-{town.octet * 1000 + 500 + number}",
        )
