"""The French sentence of an incident, as its reader sees it."""

from collections.abc import Sequence

import pytest

from correlator.triage.sentence import _TACTICS, _TECHNIQUES, act_of, sentence_of

NAMES = {"00105": "Les Aulnées", "00106": "Quelvain", "00199": "Le Vernay"}


def sentence(*observables: tuple[str, str, str], lane: str = "00106", tags: Sequence[str] = ("attack.t1110.003",)) -> str:
    """Return the sentence of a finding with (kind, role, value) observables."""
    seen = [{"kind": kind, "role": role, "value": value, "strong": True} for kind, role, value in observables]
    finding = {"observables": seen, "lane": lane, "communes": ["00105", "00106"], "rule.tags": list(tags), "rule.title": "T"}
    return sentence_of(finding, NAMES)


ANA, IP, HOST = ("user", "actor", "ana"), ("ip", "source", "198.51.100.24"), ("host", "host", "SRV-1")


@pytest.mark.parametrize(
    ("observables", "begins"),
    [
        ((ANA, IP, HOST), "ana depuis 198.51.100.24 a essayé un même mot de passe sur plusieurs comptes sur SRV-1 à"),
        ((IP, ("user", "target", "bo")), "198.51.100.24 a essayé un même mot de passe sur plusieurs comptes visant bo à"),
        ((ANA, ("ip", "target", "203.0.113.5")), "ana a essayé un même mot de passe sur plusieurs comptes vers 203.0.113.5 à"),
        ((IP, *(("user", "actor", name) for name in "abcd")), "198.51.100.24 a essayé"),
        ((*(("user", "actor", name) for name in "abcd"),), "4 comptes ont essayé"),
        ((), "Un auteur inconnu a essayé"),
    ],
)
def test_subject_act_and_object(observables: tuple[tuple[str, str, str], ...], begins: str) -> None:
    """Who did what to whom; many names become a number."""
    assert sentence(*observables).startswith(begins)


@pytest.mark.parametrize("tag", [*_TECHNIQUES, *_TACTICS, "none"])
def test_every_act_has_its_plural(tag: str) -> None:
    """Two people *have* done it."""
    text = sentence(ANA, ("user", "actor", "bo"), tags=[f"attack.{tag}"])
    assert text.startswith(("ana et bo ont ", "ana et bo sont passés ", "ana et bo se sont "))


@pytest.mark.parametrize(
    ("lane", "place"),
    [
        ("00106", "à Quelvain"),
        ("00105", "aux Aulnées"),
        ("00199", "au Vernay"),
        ("shared", "(moyens partagés)"),
        ("unattributed", "(commune à rattacher)"),
        ("cross", "dans plusieurs communes (Les Aulnées, Quelvain)"),
        ("00123", "à 00123"),
    ],
)
def test_the_commune_is_said_as_french_says_it(lane: str, place: str) -> None:
    """Contracted articles, and the lanes that are no commune."""
    assert sentence(ANA, lane=lane).endswith(f"{place} : « T »")


@pytest.mark.parametrize(
    ("tags", "act"),
    [
        (["attack.credential-access", "attack.t1110.003"], "a essayé un même mot de passe sur plusieurs comptes"),
        (["attack.t1110.001"], "a essayé de deviner des mots de passe"),
        (["attack.persistence", "attack.impact"], "a porté atteinte aux données ou aux services"),
        (["attack.lateral_movement"], "est passé d’une machine à une autre"),
        (["cve.2024-0001"], "a déclenché une règle"),
    ],
)
def test_the_act_comes_from_the_tags(tags: list[str], act: str) -> None:
    """Sub-technique, then technique, then the latest tactic."""
    assert act_of(tags) == act
