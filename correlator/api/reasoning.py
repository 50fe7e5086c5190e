"""Why an incident is one, in words: each fact of ``runtime.reasons`` as a sentence, in English or French."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from correlator.api import wording
from correlator.api.wording import N_
from correlator.runtime.reasons import Moment, Said

#: Fact → the sentence that says it.
SENTENCES: Mapping[str, str] = {
    "threshold": N_(
        "“%(rule)s” asks for %(least)s events within %(span)s; here there were %(count)s within %(took)s (%(times)s times as"
        " many) for %(group)s."
    ),
    "value_threshold": N_(
        "“%(rule)s” asks for %(least)s different values of %(field)s within %(span)s; that was reached for %(group)s, with"
        " %(count)s events within %(took)s."
    ),
    "ordered": N_("“%(rule)s” asks for %(rules)s steps in this order within %(span)s; all came within %(took)s for %(group)s."),
    "together": N_("“%(rule)s” asks for %(rules)s things within %(span)s; they came within %(took)s for %(group)s."),
    "lacking": N_("“%(rule)s” holds for %(group)s: seen was %(seen)s, and within %(span)s nothing of %(missed)s."),
    "silent": N_("“%(rule)s”: after this nothing more came for %(group)s within %(span)s."),
    "never_seen": N_("“%(rule)s”: %(group)s was not seen in the %(span)s before."),
    "rare_value": N_("“%(rule)s”: %(group)s is rare, looked at over %(span)s."),
    "unusual_hour": N_(
        "“%(rule)s”: %(count)s events in one hour for %(group)s, far more than in the same hour of the weeks before."
    ),
    "reckoned": N_("“%(rule)s”: %(field)s adds up to more than it allows within %(span)s for %(group)s (%(count)s events)."),
    "joined": N_("“%(rule)s” holds for %(group)s: %(count)s events within %(took)s."),
    "hit_of_old_rule": N_(
        "“%(rule)s” held for %(group)s: %(count)s events within %(took)s; that rule runs no longer, what it asked for is"
        " not known."
    ),
    "first_incident": N_("This is the first incident here: whether its rules are rare here cannot be said yet."),
    "first_time": N_("“%(rule)s” has never made an incident here before (incidents are kept since %(since)s)."),
    "again": N_("“%(rule)s” made %(count)s earlier incidents here, the last one %(number)s of %(opened)s."),
    "days_unknown": N_("Nothing was found here in the days before: whether its accounts and machines are rare cannot be said."),
    "thing_new": N_("%(value)s was in no finding of the %(known)s days before."),
    "thing_rare": N_("%(value)s was in findings on %(days)s of the %(known)s days before (%(findings)s in all)."),
    "thing_common": N_("%(value)s is often there: findings on %(days)s of the %(known)s days before (%(findings)s in all)."),
    "outside_all": N_("All %(all)s kept events lie outside opening hours."),
    "outside": N_("%(count)s of %(all)s kept events lie outside opening hours."),
    "inside": N_("All %(all)s kept events lie within opening hours."),
    "hours_unknown": N_("The kept events do not say whether it was within opening hours."),
    "communes": N_("%(count)s communes are concerned at once."),
    "risk": N_(
        "Weak signals of %(rules)s rules about %(value)s add up to %(points)s points (%(threshold)s open an incident) and"
        " %(stages)s stages of an attack; none opens anything by itself: %(titles)s."
    ),
    "quiet_suppressed": N_("%(count)s more findings of “%(rule)s” joined without news: the same again within its period."),
    "quiet_explained": N_("%(count)s more findings of “%(rule)s” joined without news: another rule here explains them."),
    "quiet_late": N_("%(count)s findings of “%(rule)s” came late and were only added."),
    "quiet_maintenance": N_("%(count)s findings of “%(rule)s” lie in announced work."),
    "no_rules": N_("The rules cannot be read just now: thresholds and what authors noted are missing."),
    "mistakes": N_("“%(rule)s” is also told by mistake for: %(what)s."),
    "fields": N_("For “%(rule)s” look at these fields: %(what)s."),
    "pivot_search": N_("all records with %(value)s"),
    "pivot_incidents": N_("other incidents with %(value)s"),
    "pivot_query": N_("what %(value)s did, counted"),
    "pivot_mute": N_("mute what made this, after a look at what that hides"),
    "no lake": N_("The lake holds no events: what they did besides is not known."),
    "too old": N_("The events of that time are no longer in the lake."),
    "shortened": N_("The lake holds very much of that day: only its last hour was looked at."),
}
#: Parts of an explanation as text.
TITLES: Mapping[str, str] = {
    "order": N_("In this order"),
    "stages": N_("Stages of an attack:"),
    "unusual": N_("What is unusual"),
    "todo": N_("What to check first (all: 'tocsin incidents task %s')"),
    "authors": N_("What the authors of the rules say"),
    "around": N_("What they did besides, from %(since)s to %(until)s"),
    "pivots": N_("Go on with"),
    "missing": N_("Not known"),
    "besides": N_("%(all)s events: %(own)s of this incident, %(others)s others."),
}
#: ATT&CK tactic → what people call that stage.
STAGES: Mapping[str, str] = {
    "reconnaissance": N_("looking around from outside"),
    "resource-development": N_("getting ready"),
    "initial-access": N_("getting in"),
    "execution": N_("running something"),
    "persistence": N_("staying"),
    "privilege-escalation": N_("gaining rights"),
    "stealth": N_("hiding"),
    "defense-evasion": N_("evading defences"),
    "defense-impairment": N_("weakening defences"),
    "credential-access": N_("stealing passwords"),
    "discovery": N_("looking around inside"),
    "lateral-movement": N_("moving on to other machines"),
    "collection": N_("gathering data"),
    "command-and-control": N_("being steered from outside"),
    "exfiltration": N_("taking data out"),
    "impact": N_("doing damage"),
}


def say(said: Said, language: str, zone: str) -> str:
    """Return the sentence of a fact."""
    text = wording.translations(language).gettext(SENTENCES.get(said.code, said.code))
    told = text % {name: _written(value, language, zone) for name, value in said.values.items()}
    return wording.tied(told) if language == "fr" else told


def title(name: str, language: str) -> str:
    """Return what a part of an explanation is called."""
    return wording.translations(language).gettext(TITLES[name])


def stage(name: str, language: str) -> str:
    """Return what people call a tactic."""
    return wording.translations(language).gettext(STAGES[name])


def after(moment: Moment, language: str) -> str:
    """Return how long after the rule before it one fired: ``+ 12 min``; "" for the first."""
    return "" if moment.gap is None else f"+ {wording.duration(moment.gap.total_seconds(), language)}"


def _written(value: object, language: str, zone: str) -> str:
    if isinstance(value, datetime):
        return wording.day_and_time(value, zone, language)
    if isinstance(value, timedelta):
        return wording.duration(value.total_seconds(), language)
    if isinstance(value, int):
        return wording.number(value, language)
    if isinstance(value, float):
        return str(value).replace(".", ",") if language == "fr" else str(value)
    return str(value)
