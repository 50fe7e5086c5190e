"""What Nextcloud writes: logins, files, shares, accounts, applications."""

from correlator.parse.formats.phrases import Phrase

__all__ = ["PHRASES"]

Says = dict[str, str | tuple[str, ...]]

_LOGIN: Says = {"event.action": "login", "event.category": ("authentication",), "event.type": ("start",)}
_FACTOR: Says = {**_LOGIN, "event.action": "second_factor"}
_SHARE: Says = {"event.category": ("file",), "event.type": ("access", "change"), "event.outcome": "success"}
_IAM: Says = {"event.category": ("iam",), "event.outcome": "success"}
_APP: Says = {"event.category": ("configuration", "package"), "event.type": ("change",), "event.outcome": "success"}
_IP = r"(?P<source.ip>[0-9A-Fa-f.:]+)"
_ID = r'(?: with id "?[0-9]+"?)?'


def _file(action: str, kind: str, verb: str) -> tuple[Phrase, ...]:
    says: Says = {"event.action": action, "event.category": ("file",), "event.type": (kind,), "event.outcome": "success"}
    two = r' (?:from )?"(?P<file.path>.*)" to "(?P<file.target_path>.*)"$'
    return (
        Phrase(rf"(?s)^(?:File|Folder){_ID} {verb}{_ID}:?{two}", says),
        Phrase(rf'(?s)^(?:File|Folder|Preview){_ID} {verb}(?: in cache)?:? "(?P<file.path>[^"]*)".*$', says),
        Phrase(rf'(?s)^(?:File|Folder|Preview)(?: with id)? "(?P<file.path>[^"]*)"[^"]*? (?:was )?{verb}.*$', says),
    )


