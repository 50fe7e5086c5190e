"""States of services: what a manager may believe at a glance. Nothing reads as running because nobody knows."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_network

import pytest

from correlator.continuity.calendar import ALWAYS, Calendar
from correlator.continuity.deadlines import Origin, Outage, deadlines
from correlator.continuity.place import Place, places
from correlator.continuity.state import Confidence, Facts, OpenIncident, standing_of, worst
from correlator.model.estate import Commune, Estate, LocalService, SharedAsset
from correlator.model.said import Clock, Statement
from correlator.model.service import Asset, Catalogue, CatalogueService, ClockKind, Counting, ServiceHours, ServiceState, Shape
from correlator.model.severity import Severity

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)  # Friday, 10:00 in Paris
HOUR = timedelta(hours=1)
OFFICE = dict.fromkeys(range(1, 6), ((510, 720), (810, 1050)))
ONE_HOUR_EACH = {"dmia": 4 * HOUR, "reprise": 8 * HOUR, "pdma": HOUR}
BIRTHS = CatalogueService(
    "ec-naissances", "Naissances", "", "guichet", needs=("ad",), platforms=("comedec",), clocks=("naissance",), **ONE_HOUR_EACH
)
PAY = CatalogueService("rh-paie", "Paie", "", "bureau", needs=("db", "ad"), clocks=("dsn",), **ONE_HOUR_EACH)
WATER = CatalogueService("eau-potable", "Eau", "", "h24", needs=("ot-eau",), vital=True, **ONE_HOUR_EACH)
BIRTH = ClockKind(
    "naissance", "Naissance", Shape.ACT, Counting.CIVIL_DAYS_SLIDE, 5, "", "", "", date(2026, 11, 22), needs_maternity=True
)
DSN = ClockKind("dsn", "DSN", Shape.CALENDAR, Counting.FIXED_DATE, None, "", "", "", date(2026, 11, 22), day_of_month=(5, 15))
CATALOGUE = Catalogue(
    services={one.id: one for one in (BIRTHS, PAY, WATER)},
    clocks={one.id: one for one in (BIRTH, DSN)},
    assets={
        "ad": Asset("ad", "Annuaire"),
        "virt": Asset("virt", "Hyperviseurs"),
        "comedec": Asset("comedec", "COMEDEC : échanges d’état civil", external=True),
    },
    hours={"h24": ServiceHours("h24", "24 h/24", ALWAYS)},
)
A = Commune("00101", "A", "Aubrac", hours=OFFICE, maternite=True)
B = Commune("00102", "B", "Brive", hours=OFFICE)
C = Commune("00103", "C", "Corte", hours=OFFICE)
ESTATE = Estate(
    communes=(A, B, C),
    shared=(
        SharedAsset("AD", hosts=("SIM-DC*",), id="ad", communes=("00101", "00102"), needs=("virt",)),
        SharedAsset("ESX", hosts=("SIM-ESX*",), addresses=(ip_network("10.9.0.0/24"),), id="virt"),
    ),
    services=(
        LocalService("ec-naissances", "00101", hosts=("BRP-EC01",), sources=("ec-app",)),
        LocalService("rh-paie", "00101", sources=("paie-app", "paie-db")),
    ),
)


def place(service: str, commune: str, estate: Estate = ESTATE) -> Place:
    """Return one service in one commune."""
    found = places(estate, CATALOGUE, lambda _: frozenset({date(2026, 12, 25)}))
    return next(one for one in found if (one.service.id, one.commune.id) == (service, commune))


def incident(severity: Severity, *hosts: str, shared: bool = False) -> OpenIncident:
    """Return an open incident on machines."""
    return OpenIncident("26-0412", severity, ("00101",), shared, NOW - HOUR, frozenset(host.casefold() for host in hosts))


def said(state: ServiceState, age: timedelta = HOUR, service: str = "ec-naissances", **more: object) -> Statement:
    """Return what Mme Durand said some time ago."""
    told = Statement(service, "00101", state, NOW - age, "Mme Durand", NOW - age, text="Vu au guichet.")
    return replace(told, **more)  # type: ignore[arg-type]


HEARD = {"ec-app": NOW - timedelta(minutes=5), "paie-app": NOW, "paie-db": NOW}


def test_a_machine_of_the_same_name_elsewhere_touches_nothing_here() -> None:
    """COMPTA stands in two communes: the incident of the first does not stop the second."""
    one = incident(Severity.CRITICAL, "compta")
    here = replace(place("ec-naissances", "00101"), hosts=re.compile("compta"))
    there = replace(here, commune=replace(here.commune, id="00199"))
    assert standing_of(here, Facts(NOW, (one,))).state is ServiceState.DOWN
    assert standing_of(there, Facts(NOW, (one,))).state is not ServiceState.DOWN


def test_running_needs_a_fresh_sign_of_life() -> None:
    """A source that was heard: running, and the reason says so. No source named, nobody spoke: unknown."""
    lively = standing_of(place("ec-naissances", "00101"), Facts(NOW, heard=HEARD))
    assert (lively.state, lively.confidence) == (ServiceState.RUNNING, Confidence.DEDUCED)
    assert "5\N{NO-BREAK SPACE}min" in lively.reason
    mute = standing_of(place("eau-potable", "00102"), Facts(NOW, heard=HEARD))
    assert (mute.state, mute.since, mute.confidence) == (ServiceState.UNKNOWN, None, Confidence.NONE)


@pytest.mark.parametrize("commune", ["00101", "00102", "00103"])
@pytest.mark.parametrize("service", ["ec-naissances", "rh-paie", "eau-potable"])
def test_nothing_known_never_reads_as_running(service: str, commune: str) -> None:
    """Without a record and without a word every service is unknown."""
    assert standing_of(place(service, commune), Facts(NOW)).state is ServiceState.UNKNOWN


def test_silence_is_counted_in_opening_hours() -> None:
    """A night without a word is no silence; two open hours are. Some sources silent: degraded; all: unknown, since then."""
    births, pay = place("ec-naissances", "00101"), place("rh-paie", "00101")
    evening = NOW - 16 * HOUR  # yesterday 18:00, after closing
    assert standing_of(births, Facts(NOW, heard={"ec-app": evening})).state is ServiceState.RUNNING
    afternoon = NOW - 19 * HOUR  # yesterday 15:00
    gone = standing_of(births, Facts(NOW, heard={"ec-app": afternoon}))
    assert (gone.state, gone.since) == (ServiceState.UNKNOWN, afternoon)
    assert "Aucune information : ec-app ne répond plus depuis 19\N{NO-BREAK SPACE}h." in gone.reason
    half = standing_of(pay, Facts(NOW, heard={"paie-app": NOW, "paie-db": afternoon}))
    assert (half.state, half.since) == (ServiceState.DEGRADED, afternoon)


@pytest.mark.parametrize(
    ("severity", "state"),
    [
        (Severity.MEDIUM, ServiceState.RUNNING),
        (Severity.HIGH, ServiceState.DEGRADED),
        (Severity.CRITICAL, ServiceState.DOWN),
    ],
)
def test_an_incident_on_its_machine(severity: Severity, state: ServiceState) -> None:
    """High degrades, critical interrupts, medium is the analyst's; the reason names the incident, never a person."""
    found = standing_of(
        place("ec-naissances", "00101"), Facts(NOW, (incident(severity, "brp-ec01.brp.example.org", "ana"),), HEARD)
    )
    assert found.state is state
    if state is not ServiceState.RUNNING:
        assert (found.since, found.incidents) == (NOW - HOUR, ("26-0412",))
        assert "26-0412" in found.reason
        assert "ana" not in found.reason


