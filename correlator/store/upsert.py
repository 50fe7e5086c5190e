"""``INSERT … ON CONFLICT`` for both databases: PostgreSQL's construct, which SQLAlchemy also compiles for SQLite."""

from sqlalchemy.dialects.postgresql import insert

__all__ = ["insert"]
