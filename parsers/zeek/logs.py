"""ECS columns of Zeek's other logs: names, files, sign-ins, mail, findings."""

from collections.abc import Mapping

import polars as pl

from correlator.parse.formats.fields import user_columns
from correlator.parse.formats.values import account, address, integer, mac, nanoseconds, words

__all__ = ["LOGS"]

_GOOD, _BAD = pl.lit("success"), pl.lit("failure")


def _of(text: pl.Expr, good: str = "true", bad: str = "false") -> pl.Expr:
    """Return the outcome of a yes or no."""
    return pl.when(text == good).then(_GOOD).when(text == bad).then(_BAD)


def _authentication(**columns: pl.Expr) -> dict[str, pl.Expr]:
    """Return the columns of a log of sign-ins."""
    return {"event.category": pl.lit(["network", "authentication"]), "event.type": pl.lit(["start"]), **_dotted(columns)}


def _dotted(columns: Mapping[str, pl.Expr]) -> dict[str, pl.Expr]:
    return {name.replace("__", "."): column for name, column in columns.items()}


def _file(**columns: pl.Expr) -> dict[str, pl.Expr]:
    return {"event.category": pl.lit(["network", "file"]), "event.type": pl.lit(["info"]), **_dotted(columns)}


def _hashes() -> dict[str, pl.Expr]:
    return {"file.hash.md5": pl.col("md5"), "file.hash.sha1": pl.col("sha1"), "file.hash.sha256": pl.col("sha256")}


def _base(path: pl.Expr) -> pl.Expr:
    return path.str.extract(r"([^\\/]+)[\\/]?$")


def _extension(name: pl.Expr) -> pl.Expr:
    return name.str.extract(r"\.([A-Za-z0-9]{1,10})$").str.to_lowercase()


def _ticket(name: str, group: int) -> pl.Expr:
    """Return the account (1) or the realm (2) of ``name/REALM``."""
    return pl.col(name).str.extract(r"^([^/]+)/([^/]+)$", group)


