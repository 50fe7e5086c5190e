"""Log-ins, configuration and commands, by mnemonic."""

from correlator.parse.formats.phrases import Phrase
from parsers.cisco_ios.meanings import BAD, COMMAND, CONFIG, OK, host, login, net

__all__ = ["AAA", "ACCOUNTS", "BGP", "LDP", "OTHERS"]

_LOGIN = (
    r"\[user: ?(?P<user.name>.*?)\] \[Source: ?(?P<source.address>[^\]]*)\] \[localport: ?(?P<destination.port>[0-9]+)\]"
    r"(?: \[Reason: ?(?P<event.reason>[^\]]*)\])?"
)
_LOGINS = (
    Phrase(rf"^Login Success {_LOGIN} at .*$", OK),
    Phrase(rf"^Login failed {_LOGIN} at .*$", BAD),
)
_FROM = r"(?:\s?\(?(?P<source.address>[0-9a-fA-F.:]+[.:][0-9a-fA-F.:]*[0-9a-fA-F])\)?)?"
_CONFIGURED = (
    Phrase(r"^Configured from (?P<config.from>\S+) by (?P<terminal>(?:vty|tty|con|console|aux)[0-9 ]*)\s*$", CONFIG),
    Phrase(
        r"^Configured programmatically by process (?P<process.name>\S+) from (?P<config.from>\S+?) as (?P<user.name>\S+) "
        r"on (?P<terminal>\S+)\s*$",
        CONFIG,
    ),
    Phrase(
        r"^Configured from (?P<config.from>\S+?)(?: by (?P<user.name>.*?))?(?: on (?P<terminal>\S+?))? "
        r"\((?P<source.address>[^)\s]+)\)\s*$",
        CONFIG,
    ),
    Phrase(
        r"^Configured from (?P<config.from>\S+) by (?P<user.name>.*?) on (?P<source.address>[^\s@]+)@(?P<terminal>\S+)\s*$",
        CONFIG,
    ),
    Phrase(r"^Configured from (?P<config.from>\S+?)(?: by (?P<user.name>.*?))?(?: on (?P<terminal>\S+))?\s*$", CONFIG),
)
_SESSION = r"SSH2? Session (?:request )?from (?P<source.address>\S+) \(tty = (?P<terminal>[0-9]+)\)"
_WITH = r"(?P<process.name>[a-z_.-]+)"
_MD5 = Phrase(
    r"^(?P<event.reason>(?:No|Invalid) (?:MD5|TCP-AO|AO) digest) from (?P<source.address>[^\s(:]+(?::[0-9a-fA-F:]+)?)"
    r"(?:[(:](?P<source.port>[0-9]+)\)?)? "
    r"to (?P<destination.address>[^\s(:]+(?::[0-9a-fA-F:]+)?)(?:[(:](?P<destination.port>[0-9]+)\)?)?",
    login("failure", "md5_digest", "info"),
)

