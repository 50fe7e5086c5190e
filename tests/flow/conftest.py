"""What all tests of the flow need: no waiting between polls, process-wide state as it was."""

import signal
from collections.abc import Iterator

import pytest
import structlog

from correlator.runtime import run


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Poll without waiting; put signal handlers and the set-up of the logs back."""
    monkeypatch.setattr(run, "_POLL_S", 0.0)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    structlog.reset_defaults()
