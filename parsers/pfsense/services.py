"""The firewall's other programs: its web interface, its audit log, the captive portal, sshguard."""

from correlator.model.logsource import LogSource
from correlator.parse.formats.phrases import Phrase
from correlator.parse.formats.programs import Program

__all__ = ["PROGRAMS"]

Says = dict[str, str | tuple[str, ...]]
_PAGE = r"^(?:(?P<url.path>/[^\s:]+): )?"
_FROM = r"from:? \[?(?P<source.address>[0-9A-Fa-f.:]+)\]?"
_METHOD = r"(?: \((?P<authentication.method>[^)]*)\))?"


def _login(outcome: str, action: str = "login", kind: str = "start") -> Says:
    return {"event.category": ("authentication",), "event.type": (kind,), "event.action": action, "event.outcome": outcome}


_CHANGE: Says = {
    "event.category": ("configuration",),
    "event.type": ("change",),
    "event.action": "configuration_changed",
    "event.outcome": "success",
}
_WEB = (
    Phrase(_PAGE + r"Successful login for user '(?P<user.name>.*)' " + _FROM + _METHOD, _login("success")),
    Phrase(_PAGE + r"User logged out for user '(?P<user.name>.*)' " + _FROM + _METHOD, _login("success", "logout", "end")),
    Phrase(_PAGE + r"Session timed out for user '(?P<user.name>.*)' " + _FROM + _METHOD, _login("success", "logout", "end")),
    Phrase(
        _PAGE + r"(?P<event.reason>webConfigurator authentication error) for (?:user )?'(?P<user.name>.*)' " + _FROM + _METHOD,
        _login("failure"),
    ),
    Phrase(
        _PAGE + r"(?P<event.reason>Web GUI authentication error) for (?:user )?'(?P<user.name>.*)' " + _FROM, _login("failure")
    ),
    Phrase(
        _PAGE
        + r"Configuration Change: (?P<user.name>.+?)@(?P<source.address>[0-9A-Fa-f.:]+)"
        + _METHOD
        + r": ?(?P<event.reason>.*)$",
        _CHANGE,
    ),
    Phrase(_PAGE + r"Configuration Change: (?P<user.name>\(system\)|[^:]+): ?(?P<event.reason>.*)$", _CHANGE),
    Phrase(
        r"^user (?P<user.name>.+?)(?:@(?P<source.address>[0-9A-Fa-f.:]+))? changed configuration to (?P<file.path>\S+) in "
        r"(?P<url.path>\S+) ?(?P<event.reason>.*)$",
        _CHANGE,
    ),
    Phrase(
        r"^user (?P<user.name>.*) authenticated successfully for (?P<service.name>\S+?)(?: \[using "
        r"(?P<authentication.method>[^\]]*)\])?\s*$",
        _login("success", "authentication"),
    ),
    Phrase(
        r"^user (?P<user.name>.*) (?:could not authenticate|failed authentication) for (?P<service.name>\S+?)\.?"
        r"(?: \[using (?P<authentication.method>[^\]]*)\])?\s*$",
        _login("failure", "authentication"),
    ),
    Phrase(
        _PAGE + r"(?P<event.reason>HTTP_REFERER check failed.*|.*HTTP_REFERER .* does not match.*)$",
        _login("failure", "referer"),
    ),
)
_PORTAL_WHO = r"(?P<user.name>.*), (?P<source.mac>[0-9A-Fa-f:]{17}|), ?(?P<source.address>[0-9A-Fa-f.:]+)"
_ZONE = r"^Zone: (?P<network.name>\S+) - "
_PORTAL = (
    Phrase(
        _ZONE + r"(?:(?:USER |VOUCHER )?LOGIN|ACCEPT|CONCURRENT LOGIN.*?|Voucher login good.*?): " + _PORTAL_WHO,
        _login("success"),
    ),
    Phrase(
        _ZONE + r"(?:(?:USER )?LOGIN FAILURE|FAILURE|ERROR|DENY): " + _PORTAL_WHO + r"(?:, (?P<event.reason>.*))?$",
        _login("failure"),
    ),
    Phrase(
        _ZONE
        + r"(?P<event.reason>LOGOUT|DISCONNECT|TIMEOUT|IDLE TIMEOUT|SESSION TIMEOUT)(?: - TERMINATING SESSION)?.*?: "
        + _PORTAL_WHO,
        _login("success", "logout", "end"),
    ),
    Phrase(_ZONE + r"(?P<event.reason>[^:]*): " + _PORTAL_WHO, _login("unknown", "portal", "info")),
)
_GUARD: Says = {"event.category": ("network", "intrusion_detection"), "event.kind": "alert"}
_SSHGUARD = (
    Phrase(
        r'^Attack from "(?P<source.address>[^"]*)" on service (?P<service.name>.*?) with danger (?P<danger>[0-9]+)\.?$',
        _GUARD | {"event.action": "attack", "event.type": ("info",)},
    ),
    Phrase(
        r'^Blocking "(?P<source.address>[^"/]*)(?:/[0-9]+)?" for (?P<block.seconds>[0-9]+) secs \((?P<event.reason>.*)\)$',
        _GUARD | {"event.action": "block", "event.type": ("denied",)},
    ),
    Phrase(
        r"^(?P<source.address>[0-9A-Fa-f.:]+): unblocking after (?P<block.seconds>[0-9]+) secs",
        {"event.category": ("network",), "event.action": "unblock", "event.type": ("allowed",)},
    ),
)
_AGAIN = {"src_ip": "source.ip", "username": "user.name"}

PROGRAMS = (
    Program(
        dataset="pfsense.audit",
        log_sources=(LogSource("pfsense", "", "audit"),),
        names=("php-fpm", "php", "php-cgi", "audit", "api"),
        phrases=_WEB,
        says={"event.action": "message", "observer.type": "firewall"},
        again=_AGAIN,
    ),
    Program(
        dataset="pfsense.portal",
        log_sources=(LogSource("pfsense", "", "captiveportal"),),
        names=("logportalauth",),
        phrases=_PORTAL,
        says={"event.action": "message", "observer.type": "firewall"},
        again=_AGAIN,
    ),
    Program(
        dataset="sshguard.attack",
        log_sources=(LogSource("", "", "sshguard"),),
        names=("sshguard",),
        phrases=_SSHGUARD,
        says={"event.action": "message"},
        again=_AGAIN,
    ),
)
