"""What nginx and Apache write in their error logs: sentences, and what each means."""

from correlator.parse.formats.phrases import Phrase

__all__ = ["MEANING", "PHRASES"]

#: Action → (category, type, outcome).
MEANING: dict[str, tuple[list[str], list[str], str]] = {
    "login": (["authentication", "web"], ["start"], "success"),
    "login_failed": (["authentication", "web"], ["start"], "failure"),
    "authorization_failed": (["authentication", "web"], ["access", "denied"], "failure"),
    "access_denied": (["web"], ["access", "denied"], "failure"),
    "rate_limited": (["web", "network"], ["access", "denied"], "failure"),
    "bad_request": (["web"], ["access", "error"], "failure"),
    "not_found": (["web", "file"], ["access", "error"], "failure"),
    "tls_failed": (["network"], ["connection", "error"], "failure"),
    "upstream_failed": (["web", "network"], ["connection", "error"], "failure"),
    "script_error": (["web", "process"], ["error"], "failure"),
    "process_crashed": (["process"], ["end", "error"], "failure"),
    "service_started": (["process"], ["start"], "success"),
    "service_stopped": (["process"], ["end"], "success"),
    "service_changed": (["process", "configuration"], ["change"], "success"),
    "service_failed": (["process"], ["error"], "failure"),
    "waf": (["web", "intrusion_detection"], ["info"], "unknown"),
}


def _said(action: str, *patterns: str) -> tuple[Phrase, ...]:
    return tuple(Phrase(rf"(?s)^{pattern}", {"event.action": action}) for pattern in patterns)


