"""The rules that ship: each says what it must about itself, speaks of no site, and does what its script says."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml

from correlator.cli.rules_test import authoring_content
from correlator.detect.plan import Rule
from correlator.harness.rule_tests import read_cases, run_case
from correlator.harness.timeline import Case
from correlator.model.event import ECS, RESERVED
from correlator.runtime.content import Content, shipped_rules

RULES = shipped_rules()
DETECTIONS = sorted((RULES / "detections").rglob("*.yml"))
CORRELATIONS = sorted((RULES / "correlations").rglob("*.yml"))
FILTERS = sorted((RULES / "filters").rglob("*.yml"))
LEAST_RULES = 25
#: The rules of the daily proof find Tocsin itself: no attack, no tag.
PROOF = frozenset({"tocsin_proof", "tocsin_proof_record"})
TAGS = frozenset(line for line in (RULES / "attack-tags.txt").read_text().splitlines() if line and not line.startswith("#"))

#: Folder below detections → how file names there begin, as in SigmaHQ's tree.
PREFIXES = {
    "asterisk/cdr": "asterisk_cdr_",
    "axis/syslog": "axis_syslog_",
    "azure/auditlogs": "azure_auditlogs_",
    "azure/signinlogs": "azure_signinlogs_",
    "fortigate/event": "fortigate_event_",
    "glpi/change": "glpi_change_",
    "iot/chirpstack": "iot_chirpstack_",
    "iot/ngsi": "iot_ngsi_",
    "linux/auditd/execve": "lnx_auditd_",
    "linux/auditd/path": "lnx_auditd_",
    "linux/file_event": "file_event_lnx_",
    "linux/sshd": "lnx_sshd_",
    "m365/audit": "m365_audit_",
    "milestone/audit": "milestone_audit_",
    "municipal/application": "municipal_",
    "netapp/audit": "netapp_audit_",
    "network/firewall": "net_firewall_",
    "ot/console": "ot_console_",
    "ot/rsmp": "ot_rsmp_",
    "ot/telemetry": "ot_telemetry_",
    "stormshield/auth": "stormshield_auth_",
    "stormshield/monitor": "stormshield_monitor_",
    "stormshield/server": "stormshield_server_",
    "tocsin/indicator": "tocsin_indicator_",
    "tocsin/proof": "tocsin_",
    "tocsin/watch": "tocsin_",
    "veeam/backup": "veeam_backup_",
    "vmware/esxi": "vmware_esxi_",
    "vmware/vcenter": "vmware_vcenter_",
    "wallix/session": "wallix_session_",
    "web/webserver": "web_",
    "windows/dns_query": "dns_query_win_",
    "windows/file_event": "file_event_win_",
    "windows/process_creation": "proc_creation_win_",
    "windows/security": "win_security_",
    "windows/system": "win_system_",
    "windows/windefend": "win_defender_",
}


def _name(path: Path) -> str:
    return path.stem


def _documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def content() -> Content:
    """Return the shipped rules with the demonstration's estate, as authors run them."""
    return authoring_content((), ())


def test_all_rules_load_and_can_fire(content: Content) -> None:
    """Nothing refused, nothing odd, nothing that no parser feeds but what says so of itself."""
    assert content.loaded.problems == ()
    assert content.loaded.warnings == ()
    assert content.problems == ()
    assert {one.rule.id for one in content.inert} == _waiting()
    assert len(DETECTIONS) >= LEAST_RULES


def _waiting() -> set[str]:
    """Return the ids of the rules that say that no parser gives their log source yet."""
    documents = (document for path in DETECTIONS for document in _documents(path))
    return {one["id"] for one in documents if "source-unknown" in one.get("tocsin", {}).get("lint", {})}


@pytest.mark.parametrize("path", [*DETECTIONS, *CORRELATIONS, *FILTERS], ids=_name)
def test_a_rule_introduces_itself(path: Path) -> None:
    """Each document has the head that the licence and the report need, and an identity made at random."""
    for document in _documents(path):
        missing = {"title", "id", "status", "description", "author", "date"} - document.keys()
        assert missing == set()
        assert UUID(document["id"]).version == 4
        assert document["status"] in {"experimental", "test"}
        if "filter" not in document:
            assert document["falsepositives"]
            assert document["level"] in {"informational", "low", "medium", "high", "critical"}


def test_no_identity_stands_twice() -> None:
    """Ids and titles are unique over rules, correlations and filters."""
    documents = [document for path in (*DETECTIONS, *CORRELATIONS, *FILTERS) for document in _documents(path)]

    assert len({document["id"] for document in documents}) == len(documents)
    assert len({document["title"] for document in documents}) == len(documents)


@pytest.mark.parametrize("path", DETECTIONS, ids=_name)
def test_a_file_is_called_after_its_log_source(path: Path) -> None:
    """Names follow SigmaHQ: product and service first, lower case, 10 to 90 characters."""
    prefix = PREFIXES[path.parent.relative_to(RULES / "detections").as_posix()]

    assert path.name.startswith(prefix)
    assert re.fullmatch(r"[a-z0-9_]{10,86}\.yml", path.name)


