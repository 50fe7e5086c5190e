"""Profiles: which rules of a set run, and why the others do not."""

import re
from pathlib import Path

import pytest

from correlator.detect.plan import Or, Rule
from correlator.detect.profiles import Profile, kind_of
from correlator.detect.readings import Entry
from correlator.model.logsource import LogSource

ROOT = Path(__file__).parents[3]
SIGMAHQ = ROOT.parent / "shared" / "sigma" / "sigmahq"
WINDOWS = LogSource("windows", "process_creation", "")


def entry(status: str = "test", level: str = "high", tags: tuple[str, ...] = (), rule_id: str = "one") -> Entry:
    """Return a rule as a file has it."""
    rule = Rule(rule_id, "t", WINDOWS, Or(()), "h", level=level, status=status, tags=tags)
    return Entry(rule, WINDOWS, 1)


@pytest.mark.parametrize(
    ("name", "runs"),
    [
        ("core", {"stable high", "test critical"}),
        ("core+", {"stable high", "test critical", "test medium"}),
        ("core++", {"stable high", "test critical", "test medium", "experimental high", " high"}),
        (
            "all",
            {"stable high", "test critical", "test medium", "experimental high", " high", "test low", "stable informational"},
        ),
    ],
)
def test_packages(name: str, runs: set[str]) -> None:
    """Each package takes the statuses and levels of the one before, and more; who says no status has not tested the rule."""
    offered = [
        "stable high", "test critical", "test medium", "experimental high", " high", "test low", "stable informational",
        "deprecated high", "unsupported critical",
    ]  # fmt: skip
    taken = {pair for pair in offered if not Profile(name).refusal(entry(*pair.split(" ")), "")}

    assert taken == runs


def test_the_page_counts_what_they_take() -> None:
    """The last column of the table in ``docs/rule-sets.md`` is what each profile takes of SigmaHQ's active rules."""
    if not SIGMAHQ.is_dir():
        pytest.skip("needs ../shared/sigma/sigmahq")
    page = (ROOT / "docs" / "rule-sets.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `([a-z+]+)`.*\| ([\d,]+)[^|]*\|$", page, re.MULTILINE))
    heads = [(kind_of(str(file.relative_to(SIGMAHQ)), ()), _head(file)) for file in SIGMAHQ.rglob("*.yml")]

    assert told == {
        name: f"{sum(not Profile(name).refusal(entry(*head), kind) for kind, head in heads):,}"
        for name in ("core", "core+", "core++", "all")
    }


def _head(file: Path) -> tuple[str, str]:
    found = dict(re.findall(r"^(status|level): *(\w+)", file.read_text(encoding="utf-8"), re.MULTILINE))
    return found.get("status", ""), found.get("level", "medium")


def test_kinds_are_asked_for() -> None:
    """Emerging threats and hunting rules run with their addon, by the levels of that package; ``all`` has them anyway."""
    hunting = entry("test", "low")

    assert "threat-hunting, which is not in addons" in Profile("core").refusal(hunting, "threat-hunting")
    assert not Profile("core", ("threat-hunting",)).refusal(hunting, "threat-hunting")
    assert "its level is low" in Profile("core", ("emerging-threats",)).refusal(hunting, "emerging-threats")
    assert not Profile("all").refusal(hunting, "threat-hunting")
    assert "placeholder" in Profile("all").refusal(hunting, "placeholder")
    assert "deprecated" in Profile("all").refusal(hunting, "deprecated")
    assert not Profile("all", statuses=("test", "deprecated")).refusal(hunting, "deprecated")


@pytest.mark.parametrize(
    ("profile", "why"),
    [
        (Profile(levels=("low",)), "its level is high; the profile takes low"),
        (Profile(statuses=("stable",)), "its status is test; the profile takes stable"),
        (Profile(tags=("attack.t1003*",)), "none of its tags is in tags"),
        (Profile(tags=("attack.T1078*",)), ""),
        (Profile(log_sources=("linux",)), "its log source windows/process_creation/ is not in log_sources"),
        (Profile(log_sources=("linux", "Windows")), ""),
        (Profile(log_sources=("/process_creation",)), ""),
        (Profile(exclude=("one",), include=("one",)), "its id is in exclude"),
        (Profile(levels=("low",), include=("one",)), ""),
    ],
)
def test_custom(profile: Profile, why: str) -> None:
    """Levels and statuses replace those of the package, tags and log sources narrow it, ids decide."""
    assert profile.refusal(entry(tags=("attack.t1078.004",)), "") == why


@pytest.mark.parametrize(
    ("path", "tags", "kind"),
    [
        ("rules/windows/a.yml", (), ""),
        ("rules-emerging-threats/2026/a.yml", (), "emerging-threats"),
        ("sigma-1/rules-threat-hunting/a.yml", (), "threat-hunting"),
        ("deprecated/windows/a.yml", (), "deprecated"),
        ("mine/a.yml", ("detection.dfir",), "dfir"),
    ],
)
def test_kinds(path: str, tags: tuple[str, ...], kind: str) -> None:
    """The folder says what kind of rule it is, else its tags do."""
    assert kind_of(path, tags) == kind
