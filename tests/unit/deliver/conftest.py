"""What the tests of calls share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.deliver.night import Night, night


@pytest.fixture
def on_call(tmp_path: Path) -> Iterator[Night]:
    """Return a Friday night with nobody called yet."""
    with night(tmp_path) as one:
        yield one
