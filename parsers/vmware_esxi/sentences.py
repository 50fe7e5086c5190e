"""What the daemons of an ESXi host say: sign-ins, the shell, machines, accounts, the firewall, disks."""

from correlator.parse.formats.phrases import Phrase
from correlator.parse.formats.vmware import CONTINUED, TASK

__all__ = ["FLOWS", "HOSTD", "KERNEL", "NSX", "OBSERVED", "SHELL", "SSHD"]

Says = dict[str, str | tuple[str, ...]]

_FROM = r"(?P<source.address>[0-9A-Fa-f.:%]+[0-9A-Za-z])"
#: hostd numbers what it also keeps as an event.
_EVENT = r"^(?:Event (?P<event.code>[0-9]+) : )?"
_MORE = (
    Phrase(TASK, {"event.action": "operation", "event.category": ("host",), "event.type": ("info",)}),
    Phrase(CONTINUED, {"event.action": "continued"}),
)


def _login(action: str, outcome: str, *types: str) -> Says:
    return {
        "event.action": action,
        "event.outcome": outcome,
        "event.category": ("authentication",),
        "event.type": types or ("start",),
    }


def _session(action: str, kind: str) -> Says:
    return {"event.action": action, "event.outcome": "success", "event.category": ("session",), "event.type": (kind,)}


def _changed(action: str, *types: str, category: str = "configuration", outcome: str = "success") -> Says:
    return {"event.action": action, "event.outcome": outcome, "event.category": (category,), "event.type": types or ("change",)}


_ON = r" on +(?:host )?(?P<vmware.host.name>\S+)(?: in (?P<vmware.datacenter.name>.+?))?"


def _machine(words: str, action: str, kind: str) -> Phrase:
    pattern = _EVENT + r"(?:Virtual machine )?(?P<vmware.vm.name>.+?)" + _ON + rf" is {words}\.?$"
    return Phrase(pattern, {"event.action": action, "event.category": ("host",), "event.type": (kind,)})


_SWITCHES = (
    r"(?P<event.reason>SSH access|SSH|The ESXi command line shell|ESXi Shell|ESXi shell)(?: for the host \S+)? (?:has been|is) "
)

