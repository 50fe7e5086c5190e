"""Actions: what an event id says happened, as ECS words, and whose event it is.

One line per event: ``channel alias, id, role, event.action, event.category, event.type``. Aliases are dataset slugs. Role:
``target`` the account that logs on is the user; ``manage`` the subject acts on the target account; ``group`` the target is a
group; ``process`` a new process, whose account is the user; ``-`` the subject, or whoever the event names.
"""

from dataclasses import dataclass

__all__ = ["OUTCOMES", "Action", "action_of"]


@dataclass(frozen=True, slots=True)
class Action:
    """ECS words of one event id; ``role`` says how its accounts are read."""

    role: str = "-"
    action: str | None = None
    category: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()


_TABLE = """
security 4624 target logon authentication start
security 4625 target logon-failed authentication start
security 4634 target logoff authentication end
security 4647 target logoff authentication end
security 4648 manage logon-explicit-credentials authentication start
security 4672 - special-privileges-assigned iam admin
security 4673 - privileged-service-called process info
security 4674 - privileged-object-operation process info
security 4688 process process-created process start
security 4689 - process-ended process end
security 4656 - handle-requested file access
security 4658 - handle-closed file access
security 4660 - object-deleted file deletion
security 4663 - object-accessed file access
security 4670 - permissions-changed file change
security 4657 - registry-value-changed registry change
security 4661 - directory-handle-requested iam access
security 4662 - directory-object-accessed iam access
security 4697 - service-installed configuration creation
security 4698 - scheduled-task-created configuration creation
security 4699 - scheduled-task-deleted configuration deletion
security 4700 - scheduled-task-enabled configuration change
security 4701 - scheduled-task-disabled configuration change
security 4702 - scheduled-task-updated configuration change
security 4703 manage token-right-adjusted iam change
security 4704 - user-right-assigned iam change
security 4705 - user-right-removed iam change
security 4713 - kerberos-policy-changed configuration change
security 4715 - audit-policy-changed configuration change
security 4719 - audit-policy-changed configuration change
security 4739 - domain-policy-changed configuration change
security 4902 - audit-policy-table-created configuration creation
security 4907 - audit-settings-changed configuration change
security 4720 manage user-created iam user,creation
security 4722 manage user-enabled iam user,change
security 4723 manage password-changed iam user,change
security 4724 manage password-reset iam user,change
security 4725 manage user-disabled iam user,change
security 4726 manage user-deleted iam user,deletion
security 4738 manage user-changed iam user,change
security 4740 manage user-locked-out iam user,change
security 4765 manage sid-history-added iam user,change
security 4766 manage sid-history-failed iam user,change
security 4767 manage user-unlocked iam user,change
security 4781 manage user-renamed iam user,change
security 4741 manage computer-created iam creation
security 4742 manage computer-changed iam change
security 4743 manage computer-deleted iam deletion
security 4727 group group-created iam group,creation
security 4731 group group-created iam group,creation
security 4754 group group-created iam group,creation
security 4728 group group-member-added iam group,change
security 4732 group group-member-added iam group,change
security 4756 group group-member-added iam group,change
security 4729 group group-member-removed iam group,change
security 4733 group group-member-removed iam group,change
security 4757 group group-member-removed iam group,change
security 4730 group group-deleted iam group,deletion
security 4734 group group-deleted iam group,deletion
security 4758 group group-deleted iam group,deletion
security 4735 group group-changed iam group,change
security 4737 group group-changed iam group,change
security 4755 group group-changed iam group,change
security 4764 group group-type-changed iam group,change
security 4798 manage user-groups-listed iam info
security 4799 group group-members-listed iam info
security 4768 target kerberos-ticket-requested authentication start
security 4769 target kerberos-service-ticket-requested authentication start
security 4770 target kerberos-ticket-renewed authentication start
security 4771 target kerberos-preauthentication-failed authentication start
security 4772 target kerberos-ticket-failed authentication start
security 4773 target kerberos-service-ticket-failed authentication start
security 4776 target credentials-validated authentication start
security 4778 - session-reconnected session start
security 4779 - session-disconnected session end
security 4800 target workstation-locked session info
security 4801 target workstation-unlocked session info
security 4886 - certificate-requested configuration info
security 4887 - certificate-issued configuration creation
security 4898 - certificate-template-loaded configuration info
security 4899 - certificate-template-changed configuration change
security 4900 - certificate-template-security-changed configuration change
security 5136 - directory-object-modified iam change
security 5137 - directory-object-created iam creation
security 5138 - directory-object-undeleted iam creation
security 5139 - directory-object-moved iam change
security 5141 - directory-object-deleted iam deletion
security 5140 - share-accessed network,file access
security 5142 - share-added configuration creation
security 5143 - share-changed configuration change
security 5144 - share-deleted configuration deletion
security 5145 - share-object-checked network,file access
security 5152 - packet-dropped network denied
security 5154 - listen-allowed network allowed
security 5156 - connection-allowed network connection,allowed
security 5157 - connection-blocked network connection,denied
security 5158 - bind-allowed network allowed
security 4608 - windows-started host start
security 4616 - time-changed configuration change
security 1100 - log-service-stopped configuration end
security 1102 - log-cleared configuration deletion
security 1104 - log-full configuration info
security 6416 - device-connected host info
system 104 - log-cleared configuration deletion
system 7036 - service-state-changed configuration change
system 7040 - service-start-type-changed configuration change
system 7045 - service-installed configuration creation
system 1074 - shutdown-initiated host end
system 6005 - log-service-started host start
system 6006 - log-service-stopped host end
system 6008 - unexpected-shutdown host end
sysmon_operational 1 - process-created process start
sysmon_operational 2 - file-time-changed file change
sysmon_operational 3 - connection network connection
sysmon_operational 5 - process-ended process end
sysmon_operational 6 - driver-loaded driver start
sysmon_operational 7 - image-loaded library start
sysmon_operational 8 - remote-thread-created process change
sysmon_operational 9 - raw-disk-read file access
sysmon_operational 10 - process-accessed process access
sysmon_operational 11 - file-created file creation
sysmon_operational 12 - registry-key-changed registry change
sysmon_operational 13 - registry-value-set registry change
sysmon_operational 14 - registry-renamed registry change
sysmon_operational 15 - stream-created file creation
sysmon_operational 17 - pipe-created file creation
sysmon_operational 18 - pipe-connected file access
sysmon_operational 19 - wmi-filter-registered configuration creation
sysmon_operational 20 - wmi-consumer-registered configuration creation
sysmon_operational 21 - wmi-binding-registered configuration creation
sysmon_operational 22 - dns-query network protocol
sysmon_operational 23 - file-deleted file deletion
sysmon_operational 24 - clipboard-changed host change
sysmon_operational 25 - process-tampered process change
sysmon_operational 26 - file-deleted file deletion
sysmon_operational 27 - executable-blocked file denied
sysmon_operational 28 - shredding-blocked file denied
sysmon_operational 29 - executable-created file creation
powershell_operational 4103 - module-invoked process info
powershell_operational 4104 - script-block-run process info
windows_powershell 400 - engine-started process start
windows_powershell 403 - engine-stopped process end
windows_powershell 600 - provider-started process info
windows_powershell 800 - pipeline-run process info
windows_defender_operational 1006 - malware-detected malware info
windows_defender_operational 1007 - malware-action-taken malware info
windows_defender_operational 1015 - suspicious-behaviour malware info
windows_defender_operational 1116 - malware-detected malware info
windows_defender_operational 1117 - malware-action-taken malware info
windows_defender_operational 1118 - malware-action-failed malware info
windows_defender_operational 1119 - malware-action-failed malware info
windows_defender_operational 1121 - attack-surface-blocked malware denied
windows_defender_operational 5001 - realtime-protection-disabled configuration change
windows_defender_operational 5007 - configuration-changed configuration change
windows_defender_operational 5013 - tampering-blocked configuration denied
taskscheduler_operational 106 - scheduled-task-created configuration creation
taskscheduler_operational 129 - scheduled-task-started process start
taskscheduler_operational 140 - scheduled-task-updated configuration change
taskscheduler_operational 141 - scheduled-task-deleted configuration deletion
taskscheduler_operational 200 - scheduled-task-action-started process start
taskscheduler_operational 201 - scheduled-task-action-ended process end
terminalservices_localsessionmanager_operational 21 - session-logon session start
terminalservices_localsessionmanager_operational 23 - session-logoff session end
terminalservices_localsessionmanager_operational 24 - session-disconnected session end
terminalservices_localsessionmanager_operational 25 - session-reconnected session start
terminalservices_remoteconnectionmanager_operational 1149 - rdp-authenticated authentication start
"""

#: Outcome of ids whose audit bits did not come along.
OUTCOMES = {"4624": "success", "4625": "failure", "4771": "failure", "4740": "success", "1102": "success"}


def _read_table() -> dict[tuple[str, str], Action]:
    rows = (line.split() for line in _TABLE.strip().splitlines())
    return {
        (alias, event_id): Action(role, action, tuple(category.split(",")), tuple(kind.split(",")))
        for alias, event_id, role, action, category, kind in rows
    }


_ACTIONS = _read_table()


def action_of(dataset: str, event_id: str) -> Action:
    """Return what happened for an event id of a dataset (``windows.security``); nothing known gives empty words."""
    return _ACTIONS.get((dataset.removeprefix("windows."), event_id), Action())
