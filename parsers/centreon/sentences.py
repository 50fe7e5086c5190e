"""What Nagios and Centreon write: alerts, notifications, commands, logins."""

from correlator.parse.formats.phrases import Phrase

__all__ = ["PHRASES"]

Says = dict[str, str | tuple[str, ...]]

_HOST: Says = {"event.category": ("host",), "event.type": ("info",)}
_CONFIG: Says = {"event.category": ("configuration",), "event.type": ("change",), "event.outcome": "success"}
_LOGIN: Says = {"event.category": ("authentication", "web"), "event.type": ("start",)}
_PROCESS: Says = {"event.category": ("process",)}
_SERVICE_STATE = (
    r"(?P<host.name>[^;]*);(?P<service.name>[^;]*);(?P<state>[A-Z]+);(?P<state_type>[A-Z]+);(?P<state_attempt>[0-9]+);"
    r"(?P<event.reason>.*)$"
)
_HOST_STATE = r"(?P<host.name>[^;]*);(?P<state>[A-Z]+);(?P<state_type>[A-Z]+);(?P<state_attempt>[0-9]+);(?P<event.reason>.*)$"
_SVC_AUTHOR = r"(?P<host.name>[^;]*);(?P<service.name>[^;]*);(?:[0-9]+;){{{0}}}(?P<user.name>[^;]*);(?P<event.reason>.*)$"
_HOST_AUTHOR = r"(?P<host.name>[^;]*);(?:[0-9]+;){{{0}}}(?P<user.name>[^;]*);(?P<event.reason>.*)$"
_SOURCE = r"(?:\[(?P<auth.source>[A-Z]+)\] )?(?:\[(?P<source.ip>[0-9A-Fa-f.:]+)\] )?"


def _command(action: str, names: str, arguments: str) -> Phrase:
    return Phrase(rf"(?s)^EXTERNAL COMMAND: (?P<event.code>{names});{arguments}", {**_CONFIG, "event.action": action})