_SSL = {
    "event.type": pl.lit(["protocol"]),
    "event.outcome": _of(pl.col("established")),
    "event.reason": pl.col("last_alert"),
    "destination.domain": pl.col("server_name"),
    "tls.server_name": pl.col("server_name"),
    "tls.client.server_name": pl.col("server_name"),
    "tls.version": pl.col("version"),
    "tls.cipher": pl.col("cipher"),
    "tls.curve": pl.col("curve"),
    "tls.client.ja3": pl.col("ja3"),
    "tls.server.ja3s": pl.col("ja3s"),
    "tls.client.subject": pl.col("client_subject"),
    "tls.client.issuer": pl.col("client_issuer"),
    "tls.server.subject": pl.col("subject"),
    "tls.server.issuer": pl.col("issuer"),
    "network.protocol": pl.lit("tls"),
}
_X509 = {
    "event.category": pl.lit(["network"]),
    "x509.serial_number": pl.col("certificate.serial"),
    "x509.subject.common_name": pl.col("certificate.subject").str.extract(r"(?:^|,\s*)CN=([^,]+)"),
    "tls.server.subject": pl.col("certificate.subject"),
    "tls.server.issuer": pl.col("certificate.issuer"),
    "network.protocol": pl.lit("x509"),
}
_FILES = {
    **_file(
        file__name=pl.col("filename"),
        file__extension=_extension(pl.col("filename")),
        file__mime_type=pl.col("mime_type"),
        file__size=integer(pl.coalesce("total_bytes", "seen_bytes")),
        event__duration=nanoseconds(pl.col("duration")),
        source__ip=address(pl.coalesce("id.orig_h", "tx_hosts")),
        source__address=pl.coalesce("id.orig_h", "tx_hosts"),
        destination__ip=address(pl.coalesce("id.resp_h", "rx_hosts")),
        destination__address=pl.coalesce("id.resp_h", "rx_hosts"),
        session__id=pl.coalesce("uid", "conn_uids"),
        network__protocol=pl.col("\nsource").str.to_lowercase(),
    ),
    **_hashes(),
}
_SMB_PATH = pl.concat_str(pl.col("path").str.strip_chars_end("\\"), pl.lit("\\"), pl.col("name"))
_SMB_FILES = _file(
    event__action=pl.col("action"),
    event__type=pl.when(pl.col("action").str.contains("WRITE")).then(pl.lit(["change"]))
    .when(pl.col("action").str.contains("DELETE")).then(pl.lit(["deletion"]))
    .when(pl.col("action").str.contains("RENAME")).then(pl.lit(["change"])).otherwise(pl.lit(["access"])),
    file__path=pl.coalesce(_SMB_PATH, "path", "name"),
    file__name=_base(pl.col("name")),
    file__extension=_extension(pl.col("name")),
    file__size=integer(pl.col("size")),
    network__protocol=pl.lit("smb"),
)  # fmt: skip
_NOTICE = {
    "event.kind": pl.lit("alert"),
    "event.category": pl.lit(["intrusion_detection"]),
    "event.type": pl.lit(["info"]),
    "event.action": pl.coalesce("actions", "action"),
    "event.reason": pl.col("sub"),
    "rule.name": pl.coalesce("note", "event_msg"),
    "rule.id": pl.col("sig_id"),
    "message": pl.coalesce("msg", "event_msg", "note"),
    "source.ip": address(pl.coalesce("src", "src_addr", "id.orig_h")),
    "source.address": pl.coalesce("src", "src_addr", "id.orig_h"),
    "source.port": integer(pl.coalesce("id.orig_p", "src_port"), above=0),
    "destination.ip": address(pl.coalesce("dst", "dst_addr", "id.resp_h")),
    "destination.address": pl.coalesce("dst", "dst_addr", "id.resp_h"),
    "destination.port": integer(pl.coalesce("p", "dst_port", "id.resp_p"), above=0),
    "file.mime_type": pl.col("file_mime_type"),
    "network.protocol": pl.lit(None, pl.String),
}
_INTEL = {
    **_NOTICE,
    "event.category": pl.lit(["threat"]),
    "event.type": pl.lit(["indicator"]),
    "rule.name": pl.col("matched"),
    "message": pl.concat_str(pl.lit("indicator seen: "), pl.col("seen.indicator")),
    "threat.indicator.name": pl.col("seen.indicator"),
    "threat.indicator.type": pl.col("seen.indicator_type"),
    "threat.indicator.provider": pl.col("sources"),
}
_WEIRD = {
    "event.action": pl.col("name"),
    "event.reason": pl.col("addl"),
    "message": pl.concat_str("name", "addl", separator=": ", ignore_nulls=True),
    "network.protocol": pl.col("\nsource").str.to_lowercase(),
}
_HOST = {
    "event.category": pl.lit(["host"]),
    "event.kind": pl.lit("asset"),
    "host.ip": pl.when(address(pl.col("host")).is_not_null()).then(pl.concat_list(address(pl.col("host")))),
    "network.protocol": pl.lit(None, pl.String),
}
_MAIL = user_columns(pl.col("request_from"))

