"""Names to communes: host and user globs, mail domains, directory units. Case never counts."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import translate

_WILDCARDS = re.compile(r"[*?\[]")
_UNIT = re.compile(r"(?:^|,)\s*ou\s*=\s*([^,]*[^,\s])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Globs:
    """Globs of several owners as one expression; the more literal a glob, the sooner it is asked."""

    pattern: re.Pattern[str]
    owners: tuple[str, ...]

    @classmethod
    def of(cls, entries: Iterable[tuple[str, str]]) -> "Globs":
        """Return the globs of ``entries``, pairs (glob, owner)."""
        ordered = sorted({(glob.casefold(), owner) for glob, owner in entries}, key=_specificity)
        alternatives = "|".join(f"({translate(glob)})" for glob, _ in ordered)
        return cls(re.compile(alternatives or "(?!)"), tuple(owner for _, owner in ordered))

    def owner(self, *names: str) -> str | None:
        """Return the owner of the most literal glob that one of ``names`` matches whole, or None."""
        found = (self.pattern.match(name.casefold()) for name in names)
        best = min((match.lastindex for match in found if match and match.lastindex), default=None)
        return self.owners[best - 1] if best else None


def _specificity(entry: tuple[str, str]) -> tuple[bool, int, str, str]:
    glob, owner = entry
    return bool(_WILDCARDS.search(glob)), -len(_WILDCARDS.sub("", glob)), glob, owner


@dataclass(frozen=True, slots=True)
class HostNames:
    """Which commune a host belongs to, by its full name or by the part before the first dot."""

    globs: Globs

    def owner(self, name: str) -> str | None:
        """Return the commune (or ``shared``) of the host called ``name``, or None."""
        return self.globs.owner(name, name.partition(".")[0])


@dataclass(frozen=True, slots=True)
class UserNames:
    """Which commune a user belongs to: by the domain after ``@``, the units of a directory name, or the account's glob."""

    suffixes: Mapping[str, str]
    units: Mapping[str, str]
    globs: Globs

    def owner(self, name: str) -> str | None:
        r"""Return the commune of the user written ``name`` (UPN, mail domain, directory name, ``DOMAIN\account``), or None."""
        folded = name.casefold()
        account, _, suffix = folded.rpartition("@")
        return (
            self.suffixes.get(suffix)
            or next((self.units[unit] for unit in _UNIT.findall(folded) if unit in self.units), None)
            or self.globs.owner((account or suffix).rpartition("\\")[2])
        )
