"""EVENT: what a parsed record looks like.

A batch is a tuple of frames, one per (dataset, shape). Each frame has the reserved columns, then ECS columns (one dtype
each, ``ECS``), then the source's own names, always text or list of text.
"""

import polars as pl

from correlator.model.raw import UTC_TIME

# What a parser gives with every event frame, besides ECS and own columns.
PARSED = pl.Schema(
    {
        "raw_row": pl.UInt32(),  # row of the raw frame the event came from
        "n": pl.UInt16(),  # number of the event inside that record, 0 for the first
        "@timestamp": UTC_TIME,
        "event.dataset": pl.String(),  # <product>.<log>
        "logsource": pl.String(),  # Sigma log sources the event feeds: logsource_column()
    }
)

# What the engine adds: parse (from the raw row), then enrich.
STAMPED = pl.Schema(
    {
        "event.id": pl.String(),
        "event.original": pl.String(),
        "log.file.path": pl.String(),
        "log.line": pl.Int64(),
        "log.flags": pl.List(pl.String()),
        "received": UTC_TIME,
        "source": pl.String(),
    }
)
ENRICHED = pl.Schema(
    {
        "commune": pl.String(),  # id, "shared" or "unattributed"
        "event.local_hour": pl.Int8(),
        "event.local_weekday": pl.Int8(),  # 1 Monday … 7 Sunday
        "event.opening": pl.String(),  # open, closed, holiday
        "source.zone": pl.String(),
        "destination.zone": pl.String(),
    }
)
# What enrichment adds where it is configured; a sender can give none of it.
CONTEXT = pl.Schema(
    {
        "user.department": pl.String(),
        "user.title": pl.String(),
        "watch.list": pl.List(pl.String()),
        "watch.meaning": pl.List(pl.String()),
        "threat.indicator.confidence": pl.String(),
        "threat.indicator.label": pl.String(),
        "threat.indicator.field": pl.String(),
    }
)
RESERVED = frozenset({*PARSED, *STAMPED, *ENRICHED, *CONTEXT})

_LONG = (
    "source.port destination.port source.nat.port destination.nat.port process.pid process.parent.pid process.thread.id "
    "source.bytes destination.bytes source.packets destination.packets network.bytes network.packets event.duration "
    "event.severity http.response.status_code http.response.bytes http.response.body.bytes http.request.bytes "
    "http.request.body.bytes url.port file.size winlog.record_id syslog.facility.code syslog.severity.code syslog.priority"
)
_TEXT_LIST = (
    "event.category event.type host.ip host.mac related.ip related.user related.hosts user.roles tags process.args "
    "email.to.address"
)
_OBSERVED_TEXT = (
    "event.action event.code event.kind event.module event.outcome event.provider event.reason event.timezone "
    "host.name host.hostname host.domain host.id host.os.type observer.name observer.vendor observer.product "
    "observer.type observer.serial_number user.name user.domain user.id user.email user.full_name "
    "user.target.name user.target.domain user.target.id user.effective.name group.name group.id "
    "source.ip source.mac source.address source.domain source.user.name source.nat.ip source.geo.country_iso_code "
    "destination.ip destination.mac destination.address destination.domain destination.nat.ip "
    "destination.user.name destination.geo.country_iso_code client.ip server.ip "
    "network.protocol network.transport network.type network.application network.direction network.name "
    "process.name process.executable process.command_line process.entity_id process.working_directory "
    "process.parent.name process.parent.executable process.parent.command_line process.parent.entity_id "
    "process.hash.md5 process.hash.sha1 process.hash.sha256 file.path file.name file.extension file.directory "
    "file.hash.sha256 registry.path registry.value registry.data.strings service.name url.original url.full url.domain "
    "url.path url.query url.scheme url.username user_agent.original http.request.method http.request.referrer "
    "http.version dns.question.name dns.question.type email.from.address email.subject "
    "rule.name rule.id rule.ruleset log.level log.syslog.appname message session.id organization.id organization.name "
    "resource.type resource.id resource.name cloud.account.id cloud.service.name cloud.region error.code error.message "
    "device.id device.name vlan.id observer.ingress.interface.name observer.egress.interface.name "
    "winlog.channel winlog.provider_name winlog.computer_name winlog.task winlog.opcode winlog.activity_id "
    "tls.server_name tls.version ticket.id finance.amount threat.indicator.name vulnerability.id"
)

