"""What a source is: bytes → raw batches with positions. One thread calls all of it, in the order open, poll*, close."""

from collections.abc import Mapping
from typing import Protocol

from correlator.model.raw import RawBatch


class Source(Protocol):
    """A configured input. Its offsets are its own business; the runtime only stores them and gives them back."""

    name: str

    def open(self, next_offsets: Mapping[str, int]) -> None:
        """Start where ``next_offsets`` (stream → offset) says; streams not named start at their beginning."""

    def poll(self, max_rows: int, timeout_s: float) -> RawBatch | None:
        """Return the next rows, or None when there is nothing within ``timeout_s`` seconds."""

    def committed(self, next_offsets: Mapping[str, int]) -> None:
        """Hear that everything before these offsets is safe; what held it may be freed."""

    def close(self) -> None:
        """Free what was opened; nothing is called after."""
