"""Windows channels: which Sigma services and categories their events feed, and the dataset they make.

Facts of the Sigma taxonomy (appendix 2.1.0, SigmaHQ ``tests/thor.yml``). Channel names are compared without case.
"""

import re
from collections.abc import Hashable, Iterator
from typing import TypeVar

from correlator.parse.contract import LogSource

__all__ = [
    "ANTIVIRUS_IDS",
    "CLASSIC",
    "DEFENDER",
    "REMOTE_DESKTOP",
    "SECURITY",
    "SYSMON",
    "dataset",
    "log_sources",
    "log_sources_of",
]

SECURITY = "security"
SYSMON = "microsoft-windows-sysmon/operational"
DEFENDER = "microsoft-windows-windows defender/operational"
CLASSIC = "windows powershell"
REMOTE_DESKTOP = "microsoft-windows-terminalservices-remoteconnectionmanager/operational"

_PREFIX = "microsoft-windows-"
_Key = TypeVar("_Key", bound=Hashable)

# service: channels, separated by "; "; "~" stands for Microsoft-Windows-
_SERVICES = """
application: Application
system: System
security: Security
sysmon: ~Sysmon/Operational
powershell: ~PowerShell/Operational; PowerShellCore/Operational
powershell-classic: Windows PowerShell
taskscheduler: ~TaskScheduler/Operational
wmi: ~WMI-Activity/Operational
windefend: ~Windows Defender/Operational
firewall-as: ~Windows Firewall With Advanced Security/Firewall
bits-client: ~Bits-Client/Operational
applocker: ~AppLocker/MSI and Script; ~AppLocker/EXE and DLL
applocker: ~AppLocker/Packaged app-Deployment; ~AppLocker/Packaged app-Execution
codeintegrity-operational: ~CodeIntegrity/Operational
ntlm: ~NTLM/Operational
lsa-server: ~LSA/Operational
ldap: ~LDAP-Client/Debug
ldap_debug: ~LDAP-Client/Debug
dns-client: ~DNS Client Events/Operational
dns-server: DNS Server
dns-server-audit: ~DNS-Server/Audit
dns-server-analytic: ~DNS-Server/Analytical
dhcp: ~DHCP-Server/Operational
driver-framework: ~DriverFrameworks-UserMode/Operational
printservice-admin: ~PrintService/Admin
printservice-operational: ~PrintService/Operational
smbclient-security: ~SmbClient/Security
smbclient-connectivity: ~SmbClient/Connectivity
smbserver-connectivity: ~SMBServer/Connectivity
terminalservices-localsessionmanager: ~TerminalServices-LocalSessionManager/Operational
security-mitigations: ~Security-Mitigations/Kernel Mode; ~Security-Mitigations/User Mode
msexchange-management: MSExchange Management
iis-configuration: Microsoft-IIS-Configuration/Operational
microsoft-servicebus-client: Microsoft-ServiceBus-Client
servicebus-client: Microsoft-ServiceBus-Client/Admin; Microsoft-ServiceBus-Client/Operational
openssh: OpenSSH/Operational
appxdeployment-server: ~AppXDeploymentServer/Operational
appxpackaging-om: ~AppxPackaging/Operational
appmodel-runtime: ~AppModel-Runtime/Admin
shell-core: ~Shell-Core/Operational
diagnosis-scripted: ~Diagnosis-Scripted/Operational
capi2: ~CAPI2/Operational
bitlocker: ~BitLocker/BitLocker Management
vhdmp: ~VHDMP/Operational
ntfs: ~Ntfs/Operational
sense: ~SENSE/Operational
certificateservicesclient-lifecycle-system: ~CertificateServicesClient-Lifecycle-System/Operational
application-experience: ~Application-Experience/Program-Telemetry; ~Application-Experience/Program-Compatibility-Assistant
kernel-shimengine: ~Kernel-ShimEngine/Operational; ~Kernel-ShimEngine/Diagnostic
kernel-event-tracing: ~Kernel-EventTracing
hyper-v-worker: ~Hyper-V-Worker
"""

