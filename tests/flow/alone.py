"""Start ``tocsin`` with a resolver that answers nothing: addresses work, names raise as they do when the DNS is down."""

import ipaddress
import socket
import sys
from typing import Any

from correlator.__main__ import main

_REAL = socket.getaddrinfo


def _only_addresses(host: Any, *arguments: Any, **options: Any) -> Any:
    try:
        ipaddress.ip_address(host.decode() if isinstance(host, bytes) else host)
    except ValueError:
        _down(host)
    return _REAL(host, *arguments, **options)


def _down(*_: object) -> None:
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


if __name__ == "__main__":
    socket.getaddrinfo = _only_addresses
    socket.gethostbyname = socket.gethostbyname_ex = socket.gethostbyaddr = _down  # type: ignore[assignment]
    sys.exit(main())
