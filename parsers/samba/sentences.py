"""What Samba writes as text: what was done to files (``full_audit``), who logged in, what changed in the directory."""

import polars as pl

from correlator.parse.formats.phrases import Phrase

__all__ = ["AUDIT", "DAEMON", "MADE_OF_AUDIT", "MADE_OF_DAEMON"]

Says = dict[str, str | tuple[str, ...]]
_RESULT = (
    r"\|(?P<event.action>[a-z][a-z0-9_]*)\|(?P<_result>ok|fail(?: \((?P<event.reason>[^|]*)\))?)"
    r"(?:\|(?P<_arguments>.*))?$"
)
_USER, _ADDRESS = r"(?P<user.name>[^|]*)", r"(?P<source.address>[0-9A-Fa-f:.]*(?:%[0-9A-Za-z]+)?)"
_FILE: Says = {"event.category": ("file",)}

# The prefix is the administrator's: the usual ones are told apart by where the address stands.
AUDIT = (
    Phrase(rf"^{_USER}\|{_ADDRESS}\|(?P<source.domain>[^|]*)\|(?P<smb.share>[^|]*){_RESULT}", _FILE),
    Phrase(rf"^{_USER}\|{_ADDRESS}\|(?P<smb.share>[^|]*){_RESULT}", _FILE),
    Phrase(rf"^{_USER}\|{_ADDRESS}{_RESULT}", _FILE),
    Phrase(
        rf"^(?:IP=|client=){_ADDRESS}\|USER={_USER}\|MACHINE=(?P<source.domain>[^|]*)\|VOLUME=(?P<smb.share>[^|]*){_RESULT}",
        _FILE,
    ),
    Phrase(rf"^{_USER}\|(?P<source.domain>[^|]*)\|{_ADDRESS}\|(?P<smb.share>[^|]*){_RESULT}", _FILE),
    Phrase(rf"^{_ADDRESS}\|{_USER}\|(?P<smb.share>[^|]*){_RESULT}", _FILE),
    Phrase(rf"^(?P<samba.prefix>[^|]*(?:\|[^|]*?)*?){_RESULT}", _FILE),
)

_KINDS = {
    "creation": "mkdir mkdirat link linkat symlink symlinkat mknod mknodat",
    "deletion": "unlink unlinkat rmdir",
    "change": (
        "rename renameat write pwrite pwrite_send pwrite_recv ftruncate fallocate chmod fchmod chown fchown lchown set_nt_acl "
        "fset_nt_acl setxattr fsetxattr removexattr fremovexattr sys_acl_set_file sys_acl_set_fd chmod_acl fchmod_acl "
        "set_dos_attributes fset_dos_attributes set_quota offload_write_send"
    ),
    "start": "connect",
    "end": "disconnect",
}
_KIND_OF = {name: kind for kind, names in _KINDS.items() for name in names.split()}
_OPENED = r"^(?:[rw]{1,2}|0x[0-9a-fA-F]+\|(?:file|dir)\|[a-z_]+|(?:file|dir)\|[a-z_]+)\|"
_IS_RENAME = pl.col("event.action").is_in(["rename", "renameat", "link", "linkat", "symlink", "symlinkat"])
_PATHS = pl.col("_arguments").str.replace(_OPENED, "")
_FIRST, _SECOND = (_PATHS.str.splitn("|", 2).struct.field(f"field_{number}") for number in (0, 1))


def _in_share(path: pl.Expr) -> pl.Expr:
    """Return the path below the name of its share; an absolute one is the server's own."""
    is_below = pl.col("smb.share").is_not_null() & ~path.str.starts_with("/")
    return pl.when(is_below).then(pl.concat_str("smb.share", path, separator="/")).otherwise(path)


_IS_FILE = ~pl.col("event.action").is_in(["connect", "disconnect"])
MADE_OF_AUDIT = {
    "event.outcome": pl.when(pl.col("_result") == "ok")
    .then(pl.lit("success"))
    .when(pl.col("_result").is_not_null())
    .then(pl.lit("failure")),
    "event.type": pl.when(pl.col("event.action").is_not_null()).then(
        pl.concat_list(pl.col("event.action").replace_strict(_KIND_OF, default="access", return_dtype=pl.String))
    ),
    "file.path": pl.when(_IS_FILE).then(_in_share(pl.when(_IS_RENAME).then(_FIRST).otherwise(_PATHS))),
    "file.target_path": pl.when(_IS_RENAME).then(_in_share(_SECOND)),
    "file.name": pl.when(_IS_FILE).then(pl.when(_IS_RENAME).then(_SECOND).otherwise(_PATHS).str.extract(r"([^/]+)/?$")),
    "file.extension": pl.when(_IS_FILE).then(
        pl.when(_IS_RENAME).then(_SECOND).otherwise(_PATHS).str.to_lowercase().str.extract(r"[^/.]\.([^./|]{1,16})$")
    ),
    "smb.path": pl.when(_IS_FILE).then(_PATHS),
}

_PEER = r"\[(?:(?:ipv[46]:)?(?P<source.address>[0-9A-Fa-f:.]*):(?P<source.port>[0-9]+)|[^\]]*)\]"
_HERE = r"\[(?:(?:ipv[46]:)?(?P<destination.ip>[0-9A-Fa-f:.]*):(?P<destination.port>[0-9]+)|[^\]]*)\]"
_ACCOUNT = r"\[(?P<user.domain>[^\[\]]*)\]\\\[(?P<user.name>[^\[\]]*)\]"
_AT = r"at \[[^\]]*\]"


