"""Access lists, ports, neighbours, tunnels and hardware, by mnemonic."""

from correlator.parse.formats.phrases import Phrase
from parsers.cisco_ios.meanings import ALLOWED, ATTACK, BAD, CONFIG, DENIED, host, login, net

__all__ = ["NETWORK"]

_PORT_NAME = r"(?P<observer.ingress.interface.name>[A-Za-z][A-Za-z-]*\s?[0-9]+(?:[/.:][0-9]+)*)"
_MAC = r"(?P<source.mac>[0-9A-Fa-f]{2,4}(?:[.:-][0-9A-Fa-f]{2,4})+)"
_FLOW = (
    r"(?P<source.address>[0-9a-fA-F.:]+)\(?(?P<source.port>[0-9]+)?\)? "
    r"?(?:\((?P<observer.ingress.interface.name>[A-Za-z][^)\s]*)"
    r"(?: (?P<source.mac>[0-9a-fA-F.]+))?\) )?-> (?P<destination.address>[0-9a-fA-F.:]+)(?:\((?P<destination.port>[0-9]+)\))?"
)
_COUNT = r"(?:.*?,? (?P<event.count>[0-9]+) packets?)?"


def _listed(body: str) -> tuple[Phrase, ...]:
    """Return the sentences of an access list, as denials and as permissions."""
    return (
        Phrase(rf"^list (?P<rule.name>\S+) (?P<event.action>denied) {body}{_COUNT}", DENIED),
        Phrase(rf"^list (?P<rule.name>\S+) (?P<event.action>permitted) {body}{_COUNT}", ALLOWED),
    )