PHRASES = (
    Phrase(rf"(?s)^Login failed: '(?P<user.name>.*)' \(Remote IP: '?{_IP}'?\)$", {**_LOGIN, "event.outcome": "failure"}),
    Phrase(rf"(?s)^Login failed: (?P<user.name>.*) \(Remote IP: '?{_IP}'?\)$", {**_LOGIN, "event.outcome": "failure"}),
    Phrase(r'(?s)^Login failed: "?(?P<user.name>.*?)"?$', {**_LOGIN, "event.outcome": "failure"}),
    Phrase(r'(?s)^Login successful: "?(?P<user.name>.*?)"?$', {**_LOGIN, "event.outcome": "success"}),
    Phrase(
        r'(?s)^Login attempt: "?(?P<user.name>.*?)"?$', {**_LOGIN, "event.action": "login_attempt", "event.outcome": "unknown"}
    ),
    Phrase(
        r"^Logout occurred$",
        {"event.action": "logout", "event.category": ("authentication",), "event.type": ("end",), "event.outcome": "success"},
    ),
    Phrase(
        rf'^Bruteforce attempt from "{_IP}" detected for action "(?P<event.reason>[^"]*)"\.?$',
        {"event.action": "guessing_detected", "event.category": ("authentication",), "event.type": ("info",)},
    ),
    Phrase(
        r"^(?P<event.reason>IP address (?:throttled|blocked) because it reached the attempts limit.*)$",
        {
            "event.action": "throttled",
            "event.category": ("authentication",),
            "event.type": ("denied",),
            "event.outcome": "failure",
        },
    ),
    Phrase(
        r'^Trusted domain error\. "(?P<source.ip>[^"]*)" tried to access using "(?P<url.domain>[^"]*)" as host\.?$',
        {"event.action": "untrusted_host", "event.category": ("web",), "event.type": ("denied",), "event.outcome": "failure"},
    ),
    Phrase(
        r"(?s)^Successful two.factor attempt by user (?P<user.name>.*) \(.*\) with provider (?P<event.reason>.*)$",
        {**_FACTOR, "event.outcome": "success"},
    ),
    Phrase(
        r"(?s)^(?:Failed|Failure of) two.factor attempt by user (?P<user.name>.*) \(.*\) with provider (?P<event.reason>.*)$",
        {**_FACTOR, "event.outcome": "failure"},
    ),
    Phrase(
        r"(?s)^(?P<event.reason>Two.factor (?:authentication|provider) .* (?:enabled|disabled).*)$",
        {**_IAM, "event.action": "second_factor_changed", "event.type": ("user", "change")},
    ),
    *_file("file_read", "access", "(?:accessed|read|downloaded|has been accessed)"),
    *_file("file_written", "change", "(?:written to|updated|has been written)"),
    *_file("file_created", "creation", "(?:created|uploaded|restored)"),
    *_file("file_deleted", "deletion", "(?:deleted|permanently deleted|moved to trash)"),
    *_file("file_renamed", "change", "(?:renamed|moved)"),
    *_file("file_copied", "creation", "copied"),
    Phrase(
        r'(?s)^The (?:file|folder) "(?P<file.path>.*)" with ID "[^"]*" has been shared via '
        r"(?P<event.reason>link|email|public link)\b.*$",
        {**_SHARE, "event.action": "shared_publicly"},
    ),
    Phrase(
        r'(?s)^The (?:file|folder) "(?P<file.path>.*)" with ID "[^"]*" has been shared (?:to|with) the '
        r"(?P<event.reason>[a-z ]+) "
        r'"(?P<user.target.name>[^"]*)".*$',
        {**_SHARE, "event.action": "shared"},
    ),
    Phrase(
        r'(?s)^The (?:file|folder) "(?P<file.path>.*)" with ID "[^"]*" has been unshared.*$',
        {**_SHARE, "event.action": "unshared"},
    ),
    Phrase(
        r"(?s)^The (?P<event.reason>(?:permissions|password|expiration date) of the (?:publicly )?shared .*)$",
        {**_SHARE, "event.action": "share_changed"},
    ),
    Phrase(
        r'(?s)^The shared file with the token "(?P<resource.id>[^"]*)" by "(?P<user.target.name>[^"]*)" has been accessed\.$',
        {**_SHARE, "event.type": ("access",), "event.action": "share_read"},
    ),
    Phrase(
        r'(?s)^User created: "(?P<user.target.name>.*)"$',
        {**_IAM, "event.action": "user_created", "event.type": ("user", "creation")},
    ),
    Phrase(
        r'(?s)^User deleted: "(?P<user.target.name>.*)"$',
        {**_IAM, "event.action": "user_deleted", "event.type": ("user", "deletion")},
    ),
    Phrase(
        r'(?s)^(?:User (?P<event.reason>enabled|disabled): "(?P<user.target.name>.*)"|User renamed.*)$',
        {**_IAM, "event.action": "user_changed", "event.type": ("user", "change")},
    ),
    Phrase(
        r'(?s)^User "(?P<user.target.name>.*)" added to group "(?P<group.name>[^"]*)"$',
        {**_IAM, "event.action": "group_member_added", "event.type": ("group", "change")},
    ),
    Phrase(
        r'(?s)^User "(?P<user.target.name>.*)" removed from group "(?P<group.name>[^"]*)"$',
        {**_IAM, "event.action": "group_member_removed", "event.type": ("group", "change")},
    ),
    Phrase(
        r'(?s)^Password of user "(?P<user.target.name>.*)" has been changed$',
        {**_IAM, "event.action": "password_changed", "event.type": ("user", "change")},
    ),
    Phrase(
        r'(?s)^Email address changed for user "?(?P<user.target.name>.*?)"?$',
        {**_IAM, "event.action": "user_changed", "event.type": ("user", "change")},
    ),
    Phrase(
        r'(?s)^Group (?P<event.reason>created|deleted): "(?P<group.name>.*)"$',
        {**_IAM, "event.action": "group_changed", "event.type": ("group", "change")},
    ),
    Phrase(r'^App "(?P<package.name>[^"]*)" enabled(?P<event.reason>.*)$', {**_APP, "event.action": "app_enabled"}),
    Phrase(r'^App "(?P<package.name>[^"]*)" disabled$', {**_APP, "event.action": "app_disabled"}),
    Phrase(
        r"(?s)^Console command executed: (?P<process.command_line>.*)$",
        {
            "event.action": "console_command",
            "event.category": ("process",),
            "event.type": ("start",),
            "event.outcome": "success",
        },
    ),
    Phrase(
        r"(?s)^Infected file (?P<event.reason>deleted|found)[.:]? (?P<threat.indicator.name>.*?) (?:Account|"
        r"File): (?P<user.name>[^ ]*)"
        r"(?: Path: (?P<file.path>.*))?$",
        {"event.action": "malware_found", "event.category": ("malware", "file"), "event.type": ("info",)},
    ),
)