_LOGINS = (
    Phrase(
        _EVENT + r"User (?P<user.name>.*)@" + _FROM + r" logged in as ?(?P<user_agent.original>.*)$", _login("login", "success")
    ),
    Phrase(
        _EVENT + r"User (?P<user.name>.*)@" + _FROM + r" logged out \(.*?(?:user agent: (?P<user_agent.original>.*))?\)$",
        _session("logout", "end"),
    ),
    Phrase(
        _EVENT + r"Cannot login (?:user )?(?P<user.name>.*)@" + _FROM + r"(?::? (?P<event.reason>.*))?$",
        _login("login", "failure"),
    ),
    Phrase(r"^Accepted password for user (?P<user.name>.*) from " + _FROM + "$", _login("login", "success")),
    Phrase(r"^Rejected password for user (?P<user.name>.*) from " + _FROM + "$", _login("login", "failure")),
    Phrase(
        _EVENT
        + r"(?:\[esx\.audit\.account\.locked\] )?Remote access for ESXi local user account '(?P<user.name>.*)' has been locked "
        r"for (?P<vmware.locked_s>[0-9]+) seconds after (?P<event.count>[0-9]+) failed login attempts\.?$",
        _login("account_locked", "failure", "info"),
    ),
    Phrase(
        _EVENT
        + r"(?:\[[a-z.]+\] )?SSH (?:login has failed for|session was refused for) '(?P<user.name>.*)@"
        + _FROM
        + r"'\.?$",
        _login("ssh_login", "failure"),
    ),
    Phrase(
        _EVENT + r"(?:\[[a-z.]+\] )?SSH session was opened for '(?P<user.name>.*)@" + _FROM + r"'\.?$",
        _login("ssh_login", "success"),
    ),
    Phrase(
        _EVENT + r"(?:\[[a-z.]+\] )?SSH session was closed for '(?P<user.name>.*)@" + _FROM + r"'\.?$",
        _session("ssh_logout", "end"),
    ),
)
_SERVICES = (
    Phrase(_EVENT + r"(?:\[[a-z.]+\] )?" + _SWITCHES + r"enabled\.?$", _changed("shell_enabled")),
    Phrase(_EVENT + r"(?:\[[a-z.]+\] )?" + _SWITCHES + r"disabled\.?$", _changed("shell_disabled")),
    Phrase(
        _EVENT + r"(?:\[[a-z.]+\] )?Firewall configuration has changed\. Operation '(?P<vmware.operation>[^']*)' "
        r"for rule set (?P<rule.name>.*?) (?P<vmware.result>succeeded|failed)\.?$",
        _changed("firewall_changed"),
    ),
    Phrase(
        _EVENT + r"(?:\[[a-z.]+\] )?(?:Administrator access to the host has been|Lockdown mode (?:has been|is)|"
        r"The host has (?:entered|exited) lockdown mode|Host .* (?:entered|exited) lockdown mode|Lockdown "
        r"Mode)(?P<event.reason>.*)$",
        _changed("lockdown_mode_changed"),
    ),
)
_ACCOUNTS = (
    Phrase(
        _EVENT + r"Account (?P<user.target.name>\S+) was created on host (?P<vmware.host.name>\S+?)\.?$",
        _changed("account_created", "user", "creation", category="iam"),
    ),
    Phrase(
        _EVENT + r"Account (?P<user.target.name>\S+) was removed on host (?P<vmware.host.name>\S+?)\.?$",
        _changed("account_removed", "user", "deletion", category="iam"),
    ),
    Phrase(
        _EVENT + r"Account (?P<user.target.name>\S+) was updated on host (?P<vmware.host.name>\S+?)\.?$",
        _changed("account_updated", "user", "change", category="iam"),
    ),
    Phrase(
        _EVENT + r"Password was changed for account (?P<user.target.name>\S+) on host (?P<vmware.host.name>\S+?)\.?$",
        _changed("password_changed", "user", "change", category="iam"),
    ),
    Phrase(
        _EVENT + r"Permission (?P<vmware.operation>created|rule added|changed|updated|rule changed|removed|rule removed) "
        r"(?:for|on) (?P<user.target.name>\S+)(?P<event.reason>.*)$",
        _changed("permission_changed", "admin", "change", category="iam"),
    ),
    Phrase(
        _EVENT + r"(?:New role|Role) (?P<group.name>.*?) (?P<vmware.operation>created|modified|removed).*$",
        _changed("role_changed", "admin", "change", category="iam"),
    ),
)
_MACHINES = (
    _machine("powered off", "vm_powered_off", "end"),
    _machine("powered on", "vm_powered_on", "start"),
    _machine("suspended", "vm_suspended", "end"),
    _machine("(?:starting|being powered on)", "vm_starting", "info"),
    _machine("(?:stopping|being powered off)", "vm_stopping", "info"),
    _machine("(?:reset|resetting|being reset)", "vm_reset", "change"),
    Phrase(
        _EVENT + r"Guest OS (?P<vmware.operation>shut down|reboot|standby) for (?P<vmware.vm.name>.+?)" + _ON + r"\.?$",
        {"event.action": "vm_guest_shut_down", "event.category": ("host",), "event.type": ("end",)},
    ),
    Phrase(
        _EVENT + r"Removed (?P<vmware.vm.name>.+?) on (?P<vmware.host.name>\S+) from (?P<vmware.datacenter.name>.+?)\.?$",
        _changed("vm_removed", "deletion", category="host"),
    ),
    Phrase(
        _EVENT + r"Created virtual machine (?P<vmware.vm.name>.+?)" + _ON + r"\.?$",
        _changed("vm_created", "creation", category="host"),
    ),
    Phrase(
        _EVENT + r"Registered (?P<vmware.vm.name>.+?)" + _ON + r"\.?$", _changed("vm_registered", "creation", category="host")
    ),
    Phrase(
        _EVENT
        + r"Reconfigured (?P<vmware.vm.name>.+?) on (?P<vmware.host.name>\S+) in (?P<vmware.datacenter.name>.+?)\.(?:\s.*)?$",
        _changed("vm_reconfigured", "change", category="host"),
    ),
    Phrase(
        r"^State Transition \((?P<vmware.vm.before>VM_STATE_[A-Z_]+) -> (?P<vmware.vm.state>VM_STATE_[A-Z_]+)\)$",
        {"event.action": "vm_state", "event.category": ("host",), "event.type": ("change",)},
    ),
    Phrase(
        r"^Task (?P<vmware.operation>Created|Completed) : (?P<vmware.task>\S+)(?: Status (?P<vmware.result>\S+))?$",
        {"event.action": "task", "event.category": ("host",), "event.type": ("info",)},
    ),
    Phrase(
        r"^(?:\[\S+\] )?(?:Deleting|Removing) (?:file|datastore file|directory) (?P<file.path>\[.*|/vmfs/.*)$",
        _changed("datastore_file_deleted", "deletion", category="file"),
    ),
)
_NAMED = (
    Phrase(
        r"^(?:\[[A-Za-z]*Correlator\] )?(?:[0-9]+us: )?(?:Event (?P<event.code>[0-9]+) : )?"
        r"\[(?P<event.action>(?:esx|vob|com|vprob|hostd)\.[A-Za-z0-9._-]+)\] ?(?P<event.reason>.*)$",
        {"event.category": ("host",), "event.type": ("info",)},
    ),
    Phrase(r"^Event (?P<event.code>[0-9]+) : (?P<event.reason>.*)$", {"event.action": "event", "event.type": ("info",)}),
)