def test_an_incident_on_what_is_shared_reaches_who_shares_it() -> None:
    """The hypervisor under the directory: births of both communes that share the directory, not of the third."""
    facts = Facts(NOW, (incident(Severity.HIGH, "SIM-ESX03", shared=True),), HEARD)
    states = {commune: standing_of(place("rh-paie", commune), facts).state for commune in ("00101", "00102", "00103")}
    assert states["00101"] is ServiceState.DEGRADED
    assert states["00102"] is ServiceState.DEGRADED
    by_address = Facts(NOW, (incident(Severity.HIGH, "10.9.0.7", shared=True),), HEARD)
    assert standing_of(place("ec-naissances", "00101"), by_address).state is ServiceState.DEGRADED
    own = Facts(NOW, (incident(Severity.CRITICAL, "SIM-DC01"),), HEARD)
    assert standing_of(place("ec-naissances", "00101"), own).state is ServiceState.RUNNING  # one commune's, seen on a shared DC


def test_an_asset_that_only_others_share_touches_nobody_else() -> None:
    """The directory of two communes is not the third one's."""
    facts = Facts(NOW, (incident(Severity.HIGH, "SIM-DC01", shared=True),), HEARD)
    assert standing_of(place("rh-paie", "00103"), facts).state is ServiceState.UNKNOWN
    assert standing_of(place("rh-paie", "00102"), facts).state is ServiceState.DEGRADED


