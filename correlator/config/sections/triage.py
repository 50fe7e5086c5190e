"""``[triage]``: how findings become incidents."""

from collections.abc import Mapping

from pydantic import Field

from correlator.config.strict import Strict

_LEVEL = "^(informational|low|medium|high|critical)$"


class RiskSection(Strict):
    """When many weak signals about one machine, account or address open an incident: ``[triage.risk]``."""

    threshold: float = Field(default=100.0, gt=0)
    """Points that open an incident; each rule gives its points once a day."""
    tactics: int = Field(default=5, ge=2)
    """Different ATT&CK tactics that open one, whatever the points."""
    rules: int = Field(default=3, ge=1)
    """Different rules without which points alone open nothing: one noisy rule never does."""
    half_life_hours: float = Field(default=168.0, ge=1)
    """Time in which points lose half of their weight."""
    window_days: int = Field(default=14, ge=1, le=90)
    """Days after which a weak signal counts no more."""
    points: Mapping[str, float] = Field(default={"informational": 1, "low": 3, "medium": 10, "high": 30, "critical": 80})
    """Points per level, of findings below minimum_level."""


class SuppressSection(Strict):
    """Repetitions of a rule that are one story: ``[[triage.suppress]]``; as ``tocsin: {suppress: …}`` in a rule."""

    rule: str = Field(min_length=1)
    """Id of the rule."""
    by: tuple[str, ...] = ()
    """Fields whose equal values make it the same; none: the rule alone."""
    for_hours: float = Field(default=24.0, gt=0, le=24 * 90)
    """How far apart repetitions may be."""


class TriageSettings(Strict):
    """How findings become incidents: ``[triage]``."""

    minimum_level: str = Field(default="medium", pattern=_LEVEL)
    """Lowest level that opens an incident; findings below are weak signals."""
    gap_hours: float = Field(default=4.0, gt=0)
    """Findings on the same entity belong together while they are no further apart than this."""
    host_gap_minutes: float = Field(default=30.0, gt=0)
    """The same for findings that share a machine and nothing else: not all that happens there is one story."""
    budget_hour: int = Field(default=20, ge=0)
    """Different things (machines, accounts, addresses) a rule may open incidents about in one commune in an hour; what is more
    is gathered into one digest a day. 0: no bound."""
    budget_day: int = Field(default=100, ge=0)
    """The same for a day. A rule may say its own: ``tocsin: {budget: {hour: 5, day: 20}}``."""
    remember_days: float = Field(default=7.0, ge=0)
    """How long what was resolved as benign or false takes the same again without coming back."""
    risk: RiskSection = RiskSection()
    suppress: tuple[SuppressSection, ...] = ()
    inhibit: Mapping[str, tuple[str, ...]] = Field(default={})
    """Rule id → ids of the rules that it explains, as ``tocsin: {inhibits: […]}`` says in a rule."""