# service: category=event ids; Sysmon 12 is split by EventType, see log_sources_of
_CATEGORIES = """
sysmon: process_creation=1 file_change=2 network_connection=3 sysmon_status=4,16 process_termination=5 driver_load=6
sysmon: image_load=7 create_remote_thread=8 raw_access_thread=9 process_access=10 file_event=11 registry_set=13
sysmon: registry_rename=14 registry_event=12,13,14 create_stream_hash=15 pipe_created=17,18 wmi_event=19,20,21 dns_query=22
sysmon: file_delete=23 clipboard_capture=24 clipboard_change=24 process_tampering=25 file_delete_detected=26
sysmon: file_block_executable=27 file_block_shredding=28 file_executable_detected=29 sysmon_error=255
security: process_creation=4688
powershell: ps_module=4103 ps_script=4104
powershell-classic: ps_classic_start=400 ps_classic_provider_start=600 ps_classic_script=800
windefend: antivirus=1006,1007,1008,1009,1010,1011,1012,1017,1018,1019,1115,1116,1117,1118,1119
"""

#: Sysmon 12 by its EventType: the category beside registry_event.
_REGISTRY_KEY = {"createkey": "registry_add", "deletekey": "registry_delete", "deletevalue": "registry_delete"}


def _services() -> Iterator[tuple[str, str]]:
    for line in _SERVICES.strip().splitlines():
        service, channels = line.split(": ", 1)
        for channel in channels.split("; "):
            yield channel.replace("~", _PREFIX).casefold(), service


def _categories() -> Iterator[tuple[tuple[str, str], str]]:
    for line in _CATEGORIES.strip().splitlines():
        service, pairs = line.split(": ", 1)
        for pair in pairs.split():
            category, ids = pair.split("=")
            yield from (((service, event_id), category) for event_id in ids.split(","))


def _grouped(pairs: Iterator[tuple[_Key, str]]) -> dict[_Key, tuple[str, ...]]:
    grouped: dict[_Key, tuple[str, ...]] = {}
    for key, value in pairs:
        grouped[key] = (*grouped.get(key, ()), value)
    return grouped


_SERVICES_OF = _grouped(_services())
_CATEGORIES_OF = _grouped(_categories())

#: Event ids of Windows Defender that report a finding: they feed the antivirus category.
ANTIVIRUS_IDS = frozenset(event_id for (service, event_id) in _CATEGORIES_OF if service == "windefend")


def dataset(channel: str) -> str:
    """Return ``windows.<slug>`` for a channel: lower case, no ``Microsoft-Windows-``, everything else than a-z0-9 one ``_``."""
    slug = re.sub(r"[^a-z0-9]+", "_", channel.casefold().removeprefix(_PREFIX)).strip("_")
    return f"windows.{slug or 'unknown'}"


def log_sources_of(channel: str, event_id: str, event_type: str = "") -> tuple[LogSource, ...]:
    """Return the Sigma log sources an event feeds, most specific first written.

    ``event_type`` is Sysmon's ``EventType`` and only matters for Sysmon 12 (key created, key or value deleted).
    """
    services = _SERVICES_OF.get(channel.casefold(), ("",))
    found = [
        LogSource("windows", category, service)
        for service in services
        for category in (*_registry_key(service, event_id, event_type), *_CATEGORIES_OF.get((service, event_id), ()))
    ]
    return tuple(found) or tuple(LogSource("windows", "", service) for service in services)


def _registry_key(service: str, event_id: str, event_type: str) -> tuple[str, ...]:
    category = _REGISTRY_KEY.get(event_type.casefold()) if (service, event_id) == ("sysmon", "12") else None
    return (category,) if category else ()


def log_sources() -> tuple[LogSource, ...]:
    """Return every Sigma log source that Windows events can feed."""
    services = {service for names in _SERVICES_OF.values() for service in names}
    bare = {LogSource("windows"), *(LogSource("windows", "", service) for service in services)}
    kinds = {LogSource("windows", category, service) for (service, _), names in _CATEGORIES_OF.items() for category in names}
    keys = {LogSource("windows", category, "sysmon") for category in _REGISTRY_KEY.values()}
    return tuple(sorted(bare | kinds | keys))
