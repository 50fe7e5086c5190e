"""Where a proof goes in: the same door as any log. A syslog listener, or a file that is followed like a configured source."""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from correlator.config.settings import Settings
from correlator.enrich.tables import Tables
from correlator.errors import Retry
from correlator.model.estate import Commune

_TIMEOUT_S = 10.0
_KEPT = timedelta(days=70)
_PRIORITY = 134  # local use, informational


def folder_of(settings: Settings) -> Path:
    """Return the folder of the followed files."""
    return settings.data_dir / "proof"


def lines_of(commune: str, host: str, token: str, now: datetime, zone: str) -> tuple[str, str]:
    """Return the two halves of a proof as syslog (RFC 5424)."""
    at = now.astimezone(ZoneInfo(zone)).isoformat(timespec="microseconds")
    head = f"<{_PRIORITY}>1 {at} {host} tocsin-proof {os.getpid()} - -"
    first, second = (f"{head} tocsin-proof {half}/2 commune={commune} token={token} nothing happened" for half in (1, 2))
    return first, second


def host_of(commune: Commune | None, tables: Tables, now: datetime) -> str:
    """Return a machine's name that the estate gives to the commune, another one each month; "" when it gives none.

    The month is part of it, so that a ticket lasts a month: as long as machines are the same, triage takes them for one thing.
    """
    month = f"tocsin-{now:%y%m}"
    for pattern in commune.hosts if commune else ():
        name = pattern.replace("*", month, 1).replace("*", "").replace("?", "0")
        if "[" not in name and commune is not None and month in name and tables.hosts.owner(name) == commune.id:
            return name
    return ""


def write(settings: Settings, lines: Sequence[str], now: datetime) -> None:
    """Put ``lines`` into the front door; raises Retry when nobody opens."""
    address = settings.proof.address
    if address is None and settings.kafka.bootstrap:
        raise Retry("[proof] door: behind Kafka no file is followed; name a syslog listener", 60.0)
    try:
        if address is None:
            _append(folder_of(settings) / f"proof-{now:%Y-%m}.log", lines, now)
        elif address[0] == "udp":
            _send(address[1], address[2], lines)
        else:
            with socket.create_connection(address[1:], _TIMEOUT_S) as connection:
                connection.sendall("".join(f"{line}\n" for line in lines).encode())
    except OSError as error:
        door = settings.proof.door or folder_of(settings)
        raise Retry(f"{door}: {error.strerror or error}", 60.0) from error


def _append(path: Path, lines: Sequence[str], now: datetime) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in _old(path.parent, now):
        with suppress(OSError):
            old.unlink()
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))
        file.flush()
        os.fsync(file.fileno())


def _old(folder: Path, now: datetime) -> Iterator[Path]:
    before = f"proof-{now - _KEPT:%Y-%m}.log"
    yield from (path for path in folder.glob("proof-*.log") if path.name < before)


def _send(host: str, port: int, lines: Sequence[str]) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, protocol) as connection:
        connection.settimeout(_TIMEOUT_S)
        for line in lines:
            connection.sendto(line.encode(), address)
