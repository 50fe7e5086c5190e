"""What FTP servers write: vsftpd, Pure-FTPd, ProFTPD."""

from correlator.parse.formats.phrases import Phrase

__all__ = ["FTPD", "VSFTPD"]

Says = dict[str, str | tuple[str, ...]]


def _login(outcome: str) -> Says:
    return {
        "event.action": "ftp_login",
        "event.outcome": outcome,
        "event.category": ("authentication",),
        "event.type": ("start",),
    }


def _transfer(action: str, kind: str, outcome: str = "success") -> Says:
    return {"event.action": action, "event.outcome": outcome, "event.category": ("file",), "event.type": (kind,)}


_CONNECTED: Says = {"event.action": "ftp_connection", "event.category": ("network",), "event.type": ("connection", "start")}
_ENDED: Says = {"event.action": "ftp_logout", "event.category": ("session",), "event.type": ("end",)}

_CLIENT = r'Client "(?P<source.address>[^"]*)"'
_VS = r"^(?:\[pid [0-9]+\] )?\[(?P<user.name>[^\]]*)\] "
VSFTPD = (
    Phrase(rf"{_VS}OK LOGIN: {_CLIENT}.*$", _login("success")),
    Phrase(rf"{_VS}FAIL LOGIN: {_CLIENT}.*$", _login("failure")),
    Phrase(rf"^(?:\[pid [0-9]+\] )?CONNECT: {_CLIENT}.*$", _CONNECTED),
    Phrase(rf'{_VS}OK UPLOAD: {_CLIENT}, "(?P<file.path>[^"]*)".*$', _transfer("ftp_upload", "creation")),
    Phrase(rf'{_VS}OK DOWNLOAD: {_CLIENT}, "(?P<file.path>[^"]*)".*$', _transfer("ftp_download", "access")),
    Phrase(rf'{_VS}OK DELETE: {_CLIENT}, "(?P<file.path>[^"]*)".*$', _transfer("ftp_delete", "deletion")),
    Phrase(rf'{_VS}OK (?:RENAME|CHMOD): {_CLIENT}, "(?P<file.path>[^"]*)".*$', _transfer("ftp_change", "change")),
    Phrase(rf'{_VS}OK MKDIR: {_CLIENT}, "(?P<file.path>[^"]*)".*$', _transfer("ftp_make_directory", "creation")),
    Phrase(rf'{_VS}OK RMDIR: {_CLIENT}, "(?P<file.path>[^"]*)".*$', _transfer("ftp_remove_directory", "deletion")),
    Phrase(rf'{_VS}FAIL [A-Z]+: {_CLIENT}(?:, "(?P<file.path>[^"]*)")?.*$', _transfer("ftp_refused", "denied", "failure")),
)

_PURE = r"^\((?P<user.name>.*?)@(?P<source.address>[^\s@)]*)\) \[[A-Z]+\] "
_ANYBODY = r"^\(.*?@(?P<source.address>[^\s@)]*)\) \[[A-Z]+\] "
_PRO = r"^\S+ \([^)\[]*\[(?P<source.address>[^\]]*)\]\)(?: -|:) "
FTPD = (
    Phrase(rf"{_ANYBODY}Authentication failed for user \[(?P<user.name>.*)\]$", _login("failure")),
    Phrase(rf"{_ANYBODY}(?P<user.name>\S+) is now logged in$", _login("success")),
    Phrase(rf"{_ANYBODY}New connection from \S+$", _CONNECTED),
    Phrase(rf"{_PURE}(?:Logout\.?|Timeout.*)$", _ENDED),
    Phrase(rf"{_PURE}(?P<file.path>/.*) uploaded +\([0-9]+ bytes.*\)$", _transfer("ftp_upload", "creation")),
    Phrase(rf"{_PURE}(?P<file.path>/.*) downloaded +\([0-9]+ bytes.*\)$", _transfer("ftp_download", "access")),
    Phrase(rf"{_PURE}Deleted (?P<file.path>.*)$", _transfer("ftp_delete", "deletion")),
    Phrase(rf"{_PRO}USER (?P<user.name>.*): no such user found from .*$", _login("failure")),
    Phrase(rf"{_PRO}USER (?P<user.name>.*) \(Login failed\): (?P<event.reason>.*)$", _login("failure")),
    Phrase(rf"{_PRO}USER (?P<user.name>.*): Login successful\.?$", _login("success")),
    Phrase(rf"{_PRO}SECURITY VIOLATION: (?P<user.name>.*) login attempted\.?$", _login("failure")),
    Phrase(rf"{_PRO}(?P<event.reason>Maximum login attempts .*)$", _login("failure")),
    Phrase(rf"{_PRO}FTP session opened\.?$", _CONNECTED),
    Phrase(rf"{_PRO}FTP session closed\.?$", _ENDED),
)
