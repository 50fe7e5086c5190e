"""Telling systemd: ready, alive, stopping. Nothing happens where no service manager listens (``NOTIFY_SOCKET``)."""

import os
import socket
from time import monotonic

_MICROSECONDS = 1e6


def notify(state: str) -> bool:
    """Send ``state`` (``READY=1``) to the service manager; say whether one took it."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    name = "\0" + address[1:] if address.startswith("@") else address  # an abstract socket
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
            to.connect(name)
            to.sendall(state.encode())
    except OSError:
        return False
    return True


class Watchdog:
    """Says that the pipeline turns, three times in what ``WatchdogSec`` allows: when it hangs, systemd starts it again."""

    def __init__(self) -> None:
        allowed = os.environ.get("WATCHDOG_USEC", "")
        mine = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._every = float(allowed) / _MICROSECONDS / 3 if allowed.isdigit() and mine else 0.0
        self._told = 0.0

    def alive(self) -> None:
        """Say so, when it is time again."""
        if self._every and monotonic() - self._told >= self._every:
            self._told = monotonic()
            notify("WATCHDOG=1")
