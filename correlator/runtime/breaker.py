"""The noisy-rule breaker in the transaction of a batch: what is too much goes into the rule's digest, one incident a day.

A digest is never silent: it is an incident of the rule's own level, with exact counts and examples, told like any other. It
joins nothing and nothing joins it: what hangs together by chance must not carry one commune's noise into an attack.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import sqlalchemy as sa
import structlog

from correlator.config.settings import Settings
from correlator.model.incident import Incident, Status, fingerprint_of
from correlator.model.noise import Budget, Digest
from correlator.model.outcome import Outcome, Told, TriageSettings
from correlator.model.severity import Severity
from correlator.store import noise, outbox, schema
from correlator.store.database import reading, transaction
from correlator.store.incidents import next_id
from correlator.store.outcomes import put_incidents
from correlator.store.times import to_micros
from correlator.store.upsert import Greatest, insert
from correlator.store.views import incident_of
from correlator.telemetry.metrics import Metrics
from correlator.triage import breaker

_ENTITIES, _DOCUMENTS = 200, 20
#: A rule that gathered nothing for so long is quiet again.
CALM = timedelta(hours=2)
_KEPT = timedelta(days=8)
_PLACES = {"shared": "moyens partagés", "cross": "plusieurs communes", "unattributed": "à rattacher"}
log = structlog.get_logger()


def divert(
    connection: sa.Connection, findings: pl.DataFrame, budgets: Callable[[str], Budget], settings: TriageSettings
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the findings for triage and those for digests, and note what the rules said; call it before triage."""
    wanted = breaker.asked(findings, settings.minimum)
    if wanted is None:
        return findings, _with_day(findings.clear(), settings)
    again, fresh = _again(connection, findings)
    done = breaker.divert(fresh, noise.read_hours(connection, *wanted), budgets, settings.minimum, settings.time_zone)
    noise.write_hours(connection, done.said)
    return done.passing, pl.concat([done.gathered, _with_day(again, settings)])


