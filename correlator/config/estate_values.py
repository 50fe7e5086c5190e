"""The kinds of value an estate file holds, each with the check and the sentence that says what would be right."""

import re
from collections.abc import Iterator
from datetime import timedelta
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from correlator.config.public_holidays import CALENDARS
from correlator.model.estate import ZONES

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_COMMUNE_ID = re.compile(r"[0-9][0-9AB][0-9]{3}")
_ZONE = re.compile(r"[a-z][a-z0-9-]*")
_RANGE = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
_DURATION = re.compile(r"(\d+)\s*([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _commune_id(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text: a number would lose its leading zero")  # noqa: TRY004 - pydantic wants ValueError
    if not _COMMUNE_ID.fullmatch(value):
        raise ValueError(f"{value!r} is not an INSEE code")
    return value