LOGS: dict[str, Mapping[str, pl.Expr]] = {
    "ssl": _SSL,
    "quic": {**_SSL, "network.protocol": pl.lit("quic"), "event.outcome": pl.lit(None, pl.String)},
    "x509": _X509,
    "ocsp": {**_X509, "x509.serial_number": pl.col("serialNumber"), "event.action": pl.col("certStatus")},
    "files": _FILES,
    "pe": _file(file__type=pl.lit("pe"), network__protocol=pl.lit(None, pl.String)),
    "smb_files": _SMB_FILES,
    "smb_mapping": _file(
        event__action=pl.lit("mapping"), file__path=pl.col("path"), resource__type=pl.col("share_type"),
        network__protocol=pl.lit("smb"),
    ),
    "dce_rpc": {
        "event.action": pl.col("operation"), "event.type": pl.lit(["protocol"]), "event.duration": nanoseconds(pl.col("rtt")),
        "service.name": pl.col("endpoint"),
    },
    "kerberos": _authentication(
        event__action=pl.col("request_type"), event__outcome=_of(pl.col("success")), error__message=pl.col("error_msg"),
        event__reason=pl.col("error_msg"), user__name=account(_ticket("client", 1)), user__domain=_ticket("client", 2),
        service__name=pl.col("service"),
    ),
    "ntlm": _authentication(
        event__action=pl.lit("ntlm"), event__outcome=_of(pl.col("success")), user__name=account(words(pl.col("username"))),
        user__domain=words(pl.col("domainname")), source__domain=pl.col("hostname"),
        destination__domain=pl.coalesce("server_dns_computer_name", "server_nb_computer_name"),
    ),
    "rdp": _authentication(
        event__action=pl.lit("rdp"), user__name=account(words(pl.col("cookie"))), source__domain=pl.col("client_name"),
        event__reason=pl.col("result"),
    ),
    "ssh": _authentication(
        event__action=pl.lit("ssh"), event__outcome=_of(pl.col("auth_success")), user_agent__original=pl.col("client"),
        network__direction=pl.col("direction").str.to_lowercase(),
    ),
    "rfb": _authentication(
        event__action=pl.lit("vnc"), event__outcome=_of(pl.col("auth")), event__reason=pl.col("authentication_method"),
        destination__domain=pl.col("desktop_name"),
    ),
    "radius": _authentication(
        event__action=pl.lit("radius"), event__outcome=_of(pl.col("result"), "success", "failed"),
        event__reason=pl.col("reply_msg"), user__name=account(words(pl.col("username"))), source__mac=mac(pl.col("mac")),
        client__ip=address(pl.col("framed_addr")),
    ),
    "login": _authentication(
        event__action=pl.lit("login"), event__outcome=_of(pl.col("success")), user__name=account(words(pl.col("user"))),
    ),
    "socks": {
        "user.name": account(words(pl.col("user"))), "event.outcome": _of(pl.col("status"), "succeeded", "failed"),
        "destination.domain": pl.coalesce("request.name", "request.host"),
    },
    "ftp": _file(
        event__action=pl.col("command"), user__name=account(words(pl.col("user"))), file__path=words(pl.col("arg")),
        file__size=integer(pl.col("file_size")), event__reason=pl.col("reply_msg"), file__mime_type=pl.col("mime_type"),
        event__outcome=pl.when(pl.col("reply_code").str.contains("^[123]")).then(_GOOD)
        .when(pl.col("reply_code").str.contains("^[45]")).then(_BAD),
    ),
    "smtp": {
        "event.category": pl.lit(["email", "network"]),
        "email.from.address": pl.coalesce("mailfrom", "from"), "email.sender.address": pl.col("mailfrom"),
        "email.to.address": pl.coalesce("rcptto", "to"), "email.subject": pl.col("subject"),
        "email.message_id": pl.col("msg_id"),
        "email.x_mailer": pl.col("user_agent"), "event.reason": pl.col("last_reply"), "source.domain": pl.col("helo"),
        "event.outcome": pl.when(pl.col("last_reply").str.contains("^[23]")).then(_GOOD)
        .when(pl.col("last_reply").str.contains("^[45]")).then(_BAD),
    },
    "dhcp": {
        "event.action": pl.col("msg_types"),
        "source.ip": address(pl.coalesce("assigned_addr", "client_addr", "requested_addr", "id.orig_h")),
        "source.address": pl.coalesce("assigned_addr", "client_addr", "requested_addr", "id.orig_h"),
        "source.mac": mac(pl.col("mac")), "source.domain": pl.coalesce("client_fqdn", "host_name"),
        "destination.ip": address(pl.coalesce("server_addr", "id.resp_h")), "network.name": pl.col("domain"),
        "session.id": pl.coalesce("uid", "uids"),
    },
    "snmp": {"user.name": pl.lit(None, pl.String), "event.action": pl.lit("snmp"), "network.protocol": pl.lit("snmp")},
    "syslog": {"message": pl.col("message"), "log.level": pl.col("severity").str.to_lowercase()},
    "reporter": {
        "message": pl.col("message"), "log.level": pl.col("level").str.strip_prefix("Reporter::").str.to_lowercase(),
        "event.category": pl.lit(["process"]), "network.protocol": pl.lit(None, pl.String),
    },
    "notice": _NOTICE,
    "signatures": _NOTICE,
    "intel": _INTEL,
    "weird": _WEIRD,
    "analyzer": {
        "event.type": pl.lit(["error"]), "event.action": pl.col("cause"), "event.reason": pl.col("failure_reason"),
        "network.protocol": pl.col("analyzer_name").str.to_lowercase(),
    },
    "dpd": {
        "event.type": pl.lit(["error"]), "event.reason": pl.col("failure_reason"),
        "network.protocol": pl.col("analyzer").str.to_lowercase(),
    },
    "tunnel": {"event.action": pl.col("action"), "network.protocol": pl.col("tunnel_type").str.to_lowercase()},
    "known_hosts": _HOST,
    "known_services": {**_HOST, "service.name": pl.coalesce("service")},
    "known_devices": {**_HOST, "source.mac": mac(pl.col("mac"))},
    "known_certs": {**_HOST, "tls.server.subject": pl.col("subject"), "tls.server.issuer": pl.col("issuer_subject")},
    "software": {**_HOST, "service.type": pl.col("software_type"), "service.name": pl.col("name")},
    "mysql": {
        "event.category": pl.lit(["network", "database"]), "event.action": pl.col("cmd"), "message": pl.col("arg"),
        "event.outcome": _of(pl.col("success")), "error.message": pl.when(pl.col("success") == "false").then("response"),
    },
    "postgresql": {
        "event.category": pl.lit(["network", "database"]), "event.action": pl.col("frontend"),
        "message": pl.col("frontend_arg"),
        "event.outcome": _of(pl.col("success")), "user.name": account(words(pl.col("user"))),
    },
    "redis": {
        "event.category": pl.lit(["network", "database"]), "event.action": pl.col("cmd.name"),
        "event.outcome": _of(pl.col("success")),
    },
    "ldap": {
        "event.action": pl.col("opcode"), "event.outcome": pl.when(pl.col("result") == "success").then(_GOOD)
        .when(pl.col("result").is_not_null()).then(_BAD), "event.reason": pl.coalesce("diagnostic_message", "result"),
        "user.id": pl.when(pl.col("opcode").str.contains("^bind")).then("object"),
        "event.category": pl.when(pl.col("opcode").str.contains("^bind")).then(pl.lit(["network", "authentication"]))
        .otherwise(pl.lit(["network"])),
    },
    "ldap_search": {
        "event.action": pl.lit("search"), "resource.name": pl.col("base_object"), "network.protocol": pl.lit("ldap"),
        "event.outcome": pl.when(pl.col("result") == "success").then(_GOOD).when(pl.col("result").is_not_null()).then(_BAD),
    },
    "sip": {
        "event.action": pl.col("method"), "url.original": pl.col("uri"), "user_agent.original": pl.col("user_agent"),
        "user.name": _MAIL["user.name"], "event.reason": pl.col("status_msg"),
        "event.outcome": pl.when(pl.col("status_code").str.contains("^[123]")).then(_GOOD)
        .when(pl.col("status_code").str.contains("^[456]")).then(_BAD),
    },
    "irc": {"event.action": pl.col("command"), "user.name": words(pl.coalesce("user", "nick"))},
    "mqtt_connect": _authentication(
        event__action=pl.lit("connect"), source__domain=pl.col("client_id"), event__reason=pl.col("connect_status"),
        event__outcome=pl.when(pl.col("connect_status") == "Connection Accepted").then(_GOOD)
        .when(pl.col("connect_status").is_not_null()).then(_BAD), network__protocol=pl.lit("mqtt"),
    ),
    "mqtt_publish": {
        "event.action": pl.lit("publish"), "resource.name": pl.col("topic"), "network.protocol": pl.lit("mqtt"),
        "message": pl.col("payload"),
    },
    "mqtt_subscribe": {
        "event.action": pl.col("action").str.to_lowercase(), "resource.name": pl.col("topics"),
        "network.protocol": pl.lit("mqtt"),
    },
    "": {"network.protocol": pl.lit(None, pl.String)},
}  # fmt: skip
