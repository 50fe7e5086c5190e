"""Times in the database: integer microseconds UTC on SQLite, timestamptz elsewhere."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(time: datetime) -> int:
    """Return the microseconds between 1970 and ``time``, which must know its zone."""
    return (time - EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the UTC time ``micros`` microseconds after 1970."""
    return EPOCH + micros * _MICROSECOND


class UtcTime(TypeDecorator[datetime]):
    """A column of UTC times; Python sees aware datetimes. Naive ones are refused: they have cost others whole nights."""

    impl = sa.BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[datetime] | TypeEngine[int]:
        """Return timestamptz where the database has it."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.BigInteger())
        return dialect.type_descriptor(sa.DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | int | None:
        """Return what the driver gets."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no zone; store aware times only")
        return to_micros(value) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | int | None, dialect: Dialect) -> datetime | None:
        """Return what Python gets."""
        del dialect
        return from_micros(value) if isinstance(value, int) else value
