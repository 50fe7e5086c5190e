"""What MySQL and MariaDB write to their error log: log-ins refused, connections lost, starts and stops."""

from correlator.parse.formats.phrases import Phrase

__all__ = ["SENTENCES"]

Says = dict[str, str | tuple[str, ...]]
_ACCOUNT = r"'(?P<user.name>.*)'@'@?(?P<source.address>[^']*)'"  # the last of them: a stranger chooses the name


def _said(action: str, category: str, kind: str, outcome: str = "success") -> Says:
    return {"event.action": action, "event.category": (category,), "event.type": (kind,), "event.outcome": outcome}


_LOGIN: Says = {
    "event.action": "database_login",
    "event.category": ("authentication", "database"),
    "event.type": ("start",),
    "event.outcome": "failure",
}
SENTENCES = (
    Phrase(
        rf"^(?P<event.reason>(?:Access denied for user|Accès refusé pour l'utilisateur ?:) {_ACCOUNT} "
        r"\((?:using password|mot de passe) ?: (?P<mysql.password>[A-Z]+)\))"
        r"(?: (?:to database|@base) '(?P<db.name>[^']*)')?\.?\s*$",
        _LOGIN,
    ),
    Phrase(
        rf"^(?P<event.reason>(?:Access denied for user|Accès refusé pour l'utilisateur ?:) {_ACCOUNT}"
        r"(?:.*? (?:to|@|sur la) ?(?:database|base)[^']*'(?P<db.name>[^']*)')?.*)$",
        _said("permission_denied", "database", "denied", "failure"),
    ),
    Phrase(
        r"^Aborted connection (?P<mysql.connection>[0-9]+) to db: '(?P<db.name>[^']*)' user: '(?P<user.name>[^']*)' "
        r"host: '(?P<source.address>[^']*)' \((?P<event.reason>.*)\)\.?$",
        _said("connection_aborted", "network", "end", "failure"),
    ),
    Phrase(
        r"^(?P<event.reason>Host '(?P<source.address>[^']*)' is (?:blocked because of many connection errors"
        r"|not allowed to connect).*)$",
        _said("connection_refused", "network", "denied", "failure"),
    ),
    Phrase(
        r"^(?P<event.reason>(?:IP address|Hostname) '(?P<source.address>[^']*)' (?:could not be resolved|does not resolve).*)$",
        {"event.action": "name_mismatch", "event.category": ("network",), "event.type": ("info",)},
    ),
    Phrase(
        r"^(?P<event.reason>(?:Too many connections|User '?(?P<user.name>[^' ]+)'? has exceeded|.*has more than"
        r" 'max_user_connections').*)$",
        _said("limit_exceeded", "database", "denied", "failure"),
    ),
    Phrase(
        r"^(?P<event.reason>(?:.*?: ready for connections|X Plugin ready for connections|.* starting as process"
        r"|Starting (?:MySQL|MariaDB)|InnoDB: .*started).*)$",
        _said("service_started", "process", "start"),
    ),
    Phrase(
        r"^(?P<event.reason>(?:Received SHUTDOWN from user (?P<user.name>[^\s.]+)|Normal shutdown|.*?: (?:Normal shutdown"
        r"|Shutdown complete|Shutting down)|Shutdown complete|Received signal|Got signal|Giving).*)$",
        _said("service_stopped", "process", "end"),
    ),
    Phrase(
        r"^(?P<event.reason>(?:Plugin|Function) '(?P<mysql.plugin>[^']*)' .*)$",
        {"event.action": "plugin", "event.category": ("configuration",), "event.type": ("info",)},
    ),
    Phrase(
        r"^(?P<event.reason>(?:InnoDB:|Event Scheduler:|Server (?:hostname|socket)|IPv6 is|DDL log|CA certificate|Buffer pool"
        r"|Server socket created|TLS|SSL|Slave|Replica|Semi-sync|Binlog|Recovering|Crash recovery|Skipping|Reading of all).*)$",
        {"event.action": "service_message", "event.category": ("process",), "event.type": ("info",)},
    ),
)
