"""SQL for both databases: PostgreSQL's ``INSERT … ON CONFLICT``, which SQLAlchemy also compiles for SQLite; two functions."""

from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

__all__ = ["Greatest", "Least", "insert"]


class Least(GenericFunction[Any]):
    """The least of its arguments: ``least`` of PostgreSQL, ``min`` of SQLite."""

    name = "least"
    inherit_cache = True


class Greatest(GenericFunction[Any]):
    """The greatest of its arguments: ``greatest`` of PostgreSQL, ``max`` of SQLite."""

    name = "greatest"
    inherit_cache = True


@compiles(Least, "sqlite")
def _min(element: Least, compiler: Any, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's compiler has no public type
    return f"min{compiler.process(element.clause_expr, **options)}"


@compiles(Greatest, "sqlite")
def _max(element: Greatest, compiler: Any, **options: Any) -> str:  # noqa: ANN401 - same
    return f"max{compiler.process(element.clause_expr, **options)}"
