"""What an operator should know of the rule sets: pins that do not fit, sets that grew old, profiles that choose nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from correlator.config.sections.rules import RuleSetSettings
from correlator.config.settings import Settings
from correlator.runtime.content import Content
from correlator.runtime.finding import Finding, Verdict
from correlator.runtime.sets import Part
from correlator.store import rule_sets

#: SigmaHQ publishes about once a month; three times that is long.
_OLD = timedelta(days=90)


def check_rule_sets(settings: Settings, content: Content, now: datetime | None = None) -> Iterator[Finding]:
    """Yield what there is to say of each declared rule set."""
    parts = {part.name: part for part in content.gathered.parts} if content.gathered else {}
    for one in settings.rule_set:
        if one.name in parts:
            yield _of_set(settings, one, parts[one.name], now or datetime.now(UTC))


def _of_set(settings: Settings, one: RuleSetSettings, part: Part, now: datetime) -> Finding:
    subject = f"rule set {one.name}"
    if part.problem:
        return Finding(subject, Verdict.FAILED, part.problem.what, part.problem.expected)
    if not part.active:
        seen = f"none of its {len(part.idle)} rules runs with the profile {part.profile}"
        return Finding(subject, Verdict.WARNING, seen, "choose another profile; `tocsin rules sets --explain ID` says why not")
    seen = f"{part.active} rules run, {len(part.idle)} do not ({part.profile})"
    if not part.sha256:
        return Finding(subject, Verdict.OK, seen)
    if one.sha256 != part.sha256:
        pin = f"pinned is {one.sha256[:12] or 'nothing'}, what runs is {part.sha256[:12]}"
        return Finding(subject, Verdict.WARNING, pin, f"`tocsin rules update {one.name}` takes the pinned one")
    taken = rule_sets.active(settings.rule_sets_dir / one.name)
    if taken and now - taken.taken > _OLD:
        seen = f"{taken.version or taken.sha256[:12]} was taken {(now - taken.taken).days} days ago"
        return Finding(subject, Verdict.WARNING, seen, f"`tocsin rules update {one.name} --pin` shows what a newer one changes")
    return Finding(subject, Verdict.OK, seen)