_IP_LIST = (
    *_listed(rf"(?P<network.transport>[A-Za-z0-9-]+) {_FLOW}(?: \((?P<icmp.type>[0-9]+)/(?P<icmp.code>[0-9]+)\))?"),
    *_listed(r"(?P<source.address>[0-9a-fA-F.:]+)"),
)
_LISTS = (
    "SEC-IPACCESSLOGP SEC-IPACCESSLOGDP SEC-IPACCESSLOGNP SEC-IPACCESSLOGRP SEC-IPACCESSLOGS IPV6_ACL-ACCESSLOGP "
    "IPV6_ACL-ACCESSLOGDP IPV6_ACL-ACCESSLOGNP IPV6_ACL-ACCESSLOGSP FMANFP-IPACCESSLOGP FMANFP-IPACCESSLOGDP "
    "FMANFP-IPACCESSLOGNP FMANFP-IPACCESSLOGS FMANFP-IPV6ACCESSLOGP FMANFP-IPV6ACCESSLOGDP FMANFP-IPV6ACCESSLOGNP "
    "IPACCESS-IPACCESSLOGP"
)
_CLIENT = rf"(?:client|host|Host|MAC) \(?{_MAC}\)?"
_ON_PORT = (
    rf"(?: with reason \((?P<event.reason>[^)]*)\))?(?: on [Ii]nterface {_PORT_NAME})?(?:.*?AuditSessionID "
    r"(?P<session.id>[0-9A-Fa-f]+))?"
)
_MD5 = Phrase(
    r"^(?P<event.reason>(?:No|Invalid) (?:MD5|TCP-AO|AO) digest) from (?P<source.address>[^\s(:]+(?::[0-9a-fA-F:]+)?)"
    r"(?:[(:](?P<source.port>[0-9]+)\)?)? to (?P<destination.address>[^\s(:]+(?::[0-9a-fA-F:]+)?)"
    r"(?:[(:](?P<destination.port>[0-9]+)\)?)?",
    login("failure", "md5_digest", "info"),
)
NETWORK: dict[str, tuple[Phrase, ...]] = {
    "ACLLOG-ACLLOG_FLOW_INTERVAL": (
        Phrase(
            r"^Src? IP: ?(?P<source.address>[^\s,]+), Dst IP: ?(?P<destination.address>[^\s,]+), Src Port: "
            r"?(?P<source.port>[0-9]+), Dst Port: ?(?P<destination.port>[0-9]+), "
            r'Src Intf: ?(?P<observer.ingress.interface.name>[^\s,]+), Protocol: ?"?(?P<network.transport>[^\s",(]+)'
            r".*?Hit-count = ?(?P<event.count>[0-9]+)",
            net("acl_hit"),
        ),
    ),
    **dict.fromkeys(_LISTS.split(), _IP_LIST),
    "PORT_SECURITY-PSECURE_VIOLATION": (
        Phrase(
            rf"^(?P<event.reason>Security violation occurred), caused by MAC address {_MAC} on port {_PORT_NAME}",
            ATTACK | {"event.action": "port_security"},
        ),
    ),
    "ETH_PORT_SEC-ETH_PORT_SEC_SECURITY_VIOLATION_MAX_MAC_VLAN": (
        Phrase(rf"^Port {_PORT_NAME}.*?(?P<event.reason>security violation).*", ATTACK | {"event.action": "port_security"}),
    ),
    "PM-ERR_DISABLE": (
        Phrase(
            rf"^(?P<event.reason>\S+) error detected on {_PORT_NAME}, putting .* in err-disable state",
            net("port_disabled", "change", "failure"),
        ),
    ),
    "PM-ERR_RECOVER": (
        Phrase(
            rf"^Attempting to recover from (?P<event.reason>\S+) err-disable state on {_PORT_NAME}",
            net("port_recovered", "change"),
        ),
    ),
    **dict.fromkeys(
        (
            "DOT1X-FAIL",
            "AUTHMGR-FAIL",
            "MAB-FAIL",
            "SESSION_MGR-FAIL",
            "WEBAUTH-FAIL",
            "AUTHMGR-SECURITY_VIOLATION",
            "DOT1X-RESULT_OVERRIDE",
        ),
        (
            Phrase(
                r"^(?:Switch \S+ R\S+/\S+: \S+: )?(?:Authentication|Authorization) failed (?:or unapplied )?for "
                rf"{_CLIENT}{_ON_PORT}",
                login("failure", "port_login"),
            ),
            Phrase(
                rf"^(?:Switch \S+ R\S+/\S+: \S+: )?(?P<event.reason>.*?),? (?:for|new MAC address \(?){_MAC}\)?.*",
                login("failure", "port_login"),
            ),
        ),
    ),
    **dict.fromkeys(
        ("DOT1X-SUCCESS", "AUTHMGR-SUCCESS", "MAB-SUCCESS", "SESSION_MGR-SUCCESS", "WEBAUTH-SUCCESS"),
        (
            Phrase(
                r"^(?:Switch \S+ R\S+/\S+: \S+: )?(?:Authentication|Authorization) (?:successful|succeeded) for "
                rf"{_CLIENT}{_ON_PORT}",
                login("success", "port_login"),
            ),
        ),
    ),
    "AUTHMGR-START": (
        Phrase(
            rf"^Starting '(?P<network.protocol>[^']*)' for {_CLIENT}{_ON_PORT}", login("unknown", "port_login_start", "info")
        ),
    ),
    "AUTHMGR-VLANASSIGN": (
        Phrase(rf"^VLAN (?P<vlan.id>[0-9]+) assigned to Interface {_PORT_NAME}", net("vlan_assigned", "change")),
    ),
    **dict.fromkeys(
        ("SW_DAI-DHCP_SNOOPING_DENY", "SW_DAI-ACL_DENY", "SW_DAI-INVALID_ARP"),
        (
            Phrase(
                rf"^(?P<event.count>[0-9]+) (?P<event.reason>Invalid ARPs \([^)]*\)) on {_PORT_NAME}, vlan "
                r"(?P<vlan.id>[0-9]+)\.?"
                r"(?:\(\[(?P<source.mac>[0-9a-fA-F.]+)/(?P<source.address>[^/]+)"
                r"/[0-9a-fA-F.]+/(?P<destination.address>[^/\]]+).*)?",
                ATTACK | {"event.action": "arp_inspection", "network.protocol": "arp"},
            ),
        ),
    ),
    **dict.fromkeys(
        (
            "DHCP_SNOOPING-DHCP_SNOOPING_UNTRUSTED_PORT",
            "DHCP_SNOOPING-DHCP_SNOOPING_MATCH_MAC_FAIL",
            "DHCP_SNOOPING-DHCP_SNOOPING_FAKE_INTERFACE",
        ),
        (
            Phrase(
                r"^(?P<event.reason>DHCP_SNOOPING drop message .*?), message type: (?P<dhcp.type>[^\s,]+), MAC sa: "
                r"(?P<source.mac>[0-9a-fA-F.]+)",
                ATTACK | {"event.action": "dhcp_snooping", "network.protocol": "dhcp"},
            ),
            Phrase(
                r"^(?P<event.reason>DHCP_SNOOPING drop message .*?), .*?(?:chaddr|MAC sa): (?P<source.mac>[0-9a-fA-F.]+).*",
                ATTACK | {"event.action": "dhcp_snooping", "network.protocol": "dhcp"},
            ),
        ),
    ),
    **dict.fromkeys(
        ("IP-DUPADDR", "ARP-DUPLICATE_IP", "ARP-DUP_SRC_IP"),
        (
            Phrase(
                r"^(?P<event.reason>Duplicate address) (?P<source.address>\S+) on (?P<observer.ingress.interface.name>\S+)"
                rf", sourced by {_MAC}",
                net("duplicate_address", "info", "failure"),
            ),
        ),
    ),
    **dict.fromkeys(
        ("SW_MATM-MACFLAP_NOTIF", "MAC_MOVE-NOTIF", "L2FM-L2FM_MAC_MOVE"),
        (
            Phrase(
                rf"^Host {_MAC} in vlan (?P<vlan.id>[0-9]+) is (?P<event.reason>flapping) between port "
                r"(?P<observer.egress.interface.name>\S+) and port (?P<observer.ingress.interface.name>\S+)",
                net("mac_moved", "change"),
            ),
            Phrase(
                rf"^Mac {_MAC} in vlan (?P<vlan.id>[0-9]+) has (?P<event.reason>moved) "
                r"from\s+(?P<observer.egress.interface.name>\S+) to\s+(?P<observer.ingress.interface.name>\S+)",
                net("mac_moved", "change"),
            ),
        ),
    ),
    **dict.fromkeys(
        ("LINK-UPDOWN", "LINEPROTO-UPDOWN", "LINK-CHANGED", "PKT_INFRA-LINK-UPDOWN", "PKT_INFRA-LINEPROTO-UPDOWN"),
        (
            Phrase(
                r"^(?:Line protocol on )?Interface (?P<observer.ingress.interface.name>[^,]+), changed state to "
                r"(?:administratively )?[Uu]p",
                net("interface_up", "change"),
            ),
            Phrase(
                r"^(?:Line protocol on )?Interface (?P<observer.ingress.interface.name>[^,]+), changed state to "
                r"(?P<event.reason>administratively [Dd]own)",
                net("interface_down", "change"),
            ),
            Phrase(
                r"^(?:Line protocol on )?Interface (?P<observer.ingress.interface.name>[^,]+), changed state to [Dd]own",
                net("interface_down", "change", "failure"),
            ),
        ),
    ),
    **dict.fromkeys(
        (
            "ETHPORT-IF_UP",
            "ETHPORT-IF_DOWN_LINK_FAILURE",
            "ETHPORT-IF_DOWN_ADMIN_DOWN",
            "ETHPORT-IF_DOWN_NONE",
            "ETHPORT-IF_DOWN_INITIALIZING",
            "ETHPORT-IF_DOWN_PORT_CHANNEL_MEMBERS_DOWN",
        ),
        (
            Phrase(r"^Interface (?P<observer.ingress.interface.name>\S+) is up", net("interface_up", "change")),
            Phrase(
                r"^Interface (?P<observer.ingress.interface.name>\S+) is down ?(?:\((?P<event.reason>[^)]*)\))?",
                net("interface_down", "change", "failure"),
            ),
        ),
    ),
    **dict.fromkeys(
        ("SPANTREE-BLOCK_BPDUGUARD", "SPANTREE-ROOTGUARD_BLOCK", "SPANTREE-LOOPGUARD_BLOCK"),
        (
            Phrase(
                rf"^(?P<event.reason>Received BPDU on port) {_PORT_NAME} with BPDU Guard enabled\. Disabling port",
                ATTACK | {"event.action": "bpdu_guard"},
            ),
            Phrase(
                rf"^(?P<event.reason>\S+ guard blocking) port {_PORT_NAME}(?: on VLAN(?P<vlan.id>[0-9]+))?",
                net("spanning_tree_blocked", "change", "failure"),
            ),
        ),
    ),
    **dict.fromkeys(("TCP-BADAUTH", "IP-TCP-BADAUTH"), (_MD5,)),
    **dict.fromkeys(
        ("BGP-ADJCHANGE", "ROUTING-BGP-ADJCHANGE", "BGP-NBR_RESET", "BGP-NOTIFICATION"),
        (
            Phrase(
                r"^(?:neighbor|received from neighbor|sent to neighbor) (?P<source.address>\S+) (?:vpn vrf \S+ |\S+ )??Up",
                net("neighbour_up", "change"),
            ),
            Phrase(
                r"^(?:neighbor|Neighbor|received from neighbor|sent to neighbor) (?P<source.address>\S+) (?P<event.reason>.*)$",
                net("neighbour_down", "change", "failure"),
            ),
        ),
    ),
    **dict.fromkeys(
        ("LDP-NBRCHG", "ROUTING-LDP-NBR_CHANGE"),
        (
            Phrase(
                r"^LDP Neighbor (?P<source.address>[0-9a-fA-F.]+)(?::[0-9]+)?(?: \([^)]*\))? is UP",
                net("neighbour_up", "change"),
            ),
            Phrase(
                r"^LDP Neighbor (?P<source.address>[0-9a-fA-F.]+)(?::[0-9]+)?(?: \([^)]*\))? is DOWN(?: "
                r"\((?P<event.reason>.*)\))?",
                net("neighbour_down", "change", "failure"),
            ),
        ),
    ),
    **dict.fromkeys(
        ("OSPF-ADJCHG", "ROUTING-OSPF-ADJCHG", "OSPFv3-ADJCHG"),
        (
            Phrase(
                r"^Process (?P<process.name>\S+), Nbr (?P<source.address>\S+) on (?P<observer.ingress.interface.name>\S+) "
                r"from \S+ to FULL",
                net("neighbour_up", "change"),
            ),
            Phrase(
                r"^Process (?P<process.name>\S+), Nbr (?P<source.address>\S+) on (?P<observer.ingress.interface.name>\S+) "
                r"from \S+ to DOWN,? ?(?P<event.reason>.*)$",
                net("neighbour_down", "change", "failure"),
            ),
            Phrase(
                r"^Process (?P<process.name>\S+), Nbr (?P<source.address>\S+) on (?P<observer.ingress.interface.name>\S+) "
                r"(?P<event.reason>.*)$",
                net("neighbour_change", "change"),
            ),
        ),
    ),
    "DUAL-NBRCHANGE": (
        Phrase(
            r"^EIGRP\S* \S+: Neighbor (?P<source.address>\S+) \((?P<observer.ingress.interface.name>[^)]*)\) is up: "
            r"(?P<event.reason>.*)$",
            net("neighbour_up", "change"),
        ),
        Phrase(
            r"^EIGRP\S* \S+: Neighbor (?P<source.address>\S+) \((?P<observer.ingress.interface.name>[^)]*)\) is down: "
            r"(?P<event.reason>.*)$",
            net("neighbour_down", "change", "failure"),
        ),
    ),
    "HSRP-STATECHANGE": (
        Phrase(
            r"^(?P<observer.ingress.interface.name>\S+) Grp (?P<group.id>[0-9]+) state (?P<event.reason>.*)$",
            net("standby_change", "change"),
        ),
    ),
    **dict.fromkeys(
        ("SNMP-AUTHFAIL", "SNMP-AUTHFAILIPV6", "SNMP-SNMPD-AUTHFAIL"),
        (
            Phrase(
                r"^(?P<event.reason>Authentication failure) for SNMP req(?:uest)? from (?:host )?(?P<source.address>\S+)",
                {**BAD, "network.protocol": "snmp"},
            ),
        ),
    ),
    "WEBUI-INSTALL_OPERATION_INFO": (
        Phrase(
            r"^.*?User: (?P<user.name>[^,]*), Install Operation: (?P<event.reason>\S+)\s*(?P<file.name>.*)$",
            {**CONFIG, "event.action": "web_install"},
        ),
    ),
    **dict.fromkeys(
        ("RADIUS-RADIUS_DEAD", "TACACS-SERVER_DEAD", "RADIUS-ALLDEADSERVER"),
        (
            Phrase(
                r"^(?:RADIUS|TACACS\+?) server (?P<server.address>[^\s:,]+)\S* is not responding",
                host("aaa_server_failed", "error", "failure"),
            ),
            Phrase(r"^(?P<event.reason>.*)$", host("aaa_server_failed", "error", "failure")),
        ),
    ),
    "RADIUS-RADIUS_ALIVE": (
        Phrase(r"^RADIUS server (?P<server.address>[^\s:,]+)\S* (?P<event.reason>.*)$", host("aaa_server_active")),
    ),
    **dict.fromkeys(
        (
            "CRYPTO-IKMP_MODE_FAILURE",
            "CRYPTO-IKMP_NO_SA",
            "CRYPTO-RECVD_PKT_INV_SPI",
            "CRYPTO-IKMP_PEER_VERSION",
            "CRYPTO-IKMP_BAD_MESSAGE",
            "CRYPTO-RECVD_PKT_NOT_IPSEC",
        ),
        (
            Phrase(
                r"^(?P<event.reason>.*?(?:peer at|from|src_addr=)) ?(?P<source.address>[0-9a-fA-F][0-9a-fA-F.:]*[0-9a-fA-F])",
                net("ike", "info", "failure"),
            ),
        ),
    ),
    "CRYPTO-SESSION_STATUS": (
        Phrase(
            r"^Crypto tunnel is UP *\.? *(?:Peer (?P<source.address>[^\s:]+)(?::(?P<source.port>[0-9]+))?)?(?:.*?Id: "
            r"(?P<user.name>\S+))?",
            net("vpn_connected", "start"),
        ),
        Phrase(
            r"^Crypto tunnel is DOWN *\.? *(?:Peer (?P<source.address>[^\s:]+)(?::(?P<source.port>[0-9]+))?)"
            r"?(?:.*?Id: (?P<user.name>\S+))?",
            net("vpn_disconnected", "end"),
        ),
    ),
    "ILPOWER-CONTROLLER_PORT_ERR": (
        Phrase(rf"^Controller port error, Interface {_PORT_NAME}:? ?(?P<event.reason>.*)$", host("power", "error", "failure")),
    ),
    "UDLD-UDLD_PORT_DISABLED": (
        Phrase(rf"^UDLD disabled interface {_PORT_NAME}, (?P<event.reason>.*)$", net("port_disabled", "change", "failure")),
    ),
    "STORM_CONTROL-FILTERED": (
        Phrase(rf"^A (?P<event.reason>\S+ storm) detected on {_PORT_NAME}", net("storm", "info", "failure")),
    ),
}
