"""The rules could go upstream: clean under ``sigma check``, and none that SigmaHQ has already."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from sigma.cli.check import check

from correlator.runtime.content import shipped_rules

pytestmark = pytest.mark.corpus

RULES = shipped_rules()
SIGMAHQ = Path(__file__).parents[3] / "shared" / "sigma" / "sigmahq"
_TACTIC_OR_TECHNIQUE = r"attack\.(?:t\d{4}(?:\.\d{3})?|[a-z]+(?:-[a-z]+)*)"
#: They fetch MITRE's data; ``attack-tags.txt`` and test_rules.py stand in for them.
ONLINE = ("attacktag", "d3_fendtag")


@pytest.fixture(scope="module")
def upstream() -> list[dict[str, Any]]:
    """Return every rule of SigmaHQ."""
    if not SIGMAHQ.is_dir():
        pytest.skip("needs ../shared/sigma/sigmahq")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    files = sorted(SIGMAHQ.rglob("*.yml"))
    return [rule for file in files for rule in yaml.load_all(file.read_text(encoding="utf-8"), loader)]


def _documents(*folders: str) -> list[dict[str, Any]]:
    files = sorted(file for folder in folders for file in (RULES / folder).rglob("*.yml"))
    return [rule for file in files for rule in yaml.safe_load_all(file.read_text(encoding="utf-8"))]


@pytest.mark.filterwarnings("default")
def test_sigma_check_is_clean() -> None:
    """The reference tool finds no error and no issue in rules, correlations and filters together."""
    excluded = [argument for name in ONLINE for argument in ("-x", name)]
    result = CliRunner().invoke(check, ["--fail-on-error", "--fail-on-issues", *excluded, str(RULES)])

    assert "Found 0 errors, 0 condition errors and 0 issues." in result.output, result.output
    assert result.exit_code == 0


@pytest.mark.filterwarnings("default")
def test_sigma_check_would_complain(tmp_path: Path) -> None:
    """The check above can fail: a rule with two wildcards in a row is an issue."""
    text = (RULES / "detections/linux/sshd/lnx_sshd_accepted.yml").read_text(encoding="utf-8")
    (tmp_path / "lnx_sshd_accepted.yml").write_text(text.replace("'Accepted '", "'Accepted**'"), encoding="utf-8")
    excluded = [argument for name in ONLINE for argument in ("-x", name)]

    assert CliRunner().invoke(check, ["--fail-on-issues", *excluded, str(tmp_path)]).exit_code == 1


def test_sigmahq_has_none_of_our_rules(upstream: list[dict[str, Any]]) -> None:
    """No id, title or detection of ours stands in SigmaHQ's tree."""
    assert len(upstream) > 3_000
    ids, titles = {rule.get("id") for rule in upstream}, {str(rule.get("title")).casefold() for rule in upstream}
    bodies = {_body(rule) for rule in upstream}

    assert [rule["title"] for rule in _documents("detections") if rule["id"] in ids or rule["title"].casefold() in titles] == []
    assert [rule["title"] for rule in _documents("detections") if _body(rule) in bodies] == []


def test_the_pinned_attack_is_sigmahqs(upstream: list[dict[str, Any]]) -> None:
    """``attack-tags.txt`` holds the tactics and techniques SigmaHQ uses, and of others only those our own rules bear."""
    table = (RULES / "attack-tags.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line for line in table if line and not line.startswith("#")}
    theirs = {tag for rule in upstream for tag in rule.get("tags") or () if re.fullmatch(_TACTIC_OR_TECHNIQUE, tag)}
    ours = {tag for rule in _documents("detections", "correlations") for tag in rule.get("tags", ())}

    assert sorted(theirs - pinned) == []
    assert sorted(pinned - theirs - ours) == []


def _body(rule: dict[str, Any]) -> str:
    """Return log source and selections, whatever the selections are called."""
    detection = dict(rule.get("detection") or {})
    condition = detection.pop("condition", "")
    return repr((rule.get("logsource"), sorted(map(repr, detection.values())), len(str(condition).split())))
