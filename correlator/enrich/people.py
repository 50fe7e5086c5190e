"""Who is who: account or mail address → the person's name and department, out of a directory's export."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

__all__ = ["ASKED", "People", "Person"]

#: Columns that may name a person, asked in this order.
ASKED = ("user.email", "user.name", "source.user.name")


@dataclass(frozen=True, slots=True)
class Person:
    """What a directory says of a person."""

    name: str
    department: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class People:
    r"""Persons by what events call them, in lower case: account, ``DOMAIN\account`` without its domain, mail address."""

    known: Mapping[str, Person]

    def named(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return an EVENT frame with ``user.full_name``, ``user.department`` and ``user.title`` of the person it names."""
        said = [_answers(frame.get_column(name), self.known) for name in ASKED if _is_text(frame, name)]
        if not any(said):
            return frame
        persons = [
            next((person for person in row if person), None) for row in zip(*(part for part in said if part), strict=True)
        ]
        made = {
            "user.full_name": [one.name or None if one else None for one in persons],
            "user.department": [one.department or None if one else None for one in persons],
            "user.title": [one.title or None if one else None for one in persons],
        }
        columns = [pl.Series(name, values, dtype=pl.String) for name, values in made.items()]
        kept = [
            pl.coalesce(pl.col(column.name), column).alias(column.name) if column.name in frame.columns else column
            for column in columns
        ]
        return frame.with_columns(kept)


def _is_text(frame: pl.DataFrame, name: str) -> bool:
    return name in frame.columns and frame.get_column(name).dtype == pl.String


def _answers(column: pl.Series, known: Mapping[str, Person]) -> list[Person | None]:
    """Return the person of each value; an empty list where none of them is known, which is nearly always the whole answer."""
    values = column.drop_nulls().unique().to_list()
    found = {value: person for value in values if (person := known.get(value.rpartition("\\")[2].lower()))}
    return [found.get(value) for value in column.to_list()] if found else []
