"""Who looks: a person's role and perimeter. Every read of incidents, events and people goes through one of these."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from correlator.model.estate import SHARED


class Role(StrEnum):
    """What a person does here; French screens say analyste, auteur, responsable, référent communal, administrateur."""

    ANALYST = "analyst"
    AUTHOR = "author"
    MANAGER = "manager"
    REFERENT = "referent"  # one commune's own eye: sees that commune, and shared incidents with the others redacted
    ADMIN = "admin"  # accounts and settings; sees incidents only with another role's perimeter


@dataclass(frozen=True, slots=True)
class Viewer:
    """A person, what they do, and the communes they may see; ``communes`` None: all of them.

    ``shared``: may see shared and cross incidents (always with other communes redacted when ``communes`` is given).
    """

    login: str
    role: Role
    communes: frozenset[str] | None = None
    shared: bool = True

    def sees(self, commune: str) -> bool:
        """Say whether events of ``commune`` (an id, ``shared`` or ``unattributed``) may be read."""
        if self.communes is None:
            return True
        return commune in self.communes or (commune == SHARED and self.shared)

    def sees_whole(self, communes: Collection[str]) -> bool:
        """Say whether nothing of an incident with these communes has to be redacted."""
        return all(self.sees(commune) for commune in communes)


#: The command line of the install's owner: whoever can read the database file sees all of it.
OWNER = Viewer("local", Role.ADMIN)
