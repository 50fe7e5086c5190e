"""How bad a finding is: Sigma's five levels, one ordering."""

from enum import IntEnum


class Severity(IntEnum):
    """Sigma level as an ordered number; comparing severities is comparing levels."""

    INFORMATIONAL = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @classmethod
    def of(cls, level: str | None) -> "Severity":
        """Return the severity of a Sigma ``level``; a rule without level counts as medium, as SigmaHQ advises."""
        return cls[level.upper()] if level else cls.MEDIUM

    @property
    def level(self) -> str:
        """Return Sigma's word, lower case."""
        return self.name.lower()
