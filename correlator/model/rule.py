"""Rule texts: what a rule author wrote, before anything read it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RuleText:
    """One YAML file of rules, filters, correlations or a mapping: its path (for messages), its text or why there is none."""

    path: str
    text: str
    fault: str = ""
