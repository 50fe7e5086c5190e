"""The asyncio thread: a service that dies later is heard of; the rest stop, and the process says why."""

import asyncio
from collections.abc import Callable
from threading import Event

import pytest

from correlator.errors import Fatal
from correlator.runtime.front import serving


async def _lasting(stop: asyncio.Event, ready: Callable[[], None]) -> None:
    ready()
    await stop.wait()


async def _dying(stop: asyncio.Event, ready: Callable[[], None]) -> None:
    ready()
    await asyncio.wait([asyncio.ensure_future(stop.wait())], timeout=0.05)
    raise OSError("its socket went away")


def test_a_service_that_dies_later_stops_the_others_and_is_told() -> None:
    """``died`` is called, and the block ends with the reason."""
    died = Event()
    with pytest.raises(Fatal, match="its socket went away"), serving([_lasting, _dying], died.set):
        assert died.wait(30)


def test_services_that_are_told_to_stop_end_in_peace() -> None:
    """Nobody is said to have died."""
    died = Event()
    with serving([_lasting, _lasting], died.set):
        pass

    assert not died.is_set()


def test_a_service_that_cannot_start_is_an_error_at_once() -> None:
    """The block is never entered."""

    async def refused(stop: asyncio.Event, ready: Callable[[], None]) -> None:
        del stop, ready
        raise Fatal("port 514 is taken")

    with pytest.raises(Fatal, match="port 514 is taken"), serving([_lasting, refused]):
        raise AssertionError
