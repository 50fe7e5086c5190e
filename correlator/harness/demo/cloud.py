"""Cloud and business records: Entra sign-ins, Microsoft 365 audit, the municipal applications."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import orjson

from correlator.harness.demo.cast import Agent, Town
from correlator.harness.demo.stage import PARIS, Record, Stage

ENTRA: Final = "entra/signin.ndjson"
M365: Final = "m365/audit.ndjson"
MUNICIPAL: Final = "municipal/applications.ndjson"
TENANT: Final = "11111111-2222-4333-8444-555555555555"

_RESULTS: Final = {
    0: "",
    50126: "Invalid username or password or Invalid on-premise username or password.",
    50034: "The user account does not exist in the directory.",
    50053: "Account is locked because user tried to sign in too many times with an incorrect user ID or password.",
    50055: "The password is expired.",
    500121: "Authentication failed during strong authentication request.",
}


@dataclass
class Cloud:
    """Writes the cloud and business records of one player."""

    stage: Stage

    def uuid(self) -> str:
        """Return an identity that nothing else bears."""
        return str(UUID(int=self.stage.rng.getrandbits(128), version=4))

    def sign_in(
        self,
        at: datetime,
        upn: str,
        ip: str,
        code: int = 0,
        client: str = "Browser",
        agent: str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/141.0.0.0",
        country: str = "FR",
        *,
        factors: str = "multiFactorAuthentication",
    ) -> Record:
        """Return one sign-in; ``code`` 0 is success, 50126 a wrong password."""
        stamp = f"{at:%Y-%m-%dT%H:%M:%S.%f}0Z"
        envelope = {
            "time": stamp,
            "resourceId": f"/tenants/{TENANT}/providers/Microsoft.aadiam",
            "operationName": "Sign-in activity",
            "category": "SignInLogs",
            "tenantId": TENANT,
            "resultType": str(code),
            "resultDescription": _RESULTS[code],
            "callerIpAddress": ip,
            "correlationId": self.uuid(),
            "identity": upn.partition("@")[0],
            "Level": 4,
            "location": country,
            "properties": {
                **self._properties(stamp, upn, ip, code),
                "clientAppUsed": client,
                "userAgent": agent,
                "authenticationRequirement": factors,
                "location": {"city": "", "countryOrRegion": country},
            },
        }
        return Record(ENTRA, at, orjson.dumps(envelope).decode())

    def _properties(self, stamp: str, upn: str, ip: str, code: int) -> dict[str, object]:
        return {
            "id": self.uuid(),
            "createdDateTime": stamp,
            "userDisplayName": upn.partition("@")[0],
            "userPrincipalName": upn,
            "appDisplayName": "Office 365 Exchange Online",
            "ipAddress": ip,
            "isInteractive": True,
            "conditionalAccessStatus": "success" if code == 0 else "notApplied",
            "status": {"errorCode": code, "failureReason": _RESULTS[code]},
            "deviceDetail": {"operatingSystem": "Windows10", "trustType": ""},
            "riskState": "none",
        }

    def audit(self, at: datetime, upn: str, ip: str, operation: str, workload: str, **fields: object) -> Record:
        """Return one record of the unified audit log."""
        record = {
            "CreationTime": f"{at:%Y-%m-%dT%H:%M:%S}",
            "Id": self.uuid(),
            "Operation": operation,
            "OrganizationId": TENANT,
            "RecordType": _RECORD_TYPES[workload],
            "ResultStatus": "Succeeded",
            "UserKey": upn,
            "UserType": 0,
            "Version": 1,
            "Workload": workload,
            "ClientIP": ip,
            "UserId": upn,
            **fields,
        }
        return Record(M365, at, orjson.dumps(record).decode())

    def business(self, at: datetime, town: Town, app: str, user: str, action: str, fields: Mapping[str, object]) -> Record:
        """Return one record of a municipal application."""
        local = at.astimezone(PARIS)
        record = {
            "time": local.isoformat(timespec="milliseconds"),
            "id": f"{app}-{self.stage.serial()}",
            "app": app,
            "commune": town.id,
            "user": user,
            "user_role": "agent",
            "action": action,
            "result": "success",
            **fields,
        }
        return Record(MUNICIPAL, at, orjson.dumps(record).decode())

    def consulted(self, at: datetime, agent: Agent, app: str, action: str, object_type: str, **fields: object) -> Record:
        """Return one act of ``agent`` at their own PC, with a reason given."""
        number = self.stage.rng.randrange(1, 9000)
        usual = {
            "object_type": object_type,
            "object_id": f"{object_type[:2].upper()}-{number}",
            "ip": agent.ip,
            "host": agent.pc,
        }
        return self.business(
            at, agent.town, app, agent.login, action, {**usual, "sensitivity": 2, "reason": "demande usager", **fields}
        )


_RECORD_TYPES: Final = {"Exchange": 2, "SharePoint": 6, "OneDrive": 6, "AzureActiveDirectory": 15, "MicrosoftTeams": 25}