HOSTD = (*_LOGINS, *_SERVICES, *_ACCOUNTS, *_MACHINES, *_NAMED, *_MORE)

_VOB = r"^(?:\[[A-Za-z]*Correlator\] )?(?:[0-9]+us: )?"
_SSH_ON: Says = _changed("shell_enabled") | {"event.provider": "vobd"}
OBSERVED = (
    Phrase(_VOB + r"\[(?P<event.code>esx\.audit\.(?:ssh|shell)\.enabled)\] ?(?P<event.reason>.*)$", _SSH_ON),
    Phrase(
        _VOB + r"\[(?P<event.code>esx\.audit\.(?:ssh|shell)\.disabled)\] ?(?P<event.reason>.*)$", _changed("shell_disabled")
    ),
    Phrase(
        _VOB
        + r"\[(?P<event.code>esx\.audit\.(?:ssh\.session\.opened|[a-z.]*login\.ok))\] .*?'(?P<user.name>.*)@"
        + _FROM
        + r"'\.?$",
        _login("ssh_login", "success"),
    ),
    Phrase(
        _VOB
        + r"\[(?P<event.code>esx\.audit\.(?:ssh\.session\.failed|ssh\.login\.fail))\] .*?'(?P<user.name>.*)@"
        + _FROM
        + r"'\.?$",
        _login("ssh_login", "failure"),
    ),
    Phrase(
        _VOB + r"\[(?P<event.code>esx\.audit\.ssh\.session\.closed)\] .*?'(?P<user.name>.*)@" + _FROM + r"'\.?$",
        _session("ssh_logout", "end"),
    ),
    Phrase(
        _VOB + r"\[(?P<event.code>esx\.audit\.account\.locked)\] .*?'(?P<user.name>.*)' has been locked "
        r"for (?P<vmware.locked_s>[0-9]+) seconds after (?P<event.count>[0-9]+) .*$",
        _login("account_locked", "failure", "info"),
    ),
    Phrase(
        _VOB + r"\[(?P<event.code>esx\.audit\.net\.firewall\.[a-z.]+)\] .*?(?:Operation '(?P<vmware.operation>[^']*)' "
        r"for rule set (?P<rule.name>.*?) (?P<vmware.result>succeeded|failed)\.?)?$",
        _changed("firewall_changed"),
    ),
    Phrase(
        _VOB + r"\[(?P<event.code>esx\.audit\.(?:host|dcui|esxcli|esximage|uw|lockdownmode|vmfs|shell|account|agent|"
        r"clear)[a-z.]*)\] "
        r"?(?P<event.reason>.*)$",
        _changed("audit"),
    ),
    Phrase(
        _VOB + r"\[(?P<event.code>esx\.problem\.[A-Za-z0-9._-]+)\] ?(?P<event.reason>.*)$",
        {"event.action": "problem", "event.category": ("host",), "event.type": ("error",), "event.outcome": "failure"},
    ),
    Phrase(
        _VOB + r"\[(?P<event.code>(?:esx|vob|com|vprob)\.[A-Za-z0-9._-]+)\] ?(?P<event.reason>.*)$",
        {"event.action": "observation", "event.category": ("host",), "event.type": ("info",)},
    ),
    *_MORE,
)