def _login(outcome: str, action: str = "smb_login") -> Says:
    return {
        "event.action": action,
        "event.category": ("authentication",),
        "event.type": ("start",),
        "event.outcome": outcome,
    }


def _auth(status: str) -> str:
    """Return the sentence of a log-in with a status; no account and no machine has brackets in its name."""
    return (
        rf"^\s*Auth: \[(?P<samba.service>[^\]]*)\] user {_ACCOUNT} {_AT} with \[(?P<samba.password_type>[^\]]*)\] "
        rf"status \[(?P<event.reason>{status})\] workstation \[(?P<source.domain>[^\[\]]*)\] remote host {_PEER}"
        r"(?: became \[[^\[\]]*\]\\\[[^\[\]]*\] \[(?P<user.id>[^\]]*)\])?(?: mapped to \[[^\[\]]*\]\\\[[^\[\]]*\])?\.? "
        rf"local host {_HERE}\s*(?:#015)?\s*$"
    )


def _changed(action: str, *types: str) -> Says:
    return {"event.action": action, "event.category": ("iam",), "event.type": types}


_CHANGE = rf" {_AT} status \[(?P<event.reason>[^\]]*)\] [Rr]emote host {_PEER} SID \[(?P<user.id>[^\]]*)\]"
DAEMON = (
    Phrase(_auth("NT_STATUS_OK"), _login("success")),
    Phrase(_auth("NT_STATUS_[A-Z0-9_]+"), _login("failure")),
    Phrase(
        rf"^\s*Successful AuthZ: \[(?P<samba.service>[^\]]*)\] user {_ACCOUNT} \[(?P<user.id>[^\]]*)\] {_AT} "
        rf"[Rr]emote host {_PEER} local host {_HERE}\s*(?:#015)?\s*$",
        _login("success", "smb_authorization"),
    ),
    Phrase(
        r"^\s*check_(?:ntlm|sam)_(?:password|security): +[Aa]uthentication for user \[(?P<user.name>[^\]]*)\]"
        r"(?: -> \[[^\]]*\])* FAILED with error (?P<event.reason>NT_STATUS_[A-Z0-9_]+).*$",
        _login("failure"),
    ),
    Phrase(
        r"^\s*check_ntlm_password: +[Aa]uthentication for user \[(?P<user.name>[^\]]*)\](?: -> \[[^\]]*\])* succeeded\s*$",
        _login("success"),
    ),
    # Somebody chose a name that is none: what it says of itself is not believed.
    Phrase(r"^\s*Auth: \[.* status \[(?P<event.reason>.*)$", _login("unknown", "smb_login_doubtful")),
    Phrase(
        rf"^\s*DSDB Change \[(?P<samba.operation>[^\]]*)\]{_CHANGE} DN \[(?P<samba.dn>.*?)\](?: attributes \["
        rf"(?P<samba.attributes>.*))?$",
        _changed("directory_change", "change"),
    ),
    Phrase(
        rf"^\s*Password Change \[(?P<samba.operation>[^\]]*)\]{_CHANGE} DN \[(?P<samba.dn>.*)\]$",
        _changed("password_changed", "user", "change"),
    ),
    Phrase(
        rf"^\s*Group Change \[(?P<samba.operation>[^\]]*)\]{_CHANGE} Group \[(?P<samba.group>.*?)\] User \[(?P<samba.dn>.*)\]$",
        _changed("group_member_changed", "group", "change"),
    ),
    Phrase(
        rf"^\s*DSDB Transaction \[(?P<samba.operation>[^\]]*)\] {_AT}.*$",
        {"event.action": "directory_transaction", "event.category": ("configuration",), "event.type": ("info",)},
    ),
    Phrase(
        r"^\s*(?P<source.domain>\S+) \((?:ipv[46]:)?(?P<source.address>[0-9A-Fa-f:.]+?):(?P<source.port>[0-9]+)\) "
        r"(?P<event.action>connect) to service (?P<smb.share>.*?) initially as user (?P<user.name>.*?) \(uid=[0-9]+,"
        r" gid=[0-9]+\)"
        r"(?: \(pid [0-9]+\))?$",
        {"event.category": ("network", "session"), "event.type": ("start",), "event.outcome": "success"},
    ),
    Phrase(
        r"^\s*(?P<source.domain>\S+) \((?:ipv[46]:)?(?P<source.address>[0-9A-Fa-f:.]+?):(?P<source.port>[0-9]+)\) "
        r"(?:closed connection to|signed off) service (?P<smb.share>.*)$",
        {
            "event.action": "disconnect",
            "event.category": ("network", "session"),
            "event.type": ("end",),
            "event.outcome": "success",
        },
    ),
    Phrase(
        r"^\s*(?P<event.reason>(?:smbd|nmbd|winbindd|samba) version \S+ started.*)$",
        {"event.action": "service_started", "event.category": ("process",), "event.type": ("start",)},
    ),
)
MADE_OF_DAEMON = {
    "event.outcome": pl.coalesce(
        "event.outcome",
        pl.when(pl.col("samba.operation").is_not_null() & pl.col("event.reason").is_not_null()).then(
            pl.when(pl.col("event.reason") == "Success").then(pl.lit("success")).otherwise(pl.lit("failure"))
        ),
    ),
    "user.target.name": pl.when(pl.col("event.action").is_in(["password_changed", "group_member_changed"])).then(
        pl.col("samba.dn").str.extract(r"(?i)^CN=([^,]+)")
    ),
    "group.name": pl.col("samba.group").str.extract(r"(?i)^CN=([^,]+)"),
}
