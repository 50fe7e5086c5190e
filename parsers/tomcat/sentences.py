"""What Tomcat and well-known applications in it write: logins, deployments, requests that are no requests."""

from correlator.parse.formats.phrases import Phrase

__all__ = ["PHRASES"]

Says = dict[str, str | tuple[str, ...]]

_LOGIN: Says = {"event.action": "login", "event.category": ("authentication",), "event.type": ("start",)}
_FAILED: Says = {**_LOGIN, "event.outcome": "failure"}
_PASSED: Says = {**_LOGIN, "event.outcome": "success"}
_DEPLOY: Says = {"event.category": ("configuration", "web"), "event.type": ("installation",), "event.outcome": "success"}
_BAD: Says = {"event.category": ("web",), "event.type": ("error",), "event.outcome": "failure", "event.action": "bad_request"}
_SERVICE: Says = {"event.category": ("process",), "event.outcome": "success"}
_SESSION: Says = {"event.category": ("session",), "event.outcome": "success"}
_CAS = r"(?s)^[^|\n]*\|(?P<service.name>[^|\n]*)\|(?P<event.reason>.*)\|"
_WHO, _FAILED_WHO = (
    rf"\|(?P<user.name>{name})\|(?P<source.address>[0-9A-Fa-f.:]+)\|(?P<destination.ip>[0-9A-Fa-f.:]+)\s*$"
    for name in (r"[^|]*", ".*")
)
_BLOCK = r"(?s)^.*WHO: (?P<user.name>[^\n]*)\n.*WHAT: (?P<event.reason>[^\n]*)\n.*ACTION: "
_BLOCK_END = r"\n.*CLIENT IP ADDRESS: (?P<source.address>[0-9A-Fa-f.:]+)\n.*$"


def _cas(action: str, says: Says, who: str = _WHO) -> tuple[Phrase, Phrase]:
    code = rf"(?P<event.code>{action})"
    return Phrase(rf"{_CAS}{code}{who}", says), Phrase(rf"{_BLOCK}{code}{_BLOCK_END}", says)


