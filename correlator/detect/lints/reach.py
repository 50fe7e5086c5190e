"""Log sources and fields that nothing here gives: such a rule is loaded and never fires."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache

from correlator.detect.lints.finding import Finding
from correlator.detect.needs import fields_needed, is_satisfied
from correlator.detect.plan import Rule
from correlator.model.event import RESERVED
from correlator.model.logsource import LogSource

_ALIKE = 0.88
_NEAREST = 4  # log sources or fields named in a message


@dataclass(frozen=True)
class Feed:
    """What one parser gives: the log sources of its events and the names of their fields (``*``: any other too)."""

    log_sources: tuple[LogSource, ...]
    fields: frozenset[str]

    @cached_property
    def is_open(self) -> bool:
        """Whether records may have fields that the parser does not name."""
        return "*" in self.fields

    @cached_property
    def patterns(self) -> tuple[str, ...]:
        """The names that stand for many, ``Parameters.*``."""
        return tuple(name for name in self.fields if "*" in name and name != "*")

    def names(self, field: str) -> bool:
        """Say whether the parser names ``field``."""
        return field in self.fields or any(fnmatchcase(field, pattern) for pattern in self.patterns)


def feeds_for(logsource: LogSource, feeds: Sequence[Feed]) -> list[Feed]:
    """Return the feeds whose events a rule of ``logsource`` sees."""
    return [feed for feed in feeds if any(source.feeds(logsource) for source in feed.log_sources)]


def reach_findings(rule: Rule, feeds: Sequence[Feed]) -> Iterator[Finding]:
    """Yield why ``rule`` cannot fire where only ``feeds`` come in, or which of its fields nobody answers for."""
    found = feeds_for(rule.logsource, feeds)
    if not found:
        yield _no_source(rule, feeds)
        return
    unnamed = {name for name in rule.fields if name not in RESERVED and not any(feed.names(name) for feed in found)}
    if not unnamed:
        return
    closed = not any(feed.is_open for feed in found)
    if closed and not is_satisfied(fields_needed(rule.condition), rule.fields - unnamed):
        first, what = min(unnamed), f"no event of {rule.logsource} has {', '.join(sorted(unnamed))}"
        yield Finding.of("field-absent", rule, what, _suggested(first, found), topic=str(rule.logsource), near=(first, ""))
        return
    yield from (_unnamed(rule, name, found) for name in sorted(unnamed))


def _no_source(rule: Rule, feeds: Sequence[Feed]) -> Finding:
    given = sorted({str(source) for feed in feeds for source in feed.log_sources})
    near = get_close_matches(str(rule.logsource), given, _NEAREST, cutoff=0.7)
    expected = (
        f"did you mean {' or '.join(near)}?" if near else "a parser that gives it; `tocsin parsers list` shows what there is"
    )
    what = f"no parser here gives {rule.logsource}"
    return Finding.of("source-unknown", rule, what, expected, topic=str(rule.logsource), keys=("logsource",))


def _unnamed(rule: Rule, name: str, feeds: Sequence[Feed]) -> Finding:
    known = _known(tuple(feeds))
    alike = known.get(_plain(name)) or next(iter(get_close_matches(name, known.values(), 1, cutoff=_ALIKE)), "")
    what = f"no parser of {rule.logsource} names the field {name}"
    if alike:
        return Finding.of("field-misspelt", rule, what, f"did you mean {alike}?", topic=f"{name} for {alike}", near=(name, ""))
    expected = "a field that the source really writes; `tocsin parse FILE` shows them"
    return Finding.of("field-unlisted", rule, what, expected, topic=name, near=(name, ""))


def _suggested(name: str, feeds: Sequence[Feed]) -> str:
    known = _known(tuple(feeds))
    near = get_close_matches(name, known.values(), _NEAREST, cutoff=0.6)
    return f"near are {', '.join(near)}" if near else "a field of `tocsin parsers show NAME`"


@lru_cache(maxsize=256)
def _known(feeds: tuple[Feed, ...]) -> dict[str, str]:
    """Return every field that ``feeds`` name, by its plain form."""
    names = {name for feed in feeds for name in feed.fields if "*" not in name} | RESERVED
    return {_plain(name): name for name in sorted(names)}


def _plain(name: str) -> str:
    """Return ``name`` without what people write differently: case, blanks, underscores, dots, hyphens."""
    return re.sub(r"[\s_.\-]", "", name.casefold())
