"""How well the records of a source are understood: which of the main fields its events fill, counted per hour."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

#: The fields whose share of filled events tells that a format changed: ECS column → how it is called in a table.
MAIN_FIELDS: Final[Mapping[str, str]] = {
    "event.action": "action",
    "event.outcome": "outcome",
    "source.ip": "source_ip",
    "destination.ip": "destination_ip",
    "destination.port": "destination_port",
    "user.name": "user_name",
    "host.name": "host_name",
    "observer.name": "observer_name",
    "process.name": "process_name",
    "file.path": "file_path",
    "url.original": "url_original",
    "dns.question.name": "dns_question",
}
#: What is counted per (source, dataset): all events, those in a sentence nobody knows, and those that fill each main field.
COUNTED: Final = ("events", "unknown", *MAIN_FIELDS.values())
#: (source, dataset) → what is counted → events.
Fills = Mapping[tuple[str, str], Mapping[str, int]]
#: Hour of reception → what is counted.
Hours = Mapping[datetime, Mapping[str, int]]
