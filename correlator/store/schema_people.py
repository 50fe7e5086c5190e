"""The tables of people: accounts, what they say about services, clocks, mutes, calls. Same ``metadata`` as ``schema``."""

import sqlalchemy as sa

from correlator.store.schema import ID, metadata
from correlator.store.times import UtcTime

person = sa.Table(
    "person",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("login", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("communes", sa.JSON, nullable=False),  # list of ids; null in JSON: all
    sa.Column("shared", sa.Boolean, nullable=False),
    sa.Column("password", sa.Text, nullable=False),  # argon2id; empty: cannot sign in
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("locked_until", UtcTime),
    sa.Column("language", sa.Text, nullable=False, server_default="fr"),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("disabled", UtcTime),
)

session = sa.Table(
    "session",
    metadata,
    sa.Column("token_hash", sa.Text, primary_key=True),  # sha256 of what the browser holds
    sa.Column("person", ID, sa.ForeignKey("person.id"), nullable=False),
    sa.Column("csrf", sa.Text, nullable=False),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("seen", UtcTime, nullable=False),
    sa.Column("expires", UtcTime, nullable=False),
    sa.Column("address", sa.Text, nullable=False, server_default=""),
)

service_state = sa.Table(  # what people say of a service; what logs say is computed, never stored
    "service_state",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("commune", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("since", UtcTime, nullable=False),
    sa.Column("until", UtcTime),  # when it stops holding by itself; null: until withdrawn
    sa.Column("text", sa.Text, nullable=False, server_default=""),
    sa.Column("waiting", sa.Integer),  # acts waiting on paper
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("withdrawn", UtcTime),
    sa.Index("service_state_place", "service", "commune"),
)

clock = sa.Table(
    "clock",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("commune", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False, server_default=""),  # "naissance du 16/11, registre papier n° 12"
    sa.Column("incident", ID, sa.ForeignKey("incident.id")),
    sa.Column("started", UtcTime, nullable=False),  # awareness or fact
    sa.Column("due", UtcTime),  # null: no figure
    sa.Column("person", sa.Text, nullable=False),  # who signed the start
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("closed", UtcTime),
    sa.Column("closed_by", sa.Text),
    sa.Column("proof", sa.Text, nullable=False, server_default=""),  # receipt number, act number
    sa.Index("clock_open", "closed", "due"),
)

exception = sa.Table(  # what people see as a mute: a Sigma filter with owner, reason, end
    "exception",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),  # uuid of the Sigma filter
    sa.Column("rule_id", sa.Text, nullable=False),  # "" : every rule
    sa.Column("commune", sa.Text, nullable=False),  # "" : every commune
    sa.Column("field", sa.Text, nullable=False, server_default=""),
    sa.Column("value", sa.Text, nullable=False, server_default=""),
    sa.Column("filter", sa.Text, nullable=False),  # the Sigma filter, YAML
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("incident", ID, sa.ForeignKey("incident.id")),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("ends", UtcTime, nullable=False),
    sa.Column("withdrawn", UtcTime),
    sa.Column("withdrawn_by", sa.Text),
    sa.Column("hidden", sa.BigInteger, nullable=False, server_default="0"),  # detections it kept out of incidents
    sa.Column("hidden_last", UtcTime),
    sa.Column("starts", UtcTime),  # null: whatever happened before counts, too
    sa.Column("narrow", sa.JSON),  # fields, any_of, weekly, zone of its scope; null in JSON or SQL: none
)

rule_pause = sa.Table(  # `rules disable ID --for 7d --because …`
    "rule_pause",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("rule_id", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("ends", UtcTime, nullable=False),
    sa.Column("withdrawn", UtcTime),
)

rule_activity = sa.Table(  # what a rule did on a UTC day: the author's page
    "rule_activity",
    metadata,
    sa.Column("rule_id", sa.Text, primary_key=True),
    sa.Column("day", sa.Integer, primary_key=True),  # days since 1970
    sa.Column("count", sa.BigInteger, nullable=False),  # detections, or hits of a correlation
    sa.Column("last", UtcTime, nullable=False),
    sqlite_with_rowid=False,
)

page = sa.Table(  # one call for one incident (or a silence of Tocsin itself): somebody is being reached
    "page",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("incident", ID, sa.ForeignKey("incident.id")),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("criterion", sa.Text, nullable=False),
    sa.Column("opened", UtcTime, nullable=False),
    sa.Column("step", sa.Integer, nullable=False, server_default="0"),  # rung of the ladder
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),  # on this rung
    sa.Column("next_try", UtcTime, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="open"),  # open, acknowledged, ended
    sa.Column("person", sa.Text),  # who acknowledged
    sa.Column("ended", UtcTime),
    sa.Column("lease_owner", sa.Text),
    sa.Column("lease_until", UtcTime),
    sa.UniqueConstraint("incident", "criterion"),
)

page_try = sa.Table(
    "page_try",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("page", ID, sa.ForeignKey("page.id"), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("contact", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),  # sms, mail, webhook …
    sa.Column("result", sa.Text, nullable=False),  # sent, handed (to what sends later), or why not
    sa.Column("number", sa.Integer, nullable=False, server_default="0"),  # of the try: its channels share it
    sa.Column("reference", sa.Text, nullable=False, server_default=""),
)

heartbeat = sa.Table(  # last sign of life of each part: pipeline, deliver, oncall, board …
    "heartbeat",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
)

hold = sa.Table(  # an incident whose data a procedure needs: retention removes nothing of it until it is released
    "hold",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("incident", ID, sa.ForeignKey("incident.id"), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("released", UtcTime),
    sa.Column("released_by", sa.Text),
    sa.Index("hold_incident", "incident"),
)
