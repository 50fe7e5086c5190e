"""The tables of an estate file, one model each; keys bear the names of the fields in ``model.estate``."""

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from correlator.config.estate_values import (
    CalendarName,
    Cidr,
    CommuneId,
    MaybeDuration,
    MaybeHours,
    OpeningHours,
    PlaceholderValues,
    TimeZone,
    Word,
    Words,
    ZoneName,
)
from correlator.config.toml_reader import Entry

#: The version this reader understands.
VERSION: Final = 1
#: ``commune`` of a service that every commune has unless an entry of its own says otherwise.
EVERY: Final = "*"

_PHONE = re.compile(r"\+?[0-9][0-9 ().-]*")


def _phone(text: str) -> str:
    if text and not _PHONE.fullmatch(text):
        raise ValueError(f"{text!r} is not a telephone number")
    return text


def _mail(text: str) -> str:
    local, _, domain = text.partition("@")
    if text and not (local and domain and " " not in text):
        raise ValueError(f"{text!r} is not a mail address")
    return text


def _one_or_more(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Phone = Annotated[str, AfterValidator(_phone), Field(description='digits, such as "01 99 00 12 34" or "+33 6 39 98 12 34"')]
Mail = Annotated[str, AfterValidator(_mail), Field(description="name@domain")]
Communes = Annotated[
    tuple[Word, ...],
    BeforeValidator(_one_or_more),
    Field(min_length=1, description='a commune id, a list of them, or "*" for all'),
]
Carrier = Annotated[
    Literal["commune", "ept", "epci", "syndicat", "delegataire", "departement"],
    Field(description="commune, ept, epci, syndicat, delegataire or departement"),
]
Nis2 = Annotated[Literal["none", "important", "essential"], Field(description="none, important or essential")]


class CommuneEntry(Entry):
    """``[[commune]]``."""

    id: CommuneId
    code: Word
    name: Word
    time_zone: TimeZone = "Europe/Paris"
    calendar: CalendarName = "FR"
    hours: OpeningHours = Field(default_factory=dict)
    hosts: Words = ()
    users: Words = ()
    upn_suffixes: Words = ()
    units: Words = ()
    inhabitants: Annotated[int, Field(ge=0, description="a number of people")] = 0
    maternite: Annotated[bool, Field(description="true where births take place")] = False
    nis2: Nis2 = "none"
    placeholders: PlaceholderValues = Field(default_factory=dict)


class NetworkEntry(Entry):
    """``[[network]]``."""

    cidr: Cidr
    zone: ZoneName
    commune: Word | None = None
    role: Word | None = None


class SourceEntry(Entry):
    """``[[source]]``."""

    name: Word
    paths: Words = ()
    commune: Word | None = None
    commune_field: Word | None = None
    parser: Word | None = None
    time_zone: TimeZone = "Europe/Paris"
    lateness: MaybeDuration = None


class SharedEntry(Entry):
    """``[[shared]]``."""

    name: Word
    id: str = ""
    communes: Words = ()
    needs: Words = ()
    hosts: Words = ()
    addresses: tuple[Cidr, ...] = ()


class ContactEntry(Entry):
    """``[[contact]]``."""

    id: Word
    name: Word
    function: Word
    phone: Phone = ""
    mail: Mail = ""
    commune: Word | None = None
    elected: bool = False


class ServiceEntry(Entry):
    """``[[service]]``; ``{code}`` and ``{lower_code}`` in its texts stand for the commune's code."""

    service: Word
    commune: Communes
    hours: MaybeHours = None
    needs: Words | None = None
    hosts: Words = ()
    sources: Words = ()
    dmia: MaybeDuration = None
    reprise: MaybeDuration = None
    contact: str = ""
    paper: str = ""
    carrier: Carrier = "commune"


class Root(Entry):
    """What stands outside the tables."""

    version: Annotated[int, Field(description=f"version = {VERSION}")]
    time_zone: TimeZone = "Europe/Paris"
    calendar: CalendarName = "FR"
    hours: OpeningHours = Field(default_factory=dict)
    placeholders: PlaceholderValues = Field(default_factory=dict)


SECTIONS: Final[dict[str, type[Entry]]] = {
    "commune": CommuneEntry,
    "network": NetworkEntry,
    "source": SourceEntry,
    "shared": SharedEntry,
    "contact": ContactEntry,
    "service": ServiceEntry,
}
