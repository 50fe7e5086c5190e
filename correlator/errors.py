"""What can go wrong, named by the fate of the thing that went wrong.

::

    TocsinError
    ├── InputError   the person can mend it: where, what, what would be right (exit code 2)
    ├── Reject       this record or request is refused for good: to the dead letter, then go on
    ├── Retry        transient: try the same thing again after a pause
    └── Fatal        nothing sensible can follow: stop the process (exit code 3)
        └── DiskFull nothing was kept, and the same thing succeeds once there is space again
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of an input: where it is, what it is, what would be right.

    ``line`` is 1-based; 0 when the fault concerns the file as a whole.
    """

    path: str
    line: int
    what: str
    expected: str = ""

    def __str__(self) -> str:
        """Return ``path:line: what; expected``."""
        where = f"{self.path}:{self.line}" if self.line else self.path
        return f"{where}: {self.what}; {self.expected}" if self.expected else f"{where}: {self.what}"


class TocsinError(Exception):
    """Base of every error Tocsin raises on purpose."""


class InputError(TocsinError):
    """The input cannot be used as it is; ``problems`` lists all its faults at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class Reject(TocsinError):
    """This record or request is refused for good; it goes to the dead letter with this reason."""


class Retry(TocsinError):
    """Transient failure; the same call may succeed after ``after_s`` seconds (None: the caller's back-off decides)."""

    def __init__(self, message: str, after_s: float | None = None) -> None:
        self.after_s = after_s
        super().__init__(message)


class Fatal(TocsinError):
    """Nothing sensible can follow; the process stops and its supervisor decides."""


class DiskFull(Fatal):
    """The disk takes no more; nothing of what was tried was kept, and trying again works once there is space."""
