"""What a Redmine sink is told: its settings, checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from correlator.deliver.http import Secret, Web, address_faults, secret_faults, secret_of
from correlator.deliver.story import House, house_of
from correlator.errors import InputError, Problem

#: Our status → names in Redmine, first that there is: the default data of a French and of an English Redmine.
STATUSES: Mapping[str, tuple[str, ...]] = {
    "new": ("Nouveau", "New"),
    "acknowledged": ("En cours", "In Progress"),
    "in progress": ("En cours", "In Progress"),
    "resolved": ("Résolu", "Resolved"),
    "closed": ("Fermé", "Closed"),
    "merged": ("Fermé", "Closed"),
}
PRIORITIES: Mapping[str, tuple[str, ...]] = {
    "informational": ("Bas", "Low"),
    "low": ("Bas", "Low"),
    "medium": ("Normal",),
    "high": ("Urgent",),
    "critical": ("Immédiat", "Immediate"),
}
TRACKERS = ("Incident", "Assistance", "Support", "Anomalie", "Bug")
_FORMATTINGS = ("textile", "markdown")
_KNOWN = (
    "url", "key_env", "key_file", "project", "projects", "tracker", "field", "field_id", "statuses", "priorities", "private",
    "recreate", "formatting", "timeout_s", "ca_file", "allow_http",
)  # fmt: skip
_FROM_HOUSE = ("public_url", "time_zone", "communes")


@dataclass(frozen=True, slots=True)
class RedmineSettings:
    """The settings of one Redmine sink; names, never numbers, but for ``field_id`` (0: looked up)."""

    url: str
    key: Secret
    web: Web
    house: House
    project: str
    projects: Mapping[str, str]
    tracker: tuple[str, ...]
    field: str
    field_id: int
    statuses: Mapping[str, tuple[str, ...]]
    priorities: Mapping[str, tuple[str, ...]]
    private: bool
    recreate: bool
    formatting: str

    def project_of(self, lane: str) -> str:
        """Return the project of a lane: the commune's, else the IT department's (shared, cross, unattributed, unknown)."""
        return self.projects.get(lane, self.project)

    @property
    def all_projects(self) -> tuple[str, ...]:
        """Return every project once."""
        return tuple(dict.fromkeys([self.project, *self.projects.values()]))


def read_settings(name: str, settings: Mapping[str, Any]) -> RedmineSettings:
    """Return the settings of the sink ``name``. Raises InputError with every fault."""
    known = {*_KNOWN, *_FROM_HOUSE}
    faults = [(f"unknown setting {key!r}", f"known: {', '.join(_KNOWN)}") for key in settings if key not in known]
    faults += address_faults(settings, "https://redmine.example.org")
    faults += secret_faults(settings, "key")
    if not isinstance(settings.get("project"), str) or not settings["project"]:
        faults.append(("no project", 'write project = "dsi": the identifier in the address of the project\'s page'))
    faults += _table_faults(settings)
    if settings.get("formatting", "textile") not in _FORMATTINGS:
        faults.append((f"formatting = {settings['formatting']!r}", "textile or markdown, as in Administration, Settings"))
    if faults:
        raise InputError([Problem(f"sink {name}", 0, what, right) for what, right in faults])
    return _settings(settings)


def _settings(settings: Mapping[str, Any]) -> RedmineSettings:
    own = {key: (name,) for key, name in (settings.get("statuses") or {}).items()}
    priorities = {key: (name,) for key, name in (settings.get("priorities") or {}).items()}
    return RedmineSettings(
        url=str(settings["url"]).rstrip("/"),
        key=secret_of(settings, "key"),
        web=Web(float(settings.get("timeout_s", 10)), settings.get("ca_file")),
        house=house_of(settings),
        project=settings["project"],
        projects=dict(settings.get("projects") or {}),
        tracker=(settings["tracker"],) if settings.get("tracker") else TRACKERS,
        field=str(settings.get("field") or "Incident Tocsin"),
        field_id=int(settings.get("field_id") or 0),
        statuses={**STATUSES, **own},
        priorities={**PRIORITIES, **priorities},
        private=bool(settings.get("private", False)),
        recreate=bool(settings.get("recreate", False)),
        formatting=str(settings.get("formatting", "textile")),
    )


def _table_faults(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is wrong with the tables: projects, statuses, priorities; and with ``field_id``."""
    faults = []
    allowed: Mapping[str, Mapping[str, Any] | None] = {"projects": None, "statuses": STATUSES, "priorities": PRIORITIES}
    for table, keys in allowed.items():
        value = settings.get(table) or {}
        if not isinstance(value, Mapping) or not all(isinstance(name, str) and name for name in value.values()):
            faults.append((f"{table} is no table of names", f"write [sink.{table}] with key = 'name' lines"))
        elif keys is not None:
            faults += [(f"{table}: unknown {key!r}", f"one of: {', '.join(keys)}") for key in value if key not in keys]
    number = settings.get("field_id", 0)
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        faults.append((f"field_id = {number!r}", "the number in the address of the custom field's page"))
    return faults
