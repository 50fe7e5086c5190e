"""A small world in which event time is proved: sources with a lateness of their own, rules over them, records on their way."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
from hypothesis import strategies as st

from correlator.config.settings import load_settings
from correlator.correlate.log import from_log
from correlator.model.raw import RAW, RawBatch
from correlator.parse.engine import Carried
from correlator.runtime import wire
from correlator.runtime.content import Content, load_content
from correlator.runtime.pipeline import Flow, Outcome, judge, look, process, reached
from correlator.runtime.tide import End, Tide
from correlator.runtime.timing import Given
from correlator.runtime.watermark import told

START = datetime(2026, 11, 17, 2, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
#: Source → how late its records may come, s. The first one says nothing: what it gives usually comes within five minutes.
LATENESS = {"plain": 300, "slow": 900, "slowest": 1800}
FAILED, SUDO, BURST, FEW, BOTH = (f"6f1b1c54-52a0-4d0c-9a0f-6f3b50c7d00{n}" for n in range(5))
RULES = f"""\
title: SSH password refused
id: {FAILED}
name: waters_failed
status: test
logsource: {{product: linux, service: sshd}}
detection: {{selection: {{message|contains: Failed password}}, condition: selection}}
level: medium
---
title: Something done as root
id: {SUDO}
name: waters_sudo
status: test
logsource: {{product: linux, service: sudo}}
detection: {{selection: {{message|contains: COMMAND}}, condition: selection}}
level: medium
---
title: Many passwords refused
id: {BURST}
name: waters_burst
status: test
correlation: {{type: event_count, rules: [waters_failed], group-by: [host.name], timespan: 5m, condition: {{gte: 3}}}}
level: high
---
title: One password refused and no more
id: {FEW}
name: waters_few
status: test
correlation: {{type: event_count, rules: [waters_failed], group-by: [host.name], timespan: 4m, condition: {{lt: 3}}}}
level: medium
---
title: A password refused beside work as root
id: {BOTH}
name: waters_both
status: test
correlation: {{type: temporal, rules: [waters_failed, waters_sudo], group-by: [host.name], timespan: 3m}}
level: high
"""
#: Seconds between two ends of one reader: so much sooner than their lateness all records come.
_STEP = 25
Hits = set[tuple[str, str, str, tuple[str, ...]]]


@dataclass(frozen=True, order=True)
class Record:
    """A record: when it comes (s after START), of which event time, from where; ``number`` names it."""

    arrival: int
    time: int
    number: int
    source: str
    kind: str = FAILED
    host: str = "web1"

    @property
    def id(self) -> str:
        """Return the id its event bears."""
        return f"{self.source}~{self.source}~{self.number}"

    @property
    def row(self) -> dict[str, Any]:
        """Return it as a raw record."""
        said = f"sshd[{self.number}]: Failed password for ana from 192.0.2.7 port 22 ssh2"
        if self.kind == SUDO:
            said = "sudo: ana : TTY=pts/0 ; PWD=/root ; USER=root ; COMMAND=/bin/ls"
        stamp = (START + self.time * SECOND).isoformat().replace("+00:00", "Z")
        place = {"source": self.source, "stream": self.source, "offset": self.number, "id": self.id, "flags": 0}
        return {**place, "received": START + self.arrival * SECOND, "text": f"{stamp} {self.host} {said}"}


def content(folder: Path, idle: str = "2h") -> Content:
    """Return the rules, and the sources with their lateness; they are idle after ``idle``."""
    (folder / "rules.yml").write_text(RULES)
    (folder / "estate.toml").write_text('version = 1\n[[source]]\nname = "slow"\nlateness = "15min"\n')
    tables = [f'[[source]]\nname = "{name}"\npaths = ["{name}.log"]\nidle = "{idle}"\n' for name in LATENESS]
    tables[-1] += 'lateness = "30min"\n'
    config = folder / "tocsin.toml"
    config.write_text("\n".join(['data_dir = "data"\nestate = "estate.toml"\nrules = ["rules.yml"]', *tables]))
    return load_content(load_settings(config, {}))


#: Every source has spoken of everything before: one that nobody has heard of holds nobody back.
PRELUDE = tuple(
    Record(0, 0, 900 + number, source, kind, "prelude")
    for number, (source, kind) in enumerate((source, kind) for source in LATENESS for kind in (FAILED, SUDO))
)


@st.composite
def records(draw: st.DrawFn, *, late: int = 1) -> list[Record]:
    """Return records as they arrive, each at most the lateness of its source behind its time, or ``late`` times that."""
    one = st.tuples(
        st.integers(0, 3000), st.integers(0, 100), st.sampled_from(sorted(LATENESS)), st.sampled_from([FAILED, FAILED, SUDO]),
        st.sampled_from(["web1", "web2"]),
    )  # fmt: skip
    drawn = draw(st.lists(one, min_size=1, max_size=14))
    made = (
        Record(time + (LATENESS[source] - _STEP) * late * share // 100, time, number, source, kind, host)
        for number, (time, share, source, kind, host) in enumerate(drawn)
    )
    return sorted([*PRELUDE, *made])


def some_records(chance: Random, many: int, late: int = 1) -> list[Record]:
    """Return as many records as ``records`` may give, by chance alone."""
    made = []
    for number in range(many):
        source, time = chance.choice(sorted(LATENESS)), chance.randrange(3000)
        arrival = time + chance.randrange((LATENESS[source] - _STEP) * late)
        made.append(
            Record(arrival, time, number, source, chance.choice([FAILED, FAILED, SUDO]), chance.choice(["web1", "web2"]))
        )
    return sorted([*PRELUDE, *made])


def batches(stream: Sequence[Record], cuts: Sequence[int]) -> Iterator[list[Record]]:
    """Yield the stream cut anywhere."""
    borders = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    for begin, end in pairwise(borders):
        yield list(stream[begin:end])


def raw(batch: Sequence[Record]) -> RawBatch:
    """Return records as a source gives them."""
    return RawBatch(pl.DataFrame([one.row for one in batch], schema=RAW), {})


def took(batch: Sequence[Record], flow: Flow, known: Content) -> Outcome:
    """Return what becomes of records that arrive together."""
    return process(raw(batch), flow, known, wall=START + batch[-1].arrival * SECOND, live=True)


def late(parts: Sequence[Sequence[Record]]) -> dict[str, int]:
    """Return source → detections that come before the event time of a rule they feed, as the batch before left it.

    Reckoned by hand: what a rule waits for are the sources that gave something for it.
    """
    fed = {BURST: {FAILED}, FEW: {FAILED}, BOTH: {FAILED, SUDO}}
    newest: dict[str, int] = {}
    gave: dict[str, set[str]] = {}
    reached: dict[str, int] = {}
    found: dict[str, int] = {}
    for part in parts:
        for one in part:
            if any(one.kind in kinds and one.time < reached.get(rule, -(10**9)) for rule, kinds in fed.items()):
                found[one.source] = found.get(one.source, 0) + 1
        for one in part:
            newest[one.source] = max(one.time, newest.get(one.source, one.time))
            gave.setdefault(one.source, set()).add(one.kind)
        for rule, kinds in fed.items():
            times = [newest[source] - LATENESS[source] for source in newest if gave[source] & kinds]
            if times:
                reached[rule] = max(min(times), reached.get(rule, min(times)))
    return found


def ended(flow: Flow, known: Content) -> Outcome:
    """Return what becomes of all that is open when nothing follows."""
    return process(None, flow, known, wall=START, final=True)


def gather(found: dict[str, tuple[str, str, str, tuple[str, ...]]], hits: pl.DataFrame, merged: Mapping[str, str]) -> None:
    """Add the hits of a batch to ``found``; what became part of another goes."""
    for one in hits.iter_rows(named=True):
        found[one["hit.id"]] = (one["rule.id"], one["lane"], one["group"], tuple(sorted(one["event.ids"])))
    for gone in merged:
        found.pop(gone, None)


def hits_of(outcomes: Sequence[Outcome]) -> Hits:
    """Return the hits that are there at the end."""
    found: dict[str, tuple[str, str, str, tuple[str, ...]]] = {}
    for one in outcomes:
        gather(found, one.hits, one.merged)
    return set(found.values())


def expected(stream: Sequence[Record], known: Content) -> Hits:
    """Return the hits of the records in the order of their times, all at once."""
    ordered = sorted(stream, key=lambda one: (one.time, one.number))
    first = process(raw(ordered), Flow(), known, wall=START, live=False)
    return hits_of([first, ended(first.flow, known)])


# ── the same, read by several processes ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Reader:
    """Who reads one partition, in the order in which records come to it."""

    partition: str
    coming: list[Record]

    def read(self, wall: int, of: int, known: Content) -> tuple[list[bytes], bytes]:
        """Return what a batch of all that came up to ``wall`` sends: its detections, its end."""
        came = [one for one in self.coming if one.arrival <= wall]
        self.coming = self.coming[len(came) :]
        now = START + wall * SECOND
        ends = {self.partition: End(now, behind=False, offset=wall)}
        if not came:
            return [], wire.BatchEnd(now, of, ends).to_line(home=False)
        seen = look(raw(came), Carried(), known)
        found = told(seen.events, now)
        newest = {(self.partition, source): time for (source,), time, _ in found if time is not None}
        given: dict[str, Given] = {source: gave for (source,), _, gave in found}
        lines = [value for _, value in wire.routed(seen, known, {"unattributed": 0, "cross": 0}, 1)]
        return lines, wire.BatchEnd(now, of, ends, newest, given).to_line(home=False)


def log_of(readers: Sequence[Reader], chance: Random, known: Content) -> list[tuple[list[bytes], bytes]]:
    """Return what the readers write, who is quick and who is slow changing at every step."""
    last = max(one.arrival for reader in readers for one in reader.coming) + _STEP
    written = []
    for wall in range(0, last + _STEP, _STEP):
        written += [reader.read(wall, len(readers), known) for reader in chance.sample(readers, len(readers))]
    return written


def correlated(log: Sequence[tuple[list[bytes], bytes]], cuts: Sequence[int], known: Content) -> tuple[Hits, int]:
    """Return the hits of who reads the log in turns and forgets all but what is kept between them, and how many were late."""
    tide, windows, late_ones = Tide(), dict[str, list[bytes]](), 0
    found: dict[str, tuple[str, str, str, tuple[str, ...]]] = {}
    borders = sorted({0, len(log), *(cut % (len(log) + 1) for cut in cuts)})
    for begin, end in pairwise(borders):
        lanes = reached(from_log(windows), tide.values, known)
        for _, line in log[begin:end]:
            told_ = wire.BatchEnd.from_line(line)
            tide = tide.advance(told_.ends, told_.newest, told_.given, known.timing, of=told_.of)
        came = wire.detections_of([line for lines, _ in log[begin:end] for line in lines], known.correlated_fields)
        judged = judge(*came, lanes, known, tide.values)
        gather(found, judged.hits, judged.merged)
        late_ones += sum(judged.late.values())
        tide = Tide.from_bytes(tide.to_bytes())
        for lane, blob in judged.changes.to_blobs().items():
            windows.setdefault(lane, []).append(blob)
    judged = judge(*wire.detections_of([], known.correlated_fields), from_log(windows), known, None)
    gather(found, judged.hits, judged.merged)
    return set(found.values()), late_ones
