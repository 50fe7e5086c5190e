"""ECS columns of the logs of industrial protocols: Modbus, BACnet, S7, DNP3, OPC UA, PROFINET and their like (ICSNPP).

Where such a log says ``source_h`` and ``destination_h``, they are the direction of the packet; ``id.orig_h`` is who opened
the connection, and may be the other one.
"""

from collections.abc import Mapping

import polars as pl

from correlator.parse.formats.values import address, integer, words

__all__ = ["ICS"]

_CHANGES = (
    r"(?i)write|reinitialize|device_communication|device-communication|create_object|delete_object|download|plc.?stop|plc.?control|"
    r"insert|delete|operate|cold_restart|warm_restart|stop_appl|start|set_|mask|activate|force"
)
_FAULTLESS = ("-", "0", "0x00", "0x0000", "0x0", "none", "no error", "success", "good")


def _ics(protocol: str, action: tuple[str, ...], fault: tuple[str, ...], **more: pl.Expr) -> dict[str, pl.Expr]:
    """Return the columns of a protocol: ``action`` names what was asked, ``fault`` what an answer that refuses says."""
    said = pl.coalesce(action)
    wrong = words(pl.coalesce(fault)) if fault else pl.lit(None, pl.String)
    is_wrong = wrong.is_not_null() & ~wrong.str.to_lowercase().is_in(_FAULTLESS)
    is_change = said.str.contains(_CHANGES).fill_null(value=False)
    return {
        "event.type": pl.when(is_change).then(pl.lit(["protocol", "change"])).otherwise(pl.lit(["protocol"])),
        "event.action": said,
        "event.outcome": pl.when(is_wrong).then(pl.lit("failure")),
        "event.reason": pl.when(is_wrong).then(wrong),
        "network.protocol": pl.lit(protocol),
        "source.ip": address(pl.coalesce("source_h", "id.orig_h")),
        "source.address": pl.coalesce("source_h", "id.orig_h"),
        "source.port": integer(pl.coalesce("source_p", "id.orig_p"), above=0),
        "destination.ip": address(pl.coalesce("destination_h", "id.resp_h")),
        "destination.address": pl.coalesce("destination_h", "id.resp_h"),
        "destination.port": integer(pl.coalesce("destination_p", "id.resp_p"), above=0),
        **{name.replace("__", "."): column for name, column in more.items()},
    }


_MODBUS = _ics("modbus", ("func",), ("exception", "exception_code"), device__id=pl.col("unit"))
_BACNET = _ics("bacnet", ("pdu_service", "pdu_type", "bvlc_function"), ("result_code", "result"))
_S7 = _ics(
    "s7comm", ("subfunction_name", "function_name", "method", "rosctr_name", "pdu_name"), ("error_class", "return_code_name")
)
_S7_FILE = _ics("s7comm", ("function_name",), (), file__name=pl.col("filename"), event__reason=pl.col("function_status"))
_DNP3 = _ics("dnp3", ("operation_type", "function_code", "fc_request", "fc_reply"), ("status_code",))
_OPCUA = _ics("opcua", ("identifier_str", "msg_type", "service"), ("error", "status_code_link_id_str"))

ICS: dict[str, Mapping[str, pl.Expr]] = {
    **dict.fromkeys(
        (
            "modbus", "modbus_detailed", "modbus_mask_write_register", "modbus_read_write_multiple_registers",
            "modbus_read_device_identification",
        ),
        _MODBUS,
    ),
    **dict.fromkeys(("bacnet", "bacnet_property", "bacnet_discovery", "bacnet_device_control", "bacnet_file"), _BACNET),
    **dict.fromkeys(("s7comm", "s7comm_plus", "s7comm_read_szl", "cotp"), _S7),
    "s7comm_upload_download": _S7_FILE,
    "s7comm_known_devices": {**_S7, "device.name": pl.col("module_name"), "device.serial_number": pl.col("module_serial")},
    **dict.fromkeys(("dnp3", "dnp3_control", "dnp3_objects"), _DNP3),
    "opcua_binary": _OPCUA,
    "profinet": _ics("profinet", ("operation_type", "block_version"), ()),
    "profinet_dce_rpc": _ics("profinet", ("operation_type",), ()),
    "enip": _ics("enip", ("enip_command",), ("enip_status",)),
    "cip": _ics("cip", ("cip_service",), ("cip_status",)),
}  # fmt: skip
