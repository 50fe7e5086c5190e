"""A process that writes to a journal and says on standard output what is acknowledged, until it is killed."""

import asyncio
import sys
from pathlib import Path

from correlator.errors import Retry
from correlator.ingest import journal as journal_module
from correlator.ingest.envelope import Envelope
from correlator.ingest.journal import Journal
from correlator.telemetry.metrics import Metrics

SENDERS, TEXTS = 8, 5


async def main(folder: str, life: str, size: int) -> None:
    """Let eight senders append without end; each acknowledged append is one line: its first number and how many."""
    journal_module.SEGMENT_BYTES = 20_000
    journal = Journal(Path(folder), Metrics())
    journal.open()

    async def send(sender: int) -> None:
        number = 0
        while True:
            names = [f"{life}.{sender}.{number + one}" for one in range(TEXTS)]
            try:
                await journal.append([Envelope(f"s{sender % 3}", 0, "", [f"{name} {'x' * size}" for name in names])])
            except Retry:
                await asyncio.sleep(0.05)
                continue
            sys.stdout.write("".join(f"{name}\n" for name in names))
            sys.stdout.flush()
            number += TEXTS

    await asyncio.gather(*(send(sender) for sender in range(SENDERS)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
