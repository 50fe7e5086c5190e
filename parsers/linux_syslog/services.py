"""What services write: cron, systemd, the kernel and its firewall, ClamAV."""

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.formats.phrases import Phrase
from parsers.linux_syslog.firewall import PACKETS

__all__ = ["ANTIVIRUS", "CRON", "FAIL2BAN", "KERNEL", "OTHERS", "SYSTEMD"]

Says = dict[str, str | tuple[str, ...]]
_SYSLOG = LogSource("linux", "", "syslog")
_ANTIVIRUS = (LogSource("", "antivirus", ""), LogSource("linux", "", "clamav"), _SYSLOG)

_JOB: Says = {"event.action": "cron_command", "event.category": ("process",), "event.type": ("start",)}
_CRONTAB: Says = {"event.category": ("configuration",), "event.outcome": "success"}
CRON = (
    Phrase(r"^\((?P<user.name>[^)]*)\) (?:CMD|CMDOUT|CMDEND|FINISHED) \((?P<process.command_line>.*)\)\s*$", _JOB),
    Phrase(r"^\((?P<user.name>[^)]*)\) CMD (?P<process.command_line>.*)$", _JOB),
    Phrase(
        r"^\((?P<user.name>[^)]*)\) REPLACE \((?P<user.target.name>[^)]*)\)$",
        _CRONTAB | {"event.action": "crontab_replace", "event.type": ("change",)},
    ),
    Phrase(
        r"^\((?P<user.name>[^)]*)\) DELETE \((?P<user.target.name>[^)]*)\)$",
        _CRONTAB | {"event.action": "crontab_delete", "event.type": ("deletion",)},
    ),
    Phrase(
        r"^\((?P<user.name>[^)]*)\) (?:BEGIN|END) EDIT \((?P<user.target.name>[^)]*)\)$",
        _CRONTAB | {"event.action": "crontab_edit", "event.type": ("access",)},
    ),
    Phrase(
        r"^\((?P<user.name>[^)]*)\) LIST \((?P<user.target.name>[^)]*)\)$",
        _CRONTAB | {"event.action": "crontab_list", "event.type": ("access",)},
    ),
    Phrase(
        r"^\((?P<user.name>[^)]*)\) RELOAD \((?P<file.path>[^)]*)\)$",
        _CRONTAB | {"event.action": "crontab_reload", "event.type": ("info",)},
    ),
    Phrase(
        r"^\((?P<user.name>[^)]*)\) (?:INFO|MAIL|ERROR|WRONG [A-Z ]+|[A-Z ]+) \((?P<event.reason>.*)\)$",
        {"event.action": "cron_message"},
    ),
)

_UNIT = r"(?:(?P<service.name>[\w@.\\:-]+\.(?:service|socket|timer|mount|target|scope|slice|path|swap|device|automount)) - )?"


def _service(action: str, kind: str, outcome: str = "success") -> Says:
    return {"event.action": action, "event.outcome": outcome, "event.category": ("process",), "event.type": (kind,)}


SYSTEMD = (
    Phrase(rf"^(?:Started|Finished|Reached target) {_UNIT}(?P<systemd.unit>.*?)\.?$", _service("service_started", "start")),
    Phrase(rf"^Stopped (?:target )?{_UNIT}(?P<systemd.unit>.*?)\.?$", _service("service_stopped", "end")),
    Phrase(rf"^(?:Starting|Reloading) {_UNIT}(?P<systemd.unit>.*?)\.*$", _service("service_starting", "info")),
    Phrase(rf"^Stopping {_UNIT}(?P<systemd.unit>.*?)\.*$", _service("service_stopping", "info")),
    Phrase(rf"^Reloaded {_UNIT}(?P<systemd.unit>.*?)\.?$", _service("service_reloaded", "change")),
    Phrase(rf"^Failed to start {_UNIT}(?P<systemd.unit>.*?)\.?$", _service("service_failed", "error", "failure")),
    Phrase(r"^(?P<service.name>\S+): Main process exited, (?P<event.reason>.*)$", _service("service_exited", "end", "failure")),
    Phrase(
        r"^(?P<service.name>\S+): Failed with result '(?P<event.reason>.*)'\.$", _service("service_failed", "error", "failure")
    ),
    Phrase(
        r"^(?P<service.name>\S+\.\w+): (?P<event.reason>.*)$",
        {"event.action": "service_message", "event.category": ("process",)},
    ),
)

