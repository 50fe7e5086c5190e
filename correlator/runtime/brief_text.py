"""The morning brief as French text: ten seconds for whoever reads its first lines, all of it for whoever reads on."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from correlator.continuity.wording import hour_text, moment_text
from correlator.deliver.wording import LEVELS
from correlator.model.incident import Incident, Status, number_of
from correlator.model.proof import State
from correlator.runtime.brief import Brief, communes_of
from correlator.runtime.disk import Level
from correlator.store.proofs import floor

_STATUSES = {
    Status.NEW: "nouveau, personne ne l’a pris",
    Status.ACKNOWLEDGED: "pris en charge",
    Status.IN_PROGRESS: "en cours",
    Status.RESOLVED: "résolu",
    Status.CLOSED: "clos",
    Status.MERGED: "fusionné",
}
_RESULTS = {"sent": "envoyé", "handed": "remis, non confirmé"}
_SHOWN, _NAMED, _REASON = 12, 3, 60
#: A mute that ends within this time is told: what it hides will show again.
_NOTICE = timedelta(days=3)


def brief_text(brief: Brief) -> str:
    """Return the whole brief, line by line."""
    parts = [_head, _incidents, _calls, _services, _deadlines, _sources, _unread, _muted, _noisy, _signs]
    return "\n\n".join("\n".join(part(brief)) for part in parts) + "\n"


def headline(brief: Brief) -> str:
    """Return the one sentence that decides whether the reader reads on."""
    if brief.problems:
        return "ATTENTION : Tocsin ne fonctionne pas comme il faut ; cette nuit n’a pas été entièrement surveillée."
    if brief.is_quiet:
        active = len(brief.sources) - len(brief.silent)
        spoke = f"{active} source{_s(active)} sur {len(brief.sources)} {'ont' if active > 1 else 'a'} parlé"
        return f"Rien à signaler. Nuit calme, vérifiée : {spoke}."
    unread = [
        _count(len(brief.incidents), "incident"),
        _count(sum(len(one.services) for one in brief.services), "service à surveiller", "services à surveiller"),
        _count(len(brief.deadlines), "échéance dans les 24 heures", "échéances dans les 24 heures"),
        _count(len(brief.silent), "source silencieuse", "sources silencieuses"),
        _count(sum(brief.dead.values()), "élément refusé", "éléments refusés"),
        _count(brief.lost, "enregistrement sans sort connu", "enregistrements sans sort connu"),
        "le disque se remplit" if brief.disk_level else "",
        "des informations manquent" if brief.missing or not brief.sources else "",
    ]
    told = ", ".join(part for part in unread if part)
    return f"À voir : {told}." if told else "Des appels d’astreinte ont eu lieu ; plus rien n’est ouvert."


def _head(brief: Brief) -> Iterator[str]:
    yield f"BRIEF TOCSIN ({brief.install})"
    yield f"Du {moment_text(brief.since, brief.zone)} au {moment_text(brief.now, brief.zone)}."
    yield ""
    yield headline(brief)


def _incidents(brief: Brief) -> Iterator[str]:
    opened = len(brief.opened)
    yield f"INCIDENTS ({_count(opened, 'nouveau', 'nouveaux') or 'aucun nouveau'}, {len(brief.incidents) - opened} modifié(s))"
    if not brief.incidents:
        yield "  Aucun incident ouvert ou modifié."
    for level, group in groupby(brief.incidents, key=lambda one: one.severity):
        yield f"  Gravité {LEVELS[level]}"
        several = list(group)
        for one in several[:_SHOWN]:
            yield from _incident(one, brief)
        if len(several) > _SHOWN:
            yield f"    … et {len(several) - _SHOWN} autres"


def _incident(one: Incident, brief: Brief) -> Iterator[str]:
    new = "NOUVEAU " if one.opened >= brief.since else ""
    yield f"    {new}{one.number}  {communes_of(one, brief.names)}  [{_STATUSES[one.status]}]"
    yield f"      {one.title}"


def _calls(brief: Brief) -> Iterator[str]:
    yield "ASTREINTE"
    if not brief.calls:
        yield "  Personne n’a été appelé."
    for one in brief.calls:
        what = one["incident"] or "essai"
        state = {"acknowledged": f"pris en charge par {one['taken by']}", "open": "PERSONNE N’A RÉPONDU"}.get(
            one["state"], "terminé"
        )
        yield f"  {what} : {state}"
        for tried in one["tries"][:_SHOWN]:
            yield f"    {_tried(tried, brief)}"


def _tried(tried: Mapping[str, Any], brief: Brief) -> str:
    name = brief.names.get(tried["contact"], tried["contact"])
    result = _RESULTS.get(tried["result"], f"échec ({tried['result'][:_REASON]})")
    return f"{hour_text(tried['at'], brief.zone)}  {name}, {tried['channel']} : {result}"


def _services(brief: Brief) -> Iterator[str]:
    yield "SERVICES"
    if "services et échéances" in brief.missing:
        yield f"  Non disponible : {brief.missing['services et échéances']}"
    elif not brief.services:
        yield "  Aucun service connu pour être dégradé."
    for one in brief.services[:_SHOWN]:
        what = ", ".join(one.services) if len(one.services) <= _NAMED else f"{len(one.services)} services"
        since = f" depuis {one.since}" if one.since else ""
        vital = "VITAL  " if one.vital else ""
        yield f"  {vital}{what} ({', '.join(one.communes)}) : {one.look.label.lower()}{since}. {one.why}"
        if one.limit:
            yield f"    {one.limit}"
    if len(brief.services) > _SHOWN:
        yield f"  … et {len(brief.services) - _SHOWN} autres lignes : `tocsin board`."


def _deadlines(brief: Brief) -> Iterator[str]:
    yield "ÉCHÉANCES DES 24 HEURES"
    if "services et échéances" in brief.missing:
        yield "  Non disponible."
    elif not (brief.deadlines or brief.assumed):
        yield "  Aucune."
    for one in brief.deadlines[:_SHOWN]:
        yield f"  {one.left}  {one.name}, {', '.join(one.communes)} {one.detail}".rstrip()
    if brief.assumed:
        first = brief.assumed[0]
        lines = _count(len(brief.assumed), "délai peut courir", "délais peuvent courir")
        yield f"  Au pire, {lines} pour des actes que personne n’a comptés ; le plus proche : {first.name}, {first.left}."
        yield "  Comptez les actes et ouvrez leurs échéances : `tocsin clocks list`."


def _sources(brief: Brief) -> Iterator[str]:
    yield "SOURCES"
    if not brief.sources:
        yield "  Aucune source n’est déclarée : rien n’a été surveillé."
    for one in brief.sources:
        last = f"dernier {moment_text(one.last, brief.zone)}" if one.last else "jamais entendue"
        said = "SILENCIEUSE" if one.silent else f"{_number(one.fates['received'])} reçus"
        yield f"  {one.name} : {said}, {last}"


def _unread(brief: Brief) -> Iterator[str]:
    yield "CE QUE NOUS N’AVONS PAS PU LIRE"
    for (kind, origin, reason), count in list(brief.dead.items())[:_SHOWN]:
        what = "livraison refusée" if kind == "delivery" else "enregistrement refusé"
        yield f"  {_number(count)} × {what}, {origin} : {reason[:120]}"
    if not brief.dead:
        yield "  Rien n’a été refusé."
    if brief.lost:
        yield f"  {_number(brief.lost)} enregistrements sans sort connu : prévenez l’éditeur (registre des pertes)."
    else:
        yield "  Aucune perte : chaque enregistrement reçu a un sort connu."


def _muted(brief: Brief) -> Iterator[str]:
    yield "CE QUI EST MASQUÉ PAR DÉCISION"
    if not (brief.muted or brief.unmuted):
        yield "  Rien."
    for what, why, until, hidden in sorted(brief.muted, key=lambda one: one[2])[:_SHOWN]:
        count = f", {_number(hidden)} détections masquées depuis le début" if hidden else ""
        soon = "FINIT BIENTÔT : " if until - brief.now <= _NOTICE else ""
        yield f"  {soon}{what} jusqu’au {moment_text(until, brief.zone)} ({why}){count}"
    if len(brief.muted) > _SHOWN:
        yield f"  … et {len(brief.muted) - _SHOWN} autres : `tocsin mute list`."
    for what, why, until, hidden in brief.unmuted[:_SHOWN]:
        over = moment_text(until, brief.zone)
        yield f"  FINI le {over} : {what} se montre à nouveau ({why}), {_number(hidden)} masquées en tout"


def _noisy(brief: Brief) -> Iterator[str]:
    yield "RÈGLES BRUYANTES"
    if not brief.noisy:
        yield "  Aucune."
    for one in brief.noisy[:_SHOWN]:
        place = {"shared": "moyens partagés", "cross": "plusieurs communes", "unattributed": "à rattacher"}.get(one.lane)
        over = f"calme depuis {_when(one.ended, brief)}" if one.ended else "TOUJOURS BRUYANTE"
        yield f"  {one.rule_title} ({place or brief.names.get(one.lane, one.lane)}), le {one.day} : {over}"
        yield f"    {_number(one.counted)} constats regroupés dans {number_of(one.incident)} ; affinez la règle ou masquez."
    if len(brief.noisy) > _SHOWN:
        yield f"  … et {len(brief.noisy) - _SHOWN} autres : `tocsin rules noisy`."


def _signs(brief: Brief) -> Iterator[str]:
    yield "TOCSIN LUI-MÊME"
    yield from _proofs(brief)
    names = {"pipeline": "analyse", "deliver": "envois", "oncall": "astreinte", "proof": "preuve de veille"}
    for part, at in brief.signs.items():
        yield f"  {names.get(part, part)} : signe de vie {_when(at, brief)}"
    for problem in brief.problems:
        yield f"  PROBLÈME : {problem}"
    full = {Level.FREE: "", Level.TIGHT: ", il se remplit", Level.FULL: ", PLEIN : la lecture attend"}[brief.disk_level]
    yield f"  disque : {brief.disk_used:.0f} % utilisés{full}"


def _proofs(brief: Brief) -> Iterator[str]:
    """Yield how the daily proofs went: one line when all arrived, one more for each that did not."""
    if not brief.proofs:
        return
    arrived = [one for one in brief.proofs if one.state is State.DELIVERED]
    ticket = floor(arrived).get("ticket")
    took = f", du journal au ticket en {ticket.total_seconds():.0f} s (médiane)" if ticket is not None else ""
    yield f"  preuve de veille : {len(arrived)} sur {len(brief.proofs)} arrivées{took}"
    for one in brief.proofs:
        if one.state is State.FAILED:
            yield f"  PREUVE MANQUÉE : {brief.names.get(one.commune, one.commune)} ({one.problem[:_REASON]})"


def _when(at: datetime, brief: Brief) -> str:
    return f"à {hour_text(at, brief.zone)}" if (brief.now - at).total_seconds() < 86_400 else moment_text(at, brief.zone)  # noqa: PLR2004 - a day


def _count(number: int, one: str, several: str = "") -> str:
    return f"{_number(number)} {(several or f'{one}s') if number > 1 else one}" if number else ""


def _number(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _s(number: int) -> str:
    return "s" if number > 1 else ""
