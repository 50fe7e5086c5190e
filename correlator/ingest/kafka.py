"""Kafka: how to reach it, and raw records as they stand in its log.

A record is JSON: ``{"v": 1, "id", "source", "host", "received", "peer", "message"}``; ``source`` and ``message`` must be there.
What is no such record is a reject of its batch, never the end of it. A record without ``id`` gets one here: source, partition
and offset. Its stream is its host within its partition: records of several lines never mix two machines.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from correlator.config.sections.scale import KafkaSettings
from correlator.errors import InputError, Problem
from correlator.model.raw import RAW, RawBatch
from correlator.model.reject import REJECT, Reason

#: Newest version of the record that is understood.
VERSION = 1
_KEPT = 1 << 20  # characters of a refused record
_PART_OF = "/"  # between partition and host in a stream's name


@dataclass(frozen=True, slots=True)
class Taken:
    """One message of the raw topic: its place, the broker's time in milliseconds, its bytes."""

    partition: int
    offset: int
    timestamp: int
    value: bytes


def client(settings: KafkaSettings, environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return what every client of the broker is configured with. Raises InputError when the password cannot be had."""
    if not settings.bootstrap:
        raise InputError([Problem("tocsin.toml", 0, "no Kafka is configured", 'add [kafka] with bootstrap = "host:9092"')])
    conf: dict[str, Any] = {"bootstrap.servers": settings.bootstrap, "client.id": "tocsin", "log_level": 3}
    if settings.ca:
        conf |= {"security.protocol": "SSL", "ssl.ca.location": str(settings.ca)}
    if settings.user:
        conf |= {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": settings.user}
        conf["sasl.password"] = _password(settings, environ)
    return conf


def _password(settings: KafkaSettings, environ: Mapping[str, str]) -> str:
    path = settings.password_file
    try:
        found = _read(path) if path else environ.get(settings.password_env, "")
    except OSError as error:
        raise InputError([Problem(str(path), 0, f"cannot be read: {error.strerror}", "one line: the password")]) from None
    if not found:
        expected = "set password_file, or password_env and that variable"
        raise InputError([Problem("tocsin.toml", 0, f"[kafka] has user {settings.user!r} and no password", expected)])
    return found


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip("\r\n")


def partition_of(stream: str) -> int:
    """Return the partition that a stream of ``decoded`` rows lies in."""
    return int(stream.partition(_PART_OF)[0])


def decoded(topic: str, messages: Sequence[Taken]) -> RawBatch:
    """Return the records of ``messages`` as RAW rows, in their order; what is none as rejects. Offsets are not set."""
    rows: list[dict[str, Any]] = []
    rejects: list[dict[str, Any]] = []
    for message in messages:
        received = datetime.fromtimestamp(message.timestamp / 1000, UTC) if message.timestamp > 0 else None
        try:
            record = orjson.loads(message.value)
            row = _row(record, message, received)
            if record.get("reason"):  # a listener saw that nobody could read it
                rejects.append({**{name: row.get(name) for name in REJECT}, "reason": str(record["reason"])})
            else:
                rows.append(row)
        except (ValueError, KeyError, TypeError, AttributeError):  # orjson's error is a ValueError
            rejects.append(_refused(topic, message, received))
    refused = pl.DataFrame(rejects, schema=REJECT) if rejects else None
    return RawBatch(pl.DataFrame(rows, schema=RAW), {}, refused)


def _row(record: dict[str, Any], message: Taken, received: datetime | None) -> dict[str, Any]:
    source, text = record["source"], record["message"]
    if not (isinstance(source, str) and source and isinstance(text, str) and 1 <= record.get("v", VERSION) <= VERSION):
        raise ValueError("no raw record of a version that is known")
    host = str(record.get("host") or "")
    stream = f"{message.partition}{_PART_OF}{host}"
    return {
        "id": str(record.get("id") or f"{source}~{message.partition}~{message.offset}"),
        "source": source,
        "stream": stream,
        "offset": message.offset,
        "received": _time(record.get("received")) or received,
        "peer": record.get("peer") and str(record["peer"]),
        "path": record.get("path") and str(record["path"]),
        "line": record.get("line"),
        "text": text.rstrip("\r\n"),  # rsyslog ends what it forwards with a new line
        "flags": record.get("flags") or 0,
    }


def _time(text: object) -> datetime | None:
    """Return the time, in UTC; None for what is none, or has no zone."""
    if not isinstance(text, str):
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return parsed.astimezone(UTC) if parsed.tzinfo else None


def _refused(topic: str, message: Taken, received: datetime | None) -> dict[str, Any]:
    return {
        "id": f"{topic}~{message.partition}~{message.offset}",
        "source": topic,
        "stream": str(message.partition),
        "offset": message.offset,
        "received": received,
        "path": f"{topic}/{message.partition}",
        "line": message.offset,
        "parser": None,
        "reason": str(Reason.MALFORMED),
        "text": message.value.decode(errors="replace")[:_KEPT],
    }


def encoded(row: Mapping[str, Any], host: str = "") -> tuple[bytes, bytes]:
    """Return key and value of a RAW row as a record of the raw topic."""
    record = {
        name: row[name] for name in ("id", "source", "received", "peer", "path", "line", "flags", "reason") if row.get(name)
    }
    key = f"{row['source']}/{host}".encode()
    return key, orjson.dumps({"v": VERSION, **record, "host": host, "message": row["text"]}, option=orjson.OPT_UTC_Z)