_AH = r"(?P<error.code>AH[0-9]{5}): "
_CODE = rf"(?:{_AH})?"
#: nginx and Apache alike. The name of a user stands before a fixed text.
PHRASES = (
    *_said("waf", r"(?:\[[a-z_]+ [^\]]*\] *)*(?:ModSecurity|Coraza)\b.*\[id \""),
    *_said(
        "login_failed",
        r'user "(?P<user.name>.*)": (?P<event.reason>password mismatch)$',
        r'user "(?P<user.name>.*)" (?P<event.reason>was not found in ".*")$',
        r"(?P<event.reason>no user/password was provided for basic authentication)$",
        r'client login failed: "(?P<event.reason>.*)" while in http auth state$',
        rf'{_CODE}user (?P<user.name>.*): authentication failure for "(?P<url.original>[^"]*)": (?P<event.reason>.*)$',
        rf"{_CODE}[Dd]igest: user `?(?P<user.name>.*?)'?(?: in realm `.*)?:? (?P<event.reason>password mismatch|not found).*$",
        rf"{_CODE}user `(?P<user.name>.*)': (?P<event.reason>password mismatch|nonce|invalid).*$",
        rf"{_CODE}user `(?P<user.name>.*)' in realm `.*' (?P<event.reason>not found|denied).*$",
        rf"{_CODE}user (?P<user.name>.*) (?P<event.reason>not found): (?P<url.original>\S*)$",
        rf"{_CODE}auth_ldap authenticate: user (?P<user.name>.*) authentication failed; "
        r"URI (?P<url.original>\S+) (?P<event.reason>.*)$",
        rf"{_CODE}(?P<event.reason>client used wrong authentication scheme)(?:: .*)?$",
        rf"{_CODE}(?P<event.reason>(?:nonce|no such user|unknown user|invalid credentials).*)$",
        rf"{_CODE}PAM: user '(?P<user.name>.*)' - not authenticated: (?P<event.reason>.*)$",
    ),
    *_said("login", r"client logged in$"),
    *_said(
        "authorization_failed",
        rf'{_CODE}user (?P<user.name>.*): authorization failure(?: for "(?P<url.original>[^"]*)")?:? ?(?P<event.reason>.*)$',
        rf"{_CODE}access to (?P<url.original>\S+) failed, reason: (?P<event.reason>.*)$",
        rf"{_CODE}(?P<event.reason>authorization result.* denied).*$",
    ),
    *_said(
        "access_denied",
        r"(?P<event.reason>access forbidden by rule)$",
        rf"{_CODE}(?P<event.reason>client denied by server configuration): (?P<file.path>.*)$",
        rf"{_CODE}(?P<event.reason>file permissions deny server access): (?P<file.path>.*)$",
        rf"{_CODE}access to (?P<url.original>\S+) (?P<event.reason>denied.*)$",
        r'(?P<event.reason>directory index of) "(?P<file.path>.*)" is forbidden$',
        rf"{_CODE}(?P<event.reason>Cannot serve directory) (?P<file.path>[^:]*): .*$",
        rf"{_CODE}(?P<event.reason>Symbolic link not allowed.*): (?P<file.path>.*)$",
        rf"{_CODE}(?P<event.reason>(?:attempt to (?:serve|invoke|include)|Options ExecCGI is off|Directory "
        r"index forbidden).*)$",
        r"(?P<event.reason>upstream sent .*auth.* rejected|auth request unexpected status: [0-9]+).*$",
    ),
    *_said(
        "rate_limited",
        r"(?P<event.reason>(?:limiting|delaying) (?:requests?|connections).*)$",
        r"(?P<event.reason>client denied by .*evasive.*|Blacklisting address .*|mod_qos\([0-9]+\): .*)$",
        rf"{_CODE}(?P<event.reason>request(?:ed)? .*rate.?limit.*)$",
    ),
    *_said(
        "bad_request",
        r"(?P<event.reason>client (?:sent|intended to send).*)$",
        rf"{_CODE}(?P<event.reason>Invalid URI in request) (?P<request>.*)$",
        rf"{_CODE}(?P<event.reason>invalid URI path) \((?P<url.original>.*)\)$",
        rf"{_CODE}(?P<event.reason>Invalid method in request) (?P<request>.*)$",
        rf"{_CODE}(?P<event.reason>(?:[Rr]equest (?:exceeded|header|failed|URI)|request failed|HTTP Request|"
        r"Client sent|client sent).*)$",
        rf"{_CODE}(?P<event.reason>(?:Unrecognized|Unknown|Unsafe|Rejecting|rejecting|Forbidden|malformed) .*)$",
    ),
    *_said(
        "not_found",
        r'(?:open\(\) )?"(?P<file.path>.*)" (?P<event.reason>(?:failed|is not found) \([0-9]+: .*\)).*$',
        rf"{_CODE}(?P<event.reason>File does not exist): (?P<file.path>.*)$",
        rf"{_CODE}(?P<event.reason>script not found or unable to stat): (?P<file.path>.*)$",
        rf"{_CODE}script '(?P<file.path>.*)' (?P<event.reason>not found or unable to stat)$",
        rf"{_CODE}(?P<event.reason>Cannot map) (?P<request>\S+ .*) to file$",
        r"FastCGI sent in stderr: \"(?P<event.reason>Primary script unknown|Unable to open primary script.*)\".*$",
        rf"{_CODE}Got error '(?P<event.reason>Primary script unknown).*$",
    ),
    *_said(
        "script_error",
        r'FastCGI sent in stderr: "(?P<error.message>.*)" while .*$',
        rf"{_CODE}Got error '(?P<error.message>.*)'$",
        rf"{_CODE}(?P<error.message>(?:PHP|Python|Perl|mod_wsgi|ruby) .*)$",
        rf"{_CODE}(?P<error.message>(?:Premature end of script headers|End of script output before headers|"
        r"malformed header).*)$",
        r"(?P<error.code>AH01215): (?P<error.message>.*)$",
    ),
    *_said(
        "tls_failed",
        r"(?P<event.reason>(?:SSL_\w+\(\)|peer closed connection in SSL handshake|SSL).*)$",
        rf"{_CODE}(?P<event.reason>(?:SSL|TLS|Hostname .* provided via SNI|No hostname was provided via SNI|Certificate|"
        r"OCSP|rejecting client initiated renegotiation).*)$",
    ),
    *_said(
        "upstream_failed",
        r"(?P<event.reason>.* while (?:connecting to|reading (?:response )?(?:header |upstream )?from|sending (?:request )?to|"
        r"SSL handshaking to|prematurely closed|reading)[ a-z]* upstream)$",
        r"(?P<event.reason>(?:no live upstreams|upstream (?:timed out|prematurely|sent|server temporarily)).*)$",
        rf"{_CODE}(?P<event.reason>(?:attempt to connect to|failed to make connection to|error reading from remote server|"
        r"Error dispatching request to|proxy: |HTTP: attempt|ap_proxy).*)$",
    ),
    *_said(
        "process_crashed",
        r"(?P<event.reason>(?:worker|cache \w+) process [0-9]+ exited on signal [0-9]+.*)$",
        rf"{_CODE}(?P<event.reason>child pid [0-9]+ exit signal .*)$",
        rf"{_CODE}(?P<event.reason>.*(?:Segmentation [Ff]ault|core dumped|Assertion `.*failed).*)$",
    ),
    *_said(
        "service_started",
        rf"{_CODE}(?P<event.reason>.*(?:resuming normal operations|Command line: .*))$",
        r"(?P<event.reason>(?:nginx/[0-9.]+.*|using the .* event method|start(?:ing)? (?:worker|cache).*|"
        r"getrlimit.*|built by .*))$",
    ),
    *_said(
        "service_stopped",
        rf"{_CODE}(?P<event.reason>(?:caught SIG\w+|SIG\w+ received|shutting down).*)$",
        r"(?P<event.reason>(?:signal [0-9]+ \(SIG(?:TERM|QUIT|INT)\) received|gracefully shutting down|exiting|exit).*)$",
    ),
    *_said(
        "service_changed",
        rf"{_CODE}(?P<event.reason>(?:Graceful restart requested|SIGHUP received|signal|reconfiguring|"
        r"(?:worker|cache \w+) process [0-9]+ exited with code 0).*)$",
    ),
    *_said(
        "service_failed",
        rf"{_CODE}(?P<event.reason>(?:server reached MaxRequestWorkers|server is within MinSpareThreads|scoreboard is full|"
        r"could not|Could not|Unable to|Cannot allocate|no listening sockets|Configuration Failed|"
        r"[0-9]+ worker_connections are not enough|bind\(\)|malloc|mmap|accept4?\(\)|socket\(\)).*)$",
    ),
)  # fmt: skip
