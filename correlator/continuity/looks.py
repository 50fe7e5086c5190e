"""How states are shown: symbol, word, sentence. Never by colour alone: in black and white several colours are one grey."""

from collections.abc import Mapping
from dataclasses import dataclass

from correlator.continuity.state import Confidence, Standing
from correlator.model.service import ServiceState


@dataclass(frozen=True, slots=True)
class Look:
    """``id`` is a name for style sheets; ``symbol`` and ``label`` stand together everywhere."""

    id: str
    symbol: str
    label: str
    sentence: str


LOOKS: Mapping[str, Look] = {
    look.id: look
    for look in (
        Look("nominal", "✓", "Nominal", "Le service fonctionne normalement."),
        Look("degrade", "▲", "Dégradé", "Le service fonctionne plus lentement ou en partie."),
        Look("papier", "✎", "Procédure papier", "Le service est rendu sans informatique."),
        Look("interrompu", "✕", "Interrompu", "Le service n’est pas rendu."),
        Look("inconnu", "?", "Inconnu", "Nous ne savons pas."),
        Look("rattrapage", "↻", "Reprise en cours", "Le service a repris ; les actes papier sont en cours de saisie."),
        Look("ferme", "–", "Fermé (horaires)", "Le service est fermé ; rien à signaler."),
        Look("absent", "·", "Non déclaré", "Ce service n’est pas déclaré dans cette commune."),
    )
}
STATE_LOOKS: Mapping[ServiceState, Look] = {
    ServiceState.RUNNING: LOOKS["nominal"],
    ServiceState.DEGRADED: LOOKS["degrade"],
    ServiceState.PAPER: LOOKS["papier"],
    ServiceState.DOWN: LOOKS["interrompu"],
    ServiceState.UNKNOWN: LOOKS["inconnu"],
}
#: French words people may type for a state.
WORDS: Mapping[str, ServiceState] = {
    "nominal": ServiceState.RUNNING,
    "degrade": ServiceState.DEGRADED,
    "papier": ServiceState.PAPER,
    "interrompu": ServiceState.DOWN,
    "inconnu": ServiceState.UNKNOWN,
}
CONFIDENCES: Mapping[Confidence, str] = {
    Confidence.SAID: "Constaté par un agent",
    Confidence.DEDUCED: "Déduit des journaux, à confirmer",
    Confidence.OLD: "Information ancienne, à confirmer",
    Confidence.CONTRADICTED: "Journaux et agents ne disent pas la même chose",
    Confidence.NONE: "Aucune information",
}


def look_of(standing: Standing | None) -> Look:
    """Return how a service is shown; None: not declared there. Closed hours are quiet unless something is wrong."""
    if standing is None:
        return LOOKS["absent"]
    if standing.state is ServiceState.RUNNING and standing.waiting:
        return LOOKS["rattrapage"]
    if not standing.open and standing.state is ServiceState.RUNNING:
        return LOOKS["ferme"]
    return STATE_LOOKS[standing.state]
