"""Every table. The first migration makes the same ones; a test compares the two.

Times are ``UtcTime``: integer microseconds UTC on SQLite. ``lane`` is a lane's name everywhere but in ``lane``, which gives
each name its number. Detections have no table of their own: ``incident_finding`` says which (rule, event) belongs to which
incident, ``incident_evidence`` keeps documents, and the lake keeps every event.
"""

import sqlalchemy as sa

from correlator.store.times import UtcTime

metadata = sa.MetaData()
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite gives numbers to INTEGER keys only


def _incident(*, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column("incident", ID, sa.ForeignKey("incident.id"), nullable=False, primary_key=primary_key)


# ── where the flow stands ────────────────────────────────────────────────────────────────────────────────────────────────

position = sa.Table(
    "position",
    metadata,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("stream", sa.Text, primary_key=True),
    sa.Column("next_offset", sa.BigInteger, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False, server_default="0"),
    sa.Column("updated", UtcTime, nullable=False),
)

stream_state = sa.Table(  # what a parser's assembly must remember of a stream: its header line
    "stream_state",
    metadata,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("stream", sa.Text, primary_key=True),
    sa.Column("state", sa.LargeBinary, nullable=False),
)

lane = sa.Table(
    "lane",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, nullable=False, unique=True),
)

rule_set = sa.Table(
    "rule_set",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),  # hash of the canonical content
    sa.Column("activated", UtcTime, nullable=False),
    sa.Column("report", sa.JSON, nullable=False),  # loaded, rejected, inert, each with reasons
)

ledger = sa.Table(  # one fate per raw record, per source and hour of reception
    "ledger",
    metadata,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("hour", UtcTime, primary_key=True),
    *(
        sa.Column(fate, sa.BigInteger, nullable=False, server_default="0")
        for fate in ("received", "read", "assembled", "skipped", "rejected", "repeated", "events")
    ),
)

dead_letter = sa.Table(  # records nobody could read, requests nobody would take: whole, with the reason
    "dead_letter",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),  # record, delivery
    sa.Column("origin", sa.Text, nullable=False),  # source or sink
    sa.Column("key", sa.Text, nullable=False),  # raw id, or <external id>#<sequence>
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("place", sa.Text, nullable=False, server_default=""),  # path:line of a record
    sa.Column("body", sa.Text, nullable=False),
    sa.UniqueConstraint("kind", "origin", "key"),
)