def test_silence_and_an_incident_together_are_an_interruption() -> None:
    """All its logs stopped while what it stands on is under attack: nobody says it runs, so paper is prepared."""
    facts = Facts(NOW, (incident(Severity.HIGH, "SIM-DC01", shared=True),), {"ec-app": NOW - 19 * HOUR})
    found = standing_of(place("ec-naissances", "00101"), facts)
    assert (found.state, found.since) == (ServiceState.DOWN, NOW - 19 * HOUR)


def test_a_national_platform_is_not_our_fault() -> None:
    """Somebody says that COMEDEC is down for all: what needs it is degraded, and the sentence says whose fault it is."""
    word = said(ServiceState.DOWN, service="comedec", commune="shared")
    found = standing_of(place("ec-naissances", "00101"), Facts(NOW, heard=HEARD, statements=(word,)))
    assert found.state is ServiceState.DEGRADED
    assert "Panne nationale de COMEDEC : notre système n’est pas en cause (selon Mme Durand)." in found.reason
    assert standing_of(place("rh-paie", "00101"), Facts(NOW, heard=HEARD, statements=(word,))).state is ServiceState.RUNNING


def test_a_fresh_word_wins_and_says_whose_it_is() -> None:
    """Logs propose, people decide: paper, since when, how many acts wait."""
    word = said(ServiceState.PAPER, waiting=4)
    found = standing_of(place("ec-naissances", "00101"), Facts(NOW, (incident(Severity.CRITICAL, "BRP-EC01"),), HEARD, (word,)))
    assert (found.state, found.confidence, found.waiting) == (ServiceState.PAPER, Confidence.SAID, 4)
    assert found.said is not None
    assert found.said.person == "Mme Durand"
    assert standing_of(place("ec-naissances", "00102"), Facts(NOW, statements=(word,))).state is ServiceState.UNKNOWN


def test_logs_that_contradict_a_word_are_shown_beside_it() -> None:
    """All is well, she said at eight; at nine an incident: her word stands, the doubt is written."""
    word = said(ServiceState.RUNNING, age=2 * HOUR)
    found = standing_of(place("ec-naissances", "00101"), Facts(NOW, (incident(Severity.CRITICAL, "BRP-EC01"),), HEARD, (word,)))
    assert (found.state, found.confidence) == (ServiceState.RUNNING, Confidence.CONTRADICTED)
    assert "26-0412" in found.reason


@pytest.mark.parametrize(
    ("state", "expected", "confidence"),
    [
        (ServiceState.RUNNING, ServiceState.UNKNOWN, Confidence.NONE),
        (ServiceState.PAPER, ServiceState.PAPER, Confidence.OLD),
        (ServiceState.DOWN, ServiceState.DOWN, Confidence.OLD),
    ],
)
def test_an_old_word_is_kept_only_when_it_is_bad_news(
    state: ServiceState, expected: ServiceState, confidence: Confidence
) -> None:
    """An outage does not end because nobody wrote; that all was well two days ago says nothing about today."""
    word = said(state, age=48 * HOUR, commune="00102")
    found = standing_of(place("ec-naissances", "00102"), Facts(NOW, statements=(word,)))
    assert (found.state, found.confidence) == (expected, confidence)
    if confidence is Confidence.OLD:
        assert "à confirmer" in found.reason


def test_a_word_with_an_end_holds_until_then() -> None:
    """However old; afterwards it is gone by itself, and the newest word counts."""
    word = said(ServiceState.PAPER, age=48 * HOUR, until=NOW + HOUR)
    where = place("ec-naissances", "00101")
    assert standing_of(where, Facts(NOW, statements=(word,))).confidence is Confidence.SAID
    assert standing_of(where, Facts(NOW + 2 * HOUR, statements=(word,))).state is ServiceState.UNKNOWN
    newer = said(ServiceState.DEGRADED, age=HOUR)
    assert standing_of(where, Facts(NOW, statements=(newer, word))).state is ServiceState.DEGRADED


