"""The ``.test`` script: raw lines on a time axis, and what the rules must make of them.

::

    # one file per rule, beside it: lnx_sshd_x.yml, lnx_sshd_x.test
    case brute force then success
    clock 2026-11-17T03:00:00+01:00
    load linux_syslog
        @0s x10 every 5s  {syslog} BRP-WEB01 sshd[{n}]: Failed password for root from 192.0.2.7 port 4242 ssh2
        @60s              {syslog} BRP-WEB01 sshd[1]: Accepted password for root from 192.0.2.7 port 4242 ssh2
    expect
        detection lnx_sshd_failed x10
        hit ssh_brute_force x1 by source.ip=192.0.2.7
        no detection lnx_sshd_other

``clock`` is the time of ``@0s`` (default Tuesday 17 November 2026, 10:00 in Paris). ``load`` names the parser. For a source
that has none yet, ``events ot//rsmp`` (product/category/service) takes events as a parser would give them, one JSON object a
line: ``@0s {"host.name": "BRP-OT01", "cCI": "M0001"}``. In a line
``{n}`` counts the repetition and the line's time can be written as ``{syslog}`` (``Nov 17 10:00:00``, Paris), ``{local}``
(``2026-11-17 10:00:00``, Paris), ``{iso}`` (UTC, ``Z``), ``{isolocal}`` (Paris, with offset), ``{apache}``, ``{epoch}``,
``{epochms}``, ``{epochns}``. ``expect`` names rules by file name (or Sigma ``name``); without ``xN`` one; ``nothing`` means
that no rule of the file fires. A line that ends in a backslash goes on in the next.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from correlator.errors import InputError, Problem

PARIS = ZoneInfo("Europe/Paris")
DEFAULT_CLOCK = datetime(2026, 11, 17, 10, 0, tzinfo=PARIS)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = r"(\d+)(ms|s|m|h|d)"
_STEP = re.compile(rf"@{_DURATION}(?:\s+x(\d+)(?:\s+every\s+{_DURATION})?)?\s+(.+)", re.DOTALL)
_EXPECT = re.compile(r"(?:(no)\s+)?(detection|hit)\s+(\S+)(?:\s+x(\d+))?(?:\s+by\s+(.+))?")
_GROUP = re.compile(r'([\w.@-]+)=("[^"]*"|\S+)')
_SLASHES = 2  # of product/category/service
_STEP_HELP = "write: @60s x10 every 5s  TEXT"
_EXPECT_HELP = "write: detection NAME x2 | hit NAME x1 by source.ip=192.0.2.7 | no detection NAME | nothing"


@dataclass(frozen=True, slots=True)
class Step:
    """One raw line, at its time; ``parser`` reads it, or is ``events LOGSOURCE`` where the line is the event."""

    at: datetime
    parser: str
    text: str


@dataclass(frozen=True, slots=True)
class Expectation:
    """How often a rule must fire; ``group`` is what a hit must be grouped by. ``kind`` is detection or hit."""

    kind: str
    rule: str
    count: int
    group: Mapping[str, str] = field(default_factory=dict)
    line: int = 0


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a script: its steps in time order and what is expected of them."""

    title: str
    path: str
    line: int
    steps: tuple[Step, ...] = ()
    expected: tuple[Expectation, ...] = ()

    @property
    def is_positive(self) -> bool:
        """Say whether something must fire."""
        return any(expectation.count for expectation in self.expected)


def read_script(path: str, text: str) -> tuple[Case, ...]:
    """Return the cases of a ``.test`` script; raises InputError with every line that cannot be understood."""
    reader = _Reader(path)
    for number, line in _logical_lines(text):
        reader.take(number, line)
    cases = reader.close()
    if reader.problems:
        raise InputError(reader.problems)
    return cases