#: What is typed, and who typed it; the sources are what Sigma's rules for ``esxcli`` ask for.
_TYPED: Says = {
    "logsource": "vmware//esxi linux/process_creation/",
    "event.action": "command",
    "event.category": ("process",),
    "event.type": ("start",),
}
SHELL = (
    Phrase(
        r"^\[(?P<user.name>[^\]]*)\]: (?P<process.command_line>(?P<process.executable>/[^\s;|&]+).*)$",
        _TYPED,
    ),
    Phrase(r"^\[(?P<user.name>[^\]]*)\]: (?P<process.command_line>(?P<vmware.command>[^\s;|&]+).*)$", _TYPED),
    Phrase(
        r"^(?:Interactive shell session started|ESXi shell login|Shell session started)(?P<event.reason>.*)$",
        _session("shell_opened", "start"),
    ),
    Phrase(r"^(?:Interactive shell session ended|Shell session ended)(?P<event.reason>.*)$", _session("shell_closed", "end")),
    Phrase(r"^ESXi (?:s|S)hell (?:is |has been )?enabled\.?$", _changed("shell_enabled")),
    Phrase(r"^ESXi (?:s|S)hell (?:is |has been )?disabled\.?$", _changed("shell_disabled")),
)

_SSH_FROM = r" from " + _FROM + r"(?: port (?P<source.port>[0-9]+))?"
SSHD = (
    Phrase(
        r"^Accepted (?P<vmware.method>\S+) for (?P<user.name>.*)" + _SSH_FROM + r"(?: ssh2.*)?$", _login("ssh_login", "success")
    ),
    Phrase(
        r"^(?:error: PAM: )?(?:Failed (?P<vmware.method>\S+)|Authentication (?:failure|error)) for (?:invalid user |illegal "
        r"user )?"
        r"(?P<user.name>.*)" + _SSH_FROM + r"(?: ssh2.*)?$",
        _login("ssh_login", "failure"),
    ),
    Phrase(r"^Invalid user (?P<user.name>.*)" + _SSH_FROM + "$", _login("ssh_login", "failure")),
    Phrase(
        r"^Connection from " + _FROM + r" port (?P<source.port>[0-9]+)(?: .*)?$",
        {"event.action": "connection", "event.category": ("network",), "event.type": ("connection", "start")},
    ),
    Phrase(
        r"^(?:Received disconnect|Disconnected|Connection (?:closed|reset))(?: from| by)(?: (?:authenticating |invalid "
        r")?user (?P<user.name>.*))? " + _FROM + r"(?: port (?P<source.port>[0-9]+))?.*$",
        {"event.action": "disconnection", "event.category": ("network",), "event.type": ("connection", "end")},
    ),
    Phrase(
        r"^pam_unix\(\S+\): session (?P<vmware.operation>opened|closed) for user (?P<user.name>.*?)(?: by .*)?$",
        _session("pam_session", "info"),
    ),
    Phrase(
        r"^pam_\w+\(\S+\): authentication failure;.* rhost=(?P<source.address>\S*)(?:\s+user=(?P<user.name>.*))?$",
        _login("login", "failure"),
    ),
    Phrase(r"^(?:accepted password|login ok) for user (?P<user.name>.*) from " + _FROM + "$", _login("login", "success")),
)

