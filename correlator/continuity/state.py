"""How each service of each commune stands: people's words first, then incidents, what it stands on, and who fell silent.

Missing data never reads as *running*: without a fresh sign of life or somebody's word a service is *unknown*.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from correlator.continuity.place import Place
from correlator.continuity.wording import duration_text
from correlator.model.estate import UNATTRIBUTED
from correlator.model.said import Statement
from correlator.model.service import ServiceState
from correlator.model.severity import Severity

#: How long somebody's word holds that has no end of its own; an outage then stays, marked « à confirmer ».
FRESH = timedelta(hours=24)
#: A source that a service names is silent when nothing came for so long of its opening time.
SILENT = timedelta(hours=2)

#: Heavier is worse; not knowing is worse than a crutch that holds.
WEIGHT: Mapping[ServiceState, int] = {
    ServiceState.RUNNING: 0,
    ServiceState.DEGRADED: 2,
    ServiceState.PAPER: 3,
    ServiceState.UNKNOWN: 4,
    ServiceState.DOWN: 5,
}


class Confidence(StrEnum):
    """Why a state is believed."""

    SAID = "said"  # somebody saw it
    DEDUCED = "deduced"  # from logs
    OLD = "old"  # somebody said so, too long ago
    CONTRADICTED = "contradicted"  # logs and people disagree; people are believed
    NONE = "none"


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """What the board knows of an open incident: no names, no observables but the hosts and addresses it touches."""

    number: str  # empty: not for this reader
    severity: Severity
    communes: tuple[str, ...]
    shared: bool  # concerns what communes share: it can bring down what services stand on
    since: datetime
    hosts: frozenset[str]  # host names and addresses, case folded


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the states are made from. ``heard``: source → when its last record was received. Times are UTC."""

    now: datetime
    incidents: tuple[OpenIncident, ...] = ()
    heard: Mapping[str, datetime] = field(default_factory=dict)
    statements: tuple[Statement, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """How one service of one commune stands, since when, why, and until when something has to be done about it.

    ``open``: its counter is open now. ``start_paper`` and ``recover``: when DMIA and target of recovery are used up, counted
    in opening time. ``said`` is the word of somebody that was taken into account. ``waiting``: acts on paper.
    """

    state: ServiceState
    since: datetime | None
    reason: str
    confidence: Confidence
    open: bool
    said: Statement | None = None
    incidents: tuple[str, ...] = ()
    start_paper: datetime | None = None
    recover: datetime | None = None
    waiting: int | None = None


@dataclass(frozen=True, slots=True)
class _Sign:
    state: ServiceState
    since: datetime | None
    reason: str
    incident: str = ""
    grave: bool = False  # an incident, whether or not its number may be told
    said: bool = False  # by a person, of something the service stands on


def standing_of(place: Place, facts: Facts) -> Standing:
    """Return how the service stands there."""
    signs = tuple(_signs(place, facts))
    said = _last_word(place, facts)
    standing = _computed(place, facts, signs) if said is None else _weighed(place, facts, signs, said)
    return _with_limits(place, standing)


def worst(states: Iterator[ServiceState] | tuple[ServiceState, ...]) -> ServiceState | None:
    """Return the heaviest of ``states``, never an average; None when there is none."""
    return max(states, key=lambda state: WEIGHT[state], default=None)


# ── what logs say ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _signs(place: Place, facts: Facts) -> Iterator[_Sign]:
    """Yield every reason to think that the service does not run as it should."""
    yield from _incidents(place, facts)
    yield from _assets_said(place, facts)
    yield from _silences(place, facts)


def _incidents(place: Place, facts: Facts) -> Iterator[_Sign]:
    for one in facts.incidents:
        if one.severity < Severity.HIGH:
            continue
        named = f"incident {one.number}" if one.number else "incident"
        if place.carried_by(one.hosts) and _may_be_here(one, place):
            state = ServiceState.DOWN if one.severity >= Severity.CRITICAL else ServiceState.DEGRADED
            reason = f"{named.capitalize()} ({_GRAVITY[one.severity]}) sur une machine de ce service."
            yield _Sign(state, one.since, reason, one.number, grave=True)
        elif one.shared and (assets := place.stands_on(one.hosts)):
            reason = f"{', '.join(assets)} : {named} ({_GRAVITY[one.severity]})."
            yield _Sign(ServiceState.DEGRADED, one.since, reason, one.number, grave=True)


def _may_be_here(one: OpenIncident, place: Place) -> bool:
    """Say whether the incident can touch this commune: two communes may have a machine of one name."""
    return one.shared or place.commune.id in one.communes or UNATTRIBUTED in one.communes


_GRAVITY = {Severity.HIGH: "élevé", Severity.CRITICAL: "critique"}


def _assets_said(place: Place, facts: Facts) -> Iterator[_Sign]:
    """Yield what people say of assets and national platforms that the service needs."""
    for asset in place.assets:
        said = _newest(facts, asset.id, place.commune.id, asset.communes)
        if said is None or said.state is ServiceState.RUNNING:
            continue
        told = (
            "Panne nationale de {} : notre système n’est pas en cause (selon {})."
            if asset.external
            else "{} : hors service (selon {})."
        )
        yield _Sign(ServiceState.DEGRADED, said.since, told.format(_short(asset.label), said.person), said=True)


def _short(label: str) -> str:
    """Return the name before its explanation: ``Hélios`` of ``Hélios : flux PES vers la DGFiP``."""
    return label.partition(" : ")[0]


def _silences(place: Place, facts: Facts) -> Iterator[_Sign]:
    silent = {source: facts.heard.get(source) for source in place.sources if is_silent(place, source, facts)}
    if not silent:
        return
    last = max((moment for moment in silent.values() if moment), default=None)
    names = ", ".join(sorted(silent))
    told = f"{names} ne répond plus depuis {duration_text(facts.now - last)}" if last else f"{names} n’a encore rien envoyé"
    if len(silent) == len(place.sources):
        yield _Sign(ServiceState.UNKNOWN, last, f"Aucune information : {told}.")
    else:
        yield _Sign(ServiceState.DEGRADED, last, f"{told}.")


def is_silent(place: Place, source: str, facts: Facts) -> bool:
    """Say whether nothing came from ``source`` for two hours of the opening time of ``place``, or ever."""
    heard = facts.heard.get(source)
    return heard is None or place.calendar.open_between(heard, facts.now) > SILENT


def _computed(place: Place, facts: Facts, signs: tuple[_Sign, ...]) -> Standing:
    is_open = place.calendar.is_open(facts.now)
    if not signs and place.sources:
        heard = max(facts.heard[source] for source in place.sources)
        reason = f"Journaux reçus il y a {duration_text(facts.now - heard)} ; aucun incident ouvert."
        return Standing(ServiceState.RUNNING, None, reason, Confidence.DEDUCED, is_open)
    if not signs:
        reason = "Personne n'a encore rien dit de ce service, et aucun journal n'en parle."
        return Standing(ServiceState.UNKNOWN, None, reason, Confidence.NONE, is_open)
    state = _together(signs)
    telling = [sign for sign in signs if WEIGHT[sign.state] >= WEIGHT[state]] or list(signs)
    since = min((sign.since for sign in telling if sign.since), default=None)
    reason = " ".join(dict.fromkeys(sign.reason for sign in sorted(signs, key=lambda sign: -WEIGHT[sign.state])))
    numbers = tuple(dict.fromkeys(sign.incident for sign in signs if sign.incident))
    confidence = Confidence.SAID if all(sign.said for sign in signs) else Confidence.DEDUCED
    return Standing(state, since, reason, confidence, is_open, incidents=numbers)


def _together(signs: tuple[_Sign, ...]) -> ServiceState:
    """Return the heaviest state; an incident on a service that fell wholly silent is an interruption.

    A source that never spoke did not fall silent: of that service nothing is known.
    """
    silent = any(sign.state is ServiceState.UNKNOWN and sign.since for sign in signs)
    if silent and any(sign.grave for sign in signs):
        return ServiceState.DOWN
    return worst(tuple(sign.state for sign in signs)) or ServiceState.UNKNOWN


# ── what people say ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _last_word(place: Place, facts: Facts) -> Statement | None:
    return _newest(facts, place.service.id, place.commune.id, None)


def _newest(facts: Facts, subject: str, commune: str, sharing: tuple[str, ...] | None) -> Statement | None:
    """Return the newest word on ``subject`` for ``commune``; a word for all counts where ``sharing`` lets it (None: anyone)."""
    shares = not sharing or commune in sharing
    places = {commune, "shared"} if shares else {commune}
    told = [one for one in facts.statements if one.service == subject and one.commune in places and one.holds(facts.now)]
    return max(told, key=lambda one: (one.at, one.id), default=None)


def _weighed(place: Place, facts: Facts, signs: tuple[_Sign, ...], said: Statement) -> Standing:
    """Weigh a word against the logs: fresh, it wins; old, it is kept only as far as it is bad news."""
    logs = _computed(place, facts, signs)
    word = Standing(said.state, said.since, said.text, Confidence.SAID, logs.open, said, logs.incidents, waiting=said.waiting)
    if said.until is not None or facts.now - said.at <= FRESH:
        if not _disagree(said, signs):
            return word
        doubt = f"{said.text} Les journaux disent autre chose : {logs.reason}".strip()
        return replace(word, reason=doubt, confidence=Confidence.CONTRADICTED)
    worse = logs.since is not None and WEIGHT[logs.state] > WEIGHT[said.state]
    if worse or said.state is ServiceState.RUNNING:
        return logs
    old = f"{said.text} (dit il y a {duration_text(facts.now - said.at)} : à confirmer)".strip()
    return replace(word, reason=old, confidence=Confidence.OLD)


def _disagree(said: Statement, signs: tuple[_Sign, ...]) -> bool:
    """Say whether logs tell bad news that began after somebody said that all was well."""
    return said.state is ServiceState.RUNNING and any(sign.since and sign.since > said.at for sign in signs)


def _with_limits(place: Place, standing: Standing) -> Standing:
    """Add until when the paper has to be started and the software to be back; running and degraded services have time."""
    if standing.since is None or standing.state in {ServiceState.RUNNING, ServiceState.DEGRADED}:
        return standing
    recover = place.calendar.after_service(standing.since, place.reprise)
    if standing.state is ServiceState.PAPER:
        return replace(standing, recover=recover)
    return replace(standing, start_paper=place.calendar.after_service(standing.since, place.dmia), recover=recover)
