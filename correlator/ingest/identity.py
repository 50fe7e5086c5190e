"""Who a followed file is: known by its first bytes and its inode, so that rotation and compression do not change it."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from correlator.ingest.containers import DAMAGE, EVTX, decompressed

#: As much of a file's beginning as its identity needs; a shorter file is known by what it had at first sight.
HEAD_BYTES = 1024
#: Below this many bytes two files may begin alike by chance: the inode must then agree too.
TRUSTED_BYTES = 64
#: Where the first record of an event log begins, and with what: behind the headers of the file and of its first chunk.
_FIRST_RECORD, _RECORD_MAGIC = 4096 + 512, b"\x2a\x2a\0\0"


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
    """Return the first KiB of a file, decompressed, and its inode; empty bytes when it cannot be read yet.

    Of an event log it is the first record: its file header is the same in many logs and changes with every event.
    """
    try:
        with path.open("rb") as file:
            head, inode = decompressed(file).read(HEAD_BYTES), os.fstat(file.fileno()).st_ino
            return (_first_record(file) if head.startswith(EVTX) else head), inode
    except DAMAGE:
        return b"", 0


def _first_record(file: IO[bytes]) -> bytes:
    """Return the magic and the first record of an event log; the magic alone (known by its inode then) without one."""
    file.seek(_FIRST_RECORD)
    record = file.read(HEAD_BYTES)
    length = int.from_bytes(record[4:8], "little") if record.startswith(_RECORD_MAGIC) else 0
    return EVTX + record[:length]


def _digest(head: bytes) -> str:
    return hashlib.sha256(head).hexdigest()[:16]
