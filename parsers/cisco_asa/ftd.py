"""Security events of Firepower: ``Key: value, Key: value``, where keys hold blanks and values commas.

Only keys that Cisco documents are read, and the first of two counts: a URL or a user agent cannot say who was let pass.
"""

import polars as pl

from correlator.parse.formats.keyvalue import widen

__all__ = ["FTD_KEYS", "read_ftd"]

_KEYS = (
    "AccessControlRuleAction AccessControlRuleName AccessControlRuleReason ACPolicy ApplicationProtocol ArchiveDepth "
    "ArchiveFileName ArchiveFileStatus ArchiveSHA256 Classification Client ClientAppDetector ClientVersion "
    "ConnectionDuration ConnectionID ConnectType DE DestinationSecurityGroup DestinationSecurityGroupTag DeviceUUID "
    "DNSQuery DNSRecordType DNSResponseType DNS_Sinkhole DNS_TTL DstIP DstPort EgressInterface EgressVRF EgressZone "
    "EncryptPeerIP EncryptPeerPort EndpointProfile EventPriority FileAction FileCount FileDirection FileName FilePolicy "
    "FileSandboxStatus FileSHA256 FileSize FileStorageStatus FileType FirstPacketSecond GID HTTP_Hostname HTTP_URI "
    "HTTPReferer HTTPResponse ICMPCode ICMPType ImpactFlag IngressInterface IngressVRF IngressZone InitiatorBytes "
    "InitiatorPackets InlineResult InlineResultReason InstanceID IntrusionPolicy IPReputationSICategory IPSCount "
    "MatchAnotherRule Message MitreAttackGroups MPLS_Label NAPPolicy NAT_InitiatorIP NAT_InitiatorPort NAT_ResponderIP "
    "NAT_ResponderPort NetBIOSDomain NumIOC OriginalClientIP Policy Prefilter_Policy Priority Protocol ReferencedHost "
    "ResponderBytes ResponderPackets Revision SecIntMatchingIP SecurityGroup SHA_Disposition SID Sinkhole SnortRuleGroups "
    "SourceSecurityGroup SourceSecurityGroupTag SperoDisposition SrcIP SrcPort SSLActualAction SSLCertificate "
    "SSLExpectedAction SSLFlowStatus SSLPolicy SSLRuleName SSLServerCertStatus SSLServerName SSLSessionID SSLTicketID "
    "SSLURLCategory SSLVersion SSSLCipherSuite SSLCipherSuite TCPFlags ThreatName ThreatScore Tunnel_or_Prefilter_Rule "
    "URI URL URLCategory URLReputation URLSICategory User UserAgent VLAN_ID VPN_Action WebApplication"
)
FTD_KEYS = frozenset(_KEYS.split())
_KEY = r"(?:^|, ?)([A-Z][A-Za-z0-9_]*(?: (?:[Pp]olicy|or [Pp]refilter [Rr]ule|ID|Type))?): "
_NEXT, _IS = "\x01", "\x02"


def read_ftd(lines: pl.DataFrame) -> pl.DataFrame:
    """Return ``lines`` with one text column per documented key found in ``text``."""
    clean = lines.get_column("text").str.replace_all(f"[{_NEXT}{_IS}]", " ")
    marked = clean.str.replace_all(_KEY, f"{_NEXT}${{1}}{_IS}").str.split(_NEXT)
    tokens = marked.alias("token").to_frame().with_row_index("row").explode("token").drop_nulls("token")
    pairs = tokens.select("row", pl.col("token").str.splitn(_IS, 2).struct.rename_fields(["key", "value"])).unnest("token")
    keys = pl.col("key").str.replace_all(" ", "_", literal=True)
    known = pairs.drop_nulls("value").with_columns(keys).filter(pl.col("key").is_in(FTD_KEYS))
    return lines.hstack(widen(known.unique(["row", "key"], keep="first", maintain_order=True), lines.height))