ACCOUNTS: dict[str, tuple[Phrase, ...]] = {
    **dict.fromkeys(("SEC_LOGIN-LOGIN_SUCCESS", "SEC_LOGIN-LOGIN_FAILED"), _LOGINS),
    **dict.fromkeys(
        ("SEC_LOGIN-WEBLOGIN_SUCCESS", "SEC_LOGIN-WEBLOGIN_FAILED"),
        (
            Phrase(
                r"^Login Success from (?P<network.protocol>\S+) \[user: ?(?P<user.name>.*?)\] \[Source: "
                r"?(?P<source.address>[^\]]*)\]",
                OK,
            ),
            Phrase(rf"^(?:Login )?Success(?:ful)? .*?{_LOGIN}", OK),
            Phrase(r"^Login Success \[user: ?(?P<user.name>.*?)\] \[Source: ?(?P<source.address>[^\]]*)\]", OK),
            Phrase(r"^Login [Ff]ailed.*?\[user: ?(?P<user.name>.*?)\] \[Source: ?(?P<source.address>[^\]]*)\]", BAD),
        ),
    ),
    "SEC_LOGIN-QUIET_MODE_ON": (
        Phrase(
            r"^(?P<event.reason>Still timeleft for watching failures.*?) \[user: ?(?P<user.name>.*?)\] \[Source: "
            r"?(?P<source.address>[^\]]*)\]",
            {**BAD, "event.action": "quiet_mode_on", "event.kind": "alert"},
        ),
        Phrase(r"^(?P<event.reason>.*)$", {**BAD, "event.action": "quiet_mode_on", "event.kind": "alert"}),
    ),
    "SEC_LOGIN-QUIET_MODE_OFF": (Phrase(r"^(?P<event.reason>.*)$", login("success", "quiet_mode_off", "info")),),
    **dict.fromkeys(
        ("SYS-CONFIG_I", "VSHD-VSHD_SYSLOG_CONFIG_I", "SYS-CONFIG_P", "MGBL-SYS-CONFIG_I", "DMI-CONFIG_I"), _CONFIGURED
    ),
    "DMI-AUTH_PASSED": (
        Phrase(
            r"^.*?User '?(?P<user.name>.*?)'? authenticated successfully from (?P<source.address>[^\s:]+)"
            r"(?::(?P<source.port>[0-9]+))?",
            OK,
        ),
    ),
    "DMI-AUTHENTICATION_FAILED": (
        Phrase(
            r"^.*?Authentication failure from (?P<source.address>[^\s:]+)(?::(?P<source.port>[0-9]+))?(?: for "
            r"(?P<network.protocol>\S+?) over .*)?",
            BAD,
        ),
    ),
    "MGBL-CONFIG-DB_COMMIT": (Phrase(r"^Configuration committed by user '(?P<user.name>[^']*)'", CONFIG),),
    "CONFIG-DB_COMMIT": (Phrase(r"^Configuration committed by user '(?P<user.name>[^']*)'", CONFIG),),
    "SYS-LOGOUT": (
        Phrase(
            r"^User (?P<user.name>.*) has exited tty session (?P<terminal>[0-9]+)\((?P<source.address>[^)]*)\)\s*$",
            login("success", "logout", "end"),
        ),
    ),
    "SYS-PRIV_AUTH_PASS": (
        Phrase(
            r"^Privilege level set to (?P<privilege>[0-9]+) by (?P<user.name>.*?) on (?P<terminal>\S+)(?: "
            r"\((?P<source.address>[^)]*)\))?",
            login("success", "enable"),
        ),
    ),
    "SYS-PRIV_AUTH_FAIL": (
        Phrase(
            r"^Authentication to [Pp]rivilege level (?P<privilege>[0-9]+) failed by (?P<user.name>.*?) on "
            r"(?P<terminal>\S+)(?: \((?P<source.address>[^)]*)\))?",
            login("failure", "enable"),
        ),
    ),
    "SYS-RESTART": (Phrase(r"^(?P<event.reason>System restarted) --", host("startup", "start")),),
    "SYS-RELOAD": (
        Phrase(
            r"^Reload requested(?: by (?P<user.name>.*?) on (?P<terminal>\S+))?(?: from .*?)?\. Reload [Rr]eason: "
            r"(?P<event.reason>.*?)\.?$",
            host("reload", "start"),
        ),
        Phrase(r"^(?P<event.reason>Reload requested.*)$", host("reload", "start")),
    ),
    "SYS-LOGGINGHOST_STARTSTOP": (
        Phrase(
            r"^Logging to host (?P<destination.address>\S+) (?:port (?P<destination.port>[0-9]+) )"
            r"?(?P<event.reason>started|stopped)",
            host("logging_host", "change"),
        ),
    ),
    "SYS-LOGGINGHOST_FAIL": (
        Phrase(
            r"^Logging to host (?P<destination.address>\S+) (?:port (?P<destination.port>[0-9]+) )?(?P<event.reason>failed)",
            host("logging_host", "error", "failure"),
        ),
    ),
    "SYS-CLOCKUPDATE": (
        Phrase(
            r"^System clock has been updated from .*, configured from (?P<config.from>\S+?)(?: by (?P<user.name>.*?))"
            r"?(?: on (?P<terminal>\S+?))?(?: \((?P<source.address>[^)]*)\))?\.?$",
            host("clock_set", "change"),
        ),
    ),
    "SYS-TTY_EXPIRE_TIMER": (Phrase(r"^\((?P<event.reason>[^)]*)\)", login("success", "logout", "end")),),
    "PARSER-CFGLOG_LOGGEDCMD": (
        Phrase(r"^User: ?(?P<user.name>.*?)\s+logged command: ?(?P<process.command_line>.*)$", COMMAND),
    ),
    "HA_EM-LOG": (
        Phrase(
            r"^(?P<rule.name>[^:]*): (?:.*?)(?i:user)[:=] ?(?P<user.name>\S+?),?\s.*?(?i:command|cmd)[:=] "
            r"?(?P<process.command_line>.*)$",
            COMMAND,
        ),
        Phrase(r"^(?P<rule.name>[^:]*): (?P<event.reason>.*)$", host("applet")),
    ),
    "AAA-ACCOUNTING_MESSAGE": (
        Phrase(
            r"^(?P<event.action>start|stop|update|accounting):(?P<source.address>[^@:\s]+)@(?P<terminal>[^:]+)"
            r":(?P<user.name>[^:]+):(?P<process.command_line>.*?)(?: \((?P<event.reason>SUCCESS|FAILURE|REDIRECT)\))"
            r"?$",
            {"event.category": ("configuration",), "event.type": ("change",)},
        ),
        Phrase(
            r"^(?P<event.action>start|stop|update|accounting):(?P<terminal>[^:]+):(?P<user.name>[^:]+)"
            r":(?P<process.command_line>.*?)(?: \((?P<event.reason>SUCCESS|FAILURE|REDIRECT)\))?$",
            {"event.category": ("configuration",), "event.type": ("change",)},
        ),
    ),
    **dict.fromkeys(
        ("SSH-SSH2_USERAUTH", "SSH-SSH_USERAUTH"),
        (
            Phrase(
                rf"^User '(?P<user.name>.*)' authentication for {_SESSION}.*\s'?Succeeded'?\.?$",
                {**OK, "network.protocol": "ssh"},
            ),
            Phrase(
                rf"^User '(?P<user.name>.*)' authentication for {_SESSION}.*\s'?Failed'?\.?$",
                {**BAD, "network.protocol": "ssh"},
            ),
        ),
    ),
    **dict.fromkeys(
        ("SSH-SSH2_SESSION", "SSH-SSH_SESSION"),
        (
            Phrase(rf"^{_SESSION}.*\s'?Succeeded'?\.?$", {**net("ssh_session", "start"), "network.protocol": "ssh"}),
            Phrase(rf"^{_SESSION}.*\s'?Failed'?\.?$", {**net("ssh_session", "start", "failure"), "network.protocol": "ssh"}),
        ),
    ),
    **dict.fromkeys(
        ("SSH-SSH2_CLOSE", "SSH-SSH_CLOSE"),
        (
            Phrase(
                rf"^{_SESSION} for user '(?P<user.name>.*)' using .* closed",
                {**login("success", "logout", "end"), "network.protocol": "ssh"},
            ),
        ),
    ),
    **dict.fromkeys(
        (
            "SECURITY-SSHD-INFO_SUCCESS",
            "SECURITY-SSHD-INFO_GENERAL",
            "SECURITY-SSHD-INFO_FAILURE",
            "SECURITY-SSHD-INFO_USER_LOGOUT",
        ),
        (
            Phrase(
                r"^Successfully authenticated user '(?P<user.name>.*?)' from '(?P<source.address>[^']*)'",
                {**OK, "network.protocol": "ssh"},
            ),
            Phrase(
                r"^Failed authentication attempt by user '(?P<user.name>.*?)' from '(?P<source.address>[^']*)'",
                {**BAD, "network.protocol": "ssh"},
            ),
            Phrase(
                r"^User '(?P<user.name>.*?)' from '(?P<source.address>[^']*)' logged out",
                {**login("success", "logout", "end"), "network.protocol": "ssh"},
            ),
        ),
    ),
    **dict.fromkeys(
        ("AUTHPRIV-SYSTEM_MSG", "DAEMON-SYSTEM_MSG", "AUTH-SYSTEM_MSG", "USER-SYSTEM_MSG"),
        (
            Phrase(
                r"^(?:error: )?PAM: Authentication failure for (?:illegal user )?(?P<user.name>.*) from "
                r"(?P<source.address>\S+) - \S+$",
                BAD,
            ),
            Phrase(
                rf"^pam_aaa:Authentication failed (?:for user (?P<user.name>.*) )?from (?P<source.address>\S+) - {_WITH}", BAD
            ),
            Phrase(rf"^pam_aaa:Authentication failed for user (?P<user.name>.*) - {_WITH}", BAD),
            Phrase(
                rf"^pam_aaa:Authentication success (?:for user (?P<user.name>.*) )?from (?P<source.address>\S+) - {_WITH}", OK
            ),
            Phrase(
                r"^(?:Failed|failed) (?P<_method>\S+) for (?:invalid user )?(?P<user.name>.*) from (?P<source.address>\S+)"
                r" port (?P<source.port>[0-9]+)",
                BAD,
            ),
            Phrase(
                r"^Accepted (?P<_method>\S+) for (?P<user.name>.*) from (?P<source.address>\S+) port (?P<source.port>[0-9]+)",
                OK,
            ),
            Phrase(
                r"^pam_unix\((?P<service.name>[^:)]*)[^)]*\): authentication failure;.* rhost=(?P<source.address>\S*)"
                r"(?:\s+user=(?P<user.name>\S*))?",
                BAD,
            ),
            Phrase(r"^pam_unix\((?P<service.name>[^:)]*)[^)]*\): session opened for user (?P<user.name>\S+)", OK),
            Phrase(
                r"^pam_unix\((?P<service.name>[^:)]*)[^)]*\): session closed for user (?P<user.name>\S+)",
                login("success", "logout", "end"),
            ),
        ),
    ),
}

#: Words that many sentences have in common, for mnemonics that have none of their own.
OTHERS = (
    Phrase(
        r"^(?P<event.reason>(?:[^\[]*?)(?i:log[- ]?in|authenticat\w*) (?i:fail\w*)).*?[\[ ](?i:user)[:=]? "
        rf"?'?(?P<user.name>[^\s\]',]+).*?{_FROM}",
        {**BAD},
    ),
)

#: Mnemonics whose lines feed Sigma's rules for these services of ``product: cisco``.
AAA = ("PARSER-CFGLOG_LOGGEDCMD", "HA_EM-LOG", "AAA-ACCOUNTING_MESSAGE", "SYS-CONFIG_I", "VSHD-VSHD_SYSLOG_CONFIG_I")
BGP = ("TCP-BADAUTH", "IP-TCP-BADAUTH", "BGP-ADJCHANGE", "ROUTING-BGP-ADJCHANGE", "BGP-NBR_RESET", "BGP-NOTIFICATION")
LDP = ("TCP-BADAUTH", "IP-TCP-BADAUTH", "LDP-NBRCHG", "ROUTING-LDP-NBR_CHANGE")