@pytest.mark.parametrize("path", [path for path in (*DETECTIONS, *CORRELATIONS) if path.stem not in PROOF], ids=_name)
def test_tags_are_those_of_the_pinned_attack(path: Path) -> None:
    """Every tag stands in ``attack-tags.txt``; what the pinned version dropped does not."""
    for document in _documents(path):
        assert sorted(set(document["tags"]) - TAGS) == []
        assert any(re.fullmatch(r"attack\.t\d{4}(\.\d{3})?", tag) for tag in document["tags"])


def test_the_pinned_attack_is_that_of_the_corpus() -> None:
    """Since v19 there is no defense evasion and no T1562; the table says which version it is."""
    assert (
        (RULES / "attack-tags.txt").read_text().startswith("# ATT&CK tags that rules here may bear: MITRE ATT&CK Enterprise v")
    )
    assert not any("t1562" in tag for tag in TAGS)
    assert "attack.defense-evasion" not in TAGS
    assert {"attack.stealth", "attack.defense-impairment", "attack.t1685", "attack.t1686"} <= TAGS


def _addresses(text: str) -> list[str]:
    """Return the IP addresses in ``text`` that mean more than "this machine"."""
    found = re.findall(r"(?<![\w.:-])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7})(?![\w.:])", text)
    return [one for one in found if _is_address(one) and not ip_address(one).is_loopback]


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def test_an_address_in_a_rule_would_be_seen() -> None:
    """The check below finds what it looks for."""
    assert _addresses("cidr: 10.10.99.0/24, '198.51.100.7' or 2001:db8::1; not 127.0.0.1 nor ::1") == [
        "10.10.99.0",
        "198.51.100.7",
        "2001:db8::1",
    ]


@pytest.mark.parametrize("path", [*DETECTIONS, *CORRELATIONS, *FILTERS], ids=_name)
def test_a_rule_names_no_address(path: Path) -> None:
    """Networks have a zone in the estate file; rules and filters ask for the zone."""
    assert _addresses(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", [*DETECTIONS, *CORRELATIONS], ids=_name)
def test_a_rule_names_no_site(path: Path, content: Content) -> None:
    """No commune, host or domain of the estate: what is particular to a site stands in a filter."""
    text = path.read_text(encoding="utf-8")
    estate = content.estate
    names = [name for commune in estate.communes for name in (commune.name, commune.id, *commune.upn_suffixes)]
    codes = "|".join(["SIM", *(commune.code for commune in estate.communes)])

    assert [name for name in names if name in text] == []
    assert re.findall(rf"\b(?:{codes})[-0-9]\w*|\w+\.example(?:\.\w+)?", text) == []


def test_a_rule_asks_for_fields_its_parsers_give(content: Content) -> None:
    """Each field of a rule is declared by a parser that feeds it (``*``: the source's own names), or added by the engine."""
    waiting = _waiting()
    fed = [rule for rule in content.ruleset.rules if rule.id not in waiting]
    unknown = {rule.title: strange for rule in fed if (strange := list(_strange_fields(rule, content)))}

    assert unknown == {}


def _strange_fields(rule: Rule, content: Content) -> Iterator[str]:
    parsers = [
        parser for parser in content.parsers.values() if any(source.feeds(rule.logsource) for source in parser.log_sources)
    ]
    declared = {name for parser in parsers for name in parser.fields} | ECS.keys() | RESERVED
    yield from (name for name in rule.fields if not any(fnmatchcase(name, pattern) for pattern in declared))


def _script(path: Path) -> Path:
    return path.with_suffix(".test")


@pytest.mark.parametrize("path", [*DETECTIONS, *CORRELATIONS], ids=_name)
def test_a_rule_fires_where_its_script_says(path: Path, content: Content) -> None:
    """There is a case in which it fires, which holds, and a near miss in which it does not, from raw lines."""
    cases = read_cases(_script(path))
    names = {document.get("name") or path.stem for document in _documents(path)} | {path.stem}
    first = next(case for case in cases if True in _fires(case, names))

    assert {fires for case in cases for fires in _fires(case, names)} == {True, False}
    assert [str(failure) for failure in run_case(first, content)] == []


@pytest.mark.slow
@pytest.mark.parametrize("path", [*DETECTIONS, *CORRELATIONS], ids=_name)
def test_a_rule_does_what_its_script_says(path: Path, content: Content) -> None:
    """All its cases hold. `tocsin rules test rules` says the same, with the line."""
    assert [str(failure) for case in read_cases(_script(path)) for failure in run_case(case, content)] == []


def _fires(case: Case, names: set[str]) -> list[bool]:
    return [expectation.count > 0 for expectation in case.expected if expectation.rule in names]
