"""Look-alikes of the cloud and of the municipal applications: N07–N10, N21–N23."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import orjson

from benchmarks.benign.stage import DayStage
from correlator.harness.demo.cloud import ENTRA, TENANT, Cloud
from correlator.harness.demo.ordinary_services import EGRESS
from correlator.harness.demo.stage import OFFICE, Record

_PHONE: Final = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"
_MICROSOFT: Final = "198.19.40.16"


def play_carrier(stage: DayStage) -> Iterator[Record]:
    """Yield N07 outside: telephones behind one address of a carrier; fourteen fail, successes are twenty times as many."""
    cloud, address = Cloud(stage), f"{stage.family.mobile}.9"
    agents = stage.rng.sample(stage.cast.agents, 84)
    for place, (when, agent) in enumerate(zip(stage.burst("07:40", len(agents), 1800), agents, strict=True)):
        if place % 6 == 0:
            early = when - timedelta(seconds=20)
            yield cloud.sign_in(early, agent.upn, address, 50126, "Mobile Apps and Desktop clients", _PHONE)
        for turn in range(4):  # mail, calendar, files, messages: each application of the telephone for itself
            again = when + timedelta(seconds=3 * turn)
            yield cloud.sign_in(again, agent.upn, address, 0, "Mobile Apps and Desktop clients", _PHONE)


def play_travellers(stage: DayStage) -> Iterator[Record]:
    """Yield N08: the same person through the carrier, the VPN and Microsoft's own way out within minutes, on known devices.

    Three a day work from their home beyond the border, on a device of their own.
    """
    cloud = Cloud(stage)
    for when in stage.times(12, OFFICE):
        agent = stage.cast.anyone(stage.rng)
        carrier = f"{stage.family.mobile}.{stage.rng.randrange(10, 99)}"
        yield _known(cloud, cloud.sign_in(when, agent.upn, carrier, 0, agent=_PHONE))
        yield cloud.sign_in(when + timedelta(minutes=7), agent.upn, EGRESS)
        again = when + timedelta(minutes=9)
        yield _known(cloud, cloud.sign_in(again, agent.upn, _MICROSOFT, 0, "Mobile Apps and Desktop clients", country="IE"))
    for when in stage.times(3, OFFICE):
        agent = stage.cast.anyone(stage.rng)
        yield cloud.sign_in(when, agent.upn, agent.home, country=stage.rng.choice(("BE", "LU", "DE")))


def _known(cloud: Cloud, record: Record) -> Record:
    """Return a sign-in on a device that the tenant manages."""
    told = orjson.loads(record.text)
    told["properties"]["deviceDetail"] |= {"deviceId": cloud.uuid(), "trustType": "Azure AD joined"}
    return Record(record.file, record.at, orjson.dumps(told).decode())


def play_sorting(stage: DayStage) -> Iterator[Record]:
    """Yield N09: mail sorted into a folder, and forwarded to a colleague for the holidays."""
    cloud = Cloud(stage)
    for number, when in enumerate(stage.times(8, OFFICE)):
        agent = stage.cast.anyone(stage.rng)
        colleague = stage.rng.choice(stage.cast.of_town(agent.town.code))
        moved = [{"Name": "From", "Value": "lettre@example.org"}, {"Name": "MoveToFolder", "Value": "Lettres"}]
        sent = [{"Name": "Name", "Value": "Congés"}, {"Name": "ForwardTo", "Value": colleague.upn}]
        yield cloud.audit(
            when, agent.upn, EGRESS, "New-InboxRule", "Exchange", Parameters=sent if number % 2 else moved, RecordType=1
        )


def play_consents(stage: DayStage) -> Iterator[Record]:
    """Yield N10: people let a scheduling application, used by many already, read their name and calendar."""
    for when in stage.times(9, OFFICE):
        agent, scope = stage.cast.anyone(stage.rng), "openid profile User.Read Calendars.Read"
        yield Record(ENTRA, when, _consent(f"{when:%Y-%m-%dT%H:%M:%S.%f}0Z", agent.upn, stage.family.scheduler_app, scope))


def _consent(stamp: str, upn: str, app: str, scope: str) -> str:
    granted = f'"[] => [[Id: x, ClientId: y, ConsentType: Principal, Scope: {scope}]]; "'
    properties = {
        "activityDateTime": stamp,
        "activityDisplayName": "Consent to application",
        "loggedByService": "Core Directory",
        "result": "success",
        "initiatedBy": {"user": {"userPrincipalName": upn, "ipAddress": EGRESS}},
        "targetResources": [
            {
                "id": "sp-41",
                "displayName": app,
                "type": "ServicePrincipal",
                "modifiedProperties": [
                    {"displayName": "ConsentContext.IsAdminConsent", "oldValue": None, "newValue": '"False"'},
                    {"displayName": "ConsentAction.Permissions", "oldValue": None, "newValue": granted},
                ],
            }
        ],
    }
    envelope = {"time": stamp, "operationName": "Consent to application", "category": "AuditLogs", "tenantId": TENANT}
    return orjson.dumps({**envelope, "properties": properties}).decode()


def play_roll(stage: DayStage) -> Iterator[Record]:
    """Yield N21: the electoral roll is exported twenty days before the vote, and a copy for a candidate, with tickets."""
    cloud = Cloud(stage)
    for place, when in enumerate(stage.burst("10:00", 4, 4 * 3600)):
        agent = stage.rng.choice(stage.cast.of_town(("BRP", "SAU", "COR", "MTF")[place]))
        fields = {
            "object_id": None,
            "object_count": 8_000 + 900 * place,
            "reason": f"GLPI {41_200 + place}",
            "user_role": "elections",
        }
        yield cloud.consulted(when, agent, "elections", "export", "electeur", **fields)


def play_registrar(stage: DayStage) -> Iterator[Record]:
    """Yield N22: a registrar indexes a year of births; the monthly job for the statistics office reads thousands."""
    cloud = Cloud(stage)
    agent = stage.rng.choice(stage.cast.of_town("BRP"))
    for number, when in enumerate(stage.burst("09:00", 220, 6 * 3600)):
        yield cloud.consulted(
            when, agent, "etat-civil", "read", "acte_naissance", object_id=f"N-1962-{number:04d}", reason="indexation 1962"
        )
    for when in stage.burst("02:10", 300, 600):
        yield cloud.business(
            when,
            agent.town,
            "etat-civil",
            "system",
            "read",
            {"object_type": "acte_deces", "sensitivity": 2, "host": "SIM-APP02"},
        )


def play_renumbering(stage: DayStage) -> Iterator[Record]:
    """Yield N23: a bank renumbers, two hundred creditors change together, one enters and another validates; then payments."""
    cloud, team = Cloud(stage), stage.cast.of_town("BRP")
    enters, validates = stage.rng.sample(team, 2)
    for number, when in enumerate(stage.burst("09:00", 200, 3 * 3600)):
        fields = {"object_id": f"T-{5000 + number}", "reason": "courrier banque, GED 2026-881", "after": {"iban_country": "FR"}}
        yield cloud.consulted(when, enters, "finances", "update", "rib", **fields)
        yield cloud.consulted(
            when + timedelta(minutes=20), validates, "finances", "validate", "rib", object_id=f"T-{5000 + number}"
        )
    for number, when in enumerate(stage.burst("15:00", 12, 1800)):
        yield cloud.consulted(
            when, validates, "finances", "validate", "mandat", object_id=f"M-{number}", tiers=f"T-{5000 + number}"
        )
    yield cloud.consulted(stage.at("16:10"), validates, "finances", "send", "flux_pes", object_id="PES-1019")
