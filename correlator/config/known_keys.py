"""Which keys a place of the settings file may hold, read off the models themselves: an error names the nearest of them."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

__all__ = ["Location", "known_keys", "untagged"]

#: Keys and indexes from the root, as pydantic gives them.
Location = tuple[str | int, ...]


def untagged(root: type[BaseModel], location: Location) -> Location:
    """Return ``location`` as it stands in the file: pydantic puts the kind of a ``[[collector]]`` between index and key."""
    return _walk(root, location)[0]


def known_keys(root: type[BaseModel], location: Location) -> list[str]:
    """Return the keys of the table that ``location`` stands in, sorted; those of the root where it is nowhere in particular."""
    models = _walk(root, location[:-1])[1] or [root]
    return sorted({key for model in models for key in model.model_fields})


def _walk(root: type[BaseModel], location: Location) -> tuple[Location, list[type[BaseModel]]]:
    """Return the keys of ``location`` without tags, and the models that may stand where it ends."""
    models, keys = [root], list[str | int]()
    for part in location:
        tagged = [model for model in models if _is_tag(model, part)]
        if tagged:
            models = tagged
            continue
        keys.append(part)
        if isinstance(part, str):
            models = [below for model in models if part in model.model_fields for below in _below(model, part)]
    return tuple(keys), models


def _is_tag(model: type[BaseModel], part: str | int) -> bool:
    kind = model.model_fields.get("kind")
    return kind is not None and part in get_args(kind.annotation)


def _below(model: type[BaseModel], key: str) -> list[type[BaseModel]]:
    return list(dict.fromkeys(_models(model.model_fields[key].annotation)))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - a type, a union, a tuple of either
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
