r"""Microsoft Defender XDR and Defender for Endpoint: alerts, incidents, and the events of machines (advanced hunting).

Product: Microsoft 365 Defender. Shapes:

- alerts and incidents of Microsoft Graph (``security/alerts_v2``, ``security/incidents``; ``{"value": […]}`` or one per line),
  and of Defender for Endpoint's own API (``machineId``, ``alertCreationTime``);
- the Streaming API (``{"records": […]}`` of Event Hub or storage: ``category: AdvancedHunting-DeviceProcessEvents`` and the
  other tables, the row below ``properties``), Log Analytics (``Type: DeviceProcessEvents``), rows of a hunting
  query, and Sentinel's ``SecurityAlert``.

How to send it here: Defender portal > Settings > Microsoft Defender XDR > Streaming API > Add > Event Hub, choose the tables
(DeviceProcessEvents, DeviceNetworkEvents, DeviceFileEvents, DeviceRegistryEvents, DeviceImageLoadEvents, DeviceLogonEvents,
DeviceEvents, AlertInfo, AlertEvidence). Alerts: application with ``SecurityAlert.Read.All``; the collector asks Graph.
Reference: "alert resource type" (Microsoft Graph), "Advanced hunting schema" (Microsoft Defender XDR).

Machine events feed the Sigma categories of Sysmon, under Sysmon's names: a process, an inbound or outbound connection, a file,
a registry value (``HKLM\…``, ``DWORD (0x00000001)``), a library, a driver, a pipe, a remote thread. A machine whose paths begin
with ``/`` feeds ``product: linux``. Alerts and antivirus detections feed ``category: antivirus``.

Not known to a row, so null: ``CurrentDirectory``, ``LogonId`` in Sysmon's form, ``GrantedAccess``, ``Signed``.

Speed: plain rows reach the JSON target; alerts with evidence are a nested-array format.
"""

from correlator.parse.contract import Maturity, Parser, Signature
from correlator.parse.formats.records import START

from .machine import LOG_SOURCES
from .records import PRODUCT, parse

__all__ = ["PARSER"]

PARSER = Parser(
    name="defender_xdr",
    log_sources=LOG_SOURCES,
    signature=Signature(
        pattern=START
        + r'(?:"category"\s*:\s*"AdvancedHunting-|"InitiatingProcess(?:FileName|FolderPath|CommandLine)"\s*:|"ReportId"\s*:'
        r'|"#microsoft\.graph\.security\.|"serviceSource"\s*:\s*"(?:microsoft|azureAd|dataLoss|unknown|app[A-Z])'
        r'|"ActionType"\s*:[\s\S]*"Device(?:Name|Id)"\s*:|"Device(?:Name|Id)"\s*:[\s\S]*"ActionType"\s*:'
        r'|"investigationState"\s*:|"(?:incident|alert)WebUrl"\s*:|"Type"\s*:\s*"(?:Device[A-Z][A-Za-z]{1,40}|Alert(?:Info|Evidence)|SecurityAlert)")',
        rank=10,
        any_text=(
            '"AdvancedHunting-', '"InitiatingProcess', '"ReportId"', "#microsoft.graph.security.", '"serviceSource"',
            '"investigationState"', 'WebUrl"', '"Device', '"AlertInfo"', '"AlertEvidence"', '"SecurityAlert"', '"ActionType"',
        ),
    ),
    maturity=Maturity.PROVED,
    fields=PRODUCT.declared(),
    parse=parse,
    required=("event.action",),
)  # fmt: skip