KERNEL = (
    Phrase(
        r"^(?:(?P<vmware.level>WARNING|ALERT): )?cpu[0-9]+:[0-9]+(?: opID=[0-9A-Za-z-]+)?\)(?:(?P<vmware.level2>WARNING|"
        r"ALERT): )?"
        r"(?P<vmware.module>[A-Za-z0-9_]+): (?:[0-9]+: )?(?P<event.reason>.*)$",
        {"event.action": "kernel_message", "event.category": ("host",), "event.type": ("info",)},
    ),
    Phrase(
        r"^(?:(?P<vmware.level>WARNING|ALERT): )?cpu[0-9]+:[0-9]+(?: opID=[0-9A-Za-z-]+)?\)(?P<event.reason>.*)$",
        {"event.action": "kernel_message", "event.category": ("host",), "event.type": ("info",)},
    ),
    *OBSERVED,
)

_FLOW = (
    r"^(?:[0-9A-Fa-f-]+ )?(?P<network.type>INET6?) (?:(?P<vmware.reason>[a-z-]+) )?(?P<event.action>{verdict}) "
    r"(?:\S+/)?(?P<rule.id>[0-9]+) (?P<network.direction>IN|OUT) (?P<network.bytes>[0-9]+) (?:PROTO "
    r")?(?P<network.transport>[A-Za-z0-9-]+) "
    r"(?P<source.address>[0-9A-Fa-f.:]+?)(?:/(?P<source.port>[0-9]+))?->(?P<destination.address>[0-9A-Fa-f.:]+?)(?:/(?P<destination.port>[0-9]+))?"
    r"(?: (?P<vmware.flags>.*))?$"
)
_FLOW_SAYS: Says = {"event.category": ("network",)}
FLOWS = (
    Phrase(
        _FLOW.format(verdict="PASS|NAT|RDR|SPOOFGUARD_PASS"),
        {
            **_FLOW_SAYS,
            "event.type": ("connection", "allowed"),
            "event.outcome": "success",
            "action": "accept",
            "blocked": "false",
        },
    ),
    Phrase(
        _FLOW.format(verdict="DROP|REJECT|BLOCK|PUNT"),
        {
            **_FLOW_SAYS,
            "event.type": ("connection", "denied"),
            "event.outcome": "failure",
            "action": "denied",
            "blocked": "true",
        },
    ),
    Phrase(
        r"^(?:[0-9A-Fa-f-]+ )?(?P<network.type>INET6?) TERM (?:\S+/)?(?P<rule.id>[0-9]+) (?P<network.direction>IN|OUT) "
        r"(?P<network.transport>[A-Za-z0-9-]+)(?: [A-Z]+)? (?P<source.address>[0-9A-Fa-f.:]+?)(?:/(?P<source.port>[0-9]+))?->"
        r"(?P<destination.address>[0-9A-Fa-f.:]+?)(?:/(?P<destination.port>[0-9]+))?"
        r"(?: (?P<source.packets>[0-9]+)/(?P<destination.packets>[0-9]+) "
        r"(?P<source.bytes>[0-9]+)/(?P<destination.bytes>[0-9]+))?.*$",
        {**_FLOW_SAYS, "event.action": "TERM", "event.type": ("connection", "end"), "action": "accept", "blocked": "false"},
    ),
)
NSX = (
    Phrase(
        r"(?i)^(?P<event.reason>.*(?:fail|denied|unhealthy|error|unable).*)$",
        {"event.action": "nsx_message", "event.outcome": "failure", "event.type": ("error",)},
    ),
    Phrase(r"^(?P<event.reason>.+)$", {"event.action": "nsx_message", "event.type": ("info",)}),
)