# Columns of the catalogue of parsers, one block per family.
_NETWORK = (
    "source.nat.domain destination.nat.domain source.as.organization.name "
    "destination.as.organization.name client.address client.domain client.mac client.user.name server.address server.domain "
    "server.mac observer.version observer.mac observer.os.version "
    "observer.ingress.zone observer.egress.zone observer.ingress.vlan.id observer.egress.vlan.id "
    "network.iana_number network.community_id network.inner.vlan.id vlan.name rule.category "
    "rule.description rule.uuid rule.version rule.reference event.reference event.url event.hash "
    "dns.id dns.op_code dns.response_code dns.type dns.question.class dns.question.registered_domain "
    "tls.client.ja3 tls.client.server_name tls.client.subject tls.client.issuer tls.server.ja3s tls.server.subject "
    "tls.server.issuer tls.cipher tls.curve x509.serial_number x509.subject.common_name"
)
_MAIL_AND_WEB = (
    "email.message_id email.local_id email.direction email.sender.address email.reply_to.address email.x_mailer "
    "email.attachments.file.name email.attachments.file.hash.sha256 email.attachments.file.mime_type "
    "http.request.mime_type http.response.mime_type url.fragment url.extension url.registered_domain "
    "user_agent.name user_agent.os.name"
)
_HOSTS_AND_CLOUD = (
    "user.target.email user.target.group.name user.target.full_name "
    "user.effective.id group.domain process.title process.hash.imphash process.user.name process.parent.hash.sha256 "
    "process.code_signature.subject_name process.code_signature.status file.hash.md5 file.hash.sha1 file.mime_type file.owner "
    "file.target_path file.type dll.path dll.name dll.hash.sha256 registry.key registry.hive host.os.name host.os.version "
    "host.os.full host.type service.type service.version service.address error.type error.stack_trace log.logger "
    "cloud.provider cloud.account.name cloud.project.id cloud.instance.id container.id container.name container.image.name "
    "orchestrator.cluster.name orchestrator.namespace orchestrator.resource.name orchestrator.resource.type "
    "threat.framework threat.indicator.type threat.indicator.provider threat.software.name transaction.id trace.id "
    "device.model.name device.manufacturer device.serial_number"
)
_NUMBERS = (
    "source.as.number destination.as.number client.port server.port client.bytes server.bytes event.sequence "
    "process.exit_code email.size"
)
_LISTS = (
    "dns.answers.data dns.answers.type dns.answers.name dns.header_flags dns.resolved_ip observer.ip email.cc.address "
    "threat.technique.id threat.technique.name threat.tactic.id threat.tactic.name user.target.roles"
)

#: ECS column → its one dtype. A parser may only give ECS columns that stand here, with this dtype.
ECS: dict[str, pl.DataType] = {
    **dict.fromkeys(_LONG.split(), pl.Int64()),
    **dict.fromkeys(_TEXT_LIST.split(), pl.List(pl.String())),
    **dict.fromkeys(_OBSERVED_TEXT.split(), pl.String()),
    **dict.fromkeys((*_NETWORK.split(), *_MAIL_AND_WEB.split(), *_HOSTS_AND_CLOUD.split()), pl.String()),
    **dict.fromkeys(_NUMBERS.split(), pl.Int64()),
    **dict.fromkeys(_LISTS.split(), pl.List(pl.String())),
}


def own_columns(events: pl.DataFrame) -> list[str]:
    """Return the names of ``events`` that are the source's own: neither reserved nor ECS."""
    return [name for name in events.columns if name not in RESERVED and name not in ECS]