def test_time_left_is_counted_in_opening_hours() -> None:
    """Down since Friday 10:00: four open hours end at 15:30, eight on Monday at 12:00; water never closes."""
    word = said(ServiceState.DOWN, age=timedelta())
    found = standing_of(place("ec-naissances", "00101"), Facts(NOW, statements=(word,)))
    assert found.start_paper == datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
    assert found.recover == datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
    paper = standing_of(place("ec-naissances", "00101"), Facts(NOW, statements=(replace(word, state=ServiceState.PAPER),)))
    assert (paper.start_paper, paper.recover) == (None, found.recover)
    water = replace(word, service="eau-potable")
    assert standing_of(place("eau-potable", "00101"), Facts(NOW, statements=(water,))).start_paper == NOW + 4 * HOUR


def test_closed_is_said_but_hides_nothing() -> None:
    """On Sunday the counter is closed, the state stays what it is; what never closes is open."""
    sunday = NOW + timedelta(days=2)
    word = said(ServiceState.DOWN)
    found = standing_of(place("ec-naissances", "00101"), Facts(sunday, statements=(replace(word, until=sunday + HOUR),)))
    assert (found.state, found.open) == (ServiceState.DOWN, False)
    assert standing_of(place("eau-potable", "00101"), Facts(sunday)).open
    christmas = datetime(2026, 12, 25, 9, 0, tzinfo=UTC)
    assert not standing_of(place("rh-paie", "00101"), Facts(christmas)).open


def test_the_worst_is_never_an_average() -> None:
    """Not knowing is worse than degraded, down is worse than anything."""
    order = [ServiceState.RUNNING, ServiceState.DEGRADED, ServiceState.PAPER, ServiceState.UNKNOWN, ServiceState.DOWN]
    assert [worst(tuple(order[: end + 1])) for end in range(len(order))] == order
    assert worst(()) is None


def test_what_is_declared() -> None:
    """Where the estate names services, only those; elsewhere all of them, births only with a maternity."""
    found = {(one.service.id, one.commune.id): one.declared for one in places(ESTATE, CATALOGUE, lambda _: frozenset())}
    assert {key for key, declared in found.items() if not declared} == {
        ("eau-potable", "00101"),
        ("ec-naissances", "00102"),
        ("ec-naissances", "00103"),
    }


# ── deadlines of the board ───────────────────────────────────────────────────────────────────────────────────────────────

DAYS: Callable[[ClockKind, str], Calendar] = lambda kind, commune: Calendar("Europe/Paris", frozenset(), OFFICE)  # noqa: E731, ARG005 - one line says it


def test_unknown_births_of_an_outage_are_due_today_where_there_is_a_maternity() -> None:
    """Friday's outage: a birth of Sunday is due on Friday, at the counter at 17:30; nothing where no child is born."""
    outages = [Outage("ec-naissances", commune, NOW, ("naissance",)) for commune in (A, B)]
    (line,) = deadlines(CATALOGUE, (A, B), (), outages, DAYS, NOW)
    assert (line.commune, line.origin, line.deadline.day) == ("00101", Origin.WORST, date(2026, 11, 20))
    assert line.deadline.counter == datetime(2026, 11, 20, 16, 30, tzinfo=UTC)
    known = Clock("naissance", "00101", NOW - 48 * HOUR, None, "Mme Durand", NOW, subject="registre n° 12", id=7)
    (line,) = deadlines(CATALOGUE, (A, B), (known,), outages, DAYS, NOW)
    assert (line.origin, line.count, line.ids, line.deadline.day) == (Origin.OPENED, 1, (7,), date(2026, 11, 23))


def test_payroll_dates_come_round_until_somebody_says_done() -> None:
    """Within two weeks, per commune; closed with a proof, it is gone there."""
    later = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
    lines = deadlines(CATALOGUE, (A, B), (), (), DAYS, later)
    assert [(line.commune, line.deadline.day) for line in lines] == [
        ("00101", date(2026, 12, 5)),
        ("00102", date(2026, 12, 5)),
    ]
    done = Clock("dsn", "00101", later, lines[0].deadline.due, "DRH", later, closed=later, proof="accusé 77", id=1)
    assert [line.commune for line in deadlines(CATALOGUE, (A, B), (done,), (), DAYS, later)] == ["00102"]
    assert deadlines(CATALOGUE, (A, B), (), (), DAYS, NOW - timedelta(days=4)) == []


def test_a_clock_of_an_unknown_kind_stays_visible() -> None:
    """A catalogue that lost a kind hides no deadline."""
    odd = Clock("gone", "00101", NOW, NOW + HOUR, "x", NOW, id=3)
    (line,) = deadlines(CATALOGUE, (A,), (odd,), (), DAYS, NOW)
    assert (line.kind.id, line.deadline.due) == ("gone", NOW + HOUR)
