"""Mutes from draft to filter: what may be muted, by whom, and the proof that it hides no attack; then writing and ending it.

A mute hides findings from triage (``triage.mute``), never events from correlations. It is written as a Sigma filter, so that
it can be read, moved into ``rules/filters`` when it is to stay, and run by any Sigma tool; a test holds the two equal.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import ip_network

import sqlalchemy as sa

from correlator.errors import InputError, Problem
from correlator.model.mute import ASSET, LONGEST, Mute, Scope
from correlator.model.observable import COLUMNS
from correlator.model.viewer import Viewer
from correlator.runtime.content import Content
from correlator.runtime.mute_fields import problems_of
from correlator.runtime.mute_preview import LOOK_BACK, Preview, preview, unfold
from correlator.runtime.mute_text import filter_text
from correlator.store import exceptions
from correlator.store.database import reading

__all__ = [
    "LOOK_BACK", "Draft", "Preview", "check", "create", "of_asset", "preview", "refuse", "unfold", "visible", "withdraw",
    "zone_of",
]  # fmt: skip
_WHERE = "mute"


@dataclass(frozen=True, slots=True)
class Draft:
    """A mute somebody thinks of; ``starts`` None: at once, and for what happened before as well."""

    scope: Scope
    reason: str
    ends: datetime
    incident: int | None = None
    starts: datetime | None = None


def check(draft: Draft, viewer: Viewer, now: datetime) -> None:
    """Return when ``viewer`` may make this mute; raises InputError with every reason why not."""
    problems = [*_scope_problems(draft.scope), *problems_of(draft.scope.fields)]
    if not draft.reason.strip():
        problems.append(Problem(_WHERE, 0, "no reason is given", "say why, for those who read it in three months"))
    begins = max(now, draft.starts or now)
    if not begins < draft.ends <= begins + LONGEST or begins > now + LONGEST:
        expected = f"a time in the future, at most {LONGEST.days} days from now"
        problems.append(Problem(_WHERE, 0, f"it would end on {draft.ends:%Y-%m-%d %H:%M}", expected))
    if viewer.communes is not None and not (draft.scope.commune and viewer.sees(draft.scope.commune)):
        problems.append(Problem(_WHERE, 0, "it reaches beyond your communes", "name one of your communes"))
    if problems:
        raise InputError(problems)


def _scope_problems(scope: Scope) -> list[Problem]:
    problems = []
    if scope.is_open:
        problems.append(Problem(_WHERE, 0, "it would hide everything", "name a rule, a commune or an observable"))
    if bool(scope.kind) != bool(scope.value):
        problems.append(Problem(_WHERE, 0, "an observable needs its kind and its value", "host=SIM-SCAN01"))
    if scope.value and not scope.value.strip("* "):
        problems.append(Problem(_WHERE, 0, f"{scope.value!r} is everything", "a part of the name: que-*"))
    known = {column.kind for column in COLUMNS} | {ASSET}
    if scope.kind and scope.kind not in known:
        problems.append(Problem(_WHERE, 0, f"unknown kind of observable {scope.kind!r}", ", ".join(sorted(known))))
    if scope.fields and not scope.rule_id:
        problems.append(Problem(_WHERE, 0, "fields are those of one rule's events", "name the rule"))
    if scope.kind == "ip" and "/" in scope.value and not _is_network(scope.value):
        problems.append(Problem(_WHERE, 0, f"{scope.value!r} is no network", "10.4.0.0/16, 2001:db8::/32"))
    return problems


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def of_asset(content: Content, scope: Scope) -> Scope:
    """Return ``scope`` with the machines and addresses of the estate's asset it names, as the estate is now.

    Raises InputError when the estate has no such asset, or knows neither machine nor address of it.
    """
    if scope.kind != ASSET or scope.any_of:
        return scope
    found = [asset for asset in content.estate.shared if scope.value in {asset.id, asset.name}]
    if scope.commune:
        found = [asset for asset in found if asset.serves(scope.commune)]
    parts = [f"host={host}" for asset in found for host in asset.hosts]
    parts += [f"ip={network}" for asset in found for network in asset.addresses]
    if not parts:
        names = ", ".join(sorted({asset.id or asset.name for asset in content.estate.shared})) or "the estate has none"
        raise InputError([Problem(_WHERE, 0, f"no asset {scope.value!r} with machines or addresses", names)])
    return replace(scope, any_of=tuple(dict.fromkeys(parts)))


def zone_of(content: Content, commune: str) -> str:
    """Return the clock by which the hours of a mute are meant: the commune's, else the IT department's."""
    found = content.estate.commune(commune)
    return found.time_zone if found else content.estate.time_zone


def refuse(seen: Preview) -> None:
    """Return when what a mute would have hidden may be hidden; raises InputError with the incidents that speak against it."""
    if seen.true_positives:
        what = f"it would have hidden a true positive: {', '.join(seen.true_positives)}"
        raise InputError([Problem(_WHERE, 0, what, "make it narrower: a rule, a commune, a machine, fields, hours")])


def create(
    engine: sa.Engine, content: Content, draft: Draft, viewer: Viewer, now: datetime, seen: Preview | None = None
) -> Mute:
    """Write the mute and return it; it holds from the next batch on. ``seen``: its preview, when it was just made.

    Raises InputError as ``check`` and ``refuse`` do: nobody mutes what was an attack, not even on purpose.
    """
    check(draft, viewer, now)
    scope = of_asset(content, draft.scope)
    _check_rule(content, scope)
    refuse(seen or preview(engine, content, scope, now))
    identity, reason = str(uuid.uuid4()), draft.reason.strip()
    text = filter_text(
        identity, scope, _logsource(content, scope.rule_id), reason=reason, person=viewer.login, now=now,
        starts=draft.starts, ends=draft.ends,
    )  # fmt: skip
    mute = Mute(
        identity, scope, text, reason, viewer.login, now, draft.ends, incident=draft.incident, starts=draft.starts
    )  # fmt: skip
    exceptions.add_mute(engine, mute)
    return mute


def _check_rule(content: Content, scope: Scope) -> None:
    if scope.fields and scope.rule_id not in {rule.id for rule in content.ruleset.rules}:
        what = f"{scope.rule_id} is no detection rule that runs here: only these have the fields of one event"
        raise InputError([Problem(_WHERE, 0, what, "leave the fields out, or name a detection rule")])


def visible(mutes: Iterable[Mute], viewer: Viewer) -> list[Mute]:
    """Return those of ``mutes`` that ``viewer`` may know of; those without a commune concern everybody who sees all."""
    return [mute for mute in mutes if viewer.communes is None or (mute.scope.commune and viewer.sees(mute.scope.commune))]


def withdraw(engine: sa.Engine, mute_id: str, viewer: Viewer, now: datetime) -> None:
    """End a mute now. Raises UnknownMute when there is none, or none that ``viewer`` may know of."""
    with reading(engine) as connection:
        known = {mute.id for mute in visible(exceptions.mutes(connection, now), viewer)}
    exceptions.withdraw_mute(engine, mute_id if mute_id in known else "", viewer.login, now)


def _logsource(content: Content, rule_id: str) -> dict[str, str]:
    """Return the log source of the rule; Sigma has no word for any log source, nor for that of a correlation."""
    source = next((rule.logsource for rule in content.ruleset.rules if rule.id == rule_id), None)
    parts = {} if source is None else {"product": source.product, "category": source.category, "service": source.service}
    return {name: value for name, value in parts.items() if value} or {"category": "any"}
