"""What the tests of calls share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.deliver.night import Night, night


@pytest.fixture
def on_call(tmp_path: Path, database_url: str) -> Iterator[Night]:
    """Return a Friday night with nobody called yet, on each database."""
    with night(tmp_path, database_url) as one:
        yield one