_AT = r"^(?:\[\s*[0-9.]+\] ?)?"
_DEVICE: Says = {"event.category": ("host",), "event.type": ("info",)}
KERNEL = (
    *PACKETS,
    Phrase(
        _AT + r"usb (?P<usb.port>[0-9.-]+): New USB device found, idVendor=(?P<usb.vendor>[0-9a-f]+), "
        r"idProduct=(?P<usb.product>[0-9a-f]+).*$",
        {"event.action": "usb_connected", **_DEVICE},
    ),
    Phrase(_AT + r"usb (?P<usb.port>[0-9.-]+): USB disconnect, .*$", {"event.action": "usb_disconnected", **_DEVICE}),
    Phrase(
        _AT + r"usb (?P<usb.port>[0-9.-]+): "
        r"(?P<event.reason>new .* USB device number .*|(?:Product|Manufacturer|SerialNumber): .*)$",
        {"event.action": "usb_device", **_DEVICE},
    ),
    Phrase(
        _AT + r".*Possible SYN flooding on port (?:\S+:)?(?P<destination.port>[0-9]+)\..*$",
        {"event.action": "syn_flood", "event.category": ("network", "intrusion_detection"), "event.type": ("info",)},
    ),
    Phrase(
        _AT + r"(?:IPv4: )?martian source (?P<destination.ip>[0-9.]+) from (?P<source.address>[0-9.]+), "
        r"on dev (?P<network.name>\S+)$",
        {"event.action": "martian_source", "event.category": ("network",), "event.type": ("info",)},
    ),
    Phrase(
        _AT + r"(?:nf|ip)_conntrack: (?P<event.reason>.*table full, dropping packet)\.?$",
        {"event.action": "conntrack_full", "event.category": ("network",), "event.type": ("error",)},
    ),
    Phrase(
        _AT + r"(?P<event.reason>Linux version \S+) .*$",
        {"event.action": "boot", "event.category": ("host",), "event.type": ("start",)},
    ),
    Phrase(
        r"^(?:\[\s*[0-9.]+\] ?)?(?:device )?(?P<network.name>\S+?):? entered promiscuous mode$",
        {"event.action": "promiscuous_mode", "event.category": ("network",), "event.type": ("change",)},
    ),
    Phrase(
        r"^(?:\[\s*[0-9.]+\] ?)?(?P<kernel.program>\S+)\[(?P<kernel.pid>[0-9]+)\]: segfault at \S+ ip \S+ sp \S+ "
        r"error [0-9]+(?: in (?P<kernel.library>[^\[\s]+).*)?$",
        {"event.action": "segfault", "event.category": ("process",), "event.type": ("error",)},
    ),
    Phrase(
        r"^(?:\[\s*[0-9.]+\] ?)?Out of memory: Kill(?:ed)? process (?P<kernel.pid>[0-9]+) \((?P<kernel.program>[^)]*)\).*$",
        {"event.action": "out_of_memory", "event.category": ("process",), "event.type": ("end",)},
    ),
)

_FOUND: Says = {
    "event.action": "found",
    "event.category": ("malware",),
    "event.type": ("info",),
    "logsource": logsource_column(*_ANTIVIRUS),
}
ANTIVIRUS = (
    Phrase(
        r"^(?:.*? -> )?(?P<Filename>instream\((?P<source.address>[0-9A-Fa-f.:]+)@(?P<source.port>[0-9]+)\)): "
        r"(?P<Signature>[^\s:(]+)(?:\([^)]*\))? FOUND$",
        _FOUND,
    ),
    Phrase(
        r"^(?:.*? -> )?(?P<Filename>.+): (?P<Signature>[^\s:(]+)(?:\([^)]*\))? FOUND$",
        _FOUND,
    ),
)

_BAN = r"^(?:fail2ban\.\S+ *(?:\[[0-9]+\])?: )?(?:[A-Z]+ +)?\[(?P<rule.name>[^\]\s]+)\] "
_BANNED: Says = {"event.category": ("intrusion_detection", "network"), "event.outcome": "success"}
FAIL2BAN = (
    Phrase(_BAN + r"(?:Restore )?Ban (?P<source.address>\S+)$", {"event.action": "ban", "event.type": ("denied",), **_BANNED}),
    Phrase(_BAN + r"Unban (?P<source.address>\S+)$", {"event.action": "unban", "event.type": ("end",), **_BANNED}),
    Phrase(
        _BAN + r"Found (?P<source.address>[^\s-]+)(?: - .*)?$",
        {"event.action": "found", "event.category": ("intrusion_detection",), "event.type": ("info",)},
    ),
    Phrase(
        _BAN + r"(?:WARNING )?(?P<source.address>[0-9A-Fa-f.:]+) already banned$",
        {"event.action": "already_banned", "event.category": ("intrusion_detection",), "event.type": ("info",)},
    ),
    Phrase(
        r"^(?:fail2ban\.\S+ *(?:\[[0-9]+\])?: )?(?:[A-Z]+ +)?(?P<event.reason>Jail '.*' (?:started|stopped|reloaded)"
        r"|Starting Fail2ban.*|Exiting Fail2ban.*|Stopping all jails)$",
        {"event.action": "service_changed", "event.category": ("process",), "event.type": ("change",)},
    ),
)

_LEASE: Says = {"event.category": ("network",), "event.type": ("protocol",), "network.protocol": "dhcp"}
#: What the other programs of the system say.
OTHERS = (
    Phrase(
        r"^(?P<event.action>DHCP[A-Z]+) (?:of|for) (?P<client.ip>[0-9.]+) from (?P<server.ip>[0-9.]+).*$",
        _LEASE,
    ),
    Phrase(
        r"^(?P<event.action>DHCP[A-Z]+) (?:for (?P<client.ip>[0-9.]+) )?on (?P<network.name>\S+) "
        r"to (?P<server.ip>[0-9.]+) port .*$",
        _LEASE,
    ),
    Phrase(r"^bound to (?P<client.ip>[0-9.]+) -- renewal in .*$", {"event.action": "dhcp_bound", **_LEASE}),
    Phrase(
        r'^(?:\[origin software="(?P<syslog.software>[^"]*)".*\] )'
        r"(?P<event.reason>start|exiting on signal .*|rsyslogd was HUPed.*)$",
        {"event.action": "log_service", "event.category": ("process",), "event.type": ("info",)},
    ),
    Phrase(
        r"^(?P<event.reason>System clock wrong by .*|System clock was stepped by .*|Selected source .*|Can't synchronise.*)$",
        {"event.action": "clock", "event.category": ("host",), "event.type": ("info",)},
    ),
)
