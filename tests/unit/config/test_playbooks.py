"""Playbooks: the bundled ones are whole and in French, a wrong file says where, and each family finds its steps."""

from pathlib import Path

import pytest

from correlator.config.playbooks import load_playbooks
from correlator.errors import InputError
from correlator.model.playbook import GENERIC, Traits, suggest

BOOKS = load_playbooks()


def suggested(**traits: list[str]) -> list[str]:
    """Return the ids of what is suggested for an incident."""
    return [one.id for one in suggest(BOOKS, Traits(**traits))]


def test_the_bundled_playbooks_are_whole() -> None:
    """Four to eight steps each (the generic one five), every key once, no step that is only a word."""
    keys = [step.key for one in BOOKS for step in one.steps]
    assert len(keys) == len(set(keys))
    assert {one.id for one in BOOKS if not 4 <= len(one.steps) <= 8} == set()
    assert [step.key for one in BOOKS for step in one.steps if len(step.text) < 60] == []
    assert BOOKS[-1].id == GENERIC


@pytest.mark.parametrize(
    ("tags", "titles", "book"),
    [
        (["attack.t1110.003"], [], "password-spray"),
        (["attack.t1078.004"], [], "account-takeover"),
        (["attack.t1114.003"], [], "mailbox-rule"),
        (["attack.t1486"], [], "ransomware"),
        (["attack.t1490"], [], "backups"),
        (["attack.t1505.003", "attack.t1059.004"], [], "webshell"),
        (["attack.t1021.002"], [], "lateral-movement"),
        (["attack.t1657"], [], "payment-fraud"),
        (["attack.t1213"], [], "personal-data"),
        (["attack.t0831"], [], "equipment"),
        ([], ["Camera Reached From Users' Network"], "equipment"),
        ([], ["Source Silent After Admin Login"], "silent-source"),
        (["attack.t1498"], [], "denial-of-service"),
        (["attack.t1566"], [], "malware"),
        (["attack.t1098.007"], [], "privileged-group"),
        (["attack.t1070.001"], [], "log-tampering"),
        (["attack.discovery"], ["Something Odd"], GENERIC),
        ([], ["Distribution List Changed"], GENERIC),  # no "rib" in it
    ],
)
def test_a_family_finds_its_playbook(tags: list[str], titles: list[str], book: str) -> None:
    """By technique, by a whole word of the title; else the generic one."""
    assert suggested(tags=tags, titles=titles)[0] == book


def test_datasets_and_kinds_choose_too_and_three_are_enough() -> None:
    """Municipal software, equipment; the most urgent first, at most three; what another covers is left out."""
    assert suggested(datasets=["municipal.civil_registry"]) == ["personal-data"]
    assert suggested(kinds=["equipment"]) == ["equipment"]
    tags = [f"attack.{one}" for one in ("t1486", "t1490", "t1505.003", "t1110", "t1059")]
    assert suggested(tags=tags) == ["ransomware", "backups", "webshell"]


def test_a_wrong_file_says_where(tmp_path: Path) -> None:
    """Every fault with its line: an unknown key, a step twice, a playbook that covers nobody."""
    path = tmp_path / "p.toml"
    path.write_text(
        'version = 1\n[[playbook]]\nid = "one"\ntitle = "T"\ncovers = ["two"]\n'
        '[[playbook.step]]\nid = "a"\ntext = "x"\n[[playbook.step]]\nid = "a"\ntext = "y"\n'
        '[[playbook]]\nid = "three"\ntitle = "T"\nstep = []\n'
    )
    with pytest.raises(InputError) as raised:
        load_playbooks(path)
    told = str(raised.value)
    for words in ("p.toml:5", "two", "step 'a' is there twice", "step"):
        assert words in told
