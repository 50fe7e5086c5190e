"""The French sentence that names an incident: subject, act, object, commune."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# ATT&CK technique, else tactic → what was done. The longest technique wins; tactics are asked from the end of an attack to its
# beginning: what came last says most.
_TECHNIQUES = {
    "t1003": "a cherché à extraire des mots de passe",
    "t1021": "a pris la main sur une machine du réseau",
    "t1041": "a fait sortir des données",
    "t1046": "a sondé le réseau",
    "t1048": "a fait sortir des données",
    "t1053": "a programmé une tâche",
    "t1059": "a lancé des commandes suspectes",
    "t1070": "a effacé des traces",
    "t1078": "s’est servi d’un compte de façon inhabituelle",
    "t1098": "a changé les droits d’un compte",
    "t1105": "a fait entrer un programme",
    "t1110": "a essayé de deviner des mots de passe",
    "t1110.003": "a essayé un même mot de passe sur plusieurs comptes",
    "t1114": "a détourné du courrier",
    "t1136": "a créé un compte",
    "t1190": "a attaqué un service exposé",
    "t1219": "a utilisé un outil de prise en main à distance",
    "t1486": "a chiffré des fichiers",
    "t1489": "a arrêté des services",
    "t1490": "a détruit des moyens de restauration",
    "t1505.003": "a utilisé une porte dérobée web",
    "t1543": "a installé un service",
    "t1566": "a envoyé un hameçonnage",
    "t1567": "a fait sortir des données vers un service web",
    "t1595": "a fait des repérages",
    "t1685": "a affaibli les défenses",
    "t1686": "a affaibli les défenses",
}
_TACTICS = {
    "impact": "a porté atteinte aux données ou aux services",
    "exfiltration": "a fait sortir des données",
    "command-and-control": "a dialogué avec une machine suspecte",
    "collection": "a rassemblé des données",
    "lateral-movement": "est passé d’une machine à une autre",
    "credential-access": "a cherché des mots de passe",
    "defense-impairment": "a affaibli les défenses",
    "defense-evasion": "a cherché à échapper aux défenses",
    "stealth": "a cherché à passer inaperçu",
    "privilege-escalation": "a cherché à gagner des droits",
    "persistence": "s’est ménagé un accès durable",
    "execution": "a lancé un programme suspect",
    "initial-access": "a cherché à entrer",
    "discovery": "a exploré le système",
    "reconnaissance": "a fait des repérages",
}
_DEFAULT_ACT = "a déclenché une règle"
_PLURALS = {"est passé ": "sont passés ", "s’est servi ": "se sont servis ", "s’est ménagé ": "se sont ménagé ", "a ": "ont "}
_MANY = 3  # more names than this are told as a number


def sentence_of(finding: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Return the sentence for ``finding`` (a row of frame FINDING); ``names`` maps commune ids to their names."""
    seen = finding["observables"] or []
    if finding.get("kind") == "risk":
        place = _place(finding["lane"], finding["communes"] or [], names)
        return (
            f"{seen[0]['value'] if seen else 'Une entité'} accumule des signaux faibles {place} : « {finding['rule.title']} »"
        )
    subject, is_plural = _subject(seen)
    act = act_of(finding["rule.tags"] or [])
    place = _place(finding["lane"], finding["communes"] or [], names)
    parts = [subject, _plural(act) if is_plural else act, _object(seen), place]
    return f"{' '.join(part for part in parts if part)} : « {finding['rule.title']} »"


def act_of(tags: Iterable[str]) -> str:
    """Return what was done, said in French, from a rule's ATT&CK tags."""
    words = {tag.lower().removeprefix("attack.").replace("_", "-") for tag in tags}
    exact = [_TECHNIQUES[word] for word in sorted(words) if word in _TECHNIQUES]
    family = [_TECHNIQUES[word.split(".")[0]] for word in sorted(words) if word.split(".")[0] in _TECHNIQUES]
    tactic = [act for name, act in _TACTICS.items() if name in words]
    dotted = [_TECHNIQUES[word] for word in sorted(words) if "." in word and word in _TECHNIQUES]
    return next(iter([*dotted, *exact, *family, *tactic]), _DEFAULT_ACT)


def _plural(act: str) -> str:
    begins = next(one for one in _PLURALS if act.startswith(one))
    return _PLURALS[begins] + act.removeprefix(begins)


def _subject(seen: Sequence[Mapping[str, Any]]) -> tuple[str, bool]:
    """Return who did it, and whether that is more than one."""
    users, addresses = _values(seen, "user", "actor"), _values(seen, "ip", "source")
    senders = _values(seen, "email", "source")
    if users and addresses and len(users) <= _MANY:
        return f"{_listed(users, 'comptes')} depuis {_listed(addresses, 'adresses')}", len(users) > 1
    chosen = addresses or senders or users
    noun = "comptes" if chosen is users else "adresses"
    return (_listed(chosen, noun), len(chosen) > 1) if chosen else ("Un auteur inconnu", False)


def _object(seen: Sequence[Mapping[str, Any]]) -> str:
    hosts, targets = _values(seen, "host", "host"), _values(seen, "user", "target")
    devices = _values(seen, "equipment", "target")
    if targets and hosts:
        return f"visant {_listed(targets, 'comptes')} sur {_listed(hosts, 'machines')}"
    if targets:
        return f"visant {_listed(targets, 'comptes')}"
    if hosts or devices:
        return f"sur {_listed(hosts or devices, 'machines')}"
    reached = _values(seen, "ip", "target") or _values(seen, "domain", "target")
    return f"vers {_listed(reached, 'adresses')}" if reached else ""


def _values(seen: Sequence[Mapping[str, Any]], kind: str, role: str) -> list[str]:
    """Return the distinct values of one kind and role, strong ones when there are any, in a fixed order."""
    chosen = [one for one in seen if one["kind"] == kind and one["role"] == role and one["value"]]
    strong = [one for one in chosen if one["strong"]]
    return sorted(
        {one["value"].lower(): one["value"] for one in sorted(strong or chosen, key=lambda one: one["value"])}.values()
    )


def _listed(values: Sequence[str], noun: str) -> str:
    if len(values) > _MANY:
        return f"{len(values)} {noun}"
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} et {values[-1]}"


def _place(lane: str, communes: Iterable[str], names: Mapping[str, str]) -> str:
    if lane == "shared":
        return "(moyens partagés)"
    if lane == "unattributed":
        return "(commune à rattacher)"
    if lane == "cross":
        return f"dans plusieurs communes ({', '.join(sorted(names.get(one, one) for one in communes))})"
    return _at(names.get(lane, lane))


def _at(name: str) -> str:
    """Return ``à`` with the name, contracted as French wants: au Vernay, aux Essarts."""
    for article, contracted in (("Le ", "au "), ("Les ", "aux ")):
        if name.startswith(article):
            return contracted + name.removeprefix(article)
    return f"à {name}"
