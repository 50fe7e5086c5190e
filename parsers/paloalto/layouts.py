"""Where each field stands, by type of log: PAN-OS 8 to 11; a newer version only appends."""

__all__ = ["LAYOUTS", "NAMES"]

_CORE = (
    "src:7 dst:8 natsrc:9 natdst:10 rule:11 srcuser:12 dstuser:13 app:14 vsys:15 from:16 to:17 inbound_if:18 outbound_if:19 "
    "sessionid:22 repeatcnt:23 sport:24 dport:25 natsport:26 natdport:27 proto:29 action:30"
)
_TEXT = {
    "TRAFFIC": _CORE
    + " bytes:31 bytes_sent:32 bytes_received:33 packets:34 start:35 elapsed:36 category:37 seqno:39 srcloc:41 dstloc:42 "
    "pkts_sent:44 pkts_received:45 session_end_reason:46 device_name:52 action_source:53 rule_uuid:65 xff_ip:75 "
    "src_host:82 src_mac:83 high_res:102",
    "THREAT": _CORE
    + " misc:31 threatid:32 category:33 severity:34 direction:35 seqno:36 srcloc:38 dstloc:39 contenttype:41 filedigest:43 "
    "user_agent:46 filetype:47 xff:48 referer:49 sender:50 subject:51 recipient:52 reportid:53 device_name:59 http_method:63 "
    "thr_category:69 contentver:70 url_category_list:74 rule_uuid:75 xff_ip:78 src_host:85 src_mac:86 high_res:106",
    "TUNNEL": _CORE + " device_name:50",
    "DECRYPTION": _CORE
    + " rule_uuid:36 tls_version:39 tls_keyxchg:40 tls_enc:41 tls_auth:42 ec_curve:44 err_index:45 root_status:46 "
    "chain_status:47 proxy_type:48 cert_serial:49 cert_fingerprint:50 cn:60 issuer_cn:61 root_cn:62 sni:63 error:64 "
    "high_res:72",
    "SYSTEM": "vsys:7 eventid:8 object:9 module:12 severity:13 opaque:14 seqno:15 device_name:22 high_res:25",
    "CONFIG": "host:7 vsys:8 cmd:9 srcuser:10 client:11 result:12 path:13 seqno:14 device_name:21",
    "GLOBALPROTECT": "vsys:7 eventid:8 stage:9 auth_method:10 tunnel_type:11 srcuser:12 srcregion:13 machinename:14 "
    "public_ip:15 public_ipv6:16 private_ip:17 private_ipv6:18 hostid:19 serialnumber:20 client_ver:21 client_os:22 "
    "client_os_ver:23 repeatcnt:24 reason:25 error:26 opaque:27 status:28 location:29 elapsed:30 connect_method:31 "
    "error_code:32 portal:33 seqno:34 high_res:36 gateway:41 device_name:47",
    "USERID": "vsys:7 src:8 srcuser:9 datasourcename:10 repeatcnt:12 timeout:13 datasource:16 datasourcetype:17 "
    "seqno:18 device_name:25 factortype:27 high_res:33",
    "AUTHENTICATION": "vsys:7 src:8 srcuser:9 normalize_user:10 object:11 authpolicy:12 repeatcnt:13 authid:14 vendor:15 "
    "serverprofile:17 opaque:18 clienttype:19 event:20 factorno:21 seqno:22 device_name:29 authproto:31 rule_uuid:32 "
    "high_res:33",
    "HIP-MATCH": "srcuser:7 vsys:8 machinename:9 client_os:10 src:11 matchname:12 repeatcnt:13 matchtype:14 seqno:17 "
    "device_name:24 srcipv6:26 hostid:27 serialnumber:28 src_mac:29 high_res:30",
    "CORRELATION": "src:7 srcuser:8 vsys:9 category:10 severity:11 device_name:17 objectname:19 object_id:20 evidence:21",
    "IPTAG": "vsys:7 src:8 tag_name:9 eventid:10 repeatcnt:11 timeout:12 datasourcename:13 datasourcetype:14 seqno:16 "
    "device_name:23",
    "GTP": _CORE,
    "SCTP": _CORE,
    "AUDIT": "eventid:7 object:8 cmd:9 severity:10",
}

#: Type of log → field → its place, counted from 0.
LAYOUTS: dict[str, dict[str, int]] = {
    kind: {name: int(place) for name, place in (field.split(":") for field in text.split())} for kind, text in _TEXT.items()
}
LAYOUTS["HIPMATCH"], LAYOUTS["AUTH"] = LAYOUTS["HIP-MATCH"], LAYOUTS["AUTHENTICATION"]
#: Every field's name.
NAMES = tuple(dict.fromkeys(name for layout in LAYOUTS.values() for name in layout))
