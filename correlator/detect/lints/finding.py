"""What a lint says: which one, how grave, where, what, what would be right."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from correlator.detect.plan import And, Leaf, Node, Not, Or, Rule
from correlator.errors import Problem


class Gravity(IntEnum):
    """How grave a finding is: an error keeps a rule from working, a warning probably does, a note is advice."""

    NOTE = 1
    WARNING = 2
    ERROR = 3

    @property
    def word(self) -> str:
        """Return the name in lower case."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Lint:
    """One thing that is looked for: how grave it is, and in a few words what it means."""

    gravity: Gravity
    title: str


#: Every lint of ours by name; the names of pySigma's validators are ``sigma-`` and theirs, with hyphens.
CATALOGUE: dict[str, Lint] = {
    "load": Lint(Gravity.ERROR, "refused while loading"),
    "never-true": Lint(Gravity.ERROR, "the condition can never be true"),
    "source-unknown": Lint(Gravity.WARNING, "cannot fire: no parser here gives this log source"),
    "field-absent": Lint(Gravity.WARNING, "cannot fire: no event here has these fields"),
    "field-misspelt": Lint(Gravity.WARNING, "a field that no parser names, but one like it"),
    "field-unlisted": Lint(Gravity.NOTE, "a field that no parser names; it is there only if the source itself writes it"),
    "filter-polarity": Lint(Gravity.WARNING, "a filter that is not a negation"),
    "filter-unused": Lint(Gravity.WARNING, "a filter that narrows no loaded rule"),
    "english-name": Lint(Gravity.WARNING, "an account or group by a name that a French Windows never writes"),
    "rendered-text": Lint(Gravity.WARNING, "a text that Windows writes in the language of the machine"),
    "regex-slow": Lint(Gravity.WARNING, "a regular expression without a literal: it runs on every value"),
    "regex-loose": Lint(Gravity.NOTE, "a regular expression that begins or ends with .*: the search does that already"),
    "literal-short": Lint(Gravity.NOTE, "a part of fewer than three characters: it is found nearly everywhere"),
    "only-wildcards": Lint(Gravity.WARNING, "wildcards and nothing else"),
    "only-negative": Lint(Gravity.NOTE, "only exclusions: it fires on everything else, and runs on every event"),
    "duplicate-rule": Lint(Gravity.WARNING, "the same meaning as another rule"),
    "duplicate-title": Lint(Gravity.NOTE, "the same title as another rule"),
    "id-missing": Lint(Gravity.WARNING, "no id: exceptions, filters and correlations cannot name it for long"),
    "level-missing": Lint(Gravity.WARNING, "no level: it is taken as medium"),
    "status-missing": Lint(Gravity.NOTE, "no status"),
    "attack-tag": Lint(Gravity.WARNING, "an ATT&CK tag that the pinned version does not have"),
    "lint-unknown": Lint(Gravity.WARNING, "the rule switches off a lint that does not exist"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. ``topic`` is what findings of one lint are counted by.

    The line is that of the rule until the file is looked at: then that of ``keys``, or of the test ``near`` (field, value).
    """

    lint: str
    gravity: Gravity
    path: str
    line: int
    what: str
    expected: str = ""
    rule: str = ""
    topic: str = ""
    near: tuple[str | None, str] | None = None
    keys: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        lint: str,
        rule: Rule,
        what: str,
        expected: str = "",
        *,
        topic: str = "",
        near: tuple[str | None, str] | None = None,
        keys: tuple[str, ...] = (),
    ) -> "Finding":
        """Return a finding of ``CATALOGUE`` about ``rule``."""
        return cls(lint, CATALOGUE[lint].gravity, rule.path, rule.line, what, expected, rule.id, topic, near, keys)

    @classmethod
    def from_problem(cls, lint: str, problem: Problem) -> "Finding":
        """Return a problem of the loader as a finding of ``CATALOGUE``."""
        return cls(lint, CATALOGUE[lint].gravity, problem.path, problem.line, problem.what, problem.expected)

    def __str__(self) -> str:
        """Return ``path:line: what; expected``."""
        return str(Problem(self.path, self.line, self.what, self.expected))


def signed_leaves(node: Node, *, positive: bool = True) -> Iterator[tuple[Leaf, bool]]:
    """Yield every leaf of ``node`` with whether the rule asks for it (True) or excludes it."""
    match node:
        case Leaf():
            yield node, positive
        case Not():
            yield from signed_leaves(node.part, positive=not positive)
        case And() | Or():
            for part in node.parts:
                yield from signed_leaves(part, positive=positive)
