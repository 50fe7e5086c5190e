"""What OpenVPN writes: who comes, who is refused, which address is given, who leaves; and the lines of its status file."""

from correlator.parse.formats.phrases import Phrase
from correlator.parse.formats.vpn import login, own, session

__all__ = ["SENTENCES"]

_AT = r"(?:\[AF_INET6?\])?\[?(?P<source.address>[0-9A-Fa-f.:%]*?[0-9A-Fa-f])\]?:(?P<source.port>[0-9]{1,5})"
_SCAN = session("tls_error", "connection", "denied", outcome="failure")
_AUTHENTICATION = (
    Phrase(rf"(?s)^\[(?P<user.name>.*)\] Peer Connection Initiated with {_AT}.*$", login("success")),
    Phrase(rf"^Peer Connection Initiated with {_AT}.*$", login("success")),
    Phrase(
        r"(?s)^TLS: Username/Password authentication succeeded for username '(?P<user.name>.*)'.*$",
        login("success", "vpn_password"),
    ),
    Phrase(
        r"(?s)^TLS: Username/Password authentication deferred for username '(?P<user.name>.*)'.*$",
        login("unknown", "vpn_password"),
    ),
    Phrase(r"(?s)^TLS Auth Error: (?P<event.reason>.*)$", login("failure")),
    Phrase(
        r"(?s)^(?:AUTH: Received control message: |SENT CONTROL \[(?P<user.name>.*)\]: ')AUTH_FAILED,?"
        r"(?P<event.reason>[^']*).*$",
        login("failure", "vpn_refused"),
    ),
    Phrase(
        r"^PLUGIN_CALL: (?:POST )?(?P<event.reason>\S+PLUGIN_AUTH_USER_PASS_VERIFY"
        r" status=0|PLUGIN_AUTH_USER_PASS_VERIFY/?\S* status=0).*$",
        login("success", "vpn_password"),
    ),
    Phrase(
        r"^PLUGIN_CALL: (?P<event.reason>.*(?:AUTH_USER_PASS_VERIFY|TLS_VERIFY|CLIENT_CONNECT\S*).*status=[1-9][0-9]*).*$",
        login("failure", "vpn_refused"),
    ),
    Phrase(r"^PLUGIN_(?:CALL|INIT|CLOSE): (?P<event.reason>.*)$", own("plugin", "info")),
    Phrase(
        r"(?s)^WARNING: (?P<event.reason>Failed running command"
        r" \(--auth-user-pass-verify\).*|.*--(?:client-connect|tls-verify)\).*)$",
        login("failure", "vpn_refused"),
    ),
    Phrase(
        r"(?s)^VERIFY ERROR: depth=(?P<openvpn.depth>[0-9]+), error=(?P<event.reason>[^:]*)(?:: (?P<_subject>.*?))?"
        r"(?:, serial=(?P<x509.serial_number>[0-9A-Fa-f:]+))?$",
        login("failure", "certificate_refused"),
    ),
    Phrase(
        r"(?s)^(?:VERIFY (?:X509NAME|KU|EKU|SCRIPT|nsCertType|PLUGIN) ERROR|CRL CHECK FAILED|Validating certificate"
        r" .*ERROR)(?:: )?"
        r"(?P<event.reason>.*)$",
        login("failure", "certificate_refused"),
    ),
    Phrase(
        r"(?s)^VERIFY OK: depth=(?P<openvpn.depth>[0-9]+), (?P<_subject>.*)$",
        session("certificate_verified", "info", outcome="success"),
    ),
    Phrase(
        r"(?s)^(?:VERIFY (?:X509NAME|KU|EKU|SCRIPT|nsCertType|PLUGIN) OK|Validating certificate|CRL: loaded|\+\+"
        r" Certificate has)"
        r"(?:: )?(?P<event.reason>.*)$",
        session("certificate_verified", "info", outcome="success"),
    ),
    Phrase(r"(?s)^user '(?P<user.name>.*)' authenticated(?: using '.*')?\.?$", login("success", "vpn_password")),
    Phrase(r"(?s)^user '(?P<user.name>.*)' (?P<event.reason>could not authenticate).*$", login("failure")),
    Phrase(
        r"(?s)^openvpn server '(?P<observer.ingress.interface.name>[^']*)' user '(?P<user.name>.*)' address '"
        r"(?P<source.address>[0-9A-Fa-f.:]*?)(?::(?P<source.port>[0-9]{1,5}))?' - (?:connecting|connected)$",
        login("success"),
    ),
    Phrase(
        r"(?s)^openvpn server '(?P<observer.ingress.interface.name>[^']*)' user '(?P<user.name>.*)' address '"
        r"(?P<source.address>[0-9A-Fa-f.:]*?)(?::(?P<source.port>[0-9]{1,5}))?' - (?:disconnecting|disconnected)$",
        session("vpn_logout", "end"),
    ),
)
_SCANS = (
    Phrase(rf"(?s)^TLS Error: (?P<event.reason>.*?) from {_AT}.*$", _SCAN),
    Phrase(
        r"(?s)^(?P<event.reason>(?:TLS Error|TLS_ERROR|tls-crypt|tls_|Authenticate/Decrypt|Bad encapsulated|Bad LZO|Fatal TLS|"
        r"OpenSSL:|Non-OpenVPN client|Connection reset|WARNING: Bad encapsulated|AEAD Decrypt|Dropped|Replay-window).*)$",
        _SCAN,
    ),
    Phrase(
        rf"^TLS: (?:Initial packet|new session incoming connection) from {_AT}.*$",
        session("connection_attempt", "connection", "start"),
    ),
    Phrase(
        rf"^MULTI: Connection attempt from {_AT} (?P<event.reason>.*)$",
        session("connection_refused", "connection", "denied", outcome="failure"),
    ),
    Phrase(
        r"^MULTI: bad source address from client \[(?P<client.ip>[^\]]*)\], packet dropped$",
        session("bad_source_address", "connection", "denied", outcome="failure"),
    ),
    Phrase(
        r"(?s)^MULTI: new connection by client '(?P<user.name>.*)' (?P<event.reason>will cause previous active sessions.*)$",
        session("name_shared", "connection", "start"),
    ),
    Phrase(
        rf"^(?:TCP connection established with|TCPv[46]_SERVER link remote:) {_AT}.*$",
        session("tcp_connection", "connection", "start"),
    ),
)
_SESSIONS = (
    Phrase(
        r"^MULTI_sva: pool returned IPv4=(?P<_pool>[^,]+)(?:, IPv6=(?:\(.*|(?P<openvpn.client_ipv6>[0-9A-Fa-f:.]+).*))?$",
        session("address_given", "connection", "info"),
    ),
    Phrase(
        rf"(?s)^MULTI: Learn: (?P<client.ip>[0-9A-Fa-f.:]+)(?:/[0-9]+)? -> (?:(?P<user.name>[^\s/]+)/)?{_AT}.*$",
        session("address_given", "connection", "info"),
    ),
    Phrase(
        rf"(?s)^MULTI: primary virtual IP(?:v6)? for (?:(?P<user.name>[^\s/]+)/)?{_AT}: (?P<client.ip>\S+)$",
        session("address_given", "connection", "info"),
    ),
    Phrase(
        r"(?s)^SENT CONTROL \[(?P<user.name>.*)\]: '(?P<openvpn.control>[A-Z_]+),?(?P<openvpn.options>.*)' \(status=[0-9]+\)$",
        session("control_sent", "info"),
    ),
    Phrase(r"(?s)^PUSH: Received control message: '(?P<openvpn.control>.*)'.*$", session("control_received", "info")),
    Phrase(r"(?s)^peer info: IV_HWADDR=(?P<_hardware>\S+)$", session("peer_info", "info")),
    Phrase(r"(?s)^peer info: IV_VER=(?P<openvpn.peer.version>.*)$", session("peer_info", "info")),
    Phrase(r"(?s)^peer info: IV_PLAT=(?P<openvpn.peer.platform>.*)$", session("peer_info", "info")),
    Phrase(r"(?s)^peer info: IV_GUI_VER=(?P<openvpn.peer.gui>.*)$", session("peer_info", "info")),
    Phrase(r"(?s)^peer info: (?P<openvpn.peer.info>.*)$", session("peer_info", "info")),
    Phrase(
        r"^(?P<openvpn.signal>SIG[A-Z0-9]+)\[(?P<event.reason>[^\]]*)\] received, client-instance (?:exiting|restarting)$",
        session("vpn_logout", "end"),
    ),
    Phrase(
        r"(?s)^\[(?P<user.name>.*)\] (?P<event.reason>Inactivity timeout).*$",
        session("vpn_logout", "end"),
    ),
    Phrase(r"^(?P<event.reason>Inactivity timeout|Delayed exit).*$", session("vpn_logout", "end")),
    Phrase(
        r"^Control Channel: (?P<tls.version>\S+), (?:cipher (?P<tls.cipher>.*?))(?:, (?P<event.reason>.*))?$",
        session("control_channel", "info"),
    ),
    Phrase(
        r"^(?:(?:Outgoing |Incoming )?Data Channel(?::| MTU| Encrypt| Decrypt)?|TLS: soft reset|TLS: move_session|TLS:"
        r" tls_process"
        r"|TLS: tls_multi_process|Re-using SSL/TLS context|LZO compression|MULTI: multi_create_instance|MULTI_sva|MULTI: )"
        r"(?P<event.reason>.*)$",
        session("session_message", "info"),
    ),
)
_LIFE = (
    Phrase(r"^(?P<event.reason>SIG[A-Z0-9]+\[.*\] received, process (?:exiting|restarting))$", own("stopped", "end")),
    Phrase(r"^Initialization Sequence Completed(?P<event.reason>.*)$", own("started", "start", "success")),
    Phrase(r"^OpenVPN (?P<observer.version>[0-9][0-9.]*\S*) (?P<event.reason>.*)$", own("starting", "info")),
    Phrase(
        r"(?s)^(?P<event.reason>(?:Options error|OPTIONS ERROR|Cannot |ERROR|FATAL|Exiting due to|TCP/UDP: (?:Socket"
        r" bind|Incoming packet "
        r"rejected)|.*(?:failed|Permission denied|\(errno=|\(code=)).*)$",
        own("error", "error", "failure"),
    ),
    Phrase(
        r"(?s)^(?P<event.reason>(?:WARNING|Note|NOTE|DEPRECATED|OPTIONS IMPORT|library"
        r" versions|Listening|UDPv|TCPv|TUN/TAP|net_|/sbin/|"
        r"Socket Buffers|MANAGEMENT|Closing|ROUTE|route|GID|UID|Diffie|ECDH|Could not determine|IFCONFIG|Initializ|ifconfig|"
        r"event_wait|succeeded|do_ifconfig|TLS-Auth|CLIENT|PID|/|chroot|Preserving|NOTE|Local Options|Expected Remote|setting|"
        r"client-connect|client-disconnect|TCP/UDP|read UDP|write UDP|nsCertType).*)$",
        own("message", "info"),
    ),
)
_STATUS = (
    Phrase(
        r"^CLIENT_LIST[,\t](?P<user.name>[^,\t]*)[,\t](?:[a-z46]+:)?\[?(?P<source.address>[0-9A-Fa-f.:]*?)\]?(?::(?P<source.port>[0-9]{1,5}))?"
        r"[,\t](?P<client.ip>[0-9.]*)[,\t](?P<openvpn.client_ipv6>[0-9A-Fa-f:.]*)[,\t](?P<source.bytes>[0-9]+)[,\t]"
        r"(?P<destination.bytes>[0-9]+)[,\t](?P<openvpn.connected_since>[^,\t]*).*$",
        session("client_connected", "info"),
    ),
    Phrase(
        r"^CLIENT_LIST[,\t](?P<user.name>[^,\t]*)[,\t](?P<source.address>[0-9A-Fa-f.:]*?):(?P<source.port>[0-9]{1,5})[,\t]"
        r"(?P<client.ip>[0-9.]*)[,\t](?P<source.bytes>[0-9]+)[,\t](?P<destination.bytes>[0-9]+)[,\t](?P<openvpn.connected_since>[^,\t]*).*$",
        session("client_connected", "info"),
    ),
    Phrase(
        r"^ROUTING_TABLE[,\t](?P<client.ip>[0-9A-Fa-f.:]*)C?(?:/[0-9]+)?[,\t](?P<user.name>[^,\t]*)[,\t]"
        r"(?P<source.address>[0-9A-Fa-f.:]*?):(?P<source.port>[0-9]{1,5})[,\t](?P<openvpn.last_seen>[^,\t]*).*$",
        session("client_route", "info"),
    ),
    Phrase(
        r"^(?P<user.name>[^,]+),(?P<source.address>[0-9A-Fa-f.:]+):(?P<source.port>[0-9]{1,5}),(?P<source.bytes>[0-9]+),"
        r"(?P<destination.bytes>[0-9]+),(?P<openvpn.connected_since>.*)$",
        session("client_connected", "info"),
    ),
)

SENTENCES = (*_AUTHENTICATION, *_SCANS, *_STATUS, *_SESSIONS, *_LIFE)
