"""People: accounts, sessions, statements about services, clocks, mutes, pauses, calls; the owner of an incident."""

import sqlalchemy as sa
from alembic import op

from correlator.store.times import UtcTime

revision = "0002"
down_revision = "0001"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables of people."""
    op.add_column("incident", sa.Column("owner", sa.Text(), nullable=False, server_default=""))
    op.add_column("incident_entity", sa.Column("commune", sa.Text(), nullable=False, server_default=""))
    op.add_column("external_ref", sa.Column("checked", UtcTime()))
    op.create_index("incident_updated", "incident", ["updated"])
    op.create_index("audit_person", "audit", ["person", "at"])
    _accounts()
    _services()
    _rules()
    _calls()
    _holds()


def downgrade() -> None:
    """Take them away again; what people wrote there is lost."""
    tables = (
        "hold",
        "page_try",
        "page",
        "heartbeat",
        "rule_activity",
        "rule_pause",
        "exception",
        "clock",
        "service_state",
        "session",
    )
    for name in (*tables, "person"):
        op.drop_table(name)
    op.drop_index("incident_updated", "incident")
    op.drop_index("audit_person", "audit")
    op.drop_column("incident", "owner")  # not in a batch: that makes the table anew, and what refers to it forbids it
    op.drop_column("incident_entity", "commune")
    op.drop_column("external_ref", "checked")


def _accounts() -> None:
    op.create_table(
        "person",
        sa.Column("id", ID, primary_key=True),
        sa.Column("login", sa.Text(), nullable=False, unique=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("communes", sa.JSON(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("locked_until", UtcTime()),
        sa.Column("language", sa.Text(), nullable=False, server_default="fr"),
        sa.Column("created", UtcTime(), nullable=False),
        sa.Column("disabled", UtcTime()),
    )
    op.create_table(
        "session",
        sa.Column("token_hash", sa.Text(), primary_key=True),
        sa.Column("person", ID, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("csrf", sa.Text(), nullable=False),
        sa.Column("created", UtcTime(), nullable=False),
        sa.Column("seen", UtcTime(), nullable=False),
        sa.Column("expires", UtcTime(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False, server_default=""),
    )


def _services() -> None:
    op.create_table(
        "service_state",
        sa.Column("id", ID, primary_key=True),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("commune", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", UtcTime(), nullable=False),
        sa.Column("until", UtcTime()),
        sa.Column("text", sa.Text(), nullable=False, server_default=""),
        sa.Column("waiting", sa.Integer()),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("withdrawn", UtcTime()),
    )
    op.create_index("service_state_place", "service_state", ["service", "commune"])
    op.create_table(
        "clock",
        sa.Column("id", ID, primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("commune", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False, server_default=""),
        sa.Column("incident", ID, sa.ForeignKey("incident.id")),
        sa.Column("started", UtcTime(), nullable=False),
        sa.Column("due", UtcTime()),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("closed", UtcTime()),
        sa.Column("closed_by", sa.Text()),
        sa.Column("proof", sa.Text(), nullable=False, server_default=""),
    )
    op.create_index("clock_open", "clock", ["closed", "due"])


def _rules() -> None:
    op.create_table(
        "exception",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("commune", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False, server_default=""),
        sa.Column("value", sa.Text(), nullable=False, server_default=""),
        sa.Column("filter", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("incident", ID, sa.ForeignKey("incident.id")),
        sa.Column("created", UtcTime(), nullable=False),
        sa.Column("ends", UtcTime(), nullable=False),
        sa.Column("withdrawn", UtcTime()),
        sa.Column("withdrawn_by", sa.Text()),
        sa.Column("hidden", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("hidden_last", UtcTime()),
    )
    op.create_table(
        "rule_pause",
        sa.Column("id", ID, primary_key=True),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("created", UtcTime(), nullable=False),
        sa.Column("ends", UtcTime(), nullable=False),
        sa.Column("withdrawn", UtcTime()),
    )
    op.create_table(
        "rule_activity",
        sa.Column("rule_id", sa.Text(), primary_key=True),
        sa.Column("day", sa.Integer(), primary_key=True),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("last", UtcTime(), nullable=False),
        sqlite_with_rowid=False,
    )


def _calls() -> None:
    op.create_table(
        "page",
        sa.Column("id", ID, primary_key=True),
        sa.Column("incident", ID, sa.ForeignKey("incident.id")),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("criterion", sa.Text(), nullable=False),
        sa.Column("opened", UtcTime(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("next_try", UtcTime(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, server_default="open"),
        sa.Column("person", sa.Text()),
        sa.Column("ended", UtcTime()),
        sa.Column("lease_owner", sa.Text()),
        sa.Column("lease_until", UtcTime()),
        sa.UniqueConstraint("incident", "criterion"),
    )
    op.create_table(
        "page_try",
        sa.Column("id", ID, primary_key=True),
        sa.Column("page", ID, sa.ForeignKey("page.id"), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("reference", sa.Text(), nullable=False, server_default=""),
    )
    op.create_table(
        "heartbeat",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
    )


def _holds() -> None:
    op.create_table(
        "hold",
        sa.Column("id", ID, primary_key=True),
        sa.Column("incident", ID, sa.ForeignKey("incident.id"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("created", UtcTime(), nullable=False),
        sa.Column("released", UtcTime()),
        sa.Column("released_by", sa.Text()),
    )
    op.create_index("hold_incident", "hold", ["incident"])
