"""Placeholders: which values they stand for, what the rest of the value keeps, and what is said when nobody defined them."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from correlator.cli.rules import rules
from correlator.detect.load import load_rules
from correlator.detect.plan import And, Leaf, Node, Or
from correlator.model.rule import RuleText

VALUES = {
    "Servers": ("BRP-SRV*", "SIM-FS01"),
    "Administrators": ("adm-*",),
    "nets": ("10.10.99.0/24", "2001:db8::/32"),
    "paths": ("C:\\Temp\\",),
    "many": tuple(map(str, range(200))),
}

RULE = """\
title: t
logsource:
  product: windows
detection:
  sel:
    f: x
    {item}
  condition: sel
"""


def condition_of(item: str) -> Node:
    """Return what ``item`` means beside ``f: x``."""
    loaded = load_rules([RuleText("x.yml", RULE.format(item=item))], placeholders=VALUES)
    assert loaded.problems == ()
    condition = loaded.ruleset.rules[0].condition
    assert isinstance(condition, And)
    parts = [part for part in condition.parts if part != Leaf("f", "equals", ("x",))]
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def problems_of(item: str) -> list[str]:
    """Return every fault of a rule with ``item``."""
    loaded = load_rules([RuleText("x.yml", RULE.format(item=item))], placeholders=VALUES)
    return list(map(str, loaded.problems))


@pytest.mark.parametrize(
    ("item", "meaning"),
    [
        ("h|expand: '%Servers%'", Or((Leaf("h", "startswith", ("brp-srv",)), Leaf("h", "equals", ("sim-fs01",))))),
        ("h|expand: '%Administrators%'", Leaf("h", "startswith", ("adm-",))),
        ("h: '%Servers%'", Leaf("h", "equals", ("%servers%",))),
        ("h|expand: ['%Administrators%', y]", Or((Leaf("h", "startswith", ("adm-",)), Leaf("h", "equals", ("y",))))),
        (r"h|expand: '\%Servers%'", Leaf("h", "equals", ("%servers%",))),
        (r"h|expand: '\%plain%Administrators%'", Leaf("h", "startswith", ("%plainadm-",))),
        (r"h|expand: '\\%Administrators%'", Leaf("h", "startswith", ("\\adm-",))),
        ("h|expand: '50%'", Leaf("h", "equals", ("50%",))),
        ("h|contains|expand: '%Administrators%'", Leaf("h", "contains", ("adm-",))),
        ("h|expand|endswith: '@%Administrators%x'", Leaf("h", "like", ("*@adm-*x",))),
        ("h|expand: '%paths%*'", Leaf("h", "startswith", ("c:\\temp\\",))),
        ("h|cidr|expand: '%nets%'", Leaf("h", "cidr", ("10.10.99.0/24", "2001:db8::/32"))),
        ("h|expand|cidr: '%nets%'", Leaf("h", "cidr", ("10.10.99.0/24", "2001:db8::/32"))),
        ("h|re|expand: '^%Administrators%$'", Leaf("h", "regex", (r"^adm\-.*$",))),
        ("h|base64|expand: 'x%many%'", None),
        (
            "h|contains|all|expand: ['%Servers%', z]",
            And((Or((Leaf("h", "like", ("*brp-srv*",)), Leaf("h", "contains", ("sim-fs01",)))), Leaf("h", "contains", ("z",)))),
        ),
    ],
)  # fmt: skip
def test_a_placeholder_stands_for_its_values(item: str, meaning: Node | None) -> None:
    """Values are linked by or, hold wildcards, and stand wherever the placeholder stood."""
    found = condition_of(item)
    if meaning is None:
        assert isinstance(found, Leaf)
        assert len(found.values) == 200
    elif "all" in item:
        assert isinstance(found, And)
        assert Leaf("h", "contains", ("z",)) in found.parts
    else:
        assert found == meaning


def test_every_placeholder_without_values_is_told() -> None:
    """Each with its line and with what to write where."""
    first, second = problems_of("h|expand:\n      - '%Server%'\n      - '%who%'")

    assert first.startswith("x.yml:8: the placeholder %Server% has no values here; did you mean %Servers%?")
    assert second == (
        'x.yml:9: the placeholder %who% has no values here; who = ["…"] under [placeholders] in estate.toml, '
        "or under placeholders of a commune"
    )


def test_a_list_of_one_commune_is_told_apart() -> None:
    """``NAME@COMMUNE`` that has no values: the commune is named."""
    (fault,) = problems_of("h|expand: '%owners@00102%'")

    assert fault.endswith('owners = ["…"] under [placeholders] in estate.toml, or under placeholders of the commune 00102')


def test_placeholders_do_not_explode() -> None:
    """Three lists of 200 in one value are refused, not multiplied."""
    (fault,) = problems_of("h|expand: '%many%%many%%many%'")

    assert "stand for more than 10000 texts" in fault


def test_the_command_reads_the_estate(tmp_path: Path) -> None:
    """``--estate`` fills placeholders in, as every command on rules; without, the rule is rejected with what to write."""
    rule, estate = tmp_path / "rule.yml", tmp_path / "estate.toml"
    rule.write_text(RULE.format(item="h|expand: '%Servers%'"), encoding="utf-8")
    estate.write_text('version = 1\n[placeholders]\nServers = ["BRP-SRV*"]\n', encoding="utf-8")
    runner = CliRunner()

    without = runner.invoke(rules, ["check", str(rule)])
    filled = runner.invoke(rules, ["list", str(rule), "--estate", str(estate)])

    assert without.exit_code == 2
    assert 'Servers = ["…"] under [placeholders] in estate.toml' in without.output
    assert filled.exit_code == 0
    assert "1 rules" in filled.output
