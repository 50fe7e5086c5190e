"""What services write: cron, systemd, the kernel and its firewall, ClamAV."""

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.formats.phrases import Phrase
from parsers.linux_syslog.firewall import PACKETS

__all__ = ["ANTIVIRUS", "CRON", "KERNEL", "SYSTEMD"]

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

KERNEL = (
    *PACKETS,
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

ANTIVIRUS = (
    Phrase(
        r"^(?:.*? -> )?(?P<Filename>.+): (?P<Signature>[^\s:(]+)(?:\([^)]*\))? FOUND$",
        {
            "event.action": "found",
            "event.category": ("malware",),
            "event.type": ("info",),
            "logsource": logsource_column(*_ANTIVIRUS),
        },
    ),
)
