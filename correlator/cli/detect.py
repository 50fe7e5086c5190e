"""``tocsin detect``: Sigma rules over events that are already normalised; a stable interface for other tools."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from correlator.cli.output import Exit, fail_on_option, format_option
from correlator.cli.rules import estate_option
from correlator.cli.rules_chosen import choose
from correlator.errors import Problem

if TYPE_CHECKING:
    from correlator.detect.plan import Rule, RuleSet

_CHUNK_EVENTS = 5_000
_SOURCE_KEYS = ("product", "category", "service")

#: One normalised event: its 1-based line, its Sigma log source as text, its fields.
Event = tuple[int, str, dict[str, Any]]


@dataclass(slots=True)
class EventReader:
    """Reads normalised events, one JSON object a line; keeps what is wrong with a line and goes on."""

    path: str
    problems: list[Problem] = field(default_factory=list)
    without_source: int = 0

    def read(self, lines: Iterable[bytes]) -> Iterator[Event]:
        """Yield the events of ``lines``; blank lines count and are nothing."""
        for number, line in enumerate(lines, start=1):
            event = self._parse(number, line) if line.strip() else None
            if event is not None:
                yield event

    def _parse(self, number: int, line: bytes) -> Event | None:
        import orjson  # noqa: PLC0415 - `--help` loads nothing

        try:
            content = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            self._refuse(number, f"not JSON: {error}")
            return None
        if not isinstance(content, dict):
            self._refuse(number, f"a JSON {type(content).__name__}")
            return None
        source = self._source(content.pop("logsource", None))
        if source is None:
            self._refuse(number, "a logsource that is no object of product, category, service")
            return None
        self.without_source += source == ""
        return number, source, content

    def _source(self, given: object) -> str | None:
        if given is None:
            return ""
        if not isinstance(given, Mapping):
            return None
        values = [given.get(key) or "" for key in _SOURCE_KEYS]
        if not all(isinstance(value, str) and not set(value) & set(" /") for value in values):
            return None
        return "/".join(values) if any(values) else ""

    def _refuse(self, number: int, what: str) -> None:
        self.problems.append(Problem(self.path, number, what, "one JSON object a line"))


@click.command()
@click.option("--rules", "paths", multiple=True, required=True, type=click.Path(path_type=Path), help="Rule file or folder.")
@click.option("--any-logsource", is_flag=True, help="Every rule looks at every event, whatever its log source.")
@click.argument("file", type=click.File("rb"))
@estate_option
@format_option
@fail_on_option
@click.pass_context
def detect(
    ctx: click.Context,
    paths: tuple[Path, ...],
    file: IO[bytes],
    estate: Path | None,
    form: str,
    fail_on: str | None,
    *,
    any_logsource: bool,
) -> None:
    """Find the events of FILE (NDJSON, - for standard input) that Sigma rules match: one line per rule and event.

    Output is NDJSON {"rule.id", "log.line"} whatever --format says. Wrong lines and rejected rules are told on standard
    error, the rest goes on; wrong lines end with exit code 2.
    """
    from correlator.model.severity import Severity  # noqa: PLC0415 - `--help` loads nothing

    del form
    loaded = choose(paths, estate).loaded
    _tell(loaded.problems)
    reader = EventReader(getattr(file, "name", "-"))
    worst = -1
    for rule, number in _found(loaded.ruleset, reader.read(file), any_logsource=any_logsource):
        worst = max(worst, Severity.of(rule.level))
        _print(rule, number)
    _tell(reader.problems)
    if reader.without_source and not any_logsource:
        click.echo(
            f"{reader.without_source} events have no logsource: no rule looked at them; --any-logsource asks all", err=True
        )
    if reader.problems:
        ctx.exit(Exit.WRONG_INPUT)
    if fail_on and worst >= Severity.of(fail_on):
        ctx.exit(Exit.FINDINGS)


def _found(ruleset: "RuleSet", events: Iterator[Event], *, any_logsource: bool) -> Iterator[tuple["Rule", int]]:
    """Yield (rule, line) for each match, in the order of lines, then of rules."""
    while chunk := list(islice(events, _CHUNK_EVENTS)):
        for row, rule in _matches(ruleset, chunk, any_logsource=any_logsource):
            yield ruleset.rules[rule], chunk[row][0]


def _matches(ruleset: "RuleSet", chunk: Sequence[Event], *, any_logsource: bool) -> list[tuple[int, int]]:
    from correlator.detect.engine import detect as match  # noqa: PLC0415 - `--help` loads nothing
    from correlator.detect.flatten import flatten, frame_of  # noqa: PLC0415

    flattened = [flatten(content) for _, _, content in chunk]
    sources = [source for _, source, _ in chunk]
    events = frame_of(flattened, sources, ruleset.fields, keywords=ruleset.keywords)
    found = match(ruleset, [events], any_logsource=any_logsource, reserved=frozenset())
    return found.select("row", "rule").rows()


def _print(rule: "Rule", number: int) -> None:
    import orjson  # noqa: PLC0415 - `--help` loads nothing

    click.echo(orjson.dumps({"rule.id": rule.id, "log.line": number}))


def _tell(problems: Iterable[Problem]) -> None:
    for problem in problems:
        click.echo(str(problem), err=True)
