"""Microsoft Entra ID: both shapes give the spellings of SigmaHQ's azure rules."""

import json
from typing import Any

import polars as pl
import pytest

from correlator.harness.golden import raw_lines
from correlator.parse.engine import read
from parsers.entra_signin import PARSER

PROPERTIES = {
    "createdDateTime": "2026-11-22T09:15:29Z",
    "userPrincipalName": "jdupont@ville-a.example.org",
    "ipAddress": "198.51.100.24",
    "clientAppUsed": "IMAP4",
    "authenticationRequirement": "singleFactorAuthentication",
    "conditionalAccessStatus": "notApplied",
    "status": {"errorCode": 50126, "failureReason": "Invalid username or password"},
    "riskState": "none",
    "appId": "app-1",
    "deviceDetail": {"deviceId": "", "isCompliant": False, "trustType": ""},
    "networkLocationDetails": [],
}
ENVELOPE = {
    "time": "2026-11-22T09:15:30.0000000Z",
    "operationName": "Sign-in activity",
    "category": "SignInLogs",
    "tenantId": "t",
    "resultType": "50126",
    "callerIpAddress": "198.51.100.24",
    "properties": PROPERTIES,
}


def _event(record: dict[str, Any], want: frozenset[str] | None = None) -> dict[str, Any]:
    result = read(raw_lines([json.dumps(record).encode()], "f"), {"entra_signin": PARSER}, want=want, final=True)
    assert result.problems == ()
    return pl.concat(result.events).row(0, named=True)


@pytest.mark.parametrize("record", [ENVELOPE, PROPERTIES, {"records": [ENVELOPE]}, {"value": [PROPERTIES]}])
def test_a_sign_in_has_the_spellings_of_the_rules(record: dict[str, Any]) -> None:
    """Azure Monitor and Graph, alone or in their envelopes, answer the same rules."""
    event = _event(record)
    expected = {
        "ResultType": "50126",
        "ResultDescription": "Invalid username or password",
        "Status": "Invalid username or password",
        "AuthenticationRequirement": "singleFactorAuthentication",
        "properties.authenticationRequirement": "singleFactorAuthentication",
        "conditionalAccessStatus": "notApplied",
        "DeviceDetail.trusttype": "",
        "DeviceDetail.isCompliant": "false",
        "DeviceDetail.deviceId": "",
        "RiskState": "none",
        "NetworkLocationDetails": "[]",
        "ClientApp": "IMAP4",
        "Username": "jdupont@ville-a.example.org",
        "properties.appId": "app-1",
        "callerIpAddress": "198.51.100.24",
        "ActivityDetails": "Sign-ins",
        "event.outcome": "failure",
        "event.code": "50126",
        "user.name": "jdupont",
        "source.ip": "198.51.100.24",
        "logsource": "azure//signinlogs",
        "event.dataset": "azure.signinlogs",
    }
    assert {name: event.get(name) for name in expected} == expected


def test_error_code_zero_is_a_success() -> None:
    """Whatever else the record says."""
    event = _event(PROPERTIES | {"status": {"errorCode": 0}})
    assert (event["ResultType"], event["Status"], event["event.outcome"]) == ("0", "Success", "success")


def test_an_audit_record_says_who_did_what_to_whom() -> None:
    """Old and new values are JSON texts with their quotes."""
    event = _event(
        {
            "category": "AuditLogs",
            "time": "2026-11-22T10:00:00Z",
            "operationName": "Add member to role",
            "properties": {
                "category": "RoleManagement",
                "activityDisplayName": "Add member to role",
                "result": "success",
                "initiatedBy": {"user": {"userPrincipalName": "adm@ville-a.example.org", "ipAddress": "192.0.2.31"}},
                "targetResources": [
                    {
                        "type": "User",
                        "userPrincipalName": "m@ville-b.example.org",
                        "modifiedProperties": [{"displayName": "Role", "newValue": '"Global Administrator"'}],
                    },
                ],
            },
        }
    )
    expected = {
        "logsource": "azure//auditlogs",
        "Category": "RoleManagement",
        "OperationName": "Add member to role",
        "Status": "success",
        "properties.message": "Add member to role",
        "Initiatedby": "adm@ville-a.example.org",
        "user.name": "adm",
        "user.target.name": "m",
        "TargetResources.ModifiedProperties.NewValue": ['"Global Administrator"'],
        "source.ip": "192.0.2.31",
        "event.outcome": "success",
    }
    assert {name: event.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    ("kind", "dataset"),
    [
        ("passwordSpray", "azure.riskdetection"),
        ("noMfaOnRoleActivationAlertIncident", "azure.pim"),
        ("rolesAssignedOutsidePrivilegedIdentityManagementAlertConfiguration", "azure.pim"),
    ],
)
def test_risk_and_privilege_alerts_are_told_apart(kind: str, dataset: str) -> None:
    """Both have ``riskEventType``; its value says which service it is."""
    event = _event({"riskEventType": kind, "createdDateTime": "2026-11-22T11:00:00Z", "riskLevel": "high"})
    assert (event["event.dataset"], event["event.kind"], event["event.severity"]) == (dataset, "alert", 8)


def test_only_wanted_own_fields_are_given() -> None:
    """Aliases are projected too."""
    event = _event(ENVELOPE, want=frozenset({"ResultType"}))
    assert event["ResultType"] == "50126"
    assert {"Status", "properties", "category", "ClientApp"} & event.keys() == set()
    assert event["user.email"] == "jdupont@ville-a.example.org"
