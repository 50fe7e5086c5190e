"""Records within records: what a container carries is read by the parser of the program that wrote it.

A journal holds what sshd, Postfix or a database said, word for word. So its parser says which line a record stands for, and
the parser that claims the line reads it, as if it had come by itself; the original stays the container's.
"""

from collections.abc import Mapping

import polars as pl

from correlator.errors import Problem
from correlator.parse.contract import Parser
from correlator.parse.route import claims

__all__ = ["unpacked"]

#: Signatures of this rank or more claim whatever comes: then the container knows more about its record than they do.
_ANYBODY = 80


def unpacked(rows: pl.DataFrame, parsers: Mapping[str, Parser], problems: list[Problem]) -> pl.DataFrame:
    """Return ``rows`` (``parser``, ``text``) with carried lines in place of their containers, and their parsers.

    A container that fails keeps its records: ``problems`` gets why.
    """
    inner = [parser for parser in parsers.values() if parser.carries is None and parser.signature.rank < _ANYBODY]
    for name in rows.get_column("parser").unique().drop_nulls().to_list():
        if parsers[name].carries is not None:
            rows = _opened(rows, parsers[name], inner, problems)
    return rows


def _opened(rows: pl.DataFrame, container: Parser, inner: list[Parser], problems: list[Problem]) -> pl.DataFrame:
    mine = rows.get_column("parser") == container.name
    held = rows.filter(mine)
    try:
        lines = container.carries(held) if container.carries else pl.Series("line", [None] * held.height, dtype=pl.String)
    except Exception as error:  # noqa: BLE001 - whatever a parser raises, its rows keep a fate and the batch goes on
        what = f"carries raised {type(error).__name__}: {str(error)[:200]} ({held.height} records)"
        problems.append(Problem(f"parser {container.name}", 0, what, "it must give null for a record that carries nothing"))
        return rows
    owners = claims(lines, lines.is_not_null(), inner)
    places, is_claimed = mine.arg_true(), owners.is_not_null()
    if not is_claimed.any():
        return rows
    taken = places.filter(is_claimed)
    return rows.with_columns(
        rows.get_column("text").scatter(taken, lines.filter(is_claimed)).alias("text"),
        rows.get_column("parser").scatter(taken, owners.filter(is_claimed)).alias("parser"),
    )
