"""What SYSTEM logs say in words: who logged in, from where, and what failed."""

from correlator.parse.formats.phrases import Phrase

__all__ = ["PHRASES"]

Says = dict[str, str | tuple[str, ...]]
_FROM = r"(?:[Ff]rom|Login from|Source IP|client IP):? ?(?P<s_from>[0-9A-Fa-f][0-9A-Fa-f.:]*[0-9A-Fa-f:])"


def _login(outcome: str, action: str = "login", kind: str = "start") -> Says:
    return {"s_category": "authentication", "s_type": kind, "s_action": action, "s_outcome": outcome}


_BAD, _OK = _login("failure"), _login("success")
_CONFIG: Says = {"s_category": "configuration", "s_type": "change"}

PHRASES = (
    Phrase(
        r"^(?:User '(?P<s_user>.*?)' failed authentication|failed authentication for user '(?P<s_other>.*?)')\.? *"
        rf"(?:Reason: (?P<s_reason>.*?)\.? (?:auth profile .*?|)?){_FROM}",
        _BAD,
    ),
    Phrase(
        rf"^(?:[Ff]ailed authentication for user|User) '(?P<s_user>.*?)'.*?(?P<s_reason>fail\w*|Invalid [a-z/]+).*{_FROM}", _BAD
    ),
    Phrase(
        r"^(?:[Ff]ailed authentication for user|User) '(?P<s_user>.*?)'(?: failed authentication)?\. *Reason: "
        r"(?P<s_reason>[^.]*)",
        _BAD,
    ),
    Phrase(rf"^(?:User '(?P<s_user>.*?)' authenticated|authenticated for user '(?P<s_other>.*?)')\..*{_FROM}", _OK),
    Phrase(r"^(?:User '(?P<s_user>.*?)' authenticated|authenticated for user '(?P<s_other>.*?)')\.", _OK),
    Phrase(rf"^User (?P<s_user>.*) logged in via (?P<s_client>.*) {_FROM}(?: using (?P<s_protocol>\S+))?", _OK),
    Phrase(rf"^User (?P<s_user>.*) logged out via (?P<s_client>.*) {_FROM}", _login("success", "logout", "end")),
    Phrase(
        rf"^Session for user (?P<s_user>.*) via (?P<s_client>.*) {_FROM} (?P<s_reason>timed out)",
        _login("success", "logout", "end"),
    ),
    Phrase(rf"^GlobalProtect .*? succeeded\. {_FROM},.*?User name: (?P<s_user>.*?)(?:, .*)?$", _login("success", "vpn_login")),
    Phrase(
        rf"^GlobalProtect .*? failed\. {_FROM},.*?User name: (?P<s_user>.*?)(?:, .*?(?:Reason|error): "
        r"(?P<s_reason>.*?))?(?:, .*)?$",
        _login("failure", "vpn_login"),
    ),
    Phrase(
        r"^User '(?P<s_user>.*?)' (?P<s_reason>.*?locked.*)$",
        {"s_category": "iam", "s_type": "user change", "s_action": "account_locked"},
    ),
    Phrase(
        r"^(?P<s_reason>Commit job (?:failed|succeeded)).*?(?:[Uu]ser[=: ]+(?P<s_user>[^\s,.]+))?",
        _CONFIG | {"s_action": "commit"},
    ),
    Phrase(rf"^(?P<s_reason>.*?) for user '?(?P<s_user>[^\s',]+)'?.*?{_FROM}", {"s_category": "host"}),
)