PHRASES = (
    # First, and with bars in the name: who logs in as `x|AUTHENTICATION_SUCCESS|admin` makes no success of a refusal.
    *_cas("AUTHENTICATION_FAILED", _FAILED, _FAILED_WHO),
    *_cas("AUTHENTICATION_SUCCESS", _PASSED),
    *_cas(
        r"\w*(?:DESTROYED|LOGOUT)\w*", {**_LOGIN, "event.action": "logout", "event.type": ("end",), "event.outcome": "success"}
    ),
    *_cas(
        r"\w*(?:NOT_CREATED|FAILED|FAILURE|DENIED|THROTTLED)\w*",
        {**_LOGIN, "event.action": "ticket_refused", "event.type": ("denied",), "event.outcome": "failure"},
    ),
    *_cas(r"\w+", {**_LOGIN, "event.action": "ticket", "event.type": ("info",), "event.outcome": "success"}),
    Phrase(
        r'(?s)^Authentication attempt (?:from (?P<source.address>\[[^\]]*\]|[0-9A-Fa-f.:]+) )?for user "(?P<user.name>.*)"'
        r"(?: from (?P<source.ip>[0-9A-Fa-f.:]+))? failed\..*$",
        _FAILED,
    ),
    Phrase(
        r'(?s)^User "(?P<user.name>.*)" successfully authenticated from (?P<source.address>\[[^\]]*\]|[0-9A-Fa-f.:]+)\.$',
        _PASSED,
    ),
    Phrase(
        r'(?s)^User "(?P<user.name>.*)" connected to connection "(?P<resource.id>[^"]*)"\.$',
        {**_SESSION, "event.action": "session_started", "event.type": ("start",)},
    ),
    Phrase(
        r'(?s)^User "(?P<user.name>.*)" disconnected from connection "(?P<resource.id>[^"]*)"\..*$',
        {**_SESSION, "event.action": "session_ended", "event.type": ("end",)},
    ),
    Phrase(
        r"(?s)^(?P<event.reason>An attempt was made to authenticate the locked user) \[(?P<user.name>.*)\]\s*$",
        {**_FAILED, "event.action": "locked_account"},
    ),
    Phrase(r"(?s)^(?:Failed to authenticate|Login failed for) user \[(?P<user.name>.*)\].*$", _FAILED),
    Phrase(r"(?s)^(?:Authenticated|Login succeeded for) user \[(?P<user.name>.*)\].*$", _PASSED),
    Phrase(
        r"(?s)^(?:(?:HTML)?Manager: )?(?:install|deploy|upload)?:? ?(?:Deploying|Installing) (?:web "
        r"application|deployment descriptor|configuration descriptor)"
        r"[a-z ]* ['\"\[](?P<file.path>[^'\"\]]*)['\"\]].*$",
        {**_DEPLOY, "event.action": "application_deployed"},
    ),
    Phrase(
        r"(?s)^Deployment of (?:web application|deployment descriptor)[a-z ]* \[(?P<file.path>[^\]]*)\] has finished.*$",
        {**_DEPLOY, "event.action": "application_started"},
    ),
    Phrase(
        r"(?s)^(?:(?:HTML)?Manager: )?(?:undeploy: )?Undeploying (?:context|web application)[a-z ]* "
        r"['\"\[](?P<file.path>[^'\"\]]*).*$",
        {**_DEPLOY, "event.action": "application_removed", "event.type": ("deletion",)},
    ),
    Phrase(
        r"(?s)^(?:HTML)?Manager: (?P<event.reason>.*)$",
        {"event.category": ("configuration", "web"), "event.type": ("access",), "event.action": "manager"},
    ),
    Phrase(
        r"(?s)^(?P<event.reason>(?:Error parsing HTTP request header|Invalid (?:character|chunk|method|URI|message)|"
        r"Character decoding failed|The (?:HTTP|request|URI|host)|Invalid cookie|Cookie (?:name|value)|Error "
        r"processing request)[^\n]*).*$",
        _BAD,
    ),
    Phrase(
        r"(?s)^Servlet\.service\(\) for servlet \[(?P<servlet.name>[^\]]*)\] in context with path "
        r"\[(?P<url.path>[^\]]*)\] threw "
        r"exception.*$",
        {"event.category": ("web",), "event.type": ("error",), "event.outcome": "failure", "event.action": "application_error"},
    ),
    Phrase(
        r"(?s)^(?P<event.reason>(?:Server startup in|Starting (?:service|Servlet|ProtocolHandler)|Initiali[sz]ing|Started |"
        r"Tomcat started|Tomcat initialized|Server version|Command line argument).*)$",
        {**_SERVICE, "event.action": "service_started", "event.type": ("start",)},
    ),
    Phrase(
        r"(?s)^(?P<event.reason>(?:Stopping |Pausing |Destroying |A valid shutdown command|Closing |Shutting down).*)$",
        {**_SERVICE, "event.action": "service_stopped", "event.type": ("end",)},
    ),
    Phrase(
        r"(?s)^(?P<event.reason>[^\n]*(?:appears to have started a thread|OutOfMemoryError|memory leak|Failed to start|"
        r"LifecycleException|All threads \(.*\) are currently busy)[^\n]*).*$",
        {
            "event.category": ("process",),
            "event.type": ("error",),
            "event.outcome": "failure",
            "event.action": "service_failed",
        },
    ),
    Phrase(
        r"(?s)^(?P<event.reason>[^\n]*)\n.*(?:\s+at |Caused by: |[A-Za-z0-9_.$]+(?:Exception|Error)\b).*$",
        {"event.category": ("process",), "event.type": ("error",), "event.action": "exception"},
    ),
)
