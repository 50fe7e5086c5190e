"""Who a followed file is: known by its first bytes and its inode, so that rotation and compression do not change it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from correlator.ingest.containers import DAMAGE, decompressed

#: As much of a file's beginning as its identity needs; a shorter file is known by what it had at first sight.
HEAD_BYTES = 1024
#: Below this many bytes two files may begin alike by chance: the inode must then agree too.
TRUSTED_BYTES = 64


@dataclass(frozen=True, slots=True)
class StreamName:
    """The identity of a followed file, and the text that stands for it in positions and event ids.

    ``length`` bytes of the (decompressed) beginning hash to ``digest``; ``inode`` is the one at first sight.
    """

    length: int
    digest: str
    inode: int

    def __str__(self) -> str:
        """Return ``<length>.<digest>.<inode>``."""
        return f"{self.length}.{self.digest}.{self.inode}"

    @classmethod
    def parse(cls, text: str) -> "StreamName":
        """Return the identity written by ``str``; raises ValueError on anything else."""
        length, digest, inode = text.split(".")
        return cls(int(length), digest, int(inode))

    def is_same(self, head: bytes, inode: int) -> bool:
        """Say whether a file that begins with ``head`` is this one."""
        if len(head) < self.length or _digest(head[: self.length]) != self.digest:
            return False
        return self.length >= TRUSTED_BYTES or inode == self.inode


def name_of(head: bytes, inode: int) -> StreamName:
    """Return the identity of a file first seen now."""
    return StreamName(len(head), _digest(head), inode)


def read_head(path: Path) -> tuple[bytes, int]:
    """Return the first KiB of a file, decompressed, and its inode; empty bytes when it cannot be read yet."""
    try:
        with path.open("rb") as file:
            return decompressed(file).read(HEAD_BYTES), path.stat().st_ino
    except DAMAGE:
        return b"", 0


def _digest(head: bytes) -> str:
    return hashlib.sha256(head).hexdigest()[:16]
