"""What people do about grouping: put two incidents together, or take a part out. Each act is one transaction.

Both are refused when what the person saw is no longer so (``Act.version``), across lanes (two communes are never merged by
hand either: link them, or write a correlation ``communes: cross``), and for incidents the person does not see whole. Both
sides keep a line in their history, a link to each other, and their tickets hear of it. From then on both are *touched*: triage
links them, it never merges them. What only the part that was split off bore is pinned to it: what bears it goes there, by it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import sqlalchemy as sa

from correlator.model.entity import key_of
from correlator.model.estate import SHARED, UNATTRIBUTED
from correlator.model.grouping import gap_column
from correlator.model.incident import IllegalTransition, Incident, Status, fingerprint_of
from correlator.model.outcome import SPAN, TriageSettings
from correlator.model.raw import UTC_TIME
from correlator.model.viewer import OWNER, Viewer
from correlator.store import evidence, outbox, perimeter, schema, splits, views
from correlator.store.database import transaction
from correlator.store.incidents import next_id
from correlator.store.outcomes import move_all, put_incidents
from correlator.store.people import Act, Stale, UnknownIncident
from correlator.store.splits import Member
from correlator.store.upsert import insert
from correlator.triage.components import runs
from correlator.triage.lifecycle import absorbed, lead_rank
from correlator.triage.sentence import sentence_of

SPLIT = "split"
Keys = frozenset[tuple[str, str]]
_GAP = timedelta(hours=4)
_MOST = 200_000  # findings of an incident that is split: each is looked at


class NotPossible(IllegalTransition):
    """These incidents cannot be put together, or this part cannot be taken out; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which findings of an incident are to be one of their own: by id, or all that bear one of ``entities`` (kind, value)."""

    findings: frozenset[str] = frozenset()
    entities: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Split:
    """Both sides after a split; ``pinned`` (kind, value) go to the new one from now on."""

    old: Incident
    new: Incident
    pinned: tuple[tuple[str, str], ...]


def merge(
    engine: sa.Engine,
    number: str,
    other: str,
    act: Act,
    *,
    reason: str = "",
    viewer: Viewer = OWNER,
    other_version: int | None = None,
) -> Incident:
    """Put two incidents of one lane together and return the older one: its number stays, it takes all the other has.

    ``act.version`` belongs to ``number``, ``other_version`` to ``other``. Raises UnknownIncident, Stale, NotPossible.
    """
    with transaction(engine) as connection:
        found = {one.id: one for one in _both(connection, (number, act.version), (other, other_version), viewer)}
        if len(found) == 1:
            raise NotPossible(f"incident {number} is one already; name another one")
        keeper, taken = (found[one] for one in sorted(found))
        _check_mergeable(keeper, taken)
        if _is_split_off(connection, taken, keeper):
            splits.unpin(connection, taken.id)
        move_all(connection, taken.id, keeper.id, act.now)
        events, findings = splits.count_members(connection, keeper.id)
        whole = replace(absorbed(keeper, taken), count=events, findings=findings)
        status, owner = _work(keeper, taken)
        after = _touched(replace(whole, status=status, owner=owner), act, whole)
        gone = _touched(replace(taken, status=Status.MERGED, verdict=None, merged_into=keeper.id), act, taken)
        put_incidents(connection, [after, gone])
        _link(connection, keeper.id, taken.id, "merged")
        said = f": {reason}" if reason else ""
        told = {"merged": taken.number, "reason": reason, **_from_to(keeper, after)}
        _leave(connection, after, "updated", f"took in {taken.number}{said}", act, told)
        told = {"into": keeper.number, "reason": reason, **_from_to(taken, gone)}
        _leave(connection, gone, "merged", f"merged into {keeper.number}{said}", act, told)
    return after


def split(
    engine: sa.Engine,
    number: str,
    chosen: Chosen,
    act: Act,
    *,
    reason: str = "",
    viewer: Viewer = OWNER,
    names: Mapping[str, str] | None = None,
    time_zone: str = "Europe/Paris",
    gap: timedelta = _GAP,
) -> Split:
    """Take the chosen findings out into an incident of their own, and return both sides.

    An event is in one incident only: other detections of the same events go along. ``names``: commune id → name, for the
    sentence; ``gap`` as in the settings. Raises UnknownIncident, Stale, NotPossible.
    """
    with transaction(engine) as connection:
        before = _seen(connection, number, act.version, viewer)
        _check_splittable(before)
        every = splits.members(connection, before.id)
        going, staying = _parts(before, every, chosen)
        identity = next_id(connection, act.now.astimezone(ZoneInfo(time_zone)).year)
        new = _made(_new(before, identity, act), going, names or {})
        old = _made(before, staying, names or {})
        put_incidents(connection, [new])
        grouping = splits.span_keys(connection, before.id)
        splits.take_out(connection, before.id, identity, going, staying)
        evidence.note_left(connection, before.id, identity, act.now, {event for one in going for event in one.events})
        new = _touched(_counted(connection, new), act, new)
        old = _touched(_counted(connection, old), act, before)
        put_incidents(connection, [old, new])
        pinned = _pin(connection, new, (going, staying), (chosen, grouping), act)
        splits.replace_spans(connection, identity, _spans(going, before.lane, grouping, gap, pinned))
        splits.replace_spans(connection, before.id, _spans(staying, before.lane, grouping - pinned, gap))
        _link(connection, identity, before.id, SPLIT)
        said = f": {reason}" if reason else ""
        detail = {"old": old.number, "new": new.number, "findings": len(going), "reason": reason}
        told = f"split: {len(going)} findings went to {new.number}{said}"
        _leave(connection, old, "updated", told, act, {**detail, **_from_to(before, old)})
        _leave(connection, new, "opened", f"split from {old.number}{said}", act, {**detail, **_from_to(None, new)})
    return Split(old, new, tuple(sorted(pinned)))


def _both(
    connection: sa.Connection, one: tuple[str, int | None], other: tuple[str, int | None], viewer: Viewer
) -> Iterable[Incident]:
    """Return both incidents, locked in the order of their ids like batches do."""
    found = [_seen(connection, number, version, viewer, lock=False) for number, version in (one, other)]
    versions = {found[0].number: one[1], found[1].number: other[1]}
    return [
        _seen(connection, number, versions[number], viewer) for number in sorted(versions, key=lambda name: _order(name, found))
    ]


def _order(number: str, found: Iterable[Incident]) -> int:
    return next(one.id for one in found if one.number == number)


def _seen(connection: sa.Connection, number: str, version: int | None, viewer: Viewer, *, lock: bool = True) -> Incident:
    """Return the incident, which the viewer must see whole: of a part one cannot judge what belongs together."""
    found = views.find_incident(connection, number, lock=lock)
    if found is None or not perimeter.is_visible(found, viewer):
        nearest = views.nearest_numbers(connection, number) if viewer.communes is None else ()
        raise UnknownIncident(number, nearest)
    if not perimeter.is_whole(found, viewer):
        raise NotPossible(f"incident {found.number} is of other communes too; somebody who sees all of it can do this")
    if version is not None and version != found.version:
        raise Stale(f"incident {found.number} has changed since (version {found.version}); look at it again")
    return found


def _check_mergeable(keeper: Incident, taken: Incident) -> None:
    if keeper.lane != taken.lane:
        what = f"{keeper.number} is of {keeper.lane}, {taken.number} of {taken.lane}"
        raise NotPossible(f"{what}: incidents of two communes are never one; a correlation `communes: cross` makes such")
    for one in (keeper, taken):
        if not one.takes_findings:
            raise NotPossible(f"incident {one.number} is {one.status}; reopen it, or name the incident it went into")


def _check_splittable(before: Incident) -> None:
    if not before.takes_findings:
        raise NotPossible(f"incident {before.number} is {before.status}; reopen it, then take the part out")
    if before.findings > _MOST:
        raise NotPossible(f"incident {before.number} has {before.findings:,} findings; more than {_MOST:,} cannot be split")


def _work(keeper: Incident, taken: Incident) -> tuple[Status, str]:
    """Return status and owner after a merge: work that somebody has begun on either goes on."""
    working = keeper if keeper.is_open or not taken.is_open else taken
    return working.status, keeper.owner or taken.owner


def _is_split_off(connection: sa.Connection, one: Incident, other: Incident) -> bool:
    table = schema.incident_link
    pair = (table.c.incident == one.id) & (table.c.other == other.id) & (table.c.why == SPLIT)
    return connection.execute(sa.select(table.c.why).where(pair)).first() is not None


def _parts(before: Incident, every: list[Member], chosen: Chosen) -> tuple[list[Member], list[Member]]:
    """Return the findings that go and those that stay."""
    named = chosen.findings & {one.id for one in every} | _bearing(before.lane, every, chosen)
    events = {event for one in every if one.id in named for event in one.events}
    gone = {one.id for one in every if one.id in named or (one.events and one.events <= events)}
    going = [one for one in every if one.id in gone]
    staying = [one for one in every if one.id not in gone]
    if not going:
        raise NotPossible(
            f"nothing of incident {before.number} is chosen; `tocsin incident {before.number}` shows who and what"
        )
    if not staying:
        raise NotPossible(f"all of incident {before.number} is chosen; choose a part of it")
    return going, staying


def _bearing(lane: str, every: list[Member], chosen: Chosen) -> frozenset[str]:
    """Return the findings that bear a chosen entity; not hits that also rest on events of others: those hold both together."""
    wanted = {(kind, key_of(lane, kind, value)) for kind, value in chosen.entities}
    bearing = [one for one in every if not wanted.isdisjoint(_keys(lane, one))]
    borne = {event for one in bearing if one.kind != "hit" for event in one.events}
    others = {event for one in every if one.kind != "hit" for event in one.events} - borne
    return frozenset(one.id for one in bearing if one.kind != "hit" or others.isdisjoint(one.events))


def _keys(lane: str, one: Member, *, strong: bool = False) -> Keys:
    seen = (found for found in one.bore if found["strong"] or not strong)
    return frozenset((found["kind"], key_of(lane, found["kind"], found["value"])) for found in seen)


def _new(before: Incident, identity: int, act: Act) -> Incident:
    return replace(
        before, id=identity, status=before.status if before.is_open else Status.NEW, verdict=None,
        opened=act.now, sequence=0, told=act.now, told_count=0, version=0, count=0, findings=0,
    )  # fmt: skip


def _made(one: Incident, members: list[Member], names: Mapping[str, str]) -> Incident:
    """Return ``one`` as these findings alone make it; what it is called follows from the gravest of them."""
    rows = [_finding(one, member) for member in members]
    opener = min(rows, key=lambda row: (row["first_us"], row["finding.id"]))
    lead = min(rows, key=lead_rank)
    strong = [(seen["kind"], seen["value"]) for seen in opener["observables"] if seen["strong"]]
    communes = _communes(one, members)
    return replace(
        one,
        severity=max(member.severity for member in members),
        communes=communes,
        first=min(member.first for member in members),
        last=max(member.last for member in members),
        opener=(opener["first_us"], opener["finding.id"]),
        fingerprint=fingerprint_of(one.lane, opener["rule.id"], strong),
        lead=lead_rank(lead),
        title=sentence_of({**lead, "communes": communes}, names),
    )


def _finding(one: Incident, member: Member) -> dict[str, Any]:
    return {
        "finding.id": member.id,
        "kind": member.kind,
        "rule.id": member.rule_id,
        "rule.title": member.title,
        "rule.tags": member.tags,
        "lane": one.lane,
        "severity": int(member.severity),
        "first_us": _micros(member.first),
        "observables": member.bore,
    }


def _micros(time: datetime) -> int:
    return int(pl.Series([time], dtype=UTC_TIME).cast(pl.Int64).item())


def _communes(one: Incident, members: list[Member]) -> tuple[str, ...]:
    """Return the communes of a part: those whose observables it bears; all when that does not say."""
    if one.lane not in perimeter.COMMON_LANES:
        return one.communes
    said = {str(seen.get("commune")) for member in members for seen in member.bore} - {SHARED, UNATTRIBUTED}
    return tuple(sorted(said & {*one.communes})) or one.communes


def _counted(connection: sa.Connection, one: Incident) -> Incident:
    events, findings = splits.count_members(connection, one.id)
    return replace(one, count=events, findings=findings)


def _spans(members: list[Member], lane: str, grouping: Keys, gap: timedelta, pinned: Keys = frozenset()) -> pl.DataFrame:
    """Return the spans of these findings, by the observables that grouped them before; by what is pinned where they bear it."""
    rows = []
    for one in members:
        strong = _keys(lane, one, strong=True)
        keys = strong & pinned or strong & grouping or {("rule", one.rule_id)}
        rows += [(lane, kind, value, one.first, one.last, 0) for kind, value in sorted(keys)]
    columns = {name: dtype for name, dtype in SPAN.items() if name != "id"}
    linked = runs(pl.DataFrame(rows, schema=columns, orient="row"), gap_column(TriageSettings(gap=gap)))
    wide = linked.group_by("lane", "kind", "value", "run").agg(pl.col("first").min(), pl.col("last").max())
    return wide.drop("run")


def _pin(
    connection: sa.Connection,
    new: Incident,
    sides: tuple[list[Member], list[Member]],
    by: tuple[Chosen, Keys],
    act: Act,
) -> Keys:
    """Pin to ``new`` the entities it was chosen by, and what grouped its findings and none of those that stay."""
    chosen, grouping = by
    ours, theirs = ({key for one in side for key in _keys(new.lane, one, strong=True)} for side in sides)
    wanted = {(kind, key_of(new.lane, kind, value)) for kind, value in chosen.entities}
    pinned = frozenset((ours - theirs | wanted) & ours & grouping)
    said = {"lane": new.lane, "incident": new.id, "person": act.person, "at": act.now}
    splits.pin(connection, [{**said, "kind": kind, "value": value} for kind, value in sorted(pinned)])
    return pinned


def _touched(one: Incident, act: Act, before: Incident) -> Incident:
    """Return ``one`` with all that an act of a person on ``before`` moves."""
    return replace(
        one, touched=True, updated=act.now, version=before.version + 1, sequence=before.sequence + 1,
        told=act.now, told_count=before.count,
    )  # fmt: skip


def _link(connection: sa.Connection, one: int, other: int, why: str) -> None:
    put = insert(schema.incident_link)
    row = {"incident": one, "other": other, "why": why}
    connection.execute(put.on_conflict_do_update(index_elements=["incident", "other"], set_={"why": put.excluded.why}), row)


def _from_to(before: Incident | None, after: Incident) -> dict[str, Any]:
    """Return what of the incident became what; ``before`` None: it was not there."""
    names = [
        name for name in ("status", "owner", "findings") if before is None or getattr(before, name) != getattr(after, name)
    ]
    sides = [{name: _plain(getattr(one, name)) for name in names} if one else {} for one in (before, after)]
    return {"from": sides[0], "to": sides[1]}


def _plain(value: object) -> object:
    return value if isinstance(value, int) else str(value)


def _leave(connection: sa.Connection, after: Incident, change: str, text: str, act: Act, detail: Mapping[str, Any]) -> None:
    """Leave the trace of an act: evidence, history, a message to every sink, audit."""
    evidence.freeze(connection, [after.id], act.now)
    entries, head = evidence.head(connection, after.id)
    moved = {name: detail[name] for name in ("from", "to")}
    outbox.note(connection, after.id, change, text, now=act.now, person=act.person, detail=moved)
    outbox.tell(connection, after, change, sinks=act.sinks, install=act.install, now=act.now)
    word = {"opened": "incident split off", "merged": "incident merged"}.get(change, "incident regrouped")
    told = {**detail, "evidence": {"entries": entries, "head": head}}
    row = {"at": act.now, "person": act.person, "act": word, "object": after.number, "detail": told}
    connection.execute(sa.insert(schema.audit).values(row))