lake_file = sa.Table(  # an event is in the lake when, and only when, its file stands here and is not retired
    "lake_file",
    metadata,
    sa.Column("path", sa.Text, primary_key=True),  # below the lake folder
    sa.Column("kind", sa.Text, nullable=False),  # segment, parquet
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("first", UtcTime),
    sa.Column("last", UtcTime),
    sa.Column("day", sa.Text),  # of Parquet files
    sa.Column("commune", sa.Text),
    sa.Column("dataset", sa.Text),
    sa.Column("added", UtcTime, nullable=False),
    sa.Column("retired", UtcTime),  # replaced by a compaction then; removed after a grace time
    sa.Index("lake_file_partition", "day", "commune", "dataset"),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("act", sa.Text, nullable=False),
    sa.Column("object", sa.Text, nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
    sa.Index("audit_person", "person", "at"),
)

# ── what was found ───────────────────────────────────────────────────────────────────────────────────────────────────────

hit = sa.Table(
    "hit",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("rule_id", sa.Text, nullable=False),
    sa.Column("rule_title", sa.Text, nullable=False),
    sa.Column("rule_level", sa.Text, nullable=False),
    sa.Column("lane", sa.Text, nullable=False),
    sa.Column("group", sa.Text, nullable=False),
    sa.Column("first", UtcTime, nullable=False),
    sa.Column("last", UtcTime, nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False),
)

hit_event = sa.Table(
    "hit_event",
    metadata,
    sa.Column("hit", sa.Text, sa.ForeignKey("hit.id"), primary_key=True),
    sa.Column("event_id", sa.Text, primary_key=True),
    sqlite_with_rowid=False,
)

incident = sa.Table(
    "incident",
    metadata,
    sa.Column("id", ID, primary_key=True, autoincrement=False),  # year × 1,000,000 + sequence: orders by age
    sa.Column("number", sa.Text, nullable=False, unique=True),  # 26-0412
    sa.Column("lane", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text),
    sa.Column("severity", sa.Integer, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("communes", sa.JSON, nullable=False),
    sa.Column("first", UtcTime, nullable=False),
    sa.Column("last", UtcTime, nullable=False),
    sa.Column("opened", UtcTime, nullable=False),
    sa.Column("updated", UtcTime, nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False),  # distinct events
    sa.Column("findings", sa.BigInteger, nullable=False),  # distinct detections and hits
    sa.Column("opener", sa.JSON, nullable=False),  # rank of the finding the fingerprint was made from
    sa.Column("lead", sa.JSON, nullable=False),  # rank of the finding the title was made from
    sa.Column("touched", sa.Boolean, nullable=False),  # a person decided something about it: never merged by itself
    sa.Column("owner", sa.Text, nullable=False, server_default=""),  # login of who works on it
    sa.Column("merged_into", ID, sa.ForeignKey("incident.id")),
    sa.Column("sequence", sa.Integer, nullable=False),  # of its last change told to sinks
    sa.Column("told", UtcTime, nullable=False),  # when that was
    sa.Column("told_count", sa.BigInteger, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),  # moves with every write; people's acts are refused when stale
    sa.Index("incident_status", "status", "last"),
    sa.Index("incident_fingerprint", "fingerprint"),
    sa.Index("incident_updated", "updated"),
)

incident_rule = sa.Table(
    "incident_rule",
    metadata,
    _incident(primary_key=True),
    sa.Column("rule_id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),  # detection, hit
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("level", sa.Text, nullable=False),
    sa.Column("tags", sa.JSON, nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False),  # findings
    sa.Column("first", UtcTime, nullable=False),
    sa.Column("last", UtcTime, nullable=False),
)

incident_finding = sa.Table(
    "incident_finding",
    metadata,
    sa.Column("finding_id", sa.Text, primary_key=True),
    sa.Column("lane", sa.Text, primary_key=True),
    _incident(primary_key=True),
    sa.Column("rule_id", sa.Text, nullable=False),
    sa.Column("first", UtcTime),
    sa.Column("last", UtcTime),
    sa.Column("bore", sa.JSON),  # its observables; null: written before they were kept
    sa.Index("incident_finding_incident", "incident"),
    sqlite_with_rowid=False,
)

incident_event = sa.Table(  # exactly which events an incident is made of; only what follows a closed one shares events with it
    "incident_event",
    metadata,
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("lane", sa.Text, primary_key=True),
    _incident(primary_key=True),
    sa.Index("incident_event_incident", "incident"),
    sqlite_with_rowid=False,
)

# What triage joins on: when a strong observable was seen in an incident, findings closer than the gap made one span.
incident_span = sa.Table(
    "incident_span",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("lane", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("value", sa.Text, nullable=False),  # case folded
    sa.Column("first", UtcTime, nullable=False),
    sa.Column("last", UtcTime, nullable=False),
    _incident(),
    sa.Index("incident_span_value", "value", "kind", "lane"),
    sa.Index("incident_span_incident", "incident"),
)

incident_entity = sa.Table(  # what is shown: every observable, strong or weak
    "incident_entity",
    metadata,
    _incident(primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, primary_key=True),  # case folded
    sa.Column("role", sa.Text, primary_key=True),
    sa.Column("shown", sa.Text, nullable=False),  # as the source wrote it
    sa.Column("strong", sa.Boolean, nullable=False),
    sa.Column("commune", sa.Text, nullable=False, server_default=""),  # its own; "" was written before it was known
    sa.Column("count", sa.BigInteger, nullable=False),  # findings that bear it
    sa.Index("incident_entity_value", "value"),
)

incident_evidence = sa.Table(  # event documents: the 100 oldest, the 100 newest, and those that hang on evidence_chain
    "incident_evidence",
    metadata,
    _incident(primary_key=True),
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("rule_id", sa.Text, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
)

incident_history = sa.Table(
    "incident_history",
    metadata,
    sa.Column("id", ID, primary_key=True),
    _incident(),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("change", sa.Text, nullable=False),
    sa.Column("person", sa.Text),  # null: Tocsin itself
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("detail", sa.JSON),  # {"from": {…}, "to": {…}}: what of the incident this changed
    sa.Index("incident_history_incident", "incident"),
)

incident_link = sa.Table(
    "incident_link",
    metadata,
    _incident(primary_key=True),
    sa.Column("other", ID, sa.ForeignKey("incident.id"), primary_key=True),
    sa.Column("why", sa.Text, nullable=False),  # merged, bridge, follows, events: the same ones in two lanes
)

# How often a strong observable is found, per UTC day and rule: what is always there groups nothing.
observable_day = sa.Table(
    "observable_day",
    metadata,
    sa.Column("value", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("lane", sa.Text, primary_key=True),
    sa.Column("day", sa.Integer, primary_key=True),  # days since 1970
    sa.Column("rule_id", sa.Text, primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# ── what goes out ────────────────────────────────────────────────────────────────────────────────────────────────────────

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("sink", sa.Text, nullable=False),
    _incident(),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("change", sa.Text, nullable=False),
    sa.Column("external_id", sa.Text, nullable=False),
    sa.Column("document", sa.JSON, nullable=False),  # the incident after the change
    sa.Column("state", sa.Text, nullable=False, server_default="pending"),  # pending, sent, dead, skipped
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_try", UtcTime, nullable=False),
    sa.Column("lease_owner", sa.Text),
    sa.Column("lease_until", UtcTime),
    sa.Column("problem", sa.Text, nullable=False, server_default=""),  # why the last try failed
    sa.UniqueConstraint("sink", "incident", "sequence"),
    sa.Index("outbox_due", "state", "next_try"),
)

external_ref = sa.Table(
    "external_ref",
    metadata,
    sa.Column("sink", sa.Text, primary_key=True),
    sa.Column("external_id", sa.Text, primary_key=True),
    sa.Column("remote_id", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False, server_default=""),
    sa.Column("updated", UtcTime, nullable=False),
    sa.Column("checked", UtcTime),  # when the ticket was last compared with the incident
)
