"""Fields: the names Windows events may give, so that rules can be checked before any event came.

Events may have more: every field of a record appears under its own name.
"""

import polars as pl

from correlator.model.event import ECS

from .own import DECODED_LISTS, DECODED_WORDS

__all__ = ["FIELDS"]

_SYSTEM = """
ActivityID Channel Computer EventID EventRecordID Execution_ProcessID Execution_ThreadID Keywords Level Message Opcode
Provider_Guid Provider_Name Qualifiers RelatedActivityID Security_UserID SystemTime Task UserData_Type Version
"""
_SYSMON = """
Archived CallTrace ClientInfo CommandLine Company Configuration ConfigurationFileHash Consumer Contents CreationUtcTime
CurrentDirectory Description Destination DestinationHostname DestinationIp DestinationIsIpv6 DestinationPort
DestinationPortName Details Device EventNamespace EventType FileVersion Filter GrantedAccess Hash Hashes ID Image ImageLoaded
Initiated IntegrityLevel IsExecutable LogonGuid LogonId Name NewName NewThreadId Operation OriginalFileName ParentCommandLine
ParentImage ParentProcessGuid ParentProcessId ParentUser PipeName PreviousCreationUtcTime ProcessGuid ProcessId Product
Protocol Query QueryName QueryResults QueryStatus RuleName SchemaVersion Session Signature SignatureStatus Signed
SourceHostname SourceImage SourceIp SourceIsIpv6 SourcePort SourcePortName SourceProcessGUID SourceProcessGuid SourceProcessId
SourceThreadId SourceUser StartAddress StartFunction StartModule State TargetFilename TargetImage TargetObject
TargetProcessGUID TargetProcessGuid TargetProcessId TargetUser TerminalSessionId Type User UtcTime imphash md5 sha1 sha256
"""
_SECURITY = """
AccessList AccessMask AccessReason AccountDomain AccountExpires AccountName AdditionalInfo AllowedToDelegateTo Application
AttributeLDAPDisplayName AttributeValue Attributes AuditPolicyChanges AuditSourceName AuthenticationPackageName
CallerComputerName CallerProcessId CallerProcessName CategoryId CertIssuerName CertSerialNumber CertThumbprint ClassName
ClientAddress ClientName ClientProcessId DestAddress DestPort DeviceDescription DeviceId DeviceName Direction
DisabledPrivilegeList DisplayName DnsHostName ElevatedToken EnabledPrivilegeList EventData_ProcessId FailureReason FilterName
FilterOrigin FilterRTID GroupMembership HandleId HomeDirectory HomePath ImpersonationLevel IpAddress IpPort KeyLength
LayerName LayerRTID LmPackageName LogonHours LogonProcessName LogonType MandatoryLabel MemberName MemberSid NewProcessId
NewProcessName NewSd NewTargetUserName NewTemplateContent NewUacValue NewValue NewValueType ObjectClass ObjectDN ObjectGUID
ObjectName ObjectServer ObjectType ObjectValueName OldSd OldTargetUserName OldUacValue OldValue OldValueType
OpCorrelationID OperationType PackageName ParentProcessName PasswordLastSet PreAuthType PrimaryGroupId PrivilegeList
ProcessID ProcessName Properties ProviderContextName RelativeTargetName ResourceAttributes RestrictedAdminMode SamAccountName
Service ServiceAccount ServiceFileName ServiceName ServicePrincipalNames ServiceSid ServiceStartType ServiceType SessionName
ShareLocalPath ShareName SidHistory SourceAddress SourceUserName Status SubStatus SubcategoryGuid SubcategoryId
SubjectDomainName SubjectLogonId SubjectUserName SubjectUserSid TargetDomainName TargetInfo TargetLinkedLogonId
TargetLogonGuid TargetLogonId TargetName TargetOutboundDomainName TargetOutboundUserName TargetServerName TargetSid
TargetUserName TargetUserSid TaskContent TaskContentNew TaskName TemplateContent TicketEncryptionType TicketOptions
TokenElevationType TransactionId TransmittedServices UserAccountControl UserParameters UserPrincipalName UserWorkstations
VirtualAccount Workstation WorkstationName
"""
_OTHERS = """
Action ActionName Address AppID AppName AppVersion ApplicationPath BackupPath Binary CallingProcess Caption ClientMachine
ContextInfo Data DistinguishedName EncyptionUsed EngineVersion ErrorCode ExceptionCode FileHash FileName FileNameBuffer
FilePath Filename Flags Fqbn HasFullTrust HiveName HostApplication HostName HostVersion ImageName ImagePath IsatapRouter
LocalName MessageNumber MessageTotal ModifyingApplication ModifyingUser ModuleName NamespaceName Origin PackageFullName
PackagePath PackageSourceUri Param1 Param2 Param3 Path Payload PolicyName PossibleCause Priority ProcessNameBuffer
ProcessPath Provider QNAME QTYPE QueryType Reason RemoteAddress RemoteName RequestedPolicy RuleId ScriptBlockId
ScriptBlockText ScriptName SearchFilter ServerAddress ServerName SessionID SidList SigningUsed Source StartType Threat_Name
ThreatName UserContext UserId UserName UserSid ValidatedPolicy Value param1 param2 param3 param4 payload process processPath
subjectName url
"""
_DEFENDER = (
    "Action ID", "Action Name", "ActionName", "Category Name", "Detection User", "DetectionUser", "Error Code",
    "Feature Name", "FeatureName", "Feature_Name", "New Value", "New_Value", "Old Value", "Old_Value", "Origin Name",
    "Process Name", "Process_Name", "Severity ID", "Severity Name", "SeverityName", "Source Name", "SourceName",
    "Source_Name", "Threat ID", "Threat Name",
)  # fmt: skip

_TEXT = pl.String()
_LIST = pl.List(pl.String)
_ECS = """
destination.domain destination.ip destination.port dns.question.name error.code event.action event.category event.code
event.kind event.module event.outcome event.provider event.reason event.type file.name file.path group.id group.name
host.domain host.hostname host.name host.os.type log.level message network.direction network.transport
process.command_line process.entity_id process.executable process.hash.md5 process.hash.sha1 process.hash.sha256
process.name process.parent.command_line process.parent.entity_id process.parent.executable process.parent.name
process.parent.pid process.pid process.working_directory registry.data.strings registry.path resource.name service.name
session.id source.domain source.ip source.port threat.indicator.name user.domain user.effective.name user.id user.name
user.target.domain user.target.id user.target.name winlog.activity_id winlog.channel winlog.computer_name winlog.opcode
winlog.provider_name winlog.record_id winlog.task
"""

#: Field → dtype: ECS columns, then own ones.
FIELDS: dict[str, pl.DataType] = {
    **{name: ECS[name] for name in _ECS.split()},
    **dict.fromkeys((*_SYSTEM.split(), *_SYSMON.split(), *_SECURITY.split(), *_OTHERS.split(), *_DEFENDER), _TEXT),
    "Data": _LIST,
    "*": _TEXT,  # providers name their data as they like
    **{f"winlog.decoded.{name}": _LIST for name in DECODED_LISTS},
    **{f"winlog.decoded.{name}": _TEXT for name in DECODED_WORDS},
}
