"""Events that others recorded, out of ``../shared``: attacks in a laboratory with the noise of the machines around them."""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

#: ``../shared`` beside the checkout; TOCSIN_SHARED names it where it lies elsewhere.
SHARED = Path(os.environ.get("TOCSIN_SHARED") or Path(__file__).resolve().parents[2] / "shared")
OTRF = SHARED / "data" / "otrf" / "atomic" / "windows"
ATTACKS = SHARED / "data" / "evtx-to-mitre" / "events.jsonl.gz"
RULES = SHARED / "sigma" / "sigmahq"

Line = tuple[str, bytes]


def otrf() -> Iterator[Line]:
    """Yield (recording, line) of the Windows recordings."""
    for archive in sorted(OTRF.rglob("*.zip")):
        with ZipFile(archive) as members:
            for member in sorted(members.namelist()):
                if member.endswith(".json"):
                    with members.open(member) as lines:
                        yield from ((archive.stem, line) for line in lines)


def attacks() -> Iterator[Line]:
    """Yield (recording, line) of the attack samples: events as the evtx reader writes them."""
    with gzip.open(ATTACKS) as lines:
        for line in lines:
            recording = line.rpartition(b'"_src": "')[2].partition(b'"')[0]
            yield recording.decode(), line


def is_there() -> bool:
    """Say whether the recordings and the rules can be read."""
    return OTRF.is_dir() and ATTACKS.is_file() and RULES.is_dir()
