"""Which Sigma rules may look at an event: product, category, service."""

from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True, order=True)
class LogSource:
    """A Sigma log source; an empty string means "not said"."""

    product: str = ""
    category: str = ""
    service: str = ""

    def __str__(self) -> str:
        """Return ``product/category/service``, the form held by the ``logsource`` column of events."""
        return f"{self.product}/{self.category}/{self.service}"

    @classmethod
    @lru_cache(maxsize=10_000)
    def parse(cls, text: str) -> "LogSource":
        """Return the log source written as ``product/category/service``."""
        product, category, service = text.split("/")
        return cls(product, category, service)

    def feeds(self, wanted: "LogSource") -> bool:
        """Say whether an event of this log source is seen by a rule that asks for ``wanted`` (subset match)."""
        pairs = (
            (wanted.product, self.product),
            (wanted.category, self.category),
            (wanted.service, self.service),
        )
        return all(not asked or asked.casefold() == given.casefold() for asked, given in pairs)


def logsource_column(*sources: LogSource) -> str:
    """Return the text of the ``logsource`` column for an event that feeds all of ``sources``, separated by blanks."""
    return " ".join(str(source) for source in sources)


#: What enrichment makes events feed besides, whoever wrote them: indicators of compromise, watch lists.
ADDED_SOURCES = (
    LogSource("tocsin", "indicator", ""),
    LogSource("tocsin", "watch", "honey"),
    LogSource("tocsin", "watch", "priority"),
)