@dataclass(slots=True)
class _Reader:
    """The state of the reading: the open case, its clock, its parser, the section."""

    path: str
    problems: list[Problem] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    clock: datetime = DEFAULT_CLOCK
    parser: str = ""
    section: str = ""

    def take(self, number: int, line: str) -> None:
        word, _, rest = line.partition(" ")
        directives = {"case": self._case, "clock": self._clock, "load": self._load, "events": self._events}
        if word in directives:
            directives[word](number, rest.strip())
        elif line == "expect":
            self.section = "expect"
        elif self.section == "load":
            self._step(number, line)
        elif self.section == "expect":
            self._expect(number, line)
        else:
            self._refuse(
                number, f"not a directive: {word!r}", "write: case TITLE, clock TIME, load PARSER, events LOGSOURCE or expect"
            )

    def close(self) -> tuple[Case, ...]:
        for case in self.cases:
            if not case.steps or not case.expected:
                self._refuse(
                    case.line, f"case {case.title!r} lacks its steps or its expectations", "write load and expect sections"
                )
        if not self.cases:
            self._refuse(0, "holds no case", "write: case TITLE")
        return tuple(replace(case, steps=tuple(sorted(case.steps, key=lambda step: step.at))) for case in self.cases)

    def _case(self, number: int, title: str) -> None:
        self.cases.append(Case(title, self.path, number))
        self.clock, self.section, self.parser = DEFAULT_CLOCK, "", ""

    def _clock(self, number: int, text: str) -> None:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self._refuse(number, f"not a time: {text!r}", "write for example: clock 2026-11-17T03:00:00+01:00")
            return
        self.clock = moment if moment.tzinfo else moment.replace(tzinfo=PARIS)

    def _load(self, number: int, parser: str) -> None:
        self.section, self.parser = "load", parser
        if not parser:
            self._refuse(number, "load names no parser", "write for example: load linux_syslog")

    def _events(self, number: int, log_sources: str) -> None:
        self.section, self.parser = "load", f"events {log_sources}"
        if not log_sources or any(text.count("/") != _SLASHES for text in log_sources.split()):
            self._refuse(number, f"no log source: {log_sources!r}", "product/category/service, for example: events ot//rsmp")

    def _step(self, number: int, line: str) -> None:
        match = _STEP.fullmatch(line)
        if not match or not self.cases:
            self._refuse(number, "not a step", _STEP_HELP)
            return
        start, times = _duration(match[1], match[2]), int(match[3] or 1)
        every = _duration(match[4], match[5]) if match[4] else timedelta()
        moments = [self.clock + start + every * repetition for repetition in range(times)]
        steps = tuple(Step(at, self.parser, written(match[6], at, n)) for n, at in enumerate(moments, start=1))
        self.cases[-1] = replace(self.cases[-1], steps=self.cases[-1].steps + steps)

    def _expect(self, number: int, line: str) -> None:
        if not self.cases:
            self._refuse(number, "an expectation outside a case", "write: case TITLE")
            return
        if line == "nothing":
            self._add(Expectation("nothing", "", 0, line=number))
            return
        match = _EXPECT.fullmatch(line)
        if not match:
            self._refuse(number, "not an expectation", _EXPECT_HELP)
            return
        count = 0 if match[1] else int(match[4] or 1)
        group = {name: value.strip('"') for name, value in _GROUP.findall(match[5] or "")}
        self._add(Expectation(match[2], match[3], count, group, number))

    def _add(self, expectation: Expectation) -> None:
        self.cases[-1] = replace(self.cases[-1], expected=(*self.cases[-1].expected, expectation))

    def _refuse(self, number: int, what: str, expected: str) -> None:
        self.problems.append(Problem(self.path, number, what, expected))


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield (number, stripped line) without blanks and comments; a trailing backslash joins the next line."""
    pending, start = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not pending and (not stripped or stripped.startswith("#")):
            continue
        start = start if pending else number
        if stripped.endswith("\\") and not stripped.endswith("\\\\"):
            pending += stripped[:-1]
            continue
        yield start, pending + stripped
        pending = ""
    if pending:
        yield start, pending


def _duration(amount: str, unit: str) -> timedelta:
    return timedelta(seconds=int(amount) * _UNITS[unit])


def written(text: str, at: datetime, n: int) -> str:
    """Return ``text`` with its time and counter marks filled in for the moment ``at`` and the repetition ``n``."""
    local, utc = at.astimezone(PARIS), at.astimezone(UTC)
    nanoseconds = int(utc.timestamp()) * 1_000_000_000
    marks = {
        "{n}": str(n),
        "{syslog}": f"{local:%b} {local.day:>2} {local:%H:%M:%S}",
        "{local}": f"{local:%Y-%m-%d %H:%M:%S}",
        "{iso}": f"{utc:%Y-%m-%dT%H:%M:%S}.000000Z",
        "{isolocal}": local.isoformat(timespec="seconds"),
        "{apache}": f"{local:%d/%b/%Y:%H:%M:%S %z}",
        "{epochns}": str(nanoseconds),
        "{epochms}": str(nanoseconds // 1_000_000),
        "{epoch}": str(nanoseconds // 1_000_000_000),
    }
    for mark, value in marks.items():
        text = text.replace(mark, value)
    return text
