"""Playbooks: what people do about a family of incidents, step by step, and which of them an incident calls for."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

#: The playbook of what no other one is for.
GENERIC = "generic"
_MOST = 3  # playbooks suggested at once: more is a book nobody opens


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. ``key`` (playbook/step) never changes: ticks hang on it."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Playbook:
    """Steps for a family of rules, and how to know the family.

    ``techniques``: beginnings of ATT&CK techniques (t1110 stands for t1110.003), ``titles``: words of rules' titles,
    ``datasets``: beginnings of event datasets, ``kinds``: kinds of observables; all in lower case.
    ``covers``: playbooks that need not be suggested where this one is.
    """

    id: str
    title: str
    steps: tuple[Step, ...]
    techniques: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Traits:
    """What an incident is known by: tags and titles of its rules, datasets of its events, kinds of what it is about."""

    tags: Collection[str] = ()
    titles: Collection[str] = ()
    datasets: Collection[str] = ()
    kinds: Collection[str] = ()


def suggest(playbooks: Sequence[Playbook], traits: Traits) -> list[Playbook]:
    """Return the playbooks an incident calls for, the most urgent first, three at most; the generic one when none fits."""
    fitting = [one for one in playbooks if one.id != GENERIC and _fits(one, traits)]
    covered = {other for one in fitting for other in one.covers}
    return [one for one in fitting if one.id not in covered][:_MOST] or [one for one in playbooks if one.id == GENERIC]


def _fits(playbook: Playbook, traits: Traits) -> bool:
    techniques = [tag.lower().removeprefix("attack.") for tag in traits.tags]
    return (
        _any_begins(techniques, playbook.techniques)
        or _any_begins([one.lower() for one in traits.datasets], playbook.datasets)
        or any(_says(title, words) for title in traits.titles for words in playbook.titles)
        or any(kind in playbook.kinds for kind in traits.kinds)
    )


def _any_begins(values: Iterable[str], beginnings: tuple[str, ...]) -> bool:
    return any(value.startswith(beginnings) for value in values) if beginnings else False


def _says(title: str, words: str) -> bool:
    """Say whether a title has these words, whole: ``rib`` is not in ``distribution``."""
    plain = " ".join("".join(sign if sign.isalnum() else " " for sign in title.lower()).split())
    return f" {words} " in f" {plain} "
