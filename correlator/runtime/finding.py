"""The result of a check, as doctor shows it."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"  # works, but somebody should look
    FAILED = "failed"  # does not work


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: its subject, the verdict, what was seen, what to do (empty when nothing)."""

    subject: str
    verdict: Verdict
    seen: str
    advice: str = ""