PHRASES = (
    Phrase(rf"(?s)^SERVICE ALERT: {_SERVICE_STATE}", {**_HOST, "event.action": "service_alert"}),
    Phrase(rf"(?s)^HOST ALERT: {_HOST_STATE}", {**_HOST, "event.action": "host_alert"}),
    Phrase(rf"(?s)^(?:CURRENT|INITIAL) SERVICE STATE: {_SERVICE_STATE}", {**_HOST, "event.action": "service_state"}),
    Phrase(rf"(?s)^(?:CURRENT|INITIAL) HOST STATE: {_HOST_STATE}", {**_HOST, "event.action": "host_state"}),
    Phrase(
        r"(?s)^SERVICE NOTIFICATION: (?P<user.target.name>[^;]*);(?P<host.name>[^;]*);(?P<service.name>[^;]*);"
        r"(?:[A-Z ]+ \()?(?P<state>[A-Z]+)\)?;(?P<event.provider>[^;]*);(?P<event.reason>.*)$",
        {**_HOST, "event.action": "service_notification"},
    ),
    Phrase(
        r"(?s)^HOST NOTIFICATION: (?P<user.target.name>[^;]*);(?P<host.name>[^;]*);(?:[A-Z ]+ \()?(?P<state>[A-Z]+)\)?;"
        r"(?P<event.provider>[^;]*);(?P<event.reason>.*)$",
        {**_HOST, "event.action": "host_notification"},
    ),
    Phrase(
        r"(?s)^SERVICE (?:FLAPPING|DOWNTIME) ALERT: (?P<host.name>[^;]*);(?P<service.name>[^;]*);(?P<event.code>[A-Z]+);"
        r"\s*(?P<event.reason>.*)$",
        {**_HOST, "event.action": "service_downtime_or_flapping"},
    ),
    Phrase(
        r"(?s)^HOST (?:FLAPPING|DOWNTIME) ALERT: (?P<host.name>[^;]*);(?P<event.code>[A-Z]+);\s*(?P<event.reason>.*)$",
        {**_HOST, "event.action": "host_downtime_or_flapping"},
    ),
    Phrase(rf"(?s)^(?:GLOBAL )?SERVICE EVENT HANDLER: {_SERVICE_STATE}", {**_HOST, "event.action": "event_handler"}),
    Phrase(rf"(?s)^(?:GLOBAL )?HOST EVENT HANDLER: {_HOST_STATE}", {**_HOST, "event.action": "event_handler"}),
    Phrase(
        r"(?s)^PASSIVE SERVICE CHECK: (?P<host.name>[^;]*);(?P<service.name>[^;]*);(?P<state>[0-9]+);(?P<event.reason>.*)$",
        {**_HOST, "event.action": "passive_check"},
    ),
    Phrase(
        r"(?s)^PASSIVE HOST CHECK: (?P<host.name>[^;]*);[0-9]+;(?P<event.reason>.*)$",
        {**_HOST, "event.action": "passive_check"},
    ),
    _command("problem_acknowledged", "ACKNOWLEDGE_SVC_PROBLEM", _SVC_AUTHOR.format(3)),
    _command("problem_acknowledged", "ACKNOWLEDGE_HOST_PROBLEM", _HOST_AUTHOR.format(3)),
    _command("downtime_scheduled", "SCHEDULE_SVC_DOWNTIME", _SVC_AUTHOR.format(5)),
    _command("downtime_scheduled", "SCHEDULE_[A-Z]*HOST[A-Z_]*DOWNTIME", _HOST_AUTHOR.format(5)),
    _command(
        "monitoring_muted",
        r"(?:DISABLE|STOP)_[A-Z_]*SVC[A-Z_]*",
        r"(?P<host.name>[^;]*)(?:;(?P<service.name>.*))?$",
    ),
    _command("monitoring_muted", r"(?:DISABLE|STOP|SHUTDOWN)_[A-Z_]*HOST[A-Z_]*", r"(?P<host.name>[^;]*)(?P<event.reason>.*)$"),
    Phrase(
        r"^EXTERNAL COMMAND: (?P<event.code>(?:DISABLE|STOP|SHUTDOWN)_[A-Z_]+)(?P<event.reason>.*)$",
        {**_CONFIG, "event.action": "monitoring_muted"},
    ),
    Phrase(
        r"^EXTERNAL COMMAND: (?P<event.code>PROCESS_(?:SERVICE|HOST)_CHECK_RESULT);(?P<host.name>[^;]*)(?P<event.reason>.*)$",
        {**_HOST, "event.action": "passive_check"},
    ),
    Phrase(
        r"(?s)^EXTERNAL COMMAND: (?P<event.code>[A-Z_]+)(?:;(?P<host.name>[^;]*))?(?P<event.reason>.*)$",
        {**_CONFIG, "event.action": "external_command"},
    ),
    Phrase(
        rf"(?s)^{_SOURCE}Authentication succeeded for '(?P<user.name>.*)'.*$",
        {**_LOGIN, "event.action": "login", "event.outcome": "success"},
    ),
    Phrase(
        rf"(?s)^{_SOURCE}Authentication failed for '(?P<user.name>.*)'(?: : (?P<event.reason>[^']*))?$",
        {**_LOGIN, "event.action": "login", "event.outcome": "failure"},
    ),
    Phrase(
        rf"(?s)^{_SOURCE}Contact '(?P<user.name>.*)' (?P<event.reason>(?:doesn't match|is not|not |logged|cannot).*)$",
        {**_LOGIN, "event.action": "login", "event.outcome": "failure"},
    ),
    Phrase(
        rf"(?s)^{_SOURCE}(?P<event.reason>No contact found) with '(?P<user.name>.*)'$",
        {**_LOGIN, "event.action": "login", "event.outcome": "failure"},
    ),
    Phrase(
        rf"(?s)^{_SOURCE}(?P<event.reason>(?:LDAP AUTH|LDAP Search|LDAP).*)$",
        {"event.category": ("authentication",), "event.type": ("info",), "event.action": "ldap"},
    ),
    Phrase(
        r"^(?P<event.reason>(?:Nagios|Naemon|Icinga|Centreon Engine) [0-9.]+ starting.*|Finished daemonizing.*)$",
        {**_PROCESS, "event.type": ("start",), "event.action": "service_started"},
    ),
    Phrase(
        r"^(?P<event.reason>(?:Caught SIG|Successfully shutdown|Bailing out).*)$",
        {**_PROCESS, "event.type": ("end",), "event.action": "service_stopped"},
    ),
    Phrase(
        r"^(?P<event.reason>(?:LOG ROTATION|LOG VERSION|TIMEPERIOD TRANSITION|Auto-save|Event broker|Local "
        r"time is|wproc|nerd|qh|"
        r"livestatus).*)$",
        {**_PROCESS, "event.type": ("info",), "event.action": "service_message"},
    ),
    Phrase(
        r"(?s)^(?:Warning|Error): (?P<event.reason>.*)$",
        {**_PROCESS, "event.type": ("error",), "event.action": "service_warning"},
    ),
)
