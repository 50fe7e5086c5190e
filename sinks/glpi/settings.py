"""What a GLPI sink is told: its settings, checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from correlator.deliver.http import Web, address_faults, secret_faults, secret_of
from correlator.deliver.story import House, house_of
from correlator.errors import InputError, Problem
from sinks.glpi.server import Server

NEW, ASSIGNED, SOLVED, CLOSED = 1, 2, 5, 6
STATUSES: Mapping[str, int] = {
    "new": NEW, "acknowledged": ASSIGNED, "in progress": ASSIGNED, "resolved": SOLVED, "closed": CLOSED, "merged": CLOSED,
}  # fmt: skip
#: Level → urgency, impact, priority (1 very low … 5 very high).
GRAVITY: Mapping[str, int] = {"informational": 1, "low": 2, "medium": 3, "high": 4, "critical": 5}
_KNOWN = (
    "url", "user_token_env", "user_token_file", "app_token_env", "app_token_file", "entity", "entities", "private", "recreate",
    "timeout_s", "ca_file", "allow_http",
)  # fmt: skip
_FROM_HOUSE = ("public_url", "time_zone", "communes")


@dataclass(frozen=True, slots=True)
class GlpiSettings:
    """The settings of one GLPI sink; entities by their numbers."""

    server: Server
    house: House
    entity: int
    entities: Mapping[str, int]
    private: bool
    recreate: bool

    def entity_of(self, lane: str) -> int:
        """Return the entity of a lane: the commune's, else the IT department's (shared, cross, unattributed, unknown)."""
        return self.entities.get(lane, self.entity)

    @property
    def all_entities(self) -> tuple[int, ...]:
        """Return every entity once."""
        return tuple(dict.fromkeys([self.entity, *self.entities.values()]))


def read_settings(name: str, settings: Mapping[str, Any]) -> GlpiSettings:
    """Return the settings of the sink ``name``. Raises InputError with every fault."""
    known = {*_KNOWN, *_FROM_HOUSE}
    faults = [(f"unknown setting {key!r}", f"known: {', '.join(_KNOWN)}") for key in settings if key not in known]
    faults += address_faults(settings, "https://glpi.example.org/apirest.php")
    faults += secret_faults(settings, "user_token")
    if settings.get("app_token_env") and settings.get("app_token_file"):
        faults.append(("app_token_env and app_token_file", "one of the two, or none when GLPI asks for none"))
    if not _is_number(settings.get("entity")):
        faults.append(("no entity", "write entity = 0: the number of the IT department's entity"))
    entities = settings.get("entities") or {}
    if not isinstance(entities, Mapping) or not all(_is_number(one) for one in entities.values()):
        faults.append(("entities is no table of numbers", 'write [sink.entities] with lines such as "00105" = 3'))
    if faults:
        raise InputError([Problem(f"sink {name}", 0, what, right) for what, right in faults])
    return _settings(settings)


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _settings(settings: Mapping[str, Any]) -> GlpiSettings:
    has_app = settings.get("app_token_env") or settings.get("app_token_file")
    server = Server(
        str(settings["url"]).rstrip("/"),
        secret_of(settings, "user_token"),
        secret_of(settings, "app_token") if has_app else None,
        Web(float(settings.get("timeout_s", 10)), settings.get("ca_file")),
    )
    return GlpiSettings(
        server,
        house_of(settings),
        int(settings["entity"]),
        dict(settings.get("entities") or {}),
        bool(settings.get("private", False)),
        bool(settings.get("recreate", False)),
    )
