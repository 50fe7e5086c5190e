"""What PostgreSQL says, in English and in French: connections, log-ins refused, statements, pgAudit, the server itself."""

from correlator.model.logsource import LogSource, logsource_column
from correlator.parse.formats.phrases import Phrase

__all__ = ["SENTENCES", "STATEMENTS"]

Says = dict[str, str | tuple[str, ...]]
#: Where statements go: rules for any database search them.
STATEMENTS = LogSource("postgresql", "database", "log")
_Q = r"[\"«][ \x{a0}]?"
_E = r"[ \x{a0}]?[\"»]"
_USER = rf"{_Q}(?P<user.name>.*?){_E}"


def _login(outcome: str, action: str = "database_login") -> Says:
    return {
        "event.action": action,
        "event.category": ("authentication", "database"),
        "event.type": ("start",),
        "event.outcome": outcome,
    }


def _said(action: str, category: str, kind: str, outcome: str = "success") -> Says:
    return {"event.action": action, "event.category": (category,), "event.type": (kind,), "event.outcome": outcome}


_SQL: Says = {**_said("statement", "database", "access"), "logsource": logsource_column(STATEMENTS)}
_REFUSED_BY_RULES = (
    rf"(?:no pg_hba\.conf entry|pg_hba\.conf rejects (?:replication )?connection|no pg_hba\.conf entry for replication"
    rf" connection"
    rf"|aucune entrée dans pg_hba\.conf|pg_hba\.conf rejette la connexion)(?: for| from| pour)? (?:the )?(?:host|l'hôte) "
    rf"{_Q}(?P<source.address>[^\"»]*?){_E}(?:, (?:user|utilisateur) {_USER})?"
    rf"(?:, (?:database|base de données) {_Q}(?P<db.name>[^\"»]*?){_E})?.*"
)

SENTENCES = (
    Phrase(r"(?s)^(?:statement|instruction ?|execute [^:]*|exécute [^:]*|parse [^:]*|bind [^:]*): (?P<db.statement>.*)$", _SQL),
    Phrase(
        r"(?s)^(?:duration|durée ?): (?P<db.duration_ms>[0-9.]+) ms(?:  ?(?:statement|instruction|execute [^:]*|parse"
        r" [^:]*|bind [^:]*) ?: "
        r"(?P<db.statement>.*))?$",
        _SQL,
    ),
    Phrase(
        r"(?s)^AUDIT: (?P<pgaudit.kind>SESSION|OBJECT),(?P<pgaudit.statement_id>[0-9]+),[0-9]+,(?P<pgaudit.class>[A-Z]*),"
        r"(?P<db.operation>[^,]*),(?P<db.object_type>[^,]*),(?P<db.object>\"(?:[^\"]|\"\")*\"|[^,]*),"
        r"(?:\"(?P<db.statement>(?:[^\"]|\"\")*)\"|[^,]*)(?:,.*)?$",
        {**_SQL, "event.action": "audit"},
    ),
    Phrase(
        r"^(?:connection received|connexion reçue ?): (?:host|hôte)=(?:\[local\]|(?P<source.address>\S+))"
        r"(?: port=(?P<source.port>[0-9]+))?.*$",
        {"event.action": "connection", "event.category": ("network",), "event.type": ("connection", "start")},
    ),
    Phrase(
        r"^(?:connection authenticated|connexion authentifiée ?): (?:identity|identité)=\"(?P<db.identity>[^\"]*)\" "
        r"(?:method|méthode)=(?P<db.method>\S+).*$",
        _login("success", "database_authenticated"),
    ),
    Phrase(
        r"^(?:replication )?(?:connection authorized|connexion autorisée ?): (?:user|utilisateur)=(?P<user.name>.*?)"
        r"(?: (?:database|base de données|base)=(?P<db.name>.*?))?(?: application_name=(?P<db.application>.*?))?"
        r"(?: SSL (?:enabled|activé) \((?:protocol=(?P<tls.version>[^,]*), )?(?:cipher=(?P<tls.cipher>[^,]*), )?.*\))?$",
        _login("success"),
    ),
    Phrase(
        rf"^(?:(?P<db.method>[A-Za-z0-9-]+) authentication failed for (?:user|role) {_USER}"
        rf"|authentification (?:par )?(?:[\w' -]+? )?échouée pour l'utilisateur"
        rf" {_USER.replace('user.name', 'user.target.name')})"
        r".*$",
        _login("failure"),
    ),
    Phrase(rf"^(?P<event.reason>{_REFUSED_BY_RULES})$", _login("failure")),
    Phrase(
        rf"^(?P<event.reason>(?:role|le rôle|rôle) {_USER} (?:does not exist|n'existe pas|is not permitted to log in"
        r"|n'est pas autorisé à se connecter))$",
        _login("failure"),
    ),
    Phrase(
        rf"^(?P<event.reason>(?:database|la base de données) {_Q}(?P<db.name>.*?){_E} (?:does not exist|n'existe pas)"
        r"|too many connections for .*|sorry, too many clients already|.*connection slots are reserved.*|.*trop de"
        r" connexions.*)$",
        _login("failure"),
    ),
    Phrase(
        r"^(?:disconnection|déconnexion ?): (?:session time|durée de la session) ?: (?P<db.session_time>\S+) "
        r"(?:user|utilisateur)=(?P<user.name>.*?) (?:database|base de données|base)=(?P<db.name>.*?) "
        r"(?:host|hôte)=(?:\[local\]|(?P<source.address>\S+))(?: port=(?P<source.port>[0-9]+))?$",
        _said("disconnection", "session", "end"),
    ),
    Phrase(
        r"^(?P<event.reason>(?:permission denied|must be (?:owner|superuser|member)|droit refusé|doit être "
        r"(?:le propriétaire|super-utilisateur)).*)$",
        _said("permission_denied", "database", "denied", "failure"),
    ),
    Phrase(
        r"^(?P<event.reason>(?:starting PostgreSQL|database system is ready|démarrage de PostgreSQL"
        r"|le système de bases de données est prêt).*)$",
        _said("service_started", "process", "start"),
    ),
    Phrase(
        r"^(?P<event.reason>(?:received (?:fast|smart|immediate) shutdown|database system is shut down|shutting down"
        r"|le système de bases? de données est arrêté|a reçu une demande d'arrêt).*)$",
        _said("service_stopped", "process", "end"),
    ),
    Phrase(
        r"^(?P<event.reason>(?:received SIGHUP|parameter \".*\" (?:changed|removed)|a reçu SIGHUP"
        r"|paramètre «.*» (?:modifié|supprimé)).*)$",
        _said("configuration_changed", "configuration", "change"),
    ),
    Phrase(
        r"^(?P<event.reason>(?:.* process \(PID [0-9]+\) (?:was terminated|exited)|database system was (?:interrupted"
        r"|not properly"
        r" shut down)|terminating connection|terminating any other|all server processes terminated|could not|out of"
        r" memory).*)$",
        _said("service_problem", "process", "error", "failure"),
    ),
    Phrase(
        r"^(?P<event.reason>(?:listening on|checkpoint|automatic (?:vacuum|analyze)|autovacuum|database system was shut"
        r" down|redo"
        r"|restored log file|started streaming|consistent recovery|background worker|temporary file|aborting any active"
        r"|en écoute sur|début du checkpoint|checkpoint terminé).*)$",
        {"event.action": "service_message", "event.category": ("process",), "event.type": ("info",)},
    ),
    Phrase(
        r"^(?P<event.reason>replication command.*|received replication command: .*)$",
        _said("replication", "database", "access"),
    ),
)
