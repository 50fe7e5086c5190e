"""Which log a Zeek record is of: what it says, what its file is called, else what only that log has."""

import polars as pl

__all__ = ["GUESSED", "path_column", "path_of_file"]

# Log, and names that its records have and those of the logs after it have not. Zeek leaves out what is unset.
_GUESSES = (
    ("conn", ("conn_state",)),
    ("dns", ("query", "trans_id")),
    ("dns", ("query", "qtype_name")),
    ("http", ("method", "uri")),
    ("http", ("trans_depth", "status_code")),
    ("x509", ("certificate.serial",)),
    ("smb_mapping", ("share_type",)),
    ("smb_files", ("action", "path")),
    ("dce_rpc", ("operation",)),
    ("kerberos", ("request_type",)),
    ("kerberos", ("till", "cipher")),
    ("ntlm", ("server_nb_computer_name",)),
    ("rdp", ("security_protocol",)),
    ("ssh", ("kex_alg",)),
    ("ssh", ("hassh",)),
    ("ftp", ("command", "reply_code")),
    ("smtp", ("helo",)),
    ("dhcp", ("msg_types",)),
    ("files", ("fuid", "seen_bytes")),
    ("ssl", ("established",)),
    ("notice", ("note",)),
    ("tunnel", ("tunnel_type",)),
    ("modbus_detailed", ("modbus_detailed_link_id",)),
    ("modbus", ("func", "unit")),
    ("modbus", ("func", "exception")),
    ("s7comm", ("rosctr_name",)),
    ("s7comm_plus", ("opcode_name",)),
    ("bacnet_property", ("pdu_service", "property")),
    ("bacnet_discovery", ("pdu_service", "object_name")),
    ("bacnet", ("bvlc_function",)),
    ("dnp3_control", ("block_type", "function_code")),
    ("dnp3_objects", ("object_type", "object_count")),
    ("dnp3", ("fc_request",)),
    ("opcua_binary", ("opcua_link_id",)),
    ("mqtt_publish", ("topic", "payload")),
    ("mqtt_connect", ("connect_status",)),
    ("ldap", ("opcode", "message_id")),
    ("weird", ("name", "notice")),
    ("software", ("software_type",)),
    ("known_services", ("host", "port_num")),
    ("signatures", ("sig_id",)),
)

#: Names that must be read to know a record's log.
GUESSED = frozenset(name for _, names in _GUESSES for name in names) | {"_path"}
_NAME = r"^[a-z][a-z0-9_]{1,63}$"
_FILE = r"(?:^|[/\\])([a-z][a-z0-9_]{1,63})(?:[.\-_][0-9][^/\\]*)?\.log(?:\.gz|\.zst|\.json)?$"
_PACKAGES = "^(?:opcua|s7comm|bacnet|ge_srtp|hart_ip|genisys|roc_plus|synchrophasor)_"
_MORE = (
    "analyzer capture_loss cluster config dpd files intel irc known_certs known_devices known_hosts ldap_search "
    "loaded_scripts login mysql netcontrol ntp ocsp packet_filter pe postgresql quic radius redis reporter rfb sip snmp "
    "socks stats stderr syslog telemetry traceroute websocket weird_stats dnp3_objects mqtt_subscribe cotp s7comm_read_szl "
    "s7comm_upload_download s7comm_known_devices modbus_mask_write_register modbus_read_write_multiple_registers "
    "modbus_read_device_identification bacnet_device_control bacnet_file profinet profinet_dce_rpc enip cip cip_io ethercat "
)
_KNOWN = frozenset({path for path, _ in _GUESSES}.union(_MORE.split()))


def path_column(fields: pl.DataFrame, said: str | None, file: pl.Series) -> pl.Series:
    """Return the log of each record: ``said`` by its header, by ``_path``, by its ``file``, by its names; else null."""
    if said is not None and pl.Series([said]).str.contains(_NAME).all():
        return pl.Series("_path", [said], dtype=pl.String).new_from_index(0, fields.height)
    told: list[pl.Expr] = [pl.when(pl.col("_path").str.contains(_NAME)).then("_path")] if "_path" in fields.columns else []
    told.append(pl.col("\nfile"))
    there = set(fields.columns)
    for path, names in _GUESSES:
        if there.issuperset(names):
            told.append(pl.when(pl.all_horizontal(pl.col(name).is_not_null() for name in names)).then(pl.lit(path)))
    nothing = pl.lit(None, pl.String)
    return (
        fields.with_columns(path_of_file(file).alias("\nfile")).select(pl.coalesce([*told, nothing]).alias("_path")).to_series()
    )


def path_of_file(file: pl.Series) -> pl.Series:
    """Return the log that the name of a file tells, null where it is the name of none."""
    named = file.str.extract(_FILE)
    is_log = pl.col("log").is_in(list(_KNOWN)) | pl.col("log").str.contains(_PACKAGES)
    return pl.DataFrame({"log": named}).select(pl.when(is_log).then("log")).to_series()
