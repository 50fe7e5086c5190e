"""What GLPI writes to its event log, in English and in French."""

from correlator.parse.formats.phrases import Phrase

__all__ = ["PHRASES"]

Says = dict[str, str | tuple[str, ...]]

_LOGIN: Says = {"event.action": "login", "event.category": ("authentication",), "event.type": ("start",)}
_FAILED: Says = {**_LOGIN, "event.outcome": "failure"}
_ITEM: Says = {"event.category": ("configuration",), "event.outcome": "success"}
_FROM = r" (?:from IP|depuis l['’]\s?(?:adresse )?IP|de l['’]\s?IP) (?P<source.address>[0-9A-Fa-f.:, ]+)$"
_USER = r"(?P<user.name>.*)"
_IMPERSONATION: Says = {"event.category": ("iam", "session"), "event.outcome": "success"}

PHRASES = (
    Phrase(rf"(?s)^(?P<event.reason>Failed login) for {_USER}{_FROM}", _FAILED),
    Phrase(
        r"(?si)^(?P<event.reason>(?:échec|echec) (?:de|à) (?:la |l['’])?(?:connexion|identification|"
        rf"authentification)) (?:pour|de) {_USER}{_FROM}",
        _FAILED,
    ),
    Phrase(rf"(?si)^(?P<event.reason>connexion échouée|connexion refusée) (?:pour|de) {_USER}{_FROM}", _FAILED),
    Phrase(rf"(?s)^Login for {_USER} (?P<event.reason>denied by authorization rules){_FROM}", _FAILED),
    Phrase(
        rf"(?si)^connexion (?:pour|de) {_USER} (?P<event.reason>refusée par les règles d['’]autorisations?){_FROM}", _FAILED
    ),
    Phrase(
        r"(?s)^(?P<event.reason>Connection failed) for (?P<user.name>.*) \((?P<source.address>[0-9A-Fa-f.:, ]+)\)$", _FAILED
    ),
    Phrase(rf"(?s)^{_USER} log(?:ged|s)? in{_FROM}", {**_LOGIN, "event.outcome": "success"}),
    Phrase(
        rf"(?si)^(?:connexion (?:réussie )?de )?{_USER}?(?: s['’]est)?(?: se)? ?connect(?:é|ée|e|\(e\))?{_FROM}",
        {**_LOGIN, "event.outcome": "success"},
    ),
    Phrase(
        rf"(?si)^connexion (?:réussie )?(?:de|pour) {_USER}{_FROM}",
        {**_LOGIN, "event.outcome": "success"},
    ),
    Phrase(
        r"(?s)^(?P<user.name>\S+) (?:starts impersonating user|commence à usurper l['’]identité de(?: l['’]utilisateur)?) "
        r"(?P<user.target.name>.*)$",
        {**_IMPERSONATION, "event.action": "impersonation_started", "event.type": ("start",)},
    ),
    Phrase(
        r"(?s)^(?P<user.name>\S+) (?:stops impersonating user|arrête d['’]usurper l['’]identité de(?: l['’]utilisateur)?) "
        r"(?P<user.target.name>.*)$",
        {**_IMPERSONATION, "event.action": "impersonation_ended", "event.type": ("end",)},
    ),
    Phrase(
        r"(?s)^(?P<user.name>\S+) (?:adds|created?|creates|ajoute|crée) (?P<event.reason>.*)$",
        {**_ITEM, "event.action": "item_added", "event.type": ("creation",)},
    ),
    Phrase(
        r"(?s)^(?P<user.name>\S+) (?:updates?|updated|met à jour|modifie|restores?|restaure) (?P<event.reason>.*)$",
        {**_ITEM, "event.action": "item_updated", "event.type": ("change",)},
    ),
    Phrase(
        r"(?s)^(?P<user.name>\S+) (?:deletes?|purges?|supprime|purge) (?P<event.reason>.*)$",
        {**_ITEM, "event.action": "item_deleted", "event.type": ("deletion",)},
    ),
    Phrase(
        r"(?s)^(?P<user.name>\S+) (?:executes?|uploads?|downloads?|installs?|activates?|exécute|télécharge|installe|active) "
        r"(?P<event.reason>.*)$",
        {**_ITEM, "event.action": "item_used", "event.type": ("access",)},
    ),
)
