"""Real cloud records: each reaches its parser without being declared, whatever the order of its keys, and is understood."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from correlator.model.raw import RAW
from correlator.parse.engine import read
from correlator.parse.registry import find_parsers
from correlator.parse.route import claims

pytestmark = pytest.mark.corpus

DATA = Path(__file__).parents[3] / "shared" / "data"
PARSERS = find_parsers()
LEAST = 0.97

# Log type → its parser. Other types have no parser of their own: the fallback reads them, no vendor's may.
CATALOGUED = {
    "AWS.CloudTrail": "aws_cloudtrail",
    "GSuite.ActivityEvent": "google_workspace",
    "GCP.AuditLog": "gcp_audit",
    "Azure.MonitorActivity": "azure_activity",
    "Azure.Audit": "entra_signin",
    "Okta.SystemLog": "okta",
    "Amazon.EKS.Audit": "kubernetes_audit",
    "GitHub.Audit": "github_audit",
    "MicrosoftGraph.SecurityAlertV2": "defender_xdr",
    "MicrosoftDefenderXDR.AdvancedHunting": "defender_xdr",
    "Microsoft365.Audit.AzureActiveDirectory": "m365_audit",
    "Microsoft365.Audit.SharePoint": "m365_audit",
    "MicrosoftIntune.AuditLogs": "entra_signin",
    "Windows.EventLogs": "windows_eventlog",
}
#: Records that a test of a rule cut down to what it needs: nothing in them says whose they are.
TOO_LITTLE = 3

SPELLINGS: dict[str, Callable[[dict[str, object]], str]] = {
    "compact": lambda record: json.dumps(record, separators=(",", ":")),
    "spaced": json.dumps,
    "indented": lambda record: json.dumps(record, indent=2),
    "other order": lambda record: json.dumps(dict(sorted(record.items(), reverse=True))),
}


def _panther() -> Iterator[tuple[str, dict[str, object]]]:
    """Yield the log type, where the record or the test says one, and the record."""
    path = DATA / "panther" / "tests.jsonl"
    if not path.is_file():
        pytest.skip("../shared/data/panther is absent")
    for line in path.read_text(encoding="utf-8").splitlines():
        test = json.loads(line)
        kinds, record = test["log_types"] or [], test["log"]
        kind = record.get("p_log_type") if record.get("p_log_type") in kinds else kinds[0] if len(kinds) == 1 else ""
        aks = isinstance(record.get("category"), str) and record["category"].startswith("kube-audit")
        yield ("Amazon.EKS.Audit" if aks else str(kind)), record


def _raw(texts: list[str]) -> pl.DataFrame:
    rows = [
        {"id": str(n), "source": "s", "stream": f"s{n}", "offset": n, "line": n, "text": text, "flags": 0,
         "received": datetime(2026, 11, 22, tzinfo=UTC)}
        for n, text in enumerate(texts)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=RAW)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_panther_records_reach_their_parser(spelling: str) -> None:
    """Every catalogued type ≥ 97 % (or all but three), no other vendor's parser for anything."""
    records = list(_panther())
    texts = pl.Series([SPELLINGS[spelling](record) for _, record in records])
    owners = claims(texts, pl.Series([True]).new_from_index(0, texts.len()), list(PARSERS.values()))
    met: dict[str, Counter[str]] = defaultdict(Counter)
    for (kind, _), owner in zip(records, owners, strict=True):
        met[kind][owner] += 1
    wrong = {kind: dict(found) for kind, found in met.items() if not found.keys() <= {"json", CATALOGUED.get(kind, "json")}}
    known = {kind: met[kind] for kind in CATALOGUED if met[kind].total()}
    missed = {
        kind: found["json"] for kind, found in known.items() if found["json"] > max(TOO_LITTLE, found.total() * (1 - LEAST))
    }
    assert wrong == {"": wrong.get("", {})} if "" in wrong else wrong == {}
    assert missed == {}


def test_panther_records_are_understood() -> None:
    """Of what reaches a parser, every record gives an event with the parser's required fields; none is refused."""
    texts = [json.dumps(record) for kind, record in _panther() if kind in CATALOGUED]
    result = read(_raw(texts), PARSERS, final=True)
    understood = [events for events in result.events if events["event.dataset"][0] != "json.record"]
    assert result.problems == ()
    assert result.rejects.height == 0
    assert sum(events.height for events in understood) >= LEAST * len(texts)
    assert [events["event.dataset"][0] for events in understood if events["event.action"].null_count()] == []


PLASO = {
    "aws_cloudtrail": "aws.cloudtrail",
    "azure_activity_log": "azure.activitylogs",
    "microsoft_audit_log": "m365.audit",
    "gcp_logging": "gcp.audit",
}


@pytest.mark.parametrize("name", PLASO)
def test_exports_of_the_clouds_are_read(name: str) -> None:
    """The API's exports that forensic tools collect: each line is an event of its product."""
    path = DATA / "plaso" / "test_data" / "jsonl" / f"{name}.jsonl"
    if not path.is_file():
        pytest.skip("../shared/data/plaso is absent")
    # Cloud Logging also holds what applications write: that is no audit.
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if name != "gcp_logging" or "protoPayload" in line]
    result = read(_raw(lines), PARSERS, final=True)
    assert {events["event.dataset"][0]: events.height for events in result.events} == {PLASO[name]: len(lines)}
