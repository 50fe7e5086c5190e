"""The kinds of value an estate file holds, each with its check and the words that say what would be right."""

import re
from collections.abc import Iterator
from datetime import timedelta
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Final
from zoneinfo import available_timezones

from pydantic import BeforeValidator, Field

from correlator.config.public_holidays import CALENDARS
from correlator.model.estate import PLACEHOLDERS, ZONES, Hours

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_COMMUNE_ID = re.compile(r"[0-9][0-9AB][0-9]{3}")
_ZONE = re.compile(r"[a-z][a-z0-9-]*")
_RANGE = re.compile(r"(\d{1,2}):([0-5]\d)\s*-\s*(\d{1,2}):([0-5]\d)")
_DURATION = re.compile(r"(\d+)\s*(s|min|m|h|d|j)")
_SECONDS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "j": 86_400}
_MIDNIGHT: Final = 24 * 60
_PLACEHOLDER = re.compile(r"\w[\w.-]*")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a text")  # noqa: TRY004 - pydantic collects ValueError only
    return value


def _commune_id(value: object) -> str:
    text = _text(value)
    if not _COMMUNE_ID.fullmatch(text):
        raise ValueError(f"{text!r} is not an INSEE code")
    return text


def _cidr(value: object) -> IPv4Network | IPv6Network:
    text = _text(value)
    try:
        return ip_network(text)
    except ValueError:
        return _host_bits(text)


def _host_bits(text: str) -> IPv4Network | IPv6Network:
    try:
        meant = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{text!r} is not a network") from None
    raise ValueError(f"{text!r} has host bits set; did you mean {str(meant)!r}?")


def _zone(value: object) -> str:
    text = _text(value)
    if not _ZONE.fullmatch(text):
        raise ValueError(f"{text!r} is not a zone name")
    close = get_close_matches(text, ZONES, n=1, cutoff=0.8)
    if close and text not in ZONES:
        raise ValueError(f"unknown zone {text!r}; did you mean {close[0]!r}?")
    return text


def _time_zone(value: object) -> str:
    text = _text(value)
    if text not in available_timezones():
        raise ValueError(f"unknown time zone {text!r}")
    return text


def _calendar(value: object) -> str:
    text = _text(value)
    if text not in CALENDARS:
        raise ValueError(f"{text!r} has no holidays of its own or is unknown")
    return text


def _duration(value: object) -> timedelta:
    found = _DURATION.fullmatch(_text(value).strip())
    if not found:
        raise ValueError(f"{value!r} is not a duration")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


def _opening(value: object) -> Hours:
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} is not a table of hours")  # noqa: TRY004 - pydantic collects ValueError only
    hours: dict[int, tuple[tuple[int, int], ...]] = {}
    for days, text in value.items():
        ranges = tuple(_ranges(_text(text)))
        for day in _days(days):
            if day in hours:
                raise ValueError(f"{DAYS[day - 1]!r} is given twice")
            hours[day] = ranges
    return hours


def _days(text: str) -> range:
    first, _, last = text.partition("-")
    if first not in DAYS or (last or first) not in DAYS:
        raise ValueError(f"{text!r} is not a day or a range of days")
    return range(DAYS.index(first) + 1, DAYS.index(last or first) + 2)


def _ranges(text: str) -> Iterator[tuple[int, int]]:
    for part in text.split(",") if text.strip() not in {"", "closed"} else ():
        found = _RANGE.fullmatch(part.strip())
        if not found:
            raise ValueError(f"{part.strip()!r} is not a range of hours")
        first, last = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
        if not first < last <= _MIDNIGHT:
            raise ValueError(f"{part.strip()!r} ends before it begins or after 24:00")
        yield first, last


def _placeholder_name(value: object) -> str:
    text = _text(value)
    if not _PLACEHOLDER.fullmatch(text):
        raise ValueError(f"{text!r} is not the name of a placeholder")
    close = get_close_matches(text, PLACEHOLDERS, n=1, cutoff=0.8)
    if close and text not in PLACEHOLDERS:
        raise ValueError(f"unknown placeholder {text!r}; did you mean {close[0]!r}?")
    return text


def _placeholder_value(value: object) -> str:
    text = _text(value)
    if not text.isprintable():
        raise ValueError(f"{text!r} holds a character that cannot be printed")
    if not text.strip("*? "):
        raise ValueError(f"{text!r} would stand for everything" if text.strip() else "an empty text stands for nothing")
    return text


def _one_or_more(value: object) -> object:
    return (value,) if isinstance(value, str) else value


CommuneId = Annotated[str, BeforeValidator(_commune_id), Field(description='five characters in quotes, such as "00101"')]
Cidr = Annotated[
    IPv4Network | IPv6Network,
    BeforeValidator(_cidr),
    Field(description='an address range such as "10.11.40.0/21" or "2001:db8:9::/48"'),
]
ZoneName = Annotated[str, BeforeValidator(_zone), Field(description=f"lower-case word, such as {', '.join(ZONES[:8])}")]
TimeZone = Annotated[str, BeforeValidator(_time_zone), Field(description='an IANA time zone such as "Europe/Paris"')]
CalendarName = Annotated[str, BeforeValidator(_calendar), Field(description=f'"FR", or one of {", ".join(CALENDARS[1:])}')]
Duration = Annotated[
    timedelta, BeforeValidator(_duration), Field(description='a number and a unit: "30s", "5min", "6h", "1d" or "1j"')
]
MaybeDuration = Annotated[
    timedelta | None, BeforeValidator(_duration), Field(description='a number and a unit: "30min", "4h", "1d" or "1j"')
]
OpeningHours = Annotated[
    Hours,
    BeforeValidator(_opening),
    Field(description='{ mon-fri = "08:30-12:00, 13:30-17:30", sat = "09:00-12:00" }; days left out are closed'),
]
MaybeHours = Annotated[
    Hours | None, BeforeValidator(_opening), Field(description='{ mon-fri = "08:30-12:00, 13:30-17:30", sat = "09:00-12:00" }')
]
PlaceholderName = Annotated[str, BeforeValidator(_placeholder_name)]
PlaceholderValues = Annotated[
    dict[
        PlaceholderName,
        Annotated[
            tuple[Annotated[str, BeforeValidator(_placeholder_value)], ...],
            BeforeValidator(_one_or_more),
            Field(min_length=1),
        ],
    ],
    Field(description=f'names such as {", ".join(PLACEHOLDERS)}, each with its values: Servers = ["BRP-SRV*", "SIM-*"]'),
]
Word = Annotated[str, Field(min_length=1, description="a text")]
Words = Annotated[tuple[str, ...], Field(description="a list of texts")]