def _again(connection: sa.Connection, findings: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the hits that are in a digest already, and everything else: detections never come again."""
    hits = findings.filter(pl.col("kind") == "hit")
    known = noise.gathered_before(connection, hits.get_column("finding.id").to_list()) if hits.height else set()
    if not known:
        return findings.clear(), findings
    is_known = pl.struct("finding.id", "lane").is_in([{"finding.id": one, "lane": lane} for one, lane in known])
    return findings.filter(is_known), findings.filter(~is_known)


def _with_day(findings: pl.DataFrame, settings: TriageSettings) -> pl.DataFrame:
    local = pl.col("first").dt.convert_time_zone(settings.time_zone)
    return findings.with_columns(local.dt.strftime("%Y-%m-%d").alias("day"))


def gather(
    connection: sa.Connection, gathered: pl.DataFrame, settings: Settings, names: Mapping[str, str], now: datetime
) -> tuple[Told, ...]:
    """Put what was too much into its digests and tell what changed; call it after triage has taken its numbers."""
    told: list[Told] = []
    parts = gathered.partition_by("rule.id", "lane", "day", as_dict=True, maintain_order=True)
    for (rule, lane, day), part in sorted(parts.items()):
        told += _grow(connection, (str(rule), str(lane), str(day)), part, settings, names, now)
    return tuple(told)


def _grow(
    connection: sa.Connection, key: tuple[str, str, str], part: pl.DataFrame, settings: Settings, names: Mapping[str, str],
    now: datetime,
) -> list[Told]:  # fmt: skip
    rule_id, lane, day = key
    known = noise.find_digest(connection, *key)
    before = _incident(connection, known.incident) if known else None
    first, last = part.select(pl.col("first").min().alias("first"), pl.col("last").max().alias("last")).row(0)
    title = str(part.item(0, "rule.title") or "")
    opened = before or _opened(connection, key, part, settings, now)
    if before is None:
        put_incidents(connection, [opened])  # what follows refers to it
    members = [{"finding_id": one, "lane": lane, "rule_id": rule_id} for one in part.get_column("finding.id").unique()]
    new = noise.add_members(connection, opened.id, members)
    if known and not new:
        return []
    digest = Digest(rule_id, lane, day, opened.id, title, first, last, new)
    if known:
        ends = {"since": min(known.since, first), "last": max(known.last, last)}
        digest = replace(known, rule_title=title, counted=known.counted + new, ended=None, **ends)
    noise.put_digest(connection, digest)
    grown = _grown(opened, digest, part, names, settings.time_zone, now)
    change = _change(before, grown, known, now)
    after = _after_telling(grown, now, change) if change else grown
    put_incidents(connection, [after])
    _keep(connection, after, part, new)
    if not change:
        return []
    outbox.note(connection, after.id, change, after.title, now=now)
    outbox.tell(connection, after, change, sinks=settings.sinks, install=settings.install, now=now)
    return [Told(after.id, change, after.title)]


def _incident(connection: sa.Connection, identity: int) -> Incident | None:
    query = sa.select(schema.incident).where(schema.incident.c.id == identity).with_for_update()
    row = connection.execute(query).mappings().first()
    return None if row is None else incident_of(row)


def _opened(
    connection: sa.Connection, key: tuple[str, str, str], part: pl.DataFrame, settings: Settings, now: datetime
) -> Incident:
    rule_id, lane, day = key
    identity = next_id(connection, now.astimezone(ZoneInfo(settings.time_zone)).year)
    severity = Severity.of(part.item(0, "rule.level") or "medium")
    first = part.get_column("first").min()
    finding = str(part.item(0, "finding.id"))
    micros = to_micros(first if isinstance(first, datetime) else now)
    return Incident(
        id=identity, lane=lane, status=Status.NEW, verdict=None, severity=severity, title="",
        fingerprint=fingerprint_of(lane, rule_id, [("digest", day)]), communes=(), first=now, last=now, opened=now, updated=now,
        count=0, findings=0, opener=(micros, finding), lead=(-int(severity), 1, micros, finding), told=now, version=0,
    )  # fmt: skip


def _grown(
    before: Incident, digest: Digest, part: pl.DataFrame, names: Mapping[str, str], zone: str, now: datetime
) -> Incident:
    seen = part.get_column("communes").explode(empty_as_null=True).drop_nulls().unique().to_list()
    place = _PLACES.get(digest.lane) or names.get(digest.lane, digest.lane)
    since = digest.since.astimezone(ZoneInfo(zone))
    counted = f"{digest.counted:,}".replace(",", " ")
    what = f"« {digest.rule_title} », {counted} constats de plus regroupés ici depuis {since:%H:%M}"
    return replace(
        before,
        title=f"Règle bruyante ({place}) : {what}",
        communes=tuple(sorted({*before.communes, *map(str, seen)})),
        first=digest.since,
        last=digest.last,
        updated=now,
        count=digest.counted,
        findings=digest.counted,
        version=before.version + 1,
    )


def _change(before: Incident | None, after: Incident, known: Digest | None, now: datetime) -> str:
    """Return what to tell: it opened, it speaks again, it doubled; of a critical one as often as of any incident."""
    if before is None:
        return "opened"
    if before.status is Status.RESOLVED and (after.severity is Severity.CRITICAL or (known and known.ended)):
        return "reopened"
    waited = before.told is None or now - before.told >= TriageSettings().retell
    is_due = after.count >= 2 * before.told_count or (waited and after.severity is Severity.CRITICAL)
    return "updated" if before.takes_findings and is_due else ""


def _after_telling(incident: Incident, now: datetime, change: str) -> Incident:
    status = Status.NEW if change == "reopened" else incident.status
    return replace(incident, status=status, sequence=incident.sequence + 1, told=now, told_count=incident.count)


def _keep(connection: sa.Connection, after: Incident, part: pl.DataFrame, new: int) -> None:
    """Keep what people look at: the rule with its exact count, the first things it spoke of, the first events."""
    first, last = part.select(pl.col("first").min().alias("a"), pl.col("last").max().alias("b")).row(0)
    rule = {
        "incident": after.id, "rule_id": part.item(0, "rule.id"), "kind": part.item(0, "kind"), "first": first, "last": last,
        "title": part.item(0, "rule.title") or "", "level": part.item(0, "rule.level") or "medium", "count": new,
        "tags": list(part.item(0, "rule.tags")) if part.item(0, "rule.tags") is not None else [],
    }  # fmt: skip
    put = insert(schema.incident_rule)
    grown = {
        "count": schema.incident_rule.c.count + put.excluded.count,
        "last": Greatest(schema.incident_rule.c.last, put.excluded.last),
    }
    connection.execute(put.on_conflict_do_update(index_elements=["incident", "rule_id"], set_=grown), rule)
    entities, documents = noise.room_for(connection, after.id, _ENTITIES, _DOCUMENTS)
    for row in _entities(part.head(_ENTITIES), after.id)[:entities]:
        connection.execute(insert(schema.incident_entity).on_conflict_do_nothing(), row)
    for row in _documents(part, after.id, documents):
        connection.execute(insert(schema.incident_evidence).on_conflict_do_nothing(), row)


def _entities(part: pl.DataFrame, incident: int) -> list[dict[str, object]]:
    seen = part.select("observables").explode("observables", empty_as_null=True).drop_nulls().unnest("observables")
    keys = ["kind", pl.col("value").str.to_lowercase(), "role"]
    found = seen.drop_nulls(["kind", "value"]).group_by(*keys, maintain_order=True).agg(
        shown=pl.col("value").first(), commune=pl.col("commune").first().fill_null(""), count=pl.len()
    )  # fmt: skip
    # weak, whatever they are elsewhere: a digest groups nothing
    return [{**row, "incident": incident, "strong": False} for row in found.to_dicts()]


def _documents(part: pl.DataFrame, incident: int, most: int) -> Iterable[dict[str, object]]:
    rows = part.filter(pl.col("document").is_not_null()).sort("first").head(most)
    for rule, ids, at, text in rows.select("rule.id", "event.ids", "first", "document").iter_rows():
        digest = hashlib.sha256(text.encode()).hexdigest()
        yield {"incident": incident, "event_id": ids[0], "at": at, "rule_id": rule, "document": text, "sha256": digest}


def rest(engine: sa.Engine, settings: Settings, metrics: Metrics, now: datetime) -> None:
    """End the digests of rules that are quiet again, set the gauges, forget old hours: a duty, every few minutes."""
    with reading(engine) as connection:
        still = noise.digests(connection, only_open=True)
    for one in still:
        if now - one.last >= CALM:
            _end(engine, settings, one, now)
    lanes = [one.lane for one in still if now - one.last < CALM]
    metrics.show("tocsin_triage_noisy_rules", {(lane,): float(lanes.count(lane)) for lane in {*lanes}})
    with transaction(engine) as connection:
        noise.forget_hours(connection, now - _KEPT)


def _end(engine: sa.Engine, settings: Settings, one: Digest, now: datetime) -> None:
    with transaction(engine) as connection:
        known = noise.find_digest(connection, one.rule_id, one.lane, one.day)
        if known is None or known.ended or now - known.last < CALM:
            return
        noise.put_digest(connection, replace(known, ended=now))
        before = _incident(connection, known.incident)
        if before is None or before.status is not Status.NEW or before.touched:
            return  # somebody works on it
        text = f"La règle est redevenue calme : {known.counted} constats en tout."
        after = replace(before, status=Status.RESOLVED, updated=now, sequence=before.sequence + 1, version=before.version + 1)
        put_incidents(connection, [after])
        outbox.note(connection, after.id, "resolved", text, now=now)
        outbox.tell(connection, after, "resolved", sinks=settings.sinks, install=settings.install, now=now)
    log.info("A noisy rule is quiet again.", rule=one.rule_id, lane=one.lane, counted=known.counted)


def with_told(outcome: Outcome, told: tuple[Told, ...]) -> Outcome:
    """Return what triage decided with what digests had to say."""
    return replace(outcome, told=(*outcome.told, *told)) if told else outcome
